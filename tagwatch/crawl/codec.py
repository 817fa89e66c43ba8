"""Tasks and snapshots as bytes (MessagePack), for engines whose workers are other processes."""

from __future__ import annotations

from typing import Any

import msgspec

from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["decode_snapshot", "decode_task", "encode_snapshot", "encode_task"]


def encode_task(task: CrawlTask) -> bytes:
    """The task, whole."""
    return msgspec.msgpack.encode(task, enc_hook=_plain)


def decode_task(raw: bytes) -> CrawlTask:
    """What `encode_task` wrote. Raises `msgspec.DecodeError` for anything else."""
    return _TASKS.decode(raw)


def encode_snapshot(snapshot: RepositorySnapshot) -> bytes:
    """The snapshot, whole."""
    return msgspec.msgpack.encode(snapshot)


def decode_snapshot(raw: bytes) -> RepositorySnapshot:
    """What `encode_snapshot` wrote. Raises `msgspec.DecodeError` for anything else."""
    return _SNAPSHOTS.decode(raw)


def _plain(value: Any) -> int:
    if isinstance(value, Need):
        return value.value
    raise NotImplementedError(f"no form for {type(value).__name__}")


def _value(kind: type, plain: Any) -> Need:
    if kind is Need:
        return Need(plain)
    raise NotImplementedError(f"no form for {kind.__name__}")


# Made once, when this is imported: msgspec must not read a type's fields in two threads at a time.
_TASKS = msgspec.msgpack.Decoder(CrawlTask, dec_hook=_value)
_SNAPSHOTS = msgspec.msgpack.Decoder(RepositorySnapshot)
