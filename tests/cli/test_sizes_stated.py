"""What a sidecar says of the sizes of all hypotheses, and that edits of it are found out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_ssn.cli.repeat import again
from napari_ssn.cli.statements import statements
from napari_ssn.core.measures import calibrated_values, central_range
from napari_ssn.documents.sidecar import Provenance, read_sidecar
from napari_ssn.network.fit import Fit
from napari_ssn.prediction.ranges import count_ranges
from tests.support.fewer import DRAWS

pytestmark = pytest.mark.usefixtures("measured_once")


def test_calibrated_values_have_the_ends_of_the_stated_range() -> None:
    values = np.random.default_rng(0).integers(20, 400, 1000)
    stated = central_range(values, factors=(1.4, 0.6), readers=4)
    moved = calibrated_values(values, stated.median, (1.4, 0.6))
    ends = np.quantile(moved, [0.05, 0.5, 0.95])
    np.testing.assert_allclose(ends, [stated.low, stated.median, stated.high], rtol=1e-9)
    assert calibrated_values([0, 10], 10, (0.5, 1))[0] == 0


def test_edits_of_the_sizes_are_found_out(scan, models, results) -> None:
    record = read_sidecar(results / "mean.json")
    assert record.sizes is not None and record.together is not None
    recall = again(scan, record, str(models["3d"]), None)
    assert statements(record, recall).problems == []
    whole = json.loads(record.to_json())
    for edit in EDITS:
        changed = json.loads(json.dumps(whole))
        edit(changed)
        problems = statements(Provenance.model_validate(changed), recall).problems
        assert problems == ["the sidecar states another range of sizes than the model gives"]


def _with(field: str, name: str, value: object):
    def edit(record: dict) -> None:
        part = record[field]
        part = part if field == "together" else next(iter(part.values()))
        part[name] = value(part[name]) if callable(value) else value

    return edit


EDITS = [
    _with("sizes", "voxels", lambda old: old[:-1]),
    _with("together", "voxels", lambda old: [*old[:-1], old[-1] + 0.5]),
    _with("sizes", "readers", 4),
    _with("sizes", "shared", 0.5),
    _with("sizes", "draws", 10),
    # As little as another processor's rounding would change: here it is an edit.
    _with("sizes", "voxels", lambda old: [old[0] + 0.5, *old[1:]]),
    _with("together", "outlined", 0.5),
    lambda record: record.update(together=None),
    lambda record: record.update(sizes=None),
    lambda record: record["sizes"].pop(next(iter(record["sizes"]))),
]


def test_the_stated_ends_are_those_of_the_range(scan, models, results) -> None:
    record = read_sidecar(results / "mean.json")
    ranges = count_ranges(again(scan, record, str(models["3d"]), None).prediction)
    assert record.sizes is not None and len(record.sizes) == 2
    for one, stated in zip(record.sizes.values(), ranges.ranges, strict=True):
        ends = (one.voxels[5], one.voxels[50], one.voxels[95])
        assert ends == pytest.approx((stated.low, stated.median, stated.high), abs=1e-3)
        assert one.draws == ranges.count == 2 * DRAWS


def test_a_sidecar_of_before_says_nothing_of_them(scan, models, results) -> None:
    record = read_sidecar(results / "mean.json").model_copy(
        update={"sizes": None, "together": None}
    )
    again_read = Provenance.model_validate_json(record.to_json())
    assert statements(again_read, again(scan, record, str(models["3d"]), None)).problems == []


def test_edits_of_the_diameters_are_found_out(scan, models, results) -> None:
    record = read_sidecar(results / "mean.json")
    assert record.spans is not None and set(record.spans) == {"label 1", "label 2"}
    recall = again(scan, record, str(models["3d"]), None)
    whole = json.loads(record.to_json())
    edits = [
        lambda spans: spans["label 1"].update(
            longest_mm=[1.3 * one for one in spans["label 1"]["longest_mm"]]
        ),
        lambda spans: spans["label 1"].update(
            perpendicular_mm=[1.3 * one for one in spans["label 1"]["perpendicular_mm"]]
        ),
        lambda spans: spans["label 2"].update(draws=spans["label 2"]["draws"] + 1),
        lambda spans: spans["label 1"]["longest_mm"].insert(
            0, 0.2 + spans["label 1"]["longest_mm"].pop(0)
        ),
        lambda spans: spans["label 2"]["longest_mm"].pop(),
        lambda spans: spans.pop("label 1"),
    ]
    for edit in edits:
        changed = json.loads(json.dumps(whole))
        edit(changed["spans"])
        problems = statements(Provenance.model_validate(changed), recall).problems
        assert problems == ["the sidecar states another range of diameters than the model gives"]
    before = json.loads(json.dumps(whole))
    for one in before["spans"].values():
        del one["perpendicular_mm"]
    assert statements(Provenance.model_validate(before), recall).problems == []
    without = Provenance.model_validate({**whole, "spans": None})
    assert statements(without, recall).problems == []


def test_of_other_software_what_is_nearly_so_is_named_as_unchecked(scan, models, results) -> None:
    record = read_sidecar(results / "mean.json")
    recall = again(scan, record, str(models["3d"]), None)
    whole = json.loads(record.to_json())
    whole["software"]["torch"] = "2.0.0"
    whole["together"]["voxels"][-1] += 0.5
    whole["spans"]["label 1"]["longest_mm"][0] += 0.2
    found = statements(Provenance.model_validate(whole), recall)
    assert found.problems == [] and found.unchecked == ["created", "software", "sizes", "spans"]
    assert "sizes.draws" in found.used


def test_a_caution_that_a_sidecar_leaves_out_is_named(
    scan, models, results, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_sidecar(results / "mean.json")
    record = record.model_copy(update={"sizes": None, "together": None, "spans": None})
    recall = again(scan, record, str(models["3d"]), None)
    assert statements(record, recall).unchecked == ["created", "software"]
    monkeypatch.setitem(vars(recall.prediction), "fit", Fit(caution="Nothing like it was seen."))
    found = statements(record, recall)
    assert found.unchecked == ["created", "software"]
    assert "otherwise whether the image is unlike those of the training" in " ".join(found.problems)
    # The card of another version knew something else of the training images.
    model = record.model.model_copy(update={"version": "0.0.1"})
    found = statements(record.model_copy(update={"model": model}), recall)
    assert found.unchecked == ["created", "software", "run.unlike"]
    assert not any("unlike" in problem for problem in found.problems)
