"""Every place a server may name (realm, Location, Link, next), led to every spelling of here.

A listener on loopback counts who comes: nobody does, and nothing is sent, whichever way it is
written and whichever answer names it. Bodies of every kind of answer, too, are read up to a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web
from yarl import URL

from tagwatch.errors import HostileAnswerError, RegistryError
from tagwatch.image.digest import digest_of
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.login.authorization import pull_grant
from tagwatch.registry.request.transport import Ask
from tagwatch.registry.settings import RegistrySettings
from tests.registry.harness import AT, registries, repository
from tests.registry.scripted import Exchange, scripted

CONFIG = b"{}"
BLOB = f"/v2/app/blobs/{digest_of(CONFIG)}"
TAGS = "/v2/app/tags/list?n=1000"
SPELLINGS = (
    "https://127.0.0.1:{port}/x",
    "https://localhost:{port}/x",
    "https://LOCALHOST:{port}/x",
    "https://127.1:{port}/x",
    "https://2130706433:{port}/x",
    "https://0x7f000001:{port}/x",
    "https://0177.0.0.1:{port}/x",
    "https://0:{port}/x",
    "https://[::ffff:127.0.0.1]:{port}/x",
    "https://[::ffff:0:127.0.0.1]:{port}/x",
    "https://[::127.0.0.1]:{port}/x",
    "https://[64:ff9b::7f00:1]:{port}/x",
    "https://user:pass@127.0.0.1:{port}/x",
    "http://127.0.0.1:{port}/x",
    "//127.0.0.1:{port}/x",
)
ELSEWHERE = (
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/latest/",
    "https://10.0.0.8/x",
    "https://[fe80::1]/x",
    "https://0.0.0.0/x",
    "http://storage.example/x",
    "ftp://storage.example/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1/x",
)


@dataclass(slots=True)
class Listener:
    """Something that should not be spoken to."""

    port: int
    visitors: int = 0


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener(0)

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.visitors += 1
        writer.close()

    server = await asyncio.start_server(come, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


Asked = Callable[[RegistryClient, str], Awaitable[object]]


async def listing(client: RegistryClient, host: str) -> object:
    return await client.list_tags(repository(host), at=AT)


async def head(client: RegistryClient, host: str) -> object:
    return await client.head(repository(host), "1")


async def blob(client: RegistryClient, host: str) -> object:
    return await client.blob(repository(host), digest_of(CONFIG), len(CONFIG))


async def manifest(client: RegistryClient, host: str) -> object:
    return await client.manifest(repository(host), "1")


async def names_below(client: RegistryClient, host: str) -> object:
    return await client.list_repositories("")


async def post(client: RegistryClient, host: str) -> object:
    return await client.oci.ask(
        "POST", "/v2/_zot/ext/search", grant=pull_grant("app"), kind="x", doing="asking", json=b"{}"
    )


def get(path: str, **answer: object) -> Exchange:
    return Exchange(method="GET", path=path, **{"times": 0, **answer})  # type: ignore[arg-type]  # checked by use


def moved(path: str, method: str = "GET") -> Callable[[str], tuple[Exchange, ...]]:
    return lambda target: (
        Exchange(method=method, path=path, status=307, headers={"Location": target}, times=0),
    )


def linked(path: str, body: object) -> Callable[[str], tuple[Exchange, ...]]:
    return lambda target: (get(path, body=body, headers={"Link": f'<{target}>; rel="next"'}),)


# who names the place: kind of registry, what is asked, and the answers that name it
WAYS: dict[str, tuple[str, Asked, Callable[[str], tuple[Exchange, ...]]]] = {
    "the next page of tags": ("distribution", listing, linked(TAGS, {"tags": ["1"]})),
    "the next page of repositories": (
        "distribution",
        names_below,
        linked("/v2/_catalog?n=1000", {"repositories": ["a"]}),
    ),
    "the next page of GitLab": (
        "gitlab",
        listing,
        linked("/gitlab/v1/repositories/app/tags/list/?n=1000&sort=-published_at", [{"name": "1"}]),
    ),
    "the next page of Google": (
        "google",
        listing,
        linked("/v2/app/tags/list?n=10000", {"tags": ["1"], "manifest": {}}),
    ),
    "a redirect of the list": ("distribution", listing, moved(TAGS)),
    "a redirect of a manifest": ("distribution", manifest, moved("/v2/app/manifests/1")),
    "a redirect of a HEAD": ("distribution", head, moved("/v2/app/manifests/1", "HEAD")),
    "a redirect of a blob": ("distribution", blob, moved(BLOB)),
    "a redirect of Quay's API": (
        "quay",
        listing,
        moved("/api/v1/repository/app/tag/?limit=100&page=1&onlyActiveTags=true"),
    ),
    "a redirect of a query": ("distribution", post, moved("/v2/_zot/ext/search", "POST")),
}


@asynccontextmanager
async def asked(
    kind: str, answers: tuple[Exchange, ...]
) -> AsyncIterator[tuple[RegistryClient, str]]:
    async with scripted(get("/v2/"), *answers) as server:
        settings = RegistrySettings(
            endpoint=server.url, kind=kind, timeout_seconds=5, patience_seconds=0
        )
        async with registries({server.host: settings}) as opened:
            yield opened.client(server.host), server.host


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_is_led_here(way: str, listener: Listener) -> None:
    kind, ask, answers = WAYS[way]
    for spelling in (*SPELLINGS, *ELSEWHERE):
        target = spelling.format(port=listener.port)
        async with asked(kind, answers(target)) as (client, host):
            with pytest.raises(HostileAnswerError):
                await ask(client, host)
                pytest.fail(f"{way}: {target} was accepted")
        assert listener.visitors == 0, target


async def test_what_is_posted_is_led_nowhere_not_even_at_home() -> None:
    """A redirect would send a query or a token's form again, as a GET or whole."""
    kind, ask, answers = WAYS["a redirect of a query"]
    async with asked(kind, answers("/v2/elsewhere")) as (client, host):
        with pytest.raises(HostileAnswerError, match="a redirect of a POST"):
            await ask(client, host)


