"""Identifiers are planted in every input, and every output is searched for them.

The one exception is the DICOM segmentation, of which the standard demands the patient's module.
"""

from __future__ import annotations

import base64
import gzip
import io
import logging
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
import PIL.Image
import pytest
from napari.layers import Image

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.errors import SSNError
from napari_ssn.geometry.display import RESULT_KEY
from napari_ssn.gui.layers import places
from napari_ssn.gui.layers import results as layers
from napari_ssn.hooks import dicom as opening
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io.dicom.making import NAMES_THE_PATIENT
from napari_ssn.io.layers import image_layer, read_layers
from napari_ssn.session import Session, Settings
from tests.support.dicoms import make_series
from tests.support.helpers import command, noise_image, oblique_affine, tiny_model
from tests.support.planted import FILE, FOLDER, named_in
from tests.support.sessions import Inline

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (16, 15, 8)
_PICTURE = re.compile("data:image/png;base64,([A-Za-z0-9+/=]+)")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of a patient's; also where results go."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    return folder


def nifti(folder: Path) -> Path:
    image = nib.Nifti1Image(noise_image(SPACE), oblique_affine())
    header = image.header
    header["descrip"] = b"DOE^JANE PID-4711 19510703"
    header["aux_file"] = b"ACC-0815"
    header["db_name"] = b"PID-4711"
    header["intent_name"] = b"JANE DOE"
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Dr^Who DOE JANE"))
    nib.save(image, folder / f"{FILE}.nii.gz")
    return folder / f"{FILE}.nii.gz"


def slicer(folder: Path) -> Path:
    lps = np.diag([-1, -1, 1]) @ oblique_affine()[:3]
    header = {
        "space": "left-posterior-superior",
        "space directions": lps[:, :3].T,
        "space origin": lps[:, 3],
        "PatientName": "DOE^JANE",
        "content": "PID-4711 19510703",
    }
    nrrd.write(str(folder / f"{FILE}.nrrd"), noise_image(SPACE), header)
    return folder / f"{FILE}.nrrd"


def dicom(folder: Path) -> Path:
    series = folder / "DOE^JANE"
    make_series(series, noise_image(SPACE), oblique_affine(), signed=True, intercept=0.0)
    return series


INPUTS: dict[str, Callable[[Path], Path]] = {"NIfTI": nifti, "NRRD": slicer, "DICOM": dicom}


def unpacked(path: Path) -> str:
    """Everything in a file, as text; what is compressed too, whole or behind a header."""
    raw = path.read_bytes()
    parts = [raw]
    at = raw.find(b"\x1f\x8b\x08")
    if at >= 0:
        parts.append(gzip.decompress(raw[at:]))
    text = b"\n".join(parts).decode("latin-1")
    # Of pictures in a page their fields count: three letters come up by chance among pixels.
    for picture in _PICTURE.findall(text):
        fields = PIL.Image.open(io.BytesIO(base64.b64decode(picture))).info
        text = text.replace(picture, repr(fields))
    return text


