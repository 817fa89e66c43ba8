"""What is said of a registry that fails in several repositories."""

from __future__ import annotations

import pytest

from tagwatch.image.snapshot import Failure
from tests.audit_case import audit, said, target, unread

TWO = (target("quay.io/a/b:1"), target("quay.io/a/c:1", line=2))


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("unavailable", 503, "quay.io fails (503): 2 repositories"),
        ("unavailable", 200, "quay.io does not answer as a registry (200): 2 repositories"),
        ("denied", 401, "quay.io refuses (401): 2 repositories"),
        ("unavailable", None, "quay.io fails (unavailable): 2 repositories"),
    ],
)
def test_how_it_fails(code: str, status: int | None, words: str) -> None:
    """A login page in front of a registry "fails (200)", a message said."""
    failures = tuple(
        Failure(repository=one.reference.repository, code=code, message="no", status=status)
        for one in TWO
        if one.reference is not None
    )
    (finding,) = said(audit(TWO, tuple(map(unread, TWO)), failures=failures), "check-incomplete")
    assert finding.message == f"{words}, 2 images not checked"
