"""The page on the models: every figure in its cell, and nothing that nobody measured."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DATA = "d" * 64


def load_script() -> ModuleType:
    """``docs/models.py``: docs/ is no package."""
    spec = importlib.util.spec_from_file_location("docs_models", ROOT / "docs" / "models.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


models = load_script()


def interval(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.01, "high": mean + 0.01}


def figures(**changes: Any) -> dict[str, Any]:
    """What `evaluate` writes, abridged."""
    found = {
        "model": "toy-2d",
        "weights_sha256": "0" * 64,
        "data_sha256": DATA,
        "n_cases": 1234,
        "n_patients": 56,
        "seed": 7,
        "ged2_v_16": interval(0.25),
        "ged2_v_100": interval(0.22),
        "diversity_100": interval(0.5),
        "rater_diversity": interval(0.4),
        "hungarian_iou_16": interval(0.6),
        "dice_majority": interval(0.7),
        "ece": interval(0.05),
        "effective_rank": interval(1.5),
        "coverage_90_uncalibrated": interval(0.97),
        "width_90_uncalibrated": interval(222.4),
    }
    found |= changes
    return {key: value for key, value in found.items() if value is not None}


def card(**changes: Any) -> dict[str, Any]:
    found = {
        "name": "toy-2d",
        "title": "Toy (2D)",
        "version": "0.3",
        "purpose": "outlines of toys",
        "limits": ["It fails on dolls", "And on | bears."],
        "licence": "CC0-1.0",
        "architecture": {"backbone": "BasicUNet", "arguments": {}, "features": 4, "rank": 3},
        "spatial_dims": 2,
        "channels": ["photo"],
        "labels": [
            {"name": "background", "colour": "#000000"},
            {"name": "toy", "colour": "#e69f00"},
        ],
        "normalisation": "stretch",
        "region": [32, 32],
        "centred": False,
        "training": {
            "data": "Nine toys",
            "url": "https://example.org/toys",
            "licence": "CC BY 4.0",
            "attribution": "A. Maker",
            "steps": 14000,
        },
        "weights_sha256": "0" * 64,
    }
    return found | changes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def put_card(root: Path, **changes: Any) -> Path:
    content = card(**changes)
    return put(root / "src_weights" / content["name"] / "model.json", content).parent


def put(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def tables(text: str) -> list[list[list[str]]]:
    """Every table of a page as rows of cells, without the line under the header."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in block.splitlines()
        ]
        assert len({len(row) for row in rows}) == 1
        assert set(rows.pop(1)) == {"---"}
        found.append(rows)
    return found


def row(table: list[list[str]], first: str) -> dict[str, str]:
    """A row by its first cell, by the names of the columns."""
    (found,) = [line for line in table if line[0] == first]
    return dict(zip(table[0], found, strict=True))


def test_the_committed_page_is_what_the_repository_says() -> None:
    # If this fails: make models.
    committed = (ROOT / models.PAGE).read_text(encoding="utf-8")
    assert committed == models.page(ROOT)


def test_pictures_and_pages_that_the_page_names_are_there() -> None:
    text = models.page(ROOT)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / "docs" / target).is_file(), target


def test_an_empty_folder_has_the_introduction_alone(root: Path) -> None:
    assert models.page(root) == models.INTRO


def test_a_card_without_figures_has_no_tables(root: Path) -> None:
    put_card(root)
    text = models.page(root)
    assert "## Toy (2D): `toy-2d`\n\nOutlines of toys.\n" in text
    assert "* **Trained on** Nine toys. <https://example.org/toys>\n" in text
    assert "* **Licence of the data** CC BY 4.0.\n" in text
    assert "* **Attribution** A. Maker.\n" in text
    assert "* **Licence of the weights** CC0-1.0. Version 0.3.\n" in text
    assert "* **Training** 14,000 steps.\n" in text
    assert "### Where it fails\n\n* It fails on dolls.\n* And on | bears.\n" in text
    for word in ("|\n", "![", "evaluate", "range", "Baselines", "directions"):
        assert word not in text.removeprefix(models.INTRO), word
    assert "\n\n\n" not in text and text.endswith(".\n")


def test_a_card_that_says_little_gets_no_empty_section(root: Path) -> None:
    training = {"data": "Nine toys", "licence": "CC BY 4.0", "attribution": "A. Maker"}
    put_card(root, limits=[], training=training)
    text = models.page(root)
    assert "###" not in text and "<" not in text and "steps" not in text


