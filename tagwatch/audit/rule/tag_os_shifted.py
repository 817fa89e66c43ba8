"""The same tag now carries another operating system release or family (bookworm to trixie).

Example: `FROM python:3.12-slim`: "python:3.12-slim moved on 2026-11-21 from sha256:bbbbbbbbbbbb to
sha256:aaaaaaaaaaaa, and its system from debian bookworm to debian trixie".

Risk: other libraries under the application, other package names in your `RUN apt-get`, another
end of life.
Remedy: name the release in the tag (`-bookworm`), test on the new one, then move.
Source: docker-library/official-images README (suites in tags).
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import (
    RECENT,
    facts_of,
    moved,
    primary_of,
    recent_change,
    recent_until,
)

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a recent change between two known and different OS releases."""
    change = recent_change(subject)
    primary = primary_of(change)
    if change is None or primary is None:
        return
    old, new = primary.os_release
    if not old or not new or old == new:
        return
    yield Statement(
        message=f"{moved(subject, change)}, and its system from {old} to {new}",
        remedy=f"test on {new}; until then name the release in the tag",
        evidence={**facts_of(change), "os_before": old, "os_after": new},
    )


RULE = Rule(
    **row("tag-os-shifted"),
    title="other operating system under the same tag",
    options=RECENT,
    check=check,
    again=recent_until,
)
