"""Plain lists of images."""

from __future__ import annotations

import pytest

from tagwatch.source.plain import extract, recognizes
from tagwatch.source.target import SourceContext


def test_one_reference_a_line() -> None:
    raw = (
        b"\xef\xbb\xbf# ours\r\n\r\n  redis:6.2  # cache\r\n"
        b"# tagwatch: ignore=tag-latest\r\nnginx\r\nNot:An:image\r\ntwo words\r\n"
    )
    extraction = extract(raw, "images.txt", SourceContext())
    rows = [
        (str(t.reference), t.text, t.location.line, t.location.column, t.kind)
        for t in extraction.targets
    ]
    assert rows == [
        ("redis:6.2", "redis:6.2", 3, 3, "plain"),
        ("nginx", "nginx", 5, 1, "plain"),
        ("None", "Not:An:image", 6, 1, "plain"),
        ("None", "two words", 7, 1, "plain"),
    ]
    assert [bool(t.invalid) for t in extraction.targets] == [False, False, True, True]
    assert [len(t.ignores) for t in extraction.targets] == [0, 1, 0, 0]
    span = extraction.targets[0].fields[0].span
    assert raw[span.start : span.end] == b"redis:6.2"


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("images.txt", b"", True),
        ("a/image-list.txt", b"", True),
        ("prod-images.list", b"", True),
        ("imagesque.txt", b"", False),
        ("any", b"# c\nredis:6.2\nquay.io/a/b\n", True),
        ("any", b"redis\nnginx\n", False),
        ("any", b"redis:6.2\nsome prose here\n", False),
        ("any", b"", False),
        ("any", b"key: value\n", False),
    ],
)
def test_recognized(path: str, head: bytes, expected: bool) -> None:
    assert recognizes(path, head) is expected


def test_utf16_is_refused_aloud() -> None:
    extraction = extract("redis".encode("utf-16"), "images.txt", SourceContext())
    assert "UTF-16" in extraction.problems[0].message
