"""Why something cannot be done, or was not: one sentence each, with what to do."""

from __future__ import annotations

NO_DEPTH = "In the 3D view a click has no depth: point in a slice."
OTHER_FRAME = "The result is of another frame: go back to it to point."
OUTSIDE_IMAGE = "That point lies outside the image."
COLOURED = (
    "This is a colour picture (RGB) and the model reads grey values: "
    "choose or open a grey-value image."
)
TIME_NOT_FIRST = "Time must be the first axis: bring the axes in the order (time, z, y, x)."
POINT_AFTER_RUN = "Wait for the run to end before you point at anything."
POINT_AFTER_ANOTHER_RUN = "The result is of another image or place: run again before you point."
IMAGE_CLOSED = "The result's image was closed: run again to export."
CENTRE_CHANGED = "The centre changed during the run, which was stopped."
IMAGE_CHANGED = "The image changed during the run, which was stopped."
CENTRE_OUTSIDE = "That point lies outside the image: click on the lesion."
NO_MODEL = "No model is installed: choose “Other folder…” in the list of models."
NO_MEMBERS = "Choose the members of the ensemble: a folder, files or layers."
OPEN_IMAGE = "Open an image to begin."
PLACE_CENTRE = "Place the centre: one click on the lesion."
AROUND_POINT = "This model looks around one lesion: choose “around a point”."
LOOK_AFTER_RUN = "Wait for the run to end before you look at another result."
MADE_ROOM = "Memory is short: the result that was found first made room."
OPEN_AFTER_RUN = "Wait for the run to end before you open an exported result."
NOT_FROM_DICOM = "A DICOM segmentation needs an image that was opened from DICOM"
NO_PROBABILITIES = "A segmentation of 3D Slicer holds no probabilities"
STILL_COMPARING = "The hypotheses are still being compared"
