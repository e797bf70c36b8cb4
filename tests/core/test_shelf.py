"""Numbers that lie on a disk are those that lie in memory, and leave nothing behind."""

from __future__ import annotations

import copy
import errno
import gc
import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from napari_ssn.core.columns import disk
from napari_ssn.core.columns.packing import ordered, pack
from napari_ssn.core.columns.rows import Source
from napari_ssn.core.columns.shelf import Shelf, own_zeros
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.errors import DeviceError
from tests.support.packed import distributions


@pytest.mark.parametrize("classes", [2, 3])
def test_columns_on_a_disk_are_those_in_memory(classes: int, tmp_path: Path) -> None:
    _, dense = distributions(classes)
    memory = pack(Source.dense(dense), torch.float16)
    there = pack(Source.dense(dense), torch.float16, folder=tmp_path)
    for name, numbers in memory.arrays().items():
        np.testing.assert_array_equal(there.arrays()[name], numbers, err_msg=name)
        assert there.arrays()[name].dtype == numbers.dtype
    # Nobody finds it there, and nobody has to take it away.
    assert list(tmp_path.iterdir()) == []


def test_a_distribution_on_a_disk_can_be_copied_and_sent(tmp_path: Path) -> None:
    packed, dense = distributions(3)
    columns = pack(Source.dense(dense), torch.float16, folder=tmp_path)
    there = PackedDistribution(**columns.arrays(), start=(1, 2, 0), image_space=(7, 12, 9))
    z = np.array([1.0, -2.0, 0.5])
    for one in (there, copy.deepcopy(there), pickle.loads(pickle.dumps(there))):  # noqa: S301
        np.testing.assert_array_equal(one.label_map(z), packed.label_map(z))
        np.testing.assert_array_equal(one.probabilities(), packed.probabilities())


def test_another_spread_of_what_lies_on_a_disk_lies_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, _ = distributions(3)
    plain, asked = packed.spread(2.0), []

    def folder_for(size: int) -> Path:
        asked.append(size)
        return tmp_path

    monkeypatch.setattr("napari_ssn.core.packed.distribution.folder_for", folder_for)
    there = packed.spread(2.0)
    assert isinstance(plain, PackedDistribution) and isinstance(there, PackedDistribution)
    for name, numbers in plain.arrays().items():
        np.testing.assert_array_equal(there.arrays()[name], numbers, err_msg=name)
    assert asked == [packed.nbytes]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it is read from Linux's /proc")
def test_the_room_is_given_back_with_the_last_array(tmp_path: Path) -> None:
    def kept() -> int:
        # A mapping holds on to its file, which has no name any more.
        return Path("/proc/self/maps").read_text().count(str(tmp_path))

    tensor: Any = Shelf(tmp_path).empty((1000, 1000), torch.float32)
    tensor.fill_(1.5)
    half = tensor[:500].numpy()
    assert kept() == 1
    del tensor
    gc.collect()
    assert kept() == 1 and (half == 1.5).all()
    del half
    gc.collect()
    assert kept() == 0


def test_zeros_are_given_back_at_once() -> None:
    read = "/proc/self/statm"
    if not Path(read).exists():
        pytest.skip("it is read from Linux's /proc")

    def pages() -> int:
        return int(Path(read).read_text().split()[1])

    # What torch takes the first time is its own.
    first = own_zeros((3, 1 << 20))
    assert not first.any()
    first.fill_(1.0)
    # Each smaller than what an allocator asks the system for by itself.
    before, parts = pages(), [own_zeros((3, 1 << 20)) for _ in range(8)]
    for part in parts:
        part.fill_(1.0)
    grown, whole = pages() - before, 8 * 12 * (1 << 20) // os.sysconf("SC_PAGE_SIZE")
    del parts, part
    gc.collect()
    assert grown > 0.9 * whole and pages() - before < 0.1 * whole
    assert own_zeros((0, 3)).shape == (0, 3)


def test_what_leaves_memory_stays(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    one, two = (shelf.empty((3, 5000), kind) for kind in (torch.float16, torch.int16))
    one.copy_(torch.arange(15000).reshape(3, 5000).half())
    two.fill_(-7)
    shelf.let_go()
    assert bool((one == torch.arange(15000).reshape(3, 5000).half()).all())
    assert bool((two == -7).all())
    assert shelf.empty((0, 4), torch.float32).shape == (0, 4)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="another way there")
def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DeviceError, match=r"no room on the disk .*: 4\.0 GB more"):
        Shelf(tmp_path).empty((1000, 1000, 1000), torch.float32)
    with pytest.raises(DeviceError, match="no room on the disk"):
        Shelf(tmp_path / "missing").empty((4,), torch.float32)


def test_room_is_taken_where_nothing_reserves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr("napari_ssn.core.columns.shelf._AT_ONCE", 100)
    tensor = Shelf(tmp_path).empty((7, 11), torch.float32)
    assert tensor.shape == (7, 11) and bool((tensor == 0).all())


def test_what_is_small_or_finds_no_disk_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "ASIDE", 1000)
    monkeypatch.setattr(disk.tempfile, "gettempdir", lambda: str(tmp_path))
    there = [SimpleNamespace(mountpoint="/", fstype="ext4")]
    monkeypatch.setattr(disk.psutil, "disk_partitions", lambda **_: there)
    free = [10**12]
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    assert disk.folder_for(999) is None
    assert disk.folder_for(1000) == tmp_path
    free[0] = (1 << 30) + 999
    assert disk.folder_for(1000) is None
    free[0] += 1
    assert disk.folder_for(1000) == tmp_path
    # Where temporary files lie in memory, another folder does, if there is one on a disk.
    there.append(SimpleNamespace(mountpoint=str(tmp_path.parent), fstype="tmpfs"))
    assert disk.folder_for(1000) in (None, Path("/var/tmp"))
    there[0].fstype = "tmpfs"
    assert disk.folder_for(1000) is None


@pytest.mark.parametrize("count", [1, 7, 1000])
@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_sorted_in_blocks_is_sorted_at_once(
    count: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_ssn.core.columns.packing._SORTED", max(at_once, count // 50))
    shell = np.random.default_rng(count).integers(0, 40, count).astype(np.int16)
    order, place, ends = ordered(shell)
    expected = np.argsort(shell, kind="stable")
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(place[expected], np.arange(count))
    np.testing.assert_array_equal(ends[:40], [(shell <= k).sum() for k in range(40)])
    assert order.dtype == place.dtype == np.int32 and (ends[40:] == count).all()
