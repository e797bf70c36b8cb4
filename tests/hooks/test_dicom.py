"""napari opens DICOM: a glance, a choice among several series, layers that name nobody."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

import napari_ssn as ssn
from napari_ssn.errors import ImageError
from napari_ssn.geometry.display import IMAGE_KEY, SOURCE_KEY, Display, to_volume
from napari_ssn.hooks import dicom as opening
from napari_ssn.hooks import glance
from napari_ssn.io.content import PlainLabel, PlainModel
from napari_ssn.io.dicom import DicomSeries
from napari_ssn.io.dicom.members import MAGIC, PREAMBLE, may_be_dicom
from napari_ssn.io.hashes import image_hash
from tests.support.dicoms import SECRETS, make_series
from tests.support.helpers import noise_image, oblique_affine

AXIAL = np.diag([-0.7, -0.7, 2.0, 1.0])
SPACE = (8, 7, 6)


@pytest.fixture
def plugins() -> PluginManager:
    """This plugin by itself, as it is installed."""
    manager = PluginManager()
    manager.register(PluginManifest.from_distribution("napari-ssn"))
    return manager


@pytest.fixture(autouse=True)
def nothing_opened() -> None:
    """No test begins in the middle of another's drop."""
    opening._Opened.until = 0.0


def chest(space: tuple[int, int, int] = SPACE) -> np.ndarray:
    """Values of a CT: lung around tissue."""
    values = np.full(space, -850.0, np.float32)
    values[2:6, 2:6] = 40 + np.arange(16).reshape(4, 4, 1)
    return values


def layers(path: Path | list[str]) -> list[Any]:
    asked = path if isinstance(path, list) else str(path)
    reader = glance.get_reader(asked)
    assert reader is not None
    return reader(asked)


# What is DICOM.


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("DOE, JANE")
    (tmp_path / "empty.dcm").write_bytes(b"")
    nib.save(nib.Nifti1Image(noise_image(SPACE), np.eye(4)), tmp_path / "a.nii")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.nii", "a.nii")
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4 and no more")
    for path in ("", "text.dcm", "empty.dcm", "a.nii", "a.zip", "broken.zip", "missing.dcm"):
        assert glance.get_reader(str(tmp_path / path)) is None
    assert glance.get_reader([]) is None


def test_a_large_folder_of_others_is_only_glanced_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.io.dicom import members

    for i in range(200):
        (tmp_path / f"{i:03d}.tif").write_bytes(bytes(200))
    read: list[int] = []
    real = members._read_file
    monkeypatch.setattr(members, "_read_file", lambda p, n: (read.append(n), real(p, n))[1])
    assert glance.get_reader(str(tmp_path)) is None
    assert len(read) <= 24 and max(read) <= 132


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("a.dcm", True),
        ("a.DCM", True),
        ("a.ima", True),
        ("a.dicom", True),
        ("a.zip", True),
        ("IM000001", True),
        ("DICOMDIR", True),
        ("I1", True),
        ("1.2.840.113619.2.55.3.4", True),
        ("picture.tif", False),
        ("a.nii", False),
        ("Makefile.am", False),
    ],
)
def test_napari_asks_for_files_that_may_be_dicom(
    tmp_path: Path, plugins: PluginManager, name: str, asked: bool
) -> None:
    (tmp_path / name).write_bytes(b"")
    found = plugins.iter_compatible_readers(str(tmp_path / name))
    assert asked == any(reader.command == "napari-ssn.read_dicom" for reader in found)


def test_napari_asks_for_folders(tmp_path: Path, plugins: PluginManager) -> None:
    found = plugins.iter_compatible_readers(str(tmp_path))
    assert any(reader.command == "napari-ssn.read_dicom" for reader in found)


def test_a_disc_for_a_patient_is_dicom_though_its_viewer_comes_first(tmp_path: Path) -> None:
    """A zip of one: a viewer of many files before the images, and one of these is damaged."""
    disc = tmp_path / "disc.zip"
    dicom = bytes(PREAMBLE) + MAGIC + bytes(400)
    with zipfile.ZipFile(disc, "w") as archive:
        for number in range(40):
            archive.writestr(f"AUTORUN/{number:02d}.dll", b"MZ" + bytes(400))
        for number in range(2):
            archive.writestr(f"DICOM/IM{number}", dicom)
    assert may_be_dicom(disc)
    # The first image of all: what cannot be read says nothing of the others.
    raw = bytearray(disc.read_bytes())
    raw[raw.index(b"DICM")] ^= 1
    disc.write_bytes(raw)
    assert may_be_dicom(disc)


