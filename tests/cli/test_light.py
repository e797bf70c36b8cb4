"""What a command imports: nobody waits for what it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def imported(tmp_path: Path, *arguments: str) -> set[str]:
    """Packages that a command has imported when it ends."""
    code = (
        "import sys\n"
        "from napari_ssn.cli.app import app\n"
        f"sys.argv = ['napari-ssn', *{list(arguments)!r}]\n"
        "try:\n"
        "    app()\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print('imported', *sorted({name for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--help",), ("models",)], ids=" ".join)
def test_lists_do_not_wait_for_torch(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert not imported(tmp_path, *arguments) & {"torch", "scipy", "pydicom", "nibabel", "monai"}


def test_a_run_imports_one_network_and_no_library_of_them(tmp_path: Path) -> None:
    found = imported(
        tmp_path, "segment", "nodule-1", "--model", "lidc-2d", "--out", "out", "--samples", "1"
    )
    # torch's compiler, MONAI and what MONAI brings, scipy's statistics: seconds each.
    slow = {"monai", "torch._dynamo", "sympy", "pandas", "skimage.transform", "zarr", "scipy.stats"}
    assert not found & slow
    assert (tmp_path / "out" / "volumes.csv").is_file()
