"""The figures of speed of this checkout beside those of another, as it was.

    python -m benchmarks.builds CHECKOUT

The benchmarks of both are run in turn, each by its own ``benchmarks.run``, which writes its
docs/benchmarks.md anew. Printed is each figure that both have: of several turns the least, here and
there, and their ratio, the largest first. A line may state several; they are told apart by number.

Figures of what a user would otherwise use stand apart: they are the same code in both checkouts, so
that their ratios say how far those of ours can be trusted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

HERE = Path(__file__).parents[1]
_FIGURE = re.compile(r"([\d.]+) (ms|s)\b")
# How a part of a line begins that is of something else than this package.
_OTHERS = re.compile(
    r"LowRankMultivariateNormal|napari from|pydicom|10,000 draws|[\d,]+ pairs|the bare network|"
    r"from whole label maps|dense(, | argmax)|with the dense|one pass|plain layers|the same layers"
)
#: A figure that is printed with so few digits says nothing about a twentieth.
_LEAST_DIGITS = 2


def figures(text: str) -> dict[str, float]:
    """Seconds by what they are of, from what ``benchmarks.run`` prints.

    >>> figures("* contours: 10 ms, drawn 20 ms; dense, extrapolated: 1.20 s")
    {'contours, 1': 0.01, 'contours, 2': 0.02, 'contours, dense, 3': 1.2}
    """
    found, last = dict[str, float](), ""
    for line in text.splitlines():
        first = _FIGURE.search(line)
        head = line[: first.start() if first else None]
        name, number = head.rpartition(": ")[0].removeprefix("* "), 0
        rest = line.removeprefix("* ")[len(name) + 2 :]
        if name.startswith("the same"):
            # As what stands above it: there are several of the kind.
            name = f"{last}, {name}"
        else:
            last = name
        for part in rest.split("; "):
            other = _OTHERS.match(part) or _OTHERS.match(name)
            whose = f", {other[0].strip(' ,')}" if other else ""
            for digits, unit in _FIGURE.findall(part):
                number += 1
                if len(digits.replace(".", "").lstrip("0")) >= _LEAST_DIGITS:
                    seconds = float(digits) / (1000 if unit == "ms" else 1)
                    found[f"{name}{whose}, {number}"] = seconds
    return found


def run(checkout: Path) -> dict[str, float]:
    """What one checkout's benchmarks print."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return figures(done.stdout)


def least(turns: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure the least that any turn had.

    >>> least([{"a": 2.0, "b": 1.0}, {"a": 1.5}])
    {'a': 1.5, 'b': 1.0}
    """
    names = dict.fromkeys(name for turn in turns for name in turn)
    return {name: min(turn[name] for turn in turns if name in turn) for name in names}


def main(
    other: Annotated[Path, typer.Argument(help="Another checkout, as it was.")],
    turns: Annotated[int, typer.Option(min=1, help="How often each is run.")] = 2,
) -> None:
    """Print both and their ratios."""
    places = (HERE, other.resolve())
    found: list[list[dict[str, float]]] = [[], []]
    for turn in range(turns):
        # The other way round each time: a machine that warms up is fair to both.
        for which in (0, 1) if turn % 2 else (1, 0):
            found[which].append(run(places[which]))
    here, there = map(least, found)
    rows = sorted(((here[n] / there[n], n) for n in here if n in there), reverse=True)
    for title, others in (("Of ours", False), ("Of others, here and there the same code", True)):
        print(f"{title}:")
        for ratio, name in rows:
            if bool(_OTHERS.search(name)) == others:
                now, then = (f"{1000 * each[name]:.2f} ms" for each in (here, there))
                print(f"{ratio:.2f}  {name}: {now} here, {then} there")


if __name__ == "__main__":
    typer.run(main)
