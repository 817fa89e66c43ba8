"""The answer of `outdated` for people: a table as wide as the terminal, or a paragraph an image."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from tagwatch.audit.verdict.outlook import End, Level, Outlook, Prospect, Prospects, Step
from tagwatch.publish.wording import age_text, count, date_text, one_line

__all__ = ["age_of", "between_text", "end_text", "ends_text", "held_text", "listed", "places_text"]
__all__ += ["prospects_sentence", "prospects_text", "step_text", "why_text"]

_PLACES = 3
"""So many places of an image are named, the others counted."""
_HEAD = ("IMAGE", "NOW", "PATCH", "MINOR", "MAJOR", "END OF LIFE", "BUILT")
_INDENT = "    "
_NARROWEST = 40


def listed(found: Prospects, *, everything: bool = False) -> tuple[Prospect, ...]:
    """Return the images that are listed: all but those that are up to date."""
    return tuple(
        one
        for one in found.images
        if everything or one.is_over or one.outlook is not Outlook.CURRENT
    )


def prospects_sentence(found: Prospects) -> str:
    """Return what there is to do, in a sentence without its full stop."""
    total = len(found.images)
    steps = [
        (found.with_step(level), f"a newer {level}{'' if level is Level.PATCH else ' version'}")
        for level in Level
    ]
    parts = [f"{number} {what}" for number, what in steps if number]
    if parts:
        first = next(number for number, _ in steps if number)
        have = f"{count(first, 'image')} {'has' if first == 1 else 'have'}"
        parts[0] = parts[0].replace(str(first), have, 1)
    if over := sum(one.is_over for one in found.images):
        who = str(over) if parts else count(over, "image")
        parts.append(f"{who} {'is past its' if over == 1 else 'are past their'} end of life")
    said = ", ".join(parts) or "nothing is outdated"
    rest = [
        f"{number} {word}"
        for number, word in (
            (len(found.of(Outlook.WAITING)), "kept back"),
            (len(found.of(Outlook.NOT_COMPARABLE)), "not comparable"),
            (len(found.of(Outlook.NOT_FOUND)), "not found"),
            (len(found.of(Outlook.NOT_READ)), "not read"),
            (len(found.of(Outlook.CURRENT)), "up to date"),
        )
        if number
    ]
    return f"{said} (of {count(total, 'image')}{': ' if rest else ''}{', '.join(rest)})"


def prospects_text(found: Prospects, *, width: int = 100, everything: bool = False) -> str:
    """Return the answer: a table where it is no wider than `width`, else a paragraph an image."""
    width = max(width, _NARROWEST)
    images = listed(found, everything=everything)
    rows = [_row(one, found.at) for one in images]
    lines: list[str] = []
    if rows:
        shown = [_HEAD, *rows]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        used = [place for place, longest in enumerate(widths) if _is_used(place, rows)]
        if sum(widths[place] + 2 for place in used) - 2 <= width:
            lines = list(_table(shown, widths, used, images, width))
        else:
            lines = list(_paragraphs(images, found.at, width))
        lines.append("")
    lines += textwrap.wrap(prospects_sentence(found), width)
    return "\n".join(lines) + "\n"


def _is_used(place: int, rows: Sequence[tuple[str, ...]]) -> bool:
    return place < 2 or any(row[place] for row in rows)  # image and now


def _table(
    rows: Sequence[tuple[str, ...]],
    widths: Sequence[int],
    used: Sequence[int],
    images: Sequence[Prospect],
    width: int,
) -> Iterator[str]:
    for place, row in enumerate(rows):
        yield "  ".join(f"{row[column]:<{widths[column]}}" for column in used).rstrip()
        if place:
            yield from _below(images[place - 1], width)


def _paragraphs(images: Iterable[Prospect], at: datetime, width: int) -> Iterator[str]:
    """Yield each image by itself: what a table has in columns stands in lines."""
    for one in images:
        yield from _wrapped(" ".join(filter(None, (one_line(one.name), _is_now(one)))), width, "")
        newer = ", ".join(
            f"{step_text(step)} ({step.level.value}{_until(step)})"
            for step in one.steps
            if step.reference
        )
        told = (
            ("newer", newer),
            ("end of life", ends_text(one)),
            ("built", age_of(one, at)),
        )
        for word, text in told:
            if text:
                yield from _wrapped(f"{word}: {text}", width)
        yield from _below(one, width)


def _is_now(one: Prospect) -> str:
    now = _now(one)
    return f"is {now}" if now else ""


def _below(one: Prospect, width: int) -> Iterator[str]:
    """Yield what stands below an image's line, whatever its form."""
    for step in one.steps:
        for end in step.ends:
            if end.is_over:
                yield from _wrapped(
                    f"{step_text(step)} is past its end, too: {end_text(end)}", width
                )
        for text in filter(None, (between_text(step), held_text(step))):
            yield from _wrapped(text, width)
    if text := why_text(one):
        yield from _wrapped(text, width)
    yield from _wrapped(f"in {places_text(one)}", width)


