"""What is wrong with a field of a file, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Of pydantic's kinds of problems, by how their names begin or end.
_SHOULD = {
    "missing": "is missing",
    "extra_forbidden": "there is no such field",
    "json_invalid": "the file is no JSON",
    "finite_number": "should be a finite number",
    "string_pattern_mismatch": "has a form that is not allowed",
    "string_too_short": "is empty",
    "string_too_long": "is too long",
    "literal_error": "should be {expected}",
    "greater_than": "should be above {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be below {lt}",
    "less_than_equal": "should be at most {le}",
    "too_short": "should have {min_length} entries or more",
    "too_long": "should have {max_length} entries or fewer",
    "int_from_float": "should be a whole number",
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "a table",
    "model": "a table",
}
# Longest name of a place that is said.
_LONGEST = 60
# A value that our own words repeat may be of any length.
_LONGEST_WORDS = 160


def what_is_wrong(problems: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Where the first of pydantic's problems is, empty for the whole file, and what it is."""
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"])[:_LONGEST]
    return " ".join(place.split()), _words(first)


def _words(problem: Mapping[str, Any]) -> str:
    kind, context = str(problem["type"]), problem.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        # Raised by our own checks, in words of ours.
        words = " ".join(str(context.get("error", "cannot be used")).split())
        return words if len(words) <= _LONGEST_WORDS else f"{words[: _LONGEST_WORDS - 1]}…"
    if kind in _SHOULD:
        return _SHOULD[kind].format_map(context)
    what, _, how = kind.rpartition("_")
    if how in ("type", "parsing", "size") and what in _KINDS:
        return f"should be {_KINDS[what]}"
    return "cannot be used"
