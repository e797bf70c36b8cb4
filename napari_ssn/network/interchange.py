"""A network as ONNX, so that programs without torch can run it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import torch
from torch.nn import functional

from napari_ssn.errors import ModelError
from napari_ssn.network.models import Model
from napari_ssn.network.ssn import LogitParameters, PresentParameters

#: How far an exported network may be from torch's, relative to 1 + the value's size.
TOLERANCE = 1e-4
#: Name of the input, and under which name the card is kept in the file.
INPUT, CARD = "image", "napari_ssn.card"

_MISSING = (
    'ONNX is written and checked with libraries that are not installed: pip install '
    '"napari-ssn[onnx]".'
)  # fmt: skip


def to_onnx(model: Model) -> bytes:
    """The network of a model as an ONNX file, whatever its device.

    The input ``image`` (B, channels, *region) float32 holds intensities on the model's own grid,
    normalised as the card says. The outputs are μ ``mean`` (B, C, *region), P ``cov_factor``
    (B, R, C, *region) and the diagonal D ``cov_diag`` (B, C, *region), and from a model that says
    whether there is anything to outline its logit ``presence`` (B,). The label map of a z is
    ``argmax over C of mean + Σ_r z_r cov_factor_r``. The card stands in the file's metadata.

    Raises:
        ModelError: the libraries are missing, or the network has a layer that ONNX has not, or
            this torch fails at it.
    """
    network, image = model.network, _images(model, 2).to(model.device)
    parameters = LogitParameters if network.presence is None else PresentParameters
    with _quiet():
        if not all(find_spec(name) for name in ("onnx", "onnxscript")):
            raise ModelError(_MISSING)
        try:
            program = torch.onnx.export(
                network,
                (image,),
                dynamo=True,
                input_names=[INPUT],
                output_names=list(parameters._fields),
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            why = (
                "its network has a layer that ONNX does not know."
                if _lacks_a_layer(error)
                else f"torch {torch.__version__} fails at its network; a newer one may not."
            )
            raise ModelError(f"{model.card.title} cannot be written as ONNX: {why}") from error
    assert program is not None
    proto = program.model_proto
    proto.metadata_props.add(key=CARD, value=model.card.model_dump_json(exclude_none=True))
    found: bytes = proto.SerializeToString()
    return found


def departure(content: bytes, model: Model, images: int = 3) -> float:
    """How far an ONNX file, run by onnxruntime on the CPU, is from its model in torch.

    Largest ``|onnx − torch| / (1 + |torch|)`` over all outputs for some images of noise and of
    smooth blobs, within the range that the card's normalisation gives.

    Raises:
        ModelError: onnxruntime is missing, or cannot run the file.
    """
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(_MISSING) from None
    image = _images(model, images)
    with torch.inference_mode():
        wanted = [part.cpu().numpy() for part in model.network(image.to(model.device))]
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: Sequence[np.ndarray] = session.run(None, {INPUT: image.numpy()})
    if [part.shape for part in found] != [part.shape for part in wanted]:
        raise ModelError("The exported network gives arrays of other shapes than torch's.")
    return max(
        float((np.abs(one - other) / (1 + np.abs(other))).max())
        for one, other in zip(found, wanted, strict=True)
    )


def _images(model: Model, count: int) -> torch.Tensor:
    """Images to try a network on, (count, channels, *region): noise, and smooth blobs."""
    card = model.card
    generator = torch.Generator().manual_seed(0)
    shape = (count, len(card.channels), *card.region)
    image = torch.rand(shape, generator=generator)
    coarse = [max(2, size // 8) for size in card.region]
    seed = torch.rand((count, len(card.channels), *coarse), generator=generator)
    mode = "bilinear" if len(coarse) == 2 else "trilinear"
    image[1::2] = functional.interpolate(seed, size=card.region, mode=mode)[1::2]
    if card.normalisation == "standardise":
        image = 4 * image - 2
    return image


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on layers of other networks to itself."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def _lacks_a_layer(error: BaseException) -> bool:
    """Whether torch's exporter found nothing in ONNX for an operation: all else it calls so too."""
    found: BaseException | None = error
    while found is not None and type(found).__name__ != "DispatchError":
        found = found.__cause__
    return found is not None
