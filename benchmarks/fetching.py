"""How long a series of 133 slices takes from an archive to a shown volume.

    python -m benchmarks.fetching

An Orthanc that is started on loopback, with an empty folder of its own, holds the series. Ours is
`fetch_files` and `read_received`, as the window does it; the other the same series read from a
folder and a plain download of the same bytes from the same server. At most 1.3 times that is
allowed.
"""

from __future__ import annotations

import base64
import os
import tempfile
import urllib.request
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.timing import compare, median
from napari_ssn.documents.servers import Server
from napari_ssn.io.dicom.read import read_dicom, read_received
from napari_ssn.io.dicom.web import fetch, find, send
from napari_ssn.io.dicom.web.connection import Connection
from napari_ssn.io.dicom.web.wanted import Wanted
from tests.support.dicoms import make_series
from tests.support.orthanc import PASSWORD, USER, running

_ALLOWED = 1.3


def main(
    slices: Annotated[int, typer.Option(min=1)] = 133,
    size: Annotated[int, typer.Option(min=16)] = 512,
    times: Annotated[int, typer.Option(min=1, help="How often each is done.")] = 7,
) -> None:
    """Print the seconds of both, and their ratio."""
    os.environ["NAPARI_SSN_TOKEN_ORTHANC"] = f"{USER}:{PASSWORD}"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        values = np.random.default_rng(0).integers(-1000, 1000, (size, size, slices))
        make_series(folder / "scan", values, np.diag([0.7, 0.7, 1.25, 1.0]))
        (folder / "orthanc").mkdir()
        server_named = "orthanc"
        with running(folder / "orthanc") as archive:
            server = Server(name=server_named, address=archive.web, login="password")
            with Connection(server) as there:
                sent = send.send(there, sorted((folder / "scan").iterdir()))
                assert all(one.done for one in sent)
                study = find.studies(there, Wanted())[0][0].uid
                series = find.series(there, study)[0].uid
                known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

                def fetched() -> None:
                    files = fetch.fetch_files(there, study, series)
                    read_received(files, lambda infos: [1])

                def downloaded() -> None:
                    request = urllib.request.Request(
                        f"{archive.web}/studies/{study}/series/{series}",
                        headers={
                            "Authorization": f"Basic {known}",
                            "Accept": 'multipart/related; type="application/dicom"; '
                            "transfer-syntax=*",
                        },
                    )
                    with urllib.request.urlopen(request) as answer:
                        while answer.read(1 << 20):
                            pass

                def both() -> None:
                    downloaded()
                    read_dicom(folder / "scan")

                pair = compare(fetched, both, times)
                alone = median(downloaded, times)
    typer.echo(
        f"{size} × {size} × {slices} from an archive to a volume: {pair.ours:.2f} s; read from a "
        f"folder and downloaded: {pair.other:.2f} s (the download {alone:.2f} s); {pair.ratio:.2f} "
        f"times that, {_ALLOWED:g} allowed"
    )
    if pair.ratio > _ALLOWED:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
