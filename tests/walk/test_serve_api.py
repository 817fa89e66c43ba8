"""The API of `tagwatch serve`: the command line's JSON, from the ledger, without a registry."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tagwatch.service.question import QUESTIONS
from tests.paths import ROOT
from tests.walk.conftest import Shop
from tests.walk.daemon import NEVER, Daemon, scans, serving

DOC = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SAMPLES = re.findall(
    r"^\$ curl [^\n]*'http://localhost:8080(\S+)'\n```\n\n```json\n(.*?)```",
    DOC,
    re.MULTILINE | re.DOTALL,
)
WRONG = (
    ("resolve", "0 images are asked for"),
    ("resolve?ref=", "''"),
    ("resolve?ref=redis:7&x=1", "unknown parameter 'x'"),
    ("resolve?" + "&".join(["ref=redis:7"] * 51), "51 images are asked for"),
    (f"resolve?ref={'a' * 513}", "'ref' is too long"),
    ("resolve?ref=redis:/^(a%2B)%2B$/", "a regular expression"),
    ("resolve?ref=redis:/^8/", "a regular expression"),
    ("resolve?ref=REDIS:7", "REDIS"),
    ("resolve?ref=oci:/etc", "an image of a machine"),
    ("base?image=oci:/etc/passwd", "an image of a machine"),
    ("base?image=engine:secret", "an image of a machine"),
    ("history", "nothing says whose history"),
    ("history?ref=redis:7&ref=redis:8", "'ref' is given 2 times"),
    ("history?ref=redis:7&at=soon", "not a date: 'soon'"),
    ("history?ref=redis:7&at=2999-01-01", "has not come yet"),
    ("findings?severity=fatal", "not a severity: 'fatal'"),
    ("findings?limit=1001", "'limit' is no number up to 1000"),
    ("findings?limit=-1", "'limit' is no number"),
    ("findings?offset=x", "'offset' is no number"),
    ("findings?offset=99999999999999999999", "'offset' is no number"),
    ("images?run=%D9%A1", "'run' is no number"),
)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


class Asking:
    """Asks a daemon's API, and the command line beside it."""

    def __init__(self, shop: Shop, daemon: Daemon, session: aiohttp.ClientSession) -> None:
        self.shop, self.daemon, self.session = shop, daemon, session

    async def get(self, path: str, status: int = 200) -> Any:
        async with self.session.get(f"{self.daemon.url}{path}") as answer:
            text = await answer.text()
            assert answer.status == status, text
            assert answer.content_type == "application/json"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            return json.loads(text)

    async def command(self, *arguments: str) -> Any:
        return (await self.shop.run(*arguments, "--format", "json")).json


async def test_it_says_what_the_command_line_says(
    shop: Shop, session: aiohttp.ClientSession
) -> None:
    shop.configure(NEVER)
    async with serving(shop) as daemon:
        ask = Asking(shop, daemon, session)
        for path in ("findings", "images", "resolve?ref=redis:7"):
            said = await ask.get(f"/api/v1/{path}", 404)
            assert said["error"]["message"] == "nothing has been scanned yet"
        await daemon.stop()
    async with serving(shop, "--now") as daemon:
        ask = Asking(shop, daemon, session)
        await scans(session, daemon, 1)
        await _same_as_commands(ask)
        await _pages_fit_together(ask)
        for path, message in WRONG:
            said = await ask.get(f"/api/v1/{path}", 400)
            assert message in said["error"]["message"], path
            assert said["schema_version"] == 1
        for path in ("", "nothing", "../../tagwatch.yaml", "findings?run=999999"):
            assert "error" in await ask.get(f"/api/v1/{quote(path, safe='?=')}", 404)
        await _document_is_true(ask)
        (shop.folder / "tagwatch.db").rename(shop.folder / "kept.db")
        (shop.folder / "tagwatch.db").write_text("no ledger at all")
        assert "error" in await ask.get("/api/v1/findings", 503)
        await daemon.stop()
    assert "Traceback" not in daemon.said


async def _same_as_commands(ask: Asking) -> None:
    images = ("redis:7", "redis:^6", "redis:>=6 <8", "python:3.12-slim", "nobody/knows:1")
    query = "&".join(f"ref={quote(image)}" for image in images)
    said = await ask.get(f"/api/v1/resolve?{query}")
    assert said == await ask.command("resolve", "--offline", *images)
    assert [one["status"] for one in said["resolutions"]][-1] == "unavailable"
    assert said["resolutions"][0]["version"]

    query = "&".join(f"image={quote(image)}" for image in images)
    said = await ask.get(f"/api/v1/base?{query}")
    assert said == await ask.command("base", "--offline", *images)

    digest = (await ask.command("resolve", "--offline", "redis:7"))["resolutions"][0]["digest"]
    today = said_at = (await ask.get("/api/v1/findings"))["at"]
    for text in ("redis:7", "redis", f"redis@{digest}", digest, "nobody/knows"):
        for at in (None, today[:10], said_at, "2020-01-01"):
            more = ("", ()) if at is None else (f"&at={at}", ("--at", at))
            said = await ask.get(f"/api/v1/history?ref={quote(text)}&limit=1000{more[0]}")
            assert said.pop("page")["next"] is None
            assert said == await ask.command("history", text, *more[1]), (text, at)

    whole = await ask.command("report")
    found, images_known = await ask.get("/api/v1/findings"), await ask.get("/api/v1/images")
    assert whole["findings"] == found["findings"]
    assert whole["resolutions"] == images_known["resolutions"]
    for name in ("at", "complete", "coverage", "schema_version"):
        assert whole[name] == found[name] == images_known[name]


async def _pages_fit_together(ask: Asking) -> None:
    whole = await ask.get("/api/v1/findings")
    assert whole["page"]["total"] == len(whole["findings"]) > 3
    found: list[Any] = []
    following = "/api/v1/findings?limit=2"
    while following:
        assert len(found) < 1000
        page = await ask.get(following)
        assert page["run"] == whole["run"]
        assert len(page["findings"]) <= 2
        found += page["findings"]
        following = page["page"]["next"]
    assert found == whole["findings"]
    for name, value in (("severity", "warning"), ("rule", found[0]["rule"])):
        some = await ask.get(f"/api/v1/findings?{name}={value}&limit=1")
        want = [one for one in found if one[name] == value]
        assert some["page"]["total"] == len(want)
        assert some["findings"] == want[:1]
    assert (await ask.get("/api/v1/findings?offset=5000"))["findings"] == []


async def _document_is_true(ask: Asking) -> None:
    """Hold the samples of docs/api.md to the program; only times differ."""
    assert {path.partition("?")[0].removeprefix("/api/v1/") for path, _ in SAMPLES} == set(
        QUESTIONS
    )
    for path, text in SAMPLES:
        said = await ask.get(path)
        assert _plain(said) == _plain(json.loads(text)), f"{path}\n{json.dumps(said, indent=2)}"


def _plain(value: Any) -> Any:
    # a double speaks for the registry here: a sample of docs/api.md has no mirror
    text = re.sub(r', "origin": "http://127.0.0.1:\d+"', "", json.dumps(value))
    text = re.sub(r"20\d\d-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", "TIME", text)
    return json.loads(text)


def test_the_document_tells_every_parameter() -> None:
    rows = dict(re.findall(r"^\| `/api/v1/(\w+)` \| (.*?) \|", DOC, re.MULTILINE))
    told = {name: set(re.findall(r"`(\w+)`", row)) for name, row in rows.items()}
    assert told == {name: set(question.takes) for name, question in QUESTIONS.items()}
