from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.model.evidence import Status
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import (
    IgnorePolicy,
    Override,
    Policy,
    PolicyIgnore,
    RuleSettings,
)
from tagwatch.audit.verdict.baseline import make_baseline, read_baseline, write_baseline
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import InputError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Ignore, Problem, Target
from tests.audit_case import (
    AT,
    audit,
    instruction,
    only,
    place,
    said,
    seen,
    target,
    unread,
)

REDIS = Repository(registry="docker.io", path="library/redis")
REFUSED = Failure(repository=REDIS, code="denied", message="401", hint="log in")


def ignore(rule: str, until: str = "2026-12-01", reason: str = "because") -> Ignore:
    return Ignore(rules=tuple(rule.split(",")), until=until, reason=reason, location=place())


def test_clean_and_complete() -> None:
    one = target("redis:6.2.24")
    result = audit([one], [seen(one)])
    assert result.findings == ()
    assert result.complete
    assert result.coverage.targets == result.coverage.read == 1
    assert result.exit_code(Severity.NOTE, on_unavailable="fail") == 0


@pytest.mark.parametrize("known", [True, False])
def test_unavailable_is_never_clean(known: bool) -> None:
    one = target("redis:6.2.24")
    result = audit([one], [unread(one)] if known else [], failures=(REFUSED,) if known else ())
    assert [finding.rule for finding in result.findings] == ["check-incomplete"]
    assert result.findings[0].unknown
    assert not result.complete
    assert result.coverage.unavailable == 1
    assert result.exit_code(Severity.ERROR, on_unavailable="fail") == 4
    if known:
        assert "401" in result.findings[0].message
        assert result.findings[0].remedy == "log in"


def test_a_failed_repository_without_a_target_is_said() -> None:
    result = audit([], failures=(REFUSED,))
    assert [finding.rule for finding in result.findings] == ["check-incomplete"]
    assert not result.complete


@pytest.mark.parametrize("days", [0, 1])
def test_facts_read_in_part_are_said(days: int) -> None:
    """What an earlier run read is remembered; on first sight nothing is."""
    one = target("redis:6.2.24")
    first = AT - timedelta(days=days)
    result = audit([one], [seen(one, failures=(REFUSED,), first_seen=first)])
    assert "in part" in said(result, "check-incomplete")[0].message
    coverage = result.coverage
    assert (coverage.read, coverage.remembered, coverage.unavailable) == (0, days, 1 - days)
    assert not result.complete


def test_an_unread_file_is_an_error_and_incomplete() -> None:
    problems = (Problem(message="not YAML", location=place("a.yaml"), hint="correct it"),)
    result = audit([], problems=problems)
    assert [(f.severity, f.location.path) for f in result.findings] == [(Severity.ERROR, "a.yaml")]
    assert not result.complete


def test_a_file_skipped_on_purpose_is_no_finding() -> None:
    result = audit([], problems=(Problem(message="a template", location=place(), skipped=True),))
    assert result.findings == ()
    assert result.complete
    assert len(result.problems) == 1


def test_worst_first_then_by_place() -> None:
    texts = ("redis", "redis:latest", "evil.example/a", "nginx")
    targets = [target(text, line=line) for line, text in enumerate(texts, 1)]
    policy = Policy(rules=only("tag-latest", Severity.ERROR))
    result = audit(targets, policy=policy)
    ranks = [(-finding.severity.rank, finding.location) for finding in result.findings]
    assert ranks == sorted(ranks)
    assert result.findings[0].rule == "tag-latest"


def test_severity_precedence() -> None:
    one, two = target("redis", path="a/Dockerfile"), target("redis", path="test/a/Dockerfile")
    policy = Policy(
        rules=only("tag-missing", Severity.NOTE),
        overrides=(
            Override(paths=("**/test/**",), rules=only("tag-missing", Severity.ERROR)),
            Override(
                paths=("test/**",), images=("nginx",), rules=only("tag-missing", Severity.OFF)
            ),
        ),
    )
    assert said(audit([one], policy=policy), "tag-missing")[0].severity is Severity.NOTE
    assert said(audit([two], policy=policy), "tag-missing")[0].severity is Severity.ERROR
    third = target("nginx", path="test/a/Dockerfile")
    assert said(audit([third], policy=policy), "tag-missing") == []


def test_an_override_turns_a_rule_on_that_is_off() -> None:
    one = target("redis:6.2.24")
    there = Override(images=("redis",), rules=only("digest-unpinned", Severity.WARNING))
    policy = Policy(rules=only("digest-unpinned", Severity.OFF), overrides=(there,))
    assert len(said(audit([one], policy=policy), "digest-unpinned")) == 1
    assert said(audit([target("nginx:1.27.1")], policy=policy), "digest-unpinned") == []


