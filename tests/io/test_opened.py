"""Segmentations opened again: their own names and colours, and where they lie on the image."""

import random
from dataclasses import replace
from pathlib import Path

import highdicom
import nibabel as nib
import nrrd
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
from napari_ssn.documents.chosen import Choice
from napari_ssn.documents.ran import ModelIdentity, Run
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import DataError, GeometryError, ImageError
from napari_ssn.geometry.display import RESULT_KEY, Display
from napari_ssn.geometry.transforms import layer_matrix
from napari_ssn.geometry.volume import Volume
from napari_ssn.hooks import dicom as opening
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io.content import PlainLabel
from napari_ssn.io.describing import describe, describe_probability, describe_several
from napari_ssn.io.formats import encode_picture
from napari_ssn.io.layers import image_layer, read_layers
from napari_ssn.io.opened import named_after
from tests.support.helpers import oblique_affine
from tests.support.planted import named_in
from tests.support.reported import described
from tests.support.segmentations import AFFINES, SOURCES, SPACE, card, maps, series

MODEL = ModelIdentity(name="toy", version="1", weights_sha256="0" * 64)
RUN = Run(device="cpu", device_title="CPU", centre=None, image_sha256="0" * 64)
LABELS = ["background", "anterior", "posterior"]


def opened(path: Path) -> list:
    """Layers of a file, the one on top first."""
    reader = opening.read_layers if path.suffix == ".dcm" else read_layers
    return reader(str(path))[::-1]


def on_image(
    layer, affine: NDArray[np.float64], space: tuple[int, ...] = SPACE, within_mm: float = 1e-6
) -> NDArray:
    """A layer's values on the image's grid, each put where napari draws it on the image."""
    shown, meta, _ = layer
    image = Volume(np.zeros((1, *space), np.float32), affine)
    _, where, _ = image_layer(image)
    ndim = shown.ndim
    to_image = np.linalg.inv(layer_matrix(where, ndim)) @ layer_matrix(meta, ndim)
    index = np.indices(shown.shape).reshape(ndim, -1)
    exact = to_image[:ndim, :ndim] @ index + to_image[:ndim, ndim:]
    off_mm = np.diag(where["scale"]) @ (exact - np.rint(exact))
    assert np.abs(off_mm).max() < within_mm
    turn = Display.of(image).reorientation
    out = np.zeros(turn.shape(space))
    out[tuple(np.rint(exact).astype(int))] = shown.reshape(-1)
    return turn.undo(out)


def looks(layer) -> list[tuple[str, str]]:
    """Name and colour of each label."""
    meta = layer[1]
    colours = meta["colormap"]
    return [
        (name, colours[i])
        for i, name in zip(meta["features"]["index"], meta["features"]["label"], strict=True)
        if i
    ]


def names(layers) -> list[str]:
    return [meta["name"] for _, meta, _ in layers]


def tilted() -> NDArray[np.float64]:
    """As of a tilted gantry: slices are shifted along their rows as they go up."""
    affine = np.diag([-0.5, -0.75, 3.0, 1.0])
    affine[1, 2] = 0.9
    return affine


PLACES = {**AFFINES, "tilted": tilted()}


@pytest.mark.parametrize("suffix", [".dcm", ".seg.nrrd"])
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", PLACES)
def test_hypotheses_lie_on_their_image(tmp_path: Path, name: str, kind: str, suffix: str) -> None:
    affine = PLACES[name]
    source, found = SOURCES[kind](tmp_path, affine), maps(2, affine)
    path = tmp_path / f"out{suffix}"
    ssn.write(found, path, model=card(), source=source)
    layers = opened(path)
    assert [(k, meta["visible"]) for _, meta, k in layers] == [("labels", True), ("labels", False)]
    for k, (layer, one) in enumerate(zip(layers, found, strict=True), start=1):
        np.testing.assert_array_equal(on_image(layer, affine), one.label_map)
        assert looks(layer) == [
            (f"{label.name}, hypothesis {k}", label.colour)
            if suffix == ".seg.nrrd"
            else (f"{label.name}, hypothesis {k}", looks(layer)[i][1])
            for i, label in enumerate(card().labels[1:])
        ]
        assert layer[1]["units"] == ("mm",) * 3


