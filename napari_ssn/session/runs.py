"""From what is chosen to a run of it, by a model or by the members of an ensemble."""

from __future__ import annotations

from collections.abc import Callable

from napari_ssn.session import jobs
from napari_ssn.session.catalogue import Catalogue
from napari_ssn.session.members import MemberList
from napari_ssn.session.records import Chosen, Plane, Request, Settings
from napari_ssn.session.running import Job, Running
from napari_ssn.session.setup import Setup
from napari_ssn.session.telling import Note, Teller
from napari_ssn.session.walk import Walk


class Runs:
    """Begins runs of the image that is open, and stops them.

    Args:
        running: does them, one at a time.
        catalogue: of the models, which keeps them loaded.
        walk: whose basis the first labels are shown in.
        members: of an ensemble that was read.
        setup: what is chosen, asked whenever a run begins.
        settings: asked whenever a run begins.
        looking: is asked which plane of the source's grid is being looked at.
        teller: is told why nothing ran.
        changed: is called when a run has begun or was stopped.
    """

    def __init__(
        self,
        running: Running,
        catalogue: Catalogue,
        walk: Walk,
        members: MemberList,
        setup: Callable[[], Setup],
        settings: Callable[[], Settings],
        looking: Callable[[], Plane | None],
        teller: Teller,
        changed: Callable[[], None],
    ) -> None:
        self._running, self._catalogue, self._walk = running, catalogue, walk
        self._members, self._setup, self._settings = members, setup, settings
        self._looking, self._teller, self._changed = looking, teller, changed

    def begin(self) -> None:
        """Segment the image as is chosen; a run under way is dropped."""
        setup, settings = self._setup(), self._settings()
        if setup.obstacle is not None:
            self._teller.failed(setup.obstacle)
            return
        if setup.ensemble is not None:
            self.begin_members(setup.ensemble)
            return
        assert setup.source is not None and setup.model is not None
        request = Request(
            setup.source,
            setup.model.folder,
            settings.device,
            setup.middle,
            setup.depth_mm,
            self._looking(),
            self._walk.choice.basis,
            setup.insist,
            settings.server,
        )
        self._members.run(None)
        self._begin(
            lambda number, progress, cancel: jobs.run_job(
                self._catalogue.store, request, number, progress, cancel
            )
        )

    def begin_members(self, chosen: Chosen, left_out: frozenset[int] = frozenset()) -> None:
        """Read the members of an ensemble, but for those of some numbers."""
        setup, device = self._setup(), self._settings().device
        source, basis = setup.source, self._walk.choice.basis
        assert source is not None
        # Of the whole image, whatever place a result that was looked at since is of.
        setup.around_point = False
        self._members.run(chosen, left_out)
        self._begin(
            lambda number, progress, cancel: jobs.ensemble_job(
                source, chosen, left_out, basis, device, number, progress, cancel
            )
        )

    def stop(self, why: str) -> None:
        """Stop the run under way, if any, and say why, in one sentence; nobody is called."""
        if self._running.stage is not None:
            self._running.stop()
            self._teller.note = Note(why)

    def _begin(self, job: Job) -> None:
        self._teller.note = None
        self._running.begin(job)
        self._changed()
