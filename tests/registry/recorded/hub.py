"""Docker Hub's tags API."""

from __future__ import annotations

import json

from tests.registry.recorded.replay import Case, Step, tags

__all__ = ["CASES"]

HOST = "docker.io"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_QUERY = "?page=1&page_size=100&ordering=last_updated"
_SECOND = _QUERY.replace("page=1", "page=2", 1)
_ONE = '{"count": 1, "next": null, "results": ["RECORDED"]}'


def _pages(repository: str, query: str = _QUERY) -> str:
    namespace, _, name = repository.partition("/")
    return f"GET /v2/namespaces/{namespace}/repositories/{name}/tags{query}"


def _api(file: str, repository: str, *more: Step, inside: str = "", **reads: object) -> Case:
    """Read the first page of a repository's tags."""
    return Case(
        file=file,
        host=HOST,
        api=True,
        do=tags(repository),
        steps=(Step(ask=_pages(repository), file=file, inside=inside), *more),
        reads=reads,
    )


def _page(names: range, following: str | None, count: int) -> str:
    """Return a page of the API, newest first, each tag with the digest of its number."""
    results = [
        {
            "name": f"1.{number}",
            "digest": f"sha256:{number:064x}",
            "last_updated": f"2026-08-{10 - number // 24:02}T{23 - number % 24:02}:00:00Z",
            "images": [],
        }
        for number in names
    ]
    return json.dumps({"count": count, "next": following, "results": results})


def _cut(file: str, repository: str, *, page: int) -> Case:
    """List 150 tags: a hundred are read, then anonymous readers are sent away."""
    query = _QUERY.replace("page=1", f"page={page}", 1)
    return Case(
        file=file,
        host=HOST,
        api=True,
        do=tags(repository),
        steps=(
            Step(
                ask=_pages(repository),
                body=_page(range(100), "https://hub.docker.com/v2/x" + query, 150),
            ),
            Step(ask=_pages(repository, query), file=file),
            Step(
                ask=f"GET /v2/{repository}/tags/list?n=1000",
                body={"name": repository, "tags": [f"1.{number}" for number in range(150)]},
            ),
        ),
        reads={
            "digests": {f"1.{number}": f"sha256:{number:064x}" for number in range(100)},
            "count": 150,
            "has_watermark": True,
            "told": "login",
        },
    )


_OLD = ("GET /v2/gcriodistroless/base-debian9/tags/list?n=1000", "gcriodistroless/base-debian9")
_SLIM = "sha256:2ae17aff4c3c8cdb2d3d9c885d7c59ad518bffc89e8351598ff1f3f918183b7c"
_RC = "sha256:c3557736f3b86cba3890d0aadbaffd7d6360336c85d7a8e03331c5581eeff42f"
_PERL = "sha256:3d8957cb61d0223de2ab1aa2ec91d29796eb82a81cdcc1e968c090c29606d648"
CASES = (
    _cut("hub-api-403-anonymous-offset-2026.json", "dotcms/dotcms", page=11),
    _cut("hub-api-403-anonymous-offset-errinfo-2026.json", "jitsi/jigasi", page=6),
    # The newest come first where no minus is asked for; names alone tell no digest, and 134 of
    # 139 tags are not here: nothing is missing because of it.
    _api(
        "hub-api-ordering-minus-last-updated-2026.json",
        "applegater/caddyui",
        names=["v1.9.0", "v2.4.10", "v2.4.11", "v2.4.12", "v2.4.9"],
        undigested=["v1.9.0", "v2.4.10", "v2.4.11", "v2.4.12", "v2.4.9"],
        scope="since",
        warnings="134 tags are counted and not listed",
    ),
    _api(
        "hub-api-repository-404.json",
        _OLD[1],
        Step(
            ask=_OLD[0],
            status=404,
            body={"errors": [{"code": "NAME_UNKNOWN", "message": "unknown"}]},
        ),
        error="NotFoundError",
        message="not found (404 NAME_UNKNOWN)",
        hint="it does not exist, or is hidden",
    ),
    Case(file="hub-api-repository-nginx-2025.json", unasked=r"/v2/repositories/"),
    Case(file="hub-api-repository-xmrig-2022.json", unasked=r"/v2/repositories/"),
    _api(
        "hub-api-tag-2018-no-image-digest.json",
        "someone/image",
        names=["foo"],
        digests={},
        undigested=["foo"],
        scope="since",
        warnings="6 tags are counted and not listed",
    ),
    # Recorded for one tag; a page that is not there any more says it in the same form.
    Case(
        file="hub-api-tag-404-2026.json",
        host=HOST,
        api=True,
        do=tags("library/rust"),
        steps=(
            Step(
                ask=_pages("library/rust"),
                body=_page(range(100), "https://hub.docker.com/v2/x" + _SECOND, 150),
            ),
            Step(
                ask=_pages("library/rust", _SECOND),
                file="hub-api-tag-404-2026.json",
            ),
        ),
        reads={"count": 100, "scope": "since", "gap": "only 100 of 150 tags could be listed"},
    ),
    _api(
        "hub-api-tag-nginx-stable-perl-2025.json",
        "library/nginx",
        inside=_ONE,
        digests={"stable-perl": _PERL},
        types={"stable-perl": "application/vnd.oci.image.index.v1+json"},
        pushed={"stable-perl": "2025-09-09T14:52:48.167400+00:00"},
        sizes={"stable-perl": 83983956},
        undigested=[],
        scope="full",
    ),
    _api(
        "hub-api-tag-rust-1.44.1-slim.json",
        "library/rust",
        inside=_ONE,
        names=["1.44.1-slim"],
        digests={},  # an index, whose digest nobody says: its images' digests are not the tag's
        undigested=["1.44.1-slim"],
        scope="full",
    ),
    _api(
        "hub-api-tag-rust-2020-no-digest.json",
        "library/rust",
        inside=_ONE,
        names=["1.44.0-slim"],
        digests={},
        undigested=["1.44.0-slim"],
        scope="full",
    ),
    # Both next pages are on the other name of the Hub; only their query counts.
    _api(
        "hub-api-tags-debian-2023.json",
        "library/debian",
        Step(
            ask=_pages("library/debian", "?page=2&page_size=2"),
            body='{"count": 1755, "next": null, "results": []}',
        ),
        digests={"unstable-slim": _SLIM, "unstable-20230612-slim": _SLIM},
        types={"unstable-slim": INDEX, "unstable-20230612-slim": INDEX},
        pushed={
            "unstable-slim": "2023-06-13T04:58:31.821511+00:00",
            "unstable-20230612-slim": "2023-06-13T04:58:26.736918+00:00",
        },
        scope="since",
        warnings="1753 tags are counted and not listed",
    ),
    _api(
        "hub-api-tags-gcmirrors-2020.json",
        "gcmirrors/kube-apiserver",
        Step(
            ask=_pages("gcmirrors/kube-apiserver", "?page=2"),
            body='{"count": 564, "next": null, "results": []}',
        ),
        digests={"v1.18.7-rc.0": _RC},  # one image, no index: its digest is the tag's
        types={"v1.18.7-rc.0": None},
        pushed={"v1.18.7-rc.0": "2020-07-16T07:29:28.814990+00:00"},
        sizes={"v1.18.7-rc.0": 51074491},
        scope="since",
    ),
    # Recorded for another page of the same site: an API that moves is followed on its own host.
    _api(
        "hub-web-301-tags-list-2017.json",
        "library/alpine",
        Step(ask="GET /v2/repositories/library/alpine/tags/list/", body=_page(range(2), None, 2)),
        names=["1.0", "1.1"],
        scope="full",
    ),
)
