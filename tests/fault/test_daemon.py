"""A service under faults: rows 29 to 36 of the table of 2026-11-29, each with the real command.

What is scanned stands in a registry on loopback whose every answer can be made to fail.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.walk.command import Workplace
from tests.walk.daemon import NEVER, SOON, TOKEN, asked, metric, scans, serving
from tests.walk.misbehaving import Misbehaving, misbehaving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
FINISHED = 'tagwatch_scans_total{outcome="finished"}'
RUNNING = "tagwatch_scan_running"
FAILED = 'tagwatch_scans_total{outcome="failed"}'
FINDINGS = 'tagwatch_findings{severity="error"}'


@dataclass
class Night(Workplace):
    """A folder whose Dockerfile names an image in each of some registries."""

    server: Misbehaving | None = None

    def configure(self, *names: str, more: str = "") -> None:
        assert self.server is not None
        registries = self.server.registries(*names, timeout_seconds=300, patience_seconds=300)
        self.write(
            "tagwatch.yaml",
            f"database: tagwatch.db\nsources: [Dockerfile]\n{NEVER}"
            f"policy: policy.yaml\n{more}registries:\n{registries}",
        )
        self.write("Dockerfile", "".join(f"FROM {name}.example/app:1\n" for name in names))
        self.write("policy.yaml", "version: 1\n")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    async with misbehaving() as server:
        place = Night(tmp_path, {"TAGWATCH_WEBHOOK_TOKEN": TOKEN}, server=server)
        place.configure("well")
        yield place


def children(pid: int) -> list[int]:
    """The processes that a process started and did not wait for yet."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return found


async def gone(pid: int, seconds: float) -> bool:
    """Whether a process ends within so many seconds; one that nobody waits for counts as ended."""
    for _ in range(int(seconds / 0.05)):
        if state(pid) in ("", "Z"):
            return True
        await asyncio.sleep(0.05)
    return False


def state(pid: int) -> str:
    """A process's state in a letter; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descriptors(pid: int) -> int:
    """How many files a process holds open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_row_29_an_idle_service_ends_at_once(night: Night) -> None:
    async with serving(night) as daemon:
        assert await daemon.stop() < SOON
    assert daemon.process.returncode == 0
    assert "Traceback" not in daemon.said


