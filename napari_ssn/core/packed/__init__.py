"""Fast storage of a large distribution: what changes a label first, the rest behind it."""
