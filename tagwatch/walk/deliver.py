"""The end of a scan: reports are written to disk, and alerts sent through the outbox."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

from tagwatch import __version__
from tagwatch.audit.rule.catalogue import load_rule, rule_documentation
from tagwatch.audit.verdict.news import News
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.config.load import read_secret
from tagwatch.config.settings import Alert as AlertSettings
from tagwatch.errors import ConfigError, NotifyError
from tagwatch.family import RULES
from tagwatch.ledger.outbox import Message, MessageState
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import Alert, Run
from tagwatch.ledger.write import Ledger
from tagwatch.member import load_member
from tagwatch.publish.files import Written, write_reports
from tagwatch.publish.interface import PublishContext, RuleText, RunSummary
from tagwatch.publish.notify.alert import alert_key
from tagwatch.publish.notify.interface import AlertContext, Delivery, Notifier, Outcome
from tagwatch.publish.wording import stamp
from tagwatch.value import dataclass, replace
from tagwatch.walk.site import Site, project_of

__all__ = [
    "Sent",
    "alerts_of",
    "deliver",
    "publish_context",
    "rule_texts",
    "undelivered",
    "write_run",
]

_RUNS_SHOWN = 30
_REMEMBERED = timedelta(days=7)
"""How long reports mention an alert that was not delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The outcome of one message of the outbox."""

    channel: str
    delivery: Delivery


def alerts_of(result: AuditResult, news: News, site: Site) -> Iterator[Alert]:
    """Yield the alerts that these news are worth, one a channel; none where there are none."""
    for settings in site.settings.alerts:
        context = AlertContext(
            version=__version__,
            min_severity=settings.min_severity,
            report_url=site.settings.reports.url,
        )
        payload = load_member("notifiers", settings.channel).build(result, news.since, context)
        if payload is not None:
            yield Alert(
                dedup_key=alert_key(
                    settings.channel, result, news.since, news.before, project_of(site)
                ),
                channel=settings.channel,
                payload=json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
            )


async def deliver(site: Site) -> tuple[Sent, ...]:
    """Try once to send each message that is due; a later run tries again what failed."""
    sent: list[Sent] = []
    with Ledger.open(site.database) as ledger:
        outbox = ledger.outbox
        for stale in outbox.expire(site.at):  # not sent again: that might deliver it twice
            error = "a run was interrupted while it sent this; it may have arrived"
            sent.append(Sent(channel=stale.channel, delivery=_unsure(error)))
        for message in outbox.due(site.at):
            if outbox.claim(message.id, site.at) is None:  # another run claimed it meanwhile
                continue
            delivery = await _send(message, site)
            _settle(ledger, message, delivery, site)
            sent.append(Sent(channel=message.channel, delivery=delivery))
    return tuple(sent)


def undelivered(site: Site) -> tuple[str, ...]:
    """Return a sentence for each alert of the last seven days that may not have arrived."""
    with Ledger.open(site.database) as ledger:
        return tuple(
            f"{message.channel}, {stamp(message.at)}: "
            f"{'it may have arrived' if message.state is MessageState.UNSURE else 'given up'}"
            f"{f': {message.error}' if message.error else ''}"
            for message in ledger.outbox.undelivered()
            if site.at - message.at <= _REMEMBERED
        )


def write_run(
    result: AuditResult,
    news: News,
    site: Site,
    missed: tuple[str, ...] = (),
) -> Written:
    """Write the run's pages and files in the configured formats, and return what was written.

    `missed`: see `undelivered`. Raises `OutputError`.
    """
    reports = site.settings.reports
    if not reports.formats:
        return Written(files=(), index=None)
    with Reader.open(site.database) as ledger:
        context = replace(publish_context(ledger, news, site), undelivered=missed)
    return write_reports(reports.directory, result, context, reports.formats)


def publish_context(ledger: Reader | None, news: News | None, site: Site) -> PublishContext:
    """Return what every publisher may know beside a result."""
    runs = ledger.runs(_RUNS_SHOWN, project=project_of(site)) if ledger else ()
    summaries = [_summary(run) for run in runs if run.kind == "scan" and run.finished_at]
    return PublishContext(
        version=__version__,
        news=news,
        runs=tuple(reversed(summaries)),
        rules=rule_texts(),
        fail_on=site.policy.fail_on,
        report_url=site.settings.reports.url,
    )


def _summary(run: Run) -> RunSummary:
    return RunSummary(
        at=run.at,
        errors=run.errors,
        warnings=run.warnings,
        notes=run.notes,
        not_checked=run.not_checked,
        moved=run.moved,
        complete=bool(run.complete),
    )


async def _send(message: Message, site: Site) -> Delivery:
    """Try once to send a message.

    A channel that is no longer configured rejects it for good; one that is configured wrongly is
    tried again by a later run.
    """
    settings = next((one for one in site.settings.alerts if one.channel == message.channel), None)
    if settings is None:
        return Delivery(outcome=Outcome.REJECTED, message="the channel is no longer configured")
    try:
        return await _notifier(settings, site.environment).send(json.loads(message.payload))
    except (ConfigError, NotifyError) as error:
        return Delivery(outcome=Outcome.RETRY, message=error.message)


def _settle(ledger: Ledger, message: Message, delivery: Delivery, site: Site) -> None:
    outbox, at = ledger.outbox, site.at
    if delivery.outcome is Outcome.SENT:
        outbox.sent(message.id, at)
    elif delivery.outcome is Outcome.UNSURE:
        outbox.unsure(message.id, at, delivery.message)
    else:
        seconds = delivery.retry_after_seconds
        outbox.failed(
            message.id,
            at,
            delivery.message,
            permanent=delivery.outcome is Outcome.REJECTED,
            retry_at=at + timedelta(seconds=seconds) if seconds is not None else None,
        )


def _unsure(text: str) -> Delivery:
    return Delivery(outcome=Outcome.UNSURE, message=text)


def _notifier(settings: AlertSettings, environment: Mapping[str, str]) -> Notifier:
    url = read_secret(settings.env, settings.file, environment)
    options = {"allow_http": True} if settings.allow_http else {}
    notifier: Notifier = load_member("notifiers", settings.channel)(url=url, **options)
    return notifier


def rule_texts() -> dict[str, RuleText]:
    """Return title, risk and remedy of every rule, by its name. Imports all rules."""
    return {name: _rule_text(name) for name in RULES}


def _rule_text(name: str) -> RuleText:
    rule, text = load_rule(name), rule_documentation(name)
    return RuleText(title=rule.title, risk=_part(text, "Risk"), remedy=_part(text, "Remedy"))


def _part(text: str, name: str) -> str:
    """Return the paragraph that begins with `name:`, on one line."""
    found: list[str] = []
    for line in text.splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in ("Risk", "Remedy", "Source"):
            if found:
                break
            if head == name:
                found.append(rest.strip())
        elif found:
            found.append(line.strip())
    return " ".join(found).strip()
