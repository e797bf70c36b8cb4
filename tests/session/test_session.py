"""The application without a window, its jobs done inline or held back by the test."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.prediction import counting
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.curve import (
    STEP,
    stop_of,
    stops,
)
from napari_ssn.prediction.source import Source
from napari_ssn.session import (
    Decoded,
    Session,
    Settings,
    Survey,
)
from napari_ssn.session.derived import Derived
from tests.support.helpers import noise_image, tiny_model
from tests.support.sessions import Held, _tokens, ran, source, start, undealt

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "flat")


@pytest.fixture
def session(flat: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    made = start(undealt(), flat, monkeypatch)
    yield made
    made.close()


def test_states_from_nothing_to_a_result(session: Session) -> None:
    seen = []
    session.changed.connect(lambda: seen.append(session.state))
    assert session.state == "no image"
    assert session.setup.obstacle == "Open an image to begin."
    session.set_image(source(noise_image((32, 40))))
    assert session.state == "ready" and session.setup.obstacle is None
    session.run()
    assert session.state == "result"
    assert [s for s in ("loading", "running", "result") if s in seen] == [
        "loading",
        "running",
        "result",
    ]
    assert session.ranges is not None and session.ranges.count == 50


def test_the_size_on_show_is_that_of_the_label_map_on_show(session: Session) -> None:
    ran(session)
    walk, dist = session.walk, session.result.dist
    for move in (
        lambda: walk.set_sigma(1.0),
        lambda: walk.set_sigma(-2.35),
        lambda: walk.step(1),
        lambda: walk.set_direction(1),
        lambda: walk.nudge(0.1),
    ):
        move()
        expected = np.bincount(dist.label_map(walk.z).reshape(-1), minlength=2)
        np.testing.assert_array_equal(walk.counts, expected)
        np.testing.assert_array_equal(walk.label_map(()), dist.label_map(walk.z))
        part = (slice(3, 30), 7)
        np.testing.assert_array_equal(walk.label_map(part), dist.label_map(walk.z)[part])
        # What somebody does to the labels that they got is not what is on show.
        walk.label_map(())[...] = 1
        np.testing.assert_array_equal(walk.label_map(()), dist.label_map(walk.z))


def test_small_walks_are_kept_and_larger_ones_decoded(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for room in (1 << 24, 0):
        monkeypatch.setattr(counting, "_KEPT", room)
        ran(session)
        session.pointing.start(1)
        session.pointing.add((12, 20))
        session.walk.set_sigma(1.0)
        curve = session.walk.here.curve.value
        assert curve is not None and (curve.maps is not None) == (room > 0)
        shown.append((session.walk.label_map(()), session.walk.counts))
    np.testing.assert_array_equal(shown[0][0], shown[1][0])
    np.testing.assert_array_equal(shown[0][1], shown[1][1])


def test_z_is_the_anchor_plus_sigma_times_the_direction(session: Session) -> None:
    ran(session)
    walk, result = session.walk, session.result
    walk.set_sigma(1.5)
    np.testing.assert_array_equal(walk.z, 1.5 * result.directions.basis[:, 0])
    walk.set_seed(7)
    walk.show_sample(2)
    anchor = walk.z
    np.testing.assert_array_equal(result.dist.label_map(anchor), result.dist.sample(3, seed=7)[2])
    walk.set_direction(1)
    walk.set_sigma(-0.5)
    np.testing.assert_array_equal(walk.z, anchor - 0.5 * result.directions.basis[:, 1])


def test_steps_go_round_the_mean_and_the_samples(session: Session) -> None:
    walk = ran(session).walk
    seen = []
    for _ in range(6):
        seen.append(walk.choice.sample)
        walk.step(1)
    assert seen == [None, 0, 1, 2, 3, None]
    walk.show_sample(None)
    walk.step(-1)
    assert walk.choice.sample == 3


def test_undo_takes_back_ten_steps_and_a_drag_is_one(session: Session) -> None:
    walk = ran(session).walk
    walk.set_sigma(0.5)
    for sigma in (0.6, 0.7, 0.8):
        walk.set_sigma(sigma, same_gesture=True)
    walk.undo()
    assert walk.choice == Choice() and not walk.history.can_undo
    for number in range(12):
        walk.set_sigma(0.1 * (number + 1))
    for _ in range(20):
        walk.undo()
    assert walk.choice.sigma == pytest.approx(0.2)


def test_stops_cover_the_slider() -> None:
    grid = stops(3.0)
    assert len(grid) == 121 and grid[60] == 0 and grid[-1] == pytest.approx(3)
    assert [stop_of(s, 3.0) for s in (-9, -3, 0, 0.06, 3, 9)] == [0, 0, 60, 61, 120, 120]
    assert STEP == 0.05


def test_a_shorter_slider_comes_back_and_samples_stay(session: Session) -> None:
    ran(session).walk.set_sigma(3.0)
    session.configure(Settings(device="cpu", hypotheses=60, samples=4, reach=1.0))
    assert session.walk.choice.sigma == 0 and session.walk.counts is not None
    assert session.ranges.count == 60
    session.walk.set_sigma(3.0)
    assert session.walk.choice.sigma == 1.0


def test_samples_are_made_one_after_the_other_and_go_on(session: Session) -> None:
    made: list[Decoded] = []
    session.copies.made.connect(made.append)
    ran(session)
    session.copies.add_samples(2, seed=3)
    session.copies.add_samples(1, seed=3)
    assert [d.choice.sample for d in made] == [0, 1, 2]
    maps = session.result.dist.sample(3, seed=3)
    for decoded, expected in zip(made, maps, strict=True):
        np.testing.assert_array_equal(decoded.label_map, expected)
        assert not decoded.label_map.flags.writeable
        assert decoded.provenance["choice"]["sample"] == decoded.choice.sample + 1
    session.walk.set_sigma(1.0)
    session.copies.keep()
    assert made[-1].kept and made[-1].choice.kind == "walk"


def test_export_writes_what_is_on_show(session: Session, tmp_path: Path) -> None:
    import nibabel as nib

    ran(session).walk.set_sigma(1.0)
    session.files.export(tmp_path / "hypothesis.nii.gz")
    assert session.files.exported is not None and session.state == "result"
    assert session.files.exported.files == ("hypothesis.nii.gz", "hypothesis.json")
    written = np.asarray(nib.load(tmp_path / "hypothesis.nii.gz").dataobj)
    np.testing.assert_array_equal(written.reshape(32, 40), session.walk.label_map(()))
    record = json.loads((tmp_path / "hypothesis.json").read_text())
    assert record["choice"]["kind"] == "walk" and record["choice"]["sigma"] == 1.0
    assert record["choice"]["z"] == session.walk.z.tolist()
    assert str(tmp_path) not in json.dumps(record)


def test_export_replaces_only_what_it_may(session: Session, tmp_path: Path) -> None:
    ran(session)
    foreign = tmp_path / "scan.json"
    foreign.write_text('{"EchoTime": 0.1}')
    session.files.export(tmp_path / "scan.nii.gz")
    assert session.state == "error" and "another program" in session.note.text
    assert foreign.read_text() == '{"EchoTime": 0.1}' and not (tmp_path / "scan.nii.gz").exists()
    session.files.export(tmp_path / "a.nii.gz")
    session.files.export(tmp_path / "a.nii.gz")
    assert session.state == "error" and "already" in session.note.text
    session.files.export(tmp_path / "a.nii.gz", overwrite=True)
    assert session.state == "result"


@pytest.mark.parametrize(("number", "words"), [(28, "full"), (30, "may not be written")])
def test_export_to_a_full_or_read_only_folder(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    ran(session)
    before = session.walk.choice

    real = Path.open

    def refuse(self: Path, *args: Any, **more: Any) -> Any:
        if self.parent == tmp_path:
            raise OSError(number, "refused", str(self))
        return real(self, *args, **more)

    really = os.open

    def refuse_too(path: Any, *args: Any, **more: Any) -> int:
        if Path(path).parent == tmp_path:
            raise OSError(number, "refused", str(path))
        return really(path, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        patch.setattr(os, "open", refuse_too)
        session.files.export(tmp_path / "hypothesis.nii.gz")
    assert session.state == "error" and words in session.note.text
    assert "hypothesis" not in session.note.text
    assert session.result is not None and session.walk.choice == before
    assert list(tmp_path.glob("*hypothesis*")) == []


# ---- Bad input: one sentence, and what was there stays


def assert_refused(session: Session, words: str) -> None:
    assert session.state == "error", session.state
    text = session.note.text
    assert words in text and "\n" not in text and text.endswith(".")


def test_a_run_without_an_image(session: Session) -> None:
    session.run()
    assert_refused(session, "Open an image")


def test_a_flat_image_for_a_3d_model(session: Session, tmp_path: Path) -> None:
    ran(session)
    session.catalogue.add_folder(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    assert session.setup.model.card.name == "deep"
    assert session.setup.misfit and "3D volumes" in session.setup.obstacle
    session.run()
    assert_refused(session, "this image is 2D (32 × 40)")
    assert session.result is not None and not session.stale
    session.set_image(source(noise_image((16, 32, 32))))
    assert session.setup.obstacle is None and session.stale


def test_what_a_2d_model_knows_of_areas_does_not_calibrate_volumes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = start(undealt(), tiny_model(tmp_path / "flat", calibration=0.5), monkeypatch)
    for space, calibrated in (((32, 40), True), ((1, 32, 40), True), ((3, 32, 40), False)):
        ran(session, space)
        assert session.ranges.ranges[0].calibrated is calibrated


def test_a_2d_model_runs_over_the_slices_of_a_volume(session: Session) -> None:
    session.set_image(source(noise_image((5, 32, 40)), (2.0, 0.7, 0.7)))
    assert not session.setup.misfit and not session.setup.needs_point
    session.run()
    assert session.state == "result" and session.result.dist.space == (5, 32, 40)
    assert session.result.depth_mm is None and session.result.tile == (32, 32)
    session.place_centre((2, 16, 16))
    session.run()
    assert session.result.depth_mm == 15 and session.result.dist.space == (5, 32, 32)


def test_an_image_that_cannot_be_used(session: Session) -> None:
    session.set_image(source(noise_image((8, 8)), problem="This is a colour picture."))
    assert session.setup.misfit
    session.run()
    assert_refused(session, "colour picture")


@pytest.mark.parametrize(
    ("value", "words"), [(None, "same value everywhere"), (np.nan, "NaN"), (np.inf, "infinite")]
)
def test_constant_and_not_finite_images(session: Session, value: float, words: str) -> None:
    kept = ran(session).result
    data = np.full((32, 32), 3.0, np.float32)
    if value is not None:
        data = noise_image((32, 32))
        data[4, 5] = value
    session.set_image(source(data))
    session.run()
    assert_refused(session, words)
    assert session.result is kept and session.stale


def test_a_point_off_the_image(session: Session) -> None:
    session.set_image(source(noise_image((32, 40))))
    for index in ((-1, 3), (32, 3), (1, 2, 3)):
        session.place_centre(index)
        assert_refused(session, "outside the image")
    assert session.setup.centre is None
    session.place_centre((31, 39))
    session.run()
    assert session.state == "result" and session.result.centre == (31, 39)
    # The region overhangs the image and is cut off: 16 voxels before the corner, one of its own.
    assert session.result.dist.start == (15, 23)


def test_unknown_and_damaged_model_folders(session: Session, flat: Path, tmp_path: Path) -> None:
    before = session.setup.model
    session.catalogue.add_folder(tmp_path / "nowhere")
    assert_refused(session, "no readable card")
    damaged = tiny_model(tmp_path / "damaged")
    (damaged / "model.json").write_text("{}")
    session.catalogue.add_folder(damaged)
    assert_refused(session, "invalid")
    assert session.setup.model == before
    broken = tiny_model(tmp_path / "broken")
    (broken / "weights.safetensors").write_bytes(b"no weights")
    session.set_image(source(noise_image((32, 32))))
    session.catalogue.add_folder(broken)
    session.run()
    assert_refused(session, "damaged")
    session.catalogue.choose(flat)
    session.run()
    assert session.state == "result"


def test_no_model_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    session = Session(undealt(), Settings(device="cpu"))
    session.catalogue.look()
    session.set_image(source(noise_image((32, 32))))
    session.run()
    assert_refused(session, "No model is installed")


def test_a_centred_model_asks_for_a_point_only_where_it_must(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "centred", centred=True)
    session = start(undealt(), model, monkeypatch)
    session.set_image(source(noise_image((32, 32))))
    assert not session.setup.around_point and session.setup.obstacle is None
    session.run()
    assert session.state == "result"
    session.set_image(source(noise_image((64, 64))))
    assert session.setup.around_point
    assert "Place the centre" in session.setup.obstacle
    session.set_around_point(False)
    assert "around a point" in session.setup.obstacle
    session.place_centre((20, 44))
    session.run()
    assert session.state == "result" and session.result.dist.start == (4, 28)


# ---- Things that happen while something runs


def test_removing_the_image_during_a_run_stops_it(
    monkeypatch: pytest.MonkeyPatch, flat: Path
) -> None:
    runner = Held({"run"})
    session = start(runner, flat, monkeypatch)
    session.set_image(source(noise_image((32, 32))))
    session.run()
    assert session.busy
    session.set_image(None)
    assert not session.busy and "stopped" in session.note.text
    runner.go()
    assert session.result is None


def test_cancel_keeps_the_former_result(monkeypatch: pytest.MonkeyPatch, flat: Path) -> None:
    runner = Held(set())
    session = ran(start(runner, flat, monkeypatch))
    kept = session.result
    runner.channels.add("run")
    session.run()
    session.cancel()
    assert session.result is kept and session.note.text == "Cancelled."
    assert session.state == "result"


def test_what_an_earlier_key_led_to_is_dropped_even_if_it_comes_late() -> None:
    """Whatever the runner does: of several keys the newest wins, and a failure is said once."""
    runner, told, failed = Held({"sums"}), [], []
    sums: Derived[int, int] = Derived(runner, "sums", lambda key, cancel: 10 * key, failed.append)
    sums.changed.connect(lambda: told.append(sums.value))
    sums.want(1)
    late = runner.waiting[0][1]
    sums.want(2)
    late()
    assert sums.value is None and sums.waiting and told == []
    runner.go()
    assert sums.current == sums.value == 20 and told == [20]
    sums.want(3)
    assert sums.value == 20 and sums.current is None
    # Back where everything is known: nothing is found out again.
    sums.want(2)
    assert sums.current == 20 and not runner.waiting
    sums.forget()
    assert (sums.value, sums.current, sums.waiting) == (None, None, False) and told == [20]


def test_a_changed_image_makes_the_result_stale_and_going_back_does_not(session: Session) -> None:
    ran(session)
    first = session.setup.source
    session.set_image(source(noise_image((32, 40), seed=1)))
    assert session.stale and session.result is not None
    session.copies.add_samples(3, 0)
    session.set_image(first)
    assert not session.stale
    session.set_image(None)
    assert session.stale and session.state == "result"


def test_an_unknown_device_is_said(session: Session) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this computer has CUDA")
    session.configure(Settings(device="cuda"))
    assert_refused(session, "CUDA")


def test_3d_several_labels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "deep", dims=3, classes=3, region=(16, 16, 16), calibration=0.5)
    session = ran(start(undealt(), model, monkeypatch), (16, 20, 18))
    assert len(session.ranges.ranges) == 2 and session.ranges.ranges[0].calibrated
    session.walk.set_sigma(0.35)
    expected = np.bincount(session.walk.label_map(()).reshape(-1), minlength=3)
    np.testing.assert_array_equal(session.walk.counts, expected)


def test_a_large_result_is_packed_and_made_again_by_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import nibabel as nib

    from napari_ssn.cli.repeat import repeat
    from napari_ssn.core.packed import distribution as activation
    from napari_ssn.io import read

    monkeypatch.setattr(activation, "LARGE", 0)
    model = tiny_model(tmp_path / "deep", dims=3, classes=3, region=(16, 16, 16))
    nib.save(nib.Nifti1Image(noise_image((16, 20, 18)), np.eye(4)), tmp_path / "scan.nii.gz")
    volume = read(tmp_path / "scan.nii.gz")
    session = start(undealt(), model, monkeypatch)
    session.set_image(
        Source(next(_tokens), volume.space, 1, volume.affine, "volume", True, lambda: volume)
    )
    session.run()
    dist = session.result.dist
    assert isinstance(dist, activation.PackedDistribution)
    slow = dist.dense()
    assert session.ranges is not None and len(session.ranges.ranges) == 2
    for sigma in (0.35, -2.0):
        session.walk.set_sigma(sigma)
        expected = slow.label_map(session.walk.z)
        np.testing.assert_array_equal(session.walk.label_map(()), expected)
        where = (slice(None), slice(3, 4))
        np.testing.assert_array_equal(session.walk.label_map(where), expected[where])
        counts = np.bincount(expected.reshape(-1), minlength=3)
        np.testing.assert_array_equal(session.walk.counts, counts)
    session.files.export(tmp_path / "out.nii.gz")
    again = tmp_path / "again.nii.gz"
    args = (tmp_path / "scan.nii.gz", tmp_path / "out.json", again)
    assert repeat(*args, model_name=str(model), device="cpu")
    # The dense distribution has other numbers, and is another one: half precision is kept.
    with monkeypatch.context() as patch:
        patch.setattr(activation, "LARGE", 1 << 40)
        session.run()
        assert not isinstance(session.result.dist, activation.PackedDistribution)
        assert (session.result.dist.mean != slow.mean).any()


def test_opening_costs_no_torch() -> None:
    import subprocess

    code = (
        "import sys; import napari_ssn.session as s; s.Session(None); "
        "assert not {'torch', 'monai', 'qtpy', 'napari'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_model_that_reads_the_image_is_chosen_by_itself() -> None:
    from types import SimpleNamespace as Thing

    from napari_ssn.geometry.declared import UNDECLARED
    from napari_ssn.network.places import model_folders
    from napari_ssn.session.jobs import read_entry
    from napari_ssn.session.setup import Setup

    models = [read_entry(folder) for folder in sorted(model_folders().values())]
    for dims in (2, 3):
        setup = Setup()
        setup.source = Thing(
            token=dims, problem=None, space=(64,) * dims, channels=1, affine=np.eye(4),
            extent="volume", oriented=False, ct=False, units=None, declared=UNDECLARED, cut=None,
        )  # fmt: skip
        setup.set_survey(Thing(models=models), None)
        assert setup.model is not None and setup.model.card.spatial_dims == dims
        # Another image brings another model, unless the user chose this one.
        other = Thing(
            token=9, problem=None, space=(64,) * (5 - dims), channels=1, affine=np.eye(4),
            extent="volume", oriented=False, ct=False, units=None, declared=UNDECLARED, cut=None,
        )  # fmt: skip
        setup.set_source(other)
        assert setup.model.card.spatial_dims == 5 - dims
        setup.pick_model(next(m for m in models if m.card.spatial_dims == dims))
        setup.set_source(Thing(**{**vars(other), "token": 10}))
        assert setup.model.card.spatial_dims == dims and setup.misfit == (dims == 3)


@pytest.mark.parametrize(
    ("space", "ct", "wanted"),
    [((64,) * 3, False, "hippocampus-3d"), ((64,) * 3, True, "nodule-3d"),
     ((64, 64, 1), True, "lidc-2d"), ((64, 64, 1), False, "lidc-2d")],
)  # fmt: skip
def test_a_ct_is_not_offered_to_a_model_of_mr(
    space: tuple[int, ...], ct: bool, wanted: str
) -> None:
    from napari_ssn.network.places import model_folders
    from napari_ssn.session.jobs import read_entry
    from napari_ssn.session.setup import Setup

    models = [read_entry(folder) for folder in sorted(model_folders().values())]
    setup = Setup()
    setup.set_survey(Survey(tuple(models), "CPU"), None)
    setup.set_source(replace(source(noise_image(space)), ct=ct))
    assert setup.model is not None and setup.model.card.name == wanted
    # The user may choose it all the same, and is told.
    setup.pick_model(next(m for m in models if m.card.name == "hippocampus-3d"))
    assert ("looks like a CT" in (setup.caution or "")) == ct


def test_a_centre_that_moves_during_a_run_stops_it(
    monkeypatch: pytest.MonkeyPatch, flat: Path
) -> None:
    runner = Held({"run"})
    session = start(runner, flat, monkeypatch)
    session.set_image(source(noise_image((32, 32))))
    session.run()
    session.place_centre((-1, 0))
    assert session.busy and "outside" in session.note.text
    session.place_centre((5, 6))
    assert not session.busy and "stopped" in session.note.text


def test_samples_of_another_image_are_not_made_any_more(session: Session) -> None:
    ran(session)
    made: list[Decoded] = []

    def take(decoded: Decoded) -> None:
        made.append(decoded)
        session.set_image(source(noise_image((32, 40), seed=1)))

    session.copies.made.connect(take)
    session.copies.add_samples(3, 0)
    assert len(made) == 1 and session.stale


def test_a_run_tells_of_the_plane_on_show_and_of_detours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16))
    session = start(undealt(), model, monkeypatch)
    session.looking = lambda: (30, None, None)
    told = []
    session.previewed.connect(lambda preview: told.append((session.state, preview)))
    ran(session, (40, 20, 20))
    ((state, preview),) = told
    assert state == "running" and preview.start == (30, 0, 0)
    assert preview.source is session.setup.source
    np.testing.assert_array_equal(preview.label_map, session.result.dist.label_map()[30:31])


def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dataclasses import replace

    from napari_ssn.network import device

    model = tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16))
    session = ran(start(undealt(), model, monkeypatch), (20, 20, 20))
    kept = session.result

    class Memory:
        available = 6 * 10**9

    def unread() -> Any:
        raise AssertionError("the image was read")

    monkeypatch.setattr(device.psutil, "virtual_memory", Memory)
    # What lies on a disk would need no memory.
    monkeypatch.setattr("napari_ssn.network.plan.folder_for", lambda size: None)
    whole = source(np.broadcast_to(np.float32(0), (1024, 1024, 1024)))
    session.set_image(replace(whole, load=unread))
    session.run()
    assert_refused(session, "Segmenting 1024 × 1024 × 1024 voxels needs about 57 GB")
    assert_refused(session, "and 6.0 GB are free: choose a region around a point.")
    assert session.result is kept


@pytest.mark.parametrize("size", [0.0, np.nan])
def test_voxels_without_a_size_are_no_image(size: float) -> None:
    from napari_ssn.errors import GeometryError

    with pytest.raises(GeometryError):
        source(noise_image((5, 6, 7)), (1.0, size, 1.0))
