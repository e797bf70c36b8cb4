"""Of a source that says all there is to say, what is written repeats what the standard requires."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

import napari_ssn as ssn
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.captured import encode_picture
from napari_ssn.io.dicom.series import told_of
from tests.support.dicoms import make_multiframe, make_series
from tests.support.helpers import noise_image
from tests.support.reported import described
from tests.support.segmentations import card
from tests.support.stuffed import REPEATED, Stuffed

SPACE = (9, 8, 5)
AXIAL = np.diag([-0.7, -0.7, 2.0, 1.0])
FILES = ("a.dcm", "a.labelmap.dcm", "a.sr.dcm", "a.rtstruct.dcm", "p.dcm", "p.pm.dcm", "page.dcm")


@pytest.fixture(scope="module", params=["slices", "frames"])
def source(request: pytest.FixtureRequest, tmp_path_factory) -> tuple[Volume, Stuffed]:
    folder, stuffed = tmp_path_factory.mktemp(request.param), Stuffed()
    image = np.clip(np.round(noise_image(SPACE)), -1000, 1000)

    def change(k: int, dataset: Dataset) -> None:
        stuffed.put(dataset)

    if request.param == "slices":
        make_series(folder, image, AXIAL, change=change)
    else:
        make_multiframe(folder / "a.dcm", image, AXIAL, change=stuffed.frames)
    return ssn.read(folder), stuffed


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("deidentified", [False, True])
def test_nothing_but_what_the_standard_requires_leaves(
    tmp_path: Path, source: tuple[Volume, Stuffed], name: str, deidentified: bool
) -> None:
    volume, stuffed = source
    path = tmp_path / name
    if name == "page.dcm":
        series = volume.source.unnamed() if deidentified else volume.source
        path.write_bytes(encode_picture(np.zeros((8, 8, 3), np.uint8), "tiny", False, series))
    else:
        inside, about = volume.data[0] > 0, card()
        what = ssn.Hypothesis(inside.astype(np.uint8), volume.affine, None, 3)
        record = described([what], about) if name == "a.sr.dcm" else None
        if name.startswith("p."):
            maps = np.stack([0.5 * inside, 0.25 * inside]).astype(np.float32)
            what = ssn.ProbabilityMap(maps, volume.affine)
        options = {"model": about, "source": volume, "provenance": record}
        ssn.write(what, path, deidentified=deidentified, **options)
    head, told = volume.source.headers[0], told_of(volume.source)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        found = set(stuffed.found_in(whole))
        if file.suffix == ".json":
            assert found == set()
            continue
        assert found == (set() if deidentified else REPEATED), file.name
        assert ("19510703" in str(whole), "20200102" in str(whole)) == 2 * (not deidentified,)
        assert dcmread(file).StudyInstanceUID == head.StudyInstanceUID
    # The list of it names the kinds of all that.
    for word in ("name, number, birth date and sex", "referring physician", "UIDs of the study"):
        assert word in told
