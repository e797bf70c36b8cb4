"""Fetch a series from an archive (WADO): every image of it, or none."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydicom import Dataset

from napari_ssn.errors import ArchiveError, ImageError
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.web.connection import Connection, FormError, MissingError
from napari_ssn.io.dicom.web.find import instances, size_of
from napari_ssn.io.files import folder_made, workshops, writing
from napari_ssn.io.locks import alone
from napari_ssn.io.source import check_memory
from napari_ssn.io.steps import Step, unseen

# As the archive keeps it: nothing is unpacked on the way.
_NOT_EMPTY = "That folder is not empty: choose another."
_AS_KEPT = (("application/dicom", "*"),)
# Bytes in memory after which it is looked how much is left.
_LOOKED = 1 << 24


def fetch(
    connection: Connection, study: str, series: str, folder: Path, progress: Step = unseen
) -> int:
    """Write the instances of a series into a folder, as the archive keeps them.

    Their names are numbers. They are there together or not at all.

    Args:
        connection: to the archive.
        study, series: UIDs.
        folder: made if it is missing; otherwise it has to be empty.
        progress: told how many have come, of how many.

    Returns:
        how many they are.

    Raises:
        ArchiveError: see `Connection`; also for a series of which something is missing.
        ExportError: the folder cannot be written to.
        Cancelled: the connection's `cancel`.
    """
    # What a killed process has left there is taken away first.
    with folder_made(folder), writing(), workshops([folder]) as shops:
        shop = shops[folder]
        if any(one != shop for one in folder.iterdir()):
            raise ArchiveError(_NOT_EMPTY)
        names = []
        with closing(_received(connection, study, series, progress)) as came:
            for number, whole in enumerate(came, start=1):
                names.append(f"{number:06d}.dcm")
                Path(shop, names[-1]).write_bytes(whole)
        with alone(folder):
            # Another process may have been asked for another series meanwhile.
            if any(one.suffix == ".dcm" for one in folder.iterdir()):
                raise ArchiveError(_NOT_EMPTY)
            for name in names:
                Path(shop, name).rename(folder / name)
    return len(names)


def fetch_files(
    connection: Connection, study: str, series: str, progress: Step = unseen
) -> list[bytes]:
    """The instances of a series in memory; nothing of them is written. See `fetch`.

    ImageError where they do not fit into memory.
    """
    found, more = [], 0
    with closing(_received(connection, study, series, progress)) as came:
        for whole in came:
            more += len(whole)
            if more > _LOOKED:
                # To ask how much is left takes as long as to receive a slice.
                check_memory(more)
                more = 0
            found.append(whole)
    return found


def _received(
    connection: Connection, study: str, series: str, progress: Step
) -> Generator[bytes, None, None]:
    """Each instance of a series once; ArchiveError at the end if one is missing."""
    count = size_of(connection, study, series)
    uids: set[str] = set()
    with closing(_sent(connection, study, series)) as sent:
        for uid, whole in sent:
            connection.cancel.check()
            if uid in uids:
                # Twice the same is no harm.
                continue
            uids.add(uid)
            yield whole
            progress(len(uids), max(count, len(uids)))
    if len(uids) != count:
        # Archives count in ways of their own: what they list decides.
        listed = set(instances(connection, study, series))
        if not listed or listed - uids:
            name, most = connection.server.name, max(count, len(listed))
            raise ArchiveError(
                f"{name} sent {len(uids)} of the {most} images of the series: try again."
            )


def _sent(
    connection: Connection, study: str, series: str
) -> Generator[tuple[str, bytes], None, None]:
    """UID and bytes of the instances of a series, as they come."""
    try:
        stream = _asked(connection, study, series, _AS_KEPT)
    except FormError:
        # Unpacked by the archive, which every one of them can.
        stream = _asked(connection, study, series, None)
    except MissingError:
        # It was there when it was counted.
        raise MissingError(f"{connection.server.name} has no such series any more.") from None
    with _parsed(connection):
        for one in stream:
            if str(one.SeriesInstanceUID) != series:
                raise ArchiveError(f"{connection.server.name} sent images of another series.")
            yield str(one.SOPInstanceUID), one.buffer.getvalue()


def _asked(
    connection: Connection, study: str, series: str, form: tuple[tuple[str, str], ...] | None
) -> Iterator[Dataset]:
    with _parsed(connection):
        return connection.client.iter_series(study, series, media_types=form)


@contextmanager
def _parsed(connection: Connection) -> Iterator[None]:
    """ArchiveError for what goes wrong with the line, and with images that came over it."""
    try:
        # The line first: to what reads files, a lost one would be a file that is damaged.
        damaged = f"{connection.server.name} sent an image that is damaged: try again."
        with reading(damaged), connection.told():
            yield
    except ImageError as error:
        raise ArchiveError(str(error)) from None
