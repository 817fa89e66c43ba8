"""Links to what is known of an image elsewhere: its registry's page, its code.

Names come from files and registries, addresses of code from images: whatever is not plainly an
https address of a host gives no link.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from tagwatch.image.reference import DOCKER_HUB, Reference
from tagwatch.value import dataclass

__all__ = ["Link", "code_page", "commits_page", "tag_page", "web_address"]

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_LONGEST = 300
_GOOGLE = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address, and what is there."""

    title: str
    url: str


def tag_page(reference: Reference) -> Link | None:
    """Return the page of a registry about a tag; None where it has none that is known.

    >>> from tagwatch.image.reference import Reference
    >>> tag_page(Reference.parse("redis:7.4")).url
    'https://hub.docker.com/_/redis/tags?name=7.4'
    """
    host, path = reference.repository.registry, quote(reference.repository.path)
    tag = quote(reference.tag or "", safe="")
    if host == DOCKER_HUB:
        name = f"_/{path.removeprefix('library/')}" if path.startswith("library/") else f"r/{path}"
        where = f"hub.docker.com/{name}/tags" + (f"?name={tag}" if tag else "")
    elif host == "quay.io":
        where = f"quay.io/repository/{path}?tab=tags" + (f"&tag={tag}" if tag else "")
    elif host == "mcr.microsoft.com":
        where = f"mcr.microsoft.com/artifact/mar/{path}/tags"
    elif host == "public.ecr.aws":
        where = f"gallery.ecr.aws/{path}"
    elif host == "ghcr.io" or _GOOGLE.fullmatch(host):
        where = f"{host}/{path}"  # a browser is sent on from there
    else:
        return None
    return Link(title="registry", url=f"https://{where}")


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
