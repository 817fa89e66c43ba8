"""The operating system release inside the image has reached its end of life.

The release is read from the step that made the root layer; where the image was not read, or does
not say it, a word of the tag counts (`-bullseye`, `-alpine3.17`, `-ltsc2019`). In the tag of a
repository that is not known such a word is a guess, and a note. Where the image is the system
itself (`debian:11`), `version-eol` says so. Paid or extended support is not counted.

Example: `FROM redis:6.2.24`: "redis:6.2.24 stands on Debian 10 (buster), which ended on
2024-06-30, by facts of 2026-11-01".

Risk: holes found from now on in the system's packages stay open, however new the program is.
Remedy: use a build of the same version on a supported release; the finding names one.
Source: endoflife.date; NIST SP 800-190, 4.2.2; Trivy `--exit-on-eol`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.knowledge import Cycle, How, Product
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import first_after, midnight, name
from tagwatch.audit.rule.release_end import contents
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.value import dataclass

__all__ = ["RULE", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _System:
    """An operating system that an image stands on."""

    name: str
    """As the image names it: `debian bookworm`."""
    product: Product
    cycle: Cycle
    is_sure: bool = True
    """False for a guess by a word of the tag."""

    @property
    def told(self) -> str:
        """`Debian 12 (bookworm)`, `Alpine Linux 3.20`."""
        release = self.name.partition(" ")[2]
        codename = f" ({release})" if release.isalpha() else ""
        return f"{self.product.name} {self.cycle.name}{codename}"


def check(subject: Subject) -> Iterator[Statement]:
    """Report the systems of the audited platforms whose support ended before today."""
    as_of = subject.knowledge.as_of
    told = f", by facts of {as_of.isoformat()}" if as_of else ""
    for one in _systems(subject):
        cycle = one.cycle
        if not cycle.is_over and (cycle.ends is None or cycle.ends >= subject.at.date()):
            continue
        # here: a check must start fast, and few systems are over
        from tagwatch.audit.rule.remedy import on_living_system

        over = f"ended on {cycle.ends.isoformat()}" if cycle.ends else "is over"
        stands = "stands" if one.is_sure else "stands, by its tag,"
        remedy = on_living_system(subject, one.product, cycle)
        yield Statement(
            message=f"{name(subject.target)} {stands} on {one.told}, which {over}{told}",
            remedy=remedy.text,
            offers=remedy.offers,
            severity=None if one.is_sure else Severity.NOTE,
            subject=one.name,
            evidence={
                "system": one.name,
                "cycle": cycle.name,
                "ends": cycle.ends.isoformat() if cycle.ends else "over",
            },
        )


def again(subject: Subject) -> datetime | None:
    """Return when a system's support ends next, or another system is to be offered."""
    from tagwatch.audit.rule.remedy import over_again, remedy_again

    systems = _systems(subject)
    moments = [over_again(subject)] if systems else []
    for one in systems:
        over_at = midnight(one.cycle.ends, 1) if one.cycle.ends else None
        is_over = one.cycle.is_over or (over_at is not None and subject.at >= over_at)
        moments.append(remedy_again(subject, one.product) if is_over else over_at)
    return first_after(subject.at, *moments)


def _systems(subject: Subject) -> list[_System]:
    """Return each system that the image stands on: as it was read, else as it is named."""
    reference, evidence = subject.target.reference, subject.evidence
    if reference is None:
        return []
    read = {facts.os_release for facts in evidence.platforms} - {""} if evidence else set()
    home = subject.knowledge.home(reference.repository)
    known = [one for system in sorted(read) for one in _read(subject, system, home)]
    return known or ([] if read else [*_named(subject)])


def _read(subject: Subject, system: str, image: Repository) -> Iterator[_System]:
    """Yield the system that an image says it stands on, unless it is that system's own image."""
    family, _, release = system.partition(" ")
    home = Repository(registry=DOCKER_HUB, path=f"library/{family}")
    product = subject.knowledge.product_of(home)
    cycle = product.cycle_of(release) if product else None
    if product is not None and cycle is not None and image != home:
        yield _System(name=system, product=product, cycle=cycle)


def _named(subject: Subject) -> Iterator[_System]:
    """Yield the systems that the name and the tag give."""
    for one in contents(subject):
        if one.is_system and one.line.how in (How.EXACT, How.FLOATING):
            system = f"{one.product.name} {one.version}".lower()
            yield _System(name=system, product=one.product, cycle=one.line.cycle, is_sure=one.sure)


RULE = Rule(
    **row("os-eol"),
    title="operating system past its end of life",
    judges_text=True,
    check=check,
    again=again,
)
