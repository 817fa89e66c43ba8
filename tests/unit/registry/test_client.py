"""Putting a registry together: names, kinds, endpoints, credentials, proxies, what doctor tells."""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from tagwatch.errors import ConfigError, HostileAnswerError, UnavailableError
from tagwatch.family import CATALOGUES, CREDENTIALS, REGISTRIES
from tagwatch.image.digest import digest_of
from tagwatch.image.manifest import OCI_MANIFEST
from tagwatch.image.snapshot import Quota
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.diagnosis import diagnose
from tagwatch.registry.host import canonical_host, endpoints_of, line_of
from tagwatch.registry.interface import Registry
from tagwatch.registry.request.certificate import tls_context
from tagwatch.registry.request.network import Network, open_network
from tagwatch.registry.request.safety import Origin
from tagwatch.registry.settings import RegistrySettings
from tests.registry.harness import AT, DIGEST, MANIFEST, registries, registry_at, repository
from tests.registry.scripted import Exchange, scripted

PING = Exchange(method="GET", path="/v2/")
GOOD = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": DIGEST}
LOGIN = base64.b64encode(b"me:hunter2").decode()


def head(path: str = "app", **more: object) -> Exchange:
    return Exchange(method="HEAD", path=f"/v2/{path}/manifests/1", headers=GOOD, **more)  # type: ignore[arg-type]  # checked by use


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "docker.io",
            "Docker.IO",
            "index.docker.io",
            "registry-1.docker.io",
            "registry.hub.docker.com",
            "docker.io:443",
        ],
    )
    def test_docker_hub_has_one_name(self, name: str) -> None:
        assert canonical_host(name) == "docker.io"

    @pytest.mark.parametrize("name", ["docker.io.evil.example", "xdocker.io", "auth.docker.io"])
    def test_others_are_not_docker_hub(self, name: str) -> None:
        assert canonical_host(name) == name
        assert line_of(name, RegistrySettings()).token_hosts == ()

    def test_where_the_api_is(self) -> None:
        def urls(host: str, **settings: object) -> list[str]:
            chosen = RegistrySettings(**settings)  # type: ignore[arg-type]  # checked by use
            return [str(url).rstrip("/") for url in endpoints_of(host, chosen)]

        assert urls("docker.io") == ["https://registry-1.docker.io"]
        assert urls("ghcr.io") == ["https://ghcr.io"]
        assert urls("h:5000", insecure=True) == ["https://h:5000", "http://h:5000"]
        assert urls("docker.io", endpoint="http://m:1/hub/") == ["http://m:1/hub"]

    @pytest.mark.parametrize(
        "endpoint",
        ["mirror.example", "ftp://m", "https://u:hunter2@m", "https://m?x=1", "https://", "//m"],
    )
    def test_what_is_no_endpoint(self, endpoint: str) -> None:
        with pytest.raises(ConfigError, match=r"registries\.h\.endpoint: not an") as caught:
            endpoints_of("h", RegistrySettings(endpoint=endpoint))
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"


class TestTable:
    def test_every_line_has_members_that_exist(self) -> None:
        for _, _, credentials, catalogue in REGISTRIES:
            assert catalogue in CATALOGUES
            assert set(credentials) <= set(CREDENTIALS)

    async def test_every_line_makes_a_registry(self) -> None:
        settings = {
            f"host-{kind}.example": RegistrySettings(kind=kind) for _, kind, _, _ in REGISTRIES
        }
        async with registries(settings) as opened:
            for host in settings:
                registry: Registry = opened.of(host)
                assert isinstance(registry.has_catalogue, bool)
                assert dict(registry.requests) == {}
                assert registry.quota is None

    def test_an_unknown_kind_is_told(self) -> None:
        with pytest.raises(ConfigError, match=r"registries\.h\.kind.*'harbour'"):
            line_of("h", RegistrySettings(kind="harbour"))

    async def test_an_unknown_credential_is_told(self) -> None:
        async with registries({"h": RegistrySettings(credential="vault")}) as opened:
            with pytest.raises(ConfigError, match="no credential is called 'vault'"):
                opened.of("h")

    async def test_settings_are_found_by_every_name(self) -> None:
        async with scripted(PING, head("library/redis")) as server:
            settings = {"index.docker.io": RegistrySettings(endpoint=server.url)}
            async with registries(settings) as opened:
                assert opened.of("docker.io") is opened.of("registry-1.docker.io")
                assert await opened.of("docker.io").head(
                    repository("docker.io", "library/redis"), "1"
                )
                assert opened.requests == {"docker.io": {"ping": 1, "head": 1}}


