"""Write a file whole or not at all: one of the tree back, or a new one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from tagwatch.errors import InputError, cannot_write
from tagwatch.workspace.find import tree_of
from tagwatch.workspace.read import read_bytes

__all__ = ["write_bytes", "write_new"]


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


def write_new(path: Path, raw: bytes, *, mode: int = 0o666, over: bool = True) -> None:
    """Write a file of our own; its mode is `mode` less what the umask takes.

    `over`: in place of what is there. No link is followed: one at `path` is itself replaced, and
    the name that the bytes go to first cannot be guessed. Raises `InputError`.
    """
    draft = path.with_name(f".{path.name[:100]}.{os.urandom(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # nobody's link
    try:
        if not over and os.path.lexists(path):
            raise InputError(f"{str(path)!r} is there already", hint="name another file")
        if path.exists() and not path.is_file():
            raise InputError(f"{str(path)!r} is no file", hint="name another one")
        try:
            with os.fdopen(os.open(draft, flags, mode), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            _move(draft, path, over=over)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(
            f"{str(path)!r} cannot be written: {reason or error}",
            hint="check the folder and its permissions",
        ) from error


def _move(draft: Path, path: Path, *, over: bool) -> None:
    """Give the draft its name. Without `over` the name must be free: a link there counts, too."""
    if over or not hasattr(os, "link"):
        draft.replace(path)
    else:
        os.link(draft, path)


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
