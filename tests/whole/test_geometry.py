"""The golden phantom through every reader, every writer and napari's own transforms.

A reader is a line in `READERS`, a writer one in `WRITERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import highdicom
import nibabel as nib
import nrrd
import numpy as np
import pytest
from napari.layers import Image, Labels
from numpy.typing import NDArray

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.geometry.volume import Volume
from napari_ssn.gui.layers import places
from napari_ssn.gui.layers import results as layers
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io.layers import image_layer, read_layers
from tests.support import readers
from tests.support.dicoms import make_multiframe, make_series
from tests.support.phantom import EXACT_MM, Phantom, phantom, phantoms, places_of
from tests.support.remembered import remember_signatures

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
ALL = [pytest.param(one, id=one.name) for one in phantoms()]
Placed = tuple[NDArray[Any], NDArray[np.float64]]


@pytest.fixture(autouse=True, scope="module")
def signatures() -> Iterator[None]:
    """Hundreds of layers are made here."""
    with pytest.MonkeyPatch.context() as patch:
        remember_signatures(patch)
        yield


# ---- Files, written by other libraries


def nifti(folder: Path, one: Phantom, name: str = "a.nii.gz", kind: Any = nib.Nifti1Image) -> Path:
    image = kind(one.data, one.affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, folder / name)
    return folder / name


def nrrd_file(folder: Path, one: Phantom) -> Path:
    lps = LPS @ one.affine
    header = {
        "space": "left-posterior-superior",
        "space directions": lps[:3, :3].T,
        "space origin": lps[:3, 3],
        "encoding": "raw",
    }
    nrrd.write(str(folder / "a.nrrd"), one.data, header)
    return folder / "a.nrrd"


def dicom(folder: Path, one: Phantom) -> Path:
    make_series(folder / "series", one.data, one.affine, intercept=0.0)
    return folder / "series"


def enhanced(folder: Path, one: Phantom) -> Path:
    return make_multiframe(folder / "a.dcm", one.data, one.affine, intercept=0.0)


# ---- Images, as the session gets them


def of_layer(layer: Image) -> Volume:
    return layers.describe(layer).source.load()


def as_layer(data: Any, kwargs: dict[str, Any], _: str) -> Image:
    return Image(
        data, **{k: v for k, v in kwargs.items() if k not in ("name", "rgb", "channel_axis")}
    )


READERS: dict[str, Callable[[Path, Phantom], Volume]] = {
    "NIfTI": lambda folder, one: ssn.read(nifti(folder, one)),
    "NIfTI, not compressed": lambda folder, one: ssn.read(nifti(folder, one, "a.nii")),
    "NIfTI-2": lambda folder, one: ssn.read(nifti(folder, one, kind=nib.Nifti2Image)),
    "NRRD": lambda folder, one: ssn.read(nrrd_file(folder, one)),
    "DICOM": lambda folder, one: ssn.read(dicom(folder, one)),
    "DICOM, enhanced": lambda folder, one: ssn.read(enhanced(folder, one)),
    "NIfTI in napari": lambda folder, one: of_layer(
        as_layer(*read_layers(str(nifti(folder, one)))[0])
    ),
    "NRRD in napari": lambda folder, one: of_layer(
        as_layer(*read_layers(str(nrrd_file(folder, one)))[0])
    ),
    "DICOM in napari": lambda folder, one: of_layer(
        as_layer(*image_layer(ssn.read(dicom(folder, one))))
    ),
    "napari-nifti": lambda _, one: of_layer(as_layer(*readers.napari_nifti(one.data, one.affine))),
    "napari-itk-io": lambda _, one: of_layer(
        as_layer(*readers.napari_itk_io(one.data, one.affine))
    ),
}


@pytest.mark.parametrize("one", ALL)
@pytest.mark.parametrize("reader", list(READERS))
def test_every_voxel_is_read_where_it_is(tmp_path: Path, reader: str, one: Phantom) -> None:
    volume = READERS[reader](tmp_path, one)
    assert sorted(volume.space) == sorted(one.data.shape)
    places = places_of(volume.data[0], volume.affine)
    np.testing.assert_allclose(places, one.places(), rtol=0, atol=EXACT_MM)
    assert volume.oriented and volume.extent == "volume" and volume.note is None
    # The brightest voxel is a marker: the one farthest to the patient's left.
    assert places[:, 0].argmin() == len(places) - 1


# ---- Results, read back by other libraries


def by_nibabel(path: Path) -> Placed:
    image = nib.load(path)
    return np.asanyarray(image.dataobj), image.affine


def by_pynrrd(path: Path) -> Placed:
    data, header = nrrd.read(str(path))
    assert header["space"] == "left-posterior-superior"
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = header["space directions"].T, header["space origin"]
    return data, LPS @ affine


def by_highdicom(path: Path) -> Placed:
    segmentation = highdicom.seg.segread(path)
    found = segmentation.get_volume(combine_segments=True)
    return found.array, LPS @ found.affine


WRITERS: dict[str, Callable[[Path], Placed]] = {
    "a.nii.gz": by_nibabel,
    "a.nii": by_nibabel,
    "a.seg.nrrd": by_pynrrd,
    "a.dcm": by_highdicom,
}


def label_places(label_map: NDArray[Any], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the labelled voxels lie, (n, 4): the label first, then mm, in an order of their own."""
    index = np.argwhere(label_map)
    mm = index @ affine[:3, :3].T + affine[:3, 3]
    rows = np.column_stack([label_map[tuple(index.T)], mm])
    return rows[np.lexsort(rows.round(3).T)]


