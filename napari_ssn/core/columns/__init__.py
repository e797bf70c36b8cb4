"""Margins in columns, voxels in the order of what it takes to change them.

`packing` makes them and `contests` decides by them. They are all that a packed distribution keeps
(`core.packed`), and make a large dense one as fast (`near`).
"""
