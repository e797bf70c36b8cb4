"""What a model says of the nodules of whole chest CT: the table of ``docs/chest-ct.md``.

    python -m benchmarks.chest lungfcp-01-0001.zip lidc-idri-0001.zip --page docs/chest-ct.md

The series are not part of the project. Every figure of the page is of this table, which is printed
and, with ``--page``, put between the marks of the page. One CT is no test set: it
says how a model behaves, not how good it is.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy import ndimage

import napari_ssn as ssn
from benchmarks.points import KINDS, offered
from benchmarks.timing import median as median_seconds
from napari_ssn import samples
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.principal import principal_directions
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.measures import label_counts
from napari_ssn.core.metrics import dice
from napari_ssn.core.packed.distribution import compact
from napari_ssn.core.statistics import effective_rank
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import across_in, hypothesis_of
from napari_ssn.prediction.ranges import count_ranges
from napari_ssn.prediction.run import run
from napari_ssn.prediction.source import Source

#: The nodule of LungFCP-01-0001, by eye; that of LIDC-IDRI-0001 is the sample in 3D.
LUNGFCP, SAMPLE = (180, 285, 18), 4
_DRAWS, _MOVED_MM = 1000, (4.0, 8.0)
_BEGIN, _END = "<!-- table: python -m benchmarks.chest -->", "<!-- end -->"


def main(
    lungfcp: Annotated[Path, typer.Argument(help="Series of LungFCP-01-0001.")],
    lidc: Annotated[Path, typer.Argument(help="Series of LIDC-IDRI-0001.")],
    model: Annotated[str, typer.Option(help="Name or folder of a model.")] = "nodule-3d",
    points: Annotated[int, typer.Option(min=5, help="Points on no nodule, a scan.")] = 200,
    json_out: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    page: Annotated[Path | None, typer.Option(help="Page that holds the table.")] = None,
) -> None:
    """Measure both scans and print the table."""
    network = ssn.load_model(model)
    figures = {"LungFCP-01-0001": measured(ssn.read(lungfcp), network, LUNGFCP, points)}
    scan, piece = ssn.read(lidc), samples.volume(SAMPLE)
    centre = samples.sample(SAMPLE).centre
    assert centre is not None
    figures["LIDC-IDRI-0001"] = measured(
        scan, network, placed(centre, piece, scan), points, (samples.raters(SAMPLE), piece)
    )
    content = {"model": f"{network.card.name} {network.card.version}", "scans": figures}
    text = table(content)
    typer.echo(text)
    if json_out is not None:
        json_out.write_text(json.dumps(content, indent=2) + "\n")
    if page is not None:
        before, rest = page.read_text(encoding="utf-8").split(_BEGIN)
        page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}", encoding="utf-8")


def placed(index: tuple[int, ...], there: Volume, here: Volume) -> tuple[int, ...]:
    """Voxel of one image where a voxel of another lies."""
    found = np.linalg.solve(here.affine, there.affine @ np.array([*index, 1.0]))[:3]
    return tuple(int(i) for i in found.round())


def measured(
    scan: Volume,
    model: Model,
    centre: tuple[int, ...],
    points: int,
    readers: tuple[NDArray[np.uint8], Volume] | None = None,
) -> dict[str, Any]:
    """Figures of a scan with one nodule; with what readers outlined in a piece of it, if known."""
    found = run(model, Source.of(scan), centre)
    dist, voxel_ml = found.dist, voxel_ml_of(scan)
    mean, ranges = hypothesis_of(found, Choice(), None), count_ranges(found)
    figures: dict[str, Any] = {
        "centre": list(centre),
        "presence": ranges.presence.share,
        "said": list(ranges.lines(found.measure, across_in(found, mean.label_map))),
        "median_ml": median_ml(dist),
        "seconds": median_seconds(lambda: model.segment(scan, centre), 5),
        **walked(dist, voxel_ml),
    }
    if readers is not None:
        figures |= compared(dist, scan, *readers)
    whole = figures["median_ml"]
    for mm in _MOVED_MM:
        there = [compact(model.segment(scan, one)) for one in moved(scan, centre, mm)]
        sizes = [median_ml(one) / whole - 1 if whole else float("nan") for one in there]
        figures[f"moved_{mm:.0f}_mm"] = {
            "least": min(sizes),
            "most": max(sizes),
            "presence": min(one.presence for one in there),
        }
    figures["elsewhere"] = offered(scan, model, [centre], points)
    return figures


def voxel_ml_of(image: Volume | Decodable) -> float:
    """Millilitres of a voxel."""
    return float(abs(np.linalg.det(image.affine[:3, :3])) / 1000)


def median_ml(dist: Decodable) -> float:
    """Median size of the hypotheses that outline anything."""
    counts = label_counts(dist, draw_z(_DRAWS, dist.rank, 0))[:, 1:].sum(1)
    voxel_ml = voxel_ml_of(dist)
    return float(np.median(counts[counts > 0]) * voxel_ml) if counts.any() else 0.0


def walked(dist: Decodable, voxel_ml: float) -> dict[str, Any]:
    """Sizes along the first direction, and what of the outline hangs on nothing.

    ``apart``: share of the voxels that are not of the largest connected part; ``jump``: largest
    step between neighbouring slices, as a share of the largest slice.
    """
    directions = principal_directions(dist)
    out: dict[str, Any] = {"rank": effective_rank(directions.share)}
    for sigma in (-2, -1, 0, 1, 2):
        mask = dist.label_map(directions.z(0, sigma)) > 0
        parts, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
        largest = max(np.bincount(parts.ravel())[1:]) if count else 0
        areas = mask.sum((0, 1))
        steps = [abs(int(b) - int(a)) for a, b in pairwise([0, *areas, 0])]
        out[f"sigma_{sigma:+d}"] = {
            "ml": float(mask.sum() * voxel_ml),
            "apart": 1 - largest / mask.sum() if count else 0.0,
            "slices": int((areas > 0).sum()),
            "jump": max(steps) / areas.max() if count else 0.0,
        }
    return out


def compared(
    dist: Decodable, scan: Volume, raters: NDArray[np.uint8], piece: Volume
) -> dict[str, Any]:
    """The mean map beside what each reader outlined, on the grid of the piece."""
    corner = placed((0, 0, 0), piece, scan)
    whole = dist.placed(dist.label_map())
    window = tuple(slice(a, a + n) for a, n in zip(corner, piece.space, strict=True))
    mean = (whole[window] > 0).astype(np.uint8)
    return {
        "readers_ml": [float(one.sum() * voxel_ml_of(piece)) for one in raters],
        "dice": [float(dice(mean, one, 2)[0]) for one in raters],
    }


def moved(scan: Volume, centre: tuple[int, ...], mm: float) -> list[tuple[int, ...]]:
    """Voxels so far from one, either way along each axis, inside the scan."""
    found = []
    for axis, size in enumerate(scan.spacing_mm):
        for way in (-1, 1):
            at = list(centre)
            at[axis] += way * max(1, round(mm / size))
            if 0 <= at[axis] < scan.space[axis]:
                found.append(tuple(at))
    return found


def table(content: dict[str, Any]) -> str:
    """The figures as a table of Markdown."""
    scans: dict[str, dict[str, Any]] = content["scans"]

    def row(title: str, cell: Any) -> str:
        return f"| {title} | {' | '.join(cell(one) for one in scans.values())} |"

    def at(sigma: int) -> Any:
        return lambda one: (
            "{ml:.2f} mL in {slices} slices, {apart:.0%} apart, largest step {jump:.0%}".format(
                **one[f"sigma_{sigma:+d}"]
            )
        )

    def click(mm: float) -> Any:
        return lambda one: "{least:+z.0%} … {most:+z.0%}, presence down to {presence:.2f}".format(
            **one[f"moved_{mm:.0f}_mm"]
        )

    def each(name: str, form: str) -> Any:
        return lambda one: ", ".join(format(v, form) for v in one[name]) if name in one else "–"

    def offers(one: dict[str, Any]) -> str:
        elsewhere = one["elsewhere"]
        low, high = elsewhere["offered_95"]
        where = ", ".join(
            f"{kind} {elsewhere[f'offered/{kind}']:.0%}"
            for kind in KINDS
            if elsewhere.get(f"offered/{kind}")
        )
        return f"{elsewhere['offered']:.1%} ({low:.1%}–{high:.1%}){': ' if where else ''}{where}"

    count = min(one["elsewhere"]["points"] for one in scans.values())
    rows = [
        f"| {content['model']} | {' | '.join(scans)} |",
        f"|---|{'---|' * len(scans)}",
        row("voxel pointed at", lambda one: ", ".join(map(str, one["centre"]))),
        row("presence", lambda one: f"{one['presence']:.2f}"),
        row("what is said", lambda one: "; ".join(one["said"])),
        row("the four radiologists, mL", each("readers_ml", ".2f")),
        row("Dice of the mean map with each of them", each("dice", ".2f")),
        *(row(f"outline at {s:+d} σ" if s else "the mean", at(s)) for s in (-2, -1, 0, 1, 2)),
        row("effective number of directions", lambda one: f"{one['rank']:.2f}"),
        *(row(f"median size, click moved by {mm:.0f} mm", click(mm)) for mm in _MOVED_MM),
        row(f"a nodule offered at {count} points on none", offers),
        row("seconds from the point to the answer", lambda one: f"{one['seconds']:.1f}"),
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    typer.run(main)
