"""An image on which something breaks that nobody foresaw: it is told, and the others are judged.

A package of its own breaks on purpose, wherever the name of a repository says so: while it is
read, stored, judged or rendered.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hostile.promise import promised
from tests.hostile.served import config_of, served
from tests.walk.command import Workplace

PACKAGE = '''
"""Breaks. Risk: none. Remedy: none. Source: here."""
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, RuleScope, Statement
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.interface import Listing

suffix = ".names"

def render(result, context):
    if any("rendered" in target.text for target in result.targets):
        raise ZeroDivisionError("rendering")
    return "\\n".join(sorted(f"{one.rule} {one.message}" for one in result.findings)) + "\\n"

def check(subject):
    if "judged" in subject.target.text:
        raise ZeroDivisionError("judging")
    yield Statement(message=f"{subject.target.text} is judged")

def check_file(subject):
    if "Other" in subject.path:
        raise ZeroDivisionError("judging a file")
    return ()

RULE = Rule(id="breaking", title="breaks", severity=Severity.NOTE, reads=frozenset(), check=check)
FILE = Rule(id="breaking-file", title="breaks", severity=Severity.NOTE, reads=frozenset(),
            check=check_file, scope=RuleScope.FILE)

class Catalogue:
    has_digests = True
    def __init__(self, context):
        self.oci = context.oci
    async def list_tags(self, repository, *, watermark, known, at):
        if "read" in repository.path:
            raise ZeroDivisionError("reading")
        found = await self.oci.head(repository, "1.0")
        tags = ("1.0", "\\ud800") if "stored" in repository.path else ("1.0",)
        seen = tuple(TagObservation(tag=tag, digest=found.digest) for tag in tags)
        return Listing(scope=Scope.FULL, names=frozenset(tags), observations=seen)
'''
POINTS = """[tagwatch.rules]
breaking = breaking:RULE
breaking-file = breaking:FILE
[tagwatch.publishers]
breaking = breaking
[tagwatch.catalogues]
breaking = breaking:Catalogue
"""
NAMES = ("good", "judged", "read", "rendered", "stored")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Workplace]:
    async with served() as registry:
        for name in NAMES:
            registry.push(name, config_of())
        site = tmp_path / "site"
        found = Workplace(tmp_path / "here", {"PYTHONPATH": str(site)})
        information = site / "breaking-1.0.dist-info"
        found.write(str(site / "breaking.py"), PACKAGE)
        found.write(
            f"{information}/METADATA", "Metadata-Version: 2.1\nName: breaking\nVersion: 1\n"
        )
        found.write(f"{information}/entry_points.txt", POINTS)
        found.write("Dockerfile", "".join(f"FROM r.example/{name}:1.0\n" for name in NAMES))
        found.write("Dockerfile.Other", "FROM scratch\n")
        found.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: ['Dockerfile*']\n"
            "policy: {rules: {breaking: {severity: note}, breaking-file: {severity: note}}}\n"
            "reports: {directory: reports, formats: [json, breaking]}\n"
            + registry.settings(kind="breaking"),
        )
        found.environment["TAGWATCH_CONFIG"] = str(found.folder / "tagwatch.yaml")
        yield found


@promised(
    "an image", "anything that leads to an error nobody foresaw, in any step of a run",
    "it is that image's finding; every other image is read, stored, judged and shown",
)  # fmt: skip
@pytest.mark.parametrize(
    "command", [("scan",), ("check", ".", "--format", "json")], ids=["scan", "check"]
)
async def test_one_image_breaks_alone(place: Workplace, command: tuple[str, ...]) -> None:
    done = await place.run(*command)
    assert done.code == 1, done.err
    if command == ("scan",):
        text = (place.folder / "reports" / "latest.json").read_text(encoding="utf-8")
    else:
        text = done.out
    answer = json.loads(text)
    assert answer["complete"] is False
    said = {one["message"] for one in answer["findings"] if one["rule"] == "breaking"}
    assert said == {f"r.example/{name}:1.0 is judged" for name in NAMES if name != "judged"}
    told = [one["message"] for one in answer["findings"] if one["rule"] == "check-incomplete"]
    assert any("breaking cannot judge 'r.example/judged:1.0'" in one for one in told), told
    assert any("breaking-file cannot judge 'Dockerfile.Other'" in one for one in told), told
    failures = {one["repository"]: one for one in answer["failures"]}
    assert {name: one["code"] for name, one in failures.items()} == {
        "r.example/read": "internal-error",
        "r.example/stored": "internal-error",
    }
    assert "ZeroDivisionError: reading" in failures["r.example/read"]["message"]
    status = {one["input"]: one["status"] for one in answer["resolutions"]}
    for name in ("good", "judged", "rendered"):
        assert status[f"r.example/{name}:1.0"] == "resolved"


async def test_a_report_leaves_out_only_what_cannot_be_rendered(place: Workplace) -> None:
    await place.run("scan")
    lines = (place.folder / "reports" / "latest.names").read_text(encoding="utf-8").splitlines()
    assert (
        "check-incomplete what is known of r.example/rendered cannot be shown: ZeroDivisionError"
        in lines
    )
    assert "breaking r.example/good:1.0 is judged" in lines
    assert not any("rendered:1.0" in line for line in lines)
