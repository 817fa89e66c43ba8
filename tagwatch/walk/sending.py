"""Sending what waits in the outbox: due, claimed, sent, settled; each receiver by itself.

A webhook gets each message at least once, with the same id; a chat gets it at most once, and what
may be lost is named in the next message to it, or after a night in one of its own. Times are those
of the clock at each attempt: a scan may have begun long ago.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tagwatch.config.load import read_secret
from tagwatch.config.settings import Receiver
from tagwatch.errors import ConfigError, NotifyError
from tagwatch.ledger.outbox import Message, MessageState, Outbox, key_about_unsure
from tagwatch.ledger.record import Alert
from tagwatch.ledger.write import Ledger
from tagwatch.member import load_member
from tagwatch.publish.notify.interface import Delivery, Notifier, Outcome, Remarking, Repeatable
from tagwatch.publish.wording import one_line, time_text
from tagwatch.value import dataclass
from tagwatch.walk.site import Site, project_of

__all__ = ["Clock", "Receivers", "Sent", "SystemClock", "deliver", "receivers_of", "until_stopped"]

T = TypeVar("T")

_A_NIGHT = timedelta(hours=20)
"""After this, what may be lost is told in a message of its own, and an address that was no good is
tried again. Less than a day: a daily scan may come early."""
_LATE = timedelta(hours=3)
"""A message that goes out so long after its scan began says of when it is."""
_GRACE_SECONDS = 5.0
"""How long an attempt may go on when all shall stop."""
_HEADLINE_LIMIT = 160
_ROUNDS = 100_000
"""How often an address is hashed: one may hold a password that is easy to guess."""


class Clock(Protocol):
    """The time, and how it passes."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    async def sleep(self, seconds: float, stop: asyncio.Event) -> None:
        """Wait that long, or until `stop` is set."""


class SystemClock:
    """The clock of this machine. See `Clock`."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float, stop: asyncio.Event) -> None:
        """See `Clock.sleep`."""
        try:
            async with asyncio.timeout(seconds):
                await stop.wait()
        except TimeoutError:
            pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one message: the last attempt, and the message's state after it."""

    receiver: str
    state: MessageState
    delivery: Delivery
    message_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """Those who are told. `timeout_seconds`: of one attempt; None: the channel's own."""

    settings: tuple[Receiver, ...]
    environment: Mapping[str, str]
    timeout_seconds: float | None = None
    project: str = ""
    """Whose messages they get; see `project_of`."""

    @property
    def names(self) -> frozenset[str]:
        """The receivers' names."""
        return frozenset(one.name for one in self.settings)

    def address(self, receiver: Receiver) -> str:
        """Return a receiver's address. Raises `ConfigError` where it cannot be read."""
        return read_secret(receiver.env, receiver.file, self.environment)

    def notifier(self, receiver: Receiver) -> Notifier:
        """Return what sends to a receiver.

        Raises `ConfigError` where its address or secret cannot be read, `NotifyError` where it is
        of no use.
        """
        options: dict[str, Any] = {}
        if receiver.allow_http:
            options["allow_http"] = True
        if receiver.secret_env or receiver.secret_file:
            options["secret"] = read_secret(
                receiver.secret_env, receiver.secret_file, self.environment
            )
        if self.timeout_seconds is not None:
            options["timeout_seconds"] = self.timeout_seconds
        kind = load_member("notifiers", receiver.channel)
        try:
            made: Notifier = kind(url=self.address(receiver), **options)
        except TypeError as error:  # of another package: it takes other options
            raise NotifyError(
                f"{receiver.channel}: cannot be made as it is configured: {error}",
                hint="ask its documentation which keys it takes",
            ) from error
        return made


def receivers_of(site: Site) -> Receivers:
    """Return the receivers that the site's configuration names."""
    return Receivers(
        settings=site.settings.alerts, environment=site.environment, project=project_of(site)
    )


async def deliver(
    database: Path,
    receivers: Receivers,
    clock: Clock,
    stop: asyncio.Event,
    *,
    patience: timedelta = timedelta(),
) -> tuple[Sent, ...]:
    """Send what is due, and for as long as `patience` what becomes due; what came of each message.

    Messages to receivers that are not configured stay where they are. After `stop` is set nothing
    is begun, and what is under way has five seconds. Raises `LedgerError`.
    """
    if not receivers.settings:
        return ()
    outcomes: dict[int, Sent] = {}
    until, waited = clock.now() + patience, timedelta()
    async with _opened(database, receivers.project) as desk:
        courier = _Courier(desk=desk, receivers=receivers, clock=clock, stop=stop)
        _note(outcomes, await courier.prepare())
        ready, unusable = await courier.notifiers()
        _note(outcomes, unusable)
        while not stop.is_set():
            _note(outcomes, await courier.send_due(ready))
            due, now = await desk.call(desk.outbox.next_due, ready.keys()), clock.now()
            # somebody may set the clock back meanwhile: so long it waits in all, whatever it shows
            if due is None or due > until or waited > patience:
                break
            waited += max(due - now, timedelta())
            await clock.sleep(max((due - now).total_seconds(), 0.0), stop)
    return tuple(outcomes[number] for number in sorted(outcomes))


