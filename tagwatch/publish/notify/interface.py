"""Alerts: what a notifier is given and gives back.

Building is pure and sending is not, so that a payload can be stored in an outbox between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.value import dataclass

__all__ = ["AlertContext", "Delivery", "Notifier", "Outcome", "Remarking", "Repeatable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertContext:
    """What is worth an alert, and where to read more.

    `min_severity`: findings and moves below it neither start a message nor stand in it.
    `shown`: lines a group before "and N more". `project`: what titles begin with. `still`: findings
    that were told long ago and still stand, to be told again. `newer`: findings that name a newer
    version than the run before did, and `offered` minor and major versions that may be written
    since this run; both stand in a message whatever `min_severity` is. `is_test`: somebody tries
    the channel out, and the message says so.
    """

    version: str
    project: str = ""
    min_severity: Severity = Severity.NOTE
    report_url: str = ""
    shown: int = 5
    still: tuple[Finding, ...] = ()
    newer: tuple[Finding, ...] = ()
    offered: tuple[Finding, ...] = ()
    is_test: bool = False

    @property
    def sender(self) -> str:
        """What a title begins with."""
        return f"tagwatch {self.project}" if self.project else "tagwatch"


class Outcome(StrEnum):
    """What became of one attempt to send."""

    SENT = "sent"
    RETRY = "retry"
    """It was certainly not taken: 429, 5xx with `Retry-After`, or no connection. Try again."""
    REJECTED = "rejected"
    """It will never be taken so: to be shown to the receiver's owner."""
    UNSURE = "unsure"
    """It may have been taken: no answer came, or a 5xx. Sending again may alert twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The outcome of one attempt. `message` never holds the address or any part of it.

    `address`: True where a rejection is due to the address, not to what was sent.
    """

    outcome: Outcome
    message: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None
    address: bool = False


class Notifier(Protocol):
    """A channel for alerts, made with its address: `notifier(url, timeout_seconds=…)`."""

    @staticmethod
    def build(result: AuditResult, since: Since, context: AlertContext) -> Mapping[str, Any] | None:
        """The payload as JSON values; None where nothing changed that is worth a message."""

    async def send(self, payload: Mapping[str, Any]) -> Delivery:
        """Try once to deliver a payload that `build` made. Raises nothing but cancellation."""


@runtime_checkable
class Repeatable(Protocol):
    """A notifier whose receivers know a message again: it is sent until it is answered.

    Messages of other notifiers are sent at most once.
    """

    async def send_again(self, payload: Mapping[str, Any], key: str, at: datetime) -> Delivery:
        """Try once to deliver a payload, at `at`. `key` is the same at each attempt."""


@runtime_checkable
class Remarking(Protocol):
    """A notifier that can add sentences to a payload: that another message may be lost, say."""

    @staticmethod
    def remark(payload: Mapping[str, Any] | None, remarks: Sequence[str]) -> Mapping[str, Any]:
        """Return the payload with these sentences, a payload of its own where there is none."""
