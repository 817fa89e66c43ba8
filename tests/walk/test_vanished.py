"""A repository whose whole list vanishes is doubted before anything is called deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tagwatch import AuditResult, open_site
from tagwatch.api import scan_async
from tagwatch.audit.verdict.news import differences
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import Double, Pushed
from tests.registry.harness import AT
from tests.walk.command import Workplace

PATH = "shop/app"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DOUBLES: Mapping[str, type[Double]] = {
    "distribution": Double,
    "quay": QuayDouble,
    "hub": HubDouble,
}


def configure(place: Workplace, double: Double) -> None:
    kind = {} if double.kind == "distribution" else {"kind": double.kind}
    if double.kind == "hub":
        kind = {"kind": "hub", "catalogue_endpoint": double.url}
    more = "".join(f", {key}: '{value}'" for key, value in kind.items())
    place.write(
        "tagwatch.yaml",
        "database: tagwatch.db\nsources: [Dockerfile]\nreports: {formats: []}\n"
        f"watch: [{{image: '{double.name}/{PATH}', tags: ['*']}}]\n"
        f"registries: {{'{double.name}': {{endpoint: '{double.url}'{more}}}}}\n",
    )
    place.write("Dockerfile", f"FROM {double.name}/{PATH}:1.0.1\n")


async def night(place: Workplace, at: datetime) -> AuditResult:
    environment = {"HOME": str(place.folder)}
    return (
        await scan_async(open_site(place.folder / "tagwatch.yaml", environment=environment, at=at))
    ).result


def deleted(found: AuditResult) -> set[str]:
    """The tags that a scan says are gone: in its list, and in what the rule says."""
    told = {one.message for one in found.findings if one.rule == "tag-deleted"}
    return {one.tag for one in found.gone} | told


def fingerprints(found: AuditResult) -> list[str]:
    return [one.fingerprint for one in found.findings]


def serve(double: Double, tags: Mapping[str, Pushed]) -> None:
    double.warehouse.repositories[PATH] = dict(tags)


@pytest.mark.parametrize("kind", DOUBLES)
async def test_a_list_that_vanishes_is_believed_on_the_second_night(
    tmp_path: Path, kind: str
) -> None:
    place, double = Workplace(tmp_path), DOUBLES[kind]()
    for number in range(20):
        double.warehouse.push(PATH, f"1.0.{number}", index=False)
    everything = double.warehouse.repositories[PATH]
    async with double.serving():
        configure(place, double)
        first = await night(place, AT)
        serve(double, {})
        at = AT + 24 * HOUR
        for moment in (at, at + MINUTE):
            doubted = await night(place, moment)
            assert deleted(doubted) == set()
            (failure,) = doubted.failures
            assert failure.code == "vanished"
            assert "lost 20 of 20 tags at once: doubted until the next night" in failure.message
            assert not doubted.complete
            assert differences(first.findings, doubted).fixed == ()
        serve(double, everything)
        again = await night(place, at + 2 * HOUR)
        assert (again.failures, deleted(again), again.changes) == ((), set(), ())
        assert fingerprints(again) == fingerprints(first)
        serve(double, {tag: everything[tag] for tag in ("1.0.18", "1.0.19")})
        doubted = await night(place, at + 8 * HOUR)
        assert "lost 18 of 20 tags" in doubted.failures[0].message, "the first doubt has ended"
        assert deleted(doubted) == set()
        believed = await night(place, at + 24 * HOUR)
        assert believed.failures == ()
        assert deleted(believed) >= {f"1.0.{number}" for number in range(18)}


@pytest.mark.parametrize(
    ("before", "left", "new", "gone"),
    [(1, 0, 0, 1), (2, 0, 0, 0), (9, 1, 0, 8), (12, 2, 0, 0), (12, 6, 0, 6), (12, 0, 12, 12)],
    ids=["the only one", "all", "few", "most", "half", "others took their place"],
)
async def test_what_counts_as_most(
    tmp_path: Path, before: int, left: int, new: int, gone: int
) -> None:
    place, double = Workplace(tmp_path), Double()
    for number in range(before):
        double.warehouse.push(PATH, f"1.0.{number}", index=False)
    async with double.serving():
        configure(place, double)
        place.write("Dockerfile", "FROM scratch\n")
        await night(place, AT)
        kept = dict(list(double.warehouse.repositories[PATH].items())[:left])
        serve(double, kept)
        for number in range(new):
            double.warehouse.push(PATH, f"2.0.{number}", index=False)
        found = await night(place, AT + 24 * HOUR)
    assert len(found.gone) == gone
    assert [one.code for one in found.failures] == ([] if gone else ["vanished"])
