"""Findings for a terminal or a log: by file, worst first, with what to paste."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from tagwatch.audit.model.coverage import State
from tagwatch.audit.model.evidence import Evidence, is_readable
from tagwatch.audit.model.finding import Finding, Severity, causes_of, is_routine
from tagwatch.audit.verdict.result import UNCHECKED, AuditResult
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.wording import (
    age_of_facts,
    change_step,
    count,
    coverage_sentence,
    evidence_finder,
    failure_sentence,
    fix_text,
    image_name,
    now_of,
    one_line,
    places_text,
    remark_sentences,
    said_by,
    since_sentence,
    stamp,
    untold_failures,
    untold_problems,
    verdict_sentence,
)
from tagwatch.source.target import Location

__all__ = ["render", "suffix", "summary"]

suffix = ".txt"

_STYLES = {
    "error": "1;31",
    "warning": "33",
    "note": "36",
    "path": "1;4",
    "dim": "2",
    "good": "32",
}
_INDENT = " " * 11
_MIN_WIDTH = 40
_MANY = 3
_MANY_PLACES = 12


def render(result: AuditResult, context: PublishContext) -> str:
    """The answer: findings, what could not be read, and the verdict as the last line."""
    paint = _Paint(enabled=context.color)
    width = _width(context)
    together = _unchecked_together(result.findings)
    unread: list[Finding] = []
    brief: list[Finding] = []
    alone: list[Finding] = []
    for finding in result.findings:
        if finding.rule == UNCHECKED and "images" in finding.evidence:
            unread.append(finding)
        elif _why_unread(finding) not in together:
            (brief if context.brief and is_routine(finding) else alone).append(finding)
    lines = [
        *_findings(result, alone, paint, context),
        *_in_brief(brief, result, paint, width),
        *_unread(unread, paint, width),
        *_unchecked(together, paint, width),
        *_known(result, paint),
        *_changes(result, paint, width),
        *_problems(result, paint, width),
        *_failures(result, paint, width),
        *_remarks(result, paint, width),
        paint("dim" if result.findings else "good", verdict_sentence(result))
        if result.complete
        else paint("warning", verdict_sentence(result)),
    ]
    return "\n".join(lines) + "\n"


def summary(result: AuditResult, context: PublishContext) -> str:
    """What the run did, for standard error: coverage, comparison, requests and quota by host."""
    lines = [coverage_sentence(result)]
    news = context.news
    if news is not None and news.before is not None:
        from tagwatch.publish.movement import tags_moved

        since = since_sentence(news.since, tags_moved(result))
        lines.append(f"since {stamp(news.before)}: {since}")
    if result.ignored:
        lines.append(count(len(result.ignored), "finding") + " ignored or known")
    fixes = sum(finding.fix is not None for finding in result.findings)
    if fixes:
        lines.append(f"{fixes} can be fixed with --fix")
    if result.kept_back:
        lines.append(f"kept back: {len(result.kept_back)}")
    lines += _said_by(result)
    if result.facts_from:
        lines.append(f"facts from {one_line(result.facts_from, 200)}")
    lines += [f"alert not delivered: {one_line(text, 300)}" for text in context.undelivered]
    if context.details:
        lines += _requests(result)
    return "\n".join(lines) + "\n"


def _said_by(result: AuditResult) -> Iterator[str]:
    """Whose word the answers are that nobody asked for now, where it is not the registries' own."""
    told = Counter(
        result.evidence[key].origin
        for key, reading in result.readings.items()
        if reading.state is State.REMEMBERED and key in result.evidence
    )
    for origin, number in sorted(told.items()):
        if origin:
            images = count(told.total(), "remembered image")
            yield f"{said_by(origin)}: {number} of {images}"


class _Paint:
    """Colors where they are wanted, else the text as it is."""

    __slots__ = ("_enabled",)

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._enabled else text


def _findings(
    result: AuditResult, shown: Iterable[Finding], paint: _Paint, context: PublishContext
) -> Iterator[str]:
    evidence_of, width = evidence_finder(result), _width(context)
    ordered = list(_by_file(shown))
    causes = causes_of(finding for _, findings in ordered for finding in findings)
    places = {same[0].fingerprint: same[1:] for same in causes}
    for path, findings in ordered:
        told = [finding for finding in findings if finding.fingerprint in places]
        if not told:
            continue
        yield paint("path", one_line(path))
        before: Location | None = None
        for finding in told:
            place = f"{one_line(path)}:{finding.location.line}:{finding.location.column}"
            severity = finding.severity.value
            yield (f"  {paint(severity, f'{severity:<8}')} {place}  {paint('dim', finding.rule)}")
            if finding.location != before and (line := [*_line(finding, context, paint)]):
                yield from line
                before = finding.location
            yield from _wrapped(finding.message, width)
            evidence = evidence_of(finding)
            if evidence is not None and is_readable(evidence):
                now = _wrapped(f"now  {_now(result, evidence)}", width)
                yield next(now).replace("now", paint("dim", "now"), 1)
                yield from now
            fix = fix_text(finding)
            if fix:
                yield f"{_INDENT}{paint('good', 'fix')}  {fix}"
            elif finding.remedy:
                yield from _wrapped(f"do   {finding.remedy}", width)
            yield from _also(finding, places[finding.fingerprint], width)
        yield ""


