"""Turns: repositories are judged while others are asked, and nobody can tell from the answer."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tagwatch.api import scan_async
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.ledger.codec import text_of
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tagwatch.walk.site import Site, open_site
from tests.bench.place import Place, double, paths_of
from tests.relay import Relay, relayed
from tests.static_registry import Stock
from tests.stored import TEXTS

AT = datetime(2026, 8, 20, 2, tzinfo=UTC)
LONG = 120.0
"""Seconds after which a state that does not come is a failure."""
STOCK = Stock(repositories=90, tags=1)
pytestmark = pytest.mark.timeout(300)  # eight nights of the demo, beside other workers


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with double(STOCK, tmp_path / "place") as found:
        yield found


@asynccontextmanager
async def kept(place: Place, path: str) -> AsyncIterator[tuple[Place, Relay]]:
    """The place behind a relay that keeps what is asked of one repository."""
    keeper = Relay(keeps=lambda line: f"/{path}/" in line)
    async with relayed(place.url, keeper):
        yield replace(place, url=keeper.url), keeper


def site_of(place: Place, number: int, **said: Any) -> Site:
    place.configure(paths_of(STOCK)[:number], 16, **said)
    return open_site(place.folder / "tagwatch.yaml", environment={}, at=AT)


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a ledger that is being written tells somebody who reads it."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        return connection.execute(sql).fetchall()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a state."""
    async with asyncio.timeout(LONG):
        while not is_so():  # noqa: ASYNC110  # a ledger's rows are no event
            await asyncio.sleep(0.01)


async def test_others_are_judged_before_the_last_one_answers(place: Place) -> None:
    async with kept(place, "team/7") as (here, keeper):
        scan = asyncio.create_task(scan_async(site_of(here, 12)))
        judged = "SELECT path FROM judged JOIN repository ON repository.id = repository_id"
        await until(lambda: bool(keeper.kept))
        await until(lambda: len(rows(here.folder, judged)) == 11)
        assert ("team/7",) not in rows(here.folder, judged)
        (evidence,) = rows(here.folder, "SELECT count(*) FROM evidence")
        assert evidence == (11,)
        assert not scan.done()
        keeper.let_go()
        result = (await scan).result
    assert result.complete
    assert len(result.evidence) == len(rows(here.folder, judged)) == 12


async def test_nothing_read_is_held_while_turns_wait(place: Place) -> None:
    """Who waits for its turn is a name: of the bases nothing is known, so nobody may be judged."""
    told: list[Repository] = []
    alive = 0

    def progress(snapshot: RepositorySnapshot) -> None:
        nonlocal alive
        told.append(snapshot.repository)
        if len(told) == STOCK.repositories - 1:
            alive = sum(isinstance(one, RepositorySnapshot) for one in gc.get_objects())

    async with kept(place, "team/7") as (here, keeper):
        site = site_of(here, STOCK.repositories, bases="team/7")
        scan = asyncio.create_task(scan_async(site, progress=progress))
        await until(lambda: len(told) == STOCK.repositories - 1)
        assert rows(here.folder, "SELECT count(*) FROM evidence") == [(0,)]
        first = next(line for line in keeper.seen if " /v2/team/" in line)
        assert "/team/7/" in first, "what others wait for is asked first"
        assert 0 < alive <= 64, "as many as are asked at a time"
        keeper.let_go()
        result = (await scan).result
    assert result.complete
    assert len(result.evidence) == STOCK.repositories * STOCK.tags


async def test_a_base_that_needs_no_pull_is_not_last_where_pulls_are_counted(place: Place) -> None:
    """Its pulls would be the last of all; an unchanged night has none, and judges meanwhile."""
    async with kept(place, "team/7") as (here, keeper):
        site = site_of(here, 12, bases="team/3")
        path = here.folder / "tagwatch.yaml"
        path.write_text(path.read_text().replace("anonymous", "anonymous, budget: 1000"))
        site = open_site(path, environment={}, at=AT)
        keeper.is_open = True
        assert (await scan_async(site)).result.complete
        keeper.is_open = False
        scan = asyncio.create_task(scan_async(replace(site, at=AT + timedelta(days=1))))
        judged = f"SELECT count(*) FROM judged WHERE at > {AT.timestamp() * 1_000_000:.0f}"
        await until(lambda: rows(here.folder, judged) == [(11,)])
        assert not scan.done()
        keeper.let_go()
        assert (await scan).result.complete


