"""GitHub's Packages API: tokens, owners, packages."""

from __future__ import annotations

import asyncio

import pytest

from tagwatch.errors import DeniedError
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.ghcr import GhcrDouble
from tests.registry.doubles.warehouse import PASSWORD
from tests.registry.harness import AT, registries, repository
from tests.unit.registry.catalogue.kinds import client_of, served, truth


async def test_without_a_token_the_api_is_not_asked() -> None:
    double = GhcrDouble()
    double.warehouse.push("team/app", "1")
    async with double.serving(), client_of(double, environment={}) as client:
        listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
        assert dict(client.requests) == {"ping": 1, "tags": 1}
    assert listing.plain
    assert "token" in listing.warnings[0]


async def test_an_owner_is_asked_for_once() -> None:
    double = GhcrDouble()
    double.users.add("someone")
    paths = [f"{owner}/app{number}" for owner in ("team", "someone") for number in range(4)]
    for path in paths:
        double.warehouse.push(path, "1")
    async with double.serving(), client_of(double) as client:
        listings = await asyncio.gather(
            *(client.list_tags(repository(double.host, path), at=AT) for path in paths)
        )
        assert client.requests["catalogue"] == len(paths) + 2
    assert [served(listing) for listing in listings] == [truth(double, path) for path in paths]


async def test_the_registrys_login_is_not_for_an_api_elsewhere_unless_told() -> None:
    """`catalogue_endpoint` on another host than `endpoint`: the operator says `credential` too."""
    double, api = GhcrDouble(), GhcrDouble()
    for each in (double, api):
        each.warehouse.push("team/app", "1")
    environment = {"GITHUB_TOKEN": PASSWORD}
    async with double.serving(), api.serving():
        ends = {"endpoint": double.url, "catalogue_endpoint": api.url}
        for credential, plain in ((None, True), ("github", False)):
            settings = {"ghcr.io": RegistrySettings(**ends, credential=credential)}  # type: ignore[arg-type]  # two strings
            async with registries(settings, environment) as opened:
                listing = await opened.of("ghcr.io").list_tags(
                    repository("ghcr.io", "team/app"), at=AT
                )
            assert listing.plain is plain
            assert bool(api.seen) is not plain


async def test_packages_of_an_owner() -> None:
    double = GhcrDouble()
    names = [f"team/r{number:03}" for number in range(120)]
    for name in (*names, "team/nested/a", "teams/other"):
        double.warehouse.repositories[name] = {}
    async with double.serving():
        async with client_of(double) as client:
            found = await client.list_repositories("team/")
        assert [repository.path for repository in found] == ["team/nested/a", *names]
        async with client_of(double, environment={}) as client:
            with pytest.raises(DeniedError, match="wants a token"):
                await client.list_repositories("team/")
