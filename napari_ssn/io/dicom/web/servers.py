"""The list of archives in the person's own folder, and what proves to one of them who asks."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
from pydantic import ValidationError

from napari_ssn.documents.problems import parsed, wrong_in
from napari_ssn.documents.regular import read_text
from napari_ssn.documents.servers import NAME_WORDS, SERVERS_VERSION, Server, Servers, amiss
from napari_ssn.errors import ArchiveError, DataError
from napari_ssn.io.files import make_folder, write_files

try:
    import keyring
    from keyring.errors import KeyringError
except ImportError:  # it is optional, and the environment does as well
    keyring = None

_WHAT = "list of archives"
_SERVICE = "napari-ssn"


def servers_file() -> Path:
    """Where the list is kept."""
    return Path(platformdirs.user_config_dir("napari-ssn", appauthor=False)) / "servers.json"


def read_servers() -> tuple[Server, ...]:
    """Archives that a person has named; none where there is no list. DataError if it is damaged."""
    try:
        text = read_text(servers_file())
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError):
        raise DataError(f"The {_WHAT} cannot be read.") from None
    return parsed(Servers, text, _WHAT, SERVERS_VERSION).servers


def write_servers(servers: Sequence[Server]) -> None:
    """Keep a list of archives in the place of the one before; ExportError if it cannot be."""
    target = servers_file()
    kept = [
        one.model_dump(exclude_defaults=True) for one in Servers(servers=tuple(servers)).servers
    ]
    content = json.dumps({"schema_version": SERVERS_VERSION, "servers": kept}, indent=2)
    make_folder(target.parent)
    write_files({target: f"{content}\n".encode()}, overwrite=True)


def server_of(
    name: str,
    address: str,
    login: str = "token",
    variable: str | None = None,
    certificates: Path | None = None,
    insecure: bool = False,
) -> Server:
    """An archive as somebody has typed it; ArchiveError, in one sentence, for what is none."""
    if certificates is not None:
        check_certificates(certificates)
    try:
        return Server.model_validate(
            {
                "name": name.strip(),
                "address": address.strip(),
                "login": login,
                "variable": variable,
                "certificates": None if certificates is None else str(certificates.resolve()),
                "insecure": insecure,
            }
        )
    except ValidationError as error:
        place, words = wrong_in(error)
        hint = f" (it is made of {NAME_WORDS})" if place == "name" else ""
        raise ArchiveError(f"The {place or 'archive'} {words}{hint}.") from None


def check_certificates(path: Path) -> None:
    """ArchiveError if a file is not there, or holds no certificates in PEM."""
    if not path.is_file():
        raise ArchiveError("The file of certificates that is named for the archive is not there.")
    try:
        ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, OSError):
        raise ArchiveError(
            "The file of certificates holds none, or cannot be read: it is text with lines BEGIN "
            "CERTIFICATE (PEM)."
        ) from None


def add_server(server: Server) -> None:
    """Keep an archive in the list, in the place of one of its name."""
    others = [one for one in read_servers() if not _same(one.name, server.name)]
    write_servers([*others, server])


def remove_server(name: str) -> None:
    """Take an archive out of the list; ArchiveError if there is none of that name."""
    found = read_servers()
    left = [one for one in found if not _same(one.name, name)]
    if len(left) == len(found):
        raise ArchiveError(_unknown(name, found))
    write_servers(left)


def named(name: str | None) -> Server:
    """An archive by its name in the list, or by an address; without a name the only one.

    Raises:
        ArchiveError: there is none of that name, or several and no name.
        DataError: the list is damaged.
    """
    if name is not None and "://" in name:
        problem = amiss(name)
        if problem is not None:
            raise ArchiveError(f"What was given as the archive {problem}.")
        there = urlsplit(name).hostname or ""
        host = "".join(one if one.isalnum() or one in ".-" else "-" for one in there)
        return Server(name=host[:40], address=name)
    found = read_servers()
    if name is None:
        if len(found) != 1:
            raise ArchiveError(_which(found))
        return found[0]
    for one in found:
        if _same(one.name, name):
            return one
    raise ArchiveError(_unknown(name, found))


def secret_of(server: Server) -> str | None:
    """What proves to an archive who asks; None where nothing was set.

    From the variable of the environment that the server names, else from the system's keyring,
    where `keyring` is installed: service ``napari-ssn``, the server's name as the user.

    Raises:
        ArchiveError: it cannot be such, or the keyring is locked.
    """
    if server.login == "none":
        return None
    found = os.environ.get(server.usual_variable, "").strip()
    if not found and keyring is not None:
        try:
            found = (keyring.get_password(_SERVICE, server.name) or "").strip()
        except KeyringError:
            raise ArchiveError(
                f"The keyring with the token of {server.name} is locked or broken: unlock it, or "
                f"set the variable {server.usual_variable}."
            ) from None
    if not found:
        return None
    if not (found.isascii() and found.isprintable()) or (
        server.login == "password" and ":" not in found
    ):
        form = "user:password" if server.login == "password" else "a token"
        raise ArchiveError(
            f"What is set for {server.name} ({server.usual_variable}) is not {form}: set it again."
        )
    return found


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _unknown(name: str, found: Sequence[Server]) -> str:
    there = ", ".join(one.name for one in found)
    listed = f"the list has {there}" if there else "none is listed yet"
    return f"No archive is called {name[:40]!r}: {listed}."


def _which(found: Sequence[Server]) -> str:
    if not found:
        return "No archive is listed yet: add one with `napari-ssn pacs add NAME ADDRESS`."
    return f"Several archives are listed, name one: {', '.join(one.name for one in found)}."
