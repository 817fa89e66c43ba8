"""Byte-exact edits: from a target and what it should say to the bytes that change, no other.

A fix that cannot be exact is not offered: where the reference is computed, where the place is
shared with another reference, where a digest would stay that belongs to the old tag.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence

from tagwatch.errors import InputError
from tagwatch.image.reference import Reference
from tagwatch.source.target import Field, Target
from tagwatch.value import dataclass, replace

__all__ = ["Fix", "apply", "bump", "by_path", "compatible", "pin", "unified_diff"]

# What YAML 1.1 or 1.2 reads as something else than text: numbers, base 60, dates, true, null.
_NOT_TEXT = (
    r"[-+]?[0-9][0-9_,]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|0[xo][0-9a-fA-F_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|(?i:true|false|yes|no|on|off|y|n|null|\.nan|\.inf)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One edit: the bytes `start`..`end` of the file at `path` become `replacement` (UTF-8).

    `line`: the whole line as it reads afterwards, to paste; empty where it was not worked out.
    `before`: the text that must stand there, None where it is not checked. `also`: edits that
    belong to it (a tag beside a digest, a comment that names the tag): all or none.
    """

    path: str
    start: int
    end: int
    replacement: str
    description: str
    line: str = ""
    before: str | None = None
    also: tuple[Fix, ...] = ()


def pin(target: Target, tag: str | None, digest: str, *, concrete: str | None = None) -> Fix | None:
    """The edit that makes the target name `tag@digest`; `tag` None keeps the one that stands.

    The digest goes into its own field where the file has one, and alone where what reads the file
    takes no tag beside it. `concrete` is the full tag behind a floating one, for a comment beside
    the digest that names it. None where nothing changes and where no edit is exact.
    """
    if target.reference is None:
        return None
    kept = tag or target.reference.tag
    if _comment(target) is not None and target.reference.tag is None:
        kept = None  # the tag stands in the comment, and stays there
    return _fix(target, kept, digest, comment=concrete or tag or target.reference.tag)


def bump(target: Target, new_tag: str, digest: str | None = None) -> Fix | None:
    """The edit that makes the target name `new_tag`, with `digest` where one is given.

    None where nothing changes, where no edit is exact, and for a pinned target without `digest`:
    the old one would contradict the new tag.
    """
    if target.reference is None or (target.reference.digest and not digest):
        return None
    if digest is not None:
        return pin(target, new_tag, digest)
    return _fix(target, new_tag, None, comment=new_tag)


def compatible(fixes: Iterable[Fix]) -> tuple[tuple[Fix, ...], tuple[Fix, ...]]:
    """The fixes that can be made together, and those left for another run.

    Where two want to change the same bytes the earlier of `fixes` wins, whole.
    """
    made: list[_Edit] = []
    kept: list[Fix] = []
    left: list[Fix] = []
    for fix in fixes:
        edits = [_edit_of(one) for one in _flat([fix])]
        if any(_clashes(edit, made) for edit in edits):
            left.append(fix)
            continue
        kept.append(fix)
        for edit in edits:
            if edit not in made:
                insort(made, edit)
    return tuple(kept), tuple(left)


def by_path(fixes: Iterable[Fix]) -> dict[str, tuple[Fix, ...]]:
    """The single edits that `fixes` consist of, by the file that they are made in, sorted."""
    edits: dict[str, list[Fix]] = {}
    for fix in _flat(fixes):
        edits.setdefault(fix.path, []).append(replace(fix, also=()))
    return {path: tuple(edits[path]) for path in sorted(edits)}


def apply(raw: bytes, fixes: Iterable[Fix]) -> bytes:
    """`raw` with every fix made, all of them in this file; the same fix twice is made once.

    Raises `InputError`, and changes nothing, where two fixes overlap or the file is not the one
    that they were made for.
    """
    edits = sorted({_edit_of(one) for one in _flat(fixes)})
    parts: list[bytes] = []
    position, last = 0, -1
    for _, start, end, replacement, before in edits:
        if start < position or start == last or not start <= end <= len(raw):
            raise InputError(
                f"two fixes overlap, or one is outside the file, at byte {start}",
                hint="run the check again; fix the rest by hand",
            )
        if before and raw[start:end] != before.encode():
            raise InputError(
                f"the file changed at byte {start}: {before[:80]!r} no longer stands there",
                hint="run the check again",
            )
        parts += (raw[position:start], replacement.encode())
        position, last = end, start
    return b"".join([*parts, raw[position:]])


def unified_diff(path: str, before: bytes, after: bytes) -> str:
    """What `--dry-run` shows: the change of one file as `diff -u` prints it, "" for none."""
    import difflib

    lines = difflib.unified_diff(
        _lines(before), _lines(after), fromfile=f"a/{path}", tofile=f"b/{path}"
    )
    missing_end = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + missing_end for line in lines)


