"""Docker Hub's first night: one token for many repositories, as far as the server grants them.

The double counts token requests; what it was asked for stands in the URLs that it saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

import pytest

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.registry.login.shared import Grant, SharedScopes
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Double, Refusal
from tests.registry.harness import registries, repository
from tests.registry.night import first_task
from tests.unit.registry.catalogue.kinds import login

COUNT, AT_ONCE = 45, 8
PATHS = tuple(f"team/app{number:02}" for number in range(COUNT))


def stocked(double: Double, private: Sequence[str] = ()) -> Double:
    for path in PATHS:
        double.warehouse.push(path, "1.0", index=False)
    double.tokened, double.private = True, set(private)
    return double


@dataclass(frozen=True)
class Night:
    """What was found, and what it took."""

    found: list[RepositorySnapshot]
    counts: Mapping[str, int]
    asked: list[list[str]]
    """The paths of each token request."""
    urls: list[str]

    @property
    def read(self) -> int:
        return sum(bool(one.documents) for one in self.found)


async def night(
    double: Double, expected: Sequence[str] = PATHS, environment: Mapping[str, str] | None = None
) -> Night:
    """Crawl every repository, eight at once, after the run has said what it expects to ask."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with double.serving():
        host = double.host
        chosen = RegistrySettings(
            endpoint=double.url,
            catalogue_endpoint=double.url,
            kind=double.kind,
            timeout_seconds=5.0,
            patience_seconds=1,
        )
        async with registries({host: chosen}, environment and login(host)) as opened:
            opened.expect(repository(host, path) for path in expected)

            async def one(path: str) -> RepositorySnapshot:
                async with slots:
                    return await crawl_repository(
                        first_task(repository(host, path)), opened.of(host)
                    )

            found = await asyncio.gather(*map(one, PATHS))
    urls = [seen.path for seen in double.seen if seen.path.startswith("/token")]
    scopes = [parse_qs(url.partition("?")[2])["scope"] for url in urls]
    return Night(
        found,
        double.night(),
        [[one.split(":")[1] for one in group] for group in scopes],
        urls,
    )


async def test_a_token_serves_many_repositories() -> None:
    done = await night(stocked(HubDouble()))
    assert done.read == COUNT
    assert done.counts["token"] == 3, "20 repositories a token"
    assert sorted(path for group in done.asked for path in group) == sorted(PATHS), "each once"
    assert max(map(len, done.urls)) < 2500


async def test_a_login_has_as_many() -> None:
    done = await night(stocked(HubDouble(), PATHS[::2]), environment={"login": "yes"})
    assert done.read == COUNT
    assert done.counts["token"] == 3


async def test_nothing_is_asked_that_is_not_planned() -> None:
    done = await night(stocked(HubDouble()), expected=PATHS[:10])
    assert done.counts["token"] == 1 + COUNT - 10
    (together,) = (group for group in done.asked if len(group) > 1)
    assert set(together) <= set(PATHS[:10])
    assert done.read == COUNT


async def test_private_ones_among_them_are_refused_by_themselves() -> None:
    private = PATHS[4::9]
    done = await night(stocked(HubDouble(), private))
    assert done.read == COUNT - len(private)
    refused = [one.repository.path for one in done.found if one.failures]
    assert refused == sorted(private)
    alone = [group for group in done.asked if len(group) == 1]
    assert sorted(path for (path,) in alone) == sorted(private), "one token of its own for each"
    assert done.counts["token"] == 3 + len(private)


@pytest.mark.parametrize("granted", [1, 5])
async def test_a_server_that_grants_fewer_is_asked_for_each(granted: int) -> None:
    double = stocked(HubDouble())
    double.most_scopes = granted
    done = await night(double)
    assert done.read == COUNT, [one.failures for one in done.found]
    denied = done.counts["manifest"] - COUNT
    assert 0 < denied <= COUNT
    if granted == 1:
        assert denied <= 20 + AT_ONCE, "then it is not tried any more"
    assert done.counts["token"] <= COUNT + 3


async def test_a_server_that_refuses_many_is_asked_for_one() -> None:
    double = stocked(HubDouble())
    double.most_scopes = 0
    done = await night(double)
    assert done.read == COUNT
    assert [len(group) for group in done.asked].count(1) == COUNT
    assert done.counts["token"] <= COUNT + AT_ONCE, "those that were under way tried it, too"


async def test_a_server_that_fails_is_not_asked_for_less() -> None:
    double = stocked(HubDouble())
    double.refuse_from("token", [Refusal(status=503)])
    done = await night(double)
    assert done.read == COUNT
    assert done.counts["token"] == 4, "the same once more, and the two others"


async def test_other_registries_are_asked_for_each() -> None:
    double = stocked(Double())
    done = await night(double)
    assert done.read == COUNT
    assert {len(group) for group in done.asked} == {1}


def grants(*paths: str) -> list[Grant]:
    return [Grant(path, f"repository:{path}:pull") for path in paths]


def test_long_names_make_small_groups() -> None:
    shared = SharedScopes()
    every = grants(*(f"{'x' * 240}/{number}" for number in range(30)))
    shared.plan(every)
    groups = {shared.scopes(grant) for grant in every}
    assert sum(map(len, groups)) == 30
    assert all(sum(map(len, group)) <= 2000 for group in groups)
    assert max(map(len, groups)) > 1


def test_who_shares_a_token_asks_for_the_same() -> None:
    shared = SharedScopes()
    every = grants(*"abc")
    shared.plan(every)
    assert len({shared.scopes(grant) for grant in every}) == 1
    assert shared.refuse(every[1])
    assert shared.scopes(every[1]) == (every[1].scope,)
    assert len(shared.scopes(every[0])) == 3, "one that is private spoils nothing for others"
    shared.plan(every)
    assert shared.scopes(every[1]) == (every[1].scope,)
    assert not shared.refuse(every[1]), "its own token is refused: there is no other"
