#!/usr/bin/env bash
# nibabel 5.4.2 and SimpleITK 2.5.7 (ITK 5.4): a NIfTI file may hold two affines, and the two
# programs take different ones.
#
# The format has a qform and an sform, each with a code that says what it leads to. One would guess
# that programs agree on which of two valid ones counts, or warn. nibabel takes the sform wherever
# its code is above 0. ITK, and so 3D Slicer and ITK-SNAP, takes the qform unless the sform's code
# is exactly 1: with codes 1 and 2 ("aligned to another image", as registration programs write it)
# the same voxel lies 30 mm apart in the two.
set -euo pipefail
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install -qq nibabel==5.4.2 SimpleITK==2.5.7
cd "$place"
"$place/env/bin/python" - <<'PY'
import nibabel, numpy as np, SimpleITK

for code, apart in ((1, 0.0), (2, 30.0)):
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    here, there = np.eye(4), np.eye(4)
    there[0, 3] = 30.0
    image.set_qform(here, 1)
    image.set_sform(there, code)
    nibabel.save(image, "two.nii")
    of_nibabel = nibabel.load("two.nii").affine[:3, 3]
    # ITK counts towards the left and the back, NIfTI towards the right and the front.
    of_itk = np.array(SimpleITK.ReadImage("two.nii").GetOrigin()) * [-1, -1, 1]
    print(f"sform code {code}: nibabel {of_nibabel.tolist()}, ITK {of_itk.tolist()}")
    assert np.isclose(np.linalg.norm(of_nibabel - of_itk), apart), "this has changed"
PY
