"""Archives that a person has named: where each is and how it knows who asks; never a password."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from napari_ssn.documents.closed import Exact

#: Of the form below.
SERVERS_VERSION = 1
#: What a name is made of, for a person.
NAME_WORDS = "letters, digits, spaces, dots and dashes, 40 at most"
_MOST = 100


class Server(Exact):
    """An archive that speaks DICOMweb.

    Attributes:
        name: to call it by.
        address: of its DICOMweb, as ``https://pacs.example.org/dicom-web``.
        login: how it knows who asks: by a token, by user and password, or not at all.
        variable: of the environment, which holds the token, or ``user:password``; null for the
            usual one, see `usual_variable`.
        certificates: path of a file with those of the authorities that a hospital has of its own.
        insecure: whether it may be spoken to without encryption.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$")]
    address: Annotated[str, Field(min_length=1, max_length=2000)]
    login: Literal["token", "password", "none"] = "token"
    variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None
    certificates: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    insecure: bool = False

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        problem = amiss(address)
        if problem is not None:
            raise ValueError(problem)
        return address.rstrip("/")

    @property
    def usual_variable(self) -> str:
        """The variable of the environment that holds what proves who asks."""
        return self.variable or f"NAPARI_SSN_TOKEN_{re.sub('[^A-Z0-9]', '_', self.name.upper())}"

    @property
    def local(self) -> bool:
        """Whether it is on this computer."""
        return is_local(self.address)


class Servers(Exact):
    """The list of archives as it is kept."""

    schema_version: Literal[1] = 1
    servers: Annotated[tuple[Server, ...], Field(max_length=_MOST, strict=False)] = ()

    @model_validator(mode="after")
    def _tells_apart(self) -> Servers:
        names = [one.name.casefold() for one in self.servers]
        if len(set(names)) < len(names):
            raise ValueError("two servers have one name")
        return self


def amiss(address: str) -> str | None:
    """What is wrong with the address of a server, in words; None if it can be one."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "is no address: it begins with https:// and the name of a computer"
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password, which belong into the environment: take it out"
    if parts.query or parts.fragment:
        return "ends with a question or a fragment: give what stands before ? and #"
    if ":" in host:
        return "is a number of IPv6: give the computer's name"
    if any(one.isspace() or not one.isprintable() for one in address):
        return "is no address: it holds a space"
    return None


def is_local(address: str) -> bool:
    """Whether an address is of this computer, so that nothing leaves it."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
