"""Values to stored bytes and back: dataclasses as JSON, times as integers, digests as blobs.

The JSON codec reads the types of a dataclass's fields, so it knows every value of `audit` without
naming one, and needs only the standard library: a warm `check` reads evidence through it.
A field that has its default is not written, so a default must not change its meaning.
"""

from __future__ import annotations

import builtins
import json
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter

from tagwatch.errors import LedgerError, LedgerFailedError
from tagwatch.image.digest import Digest
from tagwatch.value import is_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")
    Decoder = Callable[[Any], Any]

__all__ = [
    "IN_PIECE",
    "compress",
    "compress_alike",
    "compress_document",
    "compress_lines",
    "decode",
    "decode_quickly",
    "digest_of_bytes",
    "digest_to_bytes",
    "encode",
    "expand",
    "expand_lines",
    "micros",
    "moment",
    "moment_or_none",
    "redated",
    "text_of",
    "unpacked",
    "with_raw_digests",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHA256 = "sha256:"
_MEND = "`tagwatch ledger check --mend` tells what is damaged, and mends what it can"
_RAW = b"\x01"
"""What begins the 32 bytes of a sha256 digest in a text: JSON holds no such byte."""
_DATED = (b'},"at":', b'"last_seen":', b'"read_at":')
"""What stands before the time of the run: until then evidence and its tag and bases are known."""
IN_PIECE = b"\0"
"""What stands there in a piece in place of the time: no JSON holds it."""
_NAMES_A_DICTIONARY = 0x20
"""The bit in the second byte of what zlib compressed with a dictionary (RFC 1950, FDICT)."""
_OF_DOCUMENTS = b"2\x8b0\xb9"
"""What follows these two bytes where that dictionary is the one of documents: its checksum."""
_PART = 256 * 1024
"""How many bytes `expand_lines` reads and makes at once."""


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time. `TypeError` for a naive one."""
    return (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)
def moment(value: int) -> datetime:
    """The time that `micros` gave, in UTC. Few moments make a repository's history.

    Raises `LedgerError` for one that no calendar has.
    """
    try:
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError as error:
        raise LedgerFailedError(f"a stored time is damaged: {value}", hint=_MEND) from error


def moment_or_none(value: int | None) -> datetime | None:
    """The time of a column that may be null."""
    return None if value is None else moment(value)


def digest_to_bytes(digest: Digest) -> bytes:
    """32 bytes for sha256, the text of any other digest (which is never 32 bytes long).

    >>> len(digest_to_bytes(Digest("sha256:" + "0" * 64)))
    32
    """
    if digest.startswith(_SHA256) and len(digest) == 71:
        return bytes.fromhex(digest[7:])
    raw = digest.encode()
    if len(raw) == 32:
        raise LedgerError(f"not a digest: {digest!r}")
    return raw


@lru_cache(maxsize=1024)
def digest_of_bytes(raw: bytes) -> Digest:
    """The digest that `digest_to_bytes` stored, one for alike tags. Raises `LedgerError`."""
    if len(raw) == 32:
        return Digest(_SHA256 + raw.hex())
    try:
        return Digest(raw.decode())
    except UnicodeDecodeError as error:
        raise LedgerFailedError("a stored digest is damaged", hint=_MEND) from error


def compress(raw: bytes) -> bytes:
    """Zlib, level 6: a manifest becomes about half, a result about a tenth."""
    import zlib

    return zlib.compress(raw, 6)


def compress_lines(lines: Iterable[bytes]) -> bytes:
    """Each of `lines` ended by a newline, compressed one by one: they are never all in memory."""
    import zlib

    packer = zlib.compressobj(6)
    packed = [part for line in lines if (part := packer.compress(line + b"\n"))]
    return b"".join((*packed, packer.flush()))


def compress_alike(raw: bytes) -> bytes:
    """Compress JSON that is alike to what a ledger holds: evidence becomes a sixth.

    Digests are written as bytes first, for as digits they take twice the room.
    """
    return _packed_with("dictionary", raw)


def compress_document(raw: bytes) -> bytes:
    """Compress what a registry served: of a small manifest its digests are what is left.

    `expand` gives back just these bytes, whatever they are.
    """
    return compress(raw) if _RAW in raw else _packed_with("document_dictionary", raw)


def _packed_with(dictionary: str, text: bytes) -> bytes:
    packer = _packer(dictionary).copy()
    return bytes(packer.compress(with_raw_digests(text)) + packer.flush())


@cache
def _packer(dictionary: str) -> Any:
    """Return what begins every compressed text: to read the dictionary takes longer than a copy.

    Its window is the smallest that holds the dictionary beside a text.
    """
    import zlib

    return zlib.compressobj(6, wbits=14, memLevel=6, zdict=_dictionary(dictionary))


def _dictionary(name: str) -> bytes:
    if name == "document_dictionary":
        from tagwatch.ledger.document_dictionary import DOCUMENTS

        return DOCUMENTS
    from tagwatch.ledger.dictionary import DICTIONARY

    return DICTIONARY


def with_raw_digests(text: bytes) -> bytes:
    """Return JSON with each sha256 digest as its bytes."""
    return re.sub(rb"sha256:([0-9a-f]{64})", _raw, text)


def _raw(match: re.Match[bytes]) -> bytes:
    return _RAW + bytes.fromhex(match[1].decode())


def _digits(match: re.Match[bytes]) -> bytes:
    return b"sha256:" + match[1].hex().encode()


def expand(stored: bytes, *, most: int = 0) -> bytes:
    """What `compress`, `compress_alike` or `compress_document` took. Raises `LedgerError`.

    `most`: of so many bytes, before digests are written out; 0: of any number.
    """
    text = unpacked(stored, most)
    return _with_digits(text) if _is_alike(stored) else text


def _is_alike(stored: bytes) -> bool:
    """Return True for what `compress_alike` made."""
    return bool(stored[1:2] and stored[1] & _NAMES_A_DICTIONARY)


def unpacked(stored: bytes, most: int = 0) -> bytes:
    """Return what was compressed, with digests as bytes where `compress_alike` wrote them so."""
    import zlib

    try:
        if _is_alike(stored):
            is_document = stored[2:6] == _OF_DOCUMENTS
            name = "document_dictionary" if is_document else "dictionary"
            unpacker = zlib.decompressobj(zdict=_dictionary(name))
        else:
            unpacker = zlib.decompressobj()
        text = unpacker.decompress(stored, most and most + 1)  # one more, to see the end
    except zlib.error as error:
        raise _damaged() from error
    if not unpacker.eof or unpacker.unused_data or 0 < most < len(text):
        raise _damaged()
    return text


def _with_digits(text: bytes) -> bytes:
    return re.sub(rb"(?s)\x01(.{32})", _digits, text)


_piece_of = lru_cache(maxsize=4)(unpacked)
"""One piece holds the evidence of ten or twenty tags, which are mostly read one after the other."""


def text_of(key: str, body: bytes | None, piece: bytes | None, at: int | None) -> bytes:
    """Return the text of evidence: its own, or else its line in a piece, where it is of `at`.

    Raises `LedgerError` where it is damaged.
    """
    if body is not None:
        return expand(body)
    if piece is None or at is None:
        raise _damaged()
    return redated(_line_of(piece, key), IN_PIECE, _stamp(at))


@lru_cache(maxsize=64)
def _stamp(at: int) -> bytes:
    return encode(moment(at))


def _line_of(piece: bytes, key: str) -> bytes:
    """Return the line of a piece that is the evidence of this key. No other one is written out."""
    text = _piece_of(piece)
    head = b'{"key":' + encode(key) + b","
    start = b"\n" + with_raw_digests(head)
    is_first = text.startswith(start[1:])
    if text.count(start) + is_first == 1:
        begun = 0 if is_first else text.find(start) + 1
        end = text.find(b'\n{"key":', begun)
        line = _with_digits(text[begun : end if end >= 0 else None])
        if _RAW not in line:
            return line
    # a digest with the bytes of a line's beginning: a registry may say any
    for line in _with_digits(text).split(b"\n"):
        if line.startswith(head):
            return line
    raise _damaged()


def redated(line: bytes, old: bytes, new: bytes) -> bytes:
    """Return a line with another time of its run, or with what stands there in a piece."""
    for place in _DATED:
        line = line.replace(place + old, place + new)
    return line


def _damaged() -> LedgerFailedError:
    return LedgerFailedError("a stored document is damaged", hint=_MEND)


def expand_lines(stored: bytes) -> Iterator[bytes]:
    """Yield each line that `compress_lines` took: they are never all in memory.

    Raises `LedgerError`, perhaps only after the lines before the damage.
    """
    import zlib

    unpacker, rest = zlib.decompressobj(), b""
    try:
        for start in range(0, len(stored), _PART):
            part = stored[start : start + _PART]
            while part:
                *lines, rest = (rest + unpacker.decompress(part, _PART)).split(b"\n")
                part = unpacker.unconsumed_tail
                yield from lines
        *lines, rest = (rest + unpacker.flush()).split(b"\n")
    except zlib.error as error:
        raise _damaged() from error
    yield from lines
    if not unpacker.eof or rest:
        raise _damaged()


def encode(value: object) -> bytes:
    """A value as compact JSON; the same bytes for equal values."""
    return _write(value).encode()


def decode(kind: type[T], raw: bytes | str) -> T:
    """A `kind` from the JSON of `encode`; unknown keys are passed over.

    Raises `LedgerError` for anything that is not what the type says.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        stored = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # `encode` writes none: somebody else wrote it
            from tagwatch.image.unicode import cleaned

            stored = cleaned(stored)
        value: T = _reader(kind)(stored)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise LedgerFailedError(
            f"a stored {kind.__name__} is damaged: {error}", hint=_MEND
        ) from error
    return value


def decode_quickly(kind: type[T], raw: bytes | str) -> T:
    """The same in a third of the time, by msgspec, which is slow to load. Raises as `decode`."""
    import msgspec

    form: Any = kind
    try:
        value: T = _quick_decoder(form)(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerFailedError(
            f"a stored {kind.__name__} is damaged: {error}", hint=_MEND
        ) from error
    return value


@cache
def _quick_decoder(kind: Any) -> Callable[[bytes | str], Any]:
    from msgspec.json import Decoder

    return Decoder(kind).decode


def _plain(value: Any) -> Any:
    """One level of what JSON has no form for; the encoder in C does the rest."""
    kind = value.__class__
    if kind is datetime:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if is_value(kind):
        items, defaults = _fields(kind)
        return {
            name: item
            for (name, default), item in zip(defaults, items(value), strict=True)
            if item is not default and item != default
        }
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Sequence):
        return tuple(value)
    raise TypeError(f"no stored form for {kind!r}")


_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


@cache
def _fields(kind: Any) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[tuple[str, object], ...]]:
    """What reads all fields of a value at once, and the name and default of each."""
    from dataclasses import MISSING, fields

    defaults = tuple(
        (
            field.name,
            field.default_factory() if field.default_factory is not MISSING else field.default,
        )
        for field in fields(kind)
    )
    first, *others = (name for name, _ in defaults)
    read = attrgetter(first, *others)
    return (read if others else lambda value: (read(value),)), defaults


