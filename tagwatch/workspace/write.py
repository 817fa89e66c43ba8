"""Write a file back: whole or not at all, and only inside the tree."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from tagwatch.errors import InputError, cannot_write
from tagwatch.workspace.find import tree_of
from tagwatch.workspace.read import read_bytes

__all__ = ["write_bytes"]


def write_bytes(path: Path, new: bytes, *, expected: bytes, root: Path) -> None:
    """Replace a file that still holds `expected` with `new`.

    Written beside the file, synced and moved over it; mode (and owner, where allowed) are kept. A
    symbolic link stays a link: the file that it leads to is replaced, if it lies in the same tree.
    Raises `InputError` where the file changed meanwhile, lies outside, or cannot be written.
    """
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(tree_of(path.parent / "x", root)):
        raise InputError(
            f"{str(path)!r} leads outside the tree, to {str(real)!r}",
            hint="edit that file where it belongs",
        )
    if read_bytes(real) != expected:
        raise InputError(f"{str(path)!r} changed while it was judged", hint="run again")
    try:
        _replace(real, new)
    except OSError as error:
        raise cannot_write(
            error,
            f"{str(path)!r} cannot be written",
            hint="check its permissions and its folder's",
        ) from error


def _replace(real: Path, new: bytes) -> None:
    status = real.stat()
    descriptor, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new)
            file.flush()
            if hasattr(os, "fchown"):  # not on Windows
                with contextlib.suppress(PermissionError):  # only root may give a file away
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), status.st_mode & 0o7777)
            os.fsync(file.fileno())
        Path(temporary).replace(real)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
