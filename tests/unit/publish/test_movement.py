"""Tags that moved: aliases stand together, and what nobody names raises no alarm."""

from __future__ import annotations

from dataclasses import replace

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult, RepositoryChange, Since
from tagwatch.publish import console
from tagwatch.publish.movement import movements, tags_moved, unnamed_sentence
from tagwatch.publish.notify.alert import alert_of
from tagwatch.publish.notify.interface import AlertContext
from tests.publish_sample import sample, sample_context

NOTHING = Since(new=(), worse=(), fixed=(), same=())


def moved(result: AuditResult, name: str) -> RepositoryChange:
    return next(one for one in result.changes if f"{one.repository}:{one.change.tag}" == name)


def with_more(*more: tuple[str, Verdict]) -> AuditResult:
    """The sample, and tags of redis that went the way of `redis:6.2`."""
    result = sample()
    like = moved(result, "redis:6.2")
    others = (
        replace(like, change=replace(like.change, tag=tag, verdict=verdict))
        for tag, verdict in more
    )
    return replace(result, changes=(*others, *result.changes))


def test_aliases_stand_together_after_the_name_that_is_used() -> None:
    result = with_more(*((tag, Verdict.UPGRADED) for tag in ("6", "6-x", "6.2-x", "6.2.24", "y")))
    found = {one.name: one for one in movements(result)}
    assert found["redis:6.2"].also == "also 6, 6-x, 6.2-x and 2 more"
    assert len(found) == len(sample().changes)
    assert tags_moved(result) == "9 tags moved"
    text = console.render(result, sample_context())
    assert "  redis:6.2 (also 6, 6-x, 6.2-x and 2 more)  6.2.22 → 6.2.24\n" in text.replace(
        "upgraded    ", ""
    )


def test_what_nobody_names_and_nobody_read_is_one_faint_sentence() -> None:
    result = with_more(("8-alpine", Verdict.UNKNOWN), ("8-slim", Verdict.UNKNOWN))
    (unnamed,) = (one for one in movements(result) if not one.named)
    assert unnamed.severity is Severity.NOTE
    sentence = "2 tags moved that no file and no watch names: redis 2"
    assert unnamed_sentence([unnamed]) == sentence
    assert tags_moved(result) == "4 tags moved, 2 tags moved that nothing names"
    text = console.render(result, sample_context())
    assert sentence in text
    assert "8-alpine" not in text


def test_an_unknown_move_of_a_named_tag_stays_a_warning() -> None:
    result = sample()
    like = moved(result, "redis:6.2")
    unknown = replace(like, change=replace(like.change, verdict=Verdict.UNKNOWN))
    (one,) = movements(replace(result, changes=(unknown,)))
    assert one.named
    assert one.severity is Severity.WARNING


def test_no_alert_for_what_nobody_names() -> None:
    result = with_more(("8-alpine", Verdict.UNKNOWN))
    only = replace(result, changes=result.changes[:1])
    context = AlertContext(version="1", min_severity=Severity.NOTE)
    assert alert_of(only, NOTHING, context) is None
    assert alert_of(result, NOTHING, context) is not None
