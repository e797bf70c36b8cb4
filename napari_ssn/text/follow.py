"""Words of the follow-up: two scans of one lesion beside each other."""

from __future__ import annotations

TITLE = "Has it grown?"

HOW_TO_BEGIN = (
    "Segment both scans with the same model, each with its own points, then choose them here. For "
    "an earlier result open its study, or the .json beside its export."
)
LAYING = "Laying the scans on each other…"
OUTSIDE_OTHER = "That place lies outside the other scan."
NOT_ON_SCAN = "The middle of the picture is not on the scan: bring the place you mean there."
NOT_IN_SCAN = "not in this scan"
NO_CHANGE = "There is no change to write as yet."

#: What lies on one another in two linked scans, by how it was come by.
_PLACES = {
    "set": "the place you set",
    "region": "the region's middle",
    "point": "your first point",
    "outline": "the outline's middle",
    "image": "the image's middle",
}


def linked_by(before: str, after: str) -> str:
    """``Linked by a shift, nothing is turned: …`` of two links, see `prediction.followed.Link`."""
    one, two = _PLACES[before], _PLACES[after]
    where = f"{one} in both" if one == two else f"{one} before and {two} after"
    return f"Linked by a shift, nothing is turned: {where}."


def laid_by(degrees: float, alike: float) -> str:
    """``Linked by a rigid registration (SimpleITK): turned by 3.2°, correlation 0.87.``"""
    return (
        f"Linked by a rigid registration (SimpleITK): turned by {degrees:.1f}°, correlation "
        f"{alike:.2f} around the lesion."
    )


def offset_line(offset_mm: float) -> str:
    """``+6 mm``: how far from the places that lie on each other two slices are."""
    return f"{offset_mm:+.0f} mm".replace("-", "−") if offset_mm else "0 mm"


def sidecar_line(model: str, ml: float | None) -> str:
    """``Exported · nodule-3d 1 · 1.42 mL``."""
    return f"Exported · {model}" + ("" if ml is None else f" · {ml:.3g} mL")


def added_line(name: str) -> str:
    """``Added a row to changes.csv.``"""
    return f"Added a row to {name}."
