"""The words and sentences that all formats share, so that terminal, report and alert agree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby

from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.coverage import UNASKED, Coverage, Reason, Remembered
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Basis, Evidence, Resolution, Status, evidence_key
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import UNRECORDED, Change
from tagwatch.audit.verdict.result import UNCHECKED, AuditResult, Since, is_outage
from tagwatch.image.digest import short_digest
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Location, Problem
from tagwatch.value import replace

__all__ = [
    "advised",
    "age_of_facts",
    "age_text",
    "base_sentence",
    "bases_by_answer",
    "change_severity",
    "change_step",
    "count",
    "coverage_sentence",
    "date_text",
    "evidence_finder",
    "failure_sentence",
    "fix_text",
    "image_name",
    "image_text",
    "key_finder",
    "now_of",
    "now_text",
    "one_line",
    "places_text",
    "remark_sentences",
    "said_by",
    "signed_size",
    "since_sentence",
    "size_text",
    "stamp",
    "time_text",
    "untold_failures",
    "untold_problems",
    "verdict_sentence",
    "visible",
]

_SHOWN_GONE = 5
_ALARMING = {
    Verdict.REPLACED: Severity.ERROR,
    Verdict.DOWNGRADED: Severity.ERROR,
    Verdict.PLATFORMS_CHANGED: Severity.WARNING,
    Verdict.UNKNOWN: Severity.WARNING,
}
_SHOWN_ALIASES = 3
_SHOWN_HOSTS = 2
_UNASKED = "the run was stopped before it asked for them"
_ANSWERS = {
    "denied": "refuses",
    "credential-error": "refuses",
    "rate-limited": "limits requests",
}


def verdict_sentence(result: AuditResult) -> str:
    """The one sentence to read: what to fix, what to look at, what was not checked.

    Says "nothing to fix" only where everything was read.
    """
    counts = result.counts()
    errors, warnings, notes = (
        counts[severity] for severity in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    )
    skipped = result.coverage.unresolved + result.coverage.unavailable
    parts = [
        count(errors, "thing") + " to fix" if errors else "",
        f"{warnings} to look at" if warnings else "",
        count(notes, "note") if notes else "",
        f"{skipped} not checked" if skipped else "",
        _built(result.coverage),
    ]
    said = ", ".join(part for part in parts if part)
    if errors or warnings:
        sentence = said
    elif not result.coverage.targets and result.coverage.built:
        sentence = "No image is pulled here by its name" + (f"; {said}" if said else "")
    elif not result.coverage.targets:
        sentence = "No image is named here" + (f"; {said}" if said else "")
    elif skipped and skipped == result.coverage.targets:
        sentence = f"No image was read, and by text alone there is nothing to fix; {said}"
    elif skipped or not result.complete:
        sentence = "Nothing to fix in what could be read" + (f"; {said}" if said else "")
    else:
        sentence = "Nothing to fix" + (f"; {said}" if said else "")
    return sentence if result.complete else f"{sentence} (incomplete)"


def _built(covered: Coverage) -> str:
    """How many names are of no image that is pulled, which nobody read."""
    return f"{covered.built} built or replaced here, not audited" if covered.built else ""


def untold_problems(result: AuditResult) -> tuple[Problem, ...]:
    """The problems of files that no finding tells: what was passed over on purpose."""
    told = {(one.location, one.message) for one in result.findings if one.rule == UNCHECKED}
    return tuple(one for one in result.problems if (one.location, one.message) not in told)


def untold_failures(result: AuditResult) -> tuple[Failure, ...]:
    """The failures that no finding about a registry or a repository tells.

    A watch's limit always has a finding of its own.
    """
    told = {
        (one.evidence["registry"], one.evidence.get("repository"))
        for one in result.findings
        if is_outage(one)
    }
    return tuple(
        one
        for one in result.failures
        if not one.is_limit
        and not {(one.repository.registry, None), (one.repository.registry, one.repository.name)}
        & told
    )


def since_sentence(since: Since | None, moved: str) -> str:
    """What is different from the run before, in numbers. `moved`: see `movement.tags_moved`."""
    if since is None:
        return "first run: nothing to compare with yet"
    parts = [
        f"{len(since.new)} new" if since.new else "",
        f"{len(since.worse)} worse" if since.worse else "",
        f"{len(since.fixed)} fixed" if since.fixed else "",
        moved,
    ]
    return ", ".join(part for part in parts if part) or "nothing changed"


def coverage_sentence(result: AuditResult) -> str:
    """How many of the images were read now, since when others are remembered, and why."""
    covered = result.coverage
    told = [one for one in covered.reasons if one.reason is not Reason.FRESH]
    fresh = next((one for one in covered.reasons if one.reason is Reason.FRESH), None)
    parts = [
        *(_remembered(one, result) for one in told),
        f"{count(covered.unresolved, 'reference')} unresolved" if covered.unresolved else "",
        f"{covered.unavailable} unavailable" if covered.unavailable else "",
    ]
    if not any(one.reason is Reason.REFUSED for one in told):
        parts.append(_refusals(result))
    tail = [part for part in parts if part]
    return "; ".join([_read(covered, fresh, result.at), *tail])


def _read(covered: Coverage, fresh: Remembered | None, at: datetime) -> str:
    """How many images were read now; those that need not be asked again say when that was."""
    number = f"{covered.read} of {count(covered.targets, 'image reference')} read"
    if not covered.remembered:
        return number
    if fresh is None:
        return f"{number} now"
    when = f", read {age_text(at - fresh.since)}" if fresh.since is not None else ""
    if covered.read:
        return f"{number} now; {fresh.targets} remembered{when}"
    if fresh.targets == covered.targets:
        return count(covered.targets, "image reference") + (when or " remembered")
    return f"{fresh.targets} of {count(covered.targets, 'image reference')} remembered{when}"


def _remembered(one: Remembered, result: AuditResult) -> str:
    since = f" since {date_text(one.since)}" if one.since is not None else ""
    if one.reason is Reason.REFUSED:
        why = _who_refuses(result)
    else:
        why = "offline" if one.reason is Reason.OFFLINE else _UNASKED
    return f"{one.targets} remembered{since} ({why})"


def _who_refuses(result: AuditResult) -> str:
    """The registries that gave no answer, the worst first, and how."""
    failed = Counter(
        (one_line(failure.repository.registry, 80), _ANSWERS.get(failure.code, "fails"))
        for failure in result.refusals
        if failure.code not in UNASKED
    )
    named = [f"{host} {how}" for (host, how), _ in failed.most_common(_SHOWN_HOSTS)]
    more = len(failed) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "") or "its registry failed"


def _refusals(result: AuditResult) -> str:
    reasons = Counter(
        one_line(f"{failure.repository.registry} {failure.code}", 120)
        for failure in result.refusals
    )
    return ", ".join(f"{name} ×{number}" for name, number in sorted(reasons.items()))  # noqa: RUF001  # a real multiplication sign


def image_name(evidence: Evidence) -> str:
    """What people call the image: its key without what Docker Hub implies."""
    return image_text(evidence.key)


def image_text(key: str) -> str:
    """What people call the image of a key."""
    return one_line(key.removeprefix("docker.io/").removeprefix("library/"), 300)


def now_of(evidence: Evidence) -> str:
    """The image's name and what it is now."""
    asked, name = evidence.key.rpartition(":")[2], image_name(evidence)
    before, pinned, digest = name.partition("@")
    name = f"{before}@{short_digest(digest)}" if pinned else name
    return f"{name} = {now_text(evidence.resolution, asked=asked)}"


