"""The line to paste: what a fixed line reads, worked out from the file's own bytes."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.value import replace

__all__ = ["with_fix_lines"]


def with_fix_lines(result: AuditResult, files: Mapping[str, bytes]) -> AuditResult:
    """`result` with `Fix.line` filled in for every fix whose file is in `files` (by path).

    A fix that adds or removes a line, or a line that is not UTF-8, keeps its line empty.
    """
    return replace(
        result, findings=tuple(_with_line(finding, files) for finding in result.findings)
    )


def _with_line(finding: Finding, files: Mapping[str, bytes]) -> Finding:
    fix = finding.fix
    raw = files.get(fix.path) if fix is not None else None
    if fix is None or raw is None or not 0 <= fix.start <= fix.end <= len(raw):
        return finding
    start = raw.rfind(b"\n", 0, fix.start) + 1
    newline = raw.find(b"\n", fix.end)
    end = newline if newline >= 0 else len(raw)
    line = bytearray(raw[start:end])
    beside = (edit for edit in fix.also if edit.path == fix.path)
    on_line = [edit for edit in (fix, *beside) if start <= edit.start <= edit.end <= end]
    for edit in sorted(on_line, key=lambda edit: -edit.start):
        line[edit.start - start : edit.end - start] = edit.replacement.encode("utf-8", "replace")
    if b"\n" in line:
        return finding
    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return finding
    return replace(finding, fix=replace(fix, line=text))
