"""A cohort from its folder to its table: what is there, what is to be done, who does it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch

from napari_ssn._version import __version__
from napari_ssn.cohort.archived import Query, look_there, stamped
from napari_ssn.cohort.crew import Check, Crew, Worker, check_scheduler, distant_crew, local_crew
from napari_ssn.cohort.folders import folder_of
from napari_ssn.cohort.looking import Looked, look, stamp_of
from napari_ssn.cohort.manifest import Manifest, Record
from napari_ssn.cohort.task import Job, Outcome, check_worker, look_at, segment_scan
from napari_ssn.cohort.work import DEATHS, Shift
from napari_ssn.documents.card import CARD_NAME, ModelCard, read_card
from napari_ssn.documents.cohort import Found, Scan, Series, State, Wanted
from napari_ssn.documents.servers import Server
from napari_ssn.errors import NEVER, Cancel, Cancelled, DeviceError
from napari_ssn.network.device import choose_device
from napari_ssn.network.places import find_model
from napari_ssn.text import cohort as said
from napari_ssn.text.sizes import plural


@dataclass(frozen=True)
class Options:
    """How it is done; none of it changes a result.

    Attributes:
        device: auto, cuda, mps or cpu.
        workers: on this computer; as many as fit if left out.
        scheduler: address of dask's, in the place of workers here.
        again: whether scans that were refused or set aside are tried anew.
        server: archive that scans of a table lie in, and what it is called by.
    """

    device: str = "auto"
    workers: int | None = None
    scheduler: str | None = None
    again: bool = False
    server: tuple[Server, str] | None = None


@dataclass
class Told:
    """Who is told while it lasts.

    Attributes:
        found: (all scans, those to be done), once they are known.
        ended: a scan came to an end, and how.
        say: a sentence.
    """

    found: Callable[[int, int], None] = lambda total, todo: None
    ended: Callable[[State], None] = lambda state: None
    say: Callable[[str], None] = lambda text: None


@dataclass
class _Ends:
    """Keeps in the manifest what becomes of each scan."""

    manifest: Manifest
    wanted: str
    told: Told
    out: Path
    before: Mapping[int, Found | None]
    stop: list[str] = field(default_factory=list)

    def together(self) -> AbstractContextManager[None]:
        return self.manifest.together()

    def ended(self, key: int, outcome: Outcome) -> bool:
        if outcome.stop:
            self.stop.append(outcome.stop)
            return False
        state = outcome.state
        if state == "waiting":
            if self.manifest.died(key) < DEATHS:
                return True
            state = "refused"
        self._end(key, state, outcome.reason, outcome)
        return False

    def died(self, key: int) -> bool:
        deaths = self.manifest.died(key)
        if deaths < DEATHS:
            return True
        self._end(key, "aside", said.died_of_it(deaths))
        return False

    def failed(self, key: int, kind: str) -> None:
        self._end(key, "aside", said.unforeseen(kind))

    def _end(self, key: int, state: State, reason: str, outcome: Outcome | None = None) -> None:
        found, seconds = (None, None) if outcome is None else (outcome.found, outcome.seconds)
        self.manifest.end(key, state, self.wanted, reason, found, seconds)
        before = self.before[key]
        # What was found before, and is not any more, must not lie beside what is said now.
        for name in set(before.files if before else ()) - set(found.files if found else ()):
            with suppress(OSError):
                (folder_of(self.out, key) / name).unlink()
        self.told.ended(state)


def wanted_of(model: str, **options: object) -> tuple[Path, ModelCard, Wanted]:
    """Folder and card of a model, and what is wanted of every scan.

    Args:
        model: name or folder.
        options: fields of `Wanted` besides those of the model.
    """
    folder = find_model(model)
    card = read_card(folder)
    written = hashlib.sha256((folder / CARD_NAME).read_bytes()).hexdigest()
    wanted = Wanted(
        model=f"{card.name} {card.version}",
        weights_sha256=card.weights_sha256,
        card_sha256=written,
        **options,  # type: ignore[arg-type]
    )
    return folder, card, wanted


def run_cohort(
    source: Path | Query,
    out: Path,
    model: Path,
    card: ModelCard,
    wanted: Wanted,
    options: Options | None = None,
    told: Told | None = None,
    cancel: Cancel = NEVER,
) -> Counter[State]:
    """Segment every scan that is not done yet; what is done is kept, however this ends.

    Args:
        source: folder tree, table or file, see `looking.look`; or what is looked for in an archive.
        out: folder of the cohort.
        model, card, wanted: see `wanted_of`.
        options: how.
        told: who is told while it lasts.
        cancel: looked at between any two.

    Returns:
        how many scans are in each state now.

    Raises:
        DataError: no scan is there, or the folder's manifest is damaged.
        ArchiveError: see `Connection`.
        ExportError: the folder cannot be written to, or is another process's.
        DeviceError: the device or the scheduler is not there, or no worker is any more.
        ModelError: the model cannot be read.
        Cancelled: somebody stopped it.
    """
    options, told = options or Options(), told or Told()
    gpus = 0
    if options.scheduler is None:
        device = choose_device(options.device)
        gpus = torch.cuda.device_count() if device.type == "cuda" else 0
    else:
        check_scheduler(options.scheduler, cancel)
    looked, server = _looked(source, out, len(card.channels), options, cancel)
    left = (looked.unasked, looked.results, looked.closed, looked.others)
    for line in said.left_lines(*left, looked.unused):
        told.say(line)
    with Manifest(out, write=True) as manifest, ExitStack() as stack:
        # Started when there is something to do.
        crew = cache(lambda: stack.enter_context(_crew(options, gpus, out, told, cancel)))
        places = _look_into(looked.places, manifest, crew, cancel)
        home = source if isinstance(source, Path) else out
        scans = [*looked.scans, *(one for place in places for one in _scans(*place, home))]
        if gone := manifest.meet(scans, wanted):
            told.say(said.not_there(plural(gone, "scan")))
        todo = _todo(manifest, wanted, out, options.again)
        told.found(len(scans), len(todo))
        if todo:
            found = crew()
            if found.dashboard:
                told.say(said.watched_at(found.dashboard))
            before = {number: record.found for number, (record, _) in todo.items()}
            ends = _Ends(manifest, wanted.key, told, out, before)

            def job(number: int, worker: Worker) -> Job:
                record, again = todo[number]
                return Job(
                    scan=record.scan,
                    wanted=wanted,
                    model=str(model.absolute()),
                    device=options.device,
                    threads=worker.threads,
                    folder=str(folder_of(out, number).absolute()),
                    server=server,
                    known=None if again else record.found,
                )

            stopping = Cancel(lambda: bool(ends.stop) or cancel.asked())
            with suppress(Cancelled):
                Shift(found, segment_scan, job, ends, _crowded, stopping).run(todo)
            if ends.stop:
                raise DeviceError(f"{ends.stop[0]} What is done so far is kept.")
            cancel.check()
        return Counter(one.state for one in manifest.records())


def _looked(
    source: Path | Query, out: Path, channels: int, options: Options, cancel: Cancel
) -> tuple[Looked, Server | None]:
    """Which scans there are, and the archive that some of them lie in."""
    if isinstance(source, Query):
        scans, others = look_there(source, cancel)
        return Looked(scans, unasked=others), source.server
    server, called = options.server or (None, None)
    looked = look(source, out, channels, called)
    looked.scans = stamped(looked.scans, server, cancel)
    return looked, server


def _crowded(outcome: Outcome) -> bool:
    return outcome.crowded


@contextmanager
def _crew(options: Options, gpus: int, out: Path, told: Told, cancel: Cancel) -> Iterator[Crew]:
    if options.scheduler is None:
        with local_crew(options.workers, gpus) as crew:
            yield crew
        return
    check = Check(check_worker, (str(out.absolute()), __version__), told.say)
    gpu = options.device.startswith("cuda")
    with distant_crew(options.scheduler, gpu, check, cancel) as crew:
        if not crew.workers():
            told.say(said.NO_WORKERS)
        yield crew


@dataclass
class _Seen:
    """Keeps what a look at folders and zips of DICOM has found."""

    manifest: Manifest
    stamps: dict[str, str]

    def together(self) -> AbstractContextManager[None]:
        return self.manifest.together()

    def ended(self, key: str, outcome: tuple[Series, ...]) -> bool:
        self.manifest.saw(key, self.stamps[key], outcome)
        return False

    def died(self, key: str) -> bool:
        self.failed(key, "")
        return False

    def failed(self, key: str, kind: str) -> None:
        # Whoever reads it will meet the same, and say so.
        self.manifest.saw(key, self.stamps[key], (Series(),))


def _look_into(
    places: list[Path], manifest: Manifest, crew: Callable[[], Crew], cancel: Cancel
) -> list[tuple[Path, str, tuple[Series, ...]]]:
    """Each folder or zip of DICOM with its stamp and the series in it."""
    stamps = {str(one.absolute()): stamp_of([one], below=False) for one in places}
    new = [path for path, stamp in stamps.items() if manifest.series_at(path, stamp) is None]
    if new:
        seen = _Seen(manifest, stamps)
        Shift[str](crew(), look_at, lambda path, _: path, seen, cancel=cancel).run(new)
    return [
        (Path(path), stamp, manifest.series_at(path, stamp) or ()) for path, stamp in stamps.items()
    ]


def _scans(
    place: Path, stamp: str, series: tuple[Series, ...], source: Path
) -> Iterator[tuple[Scan, str]]:
    home = source if source.is_dir() else source.parent
    title = place.relative_to(home.absolute()).as_posix()
    for one in series:
        image = " · ".join(filter(None, (title, one.title, one.part)))
        yield (
            Scan(paths=(str(place),), image=image, dicom=True, uid=one.uid, part=one.part),
            stamp,
        )


def _todo(
    manifest: Manifest, wanted: Wanted, out: Path, again: bool
) -> dict[int, tuple[Record, bool]]:
    """Scans to be done, and whether they are so even if their values are what they were."""
    found = dict[int, tuple[Record, bool]]()
    for one in manifest.records():
        before = one.found if one.wanted == wanted.key else None
        names = () if before is None else before.files
        lost = not all((folder_of(out, one.id) / name).is_file() for name in names)
        retried = again and one.state in ("refused", "aside")
        if one.state == "waiting" or lost or retried:
            # Of a file that was copied or touched the values are looked at first.
            found[one.id] = (one, lost or not names)
    return found
