"""Importing the package costs next to nothing, and finds every public name when asked."""

import json
import subprocess
import sys

import pytest

import napari_ssn

HEAVY = ["torch", "monai", "scipy", "numpy", "nibabel", "napari", "qtpy", "superqt", "magicgui"]


def run_alone(code: str) -> str:
    """Standard output of `code` in an interpreter that has imported nothing yet."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_import_loads_nothing_heavy() -> None:
    loaded = json.loads(
        run_alone(
            "import json, sys, napari_ssn; dir(napari_ssn); napari_ssn.__version__; "
            f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
        )
    )
    assert loaded == []


def test_import_is_quick() -> None:
    timed = (
        "from time import perf_counter; start = perf_counter(); import napari_ssn; "
        "print(perf_counter() - start)"
    )
    # The best of three: a busy machine must not fail what is about the import.
    assert min(float(run_alone(timed)) for _ in range(3)) < 0.3


@pytest.mark.parametrize("name", napari_ssn.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(napari_ssn, name) is not None
    assert name in dir(napari_ssn)


def test_table_and_all_agree() -> None:
    assert {*napari_ssn._HOME, "__version__"} == set(napari_ssn.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        napari_ssn.no_such_name  # noqa: B018
