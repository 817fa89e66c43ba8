"""Alerts: what a notifier is given and gives back.

Building is pure and sending is not, so that a payload can be stored in an outbox between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.value import dataclass

__all__ = ["AlertContext", "Delivery", "Notifier", "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertContext:
    """What is worth an alert, and where to read more.

    `min_severity`: findings and moves below it neither start a message nor stand in it.
    `shown`: lines a group before "and N more".
    """

    version: str
    min_severity: Severity = Severity.NOTE
    report_url: str = ""
    shown: int = 5


class Outcome(StrEnum):
    """What became of one attempt to send."""

    SENT = "sent"
    RETRY = "retry"
    """It was certainly not taken: 408, 429, 5xx, or no connection. Trying again is right."""
    REJECTED = "rejected"
    """It will never be taken so: a mistake in the configuration, to be shown to its owner."""
    UNSURE = "unsure"
    """It was sent, but no answer came: it may have arrived. Sending again may alert twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The outcome of one attempt. `message` never holds the address or any part of it."""

    outcome: Outcome
    message: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None


class Notifier(Protocol):
    """A channel for alerts, made with its address: `notifier(url, timeout_seconds=…)`."""

    @staticmethod
    def build(result: AuditResult, since: Since, context: AlertContext) -> Mapping[str, Any] | None:
        """The payload as JSON values; None where nothing changed that is worth a message."""

    async def send(self, payload: Mapping[str, Any]) -> Delivery:
        """Try once to deliver a payload that `build` made. Raises nothing but cancellation."""