def test_colours_come_back(tmp_path: Path) -> None:
    affine = AFFINES["straight"]
    ssn.write(maps(1, affine)[0], tmp_path / "a.dcm", model=card(), source=series(tmp_path, affine))
    [layer] = opened(tmp_path / "a.dcm")
    assert names([layer]) == [" + ".join(label.name for label in card().labels[1:])]
    for (_, colour), label in zip(looks(layer), card().labels[1:], strict=True):
        one, other = (
            np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in (colour, label.colour)
        )
        # CIELab is written in steps.
        assert np.abs(one - other).max() <= 2


@pytest.mark.parametrize("kind", SOURCES)
def test_probabilities_are_images_that_are_seen_through(tmp_path: Path, kind: str) -> None:
    affine = AFFINES["oblique"]
    values = np.random.default_rng(2).random((2, *SPACE), np.float32) / 2
    path = tmp_path / "out.dcm"
    source = SOURCES[kind](tmp_path, affine)
    ssn.write(ProbabilityMap(values, affine), path, model=card(), source=source)
    layers = opened(path)
    assert names(layers) == [f"{label.name}, probability" for label in card().labels[1:]]
    for layer, each in zip(layers, values, strict=True):
        assert layer[2] == "image" and layer[1]["contrast_limits"] == (0.0, 1.0)
        assert layer[1]["colormap"]["colors"][0][3] == 0
        np.testing.assert_allclose(on_image(layer, affine), each, atol=0.5 / 255 + 1e-6)


def others(path: Path, source, masks: NDArray[np.uint8]) -> None:
    """A DICOM segmentation of somebody else's, of (segments, slices, rows, columns)."""
    described = [
        highdicom.seg.SegmentDescription(
            k, f"lesion {k}", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Lesion, "MANUAL"
        )
        for k in range(1, len(masks) + 1)
    ]
    uid = pydicom.uid.generate_uid
    highdicom.seg.Segmentation(
        list(source.headers),
        np.moveaxis(masks, 0, -1),
        "BINARY",
        described,
        uid(),
        1,
        uid(),
        1,
        "somebody",
        "else",
        "1",
        "1",
    ).save_as(path)


def test_segments_of_others_share_a_layer_while_they_do_not_overlap(tmp_path: Path) -> None:
    affine = AFFINES["reversed"]
    labels = np.random.default_rng(3).integers(0, 3, SPACE)
    masks = np.stack([labels == 1, labels == 2, labels > 0]).astype(np.uint8)
    others(tmp_path / "a.dcm", series(tmp_path, affine), masks.transpose(0, 3, 2, 1))
    first, second = opened(tmp_path / "a.dcm")
    assert names([first, second]) == ["lesion 1 + lesion 2", "lesion 3"]
    np.testing.assert_array_equal(on_image(first, affine), labels)
    np.testing.assert_array_equal(on_image(second, affine), labels > 0)
    # Without a colour of their own they have one nevertheless.
    assert all(colour.startswith("#") for _, colour in looks(first))


def broken(content: bytes, seed: int) -> bytes:
    """A file with a bit flipped, most of them in its header, or cut off."""
    chance, raw = random.Random(seed), bytearray(content)
    if seed % 4 == 0:
        return content[: chance.randrange(132, len(content))]
    bit = chance.randrange(8 * 132, 8 * (len(raw) if seed % 4 == 1 else len(raw) - 600))
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


