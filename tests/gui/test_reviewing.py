"""One scan of a cohort in the window, as the session that its result tells of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from napari_ssn.cohort import reading
from napari_ssn.cohort.task import Job, segment_scan
from napari_ssn.documents.cohort import Scan, Wanted
from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.gui.reviewing import show
from napari_ssn.network.models import load_model
from tests.support.dicoms import make_series
from tests.support.docks import settled
from tests.support.helpers import noise_image, oblique_affine, tiny_model


def wanted_of(model: Path) -> Wanted:
    card = load_model(model, "cpu").card
    return Wanted(model="tiny", weights_sha256=card.weights_sha256, card_sha256="0" * 64)


def test_a_result_opens_as_it_was_written(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "tiny", dims=3, region=(16, 16, 16))
    path = tmp_path / "scan.nii.gz"
    image = nib.Nifti1Image(noise_image((20, 18, 16)).astype(np.int16), oblique_affine())
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    scan = Scan(paths=(str(path),), image="scan.nii.gz")
    job = Job(scan, wanted_of(model), str(model), "cpu", 1, str(tmp_path / "000001"))
    assert segment_scan(job).state == "done"
    written = np.asarray(nib.load(tmp_path / "000001" / "mean.nii.gz").dataobj)

    viewer, dock = open_dock(model)
    show(viewer, dock, scan.paths, (), tmp_path / "000001" / "mean.json", None)
    qtbot.waitUntil(lambda: settled(dock.session), timeout=60_000)
    shown = dock.session.setup.source.turn.apply(written)
    np.testing.assert_array_equal(np.array(viewer.layers[HYPOTHESIS].data), shown)
    assert dock.session.note is not None and not dock.session.note.error


def test_of_several_series_the_one_that_was_segmented(
    open_dock: Callable[..., Any], tmp_path: Path
) -> None:
    for number in range(2):
        values = noise_image((20, 18, 4 + number), number).clip(-1000)
        make_series(tmp_path / "ct" / str(number), values, oblique_affine(), series=f"1.2.{number}")
    folder = tmp_path / "all"
    folder.mkdir()
    for number in range(2):
        for file in (tmp_path / "ct" / str(number)).iterdir():
            file.rename(folder / f"{number}-{file.name}")
    scan = Scan(paths=(str(folder),), image="all", dicom=True, uid="1.2.1")
    model = tiny_model(tmp_path / "tiny", dims=3, region=(16, 16, 16), centred=True)
    viewer, dock = open_dock(model)
    show(viewer, dock, (), reading.layers_of(scan, "scan 7"), None, (9, 8, 2))
    assert [layer.name for layer in viewer.layers if layer.ndim == 3][:1] == ["scan 7"]
    assert dock.session.setup.source.space == (20, 18, 5)
    assert dock.session.setup.centre == (9, 8, 2)
