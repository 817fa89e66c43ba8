"""`tagwatch outdated`, the real command over nights, beside a registry in this process."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest

from tagwatch.service.demo.show import serving
from tests.golden.documents import SCHEMAS
from tests.official import service
from tests.walk.command import Done
from tests.walk.test_new_version import ENOUGH, Nights

IMAGE = "registry.shop.example/shop/api"
PINNED = service(0, "1.4.2").digest
FILES = {
    "Dockerfile": f"FROM {IMAGE}:1.4.2\n",
    "pinned/Dockerfile": f"FROM {IMAGE}:1.4.2@{PINNED}\n",
    "compose.yaml": f"services:\n  a:\n    image: {IMAGE}:1.4.2\n"
    f"  b:\n    image: {IMAGE}:nightly\n",
    "kustomize/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\n"
    f"kind: Kustomization\nimages:\n- name: app\n  newName: {IMAGE}\n  newTag: 1.3.9\n",
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "chart/values.yaml": f"image:\n  repository: {IMAGE}\n  tag: 2.0.0\n",
}


@pytest.fixture
async def tree(tmp_path: Path) -> AsyncIterator[Nights]:
    """Files of each kind that name one repository, which was listed once."""
    nights = Nights(tmp_path / "tree")
    async with serving(nights.shelf) as address:
        own = f"endpoint: '{address}', credential: anonymous"
        nights.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: ledger.db\npolicy: policy.yaml\n"
            "sources: [Dockerfile]\nreports: {formats: [html]}\nregistries:\n"
            f"  registry.shop.example: {{{own}}}\n",
        )
        nights.write("policy.yaml", "version: 1\ndefaults: {cooldown: 3d}\n")
        for name, text in FILES.items():
            nights.write(name, text)
        for tag in ("1.3.9", "1.4.2", "2.0.0", "nightly"):
            nights.push(tag, service(0, tag))
        await nights.night(0)
        yield nights


def rows(done: Done) -> dict[str, tuple[str, dict[str, object], str | None]]:
    """By image: its outlook, the tag of each step, and what is kept back."""
    jsonschema.validate(done.json, json.loads((SCHEMAS / "outdated.json").read_text()))
    found = {}
    for one in done.json["images"]:
        held = [step["kept_back"] for step in one["newer"].values() if step["kept_back"]]
        steps = {level: step["tag"] for level, step in one["newer"].items()}
        name = one["name"].removeprefix(f"{IMAGE}:")
        found[name] = (one["outlook"], steps, held[0]["old_enough_from"] if held else None)
    return found


async def test_every_kind_of_file_over_a_cool_down(tree: Nights) -> None:
    pinned = f"1.4.2@{PINNED[:19]}"
    done = await tree.run("outdated", "--all", "--format", "json")
    assert (done.code, done.json["complete"]) == (0, True), done.err
    assert rows(done) == {
        "1.3.9": ("outdated", {"minor": "1.4.2", "major": "2.0.0"}, None),
        "1.4.2": ("outdated", {"major": "2.0.0"}, None),
        pinned: ("outdated", {"major": "2.0.0"}, None),
        "2.0.0": ("up-to-date", {}, None),
        "nightly": ("not-comparable", {}, None),
    }
    places = {one["name"]: one["places"] for one in done.json["images"]}
    assert [place["path"] for place in places[f"{IMAGE}:1.4.2"]] == ["Dockerfile", "compose.yaml"]

    tree.at += timedelta(days=2)
    tree.push("1.4.3", service(2, "1.4.3"))
    tree.push("2.1.0", service(2, "2.1.0"))
    enough = ENOUGH.removeprefix("old enough from ")
    young = await tree.run("outdated", "--refresh", "--format", "json")
    assert rows(young) == {
        "1.3.9": ("outdated", {"minor": "1.4.2", "major": None}, enough),
        "1.4.2": ("waiting", {"patch": None, "major": None}, enough),
        pinned: ("waiting", {"patch": None, "major": None}, enough),
        "2.0.0": ("waiting", {"minor": None}, enough),
        "nightly": ("not-comparable", {}, None),
    }
    text = " ".join((await tree.run("outdated", "--offline")).out.split())
    assert f"1.4.3 (patch) is kept back by cooldown: {ENOUGH}" in text
    assert "of 5 images: 3 kept back, 1 not comparable" in text

    tree.at += timedelta(days=3)
    old = await tree.run("outdated", "--offline", "--format", "json", "--level", "minor")
    assert rows(old) == {
        "1.3.9": ("outdated", {"minor": "1.4.3"}, None),
        "1.4.2": ("outdated", {"patch": "1.4.3"}, None),
        pinned: ("outdated", {"patch": "1.4.3"}, None),
        "2.0.0": ("outdated", {"minor": "2.1.0"}, None),
        "nightly": ("not-comparable", {}, None),
    }


async def test_a_night_looks_again_only_where_something_may_be_said_else(tree: Nights) -> None:
    def told() -> tuple[str, str, bytes]:
        """When images were looked at, what the index says of them, and the page."""
        reports = tree.folder / "reports"
        memo = json.loads((reports / "pages.json").read_text())["outdated"]
        index = (reports / "index.html").read_text(encoding="utf-8")
        assert memo["sentence"] in index.replace("\N{NO-BREAK SPACE}", " ")
        return memo["at"][:10], memo["sentence"], (reports / "outdated.html").read_bytes()

    await tree.night(1)
    tree.push("1.4.3", service(1, "1.4.3"))
    for number in (2, 3.5):  # after which what was there first is three days old
        await tree.night(number)
    looked_at, waiting, page = told()
    assert "newer patch" not in waiting
    await tree.night(4.5)
    assert told() == (looked_at, waiting, page), "nothing was looked at"
    await tree.night(5.5)
    later, enough, other = told()
    assert later > looked_at, "what is new is old enough"
    assert "2 images have a newer patch" in enough
    assert other != page
    await tree.night(6)
    assert told() == (later, enough, other)
    (tree.folder / "reports/outdated.html").unlink()
    await tree.night(7)
    assert told()[0] > later, "it is written anew"


async def test_a_pin_that_no_tag_is_known_by_is_outdated_by_the_tag_beside_it(
    tree: Nights,
) -> None:
    """Its tag was rebuilt before anybody looked, or the digest is gone: both are no news there."""
    before = service(9, "1.3.9")
    tree.push("before", before)
    del tree.shelf.tags["shop/api"]["before"]  # its manifest stays
    pinned = before.digest
    gone = f"sha256:{'b' * 64}"
    tree.write("pins/a.Dockerfile", f"FROM {IMAGE}:1.3.9@{pinned}\n")
    tree.write("pins/b.Dockerfile", f"FROM {IMAGE}:1.3.9@{gone}\n")
    tree.write("pins/c.Dockerfile", f"FROM {IMAGE}:2.0.0@{gone[:-1]}c\n")
    tree.write("pins/d.Dockerfile", f"FROM {IMAGE}@{pinned}\n")
    done = await tree.run("outdated", "pins", "--all", "--format", "json")
    newer = {"minor": "1.4.2", "major": "2.0.0"}
    assert rows(done) == {
        f"1.3.9@{pinned[:19]}": ("outdated", newer, None),
        f"1.3.9@{gone[:19]}": ("outdated", newer, None),
        f"2.0.0@{gone[:19]}": ("not-found", {}, None),
        f"{IMAGE}@{pinned[:19]}": ("not-comparable", {}, None),
    }
    why = {one["places"][0]["path"]: one["why"] for one in done.json["images"]}
    assert why == {
        "pins/a.Dockerfile": None,
        "pins/b.Dockerfile": "its digest does not exist",
        "pins/c.Dockerfile": "its digest does not exist",
        "pins/d.Dockerfile": "no tag is known that served its digest",
    }


async def test_a_tag_that_does_not_exist_is_outdated_by_its_name(tree: Nights) -> None:
    """It was deleted, or never there: what is newer is told all the same, and that it is gone."""
    for number, tag in enumerate(("1.3.7", "1.2.0", "2.9.0", "weekly")):
        tree.write(f"absent/{number}.Dockerfile", f"FROM {IMAGE}:{tag}\n")
    done = await tree.run("outdated", "absent", "--all", "--format", "json")
    newer = {"minor": "1.4.2", "major": "2.0.0"}
    assert rows(done) == {
        "1.3.7": ("outdated", {"patch": "1.3.9", **newer}, None),
        "1.2.0": ("outdated", newer, None),
        "2.9.0": ("not-found", {}, None),
        "weekly": ("not-found", {}, None),
    }
    assert {one["why"] for one in done.json["images"]} == {"its tag does not exist"}


async def test_exit_codes(tree: Nights) -> None:
    async def code(*arguments: str) -> int:
        return (await tree.run("outdated", "--offline", *arguments)).code

    assert await code() == 0
    assert await code("--fail") == 1
    assert await code("--fail", "--level", "patch") == 0
    assert await code("chart", "--fail") == 0, "2.0.0 is the newest"
    assert await code("tagwatch.yaml") == 3
    assert await code("--level", "huge") == 2
    tree.write("policy.yaml", "version: 1\non_unavailable: fail\n")
    assert await code("Dockerfile") == 0
    tree.write("other/Dockerfile", "FROM registry.shop.example/shop/other:1\n")
    assert await code("other") == 4
    assert await code("--fail") == 1, "what is outdated comes first, as in check"

    text = (tree.folder / "tagwatch.yaml").read_text(encoding="utf-8")
    tree.write(
        "tagwatch.yaml", re.sub(r"endpoint: '[^']*'", "endpoint: 'http://127.0.0.1:9'", text)
    )
    done = await tree.run("outdated", "other")
    assert done.code == 4
    assert "not read: registry.shop.example: asking " in " ".join(done.out.split())


async def test_what_text_alone_tells(tree: Nights) -> None:
    """Without a memory nothing newer is known, and a line that is over still is."""
    tree.write("old/Dockerfile", "FROM python:2.7\n")
    tree.write("new/Dockerfile", "FROM python:3.13\n")
    done = await tree.run("outdated", "old", "new", "--offline")
    assert done.out == (
        "IMAGE        NOW  END OF LIFE\n"
        "python:2.7        over since 2020-01-01: Python 2.7\n"
        "    not read: nothing is known of it\n"
        "    in old/Dockerfile:1\n"
        "python:3.13       2029-10-31\n"
        "    not read: nothing is known of it\n"
        "    in new/Dockerfile:1\n"
        "\n"
        "1 image is past its end of life (of 2 images: 1 not read)\n"
    )
    assert (done.code, done.err) == (0, "")
    markdown = (await tree.run("outdated", "old", "--offline", "--format", "markdown")).out
    assert markdown.startswith("## 1 image is past its end of life ")
    assert "| `python:2.7` |  |  |  |  | over since 2020\\-01\\-01: Python 2.7 |" in markdown


async def test_the_page_of_the_report_follows_the_nights(tree: Nights) -> None:
    """It is written by the night in which it says something else, though time alone made that."""

    def page() -> str:
        text = (tree.folder / "reports/outdated.html").read_text(encoding="utf-8")
        return " ".join(text.split()).replace("\u00a0", " ")

    first = page()
    assert "2 images have a newer major version" in first
    await tree.night(1)
    assert page() == first
    tree.push("2.1.0", service(2, "2.1.0"))
    await tree.night(2)
    waiting = f"2.1.0 (major) is kept back by cooldown: {ENOUGH}"
    assert (waiting in page(), "Nothing is outdated" in page()) == (True, True)
    await tree.night(4)
    assert "As of 2026-10-27 02:00 UTC" in page()
    await tree.night(5)
    assert "As of 2026-10-30 02:00 UTC" in page()
    assert "<code>2.1.0</code>" in page()
    again = await tree.run("report", "--directory", "pages")
    assert again.code == 0, again.err
    assert (tree.folder / "pages/outdated.html").read_text(encoding="utf-8") == (
        tree.folder / "reports/outdated.html"
    ).read_text(encoding="utf-8")
