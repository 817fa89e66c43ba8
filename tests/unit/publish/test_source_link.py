"""Addresses built of strangers' words: checked, or not built."""

from __future__ import annotations

import pytest

from tagwatch.image.reference import Repository
from tagwatch.publish.image_link import registry_page
from tagwatch.publish.source_link import forge_template, is_source_template, source_page

COMMIT = "c0ffee" * 6 + "cafe"


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        (
            "https://github.com/acme/shop.git",
            "https://github.com/acme/shop/blob/{c}/{path}#L{line}",
        ),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop/blob/{c}/{path}#L{line}"),
        (
            "ssh://git@gitlab.acme.example:2222/a/b/c.git",
            "https://gitlab.acme.example/a/b/c/-/blob/{c}/{path}#L{line}",
        ),
        (
            "https://me:s3cret@gitlab.com/acme/shop",
            "https://gitlab.com/acme/shop/-/blob/{c}/{path}#L{line}",
        ),
        ("https://codeberg.org/a/b", "https://codeberg.org/a/b/src/commit/{c}/{path}#L{line}"),
        (
            "https://gitea.acme.example/a/b",
            "https://gitea.acme.example/a/b/src/commit/{c}/{path}#L{line}",
        ),
        ("git@bitbucket.org:a/b.git", "https://bitbucket.org/a/b/src/{c}/{path}#lines-{line}"),
        ("https://example.com/a/b", ""),
        ("http://github.com/a/b", ""),
        ("javascript:alert(1)//github.com/a/b", ""),
        ("https://github.com/a", ""),
        ("https://github.com/a/../b", ""),
        ("https://github.com/a/b?x=1#y", "https://github.com/a/b/blob/{c}/{path}#L{line}"),
        ('https://github.com/a/b"onclick=x', ""),
        ('https://github.com"><script>/a/b', ""),
        ("https://github.com\\@evil.example/a/b", ""),
        ("https://[::1]/a/b", ""),
        ("https://[github.com/a/b", ""),
        ("/srv/git/shop.git", ""),
        ("file:///srv/git/shop.git", ""),
        ("git@github.com:acme/{path}/x", ""),
        ("", ""),
    ],
)
def test_where_a_forge_shows_files(remote: str, address: str) -> None:
    found = forge_template(remote, COMMIT)
    assert found == address.replace("{c}", COMMIT)
    assert not found or is_source_template(found)
    assert "s3cret" not in found


def test_a_commit_is_one() -> None:
    assert forge_template("https://github.com/a/b", 'main"><script>') == ""


@pytest.mark.parametrize(
    ("template", "fits"),
    [
        ("https://git.example/shop/{path}#L{line}", True),
        ("https://git.example:8443/{path}", True),
        ("http://git.example/{path}", False),
        ("javascript:alert({path})", False),
        ("https://git.example/shop", False),
        ("https://git.example/{path}{commit}", False),
        ("https://user:secret@git.example/{path}", False),
        ("https://{path}/x", False),
        ("https://git.example:99999/{path}", False),
        ('https://git.example/{path}"', False),
        ("https://git.example/{path} x", False),
        ("https:///{path}", False),
    ],
)
def test_templates_that_pages_may_use(template: str, fits: bool) -> None:
    assert is_source_template(template) is fits


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("a b/Docker#file", "https://git.example/x/team/a%20b/Docker%23file#L7"),
        ('"><script>', "https://git.example/x/team/%22%3E%3Cscript%3E#L7"),
        ("{line}/{path}", "https://git.example/x/team/%7Bline%7D/%7Bpath%7D#L7"),
        ("a%2e%2e/b?c", "https://git.example/x/team/a%252e%252e/b%3Fc#L7"),
        ("../secret", ""),
        ("a/../../secret", ""),
        ("/etc/passwd", ""),
        ("odd\udcff", ""),
    ],
)
def test_where_a_line_is_shown(path: str, address: str) -> None:
    assert source_page("https://git.example/x/{path}#L{line}", "team/", path, 7) == address


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("redis", "https://hub.docker.com/_/redis"),
        ("index.docker.io/library/redis", "https://hub.docker.com/_/redis"),
        ("bitnami/redis", "https://hub.docker.com/r/bitnami/redis"),
        ("quay.io/keycloak/keycloak", "https://quay.io/repository/keycloak/keycloak"),
        ("ghcr.io/acme/exporter", "https://ghcr.io/acme/exporter"),
        ("public.ecr.aws/nginx/nginx", "https://gallery.ecr.aws/nginx/nginx"),
        ("mcr.microsoft.com/dotnet/sdk", "https://mcr.microsoft.com/artifact/mar/dotnet/sdk"),
        ("registry.shop.example/shop/api", ""),
        ("quay.io.evil.example/a/b", ""),
    ],
)
def test_where_a_registry_shows_an_image(name: str, address: str) -> None:
    assert registry_page(Repository.parse(name)) == address


@pytest.mark.parametrize("path", ['a"><script>', "a b", "../x", "a?b", "a/../b", "javascript:x"])
def test_a_name_that_nobody_checked_leads_nowhere(path: str) -> None:
    assert registry_page(Repository(registry="docker.io", path=path)) == ""
