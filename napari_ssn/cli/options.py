"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from napari_ssn.io.known import DICOM_SUFFIX, WRITTEN, holding
from napari_ssn.text.server import USUAL_TOKEN

#: Exit status where a label map is another than was stated.
DIFFERENT = 1
#: Label maps that a command writes of one image at most: the names of more alone fill the memory.
MOST_SAMPLES = 10_000

Model = Annotated[str, typer.Option(help="Name of a model, or its folder.")]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
Depth = Annotated[
    float | None,
    typer.Option(
        metavar="MM",
        min=0,
        help="How far a 2D model looks along a volume to either side of the centre, in mm.",
        show_default="15",
    ),
]
Deidentified = Annotated[
    bool,
    typer.Option("--deidentified", help="With a --format of DICOM: leave out whom it is of."),
]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]


On = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Server that runs the model (`napari-ssn serve`), as https://gpu.example.org:8797; "
        "all else happens here.",
        show_default="this computer",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="With --on: file with the server's token, for nobody else to read (mode 0600).",
        show_default=USUAL_TOKEN,
    ),
]
Certificates = Annotated[
    Path | None,
    typer.Option(help="With --on: file of the certificates of an authority of your own, in PEM."),
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="With --on: speak to a server by http, beyond this computer."),
]


#: Formats of a result, by the words for them.
FORMATS = {one.word: one for one in WRITTEN}
#: All of them, each with what it is.
FORMATS_TOLD = ", ".join(f"{one.word} ({one.title})" for one in WRITTEN)
if TYPE_CHECKING:
    # Nobody knows before which there are.
    class Format(StrEnum):
        """Any of them."""

    class OfMaps(StrEnum):
        """Those that hold a label map."""

else:
    Format = StrEnum("Format", {one: one for one in FORMATS})
    OfMaps = StrEnum("OfMaps", {one.word: one.word for one in holding("one")})
#: What goes to an archive, and names the patient.
TO_ARCHIVE = {word for word, one in FORMATS.items() if one.written.endswith(DICOM_SUFFIX)}


class Views(StrEnum):
    """What becomes of mirrored views of networks that are run here."""

    average = "average"
    each = "each"
    none = "none"


class Ensemble(NamedTuple):
    """Where the members of an ensemble are, and how they become a distribution.

    rank: columns that are kept; None for all. width_mm: of distances; None for what is usual.
    views: of networks that are run here; None for what is usual.
    """

    paths: tuple[Path, ...]
    rank: int | None = None
    width_mm: float | None = None
    views: Views | None = None


class Server(NamedTuple):
    """The server that runs a model; ``token_file`` None for the usual one."""

    address: str
    token_file: Path | None = None
    certificates: Path | None = None
    insecure: bool = False

    @classmethod
    def of(
        cls, on: str | None, token_file: Path | None, certificates: Path | None, insecure: bool
    ) -> Server | None:
        """What the options say; BadParameter where they need ``--on`` and there is none."""
        if on is not None:
            return cls(on, token_file, certificates, insecure)
        if token_file is not None or certificates is not None or insecure:
            raise typer.BadParameter("--token-file, --certificates and --insecure are for --on.")
        return None


def parse_centre(text: str | None) -> tuple[int, ...] | None:
    """Index from ``z,y,x`` (or ``y,x``); None stays None."""
    if text is None:
        return None
    try:
        centre = tuple(int(part) for part in text.split(","))
    except ValueError:
        centre = ()
    if len(centre) not in (2, 3) or min(centre) < 0:
        raise typer.BadParameter(
            f"{text!r} is no centre: give two or three whole numbers from 0, as in 12,240,198."
        )
    return centre


def parse_series(text: str | None) -> tuple[int, ...]:
    """Numbers of series from ``2`` or ``1,3``; none from None."""
    if text is None:
        return ()
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(
            f"{text!r} is no number of a series: give one from 1, or several as in 1,3."
        )
    return numbers
