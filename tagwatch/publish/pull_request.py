"""What a range of commits does to images, for people: text, or the comment on a pull request."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.line_change import Kind
from tagwatch.audit.verdict.pull_request import Age, ImageChange, PullRequest, Side
from tagwatch.publish.image_link import Link, code_page, commits_page, tag_page
from tagwatch.publish.markdown_text import code, escaped
from tagwatch.publish.result_sentence import failure_sentence
from tagwatch.publish.wording import (
    age_text,
    change_step,
    count,
    date_text,
    fix_text,
    one_line,
    time_text,
)

__all__ = ["MARK", "links_of", "pull_request_markdown", "pull_request_sentence"]
__all__ += ["pull_request_text"]

MARK = "<!-- tagwatch pr -->"
"""The first line of the comment: by it the next run finds what it wrote."""

_MOST_ROWS = 60
_MOST_FINDINGS = 40
_PLACES = 3
_WHAT = {
    Kind.ADDED: "new",
    Kind.REMOVED: "removed",
    Kind.DIGEST: "other digest",
    Kind.PINNED: "pinned",
    Kind.UNPINNED: "unpinned",
    Kind.IMAGE: "other image",
    Kind.TEXT: "not known",
}
_STEPS = {
    "patch": "patch step",
    "minor": "minor step",
    "major": "major step",
    "back": "step back",
    "": "other tag",
}


def pull_request_sentence(told: PullRequest) -> str:
    """Return what the change does, in a sentence without its full stop."""
    if not told.changes:
        said = "no image changes"
    else:
        counts = Counter(_what(one) for one in told.changes)
        parts = ", ".join(_counted(number, what) for what, number in counts.most_common())
        total = len(told.changes)
        said = f"{count(total, 'image')} change{'s' if total == 1 else ''}: {parts}"
    young = sum(one.age is not None and one.age.is_young(told.at) for one in told.changes)
    if young:
        said += f"; {young} too young"
    if not told.complete:
        said += "; not everything could be read"
    return said


def _counted(number: int, what: str) -> str:
    """Return `2 major steps` for `major step`; `2 pinned` stays."""
    return f"{number} {what.replace('step', 'steps') if number > 1 else what}"


def links_of(one: ImageChange) -> tuple[Link, ...]:
    """Return where to read more about a change."""
    side = one.new or one.old
    if side is None or side.reference is None:
        return ()
    old = one.old if one.old is not None else side
    is_one_source = old.source == side.source
    found = (
        tag_page(side.reference),
        code_page(side.source),
        commits_page(side.source, old.revision, side.revision) if is_one_source else None,
    )
    return tuple(link for link in found if link is not None)


def pull_request_text(told: PullRequest, *, width: int = 100) -> str:
    """Return the answer for a terminal: a paragraph for each change."""
    lines: list[str] = []
    for one in told.changes:
        lines.append(one_line(f"{_step_text(one)} ({_what(one)})"))
        facts = [
            ("why", _why(one)),
            ("age", _age(one, told.at)),
            *(("finding", _finding_text(finding)) for finding in one.findings),
            ("in", _places(one)),
        ]
        for word, text in facts:
            if text:
                lines += textwrap.wrap(
                    one_line(f"{word}: {text}", 2000),
                    width,
                    initial_indent="    ",
                    subsequent_indent="      ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
        lines += [f"    {link.title}: {link.url}" for link in links_of(one)]
        lines.append("")
    lines += [f"not read: {one_line(text)}" for text in _unread(told)]
    lines.append(f"{told.base[:12]}..{told.head[:12]}: {pull_request_sentence(told)}")
    return "\n".join(lines) + "\n"


def pull_request_markdown(told: PullRequest) -> str:
    """Return the comment; its first line is `MARK`."""
    sentence = pull_request_sentence(told)
    lines = [MARK, f"### tagwatch: {escaped(sentence)}", ""]
    if told.changes:
        lines += [
            "| Image | What | Why it moved | Age | Where | More |",
            "|---|---|---|---|---|---|",
            *(f"| {' | '.join(_row(one, told.at))} |" for one in told.changes[:_MOST_ROWS]),
        ]
        if len(told.changes) > _MOST_ROWS:
            lines += ["", f"…and {len(told.changes) - _MOST_ROWS} more."]
    findings = told.findings
    if findings:
        lines += ["", "**Look at this before you merge:**", ""]
        ranked = sorted(findings, key=lambda finding: -finding.severity.rank)
        for finding in ranked[:_MOST_FINDINGS]:
            place = code(f"{finding.location.path}:{finding.location.line}")
            lines.append(f"- {place} {escaped(_finding_text(finding))}")
        if len(findings) > _MOST_FINDINGS:
            lines.append(f"- …and {len(findings) - _MOST_FINDINGS} more")
    unread = list(_unread(told))
    if unread:
        lines += ["", "**Not read:**", ""]
        lines += [f"- {escaped(text)}" for text in unread[:_MOST_FINDINGS]]
    lines += ["", f"<sub>{told.base[:12]}..{told.head[:12]}, {time_text(told.at)}</sub>"]
    return "\n".join(lines) + "\n"


def _row(one: ImageChange, at: datetime) -> tuple[str, ...]:
    return (
        _step_markdown(one),
        escaped(_what(one)),
        escaped(_why(one)),
        escaped(_age(one, at)),
        _places_markdown(one),
        " · ".join(f"[{escaped(link.title)}](<{link.url}>)" for link in links_of(one)),
    )


def _name(side: Side) -> str:
    return one_line(side.text)


def _step_text(one: ImageChange) -> str:
    return " → ".join(_name(side) for side in (one.old, one.new) if side is not None)


def _step_markdown(one: ImageChange) -> str:
    return " → ".join(code(_name(side)) for side in (one.old, one.new) if side is not None)


def _what(one: ImageChange) -> str:
    return _STEPS[one.step] if one.kind is Kind.TAG else _WHAT[one.kind]


def _why(one: ImageChange) -> str:
    """Return why the image is another one, as far as that is known."""
    if one.change is not None:
        change = one.change
        step = f"version {change.version_before} to {change.version_after}"
        reason = f": {change.reason}" if change.reason else ""
        more = "" if step in reason else f" ({change_step(change)})"
        return f"{change.verdict.value}{reason}{more}"
    if one.kind is Kind.ADDED and one.new is not None:
        return f"not read: {one.new.why}" if one.new.why else ""
    return one.why if one.kind is not Kind.REMOVED else ""


def _age(one: ImageChange, at: datetime) -> str:
    """Return how old the image after is, and whether that is enough."""
    if one.new is None:
        return ""
    built = one.new.built_at
    told = f"built {date_text(built)}, as its publisher says" if built is not None else ""
    if one.age is None:
        return "; ".join(filter(None, ("not known", told)))
    age: Age = one.age
    if not age.is_known:
        return "; ".join(filter(None, (f"not known: {age.clock} {date_text(age.since)}", told)))
    said = f"{age.clock} {date_text(age.since)}, {age_text(at - age.since)}"
    if age.is_young(at):
        return f"{said}: too young, old enough from {time_text(age.since + age.cooldown)}"
    return said


def _places(one: ImageChange) -> str:
    shown = ", ".join(one_line(f"{place.path}:{place.line}") for place in one.places[:_PLACES])
    more = len(one.places) - _PLACES
    return f"{shown} and {more} more" if more > 0 else shown


def _places_markdown(one: ImageChange) -> str:
    shown = ", ".join(code(f"{place.path}:{place.line}") for place in one.places[:_PLACES])
    more = len(one.places) - _PLACES
    return f"{shown} and {more} more" if more > 0 else shown


def _finding_text(finding: Finding) -> str:
    is_doubt = finding.unknown and finding.severity is not Severity.ERROR
    word = "not known" if is_doubt else finding.severity.value
    todo = fix_text(finding) or finding.remedy
    return f"{word}: {finding.message} ({finding.rule})" + (f"; {todo}" if todo else "")


def _unread(told: PullRequest) -> Iterator[str]:
    yield from (failure_sentence(failure) for failure in told.failures)
    for problem in told.problems:
        yield f"{problem.location.path}:{problem.location.line}: {problem.message}"