@pytest.mark.parametrize("suffix", [".dcm", ".seg.nrrd"])
def test_a_damaged_segmentation_is_refused_or_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    affine = AFFINES["oblique"]
    path = tmp_path / f"a{suffix}"
    ssn.write(maps(2, affine), path, model=card(), source=series(tmp_path, affine))
    content, words = path.read_bytes(), []
    for seed in range(60):
        path.write_bytes(broken(content, seed))
        try:
            layers = opened(path)
        except (ImageError, GeometryError) as error:
            words.append(str(error))
        else:
            for data, meta, kind in layers:
                assert kind in ("labels", "image") and data.ndim == len(meta["scale"])
    assert len(words) >= 15
    assert all(text.endswith(".") and "\n" not in text and not named_in(text) for text in words)
    assert caplog.text == ""


def test_frames_off_a_grid_are_named(tmp_path: Path) -> None:
    affine = AFFINES["oblique"]
    path = tmp_path / "a.dcm"
    ssn.write(maps(1, affine)[0], path, model=card(), source=series(tmp_path, affine))
    seg = pydicom.dcmread(path)
    place = seg.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
    place.ImagePositionPatient = [float(v) + 0.7 for v in place.ImagePositionPatient]
    seg.save_as(path)
    with pytest.raises(GeometryError, match="do not lie on one regular grid"):
        opened(path)


def write_nrrd(path: Path, data: NDArray, fields: dict[str, str]) -> None:
    directions = np.eye(3) if data.ndim == 3 else np.vstack([np.full(3, np.nan), np.eye(3)])
    header = {
        "space": "left-posterior-superior",
        "space directions": directions,
        "space origin": [0, 0, 0],
    }
    nrrd.write(str(path), data, {**header, **fields})


def test_slicer_4_wrote_neither_layers_nor_values(tmp_path: Path) -> None:
    data = np.random.default_rng(4).integers(0, 2, (2, *SPACE)).astype(np.uint8)
    fields = {"Segment0_ID": "one", "Segment1_Name": "two", "Segment1_Color": "1 0.5 0"}
    write_nrrd(tmp_path / "a.seg.nrrd", data, fields)
    layers = opened(tmp_path / "a.seg.nrrd")
    assert names(layers) == ["one", "two"] and looks(layers[1]) == [("two", "#ff8000")]
    for layer, each in zip(layers, data, strict=True):
        np.testing.assert_array_equal(on_image(layer, np.diag([-1, -1, 1, 1])), each)


def test_many_segments_of_a_layer_are_counted(tmp_path: Path) -> None:
    data = np.random.default_rng(4).integers(0, 4, SPACE).astype(np.uint8)
    fields = {f"Segment{k}_{key}": v for k in range(3) for key, v in _segment(k).items()}
    write_nrrd(tmp_path / "a.nrrd", data, fields)
    [layer] = opened(tmp_path / "a.nrrd")
    assert names([layer]) == ["Segmentation · 3 segments"]
    assert [name for name, _ in looks(layer)] == ["s0", "s1", "s2"]


def test_segments_share_layers_as_slicer_5_writes_them(tmp_path: Path) -> None:
    """Two segments in one layer by their values, and one that overlaps them in another."""
    rng = np.random.default_rng(5)
    data = np.stack([rng.choice([0, 3, 7], SPACE), rng.integers(0, 2, SPACE)]).astype(np.uint8)
    held = {"left": (0, 3), "right": (0, 7), "both": (1, 1)}
    fields = {}
    for k, (name, (layer, value)) in enumerate(held.items()):
        fields |= {f"Segment{k}_Name": name, f"Segment{k}_Layer": str(layer)}
        fields |= {f"Segment{k}_LabelValue": str(value)}
    write_nrrd(tmp_path / "a.seg.nrrd", data, fields)
    found = {}
    for layer in opened(tmp_path / "a.seg.nrrd"):
        shown = on_image(layer, np.diag([-1, -1, 1, 1]))
        said = layer[1]["features"]
        for value, name in zip(said["index"], said["label"], strict=True):
            found[name] = shown == value
    for name, (layer, value) in held.items():
        np.testing.assert_array_equal(found[name], data[layer] == value)


