"""One number for what has one name, in outlines of several files."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.geometry.label_order import one_order, renumbered

LABELS = ("background", "head", "tail", "body")


@pytest.mark.parametrize(
    ("names", "labels", "moves", "said"),
    [
        ([{1: "head", 2: "tail"}, {1: "tail", 2: "head"}], None, [{}, {1: 2, 2: 1}], LABELS[:3]),
        # The one with most labels says the order, wherever it stands.
        ([{1: "tail"}, {1: "head", 2: "tail"}], None, [{1: 2}, {}], LABELS[:3]),
        ([{5: "Tail "}], LABELS, [{5: 2}], LABELS),
        # Unnamed, beside others; with a gap; with a name that the others have not.
        ([{1: "head", 2: "tail"}, {}], None, [{}, {}], None),
        ([{1: "head", 7: "tail"}, {7: "head", 1: "tail"}], None, [{}, {7: 1, 1: 7}], None),
        ([{1: "head", 2: "tail"}, {1: "tail", 2: "ear"}], None, [{}, {}], None),
        # Names that nobody gave, or that two labels have; one thing has no order.
        ([{1: "head", 2: "tail"}, {2: "Segment_1", 1: "Segment_2"}], None, [{}, {}], None),
        ([{1: "head", 2: "tail"}, {1: "tail", 2: "tail"}], None, [{}, {}], None),
        ([{1: "nodule"}, {3: "Nodule"}], None, [{}, {}], None),
        ([{3: "nodule"}], ("background", "nodule"), [{}], None),
        ([], None, [], None),
    ],
)
def test_labels_of_one_name_get_one_number(names, labels, moves, said) -> None:
    assert one_order(names, labels) == (moves, said)


def test_numbers_change_places_at_once() -> None:
    values = np.array([[0, 1], [2, 3]], np.uint8)
    np.testing.assert_array_equal(renumbered(values, {1: 2, 2: 1}), [[0, 2], [1, 3]])
    assert renumbered(values, {}) is values
