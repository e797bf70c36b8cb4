"""What a bundle of MONAI says, as far as it is plain values.

A bundle's texts are programs: ``_target_`` names what is to be called, and ``$`` begins Python.
Here nothing is called and nothing evaluated; names are compared with a few that are known, and what
is not plain is refused where it would matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_ssn.documents.regular import read_text
from napari_ssn.errors import ModelError

Table = dict[str, Any]

#: References lead so far at most.
_DEEPEST = 8


@dataclass(frozen=True)
class Config:
    """One of a bundle's texts.

    Attributes:
        name: of the file, for a person.
        told: its values.
    """

    name: str
    told: Table

    def value(self, value: Any, depth: int = 0) -> Any:
        """A plain value, with what it refers to put in; ModelError where that is Python."""
        if isinstance(value, str) and value.startswith("$"):
            raise ModelError(
                f"The {self.name} of the bundle computes “{value[:60]}”, and nothing of a bundle "
                "is executed: write the value itself there."
            )
        if depth > _DEEPEST:
            raise ModelError(f"The {self.name} of the bundle refers to itself.")
        if isinstance(value, str) and value.startswith("@"):
            found: Any = self.told
            for part in value[1:].replace("#", "::").split("::"):
                if isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                    found = found[int(part)]
                elif isinstance(found, dict) and part in found:
                    found = found[part]
                else:
                    raise ModelError(
                        f"The {self.name} of the bundle refers to “{value[:60]}”, which is not "
                        "there."
                    )
            return self.value(found, depth + 1)
        if isinstance(value, list):
            return [self.value(one, depth + 1) for one in value]
        if isinstance(value, dict):
            return {key: self.value(one, depth + 1) for key, one in value.items()}
        return value

    def part(self, *names: str) -> Table | None:
        """The first of some entries that is a table, its own values as they stand."""
        for name in names:
            found: Any = self.told.get(name)
            if isinstance(found, str) and found.startswith("@"):
                found = self.told.get(found[1:])
            if isinstance(found, dict):
                return found
        return None

    def steps(self, name: str) -> list[Table]:
        """Transforms of a ``Compose``, in their order, without those that are switched off."""
        found = self.part(name)
        listed = found.get("transforms") if found is not None else self.told.get(name, [])
        if isinstance(listed, str):
            listed = self.value(listed)
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise ModelError(f"The {self.name} of the bundle says no list of its {name}.")
        return [one for one in listed if one.get("_disabled_") not in (True, "true", "True")]

    def every(self) -> Iterator[Table]:
        """All tables in it, however deep."""
        waiting: list[Any] = [self.told]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                yield one
                waiting += one.values()
            elif isinstance(one, list):
                waiting += one


def read_config(folder: Path, name: str) -> Config:
    """One of the texts in ``configs``; ModelError if it cannot be read."""
    try:
        told = json.loads(read_text(folder / "configs" / name))
    except (OSError, ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ModelError(f"The {name} of the bundle cannot be read: JSON is.")
    return Config(name, told)


def target_of(told: Table) -> str:
    """Name of the class of a table, without its module and the ``d`` of dictionaries."""
    name = str(told.get("_target_", "")).rpartition(".")[2]
    for end in ("Dict", "D", "d"):
        # Expand and Activated would lose theirs too, and neither is among the known.
        if name.endswith(end) and len(name) > len(end):
            return name.removesuffix(end)
    return name
