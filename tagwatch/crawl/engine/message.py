"""What goes between a run and a slot in another process, as bytes (MessagePack).

A `Parcel` goes to the slot, a `Harvest` comes back; each holds all that has gathered since the one
before. The run numbers its calls, and both sides name a call by its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tagwatch.crawl.engine.interface import Below, Login
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot
from tagwatch.value import dataclass, field

__all__ = ["Harvest", "Parcel", "decode_harvest", "decode_logins", "decode_parcel", "encode"]
__all__ += ["encode_logins"]


@dataclass(slots=True, kw_only=True)
class Parcel:
    """What a run sends to a slot."""

    tasks: dict[int, CrawlTask] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    """The tasks among them whose counted pulls wait until they are `released`."""
    released: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    """Calls whose answer nobody wants any more."""
    documents: dict[Digest, Document | None] = field(default_factory=dict)
    """What is stored of the digests that the slot asked about; None: nothing is."""
    prefixes: dict[int, tuple[Repository, str]] = field(default_factory=dict)
    """Repositories to list; see `Slot.below`."""
    expected: tuple[Repository, ...] = ()
    """See `Slot.expect`."""


@dataclass(slots=True, kw_only=True)
class Harvest:
    """What a slot sends to its run."""

    snapshots: dict[int, RepositorySnapshot] = field(default_factory=dict)
    below: dict[int, Below] = field(default_factory=dict)
    asked: list[Digest] = field(default_factory=list)
    """The digests of which the slot wants to know what is stored."""
    errors: dict[int, tuple[str, str]] = field(default_factory=dict)
    """The run's own errors, by call: message and hint."""
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """See `Slot.requests`."""

    def __bool__(self) -> bool:
        """Return True where anything came that somebody waits for."""
        return bool(self.snapshots or self.below or self.asked or self.errors)


def encode(message: Parcel | Harvest) -> bytes:
    """Return the message, whole."""
    return msgspec.msgpack.encode(message, enc_hook=_plain)


def decode_parcel(raw: bytes) -> Parcel:
    """Return what `encode` wrote of a parcel. Raises `msgspec.DecodeError` for anything else."""
    return _PARCELS.decode(raw)


def decode_harvest(raw: bytes) -> Harvest:
    """Return what `encode` wrote of a harvest. Raises `msgspec.DecodeError` for anything else."""
    return _HARVESTS.decode(raw)


def encode_logins(found: Mapping[str, Login]) -> bytes:
    """Return what a process found to log in with, by host."""
    return msgspec.msgpack.encode(found)


def decode_logins(raw: bytes) -> dict[str, Login]:
    """Return what `encode_logins` wrote. Raises `msgspec.DecodeError` for anything else."""
    return msgspec.msgpack.decode(raw, type=dict[str, Login])


def _plain(value: Any) -> int:
    if isinstance(value, Need):
        return value.value
    raise NotImplementedError(f"no form for {type(value).__name__}")


def _value(kind: type, plain: Any) -> Need:
    if kind is Need:
        return Need(plain)
    raise NotImplementedError(f"no form for {kind.__name__}")


# Made once, when this is imported: msgspec must not read a type's fields in two threads at a time.
_PARCELS = msgspec.msgpack.Decoder(Parcel, dec_hook=_value)
_HARVESTS = msgspec.msgpack.Decoder(Harvest)
