"""What is wanted of every scan of a cohort, and what became of one."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from napari_ssn.core.kinds import RangeKind
from napari_ssn.documents.closed import Closed, Sha256
from napari_ssn.documents.likeness import FitKind
from napari_ssn.documents.sidecar import Unit

#: What became of a scan. ``nothing``: at its point nothing looks like what the model knows.
#: ``refused``: it cannot be segmented, and why is one sentence. ``aside``: its worker died of it
#: again and again, or ran into what nobody had foreseen.
State = Literal["waiting", "done", "nothing", "refused", "aside"]

Positive = Annotated[int, Field(ge=1)]
Uid = Annotated[str, Field(pattern=r"^[0-9][0-9.]{0,63}$")]


class InArchive(Closed):
    """A series in an archive that speaks DICOMweb.

    Attributes:
        server: name of the archive in the list, or its address.
        study, series: UIDs.
    """

    server: str
    study: Uid
    series: Uid


class Scan(Closed):
    """One image, or one lesion in it, of a cohort.

    Attributes:
        paths: of the image; of several channels one for each. None of a series in an archive.
        there: that series; None of what lies in files.
        image: what it is called in the table: its path as it was found, or as a table names it.
        dicom: whether the path is a folder or zip of DICOM.
        uid, part: of the series in it, and of the image in that series.
        series: number of the DICOM series, or of the level of an OME-Zarr, from 1, as a table names
            it.
        frame: which one of a time series, from 1.
        centre: voxel in the middle of the lesion; None for the whole image.
        lesion: what the lesion is called.
    """

    paths: tuple[str, ...] = ()
    there: InArchive | None = None
    image: str
    dicom: bool = False
    uid: str = ""
    part: str = ""
    series: Positive | None = None
    frame: Positive | None = None
    centre: tuple[int, ...] | None = None
    lesion: str = ""

    @property
    def key(self) -> str:
        """What it is, however the table calls it: the same key is the same scan."""
        # A series is the same under another name of its archive. Scans in files have the keys that
        # they had before there were any in archives.
        there = True if self.there is None else {"server"}
        return _digest(self.model_dump_json(exclude={"image": True, "there": there}))

    @model_validator(mode="after")
    def _is_somewhere(self) -> Scan:
        if bool(self.paths) == (self.there is not None):
            raise ValueError("either in files or in an archive")
        return self


class Wanted(Closed):
    """What is wanted of every scan: who changes any of it has all of them done anew.

    Attributes:
        model: name and version, for whoever reads it.
        weights_sha256, card_sha256: of the model.
        samples, seed: draws that are written.
        depth_mm: how far a 2D model looks along a volume; None as far as by itself.
        suffixes: of the label maps; none where sizes alone are wanted.
        deidentified: whether DICOM leaves out whom it is of.
        insist: whether what does not look like anything is measured all the same.
    """

    model: str
    weights_sha256: Sha256
    card_sha256: Sha256
    samples: Annotated[int, Field(ge=0)] = 0
    seed: Annotated[int, Field(ge=0)] = 0
    depth_mm: float | None = None
    suffixes: tuple[str, ...] = (".nii.gz",)
    deidentified: bool = False
    insist: bool = False

    @property
    def key(self) -> str:
        """Another one of anything else that is wanted."""
        return _digest(self.model_dump_json())


class Measured(Closed):
    """One label of a scan.

    Attributes:
        label: its name.
        unit: of the sizes.
        mean: size of the mean outline.
        median, low, high: of the range, and the share between its ends.
        kind: whose range it is: that of readers, of one reader, or the model's own.
        longest_mm, perpendicular_mm: diameters of the mean outline; None where unknown.
        longest_low_mm, longest_high_mm: range of the longest diameter over hypotheses.
        cut_off_by: edges that it reaches, so that it may be larger.
        apart: size of what is no part of the lesion at the point; None where there is none.
    """

    label: str
    unit: Unit
    mean: float
    median: float
    low: float
    high: float
    level: float
    kind: RangeKind
    longest_mm: float | None = None
    perpendicular_mm: float | None = None
    longest_low_mm: float | None = None
    longest_high_mm: float | None = None
    cut_off_by: tuple[str, ...] = ()
    apart: float | None = None


class Found(Closed):
    """What was found in a scan: a row of the table, and never an array.

    Attributes:
        image_sha256: of the values that the model was given.
        labels: each but the background.
        presence: how likely a reader outlines anything; None where the model does not tell.
        fit: whether the image is like the training images.
        distance: how far it is from them, see `network.likeness`; None where that is not known.
        doubt: why all of it deserves doubt; empty where nothing speaks for it.
        device: where it ran.
        files: names in the scan's folder, the first that of the mean.
    """

    image_sha256: Sha256
    labels: tuple[Measured, ...] = ()
    presence: float | None = None
    fit: FitKind = "unknown"
    distance: float | None = None
    doubt: str = ""
    device: str = ""
    files: tuple[str, ...] = ()

    @property
    def width(self) -> float | None:
        """How wide the widest range is, in medians; None where nothing is outlined."""
        widths = [(one.high - one.low) / one.median for one in self.labels if one.median > 0]
        return max(widths, default=None)


class Series(Closed):
    """A series that a folder or zip of DICOM holds, as a look at its headers has it.

    Where it holds none that can be read, all is empty; whoever reads it will say why.
    """

    uid: str = ""
    part: str = ""
    title: str = ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
