"""A cohort of what lies in an archive: which series, fetched when their turn has come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import generate_uid

from napari_ssn.cohort import archived, task
from napari_ssn.cohort.archived import Query, look_there, stamped
from napari_ssn.cohort.looking import look
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.cohort.reading import layers_of
from napari_ssn.cohort.task import Job, segment_scan
from napari_ssn.documents.cohort import InArchive, Scan, Wanted
from napari_ssn.documents.servers import Server
from napari_ssn.errors import DataError
from napari_ssn.io.dicom.web import fetch, find, servers
from napari_ssn.io.dicom.web.connection import BusyError
from napari_ssn.io.dicom.web.wanted import Wanted as Sought
from tests.support.crews import know, rows
from tests.support.dicoms import make_series
from tests.support.helpers import command, noise_image
from tests.support.orthanc import PASSWORD, USER, Orthanc, free_port
from tests.support.planted import named_in

VARIABLE, LOGIN = "NAPARI_SSN_TOKEN_CLINIC", f"{USER}:{PASSWORD}"
STUDIES = [generate_uid(entropy_srcs=[f"study {i}"]) for i in range(3)]
SERIES = [generate_uid(entropy_srcs=[f"the series {i}"]) for i in range(4)]


def give(archive: Orthanc, folder: Path, i: int, study: int, **how: Any) -> list[Path]:
    """Let the archive hold a series of a study."""

    def of_2021(k: int, dataset: Any) -> None:
        dataset.StudyDate = f"202{study}0102"

    slices = how.pop("slices", 18)
    paths = make_series(
        folder / str(i),
        noise_image((22, 18, slices), i),
        np.diag([0.7, 0.7, 1.25, 1]),
        **{"signed": True, "intercept": 0, "study": STUDIES[study], "series": SERIES[i], **how},
        change=of_2021,
        seed=i,
    )
    for path in paths:
        archive.put(path.read_bytes())
    return paths


@pytest.fixture
def listed(orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """An empty archive in a list of this test's, whom it knows, and its description."""
    path = tmp_path / "config" / "servers.json"
    monkeypatch.setattr(servers, "servers_file", lambda: path)
    monkeypatch.setattr(servers, "keyring", None)
    monkeypatch.setenv(VARIABLE, LOGIN)
    orthanc.empty()
    server = Server(name="clinic", address=orthanc.web, login="password")
    servers.add_server(server)
    return server


@pytest.fixture
def known(crew: Any) -> None:
    """The workers know the token: they were started before the test."""
    crew._client.run(know, VARIABLE, LOGIN)


def test_what_an_archive_is_asked_for(orthanc: Orthanc, listed: Server, tmp_path: Path) -> None:
    give(orthanc, tmp_path, 0, 0)
    give(orthanc, tmp_path, 1, 0, modality="MR", number=2, slices=4)
    give(orthanc, tmp_path, 2, 1)

    def found(words: str = "", least: int = 1, **wanted: str) -> tuple[set[int], int]:
        query = Query(listed, "clinic", Sought(**wanted).checked(), words, least)
        scans, others = look_there(query)
        for scan, stamp in scans:
            assert scan.there is not None and scan.there.server == "clinic"
            assert stamp == ("4 images" if scan.there.series == SERIES[1] else "18 images")
            assert not named_in(scan.image) and scan.there.series in scan.image
        return {SERIES.index(one.there.series) for one, _ in scans if one.there}, others

    assert found() == ({0, 1, 2}, 0)
    assert found(modality="mr") == ({1}, 1)
    assert found(until="2020-12-31") == ({0, 1}, 0)
    assert found(since="2021-01-01") == ({2}, 0)
    assert found(study=STUDIES[0], least=5) == ({0}, 1)
    # "Thorax of JANE DOE", of which a name is no word.
    assert found(words="Thorax") == ({0, 1, 2}, 0)
    with pytest.raises(DataError, match=r"clinic has no series that is as you say\."):
        found(words="jane")


