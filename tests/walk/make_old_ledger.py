"""A ledger of this program's schema, from walks over the demo's registry: one for each schema.

Run it when a new schema is released, then write the answers that its ledger gives:

    python -m tests.walk.make_old_ledger
    TAGWATCH_REGENERATE=1 python -m pytest tests/walk/test_old_ledger.py

It writes `tests/data/ledger/v<schema>.sql`, and refuses to write over one: a ledger that was
released stays as that program wrote it.

Two configurations share the ledger. SHOP is the demo's and has three nights: the first imports
what publishers remember, the second tells of moves, and the third is interrupted between storing
moves and explaining them. DESK is another team's. Among their alerts is one in every state.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from aiohttp import web

from tagwatch.api import check
from tagwatch.config.load import load_configuration
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.knowledge.bundled import load as load_knowledge
from tagwatch.ledger.connection import SCHEMA_VERSION
from tagwatch.service.demo.images import Shelf, Step, build
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import HOSTS, serving
from tagwatch.service.nightly import scan_and_publish
from tagwatch.walk.import_history import import_from_library, import_from_registries
from tagwatch.walk.sending import SystemClock, deliver, receivers_of
from tagwatch.walk.site import Site
from tests.paths import DATA

__all__ = ["LEDGERS", "write_desk", "write_shop"]

LEDGERS = DATA / "ledger"
_SHOP = (
    "version: 1\ndatabase: ../tagwatch.db\npolicy: policy.yaml\n"
    'sources: ["Dockerfile", "docker-compose.yaml", "deploy/**/*.yaml"]\n'
    'watch:\n  - {image: redis, tags: ["6.2.x", "7"]}\n'
    "  - {image: registry.shop.example/shop/api}\n"
    "  - {image: registry.shop.example/shop/web}\n"
    "reports: {formats: []}\nalerts:\n"
    "  slack: {webhook_env: SLACK, min_severity: warning, allow_http: true}\n"
    "  webhook: {url_env: HOOK, min_severity: note, allow_http: true}\n"
)
_DESK = (
    "version: 1\ndatabase: ../tagwatch.db\npolicy: policy.yaml\nsources: [compose.yaml]\n"
    'watch: [{image: nginx, tags: ["1.30-alpine"]}]\nreports: {formats: []}\n'
    "alerts: {slack: {webhook_env: SLACK, min_severity: note, allow_http: true}}\n"
)
_DESK_POLICY = "version: 1\ndefaults: {platforms: [linux/amd64]}\n"
_DESK_FILE = "services: {queue: {image: 'redis:7'}, app: {image: 'python:3.12-slim'}}\n"
_STANZA = "Maintainers: x\n\nTags: {0}, {1}\nGitCommit: {2}\n"
_LIBRARY = {
    "2025-01-01": {"redis": _STANZA.format("7.0.1", "7.0", "a" * 40)},
    "2025-02-01": {"redis": _STANZA.format("7.0.2", "7.0", "b" * 40)},
    "2025-03-01": {"redis": _STANZA.format("7.2.0", "7.2", "c" * 40)},
}
_KEPT = {
    "library/redis": r"6\.2(\.\d+)?|7(\.4(\.\d+)?)?",
    "library/python": r"3\.12(\.\d+)?-slim",
    "library/node": r"22(\.\d+)*",
    "library/nginx": r"latest|1\.30(\.\d+)?-alpine",
    "shop/api": r"1\.4(\.[23])?",
    "shop/web": r"1\.9(\.4)?|2(\.0\.\d)?",
}
_IMPORTED, _FIRST, _SECOND, _THIRD = (
    datetime(2026, 8, day, 2, 0, tzinfo=UTC) for day in (19, 20, 22, 23)
)


async def make(folder: Path) -> Path:
    """Play every night in `folder`, and return the ledger that they leave there."""
    write_shop(folder / "shop")
    write_desk(folder / "desk")
    shelf = _with_few_tags(first_night())
    async with serving(shelf) as registry, _receiving() as receiver:
        shop, desk = _site(folder / "shop", registry), _site(folder / "desk", registry)
        await _import(replace(shop, at=_IMPORTED), folder / "library")
        await _night(shop, _FIRST, SLACK=f"{receiver}/taken", HOOK=f"{receiver}/refused")
        await _night(desk, _FIRST.replace(hour=3), SLACK=f"{receiver}/taken")
        second_night(shelf)
        _with_few_tags(shelf)
        named = (str(desk.root / "compose.yaml"),)
        await asyncio.to_thread(check, named, replace(desk, at=_SECOND))
        evening = _SECOND.replace(hour=20)
        await _night(desk, evening, send=False)
        await _interrupted_while_sending(desk, evening, f"{receiver}/silent")
        soon = evening + timedelta(minutes=5)  # before the interrupted one is known to be
        await _night(shop, soon, SLACK=f"{receiver}/dropped", HOOK=f"{receiver}/later")
        _third_night(shelf)
        await _interrupted_while_reading(shop, _THIRD)
    return shop.database.resolve()


def _with_few_tags(shelf: Shelf) -> Shelf:
    """Take tags off the shelf that nobody here names: the dump is for people to read, too."""
    for name, kept in _KEPT.items():
        tags = shelf.tags[name]
        shelf.tags[name] = {tag: tags[tag] for tag in tags if re.fullmatch(kept, tag)}
    return shelf


def write_shop(folder: Path) -> None:
    """Make a folder of the demo's files, configured to share a ledger with others."""
    files = resources.files("tagwatch.service.demo") / "files"
    with resources.as_file(files) as source:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    (folder / "tagwatch.yaml").write_text(_SHOP, encoding="utf-8")


