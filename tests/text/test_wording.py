"""What the window says: amounts, ranges, directions and problems."""

from dataclasses import replace

import numpy as np
import pytest

from napari_ssn.core.directions.effects import Effect
from napari_ssn.core.directions.principal import Directions
from napari_ssn.documents.cohort import Found, Measured
from napari_ssn.documents.sidecar import Unit
from napari_ssn.errors import Cancelled, DeviceError, ModelError, ServerError
from napari_ssn.geometry.diameters import Diameter
from napari_ssn.prediction.choice import Question
from napari_ssn.text import cohort, drawing, readers
from napari_ssn.text.asking import question_line
from napari_ssn.text.directions import (
    direction_names,
    effect_name,
    effect_tip,
    ends,
    offered_directions,
)
from napari_ssn.text.image import geometry, origin
from napari_ssn.text.overview import missing_line, probability_tip, shares, unlike_line
from napari_ssn.text.problems import problem, seconds
from napari_ssn.text.sizes import (
    Measure,
    before_a_number,
    headline,
    histogram_tip,
    in_brief,
    percent,
    range_line,
)
from napari_ssn.text.steering import (
    card_lines,
    card_tip,
    comparison_line,
    hypothesis_words,
    points_tip,
)

ML = Measure("volume", 1.0, flat=False)  # a voxel of 1 mm³: 1,000 of them are 1 mL
SLICE = Measure("plane", 1.0, flat=True)
AREA = Measure("plane", 0.5, flat=True)
PIXELS = Measure("unknown", 1.0, flat=True)


def test_of_an_ensemble_of_few_no_contour_is_a_percentage() -> None:
    assert missing_line(2, "networks") == "No voxel is in all of the networks."
    assert missing_line(1, "networks") == "No voxel is in half of the networks."
    assert missing_line(0, "networks") == "No voxel is in any of the networks."
    assert missing_line(3, "networks") == ""
    assert shares("networks") == ("Outer · any member", "Median · half", "Inner · all members")
    assert shares("")[2] == "Inner · 95 % agree"


def test_a_label_without_a_name_is_told_from_its_size() -> None:
    assert (before_a_number("label 1"), before_a_number("nodule")) == ("Label 1:", "Nodule")


@pytest.mark.parametrize(
    ("measure", "voxels", "words"),
    [
        (ML, 1420, "1.42 mL"),
        (ML, 0, "0 mL"),
        (ML, 42, "0.042 mL"),
        (ML, 220, "0.22 mL"),
        (ML, 12_340, "12.3 mL"),
        (ML, 1_234_000, "1,234 mL"),
        (SLICE, 220, "220 mm² in this slice"),
        (AREA, 344, "172 mm² in this slice"),
        (PIXELS, 1352, "1,352 px in this slice"),
        (Measure("unknown", 1.0, flat=False), 352, "352 voxels"),
    ],
)
def test_amount(measure: Measure, voxels: int, words: str) -> None:
    assert measure.amount_here(voxels) == words


def test_headline() -> None:
    assert headline("nodule", ML, 1420) == "Nodule 1.42 mL · … mm"
    assert headline("nodule", ML, 1420, Diameter(15.2, 11.9)) == "Nodule 1.42 mL · 15 × 12 mm"
    assert headline("nodule", SLICE, 28, Diameter(6.44, 5)) == (
        "Nodule 28 mm² in this slice · 6.4 × 5.0 mm"
    )
    assert PIXELS.across(Diameter(9.2, 7.5)) == "9 × 8 px"
    assert headline("nodule", ML, None) == "Nodule …"
    assert headline("nodule", SLICE, 0) == "Nodule: none in this hypothesis"


def test_range_line_given_points() -> None:
    line = range_line(ML, 950, 2310, 0.9, 1000, points=2)
    assert line == "model range 0.95–2.31 mL (90 % of 1,000 hypotheses, given 2 points)"
    both = range_line(ML, 950, 2310, 0.9, 1000, points=2, spread=True)
    assert both.endswith("(90 % of 1,000 hypotheses, given 2 points, spread changed)")
    assert "given 1 point)" in range_line(ML, 950, 2310, 0.9, 1000, points=1)


