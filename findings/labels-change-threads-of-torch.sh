#!/usr/bin/env bash
# napari 0.9.2 with numba 0.68.1 and torch 2.13.0: colouring labels sets torch's number of threads.
#
# `torch.set_num_threads(1)` (or OMP_NUM_THREADS=1) is how several processes share a computer. One
# would guess that it holds until somebody sets another. With numba installed, napari turns labels
# into colours in numba's parallel loops; these start OpenMP with a thread for each processor, and on
# Linux numba's OpenMP and torch's are one library with one setting: from the first labels that are
# drawn on, torch in that thread of the program computes with as many threads as there are
# processors. Nothing is said. Two processes that run small networks on two processors then spend
# most of their time waiting for each other's threads. NUMBA_NUM_THREADS sets both.
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo "shown on Linux alone"; exit 0; }
unset OMP_NUM_THREADS OMP_THREAD_LIMIT
[ "$(nproc)" -gt 1 ] || { echo "one processor cannot show it"; exit 0; }
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install -qq napari==0.9.2 numba==0.68.1 torch==2.13.0 numpy
cd "$place"
cat > colours.py <<'PY'
import os

import numpy as np
import torch
from napari.utils.colormaps import DirectLabelColormap

torch.set_num_threads(1)
before = torch.get_num_threads()
colours = DirectLabelColormap(color_dict={None: "black", 0: "transparent", 1: "red"})
colours.map(np.ones((10, 100), np.uint8))
after = torch.get_num_threads()
asked = os.environ.get("NUMBA_NUM_THREADS")
print(f"NUMBA_NUM_THREADS {asked}: {before} before, {after} after labels were coloured")
assert (before, after > 1) == (1, asked is None), "this has changed"
PY
export NAPARI_CONFIG="$place/settings.yaml"
env -u NUMBA_NUM_THREADS "$place/env/bin/python" colours.py
NUMBA_NUM_THREADS=1 "$place/env/bin/python" colours.py