def _segment(k: int) -> dict[str, str]:
    return {"Name": f"s{k}", "LabelValue": str(k + 1), "Layer": "0", "Color": "no colour"}


@pytest.mark.parametrize(
    ("value", "fields", "words"),
    [
        (1, {"Segment0_LabelValue": "one"}, "damaged"),
        (1, {"Segment0_LabelValue": "0"}, "damaged"),
        (1, {"Segment0_Layer": "3"}, "damaged"),
        (1, {"Segment0_Layer": "-1"}, "damaged"),
        (-1, {"Segment0_ID": "a"}, "no labels"),
        (2.0**24, {"Segment0_ID": "a"}, "no labels"),
        (0.5, {"Segment0_ID": "a"}, "no labels"),
        (np.nan, {"Segment0_ID": "a"}, "no labels"),
    ],
)
def test_fields_that_cannot_be_are_refused(tmp_path: Path, value, fields, words) -> None:
    write_nrrd(tmp_path / "a.seg.nrrd", np.full(SPACE, value, np.float32), fields)
    with pytest.raises(ImageError, match=words):
        read_layers(str(tmp_path / "a.seg.nrrd"))


def test_a_segment_of_no_number_is_none(tmp_path: Path) -> None:
    # A number that Python refuses to read.
    fields = {"Segment0_ID": "one", f"Segment{'1' * 5000}_Name": "two"}
    write_nrrd(tmp_path / "a.seg.nrrd", np.ones(SPACE, np.uint8), fields)
    assert names(opened(tmp_path / "a.seg.nrrd")) == ["one"]


def records(found: list[Hypothesis]):
    return [
        describe(
            replace(one, z=np.zeros(2)),
            model=MODEL,
            run=RUN,
            choice=Choice(kind="sample", seed=0, sample=k, z=[0.0, 0.0]),
            labels=LABELS,
            extent="volume",
        )
        for k, one in enumerate(found, start=1)
    ]


@pytest.mark.parametrize("suffix", [".nii.gz", ".seg.nrrd"])
@pytest.mark.parametrize("space", [SPACE, SPACE[:2]])
def test_several_results_are_known_by_their_sidecar(tmp_path: Path, suffix, space) -> None:
    affine, found = oblique_affine(), []
    for one in maps(2, affine):
        label_map = one.label_map if len(space) == 3 else one.label_map[..., 0]
        found.append(replace(one, label_map=np.ascontiguousarray(label_map), z=np.zeros(2)))
    several = describe_several(records(found), ["likeliest", "smaller"], [0.61, None])
    path = tmp_path / f"out{suffix}"
    ssn.write(found, path, provenance=several)
    layers = opened(path)
    assert names(layers) == ["toy · likeliest", "toy · smaller"]
    for layer, one, record in zip(layers, found, records(found), strict=True):
        if len(space) == 3:
            np.testing.assert_array_equal(on_image(layer, affine), one.label_map)
        else:
            assert layer[0].ndim == 2
        # Saved from napari it is still the same hypothesis, and known to be.
        write_labels(str(tmp_path / "again.nii.gz"), layer[0], layer[1])
        again = read_sidecar(tmp_path / "again.json")
        assert again.choice == record.choice and again.volumes == record.volumes
        assert again.hypotheses is None
    # Changed since, it is what it is by itself.
    changed = [found[1], found[0]]
    ssn.write(changed, tmp_path / "other.seg.nrrd")
    (tmp_path / "other.seg.nrrd.json").write_text(several.to_json())
    assert names(opened(tmp_path / "other.seg.nrrd")) == ["hypothesis 1", "hypothesis 2"]


