"""The base that the image stands on, or the digest that the file pins, is no longer the newest.

Measured on the image's own platform: an index that changed for other platforms or attestations is
not stale. The policy's `stale_grace` leaves time to rebuild; a base with `max_behind` counts
builds instead of days. A base whose tag is gone gets no newer build: it is told as well.

Example: `FROM redis:6.2@sha256:bbbbbbbbbbbb…`: "redis:6.2 left the pinned sha256:bbbbbbbbbbbb
(6.2.20) on 2026-11-14, and serves sha256:aaaaaaaaaaaa (6.2.24)".

Risk: fixes of the base are out, and not in this image.
Remedy: rebuild; or renew the pin. The finding says since when, and what changed.
Source: CIS Docker Benchmark 4.4; NIST SP 800-190, 4.2.2; anchore-engine issue 186.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.model.base_match import LEFT, BaseMatch, BaseVerdict
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Interval
from tagwatch.audit.rule.approval import policy_base
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import builds, offer_builds
from tagwatch.audit.rule.phrase import day, facts, first_after, instead, later, name
from tagwatch.audit.rule.stage import is_judged
from tagwatch.image.digest import short_digest

__all__ = ["RULE", "check"]

_SAME_IMAGE = frozenset(
    {Verdict.IDENTICAL.value, Verdict.ATTESTATION_ONLY.value, Verdict.RECOMPRESSED.value}
)


def check(subject: Subject) -> Iterator[Statement]:
    """Report a pin that its tag has left; else the bases that their tags no longer serve."""
    pinned = tuple(_pinned(subject))
    yield from pinned
    evidence = subject.evidence
    for match in evidence.bases if evidence and is_judged(subject) and not pinned else ():
        if match.verdict in LEFT and _is_due(match, subject):
            yield _stale(match, subject)


def _pinned(subject: Subject) -> Iterator[Statement]:
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or not reference.digest or not reference.tag:
        return
    now = evidence.history[-1] if evidence.history else None
    if now is None or now.ended or now.digest == reference.digest:
        return
    if evidence.pin is None or evidence.pin.served_by_tag is not True or evidence.pin.platform_only:
        return
    left = _left(evidence.history, reference.digest)
    if left is None or subject.at - left.first_seen < subject.policy.defaults.stale_grace:
        return
    is_dated = any(one.digest == reference.digest for one in evidence.history)
    when = f"{'on' if is_dated else 'before'} {day(left.first_seen)}"
    was = f" ({evidence.resolution.version})" if evidence.resolution.version else ""
    became = f" ({now.version})" if now.version else ""
    yield Statement(
        message=f"{instead(target, reference.tag)} left the pinned {short_digest(reference.digest)}"
        f"{was} {when}, and serves {short_digest(now.digest)}{became}",
        remedy="wait for a build to renew it to",
        offers=offer_builds(
            target, reference.tag, builds(evidence, after=reference.digest), writes=True
        ),
        evidence={**facts(evidence), "now": now.digest},
    )


def _left(history: tuple[Interval, ...], pinned: str) -> Interval | None:
    """Return the first interval after the pinned digest's last one that serves another image."""
    past = [index for index, interval in enumerate(history) if interval.digest == pinned]
    later = history[past[-1] + 1 :] if past else history
    return next((one for one in later if one.verdict not in _SAME_IMAGE), None)


def _is_due(match: BaseMatch, subject: Subject) -> bool:
    base = policy_base(match, subject.policy)
    if base is not None and base.max_behind is not None and match.behind is not None:
        return match.behind > base.max_behind
    since = _since(match)
    return since is None or subject.at - since >= subject.policy.defaults.stale_grace


def _since(match: BaseMatch) -> datetime | None:
    """Return since when the base serves another build, or is gone."""
    if match.verdict is BaseVerdict.EXACT_RETIRED and match.base is not None:
        return match.base.last_seen
    return match.current.first_seen if match.current else None


def again(subject: Subject) -> datetime | None:
    """Return when the next time of grace, of the pin or of a base, ends."""
    evidence, reference = subject.evidence, subject.target.reference
    if evidence is None or reference is None:
        return None
    left = _left(evidence.history, reference.digest) if reference.digest else None
    starts = [left.first_seen if left else None, *map(_since, evidence.bases)]
    grace = subject.policy.defaults.stale_grace
    return first_after(subject.at, *(later(one, span=grace) for one in starts if one))


def _stale(match: BaseMatch, subject: Subject) -> Statement:
    is_gone = match.verdict is BaseVerdict.EXACT_RETIRED
    behind = {"behind": str(match.behind)} if match.behind is not None else {}
    told = match.sentence.removesuffix(".") or "it stands on an older build of its base"
    return Statement(
        message=f"{name(subject.target)} ({match.platform}): {told}",
        remedy="rebuild it on a base that is still served"
        if is_gone
        else "rebuild it on the present build of its base",
        evidence={**({"base": str(match.base.digest)} if match.base else {}), **behind},
        subject=match.platform,
    )


RULE = Rule(
    **row("base-stale"),
    title="base or pin that its tag has left",
    fixable=True,
    check=check,
    again=again,
)
