"""What tags serve now, as far as listing and memory tell, and which are watched. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from tagwatch.crawl.task import CrawlTask, Need, Pattern
from tagwatch.image.digest import Digest
from tagwatch.image.selection import select, select_names
from tagwatch.image.selector import parse_selector
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.image.tag_table import TagTable
from tagwatch.registry.interface import Listing
from tagwatch.value import dataclass

__all__ = [
    "Present",
    "Selection",
    "select_tags",
]

_MOST_NAMES = 20
_MOST_CANDIDATES = 20
_MANY_TAGS = 10
BELIEVED_AFTER = timedelta(hours=6)
"""How long the loss of most tags is doubted: two runs in a row do not make it true."""
_FOR_A_WHILE = 500
"""From this status on, an answer says that the same may be read another day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A task beside what was `seen` of its tags so far, which grows while the crawl goes on."""

    task: CrawlTask
    seen: Mapping[str, TagObservation]
    has_catalogue: bool

    def has_digests(self, listing: Listing) -> bool:
        """Return True where the listing is a catalogue's: it tells what each tag serves."""
        return self.has_catalogue and not listing.plain

    def lacks_digests(self, listing: Listing) -> bool:
        """Return True where tags are known by name alone that may name others."""
        if not self.has_digests(listing):
            return True
        return listing.scope is Scope.NEWEST or bool(self.task.listed)

    def names(self, listing: Listing) -> frozenset[str]:
        """Return every tag there is. A listing of what moved leaves out those known before."""
        if listing.scope is not Scope.SINCE:
            return listing.names
        return listing.names.union(self.task.known, self.task.listed)

    def hopeless(self, listing: Listing) -> frozenset[str]:
        """Return tags that only patterns want, that were not there when asked and did not move.

        They are asked again when everything is listed again.
        """
        task = self.task
        if task.watermark is None:
            return frozenset()
        absent = {tag for tag, status in task.failing.items() if status < _FOR_A_WHILE}
        moved = listing.names if listing.scope is Scope.SINCE else self.seen.keys()
        return frozenset(absent - task.tags - moved)

    def may_lack_a_name(self, tag: str, listing: Listing) -> bool:
        """Return True for a tag that moved; where listings hold, if its image was never read.

        Whoever reads images reads what nothing names, so that it is sought once.
        """
        if tag in self.seen and (
            self.task.known.get(tag) != self.seen[tag].digest or self.may_be_old(listing)
        ):
            return True
        if not self.holds(listing) or not self.task.needs & (Need.DOCUMENTS | Need.UNNAMED):
            return False
        known = self.digest_now(tag, listing)
        return known is not None and known not in self.task.documents

    def may_be_old(self, listing: Listing) -> bool:
        """Return True where what older tags serve is known from before and may have moved."""
        return listing.scope is Scope.NEWEST and not listing.holds

    def named_before(self, tags: Iterable[str], names: frozenset[str]) -> list[str]:
        """Return the tags that served what these tags serve, a few of each image."""
        found: dict[Digest, list[str]] = {self.seen[tag].digest: [] for tag in tags}
        for name, digest in sorted(self.task.known.items()):
            if digest in found and name in names and name not in self.seen:
                found[digest].append(name)
        return [name for group in found.values() for name in group[:_MOST_NAMES]]

    def holds(self, listing: Listing) -> bool:
        """Return True where a tag that the listing leaves out serves what it served before."""
        is_since = listing.scope is Scope.SINCE and not listing.gap
        return self.has_digests(listing) and (listing.holds or is_since)

    def digest_now(self, tag: str, listing: Listing | None) -> Digest | None:
        """Return what the tag serves now: what it served before counts where listings hold."""
        observation = self.seen.get(tag)
        if observation is not None:
            return observation.digest
        if listing is None or not self.holds(listing) or tag in listing.undigested:
            return None
        return self.task.known.get(tag)

    def table(self, names: frozenset[str]) -> TagTable:
        """Return the names, each with its digest: as asked in this run, else as seen before."""
        digests: dict[str, Digest | None] = dict.fromkeys(names)
        digests |= {tag: digest for tag, digest in self.task.known.items() if tag in names}
        digests |= {tag: observation.digest for tag, observation in self.seen.items()}
        return TagTable.of(digests)

    def vanished(self, listing: Listing | None) -> frozenset[str]:
        """Return the tags that are gone, where they are most of a repository and all at once.

        A registry that is being mended or moved may list nothing for a while, and answer 404 to
        whoever asks. Tags that others took the place of are no such loss, and neither is the only
        tag of a repository. Empty where the loss has lasted long enough to be believed.
        """
        task = self.task
        if listing is None or listing.scope is Scope.SINCE or listing.gap:
            return frozenset()
        lost = task.known.keys() - listing.names - self.seen.keys()
        half = len(task.known) / 2
        many = len(lost) >= (_MANY_TAGS if listing.names else 2)
        if not many or len(lost) <= half or len(listing.names) >= half:
            return frozenset()
        since = task.doubted_at
        is_old = since is not None and task.at - since >= BELIEVED_AFTER
        return frozenset() if is_old else frozenset(lost)

    def unasked(self, tags: Iterable[str], listing: Listing) -> int:
        """Count those of the tags of which nothing says what they serve now."""
        return sum(1 for tag in tags if self.digest_now(tag, listing) is None)

    def is_told(self, listing: Listing | None) -> bool:
        """Return True where the listing holds, and what it says has moved was seen."""
        if listing is None or not listing.holds:
            return False
        return not (listing.undigested & self.task.known.keys()) - self.seen.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The tags whose digests are wanted, and those among them whose documents are.

    `wider`: patterns that match more tags than they may, and how many. `left`: tags that a range
    selects and that need not be asked to say which is its best.
    """

    watched: frozenset[str]
    documented: frozenset[str]
    wider: tuple[tuple[Pattern, int], ...] = ()
    left: frozenset[str] = frozenset()


def select_tags(task: CrawlTask, names: Iterable[str], table: Callable[[], TagTable]) -> Selection:
    """Return what the task watches among `names`; `table` makes the table of them.

    A range (`6.2.x`) asks what its newest tag is; only `*` and `/regex/` ask for every tag's
    documents.
    """
    watched, documented = set(task.tags), set(task.tags)
    wider: list[tuple[Pattern, int]] = []
    left: set[str] = set()
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
        if pattern.for_one and every is None:
            left.update(found[_MOST_CANDIDATES:])
            found = found[:_MOST_CANDIDATES]
        watched.update(found[: pattern.max_tags])
        documented.update(found[: 1 if every is None else pattern.max_tags])
    return Selection(
        watched=frozenset(watched),
        documented=frozenset(documented),
        wider=tuple(wider),
        left=frozenset(left - watched),
    )
