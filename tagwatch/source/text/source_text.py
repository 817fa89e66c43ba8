"""A file's text, with the way back to lines and columns for people and bytes for edits.

Where variables are put in, a text is made of pieces, each of which knows where it stands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from tagwatch.errors import InputError
from tagwatch.source.target import Field, Location, Span
from tagwatch.value import dataclass, replace

__all__ = ["Piece", "SourceText", "encoded", "fields_of", "missing_in", "text_of"]

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


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a value. `start` is where `text` stands verbatim in the file's text, -1 where it
    does not (computed, escaped, or from elsewhere). `missing` names the variables that are not
    known and would change it. `field` is where it stands in another file, if it does.
    """

    text: str
    start: int = -1
    missing: tuple[str, ...] = ()
    field: Field | None = None

    @property
    def origin(self) -> object:
        """What two pieces have in common that are made of the same bytes; None of none."""
        return self.field.span if self.field else None if self.start < 0 else self.start


def text_of(pieces: Sequence[Piece]) -> str:
    """What the pieces make together, unknown ones being empty."""
    return pieces[0].text if len(pieces) == 1 else "".join(piece.text for piece in pieces)


def missing_in(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The names of all variables that are not known, in order, each once."""
    return tuple(dict.fromkeys(name for piece in pieces for name in piece.missing))


def fields_of(
    pieces: Sequence[Piece], word: range, source: SourceText, shared: Mapping[object, str]
) -> tuple[Field, ...]:
    """Where the text that `pieces` make can be edited, the last part of it first.

    `word` is where the reference itself stands in the file's text, all else are variables'
    defaults; `shared` says of a piece's origin what else is made of it.
    """
    kept = [piece for piece in pieces if piece.text]
    origins = [piece.origin for piece in kept]
    fields = []
    for index in range(len(kept) - 1, -1, -1):
        piece = kept[index]
        if piece.origin is None or origins.count(piece.origin) > 1:
            continue
        before, after = text_of(kept[:index]), text_of(kept[index + 1 :])
        if "{}" in before or "{}" in after:
            continue
        field = piece.field or _field(piece, source)
        fields.append(
            replace(
                field,
                name="reference" if len(kept) == 1 and piece.start in word else "value",
                template=f"{before}{{}}{after}",
                shared=shared.get(piece.origin, "") or field.shared,
            )
        )
    return tuple(fields)


def _field(piece: Piece, source: SourceText) -> Field:
    end = piece.start + len(piece.text)
    return Field(
        name="value",
        text=piece.text,
        span=source.span(piece.start, end),
        location=source.location(piece.start, end),
    )
