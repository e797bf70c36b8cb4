"""Sets of nodules in parts small enough to be sent, and whole again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu.pack import join, main, split
from napari_ssn.training.nodules import load_nodules
from tests.support.sets import nodule_files, put


def test_a_set_in_parts_is_the_same_where_it_was_not_cut(tmp_path: Path) -> None:
    path = put(tmp_path, nodule_files(5))
    whole = load_nodules(path)
    sent = tmp_path / "sent"
    parts = split(path, sent, side=32, most=path.stat().st_size // 3)
    assert len(parts) >= 2
    assert all(part.stat().st_size <= path.stat().st_size // 3 for part in parts)
    # A part is a part: what is joined is not the file that it was made of.
    assert [made.name for made in join(sent)] == ["set.zip"]
    again = load_nodules(sent / "set.zip")
    assert again.names == whole.names and len(again) == 5
    cut = (slice(None), slice(8, 40), slice(8, 40))
    for i in range(len(whole)):
        np.testing.assert_array_equal(again.hu(i), whole.hu(i)[cut])
        np.testing.assert_array_equal(again.masks(i), whole.masks(i)[:, *cut])
        assert again.spacing_mm(i) == whole.spacing_mm(i)
        # A voxel stays where it is in the patient, to the last digit of a millimetre.
        moved = whole.affine(i) @ [0, 8, 8, 1]
        np.testing.assert_allclose(again.affine(i)[:, 3], moved, atol=1e-9)
        for name, notes in whole.stacks[i].notes.items():
            np.testing.assert_array_equal(again.stacks[i].notes[name], notes)


def test_a_missing_part_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, nodule_files(4))
    main(["split", str(path), str(tmp_path / "sent"), "--side", "999", "--megabytes", "0.005"])
    assert "set.part2.zip: 0.0 MB" in capsys.readouterr().out
    main(["join", str(tmp_path / "sent")])
    # Nothing was cut away of slices that are smaller than what is kept.
    assert load_nodules(tmp_path / "sent" / "set.zip").space(0) == load_nodules(path).space(0)
    (tmp_path / "sent" / "set.part1.zip").unlink()
    with pytest.raises(SystemExit, match="one is missing"):
        main(["join", str(tmp_path / "sent")])
