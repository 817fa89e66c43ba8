"""The alerts to send: stored before, claimed for, and settled after each attempt.

A message is stored once (by its key) and sent at most once: it is marked `sending` before the
attempt, and a crash in between leaves it `unsure`: reported, never sent again by itself.

pending ─claim→ sending ─→ sent | pending again (`next_at`) | failed | unsure
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import micros, moment
from tagwatch.ledger.record import Alert
from tagwatch.value import dataclass

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["Message", "MessageState", "Outbox"]

MAX_TRIES = 8
_LEASE = timedelta(minutes=10)
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=6)
_SELECT = (
    "SELECT id, dedup_key, channel, payload, state, tries, at, next_at, error FROM outbox WHERE "
)


class MessageState(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    """Refused for good, or tried too often."""
    UNSURE = "unsure"
    """It may have arrived: the sender was interrupted, or heard no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One alert. `payload` is the channel's JSON; `next_at`: not to be tried before."""

    id: int
    dedup_key: str
    channel: str
    payload: str
    state: MessageState
    tries: int
    at: datetime
    next_at: datetime
    error: str = ""


class Outbox:
    """See the module. Each method is one transaction; times come in as `at`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        database: Callable[[], Database],
        transaction: Callable[[], AbstractContextManager[sqlite3.Connection]],
    ) -> None:
        self._connection = connection
        self._database = database
        self._transaction = transaction

    def store(self, connection: sqlite3.Connection, alert: Alert, at: datetime) -> bool:
        """Store a message to be sent, in the caller's transaction.

        False where one with this key was ever stored.
        """
        when = micros(at)
        cursor = connection.execute(
            "INSERT OR IGNORE INTO outbox (dedup_key, channel, payload, state, at, next_at) "
            "VALUES (?, ?, ?, 'pending', ?, ?)",
            (alert.dedup_key, alert.channel, alert.payload, when, when),
        )
        return cursor.rowcount == 1

    def due(self, at: datetime) -> tuple[Message, ...]:
        """Messages that may be sent at `at`, oldest first."""
        return self._select("state = 'pending' AND next_at <= ?", micros(at))

    def undelivered(self) -> tuple[Message, ...]:
        """Messages that failed or may not have arrived: for the report."""
        return self._select("state IN ('failed', 'unsure')")

    def claim(self, message_id: int, at: datetime) -> Message | None:
        """Mark a message `sending`, before the attempt; None where it is no longer pending."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "UPDATE outbox SET state = 'sending', tries = tries + 1, claimed_at = ? "
                "WHERE id = ? AND state = 'pending'",
                (micros(at), message_id),
            )
            return self._select("id = ?", message_id)[0] if cursor.rowcount else None

    def sent(self, message_id: int, at: datetime) -> None:
        """The channel took the message."""
        self._settle(message_id, MessageState.SENT, at)

    def unsure(self, message_id: int, at: datetime, error: str) -> None:
        """The attempt ended without an answer: the message may have arrived."""
        self._settle(message_id, MessageState.UNSURE, at, error)

    def failed(
        self,
        message_id: int,
        at: datetime,
        error: str,
        *,
        permanent: bool = False,
        retry_at: datetime | None = None,
    ) -> MessageState:
        """The channel did not take the message: try again later, unless that is no use.

        `retry_at` is what the channel asked for; else the pause doubles from a minute to six hours.
        """
        with self._transaction():
            message = self._sending(message_id)
            if permanent or message.tries >= MAX_TRIES:
                state, next_at = MessageState.FAILED, message.next_at
            else:
                pause = min(_FIRST_PAUSE * 2 ** (message.tries - 1), _LONGEST_PAUSE)
                state, next_at = MessageState.PENDING, max(retry_at or at + pause, at)
            self._update(message_id, state, at, error, next_at)
            return state

    def expire(self, at: datetime) -> tuple[Message, ...]:
        """Mark as unsure what was claimed ten minutes ago and never settled; those messages."""
        with self._transaction():
            stale = self._select("state = 'sending' AND claimed_at <= ?", micros(at - _LEASE))
            for message in stale:
                error = "interrupted while it was being sent"
                self._update(message.id, MessageState.UNSURE, at, error, message.next_at)
            return stale

    def _settle(self, message_id: int, state: MessageState, at: datetime, error: str = "") -> None:
        with self._transaction():
            message = self._sending(message_id)
            self._update(message_id, state, at, error, message.next_at)

    def _sending(self, message_id: int) -> Message:
        found = self._select("id = ? AND state = 'sending'", message_id)
        if not found:
            raise LedgerError(
                f"message {message_id} is not being sent", hint="claim a message before sending it"
            )
        return found[0]

    def _update(
        self, message_id: int, state: MessageState, at: datetime, error: str, next_at: datetime
    ) -> None:
        self._database().table("outbox").update(
            message_id,
            {
                "state": state.value,
                "settled_at": micros(at),
                "error": error,
                "next_at": micros(next_at),
            },
        )

    def _select(self, condition: str, *parameters: object) -> tuple[Message, ...]:
        rows = self._connection.execute(_SELECT + condition + " ORDER BY id", parameters)
        return tuple(
            Message(
                id=number,
                dedup_key=dedup_key,
                channel=channel,
                payload=payload,
                state=MessageState(state),
                tries=tries,
                at=moment(when),
                next_at=moment(next_at),
                error=error,
            )
            for number, dedup_key, channel, payload, state, tries, when, next_at, error in rows
        )
