"""Since the last run: what counts as new, worse, fixed, and what every channel then says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tagwatch.audit.model.policy import Policy
from tagwatch.audit.verdict.news import news_of
from tagwatch.image.snapshot import Failure
from tagwatch.publish.console import summary
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.markdown import render as markdown
from tagwatch.publish.notify.interface import AlertContext
from tagwatch.publish.notify.webhook import WebhookNotifier
from tagwatch.source.target import Problem
from tests.audit_case import audit, only, place, seen, target, unread
from tests.contract.rule_case import ERROR, FULL, HUB, NOTE, SERIES, WARNING, ago
from tests.pinned.pin import as_json, compare

MEANING = "what a run says of the run before it changed: alerts will come that did not, or stay out"

LATEST = target("redis:latest")
APP = target("ghcr.io/shop/api:latest", line=2)
OTHER = target("nginx:latest", path="web/Dockerfile")
READ = (
    *(seen(one) for one in (LATEST, APP, OTHER, FULL)),
    seen(SERIES, "6.2.24"),
)
"""What is known of each where everything could be read."""


def night(*targets: Any, severity: Any = WARNING, but: Any = (), **case: Any) -> Any:
    """One run: of `targets`, all read, `but` those of which something else is known."""
    facts = {one.key: one for one in (*READ, *but)}
    return audit(targets, facts.values(), Policy(rules=only("tag-latest", severity)), **case)


def failed(**more: Any) -> Any:
    """A repository that the crawl could not read."""
    return Failure(**{"repository": HUB, "code": "unavailable", "message": "502", **more})


def problem(**more: Any) -> Any:
    """A file that could not be read whole."""
    return Problem(message="no FROM", location=place(), **more)


BEFORE = night(LATEST, APP)
OUTAGE = night(LATEST, APP, but=(unread(LATEST),))
MOVING = night(SERIES, APP)
UNSEEN = night(SERIES, APP, but=(unread(SERIES),))
DOWN = night(APP, failures=(failed(),))
SITUATIONS: dict[str, tuple[Any, Any]] = {
    "the first run": (None, night(LATEST, APP)),
    "the same again": (BEFORE, night(LATEST, APP)),
    "the same on another line": (BEFORE, night(replace(LATEST, location=place(line=9)), APP)),
    "one is new": (night(APP), night(LATEST, APP)),
    "one is worse": (BEFORE, night(LATEST, APP, severity=ERROR)),
    "one is milder": (BEFORE, night(LATEST, APP, severity=NOTE)),
    "one is fixed": (BEFORE, night(FULL, APP)),
    "a file is gone": (night(LATEST, OTHER), night(LATEST)),
    "all is fixed": (BEFORE, night(FULL)),
    "one is new, one is fixed": (night(LATEST, APP), night(OTHER, APP)),
    "an image could not be read": (BEFORE, OUTAGE),
    "the outage goes on": (OUTAGE, OUTAGE),
    "after the outage": (OUTAGE, night(LATEST, APP)),
    "after the outage it is fixed": (OUTAGE, night(FULL, APP)),
    "an image could not be read, and its finding with it": (MOVING, UNSEEN),
    "after that outage": (UNSEEN, MOVING),
    "a repository failed, and its finding with it": (BEFORE, DOWN),
    "a repository failed, and its finding is there": (
        BEFORE,
        night(LATEST, APP, failures=(failed(),)),
    ),
    "after a repository failed": (DOWN, night(LATEST, APP)),
    "a file could not be read": (BEFORE, night(APP, problems=(problem(),))),
    "a file was passed over": (BEFORE, night(APP, problems=(problem(skipped=True),))),
    "stopped before a repository was reached": (
        BEFORE,
        night(APP, failures=(failed(code="stopped", message="it was stopped"),), complete=False),
    ),
    "stopped after all was read": (BEFORE, night(APP, complete=False)),
    "after it was stopped": (night(APP, complete=False), night(LATEST, APP)),
}


def findings(found: Any) -> list[str]:
    return [f"{one.severity.value} {one.rule} {one.text or one.location.path}" for one in found]


def told(alert: Any) -> list[str] | str:
    """An alert as people read it."""
    if alert is None:
        return "silence"
    lines = [
        f"{group['title']}: {line['mark']} {line['name']} {line['message']}"
        for group in alert["groups"]
        for line in group["lines"]
    ]
    return [f"{alert['headline']}; {alert['verdict']}", *lines]


def answer(before: Any, now: Any) -> dict[str, Any]:
    """What the value says, and what console, step summary and alerts make of it."""
    standing = () if before is None else before.findings
    news = news_of(now, standing, before=None if before is None else ago(1))
    since = news.since
    context = PublishContext(version="1", news=news)
    alerts = WebhookNotifier(url="https://hook.example/")
    return {
        "new": findings(since.new),
        "worse": findings(since.worse),
        "fixed": findings(since.fixed),
        "same": findings(since.same),
        "console": summary(now, context).splitlines(),
        "step summary": markdown(now, context).splitlines()[2],
        **{
            f"alert from {least.value}": told(
                alerts.build(now, since, AlertContext(version="1", min_severity=least))
            )
            for least in (NOTE, ERROR)
        },
    }


def test_every_situation() -> None:
    table = {name: answer(before, now) for name, (before, now) in SITUATIONS.items()}
    compare("since.json", as_json(table), MEANING)
