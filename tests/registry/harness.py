"""A registry client for a test: the real one, with nothing of the machine in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import OCI_CONFIG, OCI_MANIFEST
from tagwatch.image.reference import Repository
from tagwatch.registry.client import Registries, RegistryClient, open_registries
from tagwatch.registry.settings import RegistrySettings

__all__ = ["AT", "DIGEST", "MANIFEST", "NOWHERE", "registries", "registry_at", "repository"]

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NOWHERE = Path("/nonexistent")
QUIET = {"CONTAINERS_REGISTRIES_CONF": "/nonexistent/registries.conf"}
MANIFEST = (
    b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s","size":2,"digest":"sha256:%s"},'
    b'"layers":[]}' % (OCI_MANIFEST.encode(), OCI_CONFIG.encode(), b"0" * 64)
)
DIGEST: Digest = digest_of(MANIFEST)


def repository(host: str, path: str = "app") -> Repository:
    return Repository(registry=host, path=path)


@asynccontextmanager
async def registries(
    settings: Mapping[str, RegistrySettings],
    environment: Mapping[str, str] | None = None,
    home: Path = NOWHERE,
) -> AsyncIterator[Registries]:
    async with open_registries(
        settings, environment={**QUIET, **(environment or {})}, home=home
    ) as opened:
        yield opened


@asynccontextmanager
async def registry_at(
    url: str,
    *,
    environment: Mapping[str, str] | None = None,
    home: Path = NOWHERE,
    **settings: Any,
) -> AsyncIterator[RegistryClient]:
    """The client for the registry at `url`, whose name is its host and port."""
    host = url.partition("://")[2]
    chosen = RegistrySettings(**{"endpoint": url, "timeout_seconds": 5.0, **settings})
    async with registries({host: chosen}, environment, home) as opened:
        yield opened.client(host)
