"""Alerts by the real command: what an endpoint answers, who is told, what waits, what is lost."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
from aiohttp import web

from tagwatch.publish.notify.webhook import signature
from tests.paths import ROOT
from tests.walk.command import Workplace

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SCHEMA = json.loads((ROOT / "docs" / "schema" / "alerts.json").read_text(encoding="utf-8"))
NOBODY = "127.0.0.1:9"


@dataclass(slots=True)
class Endpoint:
    """Who takes alerts and pings at `/<name>`, and what each name answers next: else 200."""

    url: str = ""
    answers: dict[str, list[str]] = field(default_factory=dict)
    posted: list[tuple[str, Mapping[str, str], str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.posted.append((name, dict(request.headers), await request.text()))
        waiting = self.answers.get(name, [])
        match waiting.pop(0) if waiting else "200":
            case "hang":
                await asyncio.sleep(3600)
            case "reset":
                assert request.transport is not None
                request.transport.close()
            case said:
                status, _, wait = said.partition(" ")
                return web.Response(
                    status=int(status), headers={"Retry-After": wait} if wait else {}
                )
        return web.Response()

    def to(self, name: str) -> list[Any]:
        """Return what was posted under a name."""
        return [json.loads(body) for who, _, body in self.posted if who == name]


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    served = Endpoint()
    app = web.Application()
    app.router.add_post("/{name:.+}", served.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield served
    finally:
        await runner.cleanup()


class Desk(Workplace):
    """A folder whose Dockerfiles say what is new; no registry is there to be asked."""

    def configure(self, more: str, reports: str = "reports") -> None:
        self.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: tagwatch.db\nsources: ['**/Dockerfile']\n"
            f"reports: {{formats: [json], directory: {reports}}}\n"
            "registries:\n  registry.example: {endpoint: "
            f"'http://{NOBODY}', patience_seconds: 0, credential: anonymous}}\n" + more,
        )

    def name_images(self, *names: str, path: str = "Dockerfile") -> None:
        """Let a Dockerfile name images without a tag: each is a warning."""
        self.write(path, "".join(f"FROM registry.example/{name}\n" for name in names))

    async def states(self) -> list[tuple[str, str]]:
        """Return the receiver and state of every alert."""
        listed = await self.run("alerts", "list", "--all", "--format", "json")
        jsonschema.Draft202012Validator(SCHEMA).validate(listed.json)
        return [(one["receiver"], one["state"]) for one in listed.json["alerts"]]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "desk"
    folder.mkdir()
    made = Desk(folder, {"HOME": str(tmp_path)})
    made.name_images("app")
    return made


SLACK = "alerts: {slack: {webhook_env: SLACK}}\n"


async def test_what_may_be_lost_is_named_by_the_next_message(desk: Desk) -> None:
    async with endpoint() as served:
        served.answers["slack"] = ["500"]
        desk.environment["SLACK"] = f"{served.url}/slack"
        desk.configure(SLACK)
        first = await desk.run("scan")
        assert "alert to slack: unsure whether it arrived" in first.err
        desk.name_images("app", "web")
        second = await desk.run("scan")
        assert "it may have arrived" in second.err
        lost, told = served.to("slack")
        assert "registry.example/app" in lost["text"]
        assert lost["text"].startswith("tagwatch desk: ")
        assert "registry.example/web" in told["text"]
        assert "may not have arrived: 2 new" in told["text"]
        assert "may not have arrived: 2 new" in json.dumps(told["blocks"])
        listed = await desk.run("alerts", "list")
        assert "1  slack  unsure" in listed.out
        assert "alert 2 said that it may be lost" in listed.out
        desk.name_images("app", "web", "db")
        await desk.run("scan")
        assert "may not have arrived" not in served.to("slack")[2]["text"], "once"


async def test_a_revoked_address_holds_its_alerts_until_there_is_another(desk: Desk) -> None:
    async with endpoint() as served:
        served.answers["slack"] = ["404", "403"]
        desk.environment["SLACK"] = f"{served.url}/slack"
        desk.configure(SLACK)
        first = await desk.run("scan")
        assert "held until its address is mended" in first.err
        desk.name_images("app", "web")
        await desk.run("scan")
        assert await desk.states() == [("slack", "held"), ("slack", "held")]
        doctor = await desk.run("doctor")
        assert "2 held" in doctor.out
        desk.environment["SLACK"] = f"{served.url}/new"
        assert (await desk.run("scan")).code == 0
        assert await desk.states() == [("slack", "sent"), ("slack", "sent")]
        assert [("web" in one["text"]) for one in served.to("new")] == [False, True]
        raw = (desk.folder / "tagwatch.db").read_bytes()
        assert served.url.encode() not in raw, "the address is a secret"


async def test_a_person_retries_and_drops(desk: Desk) -> None:
    async with endpoint() as served:
        served.answers["slack"] = ["410", "404", "200"]
        desk.environment["SLACK"] = f"{served.url}/slack"
        desk.configure(SLACK)
        await desk.run("scan")
        again = await desk.run("alerts", "retry")
        assert (again.code, "slack  held" in again.out) == (1, True)
        wrong = await desk.run("alerts", "retry", "7")
        assert (wrong.code, "no alert has the number 7" in wrong.err) == (2, True)
        dropped = await desk.run("alerts", "drop", "1", "--format", "json")
        assert dropped.json["alerts"][0]["state"] == "dropped"
        assert (await desk.run("alerts", "list")).out == "in all: 1 dropped\n"
        done = await desk.run("alerts", "retry", "1")
        assert (done.code, "slack  sent" in done.out) == (0, True)
        assert len(served.to("slack")) == 3
        nothing = await desk.run("alerts", "retry")
        assert (nothing.code, nothing.out) == (0, "no alert is held\n")


async def test_a_webhook_gets_it_again_with_the_same_id(desk: Desk) -> None:
    async with endpoint() as served:
        served.answers["hook"] = ["500", "429 0", "503 0"]
        desk.environment |= {"HOOK": f"{served.url}/hook", "KEY": KEY}
        desk.configure("alerts: [{name: robot, webhook: {url_env: HOOK, secret_env: KEY}}]\n")
        done = await desk.run("scan")
        assert "alert to robot: sent" in done.err
        assert len(served.posted) == 4
        assert len({headers["webhook-id"] for _, headers, _ in served.posted}) == 1
        _, headers, body = served.posted[-1]
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        ours = signature(KEY, headers["webhook-id"], at, body.encode())
        assert headers["webhook-signature"] == ours


@pytest.mark.parametrize("fault", ["reset", "429 3600", "503 3600", "503", "403"])
async def test_no_fault_stops_the_night_or_the_other_receiver(desk: Desk, fault: str) -> None:
    async with endpoint() as served:
        served.answers["slack"] = [fault]
        desk.environment |= {"SLACK": f"{served.url}/slack", "HOOK": f"{served.url}/hook"}
        desk.configure("alerts: {slack: {webhook_env: SLACK}, webhook: {url_env: HOOK}}\n")
        done = await desk.run("scan")
        assert done.code == 0, done.err
        state = {"reset": "unsure", "503": "unsure", "403": "held"}.get(fault, "pending")
        assert sorted(await desk.states()) == [("slack", state), ("webhook", "sent")]
        assert (len(served.to("slack")), len(served.to("hook"))) == (1, 1)


async def test_an_endpoint_that_hangs_keeps_no_one_waiting(desk: Desk) -> None:
    async with endpoint() as served:
        served.answers["slack"] = ["hang"]
        desk.environment["SLACK"] = f"{served.url}/slack"
        desk.configure(SLACK)
        process = await desk.start("scan")
        for _ in range(600):
            if served.posted:
                break
            await asyncio.sleep(0.05)
        begun = asyncio.get_running_loop().time()
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert asyncio.get_running_loop().time() - begun < 12
        assert b"broken off: the program was to stop" in err
        assert await desk.states() == [("slack", "unsure")]


async def test_alerts_go_out_though_reports_cannot_be_written(desk: Desk) -> None:
    async with endpoint() as served:
        desk.environment["SLACK"] = f"{served.url}/slack"
        desk.configure(SLACK)
        desk.write("reports", "a file, where a folder is to be")
        done = await desk.run("scan")
        assert done.code == 5
        assert "reports" in done.err
        assert await desk.states() == [("slack", "sent")]


async def test_routes_by_path_image_owner_rule_and_severity(desk: Desk) -> None:
    async with endpoint() as served:
        (desk.folder / ".git").mkdir()
        desk.write(".github/CODEOWNERS", "* @shop/all\n/deploy/ @shop/ops\n")
        desk.name_images("web:latest", path="deploy/Dockerfile")
        desk.environment["HOOK"] = f"{served.url}/"
        routes = {
            "everything": "{}",
            "ops": "{owners: ['@shop/ops']}",
            "all": "{owners: ['@shop/all']}",
            "deploy": "{paths: ['deploy/**']}",
            "apps": "{images: ['registry.example/app']}",
            "latest": "{rules: [tag-latest]}",
            "both": "{paths: ['deploy/**'], images: ['registry.example/app']}",
            "errors": "{min_severity: error}",
        }
        lines = []
        for name, when in routes.items():
            desk.environment[name.upper()] = f"{served.url}/{name}"
            lines.append(
                f"  - {{name: {name}, webhook: {{url_env: {name.upper()}}}, when: {when}}}"
            )
        desk.configure("alerts:\n" + "\n".join(lines) + "\n")
        done = await desk.run("scan")
        assert done.code == 0, done.err
        told = {
            name: sorted(
                {
                    line["name"].rpartition("/")[2]
                    for group in one["groups"]
                    for line in group["lines"]
                }
            )
            for name in routes
            for one in served.to(name)
        }
        assert told == {
            # all of them have images of the registry that cannot be read, so all hear of it
            "everything": ["app", "registry.example", "web:latest"],
            "ops": ["registry.example", "web:latest"],
            "all": ["app", "registry.example"],
            "deploy": ["registry.example", "web:latest"],
            "apps": ["app", "registry.example"],
            "latest": ["web:latest"],
        }


async def test_a_receiver_that_is_gone_keeps_its_alerts(desk: Desk) -> None:
    async with endpoint() as served:
        desk.configure(SLACK)  # and no address
        first = await desk.run("scan")
        assert "the environment variable 'SLACK' is not set" in first.err
        desk.configure("")
        assert "no receiver of that name is configured" in (await desk.run("alerts", "list")).out
        await desk.run("scan")
        desk.environment["SLACK"] = f"{served.url}/slack"
        desk.configure(SLACK)
        listed = await desk.run("alerts", "list", "--format", "json")
        assert [one["problem"] for one in listed.json["receivers"]] == [None]
        assert (await desk.run("alerts", "retry", "1")).code == 0
        assert len(served.to("slack")) == 1


async def test_a_healthcheck_is_pinged(desk: Desk) -> None:
    async with endpoint() as served:
        desk.configure(f"healthcheck: {served.url}/ping\n")
        assert (await desk.run("scan")).code == 0
        desk.configure(f"healthcheck: {served.url}/ping\n", reports="Dockerfile")
        assert (await desk.run("scan")).code == 5
        names = [(name, body) for name, _, body in served.posted]
        assert [name for name, _ in names] == ["ping/start", "ping", "ping/start", "ping/fail"]
        assert "not checked" in names[1][1]
        assert names[3][1]
        desk.configure("healthcheck: {url_env: PING}\n")
        odd = await desk.run("scan")
        assert (odd.code, "'PING' is not set" in odd.err) == (0, True)
        served.answers["ping"] = ["404", "404"]
        desk.environment["PING"] = f"{served.url}/ping"
        assert (
            "the healthcheck was not pinged: healthcheck: answered" in (await desk.run("scan")).err
        )


async def test_a_test_alert_says_what_was_sent_and_what_came_of_it(desk: Desk) -> None:
    async with endpoint() as served:
        served.answers["slack"] = ["403"]
        desk.environment |= {
            **{"SLACK": f"{served.url}/slack", "HOOK": f"{served.url}/hook", "KEY": KEY},
        }
        desk.configure(
            "alerts:\n"
            "  - {name: team, slack: {webhook_env: SLACK}, when: {rules: [tag-latest]}}\n"
            "  - {name: robot, webhook: {url_env: HOOK, secret_env: KEY}}\n"
            "  - {name: nobody, webhook: {url_env: NOWHERE}}\n"
        )
        done = await desk.run("alerts", "test")
        assert done.code == 1
        assert done.out == (
            "team  slack  refused; a real alert would be held\n"
            "  message    tagwatch desk: a test alert. There is nothing to do: somebody tries out"
            " whether alerts arrive here.\n"
            "  answer     slack: answered HTTP 403: the address is not accepted\n"
            "robot  webhook  sent\n"
            "  message    a test alert\n"
            "  answer     HTTP 200\n"
            "nobody  webhook  nothing could be sent\n"
            "  answer     the environment variable 'NOWHERE' is not set\n"
        )
        (posted,) = served.to("hook")
        assert (posted["type"], posted["headline"]) == ("test", "a test alert")
        jsonschema.Draft202012Validator(
            json.loads((ROOT / "docs" / "schema" / "alert.json").read_text(encoding="utf-8"))
        ).validate(posted)
        headers, body = next(
            (headers, body) for who, headers, body in served.posted if who == "hook"
        )
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        assert headers["webhook-signature"] == signature(
            KEY, headers["webhook-id"], at, body.encode()
        )
        assert not (desk.folder / "tagwatch.db").exists(), "a ledger is not needed"


async def test_a_test_alert_goes_to_those_who_are_named(desk: Desk) -> None:
    async with endpoint() as served:
        desk.environment |= {"SLACK": f"{served.url}/slack", "HOOK": f"{served.url}/hook"}
        desk.configure("alerts: {slack: {webhook_env: SLACK}, webhook: {url_env: HOOK}}\n")
        done = await desk.run("alerts", "test", "slack", "--format", "json")
        assert done.code == 0
        schema = json.loads(
            (ROOT / "docs" / "schema" / "alerts-test.json").read_text(encoding="utf-8")
        )
        jsonschema.Draft202012Validator(schema).validate(done.json)
        (test,) = done.json["tests"]
        assert (test["receiver"], test["outcome"], test["status"]) == ("slack", "sent", 200)
        assert test["payload"] == served.to("slack")[0]
        assert served.to("hook") == []
        assert served.url not in done.out, "an address is a secret"
        wrong = await desk.run("alerts", "test", "slak")
        assert (wrong.code, "no receiver is called 'slak'" in wrong.err) == (2, True)
        desk.configure("")
        none = await desk.run("alerts", "test")
        assert (none.code, "no receiver is configured" in none.err) == (2, True)
