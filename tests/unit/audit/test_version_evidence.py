"""Versions that configs and SBOMs claim, and claims that are not the image's own."""

from __future__ import annotations

import pytest

from tagwatch.audit.model.evidence import Basis
from tagwatch.audit.reading.version_evidence import (
    VersionEvidence,
    attested_version,
    platform_versions,
    version_evidence,
)
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.platform import LINUX_AMD64

VERSION = "org.opencontainers.image.version"
TITLE = "org.opencontainers.image.title"
REF_NAME = "org.opencontainers.image.ref.name"


def claim(
    path: str,
    tag: str | None,
    *,
    env: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
) -> VersionEvidence | None:
    config = ImageConfig(platform=LINUX_AMD64, env=env or {}, labels=labels or {})
    return version_evidence(config, path, tag)


@pytest.mark.parametrize(
    ("path", "tag", "variable", "text", "version"),
    [
        ("library/redis", "7", "REDIS_VERSION", "7.2.5", "7.2.5"),
        ("library/redis", "latest", "REDIS_VERSION", "7.2.5", "7.2.5"),
        ("library/redis", None, "REDIS_VERSION", "v7.2.5", "7.2.5"),
        ("library/mariadb", "11.4", "MARIADB_VERSION", "1:11.4.2+maria~ubu2404", "11.4.2"),
        ("library/mysql", "8", "MYSQL_VERSION", "8.4.2-1.el9", "8.4.2"),
        ("library/python", "3.15-rc", "PYTHON_VERSION", "3.15.0rc1", "3.15.0rc1"),
        ("library/postgres", "16.4", "PG_VERSION", "16.4-1.pgdg120+1", "16.4"),
        ("library/eclipse-temurin", "21.0.12_8-jdk", "JAVA_VERSION", "jdk-21.0.12+8", "21.0.12+8"),
        ("acme/my-app", "stable", "MY_APP_VERSION", "1.4.0-beta.2", "1.4.0-beta.2"),
        ("acme/MY.App", "1.4", "MYAPP_VERSION", "1.4.0", "1.4.0"),
    ],
)
def test_a_variable_of_its_own(
    path: str, tag: str | None, variable: str, text: str, version: str
) -> None:
    assert claim(path, tag, env={variable: text}) == VersionEvidence(
        version=version, basis=Basis.ENV, detail=variable
    )


@pytest.mark.parametrize(
    ("path", "tag", "env"),
    [
        ("library/wordpress", "latest", {"PHP_VERSION": "8.3.10"}),
        ("library/wordpress", "6.7", {"PHP_VERSION": "8.3.10"}),
        ("acme/tool", "3", {"PYTHON_VERSION": "3.12.4"}),  # one number is chance
        ("acme/tool", "3.12", {"PYTHON_VERSION": "3.12.4", "TCL_VERSION": "3.12.9"}),
        ("library/redis", "6.2", {"REDIS_VERSION": "7.2.5"}),  # against the tag
        ("library/redis", "7", {"REDIS_VERSION": "unstable"}),
        ("library/redis", "7", {"REDIS_DOWNLOAD": "7.2.5"}),
        ("library/redis", "7", {"REDIS_VERSION": "7" * 200}),
        ("library/redis", "7", {}),
    ],
)
def test_a_variable_of_something_else(path: str, tag: str, env: dict[str, str]) -> None:
    assert claim(path, tag, env=env) is None


def test_a_label_that_names_the_image_or_none() -> None:
    expected = VersionEvidence(version="1.4.2", basis=Basis.LABEL, detail=VERSION)
    assert claim("acme/shop", "latest", labels={VERSION: "1.4.2"}) == expected
    assert claim("acme/shop", "1", labels={VERSION: "v1.4.2", TITLE: "Shop API"}) == expected
    assert claim("acme/shop", "1", labels={VERSION: "1.4.2", REF_NAME: "v1.4.2"}) == expected


@pytest.mark.parametrize(
    "labels",
    [
        {VERSION: "24.04", REF_NAME: "ubuntu"},  # inherited from ubuntu
        {VERSION: "9.4", TITLE: "Universal Base"},
        {VERSION: "main"},
        {VERSION: "main-123"},
        {VERSION: ""},
    ],
)
def test_a_label_that_is_not_its_own_or_no_version(labels: dict[str, str]) -> None:
    assert claim("acme/shop", "latest", labels=labels) is None


def test_a_label_against_the_tags_number_is_not_believed() -> None:
    assert claim("acme/shop", "2.1", labels={VERSION: "1.4.2"}) is None


def test_a_variable_of_its_own_comes_before_a_label() -> None:
    found = claim("acme/shop", "1", env={"SHOP_VERSION": "1.4.3"}, labels={VERSION: "1.4.2"})
    assert found is not None
    assert found.version == "1.4.3"


def test_a_system_package_of_the_name_is_attested() -> None:
    packages = {
        "pkg:deb/debian/redis?arch=amd64": frozenset({"5:7.0.15-1~deb12u1"}),
        "pkg:pypi/redis": frozenset({"5.0.1"}),
    }
    assert attested_version(packages, "library/redis", "7") == VersionEvidence(
        version="7.0.15", basis=Basis.ATTESTATION, detail="pkg:deb/debian/redis?arch=amd64"
    )
    assert attested_version(packages, "library/redis", "6") is None
    assert attested_version({"pkg:pypi/redis": frozenset({"5.0.1"})}, "library/redis") is None
    two = {"pkg:apk/alpine/redis": frozenset({"7.0.15-r0", "7.2.1-r0"})}
    assert attested_version(two, "library/redis") is None


def test_platforms_at_different_versions_are_said() -> None:
    assert platform_versions({"linux/amd64": "1.2.3", "linux/arm64": "1.2.3"}) == ""
    assert platform_versions({"linux/amd64": "1.2.3", "linux/arm64": None}) == ""
    assert platform_versions(
        {"linux/amd64": "1.2.10", "linux/arm64": "1.2.9", "linux/s390x": "1.2.9"}
    ) == (
        "its platforms are at different versions: 1.2.10 on linux/amd64; "
        "1.2.9 on linux/arm64, linux/s390x"
    )
