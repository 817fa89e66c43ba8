"""The client against the CNCF distribution registry: open, Basic, Bearer, TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagwatch.errors import DeniedError, HostileAnswerError, NotFoundError, UnavailableError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.image_config import parse_image_config
from tagwatch.image.manifest import Index, Manifest, parse_manifest
from tagwatch.image.snapshot import Scope
from tagwatch.registry.client import RegistryClient
from tests.registry.conftest import SAMPLES, Certificates
from tests.registry.distribution import (
    PASSWORD,
    USER,
    Distribution,
    TokenServer,
    distribution,
    token_server,
)
from tests.registry.harness import AT, registry_at, repository
from tests.registry.images import ImageLibrary, Login


class TestOpen:
    async def test_tags_digests_and_documents(
        self, open_distribution: Distribution, library: ImageLibrary
    ) -> None:
        async with registry_at(open_distribution.url) as registry:
            for name in SAMPLES:
                shop = repository(open_distribution.host, f"shop/{name}")
                listing = await registry.list_tags(shop, at=AT)
                assert (listing.names, listing.scope) == (frozenset({"1"}), Scope.FULL)
                seen = await registry.head(shop, "1")
                assert seen is not None
                assert seen.digest == library.digests[name]
                document = await registry.manifest(shop, "1")
                assert document.raw == library.blob(library.digests[name])
                assert (document.digest, document.media_type) == (seen.digest, seen.media_type)

    async def test_an_index_and_its_configs(
        self, open_distribution: Distribution, library: ImageLibrary
    ) -> None:
        shop = repository(open_distribution.host, "shop/multi")
        async with registry_at(open_distribution.url) as registry:
            document = await registry.manifest(shop, "1")
            index = parse_manifest(document.raw, document.media_type)
            assert isinstance(index, Index)
            platforms = set()
            for entry in index.images:
                child = await registry.manifest(shop, entry.digest)
                manifest = parse_manifest(child.raw, child.media_type)
                assert isinstance(manifest, Manifest)
                config = await registry.blob(shop, manifest.config.digest, manifest.config.size)
                platforms.add(str(parse_image_config(config.raw).platform))
            assert platforms == {"linux/amd64", "linux/arm64"}

    async def test_the_samples_share_what_they_should(self, library: ImageLibrary) -> None:
        """The images that other tests build upon have the layers that their names promise."""

        def layers(name: str) -> list[str]:
            return [layer["digest"] for layer in library.manifest(name)["layers"]]

        def diff_ids(name: str) -> tuple[Digest, ...]:
            return parse_image_config(library.blob(library.config_digest(name))).diff_ids

        assert layers("base-1")[0] == layers("base-2")[0]
        assert layers("base-1")[1] != layers("base-2")[1]
        assert layers("app-1")[:2] == layers("base-1")
        assert layers("app-2")[:2] == layers("base-2")
        assert not set(layers("app-zstd")) & set(layers("app-1"))
        assert diff_ids("app-zstd") == diff_ids("app-1")

    async def test_what_does_not_exist(self, open_distribution: Distribution) -> None:
        host = open_distribution.host
        async with registry_at(open_distribution.url) as registry:
            app = repository(host, "shop/app-1")
            assert await registry.head(app, "9") is None
            with pytest.raises(NotFoundError, match="404 MANIFEST_UNKNOWN"):
                await registry.manifest(app, "9")
            with pytest.raises(NotFoundError, match="404 NAME_UNKNOWN"):
                await registry.list_tags(repository(host, "nobody/nothing"), at=AT)
            with pytest.raises(NotFoundError):
                await registry.blob(app, digest_of(b"nothing"), 2)
            assert await registry.referrers(app, digest_of(b"nothing")) is None

    async def test_the_catalog(self, open_distribution: Distribution) -> None:
        async with registry_at(open_distribution.url) as registry:
            found = await registry.list_repositories("shop/base-")
            assert {r.path for r in found} == {"shop/base-1", "shop/base-2"}

    async def test_a_blob_that_is_no_config_is_capped_by_its_promise(
        self, open_distribution: Distribution, library: ImageLibrary
    ) -> None:
        app = repository(open_distribution.host, "shop/app-1")
        layer = library.manifest("app-1")["layers"][0]
        async with registry_at(open_distribution.url) as registry:
            whole = await registry.blob(app, layer["digest"], layer["size"])
            assert digest_of(whole.raw) == layer["digest"]
            with pytest.raises(HostileAnswerError):
                await registry.blob(app, layer["digest"], layer["size"] - 1)

    async def test_an_unchanged_night_costs_a_head_a_tag(
        self, open_distribution: Distribution
    ) -> None:
        """Counted by the registry's own log: no ping a repository, no token, no manifest GET."""
        before = len(open_distribution.requests())
        async with registry_at(open_distribution.url, concurrency=4) as registry:
            await asyncio.gather(
                *(
                    registry.head(repository(open_distribution.host, f"shop/{name}"), "1")
                    for name in SAMPLES
                )
            )
            assert dict(registry.requests) == {"ping": 1, "head": len(SAMPLES)}
        seen = open_distribution.requests()[before:]
        assert sorted(seen) == sorted(
            ["GET /v2/ 200", *(f"HEAD /v2/shop/{name}/manifests/1 200" for name in SAMPLES)]
        )


