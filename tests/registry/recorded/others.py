"""Registries that speak the plain protocol, each in its own way."""

from __future__ import annotations

from tagwatch.image.manifest import MANIFEST_ACCEPT
from tests.registry.harness import DIGEST, MANIFEST
from tests.registry.recorded.replay import Case, Do, Step, get, head, heads, served, tags, token

__all__ = ["CASES"]

_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
_BUILD = (
    b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.docker.container'
    b'.image.v1+json","size":2,"digest":"sha256:%s"},"layers":[]}' % (_DOCKER.encode(), b"0" * 64)
)


def _case(file: str, host: str, do: Do, *steps: Step, **reads: object) -> Case:
    return Case(file=file, host=host, do=do, steps=steps, reads=reads)


def _list(file: str, host: str, repository: str, query: str) -> Case:
    """Expect that only the query of the recorded `Link` counts; the body was not recorded."""
    return _case(
        file,
        host,
        tags(repository),
        Step(
            ask=f"GET /v2/{repository}/tags/list?n=1000",
            file=file,
            body={"name": repository, "tags": ["1.0", "latest"]},
        ),
        Step(ask=f"GET /v2/{repository}/tags/list?{query}", body={"tags": None}),
        names=["1.0", "latest"],
        scope="full",
    )


_PLUGIN = "nvidia/k8s-device-plugin"
CASES = (
    # An error without a code, and a page size that is not the reason.
    _case(
        "artifactory-400-2019.json",
        "artifactory.example",
        tags("docker-local/client"),
        Step(ask="GET /v2/docker-local/client/tags/list?n=1000", file="artifactory-400-2019.json"),
        Step(ask="GET /v2/docker-local/client/tags/list", file="artifactory-400-2019.json"),
        error="RegistryError",
        status=400,
        message="refused (400)",
        hint="check that the host is a registry, and its endpoint",
    ),
    _list(
        "artifactory-tags-list-7.46.json",
        "artifactory.example",
        "docker/renovate/renovate",
        "last=10000&n=10000",
    ),
    _case(
        "cgr-tags-2023.json",
        "cgr.dev",
        tags("chainguard/static"),
        Step(ask="GET /v2/chainguard/static/tags/list?n=1000", file="cgr-tags-2023.json"),
        names=[
            *("20220302", "20220303"),
            "sha256-bab7d22b93180e8a05d0f02c739605cc7ed52b414b8f70ad6a173f2c0c8dc946.sig",
            "sha256-e86edc0a7f00adb469d13b49192f38f992a981d778aa3f24525aa83b370b4001.sig",
        ],
        scope="full",
    ),
    # Its scope has a form of its own, which is asked for as it stands.
    _case(
        "codeberg-401-2026.json",
        "codeberg.org",
        tags("readeck/readeck"),
        Step(ask="GET /v2/readeck/readeck/tags/list?n=1000", file="codeberg-401-2026.json"),
        token("container_registry", "*", "/v2/token"),
        Step(
            ask="GET /v2/readeck/readeck/tags/list?n=1000",
            body={"tags": ["0.20"]},
            sends={"Authorization": "Bearer T"},
        ),
        names=["0.20"],
    ),
    # Its token ended and no challenge came: the ping's own serves once more.
    _case(
        "dhi-401-no-challenge-2026.json",
        "dhi.io",
        get("python", "3"),
        Step(
            ask="GET /v2/",
            status=401,
            headers={
                "WWW-Authenticate": 'Bearer realm="{here}/token",service="registry.docker.io"'
            },
        ),
        token("registry.docker.io", "repository:python:pull", "/token", body={"token": "OLD"}),
        Step(
            ask="GET /v2/python/manifests/3",
            file="dhi-401-no-challenge-2026.json",
            sends={"Authorization": "Bearer OLD"},
        ),
        token("registry.docker.io", "repository:python:pull", "/token", body={"token": "NEW"}),
        Step(
            ask="GET /v2/python/manifests/3",
            headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
            body=MANIFEST,
            sends={"Authorization": "Bearer NEW"},
        ),
        digest=DIGEST,
    ),
    # Only `access_token`, and no word of how long: one serves both requests.
    Case(
        file="elastic-token-2020.json",
        host="docker.elastic.co",
        do=heads("elastic/one:1", "elastic/one:2"),
        settings={"token_hosts": ("{away}",)},
        steps=(
            Step(
                ask="GET /v2/",
                status=401,
                headers={"WWW-Authenticate": 'Bearer realm="{away}/auth",service="token-service"'},
            ),
            token(
                "token-service",
                "repository:elastic/one:pull",
                "/auth",
                file="elastic-token-2020.json",
                body=b"",
                away=True,
            ),
            served("/v2/elastic/one/manifests/1", sends={"Authorization": "Bearer TOKEN"}),
            served("/v2/elastic/one/manifests/2", sends={"Authorization": "Bearer TOKEN"}),
        ),
        reads={"elastic/one:1": DIGEST, "elastic/one:2": DIGEST},
    ),
    # A `Link` on the last page, too: it leads to nothing, and is no end without end.
    _list("gitea-link-always-2025.json", "gitea.example", "owner/image", "last=latest"),
    _case(
        "mcr-head-2021.json",
        "mcr.microsoft.com",
        head("dotnet/sdk", "5.0.301-nanoserver-1809"),
        Step(
            ask="HEAD /v2/dotnet/sdk/manifests/5.0.301-nanoserver-1809",
            file="mcr-head-2021.json",
            sends={"Accept": MANIFEST_ACCEPT},
        ),
        exists=True,
        digest="sha256:21ad8e949e5458ab47918a9c332aec7cd165ebaf8d0f1d981ef18b6b2e2f36d7",
    ),
    _list("nexus-link-2023.json", "nexus.example", "renovate/renovate", "n=10&last=0.0.4-slim"),
    # The path of its `Link` is not served here.
    _list(
        "nexus-link-wrong-path-2026.json",
        "nexus.example",
        "renovate/renovate",
        "n=10000&last=32.209.0-slim",
    ),
    # The realm that one repository names is not the other's.
    Case(
        file="nvcr-expired-401-2026.json",
        host="nvcr.io",
        do=heads(f"{_PLUGIN}:v0.19.0", "nvidia/cuda:13"),
        away=("authn.nvidia.com",),
        settings={"token_hosts": ("{away}",)},
        steps=(
            Step(ask="GET /v2/", file="nvcr-ping-401-2020.json"),
            token("", f"repository:{_PLUGIN}:pull", "/proxy_auth", times=0),
            token("", "repository:nvidia/cuda:pull", "/proxy_auth"),
            Step(
                ask=f"HEAD /v2/{_PLUGIN}/manifests/v0.19.0",
                file="nvcr-expired-401-2026.json",
                times=0,
            ),
            token(
                "registry",
                f"repository:{_PLUGIN}:pull",
                "/token",
                status=401,
                times=0,
                away=True,
            ),
            token(
                "registry",
                "repository:nvidia/cuda:pull",
                "/token",
                status=401,
                times=0,
                away=True,
            ),
            served("/v2/nvidia/cuda/manifests/13", sends={"Authorization": "Bearer T"}),
        ),
        reads={"nvidia/cuda:13": DIGEST},
        wrong="a second realm: one repository's challenge is taken for the host's (issue 11, 6)",
    ),
    # It names no service: none is asked for.
    _case(
        "nvcr-manifest-401-2026.json",
        "nvcr.io",
        head(_PLUGIN, "v0.19.0"),
        Step(ask=f"HEAD /v2/{_PLUGIN}/manifests/v0.19.0", file="nvcr-manifest-401-2026.json"),
        token("", f"repository:{_PLUGIN}:pull", "/proxy_auth"),
        served(f"/v2/{_PLUGIN}/manifests/v0.19.0", sends={"Authorization": "Bearer T"}),
        exists=True,
        digest=DIGEST,
    ),
    _case(
        "nvcr-ping-401-2020.json",
        "nvcr.io",
        head(_PLUGIN, "v0.19.0"),
        Step(ask="GET /v2/", file="nvcr-ping-401-2020.json"),
        token("", f"repository:{_PLUGIN}:pull", "/proxy_auth"),
        served(f"/v2/{_PLUGIN}/manifests/v0.19.0", sends={"Authorization": "Bearer T"}),
        exists=True,
        digest=DIGEST,
    ),
    _case(
        "redhat-404-code-404.json",
        "registry.redhat.io",
        get("this-does-not-exist", "latest"),
        Step(ask="GET /v2/this-does-not-exist/manifests/latest", file="redhat-404-code-404.json"),
        error="NotFoundError",
        status=404,
        message="not found (404)",
        hint="it does not exist, or is hidden",
    ),
    _case(
        "redhat-404-text.json",
        "registry.redhat.io",
        get("rhosp15-rhel8/openstack-cron", "1"),
        Step(ask="GET /v2/rhosp15-rhel8/openstack-cron/manifests/1", file="redhat-404-text.json"),
        error="NotFoundError",
        status=404,
        message="not found (404)",
    ),
    # No digest is said anywhere: the bytes have one.
    _case(
        "redhat-manifest-no-digest-2019.json",
        "registry.redhat.io",
        head("openshift3/ose-console", "v3.11.16"),
        Step(
            ask="HEAD /v2/openshift3/ose-console/manifests/v3.11.16",
            file="redhat-manifest-no-digest-2019.json",
        ),
        Step(
            ask="GET /v2/openshift3/ose-console/manifests/v3.11.16",
            file="redhat-manifest-no-digest-2019.json",
            body=_BUILD,
        ),
        exists=True,
        digest="sha256:e4b24270c1ec346bafa472e8ad50803165269958732582e5da1fefa8a6aedbf6",
        type=_DOCKER,
    ),
    _list(
        "redhat-tags-list-2024.json",
        "registry.access.redhat.com",
        "ubi8/ubi-minimal",
        "n=100&last=8.7-1031-source",
    ),
    _case(
        "tags-windows-servercore.json",
        "mcr.microsoft.com",
        tags("windows/servercore"),
        Step(
            ask="GET /v2/windows/servercore/tags/list?n=1000", file="tags-windows-servercore.json"
        ),
        count=808,
        scope="full",
    ),
)
