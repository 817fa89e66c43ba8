"""A scan names the files that hold images and that no pattern of `sources:` speaks of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.walk.command import Workplace
from tests.walk.misbehaving import misbehaving

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: %s}]}\n"
IMAGE = "well.example/app:1"
TREE = {
    "Dockerfile": f"FROM {IMAGE}\n",
    "k8s/a.yaml": POD % IMAGE,
    "k8s/b.yaml": POD % IMAGE,
    "stack.yml": f"services:\n  a: {{image: '{IMAGE}'}}\n",
    "values.json": "{}\n",
    "notes.yaml": "a: 1\n",
    "old/pod.yaml": POD % IMAGE,
}
TOLD = "no pattern of `sources:`"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    for path, text in TREE.items():
        place.write(path, text)
    return place


async def test_a_scan_says_what_it_leaves_out_and_how_to_add_it(place: Workplace) -> None:
    """Once on standard error, once in the answer; as news on no night, and on no page anew."""
    async with misbehaving() as server:
        configure(place, server.registries("well"), "**/Dockerfile*", "!old/")
        done = await place.run("scan", "--format", "json")
        (problem,) = done.json["problems"]
        assert problem == {
            "message": f"3 files that name images match {TOLD}: k8s/a.yaml, k8s/b.yaml, stack.yml",
            "location": {"path": "tagwatch.yaml"}
            | dict.fromkeys(("line", "column", "end_line", "end_column"), 1),
            "hint": 'add "k8s/*.yaml", "/stack.yml" to `sources:`, or with a `!` what to leave out',
            "skipped": True,
        }
        said = [line for line in done.err.splitlines() if TOLD in line]
        assert said == [f"tagwatch: warning: {problem['message']}; {problem['hint']}"]
        assert done.json["complete"]
        pages = place.folder / "reports"
        before = written(pages)
        again = await place.run("scan")
        assert again.out.count(TOLD) == 1
        assert written(pages) == before != {}
        part = await place.run("scan", "--repository", "well.example/app", "--format", "json")
        assert TOLD not in part.err
        assert part.json["problems"] == [problem], "what the last whole scan said stands"
        configure(place, server.registries("well"), "**/Dockerfile*", "/stack.yml", "k8s/", "!old/")
        done = await place.run("scan", "--format", "json")
        assert done.json["problems"] == []
        assert TOLD not in done.err


async def test_what_a_watched_file_leads_to_is_read(place: Workplace) -> None:
    place.write("ci/part.yml", "job:\n  image: well.example/app:1\n  script: [a]\n")
    place.write(".gitlab-ci.yml", "include: [{local: ci/part.yml}]\n")
    place.write("svc/Dockerfile", f"FROM {IMAGE}\n")
    place.write("compose.yaml", "services: {a: {build: svc}}\n")
    async with misbehaving() as server:
        known = ("/Dockerfile", ".gitlab-ci.yml", "compose.yaml", "k8s/*", "old/*", "stack.yml")
        configure(place, server.registries("well"), *known)
        done = await place.run("scan", "--format", "json")
    assert done.json["coverage"]["targets"] == 7
    assert done.json["problems"] == []


def written(pages: Path) -> dict[str, tuple[int, bytes]]:
    """Return what the newest pages are, and when each was written."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in pages.glob("l*")}


def configure(place: Workplace, registries: str, *patterns: str) -> None:
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\nsources: {json.dumps(patterns)}\nregistries:\n{registries}",
    )
