"""``napari-ssn serve`` as a user starts it: says where it is, answers, ends by Ctrl+C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import requests
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.errors import ServerError
from tests.support.helpers import tiny_model


def test_it_serves_until_it_is_stopped(tmp_path: Path) -> None:
    folder, token = tiny_model(tmp_path / "flat", region=(16, 16)), tmp_path / "token"
    command = [sys.executable, "-m", "napari_ssn", "serve", "--model", str(folder)]
    command += ["--device", "cpu", "--port", "0", "--token-file", str(token)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving flat at http://127.0.0.1:")
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        address = f"{line.split()[-1]}/v1/greeting"
        told = requests.get(address, headers=headers, timeout=20).json()
        assert [one["name"] for one in told["models"]] == ["flat"]
        assert requests.get(address, timeout=20).status_code == 401
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "A token was made" in errors and errors.endswith("Ctrl+C ends it.\nStopped.\n")
    assert str(tmp_path) not in errors and "Traceback" not in errors


def test_it_does_not_listen_where_anybody_can_read(tmp_path: Path) -> None:
    token = tmp_path / "token"
    arguments = ["serve", "--model", "lidc-2d", "--host", "0.0.0.0", "--token-file", str(token)]
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, ServerError) and "--insecure" in str(found.exception)
    assert not token.exists()
