"""Where a server listens: on this computer alone, unless the line is one that nobody can read."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from napari_ssn.documents.servers import is_local
from napari_ssn.errors import ServerError
from napari_ssn.network.models import Model
from napari_ssn.remote.messages import key_of
from napari_ssn.remote.runs import LEASE, Runs
from napari_ssn.remote.service import service

#: Bytes of a question, unless somebody says otherwise.
MOST_BYTES = 256 << 20
# What questions and results may take together, of the largest question.
_ROOM = 8
# Requests at once, beyond which a server says that it is busy.
_REQUESTS = 256
# Seconds for an answer that is under way when the server is stopped.
_GRACE = 3


@dataclass(frozen=True)
class Line:
    """Where to listen.

    Attributes:
        host, port: of the address; port 0 for any that is free.
        certificate, key: files of TLS; both or neither.
        insecure: whether to listen beyond this computer without TLS.
    """

    host: str = "127.0.0.1"
    port: int = 8797
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False

    def check(self) -> None:
        """ServerError if this is not a line to listen on.

        Examples:
            >>> Line().check()
            >>> Line(host="0.0.0.0").check()
            Traceback (most recent call last):
            napari_ssn.errors.ServerError: Beyond this computer anybody on the way can read what ...
        """
        if (self.certificate is None) != (self.key is None):
            raise ServerError("TLS takes both a certificate and its key.")
        for what, file in (("certificate", self.certificate), ("key", self.key)):
            if file is not None and not file.is_file():
                raise ServerError(f"The file of the {what} is not there.")
        if self.certificate is not None:
            try:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                # Asked for by nobody who waits at a terminal.
                context.load_cert_chain(self.certificate, self.key, password="")
            except (OSError, ValueError):
                raise ServerError(
                    "The certificate and its key cannot be used: files in PEM are needed that "
                    "belong together, the key without a password."
                ) from None
        elif not (self.insecure or self.local):
            raise ServerError(
                "Beyond this computer anybody on the way can read what is sent without TLS: give "
                "--certificate and --key, or insist with --insecure."
            )

    @property
    def local(self) -> bool:
        """Whether it is on this computer alone."""
        return is_local(f"http://{self._literal}")

    @property
    def _literal(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def address(self, port: int) -> str:
        """How it is asked, at the port that it got."""
        scheme = "http" if self.certificate is None else "https"
        host = self._literal
        try:
            if ipaddress.ip_address(self.host).is_unspecified:
                host = socket.gethostname()
        except ValueError:
            pass
        return f"{scheme}://{host}:{port}"

    def bound(self) -> socket.socket:
        """A socket there; ServerError if it is taken, or not of this computer."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        found = socket.socket(family)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((self.host, self.port))
        except OSError as error:
            found.close()
            raise ServerError(
                f"Nothing can listen at port {self.port} there: {error.strerror or error}."
            ) from None
        return found


def serve(
    models: Sequence[Model],
    token: str,
    line: Line,
    ready: Callable[[str, Callable[[], None]], None],
    most_bytes: int = MOST_BYTES,
    lease: float = LEASE,
) -> None:
    """Answer until somebody stops it.

    Args:
        models: one or more.
        token: that who asks has to know.
        line: where to listen.
        ready: told the address, and what stops it.
        most_bytes: of a question.
        lease: seconds that a run is kept for nobody.

    Raises:
        ServerError: see `Line.check` and `Line.bound`.
    """
    line.check()
    by_key = {key_of(model.card): model for model in models}
    kept = Runs(by_key, most_bytes, _ROOM * most_bytes, lease)
    with closing(line.bound()) as where, kept as runs:
        config = uvicorn.Config(
            service(runs, token),
            ssl_certfile=line.certificate,
            ssl_keyfile=line.key,
            # Names of runs are secrets.
            access_log=False,
            log_level="warning",
            lifespan="off",
            server_header=False,
            limit_concurrency=_REQUESTS,
            timeout_graceful_shutdown=_GRACE,
            # What stands between says nothing that is believed.
            proxy_headers=False,
            ws="none",
        )
        server = uvicorn.Server(config)

        def stop() -> None:
            server.should_exit = True

        where.listen()
        ready(line.address(where.getsockname()[1]), stop)
        server.run(sockets=[where])
