"""A server as somebody has named it; takes no library, so that a window can speak of it at once."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from napari_ssn.documents.servers import amiss, is_local
from napari_ssn.errors import ServerError


@dataclass(frozen=True)
class Elsewhere:
    """A server, as somebody has named it.

    Attributes:
        address: as ``https://gpu.example.org:8797``.
        token_file: that the server's token lies in.
        certificates: file of those of an authority of one's own.
        insecure: whether it may be spoken to without TLS beyond this computer.
    """

    address: str
    token_file: Path
    certificates: Path | None = None
    insecure: bool = False

    def check(self) -> None:
        """ServerError if this is no address, or none to send an image to.

        Examples:
            >>> from pathlib import Path
            >>> Elsewhere("https://gpu.example.org:8797", Path("token")).check()
            >>> Elsewhere("http://gpu.example.org:8797", Path("token")).check()
            Traceback (most recent call last):
            napari_ssn.errors.ServerError: The server is reached by http, which anybody on the ...
        """
        problem = amiss(self.address)
        if problem is not None:
            raise ServerError(f"What was given as the server {problem}.")
        if not (self.address.startswith("https:") or is_local(self.address) or self.insecure):
            raise ServerError(
                "The server is reached by http, which anybody on the way can read, the token too: "
                "give its https address, or insist with --insecure."
            )
        if self.certificates is not None and not self.certificates.is_file():
            raise ServerError("The file of certificates is not there.")
        if self.certificates is not None:
            try:
                ssl.create_default_context(cafile=str(self.certificates))
            except (ssl.SSLError, OSError):
                raise ServerError(
                    "The file of certificates holds none, or cannot be read: it is text with lines "
                    "BEGIN CERTIFICATE."
                ) from None
