"""The operating system release inside the image has reached its end of life.

The release is read from the step that made the root layer, not from the tag. Where the image is
the system itself (`debian:11`), `version-eol` says so. Paid or extended support is not counted.

Example: `FROM redis:6.2.24`: "redis:6.2.24 stands on Debian 10 (buster), which ended on
2024-06-30, by facts of 2026-11-01".

Risk: holes found from now on in the system's packages stay open, however new the program is.
Remedy: use a build of the same version on a supported release.
Source: endoflife.date; NIST SP 800-190, 4.2.2; Trivy `--exit-on-eol`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.knowledge import Cycle, Product
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name
from tagwatch.image.reference import DOCKER_HUB, Repository

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Systems of the audited platforms whose support ended before today."""
    target, evidence, knowledge = subject.target, subject.evidence, subject.knowledge
    if evidence is None or target.reference is None:
        return
    as_of = f", by facts of {knowledge.as_of.isoformat()}" if knowledge.as_of else ""
    for system in sorted({facts.os_release for facts in evidence.platforms} - {""}):
        family, _, release = system.partition(" ")
        home = Repository(registry=DOCKER_HUB, path=f"library/{family}")
        product = knowledge.product_of(home)
        cycle = product.cycle_of(release) if product else None
        if product is None or cycle is None or target.reference.repository == home:
            continue
        if not cycle.is_over and (cycle.ends is None or cycle.ends >= subject.at.date()):
            continue
        over = f"ended on {cycle.ends.isoformat()}" if cycle.ends else "is over"
        what = _told(product, cycle, release)
        yield Statement(
            message=f"{name(target)} stands on {what}, which {over}{as_of}",
            remedy="use a build of the same version on a supported release",
            subject=system,
            evidence={
                "system": system,
                "cycle": cycle.name,
                "ends": cycle.ends.isoformat() if cycle.ends else "over",
            },
        )


def _told(product: Product, cycle: Cycle, release: str) -> str:
    """`Debian 12 (bookworm)`, `Alpine Linux 3.20`."""
    codename = f" ({release})" if release.isalpha() else ""
    return f"{product.name} {cycle.name}{codename}"


RULE = Rule(
    **row("os-eol"),
    title="operating system past its end of life",
    check=check,
)
