"""A registry that bears only so much is read at its pace; one that refuses everything is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import pytest
from aiohttp import web

from tagwatch.errors import PullLimitError, RateLimitedError
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.request import pace
from tagwatch.registry.request.pace import Pace
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Double, Refusal
from tests.registry.harness import registry_at, repository
from tests.unit.registry.catalogue.kinds import client_of

APPS = [f"shop/app{number}" for number in range(30)]


class Limited(Double):
    """Bears `rate` requests a second, and `rate` at once; of `closed` repositories none."""

    def __init__(
        self, rate: float, headers: Mapping[str, str], closed: frozenset[str] = frozenset()
    ) -> None:
        super().__init__()
        self.rate, self.headers, self.closed = rate, headers, closed
        self.tokens, self.at = rate, time.monotonic()
        self.refused = 0
        for path in APPS:
            self.warehouse.push(path, "1", index=False)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        now = time.monotonic()
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        is_closed = any(f"/v2/{path}/" in request.path for path in self.closed)
        if self.tokens < 1 or is_closed:
            self.refused += 1
            return web.Response(status=429, headers=self.headers)
        self.tokens -= 1
        return await super()._answer(request)


async def heads(registry: RegistryClient, double: Double) -> list[object]:
    """One HEAD a repository, all wanted at once."""
    asked = (registry.head(repository(double.host, path), "1") for path in APPS)
    answers: list[object] = await asyncio.gather(*asked, return_exceptions=True)
    return answers


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0.2"}], ids=["untold", "told"])
async def test_a_limit_of_requests_a_second_is_kept_to(headers: Mapping[str, str]) -> None:
    """Thirty requests at twenty a second: every one is answered, and few are made in vain."""
    double = Limited(20, headers)
    async with double.serving(), registry_at(double.url) as registry:
        found = await heads(registry, double)
    assert [one for one in found if isinstance(one, Exception)] == []
    assert double.counts["head"] == len(APPS)
    assert double.refused < len(APPS)


@pytest.mark.parametrize(
    ("headers", "most"),
    [({"Retry-After": "900"}, 8), ({}, 8 + 3)],
    ids=["told for how long", "untold"],
)
async def test_a_host_that_refuses_everything_is_not_asked_by_everybody(
    monkeypatch: pytest.MonkeyPatch, headers: Mapping[str, str], most: int
) -> None:
    """Eight are under way when it begins; then one at a time, four times at most, and no more."""
    monkeypatch.setattr(pace, "_FIRST_PAUSE_SECONDS", 0.01)
    double = Limited(1, headers)
    async with double.serving(), registry_at(double.url) as registry:
        await registry.oci.endpoint()  # the one that it bears
        found = await heads(registry, double)
    assert {type(one) for one in found} == {RateLimitedError}
    assert double.refused <= most
    told = {one.hint for one in found if isinstance(one, RateLimitedError)}
    assert told == {"ask again later" + (": the registry says in 15 minutes" if headers else "")}


@pytest.mark.parametrize(
    ("rate", "headers", "refused"),
    [(1e6, {}, 4), (1e6, {"Retry-After": "3600"}, 1), (40, {}, len(APPS))],
    ids=["untold", "told for how long", "everybody has a limit, too"],
)
async def test_a_repository_that_is_refused_for_good_costs_itself(
    monkeypatch: pytest.MonkeyPatch, rate: float, headers: Mapping[str, str], refused: int
) -> None:
    monkeypatch.setattr(pace, "_FIRST_PAUSE_SECONDS", 0.05)
    double = Limited(rate, headers, frozenset({APPS[3]}))
    async with double.serving(), registry_at(double.url) as registry:
        found = await heads(registry, double)
        again = registry.head(repository(double.host, APPS[3]), "2")
        with pytest.raises(RateLimitedError, match="app3:2"):
            await again
        known = double.refused
    failed = [path for path, one in zip(APPS, found, strict=True) if isinstance(one, Exception)]
    assert failed == [APPS[3]]
    assert double.refused == known <= refused


async def test_two_repositories_that_are_refused_side_by_side_are_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever was answered last: their neighbours are asked before all are given up."""
    monkeypatch.setattr(pace, "_FIRST_PAUSE_SECONDS", 0.02)
    double = Limited(1e6, {}, frozenset(APPS[6:8]))
    async with double.serving(), registry_at(double.url, concurrency=2) as registry:
        found = await heads(registry, double)
    failed = [path for path, one in zip(APPS, found, strict=True) if isinstance(one, Exception)]
    assert failed == APPS[6:8]


