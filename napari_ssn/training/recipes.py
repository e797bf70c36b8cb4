"""Finding and reading recipes: TOML files with a table ``[recipe]`` and a table ``[card]``."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.problems import wrong_in
from napari_ssn.documents.regular import read_text
from napari_ssn.errors import DataError
from napari_ssn.network.others.start import Start
from napari_ssn.network.places import model_places
from napari_ssn.training.cases import Cases
from napari_ssn.training.design import design
from napari_ssn.training.lineage import of_other_data
from napari_ssn.training.recipe import Recipe, check_recipe

_RECIPE = "recipe.toml"

_T = TypeVar("_T", bound=BaseModel)


def recipes() -> dict[str, Path]:
    """Recipes that come with the package and with installed models, by name.

    A folder that holds a recipe and no model as yet counts: the recipe is how it comes to be one.
    """
    folder = Path(str(files("napari_ssn.training") / "published"))
    found = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    # The first place that has a name wins, as among models.
    for place in reversed(model_places()):
        for path in sorted(place.glob(f"*/{_RECIPE}")):
            found[path.parent.name] = path
    return found


def find_recipe(name: str) -> Path:
    """Path of a recipe by its name, or a path to any recipe; DataError if there is none."""
    known = recipes()
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if path.is_file():
        return path
    raise DataError(f"There is no recipe {path.name!r}; there are {', '.join(sorted(known))}.")


def read_recipe(
    path: Path | None,
    cases: Cases | None = None,
    name: str = "model",
    changes: dict[str, Any] | None = None,
    start: Start | None = None,
) -> tuple[Recipe, ModelCard]:
    """Read a recipe and complete it from the data; DataError if it is wrong.

    Args:
        path: of the recipe; None takes everything from the data.
        cases: to learn from. What the recipe leaves open is designed for them; without cases
            the card must be complete.
        name: of the model, where the card does not name it.
        changes: to fields of the recipe, by dotted name, such as ``architecture.rank``.
        start: a network of others that the model goes on from, which brings the architecture.
    """
    content = _read(path) if path is not None else {}
    if odd := sorted(content.keys() - {"recipe", "card"}):
        raise DataError(f"The recipe is invalid: {odd[0]} is neither [recipe] nor [card].")
    about, what = content.get("card", {}), content.get("recipe", {})
    for part in (about, what):
        if not isinstance(part, dict):
            raise DataError("The recipe's [card] and [recipe] should be tables.")
    base_recipe: dict[str, Any] = {}
    base_card: dict[str, Any] = {}
    if cases is not None:
        if start is not None and "architecture" in what:
            raise DataError(
                "The recipe names a network, and --start brings another: leave the architecture "
                "out of the recipe."
            )
        designed, card = design(cases, name, start)
        base_card = card.model_dump(exclude={"architecture", "weights_sha256"})
        if about.get("spatial_dims", card.spatial_dims) != card.spatial_dims:
            # The data does not fit, which is said when both are known.
            base_card |= {"orientation": None, "spacing_mm": None}
        # A recipe that says something says all; its defaults do not depend on data.
        base_recipe = {} if what else designed.model_dump()
        if what and "architecture" not in what:
            base_recipe = {"architecture": designed.architecture.model_dump()}
    settings = {**base_recipe, **what}
    for key, value in (changes or {}).items():
        _change(settings, key, value)
    recipe = _checked(Recipe, settings)
    # The weights do not exist yet, and the recipe says the architecture.
    fixed = {"architecture": recipe.architecture, "weights_sha256": "0" * 64}
    card = _checked(ModelCard, {**fixed, **base_card, **about})
    if cases is not None and card.training.sha256 not in ("", cases.sha256):
        card = of_other_data(card, _checked(ModelCard, {**fixed, **base_card}), len(cases))
    try:
        check_recipe(recipe, card)
    except ValueError as error:
        raise DataError(f"The recipe is invalid: {error}.") from None
    return recipe, card


def dims_of(path: Path | None) -> int | None:
    """Dimensions of the model that a recipe is of, 2 or 3; None if it leaves that to the data."""
    about = _read(path).get("card", {}) if path is not None else {}
    found = about.get("spatial_dims") if isinstance(about, dict) else None
    return found if found in (2, 3) else None


def _change(settings: dict[str, Any], key: str, value: Any) -> None:
    """Set one field, whose tables are made where they are missing."""
    *path, last = key.split(".")
    place = settings
    for part in path:
        inner = place.get(part, {})
        if not isinstance(inner, dict):
            raise DataError(f"The recipe has no {key!r}.")
        # A copy: what was read is not ours to change.
        place[part] = dict(inner)
        place = place[part]
    place[last] = value


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except OSError as error:
        # The system's own message holds the path.
        raise DataError(f"The recipe cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError("The recipe is no text.") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"The recipe is no TOML: {' '.join(str(error).split())}.") from None
    except (ValueError, RecursionError):
        # A number of thousands of digits, or tables within tables without an end.
        raise DataError("The recipe holds a value that is too long or too deep.") from None


def _checked(kind: type[_T], content: dict[str, Any]) -> _T:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        place, what = wrong_in(error)
        raise DataError(f"The recipe is invalid: {place or 'the file'}: {what}.") from None