def now_text(resolution: Resolution, *, asked: str = "") -> str:
    """What a reference is today: version, digest, other names, and what that rests on.

    `asked`: the tag that was asked for, which is not told again.
    """
    if resolution.status is Status.NOT_FOUND:
        return "not in the registry"
    if resolution.status is Status.UNAVAILABLE:
        return "could not be read"
    parts = [resolution.name or "no version can be named"]
    if resolution.digest:
        parts.append(short_digest(resolution.digest))
    known = (resolution.name, resolution.version, asked or resolution.input.rpartition(":")[2])
    aliases = [alias for alias in resolution.aliases if alias not in known]
    if aliases:
        more = len(aliases) - _SHOWN_ALIASES + resolution.more_aliases
        parts.append(
            f"also {', '.join(aliases[:_SHOWN_ALIASES])}"
            + (f" and {more} more" if more > 0 else "")
        )
    if resolution.basis not in (Basis.ALIAS, Basis.NONE):
        parts.append(f"by {resolution.basis.value} {resolution.basis_detail}".rstrip())
    if resolution.ambiguous:
        parts.append(f"same image as {', '.join(resolution.ambiguous)}")
    return " · ".join(one_line(part, 200) for part in parts)


def key_finder(result: AuditResult) -> Callable[[Finding], str | None]:
    """What gives the key of the evidence of a finding's image; None where the run knew nothing.

    A finding on a watched pattern has its evidence under the pattern's key: found by place.
    """
    own: dict[tuple[Location, str], str | None] = {}
    """By place, the key that its findings tell themselves; None where they tell none, or two."""
    for finding in chain(result.findings, (ignored.finding for ignored in result.ignored)):
        place = (finding.location, finding.text)
        key = finding.reference.canonical if finding.reference is not None else None
        own[place] = key if own.get(place, key) == key else None
    others: dict[tuple[Location, str], str] = {}
    for target in result.targets if own else ():  # mostly there are many, to no purpose
        place = (target.location, target.text)
        if place in own and (key := evidence_key(target)) is not None:
            if key == own[place]:  # most do: twenty thousand are not held a second time
                others.pop(place, None)
            else:
                others[place] = key

    def find(finding: Finding) -> str | None:
        key = others.get((finding.location, finding.text))
        if key is None and finding.reference is not None:
            key = finding.reference.canonical
        return key if key is not None and key in result.evidence else None

    return find


