"""Registries that cannot be read for nights: told once, counted, and never taken for read."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tagwatch import ScanResult, open_site
from tagwatch.api import scan_async
from tagwatch.audit.model.coverage import Reason
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.ledger.write import Ledger
from tagwatch.publish.wording import coverage_sentence
from tagwatch.service.metrics import Metrics
from tests.registry.doubles.warehouse import Double
from tests.registry.harness import AT
from tests.walk.command import Workplace

HOST = "registry.example"
PATHS = [f"shop/app{number:02}" for number in range(12)]
TAGS = ("1.0", "1.1", "1.2", "2.0", "2.1")
SETTINGS = """\
database: tagwatch.db
sources: [Dockerfile]
alerts: {{slack: {{webhook_env: HOOK}}}}
registries: {{{host}: {{endpoint: '{url}', credential: anonymous, patience_seconds: 2}}}}
"""


def configure(place: Workplace, double: Double, paths: list[str] = PATHS) -> None:
    for path in paths:
        for tag in TAGS:
            double.warehouse.push(path, tag, index=False)
    place.write("tagwatch.yaml", SETTINGS.format(host=HOST, url=double.url))
    named = [f"FROM {HOST}/{path}:{tag}\n" for path in paths for tag in TAGS]
    place.write("Dockerfile", "".join(named))


async def night(place: Workplace, number: int, hours: int = 0) -> ScanResult:
    environment = {"HOME": str(place.folder)}
    at = AT + timedelta(days=number, hours=hours)
    return await scan_async(open_site(place.folder, environment=environment, at=at))


def told(place: Workplace, at: datetime) -> list[dict[str, Any]]:
    """The messages that wait to be sent, taken out of the outbox."""
    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        messages = ledger.outbox.due(at)
        for message in messages:
            assert ledger.outbox.claim(message.id, at)
            ledger.outbox.sent(message.id, at)
    return [json.loads(message.payload) for message in messages]


def outages(found: ScanResult) -> list[Finding]:
    return [one for one in found.result.findings if one.rule == "check-incomplete"]


async def test_three_nights_without_a_login(tmp_path: Path) -> None:
    """It was no alert at all, and "60 of 60 image references read"."""
    place, double = Workplace(tmp_path), Double()
    async with double.serving():
        configure(place, double)
        first = await night(place, 0)
        assert coverage_sentence(first.result) == "60 of 60 image references read"
        assert outages(first) == []
        told(place, first.result.at)

        double.private = set(PATHS)
        said = []
        for number in (1, 2, 3):
            found = await night(place, number)
            said.append(told(place, found.result.at))
            (outage,) = outages(found)
            nights = f", for {number} nights now" if number > 1 else ""
            assert outage.message == (
                f"{HOST} refuses (401){nights}: 12 repositories, 60 images judged from memory"
            )
            assert "log in" in outage.remedy
            assert outage.severity is (Severity.ERROR if number == 3 else Severity.WARNING)
            assert outage.evidence["since"] == f"{AT + timedelta(days=1):%Y-%m-%d}"
            assert coverage_sentence(found.result) == (
                f"0 of 60 image references read now; 60 remembered since {AT:%Y-%m-%d} "
                f"({HOST} refuses)"
            )
            coverage = found.result.coverage
            assert (coverage.targets, coverage.read, coverage.remembered) == (60, 0, 60)
            assert [one.reason for one in coverage.reasons] == [Reason.REFUSED]
            assert not found.result.complete
            metrics = Metrics()
            metrics.remember(found.result)
            shown = metrics.text().decode()
            assert 'tagwatch_targets{state="read"} 0.0' in shown
            assert 'tagwatch_targets{state="remembered"} 60.0' in shown
            again = await night(place, number, hours=3)
            assert outages(again)[0].message == outage.message, "two scans of one day are one night"
            assert told(place, again.result.at) == []
        assert [len(messages) for messages in said] == [1, 0, 1]
        for (message,) in (said[0], said[2]):
            assert json.dumps(message).count("judged from memory") == 2, "in it, and in its summary"
        assert "1 worse" in json.dumps(said[2])

        double.private = set()
        back = await night(place, 4)
        assert outages(back) == []
        assert back.result.complete
        (message,) = told(place, back.result.at)
        assert "1 fixed" in json.dumps(message)
        assert HOST in json.dumps(message)

        double.private = set(PATHS)
        later = await night(place, 5)
        assert outages(later)[0].evidence["nights"] == "1"
    assert (await place.run("ledger", "check")).code == 0
