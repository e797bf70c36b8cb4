#!/usr/bin/env bash
# highdicom 0.28.2 and SimpleITK 2.5.7 (GDCM inside): a binary DICOM segmentation whose frames are no
# multiple of eight pixels is read without a word, and wrongly.
#
# Such a segmentation packs one bit a pixel, and frame follows frame without padding; three frames of
# 5 × 5 pixels are nine bytes and three bits. One would guess that a reader that opens the file either
# counts bits or refuses. highdicom reads what was written. SimpleITK opens it too, but the pixels of
# the last frame that no whole byte holds come out by chance: the same file, read by twelve processes,
# gives masks that are wrong, and not always alike.
set -euo pipefail
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install -qq highdicom==0.28.2 pydicom==3.0.2 SimpleITK==2.5.7
cd "$place"
"$place/env/bin/python" - <<'PY'
import json
import subprocess
import sys

import highdicom as hd, numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

study, series = hd.UID(), hd.UID()


def plane(k):
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = CTImageStorage
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = hd.UID()
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, "1.2.3"
    d.Modality, d.PatientName, d.PatientID = "CT", "Phantom^Grey", "0"
    d.PatientBirthDate = d.StudyDate = d.StudyTime = d.AccessionNumber = d.StudyID = ""
    d.PatientSex = d.ReferringPhysicianName = ""
    d.Manufacturer, d.SeriesNumber, d.InstanceNumber = "none", 1, k + 1
    d.ImagePositionPatient, d.ImageOrientationPatient = [0, 0, k], [1, 0, 0, 0, 1, 0]
    d.PixelSpacing, d.SliceThickness = [1, 1], 1
    d.Rows = d.Columns = 5
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.BitsAllocated = d.BitsStored = 16
    d.HighBit, d.PixelRepresentation = 15, 0
    d.PixelData = np.zeros((5, 5), "<u2").tobytes()
    return d


truth = np.zeros((3, 5, 5), np.uint8)
truth[0, 1, 1:3], truth[1, 2, 1:4], truth[2, 3, :4] = 1, 1, 1
kind = hd.seg.SegmentDescription(1, "one", codes.SCT.Tissue, codes.SCT.Lung, "MANUAL")
hd.seg.Segmentation(
    source_images=[plane(k) for k in range(3)], pixel_array=truth, segmentation_type="BINARY",
    segment_descriptions=[kind], series_instance_uid=hd.UID(), series_number=2,
    sop_instance_uid=hd.UID(), instance_number=1, manufacturer="none",
    manufacturer_model_name="none", software_versions="0", device_serial_number="0",
).save_as("seg.dcm")
ours = np.squeeze(hd.seg.segread("seg.dcm").get_volume(combine_segments=True).array) > 0
# Either may begin at the head or at the feet.
written = (truth > 0, truth[::-1] > 0)
assert any(np.array_equal(ours, one) for one in written)
print("written:  ", truth.sum((1, 2)).tolist(), "pixels in each frame")
print("highdicom:", ours.sum((1, 2)).tolist())
read = (
    "import SimpleITK as s; a = s.GetArrayFromImage(s.ReadImage('seg.dcm')) > 0;"
    "print((a * 1).ravel().tolist())"
)
seen = []
for _ in range(12):
    out = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=True)
    seen.append(np.array(json.loads(out.stdout)).reshape(truth.shape))
right = [any(np.array_equal(mask, one) for one in written) for mask in seen]
counts = sorted({tuple(mask.sum((1, 2)).tolist()) for mask in seen})
print("SimpleITK:", *map(list, counts), f"- right {sum(right)} times of 12")
assert not all(right), "this has changed"
PY
