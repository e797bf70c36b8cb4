"""A page as a DICOM picture, judged by dicom3tools."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

import napari_ssn as ssn
from napari_ssn.errors import ExportError, ImageError
from napari_ssn.io.formats import encode_picture
from napari_ssn.text.page import to_picture
from napari_ssn.text.report import Picture, Report, Size
from tests.support.dicoms import check_leaves_out, told
from tests.support.segmentations import AFFINES, card, complaints, series

SAID = "1.9 mL · 15 × 12 mm"


def page(limit: str = "Not for children.") -> np.ndarray:
    picture = Picture(np.full((20, 30, 3), (200, 10, 10), np.uint8), "45 %", SAID)
    return to_picture(
        Report(
            title="Lung nodule", purpose=SAID, shown="Mean", pictures=[picture], pictured=SAID,
            sizes=[Size("nodule", "#102030", SAID, SAID)], given=[], facts=[("Image", SAID)],
            limits=[limit], codes=[("Image, sha256", "a" * 64)], presence=SAID,
        )
    )  # fmt: skip


def test_a_page_is_as_high_as_its_words_and_holds_its_pictures() -> None:
    short, long = page(), page("Not for children. " * 60)
    assert short.shape[1:] == (1240, 3) and long.shape[0] > short.shape[0]
    # The swatch of the label, and the picture.
    for colour in ((16, 32, 48), (200, 10, 10)):
        assert (short == colour).all(-1).any()
    # Nothing runs out of the margins.
    assert (short[:, :60] == 255).all() and (short[:, -60:] == 255).all()


@pytest.mark.parametrize("deidentified", [False, True])
def test_a_picture_is_of_its_patient_and_says_no_more(tmp_path: Path, deidentified: bool) -> None:
    source, path = series(tmp_path, AFFINES["oblique"], change=told), tmp_path / "a.sc.dcm"
    pixels = page()
    given = source.unnamed() if deidentified else source
    path.write_bytes(encode_picture(pixels, card().name, False, given))
    assert complaints(path, "SCImage") == []
    whole, read = path.read_bytes(), pydicom.dcmread(path)
    np.testing.assert_array_equal(read.pixel_array, pixels)
    assert read.StudyInstanceUID == source.headers[0].StudyInstanceUID
    check_leaves_out(whole, deidentified)
    with pytest.raises(ImageError, match="The images have colours"):
        ssn.read(path)
    with pytest.raises(ExportError, match="belongs to a DICOM series"):
        encode_picture(pixels, card().name, False, None)
