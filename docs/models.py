"""Write ``docs/models.md``, what is known of each model: ``make models``.

Every figure on the page is read from the repository: from the models' cards in ``src_weights/``
and from what ``napari-ssn evaluate --json`` wrote into ``docs/measured/``. What is not there is
left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari_ssn.documents.card import CARD_NAME, Calibration, ModelCard, read_card

ROOT = Path(__file__).parents[1]
PAGE = Path("docs") / "models.md"

Figures = dict[str, Any]

INTRO = """\
# Models

Research use only – not a medical device. Do not use a model for diagnosis or treatment.

What each model is for, what it was made from, where it fails and how it compares with the experts
who outlined the same images. [Training and measuring](training.md) says what each figure means.
Numbers are means, and in brackets 95 % intervals over patients.

This page is written by `make models` from the models' cards and `docs/measured/`; what has not
been measured is not here.
"""

# What each figure is in words, in the order in which they are shown.
WORDS = {
    "ged2_v_100": "distance of the model's outlines from the raters' (GED²), 100 samples",
    "ged2_v_100_perfect": "what a perfect model would get, with so few raters and samples",
    "ged2_v_16": "the same with 16 samples",
    "ged2_v_16_perfect": "what a perfect model would get",
    "ged2_u_100": "the same without self-pairs, 100 samples",
    "ged2_u_16": "the same without self-pairs, 16 samples",
    "diversity_100": "how much two outlines of the model differ",
    "rater_diversity": "how much two raters differ",
    "hungarian_iou_16": "overlap of 16 outlines with the raters', matched one to one (IoU)",
    "dice_each": "overlap of the mean outline with each rater (Dice)",
    "dice_majority": "overlap of the mean outline with the majority of raters (Dice)",
    "dice_drawn": "overlap of the mean outline with each rater who outlined something (Dice)",
    "dice_drawn_reader": "overlap of one rater's outline with another's, where two outlined",
    "dice_drawn_others": "overlap of the majority of the others with each of these raters",
    "dice_drawn_majority": "overlap of the majority of these raters with each of them",
    "given_ged2_v": "GED² of the outlines alone: raters and samples that are not empty",
    "given_ged2_v_perfect": "what a perfect model would get",
    "given_diversity": "how much two outlines of the model differ, empty ones aside",
    "given_reader_diversity": "how much two raters' outlines differ, empty ones aside",
    "volume_error": "error of the median size, of raters who marked something",
    "size_place": "where raters' sizes lie among the model's, from 0 to 1; 0.5 is no bias",
    "volume_error_reader": "error of one rater's size as that of another, where two outlined",
    "volume_error_others": "error of the median of the others' sizes, of each of these raters",
    "volume_error_least": "least error that any one size can have, of these raters",
    "volume_width_readers": "largest minus smallest size of these raters ÷ their mean",
    "apart": "share of an outline of the model that is not connected to its largest piece",
    "apart_reader": "the same of raters",
    "volume_crps": "fair CRPS of the size, as a share of what raters outlined on average",
    "volume_crps_ml": "the same in mL",
    "diameter_error_mm": "error in mm of the longest diameter in a slice, of the median hypothesis",
    "diameter_error_mm_median": "the median of the same, over raters and cases",
    "diameter_error_mm_reader": "difference of two raters' longest diameters in mm",
    "missed": "mean outline empty where all raters outlined something",
    "nothing": "share of empty hypotheses where all raters outlined something",
    "elsewhere_presence": "probability of an outline at a point of the crop that is on no nodule",
    "elsewhere_offered": "such points at which a nodule is offered (probability of 0.5 and more)",
    "moved_4mm": "change of the median size when the click moves by 4 mm",
    "moved_8mm": "the same for 8 mm",
    "volume_error_whole": "the same of all labels together",
    "nothing_agreement": 'model and majority agree on whether there is "nothing here"',
    "nothing_gap": 'distance between both shares of "nothing here"',
    "presence_brier": "Brier score of the probability that a rater outlines anything",
    "presence_brier_base": "the same of always saying how many do on average",
    "presence_brier_perfect": "the same of knowing how many do in each case",
    "ece": "error of the probabilities against the share of raters (ECE)",
    "ece_doubtful": "the same over voxels in doubt",
    "effective_rank": "number of directions in which the outlines vary, in effect",
}
PERCENT = {
    "volume_error",
    "volume_error_whole",
    "volume_error_reader",
    "volume_error_others",
    "volume_error_least",
    "apart",
    "apart_reader",
    "nothing_agreement",
    "missed",
    "nothing",
    "elsewhere_offered",
    "moved_4mm",
    "moved_8mm",
    "coverage_90",
    "coverage_90_uncalibrated",
    "outline_coverage_90",
    "outline_coverage_90_uncalibrated",
}
# These have a table of their own: what is inside, width, and width relative to the size.
RANGES = {
    "calibrated": ("outline_coverage_90", "outline_width_90", "outline_relative_width_90"),
    "the model's own": (
        "outline_coverage_90_uncalibrated",
        "outline_width_90_uncalibrated",
        "outline_relative_width_90_uncalibrated",
    ),
}
# As measured before: of all readings, those who outlined nothing among them.
POOLED = {
    "calibrated": ("coverage_90", "width_90"),
    "the model's own": ("coverage_90_uncalibrated", "width_90_uncalibrated"),
}

# What is shown of each kind of cases.
GROUPS = {
    "ged2_v_100": "GED²",
    "given_ged2_v": "GED² of outlines",
    "dice_drawn": "Dice",
    "dice_drawn_reader": "Dice of two raters",
    "volume_error": "error of the median size",
    "volume_error_reader": "of another rater's size",
    "outline_coverage_90": "outlines inside the range",
    "outline_relative_width_90": "its width ÷ mean outline",
}

BASELINES = {
    "deterministic": "one outline, no hypotheses",
    "diagonal": "hypotheses of independent pixels (diagonal)",
    "paper": "SSN, the paper's loss",
    "ours": "SSN, our loss",
    "shipped": "as shipped, after all its training",
}
# Of each baseline of lidc-2d, whose figures do not say it.
BASELINE_STEPS = 3_000
SWITCHES = {
    "lidc-2d": """\
