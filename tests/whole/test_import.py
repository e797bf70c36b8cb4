"""Importing the package costs next to nothing, and finds every public name when asked."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest
import yaml

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


def test_what_napari_calls_in_the_window_waits_for_nothing_heavy() -> None:
    """The dock, samples and readers: whoever opens them looks at a window that stands still."""
    manifest = yaml.safe_load((files("napari_ssn") / "napari.yaml").read_text(encoding="utf-8"))
    commands = manifest["contributions"]["commands"]
    # Readers import theirs when they have something to read.
    homes = {command["python_name"].partition(":")[0] for command in commands}
    homes |= {f"napari_ssn.hooks.{name}" for name in ("dicom", "resuming", "zarr")}
    assert len(homes) >= 7
    code = (
        "import json, sys; from importlib import import_module\n"
        f"for home in {sorted(homes)}: import_module(home)\n"
        "from napari_ssn.samples import COUNT, layers\n"
        "for number in range(1, COUNT + 1): layers(number)\n"
        "print(json.dumps([name for name in ('torch', 'monai') if name in sys.modules]))"
    )
    assert json.loads(run_alone(code)) == []


def test_whoever_has_no_libraries_of_dicom_does_all_else() -> None:
    """They are an extra: without them only what reads and writes DICOM cannot be imported."""
    code = (
        "import sys; from importlib import import_module; from pathlib import Path\n"
        "for name in ('pydicom', 'highdicom', 'dicomweb_client'): sys.modules[name] = None\n"
        "import napari_ssn; home = Path(napari_ssn.__file__).parent\n"
        "for room in ('cli', 'cohort', 'prediction', 'session'):\n"
        "    for path in sorted((home / room).rglob('*.py')):\n"
        "        place = path.relative_to(home.parent).with_suffix('').parts\n"
        "        import_module('.'.join(place))\n"
        "print('sound')"
    )
    assert run_alone(code).strip() == "sound"
