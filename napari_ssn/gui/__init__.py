"""The window: a dock for napari. It reads controls, asks the session, and shows what it says."""
