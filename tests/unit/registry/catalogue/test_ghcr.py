"""GitHub's Packages API: tokens, owners, packages."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from tagwatch.errors import DeniedError, RateLimitedError
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.ghcr import GhcrDouble
from tests.registry.doubles.warehouse import PASSWORD, Refusal, Warehouse
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


@pytest.fixture(scope="module")
def large() -> Warehouse:
    """A package of 46 pages of versions, as gethomepage/homepage has (2024): most are untagged."""
    warehouse = Warehouse()
    for number in range(1534):
        warehouse.push("team/app", f"1.{number}.0")
    warehouse.push("team/small", "1")
    return warehouse


async def test_a_package_of_many_versions_is_read_by_its_tags_list(large: Warehouse) -> None:
    """It cost 47 requests a night."""
    double = GhcrDouble(large)
    names = large.repositories["team/app"].keys()
    async with double.serving(), client_of(double) as client:
        listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
        assert dict(client.requests) == {"ping": 1, "catalogue": 2, "tags": 2}
        known = served(listing)
        assert known.items() <= truth(double, "team/app").items()
        assert len(known) == 34  # of the first page's hundred versions: their tags are not asked
        assert listing.names == names
        assert listing.undigested == names - known.keys()
        assert listing.warnings == (
            "tags are asked one by one: its package has 47 pages of versions",
        )
        small = await client.list_tags(repository(double.host, "team/small"), at=AT)
        assert not small.plain


PRIMARY = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{at}"}
SECONDARY = (
    b'{"documentation_url":"https://docs.github.com/rest#secondary-rate-limits","message":"You '
    b'have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
)


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (Refusal(status=403, headers=PRIMARY), "the registry says in 44 minutes"),
        (Refusal(status=403, headers={"x-ratelimit-remaining": "49"}, body=SECONDARY), "later"),
        (Refusal(status=429, headers={"Retry-After": "2600"}), "the registry says in 44 minutes"),
    ],
    ids=["primary", "secondary", "429"],
)
async def test_a_limit_is_no_refusal_and_is_not_asked_again(refusal: Refusal, says: str) -> None:
    """GitHub's limits come with 403, and who goes on asking may be banned."""
    reset_at = str(int(time.time()) + 2600)
    headers = {name: value.format(at=reset_at) for name, value in refusal.headers.items()}
    double = GhcrDouble()
    paths = [f"team/app{number}" for number in range(3)]
    for path in paths:
        double.warehouse.push(path, "1")
    double.refuse_from("catalogue", [replace(refusal, headers=headers)])
    async with double.serving(), client_of(double) as client:
        listings = [await client.list_tags(repository(double.host, path), at=AT) for path in paths]
        assert client.requests["catalogue"] == 1
        with pytest.raises(RateLimitedError, match="too many requests"):
            await client.list_repositories("team/")
        assert client.requests["catalogue"] == 1
    for listing in listings:
        assert listing.names == {"1"}
        (warning,) = listing.warnings
        assert warning.startswith("tags are asked one by one: GitHub's API limits requests")
        assert says in warning


async def test_a_limit_that_ends_soon_is_waited_for() -> None:
    double = GhcrDouble()
    double.warehouse.push("team/app", "1")
    reset_at = str(int(time.time()) + 1)
    headers = {**PRIMARY, "X-RateLimit-Reset": reset_at}
    double.refuse_from("catalogue", [Refusal(status=403, headers=headers)])
    async with double.serving(), client_of(double) as client:
        listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
        assert client.requests["catalogue"] == 3
    assert served(listing) == truth(double, "team/app")


async def test_what_is_forbidden_is_still_a_refusal() -> None:
    double = GhcrDouble()
    double.warehouse.push("team/app", "1")
    double.refuse_from("catalogue", [Refusal(status=403, body=b'{"message":"Forbidden"}')])
    async with double.serving(), client_of(double) as client:
        listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
    assert listing.warnings == ("tags are asked one by one: its API answers 403",)
