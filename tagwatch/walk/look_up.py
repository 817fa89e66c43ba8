"""Looking up: what is known of some images, from the ledger, and from registries where that is old.

Where everything is remembered, no network and no event loop is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tagwatch.audit.evidence import Evidence, evidence_key, is_readable
from tagwatch.audit.result import RepositoryChange
from tagwatch.image.snapshot import Failure, Quota, Remark, RepositorySnapshot
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field
from tagwatch.walk.site import Site

if TYPE_CHECKING:
    from tagwatch.crawl.task import Need
    from tagwatch.walk.survey import Survey

__all__ = ["Asking", "Facts", "Progress", "look_up"]

Progress = Callable[[RepositorySnapshot], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """`offline`: ask no registry; `refresh`: ask for everything, however fresh what is known.

    `max_seconds`: stop asking after that long (None: never). `progress` is told each repository
    that was read. `with_bases`: where a registry is asked, ask for the policy's bases too.
    `documents` False: read manifests and configs only where nothing else names a version; they
    count against pull limits. `attestations`: read these too.
    """

    offline: bool = False
    refresh: bool = False
    max_seconds: float | None = None
    progress: Progress | None = None
    with_bases: bool = False
    documents: bool = True
    attestations: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Evidence by key, and what asking for it came to."""

    evidence: Mapping[str, Evidence]
    changes: tuple[RepositoryChange, ...] = ()
    failures: tuple[Failure, ...] = ()
    remarks: tuple[Remark, ...] = ()
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    stopped: bool = False


def look_up(targets: Sequence[Target], site: Site, asking: Asking) -> Facts:
    """What is known of these targets. What a registry refuses is a failure in the answer.

    Raises `LedgerError`.
    """
    evidence = _remembered(targets, site)
    old = [target for target in targets if _is_old(target, evidence, site, asking)]
    if asking.offline or not old:
        return Facts(evidence=evidence)
    asked = _ask(old, site, asking)
    answers = asked.answers
    return Facts(
        evidence=evidence | asked.evidence,
        changes=tuple(asked.changes),
        failures=tuple(answers.failures),
        remarks=tuple(answers.remarks),
        requests=answers.requests,
        quotas=answers.quotas,
        stopped=answers.stopped,
    )


def _ask(targets: Sequence[Target], site: Site, asking: Asking) -> Survey:
    """Survey these targets in an event loop of its own."""
    import asyncio

    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.ask import Patience
    from tagwatch.walk.survey import survey

    async def run() -> Survey:
        with Ledger.open(site.database) as ledger:
            run_id = ledger.begin_run("check", site.at)
            patience = Patience(max_seconds=asking.max_seconds)
            return await survey(
                targets,
                ledger,
                run_id,
                site,
                whole=asking.with_bases,
                needs=_needs(asking, site),
                patience=patience,
                progress=asking.progress,
            )

    return asyncio.run(run())


def _needs(asking: Asking, site: Site) -> Need:
    from tagwatch.crawl.task import Need
    from tagwatch.walk.survey import needs_of

    if not asking.documents:
        return Need.NAMES | Need.UNNAMED
    needs = needs_of(site.policy)
    return needs | Need.ATTESTATIONS if asking.attestations else needs


def _remembered(targets: Sequence[Target], site: Site) -> dict[str, Evidence]:
    """What the ledger holds of these targets, as old as it may be. One query."""
    if not site.database.is_file():
        return {}
    keys = {key for target in targets if (key := evidence_key(target)) is not None}
    with Reader.open(site.database) as ledger:
        return dict(ledger.evidence(sorted(keys)))


def _is_old(target: Target, evidence: Mapping[str, Evidence], site: Site, asking: Asking) -> bool:
    """True where the target's facts are unknown, unreadable, too few, or older than `max_age`."""
    key = evidence_key(target)
    if key is None:
        return False
    found = evidence.get(key)
    if asking.refresh or found is None or found.at is None or not is_readable(found):
        return True
    if asking.documents and not found.documents_asked:
        return True
    return site.at - found.at > site.settings.max_age
