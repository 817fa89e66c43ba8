"""What official tags were, for tests: the facts of tests/data/tags/history as intervals."""

from __future__ import annotations

import json
import lzma
from datetime import datetime
from functools import cache
from typing import Any

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.image.digest import Digest
from tests.paths import DATA

__all__ = ["history_facts", "image_names"]


@cache
def _facts() -> dict[str, Any]:
    packed = (DATA / "tags" / "history" / "official.json.xz").read_bytes()
    images: dict[str, Any] = json.loads(lzma.decompress(packed))["images"]
    return images


def image_names() -> tuple[str, ...]:
    """The images that facts are known of."""
    return tuple(_facts())


def history_facts(image: str) -> tuple[Interval, ...]:
    """Every interval of every tag of an image, by tag and oldest first, dated by commits."""
    facts = _facts()[image]
    times = [datetime.fromisoformat(text) for text in facts["times"]]
    head_at = datetime.fromisoformat(facts["head_at"])
    return tuple(
        Interval(
            tag=tag,
            digest=Digest(f"build:{build:040x}"),
            first_seen=times[first],
            last_seen=head_at if last is None else times[last],
            ended=last is not None,
            ended_at=None if last is None else times[last],
            kind=Seen.COMMITTED,
        )
        for tag, spans in sorted(facts["tags"].items())
        for first, last, build in spans
    )
