"""GitHub's registry and its Packages API, and lscr.io, which is GitHub's by another name."""

from __future__ import annotations

import base64
import json
import time

from tagwatch.errors import RegistryError
from tagwatch.registry.client import RegistryClient
from tests.registry.harness import DIGEST
from tests.registry.recorded.replay import (
    Case,
    Do,
    Read,
    Step,
    get,
    head,
    served,
    tags,
    token,
)

__all__ = ["CASES"]

HOST = "ghcr.io"
_VERSIONS = "packages/container/{}/versions?state=active&per_page=100"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LOGIN = {"credential": "github"}, {"GITHUB_TOKEN": "P"}
_OWNER = Step(ask="GET /users/acme", body={"type": "Organization"}, times=0)
_AS_LIMITS = "GitHub's limits as 403: it is asked again at once (issue 11, 6)"


def _challenge(repository: str) -> Step:
    """Answer as ghcr.io does to whoever brings no token."""
    return Step(
        ask=f"GET /v2/{repository}/tags/list?n=1000",
        status=401,
        headers={
            "WWW-Authenticate": 'Bearer realm="{here}/token",service="ghcr.io",'
            f'scope="repository:{repository}:pull"'
        },
    )


def _both(first: str, second: str) -> Do:
    """List two packages, one after the other; a limit may be told as an error."""

    async def do(client: RegistryClient) -> Read:
        before = {}
        for path in (first, second):
            try:
                before[path] = (await tags(path)(client))["names"]
            except RegistryError as error:
                before[path] = type(error).__name__
        return {"asked": dict(client.requests).get("catalogue", 0), "read": before}

    return do


def _limited(file: str, headers: dict[str, str]) -> Case:
    """Expect that the next package is not asked for before GitHub's limit has passed."""
    settings, environment = _LOGIN
    first, second = (_VERSIONS.format(name) for name in ("one", "two"))
    lists = [
        Step(ask=f"GET /v2/acme/{name}/tags/list?n=1000", body={"tags": ["1.0"]}, times=0)
        for name in ("one", "two")
    ]
    return Case(
        file=file,
        host=HOST,
        api=True,
        settings=settings,
        environment=environment,
        do=_both("acme/one", "acme/two"),
        steps=(
            _OWNER,
            Step(ask=f"GET /orgs/acme/{first}", file=file, headers=headers, times=0),
            Step(ask=f"GET /orgs/acme/{second}", file=file, headers=headers, times=0),
            *lists,
        ),
        reads={"asked": 2},  # whose the packages are, and the first package
        wrong=_AS_LIMITS,
    )


