"""Headers that say all that DICOM has words for: what is made of them must say next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

# Groups of what is said of patient, study, series, equipment, acquisition, procedure.
_GROUPS = {0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0022, 0x0032, 0x0038, 0x0040, 0x0042, 0x0054}
# Text of any kind, and how much of it there is room for.
_ROOM = {"LO": 64, "PN": 64, "LT": 64, "ST": 64, "UT": 64, "UC": 64, "SH": 16, "CS": 16, "AE": 16}
# What says what the pixels are and where they lie, and how the file is to be read.
_NEEDED = {
    "DetectorInformationSequence",
    "ImageType",
    "LossyImageCompression",
    "LossyImageCompressionMethod",
    "Modality",
    "PatientSex",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "SharedFunctionalGroupsSequence",
    "SpecificCharacterSet",
}
#: What a segmentation has to repeat of it; dates, sex and UIDs are not among these texts.
REPEATED = {"PatientName", "PatientID", "AccessionNumber", "StudyID", "ReferringPhysicianName"}


class Stuffed:
    """Elements of text, alone and in sequences, each with a text of its own.

    Attributes:
        said: the texts, by the keywords of their elements.
    """

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self._all = Dataset()
        for tag, (kinds, _, _, retired, keyword) in sorted(DicomDictionary.items()):
            kind = kinds.split(" or ")[0]
            if tag >> 16 not in _GROUPS or retired or not keyword or keyword in _NEEDED:
                continue
            if kind in _ROOM:
                setattr(self._all, keyword, self._text(keyword, _ROOM[kind]))
            elif kind == "SQ":
                setattr(self._all, keyword, Sequence([self._item(keyword)]))

    def put(self, dataset: Dataset, but: Callable[[str], bool] = lambda keyword: False) -> None:
        """All of it into a header or an item, but what it must not say."""
        for element in self._all:
            if not but(element.keyword):
                dataset.add(element)

    def frames(self, dataset: Dataset) -> None:
        """All of it into a header of many frames, and into the functional groups of each."""
        # Groups that say where frames lie, and in which image they are, stay as they are.
        places = ("PlanePosition", "PlaneOrientation", "PixelMeasures", "PixelValue", "StackID")
        self.put(dataset)
        shared = dataset.SharedFunctionalGroupsSequence[0]
        for group in (shared, *dataset.PerFrameFunctionalGroupsSequence):
            self.put(group, lambda keyword: keyword.startswith(places))
            for element in list(group):
                if element.keyword.startswith(places[:4]):
                    self.put(element.value[0], lambda keyword: keyword.startswith("Rescale"))

    def found_in(self, whole: bytes) -> Iterator[str]:
        """Keywords of those texts that are in a file."""
        for keyword, text in self.said.items():
            if text.split()[0].encode() in whole:
                yield keyword

    def _text(self, keyword: str, room: int) -> str:
        self.said[keyword] = f"T{len(self.said):05d}X {keyword}".upper()[:room].rstrip()
        return self.said[keyword]

    def _item(self, keyword: str) -> Dataset:
        item = Dataset()
        text = self._text(f"{keyword} item", 16)
        item.CodeMeaning = item.TextValue = item.InstitutionName = item.PersonName = text
        return item