def written_in(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def check_files(folder: Path) -> int:
    """Search every file in a folder, and its name, and return how many there were."""
    count = 0
    for path in written_in(folder):
        count += 1
        assert not named_in(path.name)
        if path.suffix != ".dcm":
            assert not named_in(unpacked(path)), path.suffix
    return count


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """What every logger and every warning said, whatever its level."""
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: caplog.text + " ".join(str(one.message) for one in caught)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    return tiny_model(tmp_path / "tiny", 3, 3, region=(16, 16, 16))


def said_by(monkeypatch: Any, capsys: Any, *arguments: object) -> tuple[int, str]:
    """Exit status of a command, and all that it printed."""
    status, out, err = command(monkeypatch, capsys, *arguments)
    return status, out + err


@pytest.mark.parametrize("kind", list(INPUTS))
def test_the_command_line_names_nobody(
    home: Path, model: Path, heard: Any, monkeypatch, capsys, kind: str
) -> None:
    image, out = INPUTS[kind](home), home / "results"
    formats = ["nifti", "seg.nrrd", *(["dicom-seg"] if kind == "DICOM" else [])]
    said = ""
    for form in formats:
        options = ["--model", model, "--device", "cpu", "--samples", 1, "--format", form]
        folder = out / form
        status, text = said_by(
            monkeypatch, capsys, "segment", image, "--out", folder, *options, "--report"
        )
        assert status == 0, text
        said += text
        sidecar = next(folder.glob("mean*.json"))
        arguments = ("verify", sidecar, "--image", image, "--model", model)
        status, text = said_by(monkeypatch, capsys, *arguments)
        assert status == 0, text
        said += text
    # Twice into the same folder, and verified with another image: refused in words.
    again = ("segment", image, "--out", out / "nifti", "--model", model, "--device", "cpu")
    status, text = said_by(monkeypatch, capsys, *again)
    assert status == 2
    said += text
    assert not named_in(said.replace(str(model), "")) and not named_in(heard())
    assert check_files(out) >= 6 * len(formats)
    if kind == "DICOM":
        # Which shows that the search finds what there is.
        segmentation = next((out / "dicom-seg").glob("*.dcm"))
        assert {"DOE", "JANE", "PID-4711"} <= named_in(unpacked(segmentation))
        assert "name the patient" in said


@pytest.mark.parametrize("kind", list(INPUTS))
def test_the_session_and_its_layers_name_nobody(
    home: Path, model: Path, heard: Any, kind: str
) -> None:
    volume = ssn.read(INPUTS[kind](home))
    data, options, _ = image_layer(volume, name="image")
    image = Image(data, **options)
    shown = layers.describe(image)
    session = Session(Inline(), Settings(device="cpu", hypotheses=60), (model,))
    told = []
    session.changed.connect(lambda: told.append(session.note.text if session.note else ""))
    made: list[Any] = []
    session.copies.made.connect(made.append)
    session.catalogue.look()
    session.set_image(shown.source)
    session.run()
    assert session.result is not None
    session.copies.add_samples(2, 0)
    session.walk.set_sigma(0.5)
    session.copies.keep()
    assert shown.display is not None
    transform = places.transform_of(image, 3)
    place = layers.place_on(shown.display, transform)
    for decoded in made:
        name, metadata = layers.layer_name(decoded), layers.decoded_metadata(decoded, place)
        assert not named_in(name + repr(metadata))
        # Saved from napari's own menu.
        result = layers.label_layer(name, image.data.astype(np.uint8) * 0, transform, metadata)
        state = result.as_layer_data_tuple()[1]
        out = home / "saved"
        out.mkdir(exist_ok=True)
        write_labels(str(out / f"{len(list(out.iterdir()))}.nii.gz"), result.data, state)
    assert len(made) == 3
    walked = layers.result_metadata(session.result, session.walk.choice, place, session.walk.z)
    assert not named_in(repr(walked)) and RESULT_KEY not in image.metadata
    # Headers stay in memory for the export, and are printed nowhere by accident.
    assert not named_in(repr(image.metadata) + repr(volume.source) + repr(shown.source))
    out = home / "exported"
    out.mkdir()
    for name, part in (("a.nii.gz", "shown"), ("b.seg.nrrd", "cards"), ("c.nii.gz", "probability")):
        session.files.export(out / name, part=part)
        assert session.files.exported is not None, session.note
    session.files.export_volumes(out / "volumes.csv")
    session.files.export_report(out / "report.html")
    if kind == "DICOM":
        session.files.export(out / "d.dcm")
        assert session.note is not None and NAMES_THE_PATIENT in session.note.text
    # A folder that is none, and a file that is there: what the window says of them.
    session.files.export(out / "nowhere" / "a.nii.gz")
    assert session.note is not None and session.note.error
    session.files.export(out / "a.nii.gz")
    assert session.note is not None and session.note.error
    session.close()
    assert told and not named_in(" ".join(told)) and not named_in(heard())
    assert check_files(home / "exported") >= 8 and check_files(home / "saved") >= 3


@pytest.mark.parametrize("kind", list(INPUTS))
def test_opened_layers_name_nobody(home: Path, heard: Any, kind: str) -> None:
    """Images and results, whatever their files are called."""
    path = INPUTS[kind](home)
    reader = opening.read_layers if kind == "DICOM" else read_layers
    layers = list(reader(str(path)))
    volume = ssn.read(path)
    one = Hypothesis((volume.data[0] > 0).astype(np.uint8), volume.affine, None)
    for suffix in (".seg.nrrd", ".dcm") if kind == "DICOM" else (".nii.gz", ".seg.nrrd"):
        result = home / f"{FILE}_result{suffix}"
        ssn.write(one, result, source=volume)
        layers += (opening.read_layers if suffix == ".dcm" else read_layers)(str(result))
    assert len(layers) == 3
    for _, options, _ in layers:
        assert options["name"] and not named_in(repr(options))
    assert not named_in(heard())


def damaged(kind: str, home: Path) -> list[Path]:
    """The input cut off, replaced by text, and of a file that is not there."""
    path = INPUTS[kind](home)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    cut, text = home / f"cut_{FILE}", home / f"text_{FILE}"
    suffix = "".join(files[0].suffixes)
    if path.is_dir():
        for folder in (cut, text):
            folder.mkdir()
            for file in files:
                (folder / file.name).write_bytes(file.read_bytes())
        (cut / files[2].name).write_bytes(files[2].read_bytes()[:-100])
        for file in files:
            (text / file.name).write_bytes(b"DOE JANE")
        return [cut, text, home / f"{FILE}_missing.dcm"]
    cut, text = cut.with_name(cut.name + suffix), text.with_name(text.name + suffix)
    cut.write_bytes(path.read_bytes()[:-100])
    text.write_bytes(b"DOE JANE\n" * 100)
    return [cut, text, home / f"{FILE}_missing{suffix}"]


@pytest.mark.parametrize("kind", list(INPUTS))
def test_a_failed_read_names_nobody(home: Path, heard: Any, kind: str) -> None:
    for path in damaged(kind, home):
        readers: list[Callable[[], object]] = [partial(ssn.read, path)]
        if kind != "DICOM":
            readers.append(partial(read_layers, str(path)))
        for read in readers:
            with pytest.raises(SSNError) as caught:
                read()
            assert not named_in(str(caught.value))
            # What a log of the traceback would show, but for the lines of the test itself.
            chain = traceback.format_exception_only(caught.value)
            assert not named_in("".join(chain)) and caught.value.__cause__ is None
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert not named_in(heard())


def test_the_search_finds_what_is_there(home: Path) -> None:
    assert named_in(unpacked(nifti(home))) >= {"DOE", "JANE", "PID-4711", "19510703", "ACC-0815"}
    assert named_in(unpacked(slicer(home))) >= {"DOE", "JANE", "PID-4711"}
    with pytest.raises(AssertionError):
        check_files(home)
