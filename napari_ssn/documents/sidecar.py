"""The sidecar: everything needed to make a label map again, and to know that it is the same.

It names the image by its hash, and a DICOM series by codes of its UIDs, and by nothing else: no
path, no name of a file, no patient.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, field_validator

from napari_ssn.documents.adjudicated import Adjudicated
from napari_ssn.documents.chosen import Choice, Count, Share
from napari_ssn.documents.closed import Affine, Exact, Index, Sha256, Shape
from napari_ssn.documents.problems import parsed
from napari_ssn.documents.ran import ModelIdentity, Run, Software, Written
from napari_ssn.documents.regular import read_text
from napari_ssn.documents.sizes import Sizes, Spans
from napari_ssn.errors import DataError
from napari_ssn.geometry.cutoff import Edge
from napari_ssn.geometry.volume import Extent

Unit = Literal["mL", "mm2", "voxels"]

UNITS: dict[Extent, Unit] = {"volume": "mL", "plane": "mm2", "unknown": "voxels"}


#: Of the form below; a sidecar of a later one holds what this program does not know.
SCHEMA_VERSION = 1


class LabelVolume(Exact):
    """Size of one label; ``ml`` and ``mm2`` are null where the voxel size does not tell.

    One slice has ``mm2``, however thick it is; sidecars of before said ``ml`` of one with a
    thickness. ``longest_mm`` is the longest diameter of a connected part in any one slice, from
    edge to edge, and ``perpendicular_mm`` the longest at a right angle to it; both are null where
    the voxel size is unknown, and in sidecars of before they were measured. ``cut_off_by`` names
    the edges that the label reaches, of the region that was looked at and of the image, so that it
    may be larger; it is null in sidecars of before that was looked for. ``first`` and ``last`` are
    the lowest and the highest index of the label along each axis of the grid, so on which slices it
    is outlined, in any plane; both are null where it is nowhere, and in sidecars of before. Of
    ``voxels``, and of the size in any unit, ``apart_voxels`` are no part of the lesion at the
    region's centre: not connected (corners count) to the part that holds it, or that is nearest to
    it. It is null where nobody pointed at any, and in sidecars of before.
    """

    voxels: Count
    ml: Annotated[FiniteFloat, Field(ge=0)] | None
    mm2: Annotated[FiniteFloat, Field(ge=0)] | None
    unit: Unit
    longest_mm: Annotated[FiniteFloat, Field(ge=0)] | None = None
    perpendicular_mm: Annotated[FiniteFloat, Field(ge=0)] | None = None
    cut_off_by: Annotated[list[Edge], Field(max_length=2)] | None = None
    first: Index | None = None
    last: Index | None = None
    apart_voxels: Count | None = None

    @property
    def across(self) -> tuple[float, float] | None:
        """Both diameters; None where they are not stated."""
        if self.longest_mm is None or self.perpendicular_mm is None:
            return None
        return self.longest_mm, self.perpendicular_mm


class Grid(Exact):
    """Voxel grid of the image and the label map; ``affine`` maps an index to mm."""

    shape: Shape
    affine: Affine


class Member(Exact):
    """One of several hypotheses in a file; ``share`` of the model's hypotheses it stands for."""

    name: str
    share: Share | None
    choice: Choice
    volumes: dict[str, LabelVolume]
    label_map_sha256: Sha256


class Provenance(Exact):
    """Content of a sidecar.

    Of a file with several hypotheses ``hypotheses`` names them all, in the order of the file;
    ``choice``, ``volumes`` and ``label_map_sha256`` are those of the first. ``sizes`` is how the
    sizes of each label spread over all hypotheses, and ``together`` those of all labels but the
    background where there are several; both are null in sidecars of before they were written down,
    of probability maps, and of what was edited by hand. ``spans`` is how longest diameters spread,
    null where they were not measured. ``written`` is the DICOM file beside it; null beside any
    other file, and in sidecars of before. ``adjudicated`` says whose outlines it
    was made of: of an edited one, or of one that is nearest to an outline which was made of them.
    """

    schema_version: Literal[1] = 1
    #: `text.problems.RESEARCH_ONLY`; a literal, so that the schema says it too.
    notice: Literal["Research use only – not a medical device"] = (
        "Research use only – not a medical device"
    )
    created: str
    software: Software
    model: ModelIdentity
    run: Run
    choice: Choice
    #: By label; the background is left out.
    volumes: dict[str, LabelVolume]
    grid: Grid
    #: Of the label map's uint8 values in C order, on that grid; of a probability map, of its
    #: little-endian float32 values in C order.
    label_map_sha256: Sha256
    hypotheses: Annotated[list[Member], Field(min_length=2)] | None = None
    sizes: Annotated[dict[str, Sizes], Field(min_length=1)] | None = None
    together: Sizes | None = None
    spans: Annotated[dict[str, Spans], Field(min_length=1)] | None = None
    written: Written | None = None
    adjudicated: Adjudicated | None = None

    @field_validator("created")
    @classmethod
    def _utc(cls, value: str) -> str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            # Python's own words repeat the value, at any length.
            raise ValueError("the time of creation is no date and time") from None
        if moment.utcoffset() is None:
            raise ValueError("the time of creation has no time zone")
        return value

    def each(self) -> list[Provenance]:
        """What it says of each hypothesis of its file, as if that were alone."""
        if self.hypotheses is None:
            return [self]
        own, alone = ("choice", "volumes", "label_map_sha256"), {"hypotheses": None}
        return [
            self.model_copy(update=alone | {name: getattr(one, name) for name in own})
            for one in self.hypotheses
        ]

    def to_json(self) -> str:
        """Text of the sidecar; numbers are written so that reading gives the same bits."""
        return self.model_dump_json(indent=2) + "\n"


def read_sidecar(path: Path) -> Provenance:
    """Read and check a sidecar; DataError, in one sentence, if it is missing or damaged."""
    # `from None`: the causes' messages hold the path, and the path may hold a patient's name.
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise DataError("The sidecar does not exist.") from None
    except (OSError, UnicodeDecodeError):
        if path.is_file() and path.suffix.lower() != ".json":
            raise DataError(
                "A result is named by its sidecar, the .json that lies beside it: this is none."
            ) from None
        raise DataError("The sidecar cannot be read: it is damaged or no text.") from None
    return parsed(Provenance, text, "sidecar", SCHEMA_VERSION)


def sidecar_schema() -> str:
    """JSON schema of a sidecar, as published in ``docs/sidecar.schema.json``."""
    schema: dict[str, Any] = Provenance.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "napari-ssn sidecar"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