@pytest.mark.parametrize("one", ALL)
@pytest.mark.parametrize("name", list(WRITERS))
def test_every_label_is_written_where_it_is(tmp_path: Path, name: str, one: Phantom) -> None:
    truth = label_places(one.marked, one.affine)
    volume = ssn.read(dicom(tmp_path, one) if name.endswith(".dcm") else nifti(tmp_path, one))
    marked = np.zeros(volume.space, np.uint8)
    values = volume.data[0]
    marked[values == values.max()] = 2
    marked[(values > 3) & (values < 9)] = 1
    hypothesis = Hypothesis(marked, volume.affine, None, classes=3)
    ssn.write(hypothesis, tmp_path / name, source=volume, overwrite=True)
    found = label_places(*WRITERS[name](tmp_path / name))
    np.testing.assert_allclose(found, truth, rtol=0, atol=EXACT_MM)
    if name.endswith((".nii", ".nii.gz", ".nrrd")):
        # And by our own reader: the label map lies on its image.
        again = ssn.read(tmp_path / name)
        np.testing.assert_allclose(
            label_places(again.data[0], again.affine), truth, rtol=0, atol=EXACT_MM
        )


# ---- Layers: what was exported, opened again, lies on the image


def ours(data: NDArray[Any], affine: NDArray[np.float64], folder: Path) -> Any:
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, folder / "opened.nii.gz")
    return read_layers(str(folder / "opened.nii.gz"))[0]


OPENERS: dict[str, Callable[[NDArray[Any], NDArray[np.float64], Path], Any]] = {
    "napari-ssn": ours,
    "napari-nifti": lambda data, affine, _: readers.napari_nifti(data, affine),
    "napari-itk-io": lambda data, affine, _: readers.napari_itk_io(data, affine),
}


def world_places(layer: Image | Labels) -> NDArray[np.float64]:
    """Where the viewer shows the labelled voxels of a layer, as `label_places` has it."""
    data = np.asarray(layer.data).round().astype(np.uint8)
    index = np.argwhere(data)
    world = np.array([layer.data_to_world(at) for at in index])
    rows = np.column_stack([data[tuple(index.T)], world])
    return rows[np.lexsort(rows.round(3).T)]


@pytest.mark.parametrize("one", ALL)
@pytest.mark.parametrize("opener", list(OPENERS))
def test_what_is_exported_lies_on_its_image(tmp_path: Path, opener: str, one: Phantom) -> None:
    """With the same reader as the image, as the worlds of readers differ."""
    image = as_layer(*OPENERS[opener](one.data, one.affine, tmp_path))
    shown = layers.describe(image)
    assert shown.display is not None
    # As the window makes a result's layer.
    volume = shown.source.load()
    values = volume.data[0]
    label_map = np.where(values == values.max(), 2, (values > 3) & (values < 9)).astype(np.uint8)
    transform = places.transform_of(image, 3)
    result = layers.label_layer(
        "result",
        shown.display.reorientation.apply(label_map),
        transform,
        layers.place_on(shown.display, transform),
    )
    expected = world_places(result)
    # On the image: the same voxels, where the image shows them.
    on_image = np.where(
        image.data == image.data.max(), 2, (image.data > 3) & (image.data < 9)
    ).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(result.data), on_image)
    np.testing.assert_array_equal(
        [result.data_to_world(at) for at in ((0, 0, 0), (3, 2, 1))],
        [image.data_to_world(at) for at in ((0, 0, 0), (3, 2, 1))],
    )
    data, state, _ = result.as_layer_data_tuple()
    write_labels(str(tmp_path / "out.nii.gz"), data, state)
    written, affine = by_nibabel(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(
        label_places(written, affine), label_places(one.marked, one.affine), atol=EXACT_MM
    )
    again = as_layer(*OPENERS[opener](written.astype(np.float32), affine, tmp_path))
    np.testing.assert_allclose(world_places(again), expected, rtol=0, atol=EXACT_MM)


def test_the_phantom_can_fail() -> None:
    """A flip, an exchange of axes, half a voxel and a hundredth of a degree are all seen."""
    one = phantom()
    truth = one.places()
    for data in (one.data[::-1], one.data[:, ::-1], one.data.transpose(1, 0, 2)):
        assert np.abs(places_of(data, one.affine) - truth).max() > 0.5
    moved = np.array(one.affine)
    moved[0, 3] += 2 * EXACT_MM
    assert np.abs(places_of(one.data, moved) - truth).max() > EXACT_MM
    turned = np.array(one.affine)
    turned[:3, 0] += 1e-4 * turned[:3, 1]
    assert np.abs(places_of(one.data, turned) - truth).max() > EXACT_MM
