"""Sending, against a server on this machine that answers, refuses, redirects, floods or is mute."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tagwatch.errors import NotifyError
from tagwatch.publish.notify.apprise import AppriseNotifier
from tagwatch.publish.notify.delivery import delivery_of
from tagwatch.publish.notify.healthcheck import Ping, ping
from tagwatch.publish.notify.interface import Delivery, Outcome
from tagwatch.publish.notify.slack import SlackNotifier
from tagwatch.publish.notify.webhook import WebhookNotifier, signature

SECRET = "T0SECRET"


class Server:
    """Answers `/<what>/T0SECRET` and keeps what it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[tuple[str, Any]] = []
        self.sent: list[tuple[dict[str, str], bytes]] = []
        self.pings: list[tuple[str, bytes]] = []
        self.mute = asyncio.Event()
        self.hung_up = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        what = request.match_info["what"]
        raw = await request.read()
        self.sent.append((dict(request.headers), raw))
        if "rid" in request.query:
            self.pings.append((str(request.rel_url), raw))
            return web.Response(status=int(what))
        self.received.append((what, json.loads(raw)))
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
            case "429" | "503":
                return web.Response(status=int(what), headers={"Retry-After": "7"})
            case "502":
                return web.Response(status=502, text="<html>a proxy's page</html>")
            case "page":
                return web.Response(text="<html>a proxy's page</html>")
            case "blocks" if "blocks" in self.received[-1][1]:
                return web.Response(status=400, text="invalid_blocks")
            case "blocks":
                return web.Response(text="ok")
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
    application.router.add_post("/{what}/{secret}/{ping:start|fail}", served.answer)
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
    ("500", Outcome.UNSURE, 500),
    ("502", Outcome.UNSURE, 502),
    ("503", Outcome.RETRY, 503),
    ("400", Outcome.REJECTED, 400),
    ("403", Outcome.REJECTED, 403),
    ("404", Outcome.REJECTED, 404),
    ("410", Outcome.REJECTED, 410),
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
    assert delivery.retry_after_seconds == (7.0 if what in ("429", "503") else None)
    assert delivery.address is (what in ("403", "404", "410", "redirect"))
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
    assert asyncio.get_running_loop().time() - started < 20
    assert len(server.received) == 1
    assert SECRET not in repr(delivery)


