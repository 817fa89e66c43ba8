"""The ports that the image EXPOSEs changed under the tag.

Where the file publishes a port that the image no longer exposes, the finding names the mapping.

Example: `image: yourls:1.9`, `ports: ["8080:80"]`: "yourls:1.9 moved on 2026-11-21 from
sha256:bbbbbbbbbbbb to sha256:aaaaaaaaaaaa: it now exposes 8080/tcp and it no longer exposes 80/tcp;
8080:80 will reach nothing".

Risk: `8080:80` goes on to start, and nothing listens behind it.
Remedy: publish the port that the image serves now.
Source: docker-library/official-images pull request 19553 (YOURLS, 80 to 8080).
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import (
    RECENT,
    config_of,
    facts_of,
    moved,
    recent_change,
    recent_until,
)
from tagwatch.source.target import Port

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a recent change of the exposed ports."""
    change = recent_change(subject)
    config = config_of(change)
    if change is None or config is None:
        return
    added, removed = config.exposed_ports.added, config.exposed_ports.removed
    if not added and not removed:
        return
    told = [f"it now exposes {', '.join(added)}"] if added else []
    told += [f"it no longer exposes {', '.join(removed)}"] if removed else []
    broken = [_mapping(port) for port in subject.target.ports if _exposed(port) in removed]
    yield Statement(
        message=f"{moved(subject, change)}: {' and '.join(told)}"
        + (f"; {', '.join(broken)} will reach nothing" if broken else ""),
        remedy=f"publish {', '.join(added)} instead" if broken and added else "check your mappings",
        severity=Severity.ERROR if broken else None,
        evidence=facts_of(change),
    )


def _exposed(port: Port) -> str:
    return f"{port.container}/{port.protocol}"


def _mapping(port: Port) -> str:
    return f"{port.host}:{port.container}" if port.host is not None else str(port.container)


RULE = Rule(
    **row("port-expose-changed"),
    title="other exposed ports under the same tag",
    options=RECENT,
    check=check,
    again=recent_until,
)
