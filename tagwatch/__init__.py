"""tagwatch: what every image tag is, what it was, why it moved, and what to do about it."""

__version__ = "0.1.0"
