"""GitHub Actions: workflow commands that annotate the lines of a pull request.

A step shows ten errors and ten warnings at most, so each cause comes once before the further
places of any, and the whole goes into the step summary: append `markdown.render` to the file that
`$GITHUB_STEP_SUMMARY` names.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.finding import Finding, causes_of
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.result_sentence import (
    failure_sentence,
    remark_sentences,
    untold_failures,
    untold_problems,
    verdict_sentence,
)
from tagwatch.publish.wording import advised, fix_text, one_line
from tagwatch.source.target import Location

__all__ = ["render", "suffix"]

suffix = ".txt"

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(result: AuditResult, context: PublishContext) -> str:  # noqa: ARG001  # see Publisher.render
    """See `Publisher.render`. Worst first, since only the first ten of a kind are shown."""
    further = {id(one) for same in causes_of(result.findings) for one in same[1:]}
    findings = sorted(result.findings, key=lambda one: (-one.severity.rank, id(one) in further))
    return "\n".join([*_lines(result, findings), verdict_sentence(result)]) + "\n"


def _lines(result: AuditResult, findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        yield _command(
            _COMMANDS.get(finding.severity.value, "notice"),
            finding.location,
            finding.rule,
            advised(finding, fix_text(finding), 2000),
        )
    for problem in untold_problems(result):
        kind = "notice" if problem.skipped else "warning"
        yield _command(kind, problem.location, "tagwatch", problem.message)
    for failure in untold_failures(result):
        yield f"::warning title=could not be read::{_data(failure_sentence(failure))}"
    for sentence in remark_sentences(result):
        yield f"::notice title=worth knowing::{_data(sentence)}"


def _command(kind: str, place: Location, title: str, message: str) -> str:
    properties = {
        "file": place.path,
        "line": str(place.line),
        "endLine": str(place.end_line),
        "col": str(place.column),
        "title": title,
    }
    if place.end_line == place.line:
        properties["endColumn"] = str(place.end_column)
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {said}::{_data(message)}"


def _data(text: str) -> str:
    """A message, so that no text of a stranger begins a command of its own."""
    return one_line(text, 2000).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
