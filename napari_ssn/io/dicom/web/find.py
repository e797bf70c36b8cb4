"""What an archive has (QIDO), by what a person chooses by; names only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from napari_ssn.errors import ImageError
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.modalities import each, shown_modality, shown_text
from napari_ssn.io.dicom.naming import day_of, few_words
from napari_ssn.io.dicom.web.connection import Connection, MissingError
from napari_ssn.io.dicom.web.wanted import Wanted, asked_for, checked_uid

#: As many are listed of what was found.
MOST = 200
# Asked for at once; an archive may give fewer.
_PAGE = 200
# More instances than any series has.
_MOST_INSTANCES = 20_000
_STUDY = (
    "StudyInstanceUID",
    "StudyDate",
    "ModalitiesInStudy",
    "StudyDescription",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
_SERIES = (
    "SeriesInstanceUID",
    "SeriesNumber",
    "Modality",
    "SeriesDescription",
    "SeriesDate",
    "NumberOfSeriesRelatedInstances",
)
# Looked at so that nothing of them is shown by accident, or because somebody wants to see them.
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber")


@dataclass(frozen=True)
class FoundStudy:
    """A study, without a word about the patient unless that was asked for.

    Attributes:
        uid: of the study.
        day: as 2020-01-31; empty where it is not known.
        modalities: of its series.
        words: of its description, those that are known to name nobody.
        series, images: how many; None where the archive does not say.
        patient: name, number and birth date, if they were asked for.
    """

    uid: str
    day: str
    modalities: tuple[str, ...]
    words: str
    series: int | None
    images: int | None
    patient: str = field(default="", repr=False)


@dataclass(frozen=True)
class FoundSeries:
    """A series of a study, without a word about the patient.

    Attributes:
        uid: of the series.
        number: within the study; None where there is none.
        modality: as CT.
        words: of its description, those that are known to name nobody.
        images: how many; None where the archive does not say.
    """

    uid: str
    number: int | None
    modality: str
    words: str
    images: int | None


def studies(
    connection: Connection, wanted: Wanted, *, names: bool = False, most: int = MOST
) -> tuple[list[FoundStudy], bool]:
    """Studies of an archive, the newest first, and whether there are more of them.

    Args:
        connection: to the archive.
        wanted: what is looked for.
        names: whether to say whom they are of.
        most: as many are returned.

    Raises:
        ArchiveError: see `Connection`.
    """
    found = list(islice(_studies(connection, wanted, wanted.filters()), most + 1))
    if not found and (loose := wanted.loosely()):
        found = list(islice(_studies(connection, wanted, loose), most + 1))
    listed = [_study(one, names) for one in found[:most]]
    return sorted(listed, key=lambda one: one.day, reverse=True), len(found) > most


def _studies(connection: Connection, wanted: Wanted, filters: dict[str, str]) -> Iterator[Dataset]:
    """Studies that an archive finds by some filters, and that were asked for."""
    search = partial(connection.client.search_for_studies, fields=(*_STUDY, *_PATIENT))
    loosely, found = filters != wanted.filters(), _all(connection, search, _STUDY[0], filters)
    return (one for one in found if asked_for(one, wanted, loosely))


def series(connection: Connection, study: str) -> list[FoundSeries]:
    """Series of a study by their numbers; MissingError if the archive has no such study."""
    found = [_one_series(one) for one in _all_series(connection, study)]
    if not found:
        raise MissingError(f"{connection.server.name} has no such study.")
    return sorted(found, key=lambda one: (one.number is None, one.number or 0, one.uid))


def size_of(connection: Connection, study: str, series: str) -> int:
    """How many instances a series has; MissingError if the archive has no such series."""
    wanted = {"SeriesInstanceUID": checked_uid(series)}
    for one in _all_series(connection, study, wanted):
        if str(one.SeriesInstanceUID) == series:
            count = _count(one, "NumberOfSeriesRelatedInstances")
            return len(instances(connection, study, series)) if count is None else count
    raise MissingError(f"{connection.server.name} has no such series.")


def instances(connection: Connection, study: str, series: str) -> list[str]:
    """UIDs of the instances of a series; none where the archive has no such series."""
    try:
        found = islice(_all_instances(connection, study, series), _MOST_INSTANCES)
        return [str(one.SOPInstanceUID) for one in found]
    except MissingError:
        return []


def holds(connection: Connection, study: str, series: str, instance: str) -> bool:
    """Whether an archive has an instance."""
    try:
        # An archive may leave the filter out of account.
        found = _all_instances(connection, study, series, {"SOPInstanceUID": instance})
        return any(str(one.SOPInstanceUID) == instance for one in found)
    except MissingError:
        return False


def _all_series(
    connection: Connection, study: str, filters: dict[str, str] | None = None
) -> Iterator[Dataset]:
    search = partial(connection.client.search_for_series, checked_uid(study), fields=_SERIES)
    return _all(connection, search, _SERIES[0], filters)


def _all_instances(
    connection: Connection, study: str, series: str, filters: dict[str, str] | None = None
) -> Iterator[Dataset]:
    uids = checked_uid(study), checked_uid(series)
    search = partial(connection.client.search_for_instances, *uids, fields=("SOPInstanceUID",))
    return _all(connection, search, "SOPInstanceUID", filters)


def _all(
    connection: Connection,
    search: Callable[..., list[dict[str, dict[str, Any]]]],
    key: str,
    filters: dict[str, str] | None,
) -> Iterator[Dataset]:
    """What an archive finds, page by page, each once."""
    seen: set[str] = set()
    while True:
        with connection.told():
            page = search(limit=_PAGE, offset=len(seen), search_filters=filters)
        fresh = [one for one in _read(connection, page, key) if str(one[key].value) not in seen]
        for one in fresh:
            seen.add(str(one[key].value))
            yield one
        # One that knows no pages begins again and again.
        if not fresh:
            return


def _read(connection: Connection, page: object, key: str) -> Iterator[Dataset]:
    """Results as data sets, of their elements those alone that are looked at here."""
    if not isinstance(page, Sequence) or isinstance(page, str):
        raise connection.no_dicom()
    wanted = {f"{tag_for_keyword(one) or 0:08X}" for one in (*_STUDY, *_SERIES, *_PATIENT, key)}
    for item in page:
        if not isinstance(item, Mapping):
            raise connection.no_dicom()
        try:
            with reading("no DICOM"):
                one = Dataset.from_json({tag: item[tag] for tag in item if tag in wanted})
                uid = str(one[key].value)
        except ImageError:
            raise connection.no_dicom() from None
        if not uid:
            raise connection.no_dicom()
        yield one


def _study(one: Dataset, names: bool) -> FoundStudy:
    modalities = each(one.get("ModalitiesInStudy"))
    return FoundStudy(
        str(one.StudyInstanceUID),
        day_of(one),
        tuple(sorted({shown_modality(str(modality)) for modality in modalities})),
        few_words(one, "StudyDescription"),
        _count(one, "NumberOfStudyRelatedSeries"),
        _count(one, "NumberOfStudyRelatedInstances"),
        _whose(one) if names else "",
    )


def _one_series(one: Dataset) -> FoundSeries:
    return FoundSeries(
        str(one.SeriesInstanceUID),
        _count(one, "SeriesNumber"),
        shown_modality(str(one.get("Modality") or "")),
        few_words(one, "SeriesDescription"),
        _count(one, "NumberOfSeriesRelatedInstances"),
    )


def _whose(one: Dataset) -> str:
    said = [shown_text(str(one.get(keyword) or "")) for keyword in _PATIENT]
    return " · ".join(part for part in said if part)


def _count(one: Dataset, keyword: str) -> int | None:
    value = one.get(keyword)
    return int(value) if isinstance(value, int) else None
