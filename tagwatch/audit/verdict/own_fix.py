"""A fix that a rule brings itself: what it would make of references, for the hand to judge.

Rules of ours make offers. One of another package may bring an exact edit; it is judged alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tagwatch.audit.rule.interface import Candidate, Offer, Statement
from tagwatch.audit.verdict.hand import UNKNOWN, Standing
from tagwatch.audit.verdict.mending import Remedies
from tagwatch.errors import TagwatchError
from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Field, Target
from tagwatch.source.text.edit import Fix
from tagwatch.value import replace

__all__ = ["UNTOLD", "held", "references_written"]

UNTOLD = "what it makes of the reference cannot be told"
"""The reason to keep back a fix of a part of a reference, or of what others are made of, too."""


def held(
    statement: Statement, extraction: Extraction, standing: Standing | None, remedies: Remedies
) -> Statement:
    """Return the statement without its own fix where that writes what does not pass.

    What stands elsewhere in the file may not be judged yet: nothing that speaks against the
    candidate is taken for carried there.
    """
    fix, hand = statement.fix, remedies.hand
    assert fix is not None
    others = hand.others(extraction, standing)
    at = {id(one.target): one for one in (*((standing,) if standing else ()), *others)}
    targets = (one.target for one in at.values())
    why: dict[str, str] = {}
    for target, reference in references_written(fix, targets):
        if reference is None:
            reasons: Mapping[str, str] = {UNKNOWN: UNTOLD}
        else:
            offer = Offer(candidates=(Candidate(reference=reference),), writes=True)
            choice = hand.choose(at[id(target)], offer, sure=remedies.is_sure)
            reasons = choice.refused[0].reasons if choice.candidate is None else {}
        if reasons:
            why |= reasons
            remedies.keep(target, [(str(reference or fix.replacement), reasons)])
    if not why:
        return statement
    told = f"its fix is kept back: {', '.join(why)}"
    return replace(statement, fix=None, remedy="; ".join(filter(None, (statement.remedy, told))))


def references_written(
    fix: Fix, targets: Iterable[Target]
) -> Iterator[tuple[Target, Reference | None]]:
    """Yield each target that a fix edits, with what it makes of its reference; None: not told."""
    edits = (fix, *fix.also)
    for target in targets:
        touched = [
            (field, edit)
            for field in target.fields
            for edit in edits
            if field.name != "comment" and _meet(field, edit)
        ]
        if touched:
            yield target, _reference(target, touched)


def _meet(field: Field, edit: Fix) -> bool:
    span = field.span
    return edit.path == span.path and edit.start <= span.end and span.start <= edit.end


def _reference(target: Target, touched: list[tuple[Field, Fix]]) -> Reference | None:
    """Return the reference after these edits, which must lie within the one text that holds it."""
    field = touched[0][0]
    span, raw = field.span, field.text.encode()
    is_whole = field.name == "reference" and field.template == "{}" and not field.shared
    if not is_whole or span.end - span.start != len(raw) or target.selector is not None:
        return None
    for other, edit in sorted(touched, key=lambda one: one[1].start, reverse=True):
        if other is not field or edit.start < span.start or edit.end > span.end:
            return None
        raw = (
            raw[: edit.start - span.start]
            + edit.replacement.encode()
            + raw[edit.end - span.start :]
        )
    try:
        return Reference.parse(raw.decode())
    except (TagwatchError, UnicodeDecodeError):
        return None
