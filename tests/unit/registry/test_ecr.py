"""Amazon ECR: hosts, the API's login, pages and errors."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tagwatch.errors import (
    CredentialError,
    DeniedError,
    HostileAnswerError,
    NotFoundError,
    RateLimitedError,
)
from tagwatch.image.manifest import OCI_INDEX
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.registry.aws import AwsLogin, ecr_place
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.host import line_of
from tagwatch.registry.request import pace
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.ecr import ENVIRONMENT, HOST, SAMPLES, EcrDouble
from tests.registry.doubles.warehouse import Refusal
from tests.registry.harness import AT, registries

APP = Repository(registry=HOST, path="team/app")


@pytest.fixture(autouse=True)
def aws_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads the process's own environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pace, "_FIRST_PAUSE_SECONDS", 0.01)


@asynccontextmanager
async def ecr(
    double: EcrDouble, environment: Mapping[str, str] = ENVIRONMENT, **more: Any
) -> AsyncIterator[RegistryClient]:
    chosen: dict[str, Any] = {
        "endpoint": double.url,
        "catalogue_endpoint": double.url,
        "credential": "aws",
        **more,
    }
    async with registries({HOST: RegistrySettings(**chosen)}, environment) as opened:
        yield opened.client(HOST)


def refusal(name: str) -> Refusal:
    return Refusal(status=400, body=json.dumps(SAMPLES[name]).encode())


class TestHosts:
    @pytest.mark.parametrize(
        ("host", "region", "fips", "dual_stack", "api"),
        [
            (HOST, "eu-west-1", False, False, "https://api.ecr.eu-west-1.amazonaws.com"),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", True, False,
             "https://api.ecr-fips.us-east-1.amazonaws.com"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", True, False,
             "https://api.ecr-fips.us-gov-west-1.amazonaws.com"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", False, False,
             "https://api.ecr.cn-north-1.amazonaws.com.cn"),
            ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", False, False,
             "https://api.ecr.eusc-de-east-1.amazonaws.eu"),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1", False, True,
             "https://ecr.eu-west-1.api.aws"),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "us-east-1", True, True,
             "https://ecr-fips.us-east-1.api.aws"),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", False, False,
             "https://api.ecr.us-iso-east-1.c2s.ic.gov"),
            ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", False, False,
             "https://api.ecr.us-isob-east-1.sc2s.sgov.gov"),
            ("123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", False, False,
             "https://api.ecr.eu-isoe-west-1.cloud.adc-e.uk"),
            ("123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", False, False,
             "https://api.ecr.us-isof-south-1.csp.hci.ic.gov"),
            ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", False,
             True, "https://ecr.cn-north-1.api.amazonwebservices.com.cn"),
            ("public.ecr.aws", "us-east-1", False, False,
             "https://api.ecr-public.us-east-1.amazonaws.com"),
        ],
    )  # fmt: skip
    async def test_where_the_api_is(
        self, host: str, region: str, fips: bool, dual_stack: bool, api: str
    ) -> None:
        place = ecr_place(host)
        assert place is not None
        assert line_of(host, RegistrySettings()).kind.startswith("ecr"), "the table knows it too"
        assert (place.region, place.fips, place.dual_stack) == (region, fips, dual_stack)
        assert str(await AwsLogin().endpoint(place)).rstrip("/") == api

    @pytest.mark.parametrize(
        "host",
        [
            f"{HOST}.evil.example",
            f"evil.example.{HOST}",
            f"x{HOST}",
            f"{HOST}:443",
            f"{HOST}\n",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn.evil.example",
            "12345678901.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu.west.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws-com.example",
            "١٢٣٤٥٦٧٨٩٠١٢.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov.evil.example",
            "123456789012.dkr.ecr.us-iso-east-1.c2s-ic.gov",
            "public.ecr.aws.evil.example",
            "xpublic.ecr.aws",
        ],
    )
    def test_what_only_looks_like_amazon(self, host: str) -> None:
        assert ecr_place(host) is None
        assert line_of(host.strip(), RegistrySettings()).kind == "distribution" or "\n" in host


class TestListing:
    async def test_digests_tags_and_dates(self) -> None:
        double = EcrDouble()
        at = datetime(2026, 11, 2, 7, 30, tzinfo=UTC)
        digest = double.warehouse.push(APP.path, "1.0", at=at)
        double.warehouse.repositories[APP.path]["latest"] = double.warehouse.repositories[APP.path][
            "1.0"
        ]
        async with double.serving(), ecr(double) as registry:
            assert registry.has_catalogue
            listing = await registry.list_tags(APP, at=AT)
        assert {one.tag: one.digest for one in listing.observations} == {
            "1.0": digest,
            "latest": digest,
        }
        one = listing.observations[0]
        assert (one.pushed_at, one.size, one.media_type) == (at, 28000000, OCI_INDEX)
        assert (listing.scope, listing.names) == (Scope.FULL, frozenset({"1.0", "latest"}))
        assert double.counts == {"catalogue": 1}

    async def test_many_pages(self) -> None:
        double = EcrDouble()
        double.page = 40
        for number in range(100):
            double.warehouse.push(APP.path, f"1.{number}")
        async with double.serving(), ecr(double) as registry:
            assert len((await registry.list_tags(APP, at=AT)).observations) == 100
            assert registry.requests == {"catalogue": 3}

    async def test_pages_without_an_end(self) -> None:
        double = EcrDouble()
        double.page = 1
        double.next_token = lambda start: "1"
        for number in range(3):
            double.warehouse.push(APP.path, f"1.{number}")
        async with double.serving(), ecr(double) as registry:
            with pytest.raises(HostileAnswerError, match="without an end"):
                await registry.list_tags(APP, at=AT)

    async def test_what_cannot_be_a_tag_or_digest(self) -> None:
        double = EcrDouble()
        for tag in ("good", "odd", "bad"):
            double.warehouse.push(APP.path, tag)

        def edit(entry: dict[str, Any]) -> None:
            if entry["imageTags"] == ["odd"]:
                entry["imageTags"] = ["<b>", "odd"]
            if entry["imageTags"] == ["bad"]:
                entry["imageDigest"] = "sha256:../../etc"

        double.edit = edit
        async with double.serving(), ecr(double) as registry:
            listing = await registry.list_tags(APP, at=AT)
        assert listing.names == {"good", "odd", "bad"}
        assert listing.undigested == {"bad"}, "a tag that is listed is not gone"
        assert listing.warnings == ("1 listed names cannot be tags and were passed over",)

    async def test_repositories_below_a_prefix(self) -> None:
        double = EcrDouble()
        double.page = 2
        for path in ("team/app", "team/web", "team2/app", "other/app"):
            double.warehouse.push(path, "1")
        async with double.serving(), ecr(double) as registry:
            found = await registry.list_repositories("team/")
        assert {str(one) for one in found} == {f"{HOST}/team/app", f"{HOST}/team/web"}

    async def test_a_repository_that_does_not_exist(self) -> None:
        double = EcrDouble()
        async with double.serving(), ecr(double) as registry:
            with pytest.raises(NotFoundError) as caught:
                await registry.list_tags(APP, at=AT)
        assert "RepositoryNotFoundException" in caught.value.message


class TestLogin:
    async def test_one_password_opens_the_registry(self) -> None:
        double = EcrDouble()
        digest = double.warehouse.push(APP.path, "1.0")
        double.warehouse.push("team/web", "1.0")
        double.private.add(APP.path)
        web = Repository(registry=HOST, path="team/web")
        async with double.serving(), ecr(double) as registry:
            assert (await registry.manifest(APP, "1.0")).digest == digest
            assert await registry.head(web, "1.0")
            found = await registry.credentials.find(APP.path)
        assert double.counts == {"ping": 1, "api-token": 1, "manifest": 1, "head": 1}
        assert found.credential is not None
        assert found.credential.origin == "the AWS login (env)"

    async def test_a_login_that_may_not_list_falls_back(self) -> None:
        double = EcrDouble()
        double.warehouse.push(APP.path, "1.0")
        double.private.add(APP.path)
        double.refusals["catalogue"] = [refusal("access_denied")]
        async with double.serving(), ecr(double) as registry:
            listing = await registry.list_tags(APP, at=AT)
        assert listing.plain
        assert listing.names == {"1.0"}
        assert "AccessDeniedException" in listing.warnings[0]

    async def test_an_expired_login_is_told(self) -> None:
        double = EcrDouble()
        double.warehouse.push(APP.path, "1.0")
        double.private.add(APP.path)
        double.refusals["api-token"] = [refusal("expired")]
        async with double.serving(), ecr(double) as registry:
            with pytest.raises(DeniedError) as caught:
                await registry.manifest(APP, "1.0")
        assert "log in again" in caught.value.hint
        for secret in ENVIRONMENT.values():
            if secret != "true":
                assert secret not in f"{caught.value.message} {caught.value.hint}"

    async def test_throttling_is_waited_out_or_told(self) -> None:
        double = EcrDouble()
        double.warehouse.push(APP.path, "1.0")
        double.refusals["catalogue"] = [refusal("throttled")] * 2
        async with double.serving(), ecr(double) as registry:
            assert (await registry.list_tags(APP, at=AT)).names == {"1.0"}
            double.refusals["catalogue"] = [refusal("throttled")] * 4
            with pytest.raises(RateLimitedError, match="ThrottlingException"):
                await registry.list_tags(APP, at=AT)
        assert double.counts["catalogue"] == 3 + 4

    async def test_without_a_login_the_static_one_serves(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        double = EcrDouble()
        double.warehouse.push(APP.path, "1.0")
        double.private.add(APP.path)
        auth = base64.b64encode(b"AWS:twelve-hours").decode()
        async with double.serving():
            environment = {
                "AWS_EC2_METADATA_DISABLED": "true",
                "DOCKER_AUTH_CONFIG": json.dumps({"auths": {double.host: {"auth": auth}}}),
            }
            async with ecr(double, environment, credential=None) as registry:
                listing = await registry.list_tags(APP, at=AT)
        assert listing.plain
        assert listing.names == {"1.0"}
        assert "no AWS login was found" in listing.warnings[0]

    async def test_without_botocore_a_private_registry_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
        with pytest.raises(CredentialError) as caught:
            await AwsLogin().origin()
        assert caught.value.hint == "pip install 'tagwatch[aws]'"

    @pytest.mark.parametrize("host", ["public.ecr.aws", f"{HOST}.evil.example", "docker.io"])
    async def test_nobody_else_has_a_search_for_an_aws_login(
        self, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
        async with registries({}) as opened:
            found = await opened.client(host).credentials.find("x/y")
        assert (found.credential, found.problem) == (None, None)
