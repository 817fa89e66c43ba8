"""Harbor's API: what may be believed of pages that are ordered by artifact and not by tag."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tagwatch.image.digest import Digest
from tagwatch.image.snapshot import Scope
from tagwatch.registry.interface import Listing
from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.warehouse import PASSWORD, Pushed, Refusal
from tests.registry.harness import AT, registry_at, repository
from tests.registry.sample import samples
from tests.registry.scripted import Exchange, scripted
from tests.unit.registry.catalogue.kinds import client_of, login, served, truth

PATH = "team/sub/app"
PROJECT = Exchange(method="GET", path="/api/v2.0/projects/team", body=samples("harbor")["project"])


async def test_the_sample_of_the_facts() -> None:
    path = (
        "/api/v2.0/projects/team/repositories/sub%252Fapp/artifacts"
        "?q=tags%3D*&sort=-push_time&with_tag=true&page_size=100&page=1"
    )
    listing = Exchange(
        method="GET",
        path=path,
        body=samples("harbor")["artifacts"],
        headers={"X-Total-Count": "2"},
    )
    async with (
        scripted(PROJECT, listing) as server,
        registry_at(server.url, kind="harbor") as client,
    ):
        found = await client.list_tags(repository(server.host, PATH), at=AT)
    assert {tag: digest[7] for tag, digest in served(found).items()} == {
        "latest": "a",
        "v2": "a",
        "v1": "b",
    }
    assert {str(seen.pushed_at) for seen in found.observations if seen.tag == "latest"} == {
        "2025-11-23 12:13:21+00:00"
    }


async def test_a_robot_logs_in_by_basic() -> None:
    double = HarborDouble()
    double.logins = {"robot$team+ci": PASSWORD}
    double.warehouse.push(PATH, "1")
    double.private.add(PATH)
    async with double.serving():
        environment = login(double.host, "robot$team+ci")
        async with client_of(double, environment=environment) as client:
            listing = await client.list_tags(repository(double.host, PATH), at=AT)
            assert dict(client.requests) == {"catalogue": 2}
    assert served(listing) == truth(double, PATH)


class TestProxyCache:
    """Its API lists what was pulled through it: nothing of what the origin has."""

    @pytest.fixture
    def double(self) -> HarborDouble:
        double = HarborDouble()
        double.warehouse.push(PATH, "1")
        return double

    async def listing(self, double: HarborDouble, watermark: str | None = None) -> Listing:
        async with double.serving(), client_of(double) as client:
            return await client.list_tags(
                repository(double.host, PATH), watermark=watermark, known={}, at=AT
            )

    async def test_it_is_not_believed(self, double: HarborDouble) -> None:
        double.proxies.add("team")
        listing = await self.listing(double)
        assert listing.plain
        assert "proxy cache" in listing.warnings[0]
        assert double.counts["catalogue"] == 0

    async def test_who_may_not_read_the_project_is_not_hindered(self, double: HarborDouble) -> None:
        double.tells_projects = False
        assert not (await self.listing(double)).plain

    async def test_with_a_watermark_it_is_known_already(self, double: HarborDouble) -> None:
        await self.listing(double, AT.isoformat())
        assert double.counts["project"] == 0

    async def test_a_project_is_asked_for_once(self, double: HarborDouble) -> None:
        async with double.serving(), client_of(double) as client:
            for _ in range(3):
                await client.list_tags(repository(double.host, PATH), at=AT)
        assert double.counts["project"] == 1


class TestOlderPages:
    """250 artifacts of one tag each, an hour apart; the newest hundred are read."""

    @pytest.fixture
    def double(self) -> HarborDouble:
        double = HarborDouble()
        for number in range(250):
            double.warehouse.push(PATH, f"v{number}", at=AT - timedelta(hours=300 - number))
        return double

    async def second_night(self, double: HarborDouble) -> tuple[Listing, int]:
        """The listing after a change, and what it cost."""
        where = repository(double.host, PATH)
        async with client_of(double) as client:
            listing = await client.list_tags(
                where, watermark=self.watermark, known=self.known, at=AT + timedelta(days=1)
            )
            return listing, client.requests["catalogue"]

    async def first_night(self, double: HarborDouble) -> dict[str, Pushed]:
        async with client_of(double) as client:
            first = await client.list_tags(repository(double.host, PATH), at=AT)
        self.watermark, self.known = first.watermark, served(first)
        return double.warehouse.repositories[PATH]

    async def test_unchanged_is_one_request(self, double: HarborDouble) -> None:
        async with double.serving():
            await self.first_night(double)
            listing, cost = await self.second_night(double)
        assert (listing.scope, cost) == (Scope.SINCE, 1)

    async def test_a_newest_tag_moved_back_to_an_old_artifact(self, double: HarborDouble) -> None:
        """The rollback: `latest` leaves the newest artifact for one of last week."""
        async with double.serving():
            tags = double.warehouse.repositories[PATH]
            tags["latest"] = tags["v249"]
            await self.first_night(double)
            tags["latest"] = Pushed(digest=tags["v3"].digest, at=AT + timedelta(hours=1))
            listing, cost = await self.second_night(double)
        assert served(listing)["latest"] == tags["v3"].digest
        assert (listing.scope, cost) == (Scope.FULL, 3)

    async def test_an_old_tag_deleted(self, double: HarborDouble) -> None:
        async with double.serving():
            tags = await self.first_night(double)
            del tags["v3"]
            listing, _ = await self.second_night(double)
        assert listing.scope is Scope.FULL
        assert "v3" not in listing.names

    async def test_an_old_tag_moved_to_a_new_artifact(self, double: HarborDouble) -> None:
        async with double.serving():
            tags = await self.first_night(double)
            double.warehouse.push(PATH, "v3", build="2", at=AT + timedelta(hours=1))
            listing, cost = await self.second_night(double)
        assert served(listing)["v3"] == tags["v3"].digest
        assert cost == 1

    async def test_a_new_tag_on_an_old_artifact_of_its_own_line(self, double: HarborDouble) -> None:
        """Moved between two artifacts that are both old, the left one losing its only tag."""
        async with double.serving():
            tags = await self.first_night(double)
            tags["v3"] = Pushed(digest=tags["v4"].digest, at=AT + timedelta(hours=1))
            listing, _ = await self.second_night(double)
        assert served(listing)["v3"] == tags["v4"].digest


async def test_without_a_count_all_is_read() -> None:
    def page(number: int) -> Exchange:
        artifact = samples("harbor")["artifacts"][0]
        entries = [
            {
                **artifact,
                "digest": Digest(f"sha256:{number:032x}{index:032x}"),
                "tags": [{"name": f"t{number}-{index}"}],
                "push_time": f"20{26 - number}-01-01T00:00:00.000Z",
            }
            for index in range(100 if number < 2 else 1)
        ]
        path = (
            "/api/v2.0/projects/team/repositories/app/artifacts"
            f"?q=tags%3D*&sort=-push_time&with_tag=true&page_size=100&page={number}"
        )
        return Exchange(method="GET", path=path, body=entries)

    async with (
        scripted(page(1), page(2)) as server,
        registry_at(server.url, kind="harbor") as client,
    ):
        found = await client.list_tags(
            repository(server.host, "team/app"), watermark=AT.isoformat(), known={}, at=AT
        )
    assert found.scope is Scope.FULL
    assert len(found.names) == 101


async def test_repositories_of_a_project() -> None:
    double = HarborDouble()
    names = [f"team/r{number:03}" for number in range(120)]
    for name in (*names, "teams/other"):
        double.warehouse.repositories[name] = {}
    async with double.serving(), client_of(double) as client:
        found = await client.list_repositories("team/")
        assert client.requests["catalogue"] == 2
    assert [repository.path for repository in found] == names


async def test_a_refused_list_of_repositories_asks_the_registrys_own() -> None:
    catalog = Exchange(method="GET", path="/v2/_catalog?n=1000", body={"repositories": ["team/a"]})
    refused = Exchange(
        method="GET",
        path="/api/v2.0/projects/team/repositories?page_size=100&page=1",
        status=Refusal(status=403).status,
    )
    async with (
        scripted(Exchange(method="GET", path="/v2/"), refused, catalog) as server,
        registry_at(server.url, kind="harbor") as client,
    ):
        found = await client.list_repositories("team/")
    assert [repository.path for repository in found] == ["team/a"]


async def test_fewer_artifacts_than_harbor_counts_are_not_the_whole() -> None:
    path = (
        "/api/v2.0/projects/team/repositories/sub%252Fapp/artifacts"
        "?q=tags%3D*&sort=-push_time&with_tag=true&page_size=100&page="
    )
    page = Exchange(
        method="GET",
        path=f"{path}1",
        body=samples("harbor")["artifacts"],
        headers={"X-Total-Count": "5"},
    )
    empty = Exchange(method="GET", path=f"{path}2", body=[], headers={"X-Total-Count": "5"})
    async with (
        scripted(PROJECT, page, empty) as server,
        registry_at(server.url, kind="harbor") as client,
    ):
        found = await client.list_tags(repository(server.host, PATH), at=AT)
    assert found.names == {"latest", "v1", "v2"}
    assert found.gap == "Harbor counts 5 artifacts with tags, and lists 2"
