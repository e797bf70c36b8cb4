"""Where things are: grids, orientations, sizes and units, with numpy alone."""
