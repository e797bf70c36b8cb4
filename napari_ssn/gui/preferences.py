"""The plugin's settings in napari's preferences, as the dock's starting values."""

from __future__ import annotations

from pathlib import Path

from napari.settings import get_plugin_settings

from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.tokens import usual_token_file
from napari_ssn.session import Settings

_PLUGIN = "napari-ssn"
#: Samples that "Add samples" adds, unless the preferences say otherwise.
_TO_ADD = 5


def _server(address: str, token: str) -> Elsewhere:
    return Elsewhere(address, Path(token).expanduser() if token else usual_token_file())


def preferences() -> tuple[Settings, int]:
    """Settings of the session, and how many samples to add; defaults where nothing is set."""
    try:
        stored = get_plugin_settings(_PLUGIN)
    except KeyError:
        # Used without being installed as a plugin, as in a script.
        return Settings(), _TO_ADD
    device = getattr(stored.compute.device, "value", stored.compute.device)
    # Missing where an older version wrote them.
    address = str(getattr(stored.compute, "server", "")).strip()
    token = str(getattr(stored.compute, "token_file", "")).strip()
    settings = Settings(
        device=str(device),
        hypotheses=int(stored.compute.hypotheses_for_range),
        reach=float(stored.window.slider_range),
        server=_server(address, token) if address else None,
    )
    return settings, int(stored.window.samples_to_add)
