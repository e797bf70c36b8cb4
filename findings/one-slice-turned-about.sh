#!/usr/bin/env bash
# nibabel 5.4.2, numpy 2.4.6 and torch 2.13.0: a scan of one slice, turned to the usual orientation,
# becomes no tensor, and making it contiguous first does not help.
#
# Turning a scan about along an axis gives an array that runs backwards there; torch takes none such,
# and numpy.ascontiguousarray is the usual remedy. One would guess that what numpy then calls
# contiguous is taken. Of a scan of one slice it is not: along an axis of one voxel any stride is
# contiguous to numpy, which copies nothing, and the stride is still below zero, which torch refuses.
# With two slices the same lines work.
set -euo pipefail
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install -qq nibabel==5.4.2 numpy==2.4.6 torch==2.13.0
cd "$place"
"$place/env/bin/python" - <<'PY'
import nibabel, numpy as np, torch

for slices, taken in ((2, True), (1, False)):
    # Slices follow one another towards the feet.
    scan = nibabel.Nifti1Image(np.zeros((4, 5, slices), np.float32), np.diag([1.0, 1, -1, 1]))
    turned = np.asanyarray(nibabel.as_closest_canonical(scan).dataobj)
    array = np.ascontiguousarray(turned)
    assert array.flags.c_contiguous
    try:
        torch.from_numpy(array)
        said = ""
    except ValueError as error:
        said = str(error).partition(",")[0]
    print(f"{slices} slices: strides {array.strides}, torch: {said or 'taken'}")
    assert (not said) == taken, "this has changed"
PY