@pytest.mark.parametrize("classes", [2, 3])
def test_a_probability_map_is_known_by_its_sidecar(tmp_path: Path, classes: int) -> None:
    affine = oblique_affine(origin=(-123.4567, 201.98765, -834.5678))
    values = np.random.default_rng(2).random((classes - 1, *SPACE), np.float32)
    what = ProbabilityMap(values, affine)
    record = describe_probability(what, model=MODEL, run=RUN)
    ssn.write(what, tmp_path / "p.nii.gz", provenance=record)
    layers = opened(tmp_path / "p.nii.gz")
    assert [kind for *_, kind in layers] == ["image"] * (classes - 1)
    assert all(name.startswith("toy · probability") for name in names(layers))
    for layer, each in zip(layers, values, strict=True):
        np.testing.assert_array_equal(on_image(layer, affine), each)
    with pytest.raises(DataError):
        read_sidecar(tmp_path / "none.json")


def test_names_survive_a_change_of_the_layer(tmp_path: Path) -> None:
    """Slicer's segmentation, opened, corrected in napari and saved, is still named."""
    ssn.write(maps(1, oblique_affine())[0], tmp_path / "a.seg.nrrd", model=card())
    [(data, meta, _)] = opened(tmp_path / "a.seg.nrrd")
    from napari.layers import Labels

    layer = Labels(data, **meta)
    layer.data[layer.data == 2] = 0
    state = layer.as_layer_data_tuple()[1]
    write_labels(str(tmp_path / "b.seg.nrrd"), layer.data, state)
    [again] = opened(tmp_path / "b.seg.nrrd")
    assert looks(again) == looks((data, meta, "labels"))
    np.testing.assert_array_equal(again[0], layer.data)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(kind="mean", z=None), "mean outline"),
        (Choice(kind="walk", sigma=-1.5, z=None), "−1.50 σ"),
        (Choice(kind="sample", sample=3, seed=7, z=None), "sample 3 (seed 7)"),
        (Choice(kind="representative", z=None), "card"),
        (Choice(kind="edited", z=None), "edited outline"),
    ],
)
def test_a_result_is_called_by_how_it_was_made(tmp_path: Path, choice: Choice, words: str) -> None:
    one = maps(1, oblique_affine())[0]
    record = records([one])[0].model_copy(update={"choice": choice})
    ssn.write(one, tmp_path / "DOE.nii.gz", provenance=record)
    assert names(opened(tmp_path / "DOE.nii.gz")) == [f"toy · {words}"]


@pytest.mark.parametrize("count", [1, 2])
def test_without_a_sidecar_the_intent_says_that_it_is_a_label_map(
    tmp_path: Path, count: int
) -> None:
    affine = oblique_affine()
    found = maps(count, affine)
    ssn.write(found, tmp_path / "a.nii.gz")
    assert nib.load(tmp_path / "a.nii.gz").header.get_intent()[0] == "label"
    layers = opened(tmp_path / "a.nii.gz")
    assert [kind for *_, kind in layers] == ["labels"] * count
    for layer, one in zip(layers, found, strict=True):
        # Single precision, and no sidecar that has more.
        np.testing.assert_array_equal(on_image(layer, affine, within_mm=1e-4), one.label_map)
    assert names(layers)[0] == "Labels 7 × 6 × 5" + (" · 1" if count > 1 else "")
    # What calls itself one and is none is shown as the image that it is.
    image = nib.Nifti1Image(np.full(SPACE, 0.5, np.float32), affine)
    image.header.set_intent("label")
    nib.save(image, tmp_path / "b.nii.gz")
    assert opened(tmp_path / "b.nii.gz")[0][2] == "image"
    # Probabilities are no labels.
    ssn.write(ProbabilityMap(np.zeros((1, *SPACE), np.float32), affine), tmp_path / "c.nii.gz")
    assert opened(tmp_path / "c.nii.gz")[0][2] == "image"


