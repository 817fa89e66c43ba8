"""The walks, on one page: `check` audits files, `fix` mends them, `scan` is the nightly run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from tagwatch.audit.judge import Case, judge
from tagwatch.audit.verdict.baseline import Baseline
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import InputError, NothingToReadError
from tagwatch.source.target import Extraction, Problem, Target, Targets, qualify
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.look_up import Asking, look_up
from tagwatch.walk.site import Site
from tagwatch.workspace.find import Found, find, sources_from_globs
from tagwatch.workspace.read import read_bytes, read_targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from tagwatch.audit.model.evidence import Evidence
    from tagwatch.audit.verdict.fixing import Strategy
    from tagwatch.image.snapshot import RepositorySnapshot
    from tagwatch.walk.fix import Draft
    from tagwatch.walk.watch_list import Watched

__all__ = [
    "Asking",
    "CheckOptions",
    "Files",
    "ScanResult",
    "check",
    "fix",
    "read_files",
    "scan",
]

_MAX_ROUNDS = 5
"""A fix may call for another (a tag, then its digest); so many follow each other at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """How to ask, what the files are built with, and which findings are known already.

    `diff_base`: a commit; what the files said already where HEAD left it is known, too.
    `engine`: audit what runs on this machine as well.
    """

    asking: Asking = field(default_factory=Asking)
    build_args: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline | None = None
    diff_base: str | None = None
    engine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files that were read, each with what it names, and what stood in the way."""

    extractions: tuple[tuple[str, Extraction], ...]
    problems: tuple[Problem, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target of every file, in order."""
        return tuple(target for _, one in self.extractions for target in one.targets)

    @property
    def problems_to_fix(self) -> tuple[Problem, ...]:
        """Those that kept a file from being read; a pattern that matches nothing does not."""
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
    """What a scan found, what the one before found, and the number of its run."""

    result: AuditResult
    previous: AuditResult | None
    run_id: int


def check(paths: Sequence[str], site: Site, options: CheckOptions | None = None) -> AuditResult:
    """Audit the files and folders named; registries are asked only for what is old or unknown.

    Raises `NothingToReadError` and `LedgerError`. Where everything is remembered, no network and
    no event loop is imported.
    """
    options = options or CheckOptions()
    return _check(find(paths, site.root), site, options, {})


def fix(
    paths: Sequence[str], site: Site, strategy: Strategy, options: CheckOptions | None = None
) -> tuple[AuditResult, Draft]:
    """Audit, make fixes in a draft, and audit what would stand there, until nothing is to change.

    The result is that of the files as drafted; `Draft.write` writes them. Raises as `check`.
    """
    from tagwatch.audit.verdict.fixing import fixes_of, tags_to_know
    from tagwatch.walk.fix import Draft

    options = options or CheckOptions()
    if options.asking.begun_at is None:
        options = replace(options, asking=replace(options.asking, begun_at=monotonic()))
    found = find(paths, site.root)
    draft = Draft(site.root, found.files)
    result = _check(found, site, options, draft.instead)
    for _ in range(_MAX_ROUNDS):
        also_known = look_up(tags_to_know(result, strategy), site, options.asking).evidence
        if not draft.make(fixes_of(result, strategy, {**result.evidence, **also_known})):
            break
        result = _check(found, site, options, draft.instead)
    return result, draft


def _check(
    found: Found, site: Site, options: CheckOptions, instead: Mapping[Path, bytes]
) -> AuditResult:
    """See `check`. `instead`: files, by their real path, that are judged as these bytes."""
    files = read_files(found, site, options.build_args, instead)
    if options.engine:
        from tagwatch.walk.running import running_containers

        runs = running_containers(site.environment)
        files = replace(files, extractions=(*files.extractions, *runs))
    if files.none_read:
        first = next(iter(files.problems), None)
        raise NothingToReadError(
            first.message if first else "nothing that tagwatch reads is among the paths named",
            hint=(first.hint if first else "") or "name Dockerfiles, Compose or Kubernetes files",
        )
    facts = look_up(files.targets, site, replace(options.asking, learn_bases=True))
    case = Case(
        at=site.at,
        files=files.extractions,
        evidence=facts.evidence,
        changes=facts.changes,
        problems=files.problems,
        failures=facts.failures,
        remarks=facts.remarks,
        requests=facts.requests,
        quotas=facts.quotas,
        facts_from=_facts_from(facts.evidence),
        complete=not facts.stopped,
    )
    baseline = options.baseline
    if options.diff_base is not None:
        baseline = _with_known_before(found, case, site, options)
    result = judge(case, site.policy, site.knowledge, baseline=baseline)
    return _with_fix_lines(result, site, instead)


def _facts_from(evidence: Mapping[str, Evidence]) -> str:
    """Where facts come from that this ledger did not see itself, how many, and of when."""
    brought: dict[str, list[Evidence]] = {}
    for one in evidence.values():
        if one.source != "seen":
            brought.setdefault(one.source, []).append(one)
    told = []
    for source, facts in sorted(brought.items()):
        oldest = min((one.at for one in facts if one.at is not None), default=None)
        since = f", read {oldest:%Y-%m-%d %H:%M} UTC or later" if oldest else ""
        told.append(f"{source}: {len(facts)} of {len(evidence)}{since}")
    return "; ".join(told)


