"""The walks, on one page, and the front door of the library.

`check` audits files, `fix` mends them, `outdated` says what is newer than what they name, `resolve`
what an image is, `scan` is the nightly run.
The way of one tag, from the line of a file to the finding about it:

    find      paths -> files                     `workspace/find.py`
    read      a file -> targets                  `workspace/read.py`, and the source of its format
    look up   targets -> evidence                `walk/look_up.py`: what the ledger holds, if fresh
    survey    targets -> evidence, where it is   `walk/survey.py`: ask, remember, explain, match,
              old or missing                     gather; `look_up` calls it
    judge     files and evidence -> findings     `audit/judge.py`, one rule after the other
    publish   the result -> people, machines     `publish/`, by the command

A scan looks nothing up: it surveys everything. It also stores its result, with the alerts that it
is worth; `walk/sending.py` sends them. Where and when a walk takes place, and under which settings
and policy, is its `Site` (`walk/site.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import ConfigError, InputError, NothingToReadError, UsageError
from tagwatch.source.target import Extraction, Problem, Target, Targets, is_replaced, qualify
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.look_up import Asking, look_up
from tagwatch.walk.site import Site, at_configuration, placed, site_given
from tagwatch.workspace.find import File, Found, find, sources_from_globs, start_of
from tagwatch.workspace.read import read_bytes, read_targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from tagwatch.audit.judge import Case
    from tagwatch.audit.model.evidence import Evidence, Resolution
    from tagwatch.audit.verdict.baseline import Baseline
    from tagwatch.audit.verdict.fixing import Strategy
    from tagwatch.audit.verdict.news import News
    from tagwatch.audit.verdict.outlook import Level, Prospects
    from tagwatch.audit.verdict.pull_request import PullRequest
    from tagwatch.image.reference import Repository
    from tagwatch.image.snapshot import RepositorySnapshot
    from tagwatch.ledger.write import Ledger
    from tagwatch.source.target import Target
    from tagwatch.walk.fix import Draft
    from tagwatch.walk.site import Paths
    from tagwatch.walk.watch_list import Watched

__all__ = [
    "Asking",
    "CheckOptions",
    "Files",
    "ScanResult",
    "check",
    "fix",
    "outdated",
    "pull_request",
    "read_files",
    "resolve",
    "resolve_all",
    "scan",
    "scan_async",
]

_Extractions = Sequence[tuple[str, Extraction]]
_NOT_STORED = "no answer is stored for it; run once without --offline"
WAIT_SECONDS = 600.0
"""How long a scan waits for another one of its project, unless it is told otherwise."""
_MAX_ROUNDS = 5
"""One fix may make another one possible (a tag, then its digest): so many rounds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Options of `check` and `fix`: how to ask, how files are built, and what is known already."""

    asking: Asking = field(default_factory=Asking)
    """Whether registries are asked, or the ledger only, and how long that may take."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    """Build arguments by name, as `docker build --build-arg` takes them."""
    baseline: Baseline | None = None
    """Findings that were there before; they are listed among the `ignored` ones."""
    diff_base: str | None = None
    """A commit: findings that the files had already where HEAD left it are known, too."""
    engine: bool = False
    """True: containers that run on this machine's engine are audited as well."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """Files by path that `check` judges as if they held these bytes, as an editor has them. They
    need not exist."""
    tell: Callable[[str], None] | None = None
    """Called with each warning that is no finding, one line each: configured facts are old, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files that were read, each with what it names, and the problems of reading them."""

    extractions: tuple[tuple[str, Extraction], ...]
    problems: tuple[Problem, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target of every file, in order, without what has another image in its place."""
        return tuple(
            target
            for _, one in self.extractions
            for target in one.targets
            if not is_replaced(target)
        )

    @property
    def problems_to_fix(self) -> tuple[Problem, ...]:
        """The problems that kept a file from being read: not those of what was passed over."""
        return tuple(problem for problem in self.problems if not problem.skipped)

    @property
    def none_read(self) -> bool:
        """True where there is no file, or nothing but files that were passed over."""
        return all(
            one.problems
            and one == Extraction(problems=one.problems)
            and all(problem.skipped for problem in one.problems)
            for _, one in self.extractions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """The outcome of a scan."""

    result: AuditResult
    """What this scan found."""
    news: News
    """What it told that no scan before it did."""
    run_id: int
    """The number of the run in the ledger."""


def check(
    paths: Paths = ".", site: Site | None = None, *, options: CheckOptions | None = None
) -> AuditResult:
    """Audit files and folders as `tagwatch check` does.

    `paths` are files and folders, or a single one; relative ones start at `site.folder`. `site`
    is what `open_site` returns; None: the site of the current folder.

    Registries are asked only for what the ledger does not know, or read longer than `max_age` (24
    hours) ago: for the tags of each repository, in one request or a few, and for each new image
    its manifests, which count against pull limits, and one config per platform. Where the ledger
    knows everything, and with `Asking(offline=True)`, no request is made.

    What a registry refuses is part of the result: see its `complete` and `failures`. Raises
    `NothingToReadError` where no path holds a file that tagwatch reads, `ConfigError` as
    `open_site` does, `InputError` where configured facts have a wrong signature, `LedgerError`
    where the ledger cannot be opened, and `UsageError` where an argument is of a wrong type.

    The call blocks until the answers are there. Inside an event loop, where this would stop
    everything else, use `await asyncio.to_thread(tagwatch.check, paths)`.
    """
    site, options = _begin(site, options)
    contents = _contents(options, site) if options.contents else {}
    found = find(placed(paths, site), site.root, given=contents)
    return _check(found, site, options, contents)


def fix(
    paths: Paths = ".",
    site: Site | None = None,
    *,
    strategy: Strategy | str = "findings",
    options: CheckOptions | None = None,
) -> tuple[AuditResult, Draft]:
    """Audit files and draft fixes as `tagwatch check --fix` does. No file is written here.

    Returns the result of auditing the files as drafted, and the draft: `draft.diff()` shows it,
    `draft.write()` writes it. `strategy` is a `Strategy` or its text: `findings` makes the fixes
    that findings offer, `pin` pins every reference to its digest, `bump:patch` and `bump:minor`
    write the newest tag of the patch series or the major version.

    Nothing is written that is warned of: see `AuditResult.kept_back`, and `audit.verdict.hand`.

    Costs what `check` costs, and a look-up of each tag that would be written.
    Raises as `check` does, and `UsageError` where there is no such strategy. A file that cannot be
    edited is no error here: see `draft.refusal`.
    """
    from tagwatch.audit.verdict.fixing import strategy_of
    from tagwatch.walk.fix import Draft

    strategy = strategy_of(strategy)
    site, options = _begin(site, options)
    # All rounds share one limit of time; without this each would begin to count by itself.
    if options.asking.begun_at is None:
        options = replace(options, asking=replace(options.asking, begun_at=monotonic()))
    found = find(placed(paths, site), site.root)
    draft = Draft(site.root, found.files)
    result = _check(found, site, options, draft.instead, strategy=strategy)
    # What was just asked for need not be asked for in each round.
    options = replace(options, asking=replace(options.asking, refresh=False))
    for _ in range(_MAX_ROUNDS):
        if not draft.make(result.fixes):
            break
        result = _check(found, site, options, draft.instead, strategy=strategy)
    return result, draft


def resolve(
    reference: str, site: Site | None = None, *, asking: Asking | None = None
) -> Resolution:
    """Return what an image is today: `redis:6.2`, `redis:6.2.x`, `redis:^6`, `redis@sha256:…`.

    The resolution has the concrete tag, the version, the digest, the other tags of that digest, and
    the basis of this answer. An image that does not exist or could not be read raises no error:
    `status` says so.

    Costs nothing where the ledger read it within `max_age`. Else the tags of the repository are
    listed (and where the registry lists no digests, the tag is asked for), and a manifest and a
    config are read only where no other tag names the version. Raises `InvalidReferenceError` where
    the text names no image, `UsageError` where its pattern cannot be read, and `ConfigError` and
    `LedgerError` as `check` does.
    """
    return resolve_all((reference,), site, asking=asking)[0]


def resolve_all(
    references: Iterable[str], site: Site | None = None, *, asking: Asking | None = None
) -> tuple[Resolution, ...]:
    """Return what each image is today, in the same order; see `resolve`.

    The tags of a repository are listed once, however many references name it. So call this with all
    references rather than `resolve` with each.
    """
    from tagwatch.audit.model.evidence import Resolution, Status, evidence_key
    from tagwatch.audit.model.history import UNRECORDED
    from tagwatch.audit.rule.inside import with_living_offers
    from tagwatch.source.target import targets_of

    site, targets = site_given(site), targets_of(references)
    lookup = look_up(targets, site, replace(asking or Asking(), documents=False))
    expired = _expired(lookup.evidence, site)
    found = []
    for target in targets:
        known = lookup.evidence.get(evidence_key(target) or "")
        missing = Resolution(input=target.text, status=Status.UNAVAILABLE, note=_NOT_STORED)
        if known is not None:
            living = with_living_offers(known, site.knowledge, site.at.date())
            resolution = replace(living.resolution, input=target.text, read_at=known.at)
            if known.at != site.at or known.origin == UNRECORDED:
                resolution = replace(resolution, origin=known.origin)
            if known.source in expired:
                notes = (resolution.note, f"from facts that expired: {known.source}")
                resolution = replace(resolution, note="; ".join(filter(None, notes)))
        found.append(_told_gone(resolution if known is not None else missing, target, site))
    return tuple(found)


def outdated(
    paths: Paths = ".",
    site: Site | None = None,
    *,
    level: Level | str = "major",
    options: CheckOptions | None = None,
) -> Prospects:
    """Return what newer there is of each image that files name, as `tagwatch outdated` does.

    `level` is the largest step that is looked for: `patch`, `minor` or `major`. What is named as
    newer may be written: nothing dead, replaced or too young is, and what is kept back is told.

    Costs what `check` costs, and raises as it does. `options`: a baseline and `diff_base` mean
    nothing here.
    """
    from tagwatch.walk.prospect import level_of, prospects_in

    level = level_of(level)
    site, options = _begin(site, options)
    contents = _contents(options, site) if options.contents else {}
    found = find(placed(paths, site), site.root, given=contents)
    files = _named(found, site, options, contents)
    lookup = look_up(files.targets, site, options.asking)
    expired = _expired(lookup.evidence, site)
    known = _unexpired(lookup.evidence, expired) if expired else lookup.evidence
    told = prospects_in(files.extractions, known, site, level=level)
    is_whole = not (lookup.stopped or expired or files.problems_to_fix)
    failed = any(not failure.is_limit for failure in lookup.failures)
    return replace(told, complete=told.complete and is_whole and not failed)


def pull_request(
    commits: str, site: Site | None = None, *, options: CheckOptions | None = None
) -> PullRequest:
    """Return what the commits of a range, `BASE..HEAD`, do to images, as `tagwatch pr` does.

    Both sides are read from the objects of the git repository at `site.root`; nothing is checked
    out. Configuration and policy are the site's, not the range's.

    Costs what a check of the lines that changed costs, and the manifests and configs of the images
    on both sides. Raises `InputError` where there is no repository, no such commit or no common
    history, else as `check` does. `options`: a baseline, `diff_base` and `contents` mean nothing
    here.
    """
    from tagwatch.walk.pull_request import pull_request as made

    site, options = _begin(site, options)
    arguments = options.build_args

    def read(found: Found, side: Site) -> tuple[_Extractions, tuple[Problem, ...]]:
        files = read_files(found, side, arguments)
        return files.extractions, files.problems

    return made(commits, site, options.asking, read)


def _told_gone(resolution: Resolution, target: Target, site: Site) -> Resolution:
    """Return the resolution with what is known of a repository that is not there any more."""
    if target.reference is None or resolution.digest is not None:
        return resolution
    deleted = site.knowledge.deletion_of(target.reference.repository)
    if deleted is None:
        return resolution
    use = f"; use {', or '.join(deleted.to)}" if deleted.to else ""
    return replace(resolution, note=f"its repository was deleted ({deleted.since}){use}")


def _begin(site: Site | None, options: CheckOptions | None) -> tuple[Site, CheckOptions]:
    """Return where and how to check, after importing the facts that the configuration names."""
    site, options = site_given(site), options or CheckOptions()
    if not isinstance(options, CheckOptions):
        raise UsageError(f"not options: {options!r}", hint="tagwatch.CheckOptions(…) makes them")
    # The limit of time counts from here: git, fetching facts and asking registries share it.
    if options.asking.begun_at is None and (site.settings.facts or options.diff_base):
        options = replace(options, asking=replace(options.asking, begun_at=monotonic()))
    if site.settings.facts is None:
        return site, options
    from tagwatch.walk.facts import bring_facts

    for warning in bring_facts(site, options.asking):
        if options.tell is not None:
            options.tell(warning)
    return site, options


def _contents(options: CheckOptions, site: Site) -> Mapping[Path, bytes]:
    """Return by real path what files are said to hold."""
    from os.path import realpath
    from pathlib import Path

    return {
        Path(realpath(path)): options.contents[name]
        for name, path in zip(options.contents, placed(options.contents, site), strict=True)
    }


def _check(
    found: Found,
    site: Site,
    options: CheckOptions,
    instead: Mapping[Path, bytes],
    *,
    strategy: Strategy | None = None,
) -> AuditResult:
    """Audit the files found; see `check`.

    `instead`: files, by their real path, that are judged as if they held these bytes. `strategy`:
    the fixes to judge; then facts that expired do not count, for nothing is written by them.
    """
    files = _named(found, site, options, instead)
    before = _read_before(found, site, options)  # first: what is asked has the time that is left
    lookup = look_up(files.targets, site, replace(options.asking, learn_bases=True))
    expired = _expired(lookup.evidence, site)
    if strategy is not None and expired:
        lookup = replace(lookup, evidence=_unexpired(lookup.evidence, expired))
    from tagwatch.audit.judge import Case, judge

    case = Case(
        at=site.at,
        files=files.extractions,
        evidence=lookup.evidence,
        changes=lookup.changes,
        problems=files.problems,
        failures=lookup.failures,
        remarks=lookup.remarks,
        requests=lookup.requests,
        quotas=lookup.quotas,
        facts_from=_facts_told(lookup.evidence, expired),
        complete=not (lookup.stopped or expired),
        offline=options.asking.offline,
    )
    baseline = options.baseline
    if before is not None:
        baseline = _with_known_before(before, case, site, options)
    result = judge(case, site.policy, site.knowledge, baseline=baseline, strategy=strategy)
    if result.wanted:
        from tagwatch.walk.candidates import judged_again

        result = judged_again(
            result, case, site, options.asking, baseline=baseline, strategy=strategy
        )
    return _with_fix_lines(result, site, instead)


def _named(found: Found, site: Site, options: CheckOptions, instead: Mapping[Path, bytes]) -> Files:
    """Return what the files found name. Raises `NothingToReadError` where none can be read."""
    files = read_files(found, site, options.build_args, instead)
    if options.engine:
        from tagwatch.walk.local_image import running_containers

        runs = running_containers(site.environment)
        files = replace(files, extractions=(*files.extractions, *runs))
    if files.none_read:
        first = next(iter(files.problems), None)
        raise NothingToReadError(
            first.message if first else "nothing that tagwatch reads is among the paths named",
            hint=(first.hint if first else "") or "name Dockerfiles, Compose or Kubernetes files",
        )
    return files


def _expired(evidence: Mapping[str, Evidence], site: Site) -> frozenset[str]:
    """Return the sources of this evidence on which nothing should rest any more."""
    if all(one.source == "seen" for one in evidence.values()):
        return frozenset()
    from tagwatch.walk.facts_kept import expired_facts

    return expired_facts(evidence, site)


def _unexpired(evidence: Mapping[str, Evidence], expired: frozenset[str]) -> Mapping[str, Evidence]:
    return {key: one for key, one in evidence.items() if one.source not in expired}


def _facts_told(evidence: Mapping[str, Evidence], expired: frozenset[str]) -> str:
    """Return the sources of evidence that this ledger did not see itself; mostly there are none."""
    if all(one.source == "seen" for one in evidence.values()):
        return ""
    from tagwatch.walk.facts_kept import facts_told

    return facts_told(evidence, expired)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """The files of a check as a commit has them, and how that commit was named."""

    revision: str
    files: Files


def _read_before(found: Found, site: Site, options: CheckOptions) -> _Before | None:
    """Return what the files held where HEAD left `diff_base`; None where none is named."""
    if options.diff_base is None:
        return None
    from os.path import realpath
    from pathlib import Path

    from tagwatch.workspace.git_history import past_files

    seconds, begun_at = options.asking.max_seconds, options.asking.begun_at
    if seconds is not None and begun_at is not None:
        seconds = max(seconds - (monotonic() - begun_at), 0.0)
    real = {file: Path(realpath(file.real)) for file in found.files}
    with past_files(site.root, options.diff_base, real.values(), seconds=seconds) as past:
        there = [file for file, path in real.items() if path not in past or past[path] is not None]
        files = read_files(Found(files=tuple(there)), site, options.build_args, past)
    return _Before(revision=options.diff_base, files=files)


def _with_known_before(before: _Before, case: Case, site: Site, options: CheckOptions) -> Baseline:
    """Return the baseline with every finding that the files had at that commit."""
    from tagwatch.audit.verdict.baseline import Baseline, make_baseline

    files = before.files
    # offline: images that only the old files name are worth no request
    remembered = look_up(files.targets, site, Asking(offline=True)).evidence
    evidence = {**remembered, **case.evidence}
    from tagwatch.audit.judge import judge

    judged = judge(
        replace(case, files=files.extractions, evidence=evidence, problems=files.problems),
        site.policy,
        site.knowledge,
    )
    known = make_baseline(judged.findings, site.at.date()).known
    since = {key: replace(entry, first_seen=before.revision) for key, entry in known.items()}
    return Baseline(known={**since, **(options.baseline.known if options.baseline else {})})


def scan(
    site: Site | None = None,
    *,
    repositories: Iterable[str] | None = None,
    wait_seconds: float = WAIT_SECONDS,
    progress: Callable[[RepositorySnapshot], None] | None = None,
) -> ScanResult:
    """Read everything that is configured, store it and judge it: the nightly run.

    `site` is what `open_site` returns; None: the site of the current folder. `repositories` are the
    names of the only ones to ask, of those that files, the watch list and the policy's bases name;
    None: all. Of the others the result says what the last scan did, and nothing there is new or
    fixed. `progress` is called with the snapshot of each repository that was read; where it has a
    method `expect`, that is called with how many more will be. Other than `tagwatch scan`, this
    writes no reports and sends no alerts; the alerts wait in the ledger for
    the next run that sends.

    One scan of a project works at a time; a second one waits at most `wait_seconds` for it.

    Costs the requests of a nightly scan: for the tags of each repository one or a few where the
    registry lists digests with them, else one more per tag; and those for the manifests and
    configs of each new image. Raises `ConfigError` where nothing is configured or the configuration
    is wrong, `NothingToReadError` where no source matches a file and nothing is watched, or nothing
    of that is in `repositories`, `LedgerError` where the ledger cannot be opened, is ahead of the
    clock or is in use for longer, and `UsageError` where an argument is of a wrong type.

    The call blocks until everything is read. Inside an event loop, await `scan_async`.
    """
    from tagwatch.walk.loop import run

    return run(
        scan_async(site, repositories=repositories, wait_seconds=wait_seconds, progress=progress)
    )


async def scan_async(
    site: Site | None = None,
    *,
    repositories: Iterable[str] | None = None,
    wait_seconds: float = WAIT_SECONDS,
    stop: asyncio.Event | None = None,
    progress: Callable[[RepositorySnapshot], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> ScanResult:
    """Scan in the running event loop; see `scan`.

    The snapshot of a repository is stored before its worker begins the next one. The result, what
    it tells and its alerts are stored in one transaction; `walk.sending` sends the alerts. After
    `stop` is set no repository is begun, and the result names what was not read. `tell` is called
    with a line where another scan of the project has to be waited for, where the ledger's file has
    become empty, and where no source matches a file that names images.
    """
    site = site_given(site)
    if site.settings.path is not None or not site.settings.names_images:
        site = at_configuration(site)
    if not site.settings.names_images:
        raise NothingToReadError(
            f"{site.settings.path}: neither sources nor watch names an image",
            hint="add `sources:` with patterns of files, or `watch:` with images",
        )
    import asyncio

    from tagwatch.ledger.connection import is_emptied
    from tagwatch.ledger.lock import alone
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.scope import scope_of
    from tagwatch.walk.site import project_of, with_strangers

    site = with_strangers(site)
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
        from tagwatch.walk.unwatched import unwatched

        for problem in unwatched(left, files.extractions, site):
            files = replace(files, problems=(*files.problems, problem))
            if tell is not None:
                tell(f"warning: {problem.message}; {problem.hint}")
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


async def _scan(
    files: Files,
    site: Site,
    ledger: Ledger,
    scope: frozenset[Repository] | None,
    stop: asyncio.Event | None,
    progress: Callable[[RepositorySnapshot], None] | None,
) -> ScanResult:
    """Scan, as the only one of the project. See `scan_async`."""
    from tagwatch.image.snapshot import Gone
    from tagwatch.ledger.lock import holder_here
    from tagwatch.walk.ask import Patience
    from tagwatch.walk.deliver import alert_plan, alerts_of
    from tagwatch.walk.judged import listings_of
    from tagwatch.walk.keeping import Keeping
    from tagwatch.walk.prospect import newly_offered
    from tagwatch.walk.scope import joined, outside
    from tagwatch.walk.site import project_of
    from tagwatch.walk.survey import Order, count_nights, survey
    from tagwatch.walk.untold import changes_of
    from tagwatch.walk.watch_list import immutable_bases

    project = project_of(site)
    run_id = ledger.begin_run(
        "scan", site.at, project=project, scope=scope, holder=holder_here(site.at)
    )
    rest = outside(scope, ledger, project)
    targets = [
        target
        for target in files.targets
        if scope is None or (target.reference and target.reference.repository in scope)
    ]
    seen = await survey(
        Order(
            targets=targets,
            watches=(*site.settings.watch, *immutable_bases(site.policy)),
            whole=True,
            project=project,
            scope=scope,
        ),
        ledger,
        run_id,
        site,
        patience=Patience(stop=stop),
        progress=progress,
    )
    from tagwatch.audit.judge import Case, judge

    case = Case(
        at=site.at,
        files=(*files.extractions, *_watch_list(seen.watched)),
        evidence=seen.evidence,
        changes=changes_of(seen.telling.facts),
        problems=files.problems,
        failures=tuple(seen.answers.failures),
        remarks=tuple(seen.answers.remarks),
        gone=tuple(fact.happened for fact in seen.telling.facts if isinstance(fact.happened, Gone)),
        requests=seen.answers.requests,
        quotas=seen.answers.quotas,
        whole=True,
        complete=not seen.answers.stopped,
        watched=seen.places,
        repositories=frozenset(one.name for one in site.settings.repositories),
        nights=count_nights(ledger, seen, site.at, project),
    )
    keeping = None
    if rest is None:
        keeping = Keeping(ledger, project, site, seen.settled, case.files, case.failures)
    else:
        case = rest.added_to(case)
    result = judge(
        case, site.policy, site.knowledge, keeper=keeping.keeper if keeping is not None else None
    )
    if keeping is not None:
        keeping.keep()
        keeping = None  # it holds what it took down of every target
    result = replace(result, explained=changes_of(seen.telling.explained))
    result = _with_fix_lines(result, site)
    if rest is not None:
        result = joined(result, ledger.stood(project), scope)
    news = ledger.news(run_id, result, scope=scope)
    offered = newly_offered(result, news, site) if site.settings.alerts else ()
    alerts = alerts_of(result, news, alert_plan(site, ledger), offered)
    listings = listings_of(seen.settled) if rest is None else ()
    ledger.finish_run(run_id, result, alerts, news=news, telling=seen.telling, listings=listings)
    return ScanResult(result=result, news=news, run_id=run_id)


def read_sources(
    site: Site, *, fetch: bool = False, is_over: Callable[[], bool] = lambda: False
) -> tuple[Files, tuple[File, ...]]:
    """Read what the configured sources name; and the files that may and that no pattern matches.

    `fetch`: git repositories are fetched anew, until `is_over` says True; else they are read as
    they were kept. Raises `ConfigError` where a repository has the name of a folder.
    """
    from tagwatch.ledger.connection import is_part_of
    from tagwatch.source.beneath import strangers

    found = sources_from_globs(site.settings.sources, site.root)
    others = tuple(file for file in found.files if not is_part_of(site.database, file.real))
    files = read_files(replace(found, files=others), site, {})
    for folder, one in _repositories(site, fetch, is_over):
        files = Files(
            extractions=(
                *files.extractions,
                *((f"{folder}/{path}", strangers(read, folder)) for path, read in one.extractions),
            ),
            problems=(
                *files.problems,
                *strangers(Extraction(problems=one.problems), folder).problems,
            ),
        )
    return files, found.left


def _repositories(
    site: Site, fetch: bool, is_over: Callable[[], bool]
) -> Iterator[tuple[str, Files]]:
    """Yield the git repositories among the sources by name, each read as a stranger's tree."""
    named = site.settings.repositories
    if not named:
        return
    from tagwatch.walk.site import kept_repositories

    for one, kept in kept_repositories(site, fetch=fetch, is_over=is_over):
        if (site.root / one.name).exists():
            raise ConfigError(
                f"sources: {one.address!r} is shown as {one.name!r}, which is also here",
                hint="give the repository another `name:`",
            )
        problems = []
        if kept.why or kept.folder is None:
            read = f"; read as of {kept.at:%Y-%m-%d}" if kept.at else ""
            why = kept.why or "nothing of it is there"
            problems.append(
                Problem(
                    message=f"{one.address} was not fetched: {why}{read}",
                    location=start_of("."),
                    hint=f"`git ls-remote {one.address}` shows what git says",
                )
            )
        files = Files(extractions=(), problems=())
        if kept.folder is not None:
            there = replace(site, root=kept.folder, environment={}, is_strangers=True)
            found = (
                sources_from_globs(one.files, kept.folder)
                if one.files
                else find([str(kept.folder)], kept.folder)
            )
            files = read_files(found, there, {})
        yield one.name, replace(files, problems=(*problems, *files.problems))


def read_files(
    found: Found,
    site: Site,
    build_args: Mapping[str, str],
    instead: Mapping[Path, bytes | None] | None = None,
) -> Files:
    """Read what files name. Problems are part of the answer. `instead`: see `read_targets`."""
    read = read_targets(
        found.files, site.root, site.visible, build_args, instead, trusted=not site.is_strangers
    )
    home = site.policy.defaults.registry
    extractions = tuple((path, qualify(extraction, home)) for path, extraction in read)
    if len(extractions) > 1 and any(map(_draws_from_others, extractions)):
        from tagwatch.source.text.shared_value import mark_across

        extractions = mark_across(extractions)
    return Files(extractions=extractions, problems=found.problems)


def _draws_from_others(read: tuple[str, Extraction]) -> bool:
    """Return True where a reference in this file is made of text in another file."""
    path, extraction = read
    return any(field.span.path != path for target in extraction.targets for field in target.fields)


def _watch_list(watched: Sequence[Watched]) -> tuple[tuple[str, Extraction], ...]:
    """Return the targets of the watch list as extractions of the files that it is written in."""
    found: dict[str, list[Watched]] = {}
    for one in watched:
        found.setdefault(one.watch.location.path, []).append(one)
    # not in the order in which they are met: that would change with the tags of one of them
    return tuple((path, Extraction(targets=Targets(found[path]))) for path in sorted(found))


def _with_fix_lines(
    result: AuditResult, site: Site, instead: Mapping[Path, bytes] | None = None
) -> AuditResult:
    """Return the result where each fix has the line it makes; none if its file cannot be read."""
    files: dict[str, bytes] = {}
    for path in {finding.fix.path for finding in result.findings if finding.fix is not None}:
        real = site.root / path
        try:
            files[path] = (instead and instead.get(real.resolve())) or read_bytes(real)
        except InputError:
            continue
    if not files:
        return result
    from tagwatch.audit.verdict.result import with_fix_lines

    return with_fix_lines(result, files)
