"""The history bundle: making one, and what tags were where no ledger saw them.

A package that is installed may bring a bundle; see `family.HISTORY`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path

from tagwatch.errors import ConfigError, InputError, LedgerError
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.ledger.timeline import joined, served_at
from tagwatch.member import brought_members, load_member
from tagwatch.walk.facts_kept import open_remembered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.model.history import Interval
    from tagwatch.audit.version.library_history import LibraryWord
    from tagwatch.image.digest import Digest
    from tagwatch.ledger.extract import WithExtracts
    from tagwatch.walk.site import Site
    from tagwatch.workspace.history_bundle import HistoryBundle

__all__ = ["KnownPast", "installed_bundle", "make_bundle", "open_past"]

_FAMILY = "history"
_OFFICIAL = "library/"


def make_bundle(
    checkout: Path, images: Collection[str], site: Site
) -> tuple[bytes, tuple[str, ...]]:
    """Return the bytes of a bundle of these images, and what it lacks, in sentences.

    No `images`: all that the checkout of docker-library/official-images ever named. Raises
    `InputError`.
    """
    from tagwatch.workspace.history_bundle import bundled
    from tagwatch.workspace.official_images import head_of, library_files, library_gap

    commit = head_of(checkout)
    raw, left_out = bundled(library_files(checkout, images, at=site.at), commit)
    gap = library_gap(checkout)
    return raw, (*left_out, *([f"{str(checkout)!r} {gap}"] if gap else []))


def installed_bundle(now: datetime) -> HistoryBundle | None:
    """Return the newest bundle that an installed package brings; None where none does.

    Raises `ConfigError` and `InputError` where a package's bundle cannot be used.
    """
    brought, found = sorted(brought_members(_FAMILY)), []
    if brought:  # few installations have one, and what reads it is slow to load
        from tagwatch.workspace.history_bundle import read_bundle
    for name in brought:
        place = load_member(_FAMILY, name)
        if not isinstance(place, str | Path):
            raise ConfigError(
                f"the history {name!r} of another package is no path of a file",
                hint="install it again, or remove it",
            )
        found.append(read_bundle(Path(place), now=now))
    return max(found, key=lambda bundle: bundle.word.as_of, default=None)


class KnownPast:
    """What a ledger knows of tags and, of official images before that, the installed bundle.

    It answers as a `Reader` does. What the ledger holds rules: see `timeline.joined`.
    """

    def __init__(self, ledger: WithExtracts | None, now: datetime) -> None:
        self.ledger = ledger
        self.problem = ""
        """Why the installed bundle is not used, where it cannot be read."""
        self._now = now
        self._told: set[Interval] = set()

    def intervals(self, repository: Repository, tag: str | None = None) -> tuple[Interval, ...]:
        """See `Reader.intervals`."""
        known = self.ledger.intervals(repository, tag) if self.ledger else ()
        told = self._from_bundle(repository, tag)
        if not told:
            return known
        found = joined(known, told)
        self._told |= set(found) - set(known)
        return found

    def at(self, repository: Repository, tag: str, when: datetime) -> Interval | None:
        """See `Reader.at`."""
        return served_at(self.intervals(repository, tag), when)

    def tags_of_digest(
        self, digest: Digest, repository: Repository | None = None
    ) -> tuple[tuple[Repository, Interval], ...]:
        """See `Reader.tags_of_digest`; a bundle knows no digests."""
        return self.ledger.tags_of_digest(digest, repository) if self.ledger else ()

    def reasons(
        self, repository: Repository, tag: str | None = None
    ) -> Mapping[tuple[str, datetime], str]:
        """See `Reader.reasons`."""
        return self.ledger.reasons(repository, tag) if self.ledger else {}

    def origin(self, repository: Repository) -> str:
        """See `Reader.origin`."""
        return self.ledger.origin(repository) if self.ledger else ""

    def word_of(self, intervals: Iterable[Interval]) -> LibraryWord | None:
        """Return whose word the intervals are that no ledger holds; None where there are none."""
        if self._told.isdisjoint(intervals) or self._bundle is None:
            return None
        return self._bundle.word

    @cached_property
    def _bundle(self) -> HistoryBundle | None:
        return installed_bundle(self._now)

    def _from_bundle(self, repository: Repository, tag: str | None) -> tuple[Interval, ...]:
        """Return what the bundle tells. Raises only where there is no ledger that could answer."""
        path = repository.path
        if repository.registry != DOCKER_HUB or not path.startswith(_OFFICIAL) or self.problem:
            return ()
        try:
            bundle = self._bundle
            return bundle.intervals(path.removeprefix(_OFFICIAL), tag) if bundle else ()
        except (ConfigError, InputError) as error:
            if self.ledger is None:
                raise
            self.problem = error.message
            return ()


@contextmanager
def open_past(site: Site) -> Iterator[KnownPast]:
    """Open what is known of tags: the ledger and the installed bundle, or either. Only to read.

    Raises `LedgerError` where there is neither.
    """
    if site.database.is_file():
        with open_remembered(site) as ledger:
            yield KnownPast(ledger, site.at)
    elif brought_members(_FAMILY):
        yield KnownPast(None, site.at)
    else:
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}",
            hint="`tagwatch scan` or `tagwatch history import` begins one; the package "
            "tagwatch-history knows the past of official images",
        )
