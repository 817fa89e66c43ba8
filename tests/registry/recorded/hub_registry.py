"""Docker Hub's registry: manifests, lists of names, refusals and limits; who redirects to it."""

from __future__ import annotations

from tests.registry.harness import DIGEST
from tests.registry.recorded.replay import Case, Do, Step, get, head, served, tags, token

__all__ = ["CASES"]

HOST = "docker.io"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_NO_LOGIN = "log in with `docker login`"


def _registry(file: str, ask: str, do: Do, *more: Step, **reads: object) -> Case:
    """Read an answer of the registry itself."""
    return Case(file=file, host=HOST, do=do, steps=(Step(ask=ask, file=file), *more), reads=reads)


def _denied(file: str, repository: str, ask: str, do: Do) -> Case:
    """Read a private repository, or none: the token that anybody gets is not enough."""
    scope = f"repository:{repository}:pull"
    return Case(
        file=file,
        host=HOST,
        do=do,
        away=("auth.docker.io",),
        settings={"token_hosts": ("{away}",)},
        steps=(
            Step(ask=ask, file=file, times=2),
            token("registry.docker.io", scope, "/token", away=True),
        ),
        reads={
            "error": "DeniedError",
            "status": 401,
            "message": "denied (401 UNAUTHORIZED)",
            "hint": _NO_LOGIN,
        },
    )


def _spent(file: str) -> Case:
    """Meet a spent pull limit: it is not asked again, and a login helps."""
    return _registry(
        file,
        "GET /v2/library/alpine/manifests/3",
        get("library/alpine", "3"),
        error="PullLimitError",
        message="the pull limit is spent (429 TOOMANYREQUESTS)",
        hint="log in, or wait",
    )


