"""What the image stands on is known, and it is not one of the policy's approved bases.

Layers decide, not names: a mirror's copy of an approved base is approved, and so is an image built
on one. A `FROM` is itself the base of what is built; the last stage counts, and with
`options.builders` the stages that only build, too. What cannot be known is `base-unknown`.

Example: `FROM python:3.12-slim`: "python:3.12-slim is not an approved base: 3.12.3 is outside
>=3.12.4".

Risk: an operating system and libraries that nobody vetted, and that no list brings up to date.
Remedy: build on an approved base; the finding lists them.
Source: CIS Docker Benchmark 4.2; Docker Scout policy "Approved Base Images".
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.policy import SCRATCH, Policy
from tagwatch.audit.rule.approval import (
    approval,
    is_version_allowed,
    known_approval,
    policy_base,
)
from tagwatch.audit.rule.interface import Offer, Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_references
from tagwatch.audit.rule.phrase import listed, name
from tagwatch.audit.rule.stage import is_built_upon, is_judged
from tagwatch.errors import TagwatchError
from tagwatch.image.reference import Reference

__all__ = ["RULE", "check"]

_SIGNS = frozenset("*?[{")
"""What a pattern has and a name does not."""
_TOLD = 5
"""How many bases the advice names."""


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image whose base is known and not approved."""
    target, evidence, policy = subject.target, subject.evidence, subject.policy
    reference = target.reference
    if evidence is None or reference is None or not policy.bases or not is_judged(subject):
        return
    is_base = target.kind == "from"
    if is_base and not (subject.options["builders"] or is_built_upon(subject)):
        return
    named = policy.base_named(reference)
    if named is not None:
        if is_version_allowed(named, evidence.resolution.version) is False:
            yield _statement(
                subject, f"{evidence.resolution.version} is outside {named.allow_versions}"
            )
        return
    approved = known_approval(evidence, policy)
    if approved is False:
        yield _statement(subject, _why(subject, evidence))
    elif approved is None and is_base and evidence.documents_read and not evidence.bases_unread:
        yield _statement(subject, "neither its name nor its layers are those of an approved base")


def _statement(subject: Subject, why: str) -> Statement:
    is_base = subject.target.kind == "from"
    is_not = "is not" if is_base else "does not stand on"
    patterns = listed(tuple(one for one in _named(subject.policy) if _image(one) is None))
    return Statement(
        message=f"{name(subject.target)} {is_not} an approved base: {why}",
        remedy=("build on" if is_base else "have it built on")
        + (f" one of: {patterns}" if patterns else " an approved base"),
        offers=_offers(subject) if is_base else (),
    )


def _named(policy: Policy) -> Iterator[str]:
    """Yield the approved bases as the policy names them: images, patterns and `scratch`."""
    for base in policy.bases:
        yield from (
            (f"{base.reference}:{tag}" for tag in base.tags) if base.tags else (base.reference,)
        )


def _offers(subject: Subject) -> tuple[Offer, ...]:
    """Return the offers of the first few approved bases that are no patterns."""
    images = (_image(one) for one in _named(subject.policy))
    others = [one for one in images if one is not None and one != subject.target.reference]
    return tuple(
        offer for one in others[:_TOLD] for offer in offer_references([one], text="build on {}")
    )


def _image(text: str) -> Reference | None:
    """Return the image that an approved base names; None for a pattern and for `scratch`."""
    if text == SCRATCH or not _SIGNS.isdisjoint(text):
        return None
    try:
        return Reference.parse(text)
    except TagwatchError:
        return None


def _why(subject: Subject, evidence: Evidence) -> str:
    match = next(match for match in evidence.bases if approval(match, subject.policy) is False)
    if match.base is None:
        return f"it stands on no base ({match.platform})"
    own = subject.target.reference
    if own is not None and match.base.reference == own.canonical:
        return "the policy does not name it, and it stands on none that is named"
    version = f" = {match.base.version}" if match.base.version else ""
    base = policy_base(match, subject.policy)
    outside = f", which is outside {base.allow_versions}" if base and version else ""
    return f"by its layers it stands on {match.base.reference}{version} ({match.platform}){outside}"


RULE = Rule(
    **row("base-not-approved"),
    title="base outside the approved list",
    options={"builders": Option(default=False, about="judge stages that only build, too")},
    check=check,
)