def evidence_finder(result: AuditResult) -> Callable[[Finding], Evidence | None]:
    """What gives what the run knew of one of its findings' images; None where it knew nothing."""
    key_of = key_finder(result)

    def find(finding: Finding) -> Evidence | None:
        key = key_of(finding)
        return result.evidence[key] if key is not None else None

    return find


def fix_text(finding: Finding) -> str:
    """The line to paste where it is known, else the text to put in its place; empty without fix."""
    return one_line(finding.fix.line or finding.fix.replacement) if finding.fix else ""


def advised(finding: Finding, fix: str, limit: int) -> str:
    """The message and, after it, the fix or else the advice, as sentences on one line."""
    message = one_line(finding.message, limit)
    if not fix and not finding.remedy:
        return message
    advice = f"Fix: {one_line(fix)}" if fix else f"To do: {one_line(finding.remedy, limit)}"
    return f"{message} {advice}" if message.endswith((".", "!", "?")) else f"{message}. {advice}"


def places_text(first: Finding, places: Sequence[Finding], most: int) -> str:
    """Where else a cause stands than at its first place; so many are named, the others counted.

    Another image than there is named beside its place.
    """
    told = _named(first)
    known = ", ".join(
        one_line(str(one.location)) + (f" ({name})" if (name := _named(one)) != told else "")
        for one in places[:most]
    )
    return f"{known}, and {len(places) - most} more" if len(places) > most else known


def _named(finding: Finding) -> str:
    """What people call the image that a finding is about, without its digest; empty for none."""
    if finding.reference is None:
        return ""
    tag = f":{finding.reference.tag}" if finding.reference.tag else ""
    return image_text(f"{finding.reference.repository.name}{tag}")


def change_severity(change: Change) -> Severity:
    """How much a move asks for attention: routine moves are notes, unless they bear signs."""
    is_odd = change.signs or change.lost_base
    return _ALARMING.get(change.verdict, Severity.WARNING if is_odd else Severity.NOTE)


def change_step(change: Change) -> str:
    """From what to what: versions where they differ, else digests."""
    old, new = change.version_before, change.version_after
    if old and new and old != new:
        return f"{old} → {new}"
    step = f"{short_digest(change.before)} → {short_digest(change.after)}"
    return f"{new}: {step}" if new else step


def base_sentence(match: BaseMatch) -> str:
    """The base's own sentence, or its verdict where it has none."""
    return one_line(match.sentence) or f"Base: {match.verdict.value}"


def bases_by_answer(matches: Iterable[BaseMatch]) -> tuple[tuple[str, BaseMatch], ...]:
    """Each answer once, with the platforms that it holds for: `linux/amd64, linux/arm64`."""
    platforms: dict[BaseMatch, list[str]] = {}
    for match in matches:
        platforms.setdefault(replace(match, platform=""), []).append(match.platform)
    return tuple((one_line(", ".join(names), 400), match) for match, names in platforms.items())


def failure_sentence(failure: Failure) -> str:
    """What could not be read, and why."""
    name = failure.repository.name + (f":{failure.tag}" if failure.tag else "")
    told = str(failure.status) in failure.message
    status = f" (HTTP {failure.status})" if failure.status and not told else ""
    return one_line(f"{name}: {failure.message}{status}", 400)


def remark_sentences(result: AuditResult) -> tuple[str, ...]:
    """Tags that are gone, and what was odd about answers; what many share is told once."""
    where: dict[tuple[str, str], list[str]] = {}
    for remark in result.remarks:
        key = (remark.repository.registry, remark.message)
        where.setdefault(key, []).append(remark.repository.name)
    return *_gone_sentences(result), *(
        one_line(f"{names[0] if len(names) == 1 else host}: {message}", 400)
        + (
            f" ({len(names)} repositories, {one_line(names[0], 200)} among them)"
            if names[1:]
            else ""
        )
        for (host, message), names in where.items()
    )


