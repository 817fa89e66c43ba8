"""Certificates where docker and podman keep them (containers-certs.d(5))."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tagwatch.errors import ConfigError, UnavailableError
from tagwatch.registry.request.certificate import find_certificates, tls_context
from tagwatch.registry.settings import RegistrySettings
from tests.registry.harness import registry_at, repository
from tests.registry.scripted import Exchange, scripted

PING = Exchange(method="GET", path="/v2/")
HEAD = Exchange(
    method="HEAD",
    path="/v2/app/manifests/1",
    headers={"Docker-Content-Digest": "sha256:" + "a" * 64},
)
HOST = "registry.example:5000"


def folder(base: Path, host: str = HOST, **files: str) -> Path:
    place = base / "certs.d" / host
    place.mkdir(parents=True)
    for name, text in files.items():
        (place / name.replace("_", ".")).write_text(text)
    return place


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


async def test_a_registry_with_an_authority_and_a_client_certificate(
    authority: trustme.CA, tmp_path: Path
) -> None:
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_tls)
    authority.configure_trust(server_tls)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    mine = authority.issue_cert("me@example.com")
    async with scripted(PING, HEAD, tls=server_tls) as server:
        place = folder(tmp_path / ".config" / "containers", server.host)
        authority.cert_pem.write_to_path(place / "ca.crt")
        async with registry_at(server.url, home=tmp_path, patience_seconds=0) as registry:
            with pytest.raises(UnavailableError):
                await registry.head(repository(server.host), "1")
        mine.cert_chain_pems[0].write_to_path(place / "client.cert")
        mine.private_key_pem.write_to_path(place / "client.key")
        async with registry_at(server.url, home=tmp_path) as registry:
            assert await registry.head(repository(server.host), "1")


async def test_another_ports_authority_is_not_this_ones(
    authority: trustme.CA, tmp_path: Path
) -> None:
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_tls)
    async with scripted(tls=server_tls) as server:
        place = folder(tmp_path / ".config" / "containers", "127.0.0.1:1")
        authority.cert_pem.write_to_path(place / "ca.crt")
        async with registry_at(server.url, home=tmp_path, patience_seconds=0) as registry:
            with pytest.raises(UnavailableError, match="cannot be trusted"):
                await registry.head(repository(server.host), "1")


def test_which_folder_counts(tmp_path: Path) -> None:
    """The first that has the host: the user's before the system's, podman's before docker's."""
    home, etc = tmp_path / "home", tmp_path / "etc"
    bases = [
        etc / "docker",
        etc / "containers",
        home / ".config" / "docker",
        home / ".config" / "containers",
    ]
    assert find_certificates(HOST, {}, home, etc).authorities == ()
    for base in bases:
        place = folder(base, a_crt="", b_crt="", note_txt="")
        found = find_certificates(HOST, {}, home, etc)
        assert found.authorities == (place / "a.crt", place / "b.crt")
    other = folder(tmp_path / "xdg" / "containers", me_cert="", me_key="")
    found = find_certificates(HOST, {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, home, etc)
    assert (found.authorities, found.own) == ((), ((other / "me.cert", other / "me.key"),))
    assert find_certificates("registry.example", {}, home, etc).authorities == ()


def test_a_certificate_without_its_key_is_told(tmp_path: Path) -> None:
    folder(tmp_path / "docker", client_cert="")
    with pytest.raises(ConfigError, match=r"client\.key") as caught:
        find_certificates(HOST, {}, tmp_path / "nowhere", tmp_path)
    assert "key" in caught.value.hint


@pytest.mark.parametrize("name", ["ca_crt", "client_cert"])
def test_a_file_that_is_no_certificate_is_told(tmp_path: Path, name: str) -> None:
    folder(tmp_path / "docker", **{name: "hunter2", "client_key": "hunter3"})
    found = find_certificates(HOST, {}, tmp_path / "nowhere", tmp_path)
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        tls_context(RegistrySettings(), found)
    assert "hunter" not in f"{caught.value.message}{caught.value.hint}"


def test_what_the_configuration_names_goes_first(tmp_path: Path) -> None:
    folder(tmp_path / "docker", ca_crt="no certificate")
    found = find_certificates(HOST, {}, tmp_path / "nowhere", tmp_path)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = tls_context(RegistrySettings(ca_file=str(tmp_path / "ca.pem")), found)
    assert isinstance(context, ssl.SSLContext)
    assert len(context.get_ca_certs()) == 1
    assert tls_context(RegistrySettings()) is True