class TestMirrorCredentials:
    """What is stored for the origin is not shown to a mirror, unless the operator says so."""

    @staticmethod
    def environment(*hosts: str) -> dict[str, str]:
        auths = {host: {"auth": LOGIN} for host in hosts}
        return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": auths})}

    @pytest.mark.parametrize("explicit", [False, True])
    async def test_the_origins_credential(self, explicit: bool) -> None:
        basic = {"WWW-Authenticate": 'Basic realm="x"'}
        value = f"Basic {LOGIN}" if explicit else None
        async with scripted(
            Exchange(method="GET", path="/v2/", status=401, headers=basic),
            head("library/redis", sends={"Authorization": value}),
        ) as server:
            settings = RegistrySettings(
                endpoint=server.url, credential="docker-config" if explicit else None
            )
            environment = self.environment("https://index.docker.io/v1/")
            async with registries({"docker.io": settings}, environment) as opened:
                redis = repository("docker.io", "library/redis")
                assert await opened.of("docker.io").head(redis, "1")

    async def test_the_mirrors_own_credential(self) -> None:
        basic = {"WWW-Authenticate": 'Basic realm="x"'}
        async with scripted(
            Exchange(method="GET", path="/v2/", status=401, headers=basic),
            head("library/redis", sends={"Authorization": f"Basic {LOGIN}"}),
        ) as server:
            settings = {"docker.io": RegistrySettings(endpoint=server.url)}
            async with registries(settings, self.environment(server.host)) as opened:
                redis = repository("docker.io", "library/redis")
                assert await opened.of("docker.io").head(redis, "1")


class TestPrefix:
    async def test_an_endpoint_with_a_path(self) -> None:
        async with scripted(
            Exchange(method="GET", path="/artifactory/api/docker/hub/v2/"),
            Exchange(
                method="HEAD",
                path="/artifactory/api/docker/hub/v2/app/manifests/1",
                headers=GOOD,
            ),
        ) as server:
            endpoint = f"{server.url}/artifactory/api/docker/hub/"
            async with registry_at(server.url, endpoint=endpoint) as registry:
                assert await registry.head(repository(server.host), "1")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class TestTls:
    async def test_a_client_certificate(self, authority: trustme.CA, tmp_path: Path) -> None:
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(server_tls)
        authority.configure_trust(server_tls)
        server_tls.verify_mode = ssl.CERT_REQUIRED
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        authority.issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(
            tmp_path / "me.pem"
        )
        ca, me = str(tmp_path / "ca.pem"), str(tmp_path / "me.pem")
        async with scripted(PING, head(), tls=server_tls) as server:
            async with registry_at(server.url, ca_file=ca, client_certificate=me) as registry:
                assert await registry.head(repository(server.host), "1")
            async with registry_at(server.url, ca_file=ca, patience_seconds=0) as registry:
                with pytest.raises(UnavailableError):
                    await registry.head(repository(server.host), "1")

    @pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_a_file_that_cannot_be_used(
        self, tmp_path: Path, field: str, content: str | None
    ) -> None:
        path = tmp_path / "x.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(ConfigError, match=r"x\.pem: the certificate file cannot be used"):
            tls_context(replace(RegistrySettings(), **{field: str(path)}))  # type: ignore[arg-type]  # checked by use


class TestProxies:
    @staticmethod
    async def proxies(environment: dict[str, str], *origins: Origin) -> list[str]:
        async with open_network(environment) as network:
            assert isinstance(network, Network)
            return [str(network.proxy_for(origin) or "").rstrip("/") for origin in origins]

    async def test_which_proxy_for_which_host(self) -> None:
        environment = {
            "HTTPS_PROXY": "http://secure:1",
            "http_proxy": "plain:2",
            "NO_PROXY": "localhost,.corp.example,exact.example:5000",
        }
        origins = {
            Origin("https", "ghcr.io", 443): "http://secure:1",
            Origin("http", "ghcr.io", 80): "http://plain:2",
            Origin("https", "a.corp.example", 443): "",
            Origin("https", "exact.example", 5000): "",
            Origin("https", "exact.example", 443): "http://secure:1",
            Origin("https", "127.0.0.1", 443): "",
            Origin("https", "localhost", 5000): "",
        }
        assert await self.proxies(environment, *origins) == list(origins.values())

    async def test_no_proxy_star(self) -> None:
        environment = {"HTTPS_PROXY": "http://secure:1", "NO_PROXY": "*"}
        assert await self.proxies(environment, Origin("https", "ghcr.io", 443)) == [""]

    @pytest.mark.parametrize("proxy", ["socks5://u:hunter2@h:1", "http://", "://", "ftp://h"])
    async def test_what_is_no_http_proxy(self, proxy: str) -> None:
        with pytest.raises(ConfigError, match="HTTP_PROXY or HTTPS_PROXY") as caught:
            await self.proxies({"HTTPS_PROXY": proxy})
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"

    async def test_a_plain_registry_through_a_proxy_with_a_login(self) -> None:
        sends = {"Proxy-Authorization": f"Basic {LOGIN}", "Authorization": None}
        async with scripted(
            Exchange(method="GET", path="http://registry.example/v2/", sends=sends),
            Exchange(
                method="HEAD",
                path="http://registry.example/v2/app/manifests/1",
                headers=GOOD,
                sends=sends,
            ),
        ) as proxy:
            environment = {"HTTP_PROXY": f"http://me:hunter2@{proxy.host}"}
            async with registry_at("http://registry.example", environment=environment) as registry:
                assert await registry.head(repository("registry.example"), "1")

    async def test_a_proxy_is_not_asked_for_a_private_place(self) -> None:
        """A hexadecimal 127.0.0.1 is a name to every URL parser: the proxy would resolve it."""
        body = b"{}"
        digest = digest_of(body)
        async with scripted(
            Exchange(method="GET", path="http://registry.example/v2/"),
            Exchange(
                method="GET",
                path=f"http://registry.example/v2/app/blobs/{digest}",
                status=307,
                headers={"Location": "https://0x7f000001/latest/meta-data"},
            ),
        ) as proxy:
            environment = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), f"http://{proxy.host}")
            async with registry_at("http://registry.example", environment=environment) as registry:
                with pytest.raises(HostileAnswerError, match="private address"):
                    await registry.blob(repository("registry.example"), digest, len(body))

    async def test_no_netrc_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        sends = {"Authorization": None}
        async with (
            scripted(Exchange(method="GET", path="/v2/", sends=sends), head(sends=sends)) as server,
            registry_at(server.url, home=tmp_path) as registry,
        ):
            assert await registry.head(repository(server.host), "1")

    async def test_a_server_chosen_host_is_not_reached_through_the_named_session(self) -> None:
        async with open_network({}) as network:
            assert network.session(guarded=True) is not network.session(guarded=False)


