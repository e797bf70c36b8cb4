"""Servers on loopback that answer as no archive should."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

JSON = "application/dicom+json"


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What is sent back; nothing at all of a status of 0, and the line is closed.

    length: as it is stated, if not that of the body; None states none.
    until: waited for before the line is closed.
    """

    status: int = 200
    kind: str = JSON
    body: bytes = b"[]"
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = -1
    until: threading.Event | None = None


@dataclass(frozen=True)
class Web:
    """A server that runs: its address, and what it was asked."""

    address: str
    asked: list[Asked]


Respond = Callable[[Asked], Answer]


@contextmanager
def answering(respond: Respond, certificate: Path | None = None) -> Iterator[Web]:
    """A server that answers so, by TLS if there is a certificate (with its key)."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _all(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(Asked(self.command, self.path, dict(self.headers), body))
            answer = respond(asked[-1])
            self.close_connection = True
            if not answer.status:
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            if answer.length is not None:
                length = len(answer.body) if answer.length < 0 else answer.length
                self.send_header("Content-Length", str(length))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.until is not None:
                self.wfile.flush()
                answer.until.wait(10)

        do_GET = do_POST = do_PUT = do_DELETE = _all

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: Any) -> None:
            pass  # who asked has gone, as it should

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        scheme = "http" if certificate is None else "https"
        yield Web(f"{scheme}://localhost:{server.server_address[1]}/dicom-web", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder: Path, name: str = "localhost", days: int = 2) -> Path:
    """A certificate of a computer that no authority knows, with its key.

    It is of a time that begins now, or ended a day ago where ``days`` are negative.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    own, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    ends = sorted([now - timedelta(days=1), now + timedelta(days=days)])
    made = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends[0])
        .not_valid_after(ends[1])
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    whole = folder / f"{name}-{days}.pem"
    whole.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, *plain))
    return whole


def listed(*items: Mapping[str, Any]) -> Answer:
    """An answer of QIDO: elements by their keywords."""
    return Answer(body=json.dumps([_json(one) for one in items]).encode())


def _json(item: Mapping[str, Any]) -> dict[str, Any]:
    one = Dataset()
    for keyword, value in item.items():
        one.add_new(tag_for_keyword(keyword) or 0, dictionary_VR(keyword), value)
    found: dict[str, Any] = one.to_json_dict()
    return found


def stated(status: int, **sequences: Mapping[str, Any]) -> Answer:
    """An answer of STOW: a sequence of one item each."""
    body = {
        f"{tag_for_keyword(name) or 0:08X}": {"vr": "SQ", "Value": [_json(item)]}
        for name, item in sequences.items()
    }
    return Answer(status, f"{JSON}; charset=utf-8", json.dumps(body).encode())


def parts(contents: Sequence[bytes], closed: bool = True) -> Answer:
    """An answer of WADO."""
    body = b"".join(
        b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in contents
    )
    kind = 'multipart/related; type="application/dicom"; boundary=edge'
    return Answer(kind=kind, body=body + (b"--edge--\r\n" if closed else b""))
