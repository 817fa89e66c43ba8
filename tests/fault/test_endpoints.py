"""Thirty nights, four receivers, every fault that an endpoint can have: nothing lost or doubled.

Every night has one thing to tell. Outbox, engine, notifiers and HTTP are real; the clock
is not. An endpoint has another fault each night, for four hours; one that revoked its address takes
it back, or gives another one, two days later. A message counts as taken where the endpoint took it,
whatever it answered then.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.news import news_of
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.config.settings import Receiver
from tagwatch.image.reference import Reference
from tagwatch.ledger.outbox import MessageState
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location
from tagwatch.walk.deliver import AlertPlan, alerts_of
from tagwatch.walk.sending import Receivers, deliver

NIGHTS = 30
QUIET = 3
START = datetime(2026, 11, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
FAULT_LASTS = timedelta(hours=4)
FAULTS = (
    *("ok", "429", "429 soon", "404", "ok", "500", "500 taken", "502", "410", "ok", "503"),
    *("503 soon", "hang", "hang taken", "reset", "403", "ok", "reset taken", "half"),
    *("killed before", "killed taken", "redirect", "400"),
)
REVOKED = frozenset({"403", "404", "410"})
CHANNELS = {"team": "slack", "ops": "slack", "robot": "webhook", "mail": "apprise"}
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(slots=True)
class Clock:
    """The time of the play. See `sending.Clock`."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float, stop: asyncio.Event) -> None:
        assert not stop.is_set()
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class Endpoint:
    """Who takes the alerts of all receivers, and how each one fails when."""

    clock: Clock
    url: str = ""
    faults: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    revoked: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def fault(self, receiver: str) -> str:
        """Return what is wrong with a receiver now."""
        fault, until = self.faults.get(receiver, ("ok", self.clock.at))
        return fault if self.clock.at < until else "ok"

    def answers(self, receiver: str) -> str:
        """Return how it answers: it does not know that a sender was killed."""
        fault = self.fault(receiver)
        return "ok" if fault.startswith("killed") else fault

    async def answer(self, request: web.Request) -> web.StreamResponse:
        receiver, address = request.match_info["receiver"], request.match_info["address"]
        body = await request.text()
        fault = self.answers(receiver)
        revoked = self.revoked.get(receiver, "")
        if revoked and address in revoked:
            return web.Response(status=int(revoked.split()[0]))
        self.seen[fault] += 1
        if fault in ("ok", "half") or fault.endswith("taken"):
            self.taken.append((receiver, request.headers.get("webhook-id", ""), body))
        match fault.split()[0]:
            case "ok":
                return web.Response(text="ok")
            case "429" | "503":
                wait = "20" if fault.endswith("soon") else "7200"
                return web.Response(status=int(fault[:3]), headers={"Retry-After": wait})
            case "500" | "502" | "400":
                return web.Response(status=int(fault[:3]), text="<html>")
            case "redirect":
                return web.Response(status=308, headers={"Location": f"{self.url}/nowhere"})
            case "hang" if CHANNELS[receiver] != "apprise":  # its own time-out is four seconds
                await self.released.wait()
                if request.transport is not None:  # the sender has given up
                    request.transport.close()
            case "half":
                response = web.StreamResponse(headers={"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b"o")
                assert request.transport is not None
                request.transport.close()
                return response
            case _:
                assert request.transport is not None
                request.transport.close()
        return web.Response()


@asynccontextmanager
async def endpoint(clock: Clock) -> AsyncIterator[Endpoint]:
    served = Endpoint(clock)
    app = web.Application()
    app.router.add_post("/{receiver}/{address}", served.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield served
    finally:
        served.released.set()
        await runner.cleanup()


def night(number: int) -> AuditResult:
    """Return a result whose one finding is of this night."""
    location = Location(path="Dockerfile", line=1, column=1, end_line=1, end_column=9)
    finding = Finding(
        rule="tag-replaced",
        severity=Severity.ERROR,
        message=f"shop/app:{number} was pushed again",
        location=location,
        fingerprint=f"{number}",
        reference=Reference.parse(f"registry.example/shop/app:{number}"),
    )
    return AuditResult(at=START + number * DAY, findings=(finding,))


def receivers(environment: Mapping[str, str]) -> Receivers:
    settings = tuple(
        Receiver(
            name=name,
            channel=channel,
            env=name.upper(),
            allow_http=channel != "apprise",
            secret_env="KEY" if channel == "webhook" else "",
            min_severity=Severity.ERROR,
        )
        for name, channel in CHANNELS.items()
    )
    return Receivers(
        settings=settings, environment={**environment, "KEY": KEY}, timeout_seconds=0.4
    )


def address(served: Endpoint, name: str, number: int) -> str:
    url = f"{served.url}/{name}/a{number}"
    return url.replace("http://", "json://") if CHANNELS[name] == "apprise" else url


@dataclass(slots=True)
class Play:
    """All nights on one ledger. `by_day`: whether something delivers between the nights, too."""

    database: Path
    clock: Clock
    served: Endpoint
    by_day: bool
    addresses: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANNELS, 1))
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, *, patience: timedelta = timedelta()) -> None:
        environment = {
            name.upper(): address(self.served, name, number)
            for name, number in self.addresses.items()
        }
        await deliver(
            self.database, receivers(environment), self.clock, self.stop, patience=patience
        )

    async def one_night(self, number: int) -> None:
        """Let it be 02:00: a scan ends, and sends; then it may be day."""
        self.clock.at = max(self.clock.at, START + number * DAY)
        self._faults_of(number)
        result = night(number) if number < NIGHTS else None
        with Ledger.open(self.database) as ledger:
            run = ledger.begin_run("scan", self.clock.at)
            if result is not None:
                plan = AlertPlan(receivers=receivers({}).settings)
                news = news_of(result, (), before=None)  # each night tells of other things
                ledger.finish_run(run, result, alerts_of(result, news, plan), news=news)
                self._kill(ledger)
        await self.send(patience=timedelta(seconds=60))
        self.served.released.set()
        if self.by_day:
            for hours in (0.5, 3, 5, 12, 20):
                self.clock.at = max(self.clock.at, START + number * DAY + timedelta(hours=hours))
                await self.send()

    def _faults_of(self, number: int) -> None:
        self.served.released = asyncio.Event()
        for place, name in enumerate(CHANNELS):
            fault = FAULTS[(number + 5 * place) % len(FAULTS)] if number < NIGHTS else "ok"
            mended = self.served.revoked.get(name, "")
            if mended and number >= int(mended.split()[2]):
                # every other time somebody makes a new address; else the old one works again
                self.addresses[name] += number % 2
                del self.served.revoked[name]
            if fault in REVOKED and name not in self.served.revoked:
                here = f"a{self.addresses[name]}"
                self.served.revoked[name] = f"{fault} {here} {number + 2}"
            self.served.faults[name] = (fault, self.clock.at + FAULT_LASTS)

    def _kill(self, ledger: Ledger) -> None:
        """Let a sender die that has claimed a message, and perhaps sent it."""
        dying = {name: self.served.fault(name) for name in CHANNELS}
        for message in ledger.outbox.due(self.clock.at, CHANNELS):
            fault = dying.pop(message.receiver, "")
            if fault.startswith("killed") and ledger.outbox.claim(message.id, self.clock.at):
                self.served.seen[fault] += 1
                if fault == "killed taken":
                    self.served.taken.append((message.receiver, message.dedup_key, message.payload))

    def told(self, name: str) -> dict[int, int]:
        """Return how often a receiver was told of each night, by messages with ids of their own."""
        messages: dict[Any, str] = {}
        for place, (receiver, key, body) in enumerate(self.served.taken):
            if receiver == name:
                messages[key if CHANNELS[name] == "webhook" else place] = body
        counts: Counter[int] = Counter()
        for body in messages.values():
            counts.update({int(found) for found in re.findall(r"shop/app:(\d+)", body)})
        return {number: counts[number] for number in range(NIGHTS)}

    def named(self, name: str) -> set[int]:
        """Return the nights whose message another message to a receiver calls perhaps lost."""
        said = "".join(body for receiver, _, body in self.served.taken if receiver == name)
        days = re.findall(r"an alert of (\S+) (\S+) UTC may not have arrived", said)
        return {(datetime.fromisoformat(f"{day} {hour}+00:00") - START).days for day, hour in days}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's own, on Python 3.11
