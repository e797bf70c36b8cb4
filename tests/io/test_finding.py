"""The image of a sidecar, found where the sidecar lies."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.documents.chosen import Choice
from napari_ssn.io.api import read
from napari_ssn.io.describing import describe
from napari_ssn.io.finding import image_beside
from napari_ssn.io.hashes import image_hash
from tests.support.records import MODEL, RUN


@pytest.mark.parametrize("beside", [None, "{}", '{"Modality": "MR", "EchoTime": 0.03}'])
def test_an_image_may_have_a_json_of_another_program(tmp_path: Path, beside: str | None) -> None:
    for number in range(2):
        image = nib.Nifti1Image(np.full((4, 5, 6), number, np.int16), np.eye(4))
        nib.save(image, tmp_path / f"sub-{number}_T1w.nii.gz")
        if beside is not None:
            (tmp_path / f"sub-{number}_T1w.json").write_text(beside)
    wanted = tmp_path / "sub-1_T1w.nii.gz"
    hypothesis = ssn.Hypothesis(np.zeros((4, 5, 6), np.uint8), np.eye(4), z=None)
    record = describe(
        hypothesis,
        model=MODEL,
        run=RUN.model_copy(update={"image_sha256": image_hash(read(wanted))}),
        choice=Choice(kind="edited", z=None),
        labels=["background", "label 1"],
        extent="volume",
    )
    sidecar = tmp_path / "hypothesis.json"
    assert image_beside(sidecar, record) == wanted
