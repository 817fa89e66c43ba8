"""Harbor and GitLab, which people also run themselves."""

from __future__ import annotations

from tests.registry.harness import DIGEST
from tests.registry.recorded.replay import Case, Step, catalog, get, head, served, tags, token

__all__ = ["CASES"]

_ARTIFACTS = (
    "GET /api/v2.0/projects/{}/repositories/{}/artifacts"
    "?q=tags%3D*&sort=-push_time&with_tag=true&page_size=100&page=1"
)
_HARBOR = "demo.goharbor.io"
_CATALOG = "registry:catalog:*"


def _project(name: str) -> Step:
    """Answer as Harbor does for a project that is no proxy cache."""
    return Step(ask=f"GET /api/v2.0/projects/{name}", body={"name": name, "registry_id": None})


CASES = (
    # Refused without a challenge: the registry's own list is read, and said so.
    Case(
        file="harbor-401-no-challenge-2020.json",
        host=_HARBOR,
        do=tags("library/alpine"),
        steps=(
            _project("library"),
            Step(
                ask=_ARTIFACTS.format("library", "alpine"),
                file="harbor-401-no-challenge-2020.json",
            ),
            Step(ask="GET /v2/library/alpine/tags/list?n=1000", body={"tags": ["3.10.2"]}),
        ),
        reads={"names": ["3.10.2"], "plain": True, "warnings": "its API answers 401"},
    ),
    Case(
        file="harbor-404-not-found-code.json",
        host=_HARBOR,
        do=get("test/alpine", "1"),
        steps=(Step(ask="GET /v2/test/alpine/manifests/1", file="harbor-404-not-found-code.json"),),
        reads={
            "error": "NotFoundError",
            "status": 404,
            "message": "not found (404)",  # NOT_FOUND is no code of the specification
            "hint": "it does not exist, or is hidden",
        },
    ),
    # An artifact without a tag is no tag.
    Case(
        file="harbor-artifacts-2024.json",
        host=_HARBOR,
        do=tags("gabe-test/foo"),
        steps=(
            _project("gabe-test"),
            Step(ask=_ARTIFACTS.format("gabe-test", "foo"), file="harbor-artifacts-2024.json"),
        ),
        reads={"names": [], "scope": "full", "plain": False, "is_quiet": True},
    ),
    Case(
        file="harbor-ping-401-2020.json",
        host=_HARBOR,
        do=catalog(),
        steps=(
            Step(ask="GET /v2/_catalog?n=1000", file="harbor-ping-401-2020.json"),
            token("harbor-registry", _CATALOG, "/service/token"),
            Step(
                ask="GET /v2/_catalog?n=1000",
                body={"repositories": ["library/alpine"]},
                sends={"Authorization": "Bearer T"},
            ),
        ),
        reads={"repositories": ["library/alpine"]},
    ),
    # `access_token` is there and empty: `token` is meant.
    Case(
        file="harbor-token-2020.json",
        host=_HARBOR,
        do=head("library/alpine", "3"),
        steps=(
            Step(
                ask="HEAD /v2/library/alpine/manifests/3",
                file="harbor-ping-401-2020.json",
            ),
            token(
                "harbor-registry",
                "repository:library/alpine:pull",
                "/service/token",
                file="harbor-token-2020.json",
                body=b"",
            ),
            served("/v2/library/alpine/manifests/3", sends={"Authorization": "Bearer TOKEN"}),
        ),
        reads={"exists": True, "digest": DIGEST},
    ),
    # GitLab's token server has another name than its registry.
    Case(
        file="gitlab-catalog-401-2019.json",
        host="registry.ourgitlab.com",
        do=catalog(),
        away=("ourgitlab.com",),
        settings={"kind": "gitlab", "token_hosts": ("{away}",)},
        steps=(
            Step(ask="GET /v2/_catalog?n=1000", file="gitlab-catalog-401-2019.json"),
            token("container_registry", _CATALOG, "/jwt/auth", away=True),
            Step(
                ask="GET /v2/_catalog?n=1000",
                body={"repositories": ["group/app"]},
                sends={"Authorization": "Bearer T"},
            ),
        ),
        reads={"repositories": ["group/app"]},
    ),
    Case(
        file="gitlab-ping-401-2017.json",
        host="registry.gitlab.com",
        do=head("group/app", "1"),
        away=("gitlab.com",),
        settings={"token_hosts": ("{away}",)},
        steps=(
            Step(ask="GET /v2/", file="gitlab-ping-401-2017.json"),
            token("container_registry", "repository:group/app:pull", "/jwt/auth", away=True),
            served("/v2/group/app/manifests/1", sends={"Authorization": "Bearer T"}),
        ),
        reads={"exists": True, "digest": DIGEST},
    ),
)
