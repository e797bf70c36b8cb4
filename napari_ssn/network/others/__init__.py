"""Networks of others, run here: model folders of nnU-Net v2 and bundles of MONAI.

Nothing in such a folder is executed: its texts are read as plain values, of classes a few are known
by name, and weights are numbers (`weights`).
"""
