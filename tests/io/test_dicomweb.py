"""DICOMweb with a real archive: there and back, what it refuses, and how that is said."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.documents.servers import Server
from napari_ssn.errors import ArchiveError, Cancel, Cancelled
from napari_ssn.geometry.display import SOURCE_KEY
from napari_ssn.io.dicom.read import read_dicom
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.dicom.web import fetch, find, send
from napari_ssn.io.dicom.web.connection import Connection, LoginError, MissingError
from napari_ssn.io.dicom.web.send import Outcome
from napari_ssn.io.dicom.web.wanted import Wanted
from napari_ssn.io.formats import encode_picture
from napari_ssn.io.series import open_series
from tests.support.connections import open_until_the_end
from tests.support.dicoms import make_series
from tests.support.orthanc import PASSWORD, USER, Orthanc
from tests.support.planted import named_in
from tests.support.reported import described
from tests.support.segmentations import card

AFFINE = np.diag([0.5, 0.75, 3.0, 1.0])
SPACE = (7, 6, 5)
VARIABLE = "NAPARI_SSN_TOKEN_CLINIC"


@pytest.fixture
def archive(orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch) -> Orthanc:
    """An empty one, and what it knows the tests by."""
    orthanc.empty()
    monkeypatch.setenv(VARIABLE, f"{USER}:{PASSWORD}")
    # What is on this computer goes by no proxy.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    return orthanc


def connected(archive: Orthanc, **kwargs: Any) -> Connection:
    there = Connection(Server(name="clinic", address=archive.web, login="password"), **kwargs)
    return open_until_the_end(there)


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1000, SPACE).astype(np.float64)


@pytest.fixture
def scan(tmp_path: Path) -> list[Path]:
    return make_series(tmp_path / "scan", image(), AFFINE)


def held(archive: Orthanc) -> list[bytes]:
    return sorted(archive.files())


def test_a_series_goes_there_and_comes_back(
    archive: Orthanc, scan: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    there, told = connected(archive), list[tuple[int, int]]()
    sent = send.send(there, scan, lambda *done: told.append(done))
    assert [one.outcome for one in sent] == [Outcome.stored] * 5
    assert [one.path for one in sent] == scan and {one.kind for one in sent} == {"CT"}
    assert told == [(k, 5) for k in range(1, 6)]
    # Byte for byte.
    whole = sorted(path.read_bytes() for path in scan)
    assert held(archive) == whole
    (study,), more = find.studies(there, Wanted(modality="CT", since="2020-01-01"))
    assert not more
    assert (study.day, study.modalities, study.series, study.images) == (
        "2020-01-02",
        ("CT",),
        1,
        5,
    )
    (series,) = find.series(there, study.uid)
    # "Thorax of JANE DOE"
    assert (series.number, series.modality, series.words, series.images) == (1, "CT", "thorax", 5)
    told.clear()
    out = tmp_path / "new" / "out"
    assert fetch.fetch(there, study.uid, series.uid, out, lambda *done: told.append(done)) == 5
    assert told == [(k, 5) for k in range(1, 6)]
    assert sorted(path.name for path in out.iterdir()) == [f"{k:06d}.dcm" for k in range(1, 6)]
    assert sorted(path.read_bytes() for path in out.iterdir()) == whole
    assert sorted(fetch.fetch_files(there, study.uid, series.uid)) == whole
    (layer,) = open_series(there, study.uid, series.uid)
    assert layer[1]["name"] == "CT thorax · 2020-01-02 · 7 × 6 × 5" and not named_in(repr(layer))
    direct = layer[1]["metadata"][SOURCE_KEY]
    back, before = read_dicom(out), read_dicom(scan[0].parent)
    assert isinstance(direct, DicomSeries) and isinstance(back.source, DicomSeries)
    uids = [[one.SOPInstanceUID for one in each.headers] for each in (direct, back.source)]
    assert uids[0] == uids[1]
    np.testing.assert_array_equal(np.sort(layer[0].ravel()), np.sort(before.data.ravel()))
    np.testing.assert_array_equal(back.data, before.data)
    np.testing.assert_array_equal(back.affine, before.affine)
    said = repr([study, series, sent[0].outcome]) + caplog.text
    assert not named_in(said)


def test_whatever_was_sent_opens_again(archive: Orthanc, scan: list[Path], tmp_path: Path) -> None:
    source = read_dicom(scan[0].parent)
    label_map = np.zeros(SPACE, np.uint8)
    label_map[1:4, 2:5, 1:3] = 1
    one, likely = (
        ssn.Hypothesis(label_map, source.affine, None, 2),
        ProbabilityMap(np.full((1, *SPACE), 0.25, np.float32), source.affine),
    )
    files = [tmp_path / f"a{suffix}" for suffix in (".rtstruct.dcm", ".pm.dcm", ".sc.dcm")]
    ssn.write(one, files[0], source=source)
    ssn.write(likely, files[1], source=source)
    pixels = np.full((4, 6, 3), 77, np.uint8)
    files[2].write_bytes(encode_picture(pixels, "m", False, source.source))
    with connected(archive) as there:
        assert all(one.done for one in send.send(there, [*scan, *files]))
        (study,) = find.studies(there, Wanted())[0]
        # A map and a page are of one modality: what they hold is said.
        kinds = {one.words: one.uid for one in find.series(there, study.uid)}
        assert set(kinds) == {"thorax", "contours", "probabilities", "report"}
        [labels] = open_series(there, study.uid, kinds["contours"])
        [probable] = open_series(there, study.uid, kinds["probabilities"])
        [picture] = open_series(there, study.uid, kinds["report"])
        (image,) = open_series(there, study.uid, kinds["thorax"])
    # On the voxels of the image, which is fetched for it and shown nowhere.
    assert labels[2] == "labels" and labels[1]["visible"] and labels[0].shape == image[0].shape
    assert labels[0].sum() == label_map.sum() and labels[1]["scale"] == image[1]["scale"]
    assert probable[2] == "image" and set(np.unique(probable[0])) == {0.25}
    np.testing.assert_array_equal(picture[0], pixels)


def test_a_report_is_opened_as_what_it_is_about(
    archive: Orthanc, scan: list[Path], tmp_path: Path
) -> None:
    source, about = read_dicom(scan[0].parent), card("lidc-2d")
    label_map = np.zeros(SPACE, np.uint8)
    label_map[1:4, 2:5, 1:3] = 1
    one = ssn.Hypothesis(label_map, source.affine, None, 2)
    report, record = tmp_path / "a.sr.dcm", described([one], about)
    ssn.write(one, report, model=about, source=source, provenance=record)
    # Another segmentation of the study, which the report says nothing of.
    ssn.write(replace(one, label_map=1 - label_map), tmp_path / "b.dcm", source=source)
    with connected(archive) as there:
        assert all(sent.done for sent in send.send(there, [*scan, report, tmp_path / "b.dcm"]))
        (study,) = find.studies(there, Wanted())[0]
        kinds = {one.words: one.uid for one in find.series(there, study.uid)}
        with pytest.raises(ArchiveError, match="segmentation that clinic does not hold: send that"):
            open_series(there, study.uid, kinds["measurements mean"])
        assert send.send(there, [tmp_path / "a.dcm"])[0].done
        [(voxels, _, kind)] = open_series(there, study.uid, kinds["measurements mean"])
    assert kind == "labels" and voxels.sum() == label_map.sum()


def test_names_are_said_where_they_are_asked_for(archive: Orthanc, scan: list[Path]) -> None:
    there = connected(archive)
    send.send(there, scan[:1])
    assert find.studies(there, Wanted())[0][0].patient == ""
    (found,), _ = find.studies(there, Wanted(patient="PID-4711", accession="ACC-0815"), names=True)
    assert found.patient == "DOE^JANE · PID-4711 · 19510703 · ACC-0815"
    # Nor by accident.
    assert not named_in(repr(found))
    for other in (Wanted(patient="PID"), Wanted(until="2020-01-01"), Wanted(modality="MR")):
        assert find.studies(there, other) == ([], False)


@pytest.mark.parametrize("number", ["PID 47/11", "4711:2^A", "MÜLLER (2)", "50%25&x=1", "a+b"])
def test_a_number_may_hold_any_sign(archive: Orthanc, tmp_path: Path, number: str) -> None:
    """Orthanc 1.10 does not read what an address holds in a code: it has to hold signs plainly."""
    there = connected(archive)
    for k, one in enumerate((number, f"{number}7")):

        def of(_: int, dataset: Any, one: str = one) -> None:
            dataset.SpecificCharacterSet = "ISO_IR 192"
            dataset.PatientID, dataset.AccessionNumber = one, one

        paths = make_series(
            tmp_path / str(k), image()[:, :, :1], AFFINE, study=f"1.2.{k + 1}", seed=k, change=of
        )
        send.send(there, paths)
    for wanted in (Wanted(patient=number), Wanted(accession=number)):
        found = [one.uid for one in find.studies(there, wanted)[0]]
        assert found == ["1.2.1"]
    # A star stands for anything.
    assert len(find.studies(there, Wanted(patient=f"{number}*"))[0]) == 2
    assert find.studies(there, Wanted(patient=f"{number}8")) == ([], False)


def test_more_than_are_listed(archive: Orthanc, tmp_path: Path) -> None:
    there = connected(archive)
    for k in range(3):

        def of_day(_: int, dataset: Any, k: int = k) -> None:
            dataset.StudyDate = f"2020010{k + 1}"

        folder = tmp_path / str(k)
        one = make_series(
            folder, image()[:, :, :1], AFFINE, study=f"1.2.{k + 1}", seed=k, change=of_day
        )
        send.send(there, one)
    found, more = find.studies(there, Wanted())
    assert [one.day for one in found] == ["2020-01-03", "2020-01-02", "2020-01-01"] and not more
    found, more = find.studies(there, Wanted(), most=2)
    assert len(found) == 2 and more
    assert [one.uid for one in find.studies(there, Wanted(study="1.2.2"))[0]] == ["1.2.2"]


def test_what_is_there_is_not_sent_again(archive: Orthanc, scan: list[Path]) -> None:
    there = connected(archive)
    assert [one.outcome for one in send.send(there, scan[:2])] == [Outcome.stored] * 2
    sent = send.send(there, scan[:3])
    assert [one.outcome for one in sent] == [Outcome.there, Outcome.there, Outcome.stored]
    assert all(one.done and not one.reason for one in sent) and len(held(archive)) == 3


def test_what_is_no_dicom_is_not_sent_and_keeps_nothing_back(
    archive: Orthanc, scan: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "mean.json").write_text("{}" * 200)
    scan[1].write_bytes(scan[1].read_bytes()[:200])
    paths = [tmp_path / "mean.json", tmp_path / "nowhere.dcm", scan[1], scan[0]]
    sent = send.send(connected(archive), paths)
    assert [one.outcome for one in sent] == [Outcome.refused] * 3 + [Outcome.stored]
    words = [one.reason for one in sent]
    assert words[:2] == ["It is no DICOM file.", "The file does not exist."] and words[2]
    assert held(archive) == [scan[0].read_bytes()]


def test_who_asks_has_to_be_known(archive: Orthanc, scan: list[Path], monkeypatch: Any) -> None:
    there = connected(archive)
    send.send(there, scan[:1])
    monkeypatch.setenv(VARIABLE, f"{USER}:wrong")
    with pytest.raises(LoginError, match=f"clinic does not accept .* in {VARIABLE}: set another"):
        find.studies(connected(archive), Wanted())
    sent = send.send(connected(archive), scan)
    assert [one.outcome for one in sent] == [Outcome.unsent] * 5 and VARIABLE in sent[4].reason
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(LoginError, match=f"set the user and password in the variable {VARIABLE}"):
        find.studies(connected(archive), Wanted())
    monkeypatch.setenv(VARIABLE, "no-colon")
    with pytest.raises(ArchiveError, match="is not user:password"):
        connected(archive)
    # A token of the wrong kind, and none of it in what is said.
    token = Server(name="clinic", address=archive.web)
    with Connection(token) as there, pytest.raises(LoginError, match="the token") as caught:
        find.studies(there, Wanted())
    assert "no-colon" not in str(caught.value)
    assert len(held(archive)) == 1


def test_what_is_not_there(archive: Orthanc, scan: list[Path], tmp_path: Path) -> None:
    there = connected(archive)
    send.send(there, scan[:1])
    (study,), _ = find.studies(there, Wanted())
    with pytest.raises(MissingError, match="clinic has no such study"):
        find.series(there, "1.2.3")
    with pytest.raises(ArchiveError, match="That is no UID"):
        find.series(there, "../../changes")
    out = tmp_path / "out"
    with pytest.raises(MissingError, match="clinic has no such series"):
        fetch.fetch(there, study.uid, "1.2.3", out)
    assert not out.exists()
    series = find.series(there, study.uid)[0].uid
    with pytest.raises(ArchiveError, match="not empty"):
        fetch.fetch(there, study.uid, series, scan[0].parent)
    assert sorted(scan[0].parent.iterdir()) == sorted(scan)


def test_a_person_stops_it(archive: Orthanc, scan: list[Path], tmp_path: Path) -> None:
    stop, there = [False], connected(archive)
    sent = send.send(there, scan)
    (study,), _ = find.studies(there, Wanted())
    series = find.series(there, study.uid)[0].uid
    careful = connected(archive, cancel=Cancel(lambda: stop[0]))

    def after_two(done: int, total: int) -> None:
        stop[0] = done == 2

    with pytest.raises(Cancelled):
        fetch.fetch(careful, study.uid, series, tmp_path / "out", after_two)
    assert not (tmp_path / "out").exists()
    archive.empty()
    stop[0] = False
    sent = send.send(careful, scan, after_two)
    assert [one.outcome for one in sent] == [Outcome.stored] * 2 + [Outcome.unsent] * 3
    # Nothing is lost: the rest goes on from there.
    sent = send.send(there, scan)
    assert [one.outcome for one in sent] == [Outcome.there] * 2 + [Outcome.stored] * 3