@pytest.mark.timeout(900)  # eight seconds of work, and endpoints that hang
@pytest.mark.parametrize("by_day", [False, True], ids=["scan", "serve"])
async def test_thirty_nights_of_faults(tmp_path: Path, by_day: bool) -> None:
    clock = Clock()
    async with endpoint(clock) as served:
        play = Play(tmp_path / "tagwatch.db", clock, served, by_day)
        for number in range(NIGHTS + QUIET):
            await play.one_night(number)
        assert set(served.seen) >= set(FAULTS) - REVOKED, "every fault was met"
        with Ledger.open(play.database) as ledger:
            messages = ledger.messages()
        listed: defaultdict[str, set[int]] = defaultdict(set)
        for one in messages:
            if one.state in (MessageState.HELD, MessageState.PENDING) or (
                one.state is MessageState.UNSURE and not one.mentioned
            ):
                listed[one.receiver].add((one.at - START).days)
        for name in CHANNELS:
            told, named = play.told(name), play.named(name)
            assert [n for n, times in told.items() if times > 1] == [], f"{name}: told twice"
            silent = {n for n, times in told.items() if times == 0}
            assert silent - named - listed[name] == set(), f"{name}: lost"
            assert len(silent) < NIGHTS / 2, f"{name}: {sorted(silent)}"
            print(f"{name}: {NIGHTS - len(silent)} told once, {len(silent)} named or listed")
        only_refused_for_what_they_say = {
            one.error for one in messages if one.state is MessageState.HELD
        }
        assert all("HTTP 400" in error for error in only_refused_for_what_they_say)
        assert not [one for one in messages if one.state is MessageState.PENDING]
        assert {n for n, times in play.told("robot").items() if times == 0} == {
            (one.at - START).days
            for one in messages
            if one.receiver == "robot" and one.state is MessageState.HELD
        }, "a webhook gets all but what it refuses to read"
