"""What a sidecar says of a model and a run."""

from __future__ import annotations

from napari_ssn.documents.ran import ModelIdentity, Run

MODEL = ModelIdentity(name="tiny", version="0.1", weights_sha256="a" * 64)
RUN = Run(device="cpu", device_title="CPU", centre=None, image_sha256="b" * 64)
