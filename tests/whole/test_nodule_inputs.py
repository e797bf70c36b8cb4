"""What the default nodule model is told that is not as it should be, on a nodule of LIDC-IDRI."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_ssn import samples
from napari_ssn.cli.images import run_on
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.errors import ModelError
from napari_ssn.geometry.diameters import slice_axis
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, load_model
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import across_in, hypothesis_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import count_ranges
from napari_ssn.prediction.record import describe

pytestmark = pytest.mark.usefixtures("few_draws")

NUMBER = samples.COUNT


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("nodule-3d", "cpu")


@pytest.fixture(scope="module")
def scan() -> Volume:
    return samples.volume(NUMBER)


@pytest.fixture(scope="module")
def centre() -> tuple[int, ...]:
    found = samples.sample(NUMBER).centre
    assert found is not None
    return found


def across(scan: Volume) -> int:
    axis = slice_axis(scan.space, scan.affine)
    assert axis is not None
    return axis


def told(
    model: Model, volume: Volume, centre: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> tuple[Prediction, Hypothesis, list[str], str]:
    """What the command finds, its mean, what it prints of the sizes, and what it warns of."""
    found = run_on(model, volume, centre, None)
    mean = hypothesis_of(found, Choice(), None)
    lines = list(count_ranges(found).lines(found.measure, across_in(found, mean.label_map)))
    return found, mean, lines, " ".join(capsys.readouterr().err.split())


def cut(scan: Volume, axis: int, first: int, step: int = 1, count: int | None = None) -> Volume:
    """Every so manieth slice along an axis, from the first one."""
    stop = None if count is None else first + count * step
    index = (slice(None),) * (axis + 1) + (slice(first, stop, step),)
    affine = np.array(scan.affine)
    affine[:3, 3] += affine[:3, axis] * first
    affine[:3, axis] *= step
    return replace(scan, data=scan.data[index], affine=affine)


def moved(centre: tuple[int, ...], axis: int, to: int) -> tuple[int, ...]:
    return (*centre[:axis], to, *centre[axis + 1 :])


def test_one_slice_is_measured_as_one(model, scan, centre, capsys) -> None:
    axis = across(scan)
    one = cut(scan, axis, centre[axis], count=1)
    found, mean, lines, _ = told(model, one, moved(centre, axis, 0), capsys)
    assert mean.label_map.shape == one.space
    size = next(line for line in lines if line.startswith("Nodule"))
    assert " mm² in this slice · model range" in size and "mL" not in size
    record = describe(found, Choice(), None, mean)
    assert record.volumes["nodule"].unit == "mm2" and record.volumes["nodule"].ml is None


def test_without_a_voxel_size_voxels_are_counted(model, scan, centre, capsys) -> None:
    unknown = Volume(scan.data, np.eye(4), "unknown", oriented=False)
    found, mean, lines, warned = told(model, unknown, centre, capsys)
    assert "The voxel size is not known" in warned
    size = next(line for line in lines if line.startswith("Nodule"))
    assert " voxels · model range" in size and "mL" not in size and "mm" not in size
    record = describe(found, Choice(), None, mean)
    nodule = record.volumes["nodule"]
    assert (nodule.unit, nodule.ml, nodule.mm2, nodule.across) == ("voxels", None, None, None)


def test_slices_10_mm_apart_are_cautioned_and_not_calibrated(model, scan, centre, capsys) -> None:
    axis = across(scan)
    step = round(10 / float(np.linalg.norm(scan.affine[:3, axis])))
    thick = cut(scan, axis, centre[axis] % step, step)
    _, _, lines, warned = told(model, thick, moved(centre, axis, centre[axis] // step), capsys)
    assert "interpolated" in warned
    assert any("model range" in line for line in lines)
    assert not any("nine in ten" in line for line in lines)


def test_a_nodule_that_the_images_edge_cuts_is_outlined_up_to_it(
    model, scan, centre, capsys
) -> None:
    axis = (across(scan) + 1) % 3
    half = cut(scan, axis, centre[axis])
    found, mean, _, _ = told(model, half, moved(centre, axis, 0), capsys)
    assert mean.label_map.shape == half.space and found.dist.presence >= 0.5
    # The same half of it as where all of it is seen, for the greater part.
    whole = hypothesis_of(run_on(model, scan, centre, None), Choice(), None).label_map
    there = np.take(whole, range(centre[axis], whole.shape[axis]), axis) > 0
    here = mean.label_map > 0
    assert here.take(0, axis).any()
    assert 2 * (there & here).sum() / (there.sum() + here.sum()) > 0.5


def test_outside_the_body_there_is_no_nodule(model, scan, centre, capsys) -> None:
    axis = (across(scan) + 1) % 3
    air = [(0, 0)] * 4
    air[axis + 1] = (0, 80)
    far = replace(scan, data=np.pad(scan.data, air, constant_values=-1000.0))
    point = moved(centre, axis, scan.space[axis] + 50)
    found, _, lines, _ = told(model, far, point, capsys)
    assert found.dist.presence < 0.1
    # Before any size.
    assert lines[0].startswith("This does not look like a nodule")


def test_values_1024_too_high_are_refused_by_name(model, scan, centre) -> None:
    shifted = replace(scan, data=scan.data + 1024)
    with pytest.raises(ModelError, match="1,024 too high"):
        run_on(model, shifted, centre, None)