def _in_brief(
    notes: Sequence[Finding], result: AuditResult, paint: _Paint, width: int
) -> Iterator[str]:
    """What is counted and not told: of each rule how many there are, and where the first stands.

    Of tags that move by design it is told what they are now.
    """
    if not notes:
        return
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(notes, key=_worst_first):
        found.setdefault((finding.evidence.get("sample", ""), finding.rule), []).append(finding)
    yield paint("path", count(len(notes), "finding") + " in brief, --all shows each")
    for kind, group in groupby(sorted(found.items()), key=lambda one: one[0][0]):
        told = [_counted(rule, same) for (_, rule), same in group]
        yield from _wrapped((f"in {kind}s: " if kind else "") + ", ".join(told), width)
    evidence_of = evidence_finder(result)
    moving = (evidence_of(finding) for finding in notes if finding.rule == "tag-moving")
    known = (one for one in moving if one is not None and one.resolution.name)
    now = list(
        dict.fromkeys(f"{image_name(one)} = {one_line(str(one.resolution.name))}" for one in known)
    )
    if now:
        more = f" and {len(now) - _MANY_PLACES} more" if len(now) > _MANY_PLACES else ""
        yield from _wrapped(f"now  {', '.join(now[:_MANY_PLACES])}{more}", width)
    yield ""


def _counted(rule: str, same: Sequence[Finding]) -> str:
    times = f" ×{len(same)}" if same[1:] else ""  # noqa: RUF001  # a real multiplication sign
    worst = same[0].severity
    severity = f", {worst.value}" if worst is not Severity.NOTE else ""
    return f"{rule}{times} ({one_line(str(same[0].location))}{severity})"


def _width(context: PublishContext) -> int:
    return max(context.width, _MIN_WIDTH)


def _line(finding: Finding, context: PublishContext, paint: _Paint) -> Iterator[str]:
    """The line of the file that a finding is about; none of a rule about secrets.

    And none of what could not be understood: nobody knows what that holds.
    """
    is_unread = finding.rule == UNCHECKED and finding.reference is None
    if context.lines_of is None or is_unread or finding.rule.startswith("secret-"):
        return
    from tagwatch.publish.excerpt import excerpt  # a check without findings shows none

    lines = context.lines_of(finding.location.path)
    for line in excerpt(lines, finding.location, _width(context)):
        yield paint("dim", line)


def _also(first: Finding, places: Sequence[Finding], width: int) -> Iterator[str]:
    """The further places of one cause."""
    if places:
        where = " (--format compact names each)" if len(places) > _MANY_PLACES else ""
        yield from _wrapped(f"also {places_text(first, places, _MANY_PLACES)}{where}", width)


