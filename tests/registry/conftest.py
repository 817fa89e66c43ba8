"""Real registries and images for a session; started when a test first asks for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.registry.distribution import PASSWORD, USER, Distribution, distribution
from tests.registry.images import ImageLibrary, Login, build_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """An authority of the tests' own and a server certificate for loopback."""

    authority: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    server = authority.issue_cert("127.0.0.1", "localhost", key_type=trustme.KeyType.RSA)
    authority.cert_pem.write_to_path(folder / "ca.crt")
    server.private_key_pem.write_to_path(folder / "server.key")
    for number, pem in enumerate(server.cert_chain_pems):
        pem.write_to_path(folder / "server.pem", append=number > 0)
    return Certificates(
        authority=folder / "ca.crt", certificate=folder / "server.pem", key=folder / "server.key"
    )


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ImageLibrary:
    """The sample images (`build_samples` tells which)."""
    return build_samples(tmp_path_factory.mktemp("images"))


SAMPLES = ("base-1", "base-2", "app-1", "app-2", "app-evil", "multi", "app-zstd")


@pytest.fixture(scope="session")
def open_distribution(
    tmp_path_factory: pytest.TempPathFactory, library: ImageLibrary
) -> Iterator[Distribution]:
    """A registry for everyone that holds the samples as `shop/<name>:1`."""
    with distribution(tmp_path_factory.mktemp("open")) as server:
        for name in SAMPLES:
            library.push(name, f"{server.host}/shop/{name}:1")
        yield server


@pytest.fixture(scope="session")
def basic_distribution(
    tmp_path_factory: pytest.TempPathFactory, library: ImageLibrary
) -> Iterator[Distribution]:
    """A registry for `USER` with `PASSWORD` alone; holds `private/app:1`."""
    with distribution(tmp_path_factory.mktemp("basic"), auth="htpasswd") as server:
        login = Login(credentials=f"{USER}:{PASSWORD}")
        library.push("app-1", f"{server.host}/private/app:1", login)
        yield server


@pytest.fixture(scope="session")
def tls_distribution(
    tmp_path_factory: pytest.TempPathFactory, library: ImageLibrary, certificates: Certificates
) -> Iterator[Distribution]:
    """A registry over TLS with a certificate of the tests' authority; holds `app:1`."""
    pair = (certificates.certificate, certificates.key)
    with distribution(
        tmp_path_factory.mktemp("tls"), tls=pair, trust=certificates.authority
    ) as server:
        library.push("app-1", f"{server.host}/app:1", Login(certificates=None))
        yield server


@pytest.fixture
def docker_home(tmp_path: Path, basic_distribution: Distribution) -> Path:
    """A home folder whose docker config knows the login of `basic_distribution`."""
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    folder = tmp_path / "docker-home/.docker"
    folder.mkdir(parents=True)
    document = {"auths": {basic_distribution.host: {"auth": auth}}}
    (folder / "config.json").write_text(json.dumps(document))
    return folder.parent
