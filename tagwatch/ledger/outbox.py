"""The messages to send: stored before, claimed for, and settled after each attempt.

    pending ─claim→ sending ─→ sent | pending again (`next_at`) | unsure | held      any → dropped

A message is stored once, by its key. It is marked `sending` before the attempt, with the time of
the attempt, and a sender that dies in between leaves it so until its lease of ten minutes runs out.
What becomes of it then is the receiver's: one that knows a message again by its key gets it once
more, another one does not. There it stays `unsure`, and a later message to the receiver names it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import micros, moment
from tagwatch.ledger.record import Alert
from tagwatch.value import dataclass

__all__ = [
    "UNDELIVERED",
    "Message",
    "MessageState",
    "Outbox",
    "count_messages",
    "key_about_unsure",
    "read_messages",
]

_LEASE = timedelta(minutes=10)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=6)
_BROKEN = timedelta(minutes=5)
"""So long nothing goes to a receiver that may lose it, once it has lost its answer to something."""
_NAMED = 10
"""So many lost messages one message names: a chat's messages have limits."""
_DOUBLINGS = 13
"""After so many the longest pause is reached; more would overflow."""
_ABOUT_UNSURE = "unsure "
"""How the keys of messages begin that only name unsure ones: nobody misses such a message."""
_FIELDS = (
    *("id", "dedup_key", "receiver", "channel", "headline", "payload", "state", "tries", "at"),
    *("next_at", "settled_at", "error", "mentioned_in", "mentioned"),
)
_COLUMNS = (
    f"{', '.join(_FIELDS[:-1])}, coalesce((SELECT other.state FROM outbox other "  # noqa: S608  # our own text
    "WHERE other.id = outbox.mentioned_in) = 'sent', 0)"
)
_UNMENTIONED = (
    "state = 'unsure' AND receiver = ? AND project = ? AND id <> ? "
    "AND substr(dedup_key, 1, 7) <> 'unsure ' "
    "AND (mentioned_in IS NULL OR mentioned_in NOT IN "
    "(SELECT id FROM outbox WHERE state IN ('sending', 'sent')))"
)
"""Unsure messages that no other one names which arrived or is on its way."""


class MessageState(StrEnum):
    """The states of a message."""

    PENDING = "pending"
    """It is sent as soon as `next_at` has come."""
    SENDING = "sending"
    SENT = "sent"
    """The receiver took it."""
    UNSURE = "unsure"
    """It may have arrived: the sender was interrupted, or heard no answer."""
    HELD = "held"
    """Refused until somebody mends the receiver's address, or asks for another attempt."""
    DROPPED = "dropped"
    """Given up by a person: never sent again."""


UNDELIVERED = (
    MessageState.PENDING,
    MessageState.SENDING,
    MessageState.UNSURE,
    MessageState.HELD,
)
"""The states of messages that nobody can be sure of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One alert to one receiver."""

    id: int
    dedup_key: str
    """Names what it says; the receiver of a webhook gets it as the message's id."""
    receiver: str
    channel: str
    headline: str
    payload: str
    """The channel's JSON; empty where it was settled so long ago that it was forgotten."""
    state: MessageState
    tries: int
    at: datetime
    """When the run began that it tells of."""
    next_at: datetime
    """It is not tried before."""
    settled_at: datetime | None = None
    error: str = ""
    """Why the last attempt failed."""
    mentioned_in: int | None = None
    """The message that names this unsure one."""
    mentioned: bool = False
    """True where that message was taken."""


def read_messages(
    connection: sqlite3.Connection, states: Iterable[str] = (), *, project: str
) -> tuple[Message, ...]:
    """Return a project's messages in these states (none given: all of them), oldest first."""
    chosen = tuple(states)
    where = f"state IN ({', '.join('?' for _ in chosen)})" if chosen else "true"
    return _select(
        connection, f"project = ? AND {where}", project, *(str(state) for state in chosen)
    )


