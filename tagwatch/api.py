"""The walks, on one page, and the front door of the library.

`check` audits files, `fix` mends them, `outdated` says what is newer than what they name, `resolve`
what an image is, `pull_request` what commits do to images, `scan` is the nightly run.
The way of one tag, from the line of a file to the finding about it:

    find      paths -> files                     `workspace/find.py`
    read      a file -> targets                  `walk/file_set.py`: `workspace/read.py`, and the
                                                 source of its format
    look up   targets -> evidence                `walk/look_up.py`: what the ledger holds, if fresh
    survey    targets -> evidence, where it is   `walk/survey.py`: ask, remember, explain, match,
              old or missing                     gather; `look_up` calls it
    judge     files and evidence -> findings     `audit/judge.py`, one rule after the other
    publish   the result -> people, machines     `publish/`, by the command

A scan (`walk/scan.py`) looks nothing up: it surveys everything. It also stores its result, with the
alerts that it is worth; `walk/sending.py` sends them. Where and when a walk takes place, and under
which settings and policy, is its `Site` (`walk/site.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tagwatch.audit.verdict.result import AuditResult, Case, with_fix_lines
from tagwatch.errors import UsageError
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.file_set import read_named, read_to_fix
from tagwatch.walk.look_up import Asking, Lookup, look_up
from tagwatch.walk.site import Site, placed, site_given
from tagwatch.workspace.find import Found, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from tagwatch.audit.model.evidence import Resolution
    from tagwatch.audit.verdict.baseline import Baseline
    from tagwatch.audit.verdict.fixing import Strategy
    from tagwatch.audit.verdict.outlook import Level, Prospects
    from tagwatch.audit.verdict.pull_request import PullRequest
    from tagwatch.image.snapshot import RepositorySnapshot
    from tagwatch.source.target import Target
    from tagwatch.walk.fix import Draft
    from tagwatch.walk.scan import ScanResult
    from tagwatch.walk.site import Paths

__all__ = [
    "Asking",
    "CheckOptions",
    "check",
    "fix",
    "outdated",
    "pull_request",
    "resolve",
    "resolve_all",
    "scan",
    "scan_async",
]

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
    found, contents = _found(paths, site, options)
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
    options = replace(options, asking=options.asking.begun())
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
    from tagwatch.source.target import targets_of

    site, targets = site_given(site), targets_of(references)
    lookup = look_up(targets, site, replace(asking or Asking(), documents=False))
    expired = lookup.expired(site)
    return tuple(_resolution_of(target, lookup, expired, site) for target in targets)


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
    found, contents = _found(paths, site, options)
    files = read_named(found, site, options.build_args, contents, engine=options.engine)
    lookup = look_up(files.targets, site, options.asking)
    expired = lookup.expired(site)
    known = lookup.without(expired).evidence
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
    return made(commits, site, options.asking, options.build_args)


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
    from tagwatch.walk.scan import scan_site

    return await scan_site(
        site_given(site),
        repositories,
        wait_seconds=wait_seconds,
        stop=stop,
        progress=progress,
        tell=tell,
    )


def _begin(site: Site | None, options: CheckOptions | None) -> tuple[Site, CheckOptions]:
    """Return where and how to check, after importing the facts that the configuration names."""
    site, options = site_given(site), options or CheckOptions()
    if not isinstance(options, CheckOptions):
        raise UsageError(f"not options: {options!r}", hint="tagwatch.CheckOptions(…) makes them")
    # The limit of time counts from here: git, fetching facts and asking registries share it.
    if site.settings.facts or options.diff_base:
        options = replace(options, asking=options.asking.begun())
    if site.settings.facts is None:
        return site, options
    from tagwatch.walk.facts import bring_facts

    for warning in bring_facts(site, options.asking):
        if options.tell is not None:
            options.tell(warning)
    return site, options


def _found(paths: Paths, site: Site, options: CheckOptions) -> tuple[Found, Mapping[Path, bytes]]:
    """Return the files at these paths, and by real path what some are said to hold."""
    contents: Mapping[Path, bytes] = {}
    if options.contents:
        from os.path import realpath
        from pathlib import Path

        real = (Path(realpath(path)) for path in placed(options.contents, site))
        contents = dict(zip(real, options.contents.values(), strict=True))
    return find(placed(paths, site), site.root, given=contents), contents


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
    files = read_named(found, site, options.build_args, instead, engine=options.engine)
    past, baseline, commit = None, options.baseline, options.diff_base
    if commit is not None:  # first: what is asked has the time that is left
        from tagwatch.walk.diff_base import read_past, with_past

        past = read_past(found, site, options.build_args, commit, options.asking)
    lookup = look_up(files.targets, site, replace(options.asking, learn_bases=True))
    expired = lookup.expired(site)
    if strategy is not None:
        lookup = lookup.without(expired)
    from tagwatch.audit.judge import judge  # `resolve` judges nothing

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
        facts_from=lookup.facts_from(expired),
        complete=not (lookup.stopped or expired),
        offline=options.asking.offline,
    )
    if past is not None and commit is not None:
        baseline = with_past(baseline, past, commit, case, site)
    result = judge(case, site.policy, site.knowledge, baseline=baseline, strategy=strategy)
    if result.wanted:
        from tagwatch.walk.candidates import judged_again

        result = judged_again(
            result, case, site, options.asking, baseline=baseline, strategy=strategy
        )
    return with_fix_lines(result, read_to_fix(result, site, instead))


def _resolution_of(
    target: Target, lookup: Lookup, expired: frozenset[str], site: Site
) -> Resolution:
    """Return what a look-up says of one target, and on what that rests."""
    from tagwatch.audit.model.evidence import Resolution, Status, evidence_key
    from tagwatch.audit.model.history import UNRECORDED
    from tagwatch.audit.rule.inside import with_living_offers

    known = lookup.evidence.get(evidence_key(target) or "")
    if known is None:
        missing = Resolution(input=target.text, status=Status.UNAVAILABLE, note=_NOT_STORED)
        return _told_gone(missing, target, site)
    living = with_living_offers(known, site.knowledge, site.at.date())
    resolution = replace(living.resolution, input=target.text, read_at=known.at)
    if known.at != site.at or known.origin == UNRECORDED:
        resolution = replace(resolution, origin=known.origin)
    if known.source in expired:
        notes = (resolution.note, f"from facts that expired: {known.source}")
        resolution = replace(resolution, note="; ".join(filter(None, notes)))
    return _told_gone(resolution, target, site)


def _told_gone(resolution: Resolution, target: Target, site: Site) -> Resolution:
    """Return the resolution with what is known of a repository that is not there any more."""
    if target.reference is None or resolution.digest is not None:
        return resolution
    deleted = site.knowledge.deletion_of(target.reference.repository)
    if deleted is None:
        return resolution
    use = f"; use {', or '.join(deleted.to)}" if deleted.to else ""
    return replace(resolution, note=f"its repository was deleted ({deleted.since}){use}")
