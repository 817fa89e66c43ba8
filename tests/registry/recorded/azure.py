"""Azure Container Registry."""

from __future__ import annotations

from tests.registry.harness import DIGEST
from tests.registry.recorded.replay import Case, Step, catalog, head, served, tags, token

__all__ = ["CASES"]

_TAGS = "GET /acr/v1/library/hello-world/_tags"
_FIRST = "?api-version=2021-07-01&orderby=timedesc&n=1000"
_REFRESH = "sanitized.eyJleHAiOjg2NDAwMDAwMDAwMDB9.sanitized"
_SCOPE = "repository:library/hello-world:metadata_read"
# An Entra token is exchanged for a refresh token, that one for an access token of this scope.
_LOGIN = (
    Step(ask=_TAGS + _FIRST, file="acr-tags-401-2023.json"),
    Step(
        ask="POST /oauth2/exchange",
        file="acr-exchange-2023.json",
        form={
            "grant_type": "access_token",
            "service": "myregistry.azurecr.io",
            "access_token": "entra",
        },
    ),
    Step(
        ask="POST /oauth2/token",
        file="acr-token-2023.json",
        form={
            "grant_type": "refresh_token",
            "service": "myregistry.azurecr.io",
            "client_id": "tagwatch",
            "scope": _SCOPE,
            "refresh_token": _REFRESH,
        },
    ),
    Step(
        ask=_TAGS + _FIRST,
        file="acr-tags-page-2-2023.json",
        sends={"Authorization": "Bearer Sanitized"},
    ),
    Step(
        ask=f"{_TAGS}?last=test-delete&n=1&orderby=",
        body={"imageName": "library/hello-world", "tags": None},
        sends={"Authorization": "Bearer Sanitized"},
    ),
)
_HELLO = "sha256:6e8b6f026e0b9c419ea0fd02d3905dd0952ad1feea67543f525c73a0a790fefb"
_DESC = "sha256:7d91b69e04a9029b99f3585aaaccae2baa80bcf318f4a5d2165a9898cd2dc0a1"


def _in_the_login(file: str) -> Case:
    return Case(
        file=file,
        host="myregistry.azurecr.io",
        do=tags("library/hello-world"),
        steps=_LOGIN,
        settings={"credential": "azure"},
        programs={"az": """printf '{"accessToken": "entra"}'"""},
        reads={
            "digests": {"test-delete": _HELLO},
            "pushed": {"test-delete": "2023-03-02T23:15:35.540552+00:00"},  # of 7 digits, 6
            "watermark": "2023-03-02T23:15:35.540552+00:00",
            "undigested": [],
            "scope": "full",
            "plain": False,
        },
    )


CASES = (
    Case(
        file="acr-catalog-page-2020.json",
        host="contoso.azurecr.io",
        do=catalog(),
        steps=(
            Step(ask="GET /v2/_catalog?n=1000", file="acr-catalog-page-2020.json"),
            Step(
                ask="GET /v2/_catalog?last=contoso-marketing&n=2&orderby=",
                body={"repositories": ["hello-world"]},
            ),
        ),
        reads={"repositories": ["alpine", "contoso-marketing", "hello-world"]},
    ),
    Case(
        file="acr-ping-401-2022.json",
        host="123456.azurecr.io",
        do=head("hello-world", "latest"),
        steps=(
            Step(ask="GET /v2/", file="acr-ping-401-2022.json"),
            token("123456.azurecr.io", "repository:hello-world:pull", "/oauth2/token"),
            served("/v2/hello-world/manifests/latest", sends={"Authorization": "Bearer T"}),
        ),
        reads={"exists": True, "digest": DIGEST},
    ),
    _in_the_login("acr-exchange-2023.json"),
    _in_the_login("acr-tags-401-2023.json"),
    _in_the_login("acr-tags-page-2-2023.json"),
    _in_the_login("acr-token-2023.json"),
    Case(
        file="acr-tags-timedesc-2021.json",
        host="yalinlitests.azurecr.io",
        do=tags("repo45431dd7"),
        steps=(
            Step(ask=f"GET /acr/v1/repo45431dd7/_tags{_FIRST}", file="acr-tags-timedesc-2021.json"),
        ),
        reads={
            "digests": {f"tag45431dd7{number}": _DESC for number in range(4)},
            "pushed": {
                "tag45431dd71": "2021-08-30T20:32:30.793086+00:00",
                "tag45431dd72": "2021-08-30T20:32:30.699869+00:00",
                "tag45431dd73": "2021-08-30T20:32:30.660848+00:00",
                "tag45431dd70": "2021-08-30T20:32:29.351813+00:00",
            },
            "watermark": "2021-08-30T20:32:30.793086+00:00",
            "scope": "full",
        },
    ),
)