def test_the_tip_of_the_meter_warns_of_what_the_model_cannot_explain() -> None:
    assert points_tip(0, False) == ""
    assert "1 in 1,000" in points_tip(2, True)
    # Of draws given points some take one for a slip: nothing says that all of them agree.
    for words in (points_tip(2, True), points_tip(2, False), probability_tip(400)):
        assert "All but a few of these agree with all of them" in words and "in most" in words


def test_range_line() -> None:
    line = range_line(ML, 950, 2310, 0.9, 1000)
    assert line == "model range 0.95–2.31 mL (90 % of 1,000 hypotheses)"
    assert range_line(ML, 0, 310, 0.9, 1000, absent=0.12).endswith(
        "hypotheses) · model: none in 12 %"
    )
    assert range_line(ML, 0, 310, 0.9, 1000, absent=0.12, around="21 networks") == (
        "range around 21 networks 0–0.31 mL (90 % of 1,000 hypotheses) · of these none in 12 %"
    )
    assert range_line(ML, 0, 310, 0.9, 1000).startswith("model range 0–0.31 mL")


def test_a_calibrated_range_is_called_so_and_a_model_range_is_not() -> None:
    line = range_line(ML, 950, 2310, 0.9, 1000, readers=4, patients=131)
    assert line == (
        "calibrated range 0.95–2.31 mL (nine in ten readers who outlined it drew a size in this "
        "range, on average over patients like those of the calibration)"
    )
    assert in_brief(line) == "calibrated range 0.95–2.31 mL (nine in ten readers)"
    line = range_line(ML, 950, 2310, 0.8, 1000, readers=1, patients=25)
    assert line == (
        "adjusted range 0.95–2.31 mL (80 % of outlines of one expert had a size in this range, "
        "on average over patients like those of the calibration)"
    )
    assert in_brief(line) == "adjusted range 0.95–2.31 mL (80 % of outlines of one expert)"
    line = range_line(ML, 950, 2310, 0.9, 1000)
    assert "calibrated" not in line and in_brief(line) == line


def test_a_range_learnt_of_pooled_readings_claims_what_it_held() -> None:
    line = range_line(ML, 0, 2310, 0.9, 1000, readers=4)
    assert line == (
        "calibrated range 0–2.31 mL (set to hold 90 % of the readings it was learnt from, "
        "empty ones too)"
    )
    line = range_line(ML, 950, 2310, 0.9, 1000, readers=1)
    assert line.endswith("(set to hold 90 % of the outlines of one expert it was learnt from)")


def test_geometry() -> None:
    assert (
        geometry((512, 512, 36), (0.76, 0.76, 1.0), "volume", "axial")
        == "512 × 512 × 36 · 0.76 × 0.76 × 1.0 mm · axial"
    )
    assert geometry((128, 96), None, "unknown") == "128 × 96 · voxel size unknown"
    assert geometry((9, 9), (0.7, 0.7), "plane").endswith("0.7 × 0.7 mm · thickness unknown")
    assert geometry((9, 9), (0.7, 0.7), "volume", "", 3.0) == "9 × 9 · 0.7 × 0.7 × 3.0 mm"


