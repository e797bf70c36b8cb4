"""One run states one range, wherever it is stated."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.core.windows import looks_like_ct
from napari_ssn.segmenting import segment_image
from tests.helpers import tiny_model

SPACE = (20, 18, 16)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model of MR whose range is calibrated to something else than the hypotheses' own."""
    folder = tiny_model(
        tmp_path_factory.mktemp("models") / "mr", dims=3, region=(16,) * 3, calibration=0.3
    )
    card = json.loads((folder / "model.json").read_text())
    card["channels"] = ["MRI"]
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def image(folder: Path, kind: str) -> Path:
    noise = np.random.default_rng(5).normal(0, 30, SPACE)
    values = noise + 200
    if kind == "ct":
        values = noise + np.where(np.arange(SPACE[0])[:, None, None] < 8, -900, 40)
    assert looks_like_ct(values) == (kind == "ct")
    path = folder / "image.nii.gz"
    nib.save(nib.Nifti1Image(values.astype(np.float32), np.eye(4)), path)
    return path


@pytest.mark.parametrize("kind", ["ct", "mr"])
def test_command_table_and_report_state_one_range(model, tmp_path: Path, capsys, kind: str) -> None:
    out = tmp_path / "out"
    path = image(tmp_path, kind)
    segment_image(path, out, str(model), count=0, device="cpu", report=True)
    told = capsys.readouterr().out.strip()
    found = re.fullmatch(r".*: median \S+ mL · (.*)", told)
    assert found is not None, told
    # The diameters of the mean stand behind it, and in the report beside the size on show.
    line, _, across = found[1].rpartition(" · mean outline ")
    assert across.endswith(" mm")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert line[:1].upper() + line[1:] in page
    rows = list(csv.DictReader((out / "volumes.csv").read_text().splitlines()))
    ends = {row["hypothesis"]: float(row["ml"]) for row in rows if "range" in row["hypothesis"]}
    low, high = re.search(r"([\d.]+)–([\d.]+) mL", line).groups()  # type: ignore[union-attr]
    step = 10.0 ** -len(high.partition(".")[2])
    assert float(low) == pytest.approx(ends["range low"], abs=step)
    assert float(high) == pytest.approx(ends["range high"], abs=step)
    assert line.startswith("model range") == (kind == "ct")
