"""`tagwatch knowledge`: what is known, and newer facts from files and from their publishers."""

from __future__ import annotations

import gzip
import json
import ssl
import stat
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
import trustme
from aiohttp import web

from tagwatch import open_site
from tests.endoflife import api_document, bundled, library_archive, raw_of
from tests.paths import ROOT
from tests.walk.command import Done, Workplace

NOW = datetime.now(UTC)
SCHEMA = ROOT / "docs" / "schema" / "knowledge.json"
TODAY = NOW.date().isoformat()
BUNDLED = {"ends of life": "bundled", "official images": "bundled"}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "tree"
    folder.mkdir()
    return Workplace(folder, {"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)})


def stored(place: Workplace) -> Path:
    return Path(place.environment["XDG_DATA_HOME"]) / "tagwatch" / "knowledge"


def origins(done: Done) -> dict[str, str]:
    assert done.code == 0, done.err
    return {one["what"]: one["origin"] for one in done.json["facts"]}


def newer() -> dict[str, Any]:
    """What the API gives today: redis has a line that the bundled facts do not know."""
    document = api_document(NOW)
    redis = next(one for one in document["result"] if one["name"] == "redis")
    redis["releases"].insert(0, {**redis["releases"][0], "name": "99.1"})
    return document


def known_lines(place: Workplace) -> list[str]:
    """The first lines of redis, as every command of this user sees them."""
    site = open_site(place.folder, config="", environment=place.variables())
    return [line.name for line in site.knowledge.products["redis"].cycles][:1]


def commit(folder: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "library"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True)


async def test_what_is_known_at_first(place: Workplace) -> None:
    done = await place.run("knowledge", "--format", "json")
    assert origins(done) == BUNDLED
    jsonschema.validate(done.json, json.loads(SCHEMA.read_text("utf-8")))
    told = (await place.run("knowledge")).out
    assert f"ends of life     {bundled()['as_of']}" in told
    assert "235 products, bundled" in told
    assert not stored(place).exists()


async def test_newer_facts_of_a_file(place: Workplace) -> None:
    place.write("full.json", raw_of(newer()))
    done = await place.run("knowledge", "update", "--from", "full.json")
    assert done.err == f"tagwatch: ends of life of {TODAY} are stored\n"
    assert "of today, 235 products, stored in" in done.out
    assert known_lines(place) == ["99.1"]
    file = stored(place) / "end_of_life.json"
    assert [one.name for one in stored(place).iterdir()] == [file.name], "no draft is left"
    assert stat.S_IMODE(file.stat().st_mode) & 0o022 == 0, "nobody else writes it"
    assert stat.S_IMODE(stored(place).stat().st_mode) == 0o700


async def test_gzip_an_archive_and_a_checkout(place: Workplace) -> None:
    place.write("full.json.gz", gzip.compress(raw_of(newer())))
    place.write("library.tar.gz", gzip.compress(library_archive(NOW.date())))
    done = await place.run(
        "knowledge", "update", "--from", "full.json.gz", "--from", "library.tar.gz"
    )
    assert done.code == 0, done.err
    assert f"official images of {TODAY} are stored" in done.err
    done = await place.run("knowledge", "--format", "json")
    assert origins(done) == {"ends of life": "stored", "official images": "stored"}
    assert [one["number"] for one in done.json["facts"]] == [235, 144]

    for name, tags in bundled("official_tags.json")["images"].items():
        place.write(f"images/library/{name}", f"Tags: {', '.join(tags.split())}\n" if tags else "")
    place.write("images/library/brandnew", "Tags: 1.0\n")
    commit(place.folder / "images")
    done = await place.run("knowledge", "update", "--from", "images", "--format", "json")
    assert [one["number"] for one in done.json["facts"]] == [235, 145]
    site = open_site(place.folder, config="", environment=place.variables())
    assert "brandnew" in site.knowledge.official
    assert site.knowledge.built["brandnew"] == ("1.0",)


async def test_what_is_refused_leaves_what_is_known(place: Workplace) -> None:
    place.write("full.json", raw_of(newer()))
    assert (await place.run("knowledge", "update", "--from", "full.json")).code == 0
    before = (stored(place) / "end_of_life.json").read_bytes()
    old = {**newer(), "generated_at": (NOW - timedelta(days=2)).isoformat()}
    few = {**newer(), "result": newer()["result"][:20], "total": 20}
    for document, words in ((old, "are known"), (few, "products that are known are missing")):
        place.write("other.json", raw_of(document))
        done = await place.run("knowledge", "update", "--from", "other.json")
        assert words in done.is_clean_error(2)
    for name, words in (("none.json", "is no file"), ("http://x.example", "https URL")):
        done = await place.run("knowledge", "update", "--from", name)
        assert words in done.is_clean_error(2)
    assert "--from is for an update" in (
        await place.run("knowledge", "--from", "full.json")
    ).is_clean_error(2)
    assert (stored(place) / "end_of_life.json").read_bytes() == before


async def test_a_file_that_is_named_counts_before_all(place: Workplace) -> None:
    place.write("full.json", raw_of(newer()))
    assert (await place.run("knowledge", "update", "--from", "full.json")).code == 0
    facts = {"schema_version": 1, "as_of": "2026-01-01", "source": "here", "products": {}}
    place.write("mine.json", json.dumps(facts))
    place.write("tagwatch.yaml", "version: 1\nknowledge: mine.json\n")
    done = await place.run("knowledge", "--format", "json")
    assert origins(done)["ends of life"] == "configured"
    place.is_operators = False
    done = await place.run("knowledge")
    assert "knowledge" in done.is_clean_error(2), "a tree says nothing of what is supported"


async def test_a_damaged_file_is_told_and_passed_over(place: Workplace) -> None:
    place.write("full.json", raw_of(newer()))
    assert (await place.run("knowledge", "update", "--from", "full.json")).code == 0
    file = stored(place) / "end_of_life.json"
    file.write_bytes(file.read_bytes()[:5000])
    place.write("Dockerfile", "FROM redis:7.2\n")
    done = await place.run("check", "--offline", "Dockerfile")
    assert "`tagwatch knowledge update` writes it anew" in done.err
    assert known_lines(place) != ["99.1"]
    assert (await place.run("knowledge", "update", "--from", "full.json")).code == 0
    assert known_lines(place) == ["99.1"]


async def test_a_folder_that_cannot_be_written(place: Workplace) -> None:
    place.write("full.json", raw_of(newer()))
    stored(place).parent.parent.mkdir()
    stored(place).parent.write_text("no folder")
    done = await place.run("knowledge", "update", "--from", "full.json")
    assert "cannot be made" in done.is_clean_error(2)


@dataclass(slots=True)
class Publisher:
    """endoflife.date and GitHub on one https server."""

    address: str = ""
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def give(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers))
        if request.path == "/endless":
            answer = web.StreamResponse(headers={"Content-Encoding": "gzip"})
            await answer.prepare(request)
            zeros = gzip.compress(bytes(80 * 1024 * 1024), 9)
            await answer.write(zeros)
            return answer
        if request.path == "/full":
            if request.headers.get("If-None-Match") == '"one"':
                return web.Response(status=304)
            return web.Response(
                body=gzip.compress(raw_of(newer())),
                headers={"ETag": '"one"', "Content-Encoding": "gzip"},
            )
        if request.path == "/library":
            return web.Response(body=gzip.compress(library_archive(NOW.date())))
        return web.Response(**self.answers[request.path])


@asynccontextmanager
async def publishing(place: Workplace, tmp_path: Path) -> AsyncIterator[Publisher]:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    place.environment["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
    publisher = Publisher()
    app = web.Application()
    app.router.add_get("/{name}", publisher.give)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
        publisher.address = f"https://localhost:{runner.addresses[0][1]}"
        yield publisher
    finally:
        await runner.cleanup()


async def test_from_where_it_is_published(place: Workplace, tmp_path: Path) -> None:
    async with publishing(place, tmp_path) as publisher:
        sources = ("--from", f"{publisher.address}/full", "--from", f"{publisher.address}/library")
        done = await place.run("knowledge", "update", *sources)
        assert done.code == 0, done.err
        assert [path for path, _ in publisher.asked] == ["/full", "/library"]
        assert publisher.asked[0][1]["Accept-Encoding"] == "gzip"
        assert "If-None-Match" not in publisher.asked[0][1]
        assert known_lines(place) == ["99.1"]

        # a day later nothing has changed: the facts are true of that day, too
        file = stored(place) / "end_of_life.json"
        yesterday = (NOW - timedelta(days=1)).date().isoformat()
        file.write_text(file.read_text("utf-8").replace(f'"{TODAY}"', f'"{yesterday}"', 1), "utf-8")
        done = await place.run("knowledge", "update", "--from", f"{publisher.address}/full")
        assert publisher.asked[-1][1]["If-None-Match"] == '"one"'
        assert done.err == f"tagwatch: ends of life of {TODAY} had not changed\n"
        assert known_lines(place) == ["99.1"]
        site = open_site(place.folder, config="", environment=place.variables())
        assert site.knowledge.as_of is not None
        assert site.knowledge.as_of >= date.fromisoformat(TODAY)


async def test_answers_that_are_none(place: Workplace, tmp_path: Path) -> None:
    async with publishing(place, tmp_path) as publisher:
        packed = {"Content-Encoding": "gzip"}
        other = "https://example.org/full"
        publisher.answers = {
            "/gone": {"status": 404, "text": "<h1>404</h1>", "content_type": "text/html"},
            "/often": {"status": 429, "headers": {"Retry-After": "120"}},
            "/down": {"status": 503},
            "/away": {"status": 302, "headers": {"Location": other}},
            "/round": {"status": 302, "headers": {"Location": "/round"}},
            "/broken": {"body": b"\x1f\x8bnothing", "headers": packed},
            "/short": {"body": gzip.compress(b"{}")[:-4], "headers": packed},
            "/odd": {"body": b"x", "headers": {"Content-Encoding": "br"}},
            "/page": {"text": "<h1>hello</h1>", "content_type": "text/html"},
        }
        expected = {
            "gone": (4, "answered 404"),
            "often": (4, "too many requests"),
            "down": (4, "answered 503"),
            "away": (4, "answered 302"),
            "round": (4, "answered 302"),
            "broken": (4, "broken gzip"),
            "short": (4, "only in part"),
            "odd": (4, "not asked for"),
            "endless": (4, "without end"),
            "page": (2, "it is no JSON"),
        }
        for name, (code, words) in expected.items():
            done = await place.run("knowledge", "update", "--from", f"{publisher.address}/{name}")
            assert words in done.is_clean_error(code), name
        assert len([path for path, _ in publisher.asked if path == "/round"]) == 4
        assert not stored(place).exists()

        # what can be had is stored, whatever became of the rest
        done = await place.run(
            "knowledge", "update", "--from", f"{publisher.address}/down",
            "--from", f"{publisher.address}/full",
        )  # fmt: skip
        assert (done.code, done.out) == (4, "")
        assert known_lines(place) == ["99.1"]


async def test_a_redirect_within_the_host_is_followed(place: Workplace, tmp_path: Path) -> None:
    async with publishing(place, tmp_path) as publisher:
        publisher.answers = {"/old": {"status": 301, "headers": {"Location": "/full"}}}
        done = await place.run("knowledge", "update", "--from", f"{publisher.address}/old")
        assert done.code == 0, done.err
        assert [path for path, _ in publisher.asked] == ["/old", "/full"]


async def test_stored_tags_that_are_damaged_are_named(place: Workplace) -> None:
    place.write("full.json", raw_of(newer()).decode())
    await place.run("knowledge", "update", "--from", "full.json")
    broken = '{"schema_version": 1,\n"as_of": "2099-01-01", "source": "x",\n"images": {"redis": '
    (stored(place) / "official_tags.json").write_text(broken, encoding="utf-8")
    done = await place.run("knowledge")
    assert done.code == 0
    assert "the bundled facts count" in done.err
    place.write("Dockerfile", "FROM node:14\n")
    done = await place.run("check", "Dockerfile", "--offline")
    assert "version-eol" in done.out
    assert done.err.count("the bundled facts count") == 1, done.err
    nobody = "registries: {docker.io: {endpoint: 'http://127.0.0.1:9', credential: anonymous}}\n"
    text = f"version: 1\ndatabase: l.db\nsources: [Dockerfile]\nreports: {{formats: []}}\n{nobody}"
    place.write("tagwatch.yaml", text)
    done = await place.run("scan")
    assert done.err.count("the bundled facts count") == 1, done.err
