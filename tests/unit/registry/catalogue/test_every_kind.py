"""What every catalogue of this folder must do beyond `contract/test_registries.py`."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from tagwatch.errors import UnavailableError
from tagwatch.image.snapshot import Scope
from tests.registry.doubles.acr import AcrDouble
from tests.registry.doubles.gitlab import GitlabDouble
from tests.registry.doubles.warehouse import Double, Pushed, Refusal
from tests.registry.harness import AT, repository
from tests.unit.registry.catalogue.kinds import DOUBLES, client_of, served, truth

PATH = "team/sub/app"
INCREMENTAL = {"acr", "gitlab", "harbor", "quay"}


@pytest.fixture(params=sorted(DOUBLES))
def double(request: pytest.FixtureRequest) -> Double:
    return DOUBLES[request.param]()


def fill(double: Double, count: int = 3, path: str = PATH) -> None:
    for number in range(count):
        double.warehouse.push(path, f"v{number}")


async def test_every_tag_comes_with_its_digest_and_time(double: Double) -> None:
    fill(double)
    double.warehouse.repositories[PATH]["latest"] = double.warehouse.repositories[PATH]["v2"]
    async with double.serving(), client_of(double) as client:
        listing = await client.list_tags(repository(double.host, PATH), at=AT)
    assert served(listing) == truth(double, PATH)
    assert listing.names == {"v0", "v1", "v2", "latest"}
    assert (listing.scope, listing.plain, listing.warnings) == (Scope.FULL, False, ())
    assert all(
        seen.pushed_at is not None and abs(seen.pushed_at - AT) < timedelta(days=40)
        for seen in listing.observations
    )


async def test_an_unchanged_night_costs_one_request_a_repository(double: Double) -> None:
    """Quay, Harbor, ACR and GitLab: of 250 tags each; no pings, no HEADs, no manifests."""
    small_pages(double)
    paths = [f"team/app{number}" for number in range(5)]
    for path in paths:
        fill(double, 250, path)
    space_out(double, paths)
    watermarks: dict[str, str | None] = {}
    async with double.serving():
        async with client_of(double) as client:
            for path in paths:
                listing = await client.list_tags(repository(double.host, path), at=AT)
                watermarks[path] = listing.watermark
        double.night()
        async with client_of(double) as client:
            for path in paths:
                listing = await client.list_tags(
                    repository(double.host, path),
                    watermark=watermarks[path],
                    known=truth(double, path),
                    at=AT + timedelta(days=1),
                )
                known = truth(double, path)
                assert {**known, **served(listing)} == known
        counts = double.night()
    if double.kind in INCREMENTAL:
        assert counts["catalogue"] == len(paths)
    assert counts["ping"] <= 1
    assert set(counts) <= {"ping", "token", "catalogue"}
    assert counts["token"] <= len(paths)


def small_pages(double: Double) -> None:
    """A hundred tags a page, also where a thousand would fit."""
    if isinstance(double, AcrDouble | GitlabDouble):
        double.largest = 100


def space_out(double: Double, paths: list[str]) -> None:
    """An hour between one push and the next, so that not all are the newest."""
    for path in paths:
        tags = double.warehouse.repositories[path]
        for number, tag in enumerate(sorted(tags)):
            at = AT - timedelta(hours=len(tags) - number)
            tags[tag] = Pushed(digest=tags[tag].digest, at=at)


async def test_what_moved_since_is_listed(double: Double) -> None:
    small_pages(double)
    fill(double, 250)
    space_out(double, [PATH])
    where = repository(double.host, PATH)
    async with double.serving(), client_of(double) as client:
        first = await client.list_tags(where, at=AT)
        before = truth(double, PATH)
        double.warehouse.push(PATH, "v7", build="2", at=AT + timedelta(hours=3))
        double.warehouse.push(PATH, "new", at=AT + timedelta(hours=4))
        double.night()
        second = await client.list_tags(
            where, watermark=first.watermark, known=before, at=AT + timedelta(days=1)
        )
        counts = double.night()
    assert {**before, **served(second)} == truth(double, PATH)
    if double.kind in INCREMENTAL:
        assert second.scope is Scope.SINCE
        assert counts["catalogue"] == 1
        assert second.watermark is not None
        assert first.watermark is not None
        assert second.watermark > first.watermark


@pytest.mark.parametrize("status", [401, 403, 404, 405, 501])
async def test_a_refusal_leaves_the_plain_list(
    double: Double, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    fill(double)
    double.refusals["catalogue"] = [Refusal(status=status)] * 4
    where = repository(double.host, PATH)
    with caplog.at_level(logging.INFO):
        async with double.serving(), client_of(double) as client:
            listing = await client.list_tags(where, at=AT)
            await client.list_tags(where, at=AT)
    assert listing.plain
    assert listing.observations == ()
    assert listing.undigested == listing.names == {"v0", "v1", "v2"}
    assert listing.watermark is None
    (warning,) = listing.warnings
    assert str(status) in warning
    assert "one by one" in warning
    assert len([record for record in caplog.records if "one by one" in record.message]) == 1


async def test_a_failure_is_no_refusal(double: Double) -> None:
    fill(double)
    double.refusals["catalogue"] = [Refusal(status=503)] * 9
    async with double.serving(), client_of(double, patience_seconds=0.1) as client:
        with pytest.raises(UnavailableError, match="503"):
            await client.list_tags(repository(double.host, PATH), at=AT)
        assert "tags" not in client.requests


async def test_a_page_of_another_program_is_no_listing(double: Double) -> None:
    fill(double)
    page = Refusal(status=200, headers={"Content-Type": "text/html"}, body=b"<html>log in</html>")
    double.refusals["catalogue"] = [page] * 2
    async with double.serving(), client_of(double) as client:
        with pytest.raises(UnavailableError, match="HTML"):
            await client.list_tags(repository(double.host, PATH), at=AT)