@pytest.mark.parametrize("spelling", (*SPELLINGS, *ELSEWHERE))
async def test_no_realm_is_here(spelling: str, listener: Listener) -> None:
    target = spelling.format(port=listener.port)
    challenge = {"WWW-Authenticate": f'Bearer realm="{target}",service="s"'}
    async with scripted(get("/v2/", status=401, headers=challenge)) as server:
        settings = RegistrySettings(endpoint=server.url, patience_seconds=0)
        async with registries({server.host: settings}) as opened:
            with pytest.raises(HostileAnswerError):
                await head(opened.client(server.host), server.host)
    assert listener.visitors == 0


@pytest.mark.parametrize("secret", ["authorization", "form"])
async def test_whoever_asks_for_it_no_secret_leaves_for_a_place_that_was_not_named(
    secret: str,
) -> None:
    """The last word is the transport's, whatever the rest of the client thinks."""
    sent = {"authorization": "Basic x"} if secret == "authorization" else {"form": {"a": "b"}}
    ask = Ask(
        method="GET" if secret == "authorization" else "POST",
        url=URL("https://storage.example/x"),
        kind="x",
        doing="asking",
        cap=10,
        **sent,
    )
    async with asked("distribution", ()) as (client, _):
        with pytest.raises(HostileAnswerError, match="credentials are not for"):
            await client.oci.transport.send(ask)


async def drip(request: web.BaseRequest) -> web.StreamResponse:
    """An answer without an end, as fast as it is taken."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        while True:
            await response.write(b" " * 2**20)
    except ConnectionError:
        return response


ENDLESS: dict[str, tuple[str, Asked, tuple[Exchange, ...]]] = {
    "a ping": ("distribution", head, (get("/v2/", handler=drip),)),
    "a list of tags": ("distribution", listing, (get(TAGS, handler=drip),)),
    "a list of repositories": (
        "distribution",
        names_below,
        (get("/v2/_catalog?n=1000", handler=drip),),
    ),
    "a manifest": ("distribution", manifest, (get("/v2/app/manifests/1", handler=drip),)),
    "a config": ("distribution", blob, (get(BLOB, handler=drip),)),
    "Google's list": ("google", listing, (get("/v2/app/tags/list?n=10000", handler=drip),)),
    "Quay's API": (
        "quay",
        listing,
        (get("/api/v1/repository/app/tag/?limit=100&page=1&onlyActiveTags=true", handler=drip),),
    ),
    "GitLab's API": (
        "gitlab",
        listing,
        (get("/gitlab/v1/repositories/app/tags/list/?n=1000&sort=-published_at", handler=drip),),
    ),
    "Azure's API": (
        "acr",
        listing,
        (get("/acr/v1/app/_tags?api-version=2021-07-01&orderby=timedesc&n=1000", handler=drip),),
    ),
    "Harbor's API": ("harbor", listing, (get("/api/v2.0/projects/app", handler=drip),)),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_no_body_is_read_without_end(name: str) -> None:
    """Ten gigabytes would be no more than a failure."""
    kind, ask, answers = ENDLESS[name]
    answers = (*answers, get("/v2/"))
    async with scripted(*answers) as server:
        settings = RegistrySettings(endpoint=server.url, kind=kind, patience_seconds=0)
        async with registries({server.host: settings}) as opened:
            with pytest.raises(RegistryError, match="larger than"):
                await ask(opened.client(server.host), server.host)


async def test_no_token_is_read_without_end() -> None:
    async with scripted() as server:
        challenge = {"WWW-Authenticate": f'Bearer realm="{server.url}/token",service="s"'}
        token = "/token?service=s&scope=repository:app:pull&client_id=tagwatch"
        server.expect(get("/v2/", status=401, headers=challenge), get(token, handler=drip))
        settings = RegistrySettings(endpoint=server.url, patience_seconds=0)
        async with registries({server.host: settings}) as opened:
            with pytest.raises(HostileAnswerError, match="larger than 65536"):
                await head(opened.client(server.host), server.host)
