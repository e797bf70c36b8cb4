"""Writes what the session has found, and knows what it wrote last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.io.dicom.series import told_of
from napari_ssn.prediction.shown import Exported, Part, Shown, series_of
from napari_ssn.session.part import SessionPart
from napari_ssn.session.runner import Runner, own
from napari_ssn.session.summary import Summary
from napari_ssn.session.walk import Walk
from napari_ssn.text.results import wrote_line

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


class Files(SessionPart):
    """Exports hypotheses and probabilities, the table of volumes and the report.

    Attributes:
        exported: what the last export of this result wrote; None before the first.

    Args:
        runner: writes.
        walk: the hypothesis on show.
        summary: cards and ranges.
        hindered: says why nothing can be written, in one sentence; None if it can.
        began: is called when writing begins.
        ended: is told, in one sentence, what was written, or what went wrong and that it did.
    """

    def __init__(
        self,
        runner: Runner,
        walk: Walk,
        summary: Summary,
        hindered: Callable[[], str | None],
        began: Callable[[], None],
        ended: Callable[[str, bool], None],
    ) -> None:
        self.exported: Exported | None = None
        self._runner = runner
        self._walk, self._summary = walk, summary
        self._hindered = hindered
        self._began, self._ended = began, ended

    def begin(self, result: Prediction) -> None:
        """A new result, of which nothing was written."""
        super().begin(result)
        self.exported = None

    def leave(self) -> Any:
        """See `SessionPart`."""
        return self.exported

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        self.exported = left

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be written, one sentence; None if there is a result that can."""
        return self._hindered()

    @property
    def from_dicom(self) -> bool:
        """Whether the result's image came from DICOM, so that a result can go back there."""
        return self._result is not None and series_of(self._result) is not None

    def told(self, deidentified: bool) -> str:
        """What a DICOM segmentation of the result says of the patient; empty where there is none.

        Args:
            deidentified: as `export` is asked for.
        """
        series = None if self._result is None else series_of(self._result)
        if series is None:
            return ""
        return told_of(series.unnamed() if deidentified else series)

    def export(
        self,
        path: Path,
        overwrite: bool = False,
        part: Part = "shown",
        deidentified: bool = False,
    ) -> None:
        """Write hypotheses or probabilities with a sidecar; existing ones only if told to.

        Args:
            path: of the file.
            overwrite: whether it may be replaced.
            part: what goes into it.
            deidentified: whether a DICOM segmentation leaves out whom it is of.
        """
        self._write(
            lambda shown, cancel: prediction.export.export_part(
                shown, part, path, overwrite, deidentified, cancel
            )
        )

    def export_volumes(self, path: Path, overwrite: bool = False) -> None:
        """Write the table of volumes; an existing one only if told to."""
        self._write(lambda shown, cancel: prediction.export.export_volumes(shown, path, overwrite))

    def export_report(
        self, path: Path, overwrite: bool = False, deidentified: bool = False
    ) -> None:
        """Write the report; an existing one only if told to.

        Args:
            path: of the file.
            overwrite: whether it may be replaced.
            deidentified: whether a picture in DICOM leaves out whom it is of.
        """
        self._write(
            lambda shown, cancel: prediction.export.export_report(
                shown, path, overwrite, deidentified
            )
        )

    def _write(self, job: Callable[[Shown, Cancel], Exported]) -> None:
        if self._result is None:
            return
        obstacle = self.obstacle
        if obstacle is not None:
            # Nobody could see any more what it is the outline of.
            self._ended(obstacle, True)
            return
        summary = self._summary
        shown = Shown(
            self._result,
            self._walk.choice,
            self._walk.lesions,
            summary.cards if summary.dealt else None,
            summary.ranges,
            summary.lengths,
        )
        self.exported = None
        self._began()
        self._runner.submit(
            own("export"),
            lambda progress, cancel: job(shown, cancel),
            self._wrote,
            lambda text: self._ended(text, True),
        )

    def _wrote(self, exported: Exported) -> None:
        self.exported = exported
        self._ended(wrote_line(exported.files, exported.caution or ""), False)
