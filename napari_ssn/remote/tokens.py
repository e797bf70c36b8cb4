"""The token by which a server knows who may ask: a file that nobody else can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import platformdirs

from napari_ssn.errors import ServerError

# Characters of one that is made, and the fewest that are taken.
_BYTES, _FEWEST, _MOST = 32, 24, 1000


def usual_token_file() -> Path:
    """Where the token lies unless somebody says otherwise."""
    return Path(platformdirs.user_config_dir("napari-ssn", appauthor=False)) / "server-token"


def made_token(path: Path) -> bool:
    """Make a token where there is no such file yet; whether it was made.

    Raises:
        ServerError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never for a moment readable by others.
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise ServerError(f"The file for the token cannot be written: {error.strerror}.") from None
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(_BYTES) + "\n")
    return True


def token_in(path: Path) -> str:
    """The token in a file.

    Raises:
        ServerError: there is none, others can read it, or it is too short to be one.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MOST + 1)
    except OSError as error:
        raise ServerError(f"The file with the token cannot be read: {error.strerror}.") from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ServerError(
            "Others on this computer can read the file with the token: chmod 600 it, and make "
            "another token if they may have."
        )
    try:
        token = content.decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not _FEWEST <= len(token) <= _MOST or not token.isprintable() or " " in token:
        raise ServerError(
            f"The file with the token holds none: a line of {_FEWEST} letters and digits or more."
        )
    return token
