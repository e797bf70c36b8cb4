"""What is opened is read by a worker: one after the other, with a question, and to be left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.session import opening as module
from napari_ssn.session.opening import Opening
from tests.support.dicoms import make_series
from tests.support.helpers import noise_image
from tests.support.sessions import Held, Inline

SPACE = (8, 7, 6)


class Listener:
    """What an opening tells."""

    def __init__(self, runner: Any) -> None:
        self.said: list[tuple[str, bool]] = []
        self.opened: list[tuple[Path, list[str]]] = []
        self.foreign: list[Path] = []
        self.words: list[str] = []
        self.opening = Opening(runner, lambda words, error: self.said.append((words, error)))
        self.opening.opened.connect(self._came)
        self.opening.foreign.connect(self.foreign.append)
        self.opening.changed.connect(lambda: self.words.append(self.opening.words))

    def _came(self, path: Path, layers: list[Any]) -> None:
        self.opened.append((path, [options["name"] for _, options, _ in layers]))


def series(folder: Path, seed: int = 1, space: tuple[int, ...] = SPACE, **more: Any) -> list[Path]:
    values = np.maximum(noise_image(space, seed), -1000)
    return make_series(folder, values, np.eye(4), seed=seed, **more)


def test_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", -1.0)
    files, other = series(tmp_path / "a"), series(tmp_path / "b", 2, (5, 4, 3))
    (tmp_path / "letter.xyz").write_text("Dear colleague")
    listener = Listener(Inline())
    # All files of a series are one image, wherever the drop has another between them.
    listener.opening.open([*files[:2], tmp_path / "letter.xyz", other[0], *files[2:]])
    assert [(path, len(names)) for path, names in listener.opened] == [(files[0], 1), (other[0], 1)]
    assert listener.opened[0][1] == ["CT thorax · 2020-01-02 · 8 × 7 × 6"]
    assert listener.foreign == [tmp_path / "letter.xyz"]
    assert listener.said == [("", False)] and not listener.opening.busy
    assert listener.words[:2] == ["Reading …", "Reading 0 of 6 …"] and listener.words[-1] == ""
    assert "Reading 5 of 6 …" in listener.words
    # Opened again later it is opened again.
    listener.opening.open(files[:1])
    assert len(listener.opened) == 3


def test_layers_come_one_by_one(tmp_path: Path) -> None:
    listener, busy = Listener(Inline()), []
    listener.opening.opened.connect(lambda *_: busy.append(listener.opening.busy))
    two: Any = [(np.zeros((2, 2)), {"name": name}, "image") for name in ("scan", "outlines")]
    listener.opening.make("sample", lambda: two)
    assert listener.opened == [("sample", ["scan"]), ("sample", ["outlines"])]
    # Who waits for all of them sees when that is.
    assert busy == [True, True] and not listener.opening.busy

    held = Held(channels={"open"})
    listener = Listener(held)
    listener.opening.make("sample", lambda: two)
    held.waiting.pop()[1]()
    assert [names for _, names in listener.opened] == [["scan"]]
    listener.opening.stop()
    assert held.cancelled == ["open"] and not listener.opening.busy


def test_the_first_that_cannot_be_opened_ends_it(tmp_path: Path) -> None:
    folder = tmp_path / "DOE"
    series(folder / "a", number=1)
    series(folder / "b", 2, number=2)
    torn = tmp_path / "torn.nii.gz"
    torn.write_bytes(b"\x1f\x8b torn")
    listener = Listener(Inline())
    listener.opening.open([torn, folder / "a"])
    [_, (words, error)] = listener.said
    assert error and "damaged" in words and "torn" not in words
    assert not listener.opened and not listener.opening.busy


def test_somebody_chooses_among_several(tmp_path: Path) -> None:
    series(tmp_path / "a", number=1)
    series(tmp_path / "b", 2, (8, 7, 3), number=2, modality="MR")
    listener, answer = Listener(Inline()), [2]
    asked = []

    def choose(query: Any) -> None:
        asked.append(query.what)
        query.answer(answer)

    listener.opening.asked.connect(choose)
    listener.opening.open([tmp_path])
    assert asked[0].first == 1 and [entry[0] for entry in asked[0].entries] == [1, 2]
    assert listener.opened[0][1] == ["MR thorax · 2020-01-02 · 8 × 7 × 3"]
    answer.clear()
    listener.opening.open([tmp_path])
    assert len(listener.opened) == 1 and len(asked) == 2 and not listener.opening.busy


def test_what_is_left_is_not_opened(tmp_path: Path) -> None:
    series(tmp_path / "a")
    held = Held({"open"})
    listener = Listener(held)
    listener.opening.open([tmp_path / "a", tmp_path / "a"])
    # What comes meanwhile comes after it.
    listener.opening.open([tmp_path / "a"])
    assert listener.opening.busy and len(held.waiting) == 1
    listener.opening.stop()
    assert not listener.opening.busy and held.cancelled == ["open"]
    held.go()
    assert not listener.opened and listener.words[-1] == ""
    listener.opening.open([tmp_path / "a"])
    held.go()
    assert len(listener.opened) == 1
    listener.opening.close()
