"""Every other channel (mail, Teams, Matrix, …) through apprise, one of its addresses a notifier."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.errors import NotifyError
from tagwatch.publish.notify.alert import Alert, Line, alert_of
from tagwatch.publish.notify.delivery import delivery_of
from tagwatch.publish.notify.interface import AlertContext, Delivery, Outcome
from tagwatch.value import dataclass, field

__all__ = ["AppriseNotifier"]

_STATUS = re.compile(r"\berror=(\d{3})\b")
# What its log names where no connection came about, so that nothing can have arrived.
_NO_CONNECTION = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|SSLError"
    r"|Connection refused|Name or service not known|getaddrinfo failed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseNotifier:
    """Sends plain text to one apprise address (`mailto://…`, `workflows://…`). See `Notifier`.

    Apprise has its own transport, so the rules of the other channels on redirects are its own.
    """

    url: str = field(repr=False)
    timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not _is_installed():
            raise NotifyError(
                "apprise: the package is not installed", hint="pip install 'tagwatch[notify]'"
            )
        try:
            options = parse_qs(urlsplit(self.url).query)
        except ValueError:
            return  # apprise reads addresses that are no URLs
        for name in ("optional", "retry"):
            if name in options:
                raise NotifyError(
                    f"apprise: the configured address has {name}=, which hides what was not sent",
                    hint=f"take {name}= out of it: tagwatch tries again by itself",
                )

    @staticmethod
    def build(result: AuditResult, since: Since, context: AlertContext) -> Any:
        """See `Notifier.build`."""
        alert = alert_of(result, since, context)
        if alert is None:
            return None
        return {
            "title": f"{context.sender}: {alert.headline}",
            "type": _type(alert),
            "body": "\n".join(_body(alert, context)),
        }

    @staticmethod
    def remark(payload: Mapping[str, Any] | None, remarks: Sequence[str]) -> Mapping[str, Any]:
        """See `Remarking.remark`."""
        own = payload or {"title": "tagwatch: alerts may not have arrived", "body": ""}
        return {**own, "body": "\n".join((own["body"], *remarks)).strip()}

    async def send(self, payload: Mapping[str, Any]) -> Delivery:
        """See `Notifier.send`. Apprise says yes or no; why no stands in its log."""
        import asyncio

        import apprise

        # apprise writes addresses, which hold passwords, to its log: nobody else may see it
        logging.getLogger("apprise").propagate = False
        logging.getLogger("urllib3").setLevel(logging.WARNING)
        channel = apprise.Apprise()
        if not channel.add(self.url):
            return Delivery(
                outcome=Outcome.REJECTED,
                message="apprise: the configured address is not one of its",
                address=True,
            )
        try:
            with apprise.LogCapture(level=logging.DEBUG) as log:  # type: ignore[no-untyped-call]  # apprise's own
                async with asyncio.timeout(self.timeout_seconds):
                    taken = await channel.async_notify(
                        title=payload["title"],
                        body=payload["body"],
                        notify_type=payload.get("type", "info"),
                    )
                said = log.getvalue()
        except TimeoutError:
            return Delivery(outcome=Outcome.UNSURE, message="apprise: no answer in time")
        return Delivery(outcome=Outcome.SENT) if taken else _refusal(said)


def _is_installed() -> bool:
    """Return True where apprise is there; to import it takes longer than most commands."""
    try:
        return find_spec("apprise") is not None
    except ValueError:  # somebody put something else in its place
        return False


def _refusal(log: str) -> Delivery:
    """Return what apprise's log of a failed attempt means; nothing of it is passed on."""
    statuses = _STATUS.findall(log)
    if statuses:
        return delivery_of("apprise", int(statuses[-1]))
    if _NO_CONNECTION.search(log):
        return Delivery(outcome=Outcome.RETRY, message="apprise: no connection")
    return Delivery(
        outcome=Outcome.UNSURE, message="apprise: the channel did not say that it took the message"
    )


def _type(alert: Alert) -> str:
    """Return what kind of message it is to apprise, which many channels show as a colour."""
    marks = [line.mark for group in alert.groups for line in group.lines]
    for severity, kind in ((Severity.ERROR, "failure"), (Severity.WARNING, "warning")):
        if severity.value in marks:
            return kind
    return "success" if marks and set(marks) == {"fixed"} else "info"


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