napari-ssn train --recipe lidc-2d --data train.zip --val val.zip --out FOLDER --steps 3000 \\
    --precision bf16-mixed --set warmup=500 --set average=0.998 SWITCHES
# deterministic: --covariance none
# diagonal:      --covariance diagonal --set energy=0 --set samples=20
# paper's loss:  --set energy=0 --set samples=20
# ours:          none
""",
    "nodule-3d": """\
python -m benchmarks.baselines --data FOLDER --out docs/measured
""",
}

EXPERIMENTS = {
    "control": "nothing changed",
    "local": "energy score over blocks of 16 pixels too (`--set local_energy=4`)",
    "rank20": "twice as many columns (`--rank 20`)",
    "scales": "half of the columns smooth over 8 pixels (`--set architecture.scales=[1, 8]`)",
}
EXPERIMENT = """\
napari-ssn train --recipe lidc-2d --start lidc-2d --data train.zip --val val.zip --out FOLDER \\
    --steps 1000 --set learning_rate=3e-4 --set warmup=0 --set average=0.99 --set batch=8
"""

# Rows of a training's history that are shown at most.
_HISTORY = 12

# What is shown of each version of a model.
VERSIONS = {
    "ged2_v_100": "GED², 100 samples",
    "given_ged2_v/four": "GED² of outlines, four readers",
    "dice_drawn/four": "Dice, four readers",
    "volume_error/four": "error of the median size, four readers",
    "volume_error": "the same, all",
    "outline_relative_width_90": "calibrated range ÷ mean outline",
    "outline_coverage_90": "outlines inside it",
    "nothing": "empty hypotheses where all outlined something",
    "presence_brier": "Brier score of presence",
    "elsewhere_offered": "a nodule offered on none",
    "effective_rank": "effective rank",
}
GO_ON = """\
napari-ssn train --recipe {name} --start {name} --data train.zip --val val.zip \\
    --background lidc-idri-0001.zip=316,366,90 --minutes MINUTES --out FOLDER
