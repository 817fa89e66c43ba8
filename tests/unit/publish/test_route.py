"""Who hears of what: routes by file, image, owner and rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tagwatch.audit.model.code_owners import CodeOwners
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.result import AuditResult, RepositoryChange, Since
from tagwatch.config.settings import Route
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Gone
from tagwatch.publish.notify.route import Router
from tagwatch.source.target import Location, Target

AT = datetime(2026, 11, 29, 2, tzinfo=UTC)
OWNERS = CodeOwners.parse("* @shop/all\n/app/deploy/ @shop/ops\n")


def location(path: str) -> Location:
    return Location(path=path, line=1, column=1, end_line=1, end_column=9)


def target(path: str, image: str) -> Target:
    return Target(
        text=image, location=location(path), kind="FROM", reference=Reference.parse(image)
    )


def finding(rule: str, path: str, image: str | None) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity.ERROR,
        message="odd",
        location=location(path),
        fingerprint=f"{rule} {path}",
        reference=Reference.parse(image) if image else None,
    )


def moved(image: str) -> RepositoryChange:
    reference = Reference.parse(image)
    assert reference.tag is not None
    change = Change(
        tag=reference.tag,
        before=digest_of(b"a"),
        after=digest_of(b"b"),
        at=AT,
        verdict=Verdict.REPLACED,
    )
    return RepositoryChange(repository=reference.repository, change=change)


WEB, REDIS = "registry.example/shop/web:1", "redis:7"
RESULT = AuditResult(
    at=AT,
    findings=(
        finding("tag-replaced", "deploy/web.yaml", WEB),
        finding("port-conflict", "compose.yaml", None),
        finding("tag-moving", "compose.yaml", REDIS),
    ),
    targets=(target("deploy/web.yaml", WEB), target("compose.yaml", REDIS)),
    changes=(moved(WEB), moved(REDIS), moved("registry.example/shop/web:old")),
    gone=(Gone(repository=Reference.parse(REDIS).repository, tag="6", digest=digest_of(b"c")),),
)


@pytest.mark.parametrize(
    ("route", "findings", "moves", "gone"),
    [
        (Route(), ["tag-replaced", "port-conflict", "tag-moving"], ["1", "7", "old"], 1),
        (Route(paths=("deploy/**",)), ["tag-replaced"], ["1", "old"], 0),
        (Route(paths=("compose.yaml", "x")), ["port-conflict", "tag-moving"], ["7"], 1),
        (Route(images=("redis",)), ["tag-moving"], ["7"], 1),
        (Route(images=("registry.example/**:1",)), ["tag-replaced"], ["1"], 0),
        (Route(owners=("@shop/ops",)), ["tag-replaced"], ["1", "old"], 0),
        (Route(owners=("@shop/all", "@x")), ["port-conflict", "tag-moving"], ["7"], 1),
        (Route(rules=("tag-*",)), ["tag-replaced", "tag-moving"], [], 0),
        (Route(rules=("tag-*",), images=("redis",)), ["tag-moving"], [], 0),
        (Route(paths=("deploy/**",), images=("redis",)), [], [], 0),
    ],
)
def test_a_route_takes_its_part(
    route: Route, findings: list[str], moves: list[str], gone: int
) -> None:
    router = Router(route=route, owners=OWNERS, folder="app/")
    found = router.result(RESULT)
    assert [one.rule for one in found.findings] == findings
    assert [one.change.tag for one in found.changes] == moves
    assert len(found.gone) == gone
    since = router.since(Since(new=RESULT.findings, worse=(), fixed=RESULT.findings, same=()))
    assert [one.rule for one in since.new] == [one.rule for one in since.fixed] == findings


def test_a_move_goes_to_the_file_that_names_its_tag_by_a_pattern() -> None:
    """A watch of `7.x` stands in tagwatch.yaml; the tag that it stands for is told there."""
    watch = replace(target("tagwatch.yaml", "redis"), selector="7.x")
    result = replace(RESULT, targets=(watch, *RESULT.targets))
    router = Router(route=Route(paths=("tagwatch.yaml",)))
    assert [one.change.tag for one in router.result(result).changes] == []
    nowhere = replace(RESULT, targets=(watch,))
    assert [one.change.tag for one in router.result(nowhere).changes] == ["7"]