@pytest.mark.parametrize("kind", [SlackNotifier, WebhookNotifier])
async def test_an_endless_answer_is_not_read(
    server: Server, kind: type[SlackNotifier | WebhookNotifier]
) -> None:
    delivery = await kind(url=f"{server.url}/flood/{SECRET}").send({"text": "hello"})
    assert delivery.outcome is Outcome.SENT
    async with asyncio.timeout(30):
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
async def test_apprise_says_yes_or_no(
    server: Server, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    caplog.set_level(logging.DEBUG)
    payload = {"title": "t", "body": "b", "type": "failure"}
    base = server.url.removeprefix("http://")
    taken = await AppriseNotifier(url=f"json://{base}/200/{SECRET}").send(payload)
    refused = await AppriseNotifier(url=f"json://{base}/500/{SECRET}").send(payload)
    unknown = await AppriseNotifier(url=f"nosuchscheme://{SECRET}").send(payload)
    later = await AppriseNotifier(url=f"json://{base}/429/{SECRET}").send(payload)
    revoked = await AppriseNotifier(url=f"json://{base}/404/{SECRET}").send(payload)
    absent = await AppriseNotifier(url=f"json://127.0.0.1:{unused_tcp_port}/{SECRET}").send(payload)
    tried = (taken, refused, unknown, later, revoked, absent)
    assert [delivery.outcome for delivery in tried] == [
        Outcome.SENT,
        Outcome.UNSURE,
        Outcome.REJECTED,
        Outcome.RETRY,
        Outcome.REJECTED,
        Outcome.RETRY,
    ]
    assert [delivery.address for delivery in tried] == [False, False, True, False, True, False]
    assert [what for what, body in server.received if body["title"] == "t"] == [
        *("200", "500", "429", "404")
    ]
    assert {body["type"] for _, body in server.received} == {"failure"}
    waiting = {"title": "t", "body": "of before there were kinds"}  # as the outbox may hold it
    again = await AppriseNotifier(url=f"json://{base}/200/{SECRET}").send(waiting)
    assert (again.outcome, server.received[-1][1]["type"]) == (Outcome.SENT, "info")
    said = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    assert SECRET not in repr((tried, said))


@pytest.mark.parametrize("option", ["optional=yes", "retry=3"])
def test_an_apprise_address_hides_no_failure(option: str) -> None:
    with pytest.raises(NotifyError, match=option.partition("=")[0]) as refused:
        AppriseNotifier(url=f"json://x.example/{SECRET}?{option}")
    assert SECRET not in f"{refused.value}{refused.value.hint}"


async def test_a_page_in_slacks_place_proves_nothing(server: Server) -> None:
    delivery = await SlackNotifier(url=f"{server.url}/page/{SECRET}").send({"text": "hello"})
    assert delivery.outcome is Outcome.UNSURE


async def test_blocks_that_slack_does_not_understand_are_sent_as_text(server: Server) -> None:
    payload = {"text": "hello", "blocks": [{"type": "odd"}]}
    delivery = await SlackNotifier(url=f"{server.url}/blocks/{SECRET}").send(payload)
    assert delivery.outcome is Outcome.SENT
    assert [body for _, body in server.received] == [payload, {"text": "hello"}]


# Standard Webhooks

PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret of the test vector that the reference implementations share."""


def test_the_published_signature() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    said = signature(PUBLISHED, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_webhook_is_signed_over_what_arrives(server: Server) -> None:
    at = datetime(2026, 11, 29, 2, tzinfo=UTC)
    two = f"{PUBLISHED} {base64.b64encode(b'k' * 32).decode()}"
    made = WebhookNotifier(url=f"{server.url}/200/{SECRET}", secret=two)
    delivery = await made.send_again({"text": "schön"}, "run 1", at)
    assert delivery.outcome is Outcome.SENT
    headers, body = server.sent[-1]
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("run 1", "1795917600")
    assert headers["Content-Type"] == "application/json"
    ours = signature(PUBLISHED, "run 1", at, body)
    assert headers["webhook-signature"].split()[0] == ours
    assert len(headers["webhook-signature"].split()) == 2
    assert "webhook-signature" not in await unsigned(server, at)


async def unsigned(server: Server, at: datetime) -> Mapping[str, str]:
    await WebhookNotifier(url=f"{server.url}/200/{SECRET}").send_again({}, "run 2", at)
    return server.sent[-1][0]


@pytest.mark.parametrize("secret", ["whsec_short", "not base64!", base64.b64encode(b"k").decode()])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(NotifyError, match="secret") as refused:
        WebhookNotifier(url="https://x.example/", secret=secret)
    assert secret not in f"{refused.value}{refused.value.hint}"


# Healthchecks


async def test_a_ping_says_what_and_of_which_run(server: Server) -> None:
    for what in Ping:
        url = f"{server.url}/200/{SECRET}?create=1"
        assert await ping(url, what, "run 7", "all well") == ""
    assert [(request, raw) for request, raw in server.pings] == [
        (f"/200/{SECRET}{end}?create=1&rid=run+7", b"all well") for end in ("/start", "", "/fail")
    ]


async def test_a_ping_that_is_not_taken_is_told_without_its_address(server: Server) -> None:
    said = await ping(f"{server.url}/404/{SECRET}", Ping.SUCCESS, "run 7")
    assert "HTTP 404" in said
    assert SECRET not in said
    assert "not an https URL" in await ping(f"ftp://{SECRET}", Ping.SUCCESS, "run 7")


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
