"""Archives that are away, slow, something else, or break off: a sentence each, and nothing lost."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from napari_ssn.documents.servers import Server
from napari_ssn.errors import NEVER, ArchiveError, Cancel, Cancelled
from napari_ssn.io.dicom.web import fetch, find, send
from napari_ssn.io.dicom.web.connection import AwayError, Connection, MissingError
from napari_ssn.io.dicom.web.send import Outcome
from napari_ssn.io.dicom.web.wanted import Wanted
from tests.support.connections import open_until_the_end
from tests.support.dicoms import make_series
from tests.support.orthanc import free_port
from tests.support.planted import named_in
from tests.support.soon import in_time, tried_again
from tests.support.webs import Answer, Asked, Web, answering, certificate, listed, parts, stated

TOKEN = "secret-of-this-test"


def to(web: Web | str, seconds: float = 20.0, stop: Cancel = NEVER, **kwargs: Any) -> Connection:
    address = web if isinstance(web, str) else web.address
    server = Server(name="clinic", address=address, **kwargs)
    there = Connection(server, patience=(5.0, seconds), cancel=stop)
    return open_until_the_end(there)


@pytest.fixture
def scan(tmp_path: Path) -> list[Path]:
    values = np.random.default_rng(0).integers(-1000, 1000, (64, 64, 3))
    return make_series(tmp_path / "scan", values, np.diag([0.5, 0.75, 3.0, 1.0]))


def uids(path: Path) -> tuple[str, str, str]:
    one = pydicom.dcmread(path, stop_before_pixels=True)
    return str(one.StudyInstanceUID), str(one.SeriesInstanceUID), str(one.SOPInstanceUID)


def test_an_archive_that_is_away(scan: list[Path], tmp_path: Path) -> None:
    there = to(f"http://127.0.0.1:{free_port()}/dicom-web")
    with pytest.raises(AwayError, match="clinic does not answer"):
        find.studies(there, Wanted())
    with pytest.raises(AwayError, match="clinic does not answer"):
        fetch.fetch(there, *uids(scan[0])[:2], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    sent = send.send(there, scan)
    assert [one.outcome for one in sent] == [Outcome.unsent] * 3
    assert all("does not answer" in one.reason for one in sent)


def test_an_archive_that_is_slow() -> None:
    done = threading.Event()

    def respond(asked: Asked) -> Answer:
        done.wait(10)
        return Answer()

    with answering(respond) as web:
        with pytest.raises(AwayError, match=r"clinic is slow, nothing came for 0\.3 s"):
            find.studies(to(web, 0.3), Wanted())
        done.set()


@pytest.mark.parametrize("where", ["answer", "images", "sending"])
@tried_again
def test_whoever_stops_waits_for_no_silent_archive(
    scan: list[Path], tmp_path: Path, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Before a word of the answer, in the middle of it, and after all of a file has gone."""
    caplog.set_level(logging.DEBUG)
    silent, done = threading.Event(), threading.Event()
    half = parts([path.read_bytes() for path in scan])
    half = replace(half, body=half.body[: len(half.body) // 2], length=len(half.body), until=done)

    def respond(asked: Asked) -> Answer:
        if where == "sending" and asked.method != "POST":
            return Answer()
        if where == "images" and "?" in asked.path:
            return lists(asked, scan, "3")
        silent.set()
        if where != "images":
            done.wait(10)
        return half

    def asked() -> bool:
        if silent.is_set():
            began.append(time.monotonic())
        return silent.is_set()

    began: list[float] = []
    study, series, _ = uids(scan[0])
    with answering(respond) as web:
        there = to(web, stop=Cancel(asked))
        if where == "sending":
            sent = send.send(there, scan)
            assert [one.outcome for one in sent] == [Outcome.unsure, Outcome.unsent, Outcome.unsent]
        else:
            wanted, out = Wanted(patient="PID-4711"), tmp_path / "out"
            asks: dict[str, Callable[[], object]] = {
                "answer": lambda: find.studies(there, wanted),
                "images": lambda: fetch.fetch(there, study, series, out),
            }
            with pytest.raises(Cancelled):
                asks[where]()
            assert not (tmp_path / "out").exists()
        ended = time.monotonic()
        done.set()
        # What is left alone ends, unheard.
        for thread in threading.enumerate():
            if thread.name == "napari-ssn-archive":
                thread.join(10)
    assert not named_in(caplog.text)
    assert all(logging.getLogger(name).level == 0 for name in ("urllib3", "requests"))
    in_time(began[0], 0.4, lambda: ended)


def lists(asked: Asked, scan: list[Path], count: str | None = None) -> Answer:
    """A series, or its instances, once."""
    if "offset=0" not in asked.path:
        return Answer()
    if "/instances" in asked.path:
        return listed(*({"SOPInstanceUID": uids(path)[2]} for path in scan))
    said = {} if count is None else {"NumberOfSeriesRelatedInstances": count}
    return listed({"SeriesInstanceUID": uids(scan[0])[1], **said})


def of_images(
    scan: list[Path], answer: Callable[[], Answer], count: str | None = "3"
) -> Callable[[Asked], Answer]:
    return lambda asked: lists(asked, scan, count) if "?" in asked.path else answer()


@pytest.mark.parametrize("how", ["stated", "unstated", "silent", "between", "slow"])
def test_a_line_that_breaks_off(scan: list[Path], tmp_path: Path, how: str) -> None:
    """Fewer bytes than were said, an end without a word, no answer, an image too few, a stop."""
    study, series, _ = uids(scan[0])
    done, whole = threading.Event(), parts([path.read_bytes() for path in scan])
    # In the middle of the second image.
    half = replace(whole, body=whole.body[: len(whole.body) // 2], length=len(whole.body))
    answer, words = {
        "stated": (half, "broke off"),
        "unstated": (replace(half, length=None), "broke off"),
        "silent": (Answer(0), "broke off"),
        "between": (replace(parts([scan[0].read_bytes()], closed=False), length=None), "broke off"),
        "slow": (replace(half, until=done), r"is slow, nothing came for 0\.5 s"),
    }[how]
    with answering(of_images(scan, lambda: answer)) as web:
        with pytest.raises(AwayError, match=f"clinic {words}"):
            fetch.fetch(to(web, 0.5 if how == "slow" else 20.0), study, series, tmp_path / "out")
        done.set()
    # Half a series is none.
    assert not (tmp_path / "out").exists()


def test_images_that_are_missing_damaged_or_of_others(scan: list[Path], tmp_path: Path) -> None:
    study, series, _ = uids(scan[0])
    whole = [path.read_bytes() for path in scan]
    other = make_series(tmp_path / "other", np.zeros((4, 4, 1)), np.eye(4), seed=7)[0].read_bytes()
    for contents, words in (
        (whole[:2], "clinic sent 2 of the 3 images of the series"),
        ([whole[0], whole[0], whole[1]], "clinic sent 2 of the 3 images of the series"),
        ([whole[0], b"<html>"], "clinic sent an image that is damaged"),
        ([*whole, other], "clinic sent images of another series"),
    ):
        answer = parts(contents)
        with (
            answering(of_images(scan, lambda answer=answer: answer)) as web,
            pytest.raises(ArchiveError, match=words),
        ):
            fetch.fetch(to(web), study, series, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_what_a_killed_fetch_left_is_taken_away_and_what_others_fetch_is_not(
    scan: list[Path], tmp_path: Path
) -> None:
    study, series, _ = uids(scan[0])
    whole, out = parts([path.read_bytes() for path in scan]), tmp_path / "out"
    (out / ".napari-ssn-0123").mkdir(parents=True)
    (out / ".napari-ssn-0123" / "000001.dcm").write_bytes(b"half")
    with answering(of_images(scan, lambda: whole)) as web:
        assert fetch.fetch(to(web), study, series, out) == 3
        names = [f"00000{k}.dcm" for k in (1, 2, 3)]
        assert sorted(path.name for path in out.iterdir()) == names

        def meanwhile(done: int, total: int) -> None:
            """Another process puts its series there."""
            (tmp_path / "both" / "000001.dcm").write_bytes(b"another's")

        with pytest.raises(ArchiveError, match="not empty"):
            fetch.fetch(to(web), study, series, tmp_path / "both", meanwhile)
    (left,) = (tmp_path / "both").iterdir()
    assert left.read_bytes() == b"another's"


def test_archives_count_in_ways_of_their_own(scan: list[Path], tmp_path: Path) -> None:
    study, series, _ = uids(scan[0])
    whole = parts([path.read_bytes() for path in scan])
    for count in ("5", "2", None):
        with answering(of_images(scan, lambda: whole, count)) as web:
            out = tmp_path / str(count)
            assert fetch.fetch(to(web), study, series, out) == 3
            assert len(list(out.iterdir())) == 3


def test_a_series_that_goes_while_it_is_fetched(scan: list[Path], tmp_path: Path) -> None:
    study, series, _ = uids(scan[0])
    with (
        answering(of_images(scan, lambda: Answer(404))) as web,
        pytest.raises(MissingError, match="clinic has no such series any more"),
    ):
        fetch.fetch(to(web), study, series, tmp_path / "out")
    # One image less than was counted is the series as it is now.
    with answering(of_images(scan[:2], lambda: parts([p.read_bytes() for p in scan[:2]]))) as web:
        assert fetch.fetch(to(web), study, series, tmp_path / "out") == 2


def test_an_archive_that_unpacks_only(scan: list[Path], tmp_path: Path) -> None:
    """Some do not know the wildcard for how images are packed."""
    study, series, _ = uids(scan[0])

    def respond(asked: Asked) -> Answer:
        if "?" in asked.path:
            return lists(asked, scan)
        if "transfer-syntax" in asked.headers["Accept"]:
            return Answer(406)
        return parts([path.read_bytes() for path in scan])

    with answering(respond) as web:
        assert fetch.fetch(to(web), study, series, tmp_path / "out") == 3


OTHERS = {
    "page": (Answer(kind="text/html; charset=utf-8", body=b"<html>Log in"), "A web page answers"),
    "page in disguise": (Answer(body=b"<html>Log in"), "something that is no DICOM"),
    "text": (Answer(body=b'"all is well"'), "something that is no DICOM"),
    "numbers": (Answer(body=b"[1, 2]"), "something that is no DICOM"),
    "elements": (Answer(body=b'[{"0020000D": {"vr": "UI"}}]'), "something that is no DICOM"),
    "another kind": (Answer(body=b'[{"0020000D": 5}]'), "something that is no DICOM"),
    "moved": (Answer(302, headers={"Location": "http://localhost:9/"}), "to another address"),
    "forbidden": (Answer(403), "clinic does not allow this"),
    "proxy": (Answer(407), "asks for a login of its own"),
    "nowhere": (
        Answer(404, "text/html", b"<html>"),
        "look whether its address is that of DICOMweb",
    ),
    "busy": (Answer(503), r"clinic is busy \(503\)"),
    "broken": (Answer(500), r"clinic failed at this \(500\)"),
    "full": (Answer(507), "no room left"),
    "odd": (Answer(418), r"does not understand what it was asked \(418\)"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_something_else_answers(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SSN_TOKEN_CLINIC", TOKEN)
    answer, words = OTHERS[what]
    with answering(lambda _: answer) as web, pytest.raises(ArchiveError, match=words) as caught:
        find.studies(to(web), Wanted(patient="PID-4711"))
    said = str(caught.value)
    assert len(web.asked) == 1 and not named_in(said) and TOKEN not in said
    assert web.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_page_in_the_place_of_images(scan: list[Path], tmp_path: Path) -> None:
    study, series, _ = uids(scan[0])
    for answer, words in (
        (Answer(kind="text/html", body=b"<html>"), "A web page answers in the place of clinic"),
        (Answer(kind="application/json", body=b"{}"), "something that is no DICOM"),
        (Answer(204, "", b""), "something that is no DICOM"),
    ):
        with (
            answering(of_images(scan, lambda answer=answer: answer)) as web,
            pytest.raises(ArchiveError, match=words),
        ):
            fetch.fetch(to(web), study, series, tmp_path / "out")


def test_an_archive_that_forgets_what_was_asked() -> None:
    """Filters and pages: another patient's study is not shown, and the same page is no new one."""
    ones = [
        {"StudyInstanceUID": "1.2.1", "PatientID": "PID-4711", "NumberOfStudyRelatedSeries": "2"},
        {"StudyInstanceUID": "1.2.2", "PatientID": "PID-4712"},
    ]
    with answering(lambda asked: listed(*ones)) as web:
        found, more = find.studies(to(web), Wanted(patient="pid-4711"))
        assert [one.uid for one in found] == ["1.2.1"] and not more
        assert found[0].series == 2 and found[0].images is None and found[0].day == ""
        assert len(find.studies(to(web), Wanted(patient="PID-47*"))[0]) == 2


def storing(
    answers: list[Answer], there: list[bool]
) -> tuple[Callable[[Asked], Answer], list[Asked]]:
    """Answers to what is stored, in their order, and whether it is there whenever that is asked."""
    posts: list[Asked] = []

    def respond(asked: Asked) -> Answer:
        if asked.method == "POST":
            posts.append(asked)
            return answers[len(posts) - 1]
        if "offset=0" not in asked.path or not there.pop(0):
            return Answer()
        return listed(
            {"SOPInstanceUID": asked.path.partition("SOPInstanceUID=")[2].partition("&")[0]}
        )

    return respond, posts


def test_why_a_file_was_refused(scan: list[Path]) -> None:
    _, _, uid = uids(scan[0])
    failed = {"ReferencedSOPInstanceUID": uid, "FailureReason": 0x0122}
    odd, twice = {**failed, "FailureReason": 0x0199}, {**failed, "FailureReason": 0x0111}
    kept = {"ReferencedSOPInstanceUID": uid}
    for answer, outcome, reason in (
        (stated(409, FailedSOPSequence=failed), "refused",
         "clinic refused it: it does not keep files of that kind."),
        (stated(202, FailedSOPSequence=odd), "refused",
         "clinic refused it: its reason has the number 0199."),
        (stated(409, FailedSOPSequence=twice), "already there", ""),
        (stated(200, ReferencedSOPSequence=kept), "stored", ""),
        (stated(202, ReferencedSOPSequence={**kept, "WarningReason": 0xB000}), "stored",
         "clinic did not take it as it was: it changed elements of it."),
        (Answer(413), "refused", "clinic takes nothing as large as that."),
        (Answer(409), "refused", None),
        (Answer(403), "not sent", "clinic does not allow this to whoever asks: ask who runs it."),
    ):  # fmt: skip
        respond, posts = storing([answer], [False])
        with answering(respond) as web:
            (sent,) = send.send(to(web), scan[:1])
        assert (sent.outcome, len(posts)) == (outcome, 1)
        assert reason is None or sent.reason == reason
        assert scan[0].read_bytes() in posts[0].body


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    "answer",
    [Answer(0), Answer(body=b"{}"), Answer(kind="text/plain", body=b"ok"), Answer(body=b"")],
)
def test_what_an_archive_does_not_say_is_asked_for(
    scan: list[Path], answer: Answer, there: bool
) -> None:
    """Half-sent: the line broke off after the file had gone, or the answer says nothing of it."""
    respond, posts = storing([answer], [False, there])
    with answering(respond) as web:
        (sent,) = send.send(to(web), scan[:1])
    assert sent.outcome is (Outcome.stored if there else Outcome.unsent) and len(posts) == 1
    assert there or "clinic" in sent.reason


@pytest.mark.parametrize("what", ["page", "moved", "nowhere"])
@pytest.mark.parametrize("asked_too", [True, False])
def test_what_answers_in_the_place_of_an_archive_refuses_nothing(
    scan: list[Path], what: str, asked_too: bool
) -> None:
    """A proxy that asks for a login, say: no file is said to be refused, and none is lost."""
    other, words = OTHERS[what]

    def respond(asked: Asked) -> Answer:
        return other if asked_too or asked.method == "POST" else Answer()

    with answering(respond) as web:
        sent = send.send(to(web), scan)
    assert {one.outcome for one in sent} == {Outcome.unsent}
    assert all(re.search(words, one.reason) for one in sent)
    posts = [one for one in web.asked if one.method == "POST"]
    # A page that answers a question would answer to all; where it does not the archive is asked.
    expected = {"page": 0 if asked_too else 3, "moved": 0 if asked_too else 1, "nowhere": 1}
    assert len(posts) == expected[what]


def test_where_the_line_is_lost_nothing_is_claimed(scan: list[Path]) -> None:
    gone: list[bool] = []

    def respond(asked: Asked) -> Answer:
        if asked.method == "POST" or gone:
            gone.append(True)
            return Answer(0)
        return Answer()

    with answering(respond) as web:
        sent = send.send(to(web), scan)
    assert [one.outcome for one in sent] == [Outcome.unsure, Outcome.unsent, Outcome.unsent]
    assert all("broke off" in one.reason and not one.done for one in sent)

    # One that may not be asked may still be sent to.
    def only_takes(asked: Asked) -> Answer:
        return stated(200) if asked.method == "POST" else Answer(404)

    with answering(only_takes) as web:
        assert [one.outcome for one in send.send(to(web), scan[:1])] == [Outcome.unsent]


def test_nothing_is_sent_in_the_clear() -> None:
    far = "http://pacs.example.org/dicom-web"
    with pytest.raises(ArchiveError, match="anybody on the way can read"):
        to(far)
    to(far, insecure=True)
    Connection(Server(name="clinic", address=far), insecure=True)
    to("https://pacs.example.org/dicom-web")


@pytest.mark.parametrize(
    ("name", "days", "words"),
    [
        ("localhost", -3, "certificate of clinic is too old"),
        ("pacs.example.org", 2, "certificate of clinic is of another name than its address"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(
    name: str, days: int, words: str, tmp_path: Path
) -> None:
    own = certificate(tmp_path, name, days)
    with answering(lambda asked: Answer(), own) as web, pytest.raises(AwayError, match=words):
        find.studies(to(web, certificates=str(own)), Wanted())


def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = certificate(tmp_path)
    with answering(lambda asked: Answer(), own) as web:
        with pytest.raises(AwayError, match="cannot be verified"):
            find.studies(to(web), Wanted())
        assert find.studies(to(web, certificates=str(own)), Wanted()) == ([], False)
        with pytest.raises(ArchiveError, match=r"The file of certificates .* is not there"):
            to(web, certificates=str(tmp_path / "nowhere.pem"))
        (tmp_path / "text.pem").write_text("none")
        with pytest.raises(ArchiveError, match="holds none"):
            to(web, certificates=str(tmp_path / "text.pem"))
    assert [one.method for one in web.asked] == ["GET"]


def test_what_speaks_no_https_is_not_called_unverified() -> None:
    """As where the port is that of http: no file of certificates would help."""
    with answering(lambda asked: Answer()) as web:
        there = to(web.address.replace("http:", "https:"))
        with pytest.raises(AwayError, match="does not speak https"):
            find.studies(there, Wanted())
