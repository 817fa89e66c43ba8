"""JSON as text: ASCII with escapes, so that nothing in it can move a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Document = dict[str, Any]

__all__ = ["dump", "items", "written"]

_FEW = 100
"""So many items of a list are written before it is worth to load what writes them quickly."""
_compact = json.JSONEncoder(allow_nan=False).encode


def written(document: Document) -> Iterator[str]:
    """A document with lists that are made item by item."""
    before = "{\n"
    for name, value in document.items():
        yield f"{before}  {_text(name)}: "
        before = ",\n"
        if isinstance(value, Iterator):
            yield from items(value)
        else:
            yield _text(value, depth=2)
    yield "\n}\n"


def items(values: Iterator[Any], *, depth: int = 2) -> Iterator[str]:
    """A list that many spaces deep in a document, item by item."""
    before, text, margin = "[", _text, " " * depth
    for number, value in enumerate(values):
        if number == _FEW:
            text = _quick_text
        yield f"{before}\n{margin}  {text(value, depth=depth + 2)}"
        before = ","
    yield "[]" if before == "[" else f"\n{margin}]"


def dump(document: Mapping[str, Any] | list[Any]) -> str:
    """A document as text: fields in the contract's order, two spaces, a line end."""
    return _text(document) + "\n"


def _text(value: Any, *, depth: int = 0) -> str:
    """JSON, as it stands that many spaces deep in a document; no string of it has a line end."""
    return _placed(json.dumps(value, indent=2, allow_nan=False), value, depth)


def _quick_text(value: Any, *, depth: int = 0) -> str:
    """The same in a fifth of the time, by msgspec, which is slow to load."""
    from msgspec.json import encode
    from msgspec.json import format as indented

    try:
        plain = encode(value)
    except UnicodeEncodeError:  # half a surrogate pair
        return _text(value, depth=depth)
    if plain.isascii() and b"\\" not in plain:  # else it has other escapes than the slow way
        return _placed(indented(plain, indent=2).decode(), value, depth)
    text = _compact(value)
    if "\\ud" in text:  # what msgspec may refuse
        return _text(value, depth=depth)
    return _placed(indented(text, indent=2), value, depth)


def _placed(text: str, value: Any, depth: int) -> str:
    """The text of a value, without what harms a reader."""
    if "\\ud" in text:
        # perhaps half a surrogate pair, from a file of odd bytes: strict parsers refuse it
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        text = json.dumps(json.loads(raw), indent=2)
    if "##" in text:  # `##[…]` anywhere in a line is a command to some who run workflows
        text = text.replace("##", "#\\u0023")
    return text.replace("\n", "\n" + " " * depth) if depth else text
