"""Links to registries and code: an address that is not plainly one gives no link."""

from __future__ import annotations

import pytest

from tagwatch.image.reference import Reference
from tagwatch.publish.image_link import code_page, commits_page, tag_page, web_address

ONE, TWO = "1" * 40, "2" * 40


@pytest.mark.parametrize(
    ("image", "page"),
    [
        ("redis:7.4", "https://hub.docker.com/_/redis/tags?name=7.4"),
        ("grafana/grafana", "https://hub.docker.com/r/grafana/grafana/tags"),
        ("quay.io/a/b:1", "https://quay.io/repository/a/b?tab=tags&tag=1"),
        ("ghcr.io/a/b:1", "https://ghcr.io/a/b"),
        ("gcr.io/a/b:1", "https://gcr.io/a/b"),
        ("europe-docker.pkg.dev/a/b/c:1", "https://europe-docker.pkg.dev/a/b/c"),
        ("public.ecr.aws/a/b:1", "https://gallery.ecr.aws/a/b"),
        ("mcr.microsoft.com/dotnet/sdk:9.0", "https://mcr.microsoft.com/artifact/mar/dotnet/sdk/tags"),
        ("registry.example:5000/a:1", None),
        ("hub.docker.com.evil.example/redis:1", None),
    ],
)  # fmt: skip
def test_pages_of_registries(image: str, page: str | None) -> None:
    link = tag_page(Reference.parse(image))
    assert (link.url if link is not None else None) == page


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("https://github.com/a/b", "https://github.com/a/b"),
        ("https://github.com/a/b.git#refs/heads/x:sub", "https://github.com/a/b"),
        ("https://github.com/a/b/?tab=readme", "https://github.com/a/b"),
        ("http://github.com/a/b", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//github.com/a/b", None),
        ("https://token@github.com/a/b", None),
        ("https://github.com:8443/a", None),
        ("https://github.com/a/../b", None),
        ("https://github.com/a)](https://evil.example", None),
        ("https://github.com/a b", None),
        ("https://github.com/<img>", None),
        ("https://localhost/a", None),
        ("https://[::1/", None),
        ("https://xn--e1afmkfd.example/%0a", None),
        ("https://\u202egithub.com/a", None),
        ("https://github.com/" + "a" * 400, "https://github.com/" + "a" * 281),
        ("", None),
    ],
)
def test_an_address_of_an_image(said: str, address: str | None) -> None:
    assert web_address(said) == address


def test_pages_of_code() -> None:
    assert code_page("git@github.com:a/b") is None
    source = "https://github.com/a/b"
    link = commits_page(source, ONE, TWO)
    assert link is not None
    assert link.url == f"{source}/compare/{ONE}...{TWO}"
    lab = commits_page("https://gitlab.com/a/b", ONE, TWO)
    assert lab is not None
    assert lab.url == f"https://gitlab.com/a/b/-/compare/{ONE}...{TWO}"
    for old, new in ((ONE, ONE), ("", TWO), (ONE, "main"), (ONE, f"{TWO}?x"), (ONE, "2" * 65)):
        assert commits_page(source, old, new) is None, (old, new)
    assert commits_page("https://git.example/a/b", ONE, TWO) is None