async def test_a_long_repository_gives_way_to_requests(tmp_path: Path) -> None:
    """Counted in turns of the event loop: each is a chance of every request that is under way."""
    stock = Stock(repositories=1, tags=400)
    passed = 0

    async def count() -> None:
        nonlocal passed
        while True:
            await asyncio.sleep(0)
            passed += 1

    tasks: list[asyncio.Task[None]] = []
    with double(stock, tmp_path / "place") as place:
        place.configure(paths_of(stock), 64)
        site = open_site(place.folder / "tagwatch.yaml", environment={}, at=AT)
        found = await scan_async(
            site, progress=lambda _: tasks.append(asyncio.create_task(count()))
        )
    tasks[0].cancel()
    assert len(found.result.evidence) == stock.tags
    assert passed >= stock.tags // 16, passed


@dataclass(frozen=True, kw_only=True)
class Night:
    """What a night told, and what it left."""

    result: AuditResult
    stored: dict[str, bytes]
    judged: list[tuple[Any, ...]]
    builds: list[tuple[Any, ...]]


JUDGED = """
  SELECT registry, path, again_at, held FROM judged
  JOIN repository ON repository.id = repository_id ORDER BY registry, path"""
BUILDS = """
  SELECT reference, platform, digest, manifest, origin, first_seen, last_seen, ended, body
  FROM base_build ORDER BY reference, platform, digest, manifest"""
BASES = frozenset({"library/python", "library/node", "library/nginx"})


OTHERS = frozenset({"shop/api", "shop/web"})
"""Those of another registry: pulls of the bases' own go to these first, as the plan has them."""


async def two_nights(folder: Path, relay: Relay, *, bases_last: bool = False) -> list[Night]:
    """The demo's nights through a relay; `bases_last`: it keeps them until all others are read."""
    shelf = first_night()
    files = resources.files("tagwatch.service.demo") / "files"
    for name in ("Dockerfile", "docker-compose.yaml", "deploy/shop.yaml", "policy.yaml"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.joinpath(name).read_bytes())
    async with serving(shelf) as address, relayed(address, relay):
        text = (files / "tagwatch.yaml").read_text().replace("tagwatch.db", "ledger.db")
        text = text[: text.index("alerts:")] + "registries:\n"
        for host in ("docker.io", "registry.shop.example"):
            text += f"  {host}: {{endpoint: '{relay.url}', credential: anonymous}}\n"
        (folder / "tagwatch.yaml").write_text(text)
        first = await a_night(folder, AT, relay, bases_last=bases_last)
        second_night(shelf)
        relay.is_open = False
        second = await a_night(folder, AT + timedelta(days=2), relay, bases_last=bases_last)
    return [first, second]


async def a_night(folder: Path, at: datetime, relay: Relay, *, bases_last: bool) -> Night:
    """One scan."""
    site = open_site(folder / "tagwatch.yaml", environment={}, at=at)
    told: set[str] = set()
    scan = asyncio.create_task(scan_async(site, progress=lambda one: told.add(one.repository.path)))
    if bases_last:
        await until(lambda: told >= OTHERS or scan.done())
        relay.let_go()
    result = (await scan).result
    return Night(
        result=replace(result, requests={}),
        stored={key: text_of(key, *text) for key, *text in rows(folder, TEXTS)},
        judged=rows(folder, JUDGED),
        builds=rows(folder, BUILDS),
    )


async def test_no_order_of_answers_makes_a_difference(tmp_path: Path) -> None:
    straight = Relay(keeps=lambda _: False)
    plain = await two_nights(tmp_path / "plain", straight)
    assert len(plain[0].stored) > 10
    assert plain[1].result.changes, "something moves"
    assert plain[1].result.gone, "and something goes"
    last = Relay(keeps=lambda line: any(f"/{base}/" in line for base in BASES), port=straight.port)
    found = await two_nights(tmp_path / "last", last, bases_last=True)
    assert found == plain, "all turns at the end"
    for seed in range(2):
        found = await two_nights(tmp_path / str(seed), Relay(seed=seed, port=straight.port))
        assert found == plain, f"{seed=}"
