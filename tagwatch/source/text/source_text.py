"""A file's text, with the way back to lines and columns for people and bytes for edits."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from tagwatch.errors import InputError
from tagwatch.source.target import Location, Span

__all__ = ["SourceText", "encoded"]

_BOM = b"\xef\xbb\xbf"


class SourceText:
    """The decoded text of one file and its lines.

    `text` is without the BOM; `lines` are split at line feeds only and keep their carriage
    returns; `starts[i]` is where line `i` (0-based) begins in `text`. Bytes that are no UTF-8
    become lone surrogates, one code point a byte, so that every offset maps back.
    Raises `InputError` for UTF-16 and UTF-32: no tool that reads these files takes them.
    """

    __slots__ = ("_byte_starts", "_offset", "lines", "path", "starts", "text")

    def __init__(self, raw: bytes, path: str) -> None:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[:4] == b"\x00\x00\xfe\xff":
            raise InputError("the file is UTF-16 or UTF-32", hint="save it as UTF-8")
        self.path = path
        self._offset = len(_BOM) if raw.startswith(_BOM) else 0
        self.text = raw.decode("utf-8", "surrogateescape")[1 if self._offset else 0 :]
        self.lines = self.text.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in self.lines)]
        self._byte_starts: list[int] | None = None

    @property
    def is_utf8(self) -> bool:
        """False where a byte of the file is no UTF-8."""
        try:
            self.text.encode()
        except UnicodeEncodeError:
            return False
        return True

    def location(self, start: int, end: int) -> Location:
        """The place of `text[start:end]`."""
        first = bisect_right(self.starts, start) - 1
        last = first if end < self.starts[first + 1] else bisect_right(self.starts, end) - 1
        return Location(
            path=self.path,
            line=first + 1,
            column=start - self.starts[first] + 1,
            end_line=last + 1,
            end_column=end - self.starts[last] + 1,
        )

    def line_location(self, first: int, last: int) -> Location:
        """The place of whole lines, 1-based and inclusive, without their line ends."""
        start = self.starts[first - 1]
        return self.location(start, self.starts[last - 1] + len(self.lines[last - 1].rstrip("\r")))

    def span(self, start: int, end: int) -> Span:
        """The bytes of `text[start:end]` in the file."""
        return Span(path=self.path, start=self.byte_offset(start), end=self.byte_offset(end))

    def byte_offset(self, index: int) -> int:
        """Where the code point `text[index]` begins in the file, the BOM counted."""
        if self.text.isascii():
            return index + self._offset
        if self._byte_starts is None:
            lengths = (len(encoded(line)) + 1 for line in self.lines)
            self._byte_starts = [self._offset, *accumulate(lengths, initial=self._offset)][1:]
        line = bisect_right(self.starts, index) - 1
        return self._byte_starts[line] + len(encoded(self.text[self.starts[line] : index]))


def encoded(text: str) -> bytes:
    """The bytes that the text was read from."""
    return text.encode("utf-8", "surrogateescape")
