"""What is wrong with a field of a file, in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from napari_ssn.errors import DataError

Document = TypeVar("Document", bound=BaseModel)

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


def parsed(form: type[Document], text: str, what: str, newest: int) -> Document:
    """Read and check a document; DataError, in one sentence, if it is damaged or of a later form.

    Args:
        form: of the document.
        text: JSON.
        what: it is, for a person.
        newest: ``schema_version`` that this program knows.
    """
    if (found := later_version(text, "schema_version", newest)) is not None:
        raise DataError(
            f"The {what} was written by a newer napari-ssn (version {found} of its form, this "
            f"one reads {newest}): update napari-ssn to read it."
        )
    try:
        return form.model_validate_json(text)
    except ValidationError as error:
        place, words = wrong_in(error)
        where = f" at {place}" if place else ""
        raise DataError(f"The {what} is not valid{where}: {words}.") from None


def later_version(text: str, field: str, newest: int) -> int | None:
    """What a document says in a field, if that is a later version than this program knows.

    It was written by a newer one then, which has more to say.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None  # pydantic has better words for it
    found = content.get(field) if isinstance(content, dict) else None
    return found if isinstance(found, int) and found > newest else None


def wrong_in(error: ValidationError) -> tuple[str, str]:
    """See `what_is_wrong`."""
    problems = error.errors(include_input=False, include_url=False)
    return what_is_wrong([dict(one) for one in problems])


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
