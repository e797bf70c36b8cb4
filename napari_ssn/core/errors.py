"""What a user can cause, as opposed to what a programmer can get wrong."""


class SSNError(Exception):
    """A problem a user can understand and act on; its text is one sentence."""


class ImageError(SSNError):
    """The image cannot be used: empty, constant, not finite, or of the wrong kind."""


class GeometryError(SSNError):
    """Grids, regions or affine matrices do not fit together."""


class ModelError(SSNError):
    """A model folder is unknown, damaged, or does not fit the image."""


class DataError(SSNError):
    """Training or evaluation data is missing, damaged or contradictory."""


class ExportError(SSNError):
    """A result could not be written."""


class DeviceError(SSNError):
    """The chosen device is missing or has run out of memory."""


class Cancelled(SSNError):
    """The user stopped the run."""
