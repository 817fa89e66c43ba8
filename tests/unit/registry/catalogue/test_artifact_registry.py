"""A repository larger than one of Google's answers: the rest comes by Artifact Registry's API."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.registry.catalogue.artifact_registry import place_of
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.google import GoogleDouble
from tests.registry.doubles.warehouse import Refusal
from tests.registry.harness import AT, registries
from tests.unit.registry.catalogue.kinds import served, truth

HOST = "europe-docker.pkg.dev"
PATH = "proj/repo/team/app"
APP = Repository(registry=HOST, path=PATH)
TOKEN = "ya29.correct-horse"
TAGS = 5400


def login(user: str, password: str) -> dict[str, str]:
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {HOST: {"auth": auth}}})}


@pytest.fixture(scope="module")
def warehouse_double() -> GoogleDouble:
    """The images of a large repository, made once."""
    double = GoogleDouble()
    for number in range(TAGS):
        double.warehouse.push(PATH, f"v{number}", index=False)
    return double


@pytest.fixture
def double(warehouse_double: GoogleDouble) -> GoogleDouble:
    made = GoogleDouble(warehouse_double.warehouse)
    made.logins = {"oauth2accesstoken": TOKEN}
    made.access_tokens = {TOKEN}
    return made


@asynccontextmanager
async def client(
    double: GoogleDouble, environment: dict[str, str]
) -> AsyncIterator[RegistryClient]:
    settings = RegistrySettings(
        endpoint=double.url,
        catalogue_endpoint=double.url,
        credential="docker-config",
        patience_seconds=0,
    )
    async with registries({HOST: settings}, environment) as opened:
        yield opened.client(HOST)


async def test_what_the_answer_left_out_is_read(double: GoogleDouble) -> None:
    async with double.serving(), client(double, login("oauth2accesstoken", TOKEN)) as registry:
        listing = await registry.list_tags(APP, at=AT)
    assert served(listing) == truth(double, PATH)
    assert (listing.scope, listing.gap, listing.undigested) == (Scope.FULL, "", frozenset())
    assert double.counts == {"ping": 1, "tags": 1, "catalogue": 6}
    dated = [seen for seen in listing.observations if seen.pushed_at is not None]
    assert 0 < len(dated) < TAGS, "dates are of the answer that tells them"


async def test_without_a_login_the_listing_is_cut_off(double: GoogleDouble) -> None:
    async with double.serving(), client(double, {}) as registry:
        listing = await registry.list_tags(APP, at=AT)
    assert "10000 entries at most" in listing.gap
    assert "gcloud auth" in listing.gap
    assert "catalogue" not in double.counts


@pytest.mark.parametrize("status", [403, 404, 429, 503])
async def test_an_api_that_refuses_leaves_the_listing_cut_off(
    double: GoogleDouble, status: int
) -> None:
    double.refusals["catalogue"] = [Refusal(status=status)]
    async with double.serving(), client(double, login("oauth2accesstoken", TOKEN)) as registry:
        listing = await registry.list_tags(APP, at=AT)
    assert str(status) in listing.gap
    assert len(listing.observations) == 5000, "what was read is true all the same"
    assert TOKEN not in listing.gap


async def test_pages_without_an_end_leave_the_listing_cut_off(double: GoogleDouble) -> None:
    double.next_token = lambda begin: "1000"
    async with double.serving(), client(double, login("oauth2accesstoken", TOKEN)) as registry:
        listing = await registry.list_tags(APP, at=AT)
    assert "pages without an end" in listing.gap
    assert double.counts["catalogue"] == 2


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        (HOST, "p/r/i", "/v1/projects/p/locations/europe/repositories/r/packages/i/tags"),
        (HOST, "p/r/a/b", "/v1/projects/p/locations/europe/repositories/r/packages/a%2Fb/tags"),
        ("us-central1-docker.pkg.dev", "p/r/i", None),
        ("gcr.io", "p/i", "/v1/projects/p/locations/us/repositories/gcr.io/packages/i/tags"),
        ("eu.gcr.io", "p/a/b", "/v1/projects/p/locations/europe/repositories/eu.gcr.io"
                               "/packages/a%2Fb/tags"),
        ("gcr.io", "example.com/p/i", "/v1/projects/example.com%3Ap/locations/us/repositories"
                                      "/gcr.io/packages/i/tags"),
        (HOST, "p/r", ""),
        ("gcr.io", "p", ""),
        ("mirror.gcr.io", "library/redis/x", ""),
        ("gcr.io.evil.example", "p/r/i", ""),
    ],
)  # fmt: skip
def test_where_an_image_is_by_the_apis_names(host: str, path: str, expected: str | None) -> None:
    place = place_of(Repository(registry=host, path=path))
    if expected is None:
        expected = "/v1/projects/p/locations/us-central1/repositories/r/packages/i/tags"
    assert (place.path if place else "") == expected
