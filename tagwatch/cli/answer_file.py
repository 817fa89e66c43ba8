"""`--output FILE`: an answer that goes to a file, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from tagwatch.errors import InputError, cannot_write

__all__ = ["answering_to"]


@contextmanager
def answering_to(name: str) -> Iterator[None]:
    """Write what is answered in the block to the file of that name, at its end.

    Where the block raises, the file stays as it was. Raises `InputError` where it cannot be
    written.
    """
    if name == "-":
        yield
        return
    from tempfile import TemporaryFile

    from tagwatch.workspace.write import write_new

    if not Path(name).absolute().parent.is_dir():  # before minutes of asking
        raise InputError(
            f"the answer cannot be written to {name!r}: its folder is not there",
            hint="make the folder, or name another --output",
        )
    with TemporaryFile() as kept:
        text = io.TextIOWrapper(kept, encoding="utf-8", write_through=True)
        with redirect_stdout(text):
            yield
        text.flush()
        kept.seek(0)
        try:
            write_new(Path(name), kept.read())
        except OSError as error:
            raise cannot_write(
                error, f"the answer cannot be written to {name!r}", hint="name another --output"
            ) from error
        finally:
            text.detach()
