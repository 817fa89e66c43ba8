"""The kinds of this folder's tests: a double each, and a client that is configured for it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tagwatch.image.digest import Digest
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.interface import Listing
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.acr import AcrDouble
from tests.registry.doubles.ecr import ENVIRONMENT
from tests.registry.doubles.ghcr import GhcrDouble
from tests.registry.doubles.gitlab import GitlabDouble
from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import PASSWORD, USER, Double
from tests.registry.harness import registries, registry_at

__all__ = ["DOUBLES", "client_of", "login", "served", "truth"]

DOUBLES: dict[str, type[Double]] = {
    "acr": AcrDouble,
    "ghcr": GhcrDouble,
    "gitlab": GitlabDouble,
    "harbor": HarborDouble,
    "quay": QuayDouble,
}


def login(host: str, user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    """An environment whose docker config knows a login."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {host: {"auth": auth}}})}


@asynccontextmanager
async def client_of(double: Double, **more: Any) -> AsyncIterator[RegistryClient]:
    """The client of a double, logged in where its API wants that.

    Amazon's login is the process's own environment: `tests.registry.doubles.ecr.ENVIRONMENT`.
    """
    if double.kind == "ecr":
        settings = RegistrySettings(
            endpoint=double.url,
            catalogue_endpoint=double.url,
            credential="aws",
            timeout_seconds=5.0,
        )
        async with registries({double.name: settings}, ENVIRONMENT) as opened:
            yield opened.client(double.name)
        return
    if double.kind == "ghcr":
        more.setdefault("environment", login(double.host))
    if double.kind in ("ghcr", "hub"):
        more.setdefault("catalogue_endpoint", double.url)
    async with registry_at(double.url, **{"kind": double.kind, **more}) as client:
        yield client


def served(listing: Listing) -> dict[str, Digest]:
    return {seen.tag: seen.digest for seen in listing.observations}


def truth(double: Double, path: str) -> dict[str, Digest]:
    return {tag: pushed.digest for tag, pushed in double.warehouse.repositories[path].items()}
