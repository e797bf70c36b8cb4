"""A scan, models, and results of both, to verify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import pytest

from napari_ssn.cli import spreads
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.prediction import ranges
from tests.support.choices import NAME, SPACE
from tests.support.helpers import command, noise_image, oblique_affine, tiny_model


@pytest.fixture(autouse=True, scope="module")
def fewer(few_draws: None) -> None:
    """A command writes, and verifies, however many draws as it does all of them."""


@pytest.fixture
def a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of as many hypotheses as a user's."""
    monkeypatch.setattr(ranges, "DRAWS", 1000)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "2d": tiny_model(folder / "tiny-2d", region=(16, 16), centred=True),
        "3d": tiny_model(folder / "tiny-3d", dims=3, classes=3, region=(16,) * 3),
        "spots": tiny_model(folder / "spots", dims=3, region=(16,) * 3, sparse=True),
        # The same network with other weights.
        "other": tiny_model(folder / "other", dims=3, classes=3, region=(16,) * 3, seed=1),
    }


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("images") / f"{NAME}.nii.gz"
    nib.save(nib.Nifti1Image(noise_image(SPACE), oblique_affine()), path)
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run ``verify``; exit status, standard output and standard error."""

    def call(*args: object) -> tuple[int, str, str]:
        status, out, err = command(monkeypatch, capsys, "verify", *args)
        assert NAME not in out + err and "Traceback" not in err
        # One sentence is the verdict, wherever it stands.
        assert len(out.splitlines()) <= 1
        return status, out.strip(), err.strip()

    return call


@pytest.fixture(scope="module")
def results(scan, models, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results")
    segment_image(scan, out, str(models["3d"]), count=1, device="cpu")
    return out


@pytest.fixture
def sidecar(results, tmp_path: Path) -> Path:
    """A sidecar with its label map beside it, to be changed."""
    for name in ("mean.json", "mean.nii.gz"):
        (tmp_path / name).write_bytes((results / name).read_bytes())
    return tmp_path / "mean.json"


@pytest.fixture
def measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes and diameters of a prediction are found once, however many edits are held against them.

    For tests that compare dozens of sidecars with what is one prediction: nothing is found for one
    of them that would not be found for another.
    """
    for name in ("count_ranges", "measure_lengths"):
        monkeypatch.setattr(spreads, name, _once(getattr(spreads, name)))


def _once(find: Callable[..., Any]) -> Callable[..., Any]:
    found: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def call(prediction: Any, *given: Any) -> Any:
        key = (id(prediction), *given)
        if key not in found:
            # With the prediction, so that no other comes to have its number.
            found[key] = prediction, find(prediction, *given)
        return found[key][1]

    return call
