"""Margins in columns, voxels in the order of what it takes to change them.

`packing` makes them and `contests` decides by them. They are all that a packed distribution keeps
(`core.packed`), and make a large dense one as fast (`near`).
"""

#: Bytes of dense tensors from which on a distribution is large. Here, where nothing imports torch:
#: the window plans runs before it is loaded.
LARGE = 1 << 28