def test_figures_land_in_their_rows(root: Path) -> None:
    measured = figures(
        **{
            "dice_each": interval(0.54215),
            "dice_each/front": interval(0.6),
            "dice_each/back": interval(0.5),
            "ece": {"mean": 0.0006016, "low": 0.0004838, "high": 0.0008864},
            "volume_error": interval(0.31),
            "something_new": interval(3.0),
        }
    )
    put_card(root, metrics={"test": measured, "val": figures(ged2_v_100=interval(0.111))})
    text = models.page(root)
    figure, ranges = tables(text)
    assert row(figure, "`ged2_v_100`")["on test"] == "0.220 (0.210–0.230)"
    assert row(figure, "`dice_each`")["on test"] == "0.542 (0.532–0.552)"
    assert row(figure, "`dice_each/front`") == {
        "figure": "`dice_each/front`",
        "what": f"{models.WORDS['dice_each']}: front",
        "on test": "0.600 (0.590–0.610)",
    }
    assert row(figure, "`ece`")["on test"] == "0.000602 (0.000484–0.000886)"
    assert row(figure, "`effective_rank`")["on test"] == "1.50 (1.49–1.51)"
    assert row(figure, "`volume_error`")["on test"] == "31.0 % (30.0–32.0)"
    # A figure that the page has no words for comes last.
    assert figure[-1] == ["`something_new`", "", "3.00 (2.99–3.01)"]
    assert "`dice_majority`" in text and "`ged2_u_100`" not in text and "0.111" not in text
    assert "On 1,234 test cases of 56 patients:" in text
    assert "napari-ssn evaluate --model toy-2d --data TEST --seed 7\n" in text
    assert f"`{DATA[:12]}…`" in text
    assert "Its range has not been calibrated." in text
    assert ranges[1:] == [["the model's own", "97.0 % (96.0–98.0)", "222 (222–222)"]]


def test_the_calibrated_range_stands_beside_the_models_own(root: Path) -> None:
    measured = figures(
        **{
            "coverage_90": interval(0.886),
            "width_90": interval(1160.1),
            "coverage_90/front": interval(0.9),
            "width_90/front": interval(12.3),
            "coverage_90_uncalibrated/front": interval(0.99),
            "width_90_uncalibrated/front": interval(23.4),
        }
    )
    calibration = {"level": 0.9, "below": 1.0, "above": 0.596, "data": "val", "readers": 4}
    put_card(root, metrics={"test": measured}, calibration=calibration)
    text = models.page(root)
    assert tables(text)[1] == [
        ["range", "raters' sizes inside", "width in voxels"],
        ["calibrated", "88.6 % (87.6–89.6)", "1,160 (1,160–1,160)"],
        ["calibrated: front", "90.0 % (89.0–91.0)", "12.3 (12.3–12.3)"],
        ["the model's own", "97.0 % (96.0–98.0)", "222 (222–222)"],
        ["the model's own: front", "99.0 % (98.0–100.0)", "23.4 (23.4–23.4)"],
    ]
    assert "reaches 1.00 times as far below the median" in text and "0.596 times" in text
    assert "90 % of the sizes that raters drew in val. Up to 4 raters" in text
    put_card(root, metrics={"test": measured}, calibration=calibration | {"readers": 1})
    text = models.page(root)
    assert "does not say how experts differ" in text
    assert "calibrated" not in text.lower() and tables(text)[1][1][0] == "adjusted"


def test_a_range_calibrated_by_patient_is_shown_of_outlines(root: Path) -> None:
    measured = figures(
        outline_coverage_90=interval(0.91),
        outline_width_90=interval(104.2),
        outline_relative_width_90=interval(1.25),
        outline_coverage_90_uncalibrated=interval(0.75),
        outline_width_90_uncalibrated=interval(88.1),
    )
    sides = {"below": 0.7, "above": 1.41}
    calibration = sides | {"level": 0.9, "data": "val", "readers": 4}
    calibration |= {"patients": 120, "labels": [sides]}
    put_card(root, metrics={"test": measured}, calibration=calibration)
    text = models.page(root)
    assert tables(text)[1] == [
        ["range", "outlines inside, by patient", "width in voxels", "width ÷ mean outline"],
        ["calibrated", "91.0 % (90.0–92.0)", "104 (104–104)", "1.25 (1.24–1.26)"],
        ["the model's own", "75.0 % (74.0–76.0)", "88.1 (88.1–88.1)", "–"],
    ]
    assert "reaches 0.700 times as far below the median as the model's own, and 1.41" in text
    assert "hold 90 % of the outlines in val. Every patient weighs the same" in text


def test_figures_of_other_weights_are_left_out(root: Path) -> None:
    put_card(root, metrics={"test": figures(weights_sha256="1" * 64)})
    assert tables(models.page(root)) == []


def test_pictures_of_the_worst_cases_carry_their_attribution(root: Path) -> None:
    folder = put_card(root, limits=[])
    for number in (10, 2, 1):
        (folder / f"worst-{number}.png").write_bytes(b"")
    text = models.page(root)
    paths = re.findall(r"\]\((\.\./src_weights/[^)]+)\)", text)
    assert paths == [f"../src_weights/toy-2d/worst-{number}.png" for number in (1, 2, 10)]
    assert "Images: A. Maker. CC BY 4.0.\n" in text and "### Where it fails\n\nThe test" in text


