"""What ran on what: the parts of a sidecar that do not depend on what was chosen."""

from __future__ import annotations

import hmac
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from napari_ssn._version import __version__
from napari_ssn.core.kinds import MemberKind
from napari_ssn.documents.closed import Exact, Index, Sha256, Shape

Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]


class Software(Exact):
    """What computed, each by its version; ``machine`` is the kind of processor."""

    napari_ssn: str
    python: str
    torch: str
    monai: str
    numpy: str
    system: str
    machine: str

    @classmethod
    def here(cls) -> Software:
        """The software of this process."""
        return cls(
            napari_ssn=__version__,
            python=platform.python_version(),
            system=platform.system(),
            machine=platform.machine(),
            **{name: _version(name) for name in ("torch", "monai", "numpy")},
        )


class ModelIdentity(Exact):
    """Which model, down to the bytes of its weights."""

    name: str
    version: str
    weights_sha256: Sha256


def coded(uid: str, image_sha256: str) -> str:
    """HMAC-SHA256 of a UID, keyed with the bytes of an image's hash; 64 hexadecimal digits."""
    return hmac.new(bytes.fromhex(image_sha256), uid.encode(), "sha256").hexdigest()


class DicomInput(Exact):
    """The DICOM series that was segmented: codes of its UID and of its slices', in their order.

    A UID leads to a patient whoever may ask an archive. What stands here is its HMAC-SHA256 with
    the 32 bytes of the image's hash as the key: who has the series finds it again, and nobody
    else does. Sidecars of before hold the UIDs themselves. Of an enhanced multi-frame instance
    there is one slice. ``slice_thickness_mm`` is what its header
    says, and ``kernel_sha256`` is of the text of the kernel that it was reconstructed with, values
    joined by backslashes: two series can be told apart by it. Both are null where the header does
    not say, and in sidecars of before.
    """

    series_hmac: Sha256 | None = None
    slices_hmac: Annotated[list[Sha256], Field(min_length=1)] | None = None
    series_instance_uid: Uid | None = None
    sop_instance_uids: Annotated[list[Uid], Field(min_length=1)] | None = None
    slice_thickness_mm: Annotated[FiniteFloat, Field(gt=0)] | None = None
    kernel_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _named_in_one_way(self) -> Self:
        codes = {self.series_hmac is None, self.slices_hmac is None}
        uids = {self.series_instance_uid is None, self.sop_instance_uids is None}
        if (codes, uids) not in (({False}, {True}), ({True}, {False})):
            raise ValueError("a series and its slices are named by their codes or by their UIDs")
        return self

    def is_series(self, uid: str, image_sha256: str) -> bool:
        """Whether this is the series of a UID, of an image of that hash."""
        if self.series_hmac is not None:
            return self.series_hmac == coded(uid, image_sha256)
        return self.series_instance_uid == uid

    def slices_of(self, uids: Sequence[str], image_sha256: str) -> bool | None:
        """Whether its slices are those of the UIDs; None if they are in another order."""
        stated = self.slices_hmac or self.sop_instance_uids or []
        if self.slices_hmac is not None:
            uids = [coded(uid, image_sha256) for uid in uids]
        if sorted(stated) != sorted(uids):
            return False
        return True if stated == list(uids) else None


class MemberNetwork(Exact):
    """A network of others that was run on the image, by its files and its views.

    ``plan_sha256`` is over the texts that say how it reads images: plans and data set of nnU-Net,
    inference, metadata and training of a bundle. ``views`` are the axes of the network's own grid
    that were mirrored, of each view whose logits were averaged; none of the image as it is.
    """

    kind: Literal["nnU-Net 2", "MONAI"]
    weights_sha256: Sha256
    plan_sha256: Sha256
    views: Annotated[
        list[Annotated[list[Annotated[int, Field(ge=0, le=2)]], Field(max_length=3)]],
        Field(min_length=1, max_length=8),
    ]


class EnsembleMember(Exact):
    """One member of an ensemble: checksum of its file, or of a layer's values, and its name.

    ``network`` is what was run for it, and ``sha256`` then over that; null of a map.
    """

    sha256: Sha256
    name: Annotated[str, Field(min_length=1, max_length=64)]
    network: MemberNetwork | None = None


class EnsembleRun(Exact):
    """The members of an ensemble, in their order, and how they became a distribution.

    With l the logits of a member, centred over labels, the mean is that of all members that
    outline anything, and the columns are Helmert's contrasts of their l over the root of one less
    than they are; of ``rank`` columns the largest by singular values, all where it is null.
    ``probabilities``: l is the logarithm of the probabilities, clipped to ``low`` and ``high``.
    ``distances``: l is the signed distance in mm to a label's edge, up to ``width_mm``, divided by
    that and multiplied by half the logit of ``high``.
    """

    members: Annotated[list[EnsembleMember], Field(min_length=2)]
    kind: MemberKind
    low: Annotated[FiniteFloat, Field(gt=0, lt=0.5)]
    high: Annotated[FiniteFloat, Field(gt=0.5, lt=1)]
    width_mm: Annotated[FiniteFloat, Field(gt=0)] | None = None
    rank: Annotated[int, Field(ge=1)] | None = None


class Run(Exact):
    """What the model was given, and where it ran.

    ``device`` is torch's name of it, ``device_title`` the words for a person; ``tile`` counts the
    voxels that the network saw at once; ``centre`` is the index of the region's middle in the
    file's own voxel grid, null for the whole image; ``depth_mm`` is how far a 2D model looked
    along a volume to either side of it, null for everything else; ``frame`` counts the frames of a
    time series from 1, null for an image without time; ``dicom`` is null for an image that did not
    come from DICOM. ``threads`` of the CPU computed with ``instructions`` of torch's name; both
    are null where another device did, and in sidecars of before they were written down, when
    convolutions over single voxels were cut up among the threads. ``insisted`` is true where the
    model reads Hounsfield units, and somebody had values that seem to be none taken for some; null
    everywhere else. ``unpadded`` is true where padding of the image, below −1024 HU, was taken for
    air; null everywhere else, and in sidecars of before, where it counted as it was. ``moved_to``
    is the index of the region's middle where the region went there from ``centre``, to the middle
    of what was found around it, and perhaps on from there, in so many ``looks``; null where it
    stayed, and ``looks`` in sidecars of before, when it moved once at most. ``unlike`` is true
    where the image is unlike those that the model was trained on, by its file, size or values, so
    that nothing calibrated is said of it. ``ensemble`` names the members where no model ran, and
    maps of others were taken; null for a model.
    """

    device: str
    device_title: str
    tile: Shape | None = None
    centre: Index | None
    depth_mm: Annotated[FiniteFloat, Field(ge=0)] | None = None
    image_sha256: Sha256
    frame: Annotated[int, Field(ge=1)] | None = None
    dicom: DicomInput | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    instructions: Annotated[str, Field(pattern=r"^[A-Za-z0-9_. +-]{1,40}$")] | None = None
    insisted: Literal[True] | None = None
    unpadded: Literal[True] | None = None
    moved_to: Index | None = None
    looks: Annotated[int, Field(ge=2, le=16)] | None = None
    unlike: Literal[True] | None = None
    ensemble: EnsembleRun | None = None


@cache
def _version(package: str) -> str:
    # Found in files, for each sidecar that is written or read.
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


class Written(Exact):
    """The DICOM file beside a sidecar: its class and its UID, and what it refers to.

    ``refers_to`` is the UID of the segmentation that was written with a structured report; null of
    what refers to its source alone, as they all do.
    """

    sop_class_uid: Uid
    sop_instance_uid: Uid
    refers_to: Uid | None = None
