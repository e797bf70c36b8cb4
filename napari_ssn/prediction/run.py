"""From an image and a model to a prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from napari_ssn.core.given.residual import Residual
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.core.packed.distribution import compact
from napari_ssn.errors import NEVER, Cancel, ModelError
from napari_ssn.io.hashes import image_hash
from napari_ssn.network.inference import Asked, Watch
from napari_ssn.network.plan import DEPTH_MM, check_memory, plan_for
from napari_ssn.network.question import USUAL, How
from napari_ssn.network.seen import Seen
from napari_ssn.prediction.given import EDGE_SHARE
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.source import Source


def run(
    model: Asked,
    source: Source,
    centre: tuple[int, ...] | None = None,
    *,
    depth_mm: float = DEPTH_MM,
    insist: bool = False,
    how: How = USUAL,
    kinds: Sequence[DirectionKind] = (),
    number: int = 1,
    looked: Callable[[Seen], None] = lambda seen: None,
    watch: Watch | None = None,
    cancel: Cancel = NEVER,
) -> Prediction:
    """Segment an image: the distribution over label maps, and all that is to be said of it.

    Args:
        model: that segments it, here or on another computer.
        source: the image.
        centre: index in its own grid of the region's middle; None for the whole image.
        depth_mm, insist, how: as for `Model.infer`.
        kinds: directions that are found at once, by how they are chosen; others wait until they
            are asked for.
        number: of the run, to tell it from others.
        looked: is told what is seen of the image, before anything is computed.
        watch: who is told while the network runs.
        cancel: looked at between all parts.

    Raises:
        ModelError: the model does not suit the image.
        ImageError, GeometryError, DeviceError: as `Model.infer`.
        Cancelled: somebody stopped it.
    """
    card = model.card
    # Before the intensities are read: they alone may be too much.
    plan = plan_for(card, source, centre, depth_mm)
    check_memory(card, plan, model.room(), packed=True, aside=model.aside)
    volume = source.load()
    cancel.check()
    # Of a lazy image nobody knew before.
    seen = Seen.of(card, volume, centre, source.declared)
    if seen.fit.problem is not None:
        raise ModelError(seen.fit.problem)
    looked(seen)
    found = model.infer(
        volume,
        centre,
        depth_mm=depth_mm,
        watch=replace(watch or Watch(), cancel=cancel),
        insist=insist,
        packed=True,
        how=how,
    )
    # With the last name of the dense tensors goes the memory they hold.
    found = replace(found, dist=compact(found.dist, cancel))
    cancel.check()
    prediction = Prediction(
        run=number,
        source=replace(source, ct=seen.ct, units=seen.units),
        card=card,
        device=str(found.device),
        device_title=found.title,
        tile=found.tile,
        centre=centre,
        depth_mm=found.depth_mm,
        dist=found.dist,
        image_sha256=image_hash(volume),
        # Of several channels the edges of the first: a person is shown that one to begin with.
        residual=Residual().within(found.dist, volume.data[0], EDGE_SHARE),
        threads=found.threads,
        instructions=found.instructions,
        insisted=found.insisted,
        unpadded=found.unpadded,
        moved_to=found.moved_to,
        looks=found.looks,
        distance=seen.distance,
    )
    for kind in kinds:
        cancel.check()
        prediction.bases.find(kind, volume)
    return prediction
