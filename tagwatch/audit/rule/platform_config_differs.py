"""USER, ENTRYPOINT or EXPOSE differ between the platforms of one tag.

Windows differs from Linux by nature, and is compared with itself only.

Example: `FROM redis:6.2`: "redis:6.2 runs differently by platform: USER app on linux/amd64, unset
on linux/arm64".

Risk: what was tested on one architecture runs as another user, or listens elsewhere, on the other.
Remedy: tell the publisher; set user and ports yourself where you run it.
Source: OCI image-spec, image-index.md (each platform has a config of its own).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tagwatch.audit.model.evidence import PlatformFacts
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]

_FIELDS: dict[str, Callable[[PlatformFacts], str]] = {
    "USER": lambda facts: facts.user or "unset",
    "ENTRYPOINT": lambda facts: " ".join(facts.entrypoint) or "unset",
    "EXPOSE": lambda facts: " ".join(facts.exposed_ports) or "nothing",
}


def check(subject: Subject) -> Iterator[Statement]:
    """Report the operating systems whose platforms would run differently."""
    evidence = subject.evidence
    for system in sorted({facts.platform.os for facts in evidence.platforms} if evidence else ()):
        assert evidence is not None
        mine = [facts for facts in evidence.platforms if facts.platform.os == system]
        told = tuple(_differences(mine))
        if told:
            yield Statement(
                message=f"{name(subject.target)} runs differently by platform: {'; '.join(told)}",
                remedy="set it yourself where you run the image",
                subject=system,
            )


def _differences(facts: list[PlatformFacts]) -> Iterator[str]:
    for word, of in _FIELDS.items():
        values: dict[str, list[str]] = {}
        for one in facts:
            values.setdefault(of(one), []).append(str(one.platform))
        if len(values) > 1:
            yield f"{word} " + ", ".join(
                f"{value} on {' and '.join(on)}" for value, on in values.items()
            )


RULE = Rule(
    **row("platform-config-differs"),
    title="platforms of one tag run differently",
    check=check,
)
