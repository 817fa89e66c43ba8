"""The words that all formats share, so that terminal, report and alert agree.

`result_sentence` has what is said of a whole result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain

from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.evidence import Basis, Evidence, Resolution, Status, evidence_key
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import UNRECORDED, Change
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.digest import short_digest
from tagwatch.source.target import Location
from tagwatch.value import replace

__all__ = [
    "advised",
    "age_text",
    "base_sentence",
    "bases_by_answer",
    "change_severity",
    "change_step",
    "count",
    "date_text",
    "evidence_finder",
    "fix_text",
    "image_name",
    "image_text",
    "key_finder",
    "now_of",
    "now_text",
    "one_line",
    "places_text",
    "said_by",
    "signed_size",
    "size_text",
    "stamp",
    "time_text",
    "visible",
]

_SHOWN_ALIASES = 3


def image_name(evidence: Evidence) -> str:
    """What people call the image: its key without what Docker Hub implies."""
    return image_text(evidence.key)


def image_text(key: str) -> str:
    """What people call the image of a key."""
    return one_line(key.removeprefix("docker.io/").removeprefix("library/"), 300)


def now_of(evidence: Evidence) -> str:
    """The image's name and what it is now."""
    asked, name = evidence.key.rpartition(":")[2], image_name(evidence)
    before, pinned, digest = name.partition("@")
    name = f"{before}@{short_digest(digest)}" if pinned else name
    return f"{name} = {now_text(evidence.resolution, asked=asked)}"


def now_text(resolution: Resolution, *, asked: str = "") -> str:
    """What a reference is today: version, digest, other names, and what that rests on.

    `asked`: the tag that was asked for, which is not told again.
    """
    if resolution.status is Status.NOT_FOUND:
        return "not in the registry"
    if resolution.status is Status.UNAVAILABLE:
        return "could not be read"
    parts = [resolution.name or "no version can be named"]
    if resolution.digest:
        parts.append(short_digest(resolution.digest))
    known = (resolution.name, resolution.version, asked or resolution.input.rpartition(":")[2])
    aliases = [alias for alias in resolution.aliases if alias not in known]
    if aliases:
        more = len(aliases) - _SHOWN_ALIASES + resolution.more_aliases
        parts.append(
            f"also {', '.join(aliases[:_SHOWN_ALIASES])}"
            + (f" and {more} more" if more > 0 else "")
        )
    if resolution.basis not in (Basis.ALIAS, Basis.NONE):
        parts.append(f"by {resolution.basis.value} {resolution.basis_detail}".rstrip())
    if resolution.ambiguous:
        parts.append(f"same image as {', '.join(resolution.ambiguous)}")
    return " · ".join(one_line(part, 200) for part in parts)


def key_finder(result: AuditResult) -> Callable[[Finding], str | None]:
    """What gives the key of the evidence of a finding's image; None where the run knew nothing.

    A finding on a watched pattern has its evidence under the pattern's key: found by place.
    """
    own: dict[tuple[Location, str], str | None] = {}
    """By place, the key that its findings tell themselves; None where they tell none, or two."""
    for finding in chain(result.findings, (ignored.finding for ignored in result.ignored)):
        place = (finding.location, finding.text)
        key = finding.reference.canonical if finding.reference is not None else None
        own[place] = key if own.get(place, key) == key else None
    others: dict[tuple[Location, str], str] = {}
    for target in result.targets if own else ():  # mostly there are many, to no purpose
        place = (target.location, target.text)
        if place in own and (key := evidence_key(target)) is not None:
            if key == own[place]:  # most do: twenty thousand are not held a second time
                others.pop(place, None)
            else:
                others[place] = key

    def find(finding: Finding) -> str | None:
        key = others.get((finding.location, finding.text))
        if key is None and finding.reference is not None:
            key = finding.reference.canonical
        return key if key is not None and key in result.evidence else None

    return find


def evidence_finder(result: AuditResult) -> Callable[[Finding], Evidence | None]:
    """What gives what the run knew of one of its findings' images; None where it knew nothing."""
    key_of = key_finder(result)

    def find(finding: Finding) -> Evidence | None:
        key = key_of(finding)
        return result.evidence[key] if key is not None else None

    return find


def fix_text(finding: Finding) -> str:
    """The line to paste where it is known, else the text to put in its place; empty without fix."""
    return one_line(finding.fix.line or finding.fix.replacement) if finding.fix else ""


def advised(finding: Finding, fix: str, limit: int) -> str:
    """The message and, after it, the fix or else the advice, as sentences on one line."""
    message = one_line(finding.message, limit)
    if not fix and not finding.remedy:
        return message
    advice = f"Fix: {one_line(fix)}" if fix else f"To do: {one_line(finding.remedy, limit)}"
    return f"{message} {advice}" if message.endswith((".", "!", "?")) else f"{message}. {advice}"


def places_text(first: Finding, places: Sequence[Finding], most: int) -> str:
    """Where else a cause stands than at its first place; so many are named, the others counted.

    Another image than there is named beside its place.
    """
    told = _named(first)
    known = ", ".join(
        one_line(str(one.location)) + (f" ({name})" if (name := _named(one)) != told else "")
        for one in places[:most]
    )
    return f"{known}, and {len(places) - most} more" if len(places) > most else known


