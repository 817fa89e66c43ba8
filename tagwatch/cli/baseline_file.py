"""Baselines on disk: read whole, written whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.errors import InputError, cannot_write

if TYPE_CHECKING:
    from tagwatch.audit.verdict.baseline import Baseline

__all__ = ["DEFAULT", "read_baseline_file", "write_baseline_file"]

DEFAULT = "tagwatch-baseline.json"


def read_baseline_file(name: str) -> Baseline:
    """The baseline in the file of this name. Raises `InputError`."""
    from tagwatch.audit.verdict.baseline import read_baseline

    try:
        text = _place(name).read_text(encoding="utf-8")
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

    path = _place(name)
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


def _place(name: str) -> Path:
    """Where the file is, links followed; not out of the tree. Raises `InputError`."""
    from tagwatch.walk.site import repository_root

    root, path = repository_root(Path.cwd()), Path(os.path.realpath(name))
    named = Path(os.path.abspath(name))  # noqa: PTH100 (links keep their own names)
    if named.is_relative_to(root) and not path.is_relative_to(os.path.realpath(root)):
        raise InputError(
            f"the baseline {name!r} is a link that leads out of the tree",
            hint="name the file itself",
        )
    return path
