"""What is looked for in an archive, how an address says it, and whether a study is that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote, urlsplit, urlunsplit

from pydicom import Dataset

from napari_ssn.errors import ArchiveError
from napari_ssn.io.dicom.naming import day_of

# By these what was found is told from what was not asked for.
_WHOSE = ("PatientID", "AccessionNumber")
# Signs that the query of an address may hold as they are (RFC 3986), and that separate nothing in
# it or in DICOM.
_AS_THEY_ARE = "*?/:@!$'()"
_CODED = re.compile("|".join(re.escape(quote(sign, safe="")) for sign in _AS_THEY_ARE), re.I)


def plain(address: str) -> str:
    """An address without codes that its query does not need: ``ID=47*`` for ``ID=47%2A``.

    Some archives, Orthanc 1.10 among them, do not read these.
    """
    parts = urlsplit(address)
    signs = {quote(sign, safe="").upper(): sign for sign in _AS_THEY_ARE}
    query = _CODED.sub(lambda found: signs[found.group().upper()], parts.query)
    return urlunsplit(parts._replace(query=query))


@dataclass(frozen=True)
class Wanted:
    """What is looked for; what is left out may be anything.

    Attributes:
        since, until: days of the study, as 2020-01-31; the ends are meant too.
        modality: as CT, that some series of the study has.
        patient, accession: numbers, of the patient and of the examination.
        study: UID.
    """

    since: str = ""
    until: str = ""
    modality: str = ""
    patient: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    study: str = ""

    def checked(self) -> Wanted:
        """Of what somebody has typed what is meant; ArchiveError for a day or UID that is none."""
        meant = {name: said.strip() for name, said in vars(self).items()}
        meant |= {name: checked_day(meant[name]) for name in ("since", "until")}
        if meant["study"]:
            checked_uid(meant["study"])
        return Wanted(**meant | {"modality": meant["modality"].upper()})

    def filters(self) -> dict[str, str]:
        """As QIDO has it."""
        first, last = self.since.replace("-", ""), self.until.replace("-", "")
        said = {
            "StudyDate": f"{first}-{last}" if first or last else "",
            "ModalitiesInStudy": self.modality,
            "PatientID": self.patient,
            "AccessionNumber": self.accession,
            "StudyInstanceUID": self.study,
        }
        return {keyword: value for keyword, value in said.items() if value}

    def loosely(self) -> dict[str, str]:
        """The same, with ``?`` and ``*`` for what an address holds in a code alone.

        Some archives, Orthanc 1.10 among them, do not read such codes, and find nothing. None where
        nothing is coded.
        """
        filters = self.filters()
        whose = {keyword: _loose(filters[keyword]) for keyword in _WHOSE if keyword in filters}
        return {} if filters | whose == filters else filters | whose


def checked_day(text: str) -> str:
    """A day as 2020-01-31, or none; ArchiveError for what is neither."""
    text = text.strip()
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise ArchiveError(f"{text[:20]!r} is no date: write it as 2025-03-01.") from None


def checked_uid(text: str) -> str:
    """A UID that may stand in an address; ArchiveError for what is none."""
    if re.fullmatch(r"[0-9][0-9.]{0,63}", text) is None:
        raise ArchiveError("That is no UID: it is digits and dots, 64 at most.")
    return text


def asked_for(one: Dataset, wanted: Wanted, loosely: bool = False) -> bool:
    """Whether a study is one of those that were asked for; archives may forget about filters.

    Args:
        one: the study.
        wanted: what was asked for.
        loosely: whether the archive was asked for more than that: then what a study does not say
            is not what was asked for.
    """
    filters: Mapping[str, str] = wanted.filters()
    first, _, last = filters.get("StudyDate", "-").partition("-")
    day = day_of(one).replace("-", "")
    if day and not (first or day) <= day <= (last or day):
        return False
    for keyword in (*_WHOSE, "StudyInstanceUID"):
        sought, there = filters.get(keyword, ""), str(one.get(keyword) or "")
        if sought and (there or loosely) and not _matches(sought, there):
            return False
    return True


def _matches(sought: str, there: str) -> bool:
    """Whether a value is what was sought, with * for anything and ? for any sign."""
    signs = {"*": ".*", "?": "."}
    pattern = "".join(signs.get(sign, re.escape(sign)) for sign in sought)
    return re.fullmatch(pattern, there, re.IGNORECASE | re.DOTALL) is not None


def _loose(text: str) -> str:
    """With ? and * for what would be coded: a letter beyond ASCII may be of several bytes."""
    ascii_alone = re.sub(r"[^\x00-\x7f]+", "*", text)
    return re.sub(rf"[^\w.~{re.escape(_AS_THEY_ARE)}-]", "?", ascii_alone)
