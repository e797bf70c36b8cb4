"""From a path to a set of cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import DataError
from napari_ssn.network.frame import SAME_SIZE
from napari_ssn.network.others.kinds import is_model
from napari_ssn.network.others.start import Start, read_start
from napari_ssn.text.training import both_named, sizes_differ, start_of_other_size
from napari_ssn.training.cases import Cases, Subset, hold_out
from napari_ssn.training.lesions import lesions_of
from napari_ssn.training.nnunet import is_nnunet, load_nnunet, splits
from napari_ssn.training.nodules import load_nodules
from napari_ssn.training.slices import load_slices


def load_cases(path: str | Path, split: str | None = None, dims: int | None = None) -> Cases:
    """Read a set of either form, told by what the zip or folder holds.

    ``slices.csv``: slices with raters (`napari_ssn.training.slices`), or the volumes that they
    are slices of (`napari_ssn.training.nodules`). ``imagesTr``: nnU-Net's raw layout
    (`napari_ssn.training.nnunet`).

    Args:
        path: of a zip or folder.
        split: name of a list in the folder's ``splits.json``, to read only the cases it names.
        dims: 3 reads slices as volumes; anything else as slices.

    Raises:
        DataError: names what is missing, damaged or contradictory.
    """
    source = Path(path)
    if is_nnunet(source):
        return load_nnunet(source, split)
    if source.is_dir() and not any(source.rglob("slices.csv")):
        raise DataError(
            f"{source.name!r} holds neither imagesTr (nnU-Net's raw layout) nor slices.csv."
        )
    if split is not None:
        raise DataError(f"{source.name!r} has no splits.json, so no split {split!r}.")
    return load_nodules(source) if dims == 3 else load_slices(source)


def read_sets(data: Path, val: Path | None, dims: int | None) -> tuple[Cases, Cases]:
    """Cases to learn from and to watch, by the three ways that ``--val`` names."""
    if val is not None:
        return load_cases(data, dims=dims), load_cases(val, dims=dims)
    if {"train", "val"} <= splits(data).keys():
        return load_cases(data, "train"), load_cases(data, "val")
    return hold_out(load_cases(data, dims=dims))


def cautions(
    learn: Cases, watch: Cases, centred: bool, start: str | Start | None = None
) -> list[str]:
    """What may be wrong with the data, and need not be."""
    found = []
    if both := set(learn.names) & set(watch.names):
        found.append(both_named(len(both), min(both)))
    sizes = np.array([learn.spacing_mm(i) for i in range(len(learn))])
    sizes = sizes[np.isfinite(sizes).all(1)]
    # A model around a point learns from whatever size comes.
    if not centred and len(sizes) and bool((sizes.max(0) > 1.1 * sizes.min(0)).any()):
        found.append(sizes_differ(sizes.min(), sizes.max()))
    known = start.spacing_mm if isinstance(start, Start) else None
    if known is not None and len(sizes):
        middle = np.median(sizes, axis=0)
        if not np.allclose(np.sort(middle), np.sort(known), rtol=SAME_SIZE):
            ours, theirs = (" × ".join(f"{mm:.3g}" for mm in one) for one in (middle, known))
            found.append(start_of_other_size(theirs, ours))
    return found


def start_of(name: str | None, cases: Cases) -> str | Start | None:
    """What ``--start`` names: a model here, or the network of a model folder of others.

    Raises:
        ModelError, DataError: that network is not run here, or is not of such data.
    """
    if name is None or not is_model(path := Path(name).expanduser()):
        return name
    return read_start(path, cases.channels)


def some_cases(
    data: Path, split: str | None = None, count: int | None = None, dims: int | None = None
) -> Cases:
    """Cases of a set, or so many of them evenly spread; the rest as for `load_cases`."""
    cases = load_cases(data, split, dims)
    if count is None or count >= len(cases):
        return cases
    return Subset(cases, np.linspace(0, len(cases) - 1, count).astype(int).tolist())


def cases_for(
    card: ModelCard,
    data: Path,
    split: str | None = None,
    count: int | None = None,
    dims: int | None = None,
) -> Cases:
    """As `some_cases`; a model that is pointed at a lesion is pointed at that of each volume.

    Args:
        card: of the model.
        dims: as of `load_cases`; the model's own by default.
    """
    return pointed(card, some_cases(data, split, count, dims or card.spatial_dims))


def pointed(card: ModelCard, cases: Cases) -> Cases:
    """Cases of which each names its lesion, where the model of a card is pointed at one."""
    if card.centred and cases.spatial_dims == 3 and cases[0].centre is None:
        return lesions_of(cases, physical=False)
    return cases
