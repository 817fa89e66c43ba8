"""A generic webhook: the alert as JSON in one POST, for programs that make their own message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.publish.notify.alert import alert_of
from tagwatch.publish.notify.delivery import attempt, check_address
from tagwatch.publish.notify.interface import AlertContext, Delivery
from tagwatch.publish.wording import stamp

if TYPE_CHECKING:
    import aiohttp

__all__ = ["WebhookNotifier"]

_MOST_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNotifier:
    """Posts `{"schema_version": 1, "headline", "groups": …}` to one address. See `Notifier`."""

    url: str = field(repr=False)
    timeout_seconds: float = 20.0
    allow_http: bool = False

    def __post_init__(self) -> None:
        check_address(self.url, channel="webhook", allow_http=self.allow_http)

    @staticmethod
    def build(result: AuditResult, since: Since, context: AlertContext) -> Any:
        """See `Notifier.build`. Every line of a group up to 200; `more` counts the rest."""
        alert = alert_of(result, since, context)
        if alert is None:
            return None
        return {
            "schema_version": 1,
            "at": stamp(result.at),
            "headline": alert.headline,
            "verdict": alert.verdict,
            "complete": alert.complete,
            "coverage": alert.coverage,
            "report_url": context.report_url or None,
            "groups": [
                {
                    "title": group.title,
                    "lines": [asdict(line) for line in group.lines[:_MOST_LINES]],
                    "more": max(len(group.lines) - _MOST_LINES, 0),
                }
                for group in alert.groups
            ],
        }

    async def send(self, payload: Mapping[str, Any]) -> Delivery:
        """See `Notifier.send`."""

        async def post(session: aiohttp.ClientSession) -> tuple[int, str | None]:
            async with session.post(self.url, json=payload) as answer:
                return answer.status, answer.headers.get("Retry-After")

        return await attempt("webhook", self.url, self.timeout_seconds, post)
