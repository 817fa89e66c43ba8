"""Alerts: stored once, claimed with the time of the attempt, and never lost sight of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tagwatch.errors import LedgerError
from tagwatch.ledger.outbox import Message, MessageState, Outbox, key_about_unsure
from tagwatch.ledger.record import Alert
from tagwatch.ledger.write import Ledger

AT = datetime(2026, 1, 1, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
CHAT = {"slack": False}
HOOK = {"slack": True}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        yield ledger.outbox


def alert(key: str, payload: str = "{}", receiver: str = "") -> Alert:
    return Alert(dedup_key=key, channel="slack", payload=payload, receiver=receiver, headline=key)


def only(messages: tuple[Message, ...]) -> Message:
    (message,) = messages
    return message


def claimed(outbox: Outbox, key: str, at: datetime = AT, receiver: str = "slack") -> Message:
    """Store a message, and claim it."""
    assert outbox.put(alert(key, receiver=receiver), at)
    newest = outbox.messages(MessageState.PENDING)[-1]
    found = outbox.claim(newest.id, at)
    assert found is not None
    return found


def states(outbox: Outbox) -> dict[str, str]:
    return {one.dedup_key: one.state.value for one in outbox.messages()}


def test_a_message_is_stored_once_by_its_key(outbox: Outbox) -> None:
    assert outbox.put(alert("run 1", '{"text":"one"}'), AT)
    assert not outbox.put(alert("run 1", '{"text":"again"}'), AT + MINUTE)
    message = only(outbox.due(AT, CHAT))
    assert (message.payload, message.state, message.tries) == ('{"text":"one"}', "pending", 0)
    assert (message.receiver, message.headline) == ("slack", "run 1")
    assert outbox.due(AT - MINUTE, CHAT) == ()
    assert outbox.due(AT, {"somebody else"}) == ()


def test_a_sent_message_is_never_due_again_nor_stored_again(outbox: Outbox) -> None:
    message = claimed(outbox, "run 1")
    assert (message.state, message.tries) == (MessageState.SENDING, 1)
    outbox.sent(message, AT)
    assert outbox.due(AT + 1000 * MINUTE, CHAT) == ()
    assert not outbox.put(alert("run 1"), AT + MINUTE)
    assert outbox.retry([message.id], AT) == ()
    assert outbox.drop([message.id], AT) == ()
    assert states(outbox) == {"run 1": "sent"}


def test_only_one_sender_gets_a_message(outbox: Outbox, tmp_path: Path) -> None:
    outbox.put(alert("run 1"), AT)
    message = only(outbox.due(AT, CHAT))
    with Ledger.open(tmp_path / "tagwatch.db") as other:
        assert other.outbox.claim(message.id, AT) is not None
        assert outbox.claim(message.id, AT) is None
    assert outbox.due(AT + MINUTE, CHAT) == ()


def test_a_refused_message_waits_longer_each_time_and_is_never_given_up(outbox: Outbox) -> None:
    outbox.put(alert("run 1"), AT)
    now, pauses = AT, []
    for _ in range(100):
        message = outbox.claim(only(outbox.due(now, CHAT)).id, now)
        assert message is not None
        outbox.refused(message, now, "HTTP 429")
        assert outbox.due(now, CHAT) == ()
        due = outbox.next_due(CHAT)
        assert due is not None
        pauses.append((due - now).total_seconds())
        now = due
    assert pauses[:6] == [5, 10, 20, 40, 80, 160]
    assert set(pauses[13:]) == {6 * 3600}
    assert only(outbox.messages()).error == "HTTP 429"


def test_the_receivers_own_pause_holds_for_all_of_its_messages(outbox: Outbox) -> None:
    message = claimed(outbox, "run 1")
    outbox.put(alert("run 2"), AT)
    outbox.put(alert("for another", receiver="ops"), AT)
    outbox.refused(message, AT, "HTTP 429", retry_at=AT + 30 * MINUTE)
    assert [one.dedup_key for one in outbox.due(AT + 29 * MINUTE, {"slack", "ops"})] == [
        "for another"
    ]
    later = outbox.due(AT + 30 * MINUTE, CHAT)
    assert [one.dedup_key for one in later] == ["run 1", "run 2"]
    assert outbox.claim(later[1].id, AT) is None, "not before its time, whoever asks"


def test_a_revoked_address_holds_all_until_there_is_another(outbox: Outbox) -> None:
    message = claimed(outbox, "run 1")
    outbox.put(alert("run 2"), AT)
    outbox.hold(message, AT, "HTTP 404", address=b"old")
    assert states(outbox) == {"run 1": "held", "run 2": "held"}
    assert outbox.is_holding("slack")
    assert outbox.due(AT + 9 * DAY, CHAT) == ()
    assert outbox.release("slack", b"old", AT + DAY) == 0
    assert outbox.release("slack", b"new", AT + DAY) == 2
    assert [one.dedup_key for one in outbox.due(AT + DAY, CHAT)] == ["run 1", "run 2"]
    assert not outbox.is_holding("slack")


def test_an_address_that_works_again_is_seen_by_what_it_takes(outbox: Outbox) -> None:
    outbox.hold(claimed(outbox, "run 1"), AT, "HTTP 410", address=b"same")
    outbox.hold(claimed(outbox, "odd"), AT, "HTTP 400")
    outbox.sent(claimed(outbox, "run 2", AT + DAY), AT + DAY)
    assert states(outbox) == {"run 1": "pending", "odd": "held", "run 2": "sent"}


def test_one_of_the_held_messages_is_tried_again_after_a_night(outbox: Outbox) -> None:
    message = claimed(outbox, "run 1")
    outbox.put(alert("run 2"), AT)
    outbox.hold(message, AT, "HTTP 410", address=b"same")
    outbox.probe("slack", AT - MINUTE, AT + DAY)
    assert outbox.due(AT + DAY, CHAT) == ()
    outbox.probe("slack", AT, AT + DAY)
    tried = outbox.claim(only(outbox.due(AT + DAY, CHAT)).id, AT + DAY)
    assert tried is not None
    outbox.hold(tried, AT + DAY, "HTTP 410", address=b"same")
    outbox.probe("slack", AT + DAY - MINUTE, AT + DAY)
    assert outbox.due(AT + 2 * DAY, CHAT) == (), "once a night"
    outbox.probe("slack", AT + DAY, AT + 2 * DAY)
    tried = outbox.claim(only(outbox.due(AT + 2 * DAY, CHAT)).id, AT + 2 * DAY)
    assert tried is not None
    outbox.sent(tried, AT + 2 * DAY)
    assert states(outbox) == {"run 1": "sent", "run 2": "pending"}


def test_a_message_that_is_to_blame_waits_for_a_person(outbox: Outbox) -> None:
    message = claimed(outbox, "odd")
    outbox.put(alert("run 2"), AT)
    outbox.hold(message, AT, "HTTP 400")
    assert states(outbox) == {"odd": "held", "run 2": "pending"}
    assert outbox.release("slack", b"new", AT) == 0
    assert outbox.retry([message.id, 99], AT) == (message.id,)
    assert states(outbox)["odd"] == "pending"
    assert outbox.drop([message.id], AT) == (message.id,)
    assert states(outbox)["odd"] == "dropped"


def test_an_interrupted_send_counts_from_the_attempt(outbox: Outbox) -> None:
    """A claim used to carry the start of its scan: after ten minutes it was stale at once."""
    outbox.put(alert("run 1"), AT)
    late = AT + 15 * MINUTE
    message = outbox.claim(only(outbox.due(late, CHAT)).id, late)
    assert message is not None
    assert outbox.expire(late + 9 * MINUTE, CHAT) == ()
    assert outbox.expire(late + 10 * MINUTE, {"another": False}) == ()
    assert [one.id for one in outbox.expire(late + 10 * MINUTE, CHAT)] == [message.id]
    assert outbox.due(AT + 9 * DAY, CHAT) == ()
    assert states(outbox) == {"run 1": "unsure"}


def test_a_receiver_that_knows_a_message_again_gets_it_again(outbox: Outbox) -> None:
    claimed(outbox, "run 1")
    outbox.expire(AT + 10 * MINUTE, HOOK)
    assert states(outbox) == {"run 1": "pending"}
    message = outbox.claim(only(outbox.due(AT + 10 * MINUTE, HOOK)).id, AT + 10 * MINUTE)
    assert message is not None
    outbox.unsure(message, AT + 10 * MINUTE, "no answer", again=True)
    assert outbox.due(AT + 10 * MINUTE, HOOK) == ()
    assert only(outbox.due(AT + 11 * MINUTE, HOOK)).dedup_key == "run 1"


def test_who_was_taken_for_dead_still_knows_better(outbox: Outbox) -> None:
    message = claimed(outbox, "run 1")
    outbox.expire(AT + 11 * MINUTE, CHAT)
    outbox.sent(message, AT + 12 * MINUTE)
    assert states(outbox) == {"run 1": "sent"}

    slow = claimed(outbox, "run 2")
    outbox.expire(AT + 11 * MINUTE, HOOK)
    faster = outbox.claim(slow.id, AT + 11 * MINUTE)
    assert faster is not None
    outbox.refused(slow, AT + 12 * MINUTE, "HTTP 429")
    assert states(outbox)["run 2"] == "sending", "it is the other's by now"
    outbox.sent(faster, AT + 12 * MINUTE)
    assert states(outbox)["run 2"] == "sent"


def test_an_unsure_message_is_named_until_a_message_with_its_name_arrives(outbox: Outbox) -> None:
    lost = claimed(outbox, "lost")
    outbox.unsure(lost, AT, "no answer", again=False)
    first = claimed(outbox, "first", AT + DAY)
    assert [one.dedup_key for one in outbox.named_by(first)] == ["lost"]
    outbox.unsure(first, AT + DAY, "no answer", again=False)
    assert outbox.named_by(claimed(outbox, "for another", AT, "ops")) == ()
    second = claimed(outbox, "second", AT + 2 * DAY)
    assert [one.dedup_key for one in outbox.named_by(second)] == ["lost", "first"]
    outbox.refused(second, AT + 2 * DAY, "HTTP 429")
    third = claimed(outbox, "third", AT + 3 * DAY)
    assert [one.dedup_key for one in outbox.named_by(third)] == ["lost", "first"]
    assert outbox.named_by(second) == ()
    outbox.sent(third, AT + 3 * DAY)
    assert outbox.named_by(claimed(outbox, "fourth", AT + 4 * DAY)) == ()
    told = {one.dedup_key: one.mentioned for one in outbox.messages(MessageState.UNSURE)}
    assert told == {"lost": True, "first": True}


def test_what_may_be_lost_costs_no_other_message(outbox: Outbox) -> None:
    message = claimed(outbox, "run 1")
    outbox.put(alert("run 2"), AT)
    outbox.unsure(message, AT, "HTTP 500", again=False)
    assert outbox.due(AT + 4 * MINUTE, CHAT) == ()
    assert only(outbox.due(AT + 5 * MINUTE, CHAT)).dedup_key == "run 2"


def test_a_message_names_ten_at_most(outbox: Outbox) -> None:
    for number in range(12):
        outbox.unsure(claimed(outbox, f"{number}"), AT, "no answer", again=False)
    first = claimed(outbox, "first", AT + DAY)
    assert [one.dedup_key for one in outbox.named_by(first)] == [f"{n}" for n in range(10)]
    outbox.sent(first, AT + DAY)
    second = claimed(outbox, "second", AT + DAY)
    assert [one.dedup_key for one in outbox.named_by(second)] == ["10", "11"]


def test_a_channel_that_cannot_name_others_does_not_count_as_if_it_had(outbox: Outbox) -> None:
    outbox.unsure(claimed(outbox, "lost"), AT, "no answer", again=False)
    outbox.put(alert("plain"), AT + DAY)
    plain = outbox.claim(only(outbox.due(AT + DAY, CHAT)).id, AT + DAY, naming=False)
    assert plain is not None
    outbox.sent(plain, AT + DAY)
    assert [one.mentioned for one in outbox.messages(MessageState.UNSURE)] == [False]


def test_what_nobody_names_is_due_for_a_message_of_its_own(outbox: Outbox) -> None:
    lost = claimed(outbox, "lost")
    outbox.unsure(lost, AT, "no answer", again=False)
    assert outbox.unmentioned("slack", AT - MINUTE) == ()
    assert [one.id for one in outbox.unmentioned("slack", AT)] == [lost.id]
    key = key_about_unsure("slack", outbox.unmentioned("slack", AT))
    own = claimed(outbox, key, AT + DAY)
    assert [one.id for one in outbox.named_by(own)] == [lost.id]
    outbox.unsure(own, AT + DAY, "no answer", again=False)
    assert [one.id for one in outbox.unmentioned("slack", AT + 2 * DAY)] == [lost.id], (
        "nobody misses a message that only names others"
    )


def test_what_was_not_claimed_cannot_be_settled(outbox: Outbox) -> None:
    outbox.put(alert("run 1"), AT)
    message = only(outbox.due(AT, CHAT))
    with pytest.raises(LedgerError, match="is not being sent"):
        outbox.sent(message, AT)
    with pytest.raises(LedgerError, match="is not being sent"):
        outbox.refused(message, AT, "HTTP 500")
    assert states(outbox) == {"run 1": "pending"}


def test_the_key_of_hashes_is_made_once(outbox: Outbox, tmp_path: Path) -> None:
    key = outbox.address_key()
    assert len(key) == 32
    with Ledger.open(tmp_path / "tagwatch.db") as other:
        assert other.outbox.address_key() == key


class Sending(RuleBasedStateMachine):
    """Senders that crash, are refused, hear nothing: no text goes out twice, and none is lost."""

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
        assert self.ledger.outbox.put(alert(key, key), self.now) is (key not in self.stored)
        self.stored.add(key)

    @rule(minutes=st.integers(1, 500))
    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        self.ledger.outbox.expire(self.now, CHAT)

    @precondition(lambda self: self.stored)
    @rule(end=st.sampled_from(["200", "429", "404", "silence", "crash before", "crash after"]))
    def send(self, end: str) -> None:
        outbox = self.ledger.outbox
        for waiting in outbox.due(self.now, CHAT):
            message = outbox.claim(waiting.id, self.now)
            if message is None:  # held, or to wait, by what became of the one before
                continue
            if end in ("200", "silence", "crash after"):
                self.arrived.append(message.payload)
            if end == "200":
                outbox.sent(message, self.now)
            elif end == "429":
                outbox.refused(message, self.now, end)
            elif end == "404":
                outbox.hold(message, self.now, end, address=b"one")
            elif end == "silence":
                outbox.unsure(message, self.now, end, again=False)

    @rule()
    def mend(self) -> None:
        self.ledger.outbox.release("slack", b"two", self.now)

    @invariant()
    def nothing_arrives_twice(self) -> None:
        assert len(self.arrived) == len(set(self.arrived))

    @invariant()
    def what_did_not_arrive_is_not_called_sent(self) -> None:
        sent = {one.dedup_key for one in self.ledger.messages(MessageState.SENT)}
        assert sent <= set(self.arrived)
        assert {one.dedup_key for one in self.ledger.messages()} == self.stored


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
