"""What a user can cause, as opposed to what a programmer can get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class SSNError(Exception):
    """A problem a user can understand and act on; its text is one sentence.

    Examples:
        >>> import napari_ssn as ssn
        >>> try:
        ...     ssn.read("nowhere")
        ... except ssn.SSNError as error:
        ...     print(error)
        There is no file or folder of that name.
    """


class ImageError(SSNError):
    """The image cannot be used: empty, constant, not finite, or of the wrong kind."""


class GeometryError(SSNError):
    """Grids, regions or affine matrices do not fit together."""


class ModelError(SSNError):
    """A model folder is unknown, damaged, or does not fit the image."""


class DataError(SSNError):
    """Training or evaluation data is missing, damaged or contradictory."""


class ExportError(SSNError):
    """A result could not be written."""


class ArchiveError(SSNError):
    """An archive (PACS) cannot be reached, refuses, or answers with what is no DICOM."""


class LineError(ArchiveError):
    """An archive cannot be asked for anything now, whatever it is.

    Attributes:
        passing: whether it may be another time, without anybody doing something.
    """

    passing: bool = True


class ServerError(SSNError):
    """A computer that computes for this one cannot be reached, refuses, or answers nonsense."""


class DeviceError(SSNError):
    """The chosen device is missing or has run out of memory."""


class Cancelled(SSNError):
    """The user stopped the run."""


class Cancel:
    """Whether a person has stopped a job, for all who work on it to look at now and then.

    Args:
        asked: whether it is to stop; safe to be called in any thread.
        words: for the person, one sentence.
    """

    def __init__(self, asked: Callable[[], bool], words: str = "The run was cancelled.") -> None:
        self.asked = asked
        self._words = words

    def check(self) -> None:
        """Raise `Cancelled` if the job is to stop."""
        if self.asked():
            raise Cancelled(self._words)

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Meanwhile all that waits in this thread stops for it, also what was not handed it."""
        before = _HEEDED.set(self)
        try:
            yield
        finally:
            _HEEDED.reset(before)

    @staticmethod
    def here() -> Cancel:
        """The one that is heeded in this thread; `NEVER` where none is."""
        return _HEEDED.get()


#: Of a job that nobody can stop.
NEVER = Cancel(lambda: False)
_HEEDED: ContextVar[Cancel] = ContextVar("heeded", default=NEVER)
