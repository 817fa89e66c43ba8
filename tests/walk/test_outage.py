"""Registries that cannot be read for nights: told once, counted, and never taken for read."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tagwatch import ScanResult, open_site
from tagwatch.api import scan_async
from tagwatch.audit.model.coverage import Reason
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.ledger.write import Ledger
from tagwatch.publish.result_sentence import coverage_sentence
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
    return await scan_async(
        open_site(place.folder / "tagwatch.yaml", environment=environment, at=at)
    )


def told(place: Workplace, at: datetime) -> list[dict[str, Any]]:
    """The messages that wait to be sent, taken out of the outbox."""
    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        outbox = ledger.outbox_of(os.path.realpath(place.folder / "tagwatch.yaml"))
        messages = outbox.due(at, {"slack"})
        for message in messages:
            claimed = outbox.claim(message.id, at)
            assert claimed is not None
            outbox.sent(claimed, at)
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


async def test_a_check_tells_a_registry_once_and_sarif_only_notes_it(tmp_path: Path) -> None:
    """It was one result an image: 60 alerts of code scanning about one expired login."""
    place, double = Workplace(tmp_path, {"HOME": str(tmp_path)}), Double()
    async with double.serving():
        configure(place, double)
        double.private = set(PATHS)
        sarif = await place.run("check", "Dockerfile", "--format", "sarif")
        (run,) = sarif.json["runs"]
        assert "check-incomplete" not in {one["ruleId"] for one in run["results"]}
        (invocation,) = run["invocations"]
        (note,) = invocation["toolExecutionNotifications"]
        said = f"{HOST} refuses (401): 12 repositories, 60 images not checked"
        assert note["message"]["text"].startswith(f"{said}. To do: ")
        assert (note["level"], invocation["executionSuccessful"]) == ("warning", False)
        text = await place.run("check", "Dockerfile")
        assert text.out.count("check-incomplete") == 1
        assert text.out.splitlines()[-1] == "1 to look at, 60 not checked (incomplete)"
        assert "0 of 60 image references read; 60 unavailable; registry.example denied" in text.err
        settings = (place.folder / "tagwatch.yaml").read_text()
        place.write("tagwatch.yaml", f"{settings}policy: {{on_unavailable: fail}}\n")
        failed = await place.run("check", "Dockerfile")
        assert (text.code, failed.code) == (0, 4)


async def test_one_repository_of_many(tmp_path: Path) -> None:
    place, double = Workplace(tmp_path), Double()
    async with double.serving():
        configure(place, double)
        await night(place, 0)
        double.private = {PATHS[3]}
        found = await night(place, 1)
        double.private = set(PATHS[3:7])
        more = await night(place, 2)
        double.private = set()
        back = await night(place, 3)
    (outage,) = outages(found)
    name = f"{HOST}/{PATHS[3]}"
    assert outage.message.startswith(f"{name} was not read: ")
    assert outage.message.endswith("; 5 images judged from memory")
    assert (outage.location.path, outage.location.line) == ("Dockerfile", 16)
    assert coverage_sentence(found.result).startswith("55 of 60 image references read now; 5 ")
    (several,) = outages(more)
    assert several.message == (
        f"{HOST} refuses (401), for 2 nights now: 4 of 12 repositories, "
        "20 images judged from memory"
    )
    assert more.news.since.fixed == (), "the repository is not read yet"
    assert [one.text for one in back.news.since.fixed] == [one.text for one in (outage, several)]


async def test_what_nobody_asked_is_no_night_of_an_outage(tmp_path: Path) -> None:
    """A run that is stopped says nothing of the registry: neither that it fails, nor that it is
    back."""
    place, double = Workplace(tmp_path), Double()
    async with double.serving():
        configure(place, double, PATHS[:3])
        await night(place, 0)
        double.private = set(PATHS)
        down = await night(place, 1)
        stop = asyncio.Event()
        stop.set()
        at = AT + timedelta(days=2)
        site = open_site(
            place.folder / "tagwatch.yaml", environment={"HOME": str(place.folder)}, at=at
        )
        stopped = await scan_async(site, stop=stop)
        again = await night(place, 3)
    (told_down,), (left,), (told_again,) = map(outages, (down, stopped, again))
    assert left.message == (
        f"{HOST} was not asked to the end: 3 repositories, 15 images judged from memory"
    )
    assert left.severity is Severity.WARNING
    assert [one.reason for one in stopped.result.coverage.reasons] == [Reason.STOPPED]
    assert "(the run was stopped before it asked for them)" in coverage_sentence(stopped.result)
    assert stopped.news.since.fixed == ()
    assert (told_down.evidence["nights"], told_again.evidence["nights"]) == ("1", "2")
    assert told_down.fingerprint == told_again.fingerprint


async def test_a_warm_check_is_complete_and_short(tmp_path: Path) -> None:
    place, double = Workplace(tmp_path, {"HOME": str(tmp_path)}), Double()
    async with double.serving():
        configure(place, double, PATHS[:1])
        first = await place.run("check", "Dockerfile", "--format", "json")
        double.private = set(PATHS)
        warm = await place.run("check", "Dockerfile", "--format", "json")
        text = await place.run("check", "Dockerfile")
        offline = await place.run("check", "Dockerfile", "--offline", "--format", "json")
        resolved = await place.run("resolve", f"{HOST}/{PATHS[0]}:1.0", "--format", "json")
    assert [one["state"] for one in first.json["resolutions"]] == ["read"] * 5
    assert warm.json["findings"] == first.json["findings"]
    assert warm.json["complete"]
    (why,) = warm.json["coverage"]["reasons"]
    (at,) = {one["read_at"] for one in warm.json["resolutions"]}
    assert why == {"reason": "fresh", "targets": 5, "since": at}
    assert at == first.json["at"] == resolved.json["resolutions"][0]["read_at"]
    assert "5 image references, read just now" in text.err.splitlines()
    assert offline.json["complete"]
    assert {one["reason"] for one in offline.json["resolutions"]} == {"offline"}
