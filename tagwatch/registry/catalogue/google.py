"""Google's registries: one `tags/list` tells every tag's digest and dates.

Artifact Registry and gcr.io add to the OCI API's answer a `manifest` map, from digest to tags, and
`child`, the names below (google/go-containerregistry, pkg/v1/google/list.go). An answer ends at
ten thousand entries and says nothing: then Artifact Registry's own API has the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from tagwatch.errors import HostileAnswerError, InvalidReferenceError, RegistryError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.catalogue.artifact_registry import ArtifactRegistry
from tagwatch.registry.catalogue.fallback import PlainList
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.oci import dropped_warning
from tagwatch.registry.interface import Listing
from tagwatch.registry.login.authorization import pull_grant
from tagwatch.registry.request.transport import Answer
from tagwatch.registry.wire import decode, read_pages

__all__ = ["GoogleCatalogue"]

_MOST = 10_000  # what one answer holds at most; without `n` it is about a thousand
_MAX_FOLDERS = 1000


class _Manifest(msgspec.Struct, rename="camel"):
    """Numbers come as text."""

    tag: list[str] | None = None
    media_type: str | None = None
    image_size_bytes: str | int | None = None
    time_uploaded_ms: str | int | None = None


class _Tags(msgspec.Struct):
    tags: list[str | None] | None = None
    manifest: dict[str, _Manifest] | None = None
    child: list[str] | None = None


@dataclass(slots=True, kw_only=True)
class _Read:
    """What the pages of one repository say; `has_map` False: no page told digests."""

    has_map: bool = False
    entries: int = 0
    dropped: int = 0
    names: set[str] = field(default_factory=set)
    seen: dict[str, TagObservation] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    children: list[str] = field(default_factory=list)

    def add(self, page: _Tags) -> None:
        """Take in a page."""
        self.has_map |= page.manifest is not None
        manifests, tags = page.manifest or {}, page.tags or []
        self.entries += len(manifests) + len(tags)
        self.children += page.child or []
        self._add_names(tags)
        for digest, manifest in manifests.items():
            if is_digest(digest):
                self._add_manifest(Digest(digest), manifest)

    def replace(self, tags: Mapping[str, Digest | None]) -> None:
        """Take the word of an API that lists every tag; dates are kept where nothing moved."""
        before, self.seen = self.seen, {}
        self.names, self.twice = set(tags), set()
        for tag, digest in tags.items():
            if digest is None:
                continue
            seen = before.get(tag)
            same = seen is not None and seen.digest == digest
            self.seen[tag] = seen if same and seen else TagObservation(tag=tag, digest=digest)

    def _add_names(self, tags: list[str | None]) -> None:
        good = {tag for tag in tags if tag is not None and is_tag(tag)}
        self.names |= good
        self.dropped += len(tags) - len(good)

    def _add_manifest(self, digest: Digest, manifest: _Manifest) -> None:
        """A tag that two manifests claim is moving just now: the registry decides."""
        for tag in manifest.tag or ():
            if not is_tag(tag):
                continue
            before = self.seen.get(tag)
            if before is not None and before.digest != digest:
                self.twice.add(tag)
            self.names.add(tag)
            self.seen[tag] = TagObservation(
                tag=tag,
                digest=digest,
                media_type=manifest.media_type or None,
                pushed_at=_time(manifest.time_uploaded_ms),
                size=_number(manifest.image_size_bytes) or None,
            )


class GoogleCatalogue:
    """The whole repository in one request. Where the map is missing, the names alone."""

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._oci = context.oci
        self._plain = PlainList(context)
        self._api = ArtifactRegistry(context)

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,  # noqa: ARG002  # one request is the whole
        known: Mapping[str, Digest] | None,  # noqa: ARG002
        at: datetime,  # noqa: ARG002
    ) -> Listing:
        """See `Catalogue.list_tags`. Cost: one request, and one more for 1000 tags of a
        repository that is larger than an answer.
        """
        read, is_cut = await self._read(repository.path)
        if not read.has_map and read.names:
            return await self._plain.list_tags(repository, "its tags list tells no digests")
        gap = await self._complete(read, repository) if is_cut else ""
        return Listing(
            scope=Scope.FULL,
            names=frozenset(read.names),
            observations=tuple(one for tag, one in read.seen.items() if tag not in read.twice),
            undigested=frozenset((read.names - read.seen.keys()) | read.twice),
            warnings=dropped_warning(read.dropped),
            gap=gap,
            lasts=bool(gap),
        )

    async def _complete(self, read: _Read, repository: Repository) -> str:
        """Ask Artifact Registry's API for what the answer left out: why it could not, or ""."""
        try:
            read.replace(await self._api.tags(repository))
        except RegistryError as error:
            why = f"{error.message}: {error.hint}"
            return f"Google lists {_MOST} entries at most, and there are more. {why}"
        return ""

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`. Cost: one request a folder and repository below."""
        waiting = [prefix.rstrip("/")]
        found: list[Repository] = []
        asked = 0
        while waiting:
            path = waiting.pop()
            asked += 1
            if asked > _MAX_FOLDERS:
                raise HostileAnswerError(
                    f"{self._host}: there are more than {_MAX_FOLDERS} names below {prefix!r}",
                    hint="name a longer prefix, or the repositories one by one",
                )
            read, _ = await self._read(path)
            waiting += [f"{path}/{child}" for child in read.children if self._named(path, child)]
            if (read.names or read.has_map) and path.startswith(prefix) and read.entries:
                found.append(Repository(registry=self._host, path=path))
        return tuple(found)

    def _named(self, path: str, child: str) -> bool:
        """True where `child` is a part of a name, and not something else that a server sends."""
        try:
            return Repository.parse(f"{self._host}/{path}/{child}").path == f"{path}/{child}"
        except InvalidReferenceError:
            return False

    async def _read(self, path: str) -> tuple[_Read, bool]:
        """All pages of a name; True where Google stopped without saying so."""
        doing = f"listing the tags of {path!r}"

        async def ask(query: str) -> Answer:
            target = f"/v2/{path}/tags/list{query}"
            grant = pull_grant(path)
            return await self._oci.ask("GET", target, grant=grant, kind="catalogue", doing=doing)

        def require(answer: Answer) -> None:
            if answer.status != 200:
                raise self._oci.transport.refusal(answer, doing)

        read, most = _Read(), 0
        async for answer in read_pages(lambda: ask(f"?n={_MOST}"), ask, require):
            before = read.entries
            read.add(decode(answer, _Tags, host=self._host, doing=doing))
            most = read.entries - before
        return read, most >= _MOST


def _number(text: str | int | None) -> int:
    """A number, also as text; 0 for what is none."""
    try:
        return int(text or 0)
    except ValueError:
        return 0


def _time(text: str | int | None) -> datetime | None:
    """Milliseconds since 1970 as a time; None for zero and less, which mean unknown."""
    milliseconds = _number(text)
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