def write_desk(folder: Path) -> None:
    """Make a folder of another team's files, configured to share the same ledger."""
    folder.mkdir()
    (folder / "policy.yaml").write_text(_DESK_POLICY, encoding="utf-8")
    (folder / "compose.yaml").write_text(_DESK_FILE, encoding="utf-8")
    (folder / "tagwatch.yaml").write_text(_DESK, encoding="utf-8")


def _site(folder: Path, registry: str) -> Site:
    """Return what `open_site` makes of a folder's configuration, with a clock of its own."""
    configuration = load_configuration(folder / "tagwatch.yaml", {}, folder)
    settings = configuration.settings
    asked = {
        host: {"endpoint": registry, "catalogue_endpoint": registry, "credential": "anonymous"}
        for host in HOSTS
    }
    asked["registry.shop.example"].pop("catalogue_endpoint")
    assert settings.database is not None
    return Site(
        settings=replace(settings, registries=asked),
        policy=configuration.policy,
        knowledge=load_knowledge(settings.knowledge),
        root=folder,
        home=folder,
        database=settings.database,
        at=_FIRST,
    )


async def _import(site: Site, folder: Path) -> None:
    """`history import`: from a checkout of the publisher's files, and from the registry."""
    (folder / "library").mkdir(parents=True)
    _git(folder, "", "init", "--quiet")
    for day, files in _LIBRARY.items():
        for name, text in files.items():
            (folder / "library" / name).write_text(text, encoding="utf-8")
        _git(folder, day, "add", "--all")
        _git(folder, day, "commit", "--quiet", "--message", day)
    for one in import_from_library(folder, ("redis",), site):
        assert one.intervals, one
    for one in await import_from_registries((Repository.parse("node").identity,), site):
        assert one.intervals, one


def _git(folder: Path, day: str, *arguments: str) -> None:
    date = f"{day}T00:00:00Z"
    own = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if day else {}
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(
        ["git", *names, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **own},
        check=True,
        capture_output=True,
    )


async def _night(site: Site, at: datetime, *, send: bool = True, **environment: str) -> None:
    """`scan`, or `scan --no-alerts`."""
    await scan_and_publish(replace(site, at=at, environment=environment), send=send)