"""


def page(root: Path) -> str:
    """The page for a checkout, or for any folder of the same form.

    Args:
        root: holds ``src_weights/NAME/model.json`` and ``docs/measured/``; any of it may be
            missing.

    Raises:
        ModelError: a card is invalid.
        ValueError: a table would compare figures measured on different data.
    """
    folders = sorted(path.parent for path in (root / "src_weights").glob(f"*/{CARD_NAME}"))
    cards = {folder: read_card(folder) for folder in folders}
    measured = root / "docs" / "measured"
    sections = [
        INTRO,
        *(part for folder, card in cards.items() for part in _told(card, folder, measured)),
        *_clicks(measured / "clicks"),
        *_baselines(measured, {card.name: card for card in cards.values()}),
        _directions(measured / "rank"),
    ]
    return "\n".join(section for section in sections if section)


def _told(card: ModelCard, folder: Path, measured: Path) -> Iterator[str]:
    """The section of a model, and what its versions were, where that was gathered."""
    yield _model(card, folder)
    path = measured / "versions" / f"{card.name}.json"
    if path.is_file():
        yield _versions(card.name, _read(path))


def _model(card: ModelCard, folder: Path) -> str:
    figures = _test_figures(card)
    parts = [
        f"## {card.title}: `{card.name}`\n",
        f"{_sentence(card.purpose)}\n",
        _origin(card),
        _failures(card, folder),
        _measured(card, figures),
        _groups(figures),
        _calibration(card, figures),
        _history(card),
    ]
    return "\n".join(part for part in parts if part)


def _origin(card: ModelCard) -> str:
    made = card.training
    lines = [f"* **Trained on** {_stop(made.data)}"]
    if made.url:
        lines[0] += f" <{made.url}>"
    lines += [
        f"* **Licence of the data** {_stop(made.licence)}",
        f"* **Attribution** {_stop(made.attribution)}",
        f"* **Licence of the weights** {_stop(card.licence)} Version {card.version}.",
    ]
    if made.steps:
        lines.append(f"* **Training** {made.steps:,} steps.")
    if made.head is not None:
        columns = ", ".join(f"{one:.2f}" for one in made.head.columns)
        shifts = ", ".join(f"{one:+.2f}" for one in made.head.shifts)
        lines.append(
            f"* **Head** fitted to {_stop(made.head.data)} "
            f"Columns of P × {columns}; logits {shifts}."
        )
    return _lines(lines)


def _failures(card: ModelCard, folder: Path) -> str:
    pictures = sorted(folder.glob("worst-*.png"), key=_natural)
    parts = []
    if card.limits:
        parts.append(_lines(f"* {_sentence(limit)}" for limit in card.limits))
    if pictures:
        parts.append(_worst(card, [f"../src_weights/{folder.name}/{p.name}" for p in pictures]))
    return "\n".join(["### Where it fails\n", *parts]) if parts else ""


def _worst(card: ModelCard, paths: Sequence[str]) -> str:
    made = card.training
    colours = "each in a colour" if len(card.labels) == 2 else "in the colours of the labels"
    text = (
        "The test cases on which it did worst (largest GED² with 100 samples), worst first. "
        f"Left the image; in the middle the raters' outlines, {colours}; on the right the "
        "model's mean outline as a thick line and eight of its hypotheses as thin ones."
    )
    lines = [text, ""]
    for place, path in enumerate(paths, start=1):
        lines += [f"![{card.title}: image, raters and model of test case {place}]({path})", ""]
    return _lines([*lines, f"Images: {_stop(made.attribution)} {_stop(made.licence)}"])


def _test_figures(card: ModelCard) -> Figures:
    """What was measured with these weights on test; empty if nothing was."""
    figures = card.metrics.get("test", {})
    # A card whose weights were replaced still holds what the old ones did.
    return figures if figures.get("weights_sha256") == card.weights_sha256 else {}


def _measured(card: ModelCard, figures: Figures) -> str:
    shown = {key for kind in (RANGES, POOLED) for keys in kind.values() for key in keys}
    shown |= {key.removeprefix("outline_") for key in shown}
    names = [key for key in _names(figures) if key not in shown]
    if not names:
        return ""
    rows = []
    for name in [*(n for n in WORDS if n in names), *(n for n in names if n not in WORDS)]:
        rows += [
            (f"`{key}`", _with_label(WORDS.get(name, ""), label), _cell(figures, key))
            for key, label in _keys(figures, name)
        ]
    lines = [
        "### How it compares with its raters",
        "",
        f"On {_cases(figures, 'test')}:",
        "",
        *_table(("figure", "what", "on test"), rows),
        "",
        "Measured by",
        "",
        "```",
        _command(card, figures),
        "```",
    ]
    if "data_sha256" in figures:
        lines += [
            "",
            f"where `TEST` is the data with the checksum `{figures['data_sha256'][:12]}…`.",
        ]
    return _lines(lines)


def _groups(figures: Figures) -> str:
    """Figures of each kind of cases, where the data says of which kind they are."""
    found: dict[str, Figures] = figures.get("groups", {})
    if not found:
        return ""
    there = {key for one in found.values() for key in one}
    keys = {key: words for key, words in GROUPS.items() if key in there}
    body = [
        (name, f"{one['n_cases']:,}", *(_cell(one, key) for key in keys))
        for name, one in found.items()
    ]
    text = (
        "By the number of raters who outlined something, by texture as most of them noted it, and "
        "by the diameter of a ball of the same mean size:"
    )
    lines = ["### By kind of case", "", text, ""]
    return _lines([*lines, *_table(("cases", "number", *keys.values()), body)])


def _command(card: ModelCard, figures: Figures) -> str:
    parts = [f"napari-ssn evaluate --model {card.name} --data TEST"]
    if "seed" in figures:
        parts.append(f"--seed {figures['seed']}")
    if "elsewhere_offered" in figures:
        parts.append("--points")
    if figures.get("temperature", 1) != 1:
        parts.append(f"--temperature {figures['temperature']:g}")
    return " ".join(parts)


def _cases(figures: Figures, split: str) -> str:
    if "n_cases" not in figures or "n_patients" not in figures:
        return f"the {split} cases"
    return f"{figures['n_cases']:,} {split} cases of {figures['n_patients']:,} patients"


def _calibration(card: ModelCard, figures: Figures) -> str:
    by_patient = any(keys[0] in figures for keys in RANGES.values())
    rows = [
        (
            _with_label(name.replace("calibrated", _way(card.calibration)), label),
            *(_cell(figures, one + key[len(keys[0]) :]) for one in keys),
        )
        for name, keys in (RANGES if by_patient else POOLED).items()
        for key, label in _keys(figures, keys[0])
    ]
    if card.calibration is None and not rows:
        return ""
    lines = ["### The range of sizes", "", _how_calibrated(card)]
    if rows:
        header: tuple[str, ...] = ("range", "raters' sizes inside", "width in voxels")
        if by_patient:
            header = ("range", "outlines inside, by patient", header[2], "width ÷ mean outline")
        lines += ["", "On test:", "", *_table(header, rows)]
    return _lines(lines)


def _way(found: Calibration | None) -> str:
    """One expert says nothing of how experts differ, so that range is not called calibrated."""
    return "adjusted" if found is not None and found.readers == 1 else "calibrated"


def _how_calibrated(card: ModelCard) -> str:
    found = card.calibration
    if found is None:
        return "Its range has not been calibrated."
    readers = (
        "One expert outlined each image, so it does not say how experts differ."
        if found.readers == 1
        else f"Up to {found.readers} raters outlined each image."
    )
    if found.patients == 0:
        return (
            f"The {_way(found)} range {_reach(found.below, found.above)}. These factors made "
            f"it hold {100 * found.level:g} % of the sizes that raters drew in "
            f"{_stop(found.data)} {readers}"
        )
    several = len(card.labels) > 2
    reaches = [
        f"{f'for {label.name} it' if several else 'it'} {_reach(one.below, one.above)}"
        for label, one in zip(card.labels[1:], found.labels, strict=True)
        if one is not None
    ]
    told = "; ".join(reaches)
    return (
        f"The {_way(found)} range is of the hypotheses that are not empty. "
        f"{told[:1].upper()}{told[1:]}. These factors made it hold {100 * found.level:g} % of the "
        f"outlines in {_stop(found.data)} Every patient weighs the same, a patient to come is one "
        f"more of them, and who outlined nothing does not count. {readers}{_in_common(card)}"
    )


def _in_common(card: ModelCard) -> str:
    """What readers of one image have in common, where that was learnt with the range."""
    labels = card.calibration.labels if card.calibration is not None else []
    shared = [f"{one.shared:.2f}" for one in labels if one is not None and one.shared]
    if not shared:
        return ""
    return (
        " What two of them have in common, as the correlation of their sizes in standard "
        f"deviations of the model's: {', '.join(shared)}."
    )


def _reach(below: float, above: float) -> str:
    return (
        f"reaches {_number(below)} times as far below the median as the model's own, "
        f"and {_number(above)} times as far above it"
    )


def _history(card: ModelCard) -> str:
    rows = [row for row in card.training.history if "step" in row and "ged2_v_16" in row]
    if not rows:
        return ""
    keys = {"ged2_v_16": "GED², 16 samples", "diversity": "diversity"}
    keys |= {key: f"Dice {key[5:]}" for key in rows[0] if key.startswith("dice/")}
    keys = {key: words for key, words in keys.items() if key in rows[0]}
    body = [
        (f"{row['step']:,.0f}", *(_number(row[key]) if key in row else "–" for key in keys))
        for row in _spread(rows, _HISTORY)
    ]
    lines = ["### Training", "", "Measured on validation cases on the way:", ""]
    return _lines([*lines, *_table(("steps", *keys.values()), body)])


def _versions(name: str, content: Figures) -> str:
    """Figures against steps, what was to be reached, and what more steps may bring."""
    rows: list[Figures] = content["versions"]
    columns = {key: words for key, words in VERSIONS.items() if any(key in row for row in rows)}
    body = [
        (
            row["version"],
            content["done"].get(row["version"], ""),
            f"{row['steps']:,}",
            *(_mean(row, key) for key in columns),
        )
        for row in rows
    ]
    body.append(("aimed at", "", "", *(content["aims"].get(key, "") for key in columns)))
    text = (
        f"Means on the same {rows[0]['n_cases']:,} test cases, each measured by the program of its "
        "time; steps are those of all its training, on one core or two."
    )
    table = _table(("version", "what was done", "steps", *columns.values()), body)
    lines = [f"### Versions of `{name}`, and what more steps bring", "", text, "", *table, ""]
    return _lines([*lines, *_more(name, rows, columns)])


def _more(name: str, rows: Sequence[Figures], columns: dict[str, str]) -> list[str]:
    """What the last version that was trained for longer gained, and the command that goes on."""
    trained = [pair for pair in pairwise(rows) if pair[1]["steps"] > pair[0]["steps"]]
    if not trained:
        return []
    before, after = trained[-1]
    steps = after["steps"] - before["steps"]
    minutes = after.get("minutes")
    planned = f", planned as {minutes:,.0f} minutes," if minutes else ""
    gains = [
        f"{words} from {_mean(before, key)} to {_mean(after, key)}"
        for key, words in columns.items()
        if key in before and key in after
    ]
    text = (
        f"The last {steps:,} steps{planned} made {before['version']} into {after['version']}: "
        f"{'; '.join(gains)}. As many steps more can be expected to bring no more than that; what "
        "they left where it was, they alone will leave there. The shipped weights are the "
        "checkpoint to go on from:"
    )
    command = ["```", *GO_ON.format(name=name).splitlines(), "```"]
    how = f"Gathered from the cards in git's history by `python docs/versions.py {name}`."
    return [text, "", *command, "", how]


def _mean(figures: Figures, key: str) -> str:
    """Three digits of a mean; a dash where nothing was measured."""
    if not _is_interval(figures.get(key)):
        return "–"
    percent = key.partition("/")[0] in PERCENT
    return f"{_number(figures[key]['mean'] * (100 if percent else 1))}{' %' if percent else ''}"


def _baselines(folder: Path, cards: dict[str, ModelCard]) -> list[str]:
    """One section for each model that was compared with baselines."""
    found: dict[str, dict[str, Figures]] = {}
    for path in sorted(folder.glob("*.json")):
        match = re.fullmatch(rf"(.+)-({'|'.join(BASELINES)})", path.stem)
        if match is not None:
            found.setdefault(match[1], {})[match[2]] = _read(path)
    sections = []
    for name, by_kind in found.items():
        rows = {BASELINES[kind]: by_kind[kind] for kind in BASELINES if kind in by_kind}
        shipped = BASELINES["shipped"]
        if shipped in rows and name in cards:
            figures = rows.pop(shipped)
            # Figures of other weights are not the shipped model's.
            if figures.get("weights_sha256") == cards[name].weights_sha256:
                rows[shipped] = figures
        sections.append(_comparison(name, rows))
    return sections


def _comparison(name: str, rows: dict[str, Figures]) -> str:
    wanted = {
        "ged2_v_100": "GED², 100 samples",
        "ged2_v_16": "GED², 16 samples",
        "given_ged2_v": "GED² of outlines alone",
        "diversity_100": _diversity(rows.values()),
        "hungarian_iou_16": "Hungarian IoU, 16 samples",
        "dice_majority": "Dice, majority",
        "dice_drawn": "Dice with each outline",
        "volume_error": "error of the median size",
        "ece": "ECE",
        "effective_rank": "effective rank",
    }
    # Slices have fewer figures than nodules in three dimensions.
    known = {key for figures in rows.values() for key in figures}
    columns = {key: title for key, title in wanted.items() if key in known}
    first = next(iter(rows.values()))
    steps = int(first.get("steps", BASELINE_STEPS))
    text = (
        f"The same network on the same data, each trained for the same {steps:,} steps, the last "
        f"row aside, and measured on {_cases(first, 'test')}. Lower is better for GED², ECE and "
        "errors, higher for IoU and Dice; diversity should be that of the raters."
    )
    table = _table(("", *columns.values()), _rows(rows, columns))
    command = ["```", *SWITCHES[name].splitlines(), "```"] if name in SWITCHES else []
    return _lines([f"## Baselines of `{name}`", "", text, "", *table, "", *command])


def _clicks(folder: Path) -> Iterator[str]:
    """What simulated clicks towards each rater give, for every model it was measured on."""
    for path in sorted(folder.glob("*.json")):
        figures = _read(path)
        clicks = sorted(int(key.removeprefix("iou_z_")) for key in figures if "iou_z_" in key)
        rows = [
            (words, *(_cell(figures, f"iou_{key}_{n}") for n in clicks))
            for key, words in (("residual", "with a local residual"), ("z", "without"))
        ]
        text = (
            "Each click is placed in the middle of the largest error and says to which side that "
            f"pixel belongs, for every outline that is not empty: {figures['n_pairs']:,} outlines "
            f"of {_cases(figures, 'test')}. The mean IoU with the outline that the clicks come "
            "from is"
        )
        best = (
            f"The best of 16 samples, chosen with the outline known, reaches "
            f"{_cell(figures, 'best_of_16')}. Without the residual it is the model's own "
            "hypotheses alone that follow."
        )
        command = f"napari-ssn simulate-clicks --model {figures['model']} --data TEST"
        table = _table(("clicks", *map(str, clicks)), rows)
        title = f"## Correcting `{figures['model']}` by clicks"
        yield _lines([title, "", text, "", *table, "", best, "", "```", command, "```"])


def _directions(folder: Path) -> str:
    """Experiments on how many directions of uncertainty a model can learn."""
    files = sorted(folder.glob("*.json"), key=_natural)
    rows = {EXPERIMENTS.get(p.stem, f"`{p.stem}`"): _read(p) for p in files}
    if not rows:
        return ""
    columns = {
        "effective_rank": "effective rank",
        "ged2_v_100": "GED², 100 samples",
        "ged2_v_16": "GED², 16 samples",
        "diversity_100": _diversity(rows.values()),
        "dice_majority": "Dice, majority",
    }
    first = next(iter(rows.values()))
    text = (
        "An effective rank of 1 means that a model's outlines vary in a single direction, such as "
        "from small to large; 2 that a second one, such as a shift, counts as much. Measured on "
        f"{_cases(first, 'validation')}."
    )
    table = _table(("experiment", *columns.values()), _rows(rows, columns))
    how = "Each is the shipped `lidc-2d` trained further, with the switch that its row names:"
    command = ["```", *EXPERIMENT.splitlines(), "```"]
    style = (
        "What made the difference is by version above: presence apart from the boundary, an energy "
        "score of places and proportions, and a head fitted to patients that the weights did not "
        "see. Which of the readers drew was not tried as an input: the four of one nodule are not "
        "those of another, so that there is no style of anybody to learn."
    )
    return _lines(
        ["## How many directions", "", text, "", *table, "", how, "", *command, "", style]
    )


def _diversity(rows: Iterable[Figures]) -> str:
    """Header that says the raters' own diversity, which is the same in every row."""
    raters = [row["rater_diversity"]["mean"] for row in rows if "rater_diversity" in row]
    return f"diversity (raters {_number(raters[0])})" if raters else "diversity"


