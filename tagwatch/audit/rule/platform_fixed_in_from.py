"""`FROM --platform` with a constant: the stage is built for that platform, whatever was asked for.

`$BUILDPLATFORM` and `$TARGETPLATFORM` follow the build, and are fine.

Example: `FROM --platform=linux/amd64 redis`: "this stage is always built for linux/amd64, whatever
platform is asked for".

Risk: an image labelled arm64 that holds amd64 programs; emulation nobody asked for.
Remedy: leave the flag out, or write `--platform=$BUILDPLATFORM` for a stage of tools.
Source: hadolint DL3029; BuildKit check FromPlatformFlagConstDisallowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import FileSubject, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.stage import stage_of

__all__ = ["RULE", "check"]

_FLAG = "--platform="


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report FROM instructions with a constant platform."""
    for one in subject.instructions:
        flag = next((flag for flag in one.flags if flag.startswith(_FLAG)), "")
        value = flag.removeprefix(_FLAG).strip("\"'")
        if one.name != "FROM" or not value or "$" in value:
            continue
        yield Statement(
            message=f"this stage is always built for {value}, whatever platform is asked for",
            remedy="leave the flag out, or write --platform=$BUILDPLATFORM for a stage of tools",
            location=one.location,
            target=next(
                (t for t in subject.targets if stage_of(t, subject.instructions) == one.stage), None
            ),
            subject=value,
        )


RULE = Rule(
    **row("platform-fixed-in-from"),
    title="constant platform in FROM",
    scope=RuleScope.FILE,
    check=check,
)
