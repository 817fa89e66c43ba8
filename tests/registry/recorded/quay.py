"""Quay: its registry, and its API, which remembers every digest a tag ever served."""

from __future__ import annotations

from tests.registry.harness import DIGEST
from tests.registry.recorded.replay import Case, Do, Step, head, history, served, tags, token

__all__ = ["CASES"]

HOST = "quay.io"
_TAG = "GET /api/v1/repository/{}/tag/?limit=100&page=1"


def _refuses(repository: str) -> Step:
    """Let the API want a login: then the names are the registry's."""
    return Step(ask=f"{_TAG.format(repository)}&onlyActiveTags=true", status=401)


def _list(file: str, repository: str, query: str) -> Case:
    """Expect that the recorded `Link` leads to the next page; the body was not recorded."""
    return Case(
        file=file,
        host=HOST,
        do=tags(repository),
        steps=(
            _refuses(repository),
            Step(
                ask=f"GET /v2/{repository}/tags/list?n=1000",
                file=file,
                body={"name": repository, "tags": ["1.0", "1.1"]},
            ),
            Step(ask=f"GET /v2/{repository}/tags/list?{query}", body={"tags": ["latest"]}),
        ),
        reads={
            "names": ["1.0", "1.1", "latest"],
            "undigested": ["1.0", "1.1", "latest"],
            "plain": True,
        },
    )


def _history(file: str, *steps: tuple[str, str, str, str]) -> Case:
    return Case(
        file=file,
        host=HOST,
        do=history("test-org/test"),
        steps=(Step(ask=_TAG.format("test-org/test"), file=file),),
        reads={"steps": list(steps)},
    )


def _plain(file: str, do: Do, *steps: Step, **reads: object) -> Case:
    return Case(file=file, host=HOST, do=do, steps=steps, reads=reads)


_CERT = "jetstack/cert-manager-controller"
_ELEMENTAL = "costoolkit/releases-orange"
_2021 = (
    "gAAAAABg1i7jwRsgyD_X_wcMmj11T0waURK8w2MpuKG3a5B5C_iWzc1YMHTRDAPiwnqT4s0gkVdH7tUbc5HlXy7RxT13"
    "9fZABKiEw7vtjNWj8D8dSAAy-fQ%3D"
)
_2016 = (
    "gAAAAABYF4XlRL00UY6caJ4wGdywTryh8c_MpJfbRTEhQ6e-X4D9MnzHxe0V6UbhxqtGJBqjOvo8_LSmCqOccyvjPs8T"
    "4rR0Sw%3D%3D"
)
CASES = (
    # A page of HTML with status 429 and no Retry-After: asked again, it serves.
    _plain(
        "quay-429-html-2021.json",
        tags(_ELEMENTAL),
        _refuses(_ELEMENTAL),
        Step(ask=f"GET /v2/{_ELEMENTAL}/tags/list?n=1000", file="quay-429-html-2021.json"),
        Step(ask=f"GET /v2/{_ELEMENTAL}/tags/list?n=1000", body={"tags": ["1.0"]}),
        names=["1.0"],
    ),
    _plain(
        "quay-api-404.json",
        tags("acme/none"),
        Step(ask=f"{_TAG.format('acme/none')}&onlyActiveTags=true", file="quay-api-404.json"),
        Step(
            ask="GET /v2/acme/none/tags/list?n=1000",
            status=404,
            body={"errors": [{"code": "NAME_UNKNOWN"}]},
        ),
        error="NotFoundError",
        status=404,
        message="not found (404 NAME_UNKNOWN)",
        hint="it does not exist, or is hidden",
    ),
    _history(
        "quay-api-managing-tags-api-0.json",
        ("test", "d083", "2025-02-25 15:12:53", ""),
        ("test", "d083", "2025-02-25 14:57:22", "2025-02-25 15:12:53"),
        ("test", "d083", "2025-02-25 14:56:48", "2025-02-25 14:57:22"),
    ),
    _history(
        "quay-api-reverting-tag-changes-api-0.json",
        ("test", "5758", "2024-05-21 20:41:09", ""),
        ("example", "5758", "2024-05-14 14:48:51", ""),
        ("example", "5758", "2024-05-14 14:41:48", "2024-05-14 14:48:51"),
        ("test", "5758", "2024-05-14 14:04:48", "2024-05-21 20:41:09"),
        ("test", "5758", "2024-05-13 20:18:37", "2024-05-14 14:04:48"),
    ),
    # The end that Quay tells of a tag that expires; read in 2026, it has come.
    _history(
        "quay-api-setting-tag-expiration-annotation-0.json",
        ("test2", "c370", "2025-04-03 18:52:24", "2025-04-04 14:52:24"),
        ("test2", "d80a", "2025-03-20 18:02:56", "2025-04-03 18:52:24"),
    ),
    _plain(
        "quay-api-viewing-tag-history-v2-api-0.json",
        tags("test-org/test"),
        Step(
            ask=f"{_TAG.format('test-org/test')}&onlyActiveTags=true",
            file="quay-api-viewing-tag-history-v2-api-0.json",
        ),
        digests=dict.fromkeys(
            ("test-two", "tag-test", "example"),
            "sha256:57583a1b9c0a7509d3417387b4f43acf80d08cdcf5266ac87987be3f8f919d5d",
        ),
        pushed={
            "test-two": "2024-06-06T13:33:00+00:00",
            "tag-test": "2024-06-06T13:26:18+00:00",
            "example": "2024-05-14T14:48:51+00:00",
        },
        watermark="2024-06-06T13:33:00+00:00",
        scope="full",
        plain=False,
    ),
    _history(
        "quay-api-viewing-tags-api-0.json",
        ("test-two", "5758", "2024-06-18 18:59:13", ""),
        ("test-two", "0cd3", "2024-06-18 18:57:09", "2024-06-18 18:59:13"),
        ("test-two", "0cd3", "2024-06-18 18:56:58", "2024-06-18 18:57:09"),
        ("sample_tag", "5758", "2024-06-18 18:42:27", ""),
        ("test-two", "5758", "2024-06-06 13:33:00", "2024-06-18 18:56:58"),
        ("tag-test", "5758", "2024-06-06 13:26:18", ""),
        ("example", "5758", "2024-05-14 14:48:51", ""),
    ),
    # Its ping is the word `true` as a web page.
    _plain(
        "quay-ping-401-2021.json",
        head("acme/app", "1"),
        Step(ask="GET /v2/", file="quay-ping-401-2021.json"),
        token("quay.io", "repository:acme/app:pull", "/v2/auth"),
        served("/v2/acme/app/manifests/1", sends={"Authorization": "Bearer T"}),
        exists=True,
        digest=DIGEST,
    ),
    _list(
        "quay-tags-list-2021.json",
        "invisionag/yet-another-cloudwatch-exporter",
        f"next_page={_2021}&n=50",
    ),
    _list("quay-tags-list-2024.json", "keycloak/keycloak", "n=100&last=23.0.4-0"),
    _list("quay-tags-list-absolute-2016.json", "coreos/etcd", f"next_page={_2016}&n=50"),
    _plain(
        "tags-truncated_tag_list.json",
        tags(_CERT),
        _refuses(_CERT),
        Step(ask=f"GET /v2/{_CERT}/tags/list?n=1000", file="tags-truncated_tag_list.json"),
        count=50,
        plain=True,
    ),
)
