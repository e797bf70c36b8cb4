"""Study files: what is kept comes back bit for bit, and what is damaged is refused in words."""

from __future__ import annotations

import json
import shutil
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_ssn import prediction as rooms
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.spread import Spread
from napari_ssn.documents.ran import Software
from napari_ssn.documents.study import Distribution, Piece, Study, parse_study
from napari_ssn.errors import NEVER, DataError, ExportError
from napari_ssn.io.pieces import arrays_in, encode_piece
from napari_ssn.io.study import (
    open_study,
    write_study,
    write_study_folder,
)
from napari_ssn.prediction.choice import Choice, Drawing, Point, Question
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.ensembles import LayerMaps
from napari_ssn.prediction.held import Whole
from napari_ssn.prediction.kept_members import arrays_of as arrays_of_members
from napari_ssn.prediction.kept_members import members_from
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.record import run_of
from napari_ssn.prediction.restored import _restored_dist, choice_from, restore
from napari_ssn.prediction.stored import Pieces, chosen, image_of, store
from napari_ssn.text.results import STUDY_SUFFIX
from tests.support import ensembles
from tests.support.packed import distributions
from tests.support.planted import FILE
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Inline

SPACE = (22, 18, 14)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prediction]:
    """A prediction in which somebody has also asked for other directions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_ssn.network.places.model_folders", dict)
        image = source(SPACE, (0.7, 0.8, 2.5))
        session = opened(tmp_path_factory.mktemp("models"), Inline(), image, dims=3)
        result = result_of(session)
        result.bases.find("varimax")
        yield result
        session.close()


def study_of(*results: tuple[Prediction, Choice]) -> tuple[Study, Pieces]:
    pieces = Pieces()
    return Study(
        saved="2026-01-01T00:00:00+00:00",
        software=Software.here(),
        images=[image_of(one) for one, _ in results],
        results=[store(one, choice, i, pieces, []) for i, (one, choice) in enumerate(results)],
        shown=0,
    ), pieces


def again(path: Path, like: Prediction, at: int = 0) -> tuple[Prediction, Choice]:
    """What a study at a path keeps, opened on the image of a prediction."""
    with open_study(path) as file:
        told = file.study.results[at]
        image = file.study.images[told.image]
        made = restore(told, image, file.arrays, like.source, like.run)
        return made, choice_from(made, told.shown, None)[0]


def inside(shift: int = 0) -> tuple[int, ...]:
    return tuple(size // 2 + shift for size in SPACE)


DRAWING = Drawing((0.3, -1.2, 0.1), "0" * 64, 0.1, 2.0)
CHOICES = {
    "mean": Choice(),
    "draw": Choice(sample=3, seed=5),
    "walk": Choice(sample=1, direction=1, sigma=-1.35),
    "other directions": Choice(direction=2, sigma=0.85, basis="varimax"),
    "points": Choice(points=(Point(inside(), 1), Point(inside(2), 0)), direction=1, sigma=0.4),
    "nothing": Choice(nothing=True),
    "drawing": Choice(drawing=DRAWING, direction=1, sigma=0.4),
    "condition": Choice(only=(Question("at least", 1, 10.0),), sample=2),
}


@pytest.mark.parametrize("kind", list(CHOICES))
def test_every_hypothesis_comes_back_bit_for_bit(
    found: Prediction, tmp_path: Path, kind: str
) -> None:
    choice = CHOICES[kind]
    study, pieces = study_of((found, choice))
    path = tmp_path / f"a{STUDY_SUFFIX}"
    write_study(path, study, pieces.makers)
    made, shown = again(path, found)
    assert shown == choice
    before, after = (hypothesis_of(one, choice, None) for one in (found, made))
    np.testing.assert_array_equal(after.label_map, before.label_map)
    np.testing.assert_array_equal(after.z, before.z)
    assert set(made.bases.kinds) == set(found.bases.kinds) | {choice.basis}


def test_what_is_said_of_a_result_comes_back(found: Prediction, tmp_path: Path) -> None:
    study, pieces = study_of((found, Choice()))
    write_study(tmp_path / "a.ssn.zip", study, pieces.makers)
    made, _ = again(tmp_path / "a.ssn.zip", found)
    same = ("card", "device", "device_title", "tile", "centre", "depth_mm", "image_sha256",
            "tolerance", "slip", "threads", "instructions", "insisted", "unpadded", "moved_to",
            "looks", "distance", "in_calibration", "fit")  # fmt: skip
    for name in same:
        assert getattr(made, name) == getattr(found, name), name
    for kind in found.bases.kinds:
        one, other = found.bases.known(kind), made.bases.known(kind)
        np.testing.assert_array_equal(one.basis, other.basis)
        np.testing.assert_array_equal(one.share, other.share)
        assert one.effects == other.effects
    first, second = (rooms.ranges.count_ranges(one, count=60) for one in (found, made))
    assert first == second


@pytest.mark.parametrize("classes", [2, 3])
def test_a_packed_distribution_comes_back(found: Prediction, tmp_path: Path, classes: int) -> None:
    packed, dense = distributions(classes)
    third = found.card.labels[1].model_copy(update={"name": "label 2"})
    labels = [*found.card.labels, third][:classes]
    affine = found.source.affine
    space = packed.image_space
    assert space is not None
    card = found.card.model_copy(update={"labels": labels})
    where = replace(
        found.source, space=space, load=lambda: replace(
            found.source.load(), data=np.zeros((1, *space), np.float32)),
    )  # fmt: skip
    for dist in (packed, dense):
        one = replace(found, dist=dist, card=card, residual=None, source=where, centre=None)
        study, pieces = study_of((one, Choice()))
        write_study(tmp_path / "a.ssn.zip", study, pieces.makers, overwrite=True)
        made, _ = again(tmp_path / "a.ssn.zip", one)
        assert type(made.dist) is type(dist)
        for name, value in vars(dist).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(made.dist, name), value)
                assert getattr(made.dist, name).dtype == value.dtype
        for z in ([0, 0, 0], [1.5, -2, 0.3]):
            np.testing.assert_array_equal(made.dist.label_map(z), dist.label_map(z))
        np.testing.assert_array_equal(made.source.affine, affine)


def test_another_spread_is_made_again(found: Prediction, tmp_path: Path) -> None:
    spread = rooms.spreading.spread_anew(found, (), Spread(1.7))
    choice = Choice(sample=4, direction=1, sigma=1.1)
    study, pieces = study_of((spread, choice))
    write_study(tmp_path / "a.ssn.zip", study, pieces.makers)
    made, _ = again(tmp_path / "a.ssn.zip", spread)
    assert made.spread == spread.spread and made.origin is not None
    np.testing.assert_array_equal(
        hypothesis_of(made, choice, None).label_map, hypothesis_of(spread, choice, None).label_map
    )
    np.testing.assert_array_equal(made.origin.dist.label_map(), found.dist.label_map())


def test_lesions_that_moved_alone_are_told_apart_again(found: Prediction, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mean = np.full((2, *SPACE), -20.0)
    mean[0] = 0
    for middle in ((5, 5, 4), (16, 12, 10)):
        mean[1][tuple(slice(at - 2, at + 2) for at in middle)] = 1
    factor = rng.normal(size=(3, 2, *SPACE))
    two = LogitDistribution(mean, factor, np.full(mean.shape, 0.1), found.source.affine)
    found = replace(found, dist=two, residual=None)
    found.bases.find("label-weighted")
    lesions = rooms.lesions.tell_apart(found, NEVER)
    assert lesions.several
    choice = Choice(sigma=0.5, own=((1, -1.5),))
    study, pieces = study_of((found, choice))
    write_study(tmp_path / "a.ssn.zip", study, pieces.makers)
    with open_study(tmp_path / "a.ssn.zip") as file:
        made = restore(study.results[0], study.images[0], file.arrays, found.source)
        shown, apart = choice_from(made, file.study.results[0].shown, None)
    np.testing.assert_array_equal(
        hypothesis_of(made, shown, apart).label_map, hypothesis_of(found, choice, lesions).label_map
    )


@pytest.mark.parametrize("z", [(0.1, 0.2), (1e7, 0.0, 0.0)])
def test_what_is_nearest_to_a_drawing_stands_where_the_result_has_anything(
    found: Prediction, z: tuple[float, ...]
) -> None:
    told = chosen(Choice(drawing=replace(DRAWING, z=z)))
    with pytest.raises(DataError, match="a hypothesis that its result has not"):
        choice_from(found, told, None)


def test_a_folder_grows_and_holds_what_a_file_does(found: Prediction, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    study, pieces = study_of((found, Choice()))
    write_study_folder(folder, study, pieces.makers)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    assert len(before) == 3
    moved, more = study_of((found, Choice(sample=2, sigma=0.5)))
    assert moved.pieces == study.pieces
    write_study_folder(folder, moved, more.makers)
    # What did not change was not written again.
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    assert again(folder, found)[1] == Choice(sample=2, sigma=0.5)
    other = replace(found, dist=found.dist.with_presence(0.5), run=2)
    second, makers = study_of((other, Choice()), (found, Choice()))
    write_study_folder(folder, second, makers.makers)
    assert again(folder, other)[0].dist.presence == 0.5
    empty = study.model_copy(update={"results": [], "images": [], "shown": None})
    write_study_folder(folder, empty, {})
    assert not list(folder.rglob("*.safetensors"))
    with open_study(folder) as file:
        assert file.study.results == []


def test_it_holds_no_pixels_no_names_and_no_identifiers(found: Prediction, tmp_path: Path) -> None:
    path = tmp_path / f"{FILE}{STUDY_SUFFIX}"
    run = found.source
    study, pieces = study_of((replace(found, source=replace(run, series=object())), Choice()))
    write_study(path, study, pieces.makers)
    assert study.results[0].run.dicom is None and study.images[0].pixels is None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        text = archive.read("study.json").decode()
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert FILE not in text and str(tmp_path) not in text
    assert names == ["study.json", *(f"pieces/{one.sha256}.safetensors" for one in study.pieces)]
    values = found.source.load().data.tobytes()
    assert not any(values in make() for make in pieces.makers.values())
    # Nobody's file is replaced unless they say so.
    with pytest.raises(ExportError):
        write_study(path, study, pieces.makers)


def test_it_is_refused_on_another_image(found: Prediction) -> None:
    study, _ = study_of((found, Choice()))
    other = source(SPACE, (0.7, 0.8, 2.0))
    with pytest.raises(DataError, match="another image"):
        restore(study.results[0], study.images[0], lambda piece: {}, other)


# ---- Damaged


@pytest.fixture(scope="module")
def sound(found: Prediction, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "DOE_JANE.ssn.zip"
    study, pieces = study_of((found, CHOICES["points"]))
    write_study(path, study, pieces.makers)
    return path


def test_damage_anywhere_is_found_and_said_in_one_sentence(
    found: Prediction, sound: Path, tmp_path: Path
) -> None:
    """Each kind of part: the directory, the document, the pieces; cut off, and single bits."""
    whole = sound.read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "DOE_JANE.ssn.zip"
    said = 0
    for trial in range(40):
        content = bytearray(whole)
        if trial % 4 == 0:
            content = content[: int(rng.integers(0, len(content)))]
        else:
            for at in rng.integers(0, len(content), 3):
                content[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        try:
            made, choice = again(path, found)
        except DataError as error:
            said += 1
            words = str(error)
            assert "DOE" not in words and "\n" not in words and len(words) < 300
        else:
            # A bit of the zip's own that nothing reads.
            expected = hypothesis_of(found, choice, None).label_map
            np.testing.assert_array_equal(hypothesis_of(made, choice, None).label_map, expected)
    assert said >= 30


def rewritten(sound: Path, path: Path, change, pieces: dict[str, bytes] | None = None) -> Path:
    """A study whose document somebody has changed, with its pieces or others."""
    with zipfile.ZipFile(sound) as archive:
        document = json.loads(archive.read("study.json"))
        kept = {name: archive.read(name) for name in archive.namelist()[1:]}
    change(document)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("study.json", json.dumps(document))
        for name, content in {**kept, **(pieces or {})}.items():
            archive.writestr(name, content)
    return path


def _result(document: dict) -> dict:
    return document["results"][0]


CONTRADICTIONS = {
    "a label that there is not": lambda d: _result(d)["shown"]["points"][0].update(label=2),
    "a point outside": lambda d: _result(d)["shown"]["points"][0].update(index=[99, 0, 0]),
    "a direction that there is not": lambda d: _result(d)["shown"].update(direction=3),
    "a lesion that there is not": lambda d: _result(d)["shown"].update(own=[[200, 1.0]]),
    "a draw of a billion": lambda d: _result(d)["shown"].update(sample=10**9),
    "an image that is not there": lambda d: _result(d).update(image=1),
    "another image's hash": lambda d: _result(d)["run"].update(image_sha256="0" * 64),
    "a region outside": lambda d: _result(d)["distribution"].update(start=[9, 9, 9]),
    "another shape": lambda d: _result(d)["distribution"].update(space=[22, 14, 18]),
    "another rank": lambda d: _result(d)["distribution"].update(rank=2),
    "other classes": lambda d: _result(d)["distribution"].update(classes=3),
    "the other form": lambda d: _result(d)["distribution"].update(form="packed"),
    "another length": lambda d: _result(d)["distribution"]["piece"].update(size=100),
    "a piece that is not there": lambda d: _result(d)["distribution"]["piece"].update(
        sha256="0" * 64
    ),
    "another piece": lambda d: _result(d)["distribution"].update(
        piece=_result(d)["directions"][0]["piece"]
    ),
    "directions of another": lambda d: _result(d)["directions"][0].update(
        piece=_result(d)["distribution"]["piece"]
    ),
    "effects that are missing": lambda d: _result(d)["directions"][0].update(effects=[]),
    "a spread of other labels": lambda d: _result(d).update(
        spread={"overall": 1.0, "per_label": [2.0, 1.0, 1.0]}
    ),
    "no number": lambda d: _result(d)["shown"].update(sigma=float("nan")),
    "a field of nobody": lambda d: _result(d).update(patient="DOE^JANE"),
    "a later form": lambda d: d.update(schema_version=2),
}


@pytest.mark.parametrize("kind", list(CONTRADICTIONS))
def test_what_contradicts_itself_is_refused(
    found: Prediction, sound: Path, tmp_path: Path, kind: str
) -> None:
    path = rewritten(sound, tmp_path / "a.zip", CONTRADICTIONS[kind])
    with pytest.raises(DataError) as caught:
        again(path, found)
    words = str(caught.value)
    assert words.endswith(".") and "DOE" not in words
    assert ("update napari-ssn" in words) == (kind == "a later form")


def test_packed_numbers_that_do_not_fit_are_refused() -> None:
    packed, _ = distributions(3)
    told = partial(
        Distribution, form="packed", piece=Piece(sha256="0" * 64, size=8),
        classes=3, rank=3, space=list(packed.space), affine=packed.affine.tolist(),
        start=list(packed.start), image_space=list(packed.image_space), presence=1.0,
    )  # fmt: skip
    arrays = packed.numbers()
    made = _restored_dist(told(), arrays)
    np.testing.assert_array_equal(made.label_map([1, 1, 1]), packed.label_map([1, 1, 1]))
    for name, array in arrays.items():
        for changed in (array[..., :-1], array.astype(np.float64), np.full_like(array, 7)):
            if name in ("second", "noise") and (changed == 7).all():
                continue  # numbers like others
            if name == "margins" and (changed == 7).all():
                changed = np.full_like(array, np.nan)
            with pytest.raises(DataError):
                _restored_dist(told(), {**arrays, name: changed})
    with pytest.raises(DataError):
        _restored_dist(told(), {})


def test_what_is_too_large_or_no_study_is_refused_before_it_is_unpacked(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (("a.zip", b""), ("b.zip", b"no zip"), ("c.zip", None)):
        if content is None:
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                archive.writestr("other.json", "{}")
        else:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError), open_study(tmp_path / name):
            pass
    with pytest.raises(DataError), open_study(tmp_path / "missing.ssn.zip"):
        pass
    with pytest.raises(DataError), open_study(tmp_path):
        pass
    # Of a piece no more is unpacked than it should hold.
    piece, content = encode_piece({"a": np.zeros(10)})
    name = f"pieces/{piece.sha256}.safetensors"
    with zipfile.ZipFile(sound) as archive:
        text = archive.read("study.json").decode()
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("study.json", text)
        archive.writestr(name, content + bytes(1 << 24))
    with open_study(tmp_path / "d.zip") as file:
        with pytest.raises(DataError, match="damaged"):
            file.arrays(piece)
        monkeypatch.setattr("psutil.virtual_memory", lambda: type("_", (), {"available": 100}))
        with pytest.raises(DataError, match="memory"):
            file.arrays(piece)


def peak_of(path: Path, piece: Piece) -> int:
    """Bytes of memory that the arrays of a piece cost at most while they are read."""
    tracemalloc.start()
    try:
        with open_study(path) as file:
            file.arrays(piece)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_piece_is_read_into_one_buffer_that_its_arrays_share(
    found: Prediction, tmp_path: Path, kind: str
) -> None:
    """Joined out of chunks and copied into arrays it took two to three times its size."""
    study, pieces = study_of((found, Choice()))
    arrays = {"labels": np.zeros((64, 512, 512), np.uint8), "b": np.arange(5.0)}
    piece, content = encode_piece(arrays)
    path = tmp_path / "a.ssn.zip"
    makers = {**pieces.makers, piece.sha256: lambda: content}
    if kind == "folder":
        write_study_folder(path, study, makers)
        (path / "pieces" / f"{piece.sha256}.safetensors").write_bytes(content)
    else:
        write_study(path, study, makers)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"pieces/{piece.sha256}.safetensors", content)
    assert peak_of(path, piece) < 1.5 * piece.size
    with open_study(path) as file:
        read = file.arrays(piece)
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype and read[name].flags.writeable


def test_a_piece_of_another_length_is_not_unpacked(sound: Path, tmp_path: Path) -> None:
    piece, content = encode_piece({"a": np.zeros(10)})
    name = f"pieces/{piece.sha256}.safetensors"
    with zipfile.ZipFile(sound) as archive:
        text = archive.read("study.json").decode()
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("study.json", text)
        archive.writestr(name, content)
    for size in (len(content) - 1, len(content) + 1, 1 << 26):
        with pytest.raises(DataError, match="damaged"):
            assert peak_of(tmp_path / "a.zip", piece.model_copy(update={"size": size})) == 0


HEADS = (
    b"", b"[]", b"{", b"[" * 5000, b'{"a": 1}', b'{"a": {"dtype": "F64"}}', b"\xff\xfe",
    b'{"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 8]}}',
    b'{"a": {"dtype": "F64", "shape": [-1], "data_offsets": [0, -8]}}',
    b'{"a": {"dtype": "F64", "shape": [1.0], "data_offsets": [0, 8]}}',
    b'{"a": {"dtype": "F8", "shape": [1], "data_offsets": [0, 8]}}',
    b'{"a": {"dtype": "U8", "shape": [8], "data_offsets": [8, 16]}}',
    b'{"a": {"dtype": "U8", "shape": "8", "data_offsets": [0, 8]}}',
    b'{"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}',
    b'{"a": {"dtype": "U8", "shape": [0, 99999999999999999999], "data_offsets": [0, 0]}}',
)  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_bytes_that_are_no_arrays_are_none(head: bytes) -> None:
    for told in (len(head), len(head) + 9, 1 << 63):
        with pytest.raises(ValueError, match=r"array|Expecting|utf-8|dimension|int"):
            arrays_in(bytearray(told.to_bytes(8, "little") + head + bytes(8)))
    for short in range(8):
        with pytest.raises(ValueError, match="arrays"):
            arrays_in(bytearray(short))


def test_label_maps_that_were_kept_are_no_trap_and_anything_else_is(
    found: Prediction, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty maps of a large scan with a nodule are packed 220 times: the product refused them."""
    monkeypatch.setattr("napari_ssn.io.study._MOST_UNASKED", 1 << 20)
    monkeypatch.setattr("napari_ssn.io.archive.TRAP", 1 << 20)
    piece, content = encode_piece({"labels": np.zeros((200, 512, 512), np.uint8)})
    name = f"pieces/{piece.sha256}.safetensors"
    with zipfile.ZipFile(sound) as archive:
        document = json.loads(archive.read("study.json"))
    _result(document)["kept"] = [
        {"choice": _result(document)["shown"], "piece": piece.model_dump()}
    ]
    monkeypatch.setattr("napari_ssn.documents.study._BESIDE", 1 << 26)
    for told, trap in ((document, False), (json.loads(archive_text(sound)), True)):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("study.json", json.dumps(told))
            archive.writestr(name, content)
        if trap:
            with pytest.raises(DataError, match="which no study is"), open_study(path):
                pass
        else:
            with open_study(path) as file:
                assert file.arrays(piece)["labels"].shape == (200, 512, 512)


