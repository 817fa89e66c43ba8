"""Planning: one task a repository, what matters most first, nothing asked that is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.crawl.plan import PlanSettings, Want, plan, wants_of
from tagwatch.crawl.task import CrawlTask, Pattern
from tagwatch.image.digest import Digest
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, field, replace
from tests.registry.harness import AT

REPOSITORIES = tuple(Repository(registry="r.example", path=name) for name in "abc")
DIGEST = Digest(f"sha256:{'a' * 64}")

WANTS = st.builds(
    Want,
    repository=st.sampled_from(REPOSITORIES),
    tags=st.frozensets(st.sampled_from(["1", "2", "latest"])),
    patterns=st.frozensets(st.sampled_from(["1.x", "*", "^2"]).map(lambda s: Pattern(selector=s))),
    pins=st.frozensets(st.sampled_from([DIGEST, Digest(f"sha256:{'b' * 64}")])),
    priority=st.integers(0, 3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is known of any repository."""

    tags: Mapping[str, Digest]
    watermark: str | None
    full_at: datetime | None
    audited: str | None = None
    listed: frozenset[str] = frozenset()
    failing: Mapping[str, int] = field(default_factory=dict)
    doubted_at: datetime | None = None


def planned(wants: list[Want], memory: Memory | None = None) -> list[CrawlTask]:
    known = memory or Memory(tags={}, watermark=None, full_at=None)
    chosen = PlanSettings(at=AT, platforms=(LINUX_AMD64,))
    return list(plan(wants, lambda _: known, lambda _: frozenset({DIGEST}), chosen))


@settings(max_examples=200, deadline=None)
@given(st.lists(WANTS))
def test_everything_wanted_is_in_exactly_one_task(wants: list[Want]) -> None:
    tasks = planned(wants)
    names = [task.repository for task in tasks]
    assert sorted(names) == sorted({want.repository for want in wants})
    for task in tasks:
        mine = [want for want in wants if want.repository == task.repository]
        assert task.tags == frozenset().union(*(want.tags for want in mine))
        assert set(task.patterns) == set().union(*(want.patterns for want in mine))
        assert task.pins == frozenset().union(*(want.pins for want in mine))
        assert task.priority == min(want.priority for want in mine)


@settings(max_examples=200, deadline=None)
@given(st.lists(WANTS).flatmap(lambda wants: st.tuples(st.just(wants), st.permutations(wants))))
def test_the_order_of_the_wants_does_not_matter(case: tuple[list[Want], list[Want]]) -> None:
    assert planned(case[0]) == planned(case[1])


@settings(max_examples=200, deadline=None)
@given(st.lists(WANTS))
def test_what_matters_most_comes_first(wants: list[Want]) -> None:
    order = [(task.priority, task.repository) for task in planned(wants)]
    assert order == sorted(order)


def test_registries_are_asked_side_by_side() -> None:
    wants = [
        Want(repository=Repository(registry=host, path=f"team/{number}"))
        for host, repositories in (("a.example", 8), ("b.example", 4), ("c.example", 1))
        for number in range(repositories)
    ]
    order = [task.repository for task in planned(wants)]
    assert [one.host[0] for one in order] == list("abaabacabaaba")
    for host in ("a.example", "b.example"):
        mine = [one for one in order if one.host == host]
        assert mine == sorted(mine), "one registry is asked in its own order"


def test_what_is_known_goes_with_the_task() -> None:
    memory = Memory(tags={"1": DIGEST}, watermark="w", full_at=AT - timedelta(days=1))
    (task,) = planned([Want(repository=REPOSITORIES[0], tags=frozenset({"1"}))], memory)
    assert (task.known, task.watermark, task.documents) == ({"1": DIGEST}, "w", frozenset({DIGEST}))
    assert (task.at, task.platforms) == (AT, (LINUX_AMD64,))


def test_an_old_whole_listing_is_made_again() -> None:
    want = Want(repository=REPOSITORIES[0])
    for days, watermark in ((6, "w"), (7, None), (8, None)):
        memory = Memory(tags={}, watermark="w", full_at=AT - timedelta(days=days))
        assert planned([want], memory)[0].watermark == watermark
    assert planned([want], Memory(tags={}, watermark="w", full_at=None))[0].watermark is None


def test_a_sweep_of_one_registry_is_its_own() -> None:
    memory = Memory(tags={}, watermark="w", full_at=AT - timedelta(hours=2))
    sweeps = {"r.example": timedelta(hours=1)}
    chosen = PlanSettings(at=AT, platforms=(), full_sweep_of=sweeps)
    wants = [
        Want(repository=REPOSITORIES[0]),
        Want(repository=Repository(registry="other.example", path="a")),
    ]
    tasks = plan(wants, lambda _: memory, lambda _: frozenset(), chosen)
    assert {task.repository.host: task.watermark for task in tasks} == {
        "r.example": None,
        "other.example": "w",
    }


def test_tasks_are_made_only_when_they_are_drawn() -> None:
    asked: list[Repository] = []

    def known(repository: Repository) -> Memory:
        asked.append(repository)
        return Memory(tags={}, watermark=None, full_at=None)

    chosen = PlanSettings(at=AT, platforms=())
    wants = [Want(repository=repository) for repository in REPOSITORIES]
    tasks = plan(wants, known, lambda _: frozenset(), chosen)
    assert not asked
    next(tasks)
    assert asked == [REPOSITORIES[0]]


def target(text: str, selector: str | None = None) -> Target:
    place = Location(path="Dockerfile", line=1, column=1, end_line=1, end_column=2)
    return Target(
        text=text, location=place, kind="from", reference=Reference.parse(text), selector=selector
    )


def test_what_targets_want() -> None:
    cases = {
        "r.example/a:1.2.3": (frozenset({"1.2.3"}), set[str]()),
        "r.example/a": (frozenset({"latest"}), set[str]()),
        "r.example/a:6.2.x": (frozenset({"6.2.x"}), {"6.2.x"}),
        f"r.example/a@{DIGEST}": (frozenset[str](), set[str]()),
        f"r.example/a:1@{DIGEST}": (frozenset({"1"}), set[str]()),
    }
    for text, (tags, selectors) in cases.items():
        (want,) = wants_of([target(text)])
        assert want.tags == tags, text
        assert {pattern.selector for pattern in want.patterns} == selectors, text
        assert want.pins == ({DIGEST} if "@" in text else set()), text
    (want,) = wants_of([target("r.example/a", "^6")])
    assert (want.tags, {one.selector for one in want.patterns}) == (frozenset(), {"^6"})
    nowhere = Target(text="$IMAGE", location=target("a").location, kind="from", missing=("IMAGE",))
    assert list(wants_of([nowhere])) == []
    reference = Reference.parse("r.example/a:1")
    built = replace(nowhere, reference=reference, missing=(), facts={"built": "app"})
    assert list(wants_of([built])) == []
