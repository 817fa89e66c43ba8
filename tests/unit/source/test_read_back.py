"""Every fix is read back by other parsers, as the tool that reads the file would (tests/consumer).

The files are other people's (tests/data/consumer/files.json, with their origin and licence) and the
forms that well-known projects write (`SHAPES`). Of each reference a pin and a bump are made alone.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from docker_image.reference import InvalidReference

from tagwatch.source.target import Target
from tagwatch.source.text.edit import Fix, apply, bump, by_path, pin
from tests.consumer import READERS, Named, feature_named, named
from tests.paths import DATA
from tests.source_sample import extract, source_named
from tests.unit.source.consumer_shapes import SHAPES

NEW = "sha256:" + "c0ffee00" * 8
TAG = "9.10"  # as YAML without quotes a number, and another one
KINDS = {
    "helm-values": "helm",
    "k8s": "kubernetes",
    "github-action": "github-actions",
    "github-workflow": "github-actions",
}


class Case(NamedTuple):
    """A file that names images, and those beside it."""

    source: str
    main: str
    files: Mapping[str, str]


def _cases() -> Iterator[tuple[str, Case]]:
    found = json.loads((DATA / "consumer" / "files.json").read_text(encoding="utf-8"))
    for name, one in found.items():
        yield name, Case(KINDS.get(one["type"], one["type"]), one["main"], one["files"])
    for name, (source, main, files) in SHAPES.items():
        yield name, Case(source, main, {main: files} if isinstance(files, str) else files)


CASES = dict(_cases())


def targets(case: Case) -> list[Target]:
    source = source_named(case.source)
    return list(extract(source, case.files[case.main], case.main, case.files).targets)


def pinned(target: Target) -> Fix | None:
    assert target.reference is not None
    return pin(target, target.reference.effective_tag, NEW)


def bumped(target: Target) -> Fix | None:
    assert target.reference is not None
    return bump(target, TAG, NEW if target.reference.digest else None)


CHANGES: Mapping[str, Callable[[Target], Fix | None]] = {"pin": pinned, "bump": bumped}


def readings(one: Any) -> list[Named]:
    """What the tool asks for: several where charts differ in what they make of the same values."""
    texts = (one,) if isinstance(one, str) else one
    found = []
    for text in texts:
        kind, _, rest = text.partition("feature ")
        found.append(feature_named(rest) if rest and not kind else named(text))
    return found


def is_of(reading: Named, target: Target, tag: str | None, digest: str | None) -> bool:
    """True where the tool asks for the target's repository, by this digest, else by this tag."""
    assert target.reference is not None
    name = target.reference.repository.name
    if digest is not None:
        return (reading.name, reading.digest) == (name, digest) and reading.tag in (tag, None)
    return reading._replace(tag=reading.tag or "latest") == (name, tag, None)


def read(case: Case) -> list[Any]:
    return list(READERS[case.source](case.files, case.main))


def assert_exact(fix: Fix, case: Case, after: Mapping[str, str], target: Target) -> None:
    """Nothing but the tag and the digest differs: not a line more, not a byte elsewhere."""
    assert target.reference is not None
    tag, digest = target.reference.effective_tag, target.reference.digest
    beside = "".join(field.text for field in target.fields if field.name == "comment")
    for path, edits in by_path([fix]).items():
        raw, offset = case.files[path].encode(), 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            start, end = edit.start + offset, edit.start + offset + len(edit.replacement.encode())
            now = after[path].encode()[start:end].decode()
            was = raw[edit.start : edit.end].decode()
            pairs = enumerate(zip(was, now, strict=False))
            same = next((place for place, (a, b) in pairs if a != b), len(was))
            assert was[same:] in f":{tag}@{digest} {beside}"
            assert now[same:].strip(' "') in f":{tag}@{NEW} :{TAG}@{NEW}"
            offset += len(now.encode()) - len(was.encode())
        assert len(after[path].encode()) == len(raw) + offset
        assert after[path].count("\n") == case.files[path].count("\n")


def made(case: Case, change: Callable[[Target], Fix | None]) -> Iterator[tuple[int, Target, Fix]]:
    """The fixes, each with the place of its target among all."""
    for index, target in enumerate(targets(case)):
        fix = change(target) if target.reference is not None else None
        if fix is not None:
            yield index, target, fix


@pytest.mark.parametrize("changed_by", CHANGES)
@pytest.mark.parametrize("name", CASES)
def test_read_back(name: str, changed_by: str) -> None:
    case, change = CASES[name], CHANGES[changed_by]
    before = read(case)
    for index, target, fix in made(case, change):
        assert target.reference is not None
        tag, digest = target.reference.effective_tag, target.reference.digest
        files = dict(case.files)
        for path, edits in by_path([fix]).items():
            files[path] = apply(files[path].encode(), edits).decode()
        after = read(case._replace(files=files))
        assert len(after) == len(before)
        changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        assert changed, "the tool sees the fix"
        wanted = (tag if change is pinned else TAG, NEW if change is pinned or digest else None)
        for old, new in changed:
            assert all(is_of(one, target, tag, digest) for one in readings(old)), (old, target)
            assert all(is_of(one, target, *wanted) for one in readings(new)), (new, target)
        assert_exact(fix, case, files, target)
        again = targets(case._replace(files=files))[index]
        assert change(again) is None, "a second run changes nothing"


def test_enough_fixes_of_every_kind_are_read_back() -> None:
    counts = dict.fromkeys(READERS, 0)
    for case in CASES.values():
        counts[case.source] += sum(len(list(made(case, change))) for change in CHANGES.values())
    print(counts)
    assert sum(counts.values()) >= 400
    assert min(counts.values()) >= 10


TRUTHS = json.loads((DATA / "consumer" / "files.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TRUTHS)
def test_a_reader_sees_what_the_reference_implementation_sees(name: str) -> None:
    """BuildKit, compose-go, kustomize and the others said in `images` what the file names."""
    seen = set()
    for one in read(CASES[name]):
        with contextlib.suppress(InvalidReference):  # a template of some other tool
            seen.update(readings(one))
    assert {named(image) for image in TRUTHS[name]["images"]} <= seen
