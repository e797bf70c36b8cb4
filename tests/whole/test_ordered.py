"""The slow tests come first in each process, and none is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.ordered import slow_first


class Item:
    """What is asked of a test that was collected."""

    def __init__(self, number: int, slow: bool) -> None:
        self.number, self.slow, self.path = number, slow, Path(f"test_{number // 5}.py")

    def get_closest_marker(self, name: str) -> object | None:
        return self if self.slow and name == "slow" else None


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [0, 1, 4, 30, 101])
def test_all_are_there_once_and_the_others_in_their_order(count: int, processes: int) -> None:
    items: list[Any] = [Item(number, number % 9 == 4) for number in range(count)]
    found: list[Any] = slow_first(items, processes)
    assert sorted(one.number for one in found) == list(range(count))
    others = [one.number for one in found if not one.slow]
    assert others == sorted(others)


def test_each_process_begins_with_slow_ones_and_those_of_a_file_stay_together() -> None:
    # Four slow ones in three files.
    items: list[Any] = [Item(number, number in (3, 11, 12, 27)) for number in range(30)]
    numbers = [one.number for one in slow_first(items, 2)]
    # As pytest-xdist shares them out.
    first, second = numbers[:15], numbers[15:]
    assert first[:2] == [3, 27] and second[:2] == [11, 12]
