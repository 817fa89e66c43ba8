"""Damage to what strangers write, and the laws that hold all the same.

`TAGWATCH_TEST_FUZZ_SECONDS=20 pytest tests/hostile/test_fuzz.py` looks for so many seconds in each
family, from a new place each time. Without it a few hundred damages are tried that are always the
same. What breaks a law is written to `tests/data/fuzz/<family>/`, where the seeds are: what was
found once is a seed from then on.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.paths import DATA

__all__ = ["FOLDER", "fuzz", "seeds"]

FOLDER = DATA / "fuzz"
_ENVIRONMENT = "TAGWATCH_TEST_FUZZ_SECONDS"
_ROUNDS = 250
_MOST_SECONDS = 5.0
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 2**70, 1e308, float("nan"), "", " ", "\ud800",
    "\U0001f600", "\x00\x1b[31m\x07", "\u202egnp", "a" * 5000, "-" * 200, "../../etc/passwd",
    "sha256:" + "0" * 64, "sha256:" + "0" * 63, "9999-99-99T99:99:99Z", "0000-00-00T00:00:00Z",
    "https://u:p@h/x", "${{ x }}", "<script>", "::error::", [], {}, [[]], [None], {"": None},
    [[[[[[[[[["deep"]]]]]]]]]], ["x"] * 300, {"a": {"b": {"c": ["\udfff"]}}},
)  # fmt: skip
_PIECES = (
    b"\xff", b"\xed\xa0\x80", b"\x00", b'"', b"\\", b"\\ud800", b"{", b"}", b"[", b"]", b",", b":",
    b"null", b"NaN", b"1e999", b"-", b"\n", b"\t", b"*", b"&a ", b"*a", b"!!python/object:a ",
    b"<<: ", b"'", b"#", b"\xef\xbb\xbf", b"0" * 400, b"[" * 300, b"{\"a\":" * 300, b"%", b"`",
)  # fmt: skip


def seeds(family: str) -> list[bytes]:
    """The kept files of a family, in order."""
    found = [file.read_bytes() for file in sorted((FOLDER / family).iterdir())]
    assert found, family
    return found


def fuzz(family: str, holds: Callable[[bytes], object]) -> None:
    """Try every seed as it is, then damaged. `holds` raises where a law is broken."""
    kept = seeds(family)
    for raw in kept:
        _try(family, raw, holds, write=False)
    seconds = float(os.environ.get(_ENVIRONMENT, "0"))
    start = random.SystemRandom().randrange(2**32) if seconds else 20261129
    ends_at = time.monotonic() + seconds
    source = random.Random(start)
    rounds = 0
    while rounds < _ROUNDS or time.monotonic() < ends_at:
        _try(family, _damaged(source.choice(kept), source), holds, write=True)
        rounds += 1


def _try(family: str, raw: bytes, holds: Callable[[bytes], object], *, write: bool) -> None:
    started = time.process_time()
    try:
        holds(raw)
        assert time.process_time() - started < _MOST_SECONDS, "it takes too long"
    except Exception as error:
        place = FOLDER / family / f"found-{hashlib.sha256(raw).hexdigest()[:12]}"
        if write:
            place.write_bytes(raw)
        raise AssertionError(f"{type(error).__name__}: {error}; kept in {place}") from error


def _damaged(raw: bytes, source: random.Random) -> bytes:
    """The bytes after one to four damages: to the value that they are, or to the bytes."""
    for _ in range(source.randint(1, 4)):
        document = _document(raw) if source.random() < 0.7 else None
        if document is None:
            raw = _cut(raw, source)
        else:
            raw = json.dumps(_changed(document, source)).encode()
    return raw


def _document(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _cut(raw: bytes, source: random.Random) -> bytes:
    start = source.randint(0, len(raw))
    end = min(len(raw), start + source.choice((0, 0, 1, 3, 20)))
    new = source.choice((b"", *_PIECES, raw[start:end] * 2, raw[: source.randint(0, 60)]))
    return raw[:start] + new + raw[end:]


def _changed(document: Any, source: random.Random) -> Any:
    """The value with one part of it another one, twice there, or gone."""
    places = list(_places(document))
    if not places:
        return source.choice(_VALUES)
    holder, key = source.choice(places)
    action = source.random()
    if action < 0.15:
        del holder[key]
    elif action < 0.3 and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif action < 0.4:
        holder[key] = source.choice(places)[0]
        return json.loads(json.dumps(document)) if _is_tree(document) else source.choice(_VALUES)
    elif action < 0.5 and isinstance(holder, dict):
        holder[source.choice(("\ud800", "", "a" * 300, "mediaType", "manifests"))] = holder[key]
    else:
        holder[key] = source.choice(_VALUES)
    return document


def _is_tree(document: Any) -> bool:
    try:
        json.dumps(document)
    except (ValueError, RecursionError):
        return False
    return True


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every part of a value: what holds it, and its key there."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        for key in keys:
            yield value, key
            yield from _places(value[key])
