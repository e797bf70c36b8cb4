"""Scans that lie in an archive: which there are, and one of them as it is fetched.

An archive is asked for series and how many images each has; the images come when their turn has
come, into the memory of the worker that segments them, and lie on no disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_ssn.documents.cohort import InArchive, Scan
from napari_ssn.documents.servers import Server
from napari_ssn.errors import NEVER, ArchiveError, Cancel, DataError, ImageError, LineError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom import web
from napari_ssn.io.formats import dicom_home

if TYPE_CHECKING:
    from napari_ssn.io.dicom.web.connection import Connection
    from napari_ssn.io.dicom.web.find import FoundSeries, FoundStudy
    from napari_ssn.io.dicom.web.wanted import Wanted

# Kinds of images of which a series is a volume as a rule; others have to be asked for.
_VOLUMES = frozenset({"CT", "MR", "PT", "NM"})
# More studies than that are more than anybody means.
_MOST = 100_000


@dataclass(frozen=True)
class Query:
    """What is looked for in an archive.

    Attributes:
        server: the archive.
        called: its name in the list, or its address.
        wanted: of the studies; series of its modality alone, or without one of CT, MR, PT and NM.
        words: that stand in the description of a series, among those known to name nobody.
        least: images that a series has at least.
    """

    server: Server
    called: str
    wanted: Wanted
    words: str = ""
    least: int = 1


def look_there(query: Query, cancel: Cancel = NEVER) -> tuple[list[tuple[Scan, str]], int]:
    """Series that are looked for, each with its stamp; and how many beside them were not.

    Raises:
        ArchiveError: see `Connection`.
        DataError: there is none.
    """
    scans, others = list[tuple[Scan, str]](), 0
    with web.connection.Connection(query.server, cancel=cancel) as line:
        studies, more = web.find.studies(line, query.wanted, most=_MOST)
        if more:
            raise DataError(f"There are more than {_MOST:,} studies: name a date or a number.")
        for study in studies:
            for one in _series(line, study.uid):
                if _is_wanted(one, query):
                    there = InArchive(server=query.called, study=study.uid, series=one.uid)
                    scans.append((Scan(there=there, image=_title(study, one)), stamp_of(one)))
                else:
                    others += 1
    if not scans:
        raise DataError(f"{query.server.name} has no series that is as you say.")
    return scans, others


def stamped(
    scans: Iterable[tuple[Scan, str]], server: Server | None, cancel: Cancel = NEVER
) -> list[tuple[Scan, str]]:
    """Scans of a table with their stamps, also those that lie in an archive.

    Each study is asked for once. What the archive does not have gets a stamp too: whoever fetches
    it says what is the matter.
    """
    scans = list(scans)
    studies = dict.fromkeys(one.there.study for one, _ in scans if one.there is not None)
    if not studies or server is None:
        return scans
    with web.connection.Connection(server, cancel=cancel) as line:
        found = {one.uid: stamp_of(one) for study in studies for one in _series(line, study)}
    return [
        (one, stamp if one.there is None else found.get(one.there.series, "missing"))
        for one, stamp in scans
    ]


def stamp_of(series: FoundSeries) -> str:
    """Tells whether a series may have changed: by what an archive says without sending it."""
    return f"{series.images} images"


def fetched(there: InArchive, server: Server) -> Volume:
    """The image of a series, fetched from its archive.

    Raises:
        ArchiveError: see `fetch_files`.
        ImageError, GeometryError: it is no image, several, or none that is read.
    """
    with web.connection.Connection(server) as line:
        files = web.fetch.fetch_files(line, there.study, there.series)
    images = dicom_home().read_received(files, dicom_home().all_readable).images
    if not images:
        raise ImageError("The series is no image.")
    if len(images) > 1:
        parts = "; ".join(info.words for info, _ in images[:4])
        unclear = "".join(f" {one}" for one in sorted({info.doubt for info, _ in images} - {""}))
        raise ImageError(
            f"The series holds {len(images)} images ({parts}): fetch it with `napari-ssn pacs "
            f"fetch`, and have the folder segmented.{unclear}"
        )
    volume: Volume = images[0][1]
    return volume


def answers(there: InArchive, server: Server) -> bool:
    """Whether an archive can be asked for a series, if perhaps not for its images."""
    try:
        with web.connection.Connection(server) as line:
            web.find.size_of(line, there.study, there.series)
    except LineError:
        return False
    except ArchiveError:
        # It answered.
        return True
    return True


def _series(line: Connection, study: str) -> Iterator[FoundSeries]:
    try:
        yield from web.find.series(line, study)
    except web.connection.MissingError:
        # It was taken out meanwhile, or a table names what is not there.
        return


def _is_wanted(one: FoundSeries, query: Query) -> bool:
    kinds = {query.wanted.modality} if query.wanted.modality else _VOLUMES
    return (
        one.modality in kinds
        and query.words.casefold() in one.words.casefold()
        # Of one that does not say how many it has nobody knows that it has too few.
        and (one.images is None or one.images >= query.least)
    )


def _title(study: FoundStudy, one: FoundSeries) -> str:
    return " · ".join(filter(None, (study.day, one.modality, one.words, one.uid)))
