"""Words of the follow-up: two scans of one lesion beside each other."""

from __future__ import annotations

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


def offset_line(offset_mm: float) -> str:
    """``Slices through these places``, or ``Slices +6 mm from these places``."""
    if offset_mm == 0:
        return "Slices through these places"
    return f"Slices {offset_mm:+.0f} mm from these places".replace("-", "−")


def sidecar_line(model: str, ml: float | None) -> str:
    """``Sidecar · nodule-3d 1 · 1.42 mL``."""
    return f"Sidecar · {model}" + ("" if ml is None else f" · {ml:.3g} mL")