# Layers.


@pytest.mark.parametrize("affine", [AXIAL, oblique_affine()], ids=["axial", "oblique"])
def test_a_layer_is_the_volume_and_its_series(tmp_path: Path, affine: np.ndarray) -> None:
    make_series(tmp_path / "DOE", chest(), affine)
    [(data, meta, kind)] = layers(tmp_path / "DOE")
    assert (
        kind == "image" and meta["name"] == "CT thorax · 2020-01-02 · 8 × 7 × 6" and meta["visible"]
    )
    display = Display.from_metadata(meta["metadata"][IMAGE_KEY])
    volume = to_volume(data, display)
    np.testing.assert_array_equal(volume.data[0], chest())
    np.testing.assert_allclose(volume.affine, affine, atol=1e-9)
    # To the last bit, so that a run from the window is one from the command line.
    assert image_hash(volume) == image_hash(ssn.read(tmp_path / "DOE"))
    source = meta["metadata"][SOURCE_KEY]
    assert isinstance(source, DicomSeries) and len(source.headers) == 6
    # What a viewer may show of a layer names nobody.
    assert not any(secret in repr({**meta, "data": 0}) for secret in SECRETS)


def test_a_ct_opens_at_the_window_of_what_it_shows(tmp_path: Path) -> None:
    make_series(tmp_path / "chest", chest(), AXIAL)
    make_series(tmp_path / "belly", np.maximum(noise_image(SPACE) / 20, -100).round(), AXIAL)
    assert layers(tmp_path / "chest")[0][1]["contrast_limits"] == [-1350, 150]
    assert layers(tmp_path / "belly")[0][1]["contrast_limits"] == [-160, 240]


def windowed(centre: Any, width: Any, **more: Any) -> Callable[[int, Dataset], None]:
    def change(k: int, dataset: Dataset) -> None:
        dataset.WindowCenter, dataset.WindowWidth = centre, width
        for keyword, value in more.items():
            setattr(dataset, keyword, value)

    return change


@pytest.mark.parametrize(
    ("centre", "width", "limits"),
    [("300", "400", [100, 500]), (["300", "9"], ["400", "8"], [100, 500]), ("3", "0", [0, 900])],
)
def test_an_mr_opens_at_its_own_window(
    tmp_path: Path, centre: Any, width: Any, limits: list[float]
) -> None:
    values = np.resize(np.arange(0, 901, 100), SPACE)
    make_series(
        tmp_path / "s", values, AXIAL, modality="MR", intercept=0, change=windowed(centre, width)
    )
    meta = layers(tmp_path / "s")[0][1]
    assert meta["contrast_limits"] == limits and "colormap" not in meta


def test_monochrome1_is_shown_inverted(tmp_path: Path) -> None:
    change = windowed("1", "2", PhotometricInterpretation="MONOCHROME1")
    make_series(tmp_path / "s", chest(), AXIAL, change=change)
    assert layers(tmp_path / "s")[0][1]["colormap"] == "gray_r"


# Several.


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "DOE"
    make_series(folder / "a", chest(), AXIAL, seed=1, number=1)
    make_series(folder / "b", chest((8, 7, 3)), AXIAL, seed=2, number=2, modality="MR")
    gap = make_series(folder / "c", chest((8, 7, 9)), AXIAL, seed=3, number=3)
    gap[4].unlink()
    return folder


def test_without_a_window_several_series_are_named(study: Path) -> None:
    with pytest.raises(ImageError, match="3 series, choose one by its number: 1: CT 8 × 7 × 6"):
        layers(study)


