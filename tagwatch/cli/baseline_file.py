"""Baselines on disk: read whole, written whole."""

from __future__ import annotations

import os
from pathlib import Path

from tagwatch.errors import InputError, cannot_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.verdict.baseline import Baseline

__all__ = ["DEFAULT", "read_baseline_file", "write_baseline_file"]

DEFAULT = "tagwatch-baseline.json"


def read_baseline_file(name: str) -> Baseline:
    """The baseline in the file of this name. Raises `InputError`."""
    from tagwatch.audit.verdict.baseline import read_baseline

    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(
            f"the baseline {name!r} cannot be read: {reason}",
            hint=f"write one with `tagwatch baseline write --output {name}`",
        ) from error
    return read_baseline(text)


def write_baseline_file(name: str, baseline: Baseline) -> None:
    """Write it whole or not at all. Raises `InputError`."""
    from tagwatch.audit.verdict.baseline import write_baseline

    path = Path(os.path.realpath(name))
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(write_baseline(baseline), encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise cannot_write(
            error,
            f"the baseline {name!r} cannot be written",
            hint="check the folder and its permissions",
        ) from error