class TestBasic:
    async def test_with_and_without_the_login(
        self, basic_distribution: Distribution, docker_home: Path, library: ImageLibrary
    ) -> None:
        app = repository(basic_distribution.host, "private/app")
        async with registry_at(basic_distribution.url, home=docker_home) as registry:
            seen = await registry.head(app, "1")
            assert seen is not None
            assert seen.digest == library.digests["app-1"]
            assert dict(registry.requests) == {"ping": 1, "head": 1}
        async with registry_at(basic_distribution.url) as registry:
            with pytest.raises(DeniedError, match="401"):
                await registry.head(app, "1")

    async def test_a_wrong_password_is_denied_and_not_shown(
        self, basic_distribution: Distribution
    ) -> None:
        config = '{"auths":{"%s":{"username":"reader","password":"wrong-horse"}}}'
        environment = {"DOCKER_AUTH_CONFIG": config % basic_distribution.host}
        async with registry_at(basic_distribution.url, environment=environment) as registry:
            with pytest.raises(DeniedError) as caught:
                await registry.head(repository(basic_distribution.host, "private/app"), "1")
        assert "the credential from DOCKER_AUTH_CONFIG" in caught.value.hint
        assert "wrong-horse" not in f"{caught.value!r} {caught.value.hint}"


@pytest.fixture
def pushed_once(tmp_path_factory: pytest.TempPathFactory, library: ImageLibrary) -> Iterator[Path]:
    """Data of a registry that holds `public/app:1` and `private/app:1`."""
    folder = tmp_path_factory.mktemp("token")
    with distribution(folder) as server:
        for path in ("public/app", "private/app"):
            library.push("app-1", f"{server.host}/{path}:1")
    yield folder


class TestBearer:
    async def test_tokens_that_the_registry_verifies(
        self, pushed_once: Path, certificates: Certificates
    ) -> None:
        config = '{"auths":{"%s":{"username":"%s","password":"%s"}}}'
        async with token_server(certificates.key, certificates.certificate) as tokens:
            with distribution(
                pushed_once,
                auth="token",
                token_realm=tokens.url,
                token_bundle=certificates.certificate,
            ) as server:
                environment = {"DOCKER_AUTH_CONFIG": config % (server.host, USER, PASSWORD)}
                named = (tokens.url.removeprefix("http://").removesuffix("/token"),)
                async with registry_at(
                    server.url, environment=environment, token_hosts=named
                ) as registry:
                    await self._read(registry, server, tokens)
                async with registry_at(server.url, token_hosts=named) as registry:
                    public = repository(server.host, "public/app")
                    assert await registry.head(public, "1") is not None
                    with pytest.raises(DeniedError, match="401"):
                        await registry.head(repository(server.host, "private/app"), "1")
                async with registry_at(server.url, environment=environment) as registry:
                    with pytest.raises(HostileAnswerError):
                        await registry.head(repository(server.host, "private/app"), "1")

    @staticmethod
    async def _read(registry: RegistryClient, server: Distribution, tokens: TokenServer) -> None:
        private = repository(server.host, "private/app")
        heads = await asyncio.gather(*(registry.head(private, "1") for _ in range(5)))
        assert all(heads)
        await registry.list_tags(private, at=AT)
        assert tokens.granted == [(USER, ("repository:private/app:pull",))]
        assert registry.requests["token"] == 1
        found = await registry.list_repositories("")
        assert {r.path for r in found} == {"public/app", "private/app"}
        assert tokens.granted[1:] == [(USER, ("registry:catalog:*",))]


class TestTls:
    async def test_a_private_authority(
        self, tls_distribution: Distribution, certificates: Certificates, library: ImageLibrary
    ) -> None:
        app = repository(tls_distribution.host)
        async with registry_at(
            tls_distribution.url, ca_file=str(certificates.authority)
        ) as registry:
            seen = await registry.head(app, "1")
            assert seen is not None
            assert seen.digest == library.digests["app-1"]
        async with registry_at(tls_distribution.url) as registry:
            with pytest.raises(UnavailableError, match="certificate cannot be trusted") as caught:
                await registry.head(app, "1")
            assert "ca_file" in caught.value.hint

    async def test_insecure_takes_any_certificate_or_plain_http(
        self, tls_distribution: Distribution, open_distribution: Distribution
    ) -> None:
        for server, path in ((tls_distribution, "app"), (open_distribution, "shop/app-1")):
            async with registry_at(f"x://{server.host}", endpoint=None, insecure=True) as registry:
                assert await registry.head(repository(server.host, path), "1")

    async def test_plain_http_is_not_tried_otherwise(self, open_distribution: Distribution) -> None:
        async with registry_at(f"x://{open_distribution.host}", endpoint=None) as registry:
            with pytest.raises(UnavailableError, match="no TLS connection") as caught:
                await registry.head(repository(open_distribution.host, "shop/app-1"), "1")
            assert "insecure" in caught.value.hint


async def test_a_registry_with_credentials_may_be_pushed_to_by_the_tests(
    basic_distribution: Distribution, library: ImageLibrary, docker_home: Path
) -> None:
    login = Login(credentials=f"{USER}:{PASSWORD}")
    digest = library.push("app-2", f"{basic_distribution.host}/private/app:2", login)
    async with registry_at(basic_distribution.url, home=docker_home) as registry:
        seen = await registry.head(repository(basic_distribution.host, "private/app"), "2")
        assert seen is not None
        assert seen.digest == digest
