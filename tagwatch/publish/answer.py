"""The answers of `resolve`, `extract`, `history` and `base` for people: tables without rulers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tagwatch.audit.model.evidence import Resolution, Status
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.version.lifecycle import Lifecycle
from tagwatch.image.digest import short_digest
from tagwatch.image.reference import Repository
from tagwatch.publish.interface import BaseAnswer
from tagwatch.publish.wording import (
    age_text,
    base_sentence,
    bases_by_answer,
    date_text,
    now_text,
    one_line,
    said_by,
    stamp,
)
from tagwatch.source.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.version.library_history import LibraryWord

__all__ = ["base_text", "history_text", "resolutions_text", "targets_text"]

_OLD = timedelta(minutes=1)
_BEHAVIOUR = {
    Lifecycle.UNSUPPORTED: "its publisher no longer builds it",
    Lifecycle.WENT_BACK: "it serves again what it had left, or a version below",
    Lifecycle.RETURNED: "it was gone, and is there again",
    Lifecycle.ABANDONED: "it used to move, and rests while its line goes on",
    Lifecycle.FLOATING: "it moves from version to version",
    Lifecycle.REPUSHED: "it has served several images of one version",
    Lifecycle.FROZEN: "it has served one image for as long as it is known",
}


def resolutions_text(resolutions: Iterable[Resolution], at: datetime | None = None) -> str:
    """One line a reference, and below it what is newer and what is known of its support.

    `at`: now; an answer that was read earlier says when (None: it does not).
    """
    lines: list[str] = []
    for resolution in resolutions:
        name = one_line(resolution.input)
        read_at = resolution.read_at
        if at is not None and read_at is not None and at - read_at >= _OLD:
            age = f" · read {age_text(at - read_at)}"
        else:
            age = ""
        if resolution.status is Status.NO_VERSION:
            lines.append(f"{name}  exists, but {now_text(resolution)}{age}")
        else:
            lines.append(f"{name}  {now_text(resolution)}{age}")
        newer = resolution.newer
        steps = (("patch", newer.patch), ("minor", newer.minor), ("major", newer.major))
        found = [f"{one_line(tag)} ({kind})" for kind, tag in steps if tag]
        if found:
            lines.append(f"  newer  {', '.join(found)}")
        elif newer.not_comparable:
            lines.append(f"  newer  not comparable: {one_line(newer.not_comparable)}")
        if resolution.nearest:
            lines.append(f"  nearest  {', '.join(map(one_line, resolution.nearest))}")
        if resolution.supported is False:
            lines.append("  no longer built by its publisher")
        if resolution.note:
            lines.append(f"  {one_line(resolution.note)}")
        if resolution.origin:
            lines.append(f"  {said_by(resolution.origin)}")
    return _text(lines)


def targets_text(targets: Iterable[Target]) -> str:
    """`path:line:column  kind  reference`, in the order found."""
    return _text(_columns([_target_row(target) for target in targets]))


def history_text(
    repository: Repository,
    intervals: Iterable[Interval],
    lifecycle: Lifecycle | None = None,
    *,
    origin: str = "",
    word: LibraryWord | None = None,
    to_now: bool = False,
) -> str:
    """What each tag was, oldest first, with whose clock the dates are from.

    `lifecycle`: how the one tag that was asked for has behaved; `origin`: see `Evidence.origin`;
    `word`: whose word it is where no ledger holds it; `to_now`: the last interval of each tag is
    among them, so that one which has ended means a tag that is gone.
    """
    ordered = sorted(intervals, key=lambda interval: (interval.first_seen, interval.tag))
    if not ordered:
        return f"{one_line(str(repository))}: nothing is remembered of it\n"
    last = {interval.tag: interval for interval in ordered} if to_now else {}
    rows = [_interval_row(interval, last.get(interval.tag) is interval) for interval in ordered]
    still = any(not interval.ended for interval in ordered)
    return _text(
        [
            one_line(str(repository)),
            *_with_reasons(_columns(rows), ordered),
            *(["  + still served when it was read last"] if still else []),
            *_diff_hint(repository, ordered),
            *([f"  {lifecycle.value}: {_BEHAVIOUR[lifecycle]}"] if lifecycle else []),
            *([f"  {said_by(origin)}"] if origin else []),
            *([f"  {_said_in(word)}"] if word else []),
        ]
    )


def _said_in(word: LibraryWord) -> str:
    """Return whose word dates of commits are, in a sentence."""
    return (
        f"committed: said by docker-library/official-images as of {word.as_of.date()} "
        f"({word.commit[:12]}), from the installed history"
    )


def _with_reasons(lines: Iterable[str], intervals: Iterable[Interval]) -> Iterator[str]:
    """Yield the line of each interval, and below it the reason of its move where that is told."""
    for line, interval in zip(lines, intervals, strict=True):
        yield f"  {line}"
        if interval.reason:
            yield f"    {one_line(interval.reason)}"


def _diff_hint(repository: Repository, intervals: Sequence[Interval]) -> Iterator[str]:
    """Yield the command that shows the last move whose reason is told, with all that differs."""
    last = next((one for one in reversed(intervals) if one.reason), None)
    if last is None:
        return
    before = [one for one in intervals if one.tag == last.tag and one.first_seen < last.first_seen]
    if not before:
        return
    name = one_line(f"{repository}:{last.tag}")
    days = [one.date().isoformat() for one in (before[-1].last_seen, last.first_seen)]
    if days[0] == days[1]:
        days = [stamp(one) or "" for one in (before[-1].last_seen, last.first_seen)]
    now = f"{name}@{days[1]}" if last.ended else name
    yield f"  all of the last move: tagwatch diff {name}@{days[0]} {now}"


def base_text(answers: Iterable[BaseAnswer]) -> str:
    """The sentence on the base of each platform, with ancestry and claims; the same told once."""
    lines: list[str] = []
    for answer in answers:
        lines.append(one_line(answer.input))
        if not answer.matches:
            why = one_line(answer.why) or "nothing of the image was read"
            lines.append(f"  its base could not be established: {why}")
        for platforms, match in bases_by_answer(answer.matches):
            lines.append(f"  {platforms}  {match.verdict.value}")
            lines.append(f"    {base_sentence(match)}")
            if match.ancestry:
                line = " → ".join(one_line(name) for name in match.ancestry)
                lines.append(f"    ancestry: {line}")
            lines += [f"    claim: {one_line(claim)}" for claim in match.claims]
    return _text(lines)


def _target_row(target: Target) -> tuple[str, ...]:
    if target.reference is not None:
        said = one_line(target.reference.canonical)
    elif target.missing:
        said = f"{one_line(target.text)}  not known: {one_line(', '.join(target.missing))}"
    else:
        said = f"{one_line(target.text)}  refused: {one_line(target.invalid) or 'no reference'}"
    kind = f"{target.kind} (onbuild)" if target.onbuild else target.kind
    return one_line(str(target.location)), one_line(kind), said


def _interval_row(interval: Interval, is_last: bool) -> tuple[str, ...]:
    until = date_text(interval.last_seen) + ("" if interval.ended else "+")
    kind = "" if interval.kind is Seen.SEEN else f"({interval.kind.value})"
    gone = ""
    if is_last and interval.ended and interval.kind is Seen.SEEN:
        gone = f"gone since {date_text(interval.ended_at or interval.last_seen)}"
    return (
        f"{date_text(interval.first_seen)} .. {until}",
        one_line(interval.tag),
        one_line(interval.version or "-"),
        short_digest(interval.digest),
        " ".join(part for part in (one_line(interval.verdict or ""), kind, gone) if part),
    )


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"{{:<{width}}}" for width in widths)
    return [form.format(*row).rstrip() for row in rows]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""
