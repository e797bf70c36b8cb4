"""Damaged files of twenty kinds, made by a seed: each is read or refused in one sentence.

Outside the tests: ``make fuzz``, or ``python -m tests.support.fuzz --count 10000 --seed 1``.
Nothing that ends or stops another program is kept: the files are made anew from small sound ones.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import re
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image
from pydicom import DataElement, dcmread

import napari_ssn as ssn
from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.errors import SSNError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.formats import encode_picture
from tests.support.damage import nifti, nrrd_bytes
from tests.support.dicoms import make_series
from tests.support.phantom import phantom

#: What no message may hold: names, and words that are a library's.
NAME = "DOE_JANE_19700101"
OTHERS_WORDS = re.compile(
    r"pydantic|validation error|Input should|Extra inputs|Field required|Value error|"
    r"isoformat|Traceback|0x[0-9a-f]{6}|object at|errors\.pydantic|\[type=",
    re.IGNORECASE,
)
LONGEST = 300
SECONDS = 5.0


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: of the file, with its suffix.
        whole: sound bytes of one.
        read: what a person's choice of it leads to.
        text: whether it is text, in which words and numbers are exchanged too.
    """

    name: str
    whole: bytes
    read: Callable[[Path], object]
    text: bool = False


def kinds() -> list[Kind]:
    """All of them."""
    one = phantom()
    raw = nifti(one)
    pair = bytearray(raw)
    pair[344:348], pair[108:112] = b"ni1\0", bytes(4)
    segments = nrrd_bytes(one, "gzip").replace(b"type: float", b"type: float\nSegment0_ID:=a")
    mgz = gzip.compress(nib.MGHImage(one.data, one.affine).to_bytes(), mtime=0)
    return [
        Kind("a.nii", raw, _open),
        Kind("a.nii.gz", gzip.compress(raw, mtime=0), _open),
        Kind("a.hdr", bytes(pair[:348]), _pair_reader(raw[352:])),
        Kind("a.nrrd", nrrd_bytes(one, "raw"), _open, text=True),
        Kind("a.seg.nrrd", segments, _open, text=True),
        Kind("a.mgz", mgz, _open),
        Kind("a.mha", _metaimage(), _open),
        Kind("zarr.json", _zarr(), _zarr_reader, text=True),
        Kind("a.png", _picture("png"), _open),
        Kind("a.tif", _picture("tiff"), _open),
        Kind("a.dcm", _slice(), _open),
        *(Kind(f"a{end}", whole, _result_reader) for end, whole in _results().items()),
        Kind("a.zip", _slices(), _slices_reader),
        Kind("a.json", _sidecar(), _sidecar_reader, text=True),
        Kind("model.json", _card(), _card_reader, text=True),
        Kind("recipe.toml", _recipe(), _recipe_reader, text=True),
        Kind("dataset.json", _dataset(), _dataset_reader, text=True),
    ]


def inputs(count: int, seed: int) -> Iterator[tuple[Kind, bytes]]:
    """So many damaged files, each kind in its turn; the same ones for the same seed."""
    chance = random.Random(seed)
    known = kinds()
    for number in range(count):
        kind = known[number % len(known)]
        yield kind, damaged(kind, chance)


def damaged(kind: Kind, chance: random.Random) -> bytes:
    """One to three damages, one after the other."""
    content = kind.whole
    for _ in range(chance.choice((1, 1, 2, 3))):
        ways = [_flip, _cut, _fill, _twice, _insert, *([_number, _word, _nest] * 2 * kind.text)]
        content = chance.choice(ways)(content, chance)
    return content


def _place(content: bytes, chance: random.Random) -> int:
    # Half of them where most of the meaning is.
    return chance.randrange(max(1, min(len(content), chance.choice((400, len(content))))))


def _flip(content: bytes, chance: random.Random) -> bytes:
    out = bytearray(content or b"\0")
    at = _place(out, chance)
    out[at] ^= 1 << chance.randrange(8)
    return bytes(out)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _place(content, chance)]


def _fill(content: bytes, chance: random.Random) -> bytes:
    at, size = _place(content, chance), chance.choice((1, 2, 4, 8, 64))
    return content[:at] + chance.choice((b"\0", b"\xff", b"\x7f")) * size + content[at + size :]


def _twice(content: bytes, chance: random.Random) -> bytes:
    at, size = _place(content, chance), chance.choice((1, 16, 200))
    return content[: at + size] + content[at:]


