"""What is said of models that run on another computer."""

from __future__ import annotations

from collections.abc import Iterable

FAILED_HERE = "This computer failed at it: its log has the reason."
FAILED_THERE = "The server failed at this run: tell who runs it, its log has the reason."
HOW_RUNS_ARE_CALLED = "A run is called by 32 letters and digits or more."
TRYING_AGAIN = "The line to the server broke off: trying again."
HOW_IT_ENDS = "Ctrl+C ends it."
USUAL_TOKEN = "server-token among your settings"
STOPPED = "Stopped."


def serving(names: Iterable[str], address: str) -> str:
    """``Serving nodule-3d at https://localhost:8797``."""
    return f"Serving {', '.join(names)} at {address}"


def other_version(there: str, here: str) -> str:
    """That the server's version is another than this computer's."""
    return (
        f"The server has napari-ssn {there} and this computer "
        f"{here}: label maps may differ in a few voxels."
    )


def on_server(device: str) -> str:
    """``NVIDIA H100 of a server``."""
    return f"{device} of a server"


def at_another_run(place: int) -> str:
    """``The server is at another run: 2 before this one.``"""
    return f"The server is at another run: {place} before this one."


def other_model(name: str) -> str:
    """That the server's model of a name is another."""
    return (
        f"The server has another version of the model {name} than this computer: copy "
        "the model's folder from one to the other."
    )


def no_such_model(name: str, there: str) -> str:
    """``The server does not have the model X; it has nodule-3d.``"""
    return f"The server does not have the model {name}; it has {there}."


def token_made(where: str) -> str:
    """``A token was made, in server-token among your settings: give that file to …``"""
    return f"A token was made, in {where}: give that file to whoever may ask."
