"""``napari-ssn serve`` as a user starts it: says where it is, answers, ends by Ctrl+C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import psutil
import pytest
import requests
from typer.testing import CliRunner

import napari_ssn as ssn
from napari_ssn.cli.app import app
from napari_ssn.documents.card import read_card
from napari_ssn.errors import ServerError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Watch
from napari_ssn.network.models import load_model
from napari_ssn.remote.distant import Distant
from napari_ssn.remote.elsewhere import Elsewhere
from tests.support.helpers import noise_image, oblique_affine, tiny_model
from tests.support.serving import served, token_file
from tests.support.warm import LINUX, Command
from tests.support.webs import certificate


def arguments(model: Path, token: Path) -> list[str]:
    own = ["serve", "--model", str(model), "--device", "cpu", "--port", "0"]
    return [*own, "--token-file", str(token)]


def begun(command: Sequence[str], background: bool = False) -> Any:
    """The command, with pipes for its output.

    What a script starts in the background begins with SIGINT ignored.
    """
    if LINUX:
        return Command(command, background)
    signals = partial(
        signal.signal, signal.SIGINT, signal.SIG_IGN if background else signal.SIG_DFL
    )
    return subprocess.Popen(
        [sys.executable, "-m", "napari_ssn", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=signals,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("background", "told_by"),
    [(False, signal.SIGINT), (True, signal.SIGINT), (True, signal.SIGTERM)],
)
def test_it_serves_until_it_is_stopped(
    tmp_path: Path, background: bool, told_by: signal.Signals
) -> None:
    folder, token = tiny_model(tmp_path / "flat", region=(16, 16)), tmp_path / "token"
    with begun(arguments(folder, token), background) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving flat at http://127.0.0.1:")
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        address = f"{line.split()[-1]}/v1/greeting"
        told = requests.get(address, headers=headers, timeout=20).json()
        assert [one["name"] for one in told["models"]] == ["flat"]
        assert requests.get(address, timeout=20).status_code == 401
        process.send_signal(told_by)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "A token was made, in token: " in errors and errors.endswith(
        "Ctrl+C ends it.\nStopped.\n"
    )
    assert str(tmp_path) not in errors and "Traceback" not in errors


def test_nothing_of_a_run_is_on_its_disk(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "flat", region=(160, 160))
    token, home = tmp_path / "token", tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "napari_ssn", *arguments(folder, token)]
    places = ("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    where = os.environ | dict.fromkeys(places, str(home)) | {"PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home, env=where
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        before = process_files(process.pid)
        volume = Volume(noise_image((20, 160, 160))[None], oblique_affine())
        dist = ssn.distant_model(folder, address, token).segment(volume)
        after = process_files(process.pid)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    # Much more than whoever keeps small things in memory would write.
    assert dist.nbytes > 20_000_000 and list(home.rglob("*")) == [] and after <= before
    assert errors.endswith("Ctrl+C ends it.\nStopped.\n")


def test_a_server_that_is_killed_in_a_run_is_told(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "flat", region=(16, 16))
    token = tmp_path / "token"
    with begun(arguments(folder, token)) as process:
        assert process.stdout is not None
        server = Elsewhere(process.stdout.readline().split()[-1], token)
        there = Distant.of(read_card(folder), server, patience=0.5)
        # Thousands of tiles: it does not end before it is killed.
        volume = Volume(noise_image((60, 300, 300))[None], oblique_affine())
        killed: list[float] = []

        def kill(done: int, total: int) -> None:
            killed.append(time.monotonic())
            process.kill()

        with pytest.raises(ServerError, match=r"cannot be reached|broke off"):
            there.segment(volume, watch=Watch(progress=kill))
        # What comes before takes as long as the computer is busy.
        assert time.monotonic() - killed[0] < 10
    assert process.returncode == -signal.SIGKILL


def process_files(number: int) -> set[str]:
    """Plain files that a process has open to write."""
    found = psutil.Process(number).open_files()
    return {one.path for one in found if getattr(one, "mode", "r") != "r"}


def test_it_does_not_listen_where_anybody_can_read(tmp_path: Path) -> None:
    token = tmp_path / "token"
    arguments = ["serve", "--model", "lidc-2d", "--host", "0.0.0.0", "--token-file", str(token)]
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, ServerError) and "--insecure" in str(found.exception)
    assert not token.exists()


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    arguments = ["serve", "--model", "lidc-2d", "--token-file", str(tmp_path / "token")]
    for given, words in (
        (["--certificate", tmp_path / "none.pem", "--key", own], "of the certificate is not there"),
        (["--certificate", own, "--key", tmp_path / "none.pem"], "of the key is not there"),
        (["--certificate", own], "takes both"),
    ):
        found = CliRunner().invoke(app, [*arguments, *map(str, given)])
        assert isinstance(found.exception, ServerError) and words in str(found.exception)


def test_a_server_segments_as_this_computer_does(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "flat", region=(16, 16))
    token = token_file(tmp_path)
    image = tmp_path / "image.nii.gz"
    nib.save(nib.Nifti1Image(noise_image((20, 24, 3)), oblique_affine()), image)
    plain = ["segment", str(image), "--model", str(folder), "--samples", "2"]
    with served([load_model(folder, "cpu")]) as address:
        far = ["--on", address, "--token-file", str(token)]
        for name, how in (("here", ["--device", "cpu"]), ("there", far)):
            found = CliRunner().invoke(app, [*plain, *how, "--out", str(tmp_path / name)])
            assert found.exit_code == 0, found.output
        token.write_text("x" * 40)
        found = CliRunner().invoke(app, [*plain, *far, "--out", str(tmp_path / "none")])
        assert isinstance(found.exception, ServerError) and "token" in str(found.exception)
        assert not (tmp_path / "none").exists()
    for name in ("mean.nii.gz", "sample_01.nii.gz", "sample_02.nii.gz", "volumes.csv"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
    sidecar = tmp_path / "there" / "sample_02.json"
    verify = ["verify", str(sidecar), "--image", str(image), "--model", str(folder)]
    assert CliRunner().invoke(app, verify).exit_code == 0


def test_what_does_not_go_together_is_told(tmp_path: Path) -> None:
    plain = ["segment", "nodule-1", "--model", "lidc-2d", "--out", str(tmp_path / "out")]
    for options, words in (
        (["--token-file", "x"], "are for --on"),
        (["--insecure"], "are for --on"),
        (["--on", "http://localhost:1", "--device", "cpu"], "leave out --device"),
    ):
        found = CliRunner().invoke(app, [*plain, *options])
        assert found.exit_code == 2 and words in " ".join(found.output.split()).replace("│ ", "")
