"""The command ``napari-ssn readers``: several people's outlines of one image."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from napari_ssn.cli.images import Named, run_on
from napari_ssn.cli.missing import naming_missing
from napari_ssn.cli.options import parse_centre, parse_series
from napari_ssn.documents.adjudicated import How
from napari_ssn.documents.card import read_card
from napari_ssn.errors import DataError, SSNError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.files import check_not_source, check_targets, write_files
from napari_ssn.io.formats import is_nifti
from napari_ssn.io.outline import Outline, in_one_order, read_outlines
from napari_ssn.io.sidecar import sidecar_path
from napari_ssn.io.staple import MISSING
from napari_ssn.network.models import load_model
from napari_ssn.network.places import find_model
from napari_ssn.prediction.readers import (
    Placed,
    Readers,
    adjudicate,
    gather,
    place,
    shares_of,
    write_outline,
)
from napari_ssn.prediction.readers_told import lines_of
from napari_ssn.text.readers import OUTLINE_WITH_SIDECAR
from napari_ssn.text.sizes import Measure


class Made(StrEnum):
    """How one outline is made of several."""

    PICK = "pick"
    MAJORITY = "majority"
    STAPLE = "staple"
    BLEND = "blend"


def readers(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The image, as for segment.")],
    outlines: Annotated[
        list[Path],
        typer.Argument(
            metavar="OUTLINE...",
            help="Several people's outlines on the image's grid: NIfTI, .seg.nrrd, DICOM "
            "segmentations, or one .seg.nrrd whose segments overlap.",
        ),
    ],
    *,
    names: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Names of the people, in that order.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Say too where each lies among the hypotheses of this model."),
    ] = None,
    centre: Annotated[
        str | None, typer.Option(metavar="I,J[,K]", help="For the model, as for segment.")
    ] = None,
    series: Annotated[
        str | None, typer.Option(metavar="N", help="Which of several DICOM series, from 1.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cuda, mps or cpu.", show_default="auto")
    ] = None,
    insist: Annotated[
        bool, typer.Option("--insist", help="Go on where the model would not, as for segment.")
    ] = False,
    adjudicated: Annotated[
        Made | None,
        typer.Option(
            "--adjudicate",
            help="Make one outline of all: pick one (--who), what most say, STAPLE, or between "
            "them (--weights).",
        ),
    ] = None,
    who: Annotated[
        int | None, typer.Option(min=1, help="Number of the outline that is picked, from 1.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="W,W,…", help="Of a blend, one for each.", show_default="all alike"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.nii.gz",
            help="File for that outline; its sidecar names everybody's share. Needs --model.",
        ),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--json", metavar="OUT.json", help="File for the figures.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that exist.")
    ] = False,
) -> None:
    """The readers' room: several people's outlines side by side, beside a model, made into one."""
    if (adjudicated is None) != (out is None):
        raise typer.BadParameter("--adjudicate says how, --out where to: name both or neither.")
    if (adjudicated is Made.PICK) != (who is not None):
        raise typer.BadParameter("--who says who is picked: it goes with --adjudicate pick.")
    if weights is not None and adjudicated is not Made.BLEND:
        raise typer.BadParameter("--weights are for --adjudicate blend.")
    if model is None and (centre or device or insist or out):
        raise typer.BadParameter("--centre, --device, --insist and --out need --model.")
    if out is not None and not is_nifti(out):
        raise typer.BadParameter("The outline is written as NIfTI: OUT.nii.gz or OUT.nii.")
    targets = [*([] if out is None else [out, sidecar_path(out)]), *([figures] if figures else [])]
    check_targets(targets, overwrite)
    card = None if model is None else read_card(find_model(model))
    named = Named.of(image, parse_series(series), card)
    for one in (*named.paths, *outlines):
        check_not_source(targets, one)
    volume = named.read()
    read = _read(outlines, volume)
    labels = None if card is None else [label.name for label in card.labels]
    people = [] if names is None else [name.strip() for name in names.split(",")]
    if len(set(people)) < len(people):
        raise typer.BadParameter("--names are of different people, so that each is told apart.")
    found = gather(
        in_one_order(read, labels),
        volume.space,
        _spacing(volume),
        people,
        labels,
    )
    if who is not None and who > len(found.maps):
        raise DataError(f"There are {len(found.maps)} outlines: --who is one of them, from 1.")
    wanted = None if weights is None else _weights(weights)
    # What cannot be made is said before minutes of computing.
    how: How | None = None if adjudicated is None else adjudicated.value
    made = None if how is None else adjudicate(found, how, _spacing(volume), (who or 1) - 1, wanted)
    prediction, placed = None, None
    if model is not None:
        net = load_model(model, device or "auto")
        prediction = run_on(net, volume, parse_centre(centre), None, insist=insist)
        placed = place(found, prediction)
    if out is not None and made is not None and how is not None:
        assert prediction is not None
        with naming_missing([out, figures]):
            write_outline(out, made[0], shares_of(found, how, *made), prediction, overwrite)
        typer.echo(OUTLINE_WITH_SIDECAR, err=True)
    if figures is not None:
        text = json.dumps(_figures(found, placed), indent=2) + "\n"
        with naming_missing([figures]):
            write_files({figures: text.encode()}, overwrite)
    unit = "px" if volume.extent == "unknown" else "mm"
    measure = Measure.of(volume.space, volume.affine, volume.extent)
    for line in lines_of(found, placed, measure, unit):
        typer.echo(line)
    if found.staple is None:
        typer.echo(MISSING, err=True)


def _read(paths: Sequence[Path], image: Volume) -> list[Outline]:
    """Outlines of all files; what is wrong with one is said with its number, never its name."""
    found = []
    for number, path in enumerate(paths, start=1):
        try:
            found += read_outlines(path, image)
        except SSNError as error:
            which = f"Outline {number}" if len(paths) > 1 else "The outline"
            raise type(error)(f"{which}: {error}") from None
    return found


def _spacing(volume: Volume) -> tuple[float, ...]:
    if volume.extent == "unknown":
        return (1.0,) * len(volume.space)
    return volume.spacing_mm


def _weights(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter("--weights are numbers, as in 1,2,1.") from None


def _figures(found: Readers, placed: Placed | None) -> dict[str, Any]:
    """What is said, as numbers; null where there is none."""
    truth = found.staple
    figures: dict[str, Any] = {
        "labels": list(found.labels[1:]),
        "readers": list(found.names),
        "voxels": found.counts.tolist(),
        "dice": found.pairs.dice.tolist(),
        "apart_mm": _numbers(found.pairs.apart),
        "voxels_of_all_half_any": found.nested.tolist(),
        "voxels_of_the_majority": _counts(found.majority, found),
        "staple": None,
        "model": None,
    }
    if truth is not None:
        figures["staple"] = {
            "voxels": _counts(truth.label_map, found),
            "sensitivity": _numbers(truth.sensitivity),
            "specificity": _numbers(truth.specificity),
        }
    if placed is not None:
        figures["model"] = {
            "outlined": placed.outlined,
            "voxels_inner_median_outer": placed.nested.tolist(),
            "smaller": placed.smaller.tolist(),
            "nearest": [
                None
                if one is None
                else {
                    "z": list(one.drawing.z),
                    "dice": one.dice.tolist(),
                    "voxels_beyond": one.beyond,
                    "voxels_left_out": one.left_out,
                    "voxels_outside_region": one.outside,
                    "percentile": one.percentile,
                }
                for one in placed.fittings
            ],
        }
    return figures


def _counts(label_map: np.ndarray[Any, np.dtype[np.uint8]], found: Readers) -> list[int]:
    return [int((label_map == c).sum()) for c in range(1, len(found.labels))]


def _numbers(values: Any) -> Any:
    """Nested lists, null for NaN."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, list):
        return [_numbers(one) for one in values]
    return values if math.isfinite(values) else None