def _note(outcomes: dict[int, Sent], more: Iterable[Sent]) -> None:
    outcomes.update((sent.message_id, sent) for sent in more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """An outbox in a thread of its own: another process may keep its lock for a while."""

    outbox: Outbox
    submit: Callable[[Callable[[], Any]], Awaitable[Any]]

    async def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        result: T = await self.submit(partial(function, *arguments, **options))
        return result


@asynccontextmanager
async def _opened(database: Path, project: str) -> AsyncIterator[_Desk]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "outbox") as thread:
        submit = partial(loop.run_in_executor, thread)
        ledger = await submit(partial(Ledger.open, database))
        try:
            yield _Desk(outbox=ledger.outbox_of(project), submit=submit)
        finally:
            thread.submit(ledger.close)  # the thread is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class _Courier:
    """One round from the outbox to all receivers."""

    desk: _Desk
    receivers: Receivers
    clock: Clock
    stop: asyncio.Event

    async def prepare(self) -> list[Sent]:
        """Settle what a dead sender left, and make due what was waiting for this moment."""
        call, outbox, now = self.desk.call, self.desk.outbox, self.clock.now()
        again = {one.name: _is_repeatable(one) for one in self.receivers.settings}
        found = [
            Sent(
                receiver=stale.receiver,
                state=MessageState.PENDING if again[stale.receiver] else MessageState.UNSURE,
                delivery=Delivery(
                    outcome=Outcome.UNSURE,
                    message="a run was interrupted while it sent this; it may have arrived",
                ),
                message_id=stale.id,
            )
            for stale in await call(outbox.expire, now, again)
        ]
        for receiver in self.receivers.settings:
            if await call(outbox.is_holding, receiver.name):
                address = await self._address_of(receiver)
                if address is not None:
                    await call(outbox.release, receiver.name, address, now)
                await call(outbox.probe, receiver.name, now - _A_NIGHT, now)
            if not again[receiver.name]:
                await self._tell_unsure(receiver, now)
        return found

    async def _address_of(self, receiver: Receiver) -> bytes | None:
        """Return what the receiver's address is known again by; it tells nothing of it."""
        try:
            address = self.receivers.address(receiver)
        except ConfigError:
            return None
        key = await self.desk.call(self.desk.outbox.address_key)
        return await self.desk.call(pbkdf2_hmac, "sha256", address.encode(), key, _ROUNDS)

    async def _tell_unsure(self, receiver: Receiver, at: datetime) -> None:
        """Store a message that names what is unsure since a night, where none will do so anyway."""
        call, outbox = self.desk.call, self.desk.outbox
        unsure = await call(outbox.unmentioned, receiver.name, at - _A_NIGHT)
        if not unsure or await call(outbox.next_due, {receiver.name}) is not None:
            return
        try:
            if not hasattr(load_member("notifiers", receiver.channel), "remark"):
                return
        except ConfigError:
            return
        alert = Alert(
            dedup_key=key_about_unsure(receiver.name, unsure),
            receiver=receiver.name,
            channel=receiver.channel,
            headline="alerts may not have arrived",
            payload="null",
        )
        await call(outbox.put, alert, at)

    async def notifiers(self) -> tuple[dict[str, Notifier], list[Sent]]:
        """Return what sends to each receiver for whom something waits, and what has to wait on.

        A receiver that cannot be used as it is configured keeps its messages as they are: the next
        run may find it mended.
        """
        waiting = await self.desk.call(self.desk.outbox.messages, MessageState.PENDING)
        ready: dict[str, Notifier] = {}
        unusable: list[Sent] = []
        for receiver in self.receivers.settings:
            mine = [one for one in waiting if one.receiver == receiver.name]
            try:
                if mine:
                    ready[receiver.name] = self.receivers.notifier(receiver)
            except (ConfigError, NotifyError) as error:
                said = error.message
                await self.desk.call(self.desk.outbox.note_problem, receiver.name, said)
                unusable += [
                    Sent(
                        receiver=receiver.name,
                        state=MessageState.PENDING,
                        delivery=Delivery(outcome=Outcome.RETRY, message=said),
                        message_id=one.id,
                    )
                    for one in mine
                ]
        return ready, unusable

    async def send_due(self, ready: Mapping[str, Notifier]) -> list[Sent]:
        """Send what is due now: to all receivers at a time, to each one message after the other."""
        due = await self.desk.call(self.desk.outbox.due, self.clock.now(), ready.keys())
        outcomes: list[Sent] = []

        async def to_one(receiver: Receiver) -> None:
            for message in due:
                if message.receiver == receiver.name and not self.stop.is_set():
                    sent = await self._attempt(message, receiver, ready[receiver.name])
                    outcomes.extend([sent] if sent is not None else [])

        async with asyncio.TaskGroup() as group:
            for receiver in self.receivers.settings:
                group.create_task(to_one(receiver))
        return outcomes

    async def _attempt(
        self, message: Message, receiver: Receiver, notifier: Notifier
    ) -> Sent | None:
        """Claim, send and settle a message; None where it may not be sent (any more)."""
        call, outbox, clock = self.desk.call, self.desk.outbox, self.clock
        naming = isinstance(notifier, Remarking)
        claimed = await call(outbox.claim, message.id, clock.now(), naming=naming)
        if claimed is None:
            return None
        named = await call(outbox.named_by, claimed)
        payload = _payload(claimed, named, notifier, clock.now())
        if isinstance(notifier, Repeatable):
            sending = notifier.send_again(payload, claimed.dedup_key, clock.now())
        else:
            sending = notifier.send(payload)
        delivery = await until_stopped(sending, self.stop)
        state = await self._settle(claimed, delivery, receiver)
        return Sent(receiver=receiver.name, state=state, delivery=delivery, message_id=claimed.id)

    async def _settle(
        self, message: Message, delivery: Delivery, receiver: Receiver
    ) -> MessageState:
        """Write down what came of an attempt; the message's state then."""
        call, outbox, said, at = (
            self.desk.call,
            self.desk.outbox,
            delivery.message,
            self.clock.now(),
        )
        match delivery.outcome:
            case Outcome.SENT:
                await call(outbox.sent, message, at)
                return MessageState.SENT
            case Outcome.UNSURE:
                again = _is_repeatable(receiver)
                await call(outbox.unsure, message, at, said, again=again)
                return MessageState.PENDING if again else MessageState.UNSURE
            case Outcome.RETRY:
                wait = delivery.retry_after_seconds
                retry_at = at + timedelta(seconds=wait) if wait is not None else None
                await call(outbox.refused, message, at, said, retry_at=retry_at)
                return MessageState.PENDING
            case Outcome.REJECTED:
                address = await self._address_of(receiver) if delivery.address else None
                await call(outbox.hold, message, at, said, address=address)
                return MessageState.HELD


