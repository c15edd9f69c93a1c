"""The version of this package; that of the API is in `generated.resources`."""

__version__ = "0.1.0"
