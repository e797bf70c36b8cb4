"""Gather what each version of a model was measured to be: ``python docs/versions.py nodule-3d``.

Reads the model's cards out of git's history and the checkout, each with the figures that its own
program measured on the same test cases, and writes ``docs/measured/versions/NAME.json``, of which
``make models`` makes a table. Runs that ended in no version are in no card: the recipe's first
lines tell of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = Path("docs") / "measured" / "versions"

#: Steps of runs that a version went on from and that made none themselves.
BETWEEN = {("nodule-3d", "0.1.0"): 1_500, ("nodule-3d", "0.4.0"): 7_514 + 1_003}
#: What was done from the version before.
DONE = {
    "nodule-3d": {
        "0.1.0": "from `lidc-2d`, inflated",
        "0.2.0": "longer",
        "0.3.0": "longer, with an energy score of sizes",
        "0.3.1": "the same weights; looks again from the middle of what it finds",
        "0.4.0": "longer, with one of places and proportions",
        "0.5.0": "mean moved: outlines were too small",
        "0.6.0": "longer, with four views a step",
        "0.7.0": "head fitted to validation patients",
    }
}
#: What was to be reached, in words.
AIMS = {
    "nodule-3d": {
        "ged2_v_100": "≤ 0.17", "given_ged2_v/four": "≤ 0.12", "dice_drawn/four": "≥ 0.83",
        "volume_error/four": "≤ 14 %", "volume_error": "≤ 20 %",
        "outline_relative_width_90": "≤ 1.0", "outline_coverage_90": "87–93 %",
        "nothing": "≤ 3 %", "presence_brier": "≤ 0.17", "elsewhere_offered": "≤ 2 %",
        "effective_rank": "≥ 2.5",
    }
}  # fmt: skip
KEPT = (
    "ged2_v_100", "given_ged2_v", "dice_drawn", "volume_error", "nothing", "presence_brier",
    "elsewhere_offered", "outline_relative_width_90", "outline_coverage_90", "effective_rank",
)  # fmt: skip
OF_FOUR = ("given_ged2_v", "dice_drawn", "volume_error")


def versions(name: str) -> list[dict[str, Any]]:
    """Every version that was measured on test, the first one first.

    Each with its steps of training in all, and its figures: means, intervals, and of nodules that
    all readers outlined those of `OF_FOUR`, named ``KEY/four``.
    """
    path = f"src_weights/{name}/model.json"
    found: dict[str, dict[str, Any]] = {}
    learnt, seen = 0, ""
    commits = _git("log", "--reverse", "--format=%H", "--", path).split()
    texts = [_git("show", f"{commit}:{path}") for commit in commits]
    # Of a version that is to be committed with its row.
    for text in [*texts, (ROOT / path).read_text(encoding="utf-8")]:
        card = json.loads(text)
        figures, made = card["metrics"].get("test", {}), card["training"]
        if figures.get("weights_sha256") != card["weights_sha256"]:
            continue
        # Weights that were only moved or fitted have the history of those before.
        history = json.dumps(made["history"])
        if history != seen:
            learnt += BETWEEN.get((name, card["version"]), 0) + made["steps"]
            seen = history
        four = figures["groups"]["4 of 4 readers"]
        found[card["version"]] = {
            "version": card["version"],
            "steps": learnt,
            "minutes": made["recipe"].get("minutes"),
            "n_cases": figures["n_cases"],
            "data_sha256": figures["data_sha256"],
            **{key: figures[key] for key in KEPT if key in figures},
            **{f"{key}/four": four[key] for key in OF_FOUR if key in four},
        }
    return list(found.values())


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def main(name: str) -> None:
    """Write the file of one model."""
    (ROOT / FOLDER).mkdir(exist_ok=True)
    content = {"aims": AIMS[name], "done": DONE[name], "versions": versions(name)}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (ROOT / FOLDER / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1])
