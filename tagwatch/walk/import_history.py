"""Years of memory for a new ledger: what publishers and registries remember of their tags.

Imported dates keep their kind and never contradict what was seen here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby
from pathlib import Path

from tagwatch.audit.history import Interval, Seen
from tagwatch.errors import RegistryError
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.image.snapshot import TagObservation
from tagwatch.ledger.write import Ledger
from tagwatch.registry.client import open_registries
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import dataclass
from tagwatch.walk.site import Site
from tagwatch.workspace.official_images import library_histories

__all__ = ["Imported", "import_from_library", "import_from_registries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was learnt of one repository. `problems`: what could not be read, and why."""

    repository: Repository
    intervals: int
    problems: tuple[str, ...] = ()


def import_from_library(checkout: Path, images: Collection[str], site: Site) -> Iterable[Imported]:
    """From a checkout of docker-library/official-images: these images, or all it ever named.

    Dates are those of its commits. No network. Raises `InputError`, `LedgerError`.
    """
    with Ledger.open(site.database) as ledger:
        for image, found in library_histories(checkout, images, at=site.at):
            repository = Repository(registry=DOCKER_HUB, path=f"library/{image}")
            stored = ledger.import_history(repository, found.intervals)
            yield Imported(repository=repository, intervals=stored, problems=found.skipped)


async def import_from_registries(
    repositories: Iterable[Repository], site: Site
) -> tuple[Imported, ...]:
    """What each registry itself remembers (Quay all of it, others when a tag was pushed last).

    Raises `LedgerError`; a registry's refusal is a problem of its own repositories.
    """
    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }
    imported: list[Imported] = []
    async with open_registries(settings, environment=site.environment, home=site.home) as found:
        with Ledger.open(site.database) as ledger:
            for repository in repositories:
                try:
                    past = await found.of(repository.host).history(repository)
                except RegistryError as error:
                    problem = Imported(
                        repository=repository, intervals=0, problems=(error.message,)
                    )
                    imported.append(problem)
                    continue
                stored = ledger.import_history(repository, _intervals(past, site.at))
                imported.append(Imported(repository=repository, intervals=stored))
    return tuple(imported)


def _intervals(
    past: Iterable[tuple[TagObservation, datetime | None]], at: datetime
) -> Iterable[Interval]:
    """The steps of each tag as intervals; one that cannot have lasted is left out."""
    ordered = sorted(past, key=lambda step: (step[0].tag, step[0].pushed_at or at))
    for tag, steps in groupby(ordered, key=lambda step: step[0].tag):
        for observation, until in steps:
            begun = observation.pushed_at
            if begun is None or begun > (until or at):
                continue
            yield Interval(
                tag=tag,
                digest=observation.digest,
                first_seen=begun,
                last_seen=until or at,
                ended=until is not None,
                ended_at=until,
                kind=Seen.PUSHED,
            )
