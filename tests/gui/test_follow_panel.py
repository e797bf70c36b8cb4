"""The follow-up in a real dock: two scans are chosen, compared, linked and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QResizeEvent

from tests.support.dicoms import check_leaves_out, make_series
from tests.support.docks import settled
from tests.support.helpers import noise_image, page_of, tiny_model


@pytest.mark.styled
def test_two_scans_are_compared_beside_each_other(
    open_dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "solid", 3, region=(16,) * 3))
    session, panel, follow = dock.session, dock.follow, dock.session.follow
    page = next(at for at in range(dock.tabs.count()) if dock.tabs.tabText(at) == "Follow-up")
    dock.tabs.setCurrentIndex(page)
    assert "Segment both scans" in panel.hint.text() and not panel.report.isEnabled()
    for seed, name in enumerate(("spring", "autumn")):
        data = noise_image((18, 17, 16), seed=seed)
        viewer.add_image(data, name=name, scale=(1.0 + 0.05 * seed,) * 3, units=("mm",) * 3)
        dock.run.button.click()
        qtbot.waitUntil(
            lambda at=seed: settled(session) and len(session.results.entries) == at + 1,
            timeout=60_000,
        )
    qtbot.waitUntil(lambda: follow.growth is not None and not follow.waiting, timeout=60_000)
    shown = [box.currentText().split(" · ")[0] for box in panel.boxes]
    assert shown == ["spring", "autumn"] and not panel.hint.isVisibleTo(dock)
    assert panel.headline.text().startswith("Growth of 25 % or more: ")
    assert panel.beside.text().startswith("If nothing had changed: ")
    assert not panel.whose.isVisibleTo(dock)
    assert "no rate of growth" in panel.about.text() and "Longest diameter" in panel.about.text()
    assert "not known here" in panel.cautions.text()
    sides = {one.picture.pixmap().width() for one in panel.pictures}
    assert sides == {panel.pictures[0].side} and 128 <= sides.pop() <= panel.width() // 2
    # They are larger in a wider dock, and do not follow a scroll bar that comes and goes.
    height = panel.height()
    for width, side in ((420, 178), (404, 178), (436, 178), (520, 228), (900, 256), (300, 128)):
        panel.resize(width, height)
        panel.resizeEvent(QResizeEvent(panel.size(), panel.size()))
        assert {one.side for one in panel.pictures} == {side}
    sides = {one.picture.pixmap().width() for one in panel.pictures}
    assert sides == {128}
    # Dates are typed, another growth is asked about.
    panel._form["before"].setText("2025-03-01")
    panel._form["after"].setText("2025-08-28")
    assert "In 180 days: ×" in panel.about.text()
    assert panel.pictures[1].caption.text() == "After 2025-08-28"
    panel._form["percent"].setValue(50)
    assert panel.headline.text().startswith("Growth of 50 % or more: ")
    assert panel._form["after"].text() == "2025-08-28"
    panel.swap.click()
    assert "is the earlier one" in panel.cautions.text() and panel.headline.text() == ""
    panel.swap.click()
    # Points in the tab of one scan move the answer of both.
    before = follow.growth
    session.pointing.add((9, 9, 9), 1)
    qtbot.waitUntil(lambda: follow.growth is not before and not follow.waiting, timeout=60_000)
    assert "only one of them was corrected by points" in panel.cautions.text()
    # The same place in the other scan.
    assert follow.beside.on_show == 1
    session.places.look_at(follow.sides[1].seen.place, centred=True)
    panel.jump.click()
    assert dock.image.layers.currentText() == "spring" and follow.beside.on_show == 0
    assert panel._voxel() == follow.sides[0].seen.place
    panel.place.click()
    qtbot.waitUntil(lambda: "the place you set before" in panel.linked.text(), timeout=60_000)
    panel.offset.setValue(3)
    assert panel.where.text() == "+3 mm"
    qtbot.waitUntil(lambda: panel.report.isEnabled(), timeout=60_000)
    panel.ask = lambda *asked: str(tmp_path / asked[1])
    panel.report.click()
    qtbot.waitUntil(lambda: panel.told.text() == "Wrote change.html.", timeout=60_000)
    assert page_of(tmp_path / "change.html").count("data:image/png") == 2
    panel.table.click()
    qtbot.waitUntil(lambda: "Added a row" in panel.told.text(), timeout=60_000)
    assert len((tmp_path / "changes.csv").read_text().splitlines()) == 2
    panel.ask_which = lambda parent: str(tmp_path / "nowhere.json")
    panel.open.click()
    qtbot.waitUntil(lambda: panel.told.text() == "The sidecar does not exist.", timeout=60_000)


def test_a_page_in_the_archive_can_leave_out_whom_it_is_of(
    open_dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "solid", 3, region=(16,) * 3))
    session, panel, follow = dock.session, dock.follow, dock.session.follow
    page = next(at for at in range(dock.tabs.count()) if dock.tabs.tabText(at) == "Follow-up")
    dock.tabs.setCurrentIndex(page)
    assert not panel.unnamed.isVisibleTo(dock)
    for seed in (0, 1):
        values = np.maximum(noise_image((18, 17, 16), seed=seed), -1000)
        make_series(tmp_path / str(seed), values, np.diag([1.0, 1, 1.25, 1]), seed=seed)
        viewer.open(str(tmp_path / str(seed)), plugin="napari-ssn")
        dock.run.button.click()
        qtbot.waitUntil(
            lambda at=seed: settled(session) and len(session.results.entries) == at + 1,
            timeout=60_000,
        )
    qtbot.waitUntil(lambda: follow.growth is not None and not follow.waiting, timeout=60_000)
    qtbot.waitUntil(lambda: panel.report.isEnabled(), timeout=60_000)
    assert panel.unnamed.isVisibleTo(dock)
    # Both were taken on one day, by their headers.
    assert "of one day: no rate of growth" in panel.about.text()
    for unnamed in (False, True):
        panel.unnamed.setChecked(unnamed)
        panel.ask = lambda *asked, at=unnamed: str(tmp_path / f"{at}.sc.dcm")
        panel.report.click()
        words = "name nobody" if unnamed else "name the patient"
        qtbot.waitUntil(lambda words=words: words in panel.told.text(), timeout=60_000)
        check_leaves_out((tmp_path / f"{unnamed}.sc.dcm").read_bytes(), unnamed)
