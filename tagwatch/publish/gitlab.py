"""GitLab code quality: a JSON array; duplicates of a fingerprint would be dropped silently."""

from __future__ import annotations

import hashlib
from typing import Any

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.json_text import dump
from tagwatch.publish.result_sentence import untold_problems
from tagwatch.publish.wording import advised, fix_text, one_line
from tagwatch.source.target import Problem

__all__ = ["render", "suffix"]

suffix = ".codequality.json"

_SEVERITIES = {"error": "critical", "warning": "major", "note": "info", "off": "info"}


def render(result: AuditResult, context: PublishContext) -> str:  # noqa: ARG001  # see Publisher.render
    """See `Publisher.render`."""
    entries: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for finding in result.findings:
        number = seen.get(finding.fingerprint, 0)
        seen[finding.fingerprint] = number + 1
        entries.append(_entry(finding, number))
    entries += [_problem(problem, number) for number, problem in enumerate(untold_problems(result))]
    return dump(entries)


def _entry(finding: Finding, number: int) -> dict[str, Any]:
    fingerprint = finding.fingerprint
    if number:
        fingerprint = hashlib.sha256(f"{fingerprint} {number}".encode()).hexdigest()
    return {
        "description": advised(finding, fix_text(finding), 2000),
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[finding.severity.value],
        "location": _location(finding.location.path, finding.location.line),
    }


def _problem(problem: Problem, number: int) -> dict[str, Any]:
    """A file that could not be understood: it must not look clean."""
    place = problem.location
    text = f"{place}\0{problem.message}\0{number}"
    return {
        "description": one_line(problem.message, 2000),
        "check_name": "file-skipped" if problem.skipped else "file-malformed",
        "fingerprint": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
        "severity": "info" if problem.skipped else "minor",
        "location": _location(place.path, place.line),
    }


def _location(path: str, line: int) -> dict[str, Any]:
    return {"path": path.removeprefix("./"), "lines": {"begin": max(line, 1)}}
