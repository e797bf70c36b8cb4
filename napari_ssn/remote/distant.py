"""A model that another computer runs: asked as one here is, see `inference.Asked`.

Only the region that the network looks at goes there; what comes back is the distribution, so that
everything that follows from it happens here.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from functools import partial

import torch

from napari_ssn._version import __version__
from napari_ssn.core.begun.awaiting import Awaiting
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.remote import PROTOCOL, Greeting, Hello, State
from napari_ssn.errors import NEVER, Cancel, DataError, ServerError, SSNError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Asked, Inference, Watch
from napari_ssn.network.plan import DEPTH_MM, needed_bytes, plan_for
from napari_ssn.network.question import Question
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.line import Talk
from napari_ssn.remote.messages import answer_of, asked, key_of
from napari_ssn.remote.rest import Rest
from napari_ssn.remote.trying import PATIENCE, tried
from napari_ssn.text.server import at_another_run, no_such_model, other_model, other_version

# Seconds for a line, and for what a server can say at once: one that is mute is soon given up.
_SOON = (4.0, 8.0)
# Between two looks at a run, and at whether somebody has stopped.
_LOOK = 0.1
# Bytes of a message beside its packed arrays, and what packing may add.
_BESIDE = 1 << 20


class Distant(Asked):
    """A model on a server.

    Attributes:
        card: of the model; the server has the very same.
        device: where whatever is done here is done.
        greeting: what the server says of itself.
        ahead: whether what a result needs for more than its label maps follows by itself, as in a
            window, which must not wait for it; otherwise it comes when it is asked for.
    """

    # What comes over the line is taken into memory.
    aside = False

    def __init__(
        self,
        card: ModelCard,
        server: Elsewhere,
        greeting: Greeting,
        patience: float = PATIENCE,
        ahead: bool = False,
    ) -> None:
        self.card, self.greeting, self.device = card, greeting, torch.device("cpu")
        self._server, self._patience, self.ahead = server, patience, ahead
        self._warned = False

    @classmethod
    def of(
        cls,
        card: ModelCard,
        server: Elsewhere,
        cancel: Cancel = NEVER,
        patience: float = PATIENCE,
        ahead: bool = False,
    ) -> Distant:
        """The model of a card on a server.

        Raises:
            ServerError: it cannot be asked, does not speak as this one does, or does not have it.
            Cancelled: somebody stopped.
        """
        greeting = greeted(server, cancel)
        if key_of(card) not in {one.key for one in greeting.models}:
            raise ServerError(_lacking(card, greeting))
        return cls(card, server, greeting, patience, ahead)

    def segment(
        self,
        volume: Volume,
        centre: tuple[int, ...] | None = None,
        *,
        depth_mm: float = DEPTH_MM,
        watch: Watch | None = None,
        insist: bool = False,
    ) -> Decodable:
        """Predict the distribution over label maps of an image or a region of it.

        Args:
            volume: the image.
            centre, depth_mm, insist: as for `Model.segment`.
            watch: who is told while it lasts, and may stop it.

        Returns:
            that of `Model.segment`; packed at half precision if it is large.

        Raises:
            ServerError: the server cannot be asked, refuses, or has failed.
            SSNError: as `Model.segment`.
        """
        return self.infer(volume, centre, depth_mm=depth_mm, watch=watch, insist=insist).dist

    def room(self) -> int:
        """See `Asked.room`: the server looks at its own."""
        return sys.maxsize

    def answer(self, question: Question, watch: Watch) -> Inference:
        """See `Asked.answer`.

        Raises:
            ServerError: the server cannot be asked, refuses, or has failed.
            SSNError: of what kind the server's own is.
            Cancelled: somebody stopped; the server knows it too.
        """
        message = asked(question, key_of(self.card), self.card.half_intensities)
        most = self.greeting.most_bytes
        if (size := max(len(message), question.data.nbytes)) > most:
            raise ServerError(
                f"The server takes {most >> 20} MB at most, and this is {-(-size >> 20)} MB: "
                "choose a region around a point."
            )
        if watch.say is not None and self.greeting.version != __version__ and not self._warned:
            self._warned = True
            watch.say(other_version(self.greeting.version, __version__))
        cancel = watch.cancel
        # Nobody can guess it, and so nobody else can ask for the result.
        path = f"runs/{secrets.token_urlsafe(32)}"
        with Talk(self._server, cancel) as talk:
            trying = partial(tried, patience=self._patience, cancel=cancel, say=watch.say)
            try:
                state = trying(lambda: talk.put(path, message, State))
                self._follow(talk, path, state, question, watch, trying)
                found = self._fetched(talk, path, question, trying)
            except DataError as error:
                talk.drop(path)
                raise ServerError(f"The server's answer cannot be used. {error}") from None
            except BaseException:
                talk.drop(path)
                raise
            if not isinstance(found.dist, Awaiting):
                talk.drop(path)
            return found

    def _fetched(
        self,
        talk: Talk,
        path: str,
        question: Question,
        trying: Callable[[Callable[[], bytes]], bytes],
    ) -> Inference:
        """The answer, or its outline where that is enough."""
        plan = plan_for(self.card, question.image, question.centre, question.depth_mm)
        room = needed_bytes(self.card, plan) + _BESIDE
        if question.enough is not None:
            outline = trying(lambda: talk.content(f"{path}/outline", room))
            only = answer_of(outline, self.card, question)
            if question.enough(only.dist):
                return only
        message = trying(lambda: talk.content(f"{path}/result", room))
        about = (self._server, path, room, self.greeting.lease_s, self._patience, self.ahead)
        made = list[Rest]()

        def rest() -> Rest:
            made.append(Rest(*about))
            return made[0]

        found = answer_of(message, self.card, question, rest=rest)
        for one in made:
            one.is_of(found.dist)
        return found

    def _follow(
        self,
        talk: Talk,
        path: str,
        state: State,
        question: Question,
        watch: Watch,
        trying: Callable[[Callable[[], State]], State],
    ) -> None:
        """Tell how far a run is until it is done; what went wrong is raised."""
        said, place, looked, told = 0, 0, False, (0, 0)
        while True:
            if watch.say is not None:
                for words in state.said[said:]:
                    watch.say(words)
                if state.place and state.place != place:
                    watch.say(at_another_run(state.place))
            said, place = len(state.said), state.place
            if watch.progress is not None and (state.done, state.total) != told:
                told = state.done, state.total
                watch.progress(*told)
            if state.glimpse and not looked and watch.preview is not None:
                looked = True
                self._glimpse(talk, path, question, watch.preview)
            if state.state == "failed":
                raise _failure(state)
            if state.state == "done":
                return
            time.sleep(_LOOK)
            talk.cancel.check()
            state = trying(lambda: talk.said(path, State))

    def _glimpse(
        self,
        talk: Talk,
        path: str,
        question: Question,
        preview: Callable[[LogitDistribution], None],
    ) -> None:
        plan = plan_for(self.card, question.image, question.centre, question.depth_mm)
        try:
            message = talk.content(f"{path}/glimpse", needed_bytes(self.card, plan) + _BESIDE)
            dist = answer_of(message, self.card, question, glimpse=True).dist
        except (ServerError, DataError):
            # The whole is about to come, or the next question tells what is wrong.
            return
        if isinstance(dist, LogitDistribution):
            preview(dist)


def greeted(server: Elsewhere, cancel: Cancel = NEVER) -> Greeting:
    """What a server says of itself.

    Raises:
        ServerError: it cannot be asked, or speaks otherwise than this computer does.
        Cancelled: somebody stopped.
    """
    with Talk(server, cancel, _SOON) as talk:
        hello = talk.said("greeting", Hello)
        if hello.protocol != PROTOCOL:
            raise ServerError(
                f"The server has napari-ssn {hello.version}, which speaks otherwise than "
                f"{__version__} here: update the older one."
            )
        return talk.said("greeting", Greeting)


def _lacking(card: ModelCard, greeting: Greeting) -> str:
    """Why a server does not have a model."""
    if card.name in {one.name for one in greeting.models}:
        return other_model(card.name)
    there = ", ".join(one.name for one in greeting.models)
    return no_such_model(card.name, there)


def _failure(state: State) -> SSNError:
    """The error that a server met, of its own kind."""
    kinds = {kind.__name__: kind for kind in SSNError.__subclasses__()}
    return kinds.get(state.kind, ServerError)(state.words)
