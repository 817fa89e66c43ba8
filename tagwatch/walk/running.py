"""Containers of a local engine as targets, each with the image that it really runs."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.errors import InvalidReferenceError, UnavailableError
from tagwatch.image.reference import Reference
from tagwatch.registry.local.engine import EngineImage, RunningContainer, open_engine
from tagwatch.source.target import Extraction, Location, Problem, Target
from tagwatch.value import replace
from tagwatch.walk.loop import run

__all__ = ["KIND", "running_containers"]

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
    pulled = [_parsed(text) for text in image.digests] if image else []
    named = _parsed(container.image)
    if named is None:  # started by an ID: the name that it was pulled by tells what it is
        found = next((one for one in pulled if one is not None), None)
        return replace(target, reference=found, missing=() if found else ("image",))
    same = [one for one in pulled if one is not None and one.repository == named.repository]
    if named.digest is None and same:
        named = replace(named, tag=named.effective_tag, digest=same[0].digest)
    elif named.digest is None and image is not None:
        target = replace(target, facts={**target.facts, "built": "here"})
    return replace(target, reference=named)


def _parsed(text: str) -> Reference | None:
    if text.startswith("sha256:"):
        return None
    try:
        return Reference.parse(text).identity
    except InvalidReferenceError:
        return None


def _place(name: str) -> Location:
    return Location(path=f"engine:{name}", line=1, column=1, end_line=1, end_column=1)
