"""The sentence on a base, as people read it: text, JSON, HTML report and Slack say the same."""

from __future__ import annotations

import asyncio
import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from random import Random

from tagwatch.api import scan_async
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.walk.deliver import write_run
from tagwatch.walk.scan import ScanResult
from tagwatch.walk.sending import SystemClock, deliver, receivers_of
from tagwatch.walk.site import Site, open_site
from tests.image_builder import Built, build, cmd, env, expose, run, setting
from tests.nights_served import HOSTS, RegistryShelf
from tests.official import app, debian
from tests.registry.distribution import distribution
from tests.walk.command import Workplace
from tests.walk.hook import hook

API = "registry.example/shop/api:1.4"
PYTHON = "docker.io/library/python:3.12-slim"
SENTENCE = (
    r"Built on python:3\.12-slim = 3\.12\.3 \(served 2026-05-02\.\.2026-06-01, "
    r"layers match 4/4\)\. That tag now serves 3\.12\.4: 1 base layer replaced, 3 shared, "
    r"\+1\.\d MB, USER and EXPOSE unchanged"
)


def python(version: str, size: int) -> Built:
    """Debian, two layers that stay, and one that a version makes anew."""
    content = Random(version).randbytes(size).hex()
    return build(
        run("apt-get install netbase", netbase="1"),
        setting("USER daemon", User="daemon"),
        expose("8000/tcp"),
        run("groupadd", group="1"),
        env("PYTHON_VERSION", version),
        run("make install", python3=content),
        cmd("python3"),
        base=debian(0),
    )


async def test_the_sentence(tmp_path: Path) -> None:
    old, new = python("3.12.3", 1_000), python("3.12.4", 1_100_000)
    folder = tmp_path / "desk"
    folder.mkdir()
    with distribution(tmp_path / "registry") as registry:
        async with hook([200]) as (url, posted):
            shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
            site = _site(folder, registry.url, {"HOOK": url})
            shelf.push(API, app(old))
            for day, base in (("05-02", old), ("06-01", old), ("06-02", new), ("06-15", new)):
                shelf.push(PYTHON, base)
                at = datetime.fromisoformat(f"2026-{day}").replace(tzinfo=UTC)
                site = replace(site, at=at)
                found = await scan_async(site)
            shelf.connection.close()
            write_run(found.result, found.news, site)
            await deliver(site.database, receivers_of(site), SystemClock(), asyncio.Event())
    assert _finding(found), "the finding itself"
    place = Workplace(folder, {"HOME": str(folder)})
    text = await place.run("base", "--offline", API)
    assert re.search(SENTENCE, text.out), text.out
    answer = await place.run("base", "--offline", API, "--format", "json")
    (match,) = answer.json["images"][0]["platforms"]
    assert re.fullmatch(rf"{SENTENCE}\.", match["sentence"])
    assert (match["verdict"], match["base"]["version"]) == ("exact-stale", "3.12.3")
    assert match["current"]["version"] == "3.12.4"
    assert match["layers"] == {"matched": 4, "replaced": 1, "added": 0}
    reports = folder / "reports"
    page = html.unescape((reports / "latest.html").read_text("utf-8"))
    assert re.search(SENTENCE, re.sub(r"<[^>]+>", "", page))
    assert re.search(SENTENCE, (reports / "latest.json").read_text("utf-8"))
    assert re.search(SENTENCE, "\n".join(_texts(posted[-1])))


def _site(folder: Path, endpoint: str, environment: dict[str, str]) -> Site:
    asked = {"endpoint": endpoint, "kind": "distribution", "credential": "anonymous"}
    name, _, tag = API.rpartition(":")
    base, _, followed = PYTHON.rpartition(":")
    settings = {
        "database": "tagwatch.db",
        "registries": dict.fromkeys(HOSTS, asked),
        "watch": [{"image": name, "tags": [tag]}],
        "reports": {"formats": ["html", "json"]},
        "alerts": {"slack": {"webhook_env": "HOOK", "allow_http": True, "min_severity": "warning"}},
        "policy": {"bases": [{"ref": base, "tags": [followed]}]},
    }
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    site = open_site(
        folder / "tagwatch.yaml",
        environment={**environment, "HOME": str(folder)},
        at=datetime(2026, 5, 2, tzinfo=UTC),
    )
    return replace(site, knowledge=Knowledge())


def _finding(found: ScanResult) -> bool:
    stale = [one.message for one in found.result.findings if one.rule == "base-stale"]
    return len(stale) == 1 and re.search(SENTENCE, stale[0]) is not None


def _texts(value: object) -> list[str]:
    """Every text of a payload."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]
