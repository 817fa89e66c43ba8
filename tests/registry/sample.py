"""Answers of registries' own APIs, as `tests/data/registry/` holds them, each with its source."""

from __future__ import annotations

import json
from typing import Any

from tests.paths import DATA

__all__ = ["samples"]


def samples(kind: str) -> dict[str, Any]:
    """The answers of one kind, by name: a new value each time."""
    found: dict[str, Any] = json.loads((DATA / "registry" / f"{kind}.json").read_text("utf-8"))
    return found
