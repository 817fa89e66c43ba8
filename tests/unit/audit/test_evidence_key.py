from __future__ import annotations

import pytest

from tagwatch.audit.model.evidence import evidence_key
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location, Target

HERE = Location(path="Dockerfile", line=1, column=6, end_line=1, end_column=11)
DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "selector", "key"),
    [
        ("redis", None, "docker.io/library/redis:latest"),
        ("index.docker.io/library/redis:6.2", None, "docker.io/library/redis:6.2"),
        (f"redis@{DIGEST}", None, f"docker.io/library/redis@{DIGEST}"),
        (f"redis:7@{DIGEST}", None, f"docker.io/library/redis:7@{DIGEST}"),
        ("redis", "6.2.x", "docker.io/library/redis:6.2.x"),
        ("redis", "/^8/", "docker.io/library/redis:/^8/"),
    ],
)
def test_key_is_canonical(text: str, selector: str | None, key: str) -> None:
    target = Target(
        text=text, location=HERE, kind="from", reference=Reference.parse(text), selector=selector
    )
    assert evidence_key(target) == key


def test_unresolved_target_has_no_key() -> None:
    assert evidence_key(Target(text="${X}", location=HERE, kind="from", missing=("X",))) is None
