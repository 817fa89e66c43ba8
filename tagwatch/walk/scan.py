"""The nightly run, alone of its project: read sources, survey, judge, and store what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from tagwatch.audit.judge import judge
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.news import News
from tagwatch.audit.verdict.result import AuditResult, Case, with_fix_lines
from tagwatch.errors import NothingToReadError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Gone, RepositorySnapshot
from tagwatch.ledger.connection import is_emptied
from tagwatch.ledger.lock import alone, holder_here
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Extraction, Targets
from tagwatch.value import dataclass, replace
from tagwatch.walk.deliver import alert_plan, alerts_of
from tagwatch.walk.file_set import FileSet, read_sources, read_to_fix
from tagwatch.walk.judged import listings_of
from tagwatch.walk.keeping import Keeping
from tagwatch.walk.loop import Patience
from tagwatch.walk.scope import Outside, joined, outside, scope_of
from tagwatch.walk.site import Site, at_configuration, project_of, with_strangers
from tagwatch.walk.survey import Order, Survey, count_nights, survey
from tagwatch.walk.untold import changes_of
from tagwatch.walk.watch_list import Watched, immutable_bases
from tagwatch.workspace.find import File

__all__ = ["ScanResult", "scan_site"]

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """The outcome of a scan."""

    result: AuditResult
    """What this scan found."""
    news: News
    """What it told that no scan before it did."""
    run_id: int
    """The number of the run in the ledger."""


async def scan_site(
    site: Site,
    repositories: Iterable[str] | None,
    *,
    wait_seconds: float,
    stop: asyncio.Event | None,
    progress: Callable[[RepositorySnapshot], None] | None,
    tell: Tell | None,
) -> ScanResult:
    """Scan what the configuration names; see `api.scan_async`."""
    site = with_strangers(_configured(site))
    stopped = stop.is_set if stop is not None else bool
    fetch = repositories is None
    files, left = await asyncio.to_thread(read_sources, site, fetch=fetch, is_over=stopped)
    if not files.extractions and not files.problems_to_fix and not site.settings.watch:
        raise NothingToReadError(
            "no source of the configuration matches a file, and nothing is watched",
            hint="patterns of `sources:` start at the configuration's folder",
        )
    scope = scope_of(repositories, files.targets, site)
    if scope is None and left:
        files = _with_unwatched(files, left, site, tell)
    project = project_of(site)
    if tell is not None and is_emptied(site.database):
        tell(
            f"the ledger {str(site.database)!r} is empty: all memory is gone, this begins a new one"
        )
    with Ledger.open(site.database, site.origins) as ledger:
        async with alone(
            site.database,
            project,
            wait_seconds=wait_seconds,
            holder=lambda: ledger.holder(project),
            stop=stop,
            tell=tell,
        ):
            return await _scan(files, site, ledger, scope, stop, progress)


def _configured(site: Site) -> Site:
    """Return the site in its configuration's folder. Raises where that names no image."""
    if site.settings.path is not None or not site.settings.names_images:
        site = at_configuration(site)
    if not site.settings.names_images:
        raise NothingToReadError(
            f"{site.settings.path}: neither sources nor watch names an image",
            hint="add `sources:` with patterns of files, or `watch:` with images",
        )
    return site


def _with_unwatched(files: FileSet, left: Sequence[File], site: Site, tell: Tell | None) -> FileSet:
    """Return the files with a problem, which is told, where no pattern speaks of some."""
    from tagwatch.walk.unwatched import unwatched  # a folder without such files loads none of it

    problems = tuple(unwatched(left, files.extractions, site))
    for problem in problems:
        if tell is not None:
            tell(f"warning: {problem.message}; {problem.hint}")
    return replace(files, problems=(*files.problems, *problems))


async def _scan(
    files: FileSet,
    site: Site,
    ledger: Ledger,
    scope: frozenset[Repository] | None,
    stop: asyncio.Event | None,
    progress: Callable[[RepositorySnapshot], None] | None,
) -> ScanResult:
    """Scan, as the only one of the project."""
    project, holder = project_of(site), holder_here(site.at)
    run_id = ledger.begin_run("scan", site.at, project=project, scope=scope, holder=holder)
    rest = outside(scope, ledger, project)
    targets = [
        target
        for target in files.targets
        if scope is None or (target.reference and target.reference.repository in scope)
    ]
    order = Order(
        targets=targets,
        watches=(*site.settings.watch, *immutable_bases(site.policy)),
        whole=True,
        project=project,
        scope=scope,
    )
    seen = await survey(
        order, ledger, run_id, site, patience=Patience(stop=stop), progress=progress
    )
    result = _judged(_case_of(files, seen, site, ledger), rest, seen, site, ledger)
    result = replace(result, explained=changes_of(seen.telling.explained))
    result = with_fix_lines(result, read_to_fix(result, site))
    if rest is not None:
        result = joined(result, ledger.stood(project), scope)
    news = ledger.news(run_id, result, scope=scope)
    offered: Iterable[Finding] = ()
    if site.settings.alerts:
        from tagwatch.walk.prospect import newly_offered  # many scans tell nobody

        offered = newly_offered(result, news, site)
    alerts = alerts_of(result, news, alert_plan(site, ledger), offered)
    listings = listings_of(seen.settled) if rest is None else ()
    ledger.finish_run(run_id, result, alerts, news=news, telling=seen.telling, listings=listings)
    return ScanResult(result=result, news=news, run_id=run_id)


def _case_of(files: FileSet, seen: Survey, site: Site, ledger: Ledger) -> Case:
    """Return what is to be judged: what files and the watch list name, and what was seen of it."""
    answers, facts = seen.answers, seen.telling.facts
    return Case(
        at=site.at,
        files=(*files.extractions, *_watch_list(seen.watched)),
        evidence=seen.evidence,
        changes=changes_of(facts),
        problems=files.problems,
        failures=tuple(answers.failures),
        remarks=tuple(answers.remarks),
        gone=tuple(fact.happened for fact in facts if isinstance(fact.happened, Gone)),
        requests=answers.requests,
        quotas=answers.quotas,
        whole=True,
        complete=not answers.stopped,
        watched=seen.places,
        repositories=frozenset(one.name for one in site.settings.repositories),
        nights=count_nights(ledger, seen, site.at, project_of(site)),
    )


def _judged(
    case: Case, rest: Outside | None, seen: Survey, site: Site, ledger: Ledger
) -> AuditResult:
    """Return the judgement, for which a whole scan takes over and keeps what still stands."""
    if rest is not None:
        return judge(rest.added_to(case), site.policy, site.knowledge)
    keeping = Keeping(ledger, project_of(site), site, seen.settled, case.files, case.failures)
    result = judge(case, site.policy, site.knowledge, keeper=keeping.keeper)
    keeping.keep()
    return result


def _watch_list(watched: Sequence[Watched]) -> tuple[tuple[str, Extraction], ...]:
    """Return the targets of the watch list as extractions of the files that it is written in."""
    found: dict[str, list[Watched]] = {}
    for one in watched:
        found.setdefault(one.watch.location.path, []).append(one)
    # not in the order in which they are met: that would change with the tags of one of them
    return tuple((path, Extraction(targets=Targets(found[path]))) for path in sorted(found))
