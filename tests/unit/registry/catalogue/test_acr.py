"""Azure's API: scopes, page sizes, and the ways to log in."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

import pytest

from tagwatch.errors import CredentialError, DeniedError
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.credential.azure import Azure
from tagwatch.registry.credential.interface import CredentialContext, CredentialKind
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.acr import ENTRA_TOKEN, REFRESH_TOKEN, AcrDouble
from tests.registry.doubles.warehouse import PASSWORD
from tests.registry.harness import AT, NOWHERE, registries, repository
from tests.unit.registry.catalogue.kinds import client_of, served, truth

PATH = "team/app"


async def names(client: RegistryClient, host: str) -> frozenset[str]:
    listing = await client.list_tags(repository(host, PATH), at=AT)
    assert not listing.plain
    return listing.names


@pytest.fixture
def double() -> AcrDouble:
    double = AcrDouble()
    double.warehouse.push(PATH, "1")
    double.private.add(PATH)
    return double


async def test_a_page_size_that_is_refused_is_left_out(double: AcrDouble) -> None:
    double.private.clear()
    double.takes_size = False
    for number in range(120):
        double.warehouse.push(PATH, f"v{number}")
    async with double.serving(), client_of(double) as client:
        listing = await client.list_tags(repository(double.host, PATH), at=AT)
        assert client.requests["catalogue"] == 1 + 2  # the refusal, two pages
        await client.list_tags(repository(double.host, PATH), at=AT)
        assert client.requests["catalogue"] == 3 + 2  # and remembered
    assert served(listing) == truth(double, PATH)


async def test_a_stored_refresh_token_goes_to_the_token_server_only(double: AcrDouble) -> None:
    """As `az acr login` stores it."""
    auth = base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode()
    async with double.serving():
        entry = {"auth": auth, "identitytoken": REFRESH_TOKEN}
        environment = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {double.host: entry}})}
        async with client_of(double, environment=environment) as client:
            assert await names(client, double.host) == {"1"}
        assert not any(REFRESH_TOKEN in str(seen.headers) for seen in double.seen)


def azure_cli(folder: Path, answer: str, code: int = 0) -> dict[str, str]:
    """An `az` of the test's own, and an environment that finds it. It notes each call."""
    program = folder / "az"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"open({str(folder / 'calls')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"print({answer!r})\n"
        f"sys.exit({code})\n"
    )
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin"}


async def test_the_clis_token_is_exchanged_once(double: AcrDouble, tmp_path: Path) -> None:
    for number in range(3):
        double.warehouse.push(f"team/other{number}", "1")
        double.private.add(f"team/other{number}")
    environment = azure_cli(tmp_path, json.dumps({"accessToken": ENTRA_TOKEN, "tenant": "t"}))
    host = "shop.azurecr.io"
    async with double.serving():
        settings = {host: RegistrySettings(endpoint=double.url, credential="azure")}
        async with registries(settings, environment) as opened:
            client = opened.client(host)
            for path in (PATH, "team/other0", "team/other1", "team/other2"):
                listing = await client.list_tags(repository(host, path), at=AT)
                assert served(listing) == truth(double, path)
            assert client.requests["token"] == 1 + 4
            found = await client.credentials.find(PATH)
            assert found.credential is not None
            assert found.credential.origin == "az account get-access-token"
        exchanged = [seen for seen in double.seen if seen.path == "/oauth2/exchange"]
        assert len(exchanged) == 1
        elsewhere = [seen for seen in double.seen if seen not in exchanged]
        assert not any(ENTRA_TOKEN in f"{seen.headers}{seen.body!r}" for seen in elsewhere)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["account get-access-token --resource-type arm --output json"]


async def test_a_refused_exchange_is_told(double: AcrDouble, tmp_path: Path) -> None:
    environment = azure_cli(tmp_path, json.dumps({"accessToken": "another"}))
    host = "shop.azurecr.io"
    async with double.serving():
        settings = {host: RegistrySettings(endpoint=double.url, credential="azure")}
        async with registries(settings, environment) as opened:
            with pytest.raises(DeniedError) as caught:
                await opened.of(host).list_tags(repository(host, PATH), at=AT)
    assert "az account get-access-token" in caught.value.hint
    assert "another" not in f"{caught.value} {caught.value.hint}"


def source_of(environment: dict[str, str]) -> Azure:
    return Azure(CredentialContext(environment=environment, home=NOWHERE))


async def test_what_everybody_may_read_needs_no_good_login(
    double: AcrDouble, tmp_path: Path
) -> None:
    """The CLI is logged in to another company's tenant."""
    double.private.clear()
    environment = azure_cli(tmp_path, json.dumps({"accessToken": "another"}))
    host = "shop.azurecr.io"
    async with double.serving():
        settings = {host: RegistrySettings(endpoint=double.url, credential="azure")}
        async with registries(settings, environment) as opened:
            listing = await opened.of(host).list_tags(repository(host, PATH), at=AT)
    assert served(listing) == truth(double, PATH)


class TestSource:
    async def test_a_service_principals_secret_is_a_password(self) -> None:
        environment = {"AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": PASSWORD}
        found = await source_of(environment).find("shop.azurecr.io", PATH)
        assert found is not None
        assert (found.kind, found.username) == (CredentialKind.PASSWORD, "id")

    @pytest.mark.parametrize(
        "host",
        ["shop.azurecr.io.evil.example", "azurecr.io", "a.b.azurecr.io", "shop.azurecr.io:443"],
    )
    async def test_it_answers_for_azures_own_hosts_alone(self, host: str, tmp_path: Path) -> None:
        environment = azure_cli(tmp_path, json.dumps({"accessToken": ENTRA_TOKEN}))
        environment |= {"AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": PASSWORD}
        assert await source_of(environment).find(host, PATH) is None
        assert not (tmp_path / "calls").exists()

    async def test_without_the_cli_there_is_none(self, tmp_path: Path) -> None:
        source = source_of({"PATH": str(tmp_path)})
        assert await source.find("shop.azurecr.io", PATH) is None

    @pytest.mark.parametrize(("answer", "code"), [("", 1), (ENTRA_TOKEN, 0), ("{}", 0)])
    async def test_a_cli_that_fails_is_told_once_and_not_quoted(
        self, answer: str, code: int, tmp_path: Path
    ) -> None:
        source = source_of(azure_cli(tmp_path, answer, code))
        for host in ("shop.azurecr.io", "other.azurecr.cn"):
            with pytest.raises(CredentialError, match="Azure CLI") as caught:
                await source.find(host, PATH)
            assert ENTRA_TOKEN not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
        assert len((tmp_path / "calls").read_text().splitlines()) == 1
