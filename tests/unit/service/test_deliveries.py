"""The daemon's loop of deliveries: what waits goes out in its time, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from tagwatch.ledger.outbox import MessageState
from tagwatch.ledger.record import Alert
from tagwatch.ledger.write import Ledger
from tagwatch.service.deliveries import run_deliveries
from tagwatch.walk.site import Site, open_site, project_of

START = datetime(2026, 11, 29, 2, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """A clock that goes on when somebody sleeps; it tells all to stop at `end`."""

    end: datetime
    at: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float, stop: asyncio.Event) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        if self.at >= self.end:
            stop.set()


@asynccontextmanager
async def answering(*answers: str) -> AsyncIterator[tuple[str, list[str]]]:
    """An address that gives these answers in turn, the last for ever; and what it was sent."""
    posted: list[str] = []

    async def post(request: web.Request) -> web.Response:
        posted.append(await request.text())
        status, _, wait = answers[min(len(posted), len(answers)) - 1].partition(" ")
        return web.Response(status=int(status), headers={"Retry-After": wait} if wait else {})

    app = web.Application()
    app.router.add_post("/", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", posted
    finally:
        await runner.cleanup()


def site_at(folder: Path, url: str) -> Site:
    path = folder / "tagwatch.yaml"
    path.write_text(
        "version: 1\ndatabase: tagwatch.db\nalerts: {webhook: {url_env: HOOK}}\n", encoding="utf-8"
    )
    return open_site(path, environment={"HOOK": url})


async def test_a_message_goes_out_when_its_receiver_wants_it(tmp_path: Path) -> None:
    async with answering("429 100", "200") as (url, posted):
        site = site_at(tmp_path, url)
        with Ledger.open(site.database) as ledger:
            ledger.outbox_of(project_of(site)).put(
                Alert(dedup_key="one", channel="webhook", payload="{}"), START
            )
        clock = Clock(end=START + timedelta(minutes=5))
        await run_deliveries(lambda: site, asyncio.Event(), clock=clock)
        assert len(posted) == 2
        assert set(clock.slept) == {30.0}
        with Ledger.open(site.database) as ledger:
            (message,) = ledger.messages(project=project_of(site))
        assert (message.state, message.tries) == (MessageState.SENT, 2)
        assert message.settled_at == START + timedelta(seconds=120)


async def test_it_lives_through_a_ledger_that_does_not_and_reads_settings_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with answering("200") as (url, posted):
        site = site_at(tmp_path, "http://127.0.0.1:9/")
        broken = replace(site, database=tmp_path / "broken.db")
        broken.database.write_bytes(b"this is no ledger, and longer than a header is" * 30)
        with Ledger.open(site.database) as ledger:
            ledger.outbox_of(project_of(site)).put(
                Alert(dedup_key="one", channel="webhook", payload="{}"), START
            )
        sites = [replace(site, database=tmp_path / "none.db"), broken, broken, site]
        mended = replace(site, environment={"HOOK": url})
        clock = Clock(end=START + timedelta(minutes=5))
        await run_deliveries(
            lambda: sites.pop(0) if sites else mended, asyncio.Event(), clock=clock
        )
        assert len(posted) == 1
        said = [record.getMessage() for record in caplog.records if "aiohttp" not in record.name]
        assert len([text for text in said if text.startswith("no alert could be sent")]) == 1
        assert said[-1] == "alert to webhook: sent"
        assert not (tmp_path / "none.db").exists()
