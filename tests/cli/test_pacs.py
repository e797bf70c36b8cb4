"""From an archive and back from the terminal: add, find, fetch, segment, send, see it there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.errors import ArchiveError, DataError
from napari_ssn.io.dicom.web import servers
from tests.support.dicoms import make_series
from tests.support.helpers import command, noise_image, tiny_model
from tests.support.orthanc import PASSWORD, USER, Orthanc, free_port
from tests.support.planted import named_in

SPACE = (22, 18, 8)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of archives of this test's."""
    path = tmp_path / "config" / "servers.json"
    monkeypatch.setattr(servers, "servers_file", lambda: path)
    monkeypatch.setattr(servers, "keyring", None)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*args: object) -> tuple[int, str, str]:
        status, out, err = command(monkeypatch, capsys, *args)
        assert "Traceback" not in err and PASSWORD not in out + err
        return status, out, err

    return call


def test_from_the_archive_and_back(
    run: Run, orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: Path
) -> None:
    orthanc.empty()
    scan = make_series(
        tmp_path / "scan",
        noise_image(SPACE),
        np.diag([0.7, 0.7, 1.25, 1]),
        signed=True,
        intercept=0,
    )
    status, _, err = run("pacs", "add", "clinic", orthanc.web, "--login", "password")
    assert status == 0 and err == "Set user:password in the variable NAPARI_SSN_TOKEN_CLINIC.\n"
    status, _, err = run("pacs", "find")
    assert status == 2 and "set the user and password in the variable NAPARI_SSN" in err
    monkeypatch.setenv("NAPARI_SSN_TOKEN_CLINIC", f"{USER}:{PASSWORD}")
    status, out, err = run("pacs", "find")
    assert (status, out, err) == (0, "", "Nothing was found.\n")
    status, out, _ = run("pacs", "send", *scan)
    assert status == 0 and out.splitlines() == [f"File {k} (CT) stored." for k in range(1, 9)]
    status, out, _ = run("pacs", "send", *scan[:2])
    assert (status, out) == (0, "File 1 (CT) already there.\nFile 2 (CT) already there.\n")
    status, out, _ = run("pacs", "find", "--from", "2020-01-02", "--patient-id", "PID-4711")
    study, *told = out.rstrip("\n").split("\t")
    assert told == ["2020-01-02", "CT", "", "1", "8"] and not named_in(out)
    _, named, _ = run("pacs", "find", "--names")
    assert {"DOE", "JANE", "PID-4711"} <= named_in(named)
    _, out, _ = run("pacs", "find", "--study", study)
    assert out.split("\t")[1:] == ["1", "CT", "thorax", "8\n"]
    fetched, results = tmp_path / "fetched", tmp_path / "results"
    status, _, err = run("pacs", "fetch", "--study", study, "--out", fetched)
    assert status == 0 and err.endswith("Fetched 8 images.\n")
    model = tiny_model(tmp_path / "tiny", 3, 3, region=(16, 16, 16))
    formats = [x for one in ("dicom-sr", "dicom-pm") for x in ("--format", one)]
    status, _, err = run(
        "segment", fetched, "--out", results, "--model", model, "--device", "cpu", "--samples", 0,
        *formats,
    )  # fmt: skip
    assert status == 0, err
    files = sorted(results.glob("*.dcm"))
    # What is written beside them stays.
    status, out, err = run("pacs", "send", *files, results / "volumes.csv")
    lines = out.splitlines()
    assert status == 1 and lines.pop() == f"File {len(files) + 1} refused: It is no DICOM file."
    assert all(line.endswith(" stored.") for line in lines)
    assert {line.split()[2] for line in lines} >= {"(SEG)", "(SR)"} and not named_in(out + err)
    assert "1 file is not in the archive" in err
    # Seen in the study, and byte for byte.
    status, out, _ = run("pacs", "find", "--study", study)
    assert len(out.splitlines()) == 1 + len(files)
    held = set(orthanc.files())
    assert held == {path.read_bytes() for path in (*scan, *files)}
    status, _, err = run("pacs", "fetch", "--study", study, "--out", tmp_path / "again")
    assert status == 2 and f"The study has {1 + len(files)} series: name one" in err
    assert not (tmp_path / "again").exists()
    assert PASSWORD not in listed.read_text()