def test_the_history_of_training_is_thinned_but_keeps_its_ends(root: Path) -> None:
    history = [
        {"step": 500.0 * i, "total": 9.0, "ged2_v_16": 1 / i, "diversity": 0.1, "dice/toy": 0.5}
        for i in range(1, 41)
    ]
    put_card(root, training=card()["training"] | {"history": history})
    (table,) = tables(models.page(root))
    assert table[0] == ["steps", "GED², 16 samples", "diversity", "Dice toy"]
    assert len(table) == 1 + models._HISTORY
    assert table[1] == ["500", "1.00", "0.100", "0.500"]
    assert table[-1] == ["20,000", "0.0250", "0.100", "0.500"]
    assert len({line[0] for line in table}) == len(table)
    put_card(root, training=card()["training"] | {"history": [*history[:1], {"step": 2.0}]})
    assert len(tables(models.page(root))[0]) == 2


def test_baselines_are_rows_beside_the_shipped_model(root: Path) -> None:
    put_card(root)
    measured = root / "docs" / "measured"
    put(measured / "toy-2d-shipped.json", figures(ged2_v_100=interval(0.19)))
    put(measured / "toy-2d-ours.json", figures(ged2_v_100=interval(0.21)))
    put(
        measured / "toy-2d-deterministic.json",
        figures(ged2_v_100=interval(0.43), effective_rank=None, diversity_100=interval(0.0)),
    )
    text = models.page(root)
    table = tables(text)[-1]
    assert [line[0] for line in table] == [
        "",
        models.BASELINES["deterministic"],
        models.BASELINES["ours"],
        "as shipped, after all its training",
    ]
    one = row(table, models.BASELINES["deterministic"])
    assert one["GED², 100 samples"] == "0.430 (0.420–0.440)"
    assert one["GED², 16 samples"] == "0.250 (0.240–0.260)"
    assert one["effective rank"] == "–"
    assert one["diversity (raters 0.400)"] == "0 (0–0)"
    ours = row(table, models.BASELINES["ours"])
    assert ours["Hungarian IoU, 16 samples"] == "0.600 (0.590–0.610)"
    assert ours["Dice, majority"] == "0.700 (0.690–0.710)"
    assert ours["ECE"] == "0.0500 (0.0400–0.0600)"
    assert ours["effective rank"] == "1.50 (1.49–1.51)"
    assert row(table, table[-1][0])["GED², 100 samples"] == "0.190 (0.180–0.200)"
    assert "## Baselines of `toy-2d`" in text and "the same 3,000 steps" in text
    assert "GED² of outlines alone" not in table[0]
    # Of nodules in three dimensions there is more, and each says its steps.
    more = {"given_ged2_v": interval(0.11), "volume_error": interval(0.2), "steps": 250}
    put(measured / "solid-ours.json", figures(**more))
    text = models.page(root)
    assert "## Baselines of `solid`" in text and "the same 250 steps" in text
    assert row(tables(text)[-2], models.BASELINES["ours"])["error of the median size"][:2] == "20"
    # What was measured on other weights is not the shipped model.
    put(measured / "toy-2d-shipped.json", figures(weights_sha256="1" * 64))
    assert "as shipped" not in models.page(root)


def test_figures_of_different_data_do_not_share_a_table(root: Path) -> None:
    measured = root / "docs" / "measured"
    put(measured / "toy-2d-ours.json", figures())
    put(measured / "toy-2d-paper.json", figures(data_sha256="e" * 64))
    with pytest.raises(ValueError, match="figures of the same data, got 2"):
        models.page(root)


def test_what_clicks_give_is_a_table_of_its_own(root: Path) -> None:
    found = figures(n_pairs=2345, best_of_16=interval(0.71), model="toy-2d")
    found |= {f"iou_{way}_{n}": interval(0.4 + n / 10) for way in ("z", "residual") for n in (0, 1)}
    found["iou_residual_1"] = interval(0.63)
    put(root / "docs" / "measured" / "clicks" / "toy-2d.json", found)
    text = models.page(root)
    (table,) = tables(text)
    assert table[0] == ["clicks", "0", "1"]
    assert row(table, "with a local residual")["1"] == "0.630 (0.620–0.640)"
    assert row(table, "without")["1"] == "0.500 (0.490–0.510)"
    assert "2,345 outlines of 1,234 test cases of 56 patients" in text
    assert "reaches 0.710" in text and "simulate-clicks --model toy-2d" in text


