"""Replays an answer that a real registry gave, and says what the real client read from it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tagwatch.errors import RegistryError
from tagwatch.image.manifest import Index, parse_manifest
from tagwatch.image.reference import Repository
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.interface import Listing
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import dataclass, field
from tests.paths import DATA
from tests.registry.harness import AT, DIGEST, registries
from tests.registry.scripted import Body, Exchange, Scripted, scripted

__all__ = [
    "FOLDER",
    "GRANTED",
    "Case",
    "Step",
    "catalog",
    "get",
    "head",
    "heads",
    "history",
    "login",
    "replay",
    "served",
    "tags",
    "token",
    "wrong_in",
]

FOLDER = DATA / "recorded"
GRANTED = {"Authorization": "Bearer T"}
_URL = re.compile(r"https?://([^/\"<>\s]+)")
_ADDRESSES = frozenset({"www-authenticate", "link", "location"})
# The server writes these itself; a HEAD's length is the length of what GET would send.
_FRAMING = frozenset({"connection", "transfer-encoding", "content-length", "status"})

Read = dict[str, Any]
Do = Callable[[RegistryClient], Awaitable[Read]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request that tagwatch sends, and its answer: that of `file`, or one of the test's own.

    `ask`: method and target as they are sent. `body` and `headers` beside `file`: what its recorder
    left out.
    `inside`: the recorded body stands at the place of `"RECORDED"` in this one. `away`: it is the
    second server that is asked. `{here}` and `{away}` in a value are the two servers' addresses.
    `times`, `sends`, `form`: see `Exchange`.
    """

    ask: str
    file: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""
    inside: str = ""
    sends: Mapping[str, str | None] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    times: int = 1
    away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a careful reader of the registry's documentation reads from one recorded answer.

    `host`: the registry's name. `do`: what is asked of the client. `steps`: everything that is
    sent for it, the recorded answer among them. `reads`: what must be read. `away`: hosts in the
    recorded headers that another server stands for. `api`: the registry's API stands beside the
    registry, not in it. `programs`: stubs on PATH. `wrong`: what of issue 11 today's code breaks.
    `unasked`: nothing is sent that this answers; this pattern of such a request stands nowhere in
    the registry room. Who begins to ask must judge the answer.
    """

    file: str
    host: str = ""
    do: Do | None = None
    steps: tuple[Step, ...] = ()
    reads: Mapping[str, Any] = field(default_factory=dict)
    away: tuple[str, ...] = ()
    api: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    wrong: str = ""
    unasked: str = ""


async def replay(case: Case, folder: Path) -> Read:
    """Return what the real client reads. A request that the script does not expect fails."""
    assert case.do is not None
    assert any(step.file == case.file for step in case.steps), "the recorded answer is not served"
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(scripted())
        there = await stack.enter_async_context(scripted())
        servers = (here, there)
        for step in case.steps:
            (there if step.away else here).expect(_exchange(step, case, servers))
        here.expect(Exchange(method="GET", path="/v2/", times=0))
        bin_folder = _stubs(case.programs, folder)
        given: dict[str, Any] = {"endpoint": here.url, "timeout_seconds": 5.0}
        given |= {"catalogue_endpoint": here.url} if case.api else {}
        given |= {name: _placed(value, servers) for name, value in case.settings.items()}
        environment = {k: _placed(v, servers) for k, v in case.environment.items()}
        environment |= {"PATH": bin_folder} if case.programs else {}
        opened = await stack.enter_async_context(
            registries({case.host: RegistrySettings(**given)}, environment)
        )
        client = opened.client(case.host)
        try:
            found = await case.do(client)
        except RegistryError as error:
            found = _failure(error)
        quota = client.quota
        found["quota"] = (quota.limit, quota.remaining) if quota else None
        return found


def wrong_in(reads: Mapping[str, Any], found: Read) -> list[str]:
    """Return what differs from the expectation. Of a message only a part is expected."""
    wrong = []
    for name, value in reads.items():
        got = found.get(name)
        if name in ("message", "hint", "gap", "told"):
            right = isinstance(got, str) and value in got
        elif name == "warnings":
            right = any(value in one for one in got or ())
        else:
            right = got == value
        if not right:
            wrong.append(f"{name}: {value!r} is to be read, and {got!r} was")
    return wrong


def tags(path: str) -> Do:
    """List the tags of a repository."""

    async def do(client: RegistryClient) -> Read:
        return _listing(await client.list_tags(_repository(client, path), at=AT))

    return do


def head(path: str, tag: str) -> Do:
    """Ask for the digest of a tag."""

    async def do(client: RegistryClient) -> Read:
        seen = await client.head(_repository(client, path), tag)
        if seen is None:
            return {"exists": False}
        return {"exists": True, "digest": seen.digest, "type": seen.media_type}

    return do


def heads(*references: str) -> Do:
    """Ask for the digest of each `path:tag`, whatever became of the one before."""

    async def do(client: RegistryClient) -> Read:
        found: Read = {}
        for reference in references:
            path, _, tag = reference.partition(":")
            try:
                seen = await client.head(_repository(client, path), tag)
                found[reference] = seen.digest if seen else None
            except RegistryError as error:
                found[reference] = type(error).__name__
        return found

    return do


def get(path: str, reference: str) -> Do:
    """Read a manifest or index."""

    async def do(client: RegistryClient) -> Read:
        document = await client.manifest(_repository(client, path), reference)
        parsed = parse_manifest(document.raw, document.media_type)
        found: Read = {"digest": document.digest, "type": document.media_type}
        if isinstance(parsed, Index):
            found["platforms"] = [str(one.platform) for one in parsed.manifests]
        else:
            found |= {"config": parsed.config.digest, "layers": len(parsed.layers)}
        return found

    return do


def catalog(prefix: str = "") -> Do:
    """List repositories."""

    async def do(client: RegistryClient) -> Read:
        found = await client.list_repositories(prefix)
        return {"repositories": sorted(one.path for one in found)}

    return do


def history(path: str) -> Do:
    """Read what the registry remembers: tag, the beginning of its digest, from, until."""

    async def do(client: RegistryClient) -> Read:
        steps = await client.history(_repository(client, path))
        return {
            "steps": [
                (
                    seen.tag,
                    seen.digest[7:11],
                    f"{seen.pushed_at:%F %T}",
                    f"{end:%F %T}" if end else "",
                )
                for seen, end in steps
            ]
        }

    return do


def login(path: str = "") -> Do:
    """Look for the credential of a repository."""

    async def do(client: RegistryClient) -> Read:
        problem = (await client.credentials.find(path)).problem
        assert problem is not None
        return _failure(problem)

    return do


def token(service: str, scope: str, path: str, *, away: bool = False, **more: Any) -> Step:
    """Expect a request for a token at `path` of a token server, and give `T`."""
    query = {"service": service, "scope": scope, "client_id": "tagwatch"}
    pairs = [f"{name}={quote(value, safe=':,*/')}" for name, value in query.items() if value]
    more = {"body": {"token": "T"}, **more}
    return Step(ask=f"GET {path}?{'&'.join(pairs)}", away=away, **more)


def served(ask: str, **more: Any) -> Step:
    """Expect a HEAD of a manifest, and answer it with `DIGEST`."""
    return Step(ask=f"HEAD {ask}", headers={"Docker-Content-Digest": DIGEST}, **more)


def _repository(client: RegistryClient, path: str) -> Repository:
    return Repository(registry=client.oci.host, path=path)


def _listing(listing: Listing) -> Read:
    seen = listing.observations
    values = [getattr(listing, one.name) for one in fields(listing) if one.name != "watermark"]
    texts = [*listing.warnings, *(value for value in values if type(value) is str)]
    return {
        "names": sorted(listing.names),
        "count": len(listing.names),
        "digests": {one.tag: one.digest for one in seen},
        "types": {one.tag: one.media_type for one in seen},
        "sizes": {one.tag: one.size for one in seen},
        "pushed": {one.tag: one.pushed_at.isoformat() for one in seen if one.pushed_at},
        "undigested": sorted(listing.undigested),
        "scope": listing.scope.value,
        "watermark": listing.watermark,
        "has_watermark": listing.watermark is not None,
        "plain": listing.plain,
        "warnings": listing.warnings,
        "gap": listing.gap,
        "told": " ".join(texts),
        "is_quiet": not any(texts),
    }


def _failure(error: Any) -> Read:
    return {
        "error": type(error).__name__,
        "status": getattr(error, "status", None),
        "message": error.message,
        "hint": error.hint,
    }


def _exchange(step: Step, case: Case, servers: tuple[Scripted, Scripted]) -> Exchange:
    method, _, path = step.ask.partition(" ")
    sends = {name: _placed(value, servers) for name, value in step.sends.items()}
    status, headers, body = step.status, [*step.headers.items()], step.body
    if step.file:
        status, headers, body = _recorded(step, method, case.away, servers)
    else:
        headers = [(name, _placed(value, servers)) for name, value in headers]
    return Exchange(
        method=method,
        path=path,
        status=status,
        headers=headers,
        body=body,
        sends=sends,
        form=step.form,
        times=step.times,
    )


def _recorded(
    step: Step, method: str, away: tuple[str, ...], servers: tuple[Scripted, Scripted]
) -> tuple[int, list[tuple[str, str]], Body]:
    answer = json.loads((FOLDER / step.file).read_text(encoding="utf-8"))
    body: Body = answer["body"]
    if step.inside:
        body = step.inside.replace('"RECORDED"', answer["body"])
    elif step.body:
        assert not body, "a recorded body is served as it was"
        body = step.body
    headers = []
    for name, value in answer["headers"]:
        lower = name.lower()
        if lower in _FRAMING and (lower, method) != ("content-length", "HEAD"):
            continue
        if name in step.headers:
            assert value.isupper(), "a recorded value is served as it was"
            value = step.headers[name]
        headers.append((name, _mapped(value, away, servers) if lower in _ADDRESSES else value))
    return answer["status"], headers, body


def _mapped(value: str, away: tuple[str, ...], servers: tuple[Scripted, Scripted]) -> str:
    """Move a header's addresses to the two servers, as `endpoint` moves the registry."""
    return _URL.sub(lambda found: servers[found[1] in away].url, value)


def _placed(value: Any, servers: tuple[Scripted, Scripted]) -> Any:
    if isinstance(value, tuple):
        return tuple(_placed(one, servers) for one in value)
    if not isinstance(value, str):
        return value
    here, there = servers
    for name, text in (("{here}", here.url), ("{host}", here.host), ("{away}", there.url)):
        value = value.replace(name, text)
    return value


def _stubs(programs: Mapping[str, str], folder: Path) -> str:
    for name, text in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    return str(folder)
