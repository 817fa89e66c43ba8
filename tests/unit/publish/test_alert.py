"""What an alert says and when it is silent; Slack's own limits and escapes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.news import differences, news_of
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.errors import NotifyError
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import Gone
from tagwatch.publish.notify.alert import (
    Alert,
    alert_key,
    alert_of,
    newer_versions,
    reminders,
)
from tagwatch.publish.notify.apprise import AppriseNotifier
from tagwatch.publish.notify.interface import AlertContext
from tagwatch.publish.notify.slack import SlackNotifier
from tagwatch.publish.notify.webhook import WebhookNotifier
from tests.publish_hostile import HOSTILE, hostile
from tests.publish_sample import AT, sample, sample_previous

CONTEXT = AlertContext(version="1.0.0", report_url="https://r.example/?a=1&b=<2>")
SLACK = SlackNotifier(url="https://hooks.slack.example/services/T/B/secret")
NOTHING = Since(new=(), worse=(), fixed=(), same=())


def since() -> Since:
    return differences(sample_previous().findings, sample())


def built(result: AuditResult, changed: Since, context: AlertContext = CONTEXT) -> dict[str, Any]:
    payload = SLACK.build(result, changed, context)
    assert payload is not None
    return dict(payload)


def all_text(payload: dict[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False)


@pytest.mark.parametrize("notifier", [SLACK, WebhookNotifier(url="https://x.example/h"),
                                      AppriseNotifier(url="json://localhost")])  # fmt: skip
def test_silence_where_nothing_changed(notifier: Any) -> None:
    quiet = replace(sample(), changes=())
    assert notifier.build(quiet, NOTHING, CONTEXT) is None
    assert notifier.build(quiet, since(), CONTEXT) is not None


def test_same_findings_night_after_night_are_silent() -> None:
    quiet = replace(sample(), changes=())
    assert SLACK.build(quiet, differences(quiet.findings, quiet), CONTEXT) is None


@pytest.mark.parametrize(
    ("least", "titles"),
    [
        (Severity.NOTE, ["To fix", "To look at", "To know", "Tags that moved", "Fixed"]),
        (Severity.WARNING, ["To fix", "To look at", "Fixed"]),
        (Severity.ERROR, ["To fix"]),
    ],
)
def test_groups_by_what_to_do_above_the_threshold(least: Severity, titles: list[str]) -> None:
    alert = alert_of(sample(), since(), replace(CONTEXT, min_severity=least))
    assert alert is not None
    assert [group.title for group in alert.groups] == titles


def test_routine_moves_alone_are_below_a_threshold_of_warning() -> None:
    routine = tuple(
        moved
        for moved in sample().changes
        if moved.change.verdict in (Verdict.REBUILT, Verdict.UPGRADED)
    )
    night = replace(sample(), changes=routine)
    assert SLACK.build(night, NOTHING, replace(CONTEXT, min_severity=Severity.WARNING)) is None
    assert SLACK.build(night, NOTHING, CONTEXT) is not None


def test_one_line_for_the_same_finding_in_several_places() -> None:
    alert = alert_of(sample(), since(), CONTEXT)
    assert alert is not None
    lines = [line for group in alert.groups for line in group.lines]
    shifted = [line for line in lines if "moved from Debian 12" in line.message]
    assert [line.where for line in shifted] == ["api/Dockerfile:1"]
    elsewhere = replace(
        since().new[3], location=replace(since().new[3].location, path="web/Dockerfile")
    )
    spread = replace(since(), new=(*since().new, elsewhere))
    alert = alert_of(sample(), spread, CONTEXT)
    assert alert is not None
    (group,) = (group for group in alert.groups if group.title == "To look at")
    assert [line.where for line in group.lines if "Debian 12" in line.message] == [
        "api/Dockerfile:1 and 1 other file"
    ]


def test_one_line_for_one_cause_with_several_images() -> None:
    latest = next(one for one in sample().findings if one.rule == "tag-latest")
    assert latest.reference is not None
    fleet = [
        replace(
            latest,
            reference=replace(latest.reference, repository=Repository.parse(name)),
            location=replace(latest.location, path=f"{place}/compose.yaml"),
            fingerprint=name,
            remedy="write a version",
            fix=None,
        )
        for place, name in enumerate(["ghcr.io/acme/a", "ghcr.io/acme/b", "ghcr.io/acme/c"])
    ]
    alert = alert_of(sample(), replace(NOTHING, new=tuple(fleet)), CONTEXT)
    assert alert is not None
    (group,) = (group for group in alert.groups if group.title == "To look at")
    assert [(line.name, line.where) for line in group.lines] == [
        (
            "ghcr.io/acme/a:latest",
            "0/compose.yaml:8 and 2 other files, also for 2 other images",
        )
    ]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("postgres:16.4 was pushed again", "was pushed again"),
        ("postgres:16.4.x is a pattern", "postgres:16.4.x is a pattern"),
    ],
)
def test_the_name_is_not_told_twice(message: str, told: str) -> None:
    finding = replace(since().new[0], message=message)
    alert = alert_of(sample(), replace(NOTHING, new=(finding,)), CONTEXT)
    assert alert is not None
    assert (alert.groups[0].lines[0].name, alert.groups[0].lines[0].message) == (
        "postgres:16.4",
        told,
    )


def test_advice_has_short_digests() -> None:
    remedy = f"wait, or write postgres:16.4@sha256:{'c0ffee00' * 8}"
    finding = replace(since().new[0], remedy=remedy, fix=None)
    alert = alert_of(sample(), replace(NOTHING, new=(finding,)), CONTEXT)
    assert alert is not None
    told = alert.groups[0].lines[0].remedy
    assert told == "wait, or write postgres:16.4@sha256:c0ffee00c0ff…"


def test_a_move_that_a_finding_tells_is_not_told_twice() -> None:
    alert = alert_of(sample(), since(), CONTEXT)
    assert alert is not None
    (moves,) = (group for group in alert.groups if group.title == "Tags that moved")
    assert [line.name for line in moves.lines] == ["redis:6.2", "nginx:latest"]


def test_slack_message_is_block_kit_and_complete_without_it() -> None:
    payload = built(sample(), since())
    texts = re.findall(r'{"type": "mrkdwn", [^}]*}', json.dumps(payload))
    assert len(texts) >= 3
    assert all('"verbatim": true' in text for text in texts), "or addresses become links"
    for block in Block.parse_all(payload["blocks"]):
        block.validate_json()
    fallback = payload["text"]
    for word in ("6 new, 1 fixed", "2 things to fix", "postgres:16.4", "redis:latest"):
        assert word in fallback
    assert "<https://r.example/?a=1&amp;b=%3C2%3E|Open the report>" in all_text(payload)
    assert "incomplete: what could not be read is not judged" in all_text(payload)


def test_five_lines_and_how_many_more() -> None:
    finding = since().new[0]
    many = replace(
        since(),
        new=tuple(
            replace(finding, rule=f"rule-{number}", message=f"message {number}")
            for number in range(17)
        ),
    )
    text = all_text(built(sample(), many))
    assert "message 4 " in text
    assert "message 5 " not in text
    assert "…and 12 more" in text


def check_limits(payload: dict[str, Any]) -> None:
    assert len(all_text(payload)) <= 10_000
    assert len(payload["blocks"]) <= 50
    for block in payload["blocks"]:
        match block["type"]:
            case "header":
                assert len(block["text"]["text"]) <= 150
            case "section":
                assert 0 < len(block["text"]["text"]) <= 3_000
            case "context":
                assert len(block["elements"]) <= 10
                assert all(len(element["text"]) <= 3_000 for element in block["elements"])


@settings(max_examples=30, deadline=None)
@given(
    piece=st.text(min_size=1, max_size=40) | st.sampled_from(["&", "<", HOSTILE, "é", "🐳"]),
    number=st.integers(1, 120),
    url=st.sampled_from(["", "https://r.example/" + "a" * 5_000, "https://r.example/x y|z>"]),
)
def test_slack_limits_hold_for_any_text(piece: str, number: int, url: str) -> None:
    result = sample()
    finding = since().new[0]
    assert finding.fix is not None
    wild = tuple(
        replace(
            finding,
            rule=f"rule-{index}",
            severity=(Severity.ERROR, Severity.WARNING, Severity.NOTE)[index % 3],
            message=piece * 200,
            remedy=piece * 200,
            fix=replace(finding.fix, line=piece * 100) if index % 2 else None,
            location=replace(finding.location, path=piece * 50),
        )
        for index in range(number)
    )
    moved = tuple(
        replace(moved, change=replace(moved.change, reason=piece * 100)) for moved in result.changes
    )
    night = replace(result, changes=moved * 20)
    changed = Since(new=wild, worse=wild, fixed=wild, same=())
    check_limits(built(night, changed, replace(CONTEXT, report_url=url)))


def test_hostile_text_neither_mentions_nor_links_nor_formats() -> None:
    night = hostile()
    changed = Since(new=night.findings, worse=(), fixed=night.findings, same=())
    payload = built(night, changed)
    check_limits(payload)
    text = all_text(payload)
    assert "<!channel>" not in text
    assert "<script" not in text
    outside = re.sub(r"`[^`]*`", "", payload["text"])
    assert not re.search(r"[*~`]|\b_|_\b", outside.replace("_circle", "").replace("_check", ""))
    links = re.findall(r"<[^>]*>", text)
    assert links == ["<https://r.example/?a=1&amp;b=%3C2%3E|Open the report>"]


def test_key_is_equal_for_a_run_made_again_and_differs_when_it_comes_back() -> None:
    key = alert_key("slack", sample(), since(), sample_previous().at)
    again = replace(sample(), at=AT.replace(hour=3))
    assert alert_key("slack", again, since(), sample_previous().at) == key
    assert alert_key("slack", sample(), since(), AT) != key
    assert alert_key("webhook", sample(), since(), sample_previous().at) != key
    assert alert_key("slack", sample(), NOTHING, sample_previous().at) != key


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.example/secret",
        "hooks.slack.example/secret",
        "ftp://x.example/secret",
        "https:///secret",
        "https://[::1/secret",
        "https://x.example:99999/secret",
        "",
    ],
)
def test_addresses_that_are_refused_are_not_repeated(url: str) -> None:
    with pytest.raises(NotifyError) as refused:
        SlackNotifier(url=url)
    assert "secret" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    "url", ["http://localhost:1/x", "http://127.0.0.9/x", "http://[::1]:8/x", "https://a.example/x"]
)
def test_addresses_that_are_taken(url: str) -> None:
    assert "/x" not in repr(SlackNotifier(url=url))
    assert "plain.example" not in repr(
        WebhookNotifier(url="http://plain.example/hook", allow_http=True)
    )


# Gone tags, newer versions, reminders, remarks


def behind(newer: str) -> Finding:
    found = next(one for one in sample().findings if one.rule == "base-behind")
    return replace(found, severity=Severity.NOTE, message=f"{newer} is the newest")


def gone(*tags: str) -> tuple[Gone, ...]:
    repository = Repository.parse("registry.example/shop/web")
    return tuple(Gone(repository=repository, tag=tag, digest=digest_of(b"x")) for tag in tags)


def lines_of(alert: Alert | None) -> dict[str, list[str]]:
    groups = alert.groups if alert is not None else ()
    return {one.title: [f"{line.name} {line.message}" for line in one.lines] for one in groups}


def test_gone_tags_stand_in_a_message_and_start_one_only_for_notes() -> None:
    night = AuditResult(at=AT, gone=gone("1", "2", "3", "4", "5", "6", "7"))
    assert alert_of(night, NOTHING, replace(CONTEXT, min_severity=Severity.WARNING)) is None
    told = alert_of(night, NOTHING, CONTEXT)
    assert lines_of(told) == {
        "Tags that are gone": ["registry.example/shop/web 1, 2, 3, 4, 5 and 2 more are gone"]
    }
    assert told is not None
    assert told.headline == "7 tags gone"
    error = replace(sample().findings[0], severity=Severity.ERROR)
    loud = Since(new=(error,), worse=(), fixed=(), same=())
    errors = replace(CONTEXT, min_severity=Severity.ERROR)
    assert list(lines_of(alert_of(night, loud, errors))) == ["To fix", "Tags that are gone"]


def test_newer_versions_are_those_that_the_run_before_did_not_name() -> None:
    before = AuditResult(at=AT, findings=(behind("7.4.10"),))
    first = news_of(before, (), before=None)
    assert newer_versions(first) == (), "of the first run all is new"
    assert newer_versions(news_of(before, before.findings, before=AT)) == ()
    now = replace(before, findings=(behind("7.4.11"),))
    news = news_of(now, before.findings, before=AT)
    newer, since = newer_versions(news), news.since
    assert newer == now.findings
    assert since.new == ()
    told = alert_of(now, since, replace(CONTEXT, newer=newer))
    assert list(lines_of(told)) == ["Newer versions"]
    assert (
        alert_of(now, since, replace(CONTEXT, newer=newer, min_severity=Severity.WARNING)) is None
    )
    new = Since(new=now.findings, worse=(), fixed=(), same=())
    among = alert_of(now, new, replace(CONTEXT, newer=newer))
    assert list(lines_of(among)) == ["To know"]


@pytest.mark.parametrize(
    ("levels", "offered", "headline"),
    [
        (["patch"], 0, "1 newer patch"),
        (["patch", "patch"], 1, "2 newer patches, 1 newer version"),
        (["minor"], 1, "2 newer versions"),
        ([], 1, "1 newer version"),
    ],
)
@pytest.mark.parametrize("is_new", [False, True])
def test_the_headline_counts_newer_patches_and_newer_versions(
    levels: list[str], offered: int, headline: str, is_new: bool
) -> None:
    """Also those that are findings of the same message."""
    newer = tuple(
        replace(
            behind("7.4.11"),
            reference=Reference.parse(f"shop/web:{number}"),
            evidence={"level": level},
            fingerprint=f"{number}",
        )
        for number, level in enumerate(levels)
    )
    beyond = tuple(
        replace(behind("8.2.1"), reference=Reference.parse(f"shop/api:{number}"))
        for number in range(offered)
    )
    since = Since(new=newer if is_new else (), worse=(), fixed=(), same=())
    context = replace(CONTEXT, newer=newer, offered=beyond)
    told = alert_of(AuditResult(at=AT, findings=newer), since, context)
    assert told is not None
    assert told.headline == (f"{len(newer)} new, " if is_new and newer else "") + headline


def test_what_is_newly_offered_stands_beside_and_starts_a_message_only_for_notes() -> None:
    offered = (
        replace(behind("8.2.1"), message="redis:6.2 is behind: 8.2.1 is a newer major version"),
    )
    none = AuditResult(at=AT)
    nothing = Since(new=(), worse=(), fixed=(), same=())
    told = alert_of(none, nothing, replace(CONTEXT, offered=offered))
    assert list(lines_of(told)) == ["Newer versions"]
    assert told is not None
    assert told.headline == "1 newer version"
    quiet = replace(CONTEXT, offered=offered, min_severity=Severity.WARNING)
    assert alert_of(none, nothing, quiet) is None


def test_the_headline_counts_images_that_are_newly_past_their_end_of_life() -> None:
    first = replace(behind("7"), rule="version-eol", severity=Severity.WARNING)
    again = replace(first, fingerprint="elsewhere")
    since = Since(new=(first, again), worse=(), fixed=(), same=())
    told = alert_of(AuditResult(at=AT, findings=(first, again)), since, CONTEXT)
    assert told is not None
    assert told.headline == "2 new, 1 image past its end of life"


def test_a_reminder_comes_each_time_that_its_age_is_reached() -> None:
    found = sample().findings[0]
    seen = {found.fingerprint: AT}
    week, told = timedelta(days=7), []
    for night in range(1, 30):
        result = AuditResult(at=AT + timedelta(days=night), findings=(found,))
        since = Since(new=(), worse=(), fixed=(), same=(found,))
        before = result.at - timedelta(days=1)
        if reminders(result, since, before, seen, week):
            told.append(night)
    assert told == [7, 14, 21, 28]
    old = AuditResult(at=AT + week, findings=(found,))
    new = Since(new=(found,), worse=(), fixed=(), same=())
    assert reminders(old, new, AT, seen, week) == (), "it is told anyway"
    again = alert_of(old, NOTHING, replace(CONTEXT, still=(found,)))
    assert list(lines_of(again)) == ["Still there"]
    keys = {alert_key("team", old, NOTHING, AT, still) for still in ((), (found,))}
    assert len(keys) == 2


def test_titles_name_the_project() -> None:
    context = replace(CONTEXT, project="shop_*1*")
    slack = built(sample(), since(), context)
    assert slack["blocks"][0]["text"]["text"].startswith("tagwatch shop_*1*: 6 new")
    assert slack["text"].startswith("tagwatch shop＿∗1∗: 6 new")  # noqa: RUF001  # no format
    mail = AppriseNotifier(url="json://localhost").build(sample(), since(), context)
    assert mail["title"].startswith("tagwatch shop_*1*: 6 new")
    hook = WebhookNotifier(url="https://x.example/").build(sample(), since(), context)
    assert (hook["project"], hook["type"]) == ("shop_*1*", "scan.changed")


def test_apprise_is_told_how_bad_it_is() -> None:
    """Many of its channels show the kind as a colour or an icon."""
    mail = AppriseNotifier(url="json://localhost")
    new = {finding.severity: finding for finding in sample().findings}
    for severity, kind in (
        (Severity.ERROR, "failure"),
        (Severity.WARNING, "warning"),
        (Severity.NOTE, "info"),
    ):
        found = Since(new=(new[severity],), worse=(), fixed=(), same=())
        context = replace(CONTEXT, min_severity=Severity.NOTE)
        quiet = replace(sample(), findings=found.new, changes=(), gone=())
        assert mail.build(quiet, found, context)["type"] == kind
    gone = Since(new=(), worse=(), fixed=(new[Severity.ERROR],), same=())
    done = replace(sample(), findings=(), changes=(), gone=())
    assert mail.build(done, gone, CONTEXT)["type"] == "success"


def test_remarks_fit_and_are_no_format() -> None:
    payload = built(sample(), since())
    remarks = [f"an alert of 2026-11-0{day} may not have arrived: <!here> {'x' * 400}"
               for day in range(1, 10)]  # fmt: skip
    told = SLACK.remark(payload, remarks)
    assert told["blocks"][:-1] == payload["blocks"]
    said = told["blocks"][-1]["text"]["text"]
    assert len(said) <= 3000
    assert "<!here>" not in json.dumps(told)
    assert "may not have arrived" in told["text"]
    own = SLACK.remark(None, remarks[:1])
    assert own["text"].startswith("tagwatch: 1 alert may not have arrived")
    mail = AppriseNotifier(url="json://localhost")
    assert mail.remark(None, ["one", "two"])["body"] == "one\ntwo"
    assert mail.remark({"title": "t", "body": "b"}, ["one"]) == {"title": "t", "body": "b\none"}
    hook = WebhookNotifier(url="https://x.example/")
    assert hook.remark({"headline": "h"}, ["one"]) == {"headline": "h", "remarks": ["one"]}


def test_a_verdict_that_came_late_is_told_in_a_group_of_its_own() -> None:
    quiet = replace(sample(), changes=(), gone=())
    late = replace(quiet, explained=sample().changes[:1])
    alert = alert_of(late, NOTHING, CONTEXT)
    assert alert is not None
    assert [group.title for group in alert.groups] == ["Explained since"]
    (line,) = alert.groups[0].lines
    assert line.name.endswith(f":{sample().changes[0].change.tag}")
    assert alert_key("slack", late, NOTHING, None) != alert_key("slack", quiet, NOTHING, None)
    assert alert_key("slack", late, NOTHING, None, (), "a") != alert_key(
        "slack", late, NOTHING, None
    )
