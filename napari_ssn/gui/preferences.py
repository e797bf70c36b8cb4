"""The plugin's settings in napari's preferences, as the dock's starting values."""

from __future__ import annotations

from napari.settings import get_plugin_settings

from napari_ssn.session import Settings

_PLUGIN = "napari-ssn"
#: Samples that "Add samples" adds, unless the preferences say otherwise.
_TO_ADD = 5


def preferences() -> tuple[Settings, int]:
    """Settings of the session, and how many samples to add; defaults where nothing is set."""
    try:
        stored = get_plugin_settings(_PLUGIN)
    except KeyError:
        # Used without being installed as a plugin, as in a script.
        return Settings(), _TO_ADD
    device = getattr(stored.compute.device, "value", stored.compute.device)
    settings = Settings(
        device=str(device),
        hypotheses=int(stored.compute.hypotheses_for_range),
        reach=float(stored.window.slider_range),
    )
    return settings, int(stored.window.samples_to_add)