def _payload(
    message: Message, named: Collection[Message], notifier: Notifier, now: datetime
) -> Mapping[str, Any]:
    """Return what is sent: the stored payload, and what has happened to others since."""
    payload: Mapping[str, Any] | None = json.loads(message.payload)
    remarks = [
        f"an alert of {time_text(one.at)} may not have arrived: "
        + (one_line(one.headline, _HEADLINE_LIMIT) or "see the report")
        for one in named
    ]
    if payload is not None and now - message.at > _LATE:
        remarks.append(f"this alert is of {time_text(message.at)}: it could not be sent before")
    if isinstance(notifier, Remarking) and (remarks or payload is None):
        return notifier.remark(payload, remarks)
    return payload or {}


async def until_stopped(sending: Awaitable[Delivery], stop: asyncio.Event) -> Delivery:
    """Return what came of an attempt, which is broken off a little after `stop` is set."""
    attempt = asyncio.ensure_future(sending)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((attempt, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not attempt.done():
            await asyncio.wait((attempt,), timeout=_GRACE_SECONDS)
        if attempt.done():
            return attempt.result()
        return Delivery(outcome=Outcome.UNSURE, message="broken off: the program was to stop")
    except (ConfigError, NotifyError) as error:
        return Delivery(outcome=Outcome.RETRY, message=error.message)
    except Exception as error:  # noqa: BLE001  # another package's notifier may raise anything
        return Delivery(outcome=Outcome.UNSURE, message=f"failed with {type(error).__name__}")
    finally:
        attempt.cancel()
        stopped.cancel()
        await asyncio.gather(attempt, stopped, return_exceptions=True)


def _is_repeatable(receiver: Receiver) -> bool:
    try:
        return hasattr(load_member("notifiers", receiver.channel), "send_again")
    except ConfigError:  # another package's that cannot be imported: nothing is sent to it either
        return False
