"""What may be written in place of what stands: one table of candidates that pass and do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tagwatch.audit.judge import judge
from tagwatch.audit.model.diff import ImageDiff, PlatformDiff, Verdict
from tagwatch.audit.model.evidence import Evidence, Pin
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import Change, Interval
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Defaults, Policy, PolicyIgnore, RuleSettings
from tagwatch.audit.verdict.fixing import Strategy
from tagwatch.audit.verdict.result import AuditResult, Case
from tagwatch.source.target import Extraction
from tests.audit_case import AT, audit, digest, seen, target

GOOD, BAD, LATER = digest("a"), digest("b"), digest("c")
PINNED = target(f"registry.example/shop/web:3.1.0@{GOOD}")
CALM = Policy(defaults=Defaults(cooldown=timedelta(days=3), stale_grace=timedelta(0)))


def interval(of: str, since: float, verdict: str | None = None, until: float = 0.0) -> Interval:
    """What the tag served from `since` to `until` days ago."""
    return Interval(
        tag="3.1.0",
        digest=digest(of),
        first_seen=AT - timedelta(days=since),
        last_seen=AT - timedelta(days=until),
        ended=until > 0,
        verdict=verdict,
    )


def pinned(*history: Interval, tags: tuple[str, ...] | None = ()) -> Evidence:
    """What is known of the pin, when its tag went through `history`."""
    change = None
    if len(history) > 1 and history[-1].verdict:
        change = Change(
            tag="3.1.0",
            before=history[-2].digest,
            after=history[-1].digest,
            at=history[-1].first_seen,
            verdict=Verdict(history[-1].verdict),
        )
    return seen(
        PINNED,
        history=history,
        change=change,
        pin=Pin(exists=True, served_by_tag=True, tags=tags),
        resolution={"digest": GOOD},
    )


def mended(facts: Evidence, strategy: Strategy, policy: Policy = CALM) -> AuditResult:
    served = facts.history[-1].digest
    alone = target("registry.example/shop/web:3.1.0")
    tagged = replace(facts, key=seen(alone).key, pin=None)
    tagged = replace(tagged, resolution=replace(facts.resolution, digest=served))
    case = Case(
        at=AT,
        files=[("Dockerfile", Extraction(targets=(PINNED,)))],
        evidence={facts.key: facts},
        beside={tagged.key: tagged},
    )
    return judge(case, policy, Knowledge(), strategy=strategy)


REBUILT = (interval("a", 30, until=9), interval("b", 9, "rebuilt"))
REPLACED = (interval("a", 30, until=9), interval("b", 9, "replaced"))
LAUNDERED = (*REPLACED[:1], interval("b", 9, "replaced", until=5), interval("c", 5, "rebuilt"))
YOUNG = (*REBUILT[:1], interval("b", 9, "rebuilt", until=1), interval("c", 1, "rebuilt"))


@pytest.mark.parametrize("strategy", [Strategy.FINDINGS, Strategy.PIN])
@pytest.mark.parametrize(
    ("history", "written", "why"),
    [
        (REBUILT, BAD, ()),
        (REPLACED, None, ("tag-replaced",)),
        (LAUNDERED, None, ("tag-replaced",)),
        (YOUNG, None, ("cooldown",)),
        ((*REBUILT[:1], interval("b", 9, "downgraded")), None, ("tag-downgraded",)),
    ],
    ids=["rebuilt", "replaced", "replaced-and-rebuilt", "young", "downgraded"],
)
def test_a_good_pin_is_renewed_to_no_image_that_is_warned_of(
    history: tuple[Interval, ...], written: str | None, why: tuple[str, ...], strategy: Strategy
) -> None:
    result = mended(pinned(*history), strategy)
    assert {fix.replacement.partition("@")[2] for fix in result.fixes} == (
        {written} if written else set()
    )
    newest = [dict(one.refused[0][1]) for one in result.kept_back]
    assert [tuple(one) for one in newest] == ([why] if why else [])
    assert bool(result.kept_back) is not bool(written)


SHIFTED = ImageDiff(platforms=(PlatformDiff(os_release=("debian bookworm", "debian trixie")),))
DROPPED = ImageDiff(dropped=("linux/arm64",))


@pytest.mark.parametrize(
    ("diff", "why"), [(SHIFTED, "tag-os-shifted"), (DROPPED, "platform-dropped"), (None, None)]
)
def test_what_an_earlier_move_took_away_keeps_back_what_came_after(
    diff: ImageDiff | None, why: str | None
) -> None:
    """The verdict of that move tells neither: what is stored of it does."""
    history = (*REBUILT[:1], interval("b", 9, "upgraded", until=5), interval("c", 5, "rebuilt"))
    earlier = Change(
        tag="3.1.0",
        before=GOOD,
        after=BAD,
        at=history[1].first_seen,
        verdict=Verdict.UPGRADED,
        diff=diff,
    )
    facts = replace(pinned(*history), changes_before=(earlier,) if diff else ())
    result = mended(facts, Strategy.PIN)
    assert bool(result.fixes) is (why is None)
    assert [set(one.refused[0][1]) for one in result.kept_back] == ([{why}] if why else [])


def test_what_the_user_ignores_with_a_reason_keeps_nothing_back() -> None:
    ignore = PolicyIgnore(rule="tag-replaced", reason="ours", expires=AT.date())
    policy = replace(CALM, ignores=(ignore,))
    assert mended(pinned(*REPLACED), Strategy.PIN, policy).fixes != ()


def test_a_pin_is_as_young_as_its_digest() -> None:
    """A change that pins what was seen a minute ago is no way round the cool-down."""
    minute = 1 / 24 / 60
    facts = pinned(interval("b", 30, until=minute), interval("a", minute, "rebuilt"), tags=("3",))
    policy = replace(CALM, rules={"cooldown": RuleSettings(severity=Severity.ERROR)})
    (finding,) = [
        one for one in audit([PINNED], [facts], policy).findings if one.rule == "cooldown"
    ]
    assert finding.severity is Severity.ERROR
    assert f"write registry.example/shop/web:3.1.0@{BAD}" in finding.remedy


def test_the_remedy_of_the_cooldown_walks_back_to_what_is_old_enough_and_there() -> None:
    """Nightly builds: the one before is as young; the newest old one was deleted."""
    one = target("registry.example/shop/web:3.1.0")
    nights = [
        interval(letter, since, "rebuilt", until=max(since - 1, 0))
        for letter, since in zip("fedcba", (6, 5, 4, 2, 1, 0.5), strict=True)
    ]
    facts = seen(one, history=tuple(nights), resolution={"digest": digest("a")})

    def remedy(*beside: Evidence) -> str:
        result = audit([one], [facts], CALM, beside={found.key: found for found in beside})
        return next(one.remedy for one in result.findings if one.rule == "cooldown")

    def there(letter: str, *, exists: bool) -> Evidence:
        at = target(f"registry.example/shop/web:3.1.0@{digest(letter)}")
        pin = Pin(exists=exists, served_by_tag=True, tags=())
        resolution = {"digest": digest(letter)}
        return seen(at, history=facts.history, pin=pin, resolution=resolution)

    name = "registry.example/shop/web:3.1.0"
    unchecked = "; whether that is still there was not checked"
    assert remedy() == f"wait, or write {name}@{digest('d')}{unchecked}"
    assert remedy(there("d", exists=True)) == f"wait, or write {name}@{digest('d')}"
    gone = there("d", exists=False)
    assert remedy(gone, there("e", exists=True)) == f"wait, or write {name}@{digest('e')}"
    all_gone = [there(letter, exists=False) for letter in "def"]
    assert remedy(*all_gone) == "wait"
