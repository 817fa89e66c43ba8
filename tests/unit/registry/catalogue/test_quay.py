"""Quay's API: who may ask it, its history, its repositories."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tagwatch.image.digest import Digest
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.quay import OAUTH_TOKEN, Ended, QuayDouble
from tests.registry.doubles.warehouse import USER
from tests.registry.harness import AT, registries, registry_at, repository
from tests.registry.sample import samples
from tests.registry.scripted import Exchange, scripted
from tests.unit.registry.catalogue.kinds import client_of, login, served, truth

PAGE = "/api/v1/repository/team/app/tag/?limit=100&page=1&onlyActiveTags=true"


async def test_the_sample_of_the_facts() -> None:
    listing = Exchange(
        method="GET", path=PAGE, body=samples("quay")["tags"], sends={"Authorization": None}
    )
    async with (
        scripted(listing) as server,
        registry_at(server.url, kind="quay") as client,
    ):
        found = await client.list_tags(repository(server.host, "team/app"), at=AT)
    assert {tag: digest[7] for tag, digest in served(found).items()} == {
        "latest": "a",
        "v2": "a",
        "v1": "b",
    }
    assert found.watermark == "2025-11-23T12:13:20+00:00"
    assert {seen.tag: seen.size for seen in found.observations}["v1"] == 2811478


async def test_an_oauth_token_opens_what_is_private() -> None:
    double = QuayDouble()
    double.warehouse.push("team/app", "1")
    double.private.add("team/app")
    async with double.serving():
        environment = login(double.host, "$oauthtoken", OAUTH_TOKEN)
        async with client_of(double, environment=environment) as client:
            listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
    assert not listing.plain
    assert served(listing) == truth(double, "team/app")


async def test_a_robots_password_is_not_sent_to_the_api() -> None:
    """The double fails where the API is sent anything but the OAuth token."""
    double = QuayDouble()
    double.warehouse.push("team/app", "1")
    async with double.serving():
        environment = login(double.host, USER)
        async with client_of(double, environment=environment) as client:
            listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
    assert not listing.plain


async def test_the_token_of_the_environment_is_for_quay_io_alone() -> None:
    double = QuayDouble()
    double.warehouse.push("team/app", "1")
    environment = {"QUAY_OAUTH_TOKEN": OAUTH_TOKEN}
    async with double.serving():
        async with client_of(double, environment=environment) as client:
            await client.list_tags(repository(double.host, "team/app"), at=AT)
        assert all("Authorization" not in seen.headers for seen in double.seen)
        settings = {"quay.io": RegistrySettings(endpoint=double.url, credential="quay")}
        async with registries(settings, environment) as opened:
            await opened.of("quay.io").list_tags(repository("quay.io", "team/app"), at=AT)
        assert double.seen[-1].headers["Authorization"] == f"Bearer {OAUTH_TOKEN}"


async def test_history_is_every_digest_with_its_time() -> None:
    double = QuayDouble()
    double.warehouse.push("team/app", "1", at=AT)
    old = Digest("sha256:" + "c" * 64)
    double.past["team/app"] = [
        Ended(
            tag=f"t{number}",
            digest=old,
            begun=AT - timedelta(days=number + 2),
            ended=AT - timedelta(days=number + 1),
        )
        for number in range(150)
    ]
    async with double.serving(), client_of(double) as client:
        history = await client.history(repository(double.host, "team/app"))
        assert client.requests["catalogue"] == 2
    steps = {(seen.tag, seen.digest, seen.pushed_at, until) for seen, until in history}
    expected = {(ended.tag, old, ended.begun, ended.ended) for ended in double.past["team/app"]}
    assert steps == expected | {("1", truth(double, "team/app")["1"], AT, None)}


async def test_a_listing_asks_for_no_dead_tags() -> None:
    double = QuayDouble()
    double.warehouse.push("team/app", "1", at=AT)
    double.past["team/app"] = [
        Ended(tag="dead", digest=Digest("sha256:" + "c" * 64), begun=AT, ended=AT)
    ]
    async with double.serving(), client_of(double) as client:
        listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
    assert listing.names == {"1"}


@pytest.mark.parametrize(
    ("expiring", "says"),
    [
        ({}, ()),
        ({"b": 3}, ("Quay deletes 'b' on 2026-11-26: the tag expires",)),
        (
            {"a": 9, "b": 3, "c": 30},
            ("Quay deletes 'b' on 2026-11-26, and 2 more later: the tag expires",),
        ),
        ({"a": 0}, ()),  # it ends just now
    ],
)
async def test_the_coming_end_of_a_tag_is_told(
    expiring: dict[str, int], says: tuple[str, ...]
) -> None:
    double = QuayDouble()
    for tag in "abcd":
        double.warehouse.push("team/app", tag)
    double.expiring = {tag: AT + timedelta(days=days) for tag, days in expiring.items()}
    async with double.serving(), client_of(double) as client:
        listing = await client.list_tags(repository(double.host, "team/app"), at=AT)
    assert listing.warnings == says
    assert served(listing) == truth(double, "team/app")


async def test_repositories_below_a_namespace() -> None:
    double = QuayDouble()
    for path in ("team/a", "team/b/c", "team/d", "team/e", "other/a"):
        double.warehouse.push(path, "1")
    async with double.serving(), client_of(double) as client:
        found = await client.list_repositories("team/")
    assert [repository.path for repository in found] == ["team/a", "team/b/c", "team/d", "team/e"]
