"""USER, ENTRYPOINT, VOLUME or STOPSIGNAL differ between the tag's last image and this one.

Environment variables are left out: each new version changes one. EXPOSE is `port-expose-changed`,
and a change under one version is `tag-replaced`.

Example: `FROM redis:6.2`: "redis:6.2 moved on 2026-11-21 from sha256:bbbbbbbbbbbb to
sha256:aaaaaaaaaaaa and runs differently: USER unset is now '1000'; VOLUME /data is new".

Risk: files that the container may no longer write, arguments that no longer arrive, data that is
lost with the container, a stop that kills.
Remedy: compare what you override with what the image says now.
Source: OCI image-spec, config.md; Docker documentation, "Dockerfile reference".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tagwatch.audit.model.diff import ROOT_USERS, ConfigDiff, Verdict
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import (
    RECENT,
    config_of,
    facts_of,
    moved,
    recent_change,
    recent_until,
)

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a recent change in how a container runs."""
    change = recent_change(subject)
    config = config_of(change)
    if change is None or config is None or change.verdict is Verdict.REPLACED:
        return
    differences = tuple(_differences(config))
    if differences:
        yield Statement(
            message=f"{moved(subject, change)} and runs differently: {'; '.join(differences)}",
            remedy="check what you mount, override and run as",
            evidence=facts_of(change),
        )


def _differences(config: ConfigDiff) -> Iterator[str]:
    for word, old, new in (
        ("USER", *_users(config)),
        ("ENTRYPOINT", *config.entrypoint),
        ("STOPSIGNAL", config.stop_signal[:1], config.stop_signal[1:]),
    ):
        if old != new:
            yield f"{word} {_shown(old)} is now {_shown(new)}"
    yield from (f"VOLUME {path} is new" for path in config.volumes.added)
    yield from (f"VOLUME {path} is gone" for path in config.volumes.removed)


def _users(config: ConfigDiff) -> tuple[Sequence[str], Sequence[str]]:
    """Return both users; the same where both are root, however that is written."""
    old, new = config.user
    return ((), ()) if {old, new} <= ROOT_USERS else ((old,), (new,))


def _shown(words: Sequence[str]) -> str:
    text = " ".join(words)
    return repr(text) if text else "unset"


RULE = Rule(
    **row("tag-config-changed"),
    title="image runs differently under the same tag",
    options=RECENT,
    check=check,
    again=recent_until,
)
