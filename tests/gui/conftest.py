"""A real viewer with the real dock, and a model small enough to run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.docks import add_image, open_in, undisturbed_by_others
from tests.support.fewer import draw_fewer
from tests.support.helpers import tiny_model
from tests.support.remembered import remember
from tests.support.settled import set_aside


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a window come first, then those that share one on the screen, and last those
    that have one of their own, which each of them would have closed, and the next one opened again.
    """
    places = [at for at, one in enumerate(items) if one.path.parent == Path(__file__).parent]
    ours = sorted((items[at] for at in places), key=_window_of)
    for at, one in zip(places, ours, strict=True):
        items[at] = one


def _window_of(item: pytest.Item) -> int:
    return max(at * _is(item, name) for at, name in enumerate(("", "shown", "own_window")))


def _is(item: Any, name: str) -> bool:
    return item.get_closest_marker(name) is not None


@pytest.fixture(autouse=True, scope="session")
def remembered() -> Iterator[None]:
    """What napari finds anew for every window is found once."""
    with pytest.MonkeyPatch.context() as patch:
        remember(patch)
        yield


@pytest.fixture(autouse=True)
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of archives of this test: nobody's own is read, nor written."""
    from napari_ssn.io.dicom.web import servers

    path = tmp_path / "config" / "servers.json"
    monkeypatch.setattr(servers, "servers_file", lambda: path)
    monkeypatch.setattr(servers, "keyring", None)
    return path


@pytest.fixture
def fewer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window shows what it shows of however many draws; where their number is said, of all."""
    if not _is(request.node, "all_draws"):
        draw_fewer(monkeypatch)


@pytest.fixture(scope="session")
def shared_window() -> Iterator[Any]:
    """The window of this process, if there are tests that share it."""
    # Not at the top: forms and dialogs are tested without napari's window.
    from tests.support.windows import SharedWindow

    window = SharedWindow()
    yield window
    window.close()


@pytest.fixture
def make_viewer(
    request: pytest.FixtureRequest, shared_window: Any, qtbot: Any
) -> Iterator[Callable[..., Any]]:
    """Function that opens a viewer as plugins see it: a shared one, or one of its own."""
    from napari.utils._proxies import PublicOnlyProxy

    from tests.support.windows import unwatched

    own, shown = _is(request.node, "own_window"), _is(request.node, "shown")
    lent = []

    def make(show: bool = False) -> Any:
        assert not lent, "there is one window to share"
        assert own or show == shown, "mark a test that shows the window"
        if own:
            shared_window.close()
            # Those before leave much of theirs.
            set_aside()
            viewer = request.getfixturevalue("make_napari_viewer")(show=show)
            return PublicOnlyProxy(unwatched(viewer) if shown else viewer)
        lent.append(PublicOnlyProxy(shared_window.lend(_is(request.node, "styled"), shown)))
        return lent[0]

    yield make
    if not lent:
        return
    # A test that was never called, or failed, may hold anything.
    report = getattr(request.node, "rep_call", None)
    if report is None or report.failed:
        shared_window.close()
        return
    well = False
    try:
        shared_window.take_back()
        well = True
    finally:
        if not well:
            shared_window.close()


@pytest.fixture
def open_dock(
    request: pytest.FixtureRequest,
    make_viewer: Callable[..., Any],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    fewer: None,
) -> Callable[..., Any]:
    """Function that opens a viewer with the dock and waits until its models are found.

    Where sizes and places are looked at alone a window that is shown need not be painted, which
    takes a third of such a test.
    """
    undisturbed_by_others(monkeypatch)

    def build(*models: Path, show: bool = False, painted: bool = True) -> Any:
        viewer = make_viewer(show=show)
        if not painted:
            viewer.__wrapped__.window._qt_window.setUpdatesEnabled(False)
        return viewer, open_in(viewer, qtbot, *models, styled=_is(request.node, "styled"))

    return build


@pytest.fixture
def opened(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    """Viewer and dock with an image of 40 × 48 pixels and a 2D model."""
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    add_image(viewer)
    return viewer, dock
