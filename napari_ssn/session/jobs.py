"""The long jobs: plain functions from frozen records to frozen records, for a worker thread.

torch and MONAI are imported here and nowhere earlier, so that napari's window opens at once.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.errors import (
    Cancelled,
    DeviceError,
    ModelError,
)
from napari_ssn.session import lesions as lesion_jobs
from napari_ssn.session.bases import find_directions
from napari_ssn.session.curve import Curve, stops
from napari_ssn.session.decoding import anchor_z, hypothesis_of
from napari_ssn.session.given import CHANCE, EDGE_SHARE
from napari_ssn.session.origin import describe
from napari_ssn.session.ranging import state_ranges
from napari_ssn.session.records import (
    Choice,
    Decoded,
    ModelEntry,
    News,
    Point,
    Preview,
    Question,
    Ranges,
    Remark,
    Request,
    Result,
    Step,
    Survey,
)

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution
    from napari_ssn.core.lesions import Lesions
    from napari_ssn.network.models import Model

Progress = Callable[[News], None]
Asked = Callable[[], bool]

# z counted between two looks at the cancel button.
_BATCH = 128
# Bytes of label maps at the stops of a walk that are kept.
_KEPT = 1 << 24


class ModelStore:
    """Keeps the model loaded last, so that a second run starts at once. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[Path, str] | None = None
        self._model: Model | None = None

    def get(self, folder: Path, device: str) -> Model:
        """Load a model folder, or return it if it is the one loaded last."""
        from napari_ssn.network.models import load_model

        with self._lock:
            if self._model is None or self._key != (folder, device):
                # Gone first: two large models need not fit at once.
                self._model = self._key = None
                self._model = load_model(folder, device)
                self._key = (folder, device)
            return self._model


def survey(extra: Sequence[Path], device: str) -> Survey:
    """Find the installed models and name the device; the first job, which imports torch."""
    from napari_ssn.network.device import choose_device, device_title
    from napari_ssn.network.models import model_folders

    found, problems = [], []
    for folder in [*extra, *model_folders().values()]:
        try:
            found.append(read_entry(folder))
        except ModelError as error:
            problems.append(str(error))
    try:
        title = device_title(choose_device(device))
    except DeviceError as error:
        problems.append(str(error))
        title = device_title(choose_device("cpu"))
    return Survey(tuple(found), title, tuple(problems))


def read_entry(folder: Path) -> ModelEntry:
    """Read a model folder's card; ModelError says what is wrong with it."""
    from napari_ssn.network.card import read_card

    return ModelEntry(folder, read_card(folder))


def warm_up(store: ModelStore, folder: Path, device: str) -> None:
    """Import what a run needs and load a model, so that the first run does not wait."""
    store.get(folder, device)


def run_job(
    store: ModelStore, request: Request, run: int, progress: Progress, cancelled: Asked
) -> Result:
    """Segment an image: the distribution over label maps and its directions."""
    began = time.perf_counter()
    progress(Step("loading"))
    model = store.get(request.model, request.device)
    _ask(cancelled)

    from napari_ssn.core.activation import compact
    from napari_ssn.core.residual import Residual
    from napari_ssn.io.hashes import image_hash
    from napari_ssn.network.device import device_title, free_bytes
    from napari_ssn.network.inference import Watch
    from napari_ssn.network.plan import check_memory, plan_for
    from napari_ssn.network.seen import Seen
    from napari_ssn.wording.presence import LIKELY

    # Before the intensities are read: they alone may be too much.
    depth = request.depth_mm
    plan = plan_for(model.card, request.source, request.centre, depth)
    check_memory(model.card, plan, free_bytes(model.device))
    volume = request.source.load()
    _ask(cancelled)
    # Of a lazy image nobody knew before.
    seen = Seen.of(model.card, volume, request.centre, request.source.declared)
    if seen.fit.problem is not None:
        raise ModelError(seen.fit.problem)
    source = replace(request.source, ct=seen.ct, units=seen.units)

    def first_labels(slab: LogitDistribution) -> None:
        assert slab.start is not None
        if slab.presence < LIKELY:
            # What does not look like anything is outlined on request only.
            return
        progress(Preview(request.source, model.card, slab.start, slab.label_map()))

    watch = Watch(
        look_at=request.look_at,
        preview=first_labels,
        progress=lambda done, total: progress(Step("running", done, total)),
        cancelled=cancelled,
        say=lambda text: progress(Remark(text)),
    )
    found = model.infer(volume, request.centre, depth_mm=depth, watch=watch, insist=request.insist)
    device, tile, depth_mm = found.device, found.tile, found.depth_mm
    threads, instructions, insisted = found.threads, found.instructions, found.insisted
    dist = compact(found.dist, cancelled)
    # With the last name of the dense tensors goes the memory they hold.
    del found
    _ask(cancelled)
    directions = find_directions(dist, request.source, volume=volume)
    _ask(cancelled)
    # Of several channels the edges of the first: it is the one a person is shown to begin with.
    residual = Residual(chance=CHANCE).within(dist, volume.data[0], EDGE_SHARE)
    result = Result(
        run=run,
        source=source,
        card=model.card,
        device=str(device),
        device_title=device_title(device),
        tile=tile,
        centre=request.centre,
        depth_mm=depth_mm,
        dist=dist,
        directions=directions,
        image_sha256=image_hash(volume),
        seconds=time.perf_counter() - began,
        residual=residual,
        threads=threads,
        instructions=instructions,
        insisted=insisted,
        distance=seen.distance,
    )
    result.bases.find(request.basis)
    return result


