"""What is found of a sidecar that is verified: the verdict, and what is wrong, in parts of it."""

from __future__ import annotations

from collections.abc import Sequence

from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.ran import ModelIdentity

# Of the file beside it.
UNREADABLE = "the file beside the sidecar cannot be read as its label map"
OFF_ITS_IMAGE = "the file beside the sidecar does not lie on its image as it should"
OTHER_NUMBERS = "the file beside the sidecar holds other numbers than labels"
OTHER_MAP = "the file beside the sidecar holds another label map than it was written with"
OTHER_FILE = "the file beside the sidecar is another than it was written with"
OTHER_NAMES = "the file beside the sidecar gives its labels other names"
OTHER_PATIENT = "the file beside the sidecar names another patient or study than the image"
REFERS_ELSEWHERE = "the file beside the sidecar refers to other slices than the image's"
NO_FILE = "no label map lies beside the sidecar; the model makes what its hash is of"
CONTOURS = "the inner, median and outer contours of the file"
# Of the image and the run.
SERIES = "the sidecar names other DICOM slices than the image's"
ACQUIRED = "the sidecar states another slice thickness or kernel than the image's"
GRID = "the sidecar states another grid than the image's"
LABELS = "the sidecar names other labels than the model"
COUNTS = "the sidecar states other sizes than its label map has"
UNLIKE = "the sidecar states otherwise whether the image is unlike those of the training"
DEPTH = "the sidecar states a depth that the model does not look"
INSISTED_UNSAID = "the sidecar does not say that values were taken for Hounsfield units"
NOT_INSISTED = "the sidecar says of Hounsfield units that other values were taken for some"
PADDING = "the sidecar says of padding below air what is none"
MOVED = "the sidecar states otherwise where the region moved to"
LOOKS = "the sidecar states otherwise how often the model looked"
FRAME = "the sidecar states a frame of an image that has no time"
ENSEMBLE = "the sidecar says otherwise than it is whether it is of an ensemble"
CHECKSUM = "the sidecar states another checksum of its members together than they have"
PIECES = "the sidecar states other pieces than the model looks at"
# Of all hypotheses.
SHARES = "the sidecar states other shares than its cards stand for"
SIZES = "the sidecar states another range of sizes than the model gives"
DIAMETERS = "the sidecar states another range of diameters than the model gives"
PRESENCE = "the sidecar states another chance that there is anything than the model"
# Of the one that was chosen.
WHICH_MEMBER = "the sidecar does not say which member it is of"
SAMPLE_AND_MEMBER = "the sidecar states both a sample and a member"
NO_WALK = "the sidecar states neither direction nor sigma of what it calls a walk"
SEED_OF_NONE = "the sidecar states the seed of a sample that its walk does not start from"
DRAWING_UNSAID = "the sidecar states no drawing of what it calls nearest to one"
MEAN_GIVEN = "the sidecar calls a mean what was given points or conditions"
NOT_GIVEN = "the sidecar states neither points nor conditions of what it calls conditioned"
NO_SUCH = "the sidecar states conditions that none of the model's hypotheses meets"
NO_ANCHOR = "the sidecar states no anchor of a walk from what is nearest to a drawing"
NO_MEMBER = "the sidecar names a member that the ensemble has not"
MEMBER_EMPTY = "the sidecar states otherwise than its member whether anything is outlined"
WALK_FROM_EMPTY = "the sidecar states a walk from a member that outlines nothing"
SAMPLE_EMPTY = "the sidecar states otherwise than its sample whether anything is outlined"
NOT_EMPTY = "the sidecar calls empty what the model outlines"
CORRECTION = "the sidecar states another correction than its points give"
ANCHOR = "the sidecar states another anchor than that of its walk"
NO_MEAN = "the sidecar calls a mean what is none"
SEED = "the sidecar states another seed or number than its sample was drawn with"
Z_OF_MEMBER = "the sidecar states another z than its member's"
Z_OF_GIVEN = "the sidecar states another z than its points or seed give"
Z_OF_DRAWING = "the sidecar states another z than that nearest to the drawing"
SIGMA = "the sidecar states another sigma than that of its walk"
NO_DIRECTION = "the sidecar states a direction that the model has not"
DIRECTION = "the sidecar states another direction than that of its walk"
NO_DRAWING = "the sidecar states no drawing"
DRAWING = "the sidecar states another drawing"
# Of people.
SHARES_OF_PEOPLE = "the sidecar states shares of people that are not those of one outline"
PEOPLE = "the sidecar names people behind an outline that its hypothesis is not nearest to"


def not_of_kind(name: str, kind: str) -> str:
    """That a choice has a field which its kind has not."""
    return f"the sidecar states {name} of what it calls {kind}, which has none"


def shares_of(how: str) -> str:
    """That people's shares are not those of a way to make one outline of theirs."""
    return f"the sidecar states other shares of people than those of {how}"


def off_line(off_mm: float) -> str:
    """``the file beside the sidecar lies up to 2 mm off its image``."""
    return f"the file beside the sidecar lies up to {off_mm:.3g} mm off its image"


def other_map(number: int, count: int, differing: int | None, voxels: int) -> str:
    """That a label map is another; ``number`` from 1 among some, None voxels where unknown."""
    which = f", for hypothesis {number} of {count}" if count > 1 else ""
    differ = "" if differing is None else f"; {differing:,} of {voxels:,} voxels differ"
    return f"the model makes another label map than the sidecar's{which}{differ}"


def not_identical(problem: str) -> str:
    """The verdict where something is wrong."""
    return f"Not identical: {problem}."


def identical(count: int) -> str:
    """The verdict of so many label maps where nothing is wrong."""
    what = "the label map was" if count == 1 else f"all {count} label maps were"
    where = "the file beside the sidecar is the same too"
    return f"Identical: {what} made again bit for bit, and {where}."


def renamed(stated: ModelIdentity, card: ModelCard) -> str:
    """That a model's weights go by another name here."""
    return (
        f"The sidecar calls the model {stated.name} {stated.version}; its weights are those of "
        f"{card.name} {card.version}."
    )


def remarks(unchecked: Sequence[str], used: Sequence[str]) -> list[str]:
    """Fields that nothing here can tell about, and those that the label map was made with."""
    out = [f"Stated, not checked: {', '.join(unchecked)}."]
    if used:
        out += [f"Used as stated, though others might give the same label map: {', '.join(used)}."]
    return out
