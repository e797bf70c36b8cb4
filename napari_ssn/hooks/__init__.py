"""All that `napari.yaml` names beyond the dock: readers that ask, and the menu."""
