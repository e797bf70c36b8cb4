"""Which computer runs the models: this one, or a server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from napari_ssn.errors import ServerError
from napari_ssn.gui.widgets.forms import Form, lay_out
from napari_ssn.gui.widgets.parts import Block, button, say, text
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.tokens import usual_token_file
from napari_ssn.session import Session
from napari_ssn.text.dock import ABOUT_SERVERS
from napari_ssn.text.forms import asked

_WHERE = (("This computer", "here"), ("Server…", "server"))


@dataclass(frozen=True)
class Where:
    """Which computer it is."""

    computer: str = asked("here", "Compute on", "Which computer runs the models", choices=_WHERE)


@dataclass(frozen=True)
class Named:
    """A server, as it is typed."""

    address: str = asked("", "Address", "Of the server, as https://gpu.example.org:8797")
    token: str = asked("", "Token file", "The server's token, for nobody else to read; mode 0600")
    certificates: str = asked(
        "", "Certificates", "File of an authority of your own, in PEM; empty for the usual ones"
    )

    @property
    def server(self) -> Elsewhere:
        """The server; ServerError if it can be none."""
        token, certificates = self.token.strip(), self.certificates.strip()
        found = Elsewhere(
            self.address.strip(),
            Path(token).expanduser() if token else usual_token_file(),
            Path(certificates).expanduser() if certificates else None,
        )
        found.check()
        return found


class ComputerPanel(Block):
    """This computer, or the address and token of a server that is used from the next run on."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        server = session.settings.server
        self.where = Form(Where("here" if server is None else "server"), self._chosen)
        self.named = Form(_named(server), lambda named: None)
        lay_out((self.where,), self.body)
        self.rows = Block()
        lay_out((self.named,), self.rows.body)
        for name, words in (
            ("address", "https://gpu.example.org:8797"),
            ("token", str(usual_token_file())),
            ("certificates", "the usual ones"),
        ):
            self.named[name].setPlaceholderText(words)
        self.use = button("Use this server", "From the next run on, as long as it can be reached")
        self.about = text(ABOUT_SERVERS, "muted")
        self.rows.below([1, self.use], self.about)
        self.below(self.rows)
        self.use.clicked.connect(self._use)
        session.changed.connect(self.refresh)
        self.rows.setVisible(server is not None)
        self.refresh()

    def refresh(self) -> None:
        """Say which server it is that computes."""
        session, server = self._session, self._session.settings.server
        if server is None:
            return
        survey = session.setup.survey
        # One that cannot be reached is told of beside the button that runs.
        said = f"Models run on {server.address}"
        if survey is not None and survey.elsewhere and not survey.problems:
            said += f" ({survey.device})"
        say(self.about, f"{said}.", "muted")

    def _chosen(self, where: Where) -> None:
        self.rows.setVisible(where.computer == "server")
        if where.computer == "here" and self._session.settings.server is not None:
            say(self.about, ABOUT_SERVERS, "muted")
            self._set(None)

    def _use(self) -> None:
        try:
            server = self.named.value.server
        except ServerError as error:
            say(self.about, str(error), "error")
            return
        self._set(server)

    def _set(self, server: Elsewhere | None) -> None:
        self._session.configure(replace(self._session.settings, server=server))


def _named(server: Elsewhere | None) -> Named:
    if server is None:
        return Named()
    certificates = "" if server.certificates is None else str(server.certificates)
    return Named(server.address, str(server.token_file), certificates)
