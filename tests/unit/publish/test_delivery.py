"""Sending, against a server on this machine that answers, refuses, redirects, floods or is mute."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tagwatch.publish.notify.apprise import AppriseNotifier
from tagwatch.publish.notify.delivery import delivery_of
from tagwatch.publish.notify.interface import Delivery, Outcome
from tagwatch.publish.notify.slack import SlackNotifier
from tagwatch.publish.notify.webhook import WebhookNotifier

SECRET = "T0SECRET"


class Server:
    """Answers `/<what>/T0SECRET` and keeps what it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[tuple[str, Any]] = []
        self.mute = asyncio.Event()
        self.hung_up = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        what = request.match_info["what"]
        self.received.append((what, json.loads(await request.read())))
        assert "Authorization" not in request.headers
        assert "Cookie" not in request.headers
        match what:
            case "never":
                await self.mute.wait()
            case "drop":
                assert request.transport is not None
                request.transport.close()
            case "flood":
                return await self.flood(request)
            case "redirect":
                return web.Response(status=307, headers={"Location": f"/200/{SECRET}"})
            case "429":
                return web.Response(status=429, headers={"Retry-After": "7"})
            case status:
                return web.Response(status=int(status), text="ok")
        return web.Response()

    async def flood(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(2_000):
                await response.write(b"x" * 65_536)
        except ConnectionError:
            self.hung_up.set()
        return response


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    application = web.Application()
    application.router.add_post("/{what}/{secret}", served.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    served.url = f"http://{host}:{port}"
    yield served
    served.mute.set()
    await runner.cleanup()


CASES: list[tuple[str, Outcome, int | None]] = [
    ("200", Outcome.SENT, 200),
    ("429", Outcome.RETRY, 429),
    ("500", Outcome.RETRY, 500),
    ("503", Outcome.RETRY, 503),
    ("400", Outcome.REJECTED, 400),
    ("404", Outcome.REJECTED, 404),
    ("redirect", Outcome.REJECTED, 307),
    ("drop", Outcome.UNSURE, None),
]


@pytest.mark.parametrize("kind", [SlackNotifier, WebhookNotifier])
@pytest.mark.parametrize(("what", "outcome", "status"), CASES)
async def test_answers(
    server: Server,
    caplog: pytest.LogCaptureFixture,
    kind: type[SlackNotifier | WebhookNotifier],
    what: str,
    outcome: Outcome,
    status: int | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    delivery = await kind(url=f"{server.url}/{what}/{SECRET}").send({"text": "hello"})
    assert (delivery.outcome, delivery.status) == (outcome, status)
    assert delivery.retry_after_seconds == (7.0 if what == "429" else None)
    assert server.received == [(what, {"text": "hello"})]
    ours = [record for record in caplog.records if record.name != "aiohttp.access"]
    assert SECRET not in f"{delivery!r} {[record.getMessage() for record in ours]}"


@pytest.mark.parametrize("kind", [SlackNotifier, WebhookNotifier])
async def test_this_machine_is_reached_without_the_proxy(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: type[SlackNotifier | WebhookNotifier]
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    delivery = await kind(url=f"{server.url}/200/{SECRET}").send({"text": "hello"})
    assert delivery.outcome is Outcome.SENT


@pytest.mark.parametrize("kind", [SlackNotifier, WebhookNotifier])
async def test_everybody_else_through_it(
    monkeypatch: pytest.MonkeyPatch, kind: type[SlackNotifier | WebhookNotifier]
) -> None:
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@127.0.0.1:{port}")
        delivery = await kind(url=f"https://hooks.slack.example/{SECRET}").send({})
    assert asked == [b"CONNECT hooks.slack.example:443 HTTP/1.1\r\n"]
    assert (delivery.outcome, delivery.status) == (Outcome.RETRY, 407)
    assert "the proxy of HTTPS_PROXY answered HTTP 407" in delivery.message
    assert SECRET not in delivery.message


async def test_a_proxy_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    delivery = await SlackNotifier(url=f"https://hooks.slack.example/{SECRET}").send({})
    assert delivery.outcome is Outcome.RETRY
    assert "no connection through the proxy of HTTPS_PROXY" in delivery.message


@pytest.mark.parametrize("kind", [SlackNotifier, WebhookNotifier])
async def test_no_answer_is_unsure_and_sent_once(
    server: Server, kind: type[SlackNotifier | WebhookNotifier]
) -> None:
    started = asyncio.get_running_loop().time()
    notifier = kind(url=f"{server.url}/never/{SECRET}", timeout_seconds=0.3)
    delivery = await notifier.send({"text": "hello"})
    assert delivery.outcome is Outcome.UNSURE
    assert asyncio.get_running_loop().time() - started < 3
    assert len(server.received) == 1
    assert SECRET not in repr(delivery)


@pytest.mark.parametrize("kind", [SlackNotifier, WebhookNotifier])
async def test_an_endless_answer_is_not_read(
    server: Server, kind: type[SlackNotifier | WebhookNotifier]
) -> None:
    delivery = await kind(url=f"{server.url}/flood/{SECRET}").send({"text": "hello"})
    assert delivery.outcome is Outcome.SENT
    async with asyncio.timeout(5):
        await server.hung_up.wait()


@pytest.mark.parametrize("kind", [SlackNotifier, WebhookNotifier])
async def test_nobody_there_can_be_tried_again(
    unused_tcp_port: int, kind: type[SlackNotifier | WebhookNotifier]
) -> None:
    notifier = kind(url=f"http://127.0.0.1:{unused_tcp_port}/{SECRET}")
    delivery = await notifier.send({"text": "hello"})
    assert delivery.outcome is Outcome.RETRY
    assert SECRET not in repr(delivery)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's own, on Python 3.11
async def test_apprise_says_yes_or_no(server: Server) -> None:
    payload = {"title": "t", "body": "b"}
    base = server.url.removeprefix("http://")
    taken = await AppriseNotifier(url=f"json://{base}/200/{SECRET}").send(payload)
    refused = await AppriseNotifier(url=f"json://{base}/500/{SECRET}").send(payload)
    unknown = await AppriseNotifier(url=f"nosuchscheme://{SECRET}").send(payload)
    outcomes = [delivery.outcome for delivery in (taken, refused, unknown)]
    assert outcomes == [Outcome.SENT, Outcome.RETRY, Outcome.REJECTED]
    assert [(what, body["title"]) for what, body in server.received] == [("200", "t"), ("500", "t")]
    assert SECRET not in repr((taken, refused, unknown))


def test_retry_after_as_seconds_date_or_nonsense() -> None:
    def seconds(text: str | None) -> float | None:
        delivery: Delivery = delivery_of("slack", 429, text)
        assert delivery.outcome is Outcome.RETRY
        return delivery.retry_after_seconds

    assert seconds("30") == 30
    assert seconds(None) is None
    assert seconds("soon") is None
    assert seconds("nan") is None
    assert seconds("-5") == 0
    assert seconds("9e99") == 86_400
    in_a_minute = seconds(format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True))
    assert in_a_minute is not None
    assert 50 < in_a_minute <= 60