def test_a_series_is_fetched_once_and_leaves_nothing_behind(
    orthanc: Orthanc, listed: Server, known: None, cohort: Any, tmp_path: Path, monkeypatch: Any,
    capsys: Any, model: Path,
) -> None:  # fmt: skip
    first = give(orthanc, tmp_path / "sent", 0, 0)
    give(orthanc, tmp_path / "sent", 1, 1)
    out = tmp_path / "out"
    status, said, err, _ = cohort("--server", "clinic", "--format", "dicom-seg", source="")
    assert (status, said) == (0, "2 scans: 2 done.\n"), err
    assert "They call scans by day and UID of their series." in err and PASSWORD not in err
    names = {one["image"] for one in rows(out)}
    assert names == {f"202{i}-01-02 · CT · thorax · {SERIES[i]}" for i in (0, 1)}
    # No image of the archive's, and nobody's name or password but in what DICOM demands.
    files = [path for path in out.rglob("*") if path.is_file()]
    assert sorted({path.name for path in files if path.suffix == ".dcm"}) == ["mean.dcm"]
    for path in files:
        if path.suffix != ".dcm":
            content = path.read_bytes()
            assert not named_in(content.decode("latin-1")) and PASSWORD.encode() not in content
    # What came over the line is what lies in the files.
    with Manifest(out) as manifest:
        one = next(r for r in manifest.records() if SERIES[0] in r.scan.image)
    written = out / "scans" / f"{one.id:06d}" / "mean.dcm"
    checked = ("verify", f"{written}.json", "--image", first[0].parent, "--model", model)
    assert command(monkeypatch, capsys, *checked)[0] == 0
    ((data, _, kind),) = layers_of(one.scan, "scan")
    assert kind == "image" and data.shape == (18, 18, 22)

    # Again: nothing is to be done. One that has more images now is done again, and no other.
    times = {path: path.stat().st_mtime_ns for path in out.rglob("mean.dcm")}
    assert not cohort("--server", "clinic", "--format", "dicom-seg", source="")[3]
    give(orthanc, tmp_path / "more", 1, 1, slices=20)
    cohort("--server", "CLINIC", "--format", "dicom-seg", source="")
    changed = [path for path, at in times.items() if path.stat().st_mtime_ns != at]
    assert len(changed) == 1 and changed[0] != written


def test_a_table_points_into_an_archive(
    orthanc: Orthanc, listed: Server, known: None, cohort: Any, tmp_path: Path
) -> None:
    give(orthanc, tmp_path / "sent", 0, 0)
    table = tmp_path / "scans.csv"
    table.write_text(
        "study,series,centre,lesion\n"
        f"{STUDIES[0]},{SERIES[0]},11 9 9,upper\n"
        f"{STUDIES[0]},{SERIES[3]},11 9 9,\n"
        f"{STUDIES[2]},{SERIES[2]},,\n"
    )
    status, said, _, _ = cohort(source=table)
    assert (status, said) == (0, "3 scans: 1 done, 2 refused.\n")
    found = rows(tmp_path / "out")
    assert [(one["image"], one["lesion"], one["state"]) for one in found] == [
        (SERIES[0], "upper", "done"),
        (SERIES[3], "", "refused"),
        (SERIES[2], "", "refused"),
    ]
    assert found[1]["reason"] == "clinic has no such series."
    # It was put there meanwhile: the archive is asked each time.
    give(orthanc, tmp_path / "sent", 3, 0)
    assert cohort("--server", orthanc.web.replace("127", "no"), source=table)[0] == 2
    assert cohort(source=table)[1] == "3 scans: 2 done, 1 refused.\n"


def test_a_table_that_cannot_be_so(tmp_path: Path) -> None:
    table = tmp_path / "scans.csv"

    def refused(text: str, archive: str | None = "clinic") -> str:
        table.write_text(text)
        with pytest.raises(DataError) as caught:
            look(table, tmp_path / "out", 1, archive)
        return str(caught.value)

    assert "say of which with --server" in refused("study,series\n1.2,1.3\n", None)
    assert "are UIDs" in refused("study,series\n1.2,three\n")
    assert "are UIDs" in refused("study\n1.2\n")
    assert "so that image stays empty" in refused("study,series,image\n1.2,1.3,a.nii\n")
    assert "names no image" in refused("study,series,image\n,1,\n")
    assert 'column "image", nor "study" and "series"; its columns: "series".' in refused(
        "series\n1.3\n"
    )


