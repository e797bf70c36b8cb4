"""The long jobs: plain functions from frozen records to frozen records, for a worker thread.

torch and MONAI are imported here and nowhere earlier, so that napari's window opens at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
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
from napari_ssn.session.given import EDGE_SHARE, TOLERANCE
from napari_ssn.session.records import (
    Choice,
    Curve,
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
    stops,
)

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution
    from napari_ssn.core.hypotheses import Hypothesis
    from napari_ssn.core.lesions import Lesions
    from napari_ssn.io.provenance import Condition, ModelIdentity, Pointing, Provenance, Run, Spread
    from napari_ssn.network.models import Model

Progress = Callable[[News], None]
Asked = Callable[[], bool]

# z counted between two looks at the cancel button.
_BATCH = 128


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
    from napari_ssn.core.directions import principal_directions
    from napari_ssn.core.residual import Residual
    from napari_ssn.io.provenance import image_hash
    from napari_ssn.network.device import device_title, free_bytes
    from napari_ssn.network.inference import Watch
    from napari_ssn.network.plan import check_memory, plan_for

    # Before the intensities are read: they alone may be too much.
    depth = request.depth_mm
    plan = plan_for(model.card, request.source, request.centre, depth)
    check_memory(model.card, plan, free_bytes(model.device))
    volume = request.source.load()
    _ask(cancelled)

    def first_labels(slab: LogitDistribution) -> None:
        assert slab.start is not None
        progress(Preview(request.source, model.card, slab.start, slab.label_map()))

    watch = Watch(
        look_at=request.look_at,
        preview=first_labels,
        progress=lambda done, total: progress(Step("running", done, total)),
        cancelled=cancelled,
        say=lambda text: progress(Remark(text)),
    )
    found = model.infer(volume, request.centre, depth_mm=depth, watch=watch)
    device, tile, depth_mm = found.device, found.tile, found.depth_mm
    dist = compact(found.dist, cancelled)
    # With the last name of the dense tensors goes the memory they hold.
    del found
    _ask(cancelled)
    directions = principal_directions(dist)
    _ask(cancelled)
    # Of several channels the edges of the first: it is the one a person is shown to begin with.
    residual = Residual().within(dist, volume.data[0], EDGE_SHARE)
    result = Result(
        run=run,
        source=request.source,
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

    A calibration was learnt of all hypotheses, with the model's own spread: of some of them, or
    with another spread, the range is that of the hypotheses as they are.
    """
    from napari_ssn.core.histogram import histogram
    from napari_ssn.core.measures import central_range

    draws = result.given.draws(points, count, 0, only)
    counts = _counts(result, points, draws, cancelled)[:, 1:]
    card, space = result.card, result.dist.space
    own = bool(points or only) or result.spread.changed
    return Ranges(
        run=result.run,
        count=count,
        ranges=tuple(
            central_range(column) if own else card.range_of(column, space) for column in counts.T
        ),
        absent=tuple(float(share) for share in (counts == 0).mean(0)),
        bars=tuple(histogram(column) for column in counts.T),
        points=points,
        only=only,
        spread=result.spread,
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

    A large result is decoded at every stop as well, which is no more work than counting; given
    points, whose correction differs from stop to stop, it is not.
    """
    from napari_ssn.core.activation import PackedDistribution
    from napari_ssn.core.flips import Flips

    anchor = anchor_z(result, choice)
    directions = result.bases.known(choice.basis)
    z = np.stack([directions.z(choice.direction, t, anchor) for t in stops(reach)])
    by_lesion = flips = None
    if lesions is not None and lesions.several:
        by_lesion = lesion_jobs.counts(result, choice.points, lesions, z, lambda: _ask(cancelled))
    if isinstance(result.dist, PackedDistribution) and not choice.points:
        flips = Flips.along(result.dist, z, cancelled)
        counts = flips.counts
    else:
        known = None if by_lesion is None else by_lesion.sum(1)
        counts = _counts(result, choice.points, z, cancelled) if known is None else known
    walk = (result.run, choice.anchor, choice.direction, reach)
    return Curve(*walk, counts, flips, by_lesion, choice.basis)


def decode_job(result: Result, choice: Choice, kept: bool, lesions: Lesions | None) -> Decoded:
    """Decode a whole hypothesis onto the image's grid."""
    hypothesis = hypothesis_of(result, choice, lesions)
    provenance = describe(result, choice, lesions, hypothesis).model_dump(mode="json")
    hypothesis.label_map.flags.writeable = False
    return Decoded(result, choice, kept, hypothesis.label_map, provenance)


def hypothesis_of(result: Result, choice: Choice, lesions: Lesions | None) -> Hypothesis:
    """A choice as a label map on the image's grid, lesions with a z of their own included."""
    from napari_ssn.core.hypotheses import Hypothesis

    z = choice_z(result, choice)
    label_map = lesion_jobs.decode(result, choice.points, z, own_z(result, choice), lesions)
    label_map = result.dist.placed(label_map)
    # The source's own affine: the one of the region, taken back, would be rounded.
    return Hypothesis(label_map, result.source.affine, z, result.dist.classes)


def describe(
    result: Result, choice: Choice, lesions: Lesions | None, hypothesis: Hypothesis
) -> Provenance:
    """What the sidecar of a choice says."""
    from napari_ssn.io import provenance

    own = own_z(result, choice)
    moved = lesion_jobs.moves(choice, own, lesions) if own and lesions is not None else None

    drawn, walked = choice.sample is not None, choice.kind == "walk"
    given = choice.points or choice.only
    return provenance.describe(
        hypothesis,
        model=model_of(result),
        run=run_of(result),
        choice=provenance.Choice(
            kind="conditioned" if given and choice.kind == "mean" else choice.kind,
            seed=choice.seed if drawn else None,
            sample=choice.sample + 1 if choice.sample is not None else None,
            direction=choice.direction + 1 if walked else None,
            directions=choice.basis if walked else None,
            sigma=choice.sigma if walked else None,
            anchor=anchor_z(result, choice).tolist() if walked else None,
            z=None if hypothesis.z is None else hypothesis.z.tolist(),
            lesions=moved,
            pointing=pointing_of(result, choice),
            conditions=conditions_of(choice),
            spread=spread_of(result),
        ),
        labels=result.labels,
        extent=result.source.extent,
    )


def model_of(result: Result) -> ModelIdentity:
    """What a sidecar says of the model."""
    from napari_ssn.io.provenance import ModelIdentity

    card = result.card
    return ModelIdentity(name=card.name, version=card.version, weights_sha256=card.weights_sha256)


def run_of(result: Result) -> Run:
    """What a sidecar says of the run."""
    from napari_ssn.io.provenance import DicomInput, Run

    return Run(
        device=result.device,
        device_title=result.device_title,
        tile=list(result.tile),
        centre=None if result.centre is None else list(result.centre),
        depth_mm=result.depth_mm,
        image_sha256=result.image_sha256,
        frame=None if result.source.frame is None else result.source.frame + 1,
        dicom=DicomInput.of(result.source.series),
    )


def spread_of(result: Result) -> Spread | None:
    """What a sidecar says of a spread that is not the model's own."""
    from napari_ssn.io import provenance

    if not result.spread.changed:
        return None
    spread, classes = result.spread, result.dist.classes
    return provenance.Spread(
        overall=spread.overall, per_label=list(spread.per_label or (1.0,) * classes)
    )


def pointing_of(result: Result, choice: Choice) -> Pointing | None:
    """What a sidecar says of points."""
    from napari_ssn.io import provenance

    residual = result.residual
    if not choice.points or residual is None:
        return None
    return provenance.Pointing(
        points=[
            provenance.Point(index=list(point.index), label=point.label) for point in choice.points
        ],
        tolerance=TOLERANCE,
        length_mm=residual.length_mm,
        amplitude=residual.amplitude,
        edge_share=EDGE_SHARE,
    )


def conditions_of(choice: Choice) -> list[Condition] | None:
    """What a sidecar says of conditions."""
    from napari_ssn.io import provenance

    if not choice.only:
        return None
    return [
        provenance.Condition(
            kind=one.kind,
            label=one.label,
            voxels=None if one.kind == "reaches" else float(one.voxels),
            index=list(one.index) if one.kind == "reaches" else None,
        )
        for one in choice.only
    ]


def anchor_z(result: Result, choice: Choice) -> NDArray[np.float64]:
    """The z a walk starts from: the mean's, else the draw of that seed and number."""
    return result.given.anchor(choice.points, choice.sample, choice.seed, choice.only)


def choice_z(result: Result, choice: Choice) -> NDArray[np.float64]:
    """``z_anchor + sigma · v_direction`` in float64, (R,)."""
    directions = result.bases.known(choice.basis)
    return directions.z(choice.direction, choice.sigma, anchor_z(result, choice))


def own_z(result: Result, choice: Choice) -> dict[int, NDArray[np.float64]]:
    """z of each lesion that has a position of its own."""
    return lesion_jobs.own_z(result, choice, anchor_z(result, choice)) if choice.own else {}


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
