"""Send files to an archive (STOW), and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread, dcmwrite
from requests import exceptions

from napari_ssn.errors import ArchiveError, Cancelled, ImageError
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.header import DAMAGED
from napari_ssn.io.dicom.members import member
from napari_ssn.io.dicom.modalities import shown_modality
from napari_ssn.io.dicom.web.connection import AwayError, Connection, LoginError, MissingError
from napari_ssn.io.dicom.web.find import holds
from napari_ssn.io.dicom.web.waiting import UnderWayError
from napari_ssn.io.dicom.web.wanted import checked_uid
from napari_ssn.io.steps import Step, unseen

# PS3.18 table I.2-2 and PS3.7 annex C: why an instance was not stored.
_REASONS = {
    0x0110: "it failed at storing it",
    0x0117: "its number (SOP Instance UID) is none",
    0x0122: "it does not keep files of that kind",
    0x0124: "whoever asks may not store there",
    0xA700: "it has no room left",
    0xA900: "it finds the file in contradiction to its kind",
    0xC000: "it does not understand the file",
    0xC122: "it does not know how the file is packed",
}
_DUPLICATE = 0x0111
# Stored, but not as it was sent.
_CHANGED = {
    0xB000: "it changed elements of it",
    0xB006: "it left elements out",
    0xB007: "it finds the file in contradiction to its kind",
}


class Outcome(StrEnum):
    """What became of a file, for a person."""

    stored = "stored"
    there = "already there"
    refused = "refused"
    unsure = "not known to be there"
    unsent = "not sent"


@dataclass(frozen=True)
class Sent:
    """A file that was to be sent.

    Attributes:
        path: of the file; nothing that is said names it.
        kind: its modality, as SEG.
        outcome: what became of it.
        reason: why, in a sentence; empty where there is nothing to say.
    """

    path: Path
    kind: str
    outcome: Outcome
    reason: str = ""

    @property
    def done(self) -> bool:
        """Whether the archive has it."""
        return self.outcome in (Outcome.stored, Outcome.there)


@dataclass(frozen=True)
class _File:
    path: Path
    kind: str
    dataset: Dataset
    uids: tuple[str, str, str]


def send(connection: Connection, paths: Sequence[Path], progress: Step = unseen) -> list[Sent]:
    """Send DICOM files, one after the other, and say of each what became of it.

    What the archive has is not sent again. Where the line is lost the archive is asked whether
    it has what was under way; the others are not sent, and lose nothing: send them again.

    Args:
        connection: to the archive.
        paths: of files.
        progress: told how many are done, of how many.

    Returns:
        one for each path, in their order, also where the connection's `cancel` stopped it.
    """
    found: list[Sent] = []
    stop = ""
    for path in paths:
        if stop:
            found.append(Sent(path, "", Outcome.unsent, stop))
            continue
        try:
            connection.cancel.check()
            one = _read(path)
        except ImageError as error:
            found.append(Sent(path, "", Outcome.refused, str(error)))
        except Cancelled as error:
            stop = str(error)
            found.append(Sent(path, "", Outcome.unsent, stop))
        else:
            sent, stop = _send(connection, one)
            found.append(sent)
        progress(len(found), len(paths))
    return found


def _read(path: Path) -> _File:
    file = member(path)
    if not file.is_dicom:
        raise ImageError("It is no DICOM file.")
    whole = file.whole()
    with reading(DAMAGED):
        dataset = dcmread(BytesIO(whole), force=True)
        uids = dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
        kind = shown_modality(str(dataset.get("Modality") or ""))
        _ = dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID
        # What cannot be written again cannot be sent.
        dcmwrite(BytesIO(), dataset)
    try:
        study, series, own = (checked_uid(str(uid)) for uid in uids)
    except ArchiveError:
        raise ImageError("A number (UID) of the file is none: export it again.") from None
    return _File(path, kind, dataset, (study, series, own))


def _send(connection: Connection, one: _File) -> tuple[Sent, str]:
    """What became of a file, and why no other is to be sent; empty to go on."""

    def said(outcome: Outcome, reason: str = "", stop: bool = False) -> tuple[Sent, str]:
        return Sent(one.path, one.kind, outcome, reason), reason if stop else ""

    try:
        if holds(connection, *one.uids):
            return said(Outcome.there)
    except (AwayError, LoginError, Cancelled) as error:
        return said(Outcome.unsent, str(error), stop=True)
    except ArchiveError:
        # One that cannot be asked may still take it.
        pass
    try:
        outcome, reason = _stored(connection, one)
    except UnderWayError as error:
        return said(Outcome.unsure, str(error), stop=True)
    except (LoginError, MissingError, Cancelled) as error:
        return said(Outcome.unsent, str(error), stop=True)
    except AwayError as error:
        if not error.begun:
            return said(Outcome.unsent, str(error), stop=True)
        outcome, reason = Outcome.unsure, str(error)
    except ArchiveError as error:
        return said(Outcome.refused, str(error))
    if outcome is not Outcome.unsure:
        return said(outcome, reason)
    try:
        there = holds(connection, *one.uids)
    except (ArchiveError, Cancelled):
        return said(Outcome.unsure, reason, stop=True)
    return said(Outcome.stored) if there else said(Outcome.unsent, reason)


def _stored(connection: Connection, one: _File) -> tuple[Outcome, str]:
    """What an archive says to a file."""
    name = connection.server.name
    # What cannot be read of its answer is asked for.
    with suppress(ImageError), reading("no answer"):
        with connection.told():
            answer = _answer(connection, one.dataset)
        for item in answer.get("FailedSOPSequence") or ():
            if str(item.get("ReferencedSOPInstanceUID") or one.uids[2]) == one.uids[2]:
                code = int(item.get("FailureReason") or 0)
                if code == _DUPLICATE:
                    return Outcome.there, ""
                why = _REASONS.get(code, f"its reason has the number {code:04X}")
                return Outcome.refused, f"{name} refused it: {why}."
        for item in answer.get("ReferencedSOPSequence") or ():
            if str(item.get("ReferencedSOPInstanceUID") or "") == one.uids[2]:
                code = int(item.get("WarningReason") or 0)
                why = _CHANGED.get(code, f"the reason has the number {code:04X}")
                return Outcome.stored, f"{name} did not take it as it was: {why}." if code else ""
    return Outcome.unsure, f"{name} does not say whether it stored it."


def _answer(connection: Connection, dataset: Dataset) -> Dataset:
    """The answer to a file; of one that was refused the reasons, if there are any."""
    try:
        return connection.sender.store_instances([dataset])
    except exceptions.HTTPError as error:
        with suppress(ImageError), reading("no reasons"):
            answer = Dataset.from_json({} if error.response is None else error.response.json())
            if answer.get("FailedSOPSequence"):
                return answer
        raise