def _named(finding: Finding) -> str:
    """What people call the image that a finding is about, without its digest; empty for none."""
    if finding.reference is None:
        return ""
    tag = f":{finding.reference.tag}" if finding.reference.tag else ""
    return image_text(f"{finding.reference.repository.name}{tag}")


def change_severity(change: Change) -> Severity:
    """How much a move asks for attention: routine moves are notes, unless they bear signs."""
    from tagwatch.audit.model.diff import Verdict  # few checks see a move

    is_odd = bool(change.signs or change.lost_base)
    match change.verdict:
        case Verdict.REPLACED | Verdict.DOWNGRADED:
            return Severity.ERROR
        case Verdict.PLATFORMS_CHANGED | Verdict.UNKNOWN:
            return Severity.WARNING
        case _:
            return Severity.WARNING if is_odd else Severity.NOTE


def change_step(change: Change) -> str:
    """From what to what: versions where they differ, else digests."""
    old, new = change.version_before, change.version_after
    if old and new and old != new:
        return f"{old} → {new}"
    step = f"{short_digest(change.before)} → {short_digest(change.after)}"
    return f"{new}: {step}" if new else step


def base_sentence(match: BaseMatch) -> str:
    """The base's own sentence, or its verdict where it has none."""
    return one_line(match.sentence) or f"Base: {match.verdict.value}"


def bases_by_answer(matches: Iterable[BaseMatch]) -> tuple[tuple[str, BaseMatch], ...]:
    """Each answer once, with the platforms that it holds for: `linux/amd64, linux/arm64`."""
    platforms: dict[BaseMatch, list[str]] = {}
    for match in matches:
        platforms.setdefault(replace(match, platform=""), []).append(match.platform)
    return tuple((one_line(", ".join(names), 400), match) for match, names in platforms.items())


def said_by(origin: str) -> str:
    """Whose word a fact is, where it is not the registry's own."""
    if origin == UNRECORDED:
        return "who said this was not recorded"
    return f"said by {one_line(origin, 200)}"


# C0, C1, soft hyphen, zero width and bidirectional controls, line separators, surrogates,
# byte-order mark, interlinear marks, non-characters, invisible "tag" characters (CVE-2021-42574).
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SPACE = r"[\t\n\v\f\r\x85\u2028\u2029]+"


def one_line(text: str, limit: int = 0) -> str:
    r"""`text` on one line and without any invisible character; those show as U+FFFD.

    With `limit`, at most so many characters, the last of them an ellipsis where text was cut.

    >>> one_line("a\n\x1b[31mb")
    'a �[31mb'
    """
    if limit and len(text) > 4 * limit:
        text = text[: 4 * limit]
    clean = visible(text).strip()
    return clean[: limit - 1] + "…" if limit and len(clean) > limit else clean


def visible(text: str) -> str:
    """`text` with line ends as spaces and invisible characters as U+FFFD; nothing is cut."""
    # Nothing that is printable is invisible below U+034F, nor among dashes, quotes and dots. Most
    # lines end here, and the patterns cost more than printing a dozen lines.
    if text.isprintable() and (
        text.isascii() or all(char < "\u034f" or "\u2010" <= char <= "\u205e" for char in text)
    ):
        return text
    return re.sub(_UNSAFE, "\ufffd", re.sub(_SPACE, " ", text))


def count(number: int, singular: str, plural: str = "") -> str:
    """`number` with its noun.

    >>> count(1, "finding"), count(2, "registry", "registries")
    ('1 finding', '2 registries')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size_text(size: int) -> str:
    """Bytes in the decimal units of registries.

    >>> size_text(29_126_484), size_text(512)
    ('29.1 MB', '512 B')
    """
    value = float(abs(size))
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    number = f"{value:.0f}" if unit == "B" else f"{value:.1f}"
    return f"{'−' if size < 0 else ''}{number} {unit}"  # noqa: RUF001  # a real minus sign, as in tables


def signed_size(size: int) -> str:
    """A difference in bytes, always with its sign."""
    return f"+{size_text(size)}" if size > 0 else size_text(size) if size else "±0 B"


def stamp(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, whole seconds: the form of every date in machine formats."""
    # strftime takes twice as long, and an answer may have a hundred thousand
    return f"{at.isoformat(timespec='seconds')[:19]}Z" if at is not None else None


def date_text(at: datetime | None) -> str:
    """The day alone; a question mark where it is not known."""
    return at.isoformat()[:10] if at is not None else "?"


def time_text(at: datetime | None) -> str:
    """Day and minute in UTC, for people."""
    return at.strftime("%Y-%m-%d %H:%M UTC") if at is not None else "?"


def age_text(age: timedelta) -> str:
    """How long ago, in the largest unit that fits.

    >>> age_text(timedelta(hours=30)), age_text(timedelta(seconds=5))
    ('30 hours ago', 'just now')
    """
    seconds = age.total_seconds()
    for unit, length, least in (("day", 86400, 2), ("hour", 3600, 1), ("minute", 60, 1)):
        if seconds >= length * least:
            return f"{count(int(seconds // length), unit)} ago"
    return "just now"
