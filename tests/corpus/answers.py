"""What the command finds in one checkout where registries answer: the offline causes, and others.

Two checks with a ledger between them, two days apart: on the second day official images were built
once more, and publishers of others released a patch.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tagwatch
from tagwatch.service.demo.show import serving
from tagwatch.source.target import Target
from tests.corpus.finding import rows_of
from tests.corpus.table import Row
from tests.corpus.world import PINNED, PUBLIC, World
from tests.golden import clock

__all__ = ["answered_in"]

_DAYS = ("2026-08-22T03:00:00+00:00", "2026-08-24T03:00:00+00:00")
_NIGHT = "2026-08-23"
_NOBODY = "http://127.0.0.1:1"
"""Where a private registry is asked for: nobody listens there."""


def answered_in(checkout: Path, repository: str) -> list[Row]:
    """Return a row for each cause of the second day, not judged yet.

    It is found in a copy of the checkout, whose pins are digests that the registries have.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / checkout.name
        shutil.copytree(checkout.resolve(), copy, symlinks=True)
        return rows_of(asyncio.run(_second_day(copy)), copy, repository)


async def _second_day(checkout: Path) -> dict[str, Any]:
    named = _named(checkout)
    world = World(one.reference for one in named if one.reference is not None)
    _repin(checkout, named, world)
    with tempfile.TemporaryDirectory() as home:
        async with serving(world.shelf) as address:
            config = _config(Path(home), address, named)
            await _checked(checkout, home, config, _DAYS[0])
            world.rebuild(_NIGHT)
            world.release(_NIGHT)
            return await _checked(checkout, home, config, _DAYS[1])


def _named(checkout: Path) -> Sequence[Target]:
    """Return what the files of a checkout name, as the library reads them without asking."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {f"XDG_{one}_HOME": home for one in ("CONFIG", "CACHE", "DATA")}
        os.environ["TAGWATCH_CONFIG"] = ""
        options = tagwatch.CheckOptions(asking=tagwatch.Asking(offline=True))
        return tagwatch.check([checkout], options=options).targets


def _repin(checkout: Path, named: Sequence[Target], world: World) -> None:
    """Replace each digest that files name by the one that the world serves behind its tag."""
    for target in named:
        reference = target.reference
        if reference is None or reference.digest is None:
            continue
        served = world.shelf.tags.get(reference.repository.path, {})
        digest = served.get(reference.tag or PINNED)
        path = checkout / target.location.path
        if digest is not None and path.is_file():
            raw = path.read_bytes().replace(reference.digest.encode(), digest.encode())
            path.write_bytes(raw)


def _config(home: Path, address: str, named: Sequence[Target]) -> Path:
    hosts = {*PUBLIC, *(one.reference.repository.registry for one in named if one.reference)}
    registries = {
        host: {"endpoint": address if host in PUBLIC else _NOBODY, "credential": "anonymous"}
        for host in sorted(hosts)
    }
    registries["docker.io"]["catalogue_endpoint"] = address
    path = home / "tagwatch.yaml"
    document = {"version": 1, "database": str(home / "tagwatch.db"), "registries": registries}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


async def _checked(checkout: Path, home: str, config: Path, at: str) -> dict[str, Any]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    folders = {f"XDG_{name}_HOME": home for name in ("CONFIG", "CACHE", "DATA")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, clock.__file__, at, "check", "--config", str(config)),
        *("--max-time", "600", "--format", "json", "."),
        cwd=checkout,
        env={**kept, **folders, "HOME": home},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode not in (0, 1, 3):
        raise SystemExit(f"{checkout}: {err.decode()}")
    answer: dict[str, Any] = json.loads(out)
    return answer
