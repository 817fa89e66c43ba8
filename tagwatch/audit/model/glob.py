"""Globs over registries, images and paths: `*` stays within one part, `**` crosses `/`.

Both sides are made canonical before they are compared: `redis:*` means `docker.io/library/redis:*`,
and `index.docker.io` is `docker.io`. A glob must match the whole text, not only its beginning, so
that `*.amazonaws.com` does not match `x.amazonaws.com.evil.example`.

A glob may come from a stranger's tree. `re` tries every way to share a text among wildcards, which
takes for ever with thirty of them; so beyond two a glob is followed by `_Follower`, character by
character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from tagwatch.image.reference import DOCKER_HUB, HUB_HOSTS, Reference, Repository

__all__ = [
    "canonical_pattern",
    "match_image",
    "match_path",
    "match_registry",
    "match_tag",
]

_PIECES = r"\*\*/|\*\*|\*|\?|[^*?]+"
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_FEW = 2
"""So many wildcards take at most the square of a text's length."""


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str] | _Follower | _Same:
    if "*" not in glob and "?" not in glob:
        return _Same(glob)
    tokens = re.findall(_PIECES, glob)
    if sum(token.startswith("*") for token in tokens) > _FEW:
        return _Follower(tokens)
    return re.compile(
        "".join(_MEANING.get(token) or re.escape(token) for token in tokens), re.DOTALL
    )


class _Same:
    """A glob without wildcards: most of those that policies hold."""

    def __init__(self, text: str) -> None:
        self._text = text

    def fullmatch(self, text: str) -> bool | None:
        """Return True for the same text, else None, as a pattern does."""
        return text == self._text or None


class _Follower:
    """A glob as all places in it that a text may have led to: a bit each, in one number.

    The time is that of the text's length times the glob's, whatever both hold.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._steps: dict[str, int] = {}  # by character, the places from which it leads one on
        self._stays = self._stays_in_part = 0  # where any character stays; where any but `/` does
        self._any_in_part = 0  # where any but `/` leads one on
        self._passes = self._skips = 0  # where nothing leads one on; where it leads two on
        end = 0
        for piece in tokens:
            here = 1 << end
            end += 2 if piece == "**/" else 1 if piece in _MEANING else len(piece)
            match piece:
                case "**/":  # nothing, or anything up to a `/`
                    self._passes |= here
                    self._skips |= here
                    self._stays |= here << 1
                    self._step("/", here << 1)
                case "**":
                    self._passes |= here
                    self._stays |= here
                case "*":
                    self._passes |= here
                    self._stays_in_part |= here
                case "?":
                    self._any_in_part |= here
                case _:
                    for at, character in enumerate(piece):
                        self._step(character, here << at)
        self._end = 1 << end

    def _step(self, character: str, place: int) -> None:
        self._steps[character] = self._steps.get(character, 0) | place

    def fullmatch(self, text: str) -> bool | None:
        """Return True where the glob matches the whole text, else None, as a pattern does."""
        places = self._passed(1)
        for character in text:
            on = places & self._steps.get(character, 0)
            stay = places & self._stays
            if character != "/":
                on |= places & self._any_in_part
                stay |= places & self._stays_in_part
            places = self._passed(on << 1 | stay)
        return bool(places & self._end) or None

    def _passed(self, places: int) -> int:
        """Return `places` with those behind wildcards that stand for nothing."""
        while (
            more := places | (places & self._passes) << 1 | (places & self._skips) << 2
        ) != places:
            places = more
        return places


def match_path(glob: str, path: str) -> bool:
    """Return True where `glob` matches the POSIX path. A glob that ends in `/` matches all below.

    >>> match_path("**/test/**", "app/test/Dockerfile"), match_path("*.yaml", "a/b.yaml")
    (True, False)
    """
    glob = glob.removeprefix("./")
    return _compiled(f"{glob}**" if glob.endswith("/") else glob).fullmatch(path) is not None


def match_registry(glob: str, repository: Repository) -> bool:
    """Return True where `glob` matches the repository's registry or, with a `/`, its whole name."""
    if "/" in glob:
        return match_image(glob, repository)
    host = DOCKER_HUB if glob.lower() in HUB_HOSTS else glob.lower()
    return _compiled(host).fullmatch(repository.host) is not None


def match_tag(globs: Iterable[str], tag: str) -> bool:
    """Return True where one of `globs` matches the tag."""
    return any(_compiled(glob).fullmatch(tag) for glob in globs)


def match_image(glob: str, image: Repository | Reference) -> bool:
    """Return True where `glob` matches the image. A glob without tag or digest matches every tag.

    >>> match_image("redis:7.*", Reference.parse("docker.io/library/redis:7.2"))
    True
    """
    name, tag, digest = canonical_pattern(glob)
    repository = image if isinstance(image, Repository) else image.repository
    whole = f"{repository.host}/{repository.path}"
    if _compiled(name).fullmatch(whole) is None:
        return False
    if tag is None and digest is None:
        return True
    if isinstance(image, Repository):
        return False
    if digest is not None and (
        image.digest is None or not _compiled(digest).fullmatch(image.digest)
    ):
        return False
    own = image.effective_tag
    return tag is None or (own is not None and _compiled(tag).fullmatch(own) is not None)


@lru_cache(maxsize=4096)
def canonical_pattern(glob: str) -> tuple[str, str | None, str | None]:
    """Return the name, tag and digest of an image glob; the name is whole, as `Repository.name` is.

    >>> canonical_pattern("redis:6.*")
    ('docker.io/library/redis', '6.*', None)
    >>> canonical_pattern("**")
    ('**', None, None)
    """
    name, _, digest = glob.partition("@")
    tag: str | None = None
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        name, tag = name[:colon], name[colon + 1 :]
    first, slash, rest = name.partition("/")
    if not slash:
        name = name if "**" in name else f"{DOCKER_HUB}/library/{name}"
    elif first.lower() in HUB_HOSTS:
        name = f"{DOCKER_HUB}/{rest if '/' in rest or '*' in rest else f'library/{rest}'}"
    elif "**" not in first and not ("." in first or ":" in first or first == "localhost"):
        name = f"{DOCKER_HUB}/{name}"
    else:
        name = f"{first.lower()}/{rest}"
    return name, tag or None, digest or None