@pytest.mark.parametrize(
    ("segments", "layer", "name"),
    [
        (["nodule"], None, "nodule"),
        (["nodule, card 1"], 2, "nodule, card 1"),
        (["a, card 1", "b, card 1", "c, card 1"], 1, "card 1"),
        (["a, card 1", "b, card 2"], 1, "a, card 1 + b, card 2"),
        (["a", "b", "c"], 2, "Segmentation 2 · 3 segments"),
        (["a", "b", "c"], None, "Segmentation · 3 segments"),
        ([], 1, "Segmentation 1 · 0 segments"),
    ],
)
def test_a_layer_is_named_after_its_segments(segments, layer, name: str) -> None:
    labels = {k: PlainLabel(one, "") for k, one in enumerate(segments, start=1)}
    assert named_after(labels, layer) == name


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", PLACES)
def test_parametric_maps_lie_on_their_image(tmp_path: Path, name: str, kind: str) -> None:
    affine, path = PLACES[name], tmp_path / "a.pm.dcm"
    source, values = (
        SOURCES[kind](tmp_path, affine),
        np.random.default_rng(3).random((2, *SPACE), np.float32),
    )
    # Slices with nothing on them are left out, in the middle and at an end.
    values[..., [1, SPACE[2] - 1]] = 0
    ssn.write(ProbabilityMap(values, affine), path, model=card(), source=source)
    layers = opened(path)
    assert names(layers) == [f"{label.name}, probability" for label in card().labels[1:]]
    assert [(k, meta["visible"]) for _, meta, k in layers] == [("image", True), ("image", False)]
    for layer, one in zip(layers, values, strict=True):
        np.testing.assert_array_equal(on_image(layer, affine, within_mm=0.02), one)
        assert layer[1]["contrast_limits"] == (0.0, 1.0)


def test_a_parametric_map_of_something_else_is_named(tmp_path: Path) -> None:
    affine, path = AFFINES["straight"], tmp_path / "a.pm.dcm"
    likely = ProbabilityMap(np.full((1, *SPACE), 0.5, np.float32), affine)
    ssn.write(likely, path, model=card(), source=series(tmp_path, affine))
    whole = pydicom.dcmread(path)
    shared = whole.SharedFunctionalGroupsSequence[0]
    for groups in (shared, *whole.PerFrameFunctionalGroupsSequence):
        for mapping in groups.get("RealWorldValueMappingSequence", ()):
            mapping.RealWorldValueSlope = 1000.0
    whole.save_as(path)
    with pytest.raises(ImageError, match="something else than probabilities"):
        opened(path)
    del whole.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    whole.save_as(path)
    with pytest.raises((GeometryError, ImageError), match="DICOM parametric map"):
        opened(path)


@pytest.mark.parametrize("groups", [1, 7])
def test_a_parametric_map_with_other_places_than_frames_is_refused(
    tmp_path: Path, groups: int
) -> None:
    affine, path = AFFINES["straight"], tmp_path / "a.pm.dcm"
    likely = ProbabilityMap(np.full((1, *SPACE), 0.5, np.float32), affine)
    ssn.write(likely, path, model=card(), source=series(tmp_path, affine))
    whole = pydicom.dcmread(path)
    frames = list(whole.PerFrameFunctionalGroupsSequence)
    whole.PerFrameFunctionalGroupsSequence = [*frames, *frames][:groups]
    whole.save_as(path)
    with pytest.raises((GeometryError, ImageError), match="DICOM parametric map"):
        opened(path)


@pytest.mark.parametrize("kind", SOURCES)
def test_contours_lie_on_their_image(tmp_path: Path, kind: str) -> None:
    """By the sidecar, and without it by the image that lies with them."""
    affine = AFFINES["oblique"]
    source, found = SOURCES[kind](tmp_path, affine), maps(1, affine)
    path, about = tmp_path / "a.rtstruct.dcm", described(found, card())
    ssn.write(found[0], path, model=card(), source=source, provenance=about)
    [layer] = opened(path)
    np.testing.assert_array_equal(on_image(layer, affine), found[0].label_map)
    path.with_name("a.rtstruct.dcm.json").unlink()
    with pytest.raises(ImageError, match="open the folder that holds it together with its image"):
        opened(path)
    image, layer = opening.read_layers(str(tmp_path))
    assert image[2] == "image" and not layer[1]["visible"]
    np.testing.assert_array_equal(on_image(layer, affine), found[0].label_map)
    assert looks(layer) == [(label.name, label.colour) for label in card().labels[1:]]


