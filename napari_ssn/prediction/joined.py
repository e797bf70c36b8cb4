"""Several sources as the channels of one, before any of them is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.arrays import Singles
from napari_ssn.geometry.channels import Joint, join, joint_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.series import apart, check_one_patient
from napari_ssn.prediction.source import Source

if TYPE_CHECKING:
    # This module imports torch, which only the worker does.
    from napari_ssn.network.likeness import Cut


def join_sources(
    token: int, sources: Sequence[Source | None], names: Sequence[str]
) -> tuple[Source, str]:
    """One image of several channels on the grid of the first, and what to know of it.

    Its `Source.load` gives what `napari_ssn.read` gives of their files. Where they cannot be
    joined it says why in `Source.problem`.

    Args:
        token: of the image.
        sources: of the channels, in order; None of one that is missing. The first is there.
        names: of the channels.
    """
    first = sources[0]
    assert first is not None
    there = [one for one in sources if one is not None]
    try:
        _check(sources, names)
        check_one_patient([one.series for one in there])
        joint = joint_of(there, names)
    except (GeometryError, ImageError) as error:
        problem = str(error)
        load = partial(_refuse, problem)
        made = replace(first, token=token, channels=len(names), load=load, problem=problem)
        return replace(made, cut=None), ""
    made = replace(first, token=token, channels=len(names), load=partial(_load, there, names))
    told = [words for words in (joint.note, apart([one.series for one in there])) if words]
    return replace(made, cut=_cut_of(there, joint)), " ".join(told)


def _check(sources: Sequence[Source | None], names: Sequence[str]) -> None:
    """ImageError if an image is missing, unusable, a time series, or there twice."""
    missing = [name for one, name in zip(sources, names, strict=True) if one is None]
    if missing:
        raise ImageError(f"Choose the image of {' and of '.join(missing)}.")
    of: dict[int, str] = {}
    for one, name in zip(sources, names, strict=True):
        assert one is not None
        if one.problem is not None:
            raise ImageError(f"{name}: {one.problem}")
        if one.frame is not None:
            raise ImageError(
                f"{name} is a time series, and images of several channels have no time: open one "
                "frame of it as an image."
            )
        if one.token in of:
            raise ImageError(
                f"{of[one.token]} and {name} are one and the same image: choose another for one of "
                "them."
            )
        of[one.token] = name


def _refuse(problem: str) -> Volume:
    raise ImageError(problem)


def _load(sources: Sequence[Source], names: Sequence[str]) -> Volume:
    return join([one.load() for one in sources], names)


def _cut_of(sources: Sequence[Source], joint: Joint) -> Cut | None:
    """What reads a part of the channels; None where one would have to be resampled for that."""
    cuts = [one.cut for one in sources if one.cut is not None]
    if len(cuts) < len(sources) or "resampled" in joint.ways:
        return None

    def cut(part: tuple[slice, ...]) -> Singles:
        return np.concatenate([one(part) for one in cuts])

    return cut
