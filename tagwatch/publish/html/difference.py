"""The rows of a change's table: what differs, before and after. Its texts are a stranger's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tagwatch.audit.model.diff import (
    ConfigDiff,
    ImageDiff,
    MapDiff,
    PackageDiff,
    PlatformDiff,
    StepDiff,
)
from tagwatch.publish.wording import count, one_line, signed_size, size_text
from tagwatch.value import dataclass

__all__ = ["Difference", "differences", "not_compared"]

_NOTHING = "none"
_MOST = 12
_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row. `before` and `after` are text for people."""

    what: str
    before: str
    after: str


def differences(diff: ImageDiff | None) -> tuple[Difference, ...]:
    """What differs, the most telling first; at most 12 steps and 12 packages are listed."""
    return tuple(
        Difference(what=one_line(what, 120), before=_cut(before), after=_cut(after))
        for what, before, after in (_rows(diff) if diff else ())
    )


def not_compared(diff: ImageDiff | None) -> tuple[tuple[str, str], ...]:
    """What could not be compared, and why; the same reason is told once."""
    whats: dict[str, list[str]] = {}
    for gap in diff.not_compared if diff else ():
        whats.setdefault(gap.why, []).append(gap.what)
    return tuple((", ".join(what), why) for why, what in whats.items())


Row = tuple[str, str, str]


def _rows(diff: ImageDiff) -> Iterator[Row]:
    primary = diff.primary or PlatformDiff()
    yield from _pair("OS release", primary.os_release)
    yield from _words("platforms", (diff.dropped, diff.added))
    if primary.config:
        yield from _config(primary.config)
    yield from _steps(primary.steps)
    if primary.packages:
        yield from _packages(primary.packages)
    size = primary.size
    if size and size.delta:
        now = f"{size_text(size.new)} ({signed_size(size.delta)})"
        yield "compressed size", size_text(size.old), now
    yield from _words("attestations", primary.attestations)
    others = [f"{other.platform}: {other.verdict}" for other in diff.platforms[1:]]
    if others:
        verb = "differs" if len(others) == 1 else "differ"
        yield f"{count(len(others), 'other platform')} {verb} too", "", ", ".join(others)


def _config(config: ConfigDiff) -> Iterator[Row]:
    yield from _pair("user", config.user)
    yield from _words("entrypoint", config.entrypoint)
    yield from _words("cmd", config.cmd)
    yield from _pair("workdir", config.working_dir)
    yield from _pair("stop_signal", config.stop_signal)
    yield from _map("env", config.env)
    yield from _words("exposed_ports", (config.exposed_ports.removed, config.exposed_ports.added))
    yield from _words("volumes", (config.volumes.removed, config.volumes.added))
    yield from _map("labels", config.labels)
    yield from _pair("healthcheck", config.healthcheck)
    yield from _pair("created", config.created)
    yield from _pair("os_version", config.os_version)


def _steps(steps: StepDiff) -> Iterator[Row]:
    for step in steps.removed[:_MOST]:
        yield "build step", step, _NOTHING
    for step in steps.added[:_MOST]:
        yield "build step", _NOTHING, step
    removed, added = len(steps.removed), len(steps.added)
    if max(removed, added) > _MOST:
        yield "build steps in all", f"{removed} removed", f"{added} added"


def _packages(packages: PackageDiff) -> Iterator[Row]:
    changed, removed, added = packages.changed, packages.removed, packages.added
    for one in (*changed[:_MOST], *removed[:_MOST], *added[:_MOST]):
        yield one.purl, one.old or _NOTHING, one.new or _NOTHING
    if max(len(removed), len(added), len(changed)) > _MOST:
        yield (
            "packages in all",
            f"{len(changed)} changed, {len(removed)} removed",
            f"{len(added)} added",
        )


def _pair(name: str, pair: tuple[str, str]) -> Iterator[Row]:
    old, new = pair
    if old != new:
        yield name, old or _NOTHING, new or _NOTHING


def _words(name: str, pair: tuple[Sequence[str], Sequence[str]]) -> Iterator[Row]:
    old, new = pair
    if old != new:
        yield name, " ".join(old) or _NOTHING, " ".join(new) or _NOTHING


def _map(name: str, diff: MapDiff) -> Iterator[Row]:
    removed, added = (
        ", ".join(f"{key}={text}" for key, text in side.items()) or _NOTHING
        for side in (diff.removed, diff.added)
    )
    if diff.removed or diff.added:
        yield name, removed, added
    for key, pair in diff.changed.items():
        yield from _pair(f"{name} {key}", pair)


def _cut(text: str) -> str:
    return one_line(text, _LONGEST)
