"""Which findings have one cause: the first is told, the others are its places."""

from __future__ import annotations

import pytest

from tagwatch.audit.model.finding import Finding, Severity, causes_of
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location


def said(rule: str, message: str, path: str = "a.yaml", **more: object) -> Finding:
    place = Location(path=path, line=1, column=1, end_line=1, end_column=2)
    given = {"severity": Severity.WARNING, "fingerprint": f"{rule}{message}{path}", **more}
    return Finding(rule=rule, message=message, location=place, **given)  # type: ignore[arg-type]  # as given


REDIS = Reference.parse("bitnami/redis:7")
REDIS_6 = Reference.parse("bitnami/redis:6")
PINNED = Reference.parse("o/a:1@sha256:" + "a" * 64)
SEEN, LISTED = {"clock": "first seen"}, {"clock": "first listed"}
EVIDENCE = {"missing": "tag"}
LINE = {"product": "redis", "cycle": "7"}
TEMPLATE = {"missing": "docker.base"}


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        (said("tag-missing", "redis"), said("tag-missing", "redis", "b.yaml"), True),
        (said("tag-missing", "redis"), said("tag-missing", "nginx"), False),
        (said("tag-missing", "redis"), said("tag-latest", "redis"), False),
        (said("a", "x"), said("a", "x", "b", severity=Severity.ERROR), False),
        (said("a", "x", remedy="to 7"), said("a", "x", "b", remedy="to 8"), False),
        (
            said("official-lookalike", "7", reference=REDIS),
            said("official-lookalike", "6", "b", reference=REDIS_6),
            True,
        ),
        (
            said("reference-unresolved", "x", evidence=EVIDENCE),
            said("reference-unresolved", "y", evidence=EVIDENCE),
            True,
        ),
        (
            said("reference-unresolved", "x", evidence=EVIDENCE),
            said("reference-unresolved", "z", "b", evidence=EVIDENCE),
            True,
        ),
        (
            said("reference-unresolved", "x", evidence={"missing": "BASE"}),
            said("reference-unresolved", "x", "b", evidence={"missing": "BASE"}),
            False,
        ),
        (
            said("reference-unresolved", "x", evidence=TEMPLATE),
            said("reference-unresolved", "y", "b", evidence=TEMPLATE),
            True,
        ),
        (
            said("port-all-interfaces", "15672", evidence={"inside": "15672"}),
            said("port-all-interfaces", "9229", evidence={"inside": "9229"}),
            False,  # a debugger is no queue's page
        ),
        (said("port-all-interfaces", "8080"), said("port-all-interfaces", "8081"), True),
        (
            said("version-eol", "7-alpine", reference=REDIS, evidence=LINE, remedy="to 8-alpine"),
            said("version-eol", "7", "b", reference=REDIS, evidence=LINE, remedy="to 8"),
            True,
        ),
        (
            said("version-eol", "7", reference=REDIS, evidence=LINE),
            said("version-eol", "6", "b", reference=REDIS_6, evidence={**LINE, "cycle": "6"}),
            False,
        ),
        (
            said("tag-latest", "a", severity=Severity.NOTE, evidence={"published_by": "its name"}),
            said("tag-latest", "b", "b", severity=Severity.NOTE, evidence={"published_by": "x"}),
            True,
        ),
        (said("port-all-interfaces", "8080"), said("port-all-interfaces", "8081", "b"), True),
        (
            said("tag-latest", "a", text="${R}/a:${TAG}"),
            said("tag-latest", "b", text="${R}/b:${TAG}"),
            True,
        ),
        (said("tag-latest", "a", text="a:latest"), said("tag-latest", "b", text="b:latest"), False),
        (
            said("tag-latest", "a", reference=Reference.parse("ghcr.io/o/a:latest")),
            said("tag-latest", "b", "b", reference=Reference.parse("ghcr.io/o/b:latest")),
            True,
        ),
        (
            said("tag-latest", "a", reference=Reference.parse("redis:latest")),
            said("tag-latest", "b", reference=Reference.parse("nginx:latest")),
            False,
        ),
        (
            said("tag-latest", "a", reference=Reference.parse("o/a:latest"), remedy="write 1"),
            said("tag-latest", "b", reference=Reference.parse("o/b:latest"), remedy="write 2"),
            True,
        ),
        (
            said("image-retired", "a", reference=REDIS),
            said("image-retired", "b", reference=REDIS_6),
            True,
        ),
        (said("user-root", "no USER, nor in a"), said("user-root", "no USER, nor in b"), True),
        (
            said("cooldown", "a", reference=Reference.parse("o/a:1"), evidence=SEEN),
            said("cooldown", "b", reference=Reference.parse("o/b:2"), evidence=SEEN),
            True,
        ),
        (
            said("cooldown", "a", reference=Reference.parse("o/a:1"), evidence=SEEN),
            said("cooldown", "b", reference=Reference.parse("p/b:2"), evidence=SEEN),
            False,
        ),
        (
            said("cooldown", "a", reference=Reference.parse("o/a:1"), evidence=LISTED),
            said("cooldown", "b", reference=Reference.parse("o/b:2"), evidence=LISTED),
            False,
        ),
        (
            said("cooldown", "a", reference=PINNED, evidence=SEEN),
            said("cooldown", "b", "b", reference=PINNED, evidence=SEEN),
            False,
        ),
        (
            said("base-behind", "a", reference=REDIS, text="o/a:7", evidence={"newer": "8"}),
            said("base-behind", "b", reference=REDIS, text="o/b:7", evidence={"newer": "8"}),
            True,
        ),
        (
            said("port-all-interfaces", "redis", severity=Severity.ERROR),
            said("port-all-interfaces", "mysql", severity=Severity.ERROR),
            False,
        ),
    ],
)
def test_cause(one: Finding, other: Finding, is_one: bool) -> None:
    assert causes_of([one, other]) == ([[one, other]] if is_one else [[one], [other]])
