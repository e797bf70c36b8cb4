"""A series that holds several images: each is offered, none is mixed with another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.hooks import dicom as opening
from napari_ssn.io.dicom import list_series
from tests.support.dicoms import make_multiframe, make_series
from tests.support.helpers import command, noise_image, tiny_model

SPACE = (7, 6, 5)
AXIAL = np.array([[-0.7, 0, 0, 30.5], [0, -0.7, 0, 20.25], [0, 0, 2.0, -12.0], [0, 0, 0, 1]])

Change = Callable[[int, Dataset], None]


def values(seed: int = 0, space: tuple[int, int, int] = SPACE) -> np.ndarray:
    return np.abs(noise_image(space, seed)) + seed


def together(folder: Path, *images: tuple[np.ndarray, Change], affine: np.ndarray = AXIAL) -> Path:
    """Images of one MR series whose files lie among one another."""
    for number, (data, change) in enumerate(images):

        def changed(k: int, dataset: Dataset, number: int = number, also: Change = change) -> None:
            dataset.SOPInstanceUID = generate_uid(entropy_srcs=[f"{number} {k}"])
            also(k, dataset)

        options: dict[str, Any] = {"modality": "MR", "intercept": 0, "series": "1.2.3"}
        made = make_series(folder / "made", data, affine, **options, change=changed, seed=number)
        for path in made:
            path.rename(folder / f"{path.stem}-{number}.dcm")
    (folder / "made").rmdir()
    return folder


def set_to(**elements: Any) -> Change:
    def change(k: int, dataset: Dataset) -> None:
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)

    return change


def nothing(k: int, dataset: Dataset) -> None:
    pass


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"EchoTime": "10"}, {"EchoTime": "80"}, ("echo time 10 ms", "echo time 80 ms")),
        ({"EchoNumbers": "1"}, {"EchoNumbers": "2"}, ("echo 1 of 2", "echo 2 of 2")),
        (
            {"DiffusionBValue": 0.0},
            {"DiffusionBValue": 1000.0},
            ("b-value 0 s/mm²", "b-value 1000 s/mm²"),
        ),
        (
            {"TemporalPositionIdentifier": "1"},
            {"TemporalPositionIdentifier": "2"},
            ("time point 1 of 2", "time point 2 of 2"),
        ),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "M"]},
            {"ImageType": ["ORIGINAL", "PRIMARY", "P"]},
            ("kind of picture 1 of 2", "kind of picture 2 of 2"),
        ),
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, ("acquisition 1 of 2",)),
        ({"TriggerTime": "3"}, {"TriggerTime": "45"}, ("trigger time 3 ms", "trigger time 45 ms")),
    ],
)
def test_images_at_one_place_are_told_apart(
    tmp_path: Path, first: dict, second: dict, words: tuple[str, ...]
) -> None:
    folder = together(tmp_path, (values(1), set_to(**first)), (values(2), set_to(**second)))
    infos = list_series(folder)
    assert [info.words.endswith(word) for info, word in zip(infos, words, strict=False)]
    assert [info.part for info in infos][: len(words)] == list(words)
    with pytest.raises(ImageError, match="2 series, choose one by its number") as caught:
        ssn.read(folder)
    assert words[0] in str(caught.value)
    for number in (1, 2):
        np.testing.assert_array_equal(ssn.read(folder, number).data[0], values(number))


def test_a_file_stands_for_the_image_that_it_is_in(tmp_path: Path) -> None:
    images = [(values(n), set_to(EchoTime=str(10 * n))) for n in (1, 2, 3)]
    folder = together(tmp_path, *images)
    for path in folder.iterdir():
        volume = ssn.read(path)
        number = int(dcmread(path).EchoTime) // 10
        np.testing.assert_array_equal(volume.data[0], values(number))
        assert volume.note is not None and f"(echo time {10 * number} ms)" in volume.note


def test_every_image_that_may_be_chosen_is_named(tmp_path: Path) -> None:
    """Of a study with more than six series the command named six, and had no list of the others."""
    small = [values(n, (7, 6, 2)) for n in range(9)]
    images = [(one, set_to(EchoTime=str(10 + n))) for n, one in enumerate(small)]
    with pytest.raises(ImageError, match="There are 9 series") as said:
        ssn.read(together(tmp_path, *images))
    for n in range(9):
        assert f"{n + 1}: MR 7 × 6 × 2" in str(said.value)
        assert f"echo time {10 + n} ms" in str(said.value)


def test_directions_and_b_values_together(tmp_path: Path) -> None:
    along = ([1.0, 0, 0], [0, 1.0, 0])
    images = [(values(1), set_to(DiffusionBValue=0.0))]
    images += [
        (values(n), set_to(DiffusionBValue=800.0, DiffusionGradientOrientation=one))
        for n, one in enumerate(along, start=2)
    ]
    folder = together(tmp_path, *images)
    found = [ssn.read(folder, number).data[0].sum() for number in (1, 2, 3)]
    assert sorted(found) == sorted(values(n).sum() for n in (1, 2, 3))
    assert list_series(folder)[0].part.startswith("diffusion direction") or "b-value 0" in (
        list_series(folder)[0].part
    )


def test_phases_triggered_at_other_times_at_each_place(tmp_path: Path) -> None:
    def phase(number: int) -> Change:
        return lambda k, dataset: setattr(dataset, "TriggerTime", str(40 * number + k))

    folder = together(tmp_path, *((values(n), phase(n)) for n in (1, 2, 3)))
    assert [info.part for info in list_series(folder)] == [f"phase {n} of 3" for n in (1, 2, 3)]
    for number in (1, 2, 3):
        np.testing.assert_array_equal(ssn.read(folder, number).data[0], values(number))


@pytest.mark.parametrize("slice_by_slice", [False, True])
def test_repetitions_that_only_their_numbers_tell_apart(
    tmp_path: Path, slice_by_slice: bool
) -> None:
    def numbered(number: int) -> Change:
        def change(k: int, dataset: Dataset) -> None:
            dataset.InstanceNumber = 2 * k + number if slice_by_slice else 5 * number + k

        return change

    folder = together(tmp_path, (values(1), numbered(1)), (values(2), numbered(2)))
    for number in (1, 2):
        np.testing.assert_array_equal(ssn.read(folder, number).data[0], values(number))
    assert list_series(folder)[1].part == "repetition 2 of 2"


def test_without_any_difference_they_are_refused(tmp_path: Path) -> None:
    folder = together(tmp_path, *((values(n), set_to(InstanceNumber=1)) for n in (1, 2)))
    with pytest.raises(GeometryError, match="2 slices at each place"):
        ssn.read(folder)


def test_two_echoes_between_each_other_are_not_one_even_grid(tmp_path: Path) -> None:
    """Places 0, 4, 8 … of one echo and 2, 6, 10 … of another."""

    def alternate(k: int, dataset: Dataset) -> None:
        dataset.EchoTime = ("10", "80")[k % 2]

    data = values(1, (7, 6, 8))
    folder = together(tmp_path, (data, alternate))
    for number in (1, 2):
        volume = ssn.read(folder, number)
        np.testing.assert_array_equal(volume.data[0], data[:, :, number - 1 :: 2])
        assert volume.spacing_mm[2] == pytest.approx(4)


def test_one_slice_of_another_echo_is_said(tmp_path: Path) -> None:
    def one(k: int, dataset: Dataset) -> None:
        dataset.EchoTime = "80" if k == 2 else "10"

    note = ssn.read(together(tmp_path, (values(1), one))).note
    assert note is not None and "(echo time)" in note and "belong together" in note


def test_a_localizer_of_the_same_orientation(tmp_path: Path) -> None:
    scout = set_to(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    folder = together(tmp_path, (values(1), nothing), (values(2)[:, :, 2:3], scout))
    assert [info.part for info in list_series(folder)] == ["kind of picture 1 of 2", "localizer"]
    assert ssn.read(folder, 1).space == SPACE


def test_two_stacks_beside_one_another(tmp_path: Path) -> None:
    far = AXIAL.copy()
    far[2, 2], far[2, 3] = 3.0, 40.7
    folder = together(tmp_path, (values(1), nothing))
    for path in make_series(
        tmp_path / "far", values(2), far, modality="MR", intercept=0, series="1.2.3", seed=2,
        change=lambda k, d: setattr(d, "SOPInstanceUID", generate_uid()),
    ):  # fmt: skip
        path.rename(folder / f"far {path.name}")
    assert [info.part for info in list_series(folder)] == ["stack 1 of 2", "stack 2 of 2"]
    np.testing.assert_array_equal(ssn.read(folder, 2).data[0], values(2))
    assert ssn.read(folder, 2).spacing_mm[2] == pytest.approx(3)


def test_slices_of_two_acquisitions_with_a_gap_are_two_images(tmp_path: Path) -> None:
    far = AXIAL.copy()
    far[2, 3] += 40
    first = (values(1), set_to(AcquisitionNumber=1))
    folder = together(tmp_path, first)
    for path in make_series(
        tmp_path / "far", values(2), far, modality="MR", intercept=0, series="1.2.3", seed=2,
        change=set_to(AcquisitionNumber=2),
    ):  # fmt: skip
        one = dcmread(path)
        one.SOPInstanceUID = generate_uid()
        one.save_as(folder / f"far {path.name}")
    assert [info.part for info in list_series(folder)] == [f"acquisition {n} of 2" for n in (1, 2)]


def test_two_packages_with_a_slice_missing_are_not_two_images(tmp_path: Path) -> None:
    def package(k: int, dataset: Dataset) -> None:
        dataset.AcquisitionNumber = k % 2

    folder = together(tmp_path, (values(1, (7, 6, 9)), package))
    for path in folder.iterdir():
        if dcmread(path).ImagePositionPatient[2] == -12 + 2 * 7:
            path.unlink()
    with pytest.raises(GeometryError, match="1 slice is missing after slice 7"):
        ssn.read(folder)


def packages(folder: Path, *stacks: tuple[list[float], list[int] | None], **options: Any) -> Path:
    """Slices of one series at places along the patient, with the numbers of their files."""
    places = [z for zs, _ in stacks for z in zs]
    numbers = [n for zs, ns in stacks for n in (ns or [None] * len(zs))]
    aside = options.get("aside", [0.0] * len(places))

    def change(k: int, dataset: Dataset) -> None:
        x, y, _ = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [float(x) + aside[k], float(y), places[k]]
        dataset.InstanceNumber = numbers[k]

    data = values(1, (7, 6, len(places)))
    make_series(folder, data, AXIAL, modality="MR", intercept=0, change=change)
    return folder


TWO = ([0.0, 2, 4, 6, 8], [48.0, 50, 52])


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (([1, 2, 3, 4, 5], [6, 7, 8]), "stack"),
        # The second from its end, and with numbers of its own.
        (([1, 2, 3, 4, 5], [8, 7, 6]), "stack"),
        (([1, 2, 3, 4, 5], [101, 102, 103]), "stack"),
        ((None, None), "piece"),
        (([1, 2, 3, 4, 5], [9, 12, 15]), "piece"),
    ],
)
def test_stacks_a_whole_number_of_steps_apart_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: tuple, words: str
) -> None:
    """They were refused as slices that are missing, which nothing tells but their numbers."""
    from napari_ssn.gui.widgets import series_dialog

    folder = packages(tmp_path, *zip(TWO, numbers, strict=True))
    assert [one.part for one in list_series(folder)] == [f"{words} {n} of 2" for n in (1, 2)]
    doubt = "there is a gap of 40 mm, where slices are 2 mm apart"
    open_ = "Between the two either 19 slices are missing, or these are separate stacks"
    with pytest.raises(ImageError, match="2 series, choose one") as caught:
        ssn.read(folder)
    data = values(1, (7, 6, 8))
    for number, part in ((1, data[:, :, :5]), (2, data[:, :, 5:])):
        volume = ssn.read(folder, number)
        np.testing.assert_array_equal(volume.data[0], part)
        assert volume.affine[2, 3] == TWO[number - 1][0]
        for said in (volume.note, str(caught.value), ssn.read(next(folder.iterdir())).note):
            assert said is not None and doubt in said
            assert (open_ in said) == (words == "piece")
            assert ("As the numbers of their files run on" in said) == (words == "stack")
    # In the window it is said where one is chosen.
    asked: list[Any] = []
    monkeypatch.setattr(series_dialog, "can_ask", lambda: True)
    monkeypatch.setattr(series_dialog, "ask", lambda what: asked.append(what) or [2])
    [(opened, _, _)] = opening.read_layers(str(folder))
    assert opened.size == data[:, :, 5:].size and doubt in asked[0].remark


def test_numbers_that_leave_the_gap_out_tell_of_missing_slices(tmp_path: Path) -> None:
    folder = packages(tmp_path, (TWO[0], [1, 2, 3, 4, 5]), (TWO[1], [25, 26, 27]))
    with pytest.raises(GeometryError, match="19 slices are missing after slice 5"):
        ssn.read(folder)


def test_a_gap_of_one_slice_that_nothing_explains_is_a_missing_slice(tmp_path: Path) -> None:
    folder = packages(tmp_path, (TWO[0], None), ([12.0, 14, 16], None))
    with pytest.raises(GeometryError, match="1 slice is missing after slice 5"):
        ssn.read(folder)


@pytest.mark.parametrize("numbered", [True, False])
def test_pieces_at_rounded_places(tmp_path: Path, numbered: bool) -> None:
    """Steps of 0.625 mm rounded to 0.1 mm are of two lengths and yet of one stack."""
    places = [round(-133.7 + 0.625 * k, 1) for k in range(30)]
    numbers = (list(range(1, 13)), list(range(13, 23))) if numbered else (None, None)
    folder = packages(tmp_path, (places[:12], numbers[0]), (places[20:], numbers[1]))
    first = list_series(folder)[0]
    assert first.part == ("stack 1 of 2" if numbered else "piece 1 of 2")
    assert numbered or "either 8 slices are missing" in first.doubt


def test_a_gap_of_half_a_step_is_between_stacks(tmp_path: Path) -> None:
    """At 40 steps of 2 mm a whole number of them was taken to be met within 4 mm."""
    folder = packages(tmp_path, (TWO[0], None), ([z + 1.0 for z in TWO[1]], None))
    assert [(one.part, one.doubt) for one in list_series(folder)] == [
        ("stack 1 of 2", ""),
        ("stack 2 of 2", ""),
    ]


@pytest.mark.parametrize(
    ("second", "numbers", "aside"),
    [
        # Side by side, at the same places along the normal, between them, and with a tilted gantry.
        (TWO[0], False, [0.0] * 5 + [200.0] * 5),
        ([1.0, 3, 5, 7], False, [0.0] * 5 + [200.0] * 4),
        (TWO[0], False, [0.6 * k for k in range(5)] + [100 + 0.6 * k for k in range(5)]),
        # One after the other, as two positions of the table are, and one reaching into the other.
        ([6.0, 8, 10, 12], True, [0.0] * 9),
        ([5.0, 7, 9, 11, 13], True, [0.0] * 10),
    ],
)
def test_stacks_beside_and_within_each_other_are_offered(
    tmp_path: Path, second: list[float], numbers: bool, aside: list[float]
) -> None:
    count = len(second)
    ns = (list(range(1, 6)), list(range(6, 6 + count))) if numbers else (None, None)
    folder = packages(tmp_path, (TWO[0], ns[0]), (second, ns[1]), aside=aside)
    data = values(1, (7, 6, 5 + count))
    assert [one.part for one in list_series(folder)] == ["stack 1 of 2", "stack 2 of 2"]
    found = sorted((ssn.read(folder, number) for number in (1, 2)), key=lambda v: v.affine[0, 3])
    totals = sorted(volume.data[0].sum() for volume in found)
    assert totals == sorted((data[:, :, :5].sum(), data[:, :, 5:].sum()))


def test_without_numbers_stacks_within_each_other_are_refused(tmp_path: Path) -> None:
    folder = packages(tmp_path, (TWO[0], None), ([6.0, 8, 10, 12], None))
    with pytest.raises(GeometryError, match="lie at the same place"):
        ssn.read(folder)


@pytest.mark.parametrize(
    ("keyword", "word"),
    [
        ("Laterality", "side of the body"),
        ("ContrastBolusAgent", "contrast agent"),
        ("SequenceName", "sequence"),
        ("SeriesDescription", "description"),
    ],
)
def test_images_that_words_alone_tell_apart(tmp_path: Path, keyword: str, word: str) -> None:
    marks = [set_to(**{keyword: value}) for value in ("L", "R")]
    folder = together(tmp_path, (values(1), marks[0]), (values(2), marks[1]))
    assert [one.part for one in list_series(folder)] == [f"{word} {n} of 2" for n in (1, 2)]
    for number in (1, 2):
        np.testing.assert_array_equal(ssn.read(folder, number).data[0], values(number))


@pytest.mark.parametrize("unknown", [False, True])
def test_b_values_that_siemens_keeps_to_itself_are_read(tmp_path: Path, unknown: bool) -> None:
    def b_value(value: str) -> Change:
        def change(k: int, dataset: Dataset) -> None:
            dataset.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
            stored = value.ljust(4).encode() if unknown else value
            dataset.add_new(0x0019100C, "UN" if unknown else "IS", stored)

        return change

    folder = together(tmp_path, (values(1), b_value("50")), (values(2), b_value("800")))
    assert [one.part for one in list_series(folder)] == ["b-value 50 s/mm²", "b-value 800 s/mm²"]
    for number in (1, 2):
        np.testing.assert_array_equal(ssn.read(folder, number).data[0], values(number))


def test_one_slice_twice_is_counted_once(tmp_path: Path) -> None:
    again = values(1)[:, :, 2:3]
    affine = AXIAL.copy()
    affine[2, 3] += 4
    folder = together(tmp_path, (values(1), nothing))
    [path] = make_series(
        tmp_path / "again", again, affine, modality="MR", intercept=0, series="1.2.3", seed=2,
        change=set_to(AcquisitionTime="101500", InstanceNumber=9),
    )  # fmt: skip
    path.rename(folder / "again.dcm")
    volume = ssn.read(folder)
    np.testing.assert_array_equal(volume.data[0], values(1))
    assert volume.note == "1 file that is there twice with the same pixels was left out."


@pytest.mark.parametrize("way", ["RLE", "big endian", "implicit", "padded"])
def test_one_slice_encoded_in_two_ways_is_counted_once(tmp_path: Path, way: str) -> None:
    folder = together(tmp_path, (values(1), nothing))
    path = sorted(folder.iterdir())[2]
    one = dcmread(path)
    if way == "RLE":
        one.compress(RLELossless, generate_instance_uid=False)
    elif way == "padded":
        one.PixelData += bytes(64)
    else:
        order = ExplicitVRBigEndian if way == "big endian" else ImplicitVRLittleEndian
        if order == ExplicitVRBigEndian:
            one.PixelData = np.frombuffer(one.PixelData, "<i2").astype(">i2").tobytes()
        one.file_meta.TransferSyntaxUID = order
    dcmwrite(folder / "again.dcm", one, enforce_file_format=True)
    volume = ssn.read(folder)
    np.testing.assert_array_equal(volume.data[0], values(1))
    assert volume.note == "1 file that is there twice with the same pixels was left out."
    # With other pixels it is no copy.
    one = dcmread(path)
    pixels = one.pixel_array.copy()
    pixels[3, 2] += 1
    one.set_pixel_data(pixels, "MONOCHROME2", 16, generate_instance_uid=False)
    if way == "RLE":
        one.compress(RLELossless, generate_instance_uid=False)
    dcmwrite(folder / "again.dcm", one, enforce_file_format=True)
    with pytest.raises(GeometryError, match="lie at the same place"):
        ssn.read(folder)


def test_a_screenshot_in_the_series_is_left_out_and_counted(tmp_path: Path) -> None:
    def picture(k: int, dataset: Dataset) -> None:
        del dataset.ImagePositionPatient, dataset.ImageOrientationPatient
        uid = SecondaryCaptureImageStorage
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = uid

    folder = together(tmp_path, (values(1), nothing), (values(2)[:, :, :1], picture))
    volume = ssn.read(folder)
    np.testing.assert_array_equal(volume.data[0], values(1))
    assert volume.note is not None and volume.note.startswith("1 picture that does not say where")


# Several images in one file.


def grouped(*marks: tuple[str, str, Any]) -> Callable[[Dataset], None]:
    """Frames 0 … n of a value, then n … 2 n of the next: as (group, keyword, its values)."""

    def change(dataset: Dataset) -> None:
        frames = dataset.PerFrameFunctionalGroupsSequence
        count = len(frames) // 2
        for group, keyword, each in marks:
            for number, frame in enumerate(frames):
                item = Dataset()
                setattr(item, keyword, each[number // count])
                setattr(frame, group, Sequence([item]))
        for number, frame in enumerate(frames):
            place = frames[number % count].PlanePositionSequence
            frame.PlanePositionSequence = place

    return change


@pytest.mark.parametrize(
    ("group", "keyword", "each", "word"),
    [
        ("MREchoSequence", "EffectiveEchoTime", (4.6, 92.0), "echo time 4.6 ms"),
        ("FrameContentSequence", "TemporalPositionIndex", (1, 2), "time point 1 of 2"),
        ("MRDiffusionSequence", "DiffusionBValue", (0.0, 1000.0), "b-value 0 s/mm²"),
        ("FrameContentSequence", "StackID", ("1", "2"), "stack 1 of 2"),
    ],
)
def test_frames_of_several_images(
    tmp_path: Path, group: str, keyword: str, each: tuple, word: str
) -> None:
    data = np.concatenate([values(1), values(2)], axis=2)
    path = make_multiframe(
        tmp_path / "a.dcm", data, AXIAL, modality="MR", intercept=0, order=list(range(10)),
        change=grouped((group, keyword, each)),
    )  # fmt: skip
    assert list_series(path)[0].part == word
    for number in (1, 2):
        volume = ssn.read(path, number)
        np.testing.assert_array_equal(volume.data[0], values(number))
        assert volume.source.frames == tuple(range(5 * number - 4, 5 * number + 1))


def test_files_of_many_frames_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    # Time points as newer scanners store them: a file each; their UIDs are in no order.
    for number, uid in ((3, "1.2.1"), (1, "1.2.3"), (2, "1.2.2")):

        def changed(dataset: Dataset, number: int = number, uid: str = uid) -> None:
            dataset.SeriesInstanceUID, dataset.InstanceNumber = "1.9", number
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid

        path = tmp_path / f"{uid}.dcm"
        make_multiframe(path, values(number), AXIAL, modality="MR", intercept=0, change=changed)
    found = list_series(tmp_path)
    assert [one.part for one in found] == ["file 1 of 3", "file 2 of 3", "file 3 of 3"]
    for one in found:
        np.testing.assert_array_equal(ssn.read(tmp_path, one.number).data[0], values(one.number))


# From both doors, and back again.


def test_the_window_offers_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_ssn.gui.widgets import series_dialog

    folder = together(
        tmp_path, (values(1), set_to(EchoTime="10")), (values(2), set_to(EchoTime="80"))
    )
    asked: list[Any] = []
    monkeypatch.setattr(series_dialog, "can_ask", lambda: True)
    monkeypatch.setattr(series_dialog, "ask", lambda what: asked.append(what) or [2])
    [(data, meta, _)] = opening.read_layers(str(folder))
    assert meta["name"] == "MR thorax · 2020-01-02 · 7 × 6 × 5 · echo time 80 ms"
    assert data.sum() == values(2).sum()
    [told] = asked
    assert told.entries[0][1] == "MR 7 × 6 × 5 · 0.7 × 0.7 × 2 mm · echo time 10 ms"


def test_all_files_dropped_at_once_are_a_layer_each(tmp_path: Path) -> None:
    opening._Opened.until = 0.0
    folder = together(
        tmp_path, (values(1), set_to(EchoTime="10")), (values(2), set_to(EchoTime="80"))
    )
    # Sorted, the files of the two echoes come by turns.
    opened = [opening.read_layers(str(path)) for path in sorted(folder.iterdir())]
    names = [layers[0][1]["name"] for layers in opened if len(layers[0]) == 3]
    assert sorted(names) == [
        f"MR thorax · 2020-01-02 · 7 × 6 × 5 · echo time {ms} ms" for ms in (10, 80)
    ]


@pytest.mark.parametrize("several_files", [True, False])
def test_a_result_of_one_of_them_is_verified(
    tmp_path: Path, monkeypatch, capsys, several_files: bool
) -> None:
    space, study = (22, 18, 8), tmp_path / "study"
    images = [values(n, space) for n in (1, 2)]
    if several_files:
        together(study, *((d, set_to(EchoTime=str(n))) for n, d in enumerate(images, start=1)))
    else:
        data = np.concatenate(images, axis=2)
        make_multiframe(
            study / "a.dcm", data, AXIAL, modality="MR", intercept=0, order=list(range(16)),
            change=grouped(("MREchoSequence", "EffectiveEchoTime", (4.6, 92.0))),
        )  # fmt: skip
    model, out = tiny_model(tmp_path / "tiny", 3, 3, region=(16,) * 3), tmp_path / "out"
    options = ("--model", model, "--device", "cpu")
    run = ("segment", study, "--samples", 0, "--format", "dicom-seg", "--out", out, *options)
    status, _, err = command(monkeypatch, capsys, *run)
    assert status == 2 and "2 series, choose one" in err
    assert command(monkeypatch, capsys, *run, "--series", 2)[0] == 0
    check = ("verify", out / "mean.dcm.json", "--image", study, *options)
    status, said, err = command(monkeypatch, capsys, *check)
    assert status == 0 and said.startswith("Identical"), err
    assert command(monkeypatch, capsys, *check, "--series", 1)[0] == 2
