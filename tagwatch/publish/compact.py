"""One line a finding, its place first, as compilers and linters print them: for eyes and editors.

Dockerfile:1:6: error: nginx has no tag, so it means latest [tag-missing]
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.result_sentence import (
    failure_sentence,
    remark_sentences,
    untold_failures,
    untold_problems,
    verdict_sentence,
)
from tagwatch.publish.wording import fix_text, one_line

__all__ = ["parts", "render", "suffix"]

suffix = ".txt"

_STYLES = {"error": "1;31", "warning": "33", "note": "36"}


def render(result: AuditResult, context: PublishContext) -> str:
    """The findings by place, what was passed over, and the verdict as the last line."""
    return "".join(parts(result, context))


def parts(result: AuditResult, context: PublishContext) -> Iterator[str]:
    """What `render` gives, line by line."""
    for finding in sorted(result.findings, key=lambda one: (one.location, one.rule, one.message)):
        severity = finding.severity.value
        if context.color:
            severity = f"\x1b[{_STYLES[severity]}m{severity}\x1b[0m"
        fixable = ", --fix mends it" if fix_text(finding) else ""
        place, message = one_line(str(finding.location)), one_line(finding.message, 1000)
        yield f"{place}: {severity}: {message} [{finding.rule}{fixable}]\n"
    for problem in untold_problems(result):
        word = "skipped" if problem.skipped else "problem"
        yield f"{one_line(str(problem.location))}: {word}: {one_line(problem.message, 500)}\n"
    for failure in untold_failures(result):
        yield f"{one_line(failure.code)}: {failure_sentence(failure)}\n"
    yield from (f"{sentence}\n" for sentence in remark_sentences(result))
    yield verdict_sentence(result) + "\n"
