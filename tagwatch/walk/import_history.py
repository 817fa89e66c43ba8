"""Imports of history, for a new ledger: what publishers and registries remember of their tags.

Imported intervals keep the kind of their dates, and never overrule what this ledger saw itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.version.candidate import most_specific
from tagwatch.errors import InputError, RegistryError
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.image.snapshot import TagObservation
from tagwatch.image.tag import Kind
from tagwatch.image.tag_table import TagTable
from tagwatch.ledger.write import Ledger
from tagwatch.registry.client import open_registries
from tagwatch.registry.interface import Registry
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import dataclass
from tagwatch.walk.site import Site
from tagwatch.workspace.history_bundle import read_bundle
from tagwatch.workspace.official_images import library_histories

__all__ = [
    "Imported",
    "import_from_bundle",
    "import_from_library",
    "import_from_registries",
]

Step = tuple[TagObservation, datetime | None]
"""What a tag served, and until when; None: it still serves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The outcome of an import for one repository."""

    repository: Repository
    intervals: int
    """How many intervals were stored."""
    problems: tuple[str, ...] = ()
    """What could not be read, and why."""


def import_from_library(checkout: Path, images: Collection[str], site: Site) -> Iterable[Imported]:
    """Import the past of these images from a checkout of docker-library/official-images.

    No `images`: all that it ever named. Dates are those of its commits. Yields each image's outcome
    when it is stored. No network. Raises `InputError`, `LedgerError`.
    """
    with Ledger.open(site.database, site.origins) as ledger:
        for image, found in library_histories(checkout, images, at=site.at):
            repository = Repository(registry=DOCKER_HUB, path=f"library/{image}")
            stored = ledger.import_history(repository, found.intervals)
            yield Imported(repository=repository, intervals=stored, problems=found.skipped)


def import_from_bundle(path: Path, images: Collection[str], site: Site) -> Iterable[Imported]:
    """Import the past of these images from a history bundle; no `images`: all that it tells of.

    Yields each image's outcome when it is stored. No network. Raises `InputError` (before it
    stores anything where the bundle does not tell of an image), `LedgerError`.
    """
    bundle = read_bundle(path, now=site.at)
    for image in images:
        if image not in bundle.images:
            near = get_close_matches(image, bundle.images, n=1)
            raise InputError(
                f"the history bundle {str(path)!r} tells of no image {image!r}",
                hint=f"did you mean {near[0]!r}?" if near else "leave the images out for all",
            )
    with Ledger.open(site.database, site.origins) as ledger:
        for image in images or bundle.images:
            repository = Repository(registry=DOCKER_HUB, path=f"library/{image}")
            stored = ledger.import_history(repository, bundle.intervals(image))
            yield Imported(repository=repository, intervals=stored)


async def import_from_registries(
    repositories: Iterable[Repository], site: Site
) -> tuple[Imported, ...]:
    """Import what registries themselves remember of these repositories.

    Quay remembers the whole past, others when a tag was pushed last. Amazon ECR knows when an image
    was pushed, not when a tag was moved to it. What a registry refuses is a problem of its
    repositories only. Raises `LedgerError`.
    """
    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }
    imported: list[Imported] = []
    async with open_registries(settings, environment=site.environment, home=site.home) as found:
        with Ledger.open(site.database, site.origins) as ledger:
            for repository in repositories:
                try:
                    steps, problems = await _steps(found.of(repository.host), repository, site.at)
                except RegistryError as error:
                    steps, problems = (), (error.message,)
                stored = ledger.import_history(repository, _intervals(steps, site.at))
                imported.append(
                    Imported(repository=repository, intervals=stored, problems=problems)
                )
    return tuple(imported)


async def _steps(
    registry: Registry, repository: Repository, at: datetime
) -> tuple[Collection[Step], tuple[str, ...]]:
    """Return what the registry remembers, and what it could not tell. Raises `RegistryError`."""
    steps = await registry.history(repository)
    if steps:
        # An end that is to come (Quay's expiring tags) is none: the tag is served.
        return [(seen, None if until and until > at else until) for seen, until in steps], ()
    listing = await registry.list_tags(repository, at=at)
    steps = [(seen, None) for seen in listing.observations if seen.pushed_at is not None]
    problems = [*listing.warnings, *filter(None, (listing.unseen, listing.gap))]
    if not steps and listing.names:
        problems.append("this registry tells no dates of its tags")
    return steps, tuple(problems)


def _intervals(steps: Iterable[Step], at: datetime) -> Iterable[Interval]:
    """Yield the steps of each tag as intervals; one that ends before it begins is left out."""
    ordered = sorted(steps, key=lambda step: (step[0].tag, step[0].pushed_at or at))
    table = TagTable.of({seen.tag: seen.digest for seen, until in ordered if until is None})
    for seen, until in ordered:
        begun = seen.pushed_at
        if begun is not None and begun <= (until or at):
            yield Interval(
                tag=seen.tag,
                digest=seen.digest,
                first_seen=begun,
                last_seen=until or at,
                ended=until is not None,
                ended_at=until,
                version=_version(seen, table),
                kind=Seen.PUSHED,
            )


def _version(seen: TagObservation, table: TagTable) -> str | None:
    """Return the version that today's tags give the image; None where none of them serves it."""
    group = table.groups.get(seen.digest, ())
    concrete = most_specific(table.read(seen.tag), group, Kind.VERSION)
    return concrete.version if concrete else None
