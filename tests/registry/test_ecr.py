"""Amazon ECR once more: moto's API, and CNCF distribution behind it for `/v2/`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.session import Session

from tagwatch.errors import NotFoundError
from tagwatch.image.manifest import OCI_INDEX
from tagwatch.image.reference import Repository
from tagwatch.registry.settings import RegistrySettings
from tests.registry.distribution import Distribution
from tests.registry.doubles.ecr import ACCOUNT, ENVIRONMENT, HOST
from tests.registry.harness import AT, registries


@pytest.fixture(autouse=True)
def aws_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads the process's own environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


async def test_a_listing_and_an_image(moto_url: str, open_distribution: Distribution) -> None:
    client = Session().create_client("ecr", region_name="eu-west-1", endpoint_url=moto_url)
    client.create_repository(registryId=ACCOUNT, repositoryName="shop/app-1")
    manifest = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    digests = {}
    for number in range(3):
        pushed = client.put_image(
            repositoryName="shop/app-1",
            imageManifest=json.dumps({**manifest, "annotations": {"n": str(number)}}),
            imageManifestMediaType=OCI_INDEX,
            imageTag=f"1.{number}",
        )
        digests[f"1.{number}"] = pushed["image"]["imageId"]["imageDigest"]
    settings = RegistrySettings(
        endpoint=open_distribution.url, catalogue_endpoint=moto_url, credential="aws"
    )
    here = Repository(registry=HOST, path="shop/app-1")
    async with registries({HOST: settings}, ENVIRONMENT) as opened:
        registry = opened.client(HOST)
        listing = await registry.list_tags(here, at=AT)
        found = await registry.list_repositories("shop/")
        credential = (await registry.credentials.find("shop/app-1")).credential
        image = await registry.manifest(here, "1")
        with pytest.raises(NotFoundError):
            await registry.list_tags(Repository(registry=HOST, path="shop/none"), at=AT)
    assert {one.tag: str(one.digest) for one in listing.observations} == digests
    assert listing.observations[0].pushed_at is not None
    assert [one.path for one in found] == ["shop/app-1"]
    assert credential is not None
    assert credential.username == "AWS"
    assert image.raw
    assert registry.requests["catalogue"] == 3
