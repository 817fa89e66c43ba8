"""A login that ends in the midst of a run is asked for again where it came from, and not more."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from aiohttp import web

from tagwatch.errors import DeniedError
from tagwatch.registry.credential import chain
from tagwatch.registry.login import token
from tests.registry.doubles.warehouse import USER, Double, Refusal
from tests.registry.harness import registry_at, repository

DENIED = b'{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}'
PATHS = ("shop/a", "shop/b", "shop/c")


class Helper:
    """A credential helper program whose secret can change; it notes each call."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._secret, self._calls = home / "secret", home / "calls"
        program = home / "bin" / "docker-credential-turning"
        program.parent.mkdir()
        program.write_text(
            f"#!/bin/sh\necho x >> {self._calls}\n"
            f'printf \'{{"Username":"{USER}","Secret":"%s"}}\' "$(cat {self._secret})"\n'
        )
        program.chmod(0o755)
        config = home / ".docker" / "config.json"
        config.parent.mkdir()
        config.write_text(json.dumps({"credsStore": "turning"}))
        self.gives("first")

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.home / 'bin'}:/usr/bin:/bin"}

    @property
    def calls(self) -> int:
        return len(self._calls.read_text().split())

    def gives(self, secret: str) -> None:
        self._secret.write_text(secret)


@pytest.fixture
def helper(tmp_path: Path) -> Helper:
    return Helper(tmp_path)


def private(*, basic: bool) -> Double:
    double = Double()
    double.basic = basic
    double.logins = {USER: "first"}
    for path in PATHS:
        double.warehouse.push(path, "1", index=False)
        double.private.add(path)
    return double


@pytest.mark.parametrize("basic", [True, False], ids=["basic", "bearer"])
async def test_another_secret_is_taken_up(
    helper: Helper, monkeypatch: pytest.MonkeyPatch, basic: bool
) -> None:
    """Passwords of Amazon's last twelve hours, access tokens of Google's one."""
    monkeypatch.setattr(chain, "_YOUNG_SECONDS", 0.0)
    double = private(basic=basic)
    async with (
        double.serving(),
        registry_at(double.url, environment=helper.environment, home=helper.home) as registry,
    ):
        assert await registry.head(repository(double.host, PATHS[0]), "1")
        double.logins = {USER: "second"}
        helper.gives("second")
        for path in PATHS[1:]:
            assert await registry.head(repository(double.host, path), "1")
        assert registry.oci.authorizer.scrub("of first, now second") == "of …, now …"
    assert helper.calls == 2


@pytest.mark.parametrize("basic", [True, False], ids=["basic", "bearer"])
async def test_another_secret_is_taken_up_by_all_who_were_refused_at_once(
    helper: Helper, monkeypatch: pytest.MonkeyPatch, basic: bool
) -> None:
    """The first of them asks for it again; the others take what it found, young as that is."""
    double = private(basic=basic)
    async with (
        double.serving(),
        registry_at(double.url, environment=helper.environment, home=helper.home) as registry,
    ):
        assert await registry.head(repository(double.host, PATHS[0]), "1")
        monkeypatch.setattr(chain, "_YOUNG_SECONDS", 0.5)
        await asyncio.sleep(0.6)
        double.logins = {USER: "second"}
        helper.gives("second")
        others = [repository(double.host, path) for path in PATHS[1:]]
        assert all(await asyncio.gather(*(registry.head(one, "1") for one in others)))
    assert helper.calls == 2


async def test_an_expired_login_that_is_told_by_403(
    helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "_YOUNG_SECONDS", 0.0)
    double = private(basic=True)
    async with (
        double.serving(),
        registry_at(double.url, environment=helper.environment, home=helper.home) as registry,
    ):
        assert await registry.head(repository(double.host, PATHS[0]), "1")
        double.logins = {USER: "second"}
        helper.gives("second")
        double.refusals["head"] = [Refusal(status=403, body=DENIED)]
        assert await registry.head(repository(double.host, PATHS[1]), "1")
    assert helper.calls == 2


async def test_what_was_found_just_now_is_not_asked_for_again(helper: Helper) -> None:
    """Whoever may read nothing of two hundred repositories starts no program for each."""
    double = private(basic=True)
    double.logins = {USER: "of somebody else"}
    async with (
        double.serving(),
        registry_at(double.url, environment=helper.environment, home=helper.home) as registry,
    ):
        for path in PATHS:
            with pytest.raises(DeniedError):
                await registry.head(repository(double.host, path), "1")
    assert helper.calls == 1


class Brief(Double):
    """Tokens of 1.6 seconds, and answers that take a twentieth."""

    def __init__(self) -> None:
        super().__init__()
        self.tokened = True
        self.refused = 0
        self._made: dict[str, float] = {}
        self.warehouse.push("shop/app", "1", index=False)

    def _token(self, request: web.BaseRequest) -> web.Response:
        token = f"token-{len(self._made)}"
        self._made[token] = time.monotonic()
        return web.json_response({"token": token, "expires_in": 1.6})

    def may_read(self, request: web.BaseRequest, path: str) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        fresh = time.monotonic() - self._made.get(token, 0.0) < 1.6
        self.refused += not fresh
        return fresh

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return await super()._answer(request)


async def test_a_token_that_ends_in_the_queue_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred requests, two at once, wait longer than a token lasts: each takes one that does.

    Before, the last ones went out with a token that had ended, again after it was renewed, and
    were told as denied.
    """
    monkeypatch.setattr(token, "_SHORTEST_SECONDS", 0.0)
    monkeypatch.setattr(token, "_EARLY_SECONDS", 0.8)
    double = Brief()
    async with double.serving(), registry_at(double.url, concurrency=2) as registry:
        app = repository(double.host, "shop/app")
        found = await asyncio.gather(*(registry.head(app, "1") for _ in range(100)))
    assert all(found)
    assert double.counts["head"] == 100 + double.refused
    assert double.refused <= 1, "the first, which learns that it takes a token"
