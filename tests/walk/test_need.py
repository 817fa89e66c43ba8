"""What a run asks for is what its rules read and what it shows, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Override, Policy, RuleSettings
from tagwatch.audit.rule.interface import Reads, row
from tagwatch.crawl.task import Need
from tagwatch.family import RULES
from tagwatch.service.demo.images import Shelf, Step, build
from tagwatch.walk.need import IMAGE_SHOWS, SCAN_SHOWS, needs_of
from tests.walk.command import Workplace
from tests.walk.misbehaving import Asked, Misbehaving, misbehaving

ON, OFF = RuleSettings(severity=Severity.NOTE), RuleSettings(severity=Severity.OFF)
READING = [name for name in RULES if row(name)["reads"]]
TEXT = dict.fromkeys(READING, OFF)
CHECK: frozenset[Reads] = frozenset()
NAMES, DOCUMENTS = Need.NAMES, Need.NAMES | Need.DOCUMENTS
MOVES = DOCUMENTS | Need.PLATFORMS
EVERYTHING = MOVES | Need.ATTESTATIONS


def only(name: str) -> Policy:
    """A policy under which this rule is the only one that reads more than text."""
    return Policy(rules={**TEXT, name: ON})


@pytest.mark.parametrize(
    ("policy", "shown", "needs"),
    [
        (Policy(), CHECK, MOVES),
        (Policy(), SCAN_SHOWS, MOVES),
        (Policy(), IMAGE_SHOWS, EVERYTHING),
        (Policy(rules=TEXT), CHECK, NAMES),
        (Policy(rules=TEXT), SCAN_SHOWS, MOVES),
        (Policy(rules=TEXT), IMAGE_SHOWS, DOCUMENTS | Need.ATTESTATIONS),
        (Policy(rules={"attestation-missing": ON}), CHECK, EVERYTHING),
        (Policy(rules={"attestation-missing": ON}), SCAN_SHOWS, EVERYTHING),
        (only("attestation-missing"), CHECK, DOCUMENTS | Need.ATTESTATIONS),
        (only("base-behind"), CHECK, DOCUMENTS),
        (only("tag-downgraded"), CHECK, MOVES),
        (only("user-root"), CHECK, DOCUMENTS),
        (Policy(rules=TEXT, overrides=(Override(paths=("a/*",), rules={"user-root": ON}),)),
         CHECK, DOCUMENTS),
    ],
)  # fmt: skip
def test_needs_by_policy_and_command(policy: Policy, shown: frozenset[Reads], needs: Need) -> None:
    assert needs_of(policy, shown) == needs


@pytest.mark.parametrize("name", READING)
def test_every_rule_that_reads_gets_something(name: str) -> None:
    needs = needs_of(only(name))
    assert needs & Need.DOCUMENTS
    assert bool(needs & Need.ATTESTATIONS) is (Reads.ATTESTATIONS in row(name)["reads"])


class Listed:
    """A registry that does all right; what it is asked is counted by kind."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()

    async def __call__(self, asked: Asked) -> web.StreamResponse | None:
        kind = "manifest" if asked.is_manifest else "blob" if "/blobs/" in asked.path else "other"
        self.kinds[f"{asked.request.method} {kind}"] += 1
        return None

    def take(self) -> dict[str, int]:
        """What was asked since it was asked last, but for pings and lists."""
        found = {kind: count for kind, count in self.kinds.items() if "other" not in kind}
        self.kinds.clear()
        return found


def push(shelf: Shelf, *tags: str, label: str = "") -> None:
    labels = {"Labels": {"org.opencontainers.image.version": label}} if label else {}
    step = Step(created_by="ADD rootfs", content=" ".join(tags))
    shelf.push("app", tags, [build(None, [step], day="2026-05-01", config=labels)], "2026-05-01")


def shop() -> Shelf:
    """`app`: a version that is `latest`, and `nameless`, whose version only the image tells."""
    shelf = Shelf()
    push(shelf, "1.0.0", "latest")
    push(shelf, "nameless", label="4.5.6")
    return shelf


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with misbehaving(shop()) as running:
        yield running


@pytest.fixture
def listed(server: Misbehaving) -> Listed:
    found = server.faults["well"] = Listed()
    return found


def configured(place: Workplace, server: Misbehaving, policy: str, max_age: str = "1h") -> None:
    place.write(
        "tagwatch.yaml",
        f"database: t.db\nmax_age: {max_age}\nsources: [Dockerfile]\nregistries:\n"
        f"{server.registries('well')}policy:\n  rules:\n{policy}",
    )
    place.write("Dockerfile", "FROM well.example/app:latest\nFROM well.example/app:nameless\n")