async def test_a_spent_limit_of_pulls_is_told_once_and_heads_go_on() -> None:
    """Docker Hub's 429 for pulls is no matter of seconds, and of nothing but pulls."""
    double = HubDouble()
    for path in APPS:
        double.warehouse.push(path, "1", index=False)
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"your pull rate limit"}]}'
    double.refusals["manifest"] = [Refusal(status=429, body=body)] * 99
    async with double.serving(), client_of(double) as registry:
        where = [repository(double.host, path) for path in APPS]
        for one in where:
            with pytest.raises(PullLimitError, match="the pull limit is spent"):
                await registry.manifest(one, "1")
        assert await registry.head(where[0], "1") is not None
    assert double.counts["manifest"] == 1


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never comes to that")


class TestPace:
    async def test_so_many_at_once_and_in_order(self) -> None:
        pace_ = Pace(2)
        order: list[int] = []

        async def one(number: int) -> None:
            await pace_.enter()
            order.append(number)

        tasks = [asyncio.ensure_future(one(number)) for number in range(5)]
        await until(lambda: len(order) == 2)
        for most in (3, 4, 5):
            pace_.leave()
            await until(lambda most=most: len(order) == most)  # type: ignore[misc]  # bound here
        assert order == list(range(5))
        await asyncio.gather(*tasks)

    async def test_a_turn_that_nobody_takes_is_given_to_the_next(self) -> None:
        pace_ = Pace(1)
        await pace_.enter()
        first, second = (asyncio.ensure_future(pace_.enter()) for _ in range(2))
        await asyncio.sleep(0)
        pace_.leave()  # the first has its turn, and is cancelled before it knows
        first.cancel()
        async with asyncio.timeout(20):
            await second
        pace_.leave()
        async with asyncio.timeout(20):
            await pace_.enter()

    async def test_one_at_a_time_after_a_refusal_and_more_after_answers(self) -> None:
        pace_ = Pace(4)
        await pace_.enter()
        pace_.refused(0.0)
        pace_.leave()
        for at_once in (1, 2, 4):
            for _ in range(at_once):
                await pace_.enter()
            waiting = asyncio.ensure_future(pace_.enter())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()
            for _ in range(at_once):
                pace_.leave()
            for _ in range(8):
                pace_.answered()

    async def test_a_refused_request_is_next(self) -> None:
        pace_ = Pace(1)
        order: list[str] = []

        async def enter(name: str, *, again: bool = False) -> None:
            await pace_.enter(again=again)
            order.append(name)

        await enter("first")
        later = asyncio.ensure_future(enter("later"))
        await asyncio.sleep(0)
        pace_.refused(0.01)
        pace_.leave()
        await enter("first again", again=True)
        pace_.leave()
        await later
        assert order == ["first", "first again", "later"]

    async def test_refusals_of_what_was_under_way_together_count_once(self) -> None:
        pace_ = Pace(8)
        for _ in range(8):
            assert pace_.refused(0.05) == pytest.approx(0.05, abs=0.02)
        assert pace_.refusals == 1
        pace_.answered()
        assert pace_.refusals == 0

    async def test_after_a_second_refusal_another_subject_shows_whose_limit_it_is(self) -> None:
        pace_ = Pace(1)
        pause = 0.3  # longer than a machine under load stands still
        order: list[str] = []

        async def enter(subject: str, *, again: bool = False) -> None:
            await pace_.enter(subject, again=again)
            order.append(subject)

        await enter("a")
        others = [asyncio.ensure_future(enter(name)) for name in ("b", "c")]
        await asyncio.sleep(0)
        pace_.refused(pause, "a")
        pace_.leave()
        await enter("a", again=True)
        assert order == ["a", "a"], "the first refusal may be the host's"
        pace_.refused(pause, "a")
        pace_.leave()
        again = asyncio.ensure_future(enter("a", again=True))
        await until(lambda: len(order) == 3)
        assert order[2] == "b"
        pace_.answered("b")
        pace_.leave()
        await asyncio.sleep(0)
        assert order[3:] == [], "the host is quiet before `a` is asked again"
        assert (pace_.refusals, pace_.refusals_of("a")) == (0, 2)
        await again
        pace_.answered("a")
        pace_.leave()
        await asyncio.gather(*others)
        assert order == ["a", "a", "b", "a", "c"]

    async def test_whoever_was_told_to_wait_for_long_waits_alone(self) -> None:
        pace_ = Pace(1)
        await pace_.enter("a")
        others = [asyncio.ensure_future(pace_.enter(name)) for name in ("b", "a", "c")]
        await asyncio.sleep(0)
        assert pace_.refused(900, "a") == pytest.approx(900, abs=1)
        for number in (0, 2):
            pace_.leave()
            async with asyncio.timeout(20):
                await others[number]
            pace_.answered("bac"[number])
        pace_.leave()
        await asyncio.sleep(0)
        assert not others[1].done()
        pace_.open("a")
        async with asyncio.timeout(20):
            await others[1]
