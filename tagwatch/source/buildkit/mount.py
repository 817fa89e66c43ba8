"""`RUN --mount=…`: the field that names an image or stage, with its place.

The value is one line of CSV (BuildKit's `instructions/commands_runmount.go`, go-csvvalue).
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.errors import InputError

__all__ = ["find_mount_source"]


def find_mount_source(value: str) -> range | None:
    """Where the image or stage stands in a mount's `value`; None where the mount names none.

    The last `from` wins. Raises `InputError` for malformed CSV.
    """
    found = None
    for places in _fields(value):
        text = "".join(value[place] for place in places)
        key, equals, source = text.partition("=")
        if equals and key.lower() == "from":
            begin = len(text) - len(source)
            found = places[begin:] if source else None
    if not found:
        return None
    return range(found[0], found[-1] + 1)


def _fields(value: str) -> Iterator[list[int]]:
    """The places of each field's characters."""
    position = 0
    while True:
        quoted = value[position : position + 1] == '"'
        places, position = _quoted(value, position + 1) if quoted else _plain(value, position)
        yield places
        if position >= len(value):
            return
        position += 1


def _plain(value: str, begin: int) -> tuple[list[int], int]:
    end = value.find(",", begin)
    end = len(value) if end < 0 else end
    if '"' in value[begin:end]:
        raise InputError(f"a quote inside {value[:120]!r}", hint="quote the whole field, or none")
    return list(range(begin, end)), end


def _quoted(value: str, position: int) -> tuple[list[int], int]:
    places: list[int] = []
    while position < len(value):
        if value[position] != '"':
            places.append(position)
        elif value[position + 1 : position + 2] == '"':
            position += 1
            places.append(position)
        elif value[position + 1 : position + 2] in ("", ","):
            return places, position + 1
        else:
            break
        position += 1
    raise InputError(f"quotes do not match in {value[:120]!r}", hint="quote the whole field")