def _unchecked_together(findings: Iterable[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """Findings that many images were not read, by why and what helps: told once each."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        key = _why_unread(finding)
        if key is not None:
            found.setdefault(key, []).append(finding)
    return {key: same for key, same in found.items() if len(same) >= _MANY}


def _why_unread(finding: Finding) -> tuple[str, str] | None:
    """Why an image was not read and what helps; None where a finding says something else."""
    why = finding.message.partition(": ")[2]
    if finding.rule != UNCHECKED or finding.reference is None or not why:
        return None
    return why, finding.remedy


def _unread(unread: Iterable[Finding], paint: _Paint, width: int) -> Iterator[str]:
    """What a check without a memory could not tell, in one block."""
    for finding in unread:
        yield paint("path", f"{finding.evidence['images']} not checked")
        yield from _wrapped(finding.message, width)
        yield from _wrapped(f"do   {finding.remedy}", width)
        yield ""


def _unchecked(
    together: Mapping[tuple[str, str], list[Finding]], paint: _Paint, width: int
) -> Iterator[str]:
    for (why, remedy), findings in together.items():
        yield paint("path", f"{len(findings)} not checked")
        yield from _wrapped(why, width)
        if remedy:
            yield from _wrapped(f"do   {remedy}", width)
        places: dict[str, list[Finding]] = {}
        for finding in findings:
            places.setdefault(one_line(finding.text), []).append(finding)
        for text, same in sorted(places.items()):
            first = same[0]
            severity = first.severity.value
            more = f" and {len(same) - 1} more" if len(same) > 1 else ""
            place = one_line(str(first.location))
            yield f"  {paint(severity, f'{severity:<8}')} {text}  {paint('dim', place + more)}"
        yield ""


def _known(result: AuditResult, paint: _Paint) -> Iterator[str]:
    """Findings of a baseline: one faint line each."""
    known = [one for one in result.ignored if one.by == "baseline"]
    for one in sorted(known, key=lambda one: _worst_first(one.finding)):
        finding = one.finding
        place = f"{one_line(finding.location.path)}:{finding.location.line}"
        text = f"known    {place}  {finding.rule}  {one_line(finding.message, 120)}"
        yield "  " + paint("dim", f"{text} ({one_line(one.reason, 80)})")
    if known:
        yield ""


def _now(result: AuditResult, evidence: Evidence) -> str:
    said = now_of(evidence)
    if evidence.at in (None, result.at) and evidence.source == "seen":
        return said
    return f"{said} · {age_of_facts(result, evidence)}"


def _by_file(findings: Iterable[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """Files in the order of their worst finding, then by path; findings worst first, then down."""
    ordered = sorted(findings, key=lambda finding: finding.location.path)
    files = [
        (path, sorted(group, key=_worst_first))
        for path, group in groupby(ordered, key=lambda finding: finding.location.path)
    ]
    yield from sorted(files, key=lambda file: (-file[1][0].severity.rank, file[0]))


def _worst_first(finding: Finding) -> tuple[int, Location, str, str]:
    return (-finding.severity.rank, finding.location, finding.rule, finding.fingerprint)


def _wrapped(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most `width` columns; a word that is longer stands whole."""
    # `textwrap` does the same, and takes a warm check 3 ms to import
    line = _INDENT
    for word in one_line(text, 2000).split(" "):
        if len(line) + len(word) > width and line != _INDENT:
            yield line.rstrip()
            line = _INDENT
        line += word + " "
    yield line.rstrip()


def _changes(result: AuditResult, paint: _Paint, width: int) -> Iterator[str]:
    if not result.changes:
        return
    from tagwatch.publish.movement import movements, unnamed_sentence  # few checks see a move

    moved = movements(result)
    yield paint("path", f"{count(len(result.changes), 'tag')} moved")
    for one in moved:
        if not one.named:
            continue
        verdict = paint(one.severity.value, f"{one.change.verdict.value:<12}")
        also = f" ({one.also})" if one.also else ""
        yield f"  {verdict} {one.name}{also}  {one_line(change_step(one.change))}"
        if one.reason:
            yield from _wrapped(one_line(one.reason, 300), width)
    unnamed = unnamed_sentence(one for one in moved if not one.named)
    if unnamed:
        yield f"  {paint('dim', unnamed)}"
    yield ""


def _problems(result: AuditResult, paint: _Paint, width: int) -> Iterator[str]:
    problems = untold_problems(result)
    for problem in problems:
        place = problem.location
        word = "skipped" if problem.skipped else "problem"
        yield f"{one_line(str(place))}: {paint('warning', word)}: {one_line(problem.message, 500)}"
        if problem.hint:
            yield from _wrapped(f"hint: {problem.hint}", width)
    if problems:
        yield ""


def _failures(result: AuditResult, paint: _Paint, width: int) -> Iterator[str]:
    unchecked = [finding for finding in result.findings if finding.rule == UNCHECKED]
    told = {
        (finding.reference.repository, finding.evidence.get("code"))
        for finding in unchecked
        if finding.reference is not None
    }
    told |= {
        (finding.reference.repository, "not-found")
        for finding in result.findings
        if finding.rule == "tag-deleted" and finding.reference is not None
    }
    failures = [
        one
        for one in untold_failures(result)
        if (one.repository, one.code) not in told
        and not any(finding.message.endswith(one.message) for finding in unchecked)
    ]
    if failures:
        yield paint("path", "Could not be read")
    for failure in failures:
        yield f"  {paint('warning', f'{one_line(failure.code):<14}')} {failure_sentence(failure)}"
        if failure.hint:
            yield from _wrapped(f"hint: {failure.hint}", width)
    if failures:
        yield ""


def _remarks(result: AuditResult, paint: _Paint, width: int) -> Iterator[str]:
    told = remark_sentences(result)
    if told:
        yield paint("path", "Worth knowing about the registries' answers")
    for sentence in told:
        yield from _wrapped(sentence, width)
    if told:
        yield ""


def _requests(result: AuditResult) -> Iterator[str]:
    for host, kinds in sorted(result.requests.items()):
        spent = ", ".join(f"{number} {one_line(kind)}" for kind, number in sorted(kinds.items()))
        yield f"{one_line(host)}: {count(sum(kinds.values()), 'request')} ({spent})"
    for host, quota in sorted(result.quotas.items()):
        window = f" per {quota.window_seconds // 3600} h" if quota.window_seconds else ""
        yield f"{one_line(host)}: {quota.remaining} of {quota.limit} pulls left{window}"
