"""A label, annotation or provenance names one base, and the layers show another.

A label that names an ancestor is inherited from it and is no conflict.

Example: `image: ghcr.io/shop/api:1.4`: "ghcr.io/shop/api:1.4 (linux/amd64): Says it is built on
python:3.12-slim (label), but its layers are those of alpine:3.20 (served since 2026-09-01, layers
match 1/1). That tag still serves it".

Risk: whoever trusts the label audits the wrong image; a wrong copy, or a lie.
Remedy: rebuild; or remove the label that the build wrote wrongly.
Source: regclient issue 603; OCI image-spec, annotations.md `org.opencontainers.image.base.name`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report the platforms whose base has the verdict `conflict`."""
    evidence = subject.evidence
    for match in evidence.bases if evidence else ():
        if match.verdict is not BaseVerdict.CONFLICT:
            continue
        shown = match.base.reference if match.base else "another base"
        yield Statement(
            message=f"{name(subject.target)} ({match.platform}): {_told(match)}",
            remedy="rebuild it, or remove the label that is wrong",
            evidence={"claims": ", ".join(match.claims), "base": shown},
            subject=match.platform,
        )


def _told(match: BaseMatch) -> str:
    return match.sentence.removesuffix(".") or "its layers are not those of the base it claims"


RULE = Rule(
    **row("base-claim-conflict"),
    title="claimed base is not the base",
    check=check,
)