def archive_text(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read("study.json").decode()


#: What each is said to be, of which a piece is told to be larger.
TOO_LARGE = {
    "a distribution": lambda d: _result(d)["distribution"]["piece"],
    "directions": lambda d: _result(d)["directions"][0]["piece"],
    "a kept label map": lambda d: _result(d)["kept"][0]["piece"],
    "pixels": lambda d: d["images"][0]["pixels"],
}


@pytest.mark.parametrize("kind", list(TOO_LARGE))
def test_what_a_study_says_of_a_piece_bounds_it(found: Prediction, sound: Path, kind: str) -> None:
    """The image has 5,544 voxels: nothing of it fills 64 MiB."""
    with zipfile.ZipFile(sound) as archive:
        document = json.loads(archive.read("study.json"))
    other = {"sha256": "1" * 64, "size": 1000}
    document["images"][0]["pixels"] = dict(other)
    _result(document)["kept"] = [{"choice": _result(document)["shown"], "piece": dict(other)}]
    parse_study(json.dumps(document))
    TOO_LARGE[kind](document)["size"] = 1 << 26
    with pytest.raises(DataError, match="a piece is larger than what it is said to hold"):
        parse_study(json.dumps(document))


def test_a_piece_that_is_gone_from_a_folder_is_missed(found: Prediction, tmp_path: Path) -> None:
    study, pieces = study_of((found, Choice()))
    write_study_folder(tmp_path, study, pieces.makers)
    shutil.rmtree(tmp_path / "pieces")
    with pytest.raises(DataError, match="missing"):
        again(tmp_path, found)


def test_the_document_reads_its_own_text(found: Prediction) -> None:
    study, _ = study_of((found, CHOICES["condition"]))
    assert parse_study(study.to_json()) == study
    for text in ("", "[]", "{}", "\x00", "[" * 10_000):
        with pytest.raises(DataError):
            parse_study(text)
    assert isinstance(found.dist, LogitDistribution)


@pytest.fixture(scope="module")
def voted() -> Prediction:
    """An ensemble of four, the last of whom outlines nothing."""
    maps = [(one.argmax(0) == 1).astype(np.uint8) for one in ensembles.members()[:3]]
    image = source(ensembles.SPACE, (1.5, 1.0, 2.0))
    made = LayerMaps((*maps, np.zeros_like(maps[0])), (1, 2, 3, 5))
    return rooms.ensembles.predict(made, image, kinds=("label-weighted",))


@pytest.mark.parametrize(
    "choice",
    [Choice(), Choice(member=1), Choice(member=1, sigma=-0.2), Choice(member=3, nothing=True)],
)
def test_an_ensemble_comes_back_with_its_members(
    voted: Prediction, tmp_path: Path, choice: Choice
) -> None:
    study, pieces = study_of((voted, choice))
    write_study(tmp_path / "a.ssn.zip", study, pieces.makers)
    made, shown = again(tmp_path / "a.ssn.zip", voted)
    assert shown == choice and made.sources == voted.sources
    before, after = (hypothesis_of(one, choice, None) for one in (voted, made))
    np.testing.assert_array_equal(after.label_map, before.label_map)
    ranges = [rooms.ranges.count_ranges(one) for one in (voted, made)]
    assert ranges[1].line(made.measure, 0) == ranges[0].line(voted.measure, 0)
    assert (
        ranges[1]
        .line(made.measure, 0)
        .startswith("smallest and largest of the 3 of 4 label maps that outline anything ")
    )
    assert ranges[1].presence.line == "1 of 4 label maps outlines nothing here"


def test_an_ensemble_that_waits_for_its_image_is_saved_again_whole(
    voted: Prediction, tmp_path: Path
) -> None:
    study, pieces = study_of((voted, Choice()))
    write_study(tmp_path / "a.ssn.zip", study, pieces.makers)
    waiting = rooms.studies.read(tmp_path / "a.ssn.zip").waiting
    rooms.studies.save(tmp_path / "b.ssn.zip", Whole(waiting=waiting), False, False)
    made, _ = again(tmp_path / "b.ssn.zip", voted)
    for name, values in arrays_of_members(voted.members).items():
        np.testing.assert_array_equal(arrays_of_members(made.members)[name], values)


def test_members_that_a_result_has_not_are_refused(voted: Prediction) -> None:
    for choice in (Choice(member=4), Choice(member=3), Choice(member=0, nothing=True)):
        with pytest.raises(DataError, match="a hypothesis that its result has not"):
            choice_from(voted, chosen(choice), None)
    told, whole = run_of(voted).ensemble, arrays_of_members(voted.members)
    for name, value in (("label_maps", whole["label_maps"] + 2), ("z", whole["z"][:, :1])):
        with pytest.raises(DataError, match="do not fit its result"):
            members_from(told, {**whole, name: value}, voted.dist)
