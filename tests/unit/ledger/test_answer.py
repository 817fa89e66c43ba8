"""A stored answer: what its values have in common is in memory once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import Reference
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location

AT = datetime(2026, 11, 30, 2, tzinfo=UTC)


def finding(number: int, place: Location) -> Finding:
    return Finding(
        rule="version-eol",
        severity=Severity.ERROR,
        message=f"mongo:1.0.{number} is MongoDB Server 1.0.{number}",
        location=place,
        fingerprint=f"{number:064}",
        reference=Reference.parse(f"docker.io/library/mongo:1.0.{number}"),
        evidence={"line": "1.0", "version": f"1.0.{number}"},
    )


def test_findings_share_what_is_alike_and_are_what_was_stored(tmp_path: Path) -> None:
    place = Location(path="tagwatch.yaml", line=4, column=17, end_line=4, end_column=22)
    other = Location(path="tagwatch.yaml", line=5, column=17, end_line=5, end_column=22)
    told = (*(finding(number, place) for number in range(9)), finding(9, other))
    result = AuditResult(at=AT, findings=told)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        run = ledger.begin_run("scan", AT)
        ledger.finish_run(run, result)
        found = ledger.result(run)
    assert found is not None
    assert found.findings == told
    first, *others = found.findings
    assert all(one.location is first.location for one in others[:-1])
    assert others[-1].location.path is first.location.path
    repositories = {id(one.reference.repository) for one in found.findings if one.reference}
    assert len(repositories) == 1
    assert len({id(one.rule) for one in found.findings}) == 1
    assert len({id(one.evidence["line"]) for one in found.findings}) == 1
