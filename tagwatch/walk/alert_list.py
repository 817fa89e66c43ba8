"""The answer of `tagwatch alerts`: which messages wait, may be lost, or are held, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tagwatch.config.settings import Receiver
from tagwatch.errors import ConfigError, LedgerError, NotifyError, UsageError
from tagwatch.ledger.outbox import UNDELIVERED, Message, MessageState
from tagwatch.ledger.read import Reader
from tagwatch.publish.wording import count, one_line, stamp, time_text
from tagwatch.value import dataclass
from tagwatch.walk.sending import receivers_of
from tagwatch.walk.site import Site, project_of

__all__ = [
    "AlertsAnswer",
    "alerts_answer",
    "alerts_document",
    "alerts_known",
    "alerts_text",
    "chosen_messages",
    "receiver_problem",
    "receiver_rows",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsAnswer:
    """Messages, how many there are in each state, and what is wrong with the receivers."""

    messages: tuple[Message, ...]
    counts: Mapping[MessageState, int]
    receivers: tuple[tuple[Receiver, str], ...]


def alerts_answer(site: Site, *, whole: bool = False, ids: Iterable[int] = ()) -> AlertsAnswer:
    """Return the messages that may not have arrived; `whole`: the others, too; `ids`: these.

    Raises `LedgerError` where there is no ledger.
    """
    wanted = frozenset(ids)
    with Reader.open(site.database, site.origins) as ledger:
        states = () if whole or wanted else UNDELIVERED
        found = ledger.messages(*states, project=project_of(site))
        counts = ledger.count_messages(project_of(site))
    return AlertsAnswer(
        messages=tuple(one for one in found if not wanted or one.id in wanted),
        counts=counts,
        receivers=_receivers(site),
    )


def alerts_known(site: Site) -> AlertsAnswer | None:
    """Return the same without a ledger and with one that cannot be read: then nothing waits.

    None where nobody is told anything.
    """
    try:
        if site.database.is_file():
            found = alerts_answer(site)
            return found if found.receivers or found.messages else None
    except LedgerError:
        pass
    receivers = _receivers(site)
    return AlertsAnswer(messages=(), counts={}, receivers=receivers) if receivers else None


def _receivers(site: Site) -> tuple[tuple[Receiver, str], ...]:
    return tuple((one, receiver_problem(one, site)) for one in site.settings.alerts)


def receiver_problem(receiver: Receiver, site: Site) -> str:
    """Return why nothing can be sent to a receiver as it is configured; empty where it can."""
    try:
        receivers_of(site).notifier(receiver)
    except (ConfigError, NotifyError) as error:
        return error.message
    return ""


def chosen_messages(site: Site, ids: Iterable[int], states: Iterable[MessageState]) -> list[int]:
    """Return the ids of the messages that a person names; none named: of all in these states.

    Raises `UsageError` for an id that no message has.
    """
    wanted = list(dict.fromkeys(ids))
    if not site.database.is_file():
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}", hint="`tagwatch scan` begins one"
        )
    with Reader.open(site.database, site.origins) as ledger:
        if not wanted:
            return [one.id for one in ledger.messages(*states, project=project_of(site))]
        known = {one.id for one in ledger.messages(project=project_of(site))}
    missing = [number for number in wanted if number not in known]
    if missing:
        raise UsageError(
            f"no alert has the number {missing[0]}", hint="`tagwatch alerts list --all` shows them"
        )
    return wanted


def alerts_document(found: AlertsAnswer) -> dict[str, Any]:
    """Return the answer for programs: `schema_version` 1."""
    return {
        "schema_version": 1,
        "alerts": [
            {
                "id": one.id,
                "key": one.dedup_key,
                "receiver": one.receiver,
                "channel": one.channel,
                "headline": one.headline,
                "state": one.state.value,
                "at": stamp(one.at),
                "tries": one.tries,
                "next_at": stamp(one.next_at) if one.state is MessageState.PENDING else None,
                "settled_at": stamp(one.settled_at),
                "problem": one.error or None,
                "mentioned_in": one.mentioned_in if one.mentioned else None,
            }
            for one in found.messages
        ],
        "states": {state.value: number for state, number in found.counts.items()},
        "receivers": receiver_rows(found),
    }


def receiver_rows(found: AlertsAnswer) -> list[dict[str, Any]]:
    """Return each receiver for programs."""
    return [
        {
            "name": one.name,
            "channel": one.channel,
            "min_severity": one.min_severity.value,
            "problem": problem or None,
        }
        for one, problem in found.receivers
    ]


def alerts_text(found: AlertsAnswer) -> str:
    """Return the answer for people: a block of lines for each message."""
    names = {one.name for one, _ in found.receivers}
    lines: list[str] = []
    for one in found.messages:
        lines.append(f"{one.id}  {one.receiver}  {one.state.value}  of {time_text(one.at)}")
        lines += [f"  says       {one_line(one.headline, 300)}"] if one.headline else []
        lines += [f"  problem    {one_line(one.error, 300)}"] if one.error else []
        lines += [f"  {name:10} {text}" for name, text in _more(one, names)]
    for receiver, problem in found.receivers:
        if problem:
            lines += [f"receiver {receiver.name}: {one_line(problem, 300)}"]
    said = ", ".join(f"{number} {state.value}" for state, number in found.counts.items() if number)
    lines.append(f"in all: {said or 'no alert was ever stored'}")
    return "\n".join(lines) + "\n"


def _more(one: Message, receivers: set[str]) -> Iterator[tuple[str, str]]:
    """Yield what is to be known of a message in its state, and what can be done."""
    known = one.receiver in receivers
    match one.state:
        case MessageState.PENDING if known:
            yield "next try", f"{time_text(one.next_at)}, after {count(one.tries, 'attempt')}"
        case MessageState.PENDING:
            yield "waits", "no receiver of that name is configured"
        case MessageState.UNSURE if one.mentioned:
            yield "told", f"alert {one.mentioned_in} said that it may be lost"
        case MessageState.UNSURE:
            yield "next", "the next alert to this receiver names it, or one of its own"
        case MessageState.HELD:
            yield "do", f"mend the address, or: tagwatch alerts retry {one.id}"
        case _:
            pass
