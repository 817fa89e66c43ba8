"""Image references: the grammar and normal form of distribution/reference (v0.6)."""

from __future__ import annotations

import re
from functools import lru_cache

from tagwatch.errors import InvalidDigestError, InvalidReferenceError
from tagwatch.image.digest import Digest, is_digest, parse_digest, short_digest
from tagwatch.value import dataclass

__all__ = ["DOCKER_HUB", "HUB_HOSTS", "Reference", "Repository", "is_tag", "without_userinfo"]

DOCKER_HUB = "docker.io"
HUB_HOSTS = frozenset(
    {DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
)
"""Docker Hub, whichever of its names is written."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_DOMAIN = r"(?:[a-zA-Z0-9]+(?:(?:-+|\.)[a-zA-Z0-9]+)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_IDENTIFIER = r"[a-f0-9]{64}"
_MAX_PATH = 255


def is_tag(text: str) -> bool:
    """True where `text` has the form of a tag. Registries have been seen to list other things."""
    return _TAG.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Repository:
    """One image's home: a registry and a path. The key of every map."""

    registry: str
    path: str

    @property
    def host(self) -> str:
        """The registry's name in lower case: for DNS, credentials and tables."""
        return self.registry.lower()

    @property
    def name(self) -> str:
        """The whole name, `docker.io/library/redis`."""
        return f"{self.registry}/{self.path}"

    @property
    def identity(self) -> Repository:
        """The repository that is meant, however its registry is written: what is remembered of it.

        The grammar keeps names apart that reach the same API (distribution/reference folds
        `index.docker.io` alone, and no upper case). Two histories of one repository would be half
        of it each. The API knows no `library/` of its own, so nothing is completed here.
        """
        is_hub = self.host in HUB_HOSTS and "/" in self.path
        registry = DOCKER_HUB if is_hub else self.host
        return self if registry == self.registry else Repository(registry=registry, path=self.path)

    @classmethod
    def parse(cls, text: str) -> Repository:
        """Read a name without tag and digest, short or whole. Raises `InvalidReferenceError`."""
        reference = Reference.parse(text)
        if reference.tag or reference.digest:
            raise _invalid(text, "a repository has neither tag nor digest")
        return reference.repository

    def __str__(self) -> str:
        return _short_name(self)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """A repository with a tag, a digest, both or neither, as somebody wrote it."""

    repository: Repository
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference and complete its registry and namespace.

        Raises `InvalidReferenceError` with the reason.

        >>> Reference.parse("redis:6.2").canonical
        'docker.io/library/redis:6.2'
        """
        name, at, digest_text = text.partition("@")
        digest: Digest | None = None
        if at:
            try:
                digest = parse_digest(digest_text)
            except InvalidDigestError as error:
                raise _invalid(text, error.message, error.hint) from error
        colon = name.rfind(":")
        tag: str | None = None
        if colon > name.rfind("/"):
            name, tag = name[:colon], name[colon + 1 :]
            if not is_tag(tag):
                raise _invalid(
                    text,
                    f"{tag[:140]!r} is not a tag",
                    "a tag has letters, digits, '_', '.' and '-', 128 at most",
                )
        return cls(repository=_parse_name(name, text), tag=tag, digest=digest)

    @property
    def identity(self) -> Reference:
        """See `Repository.identity`."""
        repository = self.repository.identity
        if repository is self.repository:
            return self
        return Reference(repository=repository, tag=self.tag, digest=self.digest)

    @property
    def canonical(self) -> str:
        """The whole reference; `:latest` where neither tag nor digest stands."""
        return self._join(self.repository.name, self.effective_tag)

    @property
    def effective_tag(self) -> str | None:
        """The tag a pull would ask for: `latest` where neither tag nor digest stands."""
        return self.tag or (None if self.digest else "latest")

    def _join(self, name: str, tag: str | None) -> str:
        return name + (f":{tag}" if tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        """The shortest text that parses back to this reference."""
        return self._join(_short_name(self.repository), self.tag)

    @property
    def brief(self) -> str:
        """The text for a sentence: of a digest the beginning is enough to tell which one it is."""
        text = str(self)
        return text.replace(self.digest, short_digest(self.digest)) if self.digest else text


def _parse_name(name: str, text: str) -> Repository:
    if len(name) == 64 and re.fullmatch(_IDENTIFIER, name):
        raise _invalid(text, "64 hex digits are an image ID, not a name")
    if "://" in text:
        raise _invalid(text, "an address has no place here", _of_address(text))
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        registry = DOCKER_HUB if first == "index.docker.io" else first
        path = rest
    else:
        registry, path = DOCKER_HUB, name
    if registry == DOCKER_HUB and "/" not in path and path:
        path = f"library/{path}"
    if registry != DOCKER_HUB and not re.fullmatch(_DOMAIN, registry):
        raise _invalid(text, f"{registry[:140]!r} is not a registry host")
    if not _PATH.fullmatch(path):
        if path != path.lower() and _PATH.fullmatch(path.lower()):
            raise _invalid(
                text,
                "a repository name is lower case",
                f"write {(name.lower() + text[len(name) :])[:200]!r}",
            )
        raise _invalid(text, f"{path[:140]!r} is not a repository path")
    if len(path) > _MAX_PATH:
        raise _invalid(text, f"the repository path is longer than {_MAX_PATH} characters")
    return Repository(registry=registry, path=path)


def _of_address(text: str) -> str:
    """Return what to write in place of an address that was copied: of a page, or for skopeo."""
    named = text.partition("://")[2].partition("?")[0].partition("#")[0].strip("/")
    for page in ("hub.docker.com/_/", "hub.docker.com/r/"):
        named = named.removeprefix(page)
    named = named.removesuffix("/tags")
    scheme, first = text.partition("://")[0], named.partition("/")[0]
    is_hub = not any(mark in first for mark in ".:")
    if "://" in named or (is_hub and scheme in ("http", "https") and "hub.docker.com/" not in text):
        return ""
    try:
        Reference.parse(named)
    except InvalidReferenceError:
        return ""
    return f"write {named!r}"


# As text: few have an `@` that begins no digest. `git@` is no secret.
_USERINFO = (
    r"(?<=://)(?!git@)[^\s/\"'<>]+@(?!sha(?:256|384|512):)"
    r"|(?<![\w.:/@-])[^\s/:@\"'<>]+:(?!//)[^\s/\"'<>]+@(?=[\w.-]+(?::[0-9]+)?/)"
)


def without_userinfo(text: str) -> str:
    """Return the text without user names and passwords in front of hosts, which people write.

    >>> without_userinfo("https://bob:secret@registry.example/a:1")
    'https://***@registry.example/a:1'
    """
    if all(is_digest(piece[:71]) for piece in text.split("@")[1:]):
        return text  # the pattern takes long to compile, and most lines have digests at most
    return re.sub(_USERINFO, "***@", text)


@lru_cache(maxsize=1024)
def _short_name(repository: Repository) -> str:
    if repository.registry != DOCKER_HUB:
        return repository.name
    short = repository.path.removeprefix("library/")
    if "/" in short or short == repository.path:
        short = repository.path
    try:
        return short if _parse_name(short, short) == repository else repository.name
    except InvalidReferenceError:
        return repository.name


def _invalid(text: str, reason: str, hint: str = "") -> InvalidReferenceError:
    shown = without_userinfo(text)
    if shown != text:
        reason = "it has a user name or a password in it"
        hint = "take it out, and log in with `docker login`: whoever reads the file can use it"
    return InvalidReferenceError(
        f"not an image reference: {shown[:200]!r}: {reason}",
        hint=hint or "write [registry/]name[:tag][@digest]",
    )