def _insert(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return content[:at] + chance.randbytes(chance.choice((1, 4, 40))) + content[at:]


_NUMBERS = ("-1", "0", "1e400", "nan", "99999999999999999999", "-0.0", "1e-320", "9" * 5000, "x")
_WORDS = ("null", "{}", "[]", '""', '"x"', "true", "[[]]", "-", "\x00", "\u2028", "inf", '{"a": 1}')


def _exchange(content: bytes, pattern: bytes, new: str, chance: random.Random) -> bytes:
    found = list(re.finditer(pattern, content[:20_000]))
    if not found:
        return content
    one = chance.choice(found)
    return content[: one.start()] + new.encode() + content[one.end() :]


def _number(content: bytes, chance: random.Random) -> bytes:
    return _exchange(content, rb"-?\d+(\.\d+)?", chance.choice(_NUMBERS), chance)


def _word(content: bytes, chance: random.Random) -> bytes:
    return _exchange(content, rb'"[^"\n]*"|[a-z]{3,}', chance.choice(_WORDS), chance)


def _nest(content: bytes, chance: random.Random) -> bytes:
    depth = chance.choice((3, 200, 20_000))
    return _exchange(content, rb"\d+", "[" * depth + "]" * depth, chance)


# ---- Sound files


def _picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(out, form)
    return out.getvalue()


def _metaimage() -> bytes:
    one = phantom()
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"DimSize = {' '.join(map(str, one.data.shape))}\nElementSpacing = 0.7 0.8 2.5\n"
        "Offset = 1 2 3\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nElementType = MET_FLOAT\n"
        "ElementDataFile = LOCAL\n"
    )
    return head.encode() + one.data.astype("<f4").tobytes(order="F")


def _zarr() -> bytes:
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "xyz"]
    moves = [{"type": "scale", "scale": [0.7, 0.8, 2.5]}]
    sets = [{"path": "0", "coordinateTransformations": moves}]
    image = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": sets}]}
    about = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": image}}
    return json.dumps(about, indent=1).encode()


def _slice() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        values = np.arange(48).reshape(8, 6, 1)
        [path] = make_series(Path(folder), values, np.diag([-0.7, -0.8, 2.5, 1.0]))
        return path.read_bytes()


def _lying() -> Volume:
    """What results lie on."""
    with tempfile.TemporaryDirectory() as folder:
        values = np.arange(96).reshape(8, 6, 2)
        make_series(Path(folder), values, np.diag([-0.7, -0.8, 2.5, 1.0]))
        return ssn.read(Path(folder))


def _results() -> dict[str, bytes]:
    """What is written for an archive, by the ends of their names."""
    volume = _lying()
    label_map = np.zeros(volume.space, np.uint8)
    label_map[2:5, 2:4] = 1
    one = ssn.Hypothesis(label_map, volume.affine, None, 2)
    likely = ProbabilityMap(np.full((1, *volume.space), 0.5, np.float32), volume.affine)
    with tempfile.TemporaryDirectory() as folder:
        files = {end: Path(folder) / f"a{end}" for end in (".dcm", ".rtstruct.dcm", ".pm.dcm")}
        for end, path in files.items():
            ssn.write(likely if end == ".pm.dcm" else one, path, source=volume)
        found = {f".result{end}": path.read_bytes() for end, path in files.items()}
    page = encode_picture(np.zeros((5, 4, 3), np.uint8), "m", False, volume.source)
    return {end: _timeless(one) for end, one in {**found, ".result.sc.dcm": page}.items()}


def _timeless(whole: bytes) -> bytes:
    """The same file without what is another one each time: numbers and days."""
    file, numbers, out = dcmread(io.BytesIO(whole)), dict[str, str](), io.BytesIO()

    def on(_: object, element: DataElement) -> None:
        if element.VR == "UI" and not str(element.value).startswith("1.2.840."):
            element.value = numbers.setdefault(str(element.value), f"2.25.{len(numbers) + 1}")
        elif element.VR in ("DA", "TM") and element.value:
            element.value = "20200102" if element.VR == "DA" else "101112"

    file.walk(on)
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    file.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _slices() -> bytes:
    out = io.BytesIO()
    table = "patient,nodule,slice,raters,pixel_spacing_mm,slice_spacing_mm\n1,1,1,4,0.7,2.5\n"
    files = {
        "slices.csv": table.encode(),
        "image/0001_1_001.png": _picture("png"),
        "raters/0001_1_001.png": _blank(),
    }
    with zipfile.ZipFile(out, "w") as archive:
        for name, whole in files.items():
            # Of no day, so that it is the same file each time.
            archive.writestr(zipfile.ZipInfo(name), whole, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _blank() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ones((6, 8), np.uint8)).save(out, "png")
    return out.getvalue()


def _sidecar() -> bytes:
    from napari_ssn.core.hypotheses import Hypothesis
    from napari_ssn.documents.chosen import Choice
    from napari_ssn.documents.ran import ModelIdentity, Run
    from napari_ssn.io.describing import describe

    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 1:3, 1:3] = 1
    found = describe(
        Hypothesis(labels, phantom().affine, np.zeros(2)),
        model=ModelIdentity(name="m", version="1", weights_sha256="0" * 64),
        run=Run(
            device="cpu", device_title="CPU", tile=[4, 5, 6], centre=None, image_sha256="1" * 64
        ),
        choice=Choice(kind="mean", z=[0.0, 0.0]),
        labels=("background", "lesion"),
        extent="volume",
    )
    made = {"created": "2020-01-02T10:11:12+00:00"}
    return found.model_copy(update=made).to_json().encode()


