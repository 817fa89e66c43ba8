"""The outlook of images: one table, whose verdicts were written down before the code ran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tagwatch.audit.model.evidence import Evidence, Newer, Status
from tagwatch.audit.model.knowledge import Cycle, ImageRow, Knowledge, Product
from tagwatch.audit.model.policy import AccessList, Defaults, Denied, Policy, PolicyIgnore
from tagwatch.audit.verdict.outlook import Level, Outlook, Prospect, Prospects, prospects_of
from tagwatch.image.reference import Reference
from tagwatch.publish.markdown import prospects_markdown
from tagwatch.publish.outdated import prospects_sentence, prospects_text
from tagwatch.source.target import Extraction, Target
from tests.audit_case import AT, evidence, seen, target, unread

WEB = "registry.example/shop/web"
CALM = Policy(defaults=Defaults(cooldown=timedelta(days=3), stale_grace=timedelta(0)))
LINES = {"1": date(2026, 1, 31), "2": date(2026, 12, 31), "3": date(2029, 1, 31), "4": None}
"""The lines of a product that `shop/web` is, each with its last day."""
KNOWN = Knowledge(
    as_of=date(2026, 11, 1),
    products={
        "web": Product(
            name="Web",
            cycles=tuple(Cycle(name=name, ends=ends) for name, ends in reversed(LINES.items())),
        )
    },
    rows={WEB: (ImageRow(product="web"),)},
)


def look(
    targets: Iterable[Target],
    facts: Iterable[Evidence] = (),
    policy: Policy = CALM,
    knowledge: Knowledge = KNOWN,
    **more: Any,
) -> Prospects:
    by_path: dict[str, list[Target]] = {}
    for one in targets:
        by_path.setdefault(one.location.path, []).append(one)
    files = [(path, Extraction(targets=tuple(found))) for path, found in by_path.items()]
    values = {"at": AT, "beside": {}, **more}
    return prospects_of(files, {one.key: one for one in facts}, policy, knowledge, **values)


def of(text: str, newer: Newer, policy: Policy = CALM, **more: Any) -> Prospect:
    one = target(text)
    facts = seen(one, resolution={"newer": newer}, **more)
    return look([one], [facts], policy).images[0]


def told(one: Prospect) -> dict[str, str]:
    """The steps in brief: `4.0.0`, or `- (4.0.0: cooldown)` where all is kept back."""
    return {
        step.level.value: (step.reference.tag or "" if step.reference else "-")
        + (
            f" ({step.kept_back.tag}: {', '.join(step.reasons)})"
            if step.kept_back is not None
            else ""
        )
        for step in one.steps
    }


def days_ago(days: float) -> Any:
    return AT - timedelta(days=days)


@pytest.mark.parametrize(
    ("tag", "newer", "more", "outlook", "steps", "is_over"),
    [
        ("3.1.0", Newer(), {}, "up-to-date", {}, False),
        ("3.1.0", Newer(patch="3.1.4"), {}, "outdated", {"patch": "3.1.4"}, False),
        (
            "2.1.0",
            Newer(patch="2.1.1", minor="2.9.0", major="3.4.0"),
            {},
            "outdated",
            {"patch": "2.1.1", "minor": "2.9.0", "major": "3.4.0"},
            False,
        ),
        # the newest is too young, the one below it is not
        (
            "3.1.0",
            Newer(patch="3.1.5", patches=("3.1.4",)),
            {"new_tags": {"3.1.5": days_ago(1)}},
            "outdated",
            {"patch": "3.1.4 (3.1.5: cooldown)"},
            False,
        ),
        # all there is, is too young
        (
            "3.1.0",
            Newer(patch="3.1.5"),
            {"new_tags": {"3.1.5": days_ago(1)}},
            "waiting",
            {"patch": "- (3.1.5: cooldown)"},
            False,
        ),
        # its own line is over: no step within that is advised, one out of it is
        (
            "1.1.0",
            Newer(patch="1.1.9", minor="1.7.0", major="3.4.0"),
            {},
            "outdated",
            {
                "patch": "- (1.1.9: version-eol)",
                "minor": "- (1.7.0: version-eol)",
                "major": "3.4.0",
            },
            True,
        ),
        # over, and there is nothing to move to
        ("1.1.0", Newer(), {}, "up-to-date", {}, True),
        ("edge", Newer(not_comparable="it is a name"), {}, "not-comparable", {}, False),
        ("3.0.9", Newer(), {"status": Status.NOT_FOUND}, "not-found", {}, False),
        (
            "3.0.9",
            Newer(patch="3.1.4"),
            {"status": Status.NOT_FOUND},
            "outdated",
            {"patch": "3.1.4"},
            False,
        ),
    ],
)
def test_what_an_image_may_move_to(
    tag: str,
    newer: Newer,
    more: dict[str, Any],
    outlook: str,
    steps: dict[str, str],
    is_over: bool,
) -> None:
    one = of(f"{WEB}:{tag}", newer, **more)
    assert (one.outlook.value, told(one), one.is_over) == (outlook, steps, is_over)
    assert one.is_outdated is (is_over or outlook == "outdated")


def test_the_major_versions_on_the_way_are_named_where_they_may_be_written() -> None:
    newer = Newer(major="5.1.0", majors=("4.2.0", "3.4.0", "1.9.0"))
    one = of(f"{WEB}:0.9.0", newer, new_tags={"4.2.0": days_ago(1)})
    (step,) = one.steps
    assert (step.reference, step.kept_back) == (Reference.parse(f"{WEB}:5.1.0"), None)
    assert [each.tag for each in step.between] == ["3.4.0"], "too young, and past its end"
    found = Prospects(at=AT, images=(one,))
    assert "    on the way: 3.4.0\n" in prospects_text(found)
    assert "on the way: 3.4.0" in prospects_markdown(found)


def test_where_the_newest_major_version_is_kept_back_the_one_before_is_offered() -> None:
    newer = Newer(major="5.1.0", majors=("4.2.0", "3.4.0"))
    one = of(f"{WEB}:2.1.0", newer, new_tags={"5.1.0": days_ago(1)})
    assert told(one) == {"major": "4.2.0 (5.1.0: cooldown)"}
    assert [each.tag for each in one.steps[0].between] == ["3.4.0"]


def test_what_is_too_young_says_when_it_is_not() -> None:
    newer = Newer(patch="3.1.5")
    one = of(f"{WEB}:3.1.0", newer, new_tags={"3.1.5": days_ago(1)})
    assert one.steps[0].old_enough_from == "2026-11-25 02:00 UTC"
    calm = Policy(defaults=Defaults(cooldown=timedelta(hours=12)))
    one = of(f"{WEB}:3.1.0", newer, calm, new_tags={"3.1.5": days_ago(1)})
    assert told(one) == {"patch": "3.1.5"}


def test_what_is_offered_has_an_end_as_well() -> None:
    one = of(f"{WEB}:2.1.0", Newer(minor="2.9.0", major="3.4.0"))
    ends = {step.level.value: [(end.line, end.on) for end in step.ends] for step in one.steps}
    assert ends == {"minor": [("2", date(2026, 12, 31))], "major": [("3", date(2029, 1, 31))]}
    assert [(end.line, end.on, end.is_over) for end in one.ends] == [
        ("2", date(2026, 12, 31), False)
    ]


def test_an_ignore_lets_through_what_it_ignores() -> None:
    ignore = PolicyIgnore(rule="version-eol", image=f"{WEB}:*", reason="paid", expires=AT.date())
    policy = Policy(ignores=(ignore,))
    one = of(f"{WEB}:1.1.0", Newer(patch="1.1.9"), policy)
    assert told(one) == {"patch": "1.1.9"}


def test_what_the_policy_forbids_is_not_advised() -> None:
    """What stands carries the same finding: what is newer is kept back all the same."""
    policy = Policy(repositories=AccessList(deny=(Denied(match=WEB),)))
    one = of(f"{WEB}:3.1.0", Newer(patch="3.1.4"), policy)
    assert told(one) == {"patch": "- (3.1.4: repository-not-allowed)"}


@pytest.mark.parametrize(
    ("level", "steps"),
    [
        (Level.PATCH, {"patch": "2.1.1"}),
        (Level.MINOR, {"patch": "2.1.1", "minor": "2.9.0"}),
        (Level.MAJOR, {"patch": "2.1.1", "minor": "2.9.0", "major": "3.4.0"}),
    ],
)
def test_a_level_is_the_largest_step(level: Level, steps: dict[str, str]) -> None:
    one = target(f"{WEB}:2.1.0")
    newer = Newer(patch="2.1.1", minor="2.9.0", major="3.4.0")
    found = look([one], [seen(one, resolution={"newer": newer})], level=level)
    assert told(found.images[0]) == steps


def test_one_row_an_image_with_all_its_places() -> None:
    """A digest beside a tag is another image; what a file builds, and the watch list, are none."""
    again = [target(f"{WEB}:3.1.0", line=7), target(f"{WEB}:3.1.0", path="compose.yaml")]
    pinned = target(f"{WEB}:3.1.0@sha256:{'a' * 64}", line=9)
    built = target(f"{WEB}:dev", line=11, facts={"built": "here"})
    watched = target(f"{WEB}:3.0.0", line=12, kind="watch")
    base = target(WEB, line=13, kind="kustomize")
    told_of = [target(f"{WEB}:3.1.0"), *again, pinned, built, watched, base]
    facts = [seen(told_of[0]), seen(pinned)]
    found = look(told_of, facts)
    assert [(one.name, [str(place) for place in one.places]) for one in found.images] == [
        (f"{WEB}:3.1.0", ["Dockerfile:1:6", "Dockerfile:7:6", "compose.yaml:1:6"]),
        (f"{WEB}:3.1.0@sha256:{'a' * 12}", ["Dockerfile:9:6"]),
    ]


def test_a_pin_is_offered_tags_and_a_pattern_what_lies_beyond() -> None:
    pinned = target(f"{WEB}:3.1.0@sha256:{'a' * 64}")
    pattern = target(f"{WEB}", line=2, selector="2.x")
    facts = [
        evidence(pinned, at=AT, resolution={"newer": Newer(patch="3.1.4")}),
        evidence(pattern, "2.9.0", at=AT, resolution={"newer": Newer(major="3.1.4")}),
    ]
    found = look([pinned, pattern], facts)
    assert [(one.name, one.now, told(one)) for one in found.images] == [
        (f"{WEB}:2.x", "2.9.0", {"major": "3.1.4"}),
        (f"{WEB}:3.1.0@sha256:{'a' * 12}", "3.1.0", {"patch": "3.1.4"}),
    ]


def test_what_was_not_read_is_no_clean_image() -> None:
    """Text alone tells that a line is over; a variable without a value names no image."""
    nowhere = target(f"{WEB}:3.1.0")
    refused = target(f"{WEB}:1.0.0", line=2)
    unresolved = replace(
        target("image", line=3), text="${IMAGE}", reference=None, missing=("IMAGE",)
    )
    found = look([nowhere, refused, unresolved], [unread(refused)])
    assert [(one.name, one.outlook, one.is_over, one.why) for one in found.images] == [
        (f"{WEB}:1.0.0", Outlook.NOT_READ, True, "its registry was not read"),
        ("${IMAGE}", Outlook.NOT_READ, False, "no value for IMAGE"),
        (f"{WEB}:3.1.0", Outlook.NOT_READ, False, "nothing is known of it"),
    ]
    assert not found.complete
    assert look([unresolved]).complete, "nobody could have read it"


def test_the_most_urgent_comes_first() -> None:
    steps = {
        "3.1.0": Newer(patch="3.1.4"),
        "3.0.0": Newer(minor="3.1.4"),
        "2.2.0": Newer(major="3.1.4"),
        "1.0.0": Newer(),
        "edge": Newer(not_comparable="it is a name"),
        "3.1.4": Newer(),
    }
    targets = [target(f"{WEB}:{tag}", line=line) for line, tag in enumerate(steps, 1)]
    facts = [
        seen(one, resolution={"newer": newer})
        for one, newer in zip(targets, steps.values(), strict=True)
    ]
    found = look(targets, facts)
    assert [one.name.removeprefix(f"{WEB}:") for one in found.images] == [
        *("1.0.0", "2.2.0", "3.0.0", "3.1.0", "3.1.4", "edge")
    ]
    assert prospects_sentence(found) == (
        "1 image has a newer patch, 1 a newer minor version, 1 a newer major version, 1 is past "
        "its end of life (of 6 images: 1 not comparable, 1 up to date)"
    )


@pytest.mark.parametrize("width", [40, 60, 79, 120, 200])
def test_text_keeps_to_the_width(width: int) -> None:
    targets = [target(f"{WEB}:{tag}", line=line) for line, tag in enumerate(("1.0.0", "2.1.0"), 1)]
    newer = Newer(patch="2.1.7", major="3.4.0")
    facts = [
        seen(targets[0], resolution={"newer": Newer(major="3.4.0")}),
        seen(targets[1], resolution={"newer": newer}, new_tags={"3.4.0": days_ago(1)}),
    ]
    text = prospects_text(look(targets, facts), width=width)
    assert max(map(len, text.splitlines())) <= width, text
    assert ("IMAGE" in text) is (width >= 100), "a table where there is room, else paragraphs"
    for word in ("2.1.7", "3.4.0", "2026-01-31", "Dockerfile:2"):
        assert word in text
    assert "cooldown: old enough from 2026-11-25 02:00 UTC" in " ".join(text.split())
