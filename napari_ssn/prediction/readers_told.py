"""What is said of several people's outlines: in lines, and as a row for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_ssn.prediction.readers import Placed, Readers
from napari_ssn.text import readers as said
from napari_ssn.text.odd import odd_lines
from napari_ssn.text.sizes import Measure


@dataclass(frozen=True)
class Row:
    """One person's outline of one label, in words.

    Attributes:
        name: whose.
        size: of it.
        others: Dice with each of the others, on average.
        nearest: Dice with the hypothesis that comes nearest.
        larger: share of the hypotheses that are smaller.
        tip: all that is to be said of it.
    """

    name: str
    size: str
    others: str
    nearest: str
    larger: str
    tip: str


def lines_of(readers: Readers, placed: Placed | None, measure: Measure, unit: str) -> Iterator[str]:
    """What is said of people's outlines, line by line.

    Args:
        readers: whose.
        placed: where a model has them.
        measure: how voxels are said.
        unit: of distances.
    """
    labels, names = readers.labels[1:], readers.names
    yield from odd_ones(readers)
    yield from said.sizes_lines(measure, labels, names, readers.counts)
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            overlap, apart = readers.pairs.dice[i, j], readers.pairs.apart[i, j]
            yield said.agreement_line(one, names[j], labels, overlap, apart, unit)
    if readers.staple is not None:
        truth = readers.staple
        yield from said.staple_lines(labels, names, truth.sensitivity, truth.specificity)
    yield from nested_lines(readers, placed, measure)
    if placed is None:
        return
    for k in range(len(names)):
        yield _placed(readers, placed, k, measure)


def odd_ones(readers: Readers) -> Iterator[str]:
    """Whose outlines may be stored otherwise than the others', in a sentence for each way."""
    yield from odd_lines(readers.odd, readers.names)


def nested_lines(readers: Readers, placed: Placed | None, measure: Measure) -> Iterator[str]:
    """What all, half and any of the people have of each label, beside the model's hypotheses."""
    for k, label in enumerate(readers.labels[1:]):
        model = None if placed is None else placed.nested[:, k]
        around = "" if placed is None else placed.around
        yield said.nested_line(measure, label, readers.nested[:, k], model, around)


def rows_of(
    readers: Readers, placed: Placed, measure: Measure, unit: str
) -> tuple[tuple[Row, ...], ...]:
    """A row for each person, of each label but the background.

    Args:
        readers: whose.
        placed: where a model has them.
        measure: how voxels are said.
        unit: of distances.
    """
    found = []
    for label in range(len(readers.labels) - 1):
        rows = []
        for k, name in enumerate(readers.names):
            dice, apart = (one[label] for one in readers.pairs.with_others(k))
            drawn, nearest = int(readers.counts[k, label]), placed.fittings[k]
            rows.append(
                Row(
                    name,
                    measure.amount(drawn) if drawn else said.share_or_none(None),
                    f"{dice:.2f}",
                    "–" if nearest is None else f"{nearest.dice[label]:.2f}",
                    said.share_or_none(float(placed.smaller[k, label]) if drawn else None),
                    f"{said.apart_line(dice, apart, unit)}\n{_placed(readers, placed, k, measure)}",
                )
            )
        found.append(tuple(rows))
    return tuple(found)


def _placed(readers: Readers, placed: Placed, k: int, measure: Measure) -> str:
    name, nearest = readers.names[k], placed.fittings[k]
    if nearest is None:
        return said.unplaced_line(name, bool(readers.counts[k].any()), placed.outlined)
    return said.placed_line(
        measure,
        name,
        readers.labels[1:],
        nearest.dice,
        nearest.beyond,
        nearest.left_out,
        nearest.percentile,
        placed.smaller[k],
        placed.around,
    )