def range_job(
    result: Result,
    points: tuple[Point, ...],
    only: tuple[Question, ...],
    count: int,
    cancelled: Asked,
) -> Ranges:
    """Draw hypotheses and state the range of each label's size.

    A calibration was learnt of all hypotheses, with the model's own spread, on images of a kind:
    of some of them, with another spread or on another kind of image the range is that of the
    hypotheses as they are. Where the model tells presence apart it is of those that outline
    anything.
    """
    from napari_ssn.core.histogram import histogram
    from napari_ssn.network.fit import in_calibration

    draws = result.given.draws(points, count, 0, only)
    counts = _counts(result, points, draws, cancelled)
    card, space, given = result.card, result.dist.space, result.given
    # Nothing was calibrated on values in other units.
    own = bool(points or only) or result.spread.changed or result.insisted
    source = result.source
    own = own or not in_calibration(card, source, source.ct, source.declared, result.distance)
    presence = given.presence(points, only) if given.apart else None
    stated = state_ranges(card, counts, space, presence, own, result.fit.kind == "unlike")
    return Ranges(
        run=result.run,
        count=len(stated.counts),
        ranges=stated.ranges,
        absent=stated.absent,
        bars=tuple(histogram(column) for column in stated.counts.T),
        points=points,
        only=only,
        spread=result.spread,
        presence=stated.presence,
    )


def lesions_job(result: Result, cancelled: Asked) -> Lesions:
    """Tell the lesions of a result apart."""
    return lesion_jobs.lesions_job(result, lambda: _ask(cancelled))


def middle_job(result: Result, choice: Choice, lesions: Lesions | None) -> tuple[int, ...] | None:
    """Where a hypothesis is largest, on the image's grid; None where it is empty."""
    return lesion_jobs.middle(hypothesis_of(result, choice, lesions).label_map)


def curve_job(
    result: Result, choice: Choice, reach: float, lesions: Lesions | None, cancelled: Asked
) -> Curve:
    """Count the labels at every stop of the slider along a choice's walk, lesion by lesion.

    The label maps at the stops are kept, of a large result as `Flips`, for decoding is no more work
    than counting; of a large one given points, whose correction differs from stop to stop, not.
    """
    from napari_ssn.core.activation import PackedDistribution
    from napari_ssn.core.flips import Flips
    from napari_ssn.core.measures import count_labels

    anchor = anchor_z(result, choice)
    directions = result.bases.known(choice.basis)
    z = np.stack([directions.z(choice.direction, t, anchor) for t in stops(reach)])
    by_lesion = flips = maps = None
    if lesions is not None and lesions.several:
        by_lesion = lesion_jobs.counts(result, choice.points, lesions, z, lambda: _ask(cancelled))
    if isinstance(result.dist, PackedDistribution) and not choice.points:
        flips = Flips.along(result.dist, z, cancelled)
        counts = flips.counts
    elif len(z) * math.prod(result.dist.space) <= _KEPT:
        maps = result.given.source(choice.points).label_maps(z)
        counts = np.stack([count_labels(one, result.dist.classes) for one in maps])
    else:
        known = None if by_lesion is None else by_lesion.sum(1)
        counts = _counts(result, choice.points, z, cancelled) if known is None else known
    walk = (result.run, choice.anchor, choice.direction, reach)
    return Curve(*walk, counts, flips, maps, by_lesion, choice.basis)


def decode_job(result: Result, choice: Choice, kept: bool, lesions: Lesions | None) -> Decoded:
    """Decode a whole hypothesis onto the image's grid."""
    hypothesis = hypothesis_of(result, choice, lesions)
    provenance = describe(result, choice, lesions, hypothesis).model_dump(mode="json")
    hypothesis.label_map.flags.writeable = False
    return Decoded(result, choice, kept, hypothesis.label_map, provenance)


def _counts(
    result: Result, points: tuple[Point, ...], z: NDArray[np.float64], cancelled: Asked
) -> NDArray[np.int64]:
    """Voxels of each label for each z, (n, C), looking at the cancel button on the way."""
    from napari_ssn.core.measures import label_counts

    given = result.given.posterior(points) if points else None

    # Those of one length together: short ones touch few voxels, and are counted sooner.
    order = np.argsort(np.linalg.norm(z, axis=1), kind="stable")
    counts = np.empty((len(z), result.dist.classes), np.int64)
    for first in range(0, len(z), _BATCH):
        _ask(cancelled)
        part = order[first : first + _BATCH]
        counts[part] = (
            label_counts(result.dist, z[part]) if given is None else given.label_counts(z[part])
        )
    return counts


def _ask(cancelled: Asked) -> None:
    if cancelled():
        raise Cancelled("The run was cancelled.")
