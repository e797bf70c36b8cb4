"""The server's side of the line: who may ask, how much, and what is said back.

What each address does is in `Runs`. Nothing that came is in any log.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from napari_ssn._version import __version__
from napari_ssn.documents.remote import PROTOCOL, Greeting, Offered, Refusal, State
from napari_ssn.errors import SSNError
from napari_ssn.network.device import device_title
from napari_ssn.network.models import Model
from napari_ssn.remote.runs import BusyError, OtherRunError, Runs, UnknownRunError
from napari_ssn.text.server import HOW_RUNS_ARE_CALLED

# Seconds for the next bytes of a question.
_PATIENCE = 30.0
# Bytes of a result that are sent at once.
_PIECE = 1 << 18
#: How a run may be called: so long that nobody guesses it.
NAME = r"^[A-Za-z0-9_-]{32,100}$"
_Name = Annotated[str, Path(pattern=NAME)]
_BYTES = "application/octet-stream"
_STATUS: dict[type[Exception], int] = {BusyError: 503, OtherRunError: 409, UnknownRunError: 404}


def service(runs: Runs, token: str) -> FastAPI:
    """An application that takes questions for some runs, of whoever has a token."""
    expected = f"Bearer {token}".encode()

    async def check(request: Request) -> None:
        given = request.headers.get("authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, expected):
            raise HTTPException(401, "The server does not know that token.")

    # No page that describes it: a person has the documentation, and others have no business.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Depends(check)])
    greeting = _greeting(runs)

    @app.get("/v1/greeting")
    async def greet() -> Greeting:
        return greeting

    @app.put("/v1/runs/{name}")
    async def put(name: _Name, request: Request) -> State:
        length = _length(request, runs.most_bytes)
        runs.reserve(length)
        try:
            question = await _body(request, length)
            return await run_in_threadpool(runs.put, name, question)
        finally:
            runs.release(length)

    @app.get("/v1/runs/{name}")
    async def state(name: _Name) -> State:
        return runs.state(name)

    @app.get("/v1/runs/{name}/result")
    async def result(name: _Name) -> Response:
        return _sent(runs, name, runs.result(name), lambda: runs.fetched(name))

    @app.get("/v1/runs/{name}/rest")
    async def rest(name: _Name) -> Response:
        return _sent(runs, name, await run_in_threadpool(runs.rest, name))

    @app.get("/v1/runs/{name}/outline")
    async def outline(name: _Name) -> Response:
        return _sent(runs, name, runs.outline(name))

    @app.get("/v1/runs/{name}/glimpse")
    async def glimpse(name: _Name) -> Response:
        return _sent(runs, name, runs.glimpse(name))

    @app.delete("/v1/runs/{name}")
    async def drop(name: _Name) -> Response:
        runs.drop(name)
        return Response(status_code=204)

    @app.exception_handler(SSNError)
    async def problem(request: Request, error: Exception) -> JSONResponse:
        return _refused(_STATUS.get(type(error), 400), str(error))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _refused(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def unnamed(request: Request, error: Exception) -> JSONResponse:
        # Its own words repeat what came.
        return _refused(422, HOW_RUNS_ARE_CALLED)

    return app


def _sent(
    runs: Runs, name: str, content: bytes, ended: Callable[[], None] = lambda: None
) -> StreamingResponse:
    """Content on its way, which may take longer than a lease: whoever fetches it is there."""

    async def pieces() -> AsyncIterator[bytes]:
        for first in range(0, len(content), _PIECE):
            runs.renew(name)
            yield content[first : first + _PIECE]
        ended()

    return StreamingResponse(
        pieces(), media_type=_BYTES, headers={"Content-Length": str(len(content))}
    )


def _greeting(runs: Runs) -> Greeting:
    models: Mapping[str, Model] = runs.models
    device = next(iter(models.values())).device
    return Greeting(
        protocol=PROTOCOL,
        version=__version__,
        device=device_title(device),
        most_bytes=runs.most_bytes,
        lease_s=runs.lease,
        models=tuple(
            Offered(key=key, name=model.card.name, title=model.card.title)
            for key, model in models.items()
        ),
    )


def _refused(status: int, words: str) -> JSONResponse:
    # What was not read of a question is in the way of the next one.
    closing = {"Connection": "close"} if status in (401, 411, 413, 503) else None
    return JSONResponse(Refusal(words=words[:2000]).model_dump(), status, closing)


def _length(request: Request, most: int) -> int:
    """Bytes of a question by what its sender says; HTTPException if that is too much."""
    stated = request.headers.get("content-length", "")
    if not (stated.isascii() and stated.isdigit()):
        raise HTTPException(411, "A question has to say how long it is.")
    if int(stated) > most:
        raise HTTPException(
            413, f"The server takes {most >> 20} MB at most, and this is {int(stated) >> 20} MB."
        )
    return int(stated)


async def _body(request: Request, length: int) -> bytes:
    """The question, which is not longer than was said; HTTPException if it does not come."""
    pieces, stream = bytearray(), request.stream()
    try:
        while True:
            piece = await asyncio.wait_for(anext(stream, None), _PATIENCE)
            if piece is None:
                return bytes(pieces)
            pieces += piece
            if len(pieces) > length:
                raise HTTPException(413, "A question is longer than was said.")
    except TimeoutError:
        raise HTTPException(408, "The question stopped coming.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The question broke off.") from None
