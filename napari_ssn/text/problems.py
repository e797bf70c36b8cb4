"""The notice, times and problems."""

from __future__ import annotations

from napari_ssn.errors import Cancelled, DeviceError, ServerError, SSNError

#: Stands in a header; nothing this program shows may be read without it.
RESEARCH_ONLY = "Research use only – not a medical device"

#: Of files that nothing installed reads, and of those that several plugins read.
UNREADABLE = (
    "Nothing here reads that: choose a NIfTI, NRRD, MetaImage or DICOM file, or the folder of a "
    "DICOM series."
)
SEVERAL_READERS = "Several plugins read that: drop it on the picture, where you choose one of them."


def seconds(elapsed: float) -> str:
    """``0.8 s``, ``24 s`` or ``3 min 05 s``."""
    if elapsed < 9.95:
        return f"{elapsed:.1f} s"
    if elapsed < 59.5:
        return f"{elapsed:.0f} s"
    minutes, rest = divmod(round(elapsed), 60)
    return f"{minutes} min {rest:02d} s"


def problem(error: BaseException) -> str:
    """One sentence for a person: the cause and what to do. Never a path or a name of a file."""
    if isinstance(error, Cancelled):
        return "Cancelled."
    if isinstance(error, DeviceError):
        text = str(error)
        return text if "CPU" in text.upper() else f"{text} Choose the CPU under Settings."
    if isinstance(error, ServerError):
        return f"{error} Or choose “This computer” under Settings."
    if isinstance(error, SSNError):
        return str(error)
    if isinstance(error, MemoryError):
        return "This computer's memory is full: close other images or use a smaller region."
    if isinstance(error, ImportError) or getattr(error, "winerror", None) in (126, 127, 1114):
        return (
            "PyTorch or MONAI could not be started: restart napari, and if that does not help, "
            "reinstall them (on Windows with the Visual C++ runtime)."
        )
    if isinstance(error, OSError):
        return "A file could not be read or written: check the folder and its free space."
    return "Something unexpected went wrong; nothing you had is lost: try once more."