def test_inline_ignore_takes_out_and_is_told() -> None:
    one = target("redis", ignores=(ignore("tag-missing"),))
    result = audit([one], [seen(one, "8.2.1")])
    assert result.findings == ()
    assert [(i.finding.rule, i.reason, i.until) for i in result.ignored] == [
        ("tag-missing", "because", "2026-12-01")
    ]


@pytest.mark.parametrize(
    ("until", "reason", "counts"),
    [
        ("2026-11-23", "today still counts", True),
        ("2026-11-22", "yesterday", False),
        ("", "no end", False),
        ("2026-12-01", "", False),
    ],
)
def test_ignores_must_end_and_say_why(until: str, reason: str, counts: bool) -> None:
    one = target("redis", ignores=(ignore("tag-missing", until, reason),))
    result = audit([one], [seen(one, "8.2.1")])
    assert bool(said(result, "tag-missing")) is not counts
    assert bool(said(result, "ignore-expired")) is not counts


def test_ignores_that_the_policy_refuses() -> None:
    one = target("redis", ignores=(ignore("tag-missing", "2027-11-01"),))
    short = Policy(ignore_policy=IgnorePolicy(max_days=180))
    never = Policy(ignore_policy=IgnorePolicy(allow_inline=False))
    for policy in (short, never):
        result = audit([one], policy=policy)
        assert said(result, "tag-missing")
        assert said(result, "ignore-expired")


def test_unused_inline_ignore() -> None:
    one = target("redis:6.2.24", ignores=(ignore("tag-missing"),))
    assert said(audit([one], [seen(one)]), "ignore-unused")


def test_ignore_of_what_could_not_be_read_is_not_unused() -> None:
    one = target("redis:6.2.24", ignores=(ignore("tag-deleted"),))
    assert said(audit([one], [unread(one)]), "ignore-unused") == []


def test_ignore_of_no_rule_names_the_nearest() -> None:
    one = target("redis:6.2.24", ignores=(ignore("tag-mising"),))
    finding = said(audit([one], [seen(one)]), "ignore-unused")[0]
    assert "tag-missing" in finding.remedy


def test_an_inline_ignore_on_a_line_without_an_image() -> None:
    one = target("redis:6.2.24")
    root = instruction("USER", "root", line=7)
    above = replace(ignore("user-root"), line=7, location=place(line=6))
    elsewhere = replace(ignore("user-root"), line=3, location=place(line=2))
    for ignores, outcome in ((above, "ignored"), (elsewhere, "unused")):
        result = audit(
            [one],
            [seen(one)],
            extraction={
                "instructions": (instruction("FROM", "redis"), root),
                "ignores": (ignores,),
            },
        )
        assert bool(said(result, "user-root")) is (outcome == "unused")
        assert bool(said(result, "ignore-unused")) is (outcome == "unused")


def test_ignore_of_everything() -> None:
    one = target("redis", ignores=(ignore("*"),))
    result = audit([one], [seen(one, "8.2.1")])
    assert result.findings == ()
    assert result.ignored


def policy_ignore(image: str = "redis:*", **more: object) -> Policy:
    values = {"rule": "tag-latest", "reason": "r", "expires": date(2026, 12, 1), "image": image}
    return Policy(ignores=(PolicyIgnore(**{**values, **more}),))  # type: ignore[arg-type]  # by name


def test_policy_ignore_counts_and_names_its_owner() -> None:
    one = target("redis:latest")
    result = audit([one], [seen(one, "8.2.1")], policy_ignore(owner="team-shop"))
    assert said(result, "tag-latest") == []
    assert result.ignored[0].owner == "team-shop"


def test_policy_ignore_is_unused_only_where_its_image_was_audited() -> None:
    used_elsewhere = policy_ignore("nginx")
    one = target("redis:6.2.24")
    facts = [seen(one)]
    assert said(audit([one], facts, used_elsewhere), "ignore-unused") == []
    assert said(audit([one], facts, used_elsewhere, whole=True), "ignore-unused")
    assert said(audit([one], facts, policy_ignore("redis")), "ignore-unused")
    broken = (Problem(message="x", location=place()),)
    result = audit([one], facts, used_elsewhere, whole=True, problems=broken)
    assert said(result, "ignore-unused") == []


def test_policy_ignore_of_an_unread_image_is_not_unused_in_a_scan() -> None:
    one = target("redis:6.2.24")
    policy = policy_ignore("redis", rule="tag-deleted")
    assert said(audit([one], [unread(one)], policy, whole=True), "ignore-unused") == []


