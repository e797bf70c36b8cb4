"""What every test runs under."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fewer import draw_fewer
from tests.support.ordered import slow_first
from tests.support.settled import settle

# napari then refuses layer changes from worker threads, and its viewer fixture fails on leaked Qt
# objects instead of warning.
os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] = "1"
os.environ["NAPARI_STRICT_QT"] = "1"
# napari colours labels in threads of numba's, whose OpenMP is torch's as well: from the first on
# torch would have as many threads as the machine has processors, whatever it was told, and where
# several processes share these, each waits for the others' by going round in circles.
if "OMP_NUM_THREADS" in os.environ:
    os.environ.setdefault("NUMBA_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
    if "numba.core.config" in sys.modules:
        # A plugin of pytest's has brought it: later it would refuse to have another number.
        sys.modules["numba.core.config"].reload_config()
# Nobody's settings of napari decide what tests see, and none are written.
os.environ["NAPARI_CONFIG"] = ""


# What sessions of tests leave must neither be offered to anybody nor decide what tests see.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="napari-ssn-state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], True)

_SCREEN = pytest.StashKey[Any]()


def pytest_configure(config: pytest.Config) -> None:
    # Processes that share the tests would take the keyboard from each other on one screen. What
    # runs without pytest-qt draws nothing.
    shared = hasattr(config, "workerinput") and config.pluginmanager.hasplugin("pytest-qt")
    if shared and sys.platform == "linux":
        from pyvirtualdisplay.display import Display

        config.stash[_SCREEN] = Display(visible=False, size=(1600, 1200)).start()
    for marker in (
        "gpu: needs CUDA or MPS; skipped without",
        "slow: takes more than ten seconds, or would in a process that is old, and comes first",
        "all_draws: says how many hypotheses are drawn, so that fewer would not do",
        "own_window: is about opening or closing napari's window, and has one for itself",
        "shown: looks at the window on the screen, and shares one that is there",
        "styled: looks at sizes or colours of the dock in a window that is not shown",
    ):
        config.addinivalue_line("markers", marker)


def pytest_unconfigure(config: pytest.Config) -> None:
    if (screen := config.stash.get(_SCREEN, None)) is not None:
        screen.stop()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The slow ones come first in each process, which then is young and has little to search for
    cycles, and none is left for one process alone at the end.
    """
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = slow_first(items, processes)


def pytest_runtest_setup(item: pytest.Item) -> None:
    settle()
    if item.get_closest_marker("gpu") is None:
        return
    # Named for a dry run, on the CPU as a rule.
    if os.environ.get("NAPARI_SSN_TEST_DEVICE"):
        return
    # Not at the top: half of the suite never needs torch.
    import torch

    if not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        pytest.skip("no GPU here")


@pytest.fixture(scope="module")
def few_draws() -> Iterator[None]:
    """For modules whose statements are the same for however many draws of cards and diameters."""
    with pytest.MonkeyPatch.context() as patch:
        draw_fewer(patch)
        yield


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real archive, one for all who need it: take out of it what you want it not to have."""
    from tests.support.orthanc import running

    with running(tmp_path_factory.mktemp("orthanc")) as one:
        yield one