def test_contours_of_others_have_holes_and_lie_on_slices(tmp_path: Path) -> None:
    affine, path = AFFINES["straight"], tmp_path / "rt.dcm"
    label_map = np.zeros(SPACE, np.uint8)
    label_map[1:6, 1:5, 2] = 1
    one = Hypothesis(label_map, affine, None, 2)
    ssn.write(one, path.with_name("a.rtstruct.dcm"), source=series(tmp_path, affine))
    whole = pydicom.dcmread(path.with_name("a.rtstruct.dcm"))
    for file in tmp_path.glob("a.rtstruct.dcm*"):
        file.unlink()
    (contour,) = whole.ROIContourSequence[0].ContourSequence
    outer = np.reshape(np.array(contour.ContourData, float), (-1, 3))
    hole = pydicom.Dataset.from_json(contour.to_json())
    middle = outer.mean(0)
    hole.ContourData = [f"{v:.4f}" for v in (middle + 0.4 * (outer - middle)).ravel()]
    point = pydicom.Dataset.from_json(hole.to_json())
    point.ContourGeometricType = "POINT"
    whole.ROIContourSequence[0].ContourSequence.extend([hole, point])
    whole.save_as(path)
    image, layer = opening.read_layers(str(tmp_path))
    drawn = on_image(layer, affine)
    assert 0 < drawn.sum() < label_map.sum() and not (drawn > label_map).any()
    assert drawn[3, 2:4, 2].sum() == 0 and drawn[1, 1:5, 2].all()
    # Between two slices they are of another image.
    for each in whole.ROIContourSequence[0].ContourSequence:
        moved = np.reshape(np.array(each.ContourData, float), (-1, 3)) + np.array([0, 0, 1.5])
        each.ContourData = [f"{v:.4f}" for v in moved.ravel()]
    whole.save_as(path)
    with pytest.warns(UserWarning, match="left out. The contours of the DICOM structure set do"):
        [image] = opening.read_layers(str(tmp_path))
    assert image[2] == "image"


def test_a_report_opens_as_the_segmentation_it_was_written_with(tmp_path: Path) -> None:
    affine, path = AFFINES["oblique"], tmp_path / "a.sr.dcm"
    (one,) = maps(1, affine)
    about = described([one], card())
    ssn.write(one, path, model=card(), source=series(tmp_path, affine), provenance=about)
    [layer] = opened(path)
    np.testing.assert_array_equal(on_image(layer, affine), one.label_map)
    path.with_name("a.dcm").unlink()
    with pytest.raises(ImageError, match="of DICOM there is only 1 SR"):
        opened(path)


def test_a_page_opens_as_the_picture_that_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 20, 3)).astype(np.uint8)
    path = tmp_path / "a.sc.dcm"
    path.write_bytes(encode_picture(pixels, "m", False, series(tmp_path, AFFINES["straight"])))
    [(shown, meta, kind)] = opened(path)
    np.testing.assert_array_equal(shown, pixels)
    assert kind == "image" and meta["rgb"] and "research use only" in meta["name"]
    # Nothing to be segmented, and as wide as paper.
    assert RESULT_KEY in meta["metadata"] and 20 * meta["scale"][1] == pytest.approx(210)
    # Coloured pictures of others are no images of the patient.
    other = pydicom.dcmread(path)
    other.Manufacturer = "Somebody"
    other.save_as(path)
    with pytest.raises(ImageError, match="have colours"):
        opened(path)
