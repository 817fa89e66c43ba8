"""GitLab's API: registries that have none, or an older one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tagwatch.errors import NotFoundError
from tagwatch.image.snapshot import Scope
from tests.registry.doubles.gitlab import GitlabDouble
from tests.registry.harness import AT, registry_at, repository
from tests.registry.sample import samples
from tests.registry.scripted import Exchange, scripted
from tests.unit.registry.catalogue.kinds import client_of, login, served, truth

PATH = "team/app"


async def test_the_sample_of_the_facts() -> None:
    path = "/gitlab/v1/repositories/team/app/tags/list/?n=1000&sort=-published_at"
    listing = Exchange(method="GET", path=path, body=samples("gitlab")["tags"])
    async with (
        scripted(Exchange(method="GET", path="/v2/"), listing) as server,
        registry_at(server.url, kind="gitlab") as client,
    ):
        found = await client.list_tags(repository(server.host, PATH), at=AT)
    assert {tag: digest[7] for tag, digest in served(found).items()} == {
        "latest": "a",
        "v2": "a",
        "v1": "b",
    }
    assert found.watermark == "2025-11-23T12:13:20.410000+00:00"
    media_types = {seen.tag: seen.media_type for seen in found.observations}
    assert media_types["v1"] == "application/vnd.docker.distribution.manifest.v2+json"


async def test_a_registry_without_the_database_is_asked_once() -> None:
    double = GitlabDouble()
    double.has_database = False
    for number in range(5):
        double.warehouse.push(f"team/app{number}", "1")
    async with double.serving(), client_of(double) as client:
        for number in range(5):
            listing = await client.list_tags(repository(double.host, f"team/app{number}"), at=AT)
            assert listing.plain
            assert listing.names == {"1"}
        assert client.requests["catalogue"] == 2
        assert client.requests["tags"] == 5
    assert "no metadata database" in listing.warnings[0]


async def test_an_unknown_repository_is_no_missing_api() -> None:
    """Whether the API is there is asked once; the next repository is read by it."""
    double = GitlabDouble()
    double.warehouse.push(PATH, "1")
    async with double.serving(), client_of(double) as client:
        for name in ("team/none", "team/nothing"):
            with pytest.raises(NotFoundError):
                await client.list_tags(repository(double.host, name), at=AT)
        assert client.requests["catalogue"] == 2 + 1
        assert not (await client.list_tags(repository(double.host, PATH), at=AT)).plain


async def test_an_older_registry_is_read_by_name_to_the_end() -> None:
    double = GitlabDouble()
    double.has_sort = False
    double.largest = 100
    for number in range(250):
        double.warehouse.push(PATH, f"v{number}")
    where = repository(double.host, PATH)
    async with double.serving(), client_of(double) as client:
        first = await client.list_tags(where, at=AT)
        double.warehouse.push(PATH, "v9", build="2", at=AT + timedelta(hours=1))
        second = await client.list_tags(
            where, watermark=AT.isoformat(), known=served(first), at=AT + timedelta(days=1)
        )
        assert client.requests["catalogue"] == 1 + 3 + 3
    assert first.watermark is None
    assert (first.scope, second.scope) == (Scope.FULL, Scope.FULL)
    assert served(second) == truth(double, PATH)


async def test_one_token_serves_the_api_and_the_registry() -> None:
    double = GitlabDouble()
    digest = double.warehouse.push(PATH, "1")
    double.private.add(PATH)
    where = repository(double.host, PATH)
    async with double.serving(), client_of(double, environment=login(double.host)) as client:
        await client.list_tags(where, at=AT)
        await client.manifest(where, digest)
        assert client.requests["token"] == 1


@pytest.mark.parametrize("page", [404, 200])
async def test_a_catalogue_endpoint_that_is_gitlab_itself(page: int) -> None:
    """It has the groups; the tags are still the registry's own host's to tell."""
    double = GitlabDouble()
    double.warehouse.push(PATH, "1")
    html = {"Content-Type": "text/html"}
    listing = "/gitlab/v1/repositories/team/app/tags/list/?n=1000&sort=-published_at"
    pages = [
        Exchange(method="GET", path=path, status=page, headers=html, body="<html>sign in")
        for path in (listing, "/gitlab/v1/")
    ]
    async with (
        double.serving(),
        scripted(*pages) as gitlab,
        client_of(double, catalogue_endpoint=gitlab.url) as client,
    ):
        for _ in range(2):
            found = await client.list_tags(repository(double.host, PATH), at=AT)
            assert served(found) == truth(double, PATH)
            assert not found.plain
