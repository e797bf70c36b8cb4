"""Which models there are, and the one that is made ready."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari_ssn.session import jobs
from napari_ssn.session.records import Settings, Survey
from napari_ssn.session.runner import Runner
from napari_ssn.session.setup import Setup


class Catalogue:
    """Looks for models in the worker, and loads the chosen one before it is needed.

    Attributes:
        folders: looked at besides the models that are installed.
        store: holds the model that was loaded last.

    Args:
        runner: looks and loads.
        setup: knows the models that were found and the chosen one.
        settings: say what to compute on.
        tell: is told that something changed: what went wrong, in one sentence, or nothing.
    """

    def __init__(
        self,
        runner: Runner,
        setup: Setup,
        settings: Callable[[], Settings],
        tell: Callable[[str, bool], None],
        folders: tuple[Path, ...] = (),
    ) -> None:
        self.folders = folders
        self.store = jobs.ModelStore()
        self._runner, self._setup = runner, setup
        self._settings, self._tell = settings, tell

    def look(self, wanted: Path | None = None, folders: tuple[Path, ...] = ()) -> None:
        """Look for models and prepare one.

        Args:
            wanted: folder of the one to prepare; else the first that suits the image.
            folders: to look at besides those that are installed.
        """
        self.folders += tuple(folder for folder in folders if folder not in self.folders)
        extra, settings = self.folders, self._settings()
        self._runner.submit(
            "survey",
            lambda progress, cancel: jobs.survey(extra, settings.device, settings.server, cancel),
            partial(self._surveyed, wanted),
            self._failed,
        )

    def add_folder(self, folder: Path) -> None:
        """Offer a model folder from anywhere, and choose it."""
        self.folders = (folder, *(f for f in self.folders if f != folder))
        self.look(folder)

    def choose(self, folder: Path) -> None:
        """Take one of the models that were found."""
        models = self._setup.survey.models if self._setup.survey else ()
        if self._setup.pick_model(next(m for m in models if m.folder == folder)):
            self.warm_up()
        self._tell("", False)

    def warm_up(self) -> None:
        """Load the chosen model, so that a run need not wait for it; a server has its own."""
        model, device = self._setup.model, self._settings().device
        assert model is not None
        if self._settings().server is not None:
            return
        self._runner.submit(
            "warm up",
            lambda progress, cancel: self.store.get(model.folder, device),
            lambda loaded: None,
            self._failed,
        )

    def _surveyed(self, wanted: Path | None, survey: Survey) -> None:
        if wanted is not None and wanted not in [m.folder for m in survey.models]:
            # What cannot be read is not asked for again.
            self.folders = tuple(f for f in self.folders if f != wanted)
        if self._setup.set_survey(survey, wanted):
            self.warm_up()
        self._tell(survey.problems[0] if survey.problems else "", bool(survey.problems))

    def _failed(self, text: str) -> None:
        self._tell(text, True)
