"""Google's logins by the real google-auth: a service account's key, and a machine's own account.

The token servers are ours: the key's over https with an authority of the test's, the machine's
metadata server where `GCE_METADATA_HOST` says.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tagwatch.errors import CredentialError
from tagwatch.image.reference import Repository
from tagwatch.registry.client import Registries
from tagwatch.registry.credential.google import access_token
from tagwatch.registry.credential.interface import Credential
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.google import GoogleDouble
from tests.registry.harness import AT, registries
from tests.registry.scripted import Exchange, Scripted, scripted

HOST = "europe-docker.pkg.dev"
APP = Repository(registry=HOST, path="proj/repo/app")
TOKEN = "ya29.access-correct-horse"
ACCOUNT = "reader@proj.iam.gserviceaccount.com"
GRANTED = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine speaks for a login."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS for localhost that `requests` trusts."""
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("localhost").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    return context


@asynccontextmanager
async def token_server(context: ssl.SSLContext, status: int = 200) -> AsyncIterator[Scripted]:
    """Grants the token to whoever sends an assertion of three parts."""

    async def grant(request: web.BaseRequest) -> web.StreamResponse:
        form = parse_qs((await request.read()).decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        head, claims, signature = form["assertion"][0].split(".")
        assert head
        assert signature
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert said["iss"] == ACCOUNT
        assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        answer = GRANTED if status == 200 else {"error": "invalid_grant"}
        return web.json_response(answer, status=status)

    async with scripted(
        Exchange(method="POST", path="/token", handler=grant, times=0), tls=context
    ) as server:
        yield server


def key_of(pem: str, server: Scripted) -> str:
    port = server.url.rpartition(":")[2]
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "proj",
            "private_key_id": "1",
            "private_key": pem,
            "client_email": ACCOUNT,
            "client_id": "1",
            "token_uri": f"https://localhost:{port}/token",
        }
    )


@asynccontextmanager
async def opened_for(
    double: GoogleDouble, credential: str, environment: dict[str, str]
) -> AsyncIterator[Registries]:
    settings = RegistrySettings(endpoint=double.url, credential=credential)
    async with registries({HOST: settings}, environment) as opened:
        yield opened


async def listed(double: GoogleDouble, environment: dict[str, str]) -> str:
    """List a private repository by Google's own login; where the login came from."""
    double.private.add(APP.path)
    double.logins = {"oauth2accesstoken": TOKEN}
    double.warehouse.push(APP.path, "1.0")
    async with double.serving(), opened_for(double, "google", environment) as opened:
        client = opened.client(HOST)
        listing = await client.list_tags(APP, at=AT)
        found = await client.credentials.find(APP.path)
    assert listing.names == {"1.0"}
    assert found.credential is not None
    return found.credential.origin


async def test_a_service_accounts_key(
    pem: str, authority: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with token_server(authority) as server:
        key = tmp_path / "key.json"
        key.write_text(key_of(pem, server))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        origin = await listed(GoogleDouble(), {"GOOGLE_APPLICATION_CREDENTIALS": str(key)})
    assert origin == f"Google's login ({ACCOUNT})"
    assert len(server.seen) == 1


async def test_the_machines_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    flavor = {"Metadata-Flavor": "Google"}
    account = "/computeMetadata/v1/instance/service-accounts/default/"

    def answers(path: str, body: bytes | dict[str, Any]) -> Exchange:
        return Exchange(
            method="GET",
            path=path,
            headers=flavor,
            sends=flavor,
            body=body,
            times=0,
        )

    async with scripted(
        answers("/", b""),
        answers("/computeMetadata/v1/project/project-id", b"proj"),
        answers("/computeMetadata/v1/universe/universe-domain", b"googleapis.com"),
        answers(f"{account}?recursive=true", {"email": ACCOUNT, "scopes": ["x"], "aliases": []}),
        answers(
            f"{account}token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform",
            GRANTED,
        ),
    ) as server:
        for name in ("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"):
            monkeypatch.setenv(name, server.host)
        origin = await listed(GoogleDouble(), {"GCE_METADATA_HOST": server.host})
    assert origin.startswith("Google's login (")
    assert TOKEN not in origin


@pytest.mark.parametrize("user", ["_json_key", "_json_key_base64"])
async def test_a_stored_key_is_exchanged_for_the_api(
    user: str, pem: str, authority: ssl.SSLContext
) -> None:
    async with token_server(authority) as server:
        secret = key_of(pem, server)
        if user == "_json_key_base64":
            secret = base64.b64encode(secret.encode()).decode()
        stored = Credential(username=user, secret=secret, origin="a docker config")
        assert await access_token(stored) == TOKEN


async def test_what_docker_login_stored_needs_no_google_auth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`oauth2accesstoken` and `_json_key` are passwords to the registry itself."""
    monkeypatch.setitem(__import__("sys").modules, "google.auth.exceptions", None)
    for user, secret in (("oauth2accesstoken", TOKEN), ("_json_key", '{"type":"service_account"}')):
        double = GoogleDouble()
        double.private.add(APP.path)
        double.logins = {user: secret}
        double.warehouse.push(APP.path, "1.0")
        auth = base64.b64encode(f"{user}:{secret}".encode()).decode()
        config = json.dumps({"auths": {HOST: {"auth": auth}}})
        environment = {"DOCKER_AUTH_CONFIG": config}
        async with double.serving(), opened_for(double, "docker-config", environment) as opened:
            listing = await opened.client(HOST).list_tags(APP, at=AT)
        assert listing.names == {"1.0"}


@pytest.mark.parametrize("secret", ["{", "not base64", '{"type": "service_account"}'])
@pytest.mark.parametrize("user", ["_json_key", "_json_key_base64"])
async def test_a_stored_key_that_is_none_is_not_quoted(user: str, secret: str) -> None:
    with pytest.raises(CredentialError, match="cannot be used") as caught:
        await access_token(Credential(username=user, secret=secret, origin="x"))
    assert secret not in f"{caught.value.message}{caught.value.hint}"


async def test_a_key_that_is_refused_says_so(pem: str, authority: ssl.SSLContext) -> None:
    async with token_server(authority, status=400) as server:
        stored = Credential(username="_json_key", secret=key_of(pem, server), origin="x")
        with pytest.raises(CredentialError, match="RefreshError") as caught:
            await access_token(stored)
    assert "PRIVATE KEY" not in f"{caught.value.message}{caught.value.hint}"


async def test_another_login_is_none_of_googles() -> None:
    assert await access_token(Credential(username="robot", secret="hunter2", origin="x")) is None