_UBUNTU = (
    "?last=ukD72mdD%2FmC8b5xV3susmJzzaTgp3hKwR9nRUW1yZZ6dLc5kfZtKLT2ICo63WYvt2jq2VyIS3LWB%2Bo9HjGui"
    "YQ6hARJz1jTFdW4jEMKPIg4kRwXypd7HXj%2FSnA9iMm3YvNsd4LmPQrO4fpYZgnZZ8rzIIYqex6%2B3A3%2FmKcTsNKkK"
    "DV9VR3ic6RJjYFCMOEk5%2FeqsfLaCDYEbtCNoxE2fBDwlzIl%2FW14f%2FF%2Bb%2BtQRGh3eUKE9nBJpVvAfibAEs215"
    "m4ePJm%2BNuVktVjHOYlRG3U03ekr1T7CPD1Q%2B65wVYi0y2nCIl1%2FV40nkgG2WX5viYDxUuk3nEdnf55GUocnt38sD"
    "ZzqBnyglM9jvbxBzlO8%3D&n=3"
)
_REGISTRY = (
    _denied(
        "hub-registry-401-insufficient-scope-2016.json",
        "docker/highland_builder",
        "GET /v2/docker/highland_builder/tags/list?n=1000",
        tags("docker/highland_builder"),
    ),
    _denied(
        "hub-registry-401-no-repository.json",
        "library/this-does-not-exist",
        "GET /v2/library/this-does-not-exist/manifests/latest",
        get("library/this-does-not-exist", "latest"),
    ),
    _registry(
        "hub-registry-404-manifest-2018.json",
        "GET /v2/library/node/manifests/8.11.0-alpine",
        get("library/node", "8.11.0-alpine"),
        error="NotFoundError",
        message="not found (404 MANIFEST_UNKNOWN)",
        quota=None,
    ),
    _registry(
        "hub-registry-404-no-tag.json",
        "GET /v2/library/busybox/manifests/this-does-not-exist",
        get("library/busybox", "this-does-not-exist"),
        error="NotFoundError",
        status=404,
        message="not found (404 MANIFEST_UNKNOWN)",
        quota=(100, 100),
    ),
    _spent("hub-registry-429-pulls-2020.json"),
    _spent("hub-registry-429-pulls-2025.json"),
    _registry(
        "hub-registry-head-paid-no-limit-2024.json",
        "HEAD /v2/library/ubuntu/manifests/latest",
        head("library/ubuntu", "latest"),
        digest="sha256:8a37d68f4f73ebf3d4efafbcf66379bf3728902a8038616808f04e34a9ab63ee",
        type="application/vnd.oci.image.index.v1+json",
        quota=None,
    ),
    _registry(
        "hub-registry-head-remaining-0-2025.json",
        "HEAD /v2/ratelimitpreview/test/manifests/latest",
        head("ratelimitpreview/test", "latest"),
        digest="sha256:c2d41d2ba6d8b7b4a3ffec621578eb4d9a0909df29dfa2f6fd8a2e5fd0836aed",
        type=MANIFEST,
        quota=(100, 0),
    ),
    _registry(
        "hub-registry-manifest-headers-2017.json",
        "HEAD /v2/library/ubuntu/manifests/17.10",
        head("library/ubuntu", "17.10"),
        digest="sha256:3ea1ca1aa8483a38081750953ad75046e6cc9f6b86ca97eba880ebf600d68608",
        type=MANIFEST,
        quota=None,
    ),
    _registry(
        "hub-registry-schema1-2023.json",
        "HEAD /v2/library/old/manifests/1",
        head("library/old", "1"),
        digest="sha256:f1a6359df04fcddd5b99b3643125390a363ae2059a5b95992c6718e31ab8ea4b",
        type="application/vnd.docker.distribution.manifest.v1+prettyjws",
        quota=None,
    ),
    _registry(
        "hub-registry-tags-cloudflared-2020.json",
        "GET /v2/crazymax/cloudflared/tags/list?n=1000",
        tags("crazymax/cloudflared"),
        names=[
            *("2019.10.1", "2019.10.2", "2019.10.4", "2019.11.0", "2019.11.2", "2019.11.3"),
            *("2019.12.0", "2019.9.0", "2019.9.1", "2019.9.2", "2020.2.0", "latest"),
        ],
        scope="full",
    ),
    Case(
        file="hub-registry-tags-link-2019.json",
        host=HOST,
        do=tags("library/ubuntu"),
        steps=(
            Step(
                ask="GET /v2/library/ubuntu/tags/list?n=1000",
                file="hub-registry-tags-link-2019.json",
                body={"name": "library/ubuntu", "tags": ["10.04", "12.04", "12.04.5"]},
            ),
            # What is opaque goes back as it came, to the byte.
            Step(
                ask=f"GET /v2/library/ubuntu/tags/list{_UBUNTU}",
                body={"name": "library/ubuntu", "tags": ["12.10"]},
            ),
        ),
        reads={"names": ["10.04", "12.04", "12.04.5", "12.10"], "scope": "full"},
    ),
    Case(
        file="docker-hub-manifest-0.json",
        host=HOST,
        do=get("library/debian", "latest"),
        steps=(
            Step(ask="GET /v2/library/debian/manifests/latest", file="docker-hub-manifest-0.json"),
        ),
        reads={
            "digest": "sha256:cdcffa3a79cd574f7da597d44da866e263e87ef3198c4d3e8a25c9ad515b5ef0",
            "type": INDEX,
            "platforms": [
                *("linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/arm64", "linux/386"),
                *("linux/mips64le", "linux/ppc64le", "linux/s390x"),
            ],
        },
    ),
    _registry(
        "tags-dotnet_page_2.json",
        "GET /v2/microsoft/dotnet/tags/list?n=1000",
        tags("microsoft/dotnet"),
        count=831,
        scope="full",
    ),
    _registry(
        "tags-golang.json",
        "GET /v2/library/golang/tags/list?n=1000",
        tags("library/golang"),
        names=[
            *("1.25.0", "1.25.0-alpine3.22", "1.25.0-alpine3.23", "1.25.0-bookworm"),
            *("1.25.0-bullseye", "1.26.0", "1.26.0-alpine3.23", "1.26.0-bookworm"),
            *("1.26.0-bullseye", "1.27.0", "1.27.0-alpine3.23", "1.27.0-alpine3.24"),
            "1.27.0-bookworm",
        ],
        scope="full",
    ),
    _registry(
        "tags-python.json",
        "GET /v2/library/python/tags/list?n=1000",
        tags("library/python"),
        count=349,
        scope="full",
    ),
)
# Vanity domains send everything to the Hub: the login is the Hub's, at the Hub.
_VANITY = (
    Case(
        file="outline-302-to-hub-2026.json",
        host="docker.getoutline.com",
        do=head("outlinewiki/outline", "latest"),
        away=("registry.hub.docker.com",),
        settings={"redirect_hosts": ("{away}",)},
        steps=(
            Step(
                ask="HEAD /v2/outlinewiki/outline/manifests/latest",
                file="outline-302-to-hub-2026.json",
                times=0,
            ),
            Step(
                ask="HEAD /v2/outlinewiki/outline/manifests/latest",
                status=401,
                headers={"WWW-Authenticate": 'Bearer realm="{away}/token",service="hub"'},
                sends={"Authorization": None},
                away=True,
            ),
            token("hub", "repository:outlinewiki/outline:pull", "/token", away=True),
            served(
                "/v2/outlinewiki/outline/manifests/latest",
                sends={"Authorization": "Bearer T"},
                away=True,
            ),
        ),
        reads={"exists": True, "digest": DIGEST},
        wrong="a login after a redirect to a token registry (issue 11, 6)",
    ),
)
CASES = (*_REGISTRY, *_VANITY)