def _wrapped(text: str, width: int, indent: str = _INDENT) -> Iterator[str]:
    """Yield the text in lines; a word that is longer than the width stands whole."""
    yield from textwrap.wrap(
        one_line(text, 2000),
        width,
        initial_indent=indent,
        subsequent_indent=indent or _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _row(one: Prospect, at: datetime) -> tuple[str, ...]:
    steps = (one.step(level) for level in Level)
    return (
        one_line(one.name),
        _now(one),
        *(step_text(step) if step is not None else "" for step in steps),
        _short_end(one),
        age_text(at - one.built_at) if one.built_at is not None else "",
    )


def _short_end(one: Prospect) -> str:
    """Return the end of an image's line as a table has room for it."""
    text = ends_text(one)
    return text if text.startswith("over") else text.partition(": ")[0]


def _now(one: Prospect) -> str:
    return one_line(one.now or ("" if one.outlook is Outlook.NOT_READ else "?"))


def step_text(step: Step) -> str:
    """Return the tag of a step; empty where all is kept back."""
    return one_line(step.reference.tag or "") if step.reference is not None else ""


def _until(step: Step) -> str:
    """Return how long a step lives, where that is known: `, until 2028-04-30`."""
    first = next((end for end in step.ends if end.on and not end.is_over), None)
    return f", until {first.on}" if first is not None else ""


def between_text(step: Step) -> str:
    """Return the major versions on the way, for who moves one at a time; empty without any."""
    if not step.between:
        return ""
    return f"on the way: {', '.join(one_line(one.tag or '') for one in step.between)}"


def held_text(step: Step) -> str:
    """Return what is kept back of a step, and why; empty where nothing is."""
    if step.kept_back is None:
        return ""
    tag = one_line(step.kept_back.tag or "")
    until = f": {'old enough from ' + step.old_enough_from}" if step.old_enough_from else ""
    return f"{tag} ({step.level.value}) is kept back by {', '.join(step.reasons)}{until}"


def why_text(one: Prospect) -> str:
    """Return why nothing newer is named; empty where that needs no words."""
    if not one.why:
        return ""
    word = one.outlook.value.replace("-", " ")
    return f"{word}: {one_line(one.why)}"


def ends_text(one: Prospect) -> str:
    """Return the end of an image's line: of one that is over, else of its own product."""
    over = [end for end in one.ends if end.is_over]
    first = next(iter(over or one.ends), None)
    return end_text(first) if first is not None else ""


def end_text(end: End) -> str:
    """Return a line and its last day: `redis 6.2 on 2026-10-31`, `over: redis 5.0`."""
    name = one_line(f"{end.product} {end.line}")
    seems = "" if end.sure else "?"
    if end.is_over:
        return f"over{f' since {end.on.isoformat()}' if end.on else ''}{seems}: {name}"
    return f"{end.on.isoformat() if end.on else 'open'}{seems}: {name}"


def age_of(one: Prospect, at: datetime) -> str:
    """Return how long ago the image was built, and when; empty where nobody says."""
    if one.built_at is None:
        return ""
    return f"{date_text(one.built_at)}, {age_text(at - one.built_at)}"


def places_text(one: Prospect) -> str:
    """Return the first places of an image, and how many more there are."""
    shown = ", ".join(one_line(f"{place.path}:{place.line}") for place in one.places[:_PLACES])
    more = len(one.places) - _PLACES
    return f"{shown} and {more} more" if more > 0 else shown
