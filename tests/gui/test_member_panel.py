"""An ensemble in the dock: chosen in the place of a model, its members listed and left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.prediction.curve import STEP
from napari_ssn.text.overview import MEMBERS, SHARES
from tests.support.docks import add_image, run_and_wait, settled
from tests.support.helpers import tiny_model

SPACE = (30, 36)


def outlines() -> list[np.ndarray]:
    """What three people might outline: discs, each larger than the one before."""
    away = np.hypot(*(np.indices(SPACE) - np.array([[[14]], [[17]]])))
    return [(away < radius).astype(np.uint8) for radius in (5.2, 7.1, 9.4)]


@pytest.fixture
def dock(open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path) -> tuple[Any, Any]:
    """Viewer and dock with an image and three label layers on it, none of them chosen."""
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    add_image(viewer, SPACE)
    for number, one in enumerate(outlines()):
        where = {"scale": (0.7, 0.7), "units": ("mm", "mm")}
        viewer.add_labels(one, name=f"DOE JANE {number}", **where)
    models = dock.image.models
    models.activated.emit(models.findText("Ensemble…"))
    return viewer, dock


def test_files_of_every_kind_that_is_read_are_offered(
    dock: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(parent: Any, title: str, folder: str, kinds: str) -> tuple[list[str], str]:
        asked.append(kinds)
        return [], ""

    monkeypatch.setattr("napari_ssn.gui.panels.ensemble.QFileDialog.getOpenFileNames", ask)
    dock[1].image.members.files.click()
    offered = asked[0].removeprefix("Maps (").removesuffix(")").split()
    # Outlines of a network or a person come in these, too, and were greyed in the dialog.
    assert {"*.npz", "*.nii.gz", "*.nrrd", "*.mha", "*.mgz", "*.png", "*.dcm"} <= {*offered}


def take(viewer: Any, dock: Any) -> None:
    viewer.layers.selection = {one for one in viewer.layers if one.name.startswith("DOE")}
    dock.image.members.layers.click()


def cells(dock: Any) -> list[tuple[str, str, bool]]:
    table = dock.members.table
    return [
        (
            table.item(at, 0).text(),
            table.item(at, 1).text(),
            table.item(at, 0).checkState() == Qt.CheckState.Checked,
        )
        for at in range(table.rowCount())
    ]


def shown(viewer: Any) -> np.ndarray:
    return np.array(viewer.layers[HYPOTHESIS].data)


def test_an_ensemble_takes_the_place_of_a_model(dock: tuple[Any, Any]) -> None:
    viewer, dock = dock
    panel = dock.image.members
    assert dock.image.models.currentText() == "Ensemble…" and panel.isVisibleTo(dock)
    assert not dock.run.button.isEnabled() and "Choose the members" in dock.run.status.text()
    assert not dock.region.around.isEnabled()
    viewer.layers.selection = {viewer.layers["DOE JANE 0"]}
    panel.layers.click()
    assert "two layers or more" in dock.run.status.text()
    viewer.layers["DOE JANE 2"].translate = (3, 0)
    take(viewer, dock)
    assert "Layer “DOE JANE 2”: The outline lies on another grid" in dock.run.status.text()
    viewer.layers["DOE JANE 2"].translate = (0, 0)
    take(viewer, dock)
    assert panel.what.text() == "Members: 3 layers, as they were." and dock.run.button.isEnabled()
    dock.image.models.activated.emit(0)
    assert dock.session.setup.ensemble is None and not panel.isVisibleTo(dock)
    assert dock.region.around.isEnabled() or dock.session.setup.needs_point


def test_members_are_listed_shown_compared_and_left_out(dock: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = dock
    take(viewer, dock)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.summary.dealt, timeout=60_000)
    session, panel, maps = dock.session, dock.members, outlines()
    measure = session.result.measure
    sizes = [measure.amount_here(int(one.sum())) for one in maps]
    assert panel.isVisibleTo(dock)
    rows = [(f"{k + 1} · DOE JANE {k}", size, True) for k, size in enumerate(sizes)]
    assert cells(dock) == rows
    cards = sorted(button.accessibleName() for button in dock.cards.buttons[:3])
    assert cards == sorted(f"Hypothesis: 1 of 3 label maps, {size}" for size in sizes)
    assert dock.result.ranges[0].text().startswith("Smallest and largest of 3 label maps ")
    words = [one.text() for one in (*dock.result.ranges, *dock.result.headlines)]
    assert "DOE" not in str(words) + dock.run.status.text() and "reader" not in str(words)
    assert "mm²" not in dock.slider.directions.currentText()
    # Of so few no percentage is a share of anything.
    legend = {one for one, _, _ in dock.lines.legend.rows}
    assert set(MEMBERS) <= legend and not legend & set(SHARES)
    assert dock.result.headlines[0].text().startswith("Label 1: ")
    # A click shows one, and the arrows go on from there.
    panel.table.cellClicked.emit(2, 1)
    np.testing.assert_array_equal(shown(viewer), maps[2])
    assert dock.samples.here.text() == "Member 3 of 3" and dock.samples.add.text() == "Add members"
    assert [one.row() for one in panel.table.selectionModel().selectedRows()] == [2]
    dock.samples.step_on()
    assert dock.samples.here.text() == "Mean" and not panel.table.selectedItems()
    # Compare takes a member as it takes a card.
    dock.cards.compare.click()
    panel.table.cellClicked.emit(0, 1)
    assert session.comparing.other.member == 0 and session.walk.choice.member is None
    dock.cards.compare.click()
    # The slider ends at the outermost member.
    slider = dock.slider
    low, high = session.walk.here.ends()
    stops = (slider.slider.minimum(), slider.slider.maximum())
    assert stops == (round(low / STEP), round(high / STEP))
    assert 0 < high < session.settings.reach and slider.high.toolTip().startswith(f"+{high:.3g} ")
    assert "outermost" in slider.high.toolTip()
    # Without the largest the range ends at the second.
    panel.table.item(2, 0).setCheckState(Qt.CheckState.Unchecked)
    qtbot.waitUntil(lambda: settled(session) and len(session.result.members) == 2, timeout=60_000)
    assert cells(dock)[2] == ("– · DOE JANE 2", sizes[2], False)
    ends = measure.interval(*(float(one.sum()) for one in maps[:2]))
    assert dock.result.ranges[0].text() == f"Smallest and largest of 2 label maps {ends}"
    # Two stay, whatever is clicked.
    panel.table.item(1, 0).setCheckState(Qt.CheckState.Unchecked)
    assert "two members or more" in dock.run.status.text() and cells(dock)[1][2]


def test_of_a_single_member_nothing_is_a_range(dock: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = dock
    for number in (0, 2):
        viewer.layers[f"DOE JANE {number}"].data = np.zeros(SPACE, np.uint8)
    take(viewer, dock)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.summary.lengths is not None, timeout=60_000)
    size = dock.session.result.measure.amount(int(outlines()[1].sum()))
    words = dock.result.ranges[0].text()
    assert words == f"The one of 3 label maps that outlines anything {size}"
    assert "(the one of 3 label maps that outlines anything " in dock.result.lengths[0].text()
    assert "–" not in dock.result.lengths[0].text()
    # There is nowhere to go.
    slider = dock.slider
    assert dock.session.walk.here.ends() == (0, 0)
    assert slider.isEnabled() and not slider.slider.isEnabled() and not slider.play.isEnabled()


def test_the_votes_lie_beside_the_mean_map(dock: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = dock
    take(viewer, dock)
    run_and_wait(dock, qtbot)
    dock.members.votes.click()
    qtbot.waitUntil(lambda: dock.session.overviews.current("probability"), timeout=60_000)
    votes = np.mean(outlines(), axis=0)
    layer = next(one for one in dock.overlays.own_layers() if one.visible)
    np.testing.assert_allclose(np.asarray(layer.data), votes, atol=1e-6)
    assert dock.overview.probability.text() == "votes 0 to 3"
    assert "3 label maps" in dock.overview.probability.toolTip()
    viewer.layers.remove(layer)
    assert not dock.members.votes.isChecked()


def test_images_of_probabilities_are_members(dock: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = dock
    image = dock.picture.image
    away = np.hypot(*(np.indices(SPACE) - np.array([[[14]], [[17]]])))
    maps = [1 / (1 + np.exp((away - radius) / 2)) for radius in (5.2, 7.1, 9.4)]
    where = {"scale": (0.7, 0.7), "units": ("mm", "mm")}
    made = [viewer.add_image(one, name=f"soft {k}", **where) for k, one in enumerate(maps)]
    # What is opened last is taken for the image: it is chosen again.
    dock.picture.choose(image)
    assert dock.picture.image is image
    # The image itself is selected with them, and is none of them.
    viewer.layers.selection = {image, *made}
    dock.image.members.layers.click()
    assert dock.image.members.what.text() == "Members: 3 layers, as they were."
    run_and_wait(dock, qtbot)
    counts = dock.session.result.members.counts[:, 1]
    assert counts.tolist() == [int((one > 0.5).sum()) for one in maps]
    assert dock.result.ranges[0].text().startswith("Smallest and largest of 3 networks ")
    made[0].data = maps[0] * 255
    viewer.layers.selection = set(made)
    dock.image.members.layers.click()
    assert "Layer “soft 0”: It holds values below 0 or above 1" in dock.run.status.text()
    made[0].data, made[0].translate = maps[0], (0.7, 0)
    dock.image.members.layers.click()
    assert "Layer “soft 0”: It does not lie on the image's grid" in dock.run.status.text()


def test_labels_of_layers_are_put_in_one_order_by_their_names(
    dock: tuple[Any, Any], qtbot: Any
) -> None:
    """As layers of segmentations in files have them, those that somebody opened of two people."""
    viewer, dock = dock
    two = outlines()[1].copy()
    two[14:][two[14:] > 0] = 2
    for number, names in enumerate((("head", "tail"), ("tail", "head"))):
        layer = viewer.layers[f"DOE JANE {number}"]
        layer.data = two if number == 0 else np.array([0, 2, 1])[two]
        layer.features = {"index": [0, 1, 2], "label": ["background", *names]}
    viewer.layers.selection = {viewer.layers["DOE JANE 0"], viewer.layers["DOE JANE 1"]}
    dock.image.members.layers.click()
    run_and_wait(dock, qtbot)
    np.testing.assert_array_equal(dock.session.result.members.label_maps, np.stack([two, two]))


def test_a_layer_of_a_part_is_laid_where_it_lies(dock: tuple[Any, Any], qtbot: Any) -> None:
    """As a file of a part is; also in another unit."""
    viewer, dock = dock
    part = viewer.layers["DOE JANE 1"]
    part.data, part.scale, part.units = outlines()[1][4:25, 6:29], (700, 700), ("um", "um")
    part.translate = (4 * 700, 6 * 700)
    take(viewer, dock)
    run_and_wait(dock, qtbot)
    np.testing.assert_array_equal(dock.session.result.members.label_maps, np.stack(outlines()))
    part.translate = (20 * 700, 6 * 700)
    take(viewer, dock)
    assert "reaches beyond the image" in dock.run.status.text()