_STALE = base64.b64encode(b"me:ghp_expired").decode()
_BUILDCACHE = "/v2/spack/github-actions-buildcache/tags/list"
_LIB = "libunistring-1.1-k46tvbaphmkbookxr5krcmw6koqjlvob.spack"
_ASPNET = "richlander/dotnet-docker/aspnetapp"
CASES = (
    # The registry answers a Go duration with a µ in it, and no Retry-After: asked again, it serves.
    Case(
        file="ghcr-429-2024.json",
        host=HOST,
        do=get(_ASPNET, "main"),
        steps=(
            Step(ask=f"GET /v2/{_ASPNET}/manifests/main", file="ghcr-429-2024.json"),
            Step(ask=f"GET /v2/{_ASPNET}/manifests/main", file="ghcr-manifest-0.json"),
        ),
        reads={"type": _MANIFEST},
    ),
    Case(
        file="ghcr-manifest-0.json",
        host=HOST,
        do=get(_ASPNET, "main"),
        steps=(Step(ask=f"GET /v2/{_ASPNET}/manifests/main", file="ghcr-manifest-0.json"),),
        reads={
            "digest": "sha256:de2d68618ec8873fb1221abed891d88ffa172892643f8004631c86ad97e6dba2",
            "type": _MANIFEST,
            "config": "sha256:79807ddfc378e5af778da5468303e691f45d5ee0b04c6aeec0f4b96fcdfd39b6",
            "layers": 7,
        },
    ),
    Case(
        file="ghcr-manifest-1.json",
        host=HOST,
        do=get("richlander/dotnet-docker", "main"),
        steps=(
            Step(
                ask="GET /v2/richlander/dotnet-docker/manifests/main", file="ghcr-manifest-1.json"
            ),
        ),
        reads={
            "digest": "sha256:ff72b24d0ea1896f318a1cf20503eb97ab50b68dc2fba18909a5d2a96e5a1c85",
            "type": _MANIFEST,
            "config": "sha256:35c10f6c6124b299afda455b18b4cd5640155a5e5cc36d02f3fe298363786e23",
            "layers": 7,
        },
    ),
    Case(
        file="ghcr-tags-list-2024.json",
        host=HOST,
        do=tags("spack/github-actions-buildcache"),
        steps=(
            Step(ask=f"GET {_BUILDCACHE}?n=1000", file="ghcr-tags-list-2024.json"),
            Step(ask=f"GET {_BUILDCACHE}?last={_LIB}&n=10", body={"tags": ["zlib.spack"]}),
        ),
        reads={
            "names": [
                "krb5-1.20.1-j4fzaidhwwwwsu56a3au4khwgaaott5g.spack",
                "libmd-1.0.4-gczlerelbro64t2ygs35n7drc3qyuwie.spack",
                "libmd-1.0.4-itaxviw36lee7jym6obpehtqtdstdadl.spack",
                _LIB,
                "tar-1.34-j7motvrkm6uiewr5lcdxjpzoyeodl2ib.spack",
                "tar-1.34-lta4rocxkw5f4vyql7ck3sw7zgc6pulf.spack",
                "util-linux-uuid-2.38.1-3g7ojlkxwwtz42bbutocm55xc3vlx6be.spack",
                "util-macros-1.19.3-3azfa2rh2pv6by7hqenafdsbgwrckrzr.spack",
                "util-macros-1.19.3-bvdqy2zk2kv7mb7qmhikyssuaykshuir.spack",
                "xz-5.4.1-upooqgvsr6el4sjlpa6kmvpc4prr6gke.spack",
                "zlib.spack",
            ],
            "scope": "full",
        },
    ),
    Case(
        file="ghcr-token-401-private-2026.json",
        host=HOST,
        do=tags("openai/tunnel-client-runtime"),
        steps=(
            _challenge("openai/tunnel-client-runtime"),
            token(
                "ghcr.io",
                "repository:openai/tunnel-client-runtime:pull",
                "/token",
                file="ghcr-token-401-private-2026.json",
                body=b"",
            ),
        ),
        reads={
            "error": "DeniedError",
            "status": 401,
            "hint": "no credential is known for this registry; log in with `docker login`",
        },
    ),
    # A public package behind a login that has ended: the login is the trouble, not the package.
    Case(
        file="ghcr-token-403-2022.json",
        host=HOST,
        do=head("acme/public", "1"),
        environment={
            "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"HOST": {"auth": _STALE}}}).replace(
                "HOST", "{host}"
            )
        },
        steps=(
            Step(
                ask="HEAD /v2/acme/public/manifests/1",
                status=401,
                headers={
                    "WWW-Authenticate": 'Bearer realm="{here}/token",service="ghcr.io",'
                    'scope="repository:acme/public:pull"'
                },
            ),
            Step(
                ask="GET /token?service=ghcr.io&scope=repository:acme/public:pull"
                "&account=me&client_id=tagwatch",
                file="ghcr-token-403-2022.json",
                sends={"Authorization": f"Basic {_STALE}"},
            ),
            token(
                "ghcr.io",
                "repository:acme/public:pull",
                "/token",
                sends={"Authorization": None},
            ),
            served("/v2/acme/public/manifests/1", sends={"Authorization": "Bearer T"}),
        ),
        reads={"exists": True, "digest": DIGEST},
        wrong="a stale login makes a public image unreadable (issue 11, 6)",
    ),
    _limited("github-403-primary.json", {"X-RateLimit-Reset": str(int(time.time()) + 1800)}),
    _limited("github-403-secondary-2023.json", {}),
    # 46 pages: the next has another path than was asked for, and its query is what counts. A client
    # may leave so many alone, and take the registry's own list.
    Case(
        file="github-versions-page-1-2024.json",
        host=HOST,
        api=True,
        settings=_LOGIN[0],
        environment=_LOGIN[1],
        do=tags("gethomepage/homepage"),
        steps=(
            Step(ask="GET /users/gethomepage", body={"type": "Organization"}),
            Step(
                ask=f"GET /orgs/gethomepage/{_VERSIONS.format('homepage')}",
                file="github-versions-page-1-2024.json",
                sends={"Authorization": "Bearer P"},
            ),
            Step(
                ask=f"GET /orgs/gethomepage/{_VERSIONS.format('homepage')}&page=2",
                body=[
                    {
                        "name": f"sha256:{'a' * 64}",
                        "created_at": "2024-05-04T05:20:30Z",
                        "metadata": {"container": {"tags": ["v0.8.13"]}},
                    }
                ],
                sends={"Authorization": "Bearer P"},
                times=0,
            ),
            Step(
                ask="GET /v2/gethomepage/homepage/tags/list?n=1000",
                body={"tags": ["v0.8.13"]},
                times=0,
            ),
        ),
        reads={"names": ["v0.8.13"], "scope": "full"},
    ),
    Case(
        file="lscr-401-2022.json",
        host="lscr.io",
        do=tags("linuxserver/radarr"),
        away=("ghcr.io",),
        settings={"token_hosts": ("{away}",)},
        steps=(
            Step(ask="GET /v2/linuxserver/radarr/tags/list?n=1000", file="lscr-401-2022.json"),
            token("ghcr.io", "repository:linuxserver/radarr:pull", "/token", away=True),
            Step(
                ask="GET /v2/linuxserver/radarr/tags/list?n=1000",
                body={"tags": ["5.0.0"]},
                sends={"Authorization": "Bearer T"},
            ),
        ),
        reads={"names": ["5.0.0"], "scope": "full"},
    ),
    Case(
        file="lscr-redirect-2024.json",
        host="lscr.io",
        do=head("linuxserver/heimdall", "latest"),
        away=("ghcr.io",),
        settings={"redirect_hosts": ("{away}",)},
        steps=(
            Step(
                ask="HEAD /v2/linuxserver/heimdall/manifests/latest",
                file="lscr-redirect-2024.json",
                times=0,
            ),
            Step(
                ask="HEAD /v2/linuxserver/heimdall/manifests/latest",
                status=401,
                headers={"WWW-Authenticate": 'Bearer realm="{away}/token",service="ghcr.io"'},
                sends={"Authorization": None},
                away=True,
            ),
            token("ghcr.io", "repository:linuxserver/heimdall:pull", "/token", away=True),
            served(
                "/v2/linuxserver/heimdall/manifests/latest",
                sends={"Authorization": "Bearer T"},
                away=True,
            ),
        ),
        reads={"exists": True, "digest": DIGEST},
        wrong="a login after a redirect to a token registry (issue 11, 6)",
    ),
)
