"""The demo: two scans of a small shop's files, with one night of moving tags between them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tagwatch.api import scan_async
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.ledger.outbox import MessageState
from tagwatch.ledger.read import Reader
from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.registry import application
from tagwatch.value import dataclass, replace
from tagwatch.walk.deliver import write_run
from tagwatch.walk.site import Site, open_site, project_of

if TYPE_CHECKING:
    from tagwatch.walk.scan import ScanResult

__all__ = ["Show", "play", "serving"]

HOSTS = ("docker.io", "registry.shop.example")
_NIGHTS = (
    datetime(2026, 8, 20, 2, 0, tzinfo=UTC),
    datetime(2026, 8, 22, 2, 0, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What the demo leaves behind. `message`: what Slack would be sent after the second night."""

    folder: Path
    first: ScanResult
    second: ScanResult
    report: Path
    message: Mapping[str, Any] | None


@asynccontextmanager
async def serving(shelf: Shelf) -> AsyncIterator[str]:
    """The address of a registry on loopback that serves `shelf` as it is at each request."""
    runner = web.AppRunner(application(shelf), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def play(folder: Path, knowledge: Knowledge) -> Show:
    """Write the sample files into `folder`, scan them on two nights, and leave the reports there.

    A ledger and reports of an earlier demo are replaced; nothing else in the folder is touched.
    """
    _prepare(folder)
    shelf = first_night()
    async with serving(shelf) as address:
        site = _site(folder, knowledge, address)
        first = await _night(site, _NIGHTS[0])
        second_night(shelf)
        second = await _night(site, _NIGHTS[1])
    return Show(
        folder=folder,
        first=first,
        second=second,
        report=site.settings.reports.directory / "index.html",
        message=_message(site),
    )


async def _night(site: Site, at: datetime) -> ScanResult:
    site = replace(site, at=at)
    done = await scan_async(site)
    write_run(done.result, done.news, site)
    return done


def _site(folder: Path, knowledge: Knowledge, address: str) -> Site:
    site = open_site(folder / "tagwatch.yaml", environment={}, at=_NIGHTS[0])
    registries = {
        host: {"endpoint": address, "catalogue_endpoint": address, "credential": "anonymous"}
        for host in HOSTS
    }
    registries["registry.shop.example"].pop("catalogue_endpoint")
    reports = replace(site.settings.reports, directory=folder)
    # without a configuration of its own a scan stays in `folder`, whatever its name: for a file in
    # `config/` it would begin one folder higher, among files that are not the demo's
    settings = replace(site.settings, path=None, registries=registries, reports=reports)
    return replace(
        site,
        settings=settings,
        knowledge=knowledge,
        home=folder,
        root=folder,
        spoken_for=frozenset(HOSTS),
    )


def _prepare(folder: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (folder / f"tagwatch.db{suffix}").unlink(missing_ok=True)
    files = resources.files("tagwatch.service.demo") / "files"
    for name in ("Dockerfile", "docker-compose.yaml", "deploy/shop.yaml"):
        _copy(files.joinpath(name).read_bytes(), folder / name)
    for name in ("tagwatch.yaml", "policy.yaml"):
        _copy(files.joinpath(name).read_bytes(), folder / name)


def _copy(raw: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _message(site: Site) -> Mapping[str, Any] | None:
    with Reader.open(site.database, site.origins) as ledger:
        waiting = ledger.messages(MessageState.PENDING, project=project_of(site))
    payload: Mapping[str, Any] | None = json.loads(waiting[-1].payload) if waiting else None
    return payload
