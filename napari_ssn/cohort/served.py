"""The review page on this computer alone, so that a click on it can open napari."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self, TypeAlias

from napari_ssn.cohort.folders import PICTURE, folder_of
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.cohort.review import lines_of
from napari_ssn.errors import SSNError
from napari_ssn.text.cohort import opens_in_napari
from napari_ssn.text.cohort_page import page_of

#: Opens the scan of a number.
Opener: TypeAlias = Callable[[int], None]

_HOST = "127.0.0.1"
# Seconds between two looks at whether it is to end.
_LOOK = 0.05
_PICTURE = re.compile(rf"scans/(\d{{6}})/{re.escape(PICTURE)}")
_OPEN = re.compile(r"open/(\d{1,9})")


class Served:
    """The page, for as long as the ``with`` lasts, at an address that nobody can guess.

    It is heard on this computer alone. Who asks for anything has to know the address's token, and
    has to have asked for this computer by its number: a page from elsewhere does neither.

    Args:
        folder: of the cohort; the page is made anew whenever it is asked for.
        open_scan: is called when somebody clicks on a scan.
    """

    def __init__(self, folder: Path, open_scan: Opener) -> None:
        self._token = secrets.token_urlsafe(24)
        handler = partial(_Handler, folder, open_scan, self._token)
        self._server = ThreadingHTTPServer((_HOST, 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK,), daemon=True
        )

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://{_HOST}:{self._server.server_port}/{self._token}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def wait(self) -> None:
        """As long as it serves; somebody ends it by Ctrl+C."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers with the page and pictures of scans, and opens one; nothing else is there."""

    def __init__(self, folder: Path, open_scan: Opener, token: str, *arguments: object) -> None:
        self._folder, self._open_scan, self._token = folder, open_scan, token
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """The page, or a picture on it."""
        path = self._asked()
        if path == "":
            self._page()
        elif path is not None and (found := _PICTURE.fullmatch(path)):
            self._picture(int(found[1]))
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A scan is to be opened."""
        path = self._asked()
        found = None if path is None else _OPEN.fullmatch(path)
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        try:
            with Manifest(self._folder) as manifest:
                manifest.record(int(found[1]))
        except SSNError as error:
            self._answer(HTTPStatus.NOT_FOUND, str(error).encode(), "text/plain; charset=utf-8")
            return
        self._open_scan(int(found[1]))
        said = opens_in_napari(found[1])
        self._answer(HTTPStatus.OK, said.encode(), "text/plain; charset=utf-8")

    def _asked(self) -> str | None:
        """What is asked for; None where it is not for this page."""
        assert isinstance(self.server, ThreadingHTTPServer)
        host = f"{_HOST}:{self.server.server_port}"
        begin = f"/{self._token}/"
        if self.headers.get("Host") != host or not self.path.startswith(begin):
            return None
        return self.path.removeprefix(begin)

    def _page(self) -> None:
        try:
            with Manifest(self._folder) as manifest:
                lines = lines_of(list(manifest.records()), self._folder)
                page = page_of(manifest.wanted.model, lines, served=True)
        except SSNError as error:
            self._answer(
                HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode(), "text/plain; charset=utf-8"
            )
            return
        self._answer(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")

    def _picture(self, number: int) -> None:
        try:
            content = (folder_of(self._folder, number) / PICTURE).read_bytes()
        except OSError:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        self._answer(HTTPStatus.OK, content, "image/png")

    def _answer(self, status: HTTPStatus, content: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        # The address is the key to it.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        """Nothing: a terminal full of addresses helps nobody."""
