"""Lines before and after a change: which became which."""

from __future__ import annotations

import pytest

from tagwatch.audit.verdict.line_change import Kind, kind_of, line_changes, step_of
from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Location, Target, replaced

Files = list[tuple[str, Extraction]]


def files(*lines: str) -> Files:
    """Files with a target on each line: `path group image`, `-` for no group."""
    found: dict[str, list[Target]] = {}
    for number, line in enumerate(lines, 1):
        path, group, text = line.split()
        place = Location(path=path, line=number, column=1, end_line=number, end_column=9)
        target = Target(
            text=text,
            location=place,
            kind="image",
            reference=None if "$" in text else Reference.parse(text),
            group=None if group == "-" else group,
        )
        found.setdefault(path, []).append(target)
    return [(path, Extraction(targets=tuple(targets))) for path, targets in found.items()]


def told(before: Files, after: Files) -> list[str]:
    return [
        " -> ".join(one.text if one is not None else "" for one in (pair.old, pair.new))
        for pair in line_changes(before, after)
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["a - redis:1"], ["a - redis:1"], []),
        (["a - redis:1"], ["a - redis:2"], ["redis:1 -> redis:2"]),
        (["a - redis:1", "a - node:1"], ["a - node:1", "a - redis:1"], []),
        (["a - redis:1", "a - node:1"], ["a - node:2", "a - redis:1"], ["node:1 -> node:2"]),
        (["a x redis:1", "a y redis:1"], ["a x redis:1", "a y redis:2"], ["redis:1 -> redis:2"]),
        (["a x redis:1", "a y redis:2"], ["a y redis:3", "a x redis:1"], ["redis:2 -> redis:3"]),
        (["a x redis:1"], ["a x valkey:1"], ["redis:1 -> valkey:1"]),
        (["a - redis:1"], ["a - valkey:1"], ["redis:1 -> valkey:1"]),
        (
            ["a - redis:1"],
            ["a - valkey:1", "a - node:1"],
            [" -> valkey:1", "redis:1 -> ", " -> node:1"],
        ),
        (["a x redis:1"], ["a y valkey:1"], [" -> valkey:1", "redis:1 -> "]),
        (["a - redis:1"], ["b/a - redis:1"], []),
        (["a - redis:1"], ["b/a - redis:2"], ["redis:1 -> redis:2"]),
        (["a - redis:1"], ["b - node:1"], ["redis:1 -> ", " -> node:1"]),
        (["a - php:$X-1"], ["a - php:$X-2"], ["php:$X-1 -> php:$X-2"]),
        ([], ["a - redis:1"], [" -> redis:1"]),
        (["a - redis:1", "a - redis:1"], ["a - redis:1"], ["redis:1 -> "]),
    ],
)  # fmt: skip
def test_which_line_became_which(before: list[str], after: list[str], expected: list[str]) -> None:
    assert told(files(*before), files(*after)) == expected


def test_what_is_built_here_is_no_line() -> None:
    ((path, one),) = files("a x shop/api:1")
    gone = replaced(one.targets[0], "service", "compose.yaml")
    assert line_changes([(path, Extraction(targets=(gone,)))], []) == ()


DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("redis:1", "redis:2", Kind.TAG),
        (f"redis:1@{DIGEST}", f"redis:2@{OTHER}", Kind.TAG),
        ("redis", "redis:7", Kind.TAG),
        (f"redis:1@{DIGEST}", f"redis:1@{OTHER}", Kind.DIGEST),
        (f"redis@{DIGEST}", f"redis@{OTHER}", Kind.DIGEST),
        ("redis:1", f"redis:1@{DIGEST}", Kind.PINNED),
        (f"redis:1@{DIGEST}", "redis:1", Kind.UNPINNED),
        ("redis:1", "quay.io/redis:1", Kind.IMAGE),
    ],
)
def test_what_became_of_it(old: str, new: str, kind: Kind) -> None:
    assert kind_of(Reference.parse(old), Reference.parse(new)) is kind
    assert kind_of(None, Reference.parse(new)) is Kind.TEXT


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("1.29.5-alpine", "1.31.0-alpine", "minor"),
        ("3.19", "3.20", "minor"),
        ("7", "8", "major"),
        ("8.8.1", "8.8.0", "back"),
        ("6.2", "6.2.7", ""),
        ("6.2.7", "6.2", ""),
        ("1.2.3-alpine", "1.2.3-slim", ""),
        ("latest", "7", ""),
        ("v4.10.2", "v4.10.3", "patch"),
        ("2024-01-01", "2024-02-01", "patch"),
    ],
)
def test_how_large_the_step_is(old: str, new: str, step: str) -> None:
    assert step_of(old, new) == step
