"""A model on a server, by name: for scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn import remote
from napari_ssn.documents.card import read_card
from napari_ssn.network.places import find_model
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.tokens import usual_token_file

if TYPE_CHECKING:
    from napari_ssn.remote.distant import Distant


def distant_model(
    name: str | os.PathLike[str],
    address: str,
    token_file: str | os.PathLike[str] | None = None,
    *,
    certificates: str | os.PathLike[str] | None = None,
    insecure: bool = False,
) -> Distant:
    """A model that a server runs (`napari-ssn serve`), to segment as one that `load_model` gives.

    Its distributions equal those of a run here on the same kind of device, bit for bit. What is
    computed from them is computed here.

    Args:
        name: of the model, or its folder here: the server has the very same.
        address: of the server, as ``https://gpu.example.org:8797``.
        token_file: with the server's token, which nobody else may read; the usual one by default.
        certificates: file of those of an authority of your own, in PEM.
        insecure: whether the server may be asked by http beyond this computer.

    Raises:
        ServerError: the server cannot be asked, or does not have the model.
        ModelError: the model is unknown here.

    Examples:
        >>> import napari_ssn as ssn
        >>> try:
        ...     ssn.distant_model("lidc-2d", "http://gpu.example.org:8797")
        ... except ssn.SSNError as error:
        ...     print(str(error).partition(":")[0])
        The server is reached by http, which anybody on the way can read, the token too
    """
    server = Elsewhere(
        address,
        usual_token_file() if token_file is None else Path(token_file),
        None if certificates is None else Path(certificates),
        insecure,
    )
    server.check()
    found: Distant = remote.distant.Distant.of(read_card(find_model(name)), server)
    return found
