"""The shop of the walks, for pins that need a registry with images."""

from __future__ import annotations

from tests.walk.conftest import shop

__all__ = ["shop"]
