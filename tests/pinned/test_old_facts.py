"""Old facts: an extract that a server of today wrote is read by the laptops of tomorrow.

`facts-v1.tagwatch` was written by `tagwatch facts export` from the ledger of `tagwatch demo` (six
of its images; its date is that of the demo's second night). `facts-v3.tagwatch` has the same facts,
signed by a key of `tests/extract.py`, and expires in a hundred years. `facts-v4.tagwatch` has them
once more, compressed and with the pasts of their tags. They are frozen: a later form gets a file of
its own beside them. Versions 1 and 2 are refused since 2026-11-29: they were signed
with a secret that every reader had.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.extract import NIGHTLY
from tests.pinned.pin import PINNED, as_json, compare
from tests.walk.command import Workplace

FILES = sorted({path.name for path in PINNED.glob("facts-v*.tagwatch")} - {"facts-v1.tagwatch"})
DOCKERFILE = """\
FROM python:3.12-slim
FROM node:22 AS assets
COPY --from=redis:6.2.x /usr/local/bin/redis-cli /usr/local/bin/
"""
COMPOSE = """\
services:
  api: {image: "registry.shop.example/shop/api:1.4"}
  web: {image: "registry.shop.example/shop/web:2"}
  cache: {image: "redis:7"}
"""
BY_THE_CALENDAR = ("version-eol", "eol-soon", "os-eol", "tag-abandoned")
"""Rules that say more as time goes by, whatever the facts are."""
POLICY = {
    "defaults": {"platforms": ["linux/amd64", "linux/arm64"]},
    "bases": [{"ref": "docker.io/library/python", "tags": ["3.12-slim"]}],
    "rules": {
        **{rule: {"severity": "off"} for rule in BY_THE_CALENDAR},
        "policy-data-old": {"days": 100_000},
    },
}
MEANING = "a facts file that an older tagwatch wrote is not understood as it was"


def desk(folder: Path, name: str, **more: Any) -> Workplace:
    """A folder with files that name what the facts are about, and the facts."""
    place = Workplace(folder, {"HOME": str(folder)})
    place.write("Dockerfile", DOCKERFILE)
    place.write("compose.yaml", COMPOSE)
    shutil.copy(PINNED / name, folder / "facts.tagwatch")
    place.write("tagwatch.yaml", json.dumps({"database": "ledger.db", "policy": POLICY, **more}))
    return place


@pytest.mark.parametrize("name", FILES)
async def test_a_check_by_an_old_file(name: str, tmp_path: Path) -> None:
    keys = {NIGHTLY.public.id: NIGHTLY.public.text}
    place = desk(tmp_path, name, facts={"source": "facts.tagwatch", "public_keys": keys})
    done = await place.run("check", "--offline", "--format", "json", ".")
    told = {key: value for key, value in done.json.items() if key != "at"}
    assert told["coverage"]["remembered"] == told["coverage"]["targets"] == len(told["resolutions"])
    compare(f"{Path(name).stem}.json", as_json({"exit code": done.code, **told}), MEANING)


@pytest.mark.parametrize("name", FILES)
async def test_an_old_file_is_imported(name: str, tmp_path: Path) -> None:
    place = desk(tmp_path, name)
    done = await place.run("facts", "import", "facts.tagwatch", "--public-key", NIGHTLY.public.text)
    assert (done.code, done.err) == (
        0,
        "tagwatch: 6 facts of 2026-08-22T03:00:00Z from facts.tagwatch, "
        "valid until 2126-07-29T03:00:00Z\n",
    )
    asked = await place.run("resolve", "--offline", "python:3.12-slim", "redis:6.2.x")
    assert asked.code == 0
    assert "3.12.14-slim" in asked.out
    assert "6.2.24" in asked.out


async def test_the_past_in_an_old_file(tmp_path: Path) -> None:
    keys = {NIGHTLY.public.id: NIGHTLY.public.text}
    facts = {"source": "facts.tagwatch", "public_keys": keys}
    place = desk(tmp_path, "facts-v4.tagwatch", facts=facts)
    asked = [
        await place.run("history", "registry.shop.example/shop/api:1.4", "--format", "json"),
        await place.run("base", "--offline", "node:22", "--format", "json"),
    ]
    told = [{"exit code": done.code, **done.json} for done in asked]
    compare("facts-v4-past.json", as_json({"answers": told}), MEANING)


def test_every_form_is_still_here() -> None:
    assert FILES == ["facts-v3.tagwatch", "facts-v4.tagwatch"]


async def test_the_first_form_is_refused(tmp_path: Path) -> None:
    place = desk(tmp_path, "facts-v1.tagwatch", facts="facts.tagwatch")
    done = await place.run("facts", "import", "--public-key", NIGHTLY.public.text)
    told = done.is_clean_error(2)
    assert "a secret that every reader has" in told
    assert "tagwatch facts keygen" in told
