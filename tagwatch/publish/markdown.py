"""GitHub-flavored Markdown: the step summary of a workflow, or a comment on a merge request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tagwatch.audit.model.finding import Finding, Severity, causes_of, urgency
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.markdown_text import code as _code
from tagwatch.publish.markdown_text import escaped as _escaped
from tagwatch.publish.movement import movements, tags_moved, unnamed_sentence
from tagwatch.publish.result_sentence import (
    coverage_sentence,
    failure_sentence,
    remark_sentences,
    since_sentence,
    untold_failures,
    verdict_sentence,
)
from tagwatch.publish.wording import change_step, count, fix_text

if TYPE_CHECKING:
    from tagwatch.audit.verdict.outlook import Prospects

__all__ = ["prospects_markdown", "render", "suffix"]

suffix = ".md"

_MOST_ROWS = 200
_MOST_PLACES = 6
# A step summary is cut at 1 MiB; 200 rows stay far below.


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`."""
    since = context.since
    changed = since_sentence(since, tags_moved(result)) if since else ""
    lines = [
        f"## {_escaped(verdict_sentence(result))}",
        "",
        f"{_escaped(coverage_sentence(result))}." + (f" {_escaped(changed)}." if changed else ""),
        "",
        *_findings(result),
        *_changes(result),
        *_unread(result),
    ]
    if context.report_url.startswith(("https://", "http://")):
        address = re.sub(r"[<>\s]", "", context.report_url)
        lines.append(f"<{address}>")
    return "\n".join(lines).rstrip() + "\n"


def prospects_markdown(found: Prospects, *, everything: bool = False) -> str:
    """What `outdated` answers: a sentence, and a table of what is not up to date."""
    import tagwatch.publish.outdated as told

    images = told.listed(found, everything=everything)
    lines = [f"## {_escaped(told.prospects_sentence(found))}", ""]
    if images:
        lines += [
            "| Image | Now | Patch | Minor | Major | End of life | Built | Where | Notes |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
    for one in images[:_MOST_ROWS]:
        steps = {step.level.value: told.step_text(step) for step in one.steps}
        said = (text(step) for step in one.steps for text in (told.between_text, told.held_text))
        notes = [*said, told.why_text(one)]
        cells = (
            _code(one.name),
            _code(one.now or ""),
            *(_code(steps.get(level, "")) for level in ("patch", "minor", "major")),
            _escaped(told.ends_text(one)),
            _escaped(told.age_of(one, found.at)),
            _escaped(told.places_text(one)),
            _escaped("; ".join(filter(None, notes))),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if len(images) > _MOST_ROWS:
        lines += ["", f"…and {len(images) - _MOST_ROWS} more."]
    return "\n".join(lines).rstrip() + "\n"


def _findings(result: AuditResult) -> Iterator[str]:
    if not result.findings:
        return
    causes = causes_of(sorted(result.findings, key=urgency, reverse=True))
    yield "| | Where | Rule | What | Fix |"
    yield "|---|---|---|---|---|"
    for same in causes[:_MOST_ROWS]:
        yield f"| {' | '.join(_row(same))} |"
    if len(causes) > _MOST_ROWS:
        yield ""
        yield f"…and {len(causes) - _MOST_ROWS} more."
    yield ""


def _row(same: Sequence[Finding]) -> tuple[str, ...]:
    """A cause, with all its places."""
    finding = same[0]
    more = f" and {len(same) - _MOST_PLACES} more" if len(same) > _MOST_PLACES else ""
    fix = fix_text(finding)
    return (
        "not known"
        if finding.unknown and finding.severity is not Severity.ERROR
        else finding.severity.value,
        ", ".join(_code(str(one.location)) for one in same[:_MOST_PLACES]) + more,
        _code(finding.rule),
        _escaped(finding.message),
        _code(fix) if fix else _escaped(finding.remedy),
    )


def _changes(result: AuditResult) -> Iterator[str]:
    if not result.changes:
        return
    yield f"### {count(len(result.changes), 'tag')} moved"
    yield ""
    yield "| Tag | Verdict | From and to | Why |"
    yield "|---|---|---|---|"
    moved = movements(result)
    named = [one for one in moved if one.named]
    for one in named[:_MOST_ROWS]:
        cells = (
            " ".join(part for part in (_code(one.name), _escaped(one.also)) if part),
            one.change.verdict.value,
            _escaped(change_step(one.change)),
            _escaped(one.reason),
        )
        yield f"| {' | '.join(cells)} |"
    if len(named) > _MOST_ROWS:
        yield f"\n…and {len(named) - _MOST_ROWS} more."
    unnamed = unnamed_sentence(one for one in moved if not one.named)
    if unnamed:
        yield f"\n{_escaped(unnamed)}."
    yield ""


def _unread(result: AuditResult) -> Iterator[str]:
    remarks = remark_sentences(result)
    if remarks:
        yield "### Worth knowing about the registries' answers"
        yield ""
        for sentence in remarks[:_MOST_ROWS]:
            yield f"- {_escaped(sentence)}"
        if len(remarks) > _MOST_ROWS:
            yield f"- …and {len(remarks) - _MOST_ROWS} more"
        yield ""
    failures = untold_failures(result)
    if not failures and not result.problems:
        return
    yield "### Not checked"
    yield ""
    for failure in failures[:_MOST_ROWS]:
        yield f"- {_escaped(failure_sentence(failure))}"
    for problem in result.problems[:_MOST_ROWS]:
        yield f"- {_code(str(problem.location))}: {_escaped(problem.message)}"
    more = max(len(failures) - _MOST_ROWS, 0) + max(len(result.problems) - _MOST_ROWS, 0)
    if more:
        yield f"- …and {more} more"
    yield ""
