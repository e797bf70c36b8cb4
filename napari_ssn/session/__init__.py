"""What a person has open and has chosen: state and commands, without a window."""

from napari_ssn.io.asking import Several
from napari_ssn.session.members import Row
from napari_ssn.session.records import (
    Chosen,
    Decoded,
    ModelEntry,
    Plane,
    Preview,
    Request,
    Settings,
    Survey,
)
from napari_ssn.session.runner import Runner
from napari_ssn.session.session import Session
from napari_ssn.session.telling import Note

__all__ = [
    "Chosen",
    "Decoded",
    "ModelEntry",
    "Note",
    "Plane",
    "Preview",
    "Request",
    "Row",
    "Runner",
    "Session",
    "Settings",
    "Several",
    "Survey",
]
