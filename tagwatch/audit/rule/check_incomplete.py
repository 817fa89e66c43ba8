"""Something could not be read, so nothing is known of it: a registry, a repository, a file.

Always on. A registry that refuses, limits or fails never reads as "clean" or "tag deleted". How
it ends the run is the policy's `on_unavailable` (fail, warn, pass); a file that cannot be
understood is an error in any case.

What cannot be read as a whole is told once, and not once an image: a registry, or a repository
where only that fails. A scan says for how many nights, and calls it an error from the third on.

What was read and nobody can pull (an empty index, a manifest that engines refuse) is an error where
a file names it. A chart or a signature in the place of an image is told; nothing of it was judged.

Example: `FROM redis:6.2.24`: "redis:6.2.24 was not checked: nothing is stored of it".

Risk: a run that looks clean because it looked at nothing.
Remedy: what the finding says: log in, wait for the quota, run online once, correct the file.
Source: OCI distribution-spec, error codes; Docker Scout "No data".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from tagwatch.audit.model.coverage import GAPS, UNASKED, State, whole_failures
from tagwatch.audit.model.evidence import Evidence, Status, is_readable
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, RuleScope, RunSubject, Statement, Unchecked, row
from tagwatch.audit.rule.phrase import WATCH, name
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import NO_IMAGE, Failing, Failure
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, replace

__all__ = ["RULE", "check"]

_MANY = 3
"""So many repositories of a registry, or images of a repository, that fail are told together."""
_ALARMING = 3
"""An outage is an error from this night on."""
_ABOUT_ITSELF = ("not-found", "cut-off")
"""The codes of failures that say something of one repository and nothing of its registry."""
_BROKEN = "invalid-document"
_START = Location(path=".", line=1, column=1, end_line=1, end_column=1)
"""Where an outage stands that no place names; its fingerprint knows no other place."""
_VERBS = {
    "denied": "refuses",
    "credential-error": "refuses",
    "rate-limited": "limits requests",
    "stopped": "was not asked to the end",
    "budget": "was not asked to the end",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outage:
    """A registry, or one repository, that could not be read, with what that leaves unread."""

    failures: Sequence[Failure]
    """One of each repository."""
    unchecked: Sequence[Unchecked]
    named: int
    """How many repositories of the registry this run names."""

    @property
    def first(self) -> Failure:
        return self.failures[0]

    @property
    def is_registry(self) -> bool:
        return len(self.failures) > 1

    @property
    def common(self) -> Failure:
        """The failure that most repositories share."""
        codes = Counter((one.code, one.status) for one in self.failures)
        return max(self.failures, key=lambda one: codes[one.code, one.status])


def check(subject: RunSubject) -> Iterator[Statement]:
    """Report targets with missing or incomplete evidence, unread files and failed repositories."""
    asked = {one.repository for one in subject.failures}
    wide, subject = _without_limits(_without_deleted(subject))
    failures: dict[Repository, list[Failure]] = {}
    for failed in subject.failures:
        failures.setdefault(failed.repository, []).append(failed)
    places = _places(subject) if wide or failures or subject.unchecked else {}
    for repository, limits in sorted(wide.items()):
        place = subject.watched.get(repository) or places.get(repository)
        yield _limited(repository, limits, place)
    told: set[Repository] = set()
    for outage in _outages(subject, failures):
        told.update(one.repository for one in outage.failures)
        yield _told_once(outage, subject, _first_place(outage.failures, places))
    never = _never_read(subject, failures)
    if never:
        yield _without_memory(never, subject)
    named_together = set(map(id, never))
    for one in subject.unchecked:
        assert one.target.reference is not None
        if id(one) in named_together or _is_said(one, subject, asked):
            continue
        failure = _failure(one, failures)
        if failure is not None and failure.code == NO_IMAGE and _may_be_artifact(one.target):
            continue
        is_broken = failure is not None and failure.is_of_document  # whatever its registry does
        if is_broken or one.target.reference.repository not in told:
            yield _unchecked(one, failure, subject)
    told |= {one.target.reference.repository for one in subject.unchecked if one.target.reference}
    yield from _unread_files(subject)
    for failure in subject.failures:
        if failure.repository not in told:
            told.add(failure.repository)
            is_outage = failure.code not in _ABOUT_ITSELF
            nights = _nights(subject, (failure,)) if is_outage else None
            yield Statement(
                message=f"{failure.repository.name} was not read{_duration(nights)}: "
                f"{failure.message}",
                remedy=failure.hint,
                severity=_severity(subject, nights, ()),
                location=_first_place((failure,), places),
                subject=failure.repository.name,
                evidence={"code": failure.code},
                unknown=True,
            )


def _unread_files(subject: RunSubject) -> Iterator[Statement]:
    for problem in subject.problems:
        if not problem.skipped:
            yield Statement(
                message=problem.message,
                remedy=problem.hint,
                severity=Severity.ERROR,
                location=problem.location,
                subject=problem.message,
                unknown=True,
            )


def _is_said(one: Unchecked, subject: RunSubject, asked: Container[Repository]) -> bool:
    """Return True where `tag-deleted` or `image-retired` says that the image is not there."""
    reference, evidence = one.target.reference, one.evidence
    if reference is None:
        return False
    if subject.knowledge.deletion_of(reference.repository) is not None:
        is_told_so = is_readable(evidence) or reference.repository in asked
        rule = "" if is_told_so else "image-retired"
    elif evidence is not None and evidence.resolution.status is Status.NOT_FOUND:
        rule = "" if reference.digest else "tag-deleted"
    else:
        rule = ""
    if not rule:
        return False
    settings = subject.policy.settings(rule, one.target.location.path, reference)
    return settings.severity is not Severity.OFF


def _may_be_artifact(target: Target) -> bool:
    """Return True where no container runs what is named: a watch, a feature, a mounted volume."""
    return target.kind == WATCH or "artifact" in target.facts


def _is_dead(evidence: Evidence | None, failure: Failure | None) -> bool:
    """Return True where nothing can be pulled: what the tag serves names no platform at all."""
    return (
        evidence is not None
        and not evidence.platforms_offered
        and failure is not None
        and failure in evidence.failures
        and failure.code == _BROKEN
        and failure.tag is not None  # else it is a list of tags that cannot be understood
    )


def _without_deleted(subject: RunSubject) -> RunSubject:
    """Return the subject without the failures of repositories that are known to be deleted.

    Docker Hub answers for them as if a login were missing; `image-retired` says what happened.
    """
    failed = {one.repository for one in subject.failures}
    gone = {one for one in failed if subject.knowledge.deletion_of(one)}
    if not gone:
        return subject
    left = tuple(one for one in subject.failures if one.repository not in gone)
    return replace(subject, failures=left)


def _without_limits(
    subject: RunSubject,
) -> tuple[Mapping[Repository, Sequence[Failure]], RunSubject]:
    """Return the watches' own limits by repository, and the subject without them.

    They explain nothing that is unread: every tag that a watch may read was read.
    """
    wide: dict[Repository, list[Failure]] = {}
    for one in subject.failures:
        if one.is_limit:
            wide.setdefault(one.repository, []).append(one)
    if not wide:
        return wide, subject
    return wide, replace(
        subject, failures=tuple(one for one in subject.failures if not one.is_limit)
    )


def _limited(
    repository: Repository, limits: Sequence[Failure], place: Location | None
) -> Statement:
    """Return the one note about a repository of which watches match more tags than they may."""
    said = "; ".join(dict.fromkeys(one.message for one in limits))
    return Statement(
        message=f"{repository.name} was checked only in part: {said}",
        remedy=limits[0].hint,
        severity=Severity.NOTE,
        location=place or _START,
        subject=repository.name,  # its fingerprint stays while tags are counted
        evidence={"code": limits[0].code},
        unknown=True,
    )


def _outages(
    subject: RunSubject, failures: Mapping[Repository, Sequence[Failure]]
) -> Iterator[_Outage]:
    """Yield what is told once: registries, and repositories of which several images are unread."""
    if not (subject.unchecked or failures):
        return
    unread: dict[Repository, list[Unchecked]] = {}
    for one in subject.unchecked:
        if one.target.reference is not None:
            unread.setdefault(one.target.reference.repository, []).append(one)
    named = {one.reference.repository for one in subject.targets if one.reference is not None}
    named.update((*subject.watched, *failures))
    whole = {**_in_all_its_tags(subject, unread), **whole_failures(subject.failures)}
    together: dict[tuple[str, bool], list[Failure]] = {}
    for repository, failure in whole.items():
        if failure.code not in _ABOUT_ITSELF or _is_missed(unread.get(repository, ())):
            key = (repository.registry, failure.code in UNASKED)
            together.setdefault(key, []).append(failure)
    told: set[Repository] = set()
    for (host, _), same in sorted(together.items()):
        count = sum(one.registry == host for one in named)
        if len(same) < 2 or (len(same) < _MANY and 2 * len(same) < count):
            continue
        told.update(one.repository for one in same)
        affected = [one for failed in same for one in unread.get(failed.repository, ())]
        yield _Outage(failures=same, unchecked=affected, named=count)
    listed = {one.repository: one for one in subject.failures if one.code in _ABOUT_ITSELF}
    for repository, failure in sorted({**listed, **whole}.items()):
        affected = unread.get(repository, [])
        if affected and all(_is_said(one, subject, failures) for one in affected):
            continue  # that there is no such image is said of each place
        if repository not in told and len(affected) > 1:
            yield _Outage(failures=(failure,), unchecked=affected, named=1)


def _is_missed(unchecked: Iterable[Unchecked]) -> bool:
    """Return True where a repository was read before: without a login many say "not found"."""
    return any(one.reading.state is State.REMEMBERED for one in unchecked)


def _in_all_its_tags(
    subject: RunSubject, unread: Mapping[Repository, Sequence[Unchecked]]
) -> dict[Repository, Failure]:
    """Return a failure of each repository that fails in every tag of it that is named."""
    count = Counter(one.reference.repository for one in subject.targets if one.reference)
    found = {}
    for repository, unchecked in unread.items():
        own = [
            next((one for one in item.evidence.failures if not one.is_of_document), None)
            for item in unchecked
            if item.evidence is not None
        ]
        failed = [one for one in own if one is not None]
        if len(failed) >= _MANY and len(failed) == count[repository]:
            found[repository] = failed[0]
    return found


def _told_once(outage: _Outage, subject: RunSubject, place: Location | None) -> Statement:
    """Return the statement about a registry, or about a repository with several images."""
    failure, nights = outage.common, _nights(subject, outage.failures)
    remembered = sum(one.reading.state is State.REMEMBERED for one in outage.unchecked)
    unavailable = sum(one.reading.state is State.UNAVAILABLE for one in outage.unchecked)
    left = ", ".join(
        part
        for part in (
            _count(remembered, "image") + " judged from memory" if remembered else "",
            _count(unavailable, "image") + " not checked" if unavailable else "",
        )
        if part
    )
    evidence = {"code": failure.code, "registry": outage.first.repository.registry}
    if outage.is_registry:
        where, number = outage.first.repository.registry, len(outage.failures)
        of = f"{number} of " if number < outage.named else ""
        repositories = f"{of}{_count(outage.named, 'repository', 'repositories')}"
        why = f" ({failure.status or failure.code})" if failure.code not in UNASKED else ""
        is_odd = failure.code not in _VERBS and (failure.status or 0) // 100 == 2
        verb = "does not answer as a registry" if is_odd else _VERBS.get(failure.code, "fails")
        message = (
            f"{where} {verb}{why}{_duration(nights)}: "
            f"{', '.join(filter(None, (repositories, left)))}"
        )
        evidence["repositories"] = str(number)
    else:
        where = evidence["repository"] = outage.first.repository.name
        was = "not read" if remembered or unavailable else "checked only in part"
        message = f"{where} was {was}{_duration(nights)}: {failure.message}"
        message += f"; {left}" if left else ""
    evidence |= {"remembered": str(remembered), "not_checked": str(unavailable)}
    if nights is not None:
        evidence |= {"nights": str(nights.nights), "since": f"{nights.since:%Y-%m-%d}"}
    return Statement(
        message=message,
        remedy=failure.hint,
        severity=_severity(subject, nights, outage.unchecked),
        location=place or _START,
        evidence=evidence,
        # its fingerprint stays while files move and nights are counted
        target=Target(text=where, location=_START, kind="registry"),
        unknown=True,
    )


def _never_read(
    subject: RunSubject, failures: Mapping[Repository, Sequence[Failure]]
) -> Sequence[Unchecked]:
    """Return the images that a check without a memory knows nothing of, if they are several.

    Where somebody says how much this matters, or ignores it somewhere, each speaks for itself.
    """
    if subject.nights is not None or len(subject.unchecked) < 2:
        return ()
    if any({RULE.id, "*"} & {*use.rules} for use in subject.ignores):
        return ()
    found = [
        one
        for one in subject.unchecked
        if one.evidence is None
        and _failure(one, failures) is None
        and one.target.reference is not None
        and subject.knowledge.deletion_of(one.target.reference.repository) is None
        and _severity_said(one.target, subject) is None
    ]
    return found if len(found) > 1 else ()


def _severity_said(target: Target, subject: RunSubject) -> Severity | None:
    settings = subject.policy.settings(RULE.id, target.location.path, target.reference)
    return settings.severity


def _without_memory(never: Sequence[Unchecked], subject: RunSubject) -> Statement:
    """Return the one statement about images of which nothing is stored."""
    return Statement(
        message=f"{_count(len(never), 'image')} were judged by their text alone: nothing is "
        "stored of them yet",
        remedy="run once without --offline, or give the check facts of a scan",
        severity=_quiet(subject),
        location=min(one.target.location for one in never),
        evidence={"images": str(len(never))},
        # its fingerprint stays while files move and images come and go
        target=Target(text="memory", location=_START, kind="ledger"),
        unknown=True,
    )


def _unchecked(one: Unchecked, failure: Failure | None, subject: RunSubject) -> Statement:
    in_part = is_readable(one.evidence)
    is_gap = one.reading.reason in GAPS
    # what is not there was read all the same: that is no outage
    of_repository = (
        failure is not None and failure.tag is None and one.reading.state is not State.READ
    )
    nights = _nights(subject, (failure,)) if failure is not None and of_repository else None
    assert one.target.reference is not None
    deleted = subject.knowledge.deletion_of(one.target.reference.repository)
    if deleted is not None and not in_part:
        why, hint = f"its repository was deleted ({deleted.since})", ""
    elif failure is not None:
        why, hint = failure.message, failure.hint
    elif one.evidence is not None and one.evidence.resolution.note:
        why, hint = one.evidence.resolution.note, ""
    elif in_part:
        why = "its manifest was not read"
        hint = "run once without --offline" if subject.nights is None else ""
    else:
        why, hint = "nothing is stored of it", "run once without --offline"
    was = "checked only in part" if in_part else "not checked"
    is_dead = _is_dead(one.evidence, failure)
    if is_dead:
        was = "not checked, and nobody can pull it"
    elif failure is not None and failure.code == NO_IMAGE:
        was = "not checked"
    if is_gap and of_repository and subject.nights is not None:
        was = "not read"
        why += "; it is judged from memory"
    if failure is not None and of_repository and subject.nights is not None:
        severity = _severity(subject, nights, (one,))
    elif is_dead:
        severity = Severity.WARNING if one.target.kind == WATCH else Severity.ERROR
    elif failure is not None and failure.code == NO_IMAGE:
        severity = None
    else:
        severity = Severity.NOTE if in_part else _quiet(subject)
    return Statement(
        message=f"{name(one.target)} was {was}{_duration(nights)}: {why}",
        remedy=hint,
        severity=severity,
        evidence={
            **({"code": failure.code} if failure else {}),
            **({"state": one.reading.state.value} if in_part else {}),
        },
        target=one.target,
        unknown=True,
    )


def _severity(
    subject: RunSubject, nights: Failing | None, unchecked: Sequence[Unchecked]
) -> Severity | None:
    """Return how much an outage asks for attention; None: as the rule's row says.

    Only a scan says how long it has lasted. A check that judges all from memory notes it.
    """
    if unchecked and all(one.reading.state is State.READ for one in unchecked):
        return Severity.NOTE
    if subject.policy.on_unavailable == "pass":
        return Severity.NOTE
    if subject.nights is None:
        in_part = unchecked and all(is_readable(one.evidence) for one in unchecked)
        return Severity.NOTE if in_part else None
    return Severity.ERROR if nights is not None and nights.nights >= _ALARMING else None


def _quiet(subject: RunSubject) -> Severity | None:
    return Severity.NOTE if subject.policy.on_unavailable == "pass" else None


def _nights(subject: RunSubject, failures: Iterable[Failure]) -> Failing | None:
    """Return for how long the first of these repositories has failed; None: that is not counted."""
    counted = subject.nights or {}
    found = [counted[one.repository] for one in failures if one.repository in counted]
    return max(found, key=lambda one: one.nights, default=None)


def _duration(failing: Failing | None) -> str:
    nights = failing.nights if failing is not None else 0
    return f", for {nights} nights now" if nights > 1 else ""


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _places(subject: RunSubject) -> Mapping[Repository, Location]:
    """Return where each repository is named first: in files, else in the watch list."""
    found: dict[Repository, Location] = {}
    for target in subject.targets:
        if target.reference is not None:
            found.setdefault(target.reference.repository, target.location)
    return {**subject.watched, **found}


def _first_place(
    failures: Iterable[Failure], places: Mapping[Repository, Location]
) -> Location | None:
    """Return the first place that names one of these repositories; None: no place does."""
    named = (places[one.repository] for one in failures if one.repository in places)
    return min(named, default=None)


def _failure(one: Unchecked, failures: Mapping[Repository, Sequence[Failure]]) -> Failure | None:
    """Return the failure that is closest to the target: of its tag, else of its repository."""
    reference = one.target.reference
    assert reference is not None
    own = one.evidence.failures if one.evidence is not None else ()
    mine = [failed for failed in own if failed.repository == reference.repository]
    mine += failures.get(reference.repository, ())
    exact = [failed for failed in mine if failed.tag == reference.effective_tag]
    whole = (failed for failed in mine if failed.tag is None)
    return next(iter((*exact, *whole, *mine)), None)


RULE = Rule(
    **row("check-incomplete"),
    title="something could not be checked",
    scope=RuleScope.RUN,
    always_on=True,
    check=check,
)
