"""The registry no longer has the digest that the file pins.

Said only after the registry answered 404 to a request that accepts every kind of manifest; a
refusal is `check-incomplete`.

Example: `FROM redis:6.2@sha256:bbbbbbbbbbbb…`: "redis:6.2@sha256:bbbbbbbbbbbb: the registry has no
such digest (any more)".

Risk: the next build or pull fails, everywhere at once.
Remedy: pin what the tag serves now; where another repository serves the same digest, it is named.
Source: tunaOS issue 1806 (24 build cells lost to collected digests); cozystack issue 3305.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import builds, offer_builds, offer_homes
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a pinned digest that is known not to exist."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or evidence.pin is None:
        return
    if evidence.pin.exists is not False:
        return
    yield Statement(
        message=f"{name(target)}: the registry has no such digest (any more)",
        remedy="pin another digest",
        offers=(
            *offer_builds(
                target, reference.tag, builds(evidence), writes=reference.tag is not None
            ),
            *offer_homes(evidence),
        ),
        evidence={"pinned": reference.digest or ""},
    )


RULE = Rule(
    **row("pin-unresolvable"),
    title="pinned digest that is gone",
    fixable=True,
    check=check,
)
