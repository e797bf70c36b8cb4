"""Distributions of which only a part is here: what label maps need, and the rest later.

Most voxels of a large image no z changes that anybody draws, walks to or is led to by points.
Their label is all that a label map needs of them, so that whoever gets a distribution over a slow
line gets their numbers last, or never. What needs them, as probabilities do, asks for them.
"""
