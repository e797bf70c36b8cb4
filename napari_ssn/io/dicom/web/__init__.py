"""DICOMweb: find and fetch series in an archive, and send results there.

`servers` is the list that a person keeps, `connection` one of them while it is asked, `find`
QIDO, `fetch` WADO, `send` STOW. Needs the extra ``dicom``, but for the list.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from napari_ssn.errors import ArchiveError
from napari_ssn.later import door

if TYPE_CHECKING:
    from napari_ssn.io.dicom.web import connection as connection
    from napari_ssn.io.dicom.web import fetch as fetch
    from napari_ssn.io.dicom.web import find as find
    from napari_ssn.io.dicom.web import send as send
    from napari_ssn.io.dicom.web import servers as servers
    from napari_ssn.io.dicom.web import wanted as wanted

_module = door(__name__)


def __getattr__(name: str) -> ModuleType:
    try:
        return _module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("dicomweb_client", "pydicom", "requests"):
            raise
        raise ArchiveError(
            "An archive is asked with libraries that are not installed: pip install "
            '"napari-ssn[dicom]".'
        ) from None