def _model() -> Path:
    from napari_ssn.network.places import find_model

    return find_model("lidc-2d")


def _card() -> bytes:
    content = json.loads((_model() / "model.json").read_text())
    content["training"]["history"] = []
    content["training"]["recipe"] = {}
    return json.dumps(content, indent=1).encode()


def _recipe() -> bytes:
    return (_model() / "recipe.toml").read_bytes()


def _dataset() -> bytes:
    about = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 1,
        "file_ending": ".nii.gz",
    }
    return json.dumps(about, indent=1).encode()


# ---- What reads them


def _open(path: Path) -> object:
    from napari_ssn.io.layers import read_layers

    if path.suffix in (".png", ".tif", ".dcm"):
        return ssn.read(path)
    return read_layers(str(path))


def _result_reader(path: Path) -> object:
    from napari_ssn.hooks.dicom import read_layers
    from napari_ssn.io.dicom.contoured import read_structures

    if ".rtstruct." in path.name:
        return read_structures(path.read_bytes(), [_lying()])
    return read_layers(str(path))


def _pair_reader(voxels: bytes) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        path.with_suffix(".img").write_bytes(voxels)
        return _open(path)

    return read


def _zarr_reader(path: Path) -> object:
    import zarr

    data = phantom().data
    zarr.create_array(str(path.parent / "0"), data=data, zarr_format=3)
    return ssn.read(path.parent)


def _slices_reader(path: Path) -> object:
    from napari_ssn.training.slices import load_slices

    return load_slices(path)


def _sidecar_reader(path: Path) -> object:
    from napari_ssn.documents.sidecar import read_sidecar

    return read_sidecar(path)


def _card_reader(path: Path) -> object:
    from napari_ssn.network.models import load_model

    shutil.copyfile(_model() / "weights.safetensors", path.with_name("weights.safetensors"))
    return load_model(path.parent, "cpu")


def _recipe_reader(path: Path) -> object:
    from napari_ssn.training.recipes import read_recipe

    return read_recipe(path)


def _dataset_reader(path: Path) -> object:
    from napari_ssn.training.nnunet import load_nnunet

    one = phantom()
    labels = (one.data > 50).astype(np.uint8)
    for folder, name, data in (("imagesTr", "c_0000", one.data), ("labelsTr", "c", labels)):
        (path.parent / folder).mkdir(exist_ok=True)
        image = nib.Nifti1Image(data, one.affine)
        nib.save(image, path.parent / folder / f"{name}.nii.gz")
    return load_nnunet(path.parent)


# ---- The run


@dataclass
class Verdict:
    """What came of a file: ``read``, ``refused``, or what is wrong with how it was refused."""

    word: str
    detail: str = ""

    @property
    def bad(self) -> bool:
        return self.word not in ("read", "refused")


def judge(kind: Kind, content: bytes, folder: Path) -> Verdict:
    """Read a damaged file and say whether that went as a person may expect."""
    place = folder / NAME
    place.mkdir()
    path = place / kind.name
    path.write_bytes(content)
    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(path)
        verdict = Verdict("read")
    except SSNError as error:
        text = str(error)
        odd = OTHERS_WORDS.search(text) or "\n" in text or len(text) > LONGEST
        verdict = Verdict("words" if odd else "refused", text)
        if NAME in text and not kind.name.startswith(("model", "recipe", "dataset")):
            verdict = Verdict("name", text)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - what comes is what is looked for
        verdict = Verdict("raw", f"{type(error).__name__}: {str(error)[:300]}")
    finally:
        shutil.rmtree(place)
    if time.process_time() - began > SECONDS:
        return Verdict("slow", verdict.word)
    return verdict


def run(count: int, seed: int, keep: Path | None = None) -> tuple[Counter[str], list[str]]:
    """Judge so many files; how often each verdict came, and the bad ones in words.

    Args:
        count, seed: of `inputs`.
        keep: folder that the bad files are written to.
    """
    # Importing a network takes longer than reading any file.
    ssn.load_model(_model(), "cpu")
    words: Counter[str] = Counter()
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (kind, content) in enumerate(inputs(count, seed)):
            verdict = judge(kind, content, Path(folder))
            words[verdict.word] += 1
            if verdict.bad:
                bad.append(f"{number} {kind.name} {verdict.word}: {verdict.detail}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}-{kind.name}").write_bytes(content)
    return words, bad


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=None, help="folder for what went wrong")
    asked = parser.parse_args()
    words, bad = run(asked.count, asked.seed, asked.keep)
    print(dict(words))
    print(*bad, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
