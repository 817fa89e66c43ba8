from __future__ import annotations

import hashlib
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.sha256 import sha256


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_it_is_that_of_hashlib(raw: bytes) -> None:
    assert sha256(raw) == hashlib.sha256(raw).hexdigest()


def test_openssl_is_not_linked_for_it() -> None:
    program = "import sys; from tagwatch.sha256 import sha256; print('_hashlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "False"
