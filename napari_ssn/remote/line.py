"""A server while it is asked: over which line, by which token, and what went wrong in words."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, Self, TypeVar

import requests
from pydantic import BaseModel, ValidationError
from requests import exceptions

from napari_ssn.documents.remote import Refusal
from napari_ssn.documents.servers import is_local
from napari_ssn.errors import NEVER, Cancel, ServerError
from napari_ssn.io.dicom.web.certificates import unverified
from napari_ssn.io.dicom.web.waiting import waited
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.tokens import token_in

#: Seconds to wait for a line, and for the next bytes on it.
TIMEOUTS = (5.0, 30.0)
# Of what a server says of itself or of a run.
_MOST_WORDS = 1 << 20
_PIECE = 1 << 18
# Where certificates are named: in the terminal and in the window.
_NAMED_BY = "with --certificates, or in the settings at Certificates"
_JSON, _BYTES = "application/json", "application/octet-stream"

_Document = TypeVar("_Document", bound=BaseModel)


class AwayError(ServerError):
    """A server does not answer, or no longer; it may later."""


class SilentError(AwayError):
    """A server was asked, and for as long as `TIMEOUTS` says not a byte came."""


class ForgottenError(ServerError):
    """A server knows no such run."""


class _Heard(NamedTuple):
    status: int
    kind: str
    content: bytes


class Talk:
    """Requests to one server and nobody else, without detours.

    Args:
        server: that is asked.
        cancel: looked at all the time, also while nothing comes.
        timeouts: see `TIMEOUTS`.

    Raises:
        ServerError: see `Elsewhere.check` and `token_in`.
    """

    def __init__(
        self,
        server: Elsewhere,
        cancel: Cancel = NEVER,
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> None:
        server.check()
        self._token, self._timeouts = token_in(server.token_file), timeouts
        self._address, self.cancel = server.address.rstrip("/"), cancel
        self._session = requests.Session()
        # What is on this computer is not asked for by way of a proxy.
        self._session.trust_env = not is_local(server.address)
        self._verify = True if server.certificates is None else str(server.certificates)
        self._session.auth = self._sign

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self._session.close()

    def said(self, path: str, document: type[_Document]) -> _Document:
        """A document that a server gives; errors as for `content`."""
        return _parsed(self._ask("GET", path, _MOST_WORDS, _JSON), document)

    def put(self, path: str, message: bytes, document: type[_Document]) -> _Document:
        """What a server says to a message; errors as for `content`."""
        return _parsed(self._ask("PUT", path, _MOST_WORDS, _JSON, message), document)

    def content(self, path: str, most: int) -> bytes:
        """Bytes that a server gives, so many at most.

        Raises:
            AwayError: it does not answer, or no longer.
            ForgottenError: there is no such thing.
            ServerError: it refuses, or what answers is something else.
            Cancelled: somebody stopped.
        """
        return self._ask("GET", path, most, _BYTES)

    def drop(self, path: str) -> None:
        """Say that something is not wanted any more; whoever stopped does not wait for it."""
        try:
            self._exchange("DELETE", path, _MOST_WORDS, None, (0.3, 0.3))
        except (exceptions.RequestException, ServerError):
            # It forgets by itself what nobody asks after.
            return

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # Of the session, where a .netrc would come before a header.
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _ask(
        self, method: str, path: str, most: int, kind: str, message: bytes | None = None
    ) -> bytes:
        self.cancel.check()
        work = partial(self._exchange, method, path, most, message, self._timeouts)
        try:
            heard = waited(self.cancel, work)
        except exceptions.RequestException as error:
            raise _broken(error) from None
        if heard.status in (200, 204) and heard.kind == kind:
            return heard.content
        raise _refusal(heard)

    def _exchange(
        self,
        method: str,
        path: str,
        most: int,
        message: bytes | None,
        timeouts: tuple[float, float],
    ) -> _Heard:
        body = None if message is None else _Body(message, self.cancel)
        with self._session.request(
            method,
            f"{self._address}/v1/{path}",
            data=body,
            timeout=timeouts,
            # A login page would get the token.
            allow_redirects=False,
            stream=True,
            verify=self._verify,
        ) as response:
            pieces = bytearray()
            for piece in response.iter_content(_PIECE):
                self.cancel.check()
                pieces += piece
                if len(pieces) > most:
                    raise ServerError("The server's answer is longer than any that was asked for.")
            stated = response.headers.get("Content-Length", "")
            if stated.isdigit() and len(pieces) < int(stated):
                raise exceptions.ChunkedEncodingError
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return _Heard(response.status_code, kind, bytes(pieces))


class _Body:
    """A message on its way, which stops when somebody stops it."""

    def __init__(self, message: bytes, cancel: Cancel) -> None:
        self._rest, self._length, self._cancel = memoryview(message), len(message), cancel

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        self._cancel.check()
        piece = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(piece) :]
        return bytes(piece)


def _parsed(content: bytes, document: type[_Document]) -> _Document:
    try:
        return document.model_validate_json(content)
    except ValidationError:
        raise _other() from None


def _other() -> ServerError:
    return ServerError(
        "What answers there is no napari-ssn that this one understands: look at the address, and "
        "whether both are of one version."
    )


def _refusal(heard: _Heard) -> ServerError:
    """What an answer that was not hoped for means."""
    status, words = heard.status, ""
    if heard.kind == _JSON:
        try:
            words = Refusal.model_validate_json(heard.content).words
        except ValidationError:
            return _other()
    if status == 401 and words:
        return ServerError(
            "The server does not know the token: get the file with its token from who runs it."
        )
    if status == 404 and words:
        return ForgottenError(
            "The server knows nothing of this run any more: it was started anew, needed the room "
            "for others, or heard nothing of this computer for too long. Run again."
        )
    if status == 503 or (words and status < 500):
        return ServerError(words or "The server is busy: try again later.")
    if status == 407:
        return ServerError("A proxy on the way to the server asks for a login of its own.")
    if status in (408, 502, 504):
        return AwayError("What stands before the server says that it does not answer.")
    if status == 413:
        return ServerError("A proxy on the way to the server takes nothing as large as that.")
    if heard.kind == "text/html" or 300 <= status < 400:
        return ServerError(
            "A web page answers in the place of the server, as of a proxy or of a login: look at "
            "the address, or open it in a browser."
        )
    if status >= 500:
        return ServerError(f"The server failed at this ({status}): tell who runs it.")
    return _other()


def _broken(error: exceptions.RequestException) -> ServerError:
    """What a line that is none means."""
    if isinstance(error, exceptions.SSLError) and "CERTIFICATE" not in str(error):
        return ServerError(
            "What answers there does not speak TLS as it should: look whether the server's address "
            "begins with http://, and whether something stands between."
        )
    if isinstance(error, exceptions.SSLError):
        return ServerError(unverified("the server", str(error), _NAMED_BY))
    if isinstance(error, exceptions.ProxyError):
        return AwayError("The proxy on the way to the server does not answer.")
    if isinstance(error, exceptions.ConnectTimeout):
        return AwayError("The server cannot be reached: nothing answers at its address.")
    if isinstance(error, exceptions.Timeout):
        return SilentError("The server is silent, nothing came for a while.")
    if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
        return AwayError("The line to the server broke off in the middle.")
    if isinstance(error, exceptions.ConnectionError) and "RemoteDisconnected" in str(error):
        return AwayError(
            "What is at the server's address closes the line without a word: look whether the "
            "address begins with https://, and whether the server still runs."
        )
    if isinstance(error, exceptions.ConnectionError):
        return AwayError("The server cannot be reached: look whether it runs, and at its address.")
    return ServerError(f"The server cannot be asked ({type(error).__name__}).")
