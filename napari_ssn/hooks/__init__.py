"""All that `napari.yaml` names beyond dock and samples: readers that ask, the writer, the menu."""
