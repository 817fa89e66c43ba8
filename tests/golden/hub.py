"""Docker Hub as its documentation tells it: names of its own, bulk listings, a limit, a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.golden.place import Place
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Pushed

__all__ = ["play_hub"]

FIRST, SECOND = "2026-11-10T02:00:00Z", "2026-11-12T02:00:00Z"
NAMES = (
    "redis:6.2",
    "docker.io/library/redis:6.2",
    "index.docker.io/library/redis:6.2",
    "registry-1.docker.io/library/redis:6.2",
    "registry.hub.docker.com/library/redis:6.2",
)
DOCKERFILE = "".join(f"FROM {name}\n" for name in NAMES) + "FROM acme/app:1\nFROM acme/secret:1\n"


async def play_hub(folder: Path) -> Mapping[str, str]:
    """The transcripts, by name."""
    root = folder / "hub"
    root.mkdir()
    double = HubDouble()
    double.pulls = (100, 61)
    double.private = {"acme/secret"}
    double.warehouse.push("acme/secret", "1")
    _first_night(double)
    async with double.serving():
        place = Place(folder=root, at=FIRST)
        place.write("Dockerfile", DOCKERFILE)
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\nreports: {formats: [json]}\n"
            "watch: [{image: acme/app, tags: ['1.x', '2']}]\n"
            "policy: {on_unavailable: fail, rules: {digest-unpinned: {severity: note}}}\n"
            f"registries:\n  docker.io: {{endpoint: '{double.url}', "
            f"catalogue_endpoint: '{double.url}', credential: anonymous, concurrency: 1}}\n",
        )
        await place.note("first-scan", "scan")
        await place.note("doctor", "doctor")
        await place.note("doctor-json", "doctor --format json")
        await place.note("check-incomplete-json", "check --format json")
        await place.note("fix-dry-run", "check --fix=pin --dry-run")
        _second_night(double)
        place.at = SECOND
        await place.note("second-scan-json", "scan --format json")
        await place.note("report", "report --format text")
        await place.note("check", "check")
        await place.note("resolve", f"resolve {' '.join(NAMES)} acme/app acme/secret:1")
        await place.note("resolve-json", f"resolve {NAMES[0]} 'acme/app:^1' --format json")
        await place.note("history", f"history {NAMES[-1]}")
        await place.note("history-json", "history acme/app --format json")
        await place.note("history-import", "history import mysql redis")
    return place.answers


def _first_night(double: HubDouble) -> None:
    for path, tags in {
        "library/redis": ("6.2.19", "7.4.1", "8.0.0"),
        "library/mysql": ("8.4.0",),
        "acme/app": ("1.0", "1.1", "2.0"),
    }.items():
        for tag in tags:
            double.warehouse.push(path, tag, at=datetime(2026, 11, 5, 6, 0, tzinfo=UTC))
    _alias(double, "library/redis", "6.2.19", "6.2", "6")
    _alias(double, "library/redis", "8.0.0", "8.0", "8", "latest")
    _alias(double, "acme/app", "1.1", "1")
    _alias(double, "acme/app", "2.0", "2", "latest")


def _second_night(double: HubDouble) -> None:
    morning = datetime(2026, 11, 11, 6, 0, tzinfo=UTC)
    double.warehouse.push("library/redis", "6.2.20", at=morning)
    _alias(double, "library/redis", "6.2.20", "6.2", "6")
    double.warehouse.push("acme/app", "1.1", at=morning, build="2")
    double.warehouse.push("acme/app", "1.2", at=morning)
    _alias(double, "acme/app", "1.2", "1")
    double.warehouse.repositories["acme/app"].pop("1.0")


def _alias(double: HubDouble, path: str, tag: str, *others: str) -> None:
    """Let other tags serve what a tag serves."""
    shelf = double.warehouse.repositories[path]
    for other in others:
        shelf[other] = Pushed(digest=shelf[tag].digest, at=shelf[tag].at)