@asynccontextmanager
async def deaf() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that takes a message and never answers, and whether it has taken one."""
    release, taken = asyncio.Event(), asyncio.Event()

    async def answer(_request: web.BaseRequest) -> web.Response:
        taken.set()
        with suppress(asyncio.CancelledError):
            await release.wait()
        return web.Response()

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", taken
    finally:
        release.set()
        await runner.cleanup()


async def test_row_29_it_ends_in_time_while_an_alert_hangs(night: Night) -> None:
    async with deaf() as (address, taken):
        night.environment |= {"HOOK": address, "SLACK": f"{address}/slack"}
        night.configure(
            "well",
            more="alerts:\n  webhook: {url_env: HOOK, allow_http: true, min_severity: note}\n"
            "  slack: {webhook_env: SLACK, allow_http: true, min_severity: note}\n",
        )
        night.write("Dockerfile", "FROM well.example/app\n")  # latest: a finding
        async with serving(night, "--now") as daemon:
            await asyncio.wait_for(taken.wait(), 30)
            assert await daemon.stop() < 20
    assert "Traceback" not in daemon.said


@LINUX
async def test_row_29_the_second_signal_ends_both(night: Night) -> None:
    night.configure("slow")
    assert night.server is not None
    async with serving(night, "--now") as daemon:
        await asked(night.server, "slow")
        (child,) = children(daemon.process.pid)
        os.kill(child, signal.SIGSTOP)  # it could not even hear
        daemon.process.send_signal(signal.SIGTERM)
        await daemon.until("stopping: ")
        daemon.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(daemon.process.wait(), 12)
        os.kill(child, signal.SIGCONT)
        assert await gone(child, 13), "a child ends when its parent does"


async def test_row_30_and_36_a_changed_policy_is_used_after_sighup(
    night: Night, session: aiohttp.ClientSession
) -> None:
    night.write("Dockerfile", "FROM well.example/app:1.0\n")
    night.write("policy.yaml", "version: 1\nrepositories: {deny: ['well.example/**']}\n")
    async with serving(night, "--now") as daemon:
        await scans(session, daemon, 1)
        assert await metric(session, daemon, FINDINGS) == 1
        night.write("policy.yaml", "version: 1\n")
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.see("the configuration was read again")
        await daemon.ask(session)
        await scans(session, daemon, 2)
        assert await metric(session, daemon, FINDINGS) == 0
        assert await daemon.stop() < SOON
    assert daemon.process.returncode == 0


async def test_row_36_a_broken_configuration_is_told_and_the_old_one_scans(
    night: Night, session: aiohttp.ClientSession
) -> None:
    night.write("Dockerfile", "FROM well.example/app:1.0\n")
    night.write("policy.yaml", "version: 1\nrepositories: {deny: ['well.example/**']}\n")
    good = (night.folder / "tagwatch.yaml").read_text()
    async with serving(night) as daemon:
        for broken, said in (
            (good.replace("cron: ", "corn: "), "unknown key 'corn'"),
            (good.replace("0 0 1 1 *", "0 2 30 2 *"), "is never due"),
            (good.replace("schedule: ", "#"), "there is no schedule to keep"),
            (good.replace("policy.yaml", "nothing.yaml"), "no such file: 'nothing.yaml'"),
            (
                f"{good}serve:\n  webhooks: [{{registry: a.io, kind: hub, token_env: NOT_SET}}]\n",
                "'NOT_SET' is not set",
            ),
        ):
            night.write("tagwatch.yaml", broken)
            daemon.process.send_signal(signal.SIGHUP)
            line = await daemon.see("(error the configuration cannot be used.*)")
            assert said in line
        (night.folder / "tagwatch.yaml").unlink()
        await daemon.ask(session)
        await scans(session, daemon, 1)
        assert await metric(session, daemon, FINDINGS) == 1
        status, said_of = await daemon.health(session)
        assert (status, said_of["status"]) == (200, "degraded")
        assert "cannot be used" in said_of["reasons"][0]
        assert await metric(session, daemon, "tagwatch_config_last_reload_successful") == 0
        night.write("tagwatch.yaml", good)
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.see("the configuration was read again")
        assert (await daemon.health(session))[1]["reasons"] == []
        assert await daemon.stop() < SOON


@LINUX
async def test_row_31_nothing_grows_with_the_scans(
    night: Night, session: aiohttp.ClientSession
) -> None:
    """A few here, some hundred in `tests/bench/service.py`."""
    async with serving(night, "--now") as daemon:
        await scans(session, daemon, 1)
        pid = daemon.process.pid
        held = descriptors(pid)
        for number in range(2, 6):
            await daemon.ask(session)
            await scans(session, daemon, number)
            assert children(pid) == []
        assert descriptors(pid) <= held + 1
        assert await daemon.stop() < SOON


async def test_row_32_health_and_figures_tell_a_failure(
    night: Night, session: aiohttp.ClientSession
) -> None:
    reports = night.folder / "reports"
    reports.write_text("a file where a folder should be")
    async with serving(night, "--now") as daemon:
        await daemon.until("the scan failed: ")
        status, said = await daemon.health(session)
        assert (status, said["status"]) == (503, "failing")
        assert "the last scan failed at" in said["reasons"][0]
        assert "reports" in said["reasons"][0]
        assert await metric(session, daemon, FAILED) == 1
        assert await metric(session, daemon, "tagwatch_scan_failed") == 1
        assert await metric(session, daemon, FINDINGS) is None, "stale, not the old truth"
        assert await metric(session, daemon, "tagwatch_scan_complete") is None
        async with session.get(f"{daemon.url}/livez") as live:
            assert live.status == 200
        reports.unlink()
        await daemon.ask(session)
        await scans(session, daemon, 1)
        assert (await daemon.health(session))[0] == 200
        assert await metric(session, daemon, "tagwatch_scan_failed") == 0
        assert await metric(session, daemon, FINDINGS) is not None
        assert await daemon.stop() < SOON


async def test_row_32_every_registry_down_is_not_well(
    night: Night, session: aiohttp.ClientSession
) -> None:
    night.configure("well", "failing")
    async with serving(night, "--now") as daemon:
        await scans(session, daemon, 1)
        status, said = await daemon.health(session)
        assert (status, said["status"]) == (200, "degraded")
        assert said["reasons"] == ["the last scan is incomplete (failing.example)"]
        figure = 'tagwatch_read_failures{code="unavailable",host="failing.example"}'
        assert await metric(session, daemon, figure)
        night.configure("failing")
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.see("the configuration was read again")
        await daemon.ask(session)
        await scans(session, daemon, 2)
        status, said = await daemon.health(session)
        assert (status, said["status"]) == (503, "failing")
        assert said["reasons"] == ["the last scan could read nothing (failing.example)"]
        assert await daemon.stop() < SOON


async def test_row_34_fifty_requests_at_once_are_few_scans(
    night: Night, session: aiohttp.ClientSession
) -> None:
    async with serving(night) as daemon:
        await asyncio.gather(*(daemon.ask(session) for _ in range(50)))
        for _ in range(400):
            if await metric(session, daemon, FINISHED) and not await metric(
                session, daemon, RUNNING
            ):
                break
            await asyncio.sleep(0.1)
        assert await metric(session, daemon, FINISHED) in (1, 2)
        assert await daemon.stop() < SOON


@LINUX
async def test_a_scan_that_is_killed_is_a_failed_one(
    night: Night, session: aiohttp.ClientSession
) -> None:
    night.configure("slow")
    assert night.server is not None
    async with serving(night, "--now") as daemon:
        await asked(night.server, "slow")
        (child,) = children(daemon.process.pid)
        os.kill(child, signal.SIGKILL)
        await daemon.until("the scan failed: it was killed by signal 9")
        assert (await daemon.health(session))[0] == 503
        night.server.release.set()
        await daemon.ask(session)
        await scans(session, daemon, 1)
        assert (await daemon.health(session))[0] == 200
        assert await daemon.stop() < SOON


@LINUX
async def test_after_a_kill_of_all_the_next_one_knows(
    night: Night, session: aiohttp.ClientSession
) -> None:
    """As Kubernetes kills a container: every process in it."""
    night.configure("slow")
    assert night.server is not None
    async with serving(night, "--now") as daemon:
        await asked(night.server, "slow")
        (child,) = children(daemon.process.pid)
        daemon.process.kill()
        os.kill(child, signal.SIGKILL)
        assert await gone(child, 5)
    async with serving(night) as daemon:
        await daemon.until("the scan failed: the scan of .* has no end: it was killed")
        status, said = await daemon.health(session)
        assert (status, "has no end" in said["reasons"][0]) == (503, True)
        assert await metric(session, daemon, FAILED) == 1
        night.server.release.set()
        await daemon.ask(session)
        await scans(session, daemon, 1)
        assert (await daemon.health(session))[0] == 200
        assert await daemon.stop() < SOON


async def test_a_scan_that_takes_too_much_memory_ends_alone(
    night: Night, session: aiohttp.ClientSession
) -> None:
    night.configure("slow", more="serve: {memory: 1M}\n")
    async with serving(night, "--now") as daemon:
        await daemon.until("the scan failed: the scan took .* of memory, and may take 1 ")
        assert (await daemon.health(session))[0] == 503
        assert await daemon.stop() < SOON
    assert daemon.process.returncode == 0


@LINUX
async def test_it_answers_whatever_a_scan_does(
    night: Night, session: aiohttp.ClientSession
) -> None:
    """A7: while it judged 4,707 tags it answered once in 41 s. Here the scan stands still."""
    night.configure("slow")
    assert night.server is not None
    clock = asyncio.get_running_loop().time
    async with serving(night, "--now") as daemon:
        await asked(night.server, "slow")
        (child,) = children(daemon.process.pid)
        os.kill(child, signal.SIGSTOP)
        for path in ("/livez", "/readyz", "/health", "/metrics") * 3:
            begun = clock()
            async with session.get(f"{daemon.url}{path}") as answer:
                assert answer.status == 200, await answer.text()
            assert clock() - begun < 10, path
        await daemon.ask(session)
        assert await metric(session, daemon, RUNNING) == 1
        os.kill(child, signal.SIGCONT)
        night.server.release.set()
        await scans(session, daemon, 2)
        assert await daemon.stop() < SOON


async def test_a_night_that_was_missed_is_made_up_for_once(
    night: Night, session: aiohttp.ClientSession
) -> None:
    """The service was down when a scan was due: within the grace it is made."""
    due = datetime.now(UTC) - timedelta(minutes=3)
    schedule = f'schedule: {{cron: "{due:%M %H} * * *", misfire_grace: 999999w}}\n'
    text = (night.folder / "tagwatch.yaml").read_text()
    night.write("tagwatch.yaml", text.replace(NEVER, schedule))
    async with serving(night) as daemon:
        await asyncio.sleep(0.5)
        assert await metric(session, daemon, RUNNING) == 0, "nothing was missed"
        assert await daemon.stop() < SOON
    assert (await night.run("scan")).code == 0
    with closing(sqlite3.connect(night.folder / "tagwatch.db")) as ledger, ledger:
        ledger.execute("UPDATE run SET at = at - 600000000, finished_at = finished_at - 600000000")
    async with serving(night) as daemon:
        await scans(session, daemon, 1)
        assert await daemon.stop() < SOON
    async with serving(night) as daemon:
        await asyncio.sleep(0.5)
        assert await metric(session, daemon, RUNNING) == 0
        assert await daemon.stop() < SOON


async def test_the_log_is_json_with_the_run_where_it_is_asked_for(night: Night) -> None:
    async with serving(night, "--now", "--log-format", "json") as daemon:
        await daemon.until('"scanned: ')
        assert await daemon.stop() < SOON
    lines = [json.loads(line) for line in daemon.said.splitlines()]
    assert {"at", "level", "message", "logger"} <= set(lines[0])
    runs = {line["run"] for line in lines if "run" in line}
    assert len(runs) == 1
    assert next(line["message"] for line in lines if "run" in line) == "scanning everything"
    assert {line["level"] for line in lines} == {"info"}