def test_the_user_chooses_among_several(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_ssn.gui.widgets import series_dialog

    asked: list[Any] = []
    answer = [1, 2]
    monkeypatch.setattr(series_dialog, "can_ask", lambda: True)
    monkeypatch.setattr(series_dialog, "ask", lambda what: asked.append(what) or answer)
    opened = layers(study)
    # The largest lies on top, the others are there when wanted.
    assert [(m["name"], m["visible"]) for _, m, _ in opened] == [
        ("MR thorax · 2020-01-02 · 8 × 7 × 3 · series 2", False),
        ("CT thorax · 2020-01-02 · 8 × 7 × 6 · series 1", True),
    ]
    [told] = asked
    entries = told.entries
    assert told.first == 1  # the largest that can be opened
    assert entries[0] == (1, "CT 8 × 7 × 6 · 0.7 × 0.7 × 2 mm", None)
    assert entries[2][1].endswith("cannot be opened") and "1 slice is missing" in entries[2][2]
    answer.clear()
    assert layers(study) == opening.NOTHING


def test_all_files_of_a_series_dropped_at_once_are_one_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make_series(tmp_path / "a", chest(), AXIAL, seed=1)
    other = make_series(tmp_path / "b", chest(), AXIAL, seed=2)
    [first, *others] = [layers(path) for path in paths]
    assert len(first) == 1 and all(one == opening.NOTHING for one in others)
    assert layers(other[0])[0][2] == "image"
    assert len(layers([str(path) for path in paths])) == 1
    # Opened again later it is opened again.
    now = opening._Opened.until + 1
    monkeypatch.setattr(opening.time, "monotonic", lambda: now)
    assert layers(paths[0])[0][2] == "image"


def test_the_series_of_a_headless_demo_must_be_the_only_one(study: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="3 series"):
        opening.check_single(study)
    opening.check_single(study / "a")
    opening.check_single(tmp_path / "a.nii.gz")


def test_missing_libraries_are_said(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "napari_ssn.io.dicom.read", None)
    with pytest.raises(ImageError, match=r"pip install \"napari-ssn\[dicom\]\""):
        layers(study / "a")


def segment_of(volume: ssn.Volume, path: Path, name: str) -> NDArray[np.uint8]:
    """Write a DICOM segmentation of a volume and return its label map."""
    label_map = (volume.data[0] > np.median(volume.data)).astype(np.uint8)
    model = PlainModel("toy", "1", "", [PlainLabel(n, "#e69f00") for n in ("background", name)])
    ssn.write(ssn.Hypothesis(label_map, volume.affine, None), path, model=model, source=volume)
    return label_map


def test_segmentations_beside_a_series_are_opened_hidden(tmp_path: Path) -> None:
    study = tmp_path / "study"
    make_series(study, chest(), AXIAL, seed=1)
    label_map = segment_of(ssn.read(study), study / "seg.dcm", "nodule")
    make_series(tmp_path / "other", chest(), AXIAL, seed=2, frame_of_reference="1.2.3")
    segment_of(ssn.read(tmp_path / "other"), study / "elsewhere.dcm", "of another patient")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", study)
    for path in (study, Path(packed)):
        [image, labels] = layers(path)
        assert image[2] == "image" and image[1]["visible"]
        assert labels[2] == "labels" and not labels[1]["visible"] and labels[1]["name"] == "nodule"
        assert labels[0].sum() == label_map.sum() and labels[1]["scale"] == image[1]["scale"]
    # To `read` it is a series as before, and one file of it is that series alone.
    assert ssn.read(study).space == ssn.read(tmp_path / "other").space
    assert len(layers(next(study.glob("*[0-9].dcm")))) == 1


def test_a_damaged_segmentation_keeps_nothing_from_being_opened(tmp_path: Path) -> None:
    make_series(tmp_path / "s", chest(), AXIAL)
    volume = ssn.read(tmp_path / "s")
    segment_of(volume, tmp_path / "s" / "seg.dcm", "nodule")
    seg = dcmread(tmp_path / "s" / "seg.dcm")
    del seg.SegmentSequence
    seg.save_as(tmp_path / "s" / "seg.dcm")
    with pytest.warns(UserWarning, match="left out. The DICOM segmentation is damaged"):
        [image] = layers(tmp_path / "s")
    assert image[2] == "image"
    with pytest.raises(ImageError, match="segmentation is damaged"):
        layers(tmp_path / "s" / "seg.dcm")


def test_a_folder_of_segmentations_is_opened(tmp_path: Path) -> None:
    make_series(tmp_path / "s", chest(), AXIAL)
    volume = ssn.read(tmp_path / "s")
    (tmp_path / "segs").mkdir()
    for name in ("a", "b"):
        segment_of(volume, tmp_path / "segs" / f"{name}.dcm", name)
    opened = layers(tmp_path / "segs")
    assert {m["name"] for _, m, _ in opened} == {"a", "b"} and all(
        m["visible"] for _, m, _ in opened
    )
    with pytest.raises(ImageError, match="only 2 SEG"):
        ssn.read(tmp_path / "segs")
