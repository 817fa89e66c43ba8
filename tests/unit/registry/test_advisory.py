"""What went wrong in other clients: one test for each advisory, named by it."""

from __future__ import annotations

import ast
import base64
import gzip
import io
import json
import ssl
import tarfile
from pathlib import Path

import pytest
import trustme
from aiohttp.test_utils import TestClient, TestServer

import tagwatch.registry
from tagwatch.errors import DeniedError, HostileAnswerError, NotFoundError, RegistryError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import OCI_MANIFEST
from tagwatch.image.reference import Repository
from tagwatch.registry.credential.interface import Credential
from tagwatch.registry.local.layout import open_layout
from tagwatch.registry.login.challenge import Challenge
from tagwatch.registry.login.token import TokenCache
from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.registry import application
from tests.registry.harness import AT, DIGEST, MANIFEST, registries, registry_at, repository
from tests.registry.scripted import Exchange, Scripted, scripted

PING = Exchange(method="GET", path="/v2/")
GOOD = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": DIGEST}
LOGIN = base64.b64encode(b"me:hunter2").decode()
BASIC = {"WWW-Authenticate": 'Basic realm="x"'}
CONFIG = digest_of(b"{}")
BLOB = f"/v2/app/blobs/{CONFIG}"
METADATA = "https://169.254.169.254/latest/meta-data/iam/security-credentials/"


def login(*hosts: str, **entry: str) -> dict[str, str]:
    auths = {host: entry or {"auth": LOGIN} for host in hosts}
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": auths})}


def get(path: str = "/v2/app/manifests/1", **answer: object) -> Exchange:
    return Exchange(method="GET", path=path, **answer)  # type: ignore[arg-type]  # checked by use


def locked(challenge: dict[str, str]) -> Exchange:
    return get("/v2/", status=401, headers=challenge)


