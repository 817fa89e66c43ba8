"""Exit codes: what a CI job lives by. Whole as a table of values, and in part by the commands."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

from tests.audit_case import audit, seen, target
from tests.contract.rule_case import ERROR, NOTE, WARNING
from tests.pinned.pin import as_table, compare
from tests.walk.command import Workplace

FAIL_ON = {"error": ERROR, "warning": WARNING, "note": NOTE, "never": None}
ON_UNAVAILABLE = ("fail", "warn", "pass")
UNREAD = "check-incomplete"
WORST = {
    "nothing": (),
    "a note": (("tag-latest", NOTE),),
    "a warning": (("tag-latest", WARNING),),
    "an error": (("tag-latest", ERROR),),
    "unread, a note": ((UNREAD, NOTE),),
    "unread, a warning": ((UNREAD, WARNING),),
    "unread, an error": ((UNREAD, ERROR),),
    "unread and a warning": ((UNREAD, WARNING), ("tag-latest", WARNING)),
}
MEANING = "an exit code changed: pipelines that passed will fail, or the other way round"

FILES = {
    "clean": "FROM scratch\n",
    "unread": "FROM redis:6.2.24\n",
    "unread and a warning": "FROM redis:latest\n",
    "not a Dockerfile": "FROM redis:6.2.24\nFROM\n",
}
NOWHERE = "{endpoint: 'http://127.0.0.1:1', credential: anonymous, patience_seconds: 0}"
CHECK, SCAN, OFFLINE, IN_SPITE = "check", "scan", "check --offline", "check --exit-zero"
RUNS = (
    ("clean", "note", "fail", (CHECK, SCAN)),
    ("unread", "error", "warn", (CHECK, SCAN)),
    ("unread", "error", "fail", (CHECK, SCAN, OFFLINE, IN_SPITE)),
    ("unread and a warning", "warning", "fail", (CHECK, SCAN, IN_SPITE)),
    ("not a Dockerfile", "error", "pass", (CHECK, SCAN, "check --quiet")),
    ("not a Dockerfile", "never", "fail", (CHECK,)),
)


def test_findings_and_policy() -> None:
    """Both commands end by this: `check` after its fixes, `scan` after its reports."""
    latest = target("redis:latest")
    (finding,) = audit((latest,), (seen(latest),)).findings
    rows = []
    for (worst, found), complete, fail_on in product(WORST.items(), (True, False), FAIL_ON):
        findings = tuple(replace(finding, rule=rule, severity=one) for rule, one in found)
        result = replace(audit(()), findings=findings, complete=complete)
        codes = [
            result.exit_code(FAIL_ON[fail_on], on_unavailable=policy) for policy in ON_UNAVAILABLE
        ]
        rows.append((worst, "yes" if complete else "no", fail_on, *codes))
    columns = ("findings", "complete", "fail_on", *ON_UNAVAILABLE)
    compare("exit-codes.tsv", as_table(columns, rows), MEANING)


async def test_the_commands(tmp_path: Path) -> None:
    """No registry answers; each run has a ledger that knows nothing."""
    rows = []
    for number, (files, fail_on, on_unavailable, commands) in enumerate(RUNS):
        for command in commands:
            folder = tmp_path / f"{number} {command}"
            folder.mkdir()
            place = Workplace(folder, {"HOME": str(folder)})
            place.write("Dockerfile", FILES[files])
            place.write(
                "tagwatch.yaml",
                f"database: ledger.db\nsources: [Dockerfile]\nregistries: {{docker.io: {NOWHERE}}}"
                f"\npolicy: {{fail_on: {fail_on}, on_unavailable: {on_unavailable}}}\n",
            )
            done = await place.run(*command.split())
            assert "internal error" not in done.err
            rows.append((files, fail_on, on_unavailable, command, done.code))
    columns = ("files", "fail_on", "on_unavailable", "command", "exit code")
    compare("exit-codes-of-commands.tsv", as_table(columns, rows), MEANING)
