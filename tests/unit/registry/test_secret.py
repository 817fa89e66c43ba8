"""Secrets planted in every place that can hold one; then every error, log and repr is searched."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagwatch.errors import RegistryError
from tagwatch.image.digest import digest_of
from tagwatch.image.manifest import OCI_MANIFEST
from tagwatch.registry.client import RegistryClient
from tests.registry.harness import AT, DIGEST, MANIFEST, registry_at, repository
from tests.registry.scripted import Exchange, Scripted, scripted

PASSWORD = "planted-password-3141"
TOKEN = "planted-token-5926"
REFRESH = "planted-refresh-5358"
SIGNATURE = "planted-signature-9793"
HELPER = "planted-helper-2384"
PROXY = "planted-proxy-6264"
PLANTED = (PASSWORD, TOKEN, REFRESH, SIGNATURE, HELPER, PROXY)
ENCODED = tuple(
    base64.b64encode(f"{user}:{secret}".encode()).decode().rstrip("=")
    for user in ("me", "")
    for secret in PLANTED
)
ECHO = {"errors": [{"code": f"X{TOKEN}", "message": f"you sent {PASSWORD} {TOKEN} {REFRESH}"}]}


def challenge(server: Scripted) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="{server.url}/token?k={SIGNATURE}",service="s"'}


def token_path(account: str = "&account=me") -> str:
    scope = "scope=repository:app:pull"
    return f"/token?k={SIGNATURE}&service=s&{scope}{account}&client_id=tagwatch"


Asked = Callable[[RegistryClient, Scripted], Awaitable[object]]


async def read(registry: RegistryClient, server: Scripted) -> object:
    return await registry.manifest(repository(server.host), "1")


async def read_blob(registry: RegistryClient, server: Scripted) -> object:
    return await registry.blob(repository(server.host), digest_of(b"{}"), 2)


async def list_tags(registry: RegistryClient, server: Scripted) -> object:
    return await registry.list_tags(repository(server.host), at=AT)


@asynccontextmanager
async def authorised(*answers: Exchange) -> AsyncIterator[Scripted]:
    """A registry that gives TOKEN for PASSWORD, then answers as told."""
    async with scripted() as server:
        server.expect(
            Exchange(method="GET", path="/v2/", status=401, headers=challenge(server)),
            Exchange(method="GET", path=token_path(), body={"token": TOKEN}),
            *answers,
        )
        yield server


def manifest(**answer: Any) -> Exchange:
    return Exchange(method="GET", path="/v2/app/manifests/1", **answer)


def blob(**answer: Any) -> Exchange:
    return Exchange(method="GET", path=f"/v2/app/blobs/{digest_of(b'{}')}", **answer)


def tags(**answer: Any) -> Exchange:
    return Exchange(method="GET", path="/v2/app/tags/list?n=1000", **answer)


SIGNED = f"X-Amz-Signature={SIGNATURE}"
SCENES: dict[str, tuple[Asked, tuple[Exchange, ...]]] = {
    "denied, echoing": (read, (manifest(status=403, body=ECHO),)),
    "missing, echoing": (read, (manifest(status=404, body=ECHO),)),
    "failing, echoing": (
        read,
        (manifest(status=503, headers={"Retry-After": "0"}, body=ECHO, times=4),),
    ),
    "limited, echoing": (
        read,
        (manifest(status=429, headers={"Retry-After": "999"}, body=ECHO),),
    ),
    "refused, echoing in the header": (read, (manifest(status=400, headers={"X": TOKEN}),)),
    "a lying digest": (
        read,
        (
            manifest(
                headers={"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": DIGEST},
                body=MANIFEST + b" ",
            ),
        ),
    ),
    "a digest that is a secret": (
        read,
        (manifest(headers={"Docker-Content-Digest": TOKEN}, body=MANIFEST),),
    ),
    "a media type that is a secret": (
        read,
        (manifest(body=f'{{"mediaType":"{TOKEN}","config":{{}},"layers":[],"manifests":[]}}'),),
    ),
    "a manifest's media type that is a secret": (
        read,
        (manifest(body=f'{{"mediaType":"{TOKEN}","manifests":[]}}'),),
    ),
    "a layer whose digest is a secret": (
        read,
        (manifest(body=f'{{"manifests":[{{"size":1,"digest":"{PASSWORD}"}}]}}'),),
    ),
    "html with the secret": (
        list_tags,
        (tags(headers={"Content-Type": f"text/{TOKEN}"}, body=f"<html>{TOKEN}"),),
    ),
    "a foreign next page": (
        list_tags,
        (tags(headers={"Link": f"<https://evil.example/?{SIGNED}>; rel=next"}, body={}),),
    ),
    "a redirect to plain http": (
        read_blob,
        (blob(status=307, headers={"Location": f"http://cdn.example/x?{SIGNED}"}),),
    ),
    "a redirect to a private place": (
        read_blob,
        (blob(status=307, headers={"Location": f"https://u:{PASSWORD}@10.0.0.1/x?{SIGNED}"}),),
    ),
    "a redirect to this machine": (
        read_blob,
        (blob(status=307, headers={"Location": f"https://localhost:1/x?{SIGNED}"}),),
    ),
    "a redirect to no url": (
        read_blob,
        (blob(status=307, headers={"Location": f"https://[{SIGNED}"}),),
    ),
}


def told(error: BaseException, registry: RegistryClient, log: str) -> str:
    """Everything that could be printed: the error with all its causes, the log, the reprs."""
    chain = "".join(traceback.format_exception(error))
    hint = error.hint if isinstance(error, RegistryError) else ""
    parts = (registry, registry.oci, registry.oci.authorizer, registry.oci.transport)
    return "\n".join((chain, hint, repr(error), log, *map(repr, parts)))


def search(text: str) -> None:
    for secret in (*PLANTED, *ENCODED):
        assert secret not in text, f"{secret} in {text}"


def login(host: str) -> dict[str, str]:
    auth = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {host: {"auth": auth}}})}


@pytest.mark.parametrize("name", SCENES)
async def test_no_failure_tells_a_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    ask, answers = SCENES[name]
    caplog.set_level(logging.DEBUG)
    async with authorised(*answers) as server:
        async with registry_at(
            server.url, environment=login(server.host), patience_seconds=5
        ) as registry:
            with pytest.raises(RegistryError) as caught:
                await ask(registry, server)
            search(told(caught.value, registry, caplog.text))
        sent = [seen.headers.get("Authorization", "") for seen in server.seen]
        assert f"Bearer {TOKEN}" in sent, "the secret was never in play"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_no_refused_login_tells_a_secret(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted() as server:
        refused = Exchange(
            method="GET",
            path=token_path(),
            status=status,
            body=ECHO,
            headers={"Retry-After": "999"},
        )
        server.expect(
            Exchange(method="GET", path="/v2/", status=401, headers=challenge(server)), refused
        )
        if status in (401, 403):  # everybody's token is asked for in the login's stead
            server.expect(replace(refused, path=token_path(account="")))
        async with registry_at(server.url, environment=login(server.host)) as registry:
            with pytest.raises(RegistryError) as caught:
                await read(registry, server)
            search(told(caught.value, registry, caplog.text))


async def test_no_refresh_token_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted() as server:
        path = f"/token?k={SIGNATURE}"
        server.expect(
            Exchange(method="GET", path="/v2/", status=401, headers=challenge(server)),
            Exchange(method="POST", path=path, status=401, body=ECHO),
            Exchange(method="GET", path=token_path(account=""), status=401, body=ECHO),
        )
        auths = {server.host: {"identitytoken": REFRESH}}
        environment = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": auths})}
        async with registry_at(server.url, environment=environment) as registry:
            with pytest.raises(RegistryError) as caught:
                await read(registry, server)
            search(told(caught.value, registry, caplog.text))
        assert REFRESH.encode() in server.seen[1].body


async def test_no_helpers_output_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    program = tmp_path / "docker-credential-planted"
    program.write_text(f"#!{sys.executable}\nprint({HELPER!r})\nraise SystemExit({HELPER!r})\n")
    program.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}/usr/bin",
        "DOCKER_AUTH_CONFIG": '{"credsStore":"planted"}',
    }
    basic = {"WWW-Authenticate": f'Basic realm="{TOKEN}"'}
    async with (
        scripted(
            Exchange(method="GET", path="/v2/", status=401, headers=basic),
            manifest(status=401, headers=basic),
        ) as server,
        registry_at(server.url, environment=environment) as registry,
    ):
        with pytest.raises(RegistryError) as caught:
            await read(registry, server)
        assert "docker-credential-planted" in caught.value.hint
        search(told(caught.value, registry, caplog.text))


async def test_no_proxys_password_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {
        "HTTPS_PROXY": f"http://me:{PROXY}@127.0.0.1:1",
        "HTTP_PROXY": f"http://me:{PROXY}@127.0.0.1:1",
    }
    for scheme in ("http", "https"):
        async with registry_at(
            f"{scheme}://registry.example", environment=environment, patience_seconds=0
        ) as registry:
            with pytest.raises(RegistryError, match="proxy") as caught:
                await registry.head(repository("registry.example"), "1")
            search(told(caught.value, registry, caplog.text))
