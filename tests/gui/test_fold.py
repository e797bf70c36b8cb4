"""Image, model and region fold away while a result is looked at."""

from __future__ import annotations

from typing import Any

from tests.support.docks import add_image, run_and_wait


def shown(dock: Any) -> bool:
    panels = (dock.image, dock.region)
    is_open = dock.fold.isExpanded()
    assert [panel.isVisibleTo(dock) for panel in panels] == [is_open] * 2
    return is_open


def test_everything_is_open_until_there_is_a_result(opened: tuple[Any, Any]) -> None:
    _, dock = opened
    assert shown(dock) and dock.fold.head.isHidden()


def test_a_result_folds_them_into_one_line_and_the_line_opens_it(
    opened: tuple[Any, Any], qtbot: Any
) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    assert not shown(dock)
    assert dock.fold.head.accessibleName() == "Tiny 2D model · whole image"
    dock.fold.head.click()
    assert shown(dock) and dock.fold.head.accessibleName() == "Image, model and region"
    dock.session.walk.nudge(0.5)
    dock.session.changed.emit()
    assert shown(dock)
    run_and_wait(dock, qtbot)
    assert not shown(dock)


def test_another_image_opens_it_once(opened: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    add_image(viewer, (40, 48))
    assert dock.session.stale and shown(dock)
    # Closed again by hand it stays closed.
    dock.fold.head.click()
    dock.session.changed.emit()
    assert not shown(dock)
