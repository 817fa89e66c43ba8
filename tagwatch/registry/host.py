"""Hosts: the names of one registry, where its API is, and its line in the table."""

from __future__ import annotations

import re

from yarl import URL

from tagwatch.errors import ConfigError
from tagwatch.family import REGISTRIES
from tagwatch.image.reference import DOCKER_HUB, HUB_HOSTS
from tagwatch.member import brought_members
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import dataclass

__all__ = [
    "HUB_ALIASES",
    "RegistryLine",
    "canonical_host",
    "catalogue_endpoint_of",
    "endpoints_of",
    "line_of",
]

HUB_ALIASES = HUB_HOSTS | {"docker.io:443"}
_API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}
_TOKEN_HOSTS = {DOCKER_HUB: ("auth.docker.io",), "registry.gitlab.com": ("gitlab.com",)}
# Catalogues whose API is on another host than the registry: a mirror does not have it.
_API_ELSEWHERE = frozenset({"hub", "ecr", "ghcr"})
_RECORDED = "recorded answers of 2026-11-29"
_DOUBLE = "a double written from its documentation"
_CONFIRMED_BY = {
    "hub": _RECORDED,
    "ghcr": f"{_DOUBLE}; its names and logins by {_RECORDED}",
    "quay": _RECORDED,
    "acr": _RECORDED,
    "gitlab": f"{_DOUBLE}; its logins by {_RECORDED}",
    "harbor": f"{_DOUBLE}; its logins by {_RECORDED}",
    "ecr": f"moto's ECR API, with CNCF distribution behind it, and {_RECORDED}",
    "google": _RECORDED,
    "ecr-public": _RECORDED,
    "distribution": f"CNCF distribution, the real server, and {_RECORDED}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryLine:
    """A line of `family.REGISTRIES`, and the token servers that its kind is known to use.

    `confirmed_by`: what this project's tests read of the kind, for people to judge.
    """

    kind: str
    credentials: tuple[str, ...]
    catalogue: str
    confirmed_by: str
    token_hosts: tuple[str, ...] = ()


def canonical_host(host: str) -> str:
    """The one name of a registry: lower case, `docker.io` for all of Docker Hub's."""
    host = host.lower()
    return DOCKER_HUB if host in HUB_ALIASES else host


def line_of(host: str, settings: RegistrySettings) -> RegistryLine:
    """The line for a canonical host; `kind` names one for a registry of one's own.

    With an `endpoint` and no `catalogue_endpoint`, a catalogue that stands elsewhere is left out:
    who reads through a mirror does not want, and perhaps cannot, ask the origin.
    A kind that no line has is a catalogue that another package brings; else `ConfigError`.
    """
    is_mirror = settings.endpoint is not None and settings.catalogue_endpoint is None
    for pattern, kind, credentials, catalogue in REGISTRIES:
        chosen = settings.kind == kind if settings.kind else re.fullmatch(pattern, host, re.ASCII)
        if chosen:
            return RegistryLine(
                kind=kind,
                credentials=(settings.credential,) if settings.credential else credentials,
                catalogue="oci" if is_mirror and catalogue in _API_ELSEWHERE else catalogue,
                confirmed_by=_CONFIRMED_BY[kind],
                token_hosts=_TOKEN_HOSTS.get(host, ()),
            )
    if settings.kind in brought_members("catalogues"):
        return RegistryLine(
            kind=settings.kind,
            credentials=(settings.credential or "docker-config",),
            catalogue=settings.kind,
            confirmed_by="the tests of the package that brings it",
        )
    kinds = ", ".join(sorted({kind for _, kind, _, _ in REGISTRIES}))
    raise ConfigError(
        f"registries.{host}.kind: no registry is of the kind {settings.kind!r}",
        hint=f"kinds are {kinds}",
    )


def endpoints_of(host: str, settings: RegistrySettings) -> tuple[URL, ...]:
    """Where the API may be, in the order to try: https, and http for an insecure registry.

    Raises `ConfigError` for an endpoint that is no URL.
    """
    if settings.endpoint is not None:
        return (parse_endpoint(settings.endpoint, f"registries.{host}.endpoint"),)
    schemes = ("https", "http") if settings.insecure else ("https",)
    name = _API_HOSTS.get(host, host)
    return tuple(URL(f"{scheme}://{name}") for scheme in schemes)


def catalogue_endpoint_of(host: str, settings: RegistrySettings) -> URL | None:
    """The operator's `catalogue_endpoint`, or None. Raises `ConfigError`."""
    text = settings.catalogue_endpoint
    return parse_endpoint(text, f"registries.{host}.catalogue_endpoint") if text else None


def parse_endpoint(text: str, where: str) -> URL:
    """`scheme://host[:port][/prefix]` as a URL without a trailing slash. Raises `ConfigError`."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    wrong = url.user or url.password or url.query_string or url.fragment
    if url.scheme not in ("http", "https") or not url.host or wrong:
        raise ConfigError(
            f"{where}: not an endpoint",
            hint="write scheme://host[:port][/prefix], such as https://mirror.example; "
            "credentials belong into the docker config",
        )
    return URL(str(url).rstrip("/"))
