"""A model of several channels in the window: a box for each, joined layers, obstacles in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.documents.card import read_card
from napari_ssn.io.hashes import image_hash
from napari_ssn.network.models import save_card
from napari_ssn.session.channels import preset
from tests.support.docks import run_and_wait
from tests.support.helpers import noise_image, oblique_affine, tiny_model


@pytest.mark.parametrize(
    ("channels", "images", "first", "found"),
    [
        (("T1", "T1ce"), ("x_t1ce", "x_t1"), 1, (1, 0)),
        (("T1", "T2"), ("x-t1ce", "X T1", "t2"), 0, (1, 2)),
        (("T1", "T1ce", "T2"), ("t1gd", "brain_T1ce", "t2w"), 2, (0, 1, 2)),
        # By their order, where names say nothing.
        (("T1", "T1ce"), ("MR 9 × 9", "MR 9 × 9 [1]"), 1, (0, 1)),
        (("T1", "T1ce", "T2"), ("a", "b"), 1, (0, 1, None)),
        # More images than channels: nobody can tell.
        (("T1", "T1ce"), ("a", "b", "c"), 2, (2, None)),
        (("T1", "T1ce"), ("a", "b", "t1ce"), 1, (1, 2)),
        # The one image there is.
        (("T1", "T1ce"), ("t1ce",), 0, (0, None)),
    ],
)
def test_channels_are_preset_by_names_and_by_order(
    channels: tuple[str, ...], images: tuple[str, ...], first: int, found: tuple[int | None, ...]
) -> None:
    assert preset(channels, images, first) == found


@pytest.fixture
def two(tmp_path: Path) -> Path:
    folder = tiny_model(tmp_path / "two", dims=3, region=(16,) * 3, channels=2)
    save_card(folder, read_card(folder).model_copy(update={"channels": ["T1", "T1ce"]}))
    return folder


def test_layers_are_joined_named_and_run(
    open_dock: Any, qtbot: Any, two: Path, tmp_path: Path
) -> None:
    viewer, dock = open_dock(two)
    panel, session, paths = dock.image, dock.session, []
    for k, (space, spacing) in enumerate(
        [((12, 18, 9), (1.4, 1.3, 2.5)), ((20, 18, 10), (0.7, 1.3, 2.5))]
    ):
        paths.append(tmp_path / f"{k}.nii.gz")
        nib.save(nib.Nifti1Image(noise_image(space, k), oblique_affine(spacing)), paths[-1])
    assert panel.channels.isVisibleTo(panel) and panel.title.text() == "T1"
    viewer.open(paths[0], plugin="napari-ssn")
    viewer.layers[0].name = "brain t1ce"
    # One image is the first, and the other is missing.
    box = panel.channels.boxes[0]
    assert panel.channels.isVisibleTo(panel) and panel.channels.names[0].text() == "T1ce"
    assert box.currentIndex() == -1
    assert session.setup.obstacle == "Choose the image of T1ce." == panel.fit.text()
    assert not dock.run.button.isEnabled()

    viewer.open(paths[1], plugin="napari-ssn")
    other, first = viewer.layers[0], viewer.layers[1]
    # By name, although the order says otherwise.
    assert panel.layers.currentText() == first.name and box.currentText() == "brain t1ce"
    source = session.setup.source
    assert session.setup.obstacle is None and source.channels == 2 and source.space == (20, 18, 10)
    assert "Channel 2 was resampled to the grid of the first." in panel.note.text()
    run_and_wait(dock, qtbot)
    both = ssn.read([paths[1], paths[0]])
    assert session.result.image_sha256 == image_hash(both)
    expected = ssn.load_model(two, "cpu").segment(both).label_map()
    np.testing.assert_array_equal(session.walk.label_map(()), expected)

    # Any of them that changes is another image.
    assert not session.stale
    other.data = np.asarray(other.data) + 1
    assert session.stale and session.setup.obstacle is None
    # One twice, by hand.
    session.place_centre((4, 5, 6))
    box.setCurrentIndex(box.findText(first.name))
    assert session.setup.obstacle == (
        "T1 and T1ce are one and the same image: choose another for one of them."
    )
    box.setCurrentIndex(box.findText("brain t1ce"))
    assert session.setup.obstacle is None and session.setup.centre == (4, 5, 6)
    # What somebody chose stays when another image is opened, and until its layer is gone.
    viewer.add_image(noise_image((5, 6)), name="t1")
    assert panel.layers.currentText() == first.name and box.currentText() == "brain t1ce"
    viewer.layers.remove(other)
    assert box.currentIndex() == -1 and session.setup.obstacle == "Choose the image of T1ce."
    box.setCurrentIndex(box.findText("t1"))
    assert session.setup.obstacle == (
        "T1ce has 2 axes and T1 has 3: the channels of an image have the same."
    )


def test_a_model_of_one_channel_takes_the_image_alone(
    open_dock: Any, two: Path, tmp_path: Path
) -> None:
    one = tiny_model(tmp_path / "one", dims=3, region=(16,) * 3)
    viewer, dock = open_dock(one, two)
    panel, session = dock.image, dock.session
    for k in range(2):
        viewer.add_image(noise_image((18, 17, 16), k), name=f"scan {k}", scale=(1, 1, 1))
    assert session.setup.source.channels == 1 and panel.title.text() == "Image"
    alone = session.setup.source.token
    panel._picked_model(panel.models.findData(two))
    assert panel.channels.boxes[0].currentText() == "scan 1"
    assert panel.layers.currentText() == "scan 0"
    joined = session.setup.source
    assert joined.channels == 2 and session.setup.obstacle is None
    part = (slice(2, 5), slice(3, 9), slice(1, 4))
    np.testing.assert_array_equal(joined.cut(part), joined.load().data[(slice(None), *part)])
    panel._picked_model(panel.models.findData(one))
    assert session.setup.source.channels == 1 and not panel.channels.isVisibleTo(panel)
    assert session.setup.source.token != alone
    panel._picked_model(panel.models.findData(two))
    assert session.setup.source.channels == 2
