"""Model folders of others: which files are the weights, and what they are weights of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_ssn.documents.bundle import read_config
from napari_ssn.documents.nnunet import read_data_set, read_plans
from napari_ssn.documents.regular import visible
from napari_ssn.errors import Cancel, ModelError
from napari_ssn.network.others.bundle import Bundle, mirrored_axes
from napari_ssn.network.others.kinds import is_nnunet
from napari_ssn.network.others.nnunet import NnuNet
from napari_ssn.network.others.weights import PICKLED, SAFE, Reader, Weights, sum_of_file

_FOLD = re.compile(r"fold[_-]?(\d{1,3})$", re.IGNORECASE)
_ENDS = (SAFE, *PICKLED)


@dataclass(frozen=True, eq=False)
class Folder:
    """Networks of one plan.

    Attributes:
        plan: how images are prepared and what network sees them.
        plan_sha256: of the texts that say it.
        weights: file and number of fold of each network; None where it is no fold.
        sums: sha256 of these files.
        axes: that training mirrored, of the network's grid.
        first: weights of the first network, where they had to be read to know the plan.
        notes: what a person should know.
    """

    plan: NnuNet | Bundle
    plan_sha256: str
    weights: tuple[tuple[Path, int | None], ...]
    sums: tuple[str, ...]
    axes: tuple[int, ...]
    first: Weights | None = None
    notes: tuple[str, ...] = ()


def read_folder(path: Path, cancel: Cancel) -> Folder:
    """What a model folder holds; ModelError, DataError if that is not run here."""
    return _nnunet(path, cancel) if is_nnunet(path) else _bundle(path, cancel)


def _nnunet(path: Path, cancel: Cancel) -> Folder:
    weights, notes = _folds(path, ("checkpoint_final", "checkpoint_best"))
    if not weights and (found := _first_of(path / "fold_all", ("checkpoint_final",))) is not None:
        weights = [(found, None)]
    if not weights:
        raise ModelError("The model folder has no fold with a checkpoint_final.pth.")
    with Reader(cancel) as reader:
        first = reader.read(weights[0][0])
    configuration = first.told.get("configuration") or path.name.rpartition("__")[2]
    plans, data_set = read_plans(path, configuration), read_data_set(path)
    axes = tuple(sorted(set(first.told.get("mirrored", []))))
    if axes and not 0 <= axes[0] <= axes[-1] < len(plans.configuration.patch_size):
        raise ModelError("The checkpoint names axes to mirror that the network has not.")
    return Folder(
        NnuNet(plans, data_set),
        _sum_of([path / "plans.json", path / "dataset.json"], cancel, configuration),
        tuple(weights),
        tuple(sum_of_file(one, cancel) for one, _ in weights),
        axes,
        first,
        notes,
    )


def _bundle(path: Path, cancel: Cancel) -> Folder:
    texts = ["inference.json", "metadata.json"]
    training = path / "configs" / "train.json"
    configs = [read_config(path, name) for name in texts]
    trained = read_config(path, training.name) if training.is_file() else None
    held = path / "models"
    found, notes = _folds(held, ("model",)) if held.is_dir() else ([], ())
    if (one := _first_of(held, ("model",))) is not None:
        found, notes = [(one, None)], ()
    if not found:
        raise ModelError(
            "The bundle has no weights: models/model.safetensors, model.pt, or folders of folds "
            "with these."
        )
    used = [path / "configs" / name for name in texts]
    used += [training] if trained is not None else []
    return Folder(
        Bundle(*configs),
        _sum_of(used, cancel),
        tuple(found),
        tuple(sum_of_file(one, cancel) for one, _ in found),
        mirrored_axes(trained),
        notes=notes,
    )


def _folds(
    path: Path, names: Sequence[str]
) -> tuple[list[tuple[Path, int | None]], tuple[str, ...]]:
    """Weights in the folders of folds, and what is said of those that are not there."""
    places = {int(match[1]): one for one in visible(path) if (match := _FOLD.search(one.name))}
    found = {k: one for k in sorted(places) if (one := _first_of(places[k], names)) is not None}
    return [(one, number) for number, one in found.items()], _missing(list(found), places)


def _first_of(place: Path, names: Sequence[str]) -> Path | None:
    for name in names:
        for end in _ENDS:
            if (one := place / f"{name}{end}").is_file():
                return one
    return None


def _sum_of(paths: Sequence[Path], cancel: Cancel, *more: str) -> str:
    sums = [sum_of_file(one, cancel) for one in paths]
    return hashlib.sha256("\n".join([*sums, *more]).encode()).hexdigest()


def _missing(folds: Sequence[int], places: Iterable[int]) -> tuple[str, ...]:
    """What is said of folds that are not there, or whose folder has no weights yet."""
    if not folds:
        return ()
    lack = sorted(set(range(max([*folds, *places]) + 1)) - set(folds))
    if not lack:
        return ()
    *first, last = map(str, lack)
    which = f"{', '.join(first)} and {last}" if first else last
    others = f"the {len(folds)} others" if len(folds) > 1 else "the other"
    them = f"fold{'s' if first else ''} {which}"
    return (f"There are no weights of {them}: the ensemble is of {others}.",)
