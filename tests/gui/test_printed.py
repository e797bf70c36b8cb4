"""Words on the canvas are those that Qt prints, pixel for pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QFont, QFontMetricsF, QImage, QPainter
from vispy.scene import SceneCanvas
from vispy.visuals.shaders.program import ModularProgram

from napari_ssn.gui.layers.printed import Printed

FACE, SIZE = "Sans Serif", (60, 130)
# As large as napari's own words of so many points.
POINTS, PIXELS = 9, 16
WORDS = ["Wy · 5 %", "side"]
AT = np.array([[4.0, 3.0], [21.4, 30.6], [2.0, 12.0]])


def by_qt(words: list[str], at: np.ndarray, ratio: int, pixels: int = PIXELS) -> np.ndarray:
    """The same in white on black, one after the other."""
    image = QImage(SIZE[1] * ratio, SIZE[0] * ratio, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.black)
    font = QFont(FACE)
    font.setPixelSize(pixels * ratio)
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(Qt.GlobalColor.white)
    above = QFontMetricsF(font).ascent()
    for word, (left, top) in zip(words, np.round(at * ratio).tolist(), strict=True):
        painter.drawText(QPointF(left, top + above), word)
    painter.end()
    rows = range(image.height())
    return np.array([[image.pixelColor(x, y).red() for x in range(image.width())] for y in rows])


def drawn(canvas: SceneCanvas) -> np.ndarray:
    return np.asarray(canvas.render(alpha=False))[..., 0].astype(int)


@pytest.fixture
def canvas(qtbot: Any, request: pytest.FixtureRequest) -> Any:
    one = SceneCanvas(size=SIZE[::-1], bgcolor="black", px_scale=getattr(request, "param", 1))
    yield one
    one.close()


@pytest.mark.parametrize(("canvas", "ratio"), [(1, 1), (2, 2)], indirect=["canvas"])
def test_they_are_as_sharp_as_the_screen_is(canvas: SceneCanvas, ratio: int) -> None:
    printed = Printed(FACE, parent=canvas.scene)
    sizes = printed.set_words(WORDS, POINTS)
    printed.place(AT[:2], np.ones(4))
    found, expected = drawn(canvas), by_qt(WORDS, AT[:2], ratio)
    assert expected.max() > 200
    np.testing.assert_allclose(found, expected, atol=1)
    # What is said of their sizes holds all of them, but for an edge.
    for (left, top), (wide, high) in zip(np.floor(AT), np.ceil(sizes), strict=False):
        rows, columns = ratio * np.array([[top, top + high], [left, left + wide]]).astype(int)
        found[rows[0] : rows[1] + ratio, columns[0] - ratio : columns[1] + ratio] = 0
    assert not found.any()


@pytest.mark.parametrize(("canvas", "ratio"), [(2, 2), (3, 3)], indirect=["canvas"])
# Of which three times is not what is nearest to three times so many points.
@pytest.mark.parametrize(("points", "pixels"), [(8, 14), (5, 9), (7, 12), (11, 20)])
def test_none_is_cut_off(canvas: SceneCanvas, ratio: int, points: int, pixels: int) -> None:
    printed, words, at = Printed(FACE, parent=canvas.scene), ["agree, 5 %"], AT[2:]
    printed.set_words(words, points)
    printed.place(at, np.ones(4))
    expected = by_qt(words, at, ratio, pixels)
    assert not expected[:, -3:].any()
    np.testing.assert_allclose(drawn(canvas), expected, atol=1)


def test_a_word_is_one_line(canvas: SceneCanvas) -> None:
    printed = Printed(FACE, parent=canvas.scene)
    printed.set_words(["a\nb"], POINTS)
    printed.place(AT[:1], np.ones(4))
    np.testing.assert_allclose(drawn(canvas), by_qt(["a b"], AT[:1], 1), atol=1)


def test_more_than_a_card_takes_is_left_out_where_no_screen_is(canvas: SceneCanvas) -> None:
    printed = Printed(FACE, parent=canvas.scene)
    for words in (["side" * 3000], ["side"] * 3000):
        _, high = printed.set_words(words, POINTS)[0]
        printed.place(AT[0] + np.arange(len(words))[:, None] * (0, high), np.ones(4))
        seen = [words[0][:100]] if len(words) == 1 else words[:4]
        at = AT[0] + np.arange(len(seen))[:, None] * (0, high)
        np.testing.assert_allclose(drawn(canvas), by_qt(seen, at, 1), atol=1)


def test_others_cost_no_new_program(canvas: SceneCanvas, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = Printed(FACE, parent=canvas.scene)
    printed.set_words(WORDS, POINTS)
    printed.place(AT[:2], np.ones(4))
    first, built, real = drawn(canvas), [], ModularProgram._build

    def counted(program: Any) -> None:
        built.append(program)
        real(program)

    monkeypatch.setattr(ModularProgram, "_build", counted)
    for words in (["Ø 20 × 15 mm"], ["+", "side", "Wy"], WORDS):
        at = AT[: len(words)]
        printed.set_words(words, POINTS)
        printed.place(at, np.ones(4))
        found = drawn(canvas)
        np.testing.assert_allclose(found, by_qt(words, at, 1), atol=1)
    assert not built
    np.testing.assert_array_equal(found, first)
    # Their colour, and none without words.
    printed.place(AT[:2], np.array([0.5, 1, 1, 1]))
    np.testing.assert_allclose(drawn(canvas), first / 2, atol=1)
    printed.set_words([], POINTS)
    assert not drawn(canvas).any()


def test_of_any_width(canvas: SceneCanvas) -> None:
    """Rows of a picture of Qt's begin at every fourth byte, and it is Qt's own."""
    printed = Printed(FACE, parent=canvas.scene)
    widths = set()
    for letter in "iltWmw%8":
        for count in range(1, 5):
            words = [letter * count, letter]
            sizes = printed.set_words(words, POINTS)
            printed.place(AT[:2], np.ones(4))
            widths.add(int(sizes[:, 0].max()) % 4)
            # What Qt has given back by now is used by others.
            np.testing.assert_allclose(drawn(canvas), by_qt(words, AT[:2], 1), atol=1)
    assert widths == {0, 1, 2, 3}