def test_experiments_on_directions(root: Path) -> None:
    folder = root / "docs" / "measured" / "rank"
    put(folder / "local-10.json", figures(effective_rank=interval(2.345)))
    put(folder / "local-2.json", figures(dice_majority=None))
    text = models.page(root)
    (table,) = tables(text)
    assert [line[0] for line in table[1:]] == ["`local-2`", "`local-10`"]
    assert row(table, "`local-10`")["effective rank"] == "2.35 (2.34–2.35)"
    assert row(table, "`local-2`")["Dice, majority"] == "–"
    assert row(table, "`local-2`")["diversity (raters 0.400)"] == "0.500 (0.490–0.510)"
    assert "1,234 validation cases of 56 patients" in text and "Baselines" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.500"),
        (0.0787, "0.0787"),
        (222.4, "222"),
        (1234.5, "1,234"),
        (99.96, "100.0"),
    ],
)
def test_three_digits(value: float, text: str) -> None:
    assert models._number(value) == text


def test_a_bar_in_a_label_does_not_split_its_cell() -> None:
    assert models._table(("a",), [("x | y",)])[-1] == r"| x \| y |"


def test_kinds_of_cases_have_a_table_of_their_own(root: Path) -> None:
    one = {"mean": 0.5, "low": 0.25, "high": 0.75}
    kinds = {
        "4 of 4 readers": {"n_cases": 1200, "ged2_v_100": one, "outline_coverage_90": one},
        "solid": {"n_cases": 3, "ged2_v_100": one, "volume_error": one, "surprise": one},
    }
    figures = {"weights_sha256": "0" * 64, "n_cases": 5, "n_patients": 4, "groups": kinds}
    put_card(root, metrics={"test": figures})
    (table,) = [t for t in tables(models.page(root)) if t[0][0] == "cases"]
    assert row(table, "4 of 4 readers") == {
        "cases": "4 of 4 readers",
        "number": "1,200",
        "GED²": "0.500 (0.250–0.750)",
        "error of the median size": "–",
        "outlines inside the range": "50.0 % (25.0–75.0)",
    }
    assert row(table, "solid")["error of the median size"] == "50.0 % (25.0–75.0)"


def test_versions_stand_beside_their_steps_and_the_aim(root: Path) -> None:
    put_card(root)
    rows = [
        {"version": version, "steps": steps, "minutes": minutes, "n_cases": 12}
        | {"ged2_v_100": interval(ged), "volume_error/four": interval(error)}
        for version, steps, minutes, ged, error in (
            ("0.1.0", 2500, None, 0.25, 0.3),
            ("0.2.0", 9500, 90.0, 0.22, 0.2),
            ("0.2.1", 9500, 90.0, 0.21, 0.31),
        )
    ]
    told = {"aims": {"ged2_v_100": "≤ 0.17"}, "done": {"0.2.0": "longer"}, "versions": rows}
    (root / "docs" / "measured" / "versions").mkdir(parents=True)
    (root / "docs" / "measured" / "versions" / "toy-2d.json").write_text(json.dumps(told))
    text = models.page(root)
    (table,) = [t for t in tables(text) if t[0][0] == "version"]
    assert row(table, "0.2.0") == {
        "version": "0.2.0",
        "what was done": "longer",
        "steps": "9,500",
        "GED², 100 samples": "0.220",
        "error of the median size, four readers": "20.0 %",
    }
    assert row(table, "aimed at")["GED², 100 samples"] == "≤ 0.17"
    # What steps brought is between the last two versions that differ in them.
    assert "The last 7,000 steps, planned as 90 minutes, made 0.1.0 into 0.2.0: GED²" in text
    assert "from 0.250 to 0.220; error" in text and "--start toy-2d" in text


def test_the_last_version_that_is_told_of_is_the_shipped_one() -> None:
    for path in (ROOT / "docs" / "measured" / "versions").glob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        shipped = json.loads((ROOT / "src_weights" / path.stem / "model.json").read_text("utf-8"))
        last, figures = told["versions"][-1], shipped["metrics"]["test"]
        assert last["version"] == shipped["version"]
        assert last["ged2_v_100"] == figures["ged2_v_100"]
        assert {row["version"] for row in told["versions"]} == set(told["done"])


def test_no_share_on_a_page_is_certain() -> None:
    """Of what no patient seen had it is not known that no other has it."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = {
        path.name: sure
        for path in pages
        if (
            sure := re.findall(
                r"(?<![\d.])(?:0(?:\.0+)?|100(?:\.0+)?) % \(0(?:\.0+)?–0(?:\.0+)?\)"
                r"|100(?:\.0+)? % \(100(?:\.0+)?–100(?:\.0+)?\)",
                path.read_text(encoding="utf-8"),
            )
        )
    }
    assert found == {}
    numbers = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    cells = [cell.strip() for line in numbers.splitlines() for cell in line.split("|")]
    assert "100 %" not in cells and "0 %" not in cells
