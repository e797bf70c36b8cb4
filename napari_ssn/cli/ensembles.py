"""Ensembles in commands: their members found, read or run with progress, and named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from napari_ssn.cli.options import Ensemble
from napari_ssn.cli.progress import progress
from napari_ssn.core.ensemble import WIDTH_MM, Taken
from napari_ssn.documents.ran import EnsembleRun
from napari_ssn.errors import DataError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.members import MemberFiles, find_members
from napari_ssn.network.others.finding import find_networks
from napari_ssn.network.others.networks import Networks
from napari_ssn.network.threads import threads
from napari_ssn.prediction.ensembles import find, predict, said_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.source import Source
from napari_ssn.text.ensembles import members_line


def members_of(
    wanted: Ensemble, image: Volume, name: str, device: str = "auto"
) -> MemberFiles | Networks:
    """The members that somebody names, and a word on each that is missing."""
    views: Any = None if wanted.views is None else wanted.views.value
    found = find(wanted.paths, image, name, views=views, device=device)
    if wanted.views is not None and not isinstance(found, Networks):
        raise DataError("--views is for networks that are run here, and these are maps.")
    typer.echo(members_line(found.names), err=True)
    return found


def predict_from(
    files: MemberFiles | Networks,
    image: Volume,
    frame: int | None,
    taken: Taken,
) -> Prediction:
    """What an ensemble says of its image, with progress and remarks on standard error.

    Args:
        files: of the members; or networks, which are run.
        image: that they are of.
        frame: which one of a time series it is, from 1; None for an image without time.
        taken: how its members are.
    """
    if image.note is not None:
        typer.echo(image.note, err=True)
    doing = "Running networks" if isinstance(files, Networks) else "Reading members"
    with progress(doing) as step:
        found = predict(
            files,
            Source.of(image, None if frame is None else frame - 1),
            taken,
            step=step,
        )
    assert found.members is not None
    for note in [*files.notes, said_of(found.members, found.sources)]:
        typer.echo(note, err=True)
    return found


def remade(
    image: Volume,
    frame: int | None,
    name: str,
    told: EnsembleRun,
    paths: Sequence[Path],
    device: str = "auto",
    count: int | None = None,
) -> Prediction:
    """What a sidecar's ensemble says of its image, from the same members in the same way.

    Args:
        image: of the sidecar.
        frame: as for `predict_from`.
        name: of the image's file.
        told: what the sidecar says.
        paths: where its members are; others there are left out.
        device: for networks.
        count: of threads that these ran in; None where they did not run on the CPU.
    """
    if not paths:
        raise DataError("The sidecar was made from an ensemble: name its members with --ensemble.")
    files: MemberFiles | Networks
    if any(one.network for one in told.members):
        files = find_networks(paths, image, device=device, all_said=False).some(told.members)
    else:
        files = find_members(paths, image, name).some([one.sha256 for one in told.members])
    # What was missing then is no news.
    files.notes.clear()
    distances, clip = told.kind == "distances", (told.low, told.high)
    taken = Taken(told.rank, clip, told.width_mm or WIDTH_MM, distances)
    with threads(count if device == "cpu" else None):
        return predict_from(files, image, frame, taken)
