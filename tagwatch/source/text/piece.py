"""Pieces: a substituted text, in parts that remember where in the file they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tagwatch.source.target import Field
from tagwatch.source.text.source_text import SourceText
from tagwatch.value import dataclass, replace

__all__ = ["Piece", "fields_of", "missing_in", "text_of"]


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
