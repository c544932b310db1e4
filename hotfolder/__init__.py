"""A folder in, a finished picture out: exposure brackets through the Stager AI API."""

__version__ = "0.1.0"
