"""Names without a registry, where the policy says that they do not mean Docker Hub."""

from __future__ import annotations

from tagwatch.image.reference import DOCKER_HUB, Reference, Repository
from tagwatch.source.target import Extraction, Target
from tagwatch.value import replace

__all__ = ["names_registry", "qualify"]

_SPELLINGS = ("docker.io/", "index.docker.io/", "registry-1.docker.io/")


def names_registry(target: Target) -> bool:
    """False where the text certainly names no registry; a variable in it may hold one."""
    reference = target.reference
    return (
        reference is None
        or reference.repository.registry != DOCKER_HUB
        or "$" in target.text
        or target.text.startswith(_SPELLINGS)
    )


def qualify(extraction: Extraction, registry: str) -> Extraction:
    """The extraction with each name that has no registry taken from `registry`.

    `redis` of `registry.example` is `registry.example/redis`: `library/` is Docker Hub's alone.
    """
    if registry == DOCKER_HUB:
        return extraction
    targets = tuple(_qualified(target, registry) for target in extraction.targets)
    return replace(extraction, targets=targets)


def _qualified(target: Target, registry: str) -> Target:
    reference = target.reference
    if reference is None or names_registry(target):
        return target
    path = reference.repository.path
    if not target.text.startswith("library/"):
        path = path.removeprefix("library/")
    repository = Repository(registry=registry, path=path)
    return replace(
        target,
        reference=Reference(repository=repository, tag=reference.tag, digest=reference.digest),
    )
