"""Which repository a name means: without a registry by the policy, and Docker Hub by any name."""

from __future__ import annotations

from tagwatch.image.reference import DOCKER_HUB, HUB_HOSTS, Reference, Repository
from tagwatch.source.target import Extraction, Target
from tagwatch.value import replace

__all__ = ["names_registry", "qualify"]

_SPELLINGS = tuple(f"{host}/" for host in sorted(HUB_HOSTS))


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
    Other names of one repository become one: see `Repository.identity`.
    """
    targets = tuple(map(_identified, extraction.targets))
    if registry != DOCKER_HUB:
        targets = tuple(_qualified(target, registry) for target in targets)
    return extraction if targets == extraction.targets else replace(extraction, targets=targets)


def _identified(target: Target) -> Target:
    if target.reference is None or (meant := target.reference.identity) is target.reference:
        return target
    return replace(target, reference=meant)


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
