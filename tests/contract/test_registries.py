"""Every line of `family.REGISTRIES`, asked by a real name of it: one client, ten registries.

Each registry is a double that answers what its documentation says; a request that it does not know
fails the test.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from yarl import URL

from tagwatch.errors import (
    DeniedError,
    NotFoundError,
    RateLimitedError,
    RegistryError,
    UnavailableError,
)
from tagwatch.family import CREDENTIALS, REGISTRIES
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import Manifest, parse_manifest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.member import load_member
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.credential.interface import CredentialContext
from tagwatch.registry.host import line_of
from tagwatch.registry.interface import Listing
from tagwatch.registry.request import pace
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.acr import AcrDouble
from tests.registry.doubles.ecr import ENVIRONMENT as AWS
from tests.registry.doubles.ecr import HOST as ECR
from tests.registry.doubles.ecr import EcrDouble
from tests.registry.doubles.ghcr import GhcrDouble
from tests.registry.doubles.gitlab import GitlabDouble
from tests.registry.doubles.google import GoogleDouble
from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import PASSWORD, Double, Refusal
from tests.registry.harness import AT, NOWHERE, QUIET, registries
from tests.unit.registry.catalogue.kinds import login, served, truth

PATH = "team/app"
PLACES: dict[str, type[Double]] = {
    "docker.io": HubDouble,
    "ghcr.io": GhcrDouble,
    "quay.io": QuayDouble,
    "acme.azurecr.io": AcrDouble,
    "registry.gitlab.com": GitlabDouble,
    "demo.goharbor.io": HarborDouble,
    ECR: EcrDouble,
    "europe-docker.pkg.dev": GoogleDouble,
    "public.ecr.aws": Double,
    "registry.example": Double,
}
NEEDS_LOGIN = {"ghcr.io", ECR}  # what lists their tags with digests knows no anonymous user
CLOUD = {
    **AWS,
    "AZURE_CLIENT_ID": "client",
    "AZURE_CLIENT_SECRET": "azure-secret",
    "AZURE_TENANT_ID": "tenant",
    "GITHUB_TOKEN": "github-secret",
    "QUAY_OAUTH_TOKEN": "quay-secret",
    "CI_REGISTRY": "registry.gitlab.com",
    "CI_REGISTRY_USER": "gitlab-ci-token",
    "CI_REGISTRY_PASSWORD": "gitlab-secret",
    "CI_JOB_TOKEN": "gitlab-secret",
}
STATUSES: dict[int, type[RegistryError]] = {
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    429: RateLimitedError,
    500: UnavailableError,
    503: UnavailableError,
}
every_status = pytest.mark.parametrize(("status", "error"), STATUSES.items())


class Place:
    """A registry under the name that people call it by."""

    def __init__(self, host: str, patch: pytest.MonkeyPatch) -> None:
        self.host = host
        self.double = PLACES[host]()
        self.where = Repository(registry=host, path=PATH)
        self._patch = patch

    def fill(self, count: int = 3) -> None:
        """An hour between one push and the next."""
        for number in range(count):
            at = AT - timedelta(hours=count - number)
            self.double.warehouse.push(PATH, f"v{number}", at=at, index=False)

    @property
    def truth(self) -> dict[str, Digest]:
        return truth(self.double, PATH)

    def refuse(self, refusal: Refusal, *kinds: str, times: int = 9) -> None:
        for kind in kinds:
            self.double.refusals[kind] = [refusal] * times

    @asynccontextmanager
    async def client(
        self, *, logged_in: bool | None = None, **more: Any
    ) -> AsyncIterator[RegistryClient]:
        """`logged_in` None: only where listing needs it."""
        known = self.host in NEEDS_LOGIN if logged_in is None else logged_in
        chosen = {"endpoint": self.double.url, "catalogue_endpoint": self.double.url, **more}
        if self.host == ECR:
            chosen["credential"] = "aws"
        environment = self._environment() if known else {}
        for name in AWS.keys() - {"AWS_EC2_METADATA_DISABLED"}:
            self._patch.delenv(name, raising=False)
        for name, value in environment.items():
            self._patch.setenv(name, value)
        settings = {self.host: RegistrySettings(**{"timeout_seconds": 5.0, **chosen})}
        async with registries(settings, environment) as opened:
            yield opened.client(self.host)

    def _environment(self) -> Mapping[str, str]:
        return AWS if self.host == ECR else login(self.double.host)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(pace, "_FIRST_PAUSE_SECONDS", 0.01)
    return Place(request.param, monkeypatch)


async def digests(client: RegistryClient, where: Repository, listing: Listing) -> dict[str, Digest]:
    """What every listed tag serves, asked one by one where the listing does not say."""
    found = served(listing)
    for tag in listing.names - found.keys():
        seen = await client.head(where, tag)
        assert seen is not None, tag
        found[tag] = seen.digest
    return found


def test_every_line_has_its_double() -> None:
    """The names above are of the lines, each of its own, in their order."""
    first = [next(line for line in REGISTRIES if re.fullmatch(line[0], host)) for host in PLACES]
    assert first == list(REGISTRIES)
    kinds = [line_of(host, RegistrySettings()).kind for host in PLACES]
    doubles = [double.kind for double in PLACES.values()]
    assert doubles == ["distribution" if kind == "ecr-public" else kind for kind in kinds]


async def test_tags_come_page_by_page(place: Place) -> None:
    place.fill(250)
    double = place.double
    double.page_size = 100
    match double:
        case AcrDouble() | GitlabDouble():
            double.largest = 100
        case EcrDouble():
            double.page = 100
    async with double.serving(), place.client() as client:
        listing = await client.list_tags(place.where, at=AT)
        assert (listing.scope, listing.gap, listing.warnings) == (Scope.FULL, "", ())
        assert listing.names == place.truth.keys()
        assert served(listing) == (place.truth if client.has_catalogue else {})
        assert "head" not in client.requests
        assert "manifest" not in client.requests
        assert await digests(client, place.where, listing) == place.truth
    pages = double.counts["catalogue"] + double.counts["tags"]
    assert pages == 1 if double.kind == "google" else pages >= 3


async def test_a_private_repository_wants_its_login(place: Place) -> None:
    """The whole dance: refused without; with it, names, a manifest and its config."""
    place.fill()
    place.double.private.add(PATH)
    async with place.double.serving():
        async with place.client(logged_in=False) as client:
            with pytest.raises(DeniedError) as listing_refused:
                await client.list_tags(place.where, at=AT)
            with pytest.raises(DeniedError) as manifest_refused:
                await client.manifest(place.where, "v1")
        async with place.client(logged_in=True) as client:
            listing = await client.list_tags(place.where, at=AT)
            assert await digests(client, place.where, listing) == place.truth
            assert listing.plain == (place.host == "quay.io")  # its API knows no robots
            document = await client.manifest(place.where, "v1")
            manifest = parse_manifest(document.raw, document.media_type)
            assert isinstance(manifest, Manifest)
            config = manifest.config
            await client.blob(place.where, config.digest, config.size)
    assert document.digest == place.truth["v1"]
    for refused in (listing_refused, manifest_refused):
        assert (refused.value.code, refused.value.status) == ("denied", 401)
        assert place.host in refused.value.message
        assert PASSWORD not in f"{refused.value}{refused.value.hint}"


async def test_one_token_a_scope_serves_all_that_is_read(place: Place) -> None:
    """The dance of what everybody may read: asked for once, however much is read with it."""
    place.fill()
    place.double.tokened = True
    async with place.double.serving(), place.client() as client:
        for _ in range(2):
            listing = await client.list_tags(place.where, at=AT)
            assert await digests(client, place.where, listing) == place.truth
        for tag in place.truth:
            document = await client.manifest(place.where, tag)
            manifest = parse_manifest(document.raw, document.media_type)
            assert isinstance(manifest, Manifest)
            await client.blob(place.where, manifest.config.digest, manifest.config.size)
    counts = place.double.counts
    scopes = {ECR: 0, "acme.azurecr.io": 2}.get(place.host, 1)  # Azure's API has one of its own
    assert counts["token"] == scopes
    assert counts["ping"] == 1
    read = [seen for seen in place.double.seen if seen.path.startswith(f"/v2/{PATH}/")]
    assert read
    assert all("Authorization" in seen.headers for seen in read), "nothing is tried without it"


async def test_an_empty_repository_has_no_tags(place: Place) -> None:
    place.double.warehouse.repositories[PATH] = {}
    async with place.double.serving(), place.client() as client:
        listing = await client.list_tags(place.where, at=AT)
    assert (listing.names, listing.scope, listing.gap) == (frozenset(), Scope.FULL, "")
    assert (listing.plain, listing.watermark) == (False, None)


async def test_a_repository_that_is_not_there_is_no_empty_one(place: Place) -> None:
    place.fill()
    where = Repository(registry=place.host, path="team/none")
    async with place.double.serving(), place.client() as client:
        with pytest.raises(NotFoundError):
            await client.list_tags(where, at=AT)
        assert await client.head(where, "v1") is None


async def test_a_deleted_tag_is_gone_from_everything(place: Place) -> None:
    place.fill()
    async with place.double.serving(), place.client() as client:
        known = served(await client.list_tags(place.where, at=AT))
        assert await client.head(place.where, "v0") is not None
        del place.double.warehouse.repositories[PATH]["v1"]
        listing = await client.list_tags(place.where, known=known, at=AT)
        assert listing.scope is Scope.FULL
        assert listing.names == {"v0", "v2"}
        assert await client.head(place.where, "v1") is None
        with pytest.raises(NotFoundError):
            await client.manifest(place.where, "v1")


@every_status
async def test_a_manifest_that_is_refused(
    place: Place, status: int, error: type[RegistryError]
) -> None:
    place.fill()
    place.refuse(Refusal(status=status), "head", "manifest")
    async with place.double.serving(), place.client(patience_seconds=0) as client:
        with pytest.raises(error, match=str(status)) as caught:
            await client.manifest(place.where, "v1")
        assert caught.value.status == status
        if status == 404:
            assert await client.head(place.where, "v1") is None
        else:
            with pytest.raises(error, match=str(status)):
                await client.head(place.where, "v1")


@every_status
async def test_a_listing_that_is_refused_is_not_empty(
    place: Place, status: int, error: type[RegistryError]
) -> None:
    """Whichever API is asked, and whichever takes its place."""
    place.fill()
    place.refuse(Refusal(status=status), "catalogue", "tags")
    async with place.double.serving(), place.client(patience_seconds=0) as client:
        with pytest.raises(error, match=str(status)):
            await client.list_tags(place.where, at=AT)


CUT = Refusal(status=200, body=b'{"name":"team/app","tags":["v0"]}', cut_off=True)


async def test_an_answer_that_is_cut_off_is_none(place: Place) -> None:
    """What came of it would have passed for the whole."""
    place.fill()
    place.refuse(CUT, "catalogue", "tags", "manifest")
    async with place.double.serving(), place.client(patience_seconds=0) as client:
        with pytest.raises(UnavailableError, match="broke"):
            await client.list_tags(place.where, at=AT)
        with pytest.raises(UnavailableError, match="broke"):
            await client.manifest(place.where, "v1")


async def test_an_answer_that_is_cut_off_once_is_asked_again(place: Place) -> None:
    place.fill()
    place.refuse(CUT, "catalogue", "tags", "manifest", times=1)
    async with place.double.serving(), place.client() as client:
        listing = await client.list_tags(place.where, at=AT)
        assert await digests(client, place.where, listing) == place.truth
        assert (await client.manifest(place.where, "v1")).digest == place.truth["v1"]
        assert not listing.plain
    assert not place.double.refusals["manifest"], "it was sent, and not taken"


async def test_a_clock_that_was_ahead_hides_nothing(place: Place) -> None:
    """A tag pushed in the far future is no watermark: what is pushed after it must be seen."""
    place.fill(250)
    place.double.warehouse.push(PATH, "future", at=AT + timedelta(days=3000))
    async with place.double.serving(), place.client() as client:
        first = await client.list_tags(place.where, at=AT)
        before = await digests(client, place.where, first)
        assert before == place.truth
        place.double.warehouse.push(PATH, "v9", build="2", at=AT + timedelta(hours=1))
        second = await client.list_tags(
            place.where, watermark=first.watermark, known=before, at=AT + timedelta(days=1)
        )
        now = await digests(client, place.where, second)
    assert {**before, **now} == place.truth


async def test_a_clock_that_is_wrong_costs_no_token(place: Place) -> None:
    """Were `issued_at` believed, a token of ten years ago would be asked anew each time."""
    place.fill()
    place.double.private.add(PATH)
    costs = []
    async with place.double.serving():
        for skew in (timedelta(), timedelta(days=3650), timedelta(days=-3650)):
            place.double.skew = skew
            async with place.client(logged_in=True) as client:
                for tag in ("v0", "v1", "v2"):
                    assert await client.head(place.where, tag) is not None
            costs.append(place.double.night())
    assert costs[0] == costs[1] == costs[2]
    assert costs[0]["head"] == 3
    assert costs[0]["token"] == (place.host != ECR)


async def test_a_digest_that_no_header_states_is_computed(place: Place) -> None:
    place.fill()
    place.double.states_digest = False
    async with place.double.serving(), place.client() as client:
        seen = await client.head(place.where, "v1")
        document = await client.manifest(place.where, "v2")
    assert seen is not None
    assert (seen.digest, document.digest) == (place.truth["v1"], place.truth["v2"])


LOOK_ALIKES = [
    alike
    for host in list(PLACES)[:-1]
    for alike in (f"{host}.evil.example", f"evil.example.{host}", f"{host}evil", f"{host}.")
] + [
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn.evil.example",
    "123456789012.dkr.ecr.evil.example/.amazonaws.com",
    "123456789012xdkr.ecr.eu-west-1.amazonaws.com",
    "123456789012.dkr.ecr.eu-west-1.amazonawsxcom",
    "acme.azurecrxio",
    "acme.azurecr.io.cn.evil.example",
    "gcrxio",
    "europe-dockerxpkg.dev",
    "pkg.dev.evil.example",
]


@pytest.mark.parametrize("host", LOOK_ALIKES)
async def test_what_only_looks_like_a_cloud_is_anybodys_registry(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the last line, and none of the logins that this machine has for clouds."""
    for name, value in CLOUD.items():
        monkeypatch.setenv(name, value)
    assert line_of(host, RegistrySettings()).kind == "distribution"
    async with registries({}, CLOUD | login("registry.example")) as opened:
        client = opened.client(host)
        found = await client.credentials.find(PATH)
    assert (client.line.catalogue, found.credential, found.problem) == ("oci", None, None)


def no_api(host: str, url: URL) -> Any:
    raise AssertionError(f"a login for {host} is asked for at {url.origin()}")


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
async def test_no_login_falls_for_a_look_alike_by_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the operator named it for that host."""
    for key, value in CLOUD.items():
        monkeypatch.setenv(key, value)
    environment = {**QUIET, **CLOUD, "PATH": os.defpath}
    context = CredentialContext(environment=environment, home=NOWHERE, api=no_api)
    source = load_member("credentials", name)(context)
    assert [host for host in LOOK_ALIKES if await source.find(host, PATH) is not None] == []
