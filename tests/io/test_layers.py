import json
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from napari.layers import Image

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.ran import ModelIdentity, Run
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import ExportError, GeometryError, ImageError
from napari_ssn.geometry.display import IMAGE_KEY, RESULT_KEY, Display, image_display, to_volume
from napari_ssn.geometry.transforms import scaling
from napari_ssn.gui.layers import results as layers
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io.describing import describe
from napari_ssn.io.formats import patterns
from napari_ssn.io.hashes import image_hash
from napari_ssn.io.known import PICTURE_SUFFIXES
from napari_ssn.io.layers import get_reader, image_layer, read_layers
from napari_ssn.io.nifti import read_nifti
from tests.support.helpers import noise_image, oblique_affine

SPACE = (6, 5, 4)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Asymmetric, oblique, stored in an order of its own, with the left lower corner bright."""
    affine = oblique_affine()[:, [1, 2, 0, 3]] @ np.diag([-1, 1, -1, 1])
    nib.save(nib.Nifti1Image(noise_image(SPACE), affine), tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def hypothesis(volume: ssn.Volume) -> Hypothesis:
    labels = (np.arange(volume.data.size) % 2).astype(np.uint8).reshape(volume.space)
    return Hypothesis(labels, volume.affine, np.array([0.5, -1.5]))


def result_meta(display: Display, **more) -> dict:
    return {"metadata": {RESULT_KEY: json.loads(json.dumps(display.to_metadata())) | more}}


def test_napari_hands_over_files_of_every_format_but_pictures() -> None:
    manifest = yaml.safe_load((files("napari_ssn") / "napari.yaml").read_text(encoding="utf-8"))
    readers = {one["command"]: one for one in manifest["contributions"]["readers"]}
    offered = readers["napari-ssn.read"]["filename_patterns"]
    ours = [one for one in patterns() if not one.endswith(PICTURE_SUFFIXES)]
    assert len(offered) == len(ours) and {*offered} == {*ours}
    assert all(get_reader(one.replace("*", "scan")) is not None for one in offered)


@pytest.mark.parametrize("path", ["a.png", "a.dcm", "folder", [], ["a.nii", "b.png"]])
def test_other_files_are_left_to_others(path) -> None:
    assert get_reader(path) is None


def test_a_scan_is_shown_as_radiologists_look_at_it(scan: Path) -> None:
    reader = get_reader(str(scan))
    assert reader is not None
    [(data, meta, kind)] = reader(str(scan))
    volume = ssn.read(scan)
    assert kind == "image" and meta["name"] == f"Image {' × '.join(map(str, SPACE))}"
    assert meta["axis_labels"] == ("z", "y", "x") and meta["units"] == ("mm",) * 3
    np.testing.assert_allclose(meta["scale"], (2.5, 1.3, 0.7), rtol=1e-6)
    assert np.shares_memory(data, image_layer(volume)[0]) is False
    np.testing.assert_array_equal(data, Display.of(volume).reorientation.apply(volume.data[0]))
    # Plain numbers only: metadata may be saved with the layer.
    note = json.loads(json.dumps(meta["metadata"][IMAGE_KEY]))
    assert note["deobliqued"] and note["image_space"] == list(SPACE)


def test_several_files_are_several_layers(scan: Path) -> None:
    paths = [str(scan), str(scan)]
    reader = get_reader(paths)
    assert reader is not None and len(reader(paths)) == 2


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "DOE.nii").write_text("text")
    reader = get_reader(str(tmp_path / "DOE.nii"))
    assert reader is not None
    with pytest.raises(ImageError, match="no NIfTI file") as caught:
        reader(str(tmp_path / "DOE.nii"))
    assert "DOE" not in str(caught.value)
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 2, 9), np.float32), np.eye(4)), tmp_path / "t.nii")
    with pytest.raises(GeometryError, match="3 × 3 × 3 × 2 × 9"):
        reader(str(tmp_path / "t.nii"))


@pytest.mark.parametrize("step", [(2000.0, 16, 2.0), (1.5, 8, 1.5), (1.5, 0, None), (0.0, 8, None)])
def test_a_time_series_is_one_layer_whose_frames_lie_where_each_would(
    scan: Path, tmp_path: Path, step: tuple[float, int, float | None]
) -> None:
    pixdim, unit, seconds = step
    one = nib.load(scan)
    values = np.stack([one.get_fdata(dtype=np.float32) + 1000 * k for k in range(3)], axis=-1)
    image = nib.Nifti1Image(values, one.affine)
    image.header["pixdim"][4], image.header["xyzt_units"] = pixdim, 2 | unit
    nib.save(image, tmp_path / "series.nii.gz")
    nib.save(nib.Nifti1Image(values[..., 1], one.affine), tmp_path / "second.nii.gz")
    [(data, meta, kind)] = read_layers(str(tmp_path / "series.nii.gz"))
    [(alone, there, _)] = read_layers(str(tmp_path / "second.nii.gz"))
    assert kind == "image" and data.shape == (3, *alone.shape)
    np.testing.assert_array_equal(data[1], alone)
    assert meta["scale"] == (seconds or 1.0, *there["scale"])
    assert meta["translate"] == (0.0, *there["translate"])
    assert meta["units"] == ("s" if seconds else "pixel", "mm", "mm", "mm")
    assert meta["axis_labels"] == ("t", "z", "y", "x")
    assert meta["contrast_limits"] == [values.min(), values.max()]
    assert meta["metadata"] == there["metadata"]
    # The window takes a frame of it for the image that the command line reads of it.
    layer = Image(data, **{k: v for k, v in meta.items() if k != "name"})
    frame = layers.describe(layer, 1).source.load()
    assert image_hash(frame) == image_hash(read_nifti(tmp_path / "series.nii.gz", 1))


@pytest.mark.parametrize(("values", "limits"), [((1, 9), [1, 9]), ((np.nan, 4, np.inf, 2), [2, 4])])
def test_contrast_ignores_what_is_not_finite(values, limits) -> None:
    data = np.resize(np.array(values, np.float32), (1, 4, 4))
    assert image_layer(ssn.Volume(data, np.eye(4)))[1]["contrast_limits"] == limits


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_contrast_of_a_constant_image_is_the_viewers_business(value: float) -> None:
    data = np.full((1, 4, 4), value, np.float32)
    assert "contrast_limits" not in image_layer(ssn.Volume(data, np.eye(4)))[1]


def test_a_result_is_written_on_the_files_grid(scan: Path, tmp_path: Path) -> None:
    volume = ssn.read(scan)
    display, what = Display.of(volume), hypothesis(volume)
    shown = display.reorientation.apply(what.label_map)
    target = tmp_path / "out.nii.gz"
    assert write_labels(str(target), shown, result_meta(display)) == [str(target)]
    written = nib.load(target)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), what.label_map)
    np.testing.assert_allclose(written.affine, nib.load(scan).affine, rtol=0, atol=1e-6)


def test_a_result_takes_its_sidecar_along(scan: Path, tmp_path: Path) -> None:
    volume = ssn.read(scan)
    display, what = Display.of(volume), hypothesis(volume)
    record = describe(
        what,
        model=ModelIdentity(name="tiny", version="1", weights_sha256="0" * 64),
        run=Run(device="cpu", device_title="CPU", centre=None, image_sha256=image_hash(volume)),
        choice=Choice(kind="mean", z=[0.5, -1.5]),
        labels=["background", "nodule"],
        extent="volume",
    )
    meta = result_meta(display, provenance=record.model_dump(mode="json"))
    shown = display.reorientation.apply(what.label_map).copy()
    target = tmp_path / "out.nii.gz"
    written = write_labels(str(target), shown, meta)
    assert written == [str(target), str(tmp_path / "out.json")]
    assert read_sidecar(tmp_path / "out.json") == record
    # One voxel painted by hand, and saved over it.
    shown[0, 0, 0] = 1 - shown[0, 0, 0]
    write_labels(str(target), shown, meta)
    again = read_sidecar(tmp_path / "out.json")
    assert again.choice.kind == "edited" and again.choice.z is None
    assert again.label_map_sha256 != record.label_map_sha256


def test_a_label_map_of_ours_opens_as_labels_again(scan: Path, tmp_path: Path) -> None:
    volume = ssn.read(scan)
    made = hypothesis(volume)
    record = describe(
        made,
        model=ModelIdentity(name="toy", version="1", weights_sha256="0" * 64),
        run=Run(device="cpu", device_title="CPU", centre=None, image_sha256=image_hash(volume)),
        choice=Choice(kind="walk", direction=1, sigma=1.0, anchor=[0.0, 0.0], z=[0.5, -1.5]),
        labels=["background", "nodule"],
        extent="volume",
    )
    ssn.write(made, tmp_path / "out.nii.gz", provenance=record)
    reader = get_reader(str(tmp_path / "out.nii.gz"))
    assert reader is not None
    [(data, meta, kind)] = reader(str(tmp_path / "out.nii.gz"))
    [(image, where, _)] = reader(str(scan))
    assert kind == "labels" and data.dtype == np.uint8 and data.shape == image.shape
    # It lies on its image, and saved again it is the same file with the same record.
    assert (meta["scale"], meta["translate"]) == (where["scale"], where["translate"])
    write_labels(str(tmp_path / "again.nii.gz"), data, meta)
    np.testing.assert_array_equal(ssn.read(tmp_path / "again.nii.gz").data[0], made.label_map)
    assert read_sidecar(tmp_path / "again.json").choice == record.choice
    # With another's sidecar beside it a file is what it is by itself.
    (tmp_path / "scan.json").write_bytes((tmp_path / "out.json").read_bytes())
    assert reader(str(scan))[0][2] == "image"


def test_other_labels_are_placed_by_their_layer(tmp_path: Path) -> None:
    labels = np.arange(24, dtype=np.int64).reshape(2, 3, 4)
    meta = {"scale": [2.5, 0.8, 0.7], "translate": [-30, 10, 20], "units": ("mm",) * 3}
    write_labels(str(tmp_path / "a"), labels, {**meta, "metadata": {}})
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), labels)
    # Axes z, y, x: towards superior, posterior, left.
    expected = [[0, 0, -0.7, -20], [0, -0.8, 0, -10], [2.5, 0, 0, -30], [0, 0, 0, 1]]
    np.testing.assert_allclose(image.affine, expected, atol=1e-6)


def test_a_cropped_result_is_placed_by_its_layer(scan: Path, tmp_path: Path) -> None:
    display = Display.of(ssn.read(scan))
    meta = result_meta(display) | {"scale": [1, 1, 1], "translate": [0, 0, 0], "units": None}
    write_labels(str(tmp_path / "a.nii.gz"), np.ones((2, 2, 2), np.uint8), meta)
    assert nib.load(tmp_path / "a.nii.gz").shape == (2, 2, 2)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.full((2, 2, 2), 256), "from 256 to 256"),
        (np.full((2, 2, 2), -1), "from -1 to -1"),
        (np.zeros((2, 2, 2, 2), np.uint8), "4 axes"),
        (np.zeros((0, 2), np.uint8), "empty"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, data, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        write_labels(str(tmp_path / "a.nii.gz"), data, {})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def viewer():
    """napari without a window: what opens and saves files is the same."""
    pytest.importorskip("napari")
    from napari.components import ViewerModel
    from npe2 import PluginManager

    PluginManager.instance().discover()
    return ViewerModel()


def test_napari_opens_and_saves_through_the_manifest(viewer, scan: Path, tmp_path: Path) -> None:
    [image] = viewer.open(scan, plugin="napari-ssn")
    assert image.name == f"Image {' × '.join(map(str, SPACE))}"
    display = image_display(
        image.data.shape,
        scaling(image.scale, image.translate),
        image.units,
        image.metadata,
    )
    volume, source = to_volume(image.data, display), ssn.read(scan)
    assert image_hash(volume) == image_hash(source)
    what = hypothesis(source)
    layer = viewer.add_labels(
        display.reorientation.apply(what.label_map),
        scale=image.scale,
        translate=image.translate,
        units=image.units,
        metadata=result_meta(display)["metadata"],
    )
    # Where the layer's own transform is all there is: straight scans come out in place.
    written = layer.save(str(tmp_path / "out.nii.gz"), plugin="napari-ssn")
    assert written == [str(tmp_path / "out.nii.gz")]
    out = nib.load(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(out.dataobj), what.label_map)
    np.testing.assert_allclose(out.affine, nib.load(scan).affine, rtol=0, atol=1e-6)


def test_own_labels_on_a_straight_scan_come_out_in_place(viewer, tmp_path: Path) -> None:
    affine = np.diag([-0.7, 0.8, 2.5, 1.0])
    affine[:3, 3] = (90, -120, -30)
    data = noise_image(SPACE)
    nib.save(nib.Nifti1Image(data, affine), tmp_path / "in.nii.gz")
    [image] = viewer.open(tmp_path / "in.nii.gz", plugin="napari-ssn")
    shown = np.asarray(image.data) == data.max()
    layer = viewer.add_labels(
        shown.astype(int), scale=image.scale, translate=image.translate, units=image.units
    )
    layer.save(str(tmp_path / "out.nii.gz"), plugin="napari-ssn")
    out = nib.load(tmp_path / "out.nii.gz")
    [at] = np.argwhere(np.asanyarray(out.dataobj))
    [expected] = np.argwhere(data == data.max())
    np.testing.assert_allclose(
        nib.affines.apply_affine(out.affine, at),
        nib.affines.apply_affine(affine, expected),
        atol=1e-5,
    )
