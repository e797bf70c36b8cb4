"""Which images a folder, a zip or a file belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.io.dicom import alike
from napari_ssn.io.dicom.doubles import without_doubles
from napari_ssn.io.dicom.header import PARAMETRIC_MAP, Instance, damaged, instance
from napari_ssn.io.dicom.members import Member, UnreadableError
from napari_ssn.io.dicom.part import Home, Part
from napari_ssn.io.dicom.parts import parts
from napari_ssn.io.dicom.planes import Plane
from napari_ssn.io.dicom.stack import Stack
from napari_ssn.io.steps import Step, unseen

_COLOURS = "The images have colours, not grey values: they are not read."
_NOWHERE = (
    "The images do not say where in the patient each of them lies, as X-ray pictures, films, "
    "projections and screenshots do not: no volume can be made of them."
)
_SHARED_UID = (
    "Different images of the series have the same number (SOP Instance UID), so that no result "
    "could say which it was made of."
)
_RECKONED = (
    "The file says where its first slice lies and how far apart the others are, but not on which "
    "side: look whether the first slice is at the right end."
)
_NO_HU = "The images do not say how stored values become HU: they are shown as they are stored."


@dataclass(frozen=True, eq=False)
class Series:
    """Slices that are one image: a series, or one of the images that it holds.

    Attributes:
        instances: in no order; one of many frames, or one per slice.
        modality: as CT.
        homes: the slices, and the files that they are in.
        stack: their grid; None if they make none.
        problem: why they make none.
        note: what is to be doubted of it nevertheless, in sentences.
        words: what sets it apart from other images of its series.
        doubt: whether it is one by itself, a sentence of its note; empty where that is clear.
    """

    instances: tuple[Instance, ...]
    modality: str
    homes: tuple[Home, ...]
    stack: Stack | None
    problem: GeometryError | ImageError | None
    note: str | None = None
    words: str = ""
    doubt: str = ""

    @property
    def planes(self) -> list[Plane]:
        """All slices, in the order of the homes."""
        return [plane for _, plane in self.homes]


@dataclass(frozen=True, eq=False)
class Study:
    """What a folder, a zip or the neighbours of a file hold.

    Attributes:
        series: images, by the numbers of their series.
        overlays: DICOM segmentations, parametric maps and structure sets.
        missing: what there is instead of images; empty where there are some.
    """

    series: list[Series]
    overlays: list[Member]
    missing: str = ""


def find_study(files: Sequence[Member], like: Instance | None = None, step: Step = unseen) -> Study:
    """Images, and what says something of them, among files.

    A file that is damaged keeps no other series than its own from being read.

    Args:
        files: that may be DICOM or not.
        like: the only images wanted are those that this instance is in.
        step: is told of files that were looked at.

    Raises:
        ImageError: a file is damaged, and there is no image; or one cannot be read at all.
    """
    found, notes, error = _looked_at(files, step)
    images = [one for one in found if one.is_image]
    overlays = [one.member for one in found if one.is_overlay and like is None]
    if not images or (like is not None and not like.is_image):
        if not images and error is not None:
            raise error
        return Study([], overlays, _no_images(found if like is None else [like]))
    groups: dict[tuple[str, str], list[Instance]] = {}
    for one in images:
        # An instance of many frames is an image by itself.
        many = one.uid if len(one.planes) > 1 else ""
        groups.setdefault((one.series, many), []).append(one)
    if like is not None:
        return Study(_those_of(like, list(groups.values()), notes), [])
    made = _numbered([one for group in groups.values() for one in _series(group, notes)])
    # Pictures that lie nowhere, as of a dose report, and files of which next to nothing can be
    # read are beside the point where there are images.
    placed = [one for one in made if one.planes]
    if placed:
        told = _left_out([one for one in made if not one.planes])
        made = [replace(one, note=_joined([one.note, *told])) for one in placed]
    return Study(sorted(made, key=_rank), overlays)


def _looked_at(
    files: Sequence[Member], step: Step
) -> tuple[list[Instance], list[str], ImageError | None]:
    """Headers of files, what is said of those that have none, and an error of a damaged one."""
    found, strangers, lost, first = list[Instance](), 0, 0, None
    for k, member in enumerate(files):
        step(k, len(files))
        try:
            one = instance(member)
        except ImageError as error:
            first = first or error
            one = damaged(member, error)
            lost += one is None
            if one is None and isinstance(error, UnreadableError):
                raise
        else:
            strangers += one is None and member.named
        if one is not None:
            found.append(one)
    notes = []
    if strangers:
        # Slices may be among them.
        files_, are, were = _verbs(strangers)
        notes.append(
            f"{strangers} {files_} named as DICOM {are} none and {were} left out: look whether the "
            "image ends too early."
        )
    if lost:
        files_, are, were = _verbs(lost)
        notes.append(
            f"{lost} DICOM {files_} {are} damaged and {were} left out, and of which series is not "
            "known: look whether the image ends too early."
        )
    return found, notes, first


def _verbs(count: int) -> tuple[str, str, str]:
    return ("file", "is", "was") if count == 1 else ("files", "are", "were")


def _those_of(
    like: Instance, groups: Sequence[list[Instance]], notes: Sequence[str]
) -> list[Series]:
    """Images that an instance is in."""

    def is_like(one: Instance) -> bool:
        return (one.series, one.uid, one.planes) == (like.series, like.uid, like.planes)

    mine = [group for group in groups if any(map(is_like, group))]
    made = [one for group in mine for one in _series(group, notes)]
    found = [one for one in made if any(map(is_like, one.instances))]
    if len(found) != 1 or len(made) == 1:
        return found or made
    count = f"The series holds {len(made)} images, of which this is the one of the file chosen"
    told = f"{count} ({found[0].words})." if found[0].words else f"{count}."
    return [replace(found[0], note=_joined([told, found[0].note]))]


def _rank(series: Series) -> tuple[int, str, int, str]:
    first = series.instances[0]
    # Images of one series stay in the order in which they were told apart.
    if len(first.planes) < 2:
        return first.number, first.series, 0, ""
    return first.number, first.series, first.instance_number or 0, first.uid


def _numbered(made: Sequence[Series]) -> list[Series]:
    """With their numbers where several files of a series are an image each, as time points are."""
    order: dict[str, list[str]] = {}
    for one in sorted(made, key=_rank):
        first = one.instances[0]
        files = order.setdefault(first.series, [])
        if len(first.planes) > 1 and first.uid not in files:
            files.append(first.uid)

    def numbered(one: Series) -> Series:
        files, uid = order[one.instances[0].series], one.instances[0].uid
        if len(files) < 2 or uid not in files:
            return one
        nth = f"file {files.index(uid) + 1} of {len(files)}"
        return replace(one, words=" · ".join(words for words in (nth, one.words) if words))

    return [numbered(one) for one in made]


def _left_out(series: Sequence[Series]) -> Iterator[str]:
    """What is said of series without a place."""
    files = [one for each in series for one in each.instances]
    broken = sum(one.problem is not None for one in files)
    if len(files) > broken:
        yield _beside(len(files) - broken)
    if broken:
        what, _, were = _verbs(broken)
        yield f"{broken} {what} of another series cannot be read and {were} left out."


def _beside(count: int) -> str:
    if count == 1:
        return "1 picture that does not say where in the patient it lies was left out."
    return f"{count} pictures that do not say where in the patient they lie were left out."


def _joined(notes: Sequence[str | None]) -> str | None:
    return " ".join(one for one in notes if one) or None


def _series(instances: Sequence[Instance], notes: Sequence[str]) -> Iterator[Series]:
    """The images of a series; one that cannot be read if there is none."""
    try:
        placed, pictures = _placed(instances)
        kept, doubles = without_doubles(placed)
        alike.check([one.shared for one in kept])
    except (GeometryError, ImageError) as error:
        homes = tuple((one, plane) for one in instances for plane in one.planes)
        yield Series(tuple(instances), _modality(instances), homes, None, error)
        return
    found = parts([(one, plane) for one in kept for plane in one.planes])
    for part in found:
        mine = tuple(one for one in kept if any(one is home for home, _ in part.homes))
        problem = _problem(part, mine)
        note = [*notes, _beside(pictures) if pictures else None, _twice(doubles), *_notes(part)]
        made = part.stack if problem is None else None
        told = (_joined(note), part.words, part.doubt)
        yield Series(mine, _modality(mine), part.homes, made, problem, *told)


def _placed(instances: Sequence[Instance]) -> tuple[list[Instance], int]:
    """Images that say where they lie, and the number of pictures among them that are left out.

    ImageError, GeometryError if one of them cannot be read, or a slice has lost its place.
    """
    problem = next((one.problem for one in instances if one.problem is not None), None)
    if problem is not None:
        raise ImageError(problem)
    placed = [one for one in instances if one.planes]
    if any(one.colour for one in placed) or all(one.colour for one in instances):
        raise ImageError(_COLOURS)
    if not placed:
        raise GeometryError(_NOWHERE)
    kinds, sizes = {one.kind for one in placed}, {one.size for one in placed}
    lost = [one for one in instances if not one.planes]
    # What is of another class, in colours or of another size is no slice without its place.
    slices = [one for one in lost if one.kind in kinds and one.size in sizes and not one.colour]
    if slices:
        raise GeometryError(
            f"{len(slices)} of {len(instances)} images of the series do not say where in the "
            "patient they lie."
        )
    return placed, len(lost)


def _problem(part: Part, instances: Sequence[Instance]) -> GeometryError | ImageError | None:
    if part.problem is not None:
        return part.problem
    try:
        alike.check_rescale([plane for _, plane in part.homes], part.homes[0][0].modality)
    except ImageError as error:
        return error
    uids = [one.uid for one in instances if one.uid]
    return ImageError(_SHARED_UID) if len(set(uids)) < len(uids) else None


def _notes(part: Part) -> Iterator[str | None]:
    """What is to be doubted of slices that make a grid."""
    planes = [plane for _, plane in part.homes]
    yield part.doubt
    if part.stack is not None:
        yield part.stack.note
    files = {id(one): one.shared for one, _ in part.homes}
    differ = [*part.differ, *alike.differing(list(files.values()))]
    if part.stack is not None and differ:
        yield (
            f"The slices differ in what one image has in common ({', '.join(differ)}): look "
            "whether they belong together."
        )
    if any(plane.reckoned for plane in planes):
        yield _RECKONED
    if part.homes[0][0].modality == "CT" and not any(plane.rescaled for plane in planes):
        yield _NO_HU


def _twice(count: int) -> str | None:
    if count == 0:
        return None
    files, are, were = _verbs(count)
    return f"{count} {files} that {are} there twice with the same pixels {were} left out."


def _modality(instances: Sequence[Instance]) -> str:
    """Of most of them; damaged ones say none."""
    return Counter(one.modality for one in instances).most_common(1)[0][0]


def _no_images(found: Sequence[Instance]) -> str:
    """Why there is nothing to open: ``… there are only 2 SR and 1 SEG.``."""
    others = Counter(
        "parametric map" if one.kind == PARAMETRIC_MAP else one.modality
        for one in found
        if not one.is_index
    )
    if not found:
        return "No DICOM file is in it: choose the folder, the zip or a file of a series."
    if not others:
        return "There is an index of DICOM files (DICOMDIR) only: the images are missing."
    words = ", ".join(
        f"{count} {'file without images' if what == 'DICOM' else what}"
        for what, count in others.most_common()
    )
    return f"No images are in it: of DICOM there is only {words}."
