"""The budget of pulls: what one run may spend, and what is left to the people beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import BudgetError
from tagwatch.registry.request.pace import Meter
from tests.registry.doubles.warehouse import Double, Warehouse
from tests.registry.harness import registry_at, repository

HOST = "registry.example"
PATH = "shop/app"


def told(meter: Meter, limit: int, remaining: int) -> None:
    """An answer with these headers arrived."""
    meter.note(
        {"ratelimit-limit": f"{limit};w=21600", "ratelimit-remaining": f"{remaining};w=21600"}
    )


def pulls(meter: Meter, *, limit: int = 0, remaining: int = 0) -> Iterator[int]:
    """Pull one after the other until refused; each answer tells what is left of a limit."""
    for number in range(1000):
        with meter.pull(HOST):
            if limit:
                told(meter, limit, remaining - number - 1)
        yield number


def spent(meter: Meter, **quota: int) -> int:
    """How many pulls there were before the first refusal."""
    count = 0
    with pytest.raises(BudgetError):
        for _ in pulls(meter, **quota):
            count += 1
    return count


class TestBudget:
    @pytest.mark.parametrize("budget", [0, 1, 7])
    def test_so_many_pulls_and_not_one_more(self, budget: int) -> None:
        meter = Meter(budget=budget)
        assert spent(meter) == budget
        assert spent(meter) == 0, "a refusal gives nothing back"

    def test_a_refusal_says_whose_budget_it_is_and_what_to_do(self) -> None:
        with pytest.raises(BudgetError) as caught, Meter(budget=0).pull(HOST):
            pass
        assert caught.value.code == "budget"
        assert caught.value.message == (f"{HOST}: the budget of 0 manifest requests a run is spent")
        assert "raise the budget" in caught.value.hint

    def test_a_pull_that_failed_is_spent(self) -> None:
        """The registry counted it, whatever became of the answer."""
        meter = Meter(budget=1)
        with pytest.raises(TimeoutError), meter.pull(HOST):
            raise TimeoutError
        assert spent(meter) == 0

    def test_without_a_limit_there_is_none(self) -> None:
        meter = Meter()
        assert meter.is_unlimited
        assert len(list(pulls(meter))) == 1000

    def test_who_knows_a_limit_is_not_unlimited(self) -> None:
        assert not Meter(budget=10).is_unlimited
        meter = Meter()
        meter.note({"ratelimit-remaining": "5"})
        assert meter.is_unlimited, "what is left of no limit is none"
        told(meter, 100, 100)
        assert not meter.is_unlimited


class TestReserve:
    """One in twenty of a limit, and at least one, is left to the people at the same address."""

    @pytest.mark.parametrize(
        ("limit", "reserve"),
        [(1, 1), (2, 1), (10, 1), (20, 1), (21, 2), (100, 5), (101, 6), (200, 10), (400, 20)],
    )
    def test_five_percent_and_at_least_one_are_kept(self, limit: int, reserve: int) -> None:
        meter = Meter()
        told(meter, limit, limit)
        assert spent(meter, limit=limit, remaining=limit) == limit - reserve
        assert meter.quota is not None
        assert meter.quota.remaining == reserve

    def test_a_refusal_tells_what_is_left(self) -> None:
        meter = Meter()
        told(meter, 100, 5)
        with pytest.raises(BudgetError) as caught, meter.pull(HOST):
            pass
        assert caught.value.message == f"{HOST}: 5 of 100 pulls are left, and kept"
        assert "log in" in caught.value.hint

    def test_a_new_window_opens_it_again(self) -> None:
        meter = Meter()
        told(meter, 100, 0)
        assert spent(meter, limit=100) == 0
        told(meter, 100, 100)
        assert spent(meter, limit=100, remaining=100) == 95

    def test_the_smaller_of_budget_and_quota_counts(self) -> None:
        meter = Meter(budget=3)
        told(meter, 100, 100)
        assert spent(meter, limit=100, remaining=100) == 3
        meter = Meter(budget=50)
        told(meter, 10, 10)
        assert spent(meter, limit=10, remaining=10) == 9

    @given(
        limit=st.integers(1, 400),
        left=st.integers(0, 400),
        width=st.integers(1, 64),
    )
    @settings(max_examples=150, deadline=None)
    def test_pulls_under_way_are_counted_before_their_answers_tell(
        self, limit: int, left: int, width: int
    ) -> None:
        """However many are asked at once, the reserve is never asked for."""
        meter = Meter()
        remaining = min(left, limit)
        told(meter, limit, remaining)
        with ExitStack() as under_way:
            for _ in range(width):
                try:
                    under_way.enter_context(meter.pull(HOST))
                except BudgetError:
                    break
                remaining -= 1
        reserve = max(1, limit / 20)
        assert remaining >= min(min(left, limit), reserve)


async def test_only_a_manifest_get_is_a_pull() -> None:
    """Names, HEADs and configs are asked after the budget is spent, and no refused GET is sent."""
    warehouse = Warehouse()
    digest = warehouse.push(PATH, "1", index=False)
    double = Double(warehouse)
    async with double.serving(), registry_at(double.url, budget=1) as registry:
        where = repository(double.host, PATH)
        await registry.manifest(where, digest)
        with pytest.raises(BudgetError):
            await registry.manifest(where, digest)
        seen = await registry.head(where, "1")
        (config,) = warehouse.blobs
        await registry.blob(where, config, len(warehouse.blobs[config]))
    assert seen is not None
    assert seen.digest == digest
    assert double.counts == {"ping": 1, "manifest": 1, "head": 1, "config": 1}


async def test_the_quota_of_one_answer_stops_the_next_get() -> None:
    """As Docker Hub tells it: on a HEAD too, which spends nothing."""
    double = Double()
    double.warehouse.push(PATH, "1")
    double.pulls = (100, 5)
    async with double.serving(), registry_at(double.url) as registry:
        where = repository(double.host, PATH)
        await registry.head(where, "1")
        with pytest.raises(BudgetError, match="5 of 100"):
            await registry.manifest(where, "1")
    assert double.counts["manifest"] == 0
