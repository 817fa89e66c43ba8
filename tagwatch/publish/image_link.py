"""Links to what is known of an image elsewhere: its registry's page, its code.

Names come from files and registries, addresses of code from images: whatever is not plainly an
https address of a host gives no link.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from tagwatch.image.reference import DOCKER_HUB, Reference, Repository
from tagwatch.value import dataclass

__all__ = ["Link", "code_page", "commits_page", "registry_page", "tag_page", "web_address"]

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_LONGEST = 300
_PAGES = {
    "quay.io": "quay.io/repository",
    "public.ecr.aws": "gallery.ecr.aws",
    "mcr.microsoft.com": "mcr.microsoft.com/artifact/mar",
}
"""Where registries show their repositories, of those that do not show them under their own host."""

_GOOGLE = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address, and what is there."""

    title: str
    url: str


def registry_page(repository: Repository) -> str:
    """Return where people look at a repository; empty where its registry shows nothing.

    >>> registry_page(Repository.parse("redis")), registry_page(Repository.parse("ghcr.io/a/b"))
    ('https://hub.docker.com/_/redis', 'https://ghcr.io/a/b')
    """
    one = repository.identity
    host, path = one.host, one.path
    if not _PATH.fullmatch(f"/{path}") or {".", ".."} & set(path.split("/")):
        return ""
    if host == DOCKER_HUB:
        official = path.startswith("library/")
        return f"https://hub.docker.com/{'_' if official else 'r'}/{path.removeprefix('library/')}"
    if host == "ghcr.io" or _GOOGLE.fullmatch(host):
        return f"https://{host}/{path}"  # a browser is sent on from there
    where = _PAGES.get(host)
    return f"https://{where}/{path}" if where else ""


def tag_page(reference: Reference) -> Link | None:
    """Return the page of a registry about a tag; None where it has none that is known.

    >>> from tagwatch.image.reference import Reference
    >>> tag_page(Reference.parse("redis:7.4")).url
    'https://hub.docker.com/_/redis/tags?name=7.4'
    """
    page, host = registry_page(reference.repository), reference.repository.identity.host
    if not page:
        return None
    tag = quote(reference.tag or "", safe="")
    if host == DOCKER_HUB:
        page += "/tags" + (f"?name={tag}" if tag else "")
    elif host == "quay.io":
        page += "?tab=tags" + (f"&tag={tag}" if tag else "")
    elif host == "mcr.microsoft.com":
        page += "/tags"
    return Link(title="registry", url=page)


def web_address(text: str) -> str | None:
    """Return an https address without anything but host and path; None where that is not one.

    >>> web_address("https://github.com/docker-library/redis.git#abc:7.4")
    'https://github.com/docker-library/redis'
    >>> web_address("javascript:alert(1)"), web_address("https://user:pass@host.example/")
    (None, None)
    """
    try:
        parts = urlsplit(text[:_LONGEST])
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    is_plain = parts.scheme == "https" and port is None and "@" not in parts.netloc
    path = parts.path.rstrip("/").removesuffix(".git")
    if not is_plain or not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
        return None
    if any(part in (".", "..") for part in path.split("/")):
        return None
    return f"https://{host}{path}"


def code_page(source: str) -> Link | None:
    """Return the page of an image's code, by the image's own word."""
    address = web_address(source)
    return Link(title="code, as the image says", url=address) if address else None


def commits_page(source: str, old: str, new: str) -> Link | None:
    """Return the page of what changed between two commits of an image's code.

    >>> commits_page("https://github.com/a/b", "1" * 40, "2" * 40).title
    'commits, as the image says'
    """
    address = web_address(source)
    if address is None or old == new or not (_COMMIT.fullmatch(old) and _COMMIT.fullmatch(new)):
        return None
    if address.startswith("https://github.com/"):
        way = "compare"
    elif address.startswith("https://gitlab.com/"):
        way = "-/compare"
    else:
        return None
    return Link(title="commits, as the image says", url=f"{address}/{way}/{old}...{new}")
