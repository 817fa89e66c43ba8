"""The text form of a diff, for a person with ten seconds: made from its JSON form alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagwatch.audit.reading.excerpt import apart, cut, paired
from tagwatch.audit.reading.size_text import size_change, size_text
from tagwatch.audit.reading.steps import normalized_step
from tagwatch.image.digest import short_digest

__all__ = ["diff_text"]

_Layer = Mapping[str, Any]

_STEP = 72
_LISTED = 6
_NAME = 12
_PAIRS = (
    ("user", "user"),
    ("entrypoint", "entrypoint"),
    ("cmd", "cmd"),
    ("workdir", "workdir"),
    ("stop_signal", "stop signal"),
    ("healthcheck", "healthcheck"),
    ("os_version", "os version"),
)


def diff_text(document: Mapping[str, Any]) -> str:
    """The diff as a few lines: verdict first, then only what differs, then what was not compared.

    `document` is what `diff_document` gives. Control characters in a stranger's text are shown
    as `?`.
    """
    old, new = document["old"], document["new"]
    platform = new["platform"] or old["platform"] or "no platform in common"
    lines = [f"{document['verdict']}: {document['reason']}"]
    lines += [f"  {_side(name, side)}" for name, side in (("old", old), ("new", new))]
    lines += [f"  {line}" for line in _platform_lines(document, platform)]
    for other in document["by_platform"]:
        lines += [f"  {line}" for line in _platform_lines(other, other["platform"])]
    lines += [f"  {line}" for line in _platforms(document["platforms"])]
    gaps: dict[str, list[str]] = {}
    for gap in document["not_compared"]:
        gaps.setdefault(gap["why"], []).append(gap["what"])
    for why, whats in gaps.items():
        lines.append(f"  {'not compared':{_NAME}}  {', '.join(whats)}: {why}")
    return "\n".join(_printable(line) for line in lines) + "\n"


def _side(name: str, side: Mapping[str, Any]) -> str:
    digest = short_digest(side["index"] or side["manifest"] or "")
    named = side["ref"].partition("@sha256:")[0]
    parts = [f"{name:{_NAME}}", named, digest if len(digest) > 1 else ""]
    if side["version"]:
        parts.append(f"= {side['version']['value']} ({side['version']['from']})")
    if side["seen"]:
        parts.append("seen {}..{}".format(*side["seen"]))
    return "  ".join(part for part in parts if part)


def _platform_lines(part: Mapping[str, Any], platform: str) -> Iterator[str]:
    yield f"{platform}"
    yield from (f"  {line}" for line in _layers(part["layers"], part["size"]))
    yield from (f"  {line}" for line in _steps(part["steps"]))
    if part["config"]:
        yield from (f"  {line}" for line in _config(part["config"]))
    old, new = part["os_release"]
    if old != new and old and new:
        yield f"  {'system':{_NAME}}{old} -> {new}"
    kinds = part["attestations"]
    if kinds["old"] != kinds["new"]:
        before, after = (", ".join(kinds[side]) or "none" for side in ("old", "new"))
        yield f"  {'attestations':{_NAME}} {before} -> {after}"
    yield from (f"  {line}" for line in _packages(part["packages"]))


def _layers(layers: Mapping[str, Any], size: Mapping[str, Any]) -> Iterator[str]:
    removed, added, again = _made_again(layers["removed"], layers["added"])
    told = {**layers, "made again": again, "removed": removed, "added": added}
    names = ("shared", "made again", "removed", "added", "moved", "recompressed")
    counts = [f"{len(told[name])} {name}" for name in names if told[name]]
    total = ""
    if size["delta"] is not None:
        total = f"; {size_text(size['compressed_new'])} ({size_change(size['delta'])})"
    yield f"{'layers':{_NAME}}{', '.join(counts) or 'not compared'}{total}"
    for sign, name in (("-", "removed"), ("+", "added"), ("~", "moved")):
        for layer in told[name][:_LISTED]:
            stored = "" if layer["size"] is None else f"{size_text(layer['size']):>9}"
            yield f"  {sign} {layer['i']:>3} {stored}  {cut(layer['created_by'], _STEP)}"
        yield from _more(len(told[name]))


def _made_again(
    removed: Sequence[_Layer], added: Sequence[_Layer]
) -> tuple[list[_Layer], list[_Layer], list[_Layer]]:
    """Layers that went, layers that came, and those that the same step made anew."""
    again: list[_Layer] = []
    gone = list(removed)
    come: list[_Layer] = []
    for layer in added:
        step = normalized_step(layer["created_by"])
        before = next(
            (one for one in gone if step and normalized_step(one["created_by"]) == step), None
        )
        if before is None:
            come.append(layer)
        else:
            gone.remove(before)
            again.append(layer)
    return gone, come, again


def _steps(steps: Mapping[str, Any]) -> Iterator[str]:
    """Only steps that differ, what became of one below it: the layers tell what ran again."""
    pairs = list(paired(steps["removed"], steps["added"]))
    for old, new in pairs[:_LISTED]:
        if old is not None and new is not None:
            old, new = apart(old, new, _STEP)
        told = [f"{sign} {cut(text, _STEP)}" for sign, text in (("-", old), ("+", new)) if text]
        yield from (f"{'step':{_NAME}}{line}" for line in told)
    yield from _more(len(pairs))


def _config(config: Mapping[str, Any]) -> Iterator[str]:
    for key, name in _PAIRS:
        old, new = config[key]
        if old != new:
            yield f"{name:{_NAME}}{_shown(old)} -> {_shown(new)}"
    for key, name in (("exposed_ports", "expose"), ("volumes", "volumes")):
        parts = [f"+{text}" for text in config[key]["added"]]
        parts += [f"-{text}" for text in config[key]["removed"]]
        if parts:
            yield f"{name:{_NAME}}{' '.join(parts)}"
    for key, name in (("env", "env"), ("labels", "label")):
        changes = config[key]
        lines = [f"+{k}={cut(v, 60)}" for k, v in changes["added"].items()]
        lines += [f"-{k}={cut(v, 60)}" for k, v in changes["removed"].items()]
        lines += [f"{k} {_apart(a, b)}" for k, (a, b) in changes["changed"].items()]
        yield from (f"{name:{_NAME}}{line}" for line in lines[:_LISTED])
        yield from _more(len(lines))


def _packages(packages: Mapping[str, Any]) -> Iterator[str]:
    lines = [f"{c['purl']} {c['old']} -> {c['new']}" for c in packages["changed"]]
    lines += [f"+{c['purl']} {c['version']}" for c in packages["added"]]
    lines += [f"-{c['purl']} {c['version']}" for c in packages["removed"]]
    if lines:
        yield (
            f"{'packages':{_NAME}}{len(packages['changed'])} changed, "
            f"{len(packages['added'])} added, {len(packages['removed'])} removed, "
            f"{packages['same']} the same"
        )
    yield from (f"  {line}" for line in lines[:_LISTED])
    yield from _more(len(lines))


def _platforms(platforms: Mapping[str, Any]) -> Iterator[str]:
    for key, word in (("added", "added"), ("removed", "dropped")):
        if platforms[key]:
            yield f"{'platforms':{_NAME}}{word}: {', '.join(platforms[key])}"
    for lagging in platforms["lagging"]:
        version = f"still {lagging['version']}" if lagging["version"] else "did not move"
        yield f"{'platforms':{_NAME}}lagging: {lagging['platform']} ({version})"


def _more(count: int) -> Iterator[str]:
    if count > _LISTED:
        yield f"  … and {count - _LISTED} more"


def _shown(value: str | Sequence[str]) -> str:
    text = value if isinstance(value, str) else " ".join(value)
    return cut(text, 60) or "(none)"


def _apart(old: str, new: str) -> str:
    """Two values, cut so that the difference can be seen."""
    if cut(old, 60) == cut(new, 60):
        return f"…{old[-20:]} -> …{new[-20:]}"
    return f"{cut(old, 60)} -> {cut(new, 60)}"


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in line)
