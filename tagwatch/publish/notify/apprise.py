"""Every other channel (mail, Teams, Matrix, …) through apprise, one of its addresses a notifier."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.publish.notify.alert import Alert, Line, alert_of
from tagwatch.publish.notify.interface import AlertContext, Delivery, Outcome
from tagwatch.value import dataclass, field

__all__ = ["AppriseNotifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseNotifier:
    """Sends plain text to one apprise address (`mailto://…`, `msteams://…`). See `Notifier`.

    Apprise has its own transport, so the rules of the other channels on redirects are its own.
    """

    url: str = field(repr=False)
    timeout_seconds: float = 60.0

    @staticmethod
    def build(result: AuditResult, since: Since, context: AlertContext) -> Any:
        """See `Notifier.build`."""
        alert = alert_of(result, since, context)
        if alert is None:
            return None
        return {
            "title": f"tagwatch: {alert.headline}",
            "body": "\n".join(_body(alert, context)),
        }

    async def send(self, payload: Mapping[str, Any]) -> Delivery:
        """See `Notifier.send`. Apprise says only yes or no; no is tried again."""
        import asyncio

        import apprise

        # apprise writes addresses, which hold passwords, to its log
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        channel = apprise.Apprise()
        if not channel.add(self.url):
            return Delivery(
                outcome=Outcome.REJECTED,
                message="apprise: the configured address is not one of its",
            )
        try:
            async with asyncio.timeout(self.timeout_seconds):
                taken = await channel.async_notify(title=payload["title"], body=payload["body"])
        except TimeoutError:
            return Delivery(outcome=Outcome.UNSURE, message="apprise: no answer in time")
        if taken:
            return Delivery(outcome=Outcome.SENT)
        return Delivery(
            outcome=Outcome.RETRY, message="apprise: the channel did not take the message"
        )


def _body(alert: Alert, context: AlertContext) -> Iterator[str]:
    yield alert.verdict
    for group in alert.groups:
        yield ""
        yield group.title
        yield from (_line(line) for line in group.lines[: context.shown])
        if len(group.lines) > context.shown:
            yield f"… and {len(group.lines) - context.shown} more"
    yield ""
    yield alert.coverage
    if context.report_url:
        yield context.report_url


def _line(line: Line) -> str:
    parts = (line.message, line.where, f"fix: {line.fix}" if line.fix else line.remedy)
    return f"[{line.mark}] {line.name}: " + " · ".join(part for part in parts if part)
