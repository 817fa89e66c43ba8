"""A generic webhook: the alert as JSON in one POST, for programs that make their own message.

Sent as Standard Webhooks has it (standardwebhooks.com, "Webhook Metadata", "Signature scheme"): at
least once, the id the same at each attempt, signed where there is a secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.errors import NotifyError
from tagwatch.publish.notify.alert import alert_of
from tagwatch.publish.notify.delivery import attempt, check_address
from tagwatch.publish.notify.interface import AlertContext, Delivery
from tagwatch.publish.wording import stamp

if TYPE_CHECKING:
    import aiohttp

__all__ = ["WebhookNotifier", "signature"]

_MOST_LINES = 200
_SECRET = "whsec_"  # noqa: S105  # how one begins
_KEY_BYTES = range(24, 65)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNotifier:
    """Posts `{"schema_version": 1, "headline", "groups": …}` to one address.

    See `Notifier` and `Repeatable`. `secret`: keys of the signature, `whsec_…`, apart by spaces.
    """

    url: str = field(repr=False)
    timeout_seconds: float = 20.0
    allow_http: bool = False
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check_address(self.url, channel="webhook", allow_http=self.allow_http)
        _keys(self.secret)

    @staticmethod
    def build(result: AuditResult, since: Since, context: AlertContext) -> Any:
        """See `Notifier.build`. Every line of a group up to 200; `more` counts the rest."""
        alert = alert_of(result, since, context)
        if alert is None:
            return None
        return {
            "schema_version": 1,
            "type": "test" if context.is_test else "scan.changed",
            "project": context.project or None,
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

    @staticmethod
    def remark(payload: Mapping[str, Any] | None, remarks: Sequence[str]) -> Mapping[str, Any]:
        """See `Remarking.remark`."""
        return {**(payload or {}), "remarks": list(remarks)}

    async def send(self, payload: Mapping[str, Any]) -> Delivery:
        """See `Notifier.send`. Without an id, as somebody who tries an address out."""
        return await self._post(json.dumps(payload).encode(), {})

    async def send_again(self, payload: Mapping[str, Any], key: str, at: datetime) -> Delivery:
        """See `Repeatable.send_again`."""
        body = json.dumps(payload).encode()
        headers = {"webhook-id": key, "webhook-timestamp": str(int(at.timestamp()))}
        if self.secret:
            headers["webhook-signature"] = signature(self.secret, key, at, body)
        return await self._post(body, headers)

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        async def post(session: aiohttp.ClientSession) -> tuple[int, str | None]:
            sent = {"Content-Type": "application/json", **headers}
            async with session.post(self.url, data=body, headers=sent) as answer:
                return answer.status, answer.headers.get("Retry-After")

        return await attempt("webhook", self.url, self.timeout_seconds, post)


def signature(secret: str, key: str, at: datetime, body: bytes) -> str:
    """Return the header that proves who sent a body: a signature by each key of the secret."""
    signed = b".".join((key.encode(), str(int(at.timestamp())).encode(), body))
    digests = (hmac.new(one, signed, hashlib.sha256).digest() for one in _keys(secret))
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _keys(secret: str) -> tuple[bytes, ...]:
    """Return the keys that a secret holds. Raises `NotifyError`, never with a part of it."""
    keys = []
    for text in secret.split():
        try:
            key = base64.b64decode(text.removeprefix(_SECRET), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) not in _KEY_BYTES:
            raise NotifyError(
                "webhook: the configured secret is not one of Standard Webhooks",
                hint="make one: echo whsec_$(openssl rand -base64 32)",
            )
        keys.append(key)
    return tuple(keys)