def test_the_list_of_archives(run: Run, listed: Path) -> None:
    assert run("pacs", "list") == (0, "", "")
    status, _, err = run("pacs", "find")
    assert status == 2 and "No archive is listed yet" in err
    for name, address in (("one", "https://a.example/dicom-web/"), ("two", "https://b.example/x")):
        assert run("pacs", "add", name, address)[0] == 0
    assert run("pacs", "add", "ONE", "https://c.example", "--variable", "TOK", "--insecure")[0] == 0
    status, out, _ = run("pacs", "list")
    assert out.splitlines() == [
        "two\thttps://b.example/x\tthe token in NAPARI_SSN_TOKEN_TWO",
        "ONE\thttps://c.example\tthe token in TOK",
    ]
    status, _, err = run("pacs", "find")
    assert status == 2 and "Several archives are listed, name one: two, ONE." in err
    status, _, err = run("pacs", "find", "--server", "three")
    assert status == 2 and "No archive is called 'three': the list has two, ONE." in err
    assert run("pacs", "remove", "one")[0] == 0
    assert [one.name for one in servers.read_servers()] == ["two"]
    assert run("pacs", "remove", "one")[0] == 2


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://me:secret@a.example/dicom-web", "holds a user or a password"),
        ("ftp://a.example", "is no address"),
        ("pacs", "is no address"),
        ("https://a.example/?x=1", "ends with a question"),
        ("https://a.example:99999/", "is no address"),
        ("https://a.ex ample/", "is no address"),
        ("http://[::1]/", "number of IPv6"),
    ],
)
def test_an_address_that_is_none(run: Run, listed: Path, address: str, words: str) -> None:
    status, _, err = run("pacs", "add", "clinic", address)
    assert status == 2 and words in " ".join(err.replace("│", " ").split()) and "secret" not in err
    assert not listed.exists()
    if "://" in address:
        with pytest.raises(ArchiveError, match=words):
            servers.named(address)


@pytest.mark.parametrize(("content", "words"), [(None, "is not there"), ("x", "holds none")])
def test_certificates_that_are_none(
    run: Run, listed: Path, tmp_path: Path, content: str | None, words: str
) -> None:
    """Said when the archive is added, and not of every question that it is asked later."""
    path = tmp_path / "own.pem"
    if content is not None:
        path.write_text(content)
    command = ("pacs", "add", "clinic", "https://a.example", "--certificates", str(path))
    status, _, err = run(*command)
    assert status == 2 and words in " ".join(err.replace("│", " ").split())
    assert not listed.exists()


def test_passwords_are_not_kept(listed: Path) -> None:
    listed.parent.mkdir()
    server = {"name": "clinic", "address": "https://a.example", "password": "secret"}
    listed.write_text(json.dumps({"schema_version": 1, "servers": [server]}))
    with pytest.raises(DataError, match=r"password: there is no such field") as caught:
        servers.read_servers()
    assert "secret" not in str(caught.value)
    server.pop("password")
    listed.write_text(json.dumps({"schema_version": 1, "servers": [server, server]}))
    with pytest.raises(DataError, match="two servers have one name"):
        servers.read_servers()


def test_a_keyring_is_asked_after_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ring:
        @staticmethod
        def get_password(service: str, user: str) -> str:
            return f"{service}/{user}"

    monkeypatch.setattr(servers, "keyring", Ring)
    server = servers.named("https://a.example/dicom-web")
    assert servers.secret_of(server) == "napari-ssn/a.example"
    monkeypatch.setenv("NAPARI_SSN_TOKEN_A_EXAMPLE", " from-outside\n")
    assert servers.secret_of(server) == "from-outside"
    monkeypatch.setenv("NAPARI_SSN_TOKEN_A_EXAMPLE", "two\nlines")
    with pytest.raises(ArchiveError, match="is not a token"):
        servers.secret_of(server)


def test_what_is_written_wrongly_on_the_line(run: Run, tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}/dicom-web"
    for args, words in (
        (("find", "--server", away, "--from", "yesterday"), "is no date"),
        (("find", "--server", away, "--study", "1.2", "--modality", "CT"), "--study says which"),
        (("find", "--server", away), "does not answer"),
        (("find", "--server", away, "--study", "x"), "That is no UID"),
        (("find", "--server", "http://a.example/dicom-web"), "insist with --insecure"),
    ):
        status, _, err = run("pacs", *args)
        assert status == 2 and words in " ".join(err.replace("│", " ").split())
    status, out, err = run("pacs", "send", tmp_path / "DOE.dcm", "--server", away)
    assert (status, out) == (1, "File 1 refused: The file does not exist.\n")
