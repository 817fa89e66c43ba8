"""A newer patch release exists in the same line: same major and minor, same variant.

`options.level` widens that to `minor` or `major`. A distribution release inside the variant
(`-alpine3.20`) does not freeze the line. Pre-releases are never offered.

Example: `FROM redis:6.2.20`: "redis:6.2.20 is behind: 6.2.24 is the newest of its line".

Risk: patch releases are where security fixes go; the older one gets no more.
Remedy: move to the tag that the finding names.
Source: NIST SP 800-190, 4.2.2; Renovate `patch` updates.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import Status
from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import lower, offer_tags
from tagwatch.audit.rule.phrase import WATCH, facts, name

__all__ = ["RULE", "check"]

_LEVELS = ("patch", "minor", "major")


def check(subject: Subject) -> Iterator[Statement]:
    """Report a concrete tag that has a newer one in its line, and what that is."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or target.selector is not None or target.kind == WATCH:
        return
    resolution = evidence.resolution
    if resolution.status is Status.NOT_FOUND:
        return  # other rules say that it is gone, and what to pin instead
    allowed = _LEVELS[: _LEVELS.index(subject.options["level"]) + 1]
    offers = {level: getattr(resolution.newer, level) for level in allowed}
    level, newer = next(((key, tag) for key, tag in offers.items() if tag), ("", None))
    if newer is None:
        return
    is_other = resolution.name not in (None, reference.tag)
    is_now = f" is {resolution.name}" if is_other else " is behind"
    of = "its line" if level == "patch" else f"the next {level} line"
    yield Statement(
        message=f"{name(target)}{is_now}: {newer} is the newest of {of}",
        remedy="wait for one to move to",
        offers=offer_tags(
            target, *(tag for key in allowed for tag in lower(resolution.newer, key)), writes=True
        ),
        evidence={**facts(evidence), "newer": newer, "level": level},
    )


RULE = Rule(
    **row("base-behind"),
    title="newer release in the same line",
    fixable=True,
    options={
        "level": Option(default="patch", about="how far to look", choices=_LEVELS),
    },
    check=check,
)
