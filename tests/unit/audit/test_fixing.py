"""What `--fix` makes of an audit, by strategy: tables over real Dockerfiles and made evidence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tagwatch.audit.judge import judge
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Evidence, Newer, Pin, Resolution, Status, evidence_key
from tagwatch.audit.model.history import Change, Interval
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.verdict.fixing import Strategy
from tagwatch.audit.verdict.result import AuditResult, Case, Purpose
from tagwatch.image.digest import Digest
from tagwatch.source.dockerfile import extract
from tagwatch.source.target import Extraction, SourceContext
from tagwatch.source.text.edit import apply
from tagwatch.value import replace

AT = datetime(2026, 11, 24, tzinfo=UTC)
OLD = Digest("sha256:" + "0123456789abcdef" * 4)
NOW = Digest("sha256:" + "fedcba9876543218" * 4)
NEW = Digest("sha256:" + "abcdef0123456789" * 4)
NEWER = Newer(patch="7.4.11", minor="7.6.0", major="8.0.0")


def known(
    key: str,
    tag: str | None = "7.4.10",
    digest: Digest | None = NOW,
    *,
    aliases: tuple[str, ...] = ("7", "7.4", "7.4.10", "latest"),
    newer: Newer = NEWER,
    now: Digest | None = NOW,
    pinned: Pin | None = None,
) -> Evidence:
    status = Status.RESOLVED if digest else Status.UNAVAILABLE
    resolution = Resolution(
        input=key, status=status, tag=tag, digest=digest, aliases=aliases, newer=newer
    )
    history = (Interval(tag="7", digest=now, first_seen=AT, last_seen=AT),) if now else ()
    return Evidence(key=key, resolution=resolution, at=AT, history=history, pin=pinned)


def judged(
    dockerfile: str, strategy: Strategy, evidence: Evidence | None, *also: Evidence
) -> AuditResult:
    (target,) = extract(dockerfile.encode(), "Dockerfile", SourceContext()).targets
    key = evidence_key(target)
    assert key is not None
    return judge(
        Case(
            at=AT,
            files=[("Dockerfile", Extraction(targets=(target,)))],
            evidence={key: evidence} if evidence else {},
            beside={one.key: one for one in also},
        ),
        Policy(),
        Knowledge(),
        strategy=strategy,
    )


HUB = "docker.io/library/redis"
SEVEN = known(f"{HUB}:7")
LEFT = known(f"{HUB}:7", pinned=Pin(served_by_tag=True, tags=()))
LATER = known(f"{HUB}:7.4.11", "7.4.11", NEW)
MANY = known(
    f"{HUB}:7",
    newer=Newer(
        patch="7.4.14", patches=("7.4.13", "7.4.12", "7.4.11"), minor="7.6.1", minors=("7.6.0",)
    ),
)
SWAPPED = {
    tag: replace(
        known(f"{HUB}:{tag}", tag, NEW),
        change=Change(tag=tag, before=OLD, after=NEW, at=AT, verdict=Verdict.REPLACED),
    )
    for tag in ("7.4.14", "7.4.13", "7.6.1")
}
NEXT = known(f"{HUB}:7.6.0", "7.6.0", NEW)
CASES = [
    ("FROM redis:7", Strategy.PIN, SEVEN, (), f"FROM redis:7@{NOW}"),
    ("FROM redis", Strategy.PIN, SEVEN, (), f"FROM redis:7.4.10@{NOW}"),
    ("FROM redis:7.4.x", Strategy.PIN, SEVEN, (), f"FROM redis:7.4.10@{NOW}"),
    ("FROM redis:7", Strategy.PIN, known("x", None, None), (), "FROM redis:7"),
    ("FROM redis:7", Strategy.PIN, None, (), "FROM redis:7"),
    (f"FROM redis:7@{OLD}", Strategy.PIN, SEVEN, (), f"FROM redis:7@{NOW}"),
    (f"FROM redis:7@{NOW}", Strategy.PIN, SEVEN, (), f"FROM redis:7@{NOW}"),
    (f"FROM redis:7@{OLD}", Strategy.PIN, known("x", now=None), (), f"FROM redis:7@{OLD}"),
    (
        f"FROM redis:7@{OLD}",
        Strategy.PIN,
        known("x", pinned=Pin(served_by_tag=False)),
        (SEVEN,),
        f"FROM redis:7@{OLD}",
    ),
    (
        f"# 7.4.9\nFROM redis:7@{OLD}",
        Strategy.PIN,
        SEVEN,
        (SEVEN,),
        f"# 7.4.10\nFROM redis:7@{NOW}",
    ),
    (f"# 7\nFROM redis:7@{OLD}", Strategy.PIN, SEVEN, (SEVEN,), f"# 7\nFROM redis:7@{NOW}"),
    (f"# 7\nFROM redis@{OLD}", Strategy.PIN, SEVEN, (SEVEN,), f"# 7\nFROM redis@{NOW}"),
    (f"FROM redis@{OLD}", Strategy.PIN, SEVEN, (SEVEN,), f"FROM redis@{OLD}"),
    ("FROM redis:7.4.10", Strategy.PATCH, SEVEN, (), "FROM redis:7.4.10"),
    ("FROM redis:7.4.10", Strategy.PATCH, SEVEN, (LATER,), "FROM redis:7.4.11"),
    ("FROM redis:7.4.10", Strategy.MINOR, SEVEN, (NEXT,), "FROM redis:7.6.0"),
    ("FROM redis:7.4.10", Strategy.MINOR, SEVEN, (LATER,), "FROM redis:7.4.11"),
    ("FROM redis:7.4.10", Strategy.MINOR, known("x", newer=Newer()), (), "FROM redis:7.4.10"),
    (
        "FROM redis:7.4.10",
        Strategy.MINOR,
        known("x", newer=Newer(patch="7.4.11")),
        (LATER,),
        "FROM redis:7.4.11",
    ),
    (
        "FROM redis:7.4.10",
        Strategy.PATCH,
        MANY,
        (SWAPPED["7.4.14"], SWAPPED["7.4.13"], LATER),
        "FROM redis:7.4.11",
    ),
    (
        f"FROM redis:7.4.10@{OLD}",
        Strategy.PATCH,
        MANY,
        (SWAPPED["7.4.14"], SWAPPED["7.4.13"], LATER),
        f"FROM redis:7.4.11@{NEW}",
    ),
    ("FROM redis:7.4.10", Strategy.MINOR, MANY, (SWAPPED["7.6.1"], LATER), "FROM redis:7.4.11"),
    (f"FROM redis:7.4.10@{OLD}", Strategy.PATCH, SEVEN, (), f"FROM redis:7.4.10@{OLD}"),
    (f"FROM redis:7.4.10@{OLD}", Strategy.PATCH, SEVEN, (LATER,), f"FROM redis:7.4.11@{NEW}"),
    (f"FROM redis:7.4.10@{OLD}", Strategy.MINOR, SEVEN, (NEXT,), f"FROM redis:7.6.0@{NEW}"),
    (
        f"# 7.4.9\nFROM redis:7@{OLD}",
        Strategy.FINDINGS,
        LEFT,
        (SEVEN,),
        f"# 7.4.10\nFROM redis:7@{NOW}",
    ),
    (f"FROM redis:7@{OLD}", Strategy.FINDINGS, LEFT, (), f"FROM redis:7@{NOW}"),
]


@pytest.mark.parametrize(("before", "strategy", "evidence", "also", "after"), CASES)
def test_what_is_written(
    before: str,
    strategy: Strategy,
    evidence: Evidence | None,
    also: tuple[Evidence, ...],
    after: str,
) -> None:
    raw = f"{before}\n"
    assert (
        apply(raw.encode(), judged(raw, strategy, evidence, *also).fixes) == f"{after}\n".encode()
    )


@pytest.mark.parametrize(
    ("dockerfile", "strategy", "asked"),
    [
        ("FROM redis:7", Strategy.PIN, []),
        (f"FROM redis:7@{OLD}", Strategy.PIN, [f"{HUB}:7"]),
        (f"# 7.4.9\nFROM redis@{OLD}", Strategy.PIN, [f"{HUB}:7.4.9"]),
        (f"FROM redis:7.4.10@{OLD}", Strategy.PATCH, [f"{HUB}:7.4.11"]),
        (f"FROM redis:7.4.10@{OLD}", Strategy.MINOR, [f"{HUB}:7.6.0", f"{HUB}:7.4.11"]),
        ("FROM redis:7.4.10", Strategy.MINOR, [f"{HUB}:7.6.0", f"{HUB}:7.4.11"]),
        (f"FROM redis:7@{OLD}", Strategy.FINDINGS, [f"{HUB}:7", f"{HUB}:7.4.11"]),
        (f"# 7.4.9\nFROM redis:7@{OLD}", Strategy.FINDINGS, [f"{HUB}:7", f"{HUB}:7.4.11"]),
    ],
)
def test_what_is_looked_up_first(dockerfile: str, strategy: Strategy, asked: list[str]) -> None:
    known_of = LEFT if strategy is Strategy.FINDINGS else SEVEN
    wanted = judged(f"{dockerfile}\n", strategy, known_of).wanted
    written = [one.target for one in wanted if one.purpose is Purpose.WRITE]
    assert sorted(evidence_key(one) or "" for one in written) == sorted(asked)


@pytest.mark.parametrize("text", ["FROM redis:7.4.10", f"FROM redis:7.4.10@{OLD}"])
def test_two_unknown_candidates_are_looked_up_at_once(text: str) -> None:
    """The first mostly passes: the others are asked for only where both of these do not."""
    first = judged(f"{text}\n", Strategy.MINOR, MANY)
    both = [known(f"{HUB}:7.6.0", "7.6.0", None), SWAPPED["7.6.1"]]
    second = judged(f"{text}\n", Strategy.MINOR, MANY, *both, SWAPPED["7.4.14"])
    third = judged(f"{text}\n", Strategy.MINOR, MANY, *SWAPPED.values())
    asked = [
        {str(one.target.reference) for one in result.wanted if one.purpose is Purpose.WRITE}
        for result in (first, second, third)
    ]
    steps = (("7.6.1", "7.6.0"), ("7.6.0", "7.4.13"), ("7.6.0", "7.4.12"))
    assert asked == [{f"redis:{tag}" for tag in step} for step in steps]
