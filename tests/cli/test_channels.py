"""Models of several channels from the terminal: images in order, by name, by series; verify."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.cli.images import Named
from napari_ssn.cli.options import parse_series
from napari_ssn.documents.card import read_card
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import ImageError
from napari_ssn.io.hashes import image_hash
from napari_ssn.network.models import save_card
from tests.support.dicoms import make_series
from tests.support.helpers import command, noise_image, oblique_affine, page_of, tiny_model

SPACE = (20, 18, 10)
# A name as hospitals give them: it must appear in no output.
NAME = "DOE_JANE"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[int, Path]:
    """Models of two channels, by their number of axes."""
    made = {}
    for dims in (2, 3):
        folder = tmp_path_factory.mktemp("models") / f"two-{dims}d"
        tiny_model(folder, dims=dims, region=(16,) * dims, channels=2)
        save_card(folder, read_card(folder).model_copy(update={"channels": ["T1", "T1ce"]}))
        made[dims] = folder
    return made


def save(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, oblique_affine() if affine is None else affine), path)
    return path


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> list[Path]:
    """Two images of a case, in nnU-Net's names and on two grids."""
    folder = tmp_path_factory.mktemp("case")
    coarse = oblique_affine((1.4, 1.3, 2.5))
    return [
        save(folder / f"{NAME}_0000.nii.gz", noise_image(SPACE)),
        save(folder / f"{NAME}_0001.nii.gz", noise_image((11, 18, 10), 1), coarse),
    ]


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*args: object) -> tuple[int, str, str]:
        status, out, err = command(monkeypatch, capsys, *args)
        assert NAME not in out + err and "Traceback" not in err
        return status, out, " ".join(err.split())

    return call


def test_images_in_order_are_segmented_and_verified(run, scans, models, tmp_path: Path) -> None:
    more = ("--model", models[3], "--device", "cpu", "--samples", 0, "--report")
    status, _, err = run("segment", *scans, *more, "--out", tmp_path / "a")
    assert status == 0, err
    assert "Channels: T1 = first image, T1ce = second image." in err
    assert "Channel 2 was resampled to the grid of the first." in err
    assert "T1, T1ce · grid and pictures of T1" in page_of(tmp_path / "a" / "report.html")
    both, record = ssn.read(scans), read_sidecar(tmp_path / "a" / "mean.json")
    assert record.run.image_sha256 == image_hash(both)
    assert record.grid.shape == list(SPACE)
    expected = ssn.load_model(models[3], "cpu").segment(both).label_map()
    written = nib.load(tmp_path / "a" / "mean.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), expected)
    assert 0 < expected.mean() < 1

    mean = tmp_path / "a" / "mean.json"
    images = [part for one in scans for part in ("--image", one)]
    for named in (images, ("--image", scans[0]), ("--image", scans[0].parent)):
        status, out, err = run("verify", mean, *named, "--model", models[3])
        assert status == 0 and out.startswith("Identical"), err
    swapped = [part for one in scans[::-1] for part in ("--image", one)]
    status, out, err = run("verify", mean, *swapped, "--model", models[3])
    assert (status, out) == (2, "") and "or not in its order" in err
    status, _, err = run("segment", *scans[::-1], "--from-sidecar", mean, "--out", tmp_path / "b")
    assert status == 2 and "or not in its order" in err and not (tmp_path / "b").exists()
    status, _, err = run("segment", *scans, *more, "--out", scans[0], "--from-sidecar", mean)
    assert status == 2


def test_pictures_of_two_channels_are_segmented(run, models, tmp_path: Path) -> None:
    files = [save(tmp_path / f"{k}.nii.gz", noise_image((24, 20), k)) for k in range(2)]
    images = [part for one in files for part in ("--image", one)]
    more = ("--model", models[2], "--device", "cpu", "--samples", 0, "--out", tmp_path / "out")
    status, _, err = run("segment", *images, *more)
    assert status == 0 and "resampled" not in err
    expected = ssn.load_model(models[2], "cpu").segment(ssn.read(files)).label_map()
    written = np.asanyarray(nib.load(tmp_path / "out" / "mean.nii.gz").dataobj)
    np.testing.assert_array_equal(written.reshape(expected.shape), expected)


def test_another_number_of_images_is_refused_before_any_is_read(
    run, scans, models, tmp_path: Path
) -> None:
    more = ("--model", models[3], "--out", tmp_path / "out")
    missing = tmp_path / "missing.nii.gz"
    for images, there in (((missing,), "1 was"), ((missing,) * 3, "3 were")):
        status, _, err = run("segment", *images, *more)
        assert status == 2
        assert err == f"Tiny 3D model reads 2 images (T1, T1ce), and {there} named."
    status, _, err = run("segment", *scans, "--frame", 1, *more)
    assert status == 2 and "leave out the frame" in err
    status, _, err = run("segment", scans[0], "--image", scans[1], *more)
    assert status == 2 and "not as both" in err
    assert not (tmp_path / "out").exists()


def test_what_is_named_becomes_channels(scans, models, tmp_path: Path) -> None:
    card = read_card(models[3])
    by_file, by_folder = Named.of(scans[1], card=card), Named.of([scans[0].parent], card=card)
    assert by_file == by_folder and by_file.words == ("_0000", "_0001")
    assert list(by_file.paths) == scans
    one = card.model_copy(update={"channels": ["T1"]})
    assert Named.of(scans[1], card=one).paths == (scans[1],)
    study = Named.of(tmp_path, (1, 3), card)
    assert study.paths == (tmp_path, tmp_path) and study.words == ("series 1", "series 3")
    assert Named.of([tmp_path, scans[0]], (2, 1)).series == (2, 1)
    assert Named.of(tmp_path, 2).series == (2,)
    with pytest.raises(ImageError, match="2 images and 3 numbers"):
        Named.of(scans, (1, 2, 3))
    assert parse_series("1,3") == (1, 3) and parse_series("2") == (2,) and parse_series(None) == ()


def test_series_of_a_study_are_channels_and_the_first_is_referred_to(
    run, models, tmp_path: Path
) -> None:
    same = {"study": "1.2.3", "frame_of_reference": "1.2.4", "modality": "MR", "intercept": 0.0}
    values = [noise_image((18, 16, 5), k) % 500 for k in range(2)]
    for k, one in enumerate(values):
        folder = tmp_path / "study" / str(k)
        make_series(folder, one, oblique_affine(), number=k + 1, seed=k, **same)
    more = ("--model", models[3], "--device", "cpu", "--samples", 0, "--format", "dicom-seg")
    status, _, err = run(
        "segment", tmp_path / "study", "--series", "2,1", *more, "--out", tmp_path / "out"
    )
    assert status == 0, err
    assert "Channels: T1 = series 2, T1ce = series 1." in err
    assert "They refer to the first image alone, T1." in err
    record = read_sidecar(tmp_path / "out" / "mean.dcm.json")
    first = ssn.read(tmp_path / "study" / "1")
    assert record.run.dicom is not None
    uid = first.source.headers[0].SeriesInstanceUID
    assert record.run.dicom.is_series(uid, record.run.image_sha256)
    mean, image = tmp_path / "out" / "mean.dcm.json", ("--image", tmp_path / "study")
    status, out, err = run("verify", mean, *image, "--series", "2,1", "--model", models[3])
    assert status == 0 and out.startswith("Identical"), err
    status, _, err = run("verify", mean, *image, "--series", "1,x", "--model", models[3])
    assert status == 2 and "is no number of a series" in err
