"""Retries, redirects, caps and time-outs, seen from the other end of the wire."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from collections.abc import Mapping
from email.utils import formatdate

import pytest
from aiohttp import web

from tagwatch.errors import (
    DeniedError,
    HostileAnswerError,
    NotFoundError,
    RateLimitedError,
    RegistryError,
    UnavailableError,
)
from tagwatch.image.digest import digest_of
from tagwatch.image.manifest import OCI_MANIFEST
from tagwatch.image.snapshot import Quota
from tagwatch.registry.client import RegistryClient
from tests.registry.harness import AT, DIGEST, MANIFEST, registry_at, repository
from tests.registry.scripted import Exchange, Scripted, scripted

PING = Exchange(method="GET", path="/v2/")
GOOD = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": DIGEST}
BLOB = b"{}"
BLOB_PATH = f"/v2/app/blobs/{digest_of(BLOB)}"


def get(**answer: object) -> Exchange:
    return Exchange(method="GET", path="/v2/app/manifests/1", **answer)  # type: ignore[arg-type]  # checked by use


async def manifest(registry: RegistryClient, server: Scripted) -> bytes:
    return (await registry.manifest(repository(server.host), "1")).raw


async def blob(registry: RegistryClient, server: Scripted) -> bytes:
    return (await registry.blob(repository(server.host), digest_of(BLOB), len(BLOB))).raw


class TestRetries:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    async def test_passing_faults_are_tried_again(self, status: int) -> None:
        async with (
            scripted(PING, get(status=status), get(headers=GOOD, body=MANIFEST)) as server,
            registry_at(server.url) as registry,
        ):
            assert await manifest(registry, server) == MANIFEST
            assert registry.requests["manifest"] == 2

    async def test_four_attempts_then_the_registry_fails(self) -> None:
        async with (
            scripted(PING, get(status=503, headers={"Retry-After": "0"}, times=4)) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(UnavailableError, match="503") as caught:
                await manifest(registry, server)
            assert caught.value.status == 503

    async def test_waiting_for_a_turn_takes_no_patience(self) -> None:
        """Five, one at a time: the last, which fails once, is tried again as the first would be."""

        async def slow(request: web.BaseRequest) -> web.StreamResponse:
            await asyncio.sleep(0.3)
            return web.Response(headers=GOOD, body=MANIFEST)

        async with (
            scripted(PING, get(handler=slow, times=4), get(status=503),
                     get(headers=GOOD, body=MANIFEST)) as server,
            registry_at(server.url, concurrency=1, patience_seconds=1.0) as registry,
        ):  # fmt: skip
            asked = (manifest(registry, server) for _ in range(5))
            assert await asyncio.gather(*asked) == [MANIFEST] * 5
            assert registry.requests["manifest"] == 6

    @pytest.mark.parametrize("status", [400, 402, 404, 410, 418, 451])
    async def test_other_refusals_are_final(self, status: int) -> None:
        async with (
            scripted(PING, get(status=status)) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(RegistryError, match=str(status)):
                await manifest(registry, server)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Retry-After": "1"},
            {"X-Retry-After": str(int(time.time()) + 10**9)},
            {"Retry-After": formatdate(time.time() + 10**6, usegmt=True)},
        ],
    )
    async def test_no_longer_than_patience(self, headers: Mapping[str, str]) -> None:
        async with (
            scripted(PING, get(status=429, headers=headers)) as server,
            registry_at(server.url, patience_seconds=0.5) as registry,
        ):
            with pytest.raises(RateLimitedError, match="too many requests") as caught:
                await manifest(registry, server)
            assert (caught.value.retry_after_seconds or 0) >= 1

    async def test_retry_after_is_waited_for(self) -> None:
        async with (
            scripted(
                PING,
                get(status=429, headers={"Retry-After": "0.3"}),
                get(headers=GOOD, body=MANIFEST),
            ) as server,
            registry_at(server.url) as registry,
        ):
            started = time.monotonic()
            await manifest(registry, server)
            assert time.monotonic() - started >= 0.3

    async def test_the_pull_limit_is_told_from_other_limits(self) -> None:
        body = {"errors": [{"code": "TOOMANYREQUESTS", "message": "your pull rate limit"}]}
        async with (
            scripted(PING, get(status=429, headers={"Retry-After": "99"}, body=body)) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(RateLimitedError, match=r"pull limit is spent \(429 TOOMANY"):
                await manifest(registry, server)

    async def test_a_broken_connection_is_tried_again(self) -> None:
        async def reset(request: web.BaseRequest) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "9999"})
            await response.prepare(request)
            await response.write(b"{")
            assert request.transport is not None
            request.transport.abort()
            return response

        async with (
            scripted(PING, get(handler=reset), get(headers=GOOD, body=MANIFEST)) as server,
            registry_at(server.url) as registry,
        ):
            assert await manifest(registry, server) == MANIFEST

    async def test_a_host_that_is_down_is_not_waited_for_again(self) -> None:
        async with registry_at("http://127.0.0.1:1", patience_seconds=0.2) as registry:
            for _ in range(3):
                with pytest.raises(UnavailableError, match="connection refused"):
                    await registry.head(repository("127.0.0.1:1"), "1")
            assert registry.requests["ping"] <= 2

    async def test_a_registry_that_stalls_is_waited_for_once_by_all(self) -> None:
        async def hang(_: web.BaseRequest) -> web.StreamResponse:
            await asyncio.sleep(1.5)
            return web.Response()

        async with (
            scripted(Exchange(method="GET", path="/v2/", handler=hang)) as server,
            registry_at(server.url, timeout_seconds=0.5, patience_seconds=0.1) as registry,
        ):
            started = time.monotonic()
            apps = [repository(server.host, f"app{number}") for number in range(20)]
            failures = await asyncio.gather(
                *(registry.head(app, "1") for app in apps), return_exceptions=True
            )
            assert time.monotonic() - started < 8, "once, and not twenty times"
            assert [type(failure) for failure in failures] == [UnavailableError] * 20

    async def test_a_slow_repository_does_not_stand_for_its_host(self) -> None:
        async def hang(_: web.BaseRequest) -> web.StreamResponse:
            await asyncio.sleep(1.5)
            return web.Response()

        async with (
            scripted(
                PING,
                Exchange(method="GET", path="/v2/slow/manifests/1", handler=hang),
                get(headers=GOOD, body=MANIFEST),
            ) as server,
            registry_at(server.url, timeout_seconds=0.5, patience_seconds=0) as registry,
        ):
            with pytest.raises(UnavailableError, match="'slow:1': no whole answer"):
                await registry.manifest(repository(server.host, "slow"), "1")
            assert await manifest(registry, server) == MANIFEST


class TestTime:
    async def test_a_slow_drip_ends(self) -> None:
        async def drip(request: web.BaseRequest) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(100):
                await asyncio.sleep(0.05)
                await response.write(b" ")
            return response

        async with (
            scripted(PING, get(handler=drip)) as server,
            registry_at(server.url, timeout_seconds=0.3, patience_seconds=0) as registry,
        ):
            with pytest.raises(UnavailableError, match=r"no whole answer within 0\.3 s"):
                await manifest(registry, server)

    async def test_no_more_at_once_than_allowed(self) -> None:
        now, most = 0, 0
        full = asyncio.Event()

        async def slow(_: web.BaseRequest) -> web.StreamResponse:
            nonlocal now, most
            now += 1
            most = max(most, now)
            if now == 3:
                full.set()
            await asyncio.wait_for(full.wait(), 20)
            await asyncio.sleep(0.02)
            now -= 1
            return web.Response(headers=GOOD, body=MANIFEST)

        async with (
            scripted(PING, get(handler=slow, times=12)) as server,
            registry_at(server.url, concurrency=3) as registry,
        ):
            await asyncio.gather(*(manifest(registry, server) for _ in range(12)))
            assert most == 3
            assert len(server.connections) <= 3

    async def test_a_rate_is_kept(self) -> None:
        async with (
            scripted(PING, get(headers=GOOD, body=MANIFEST, times=5)) as server,
            registry_at(server.url, requests_per_second=5.0) as registry,
        ):
            started = time.monotonic()
            await asyncio.gather(*(manifest(registry, server) for _ in range(5)))
            assert time.monotonic() - started >= 0.15  # six with the ping; five may go at once

    async def test_cancelling_is_not_swallowed(self) -> None:
        async def hang(_: web.BaseRequest) -> web.StreamResponse:
            await asyncio.sleep(0.5)
            return web.Response()

        async with (
            scripted(PING, get(handler=hang)) as server,
            registry_at(server.url) as registry,
        ):
            task = asyncio.create_task(manifest(registry, server))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


class TestSize:
    @pytest.mark.parametrize("stated", [True, False])
    async def test_a_manifest_larger_than_4_mib_is_not_read(self, stated: bool) -> None:
        sent = 0

        async def endless(request: web.BaseRequest) -> web.StreamResponse:
            nonlocal sent
            size = {"Content-Length": str(10**10)} if stated else {}
            response = web.StreamResponse(headers={**GOOD, **size})
            await response.prepare(request)
            for _ in range(400):
                try:
                    await response.write(b" " * 65536)
                except ConnectionError:
                    break
                sent += 65536
            return response

        async with (
            scripted(PING, get(handler=endless)) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match="larger than 4194304 bytes"):
                await manifest(registry, server)
        assert sent < 20 * 1024 * 1024

    async def test_a_gzip_bomb_is_capped_after_decompression(self) -> None:
        bomb = gzip.compress(b" " * 20_000_000)
        assert len(bomb) < 100_000
        async with (
            scripted(PING, get(headers={**GOOD, "Content-Encoding": "gzip"}, body=bomb)) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match="larger than 4194304 bytes"):
                await manifest(registry, server)

    async def test_gzip_that_was_not_asked_for_is_read(self) -> None:
        headers = {**GOOD, "Content-Encoding": "gzip"}
        async with (
            scripted(PING, get(headers=headers, body=gzip.compress(MANIFEST))) as server,
            registry_at(server.url) as registry,
        ):
            assert await manifest(registry, server) == MANIFEST

    @pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip"])
    async def test_other_encodings_are_refused(self, coding: str) -> None:
        async with (
            scripted(PING, get(headers={**GOOD, "Content-Encoding": coding}, body=b"x")) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match=r"encoding|compression"):
                await manifest(registry, server)

    async def test_an_error_is_told_however_long_its_body_is(self) -> None:
        async with (
            scripted(PING, get(status=404, body=b"x" * 200_000)) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(NotFoundError):
                await manifest(registry, server)

    async def test_paging_without_end(self) -> None:
        async def page(request: web.BaseRequest) -> web.StreamResponse:
            number = len(request.query.get("last", ""))
            link = f"</v2/app/tags/list?last={'x' * (number + 1)}>; rel=next"
            body = json.dumps({"tags": ["same"]})
            return web.Response(text=body, headers={"Link": link})

        async with (
            scripted(
                PING,
                Exchange(method="GET", path="/v2/app/tags/list?n=1000", handler=page),
                Exchange(method="GET", path="/v2/app/tags/list?last=x", handler=page),
            ) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match="without an end"):
                await registry.list_tags(repository(server.host), at=AT)

    async def test_paging_in_a_circle(self) -> None:
        def page(path: str, link: str, tag: str) -> Exchange:
            return Exchange(
                method="GET",
                path=f"/v2/app/tags/list?{path}",
                headers={"Link": f"<?{link}>; rel=next"},
                body={"tags": [tag]},
            )

        async with (
            scripted(PING, page("n=1000", "last=a", "a"), page("last=a", "n=1000", "b")) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match="without an end"):
                await registry.list_tags(repository(server.host), at=AT)


def docker_config(host: str, username: str = "me", password: str = "hunter2") -> dict[str, str]:
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {host: {"auth": auth}}})}


BASIC = {"WWW-Authenticate": 'Basic realm="r"'}
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"me:hunter2").decode()}


class TestRedirects:
    async def test_credentials_stay_where_they_belong(self) -> None:
        sends = {"Authorization": None, "Cookie": None, "Accept": "*/*"}
        async with scripted(
            Exchange(method="GET", path="/x%2By?sig=1", body=BLOB, sends=sends)
        ) as storage:
            redirect = Exchange(
                method="GET",
                path=BLOB_PATH,
                status=307,
                headers={"Location": f"{storage.url}/x%2By?sig=1", "Set-Cookie": "a=b"},
                sends=LOGIN,
            )
            async with (
                scripted(
                    Exchange(method="GET", path="/v2/", status=401, headers=BASIC), redirect
                ) as server,
                registry_at(
                    server.url,
                    environment=docker_config(server.host),
                    redirect_hosts=(storage.url,),
                ) as registry,
            ):
                assert await blob(registry, server) == BLOB
                assert dict(registry.requests) == {"ping": 1, "config": 1, "redirect": 1}

    async def test_credentials_are_kept_within_the_same_origin(self) -> None:
        async with (
            scripted(
                Exchange(method="GET", path="/v2/", status=401, headers=BASIC),
                Exchange(
                    method="GET", path=BLOB_PATH, status=302, headers={"Location": "/elsewhere"}
                ),
                Exchange(method="GET", path="/elsewhere", body=BLOB, sends=LOGIN),
            ) as server,
            registry_at(server.url, environment=docker_config(server.host)) as registry,
        ):
            assert await blob(registry, server) == BLOB

    async def test_credentials_do_not_come_back(self) -> None:
        """Away and back to the registry: another may have chosen the path."""
        async with scripted() as storage, scripted() as server:
            storage.expect(
                Exchange(
                    method="GET",
                    path="/x",
                    status=302,
                    headers={"Location": f"{server.url}/back"},
                )
            )
            server.expect(
                Exchange(method="GET", path="/v2/", status=401, headers=BASIC),
                Exchange(
                    method="GET",
                    path=BLOB_PATH,
                    status=302,
                    headers={"Location": f"{storage.url}/x"},
                    sends=LOGIN,
                ),
                Exchange(method="GET", path="/back", body=BLOB, sends={"Authorization": None}),
            )
            async with registry_at(
                server.url, environment=docker_config(server.host), redirect_hosts=(storage.url,)
            ) as registry:
                assert await blob(registry, server) == BLOB

    @pytest.mark.parametrize(
        ("location", "says"),
        [
            ("http://127.0.0.1:1/x", "not by https"),
            ("https://127.0.0.1:1/x", "no public address"),
            ("https://[::1]/x", "no public address"),
            ("https://169.254.169.254/latest/meta-data/", "no public address"),
            ("https://localhost:1/x", "name at a private address"),
            ("https://2130706433/x", "no public address"),
            ("https://0x7f000001/x", "name at a private address"),
            ("http://cdn.example/x", "not by https"),
            ("file:///etc/passwd", "not by https"),
            ("https://[broken", "no URL"),
            (BLOB_PATH, "without end"),
        ],
    )
    async def test_where_no_redirect_may_lead(self, location: str, says: str) -> None:
        async with (
            scripted(
                PING,
                Exchange(method="GET", path=BLOB_PATH, status=307, headers={"Location": location}),
            ) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match=says) as caught:
                await blob(registry, server)
            assert caught.value.hint

    async def test_not_more_than_five(self) -> None:
        def hop(number: int) -> Exchange:
            path = f"/hop{number}" if number else BLOB_PATH
            headers = {"Location": f"/hop{number + 1}"}
            return Exchange(method="GET", path=path, status=302, headers=headers)

        async with (
            scripted(PING, *(hop(number) for number in range(6))) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match="without end"):
                await blob(registry, server)


class TestQuota:
    async def test_it_is_read_from_head_and_get(self) -> None:
        headers = {**GOOD, "ratelimit-limit": "100;w=21600", "Content-Length": str(len(MANIFEST))}
        async with (
            scripted(
                PING,
                Exchange(
                    method="HEAD",
                    path="/v2/app/manifests/1",
                    headers={**headers, "ratelimit-remaining": "76;w=21600"},
                ),
                get(headers={**headers, "ratelimit-remaining": "75;w=21600"}, body=MANIFEST),
            ) as server,
            registry_at(server.url) as registry,
        ):
            told = [registry.quota]
            await registry.head(repository(server.host), "1")
            told.append(registry.quota)
            await manifest(registry, server)
            told.append(registry.quota)
            assert told == [
                None,
                Quota(limit=100, remaining=76, window_seconds=21600),
                Quota(limit=100, remaining=75, window_seconds=21600),
            ]


@pytest.mark.parametrize(("status", "error"), [(403, DeniedError), (401, DeniedError)])
async def test_denials_are_told_with_what_to_do(status: int, error: type[RegistryError]) -> None:
    async with scripted(PING, get(status=status)) as server, registry_at(server.url) as registry:
        with pytest.raises(error, match=f"denied .{status}") as caught:
            await manifest(registry, server)
        assert "log in" in caught.value.hint
