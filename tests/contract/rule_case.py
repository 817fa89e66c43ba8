"""What the tables of cases are written with: an audit, and what a rule says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict, MatchedBase
from tagwatch.audit.model.diff import ImageDiff, Verdict
from tagwatch.audit.model.evidence import Evidence, Pin, PlatformFacts
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import Change, Interval
from tagwatch.audit.model.knowledge import Cycle, ImageRow, Knowledge, Product, Word
from tagwatch.audit.model.policy import (
    ApprovedBase,
    Policy,
    RuleSettings,
)
from tagwatch.audit.rule.interface import row
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Repository
from tagwatch.source.target import Ignore, Instruction, Port, Target
from tests.audit_case import AT, audit, digest, evidence, place, target

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True, kw_only=True)
class Expect:
    """A finding: words of its message or remedy, its severity, the text that a fix writes.

    `never`: words that stand in neither.
    """

    words: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    severity: Severity | None = None
    unknown: bool = False
    fix: str | None = None


@dataclass(frozen=True, kw_only=True)
class Said:
    """An audit and what the rule says of it. A rule that is off is turned on here."""

    why: str
    targets: tuple[Target, ...]
    facts: tuple[Evidence, ...] = ()
    expect: tuple[Expect, ...] = ()
    policy: Policy = field(default_factory=Policy)
    knowledge: Knowledge = field(default_factory=Knowledge)
    case: Mapping[str, Any] = field(default_factory=dict)
    instructions: tuple[Instruction, ...] = ()
    ports: tuple[Port, ...] = ()

    def result(self, rule: str) -> AuditResult:
        policy = self.policy
        if row(rule)["severity"] is Severity.OFF:
            policy = replace(policy, rules={rule: RuleSettings(severity=NOTE)})
        return audit(
            self.targets,
            self.facts,
            policy,
            knowledge=self.knowledge,
            extraction={"instructions": self.instructions, "ports": self.ports},
            **self.case,
        )


def speaks(*words: str, severity: Severity | None = None, **more: Any) -> tuple[Expect, ...]:
    return (Expect(words=words, severity=severity, **more),)


REDIS = target("redis")
LATEST = target("redis:latest")
SERIES = target("redis:6.2")
FULL = target("redis:6.2.24")
PINNED = target(f"redis:6.2@{digest('b')}")
BUILT = target("redis", kind="compose", facts={"built": "redis"})
WATCHED = target("redis", kind="watch", selector="6.2.x", fields=())
HUB = Repository(registry="docker.io", path="library/redis")


def ago(days: float) -> Any:
    return AT - timedelta(days=days)


def interval(one: str, since: float, until: float = 0, **more: Any) -> Interval:
    values: dict[str, Any] = {"tag": "6.2", "digest": digest(one), "ended": until > 0, **more}
    return Interval(first_seen=ago(since), last_seen=ago(until), **values)


def change(verdict: Verdict, days: float = 2, diff: ImageDiff | None = None, **more: Any) -> Change:
    values: dict[str, Any] = {"tag": "6.2.24", "before": digest("b"), "after": digest("a"), **more}
    return Change(at=ago(days), verdict=verdict, diff=diff, **values)


def moved(
    one: Target,
    verdict: Verdict,
    tag: str | None = None,
    diff: ImageDiff | None = None,
    **more: Any,
) -> Evidence:
    rest = {key: more.pop(key) for key in ("history", "platforms_offered") if key in more}
    return evidence(one, tag, change=change(verdict, diff=diff, **more), **rest)


def facts(platform: str = "linux/amd64", letter: str = "c", **more: Any) -> PlatformFacts:
    return PlatformFacts(platform=Platform.parse(platform), digest=digest(letter), **more)


def match(
    verdict: BaseVerdict, base: str = "docker.io/library/python:3.12-slim", **more: Any
) -> BaseMatch:
    values: dict[str, Any] = {"platform": "linux/amd64", "verdict": verdict}
    if base:
        tag = base.rpartition(":")[2]
        values["base"] = MatchedBase(
            reference=base, tag=tag, digest=digest("d"), version=more.pop("version", "3.12.4")
        )
    return BaseMatch(**{**values, **more})


def pinned(one: Target = PINNED, history: tuple[Interval, ...] = (), **pin: Any) -> Evidence:
    return evidence(
        one, "6.2.20", resolution={"digest": digest("b")}, history=history, pin=Pin(**pin)
    )


BASES = Policy(
    bases=(
        ApprovedBase(
            reference="python", tags=("3.12-slim", "3.13-slim"), allow_versions=">=3.12.4"
        ),
    )
)
PYTHON = target("python:3.12-slim")
NODE = target("node:22")
APP = target("ghcr.io/shop/api:1.4", kind="compose")
GRACE = timedelta(days=7)


def ignored(until: str, **more: Any) -> Target:
    one = Ignore(rules=("tag-missing",), until=until, reason="r", location=place(), line=1)
    return target("redis", ignores=(one,), **more)


def service(name: str, *ports: Port, line: int = 1) -> Target:
    return target(
        "nginx:1.27.1", path="compose.yaml", kind="compose", group=name, ports=ports, line=line
    )


def port(container: int, host: int | None = None, **more: Any) -> Port:
    return Port(container=container, host=host, **more)


ENDS = Knowledge(
    as_of=date(2026, 11, 1),
    products={
        "redis": Product(
            name="redis",
            cycles=(
                Cycle(name="6.2", ends=date(2026, 10, 31)),
                Cycle(name="7.2", ends=date(2026, 12, 31)),
                Cycle(name="7"),
                Cycle(name="5", is_over=True),
            ),
        ),
        "debian": Product(
            name="Debian",
            cycles=(
                Cycle(name="12", ends=date(2028, 6, 30)),
                Cycle(name="10", ends=date(2024, 6, 30)),
            ),
            codenames={"bookworm": "12", "buster": "10"},
        ),
        "alpine-linux": Product(
            name="Alpine Linux",
            cycles=(Cycle(name="3.20", ends=date(2026, 4, 1)), Cycle(name="3.2", is_over=True)),
        ),
    },
    images={
        "docker.io/library/redis": "redis",
        "docker.io/library/debian": "debian",
        "docker.io/library/alpine": "alpine-linux",
    },
    official=frozenset({"redis", "nginx", "node", "postgres", "python"}),
)
WORDS = replace(
    ENDS,
    rows={
        "docker.io/library/python": (ImageRow(product="python"),),
        "docker.io/guess/redis": (ImageRow(product="redis", sure=False),),
    },
    words={
        "redis": (Word(product="redis", pattern=r"redis-?(?P<v>\d\.\d)", is_system=False),),
        "buster": (Word(product="debian", cycle="10"),),
    },
)
