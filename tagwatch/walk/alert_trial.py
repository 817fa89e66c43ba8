"""A test alert: sent at once and to whom a person names, beside the outbox and its promises.

No ledger is needed, and nothing waits for another attempt: whoever asks reads what came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from tagwatch import __version__
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.config.settings import Receiver
from tagwatch.errors import ConfigError, NotifyError, UsageError
from tagwatch.member import load_member
from tagwatch.publish.notify.interface import (
    AlertContext,
    Delivery,
    Notifier,
    Outcome,
    Repeatable,
)
from tagwatch.publish.wording import one_line, stamp
from tagwatch.value import dataclass
from tagwatch.walk.sending import Receivers, until_stopped
from tagwatch.walk.site import Site
from tagwatch.workspace.find import start_of

__all__ = ["Trial", "chosen_receivers", "trial_document", "trial_text", "try_receivers"]

_SAID = "this is a test: somebody tries out whether alerts arrive here"
_OUTCOMES = {
    Outcome.SENT: "sent",
    Outcome.RETRY: "not taken; a real alert would be sent again",
    Outcome.REJECTED: "refused; a real alert would be held",
    Outcome.UNSURE: "it may have arrived",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one receiver was sent, and what came of it.

    `payload`: None where nothing could be sent; then `delivery` is None, and `problem` says why.
    """

    receiver: Receiver
    payload: Mapping[str, Any] | None = None
    delivery: Delivery | None = None
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        """True where the receiver said that it has the message."""
        return self.delivery is not None and self.delivery.outcome is Outcome.SENT


def chosen_receivers(site: Site, names: Iterable[str]) -> tuple[Receiver, ...]:
    """Return the receivers of these names; all of them without a name. Raises `UsageError`."""
    known = {one.name: one for one in site.settings.alerts}
    if not known:
        raise UsageError(
            "nobody is told anything: no receiver is configured",
            hint="name one under `alerts:` (docs/alerts.md)",
        )
    wanted = tuple(dict.fromkeys(names)) or tuple(known)
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"no receiver is called {name!r}", hint=f"there are: {', '.join(sorted(known))}"
            )
    return tuple(known[name] for name in wanted)


async def try_receivers(
    chosen: Sequence[Receiver], receivers: Receivers, site: Site, at: datetime
) -> tuple[Trial, ...]:
    """Send each of them a test alert, all at a time; what came of each, in the same order."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_try(one, receivers, site, at)) for one in chosen]
    return tuple(task.result() for task in tasks)


async def _try(receiver: Receiver, receivers: Receivers, site: Site, at: datetime) -> Trial:
    try:
        notifier = receivers.notifier(receiver)
        payload = _payload(receiver, site, at)
    except (ConfigError, NotifyError) as error:
        return Trial(receiver=receiver, problem=error.message)
    except Exception as error:  # noqa: BLE001  # another package's notifier may raise anything
        said = f"{receiver.channel}: failed with {type(error).__name__}"
        return Trial(receiver=receiver, problem=said)
    if payload is None:
        said = f"{receiver.channel}: makes no message of a test"
        return Trial(receiver=receiver, problem=said)
    sending = _send(notifier, payload, _key(receiver, at), at)
    delivery = await until_stopped(sending, asyncio.Event())
    return Trial(receiver=receiver, payload=payload, delivery=delivery, problem=delivery.message)


def _payload(receiver: Receiver, site: Site, at: datetime) -> Mapping[str, Any] | None:
    """Return what the channel makes of a test; another package's sees a finding that says so."""
    finding = Finding(
        rule="test",
        severity=Severity.ERROR,  # no channel leaves it out
        message=_SAID,
        location=start_of("tagwatch alerts test"),
        fingerprint=_key(receiver, at),
    )
    context = AlertContext(
        version=__version__,
        project=site.settings.project or site.root.name,
        min_severity=receiver.min_severity,
        report_url=site.settings.reports.url,
        is_test=True,
    )
    result = AuditResult(at=at, findings=(finding,))
    since = Since(new=(finding,), worse=(), fixed=(), same=())
    made: Mapping[str, Any] | None = load_member("notifiers", receiver.channel).build(
        result, since, context
    )
    return made


def _key(receiver: Receiver, at: datetime) -> str:
    """Return an id that no alert has, and no other test."""
    return "test-" + sha256(f"{receiver.name} {at.isoformat()}".encode()).hexdigest()[:32]


async def _send(notifier: Notifier, payload: Mapping[str, Any], key: str, at: datetime) -> Delivery:
    if isinstance(notifier, Repeatable):
        return await notifier.send_again(payload, key, at)
    return await notifier.send(payload)


def trial_document(trials: Sequence[Trial], at: datetime) -> dict[str, Any]:
    """Return the answer for programs: `schema_version` 1."""
    return {
        "schema_version": 1,
        "at": stamp(at),
        "tests": [
            {
                "receiver": one.receiver.name,
                "channel": one.receiver.channel,
                "outcome": one.delivery.outcome.value if one.delivery else "unusable",
                "status": one.delivery.status if one.delivery else None,
                "problem": one_line(one.problem, 300) or None,
                "payload": one.payload,
            }
            for one in trials
        ],
    }


def trial_text(trials: Sequence[Trial]) -> str:
    """Return the answer for people: what was sent to whom, and what each of them answered."""
    lines: list[str] = []
    for one in trials:
        became = _OUTCOMES[one.delivery.outcome] if one.delivery else "nothing could be sent"
        lines.append(f"{one.receiver.name}  {one.receiver.channel}  {became}")
        if one.payload is not None:
            lines.append(f"  message    {_title(one.payload)}")
        if one.problem:
            lines.append(f"  answer     {one_line(one.problem, 300)}")
        elif one.delivery is not None:
            status = one.delivery.status
            lines.append(f"  answer     {f'HTTP {status}' if status else 'taken'}")
    return "\n".join(lines) + "\n"


def _title(payload: Mapping[str, Any]) -> str:
    """Return the words that a message begins with, however its channel calls them."""
    found = (payload.get(name) for name in ("title", "text", "headline"))
    text = next((one for one in found if isinstance(one, str) and one), "a test alert")
    return one_line(text.splitlines()[0], 200)
