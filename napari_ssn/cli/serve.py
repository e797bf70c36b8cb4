"""The command ``napari-ssn serve``: compute for other computers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from napari_ssn import network, remote
from napari_ssn.cli.ending import interrupted
from napari_ssn.cli.options import Device
from napari_ssn.text.server import HOW_IT_ENDS, STOPPED, USUAL_TOKEN, serving, token_made


def serve(
    *,
    model: Annotated[
        list[str],
        typer.Option(
            help="Name of a model (see `napari-ssn models`), or its folder. May be given several "
            "times."
        ),
    ],
    device: Device = "auto",
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at. Beyond this computer it takes TLS, or --insecure."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 for any that is free.")
    ] = 8797,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that whoever asks has to know, for nobody else to read (mode "
            "0600). Made if it is missing.",
            show_default=USUAL_TOKEN,
        ),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Certificate of TLS, with its chain, in PEM.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, in PEM.")] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Listen beyond this computer without TLS: anybody on the way can read images, "
            "results and the token.",
        ),
    ] = False,
    most: Annotated[
        int, typer.Option(min=1, max=4096, metavar="MB", help="Most that a question may take.")
    ] = 256,
) -> None:
    """Run models for other computers, one run at a time; nothing is written to the disk."""
    line = remote.serving.Line(host, port, certificate, key, insecure)
    with interrupted():
        _serve(line, token_file, model, device, most)
    typer.echo(STOPPED, err=True)


def _serve(
    line: remote.serving.Line, token_file: Path | None, model: list[str], device: str, most: int
) -> None:
    # Before models are loaded, which takes a while.
    line.check()
    path = token_file or remote.tokens.usual_token_file()
    made = remote.tokens.made_token(path)
    token = remote.tokens.token_in(path)
    models = [network.models.load_model(name, device) for name in dict.fromkeys(model)]
    if made:
        usual = token_file is None
        typer.echo(token_made(USUAL_TOKEN if usual else path.name), err=True)

    def ready(address: str, stop: Callable[[], None]) -> None:
        typer.echo(serving([one.card.name for one in models], address))
        typer.echo(HOW_IT_ENDS, err=True)

    remote.serving.serve(models, token, line, ready, most_bytes=most << 20)
