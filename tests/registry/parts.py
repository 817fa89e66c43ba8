"""Real parts that tests stand on: programs that a machine may lack."""

from __future__ import annotations

import os
import shutil

__all__ = ["require"]


def require(program: str) -> str:
    """The path of `program`. Without it the test is skipped, or fails where `CI` is set."""
    path = shutil.which(program)
    if path is None:
        import pytest  # the bench runs without

        message = f"{program} is not installed (make test installs it)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
