"""Files with bytes that are no UTF-8: read to the byte, told in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tagwatch.source import devcontainer, dockerfile, plain
from tagwatch.source.bake import source as bake
from tagwatch.source.text.edit import apply, pin
from tests.source_sample import extract

D = "sha256:" + "c0ffee00" * 8
ODD = (
    b'# tagwatch: ignore=x until=2027-01-01 reason="caf\xe9"\nARG caf\xe9=1\nFROM caf\xe9:7 AS b\n'
    b"USER \xe9\nHEALTHCHECK CMD \xe9\nFROM x${A?\xe9}\n# tagwatch: \xe9\nFROM x$Y\xe9\n"
    b"# caf\xe9\nFROM redis:7 AS d\n"
)


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts_of(item)
    elif hasattr(value, "__slots__"):
        for name in value.__slots__:
            yield from texts_of(getattr(value, name))


def test_what_is_told_is_utf8() -> None:
    for extraction in (
        extract(dockerfile, ODD, "Dockerfile"),
        extract(plain, b"caf\xe9:7\nredis:7 # \xe9\n", "images.txt"),
        extract(devcontainer, '{"image": "redis\\ud800:7"}', "devcontainer.json"),
        extract(
            bake, '{"target": {"a": {"contexts": {"b": "docker-image://\\udfff"}}}}', "bake.json"
        ),
    ):
        told = list(texts_of(extraction))
        assert told
        for text in told:
            text.encode()


def test_an_edit_keeps_the_odd_bytes() -> None:
    target = extract(dockerfile, ODD, "Dockerfile").targets[-1]
    fix = pin(target, "7", D)
    assert fix is not None
    assert apply(ODD, [fix]) == ODD.replace(b"redis:7", b"redis:7@" + D.encode())


@pytest.mark.parametrize("text", ["", "\u00e9", "\U0001f40b"])
def test_what_is_utf8_stays(text: str) -> None:
    (target,) = extract(dockerfile, f"FROM {text}x:1\n", "Dockerfile").targets
    assert target.text == f"{text}x:1"