def _with_known_before(found: Found, case: Case, site: Site, options: CheckOptions) -> Baseline:
    """The baseline, and every finding that the same files had where HEAD left `diff_base`."""
    from os.path import realpath
    from pathlib import Path

    from tagwatch.audit.verdict.baseline import make_baseline
    from tagwatch.workspace.git_history import changed_files

    assert options.diff_base is not None
    changed = changed_files(site.root, options.diff_base)
    instead = {Path(realpath(site.root / path)): raw for path, raw in changed.items()}
    there = [
        file for file in found.files if instead.get(Path(realpath(file.real)), b"") is not None
    ]
    files = read_files(Found(files=tuple(there)), site, options.build_args, instead)
    remembered = look_up(files.targets, site, Asking(offline=True)).evidence
    evidence = {**remembered, **case.evidence}
    before = judge(
        replace(case, files=files.extractions, evidence=evidence, problems=files.problems),
        site.policy,
        site.knowledge,
    )
    known = make_baseline(before.findings, site.at.date()).known
    since = {key: replace(entry, first_seen=options.diff_base) for key, entry in known.items()}
    return Baseline(known={**since, **(options.baseline.known if options.baseline else {})})


async def scan(
    site: Site,
    *,
    stop: asyncio.Event | None = None,
    progress: Callable[[RepositorySnapshot], None] | None = None,
) -> ScanResult:
    """Read everything that is configured, remember it, judge it.

    Every snapshot is in the ledger before the next repository is begun; the result and the alerts
    made of it are stored in one transaction, to be sent by `deliver`. After `stop` is set no
    repository is begun, and what is not read is said so. Raises `LedgerError`, and
    `NothingToReadError` where no source matches a file and nothing is watched.
    """
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.ask import Patience
    from tagwatch.walk.deliver import alerts_of
    from tagwatch.walk.survey import Order, survey
    from tagwatch.walk.watch_list import immutable_bases

    found = sources_from_globs(site.settings.sources, site.root)
    files = read_files(found, site, {})
    if not files.extractions and not files.problems_to_fix and not site.settings.watch:
        raise NothingToReadError(
            "no source of the configuration matches a file, and nothing is watched",
            hint="patterns of `sources:` start at the configuration's folder",
        )
    watches = (*site.settings.watch, *immutable_bases(site.policy))
    with Ledger.open(site.database) as ledger:
        run_id = ledger.begin_run("scan", site.at)
        seen = await survey(
            Order(targets=files.targets, watches=watches, whole=True),
            ledger,
            run_id,
            site,
            patience=Patience(stop=stop),
            progress=progress,
        )
        result = judge(
            Case(
                at=site.at,
                files=(*files.extractions, *_watch_list(seen.watched)),
                evidence=seen.evidence,
                changes=tuple(seen.changes),
                problems=files.problems,
                failures=tuple(seen.answers.failures),
                remarks=tuple(seen.answers.remarks),
                gone=tuple(seen.answers.gone),
                requests=seen.answers.requests,
                quotas=seen.answers.quotas,
                whole=True,
                complete=not seen.answers.stopped,
                watched=seen.places,
            ),
            site.policy,
            site.knowledge,
        )
        result = _with_fix_lines(result, site)
        previous = ledger.previous_result(run_id)
        ledger.finish_run(run_id, result, alerts_of(result, previous, site))
        return ScanResult(result=result, previous=previous, run_id=run_id)


def read_files(
    found: Found,
    site: Site,
    build_args: Mapping[str, str],
    instead: Mapping[Path, bytes | None] | None = None,
) -> Files:
    """What the files name. Problems are part of the answer. `instead`: see `read_targets`."""
    read = read_targets(found.files, site.root, site.environment, build_args, instead)
    home = site.policy.defaults.registry
    extractions = tuple((path, qualify(extraction, home)) for path, extraction in read)
    if len(extractions) > 1 and any(map(_draws_from_others, extractions)):
        from tagwatch.source.text.shared_value import mark_across

        extractions = mark_across(extractions)
    return Files(extractions=extractions, problems=found.problems)


def _draws_from_others(read: tuple[str, Extraction]) -> bool:
    """True where a reference of a file is made of what stands in another one."""
    path, extraction = read
    return any(field.span.path != path for target in extraction.targets for field in target.fields)


def _watch_list(watched: Sequence[Watched]) -> tuple[tuple[str, Extraction], ...]:
    """The watch list as the files that it stands in."""
    found: dict[str, list[Watched]] = {}
    for one in watched:
        found.setdefault(one.watch.location.path, []).append(one)
    return tuple((path, Extraction(targets=Targets(listed))) for path, listed in found.items())


def _with_fix_lines(
    result: AuditResult, site: Site, instead: Mapping[Path, bytes] | None = None
) -> AuditResult:
    """Each fix with the line it would make; a file that changed meanwhile tells none."""
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