def count_messages(connection: sqlite3.Connection, project: str) -> dict[MessageState, int]:
    """Return how many messages of a project are in each state; every state is a key."""
    rows = connection.execute(
        "SELECT state, count(*) FROM outbox WHERE project = ? GROUP BY state", (project,)
    )
    found = {MessageState(state): number for state, number in rows}
    return {state: found.get(state, 0) for state in MessageState}


class Outbox:
    """The messages of one project; see the module.

    Each method is one transaction; times come in as `at`, the real clock's.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        transaction: Callable[[], AbstractContextManager[sqlite3.Connection]],
        project: str = "",
    ) -> None:
        self._connection = connection
        self._transaction = transaction
        self._project = project

    # What is to be sent

    def store(self, connection: sqlite3.Connection, alert: Alert, at: datetime) -> bool:
        """Store a message to be sent, in the caller's transaction.

        False where one with this key was ever stored.
        """
        when = micros(at)
        cursor = connection.execute(
            "INSERT OR IGNORE INTO outbox "
            "(project, dedup_key, receiver, channel, headline, payload, state, at, next_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?)",
            (
                self._project,
                alert.dedup_key,
                alert.receiver or alert.channel,
                alert.channel,
                alert.headline,
                alert.payload,
                when,
                when,
            ),
        )
        return cursor.rowcount == 1

    def put(self, alert: Alert, at: datetime) -> bool:
        """Store a message by itself; see `store`."""
        with self._transaction() as connection:
            return self.store(connection, alert, at)

    def due(self, at: datetime, receivers: Collection[str]) -> tuple[Message, ...]:
        """Return the messages to these receivers that may be sent at `at`, oldest first."""
        pending = self.messages(MessageState.PENDING)
        return tuple(one for one in pending if one.next_at <= at and one.receiver in receivers)

    def next_due(self, receivers: Collection[str]) -> datetime | None:
        """Return when the next message to one of these receivers may be sent, if there is any."""
        pending = self.messages(MessageState.PENDING)
        return min((one.next_at for one in pending if one.receiver in receivers), default=None)

    def messages(self, *states: MessageState) -> tuple[Message, ...]:
        """See `read_messages`."""
        return read_messages(self._connection, states, project=self._project)

    def note_problem(self, receiver: str, error: str) -> None:
        """Write down why no message to a receiver can be tried now."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE outbox SET error = ? "
                "WHERE state = 'pending' AND receiver = ? AND project = ?",
                (error, receiver, self._project),
            )

    # An attempt

    def claim(self, message_id: int, at: datetime, *, naming: bool = True) -> Message | None:
        """Mark a message `sending`, before the attempt; None where it may not be sent at `at`.

        The oldest unsure messages to its receiver that no other one names are `named_by` it from
        now on, ten at most. `naming` False: it cannot name any.
        """
        with self._transaction() as connection:
            cursor = connection.execute(
                "UPDATE outbox SET state = 'sending', tries = tries + 1, claimed_at = ?1 "
                "WHERE id = ?2 AND state = 'pending' AND next_at <= ?1",
                (micros(at), message_id),
            )
            if not cursor.rowcount:
                return None
            (message,) = _select(connection, "id = ?", message_id)
            connection.execute(
                "UPDATE outbox SET mentioned_in = ? WHERE id IN "  # noqa: S608  # our own text
                f"(SELECT id FROM outbox WHERE {_UNMENTIONED} ORDER BY id LIMIT ?)",
                (
                    message_id,
                    message.receiver,
                    self._project,
                    message_id,
                    _NAMED if naming else 0,
                ),
            )
            return message

    def named_by(self, message: Message) -> tuple[Message, ...]:
        """Return the unsure messages that a claimed message has to name."""
        return _select(self._connection, "mentioned_in = ? AND state = 'unsure'", message.id)

    def sent(self, message: Message, at: datetime) -> None:
        """Settle a claimed message: the receiver took it.

        So its address works: what was held because of it is due again.
        """
        with self._transaction() as connection:
            if self._settle(connection, message, MessageState.SENT, at, ""):
                connection.execute(
                    "UPDATE outbox SET state = 'pending', next_at = ?, address = NULL "
                    "WHERE state = 'held' AND receiver = ? AND project = ? "
                    "AND address IS NOT NULL",
                    (micros(at), message.receiver, self._project),
                )

    def unsure(self, message: Message, at: datetime, error: str, *, again: bool) -> None:
        """Settle a claimed message: it may have arrived.

        `again`: the receiver knows it again by its key, so it is sent once more. Else the other
        messages to the receiver wait for five minutes, so that not all of them are lost at once.
        """
        with self._transaction() as connection:
            if again:
                next_at = at + _pause(message.tries)
                self._settle(connection, message, MessageState.PENDING, at, error, next_at)
            elif self._settle(connection, message, MessageState.UNSURE, at, error):
                self._postpone(connection, message.receiver, at + _BROKEN)

    def refused(
        self, message: Message, at: datetime, error: str, *, retry_at: datetime | None = None
    ) -> None:
        """Settle a claimed message: it was certainly not taken, so it is due again later.

        `retry_at` is what the receiver asked for; else the pause doubles from five seconds to six
        hours. The other messages to the receiver wait as long.
        """
        next_at = max(retry_at or at + _pause(message.tries), at)
        with self._transaction() as connection:
            if self._settle(connection, message, MessageState.PENDING, at, error, next_at):
                self._postpone(connection, message.receiver, next_at)

    def hold(
        self, message: Message, at: datetime, error: str, *, address: bytes | None = None
    ) -> None:
        """Settle a claimed message: it will not be taken so.

        `address`: a keyed hash of the address that is to blame. Every other message to the receiver
        is held with it, until `release` is given another one. None: the message is to blame.
        """
        with self._transaction() as connection:
            if not self._settle(connection, message, MessageState.HELD, at, error):
                return
            if address is not None:
                connection.execute(
                    "UPDATE outbox SET state = 'held', address = ?1, settled_at = ?2, error = ?3 "
                    "WHERE receiver = ?4 AND project = ?6 AND (id = ?5 OR state = 'pending')",
                    (address, micros(at), error, message.receiver, message.id, self._project),
                )

    def expire(self, at: datetime, receivers: Mapping[str, bool]) -> tuple[Message, ...]:
        """Settle what was claimed ten minutes ago by a sender that died; return those messages.

        `receivers`: whether each one knows a message again by its key, see `unsure`.
        """
        with self._transaction() as connection:
            stale = [
                message
                for message in _select(
                    connection,
                    "state = 'sending' AND claimed_at <= ? AND project = ?",
                    micros(at - _LEASE),
                    self._project,
                )
                if message.receiver in receivers
            ]
            for message in stale:
                again = receivers[message.receiver]
                state = MessageState.PENDING if again else MessageState.UNSURE
                error = "interrupted while it was being sent"
                self._settle(connection, message, state, at, error, at)
            return tuple(stale)

    # Held and unsure messages

    def is_holding(self, receiver: str) -> bool:
        """Return True where messages to a receiver are held because of its address."""
        return bool(
            _select(
                self._connection,
                "state = 'held' AND receiver = ? AND project = ? AND address IS NOT NULL",
                receiver,
                self._project,
            )
        )

    def release(self, receiver: str, address: bytes, at: datetime) -> int:
        """Make due what was held because of another address than this; how many messages."""
        with self._transaction() as connection:
            return connection.execute(
                "UPDATE outbox SET state = 'pending', next_at = ?, address = NULL "
                "WHERE state = 'held' AND receiver = ? AND project = ? AND address <> ?",
                (micros(at), receiver, self._project, address),
            ).rowcount

    def probe(self, receiver: str, before: datetime, at: datetime) -> None:
        """Make one message due, where all are held because of the address since `before`.

        The address may have been mended where it is: what takes one message gets the others.
        """
        held = "state = 'held' AND receiver = ?1 AND project = ?4 AND address IS NOT NULL"
        with self._transaction() as connection:
            connection.execute(
                "UPDATE outbox SET state = 'pending', next_at = ?2 WHERE id = "  # noqa: S608  # our own text
                f"(SELECT min(id) FROM outbox WHERE {held} HAVING max(settled_at) <= ?3)",
                (receiver, micros(at), micros(before), self._project),
            )

    def unmentioned(self, receiver: str, before: datetime) -> tuple[Message, ...]:
        """Return messages that are unsure since `before`, and that no other one names."""
        where = f"{_UNMENTIONED} AND settled_at <= ?"
        return _select(self._connection, where, receiver, self._project, 0, micros(before))

    def retry(self, message_ids: Iterable[int], at: datetime) -> tuple[int, ...]:
        """Make messages due that a person wants to be sent (again); the ids of those that are.

        One that was sent, is being sent, or has lost its text stays as it is.
        """
        with self._transaction() as connection:
            return tuple(
                number
                for number in message_ids
                if connection.execute(
                    "UPDATE outbox SET state = 'pending', next_at = ?, address = NULL, "
                    "mentioned_in = NULL WHERE id = ? AND payload <> '' "
                    "AND state IN ('pending', 'unsure', 'held', 'dropped')",
                    (micros(at), number),
                ).rowcount
            )

    def drop(self, message_ids: Iterable[int], at: datetime) -> tuple[int, ...]:
        """Give up messages that were not sent; the ids of those that are given up now."""
        with self._transaction() as connection:
            return tuple(
                number
                for number in message_ids
                if connection.execute(
                    "UPDATE outbox SET state = 'dropped', settled_at = ? WHERE id = ? "
                    "AND state IN ('pending', 'unsure', 'held')",
                    (micros(at), number),
                ).rowcount
            )

    def address_key(self) -> bytes:
        """Return the key of this ledger's hashes of addresses; it is made at its first use."""
        from secrets import token_bytes

        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO address_key (key) SELECT ? "
                "WHERE NOT EXISTS (SELECT 1 FROM address_key)",
                (token_bytes(32),),
            )
            (key,) = connection.execute("SELECT key FROM address_key").fetchone()
            return bytes(key)

    def _postpone(self, connection: sqlite3.Connection, receiver: str, until: datetime) -> None:
        connection.execute(
            "UPDATE outbox SET next_at = max(next_at, ?) "
            "WHERE state = 'pending' AND receiver = ? AND project = ?",
            (micros(until), receiver, self._project),
        )

    def _settle(
        self,
        connection: sqlite3.Connection,
        message: Message,
        state: MessageState,
        at: datetime,
        error: str,
        next_at: datetime | None = None,
    ) -> bool:
        """Settle a claimed message; False where it is somebody else's by now.

        A sender that slept longer than its lease knows better than who took it for dead, unless the
        message was claimed once more.
        """
        if message.state is not MessageState.SENDING:
            raise LedgerError(
                f"message {message.id} is not being sent", hint="claim a message before sending it"
            )
        done = connection.execute(
            "UPDATE outbox SET state = ?, settled_at = ?, error = ?, next_at = ? "
            "WHERE id = ? AND tries = ? AND state IN ('sending', 'unsure', 'pending')",
            (
                state.value,
                micros(at),
                error,
                micros(next_at or message.next_at),
                message.id,
                message.tries,
            ),
        )
        return done.rowcount == 1


def key_about_unsure(receiver: str, messages: Iterable[Message]) -> str:
    """Return the key of a message that only names unsure ones."""
    return f"{_ABOUT_UNSURE}{receiver} {' '.join(str(one.id) for one in messages)}"


def _pause(tries: int) -> timedelta:
    """Return how long to wait after that many attempts."""
    doublings = min(max(tries - 1, 0), _DOUBLINGS)
    return min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)


def _select(
    connection: sqlite3.Connection, condition: str, *parameters: object
) -> tuple[Message, ...]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE {condition} ORDER BY id",  # noqa: S608  # our own text
        parameters,
    )
    return tuple(_message(row) for row in rows)


def _message(row: Any) -> Message:
    values = dict(zip(_FIELDS, row, strict=True))
    settled_at = values.pop("settled_at")
    return Message(
        state=MessageState(values.pop("state")),
        at=moment(values.pop("at")),
        next_at=moment(values.pop("next_at")),
        settled_at=None if settled_at is None else moment(settled_at),
        mentioned=bool(values.pop("mentioned")),
        **values,
    )
