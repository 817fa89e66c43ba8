"""Which of the listed tags somebody watches. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tagwatch.crawl.task import CrawlTask, Pattern
from tagwatch.image.selector import parse_selector, select, select_names
from tagwatch.image.tag_table import TagTable
from tagwatch.value import dataclass

__all__ = ["Selection", "select_tags"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The tags whose digests are wanted, and those among them whose documents are.

    `wider`: patterns that match more tags than they may, and how many.
    """

    watched: frozenset[str]
    documented: frozenset[str]
    wider: tuple[tuple[Pattern, int], ...] = ()


def select_tags(task: CrawlTask, names: Iterable[str], table: Callable[[], TagTable]) -> Selection:
    """Return what the task watches among `names`; `table` makes the table of them.

    A range (`6.2.x`) asks what its newest tag is; only `*` and `/regex/` ask for every tag's
    documents.
    """
    watched, documented = set(task.tags), set(task.tags)
    wider: list[tuple[Pattern, int]] = []
    for pattern in task.patterns:
        selector = parse_selector(pattern.selector)
        every = select_names(selector, filter(pattern.lets_through, names))
        if every is not None and len(every) <= pattern.max_tags:
            watched |= every
            documented |= every
            continue
        best = select(selector, table())
        found = [tag.text for tag in best if pattern.lets_through(tag.text)]
        if len(found) > pattern.max_tags:
            wider.append((pattern, len(found)))
        watched.update(found[: pattern.max_tags])
        documented.update(found[: 1 if every is None else pattern.max_tags])
    return Selection(
        watched=frozenset(watched), documented=frozenset(documented), wider=tuple(wider)
    )
