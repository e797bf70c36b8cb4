"""What is said of an archive: what it has, and what became of files that were sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_ssn.text.sizes import listed, plural

NOTHING_FOUND = "Nothing was found."
LOOKING_FOR_STUDIES, LOOKING_FOR_SERIES = "Looking for studies", "Looking for series"
TRUSTED = "those that this computer trusts"
SECRETS = (
    "Name and address are kept, tokens and passwords are not: they come from the environment "
    "(NAPARI_SSN_TOKEN_ and the archive's name) or from the system's keyring."
)

if TYPE_CHECKING:
    from napari_ssn.documents.servers import Server
    from napari_ssn.io.dicom.web.find import FoundSeries, FoundStudy
    from napari_ssn.io.dicom.web.send import Sent


def study_line(one: FoundStudy) -> str:
    """``2020-01-02 · CT, SEG · thorax · 2 series, 134 images``."""
    count = "" if one.series is None else f"{one.series} series"
    images = "" if one.images is None else plural(one.images, "image")
    how_many = ", ".join(part for part in (count, images) if part)
    parts = (one.patient, one.day or "no date", ", ".join(one.modalities), one.words, how_many)
    return " · ".join(part for part in parts if part)


def series_line(one: FoundSeries) -> str:
    """``3 · CT · thorax lung · 133 images``."""
    number = "" if one.number is None else str(one.number)
    images = "" if one.images is None else plural(one.images, "image")
    return " · ".join(part for part in (number, one.modality, one.words, images) if part)


def proof_of(server: Server, where: str = "in") -> str:
    """``the token in NAPARI_SSN_TOKEN_CLINIC``: what proves to an archive who asks."""
    what = {"none": "", "password": "user:password"}.get(server.login, "the token")
    return f"{what} {where} {server.usual_variable}" if what else "no login"


def set_variable(server: Server) -> str:
    """``Set the token in the variable NAPARI_SSN_TOKEN_CLINIC.``"""
    return f"Set {proof_of(server, 'in the variable')}."


def secret_line(server: Server) -> str:
    """Where what proves who asks is put before an archive is asked."""
    what = "user:password" if server.login == "password" else "The token"
    return (
        f"{what} is looked for in the variable {server.usual_variable}, which is set before napari "
        "starts, and in the system's keyring; it is in neither yet."
    )


def found_line(count: int, more: bool) -> str:
    """How many studies were found."""
    if not count:
        return "Nothing was found: leave out a condition."
    found = "1 study." if count == 1 else f"{count} studies."
    return f"The first {count} studies: name a day or a number for others." if more else found


def sent_line(name: str, sent: Sequence[Sent]) -> str:
    """``SEG and SR are in clinic.``, or what is not there and why, and what to do."""
    there, left = [one for one in sent if one.done], [one for one in sent if not one.done]
    if not left:
        again = _before(there)
        return f"{_kinds(there)} {_are(there)} in {name}.{again}"
    reasons = dict.fromkeys(one.reason for one in left if one.reason)
    states = dict.fromkeys(one.outcome.value for one in left)
    words = f"{_kinds(left)}: {', '.join(states)}. {' '.join(reasons)}"
    return f"{_kinds(there)} {_are(there)} in {name}. {words}" if there else words


def fetched(count: int) -> str:
    """``Fetched 133 images.``"""
    return f"Fetched {plural(count, 'image')}."


def file_line(number: int, one: Sent) -> str:
    """``File 2 (SR) stored.``, or why it was not."""
    kind, reason = one.kind and f" ({one.kind})", one.reason and f": {one.reason}"
    return f"File {number}{kind} {one.outcome.value}{reason or '.'}"


def _before(sent: Sequence[Sent]) -> str:
    """What is said where everything was there before."""
    if any(one.outcome.value != "already there" for one in sent):
        return ""
    return f" {'It was' if len(sent) == 1 else 'They were'} there already."


def _kinds(sent: Sequence[Sent]) -> str:
    """``2 SEG and SR``; ``SR and 2 other files`` where some were not looked at."""
    counts = Counter(one.kind for one in sent)
    unknown = counts.pop("", 0)
    known = [kind if count == 1 else f"{count} {kind}" for kind, count in counts.items()]
    if unknown:
        known.append(plural(unknown, "other file" if known else "file"))
    return listed(known)


def _are(sent: Sequence[object]) -> str:
    return "is" if len(sent) == 1 else "are"


def more_than(count: int) -> str:
    """``There are more than 100: name a date or a number.``"""
    return f"There are more than {count}: name a date or a number."


def not_in_archive(count: int) -> str:
    """``2 files are not in the archive, as far as is known: …``, of files that were sent."""
    return (
        f"{plural(count, 'file')} {_are(range(count))} not in the archive, as far as is known: "
        "send them again, what is there stays."
    )


def there_are(count: int, kind: str) -> str:
    """``There are 3 series. Open:``"""
    return f"There are {count} {kind}. Open:"
