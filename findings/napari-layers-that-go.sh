#!/usr/bin/env bash
# napari 0.9.2 with vispy 0.17.0 and PyQt6 6.11.0: each layer that is removed has Python look through all of
# its objects.
#
# One would guess that `viewer.layers.remove(layer)` costs what the layer is. napari calls Python's
# search for cycles with it, in the window's thread, and that takes as long as there are objects in
# the whole process: beside a network, which brings half a million, a third of a second for a layer
# of a few voxels. A plugin that takes its five layers back one by one stops the window for a second
# and a half. `viewer.layers.clear()` searches once for all, and so does what happens inside
# `viewer.layers.batched_update()`.
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo "shown on Linux alone"; exit 0; }
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install -qq napari==0.9.2 PyQt6==6.11.0 vispy==0.17.0 numpy
cd "$place"
export QT_QPA_PLATFORM=offscreen NAPARI_CONFIG="$place/settings.yaml"
"$place/env/bin/python" - <<'PY'
import gc

import napari
import numpy as np

viewer = napari.Viewer(show=False)
searches = []
gc.callbacks.append(lambda phase, info: searches.append(info["generation"]))
gc.disable()


def layers() -> list:
    made = [viewer.add_labels(np.zeros((8, 8), np.uint8)) for _ in range(5)]
    searches.clear()
    return made


for layer in layers():
    viewer.layers.remove(layer)
# Each begins and ends.
one_by_one = searches.count(2) // 2
together = layers()
with viewer.layers.batched_update():
    for layer in together:
        viewer.layers.remove(layer)
batched = searches.count(2) // 2
print(f"five layers: {one_by_one} searches one by one, {batched} together")
assert (one_by_one, batched) == (5, 1), "this has changed"
PY
