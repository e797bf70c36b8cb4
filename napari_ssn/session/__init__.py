"""The application without a window: records, jobs, and the session that ties them together."""

from napari_ssn.session.cards import Card, Cards
from napari_ssn.session.curve import Curve
from napari_ssn.session.records import (
    Choice,
    Decoded,
    Exported,
    ModelEntry,
    Plane,
    Preview,
    Ranges,
    Request,
    Result,
    Settings,
    Source,
    Survey,
)
from napari_ssn.session.runner import Runner
from napari_ssn.session.session import Note, Session
from napari_ssn.session.told import Question

__all__ = [
    "Card",
    "Cards",
    "Choice",
    "Curve",
    "Decoded",
    "Exported",
    "ModelEntry",
    "Note",
    "Plane",
    "Preview",
    "Question",
    "Ranges",
    "Request",
    "Result",
    "Runner",
    "Session",
    "Settings",
    "Source",
    "Survey",
]