def test_options_that_do_not_go_together(listed: Server, cohort: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    status, _, err, _ = cohort("--server", "clinic")
    assert status == 2 and "leave out --server" in err
    status, _, err, _ = cohort("--from", "2020-01-01")
    assert status == 2 and "where no IN is given" in err
    status, _, err, _ = cohort("--from", "2020-01-01", source="")
    assert status == 2 and "or an archive with --server" in err
    status, _, err, _ = cohort("--server", "clinic", "--from", "yesterday", source="")
    assert status == 2 and "write it as 2025-03-01" in err
    servers.remove_server("clinic")
    status, _, err, _ = cohort("--server", "clinic", source="")
    assert status == 2 and "none is listed yet" in err


def job(model: Path, folder: Path, server: Server) -> Job:
    from napari_ssn.cohort.run import wanted_of

    _, _, wanted = wanted_of(str(model))
    assert isinstance(wanted, Wanted)
    there = InArchive(server="clinic", study=STUDIES[0], series=SERIES[0])
    return Job(Scan(there=there, image="one"), wanted, str(model), "cpu", 1, str(folder), server)


def test_an_archive_that_is_away_is_no_scans_fault(
    orthanc: Orthanc, listed: Server, model: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(task.time, "sleep", slept.append)
    away = listed.model_copy(update={"address": f"http://127.0.0.1:{free_port()}/dicom-web"})
    found = segment_scan(job(model, tmp_path, away))
    assert (found.state, found.stop) == (
        "waiting",
        "clinic does not answer: look at its address and at the network.",
    )
    assert slept == [2, 10, 30]
    # Who is not known will not be so in a while.
    slept.clear()
    monkeypatch.setenv(VARIABLE, f"{USER}:of-another")
    found = segment_scan(job(model, tmp_path, listed))
    assert "does not accept the user and password" in found.stop and not slept
    # One that answers, and sends this series alone not: tried once more, and no other waits.
    monkeypatch.setenv(VARIABLE, LOGIN)
    give(orthanc, tmp_path, 0, 0)
    asked: list[int] = []

    def busy(*_: object) -> list[bytes]:
        asked.append(1)
        raise BusyError("clinic is busy (504): try again later.")

    monkeypatch.setattr(fetch, "fetch_files", busy)
    found = segment_scan(job(model, tmp_path, listed))
    assert (found.state, found.stop, len(asked)) == ("waiting", "", 4)
    assert found.reason == "clinic is busy (504): try again later."


def test_what_is_no_one_image_is_said(
    orthanc: Orthanc, listed: Server, model: Path, tmp_path: Path
) -> None:
    give(orthanc, tmp_path / "a", 0, 0)
    # Another stack in the same series, elsewhere and of another size.
    extra = make_series(
        tmp_path / "c", noise_image((10, 12, 8), 5), np.diag([1.0, 1.0, 3.0, 1.0]), signed=True,
        intercept=0, study=STUDIES[0], series=SERIES[3],
        change=lambda k, dataset: setattr(dataset, "SeriesInstanceUID", SERIES[0]), seed=9,
    )  # fmt: skip
    for path in extra:
        orthanc.put(path.read_bytes())
    found = segment_scan(job(model, tmp_path / "out", listed))
    assert found.state == "refused" and found.reason.startswith("The series holds 2 images (CT ")


def test_keys_are_those_of_before(listed: Server) -> None:
    # Of cohorts that were begun before there were archives: nothing of them is done again.
    files = Scan(paths=("/a/b.nii.gz",), image="b", centre=(1, 2, 3), lesion="x")
    assert files.key == "57f0f7de9889eb652c3da02072d86b682cfdc798974e6149720f5d87e0fec98e"
    one = InArchive(server="clinic", study="1.2", series="1.3")
    other = one.model_copy(update={"server": "https://elsewhere.example.org"})
    assert Scan(there=one, image="a").key == Scan(there=other, image="b").key
    assert Scan(there=one, image="a", centre=(1, 2, 3)).key != Scan(there=one, image="a").key
    with pytest.raises(ValueError, match="either in files or in an archive"):
        Scan(image="nowhere")
    with pytest.raises(ValueError, match="either in files or in an archive"):
        Scan(paths=("a",), there=one, image="both")
    assert stamped([(files, "s")], None) == [(files, "s")]
    assert archived.stamp_of(find.FoundSeries("1.3", 1, "CT", "", 4)) == "4 images"
