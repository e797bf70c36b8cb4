"""What a person has open and has chosen: state and commands, without a window."""

from napari_ssn.session.records import (
    Decoded,
    ModelEntry,
    Plane,
    Preview,
    Request,
    Settings,
    Survey,
)
from napari_ssn.session.runner import Runner
from napari_ssn.session.session import Note, Session

__all__ = [
    "Decoded",
    "ModelEntry",
    "Note",
    "Plane",
    "Preview",
    "Request",
    "Runner",
    "Session",
    "Settings",
    "Survey",
]