def off(*names: str) -> str:
    return "".join(f'    {name}: {{severity: "off"}}\n' for name in names)


async def test_a_check_by_text_rules_gets_no_manifest(
    tmp_path: Path, server: Misbehaving, listed: Listed
) -> None:
    place = Workplace(tmp_path)
    configured(place, server, off(*READING))
    done = await place.run("check", "Dockerfile", "--format", "json")
    assert set(listed.take()) == {"HEAD manifest"}
    (latest,) = (one for one in done.json["findings"] if one["rule"] == "tag-latest")
    assert "it is 1.0.0 today" in latest["message"], "its version is another tag's name"
    assert done.json["complete"]
    again = await place.run("check", "Dockerfile", "--format", "json")
    assert again.json["findings"] == done.json["findings"]
    assert listed.take() == {}, "nothing is missing that such a check would ask for"

    resolved = await place.run("resolve", "well.example/app:nameless")
    assert "4.5.6" in resolved.out, "the check did not ask the image; who asks what it is, does"
    listed.take()

    await place.run("scan")
    assert {"GET manifest", "GET blob"} <= set(listed.take()), "its report shows what images are"


async def test_a_move_seen_by_text_rules_waits_for_its_verdict(
    tmp_path: Path, server: Misbehaving, listed: Listed
) -> None:
    place = Workplace(tmp_path)
    configured(place, server, off(*READING), max_age="0s")
    await place.run("scan")
    push(server.shelf, "1.0.1", "latest")
    listed.take()
    done = await place.run("check", "Dockerfile", "--format", "json")
    assert set(listed.take()) == {"HEAD manifest"}
    assert done.json["changes"] == []
    done = await place.run("scan", "--format", "json")
    moved = {one["tag"]: one["verdict"] for one in done.json["changes"]}
    assert moved["latest"] not in (None, "unknown")


async def test_a_run_about_other_images_leaves_a_move_its_verdict(
    tmp_path: Path, server: Misbehaving, listed: Listed
) -> None:
    """A verdict is stored once and for all: what was not read must not make it `unknown`."""
    server.shelf.push("other", ["1"], [build(None, [], day="2026-05-01")], "2026-05-01")
    place = Workplace(tmp_path)
    configured(place, server, off(*READING), max_age="0s")
    place.write("other/Dockerfile", "FROM well.example/other:1\n")
    await place.run("scan")
    push(server.shelf, "1.0.1", "latest")
    await place.run("check", "Dockerfile")
    configured(place, server, "    user-root: {severity: note}\n", max_age="0s")
    listed.take()
    await place.run("check", "other")
    assert listed.take(), "it asked for images, of another repository"
    done = await place.run("scan", "--format", "json")
    moved = {one["tag"]: one["verdict"] for one in done.json["changes"]}
    assert moved["latest"] not in (None, "unknown")


PLUGIN = '''
"""An image says what it is made of.

Risk: nobody knows.
Remedy: attest it.
Source: here.
"""
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Reads, Rule, Statement

def check(subject):
    kinds = ", ".join(sorted(subject.evidence.attestations)) or "nothing"
    yield Statement(message=f"{subject.target.text} attests {kinds}")

RULE = Rule(id="attests", title="what it attests", severity=Severity.NOTE, check=check,
            reads=frozenset({Reads.ATTESTATIONS}))
'''


async def test_a_rule_of_another_package_gets_the_attestations_that_it_reads(
    tmp_path: Path, server: Misbehaving, listed: Listed
) -> None:
    place = Workplace(tmp_path, {"PYTHONPATH": str(tmp_path / "site")})
    information = "site/attests-1.0.dist-info"
    place.write("site/attests.py", PLUGIN)
    place.write(f"{information}/METADATA", "Metadata-Version: 2.1\nName: attests\nVersion: 1.0\n")
    place.write(f"{information}/entry_points.txt", "[tagwatch.rules]\nattests = attests:RULE\n")
    configured(place, server, off(*READING) + "    attests: {severity: warning}\n")
    for command in (("check", "Dockerfile"), ("scan",)):
        done = await place.run(*command, "--format", "json")
        said = [one["message"] for one in done.json["findings"] if one["rule"] == "attests"]
        assert len(said) == 2, done.err
        assert all("provenance" in message for message in said), said
