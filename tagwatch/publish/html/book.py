"""The pages of a run: on which of them each task and image stands, and how one leads to another.

`latest.html` begins with what asks for most. What it has no room for follows on pages of their
own, `latest-todo-2.html` and so on, so that none is long to load or to scroll.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from tagwatch.value import dataclass

__all__ = [
    "IN_FULL",
    "LATEST",
    "MOST_APART",
    "MOST_IMAGES",
    "MOST_TASKS",
    "Book",
    "Chunk",
    "is_plain_name",
]

LATEST = "latest.html"
IN_FULL = 8
"""So many images of a page have drawings and tables of their own, some 10 kB each."""
MOST_TASKS = 3_000
MOST_IMAGES = 3_000
MOST_APART = 600
"""So many of them only a wide watch names. JSON has the others."""
_RULE = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_FIRST_TASKS = 20
_TASKS = 40
_FIRST_IMAGES = 15
_IMAGES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A stretch of tasks or images that stand on one page."""

    page: str
    start: int
    end: int
    after: str
    """The page that goes on; empty at the end."""


class Book:
    """Where things stand. `tasks`: their anchors, in order; `images`: the keys of those shown.

    A book that is not `whole` is a document that stands alone: it has the first chunks, and leads
    nowhere else.
    """

    def __init__(self, images: Sequence[str], tasks: Sequence[str], *, whole: bool) -> None:
        self.images = images
        self.tasks = tasks
        self.is_whole = whole
        self._images = {
            key: (chunk.page, _anchor(key))
            for chunk in self.image_chunks()
            for key in images[chunk.start : chunk.end]
        }
        self._tasks = {
            anchor: chunk.page
            for chunk in self.task_chunks()
            for anchor in tasks[chunk.start : chunk.end]
        }

    def task_chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of tasks, that of `latest.html` first."""
        return self._chunks("todo", min(len(self.tasks), MOST_TASKS), _FIRST_TASKS, _TASKS)

    def image_chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of images, that of `latest.html` first."""
        return self._chunks("images", min(len(self.images), MOST_IMAGES), _FIRST_IMAGES, _IMAGES)

    def anchor_of_image(self, key: str) -> str:
        """Return the anchor of an image; empty where no page shows it."""
        return self._images.get(key, ("", ""))[1]

    def to_image(self, key: str, page: str) -> str:
        """Return how `page` leads to an image; empty where it does not."""
        return _href(*self._images.get(key, ("", "")), page)

    def to_task(self, anchor: str, page: str) -> str:
        """Return how `page` leads to a task; empty where it does not."""
        return _href(self._tasks.get(anchor, ""), anchor, page)

    def to_rule(self, rule: str) -> str:
        """Return how a page leads to what a rule says of itself; empty where it does not."""
        return f"rules.html#rule-{rule}" if self.is_whole and is_plain_name(rule) else ""

    def _chunks(self, what: str, total: int, first: int, each: int) -> Iterator[Chunk]:
        start, number = 0, 1
        while start < total or number == 1:
            end = min(start + (first if number == 1 else each), total)
            if total - end <= each // 6 and self.is_whole:
                end = total  # a page for a handful is more to turn than to scroll
            goes_on = end < total and self.is_whole
            yield Chunk(
                page=LATEST if number == 1 else f"latest-{what}-{number}.html",
                start=start,
                end=end,
                after=f"latest-{what}-{number + 1}.html" if goes_on else "",
            )
            if not goes_on:
                return
            start, number = end, number + 1


def is_plain_name(rule: str) -> bool:
    """Return True for a rule's name as ours are; another package may call its rules anything."""
    return _RULE.fullmatch(rule) is not None


def _href(target: str, anchor: str, page: str) -> str:
    if not target:
        return ""
    return f"#{anchor}" if target == page else f"{target}#{anchor}"


def _anchor(key: str) -> str:
    """Return a link target for a key: readable, and made unique by a hash."""
    mark = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:6]
    return f"{re.sub(r'[^a-z0-9]+', '-', key.lower())[:32].strip('-')}-{mark}"