def _reader(kind: Any) -> Decoder:
    decoder: Decoder = _decoder(kind)
    return decoder


class _Names(dict[str, object]):
    """The names of a module for `eval`, those that it has late (see `value.late`) among them."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> object:
        try:
            return getattr(self._module, name)
        except AttributeError:
            raise KeyError(name) from None


def _reader_of(annotation: str, module: types.ModuleType) -> Decoder:
    """How to read what an annotation in the module says.

    A name is looked up; `eval` compiles, which takes longer than reading a dozen values.
    """
    name = annotation.removesuffix(" | None")
    kind = getattr(module, name, None) or vars(builtins).get(name)
    if kind is None:
        return _reader(eval(annotation, {}, _Names(module)))  # noqa: S307  # one of our own
    return _reader(kind) if name == annotation else _or_none(_reader(kind))


@cache
def _decoder(kind: Any) -> Decoder:
    """How to read a value of type `kind`: made once a type, and only when a value needs it."""
    if kind in (str, int, bool, float):
        return _scalar(kind)
    if kind is datetime:
        return datetime.fromisoformat
    if isinstance(kind, types.UnionType):
        return _optional(kind.__args__)
    origin, arguments = getattr(kind, "__origin__", None), getattr(kind, "__args__", ())
    if origin is tuple:
        return _items(tuple, arguments)
    if origin is Sequence:
        return _items(tuple, (*arguments, ...))
    if origin is frozenset:
        return _items(frozenset, arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if isinstance(kind, type) and is_value(kind):
        return _record(kind)
    raise TypeError(f"no stored form for {kind!r}")


def _scalar(kind: type) -> Decoder:
    accepted = (int, float) if kind is float else (kind,)

    def read(value: Any) -> Any:
        if type(value) not in accepted:
            raise TypeError(f"{kind.__name__} expected, not {type(value).__name__}")
        return value

    return read


def _optional(arguments: tuple[Any, ...]) -> Decoder:
    present = [argument for argument in arguments if argument is not types.NoneType]
    if len(present) != 1:
        raise TypeError(f"no stored form for a choice of {arguments!r}")
    return _or_none(_reader(present[0]))


def _or_none(inner: Decoder) -> Decoder:
    return lambda value: None if value is None else inner(value)


def _items(make: Callable[[Any], Any], arguments: tuple[Any, ...]) -> Decoder:
    if make is tuple and arguments[1:] != (...,):
        inners = [_reader(argument) for argument in arguments]
        return lambda values: tuple(
            inner(value) for inner, value in zip(inners, _list(values), strict=True)
        )
    inner = _reader(arguments[0])
    return lambda values: make(inner(value) for value in _list(values))


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise TypeError(f"list expected, not {type(value).__name__}")
    return value


def _mapping(arguments: tuple[Any, ...]) -> Decoder:
    inner = _reader(arguments[1])
    return lambda value: {key: inner(item) for key, item in value.items()}


def _record(kind: type) -> Decoder:
    """Fields are looked up at their first value: most evidence has no change, base or pin."""
    annotations = kind.__annotations__
    module = sys.modules[kind.__module__]
    readers: dict[str, Decoder] = {}

    def read(value: Any) -> Any:
        arguments = {}
        for name, item in value.items():
            reader = readers.get(name)
            if reader is None:
                if name not in annotations:
                    continue
                reader = readers[name] = _reader_of(annotations[name], module)
            arguments[name] = reader(item)
        return kind(**arguments)

    return read
