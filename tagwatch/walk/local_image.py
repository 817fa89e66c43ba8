"""Images of this machine, in a layout, an archive or a container engine, and what runs of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.audit.reading.image import Image, PlatformImage, read_image
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.errors import (
    InvalidDocumentError,
    InvalidReferenceError,
    NotFoundError,
    UnavailableError,
)
from tagwatch.image.digest import Digest
from tagwatch.image.image_config import parse_image_config
from tagwatch.image.manifest import DOCKER_CONFIG, DOCKER_MANIFEST, Descriptor, Manifest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import Document
from tagwatch.registry.local.layout import open_layout, split_layout
from tagwatch.source.target import Extraction, Location, Problem, Target
from tagwatch.value import replace
from tagwatch.walk.loop import run
from tagwatch.walk.site import Site

if TYPE_CHECKING:  # an engine is asked by HTTP, and most names are of no image of this machine
    from tagwatch.registry.local.engine import EngineImage, RunningContainer, StoredImage

__all__ = [
    "ENGINE",
    "KIND",
    "is_local",
    "read_local",
    "running_containers",
]

ENGINE = "engine:"
_LAYOUT = Repository(registry="localhost", path="layout")


def is_local(text: str) -> bool:
    """Return True for `oci:path[:name]`, its forms for archives, and `engine:name`."""
    return text.startswith(ENGINE) or split_layout(text) is not None


def read_local(text: str, site: Site, platforms: tuple[Platform, ...]) -> Image:
    """Read the image that `text` names; see `is_local`. No registry is asked.

    Raises `NotFoundError`, `UnavailableError` and other `RegistryError`.
    """
    layout = split_layout(text)
    if layout is not None:
        digest, documents = run(_read_layout(*layout, site, platforms))
        return read_image(digest, documents, reference=text)
    name = text.removeprefix(ENGINE)
    stored = run(_ask_engine(name, site.environment)) if name else None
    if stored is None:
        raise NotFoundError(
            f"the engine of this machine has no image called {name!r}",
            hint="`docker images` or `podman images` lists what it has",
        )
    return _engine_image(stored, name)


async def _ask_engine(name: str, environment: Mapping[str, str]) -> StoredImage | None:
    from tagwatch.registry.local.engine import open_engine

    async with open_engine(environment) as engine:
        return await engine.stored(name)


def _engine_image(stored: StoredImage, name: str) -> Image:
    """Return an engine's image. It has no layers: the engine knows their content only unpacked.

    Its digest is the one under which it was pulled from the repository that `name` names.
    """
    try:
        config = parse_image_config(stored.config)
    except InvalidDocumentError as error:
        raise UnavailableError(
            f"the engine describes {name!r} in a way that cannot be used: {error.message}",
            hint="tagwatch speaks the Docker Engine API 1.40 and later",
        ) from error
    reference, digest = _pulled(stored, name)
    described = Descriptor(media_type=DOCKER_CONFIG, digest=stored.id, size=len(stored.config))
    part = PlatformImage(
        platform=config.platform,
        digest=digest,
        manifest=Manifest(media_type=DOCKER_MANIFEST, config=described, layers=()),
        config=config,
    )
    return Image(digest=digest, platforms=(part,), reference=reference)


def _pulled(stored: StoredImage, name: str) -> tuple[str, Digest]:
    """Return the reference and digest as the image was pulled, else the engine's own ID.

    A `name` that is none of the image's own names is an ID; then the first of its names counts.
    """
    own = [one for one in map(_parsed, (*stored.tags, *stored.digests)) if one is not None]
    asked = _parsed(name)
    named = next((one for one in own if asked and one.canonical == asked.canonical), None)
    named = named or next(iter(own), None)
    if named is None:
        return "", stored.id
    pulled = [one.digest for one in own if one.digest and one.repository == named.repository]
    return named.canonical, next(iter(pulled), stored.id)


def _parsed(text: str) -> Reference | None:
    try:
        return Reference.parse(text)
    except InvalidReferenceError:
        return None


async def _read_layout(
    path: Path, name: str | None, site: Site, platforms: tuple[Platform, ...]
) -> tuple[Digest, Mapping[Digest, Document]]:
    from tagwatch.crawl.crawler import crawl_repository

    with open_layout(path) as registry:
        digest = registry.find(name)
        task = CrawlTask(
            repository=_LAYOUT,
            at=site.at,
            pins=frozenset({digest}),
            needs=Need.DOCUMENTS | Need.ATTESTATIONS,
            platforms=platforms,
        )
        snapshot = await crawl_repository(task, registry)
    if digest not in snapshot.documents:
        first = next(iter(snapshot.failures), None)
        raise UnavailableError(
            f"{str(path)!r}: {first.message if first else 'the image is not in the layout'}",
            hint=first.hint if first else "check the layout",
        )
    return digest, snapshot.documents


KIND = "container"


def running_containers(environment: Mapping[str, str]) -> tuple[tuple[str, Extraction], ...]:
    """Return an extraction for each container, at `engine:NAME`; a note where no engine answers.

    The reference is the one that the container was started with, and the digest the one by which
    its image was pulled, because its tag may serve something else by now. An image that was never
    pulled was built here. Cost: one request to the engine, and one an image.
    """
    try:
        return run(_read(environment))
    except UnavailableError as error:
        place = _place("")
        problem = Problem(message=error.message, location=place, hint=error.hint, skipped=True)
        return ((place.path, Extraction(problems=(problem,))),)


async def _read(environment: Mapping[str, str]) -> tuple[tuple[str, Extraction], ...]:
    from tagwatch.registry.local.engine import open_engine

    async with open_engine(environment) as engine:
        containers = await engine.containers()
        ids = {one.image_id for one in containers if one.image_id is not None}
        images = {one: await engine.image(one) for one in sorted(ids)}
    targets = [
        _target(one, images.get(one.image_id) if one.image_id else None) for one in containers
    ]
    return tuple((one.location.path, Extraction(targets=(one,))) for one in targets)


def _target(container: RunningContainer, image: EngineImage | None) -> Target:
    name = container.name or container.id[:12]
    target = Target(
        text=container.image,
        location=_place(name),
        kind=KIND,
        group=name,
        # the engine also lists ports that are only exposed; those have no port of the host
        ports=tuple(port for port in container.ports if port.host is not None),
        facts={"since": container.created_at.isoformat().replace("+00:00", "Z")},
    )
    pulled = [_named(text) for text in image.digests] if image else []
    named = _named(container.image)
    if named is None:  # started by an ID: the name that it was pulled by tells what it is
        found = next((one for one in pulled if one is not None), None)
        return replace(target, reference=found, missing=() if found else ("image",))
    same = [one for one in pulled if one is not None and one.repository == named.repository]
    if named.digest is None and same:
        named = replace(named, tag=named.effective_tag, digest=same[0].digest)
    elif named.digest is None and image is not None:
        target = replace(target, facts={**target.facts, "built": "here"})
    return replace(target, reference=named)


def _named(text: str) -> Reference | None:
    if text.startswith("sha256:"):
        return None
    try:
        return Reference.parse(text).identity
    except InvalidReferenceError:
        return None


def _place(name: str) -> Location:
    return Location(path=f"engine:{name}", line=1, column=1, end_line=1, end_column=1)