def _rows(rows: dict[str, Figures], columns: Iterable[str]) -> list[tuple[str, ...]]:
    sets = {figures.get("data_sha256") for figures in rows.values()}
    if len(sets) > 1:
        raise ValueError(f"{', '.join(rows)}: expected figures of the same data, got {len(sets)}")
    return [(name, *(_cell(figures, key) for key in columns)) for name, figures in rows.items()]


def _read(path: Path) -> Figures:
    content: Figures = json.loads(path.read_text(encoding="utf-8"))
    return content


def _names(figures: Figures) -> list[str]:
    """Names of the figures that have an interval, without those of single labels."""
    there = [key.partition("/")[0] for key, value in figures.items() if _is_interval(value)]
    return list(dict.fromkeys(there))


def _keys(figures: Figures, name: str) -> list[tuple[str, str]]:
    """Keys of a figure and of its labels, each with the label's name."""
    found = [(name, "")] if name in figures else []
    return found + [(key, key[len(name) + 1 :]) for key in figures if key.startswith(f"{name}/")]


def _is_interval(value: object) -> bool:
    return isinstance(value, dict) and {"mean", "low", "high"} <= value.keys()


def _with_label(words: str, label: str) -> str:
    return ": ".join(part for part in (words, label) if part)


def _cell(figures: Figures, key: str) -> str:
    """``mean (low–high)``, three digits of the mean; a dash where nothing was measured."""
    if not _is_interval(figures.get(key)):
        return "–"
    value = figures[key]
    percent = key.partition("/")[0] in PERCENT
    mean, low, high = (value[end] * (100 if percent else 1) for end in ("mean", "low", "high"))
    places = _decimals(mean)
    unit = " %" if percent else ""
    return f"{_digits(mean, places)}{unit} ({_digits(low, places)}–{_digits(high, places)})"


def _number(value: float) -> str:
    return _digits(value, _decimals(value))


def _decimals(value: float) -> int:
    """Decimals that show three digits of a number, and its whole part in any case."""
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0


def _digits(value: float, decimals: int) -> str:
    # Adding zero makes a rounded −0 a 0.
    return f"{round(value, decimals) + 0:,.{decimals}f}"


def _spread(rows: Sequence[dict[str, float]], most: int) -> list[dict[str, float]]:
    """At most so many rows, evenly spread, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]


def _natural(path: Path) -> list[tuple[int, str]]:
    """What sorts worst-10 behind worst-2."""
    parts = re.findall(r"\d+|\D+", path.stem)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _sentence(text: str) -> str:
    return _stop(text[:1].upper() + text[1:])


def _stop(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (header, ["---"] * len(header), *rows)
    return [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    ]


def main() -> None:
    """Write the page."""
    (ROOT / PAGE).write_text(page(ROOT), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
