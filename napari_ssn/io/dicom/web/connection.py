"""An archive while it is asked: over which line, in whose name, and what went wrong in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any

import requests
from dicomweb_client import DICOMwebClient
from requests import exceptions
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import ReadTimeoutError

from napari_ssn.documents.servers import Server
from napari_ssn.errors import NEVER, ArchiveError, Cancel, LineError
from napari_ssn.io.dicom.damage import quiet, silent
from napari_ssn.io.dicom.web.certificates import unverified
from napari_ssn.io.dicom.web.servers import check_certificates, secret_of
from napari_ssn.io.dicom.web.waiting import hang_up, read_ahead, waited
from napari_ssn.io.dicom.web.wanted import plain

#: Seconds to wait for a line, and for the next bytes on it.
PATIENCE = (5.0, 60.0)
# Bytes that are taken at once from what is on the way.
_PIECE = 1 << 20
# More than any instance: what is sent is not cut into pieces without a length, which many proxies
# refuse.
_WHOLE = 1 << 40
_JSON = ("application/dicom+json", "application/json")
_PARTS = "multipart/related"
_IS_IT = "its address is that of DICOMweb, as in https://pacs.example.org/dicom-web"
# Their words tell what is asked, which may name a patient.
_LOGS = ("dicomweb_client", "requests", "retrying", "urllib3")


class AwayError(LineError):
    """An archive does not answer, or no longer, or something else does in its place.

    Attributes:
        begun: whether something may have reached it.
    """

    def __init__(self, words: str, begun: bool = False) -> None:
        super().__init__(words)
        self.begun = begun


class LoginError(LineError):
    """An archive does not accept who asks."""

    passing = False


class BusyError(LineError):
    """An archive has no time now."""


class MissingError(ArchiveError):
    """An archive has no such thing."""


class FormError(ArchiveError):
    """An archive does not understand what it was asked, or not in that form."""


# By the number of an answer.
_REFUSALS: dict[int, tuple[type[ArchiveError], str]] = {
    403: (LoginError, "{name} does not allow this to whoever asks: ask who runs it."),
    407: (LoginError, "A proxy on the way to {name} asks for a login of its own."),
    413: (ArchiveError, "{name} takes nothing as large as that."),
    507: (ArchiveError, "{name} has no room left: tell who runs it."),
    **dict.fromkeys(
        (404, 410),
        (MissingError, f"{{name}} has nothing there: look whether {_IS_IT}."),
    ),
    **dict.fromkeys(
        (408, 429, 503, 504), (BusyError, "{name} is busy ({status}): try again later.")
    ),
}


class Connection:
    """An archive that is asked.

    Attributes:
        server: the archive.
        client: speaks DICOMweb; what it raises becomes a sentence inside `told`.
        cancel: looked at all the time, also while nothing comes.
    """

    def __init__(
        self,
        server: Server,
        *,
        insecure: bool = False,
        cancel: Cancel = NEVER,
        patience: tuple[float, float] = PATIENCE,
    ) -> None:
        """Nothing is sent yet. ArchiveError if it may not be spoken to, or has no proper token."""
        if not (server.address.startswith("https:") or server.local or server.insecure or insecure):
            raise ArchiveError(
                f"{server.name} is reached by http, which anybody on the way can read: give its "
                "https address, or insist with --insecure."
            )
        if server.certificates is not None:
            check_certificates(Path(server.certificates))
        self.server, self.cancel = server, cancel
        self._patience, self._secret = patience, secret_of(server)
        session = _Session(server, self._secret, cancel)
        self.client = DICOMwebClient(
            server.address,
            session=session,
            chunk_size=_PIECE,
            timeout=patience,
            permissive_uid=True,
        )
        self.sender = DICOMwebClient(
            server.address, session=session, chunk_size=_WHOLE, timeout=patience
        )
        self._session = session
        for client in (self.client, self.sender):
            # Who waits may try again; nobody can stop a library that sleeps.
            client.set_http_retry_params(retry=False)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *what: object) -> None:
        self._session.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """ArchiveError in one sentence for what goes wrong inside; no word in any log."""
        with quiet(*_LOGS):
            try:
                yield
            except exceptions.HTTPError as error:
                status = 0 if error.response is None else error.response.status_code
                raise self._refusal(status) from None
            except exceptions.RequestException as error:
                raise self._broken(error) from None

    def no_dicom(self) -> ArchiveError:
        """The error that an answer is nothing that DICOMweb says."""
        return _no_dicom(self.server.name)

    def _refusal(self, status: int) -> ArchiveError:
        name = self.server.name
        if status == 401:
            return LoginError(self._unknown())
        if status in _REFUSALS:
            kind, words = _REFUSALS[status]
            return kind(words.format(name=name, status=status))
        if 300 <= status < 400:
            return AwayError(
                f"{name} points to another address, a page for logging in as a rule: give the "
                "address of DICOMweb itself."
            )
        if status >= 500:
            return ArchiveError(f"{name} failed at this ({status}): tell who runs it.")
        return FormError(
            f"{name} does not understand what it was asked ({status}): look whether its address is "
            "that of DICOMweb."
        )

    def _unknown(self) -> str:
        name, variable = self.server.name, self.server.usual_variable
        what = "user and password" if self.server.login == "password" else "token"
        if self._secret is None:
            if self.server.login == "none":
                return f"{name} asks for a login: say in the list of archives which."
            return f"{name} asks who that is: set the {what} in the variable {variable}."
        return f"{name} does not accept the {what} in {variable}: set another."

    def _broken(self, error: exceptions.RequestException) -> ArchiveError:
        name, seconds = self.server.name, self._patience[1]
        if isinstance(error, exceptions.SSLError):
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                return AwayError(
                    f"What answers at the address of {name} does not speak https: look at the "
                    "address and its port."
                )
            return AwayError(unverified(name, str(error), "in the list of archives"))
        if isinstance(error, exceptions.ProxyError):
            return AwayError(f"The proxy on the way to {name} does not answer.")
        if isinstance(error, exceptions.ConnectTimeout):
            return AwayError(_away(name))
        late = error.args and isinstance(error.args[0], ReadTimeoutError)
        if late or isinstance(error, exceptions.ReadTimeout):
            return AwayError(
                f"{name} is slow, nothing came for {seconds:g} s: try again later.", True
            )
        if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
            return self.broke_off()
        if isinstance(error, exceptions.ConnectionError):
            # A line that was there and is no more says so; one that never was has another cause.
            aborted = "aborted" in str(error)
            return self.broke_off() if aborted else AwayError(_away(name))
        if isinstance(error, exceptions.JSONDecodeError):
            return self.no_dicom()
        return ArchiveError(f"{name} cannot be asked ({type(error).__name__}).")

    def broke_off(self) -> AwayError:
        """The error that a line was lost."""
        return AwayError(
            f"The connection to {self.server.name} broke off in the middle: try again.", True
        )


class _Session(requests.Session):
    """Requests to one archive and nobody else: verified, without detours, and looked at."""

    def __init__(self, server: Server, secret: str | None, cancel: Cancel) -> None:
        super().__init__()
        self._server, self._cancel = server, cancel
        self.headers["Accept"] = _JSON[0]
        # What is on this computer is not asked for by way of a proxy.
        self.trust_env = not server.local
        self.verify = server.certificates or True
        if secret is not None and server.login == "password":
            user, _, password = secret.partition(":")
            self.auth = HTTPBasicAuth(user, password)
        elif secret is not None:
            # A .netrc would come before a header.
            self.auth = partial(_with_token, secret)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request where it belongs."""
        self._cancel.check()
        request.url = plain(str(request.url))
        # The client names the computer without the port.
        request.headers.pop("Host", None)
        # A login page would get the token, and a POST become a GET.
        kwargs["allow_redirects"] = False
        if self._server.certificates is not None:
            # A variable of the environment would come before it.
            kwargs["verify"] = self._server.certificates
        if isinstance(request.body, bytes):
            body = request.body
            request.body = _pieces(body, self._cancel)
        stream, kwargs["stream"] = kwargs.get("stream", False), True
        response: requests.Response = waited(
            self._cancel,
            partial(_unheard, super().send, request, **kwargs),
            late=requests.Response.close,
        )
        try:
            self._look_at(request, response)
            if not (stream and response.ok):
                _ = response.content
        except BaseException:
            response.close()
            raise
        return response

    def _look_at(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        if 300 <= response.status_code < 400:
            raise exceptions.HTTPError(response=response)
        kind = response.headers.get("Content-Type", "")
        bare = kind.partition(";")[0].strip().lower()
        if response.ok and bare == "text/html":
            raise AwayError(
                f"A web page answers in the place of {self._server.name}, as of a proxy or of a "
                "login: look at the address, or open it in a browser.",
                True,
            )
        parts = str(request.headers.get("Accept", "")).startswith(_PARTS)
        if response.ok and parts and bare not in (_PARTS, "application/dicom"):
            raise _no_dicom(self._server.name)
        if bare in _JSON:
            # The client knows it without its charset alone.
            response.headers["Content-Type"] = bare
        response.iter_content = self._watched(response, kind)  # type: ignore[method-assign]

    def _watched(self, response: requests.Response, kind: str) -> Callable[..., Iterator[Any]]:
        plain = response.iter_content

        ending = _ending(kind)
        # Blanks may follow it.
        last = len(ending) + 16

        def pieces(*args: Any, **kwargs: Any) -> Iterator[Any]:
            end, stream = b"", plain(*args, **kwargs)
            coming = read_ahead(
                self._cancel, partial(_unheard, next, stream, None), partial(hang_up, response)
            )
            with closing(coming):
                for piece in coming:
                    end = (end + piece[-last:])[-last:]
                    yield piece
            # A server that closes the line early need not have said how much there is.
            if ending and not end.rstrip().endswith(ending):
                raise exceptions.ChunkedEncodingError

        return pieces


def _with_token(token: str, request: requests.PreparedRequest) -> requests.PreparedRequest:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _unheard(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do something of which no log hears, also after whoever waited for it has gone."""
    with silent(*_LOGS):
        return work(*args, **kwargs)


def _ending(kind: str) -> bytes:
    """What an answer of several parts ends with; nothing for any other."""
    told = Message()
    told["Content-Type"] = kind
    boundary = told.get_boundary() if told.get_content_type() == _PARTS else None
    return b"" if boundary is None else b"--%s--" % boundary.encode()


def _pieces(body: bytes, cancel: Cancel) -> Iterator[bytes]:
    for start in range(0, len(body), _PIECE):
        cancel.check()
        yield body[start : start + _PIECE]


def _no_dicom(name: str) -> ArchiveError:
    return ArchiveError(f"{name} answers with something that is no DICOM: look whether {_IS_IT}.")


def _away(name: str) -> str:
    return f"{name} does not answer: look at its address and at the network."
