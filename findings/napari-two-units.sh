#!/usr/bin/env bash
# napari 0.9.2: a layer in another unit turns the viewer's world, and not that of the layers.
#
# `Layer.world_to_data` takes a place of the world to a voxel, and `viewer.dims.point` (like the
# cursor's and the mouse's positions) is a place of the world. One would guess that the first takes
# the second whatever else is open: it is how plugins find the voxel that somebody points at. As soon
# as any layer is in a smaller unit, dims, cursor and mouse count in that one, for all layers, and
# `world_to_data` goes on in the layer's own: a CT in mm shows slice 4 and `get_value` reads slice 4,
# but `world_to_data` says 4,000 once a layer of points in µm lies beside it, and 4 without it. And
# the place that was looked at keeps its number and so is another: 8 mm have become 8 µm, while the
# slice of 8 mm stays on the screen.
set -euo pipefail
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install -qq napari==0.9.2
cd "$place"
NAPARI_CONFIG="$place/settings.yaml" "$place/env/bin/python" - <<'PY'
import numpy as np
from napari.components import ViewerModel

viewer = ViewerModel()
slices = np.arange(10.0)[:, None, None] * np.ones((10, 20, 30))
ct = viewer.add_image(slices, scale=(2, 1, 1), units=("mm",) * 3)


def at() -> tuple[float, ...]:
    """Where one looks, the value that napari reads there, and the slice that the layer says."""
    point = viewer.dims.point
    return point[0], float(ct.get_value(point, world=True)), float(ct.world_to_data(point)[0])


viewer.dims.set_point(0, 8.0)
alone = at()
points = viewer.add_points([[1000, 1000, 1000]], units=("um",) * 3)
beside = at()
# The same slice again, in µm.
viewer.dims.set_point(0, 8000.0)
again = at()
for name, found in (("CT alone", alone), ("points added", beside), ("at 8,000 µm", again)):
    print(f"{name}: dims {found[0]:g}, get_value {found[1]:g}, world_to_data {found[2]:g}")
expected = ((8, 4, 4), (8, 4, 4), (8000, 4, 4000))
assert (alone, beside, again) == expected, "this has changed"
PY