def test_permanent_ignore_needs_permission() -> None:
    one = target("redis:latest")
    policy = policy_ignore(expires=None, permanent=True)
    assert said(audit([one], policy=policy), "tag-latest")
    allowed = replace(policy, ignore_policy=IgnorePolicy(allow_permanent=True))
    assert said(audit([one], policy=allowed), "tag-latest") == []


def test_two_of_a_kind_have_fingerprints_of_their_own_that_stay_when_lines_move() -> None:
    pair = [target("redis", line=3), target("redis", line=9)]
    moved = [target("redis", line=5), target("redis", line=50)]
    first = [finding.fingerprint for finding in said(audit(pair), "tag-missing")]
    second = [finding.fingerprint for finding in said(audit(moved), "tag-missing")]
    assert len(set(first)) == 2
    assert first == second


def test_baseline_round_trip_and_what_it_takes_out() -> None:
    one = target("redis")
    result = audit([one], [seen(one, "8.2.1")])
    baseline = read_baseline(write_baseline(make_baseline(result.findings, AT.date())))
    again = audit([one], [seen(one, "8.2.1")], baseline=baseline)
    assert again.findings == ()
    assert again.ignored[0].by == "baseline"
    assert baseline.fixed(again) == ()
    fixed = audit([replace(one, text="redis:8.2.1", reference=target("redis:8.2.1").reference)])
    assert baseline.fixed(fixed) == ()  # incomplete: nothing is known to be fixed
    clean = target("redis:8.2.1")
    whole = audit([clean], [seen(clean)])
    assert [known.rule for known in baseline.fixed(whole)] == ["tag-missing"]
    assert not baseline.pruned(whole).known


def test_baseline_never_hides_incompleteness() -> None:
    one = target("redis:8.2.1")
    result = audit([one])
    baseline = make_baseline(result.findings, AT.date())
    assert said(audit([one], baseline=baseline), "check-incomplete")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"rule": 1}]', "[[]]", '{"a": 1}', "nul"])
def test_malformed_baseline_is_one_clear_error(text: str) -> None:
    with pytest.raises(InputError, match="the baseline cannot be read: "):
        read_baseline(text)


def test_what_was_not_read_fails_by_its_own_setting() -> None:
    one = target("redis:8.2.1")
    unchecked = audit([one])
    assert [finding.rule for finding in unchecked.findings] == ["check-incomplete"]
    assert unchecked.exit_code(Severity.NOTE, on_unavailable="warn") == 0
    assert unchecked.exit_code(Severity.NOTE, on_unavailable="fail") == 4
    malformed = audit([], problems=(Problem(message="not YAML", location=place("a.yaml")),))
    assert malformed.exit_code(Severity.ERROR, on_unavailable="pass") == 1
    strict = Policy(rules=only("check-incomplete", Severity.ERROR))
    assert audit([one], policy=strict).exit_code(Severity.ERROR, on_unavailable="warn") == 1


IMAGES = st.sampled_from(["redis", "redis:latest", "redis:6.2.24", "nginx", "a.example/b:1"])


@settings(max_examples=60, deadline=None)
@given(st.lists(IMAGES, max_size=5), IMAGES, st.sampled_from(list(Severity)))
def test_one_target_more_never_lowers_the_exit_code(
    texts: list[str], more: str, fail_on: Severity
) -> None:
    def code(images: list[str]) -> int:
        result: AuditResult = audit(
            [target(text, line=line) for line, text in enumerate(images, 1)],
        )
        return {0: 0, 4: 1, 1: 2}[result.exit_code(fail_on, on_unavailable="fail")]

    assert code([*texts, more]) >= code(texts)


@settings(max_examples=60, deadline=None)
@given(st.lists(IMAGES, max_size=6))
def test_equal_facts_give_equal_answers(texts: list[str]) -> None:
    targets = [target(text, line=line) for line, text in enumerate(texts, 1)]
    assert audit(targets) == audit(targets)


def test_unresolved_targets_are_counted_and_said() -> None:
    one = Target(text="${X}", location=place(), kind="from", missing=("X",))
    result = audit([one])
    assert result.coverage.unresolved == 1
    assert said(result, "reference-unresolved")[0].unknown


def test_not_found_is_an_answer() -> None:
    one = target("redis:6.2.99")
    result = audit([one], [seen(one, status=Status.NOT_FOUND)])
    assert result.complete
    assert said(result, "tag-deleted")


def test_policy_options_reach_the_rule() -> None:
    one = target("redis:6.2.20")
    newer = {"newer": seen(one).resolution.newer.__class__(minor="6.4.1")}
    facts = [seen(one, resolution=newer)]
    assert said(audit([one], facts), "base-behind") == []
    policy = Policy(rules={"base-behind": RuleSettings(options={"level": "minor"})})
    assert "6.4.1" in said(audit([one], facts, policy), "base-behind")[0].message
