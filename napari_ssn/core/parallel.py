"""Several blocks at a time, in threads that do not wait for one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def in_threads(function: Callable[[_Item], _Found], items: Iterable[_Item]) -> list[_Found]:
    """``[function(item) for item in items]`` in as many threads as torch would use.

    torch splits every operation among its threads and waits for the last of them. Where blocks
    are independent that costs more than it gains, and on a busy machine a hundred times more:
    here each thread does whole blocks, its operations undivided.
    """
    # The number of threads is that of the calling thread; one set in a thread stays there.
    threads = torch.get_num_threads()
    if threads == 1:
        # One beside this one, which only waits, would take longer to begin than small blocks do.
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads, "blocks", torch.set_num_threads, (1,)) as pool:
        return list(pool.map(function, items))
