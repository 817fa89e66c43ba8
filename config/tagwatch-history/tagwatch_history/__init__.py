"""The history bundle of Docker's official images; `tagwatch history` reads it."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["BUNDLE"]

BUNDLE = Path(__file__).with_name("official-images.history")
"""Written by `make history-bundle`, and no part of the repository."""


def version() -> str:
    """Return the day of the bundle as a version: 2026.8.21."""
    with BUNDLE.open("rb") as file:
        file.readline()
        length = int(file.readline().split()[0])
        year, month, day = json.loads(file.read(length))["as_of"][:10].split("-")
    return f"{year}.{int(month)}.{int(day)}"