def age_of_facts(result: AuditResult, evidence: Evidence) -> str:
    """How old the facts are, where that is not plain: "read 3 days ago, from nightly"."""
    if evidence.at is None:
        return "never read"
    source = "" if evidence.source == "seen" else f", from {one_line(evidence.source, 80)}"
    is_now = evidence.at == result.at and evidence.origin != UNRECORDED
    origin = f", {said_by(evidence.origin)}" if evidence.origin and not is_now else ""
    return f"read {age_text(result.at - evidence.at)} ({date_text(evidence.at)}){source}{origin}"


def said_by(origin: str) -> str:
    """Whose word a fact is, where it is not the registry's own."""
    if origin == UNRECORDED:
        return "who said this was not recorded"
    return f"said by {one_line(origin, 200)}"


def _gone_sentences(result: AuditResult) -> Iterator[str]:
    for repository, found in groupby(result.gone, key=lambda one: one.repository):
        tags = [one.tag for one in found]
        more = len(tags) - _SHOWN_GONE
        named = ", ".join(tags[:_SHOWN_GONE]) + (f" and {more} more" if more > 0 else "")
        are = "tags are" if len(tags) > 1 else "tag is"
        yield one_line(f"{repository.name}: {len(tags)} {are} there no more: {named}", 400)


# C0, C1, soft hyphen, zero width and bidirectional controls, line separators, surrogates,
# byte-order mark, interlinear marks, non-characters, invisible "tag" characters (CVE-2021-42574).
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SPACE = r"[\t\n\v\f\r\x85\u2028\u2029]+"


def one_line(text: str, limit: int = 0) -> str:
    r"""`text` on one line and without any invisible character; those show as U+FFFD.

    With `limit`, at most so many characters, the last of them an ellipsis where text was cut.

    >>> one_line("a\n\x1b[31mb")
    'a �[31mb'
    """
    if limit and len(text) > 4 * limit:
        text = text[: 4 * limit]
    clean = visible(text).strip()
    return clean[: limit - 1] + "…" if limit and len(clean) > limit else clean


def visible(text: str) -> str:
    """`text` with line ends as spaces and invisible characters as U+FFFD; nothing is cut."""
    # Nothing that is printable is invisible below U+034F, nor among dashes, quotes and dots. Most
    # lines end here, and the patterns cost more than printing a dozen lines.
    if text.isprintable() and (
        text.isascii() or all(char < "\u034f" or "\u2010" <= char <= "\u205e" for char in text)
    ):
        return text
    return re.sub(_UNSAFE, "\ufffd", re.sub(_SPACE, " ", text))


def count(number: int, singular: str, plural: str = "") -> str:
    """`number` with its noun.

    >>> count(1, "finding"), count(2, "registry", "registries")
    ('1 finding', '2 registries')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size_text(size: int) -> str:
    """Bytes in the decimal units of registries.

    >>> size_text(29_126_484), size_text(512)
    ('29.1 MB', '512 B')
    """
    value = float(abs(size))
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    number = f"{value:.0f}" if unit == "B" else f"{value:.1f}"
    return f"{'−' if size < 0 else ''}{number} {unit}"  # noqa: RUF001  # a real minus sign, as in tables


def signed_size(size: int) -> str:
    """A difference in bytes, always with its sign."""
    return f"+{size_text(size)}" if size > 0 else size_text(size) if size else "±0 B"


def stamp(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, whole seconds: the form of every date in machine formats."""
    # strftime takes twice as long, and an answer may have a hundred thousand
    return f"{at.isoformat(timespec='seconds')[:19]}Z" if at is not None else None


def date_text(at: datetime | None) -> str:
    """The day alone; a question mark where it is not known."""
    return at.isoformat()[:10] if at is not None else "?"


def time_text(at: datetime | None) -> str:
    """Day and minute in UTC, for people."""
    return at.strftime("%Y-%m-%d %H:%M UTC") if at is not None else "?"


def age_text(age: timedelta) -> str:
    """How long ago, in the largest unit that fits.

    >>> age_text(timedelta(hours=30)), age_text(timedelta(seconds=5))
    ('30 hours ago', 'just now')
    """
    seconds = age.total_seconds()
    for unit, length, least in (("day", 86400, 2), ("hour", 3600, 1), ("minute", 60, 1)):
        if seconds >= length * least:
            return f"{count(int(seconds // length), unit)} ago"
    return "just now"