async def _interrupted_while_sending(site: Site, at: datetime, address: str) -> None:
    """Deliver to one who does not answer, and stop before that is known to be over."""
    site = replace(site, at=at, environment={"SLACK": address})
    with contextlib.suppress(TimeoutError):
        sending = deliver(site.database, receivers_of(site), SystemClock(), asyncio.Event())
        await asyncio.wait_for(sending, 2)


def _third_night(shelf: Shelf) -> None:
    base = build(None, [Step(created_by="ADD rootfs.tar.xz /", content="third")], day="2026-08-22")
    step = Step(created_by="COPY dist /usr/share/nginx/html", content="shop web 2.0.1")
    shelf.push("shop/web", ("2.0.1", "2"), [build(base, [step], day="2026-08-22")], "2026-08-22")


async def _interrupted_while_reading(site: Site, at: datetime) -> None:
    """Scan until the moves of a repository are stored: none of them is explained then."""

    def interrupt(snapshot: RepositorySnapshot) -> None:
        if snapshot.repository.path == "shop/web":
            scanning.cancel()

    night = scan_and_publish(replace(site, at=at), send=False, progress=interrupt)
    scanning = asyncio.create_task(night)
    with contextlib.suppress(asyncio.CancelledError):
        await scanning


@asynccontextmanager
async def _receiving() -> AsyncIterator[str]:
    """One who takes alerts, refuses them, wants them later, hangs up, or does not answer."""

    async def post(request: web.Request) -> web.Response:
        await request.read()
        match request.match_info["how"]:
            case "taken":
                return web.Response()
            case "refused":
                return web.Response(status=404)
            case "later":
                return web.Response(status=429, headers={"Retry-After": "86400"})
            case "dropped":
                assert request.transport is not None
                request.transport.close()
            case _:
                await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{how}", post)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def dump(path: Path) -> Iterator[str]:
    """The ledger as SQL. Raises AssertionError where it lacks what it is made for."""
    with closing(sqlite3.connect(path)) as ledger:
        _check_what_it_holds(ledger)
        (application,) = ledger.execute("PRAGMA application_id").fetchone()
        (version,) = ledger.execute("PRAGMA user_version").fetchone()
        assert version == SCHEMA_VERSION
        yield f"-- A ledger as tagwatch wrote it with schema {version}: see "
        yield "tests/walk/make_old_ledger.py. Frozen: never made anew.\n"
        yield f"PRAGMA application_id = {application};\nPRAGMA user_version = {version};\n"
        yield from (f"{line}\n" for line in ledger.iterdump())


def _check_what_it_holds(ledger: sqlite3.Connection) -> None:
    def values(sql: str) -> Mapping[object, int]:
        return dict(ledger.execute(sql).fetchall())

    states = values("SELECT state, count(*) FROM outbox GROUP BY state")
    assert states.keys() >= {"pending", "sending", "sent", "unsure"}, states
    explained = values("SELECT change IS NOT NULL, count(*) FROM move GROUP BY 1")
    assert explained.keys() == {0, 1}, explained
    finished = values("SELECT kind || (result IS NOT NULL), count(*) FROM run GROUP BY 1")
    assert {"scan1", "scan0", "check0"} <= finished.keys(), finished
    for table in ("imported", "base_build", "evidence", "finding", "document"):
        (count,) = ledger.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert count, table


def main() -> int:
    """Write the ledger of this schema, unless there is one."""
    target = LEDGERS / f"v{SCHEMA_VERSION}.sql"
    if target.exists():
        sys.stderr.write(f"{target} exists, and a ledger that was released stays as it is\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        text = "".join(dump(asyncio.run(make(Path(folder)))))
        assert folder not in text
        assert not re.search(r"127\.0\.0\.1:\d{5}", text), "a port of this machine"
    target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{target}: {len(text)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
