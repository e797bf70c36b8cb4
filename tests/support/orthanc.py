"""A real archive: Orthanc, on loopback, with an empty folder of its own."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "tester", "of-this-test-alone"
#: It is up in a second or two.
_MOST_SECONDS = 30.0


@dataclass(frozen=True)
class Orthanc:
    """One that runs.

    Attributes:
        root: its own address.
    """

    root: str

    @property
    def web(self) -> str:
        """Address of its DICOMweb."""
        return f"{self.root}/dicom-web"

    def ask(self, path: str, method: str = "GET", data: bytes | None = None) -> Any:
        """Its own interface, by which tests know what it holds."""
        request = urllib.request.Request(f"{self.root}{path}", data, method=method)
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {known}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
        return content if path.endswith("/file") else json.loads(content)

    def put(self, content: bytes) -> None:
        """Let it hold a file."""
        self.ask("/instances", "POST", content)

    def empty(self) -> None:
        """Take everything out of it."""
        for study in self.ask("/studies"):
            self.ask(f"/studies/{study}", "DELETE")

    def files(self) -> list[bytes]:
        """What it holds, byte for byte."""
        return [self.ask(f"/instances/{one}/file") for one in self.ask("/instances")]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def running(folder: Path) -> Iterator[Orthanc]:
    """Orthanc in a folder; skips the test where it is not installed."""
    tool = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if tool is None or not PLUGIN.exists():
        pytest.skip("Orthanc (Debian: orthanc, orthanc-dicomweb) is not installed")
    port, dicom = free_port(), free_port()
    settings = {
        "Name": "TESTS",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": port,
        "DicomPort": dicom,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    command = [tool, str(folder / "orthanc.json")]
    if (bound := shutil.which("setpriv")) is not None:
        # Tests that are killed take it with them.
        command = [bound, "--pdeathsig", "TERM", *command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            server = Orthanc(f"http://127.0.0.1:{port}")
            _wait(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Orthanc, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < ends:
        try:
            server.ask("/system")
            return
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace")[-2000:])
