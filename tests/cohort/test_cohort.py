"""``napari-ssn cohort``: from a folder to a table, and on from wherever it was stopped."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from threading import Timer
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from distributed import LocalCluster

from napari_ssn import cohort as cohorts
from napari_ssn._version import __version__
from napari_ssn.cohort import crew as crew_module
from napari_ssn.cohort import run as cohort_run
from napari_ssn.cohort import task, work
from napari_ssn.cohort.folders import PICTURE
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import Cancel, Cancelled
from napari_ssn.text.cohort import AGAIN
from tests.support import crews
from tests.support.crews import rows
from tests.support.dicoms import SECRETS, make_series
from tests.support.helpers import command, noise_image, oblique_affine


def scan(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = noise_image((20, 18, 16), seed).astype(np.int16)
    image = nib.Nifti1Image(values, oblique_affine())
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def test_a_folder_is_done_once_and_what_changed_again(
    cohort: Any, model: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    a, b = scan(tmp_path / "in" / "a.nii.gz", 1), scan(tmp_path / "in" / "deep" / "b.nii.gz", 2)
    (tmp_path / "in" / "broken.nii.gz").write_bytes(b"no image")
    # A mask that lies among the images is none.
    nib.save(nib.Nifti1Image(np.eye(9, dtype=np.uint8)[None], np.eye(4)), tmp_path / "in/mask.nii")
    out = tmp_path / "out"

    def verified(sidecar: Path, image: Path) -> bool:
        arguments = ("verify", sidecar, "--image", image, "--model", model)
        return command(monkeypatch, capsys, *arguments)[0] == 0

    status, said, err, started = cohort()
    assert status == 0 and started
    assert said == "4 scans: 2 done, 2 refused.\n"
    assert "1 × It is a label map and no image.\n" in err and AGAIN in err
    found = rows(out)
    assert [(one["image"], one["state"]) for one in found] == [
        ("a.nii.gz", "done"),
        ("broken.nii.gz", "refused"),
        ("mask.nii", "refused"),
        ("deep/b.nii.gz", "done"),
    ]
    assert "label map" in found[2]["reason"] and found[1]["reason"]

    # What the row and the sidecar say is one thing, and the command for one image finds the same.
    one, folder = found[0], out / "scans" / "000001"
    record = read_sidecar(folder / "mean.json")
    volume = record.volumes["label 1"]
    assert float(one["mean"]) == pytest.approx(volume.ml, rel=1e-5)
    assert float(one["longest_mm"]) == pytest.approx(volume.longest_mm, rel=1e-5)
    sizes = np.array(record.sizes["label 1"].voxels) * (volume.ml / volume.voxels)
    steps = len(sizes) - 1
    ends = [float(one[name]) for name in ("low", "median", "high")]
    assert ends == pytest.approx([sizes[steps * part // 100] for part in (5, 50, 95)], rel=1e-2)
    single = tmp_path / "single"
    arguments = ("--model", model, "--samples", 0, "--device", "cpu", "--out", single)
    assert command(monkeypatch, capsys, "segment", a, *arguments)[0] == 0
    assert (single / "mean.nii.gz").read_bytes() == (folder / "mean.nii.gz").read_bytes()
    assert verified(folder / "mean.json", a)

    # Again: nothing is to be done, and no worker is started for it.
    times = {path: path.stat().st_mtime_ns for path in out.rglob("mean.nii.gz")}
    assert cohort()[1] == said and not cohort()[3]
    assert {path: path.stat().st_mtime_ns for path in times} == times

    # A copy has another time and the same values: looked at, and not done again.
    os.utime(a, ns=(1, 1))
    _, said, _, started = cohort()
    assert started and said == "4 scans: 2 done, 2 refused.\n"
    assert {path: path.stat().st_mtime_ns for path in times} == times
    # Other values, or a result that is gone: that one is done again.
    scan(a, 3)
    (out / "scans" / "000004" / "mean.nii.gz").unlink()
    cohort()
    assert read_sidecar(folder / "mean.json").run.image_sha256 != record.run.image_sha256
    assert (out / "scans" / "000004" / "mean.nii.gz").is_file()
    assert verified(folder / "mean.json", a)
    # Another wish: all again; and one that is mended is tried again when somebody asks.
    shutil.copy(b, tmp_path / "in" / "broken.nii.gz")
    _, said, _, _ = cohort("--samples", 2)
    assert said == "4 scans: 3 done, 1 refused.\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        "mean.json",
        "mean.nii.gz",
        PICTURE,
        "sample_01.json",
        "sample_01.nii.gz",
        "sample_02.json",
        "sample_02.nii.gz",
    ]
    # What is not found any more does not lie beside what is said now.
    a.write_bytes(b"no image any more")
    _, said, _, _ = cohort("--samples", 1)
    assert said == "4 scans: 2 done, 2 refused.\n"
    assert not list(folder.iterdir())
    assert not list(out.rglob("sample_02*")) and list(out.rglob("sample_01.nii.gz"))


def test_another_model_does_all_again(
    cohort: Any, model: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    scan(tmp_path / "in" / "a.nii.gz")
    cohort("--only-sizes")
    folder = tmp_path / "out" / "scans" / "000001"
    assert [path.name for path in folder.iterdir()] == [PICTURE]
    assert not cohort("--only-sizes")[3]
    card = json.loads((model / "model.json").read_text())
    other = shutil.copytree(model, tmp_path / "tiny")
    (other / "model.json").write_text(json.dumps({**card, "version": "0.2"}))
    before = (folder / PICTURE).stat().st_mtime_ns
    assert cohort("--only-sizes", "--model", other)[3]
    assert (folder / PICTURE).stat().st_mtime_ns != before


def test_a_scan_that_kills_its_workers_is_set_aside_and_tried_again_when_asked(
    cohort: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    for number, name in enumerate(("a", "deadly", "c")):
        scan(tmp_path / "in" / f"{name}.nii.gz", number)
    monkeypatch.setattr(cohort_run, "segment_scan", crews.segment_or_die)
    assert cohort()[1] == "3 scans: 2 done, 1 set aside.\n"
    found = {one["image"]: one for one in rows(tmp_path / "out")}
    assert found["deadly.nii.gz"]["reason"].startswith("2 workers died of it")
    monkeypatch.undo()


def test_what_there_is_not_memory_enough_for_is_tried_when_the_others_are_done(
    cohort: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    for name in ("full", "b", "c"):
        scan(tmp_path / "in" / f"{name}.nii.gz")
    monkeypatch.setattr(cohort_run, "segment_scan", crews.full)
    assert cohort()[1] == "3 scans: 2 done, 1 refused.\n"
    found = {one["image"]: one["reason"] for one in rows(tmp_path / "out")}
    assert found["full.nii.gz"] == "There is not memory enough."
    tried = [path.name for path in sorted((tmp_path / "in").glob("*.tried"))]
    assert tried == ["full-1.tried", "full-2.tried"]


def test_dicom_series_of_a_tree(cohort: Any, tmp_path: Path) -> None:
    tree = tmp_path / "in"
    for number in range(2):
        values = noise_image((20, 18, 6), number).clip(-1000)
        make_series(tree / f"DOE_{number}" / "ct", values, oblique_affine())
    formats = ("--format", "dicom-seg", "--format", "rtstruct")
    _, said, err, _ = cohort(*formats, "--deidentified", "--unnamed")
    assert said == "2 scans: 2 done.\n", err
    out = tmp_path / "out"
    assert sorted(path.name for path in (out / "scans" / "000001").iterdir()) == [
        "mean.dcm",
        "mean.dcm.json",
        "mean.rtstruct.dcm",
        "mean.rtstruct.dcm.json",
        PICTURE,
    ]
    # The outline, and what 95, 50 and 5 % of the hypotheses agree on.
    contours = pydicom.dcmread(out / "scans" / "000001" / "mean.rtstruct.dcm")
    assert len(contours.StructureSetROISequence) == 4
    written = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    named = [path for path in out.rglob("*") if path.is_file() and path.name == "cohort.sqlite"]
    assert len(named) == 1
    for secret in (*SECRETS, "DOE_0"):
        inside = sum(secret.encode() in whole for whole in written)
        # The manifest has to know where a scan lies, and nothing else may.
        assert inside == (1 if secret in ("DOE_0", "DOE") else 0), secret


def test_a_series_of_a_folder_that_a_table_names(cohort: Any, tmp_path: Path) -> None:
    for number in range(2):
        values = noise_image((20, 18, 4 + number), number).clip(-1000)
        make_series(tmp_path / str(number), values, oblique_affine(), series=f"1.2.{number}")
        for file in (tmp_path / str(number)).iterdir():
            (tmp_path / "ct").mkdir(exist_ok=True)
            file.rename(tmp_path / "ct" / f"{number}-{file.name}")
    table = tmp_path / "scans.csv"
    table.write_text("image,series\nct,2\nct,\nct,3\n")
    assert cohort(source=table)[1] == "3 scans: 1 done, 2 refused.\n"
    first, second, third = rows(tmp_path / "out")
    record = read_sidecar(tmp_path / "out" / "scans" / "000001" / "mean.json")
    assert first["state"] == "done" and record.grid.shape == [20, 18, 5]
    assert "2 series" in second["reason"] and "no series 3" in third["reason"]


def test_what_cannot_be_asked(cohort: Any, tmp_path: Path) -> None:
    scan(tmp_path / "in" / "a.nii.gz")
    for arguments in (
        ("--only-sizes", "--format", "nifti"),
        ("--format", "dicom-pm"),
        ("--deidentified",),
        ("--scheduler", "tcp://nowhere:1", "--workers", 2),
    ):
        status, _, err, started = cohort(*arguments)
        assert status == 2 and not started and "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_where_nothing_can_be_written_nothing_is_blamed_on_a_scan(
    cohort: Any, tmp_path: Path
) -> None:
    scan(tmp_path / "in" / "a.nii.gz")
    (tmp_path / "out" / "scans").mkdir(parents=True)
    (tmp_path / "out" / "scans" / "000001").write_text("in the way")
    status, _, err, _ = cohort()
    assert status == 2 and "a file where the folder should be" in err
    (tmp_path / "out" / "scans" / "000001").unlink()
    assert cohort()[1] == "1 scan: 1 done.\n"


def test_a_table_in_parquet_that_nothing_can_write_is_refused_at_once(
    cohort: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    # If another test has had it.
    monkeypatch.delitem(sys.modules, "napari_ssn.cohort.parquet", raising=False)
    monkeypatch.delitem(vars(cohorts), "parquet", raising=False)
    scan(tmp_path / "in" / "a.nii.gz")
    status, _, err, _ = cohort("--parquet")
    assert status == 2 and 'pip install "napari-ssn[parquet]"' in err
    assert not (tmp_path / "out").exists()


def test_a_table_in_parquet_is_written_and_kept_up_to_date(cohort: Any, tmp_path: Path) -> None:
    reader = pytest.importorskip("pyarrow.parquet")
    scan(tmp_path / "in" / "a.nii.gz")
    status, _, err, _ = cohort("--parquet")
    assert status == 0 and "Wrote both tables and review.html." in err
    scan(tmp_path / "in" / "b.nii.gz", 1)
    assert cohort()[0] == 0
    assert reader.read_table(tmp_path / "out" / "cohort.parquet").num_rows == 2


def test_it_is_stopped_and_goes_on(
    crew: Any, model: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    for number in range(5):
        scan(tmp_path / "in" / f"{number}.nii.gz", number)
    monkeypatch.setattr(cohort_run, "local_crew", lambda count, gpus: nullcontext(crew))
    folder, card, wanted = cohort_run.wanted_of(str(model))
    ended: list[str] = []
    told = cohort_run.Told(ended=ended.append)
    arguments = (tmp_path / "in", tmp_path / "out", folder, card, wanted)
    options = cohort_run.Options("cpu")
    cancel = Cancel(lambda: len(ended) >= 2, "Enough.")
    with pytest.raises(Cancelled, match="Enough"):
        cohort_run.run_cohort(*arguments, options, told, cancel)
    stopped = len(ended)
    assert 2 <= stopped < 5
    with Manifest(tmp_path / "out") as manifest:
        assert sum(one.state == "done" for one in manifest.records()) == stopped
    assert cohort_run.run_cohort(*arguments, options, told) == {"done": 5}
    assert len(ended) == 5


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "no address of a scheduler"),
        ("", "no address of a scheduler"),
        ("udp://127.0.0.1:9", "no address of a scheduler"),
        ("tcp://127.0.0.1:1", "No scheduler of dask answers"),
        ("tls://127.0.0.1:1", "has to name certificates"),
    ],
)
def test_a_scheduler_that_is_not_there(
    cohort: Any, tmp_path: Path, monkeypatch: Any, address: str, words: str
) -> None:
    monkeypatch.setattr(crew_module, "_PATIENCE", 0.3)
    scan(tmp_path / "in" / "a.nii.gz")
    status, _, err, _ = cohort("--scheduler", address)
    assert status == 2 and words in err and not (tmp_path / "out").exists()


def test_a_scheduler_that_is_there(cohort: Any, tmp_path: Path) -> None:
    scan(tmp_path / "in" / "a.nii.gz")
    with LocalCluster(
        1, 1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as cluster:
        status, said, err, started = cohort("--scheduler", cluster.scheduler_address)
    assert status == 0 and not started and said == "1 scan: 1 done.\n", err


def test_workers_that_come_later_are_waited_for_and_looked_at(
    cohort: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """As from a queue: of a job that waits nobody knows when it begins."""
    scan(tmp_path / "in" / "a.nii.gz")
    monkeypatch.setattr(work, "_PATIENCE", 0.2)
    # The first of them sees other folders, and the second is one to work with.
    monkeypatch.setattr(cohort_run, "check_worker", crews.first_is_unfit(tmp_path / "came"))
    how = {"processes": False, "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=0, threads_per_worker=1, **how) as cluster:
        timers = [Timer(wait, cluster.scale, (count,)) for count, wait in ((1, 1.5), (2, 4.0))]
        before = crew_module.Check.problem

        def begin(*given: Any) -> str:
            found = before(*given)
            for one in timers:
                one.start()
            return found

        monkeypatch.setattr(crew_module.Check, "problem", begin)
        status, said, err, _ = cohort("--scheduler", cluster.scheduler_address)
        for one in timers:
            one.join()
    assert status == 0 and said == "1 scan: 1 done.\n", err
    assert "no workers yet: they are waited for" in err and "Left aside: it is unfit." in err


def test_workers_that_cannot_be_used(tmp_path: Path) -> None:
    assert not task.check_worker(str(tmp_path), __version__)
    assert "does not see the folder" in task.check_worker(str(tmp_path / "no"), __version__)
    assert "0.0.1" in task.check_worker(str(tmp_path), "0.0.1")
