"""The long jobs: plain functions for a worker thread, from frozen records to frozen records.

What imports torch is imported when it is asked for, see `later`, so that napari's window opens at
once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssn import documents, network, prediction, remote
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.errors import NEVER, Cancel, DeviceError, ModelError, ServerError
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.held import Drawn, Waiting
from napari_ssn.prediction.source import Source
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.session.records import (
    Chosen,
    Decoded,
    ModelEntry,
    News,
    Plane,
    Preview,
    Remark,
    Request,
    Step,
    Survey,
)
from napari_ssn.text.presence import LIKELY

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.documents.sidecar import Provenance
    from napari_ssn.io.layers import LayerData
    from napari_ssn.network.inference import Asked, Watch
    from napari_ssn.network.models import Model
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.prediction.repeated import Repeated
    from napari_ssn.prediction.studies import Brought, Read
Progress = Callable[[News], None]


class ModelStore:
    """Keeps the model loaded last, so that a second run starts at once. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[Path, str] | None = None
        self._model: Model | None = None

    def get(self, folder: Path, device: str) -> Model:
        """Load a model folder, or return it if it is the one loaded last."""
        with self._lock:
            if self._model is None or self._key != (folder, device):
                # Gone first: two large models need not fit at once.
                self._model = self._key = None
                self._model = network.models.load_model(folder, device)
                self._key = (folder, device)
            return self._model


def survey(
    extra: Sequence[Path], device: str, server: Elsewhere | None = None, cancel: Cancel = NEVER
) -> Survey:
    """Find the installed models and name the device; the first job, which imports torch."""
    found, problems = [], []
    for folder in [*extra, *network.places.model_folders().values()]:
        try:
            found.append(read_entry(folder))
        except ModelError as error:
            problems.append(str(error))
    try:
        if server is None:
            title = network.device.device_title(network.device.choose_device(device))
        else:
            title = remote.distant.greeted(server, cancel).device
    except DeviceError as error:
        problems.append(str(error))
        title = network.device.device_title(network.device.choose_device("cpu"))
    except ServerError as error:
        problems.insert(0, str(error))
        title = "Server"
    return Survey(tuple(found), title, tuple(problems), server is not None)


def read_entry(folder: Path) -> ModelEntry:
    """Read a model folder's card; ModelError says what is wrong with it."""
    return ModelEntry(folder, documents.card.read_card(folder))


def run_job(
    store: ModelStore, request: Request, number: int, progress: Progress, cancel: Cancel
) -> Prediction:
    """Segment an image."""
    progress(Step("loading"))
    settings = request.settings
    if settings.server is None:
        model: Asked = store.get(request.model, settings.device)
    else:
        card = read_entry(request.model).card
        model = remote.distant.Distant.of(card, settings.server, cancel, ahead=True)
    cancel.check()
    watch = _watch(request.source, model, request.look_at, progress)
    return prediction.run.run(
        model,
        request.source,
        request.centre,
        depth_mm=request.depth_mm,
        insist=request.insist,
        kinds=("label-weighted", request.basis),
        number=number,
        watch=watch,
        cancel=cancel,
    )


def _watch(source: Source, model: Asked, look_at: Plane | None, progress: Progress) -> Watch:
    """Tells how far a run is, and of the first labels that it has."""

    def first_labels(slab: LogitDistribution) -> None:
        if slab.presence < LIKELY:
            # What does not look like anything is outlined on request only.
            return
        progress(Preview(source, model.card, slab.start, slab.label_map()))

    return network.inference.Watch(
        look_at=look_at,
        preview=first_labels,
        progress=lambda done, total: progress(Step("running", done, total)),
        say=lambda text: progress(Remark(text)),
    )


def repeat_job(
    store: ModelStore,
    folder: Path,
    record: Provenance,
    source: Source,
    number: int,
    progress: Progress,
    cancel: Cancel,
) -> tuple[Repeated, tuple[Decoded, ...]]:
    """Make the run of a sidecar again, and its hypotheses: but for the first as layers."""
    progress(Step("loading"))
    model = store.get(folder, prediction.repeating.device_of(record))
    cancel.check()
    made = prediction.repeated.repeat(
        record,
        model,
        source,
        kinds=("label-weighted",),
        number=number,
        watch=_watch(source, model, None, progress),
        cancel=cancel,
    )
    others = [decode_job(made.prediction, one, True, made.lesions) for one in made.others]
    return made, tuple(others)


def ensemble_job(
    source: Source,
    chosen: Chosen,
    left_out: frozenset[int],
    basis: DirectionKind,
    device: str,
    number: int,
    progress: Progress,
    cancel: Cancel,
) -> Prediction:
    """Read or run the members of an ensemble, but for those of some numbers."""
    room = prediction.ensembles
    progress(Step("running"))
    notes: list[str] = []
    maps: Any
    if chosen.maps:
        inside = [k for k in range(len(chosen.maps)) if k not in left_out]
        maps = room.LayerMaps(tuple(chosen.maps[k] for k in inside), tuple(k + 1 for k in inside))
    else:
        image = source.load()
        # Read once: the members are compared with its grid, and the result names its checksum.
        source = replace(source, load=lambda: image)
        maps = room.find(
            *(chosen.paths, image, chosen.image_name, left_out), device=device, cancel=cancel
        )
        if isinstance(maps, room.Networks):
            maps = replace(maps, kept=(chosen.kept, source.token))
        notes = maps.notes
    found = room.predict(
        maps,
        source,
        kinds=("label-weighted", basis),
        number=number,
        step=lambda done, total: progress(Step("running", done, total)),
        cancel=cancel,
    )
    assert found.members is not None
    said = room.said_of(found.members, found.sources)
    progress(Remark(" ".join([*notes, said])))
    return found


def read_study_job(path: Path) -> tuple[Read, tuple[LayerData, ...]]:
    """Read a study, and the images that it holds as layers."""
    read = prediction.studies.read(path)
    return read, prediction.studies.layers_of(read.pictures)


def bring_job(
    waiting: Sequence[Waiting], source: Source, number: int, cancel: Cancel
) -> tuple[Brought, tuple[tuple[Decoded, ...], ...]]:
    """Make results of studies again that are of an image, and what was kept of each."""
    brought = prediction.studies.bring(waiting, source, number, cancel)
    kept = [
        tuple(decode_job(held.prediction, one.choice, True, held.lesions, one) for one in held.kept)
        for _, held in brought.held
    ]
    return brought, tuple(kept)


def decode_job(
    result: Prediction,
    choice: Choice,
    kept: bool,
    lesions: Lesions | None,
    drawn: Drawn | None = None,
) -> Decoded:
    """Decode a whole hypothesis onto the image's grid, with what a study has drawn of it."""
    hypothesis = prediction.decode.hypothesis_of(result, choice, lesions)
    told = prediction.record.describe(result, choice, lesions, hypothesis).model_dump(mode="json")
    labels = None if drawn is None else drawn.labels
    labels = hypothesis.label_map if labels is None else labels
    return Decoded.of(result, choice, kept, labels, told, drawn is not None and drawn.edited)
