"""An estate in which much is wrong: every file format, most rules, ignores, a strict policy.

Its images stand beside the demo's: `shop/odd` is built by nobody's book, and moves between the two
nights in every way that has a verdict of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from tagwatch.service.demo.images import Built, Shelf, Step, build
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tests.golden.demo import FIRST, SECOND, registries_at
from tests.golden.place import Place
from tests.paths import DATA

__all__ = ["play_estate"]

FILES = DATA / "golden" / "estate"
ODD = "registry.shop.example/shop/odd"
_DAY = {FIRST: "2024-02-03", SECOND: "2026-08-21"}
_AWS_KEY = "AKIAIOSFODNN7EXAMPLE"


async def play_estate(folder: Path) -> Mapping[str, str]:
    """The transcripts, by name."""
    root = folder / "estate"
    shutil.copytree(FILES, root)
    shelf = first_night()
    _push_odd(shelf, FIRST)
    async with serving(shelf) as address, _listening() as (hook, alerts):
        place = Place(folder=root, at=FIRST, environment={"ALERT_URL": hook})
        sample = (root / "sample.yaml").read_text(encoding="utf-8")
        place.write("tagwatch.yaml", sample + registries_at(address, "quay.example"))
        await place.note("extract", "extract")
        await place.note("extract-json", "extract --format json")
        await place.note("check-offline", "check --offline")
        await place.note("first-scan", "scan")
        second_night(shelf)
        _push_odd(shelf, SECOND)
        place.at = SECOND
        await place.note("second-scan", "scan")
        place.write("alerts.json", json.dumps(alerts, indent=2, ensure_ascii=False) + "\n")
        place.note_file("alerts", "alerts.json")
        (root / "alerts.json").unlink()
        await place.note("alerts-test-json", "alerts test --format json")
        await place.note("alerts-list", "alerts list --all")
        await place.note("alerts-list-json", "alerts list --all --format json")
        for form in ("text", "json", "sarif", "github", "gitlab", "junit"):
            await place.note(f"check-{form}", f"check --format {form}")
        await place.note("outdated", "outdated")
        await place.note("report-markdown", "report --format markdown")
        await place.note("history-json", f"history {ODD} --format json")
        await place.note("base-json", f"base {ODD}:1.0 {ODD}:2.0 --format json")
        await place.note("diff", f"diff {ODD}:2.0@2026-08-21 {ODD}:2.0")
        await place.note("policy", f"policy explain {ODD}:1.0 --path compose.yaml")
        for name in ("pin", "bump:minor"):
            word = name.replace(":", "-")
            await place.note_changes(f"fix-{word}", f"check --fix={name} --offline")
        await place.note_changes("fix", "check --fix --offline")
    return place.answers


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[str, list[object]]]:
    """The address of a webhook, and what was posted there."""
    posted: list[object] = []

    async def take(request: web.BaseRequest) -> web.Response:
        posted.append(await request.json())
        return web.Response()

    runner = web.ServerRunner(web.Server(take, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/alert", posted
    finally:
        await runner.cleanup()


def _push_odd(shelf: Shelf, night: str) -> None:
    """What no policy likes: root, secrets, one platform only, a claim that is none of its own."""
    day = _DAY[night]
    is_second = night == SECOND
    rooted = _odd(day, "1.0", {"User": "root", "Env": [f"AWS_ACCESS_KEY_ID={_AWS_KEY}"]})
    shelf.push("shop/odd", ("1.0",), [rooted], day)
    steps = [Step(created_by="RUN deploy --token=ghp_0123456789abcdefghijABCDEFGHIJ012345")]
    config = {
        "ExposedPorts": {"8000/tcp": {}} | ({"9000/tcp": {}} if is_second else {}),
        "Labels": {"org.opencontainers.image.base.name": "docker.io/library/nginx:1.30-alpine"},
    }
    images = [_odd(day, "2.0", config, steps, architecture) for architecture in ("amd64", "arm64")]
    shelf.push("shop/odd", ("2.0", "2"), images[: 1 if is_second else 2], day)
    plain = _odd(day, "3.1" if is_second else "3.2", {"Cmd": ["odd"]})
    shelf.push("shop/odd", ("3",), [plain, replace(plain, architecture="arm64")], day)


def _odd(
    day: str,
    version: str,
    config: Mapping[str, object],
    steps: list[Step] | None = None,
    architecture: str = "amd64",
) -> Built:
    own = [
        Step(created_by=f"ENV ODD_VERSION={version}"),
        Step(created_by="COPY odd /usr/bin/odd", content=f"odd {version} {day} {architecture}"),
        *(steps or ()),
    ]
    environment = [f"ODD_VERSION={version}", *config.get("Env", [])]  # type: ignore[misc]
    return build(
        None,
        own,
        day=day,
        config={**config, "Env": environment},
        architecture=architecture,
    )
