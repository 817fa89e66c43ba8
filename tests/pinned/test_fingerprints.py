"""Fingerprints: baselines, alerts and code scanning know a finding again by them, for years."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.contract.rule_case import Said
from tests.contract.test_rules import CASES
from tests.pinned.pin import as_table, compare
from tests.walk.command import Workplace

COLUMNS = ("rule", "case", "target", "fingerprint")
MEANING = (
    "a fingerprint changed: every baseline forgets what it knew, and every alert is told again"
)

DOCKERFILE = f"""\
ARG VERSION=7
FROM redis:latest AS one
FROM redis:latest AS two
FROM docker.io/library/redis:latest
FROM redis
FROM redis@sha256:{"a" * 64}
FROM redis:6.2@sha256:{"b" * 64}
FROM redis:${{VERSION}}
FROM redis:${{UNKNOWN}}
FROM ghcr.io/Shop/api:1.0
FROM localhost:5000/shop/api:latest
"""
COMPOSE = """\
services:
  cache:
    image: redis:latest
  queue:
    image: redis:latest
    ports: ["6379:6379"]
"""
MANIFEST = """\
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  initContainers: [{name: wait, image: "busybox:latest"}]
  containers:
    - {name: shop, image: "registry.shop.example/shop/api:latest"}
    - {name: other, image: "registry.shop.example/shop/api:latest"}
"""
FILES = {
    "Dockerfile": DOCKERFILE,
    "sub/Dockerfile": "FROM redis:latest\n",
    "compose.yaml": COMPOSE,
    "deploy/pod.yaml": MANIFEST,
    "ümläut/Dockerfile": "FROM redis:latest\n",
}


def spoken(rule: str, cases: tuple[Said, ...]) -> Iterator[tuple[str, str, str, str]]:
    """What a rule says in its cases; cases in which it is silent have no row."""
    for case in cases:
        for finding in case.result(rule).findings:
            if finding.rule == rule:
                target = f"{finding.location.path} {finding.text}".rstrip()
                yield rule, case.why, target, finding.fingerprint


def test_every_rule_in_its_cases() -> None:
    rows = [row for rule, cases in sorted(CASES.items()) for row in spoken(rule, cases)]
    assert {row[0] for row in rows} == set(CASES)
    compare("fingerprints.tsv", as_table(COLUMNS, rows), MEANING)


async def test_what_the_command_says_of_targets_of_every_form(tmp_path: Path) -> None:
    """The same image twice in a file, in services, without a tag, by a digest, by a variable."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    for name, text in FILES.items():
        place.write(name, text)
    done = await place.run("check", "--offline", "--format", "json", ".")
    rows = [
        (
            finding["rule"],
            f"{finding['location']['path']}:{finding['location']['line']}",
            finding["reference"] or "",
            finding["fingerprint"],
        )
        for finding in done.json["findings"]
    ]
    rows.sort()
    assert len(rows) == len({row[-1] for row in rows}), "two findings have one fingerprint"
    columns = ("rule", "place", "reference", "fingerprint")
    compare("fingerprints-of-files.tsv", as_table(columns, rows), MEANING)
