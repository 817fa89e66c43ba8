"""What every test gets: a scrubbed environment and no way out of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How fast examples are made says how busy the machine is, and nothing of what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

_LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}
_KEEP = ("TAGWATCH_TEST_",)
_SCRUB = (
    "TAGWATCH_", "DOCKER_", "AWS_", "GOOGLE_", "CLOUDSDK_", "GITHUB_", "GH_", "REGISTRY_",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "XDG_", "NO_COLOR", "FORCE_COLOR", "COLUMNS",
)  # fmt: skip


def pytest_xdist_auto_num_workers() -> int:
    """Two workers more than processors: many tests wait for a process of their own."""
    return (os.cpu_count() or 1) + 2


def pytest_configure(config: pytest.Config) -> None:
    """Close outside sockets before anything is imported."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host not in _LOCAL and not str(host).startswith("127."):
            raise AssertionError(f"a test tried to reach {address!r}")
        real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign,assignment]  # the test session's only patch


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders that are not there yet, one after the other."""
    return (tmp_path_factory.getbasetemp() / "homes" / str(number) for number in count())


@pytest.fixture(autouse=True)
def scrubbed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, homes: Iterator[Path]
) -> Iterator[None]:
    """No credentials, proxies or settings of the machine reach a test."""
    for name in list(os.environ):
        if name.startswith(_SCRUB) and not name.startswith(_KEEP):
            monkeypatch.delenv(name)
    # To make a `tmp_path`, pytest looks through those of all tests before: most tests need none.
    needs_folder = "tmp_path" in request.fixturenames
    home = request.getfixturevalue("tmp_path") / "home" if needs_folder else next(homes)
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    yield
