"""Decodes pixels that only GDCM reads, in a process of its own.

JPEG Lossless is what many archives keep their images in, and GDCM, alone among the libraries of
a licence like ours, reads it; but on damaged data it may end the whole program. There it ends
a process that holds nothing else. No header goes there but what says how the pixels are stored.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import struct
import subprocess
import sys
import threading
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import pixel_array

from napari_ssn.errors import ImageError
from napari_ssn.geometry.arrays import Array
from napari_ssn.io.dicom.damage import reading

#: What pixels mean; all else of a header stays here.
MEANING = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
# Lengths on the pipe, and how long an image may take.
_LENGTH, _SECONDS = struct.Struct("<Q"), 60.0


class Apart:
    """A process that decodes one image after the other, begun when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, dataset: Dataset) -> Array:
        """Stored whole numbers of an instance, flat; ValueError if that fails or takes too long."""
        with self._lock:
            process = self._process or self._begin()
            stop = threading.Timer(_SECONDS, process.kill)
            stop.start()
            try:
                assert process.stdin is not None and process.stdout is not None
                _send(process.stdin, _packed(dataset))
                kind = _take(process.stdout)
                values = _take(process.stdout)
            except (OSError, EOFError):
                # It has ended, or was ended: the next image gets another.
                self._end()
                raise ValueError("the pixels could not be decoded") from None
            finally:
                stop.cancel()
        if not kind:
            raise ValueError("the pixels could not be decoded")
        return np.frombuffer(values, np.dtype(kind.decode()))

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _begin(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Libraries write there what headers hold.
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


#: The one process that all readers share; whoever reads a series ends it afterwards.
apart = Apart()
atexit.register(apart.close)


def _packed(dataset: Dataset) -> bytes:
    """A DICOM file with the pixels of an instance and nothing about anybody."""
    bare = Dataset()
    for keyword in (*MEANING, "PixelData"):
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    out = BytesIO()
    dcmwrite(out, bare, enforce_file_format=False)
    return out.getvalue()


def _send(stream: BinaryIO | Any, content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _take(stream: BinaryIO | Any) -> bytes:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    content: bytes = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _serve() -> None:
    """In the process: decode what comes until nothing comes any more."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not come between.
    os.dup2(2, 1)
    while True:
        try:
            content = _take(source)
        except EOFError:
            return
        kind, values = b"", b""
        with contextlib.suppress(ImageError), reading("not decoded"):
            pixels = np.ascontiguousarray(
                pixel_array(dcmread(BytesIO(content), force=True), decoding_plugin="gdcm")
            )
            kind, values = pixels.dtype.str.encode(), pixels.tobytes()
        _send(target, kind)
        _send(target, values)


if __name__ == "__main__":
    _serve()
