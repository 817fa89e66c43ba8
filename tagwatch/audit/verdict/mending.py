"""What is written and advised at each place, as the hand chooses it, and what is kept back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.rule.interface import Candidate, Offer, Statement
from tagwatch.audit.rule.phrase import instead
from tagwatch.audit.verdict.hand import Hand, Refusal, Standing
from tagwatch.audit.verdict.result import SHARED, KeptBack
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location, Target
from tagwatch.source.text.edit import Fix, bump, pin
from tagwatch.value import replace

__all__ = ["Remedies", "comment_of", "fix_of", "says_more"]

_MORE = ("to ", "the ")
"""With these words begins advice that is no other way to do the same: `to go back, write …`."""


class Remedies:
    """The remedies and fixes of one judgement, and what was kept back in it."""

    def __init__(self, hand: Hand, strategy: str | None) -> None:
        self.hand = hand
        self._strategy = strategy
        self._kept_back: dict[tuple[Location, str], KeptBack] = {}
        self._fixes: list[Fix] = []

    @property
    def is_sure(self) -> bool:
        """True where the fixes of findings will be written."""
        return self._strategy == "findings"

    def settled(self, statement: Statement, standing: Standing) -> Statement:
        """Return the statement with the remedy, and the fix, that its offers come to."""
        if not statement.offers:
            return statement
        parts: list[str] = []
        fix = statement.fix
        refused: list[Refusal] = []
        for offer in statement.offers:
            sure = offer.writes and self.is_sure
            choice = self.hand.choose(standing, offer, sure=sure)
            if (chosen := choice.candidate) is None:
                refused += [] if offer.despite else choice.refused
                continue
            unchecked = "; whether that is still there was not checked" if choice.unchecked else ""
            written = _written(chosen.reference, standing.target)
            canonical = chosen.reference.canonical
            parts.append(offer.text.format(written, canonical=canonical) + unchecked)
            if offer.writes and fix is None:
                fix = self._fix(standing.target, chosen)
                if fix is not None and choice.refused:
                    # the statement may name what is not written
                    told = f"{choice.refused[0].told}, {written} passes"
                    statement = replace(statement, message=f"{statement.message}; {told}")
        if parts:
            return replace(statement, remedy=_joined(parts), fix=fix)
        if not refused:
            return statement
        if self._strategy in (None, "findings"):
            self._keep_back(standing.target, refused)
        kept = refused[0].told
        return replace(statement, remedy="; ".join(filter(None, (statement.remedy, kept))))

    def propose(self, standing: Standing, offers: Iterable[Offer]) -> None:
        """Note the fix that the strategy makes at a target, or that it is kept back."""
        target = standing.target
        for offer in offers:
            choice = self.hand.choose(standing, offer, sure=True)
            if choice.candidate is None:
                self._keep_back(target, choice.refused)
            elif (fix := self._fix(target, choice.candidate)) is not None:
                self._fixes.append(fix)
            else:
                self._keep_shared(target, choice.candidate)

    def _fix(self, target: Target, candidate: Candidate) -> Fix | None:
        return fix_of(target, candidate, self.hand if self._strategy is not None else None)

    def _keep_back(self, target: Target, refused: Iterable[Refusal]) -> None:
        self.keep(target, [(str(one.candidate.reference), one.reasons) for one in refused])

    def _keep_shared(self, target: Target, candidate: Candidate) -> None:
        """Note a reference whose text others are made of: an edit there would change them, too."""
        shared = next((field for field in target.fields if field.shared), None)
        if shared is None or target.reference is None or target.reference.digest is not None:
            return
        why = f"the value at {shared.location} is used elsewhere too; "
        reasons = {SHARED: f"{why}give this image one of its own"}
        self.keep(target, [(str(candidate.reference), reasons)])

    def keep(self, target: Target, refused: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        """Add what was kept back at a place to what was before."""
        if self.hand.notes is not None:
            self.hand.notes.keep(refused)
        key = (target.location, target.text)
        before = self._kept_back.get(key)
        told = dict(before.refused if before else ())
        self._kept_back[key] = KeptBack(
            location=target.location,
            reference=target.reference,
            refused=tuple({**dict(refused), **told}.items()),
        )

    @property
    def kept_back(self) -> tuple[KeptBack, ...]:
        """The places where every candidate was kept back, sorted."""
        return tuple(one for _, one in sorted(self._kept_back.items(), key=lambda item: item[0]))

    def fixes(self, findings: Iterable[Finding]) -> tuple[Fix, ...]:
        """Return the fixes of the strategy; `findings` are sorted, the worst first."""
        if self.is_sure:
            return tuple(finding.fix for finding in findings if finding.fix is not None)
        return tuple(self._fixes)


def _written(reference: Reference, target: Target) -> str:
    """Return a candidate as the file that holds `target` takes it."""
    assert target.reference is not None
    if reference.repository != target.reference.repository:
        return str(reference)
    return instead(target, reference.tag, reference.digest)


def _joined(parts: Iterable[str]) -> str:
    """Return pieces of advice as one: ways to choose from, whose verb is said once, and more."""
    first, *others = parts
    verb = first.partition(" ")[0] + " "
    told = [
        f"; {one}" if one.startswith(_MORE) else f", or {one.removeprefix(verb)}" for one in others
    ]
    return "".join((first, *told))


def fix_of(target: Target, candidate: Candidate, hand: Hand | None = None) -> Fix | None:
    """Return the edit that writes a candidate; None where none is exact.

    `hand` tells which full tag stands behind a renewed digest, for a comment that names another tag
    than the reference.
    """
    reference, own = candidate.reference, target.reference
    if own is None or own.repository != reference.repository:
        return None
    if reference.digest is None:
        return bump(target, reference.tag) if reference.tag else None
    concrete = candidate.concrete
    if concrete is None and hand is not None and reference.tag and says_more(target):
        known = hand.known(reference.tag, target)
        if known is not None and known.resolution.digest == reference.digest:
            concrete = known.resolution.tag
    tag = reference.tag if own.tag is not None or own.digest is None else None
    return pin(target, tag, reference.digest, concrete=concrete or reference.tag)


def says_more(target: Target) -> bool:
    """Return True where the comment names another tag than the reference, mostly a concrete one."""
    assert target.reference is not None
    return target.reference.tag is not None and comment_of(target) not in (
        None,
        target.reference.tag,
    )


def comment_of(target: Target) -> str | None:
    """Return the tag in the comment beside a reference; None where there is none."""
    return next((field.text for field in target.fields if field.name == "comment"), None)