class TestDiagnosis:
    async def test_a_registry_that_answers(self) -> None:
        environment = {"DOCKER_AUTH_CONFIG": '{"auths":{"%s":{"auth":"%s"}}}'}
        async with scripted(PING) as server:
            environment["DOCKER_AUTH_CONFIG"] %= (server.host, LOGIN)
            settings = {server.host: RegistrySettings(endpoint=server.url)}
            async with registries(settings, environment) as opened:
                found = await diagnose(opened, server.host, at=AT)
        assert (found.endpoint, found.failure) == (server.url, None)
        assert found.credential == f"DOCKER_AUTH_CONFIG ({server.host})"
        assert (found.kind, found.catalogue, found.has_digests) == ("distribution", "oci", False)
        assert "hunter2" not in repr(found)

    async def test_a_registry_that_does_not(self) -> None:
        settings = {
            "127.0.0.1:1": RegistrySettings(endpoint="http://127.0.0.1:1", patience_seconds=0)
        }
        environment = {"DOCKER_AUTH_CONFIG": '{"credsStore":"nowhere"}', "PATH": "/nowhere"}
        async with registries(settings, environment) as opened:
            found = await diagnose(opened, "127.0.0.1:1", at=AT)
        assert isinstance(found.failure, UnavailableError)
        assert found.endpoint is None
        assert found.credential_problem is not None
        assert "docker-credential-nowhere" in found.credential_problem.message

    async def test_docker_hubs_quota_costs_nothing(self) -> None:
        limits = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "99;w=21600"}
        async with scripted(
            PING,
            Exchange(
                method="HEAD",
                path="/v2/ratelimitpreview/test/manifests/latest",
                headers={**GOOD, **limits},
            ),
        ) as server:
            settings = {"docker.io": RegistrySettings(endpoint=server.url)}
            async with registries(settings) as opened:
                found = await diagnose(opened, "docker.io", at=AT)
        assert found.quota == Quota(limit=100, remaining=99, window_seconds=21600)

    async def test_a_login_that_the_token_server_refuses(self) -> None:
        async with scripted() as server:
            realm = f'Bearer realm="{server.url}/token",service="s"'
            server.expect(
                Exchange(
                    method="GET", path="/v2/", status=401, headers={"WWW-Authenticate": realm}
                ),
                Exchange(
                    method="GET",
                    path="/token?service=s&scope=repository:app:pull&client_id=tagwatch",
                    status=403,
                ),
            )
            settings = {server.host: RegistrySettings(endpoint=server.url)}
            async with registries(settings) as opened:
                found = await diagnose(opened, server.host, "app", at=AT)
        assert found.endpoint == server.url
        assert found.failure is not None
        assert found.failure.code == "denied"


async def test_a_hostile_registry_cannot_reach_another_that_the_operator_named() -> None:
    """Trust is one registry's own: what is home to one is foreign to the next."""

    async with scripted() as internal, scripted() as hostile:
        path = f"/v2/app/blobs/{DIGEST}"
        hostile.expect(
            PING,
            Exchange(
                method="GET", path=path, status=307, headers={"Location": f"{internal.url}/admin"}
            ),
        )
        settings = {
            internal.host: RegistrySettings(endpoint=internal.url),
            hostile.host: RegistrySettings(endpoint=hostile.url),
        }
        async with registries(settings) as opened:
            assert isinstance(opened.of(internal.host), RegistryClient)
            with pytest.raises(HostileAnswerError):
                await opened.of(hostile.host).blob(repository(hostile.host), DIGEST, len(MANIFEST))
        assert internal.seen == []
