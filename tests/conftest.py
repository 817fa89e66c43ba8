"""What every test gets: a scrubbed environment and no way out of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}
_KEEP = ("TAGWATCH_TEST_",)
_SCRUB = (
    "TAGWATCH_", "DOCKER_", "AWS_", "GOOGLE_", "CLOUDSDK_", "GITHUB_", "GH_", "REGISTRY_",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "XDG_", "NO_COLOR", "FORCE_COLOR", "COLUMNS",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Close outside sockets before anything is imported."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host not in _LOCAL and not str(host).startswith("127."):
            raise AssertionError(f"a test tried to reach {address!r}")
        real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign,assignment]  # the test session's only patch


@pytest.fixture(autouse=True)
def scrubbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No credentials, proxies or settings of the machine reach a test."""
    for name in list(os.environ):
        if name.startswith(_SCRUB) and not name.startswith(_KEEP):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    yield