def effect(kind: str, side: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Effect:
    return Effect(kind, 1, 0.9, 2.4, 0.3, side)  # type: ignore[arg-type]


# Sides are in the patient: right, anterior, superior positive.
@pytest.mark.parametrize(
    ("side", "patient", "picture"),
    [
        ((0, -1, 0), "posterior edge", "lower edge"),
        ((0, 1, 0), "anterior edge", "upper edge"),
        ((1, 0, 0), "right edge", "left edge"),
        ((-1, 0, 0), "left edge", "right edge"),
        ((0, 0, 1), "superior edge", "later-slice edge"),
        ((-0.7, 0.7, 0), "anterior left edge", "upper right edge"),
        ((-0.95, 0.3, 0), "left edge", "right edge"),
        ((0.5, 0.6, 0.6), "superior anterior edge", "later-slice upper edge"),
    ],
)
def test_edges_are_named_by_their_side(
    side: tuple[float, float, float], patient: str, picture: str
) -> None:
    assert effect_name(effect("edge", side), ML, 1e-3, True) == f"{patient}, 0.9–2.4 mL"
    assert effect_name(effect("edge", side), ML, 1e-3, False) == f"{picture}, 0.9–2.4 mL"


def test_other_effects() -> None:
    assert effect_name(effect("size"), ML, 1e-3, True) == "overall size, 0.9–2.4 mL"
    glass = replace(effect("size"), tissue="glass")
    assert effect_name(glass, ML, 1e-3, True) == "ground glass, 0.9–2.4 mL"
    for tissue, words in (("vessel", "towards a vessel"), ("wall", "towards the wall")):
        edge = replace(effect("edge", (-1, 0, 0)), tissue=tissue)
        assert effect_name(edge, ML, 1e-3, True) == f"left edge {words}, 0.9–2.4 mL"
    assert effect_name(effect("presence"), AREA, 1e-3, True) == "there or not, 450–1,200 mm²"
    assert effect_name(effect("shift", (-1, 0, 0)), ML, 1e-3, True) == "shift to the left"
    assert effect_name(effect("shift", (-1, 0, 0)), ML, 1e-3, False) == "shift to the right"
    assert effect_name(effect("none"), ML, 1e-3, True) == "no visible change"
    several = effect_name(effect("size"), ML, 1e-3, True, ("background", "anterior"))
    assert several == "size of anterior, 0.9–2.4 mL"


def test_the_ends_of_the_slider_are_said() -> None:
    grows, shift = effect("size"), effect("shift", (-1, 0, 0))
    assert ends(grows, True) == ("smaller", "larger")
    assert ends(replace(grows, low_ml=grows.high_ml, high_ml=grows.low_ml), True) == (
        "larger",
        "smaller",
    )
    assert ends(shift, True) == ("right", "left")
    assert ends(shift, False) == ("left", "right")
    # Of what does not change in size nothing is promised.
    assert ends(replace(grows, low_ml=1.0, high_ml=1.0), True) == ("less", "more")


def test_what_is_on_show_is_said_without_numbers_of_draws_that_nobody_steps_through() -> None:
    assert hypothesis_words(None, 16) == "Mean"
    assert hypothesis_words(2, 16) == "Hypothesis 3 of 16"
    assert hypothesis_words(260, 16, card=2, moved=True) == "Card 2, boundary moved"
    assert hypothesis_words(260, 16) == "Hypothesis 261"
    assert hypothesis_words(None, 16, nothing=True) == "Nothing outlined"
    assert hypothesis_words(None, 16, drawn=True) == "Nearest to drawing"
    assert hypothesis_words(None, 16, alone=(4,)) == "Mean, lesion 4 alone"
    assert hypothesis_words(None, 16, alone=(4, 6)) == "Mean, 2 lesions alone"


def two(first: Effect, second: Effect, kind: str | None = None) -> str:
    both = replace(first, label=1, others=(replace(second, label=2),), kind=kind or first.kind)
    return effect_name(both, ML, 1e-3, True, ("background", "anterior", "posterior"))


def test_directions_that_move_two_labels_name_both() -> None:
    size, shrinks = effect("size"), replace(effect("size"), ml_per_sigma=-0.3)
    assert two(size, size) == "size of anterior & posterior"
    assert two(size, shrinks) == "anterior against posterior"
    left, right = effect("edge", (-1, 0, 0)), effect("edge", (1, 0, 0))
    assert two(left, left) == "left edge of anterior & posterior"
    assert two(left, right) == "edge of anterior, edge of posterior"
    shift = effect("shift", (-1, 0, 0))
    assert two(shift, shift) == "shift of anterior & posterior to the left"
    assert two(size, shift) == "size of anterior, shift of posterior"
    assert two(size, shrinks, "border") == "border of anterior & posterior"


def test_the_tip_of_a_direction_says_how_much_and_how_far() -> None:
    one = replace(effect("size"), mm_per_sigma=0.83)
    assert effect_tip(one, ML, 1e-3, ("background", "nodule"), "mm") == (
        "Nodule: 0.90–2.40 mL between −2 and +2 σ · +0.30 mL per σ · boundary moves 0.83 mm per σ"
    )
    second = replace(effect("size"), label=2, ml_per_sigma=-0.2)
    both = replace(one, others=(second,))
    first, last = effect_tip(both, ML, 1e-3, ("background", "a", "b"), "px").split("\n")
    assert first.endswith("0.83 px per σ")
    assert last == "B: 0.90–2.40 mL between −2 and +2 σ · −0.20 mL per σ"
    still = replace(one, low_ml=1.92, high_ml=1.92)
    assert effect_tip(still, ML, 1e-3, ("background", "nodule"), "mm").startswith(
        "Nodule: 1.92 mL at −2 and at +2 σ · "
    )
    elsewhere = effect_tip(one, ML, 1e-3, ("background", "nodule"), "mm", from_mean=False)
    assert elsewhere.startswith("As measured from the model's mean, not from here:\nNodule: 0.90")
    assert effect_tip(effect("none"), ML, 1e-3, ("x", "y"), "mm").startswith("No label changes")


def directions(shares: list[float], kinds: list[str]) -> Directions:
    effects = tuple(effect(kind, (0, -1, 0)) for kind in kinds)
    return Directions(np.eye(len(shares)), np.array(shares), effects)


def test_directions_are_numbered_and_negligible_ones_left_out() -> None:
    found = directions([0.71, 0.28, 0.006, 0.004], ["size", "edge", "none", "size"])
    names = direction_names(found, ML, 1e-3, True, ("background", "nodule"))
    assert names == [
        (0, "1 · overall size, 0.9–2.4 mL · 71 %"),
        (1, "2 · posterior edge, 0.9–2.4 mL · 28 %"),
    ]
    # From elsewhere than the mean the sizes are others, and not said.
    names = direction_names(found, ML, 1e-3, True, ("background", "nodule"), from_mean=False)
    assert [name for _, name in names] == ["1 · overall size · 71 %", "2 · posterior edge · 28 %"]


def test_one_direction_is_always_offered() -> None:
    assert offered_directions(directions([0.0, 0.0], ["none", "none"])) == [0]
    # The one that is walked, even if it changes nothing any more.
    assert offered_directions(directions([0.0, 0.0], ["none", "none"]), 1) == [1]
    assert offered_directions(directions([0.7, 0.3, 0.0], ["size", "none", "none"]), 2) == [0, 2]


def test_small_things() -> None:
    assert [percent(x) for x in (0.712, 0.001, 0.0, 1.0)] == ["71 %", "<1 %", "0 %", "100 %"]
    # Nearly all is not all.
    assert [percent(x) for x in (0.994, 0.996, 0.99999)] == ["99 %", ">99 %", ">99 %"]
    assert [seconds(x) for x in (0.84, 24.3, 185)] == ["0.8 s", "24 s", "3 min 05 s"]
    assert origin("CC BY 3.0", "LIDC-IDRI: many slices") == "CC BY 3.0 · trained on LIDC-IDRI"


def test_problems_are_one_sentence_without_paths() -> None:
    secret = "/home/someone/patient.nii"
    torch_missing = OSError(22, "DLL initialization failed", secret)
    torch_missing.winerror = 1114  # type: ignore[attr-defined]
    for error in (
        ImportError(secret),
        MemoryError(secret),
        OSError(13, "denied", secret),
        KeyError(secret),
        torch_missing,
    ):
        words = problem(error)
        assert "patient" not in words and "/" not in words and words.endswith(".")
    assert problem(torch_missing).startswith("PyTorch or MONAI could not be started")
    assert problem(ModelError("The card is invalid.")) == "The card is invalid."
    assert problem(Cancelled("x")) == "Cancelled."
    assert "Choose the CPU" in problem(DeviceError("The graphics memory is full."))
    away = "The server cannot be reached: look whether it runs, and at its address."
    assert problem(ServerError(away)) == f"{away} Or choose “This computer” under Settings."


def test_cards_and_comparisons_in_words() -> None:
    measure = Measure("volume", 1.0, False)
    assert card_lines(measure, 0.343, 0.024, [0, 1420]) == ("34 ±2 %", "1.42 mL")
    assert card_lines(measure, 0.004, 0.003, [9, 0]) == ("0 ±1 %", "nothing outlined")
    # The only one there is would be so again.
    assert card_lines(measure, 1.0, 0.0, [9, 0]) == ("100 %", "nothing outlined")
    assert card_tip(1.0, 0.0, 400).startswith("Stands for 100 % of 400 hypotheses. Click")
    assert "give or take 2 %" in card_tip(0.34, 0.024, 400)
    # Draws are given presence, shares are of all readers.
    none = card_tip(0.13, 0.0, 400, apart=True, empty=True)
    assert none.startswith("13 % of readers would outline nothing here") and "400" not in none
    one = card_tip(0.34, 0.024, 400, apart=True)
    assert one.startswith("Stands for what 34 % of readers would outline")
    assert "400 hypotheses of those who outline something (drawn again, give or take 2 %)" in one
    assert comparison_line(["nodule"], [0.871], [0.84], "mm") == "Dice 0.87 · 0.8 mm apart"
    both = comparison_line(["anterior", "posterior"], [0.5, 0.0], [2.0, float("nan")], "px")
    assert both == "Anterior: Dice 0.50 · 2.0 px apart; Posterior: only in one of the two"


def test_what_is_said_of_many_hypotheses() -> None:
    assert unlike_line([], 100) == "None of 100 hypotheses is unlike the others."
    assert unlike_line([7], 100) == "Hypothesis 7 of 100 is unlike the others."
    assert unlike_line([12, 7], 100) == "Hypotheses 12 and 7 of 100 are unlike the others."
    assert unlike_line([5, 4, 3, 2], 50) == "Hypotheses 5, 4, 3 and 2 of 50 are unlike the others."
    many = unlike_line(range(19, 9, -1), 50)
    assert many == (
        "Hypotheses 19, 18, 17, 16, 15, 14, 13, 12 and 2 more of 50 are unlike the others."
    )
    assert missing_line(3) == "" and missing_line(2) == "No voxel is in 95 % of the hypotheses."
    assert missing_line(0) == "No voxel is in 5 % of the hypotheses."
    assert "400" in probability_tip(400) and "model itself" in probability_tip(None)


@pytest.mark.parametrize(
    ("voxels", "words"), [(0, "0 mL"), (1, "0.0002 mL"), (4, "0.0008 mL"), (5, "0.001 mL")]
)
def test_what_is_there_is_never_said_to_be_nothing(voxels: float, words: str) -> None:
    measure = Measure("volume", 0.2, False)
    assert measure.amount(voxels) == words
    if voxels:
        assert measure.interval(0, voxels) == f"0–{words}"
        assert not measure.short_interval(0, voxels).endswith("–0.00 mL")


def test_a_range_whose_ends_read_the_same_is_one_number() -> None:
    measure = Measure("volume", 1.0, False)
    assert measure.interval(2948, 2951) == measure.amount(2948) == "2.95 mL"
    assert measure.interval(2948, 2958) == "2.95–2.96 mL"
    assert measure.short_interval(2960, 2990) == "3.0 mL"


def test_whatever_is_said_of_one_slice_says_so() -> None:
    """A line that may stand alone says it: an area of a slice is none of a nodule."""
    counts = np.array([[100], [120]])
    voxels, dice, far = [100, 80, 60], [0.9], [0.5]
    whole = Measure("volume", 1000.0, flat=False)
    for measure in (AREA, PIXELS, whole):
        question = Question("at least", 1, 200)
        said = [
            *readers.sizes_lines(measure, ["nodule"], ["Anna", "Ben"], counts),
            readers.nested_line(measure, "nodule", voxels, voxels),
            readers.placed_line(measure, "Anna", ["nodule"], dice, 9, 0, 0.5, [0.5]),
            readers.placed_line(measure, "Anna", ["nodule"], dice, 0, 9, 0.5, [0.5]),
            drawing.nearest_line(measure, ["nodule"], [90], dice, far, "mm"),
            drawing.unexplained_line(measure, 9, 0, 0),
            drawing.unexplained_line(measure, 0, 9, 0),
            drawing.unexplained_line(measure, 0, 0, 9),
            question_line(measure, "nodule", *question.asked),
            histogram_tip(measure, 1, 90, 100),
            effect_tip(effect("size"), measure, 1e-3, ("background", "nodule"), "mm"),
            card_lines(measure, 0.3, 0.0, [0, 90])[1],
        ]
        for words in said:
            assert (" in this slice" in words) == measure.flat, words


@pytest.mark.parametrize(("unit", "there"), [("mL", False), ("mm2", True), ("voxels", False)])
def test_a_cohort_says_which_sizes_are_of_one_slice(unit: Unit, there: bool) -> None:
    one = Measured(
        label="nodule", unit=unit, mean=5, median=5, low=4, high=6, level=0.9, kind="model", apart=1
    )
    said = [cohort.size_words(one), *cohort.remarks(Found(image_sha256="0" * 64, labels=(one,)))]
    assert len(said) == 2
    assert all((" in this slice" in words) == there for words in said)
