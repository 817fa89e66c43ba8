"""Alerts: stored once, sent at most once, tried again only where nothing can have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tagwatch.errors import LedgerError
from tagwatch.ledger.outbox import MAX_TRIES, Message, MessageState, Outbox
from tagwatch.ledger.record import Alert
from tagwatch.ledger.write import Ledger

AT = datetime(2026, 1, 1, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        yield ledger.outbox


def enqueue(outbox: Outbox, key: str, payload: str = "{}", at: datetime = AT) -> bool:
    """As a run that ends does, with nothing else in the transaction."""
    with outbox._transaction() as connection:
        alert = Alert(dedup_key=key, channel="slack", payload=payload)
        return outbox.store(connection, alert, at)


def only(messages: tuple[Message, ...]) -> Message:
    (message,) = messages
    return message


def test_a_message_is_stored_once_by_its_key(outbox: Outbox) -> None:
    assert enqueue(outbox, "run 1", '{"text":"one"}', AT)
    assert not enqueue(outbox, "run 1", '{"text":"again"}', AT + MINUTE)
    message = only(outbox.due(AT))
    assert (message.payload, message.state, message.tries) == ('{"text":"one"}', "pending", 0)
    assert outbox.due(AT - MINUTE) == ()


def test_a_sent_message_is_never_due_again_nor_stored_again(outbox: Outbox) -> None:
    enqueue(outbox, "run 1")
    claimed = outbox.claim(only(outbox.due(AT)).id, AT)
    assert claimed is not None
    assert (claimed.state, claimed.tries) == (MessageState.SENDING, 1)
    outbox.sent(claimed.id, AT)
    assert outbox.due(AT + 1000 * MINUTE) == ()
    assert not enqueue(outbox, "run 1", "{}", AT + MINUTE)
    assert outbox.undelivered() == ()


def test_only_one_sender_gets_a_message(outbox: Outbox, tmp_path: Path) -> None:
    enqueue(outbox, "run 1")
    message = only(outbox.due(AT))
    with Ledger.open(tmp_path / "tagwatch.db") as other:
        assert other.outbox.claim(message.id, AT) is not None
        assert outbox.claim(message.id, AT) is None
    assert outbox.due(AT + MINUTE) == ()


def test_a_refused_message_waits_longer_each_time_and_is_given_up(outbox: Outbox) -> None:
    enqueue(outbox, "run 1")
    now, pauses = AT, []
    for attempt in range(1, MAX_TRIES + 1):
        message = only(outbox.due(now))
        outbox.claim(message.id, now)
        state = outbox.failed(message.id, now, "HTTP 500")
        assert state == ("failed" if attempt == MAX_TRIES else "pending")
        if state is MessageState.PENDING:
            assert outbox.due(now) == ()
            waiting = only(outbox.due(now + timedelta(hours=6)))
            pauses.append(waiting.next_at - now)
            now = waiting.next_at
    assert pauses == [minutes * MINUTE for minutes in (1, 2, 4, 8, 16, 32, 64)]
    gone = only(outbox.undelivered())
    assert (gone.state, gone.error, gone.tries) == ("failed", "HTTP 500", MAX_TRIES)


def test_the_channels_own_pause_is_kept(outbox: Outbox) -> None:
    enqueue(outbox, "run 1")
    message = only(outbox.due(AT))
    outbox.claim(message.id, AT)
    outbox.failed(message.id, AT, "HTTP 429", retry_at=AT + 30 * MINUTE)
    assert outbox.due(AT + 29 * MINUTE) == ()
    assert only(outbox.due(AT + 30 * MINUTE)).tries == 1


def test_a_permanent_refusal_is_not_tried_again(outbox: Outbox) -> None:
    enqueue(outbox, "run 1")
    message = only(outbox.due(AT))
    outbox.claim(message.id, AT)
    assert outbox.failed(message.id, AT, "HTTP 404", permanent=True) is MessageState.FAILED
    assert outbox.due(AT + timedelta(days=9)) == ()


def test_an_interrupted_send_is_unsure_and_reported_but_never_repeated(outbox: Outbox) -> None:
    enqueue(outbox, "run 1")
    message = only(outbox.due(AT))
    outbox.claim(message.id, AT)
    assert outbox.expire(AT + 9 * MINUTE) == ()
    assert [item.id for item in outbox.expire(AT + 10 * MINUTE)] == [message.id]
    assert outbox.expire(AT + 20 * MINUTE) == ()
    assert outbox.due(AT + timedelta(days=9)) == ()
    assert only(outbox.undelivered()).state is MessageState.UNSURE


def test_no_answer_is_unsure_too(outbox: Outbox) -> None:
    enqueue(outbox, "run 1")
    message = only(outbox.due(AT))
    outbox.claim(message.id, AT)
    outbox.unsure(message.id, AT, "no answer within 30 s")
    assert outbox.due(AT + timedelta(days=9)) == ()
    assert only(outbox.undelivered()).error == "no answer within 30 s"


def test_what_was_not_claimed_cannot_be_settled(outbox: Outbox) -> None:
    enqueue(outbox, "run 1")
    with pytest.raises(LedgerError, match="is not being sent"):
        outbox.sent(only(outbox.due(AT)).id, AT)
    with pytest.raises(LedgerError, match="is not being sent"):
        outbox.failed(99, AT, "HTTP 500")
    assert only(outbox.due(AT)).state is MessageState.PENDING


class Sending(RuleBasedStateMachine):
    """Senders that crash, are refused, hear nothing: no text goes out twice."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(Path(self.folder.name, "l.db"))
        self.now = AT
        self.arrived: list[str] = []
        self.stored: set[str] = set()

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    @rule(key=st.sampled_from("abc"))
    def enqueue(self, key: str) -> None:
        assert enqueue(self.ledger.outbox, key, key, self.now) is (key not in self.stored)
        self.stored.add(key)

    @rule(minutes=st.integers(1, 500))
    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        self.ledger.outbox.expire(self.now)

    @precondition(lambda self: self.stored)
    @rule(end=st.sampled_from(["200", "500", "404", "silence", "crash before", "crash after"]))
    def send(self, end: str) -> None:
        outbox = self.ledger.outbox
        for message in outbox.due(self.now):
            assert outbox.claim(message.id, self.now) is not None
            if end in ("200", "silence", "crash after"):
                self.arrived.append(message.payload)
            if end == "200":
                outbox.sent(message.id, self.now)
            elif end in ("500", "404"):
                outbox.failed(message.id, self.now, end, permanent=end == "404")
            elif end == "silence":
                outbox.unsure(message.id, self.now, end)

    @invariant()
    def nothing_arrives_twice(self) -> None:
        assert len(self.arrived) == len(set(self.arrived))


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
