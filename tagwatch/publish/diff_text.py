"""The text form of a diff, for a person with ten seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tagwatch.audit.model.diff import (
    ConfigDiff,
    ImageDiff,
    LayerDiff,
    LayerEntry,
    MapDiff,
    PackageDiff,
    PlatformDiff,
    SetDiff,
    Side,
    SizeDiff,
    StepDiff,
)
from tagwatch.audit.model.history import Change
from tagwatch.audit.reading.cut_text import apart, cut, paired
from tagwatch.audit.reading.size_text import size_change, size_text
from tagwatch.audit.reading.steps import normalized_step
from tagwatch.image.digest import short_digest

__all__ = ["diff_text"]

_STEP = 72
_LISTED = 6
_NAME = 12


def diff_text(change: Change) -> str:
    """The diff as a few lines: verdict first, then only what differs, then what was not compared.

    Control characters in a stranger's text are shown as `?`.
    """
    lines = [f"{change.verdict}: {change.reason}"]
    if change.diff:
        lines += [f"  {line}" for line in _lines(change.diff)]
    return "\n".join(_printable(line) for line in lines) + "\n"


def _lines(diff: ImageDiff) -> Iterator[str]:
    yield _side("old", diff.old)
    yield _side("new", diff.new)
    yield diff.new.platform or diff.old.platform or "no platform in common"
    yield from _platform_lines(diff.primary or PlatformDiff())
    for other in diff.platforms[1:]:
        yield other.platform
        yield from _platform_lines(other)
    for word, platforms in (("added", diff.added), ("dropped", diff.dropped)):
        if platforms:
            yield f"{'platforms':{_NAME}}{word}: {', '.join(platforms)}"
    for lagging in diff.lagging:
        version = f"still {lagging.version}" if lagging.version else "did not move"
        yield f"{'platforms':{_NAME}}lagging: {lagging.platform} ({version})"
    gaps: dict[str, list[str]] = {}
    for gap in diff.not_compared:
        gaps.setdefault(gap.why, []).append(gap.what)
    for why, whats in gaps.items():
        yield f"{'not compared':{_NAME}}  {', '.join(whats)}: {why}"


def _side(name: str, side: Side) -> str:
    digest = short_digest(side.index or side.manifest or "")
    named = side.reference.partition("@sha256:")[0]
    parts = [f"{name:{_NAME}}", named, digest if len(digest) > 1 else ""]
    if side.version:
        parts.append(f"= {side.version.value} ({side.version.source})")
    if side.seen:
        parts.append("seen {}..{}".format(*side.seen))
    return "  ".join(part for part in parts if part)


def _platform_lines(part: PlatformDiff) -> Iterator[str]:
    yield from (f"  {line}" for line in _layers(part.layers, part.size))
    yield from (f"  {line}" for line in _steps(part.steps))
    if part.config:
        yield from (f"  {line}" for line in _config(part.config))
    old, new = part.os_release
    if old != new and old and new:
        yield f"  {'system':{_NAME}}{old} -> {new}"
    before, after = part.attestations
    if before != after:
        kinds = (", ".join(kinds) or "none" for kinds in (before, after))
        yield f"  {'attestations':{_NAME}} {' -> '.join(kinds)}"
    if part.packages:
        yield from (f"  {line}" for line in _packages(part.packages))


def _layers(layers: LayerDiff, size: SizeDiff | None) -> Iterator[str]:
    removed, added, again = _made_again(layers.removed, layers.added)
    counts = [
        f"{len(told)} {name}"
        for name, told in (
            ("shared", layers.shared),
            ("made again", again),
            ("removed", removed),
            ("added", added),
            ("moved", layers.moved),
            ("recompressed", layers.recompressed),
        )
        if told
    ]
    total = f"; {size_text(size.new)} ({size_change(size.delta)})" if size else ""
    yield f"{'layers':{_NAME}}{', '.join(counts) or 'not compared'}{total}"
    for sign, told in (("-", removed), ("+", added), ("~", layers.moved)):
        for layer in told[:_LISTED]:
            stored = "" if layer.size is None else f"{size_text(layer.size):>9}"
            yield f"  {sign} {layer.position:>3} {stored}  {cut(layer.created_by, _STEP)}"
        yield from _more(len(told))


def _made_again(
    removed: Sequence[LayerEntry], added: Sequence[LayerEntry]
) -> tuple[Sequence[LayerEntry], Sequence[LayerEntry], Sequence[LayerEntry]]:
    """Layers that went, layers that came, and those that the same step made anew."""
    again: list[LayerEntry] = []
    gone = list(removed)
    come: list[LayerEntry] = []
    for layer in added:
        step = normalized_step(layer.created_by)
        before = next(
            (one for one in gone if step and normalized_step(one.created_by) == step), None
        )
        if before is None:
            come.append(layer)
        else:
            gone.remove(before)
            again.append(layer)
    return gone, come, again


def _steps(steps: StepDiff) -> Iterator[str]:
    """Only steps that differ, what became of one below it: the layers tell what ran again."""
    pairs = list(paired(steps.removed, steps.added))
    for old, new in pairs[:_LISTED]:
        if old is not None and new is not None:
            old, new = apart(old, new, _STEP)
        told = [f"{sign} {cut(text, _STEP)}" for sign, text in (("-", old), ("+", new)) if text]
        yield from (f"{'step':{_NAME}}{line}" for line in told)
    yield from _more(len(pairs))


def _config(config: ConfigDiff) -> Iterator[str]:
    yield from _pair("user", *config.user)
    yield from _words("entrypoint", *config.entrypoint)
    yield from _words("cmd", *config.cmd)
    yield from _pair("workdir", *config.working_dir)
    yield from _pair("stop signal", *config.stop_signal)
    yield from _pair("healthcheck", *config.healthcheck)
    yield from _pair("os version", *config.os_version)
    yield from _set("expose", config.exposed_ports)
    yield from _set("volumes", config.volumes)
    yield from _map("env", config.env)
    yield from _map("label", config.labels)


def _pair(name: str, old: str, new: str) -> Iterator[str]:
    if old != new:
        yield f"{name:{_NAME}}{cut(old, 60) or '(none)'} -> {cut(new, 60) or '(none)'}"


def _words(name: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    if old != new:
        shown = (cut(" ".join(words), 60) or "(none)" for words in (old, new))
        yield f"{name:{_NAME}}{' -> '.join(shown)}"


def _set(name: str, diff: SetDiff) -> Iterator[str]:
    parts = [*(f"+{text}" for text in diff.added), *(f"-{text}" for text in diff.removed)]
    if parts:
        yield f"{name:{_NAME}}{' '.join(parts)}"


def _map(name: str, diff: MapDiff) -> Iterator[str]:
    lines = [f"+{key}={cut(text, 60)}" for key, text in diff.added.items()]
    lines += [f"-{key}={cut(text, 60)}" for key, text in diff.removed.items()]
    lines += [f"{key} {_apart(old, new)}" for key, (old, new) in diff.changed.items()]
    yield from (f"{name:{_NAME}}{line}" for line in lines[:_LISTED])
    yield from _more(len(lines))


def _packages(packages: PackageDiff) -> Iterator[str]:
    lines = [f"{one.purl} {one.old} -> {one.new}" for one in packages.changed]
    lines += [f"+{one.purl} {one.new}" for one in packages.added]
    lines += [f"-{one.purl} {one.old}" for one in packages.removed]
    if lines:
        yield (
            f"{'packages':{_NAME}}{len(packages.changed)} changed, "
            f"{len(packages.added)} added, {len(packages.removed)} removed, "
            f"{packages.same} the same"
        )
    yield from (f"  {line}" for line in lines[:_LISTED])
    yield from _more(len(lines))


def _more(count: int) -> Iterator[str]:
    if count > _LISTED:
        yield f"  … and {count - _LISTED} more"


def _apart(old: str, new: str) -> str:
    """Two values, cut so that the difference can be seen."""
    if cut(old, 60) == cut(new, 60):
        return f"…{old[-20:]} -> …{new[-20:]}"
    return f"{cut(old, 60)} -> {cut(new, 60)}"


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in line)