def bearer(realm: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'}


def clean(thief: Scripted) -> None:
    """Nothing came that could be used."""
    for seen in thief.seen:
        text = f"{seen.path} {dict(seen.headers)} {seen.body!r}"
        assert LOGIN not in text
        assert "hunter2" not in text


async def test_cve_2026_48978_a_realm_gets_no_password_it_was_not_named_for() -> None:
    async with scripted() as thief, scripted(locked(bearer(f"{thief.url}/token"))) as server:
        async with registry_at(server.url, environment=login(server.host)) as registry:
            with pytest.raises(HostileAnswerError):
                await registry.head(repository(server.host), "1")
        assert thief.seen == []


async def test_cve_2026_33540_nor_does_the_realm_of_a_mirrors_upstream() -> None:
    """A pull-through cache answers with a challenge that its upstream chose."""
    async with scripted(locked(bearer(METADATA))) as server:
        environment = login("docker.io", server.host)
        async with registry_at(server.url, environment=environment) as registry:
            with pytest.raises(HostileAnswerError, match="no public address"):
                await registry.head(repository(server.host), "1")


async def test_cve_2020_15157_the_urls_of_a_foreign_layer_are_not_fetched() -> None:
    async with scripted() as thief, scripted() as server:
        layer = {
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": CONFIG,
            "size": 2,
            "urls": [f"{thief.url}/layer"],
        }
        raw = json.dumps({"schemaVersion": 2, "config": layer, "layers": [layer]}).encode()
        server.expect(locked(BASIC), get(body=raw), get(BLOB, body=b"{}"))
        async with registry_at(server.url, environment=login(server.host)) as registry:
            app = repository(server.host)
            await registry.manifest(app, "1")
            await registry.blob(app, CONFIG, 2)
        assert thief.seen == []


async def test_cve_2026_49349_nor_where_the_registry_lacks_the_blob() -> None:
    async with scripted() as thief, scripted() as server:
        descriptor = {"digest": CONFIG, "size": 2, "urls": [f"{thief.url}/layer"]}
        raw = json.dumps({"config": descriptor, "layers": [descriptor]}).encode()
        server.expect(locked(BASIC), get(body=raw), get(BLOB, status=404))
        async with registry_at(server.url, environment=login(server.host)) as registry:
            await registry.manifest(repository(server.host), "1")
            with pytest.raises(NotFoundError):
                await registry.blob(repository(server.host), CONFIG, 2)
        assert thief.seen == []


async def test_cve_2026_24845_a_login_is_one_hosts_alone() -> None:
    async with scripted(
        locked(BASIC), Exchange(method="HEAD", path="/v2/app/manifests/1", status=401)
    ) as other:
        environment = login("docker.io", "ghcr.io", "127.0.0.1", "127.0.0.1:1", f"x{other.host}")
        async with registry_at(other.url, environment=environment) as registry:
            with pytest.raises(DeniedError):
                await registry.head(repository(other.host), "1")
        clean(other)


async def test_ghsa_vh4v_2xq2_g5cg_another_port_is_another_origin() -> None:
    async with scripted(get("/x", body=b"{}", sends={"Authorization": None})) as thief:
        redirect = get(BLOB, status=307, headers={"Location": f"{thief.url}/x"})
        async with (
            scripted(locked(BASIC), redirect) as server,
            registry_at(
                server.url, environment=login(server.host), redirect_hosts=(thief.url,)
            ) as registry,
        ):
            await registry.blob(repository(server.host), CONFIG, 2)
        clean(thief)


async def test_ghsa_vh4v_2xq2_g5cg_another_scheme_is_another_origin(tmp_path: Path) -> None:
    """From https to http on the same host: not with credentials, and not at all."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with scripted() as plain, scripted(tls=tls) as server:
        server.expect(locked(BASIC), get(BLOB, status=307, headers={"Location": f"{plain.url}/x"}))
        async with registry_at(
            server.url,
            environment=login(server.host),
            ca_file=str(tmp_path / "ca.pem"),
            redirect_hosts=(plain.url,),
        ) as registry:
            with pytest.raises(HostileAnswerError, match="from https to http"):
                await registry.blob(repository(server.host), CONFIG, 2)
        assert plain.seen == []


def test_ghsa_jxpm_75mh_9fp7_nothing_is_ever_pushed() -> None:
    """No upload, so no upload's `Location`: no writing method stands anywhere in the room."""
    folder = Path(next(iter(tagwatch.registry.__path__)))
    words = {
        node.value
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert words & {"GET", "HEAD"}
    assert not words & {"PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize(
    "target", [f"<{METADATA}>", "<//evil.example/x?last=1>", "<https://e/x?last=1>"]
)
async def test_ggcr_2332_the_next_page_is_on_the_same_host(target: str) -> None:
    page = get(
        "/v2/app/tags/list?n=1000", headers={"Link": f"{target}; rel=next"}, body={"tags": ["1"]}
    )
    async with (
        scripted(locked(BASIC), page) as server,
        registry_at(server.url, environment=login(server.host)) as registry,
    ):
        with pytest.raises(HostileAnswerError, match="another host"):
            await registry.list_tags(repository(server.host), at=AT)


@pytest.mark.parametrize("place", ["http://127.0.0.1:1/x", "https://127.0.0.1/y"])
async def test_a_next_page_on_another_port_or_scheme_is_asked_where_the_first_was(
    place: str,
) -> None:
    """A proxy that ends TLS is not known to the registry behind it: only the query is used."""
    first = get(
        "/v2/app/tags/list?n=1000",
        headers={"Link": f"<{place}?last=1&n=1000>; rel=next"},
        body={"tags": ["1"]},
    )
    async with (
        scripted(
            locked(BASIC), first, get("/v2/app/tags/list?last=1&n=1000", body={"tags": ["2"]})
        ) as server,
        registry_at(server.url, environment=login(server.host)) as registry,
    ):
        listing = await registry.list_tags(repository(server.host), at=AT)
    assert listing.names == {"1", "2"}


@pytest.mark.parametrize("place", [METADATA, "https://[fd00:ec2::254]/", "https://localhost/"])
async def test_ggcr_2292_redirects_do_not_reach_the_metadata_service(place: str) -> None:
    async with (
        scripted(PING, get(BLOB, status=302, headers={"Location": place})) as server,
        registry_at(server.url) as registry,
    ):
        with pytest.raises(HostileAnswerError):
            await registry.blob(repository(server.host), CONFIG, 2)


async def test_cve_2025_24882_a_header_does_not_vouch_for_a_body() -> None:
    other = MANIFEST + b"\n"
    for stated in (DIGEST, digest_of(other)):
        headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": stated}
        path = f"/v2/app/manifests/{DIGEST}"
        async with (
            scripted(PING, get(path, headers=headers, body=other)) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError):
                await registry.manifest(repository(server.host), DIGEST)


async def test_cve_2025_24882_nor_for_a_pin_that_is_asked_for_without_its_body() -> None:
    """A HEAD by digest that is answered for another digest does not say that the pin is there."""
    headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": DIGEST}
    other = digest_of(MANIFEST + b" ")
    head = Exchange(method="HEAD", path=f"/v2/app/manifests/{other}", headers=headers)
    async with scripted(PING, head) as server, registry_at(server.url) as registry:
        with pytest.raises(HostileAnswerError, match="sends the digest"):
            await registry.head(repository(server.host), other)


@pytest.mark.parametrize("text", ["sha256:../../x", "sha256:" + "A" * 64, "x:y", "sha256:"])
async def test_cve_2024_3727_digests_are_validated(text: str) -> None:
    headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": text}
    child = json.dumps({"manifests": [{"digest": text, "size": 1}]})
    async with (
        scripted(
            PING,
            Exchange(method="HEAD", path="/v2/app/manifests/1", headers=headers),
            get(body=child),
        ) as server,
        registry_at(server.url) as registry,
    ):
        app = repository(server.host)
        with pytest.raises(HostileAnswerError, match="a digest that is none"):
            await registry.head(app, "1")
        with pytest.raises(HostileAnswerError, match="not a digest"):
            await registry.manifest(app, "1")
        with pytest.raises(RegistryError):
            await registry.blob(app, Digest(text), 2)


async def test_cve_2021_41190_a_document_is_one_thing() -> None:
    raw = b'{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}'
    async with (
        scripted(PING, get(headers={"Content-Type": OCI_MANIFEST}, body=raw)) as server,
        registry_at(server.url) as registry,
    ):
        with pytest.raises(HostileAnswerError, match="both an index and a manifest"):
            await registry.manifest(repository(server.host), "1")


async def test_cve_2020_1702_nothing_is_read_without_bound() -> None:
    huge = b" " * (33 * 1024 * 1024)
    async with (
        scripted(
            PING,
            get(body=huge),
            get("/v2/app/tags/list?n=1000", body=huge),
            get(BLOB, body=huge),
        ) as server,
        registry_at(server.url) as registry,
    ):
        app = repository(server.host)
        with pytest.raises(HostileAnswerError, match="larger than"):
            await registry.manifest(app, "1")
        with pytest.raises(HostileAnswerError, match="larger than"):
            await registry.list_tags(app, at=AT)
        with pytest.raises(HostileAnswerError, match="larger than 2 bytes"):
            await registry.blob(app, CONFIG, 2)


@pytest.mark.parametrize("number", ["1" * 12, "1" * 5000, "-1", "0", "x", "\u0661", ""])
async def test_cve_2023_2253_no_number_of_a_query_decides_about_memory(number: str) -> None:
    """A server's advisory, and the demo is one: pages are of its own size, or refused."""
    shelf = Shelf()
    shelf.tags["library/app"] = {}
    async with TestClient(TestServer(application(shelf))) as client:
        path = "/v2/namespaces/library/repositories/app/tags"
        for name in ("page", "page_size"):
            async with client.get(path, params={name: number}) as answer:
                assert answer.status == 400
        async with client.get("/v2/_catalog", params={"n": number}) as answer:
            assert await answer.json() == {"repositories": ["library/app"]}


async def test_cve_2023_25153_a_member_of_an_archive_is_capped(tmp_path: Path) -> None:
    member = tarfile.TarInfo("index.json")
    member.size = 17 * 1024 * 1024
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(member, io.BytesIO(b" " * member.size))
    with pytest.raises(HostileAnswerError, match="larger than"), open_layout(tmp_path / "a.tar"):
        pass


async def test_cve_2025_69223_a_compressed_answer_is_capped_as_what_it_becomes() -> None:
    bomb = gzip.compress(b'"' + b"a" * 40_000_000)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with (
        scripted(PING, get("/v2/app/tags/list?n=1000", headers=headers, body=bomb)) as server,
        registry_at(server.url) as registry,
    ):
        with pytest.raises(HostileAnswerError, match="larger than"):
            await registry.list_tags(repository(server.host), at=AT)


@pytest.mark.parametrize("size", [-1, 16 * 1024 * 1024 + 1, 1 << 40])
async def test_oras_32_mib_a_descriptors_size_is_checked_before_anything_is_asked(
    size: int,
) -> None:
    async with scripted() as server, registry_at(server.url) as registry:
        with pytest.raises(HostileAnswerError):
            await registry.blob(repository(server.host), CONFIG, size)


def test_ggcr_2306_cve_2014_9356_a_layout_reaches_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    entry = {"mediaType": OCI_MANIFEST, "digest": "sha256:../../secret", "size": 2}
    layout = tmp_path / "layout"
    layout.mkdir()
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    with pytest.raises(HostileAnswerError, match="not a digest"), open_layout(layout):
        pass


async def test_artifact_keeper_3606_a_token_is_its_credentials_alone() -> None:
    """One scope, two logins: the second is not served the first one's token."""
    scopes = ("repository:app:pull",)
    query = f"service=s&scope={scopes[0]}"
    async with scripted() as server:
        server.expect(
            get(f"/token?{query}&account=one&client_id=tagwatch", body={"token": "1"}),
            get(f"/token?{query}&account=two&client_id=tagwatch", body={"token": "2"}),
            get(f"/token?{query}&client_id=tagwatch", body={"token": "3"}),
        )
        challenge = Challenge(
            scheme="bearer", parameters={"realm": f"{server.url}/token", "service": "s"}
        )
        logins = [Credential(username=name, secret="p", origin="test") for name in ("one", "two")]
        async with registry_at(server.url) as registry:
            cache = TokenCache(registry.oci.transport)
            for credential, token in (*zip(logins, "12", strict=True), (None, "3")) * 2:
                assert (await cache.token(challenge, scopes, credential))[0] == token


async def test_cve_2026_47265_no_cookie_is_kept_or_sent() -> None:
    sends = {"Cookie": None}
    cookie = {"Set-Cookie": "session=hunter2; Path=/"}
    async with (
        scripted(
            get("/v2/", headers=cookie, sends=sends),
            get(headers={**GOOD, **cookie}, body=MANIFEST, sends=sends, times=2),
        ) as server,
        registry_at(server.url) as registry,
    ):
        for _ in range(2):
            await registry.manifest(repository(server.host), "1")


async def test_prowler_https_with_an_http_realm_is_an_error(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with scripted(tls=tls) as server:
        realm = server.url.replace("https", "http") + "/token"
        server.expect(locked(bearer(realm)))
        async with registry_at(server.url, ca_file=str(tmp_path / "ca.pem")) as registry:
            with pytest.raises(HostileAnswerError, match="not by https"):
                await registry.head(repository(server.host), "1")


async def test_a_look_alike_of_ecr_gets_nothing() -> None:
    """An unanchored pattern gave AWS credentials to `…amazonaws.com.evil.example`."""
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example"
    async with registries({}, login("123456789012.dkr.ecr.eu-west-1.amazonaws.com")) as opened:
        client = opened.client(host)
        assert client.line.kind == "distribution"
        assert (await client.credentials.find("app")).credential is None
        assert Repository(registry=host, path="app").host == host