def _lines(raw: bytes) -> list[str]:
    lines = raw.decode("utf-8", "replace").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


_Edit = tuple[str, int, int, str, str]


def _edit_of(fix: Fix) -> _Edit:
    return fix.path, fix.start, fix.end, fix.replacement, fix.before or ""


def _clashes(edit: _Edit, made: Sequence[_Edit]) -> bool:
    """True where `edit` and one of `made` (sorted, apart) are for the same bytes and differ."""
    index = bisect_left(made, edit)
    if index < len(made) and made[index] == edit:
        return False
    _, start, end, _, _ = edit
    near = [one for one in made[max(index - 1, 0) : index + 1] if one[0] == edit[0]]
    return any(one[1] == start or (one[1] < end and start < one[2]) for one in near)


def _flat(fixes: Iterable[Fix]) -> Iterator[Fix]:
    for fix in fixes:
        yield fix
        yield from _flat(fix.also)


def _fix(target: Target, tag: str | None, digest: str | None, *, comment: str | None) -> Fix | None:
    """The edit to `tag` and `digest`, with what goes along with it."""
    fields = [field for field in target.fields if field.name != "comment" and field.text]
    if not fields:
        return None
    if digest and target.tag_or_digest:
        tag = None
    written = fields[0].template.replace("{}", fields[0].text)
    name = _without_tag(written)
    wanted = name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    empty = next((field for field in target.fields if not field.text), None)
    if empty is not None and digest:
        values = _values_of_parts((empty, *fields), tag, digest, target.reference)
    else:
        values = _one_value(fields, wanted, pinning=digest is not None)
        if values is None:
            values = _values_of_parts(fields, tag, digest, target.reference)
    beside = _comment(target)
    if values is None or (beside is not None and comment is None):
        return None
    if beside is not None and comment is not None:
        values = [*values, (beside, comment)]
    edits = [
        _edit(field, value, f"write {wanted}") for field, value in values if value != field.text
    ]
    if empty is not None and digest:
        edits += _held(fields, edits)
    return replace(edits[0], also=tuple(edits[1:])) if edits else None


def _held(fields: Sequence[Field], edits: Iterable[Fix]) -> Iterator[Fix]:
    """The tag as it stands, beside a digest in a field of its own.

    The digest is that of this tag, so that a fix which changes the tag must not be made as well.
    """
    field = next((field for field in fields if field.name == "tag"), fields[-1])
    if all(edit.start != field.span.start for edit in edits):
        yield _edit(field, field.text, f"keep {field.text}")


def _without_tag(written: str) -> str:
    name = written.partition("@")[0]
    colon = name.rfind(":")
    return name[:colon] if colon > name.rfind("/") else name


def _one_value(
    fields: Iterable[Field], wanted: str, *, pinning: bool
) -> list[tuple[Field, str]] | None:
    """The one field that holds all that changes, with the value that makes it `wanted`."""
    for field in fields:
        before, _, after = field.template.partition("{}")
        if field.shared == "reference" or (field.shared and pinning):
            continue
        first, last = _changed(before + field.text + after, wanted)
        if len(before) <= first and last <= len(before) + len(field.text):
            return [(field, wanted[len(before) : len(wanted) - len(after)])]
    return None


def _changed(old: str, new: str) -> tuple[int, int]:
    """Begin and end of the part of `old` that differs from `new`."""
    shorter = min(len(old), len(new))
    first = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - first
    same = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    return first, len(old) - same


def _values_of_parts(
    fields: Iterable[Field], tag: str | None, digest: str | None, reference: Reference | None
) -> list[tuple[Field, str]] | None:
    """New values of a tag and a digest that have a field each, or of a digest alone."""
    parts = {field.name: field for field in fields if not field.shared}
    place = parts.get("digest")
    if place is None or not tag or not digest:
        return None
    fixed = place.template.partition("{}")[0].rpartition("@")[2] if place.text else ""
    if not digest.startswith(fixed):
        return None
    values = [(place, digest[len(fixed) :])]
    if "tag" in parts:
        return [*values, (parts["tag"], tag)]
    return values if reference is not None and tag == reference.tag else None


def _edit(field: Field, value: str, description: str) -> Fix:
    if field.plain and re.fullmatch(_NOT_TEXT, value):
        value = f'"{value}"'
    if field.plain and not field.text:
        value = f" {value}"  # after the colon of a key without a value
    return Fix(
        path=field.span.path,
        start=field.span.start,
        end=field.span.end,
        replacement=value,
        description=description,
        before=field.text,
    )


def _comment(target: Target) -> Field | None:
    return next((field for field in target.fields if field.name == "comment"), None)
