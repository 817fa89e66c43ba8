"""The operating system release inside the image has reached its end of life.

The release is read from the step that made the root layer, not from the tag. Where the image is
the system itself (`debian:11`), `version-eol` says so. Paid or extended support is not counted.

Example: `FROM redis:6.2.24`: "redis:6.2.24 stands on Debian 10 (buster), which ended on
2024-06-30, by facts of 2026-11-01".

Risk: holes found from now on in the system's packages stay open, however new the program is.
Remedy: use a build of the same version on a supported release; the finding names one.
Source: endoflife.date; NIST SP 800-190, 4.2.2; Trivy `--exit-on-eol`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.model.knowledge import Cycle, Product
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import first_after, midnight, name
from tagwatch.image.reference import DOCKER_HUB, Repository

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report the systems of the audited platforms whose support ended before today."""
    as_of = subject.knowledge.as_of
    told = f", by facts of {as_of.isoformat()}" if as_of else ""
    for system, product, cycle in _systems(subject):
        if not cycle.is_over and (cycle.ends is None or cycle.ends >= subject.at.date()):
            continue
        # here: a check must start fast, and few systems are over
        from tagwatch.audit.rule.remedy import on_living_system

        over = f"ended on {cycle.ends.isoformat()}" if cycle.ends else "is over"
        what = _told(product, cycle, system)
        yield Statement(
            message=f"{name(subject.target)} stands on {what}, which {over}{told}",
            remedy=on_living_system(subject, product, cycle),
            subject=system,
            evidence={
                "system": system,
                "cycle": cycle.name,
                "ends": cycle.ends.isoformat() if cycle.ends else "over",
            },
        )


def again(subject: Subject) -> datetime | None:
    """Return when a system's support ends next, or another system is to be offered."""
    from tagwatch.audit.rule.remedy import remedy_again

    moments = []
    for _, product, cycle in _systems(subject):
        over_at = midnight(cycle.ends, 1) if cycle.ends else None
        is_over = cycle.is_over or (over_at is not None and subject.at >= over_at)
        moments.append(remedy_again(subject, product) if is_over else over_at)
    return first_after(subject.at, *moments)


def _systems(subject: Subject) -> Iterator[tuple[str, Product, Cycle]]:
    """Yield each system of the image that the knowledge has, by the name it gives itself."""
    evidence, reference = subject.evidence, subject.target.reference
    if evidence is None or reference is None:
        return
    for system in sorted({facts.os_release for facts in evidence.platforms} - {""}):
        family, _, release = system.partition(" ")
        home = Repository(registry=DOCKER_HUB, path=f"library/{family}")
        product = subject.knowledge.product_of(home)
        cycle = product.cycle_of(release) if product else None
        if product is not None and cycle is not None and reference.repository != home:
            yield system, product, cycle


def _told(product: Product, cycle: Cycle, system: str) -> str:
    """Return `Debian 12 (bookworm)`, `Alpine Linux 3.20`."""
    release = system.partition(" ")[2]
    codename = f" ({release})" if release.isalpha() else ""
    return f"{product.name} {cycle.name}{codename}"


RULE = Rule(
    **row("os-eol"),
    title="operating system past its end of life",
    check=check,
    again=again,
)
