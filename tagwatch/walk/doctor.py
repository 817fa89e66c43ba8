"""The answer of `tagwatch doctor`: how each registry in use responds, and what to do about it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tagwatch.audit.model.policy import SCRATCH
from tagwatch.image.reference import Repository
from tagwatch.registry.client import open_registries
from tagwatch.registry.diagnosis import Diagnosis, diagnose
from tagwatch.registry.host import canonical_host
from tagwatch.registry.settings import RegistrySettings
from tagwatch.source.target import Target
from tagwatch.walk.site import Site
from tagwatch.walk.watch_list import prefix_of

__all__ = ["doctor_document", "doctor_text", "examine"]


async def examine(targets: Iterable[Target], site: Site) -> tuple[Diagnosis, ...]:
    """Return a diagnosis of each registry that the files, watch list, policy or settings name.

    Cost: `registry.diagnosis.diagnose` once a registry. All registries are asked at the same time.
    """
    paths: dict[str, str] = {}
    prefixes: defaultdict[str, set[str]] = defaultdict(set)
    for host, path in _registries(targets, site):
        name = canonical_host(host)
        paths[name] = path or paths.get(name, "")
    for prefix in filter(None, (prefix_of(watch.image) for watch in site.settings.watch)):
        name = canonical_host(prefix.host)
        paths.setdefault(name, "")
        prefixes[name].add(prefix.path)
    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }
    async with open_registries(settings, environment=site.environment, home=site.home) as found:
        asked = [
            diagnose(found, host, path, prefixes=prefixes[host], at=site.at)
            for host, path in sorted(paths.items())
        ]
        return tuple(await asyncio.gather(*asked))


def _registries(targets: Iterable[Target], site: Site) -> Iterator[tuple[str, str]]:
    """Yield registries, each with a repository of it ("": none is known).

    Of the repositories of a registry the last one is tried: one that a file names, if any does.
    """
    yield from ((host, "") for host in site.settings.registries)
    for base in site.policy.bases:
        if base.reference != SCRATCH:
            repository = Repository.parse(base.reference)
            yield repository.host, repository.path
    for watch in site.settings.watch:
        if prefix_of(watch.image) is None:
            repository = Repository.parse(watch.image)
            yield repository.host, repository.path
    for target in targets:
        if target.reference is not None:
            yield target.reference.repository.host, target.reference.repository.path


def doctor_document(found: Sequence[Diagnosis]) -> dict[str, Any]:
    """Return the answer for programs: `schema_version` 1."""
    return {
        "schema_version": 1,
        "registries": [
            {
                "host": one.host,
                "kind": one.kind,
                "catalogue": one.catalogue,
                "confirmed_by": one.confirmed_by,
                "digests_in_bulk": one.has_digests,
                "reachable": one.failure is None,
                "endpoint": one.endpoint,
                "below": dict(one.below),
                "repository": one.repository or None,
                "tags": one.tags,
                "remarks": list(one.remarks),
                "credential": one.credential,
                "insecure": one.insecure,
                "quota": {"limit": one.quota.limit, "remaining": one.quota.remaining}
                if one.quota
                else None,
                "problems": [
                    {"code": error.code, "message": error.message, "hint": error.hint}
                    for error in (one.failure, one.credential_problem)
                    if error is not None
                ],
            }
            for one in found
        ],
    }


def doctor_text(found: Sequence[Diagnosis]) -> str:
    """Return the answer for people: a block of lines for each registry."""
    lines: list[str] = []
    for one in found:
        lines.append(f"{one.host}  {'ok' if one.failure is None else one.failure.code}")
        if one.endpoint:
            lines.append(f"  endpoint    {one.endpoint}")
        bulk = (
            "many tags with digests a request" if one.has_digests else "names, then one HEAD a tag"
        )
        lines.append(f"  kind        {one.kind}, read by {one.catalogue}: {bulk}")
        lines.append(f"  confirmed   by {one.confirmed_by}")
        lines += [f"  below       {path}*: {_count(number)}" for path, number in one.below.items()]
        lines.append(f"  read        {_read(one)}")
        lines += [f"  remark      {text}" for text in one.remarks]
        lines.append(f"  credential  {one.credential or 'none found: anonymous'}")
        if one.insecure:
            lines.append("  insecure    its certificate is not verified, or plain HTTP is spoken")
        if one.quota is not None:
            lines.append(f"  quota       {one.quota.remaining} of {one.quota.limit} pulls left")
        for error in (one.failure, one.credential_problem):
            if error is not None:
                lines.append(f"  problem     {error.message}")
                lines += [f"  do          {error.hint}"] if error.hint else []
    return "\n".join(lines) + "\n" if lines else "no registry is in use\n"


def _count(repositories: int) -> str:
    return f"{repositories} {'repository' if repositories == 1 else 'repositories'}"


def _read(one: Diagnosis) -> str:
    """Return what was tried at the registry, and what came of it."""
    if not one.repository:
        named = "below what is watched" if one.below else "of it is named"
        return f"nothing: no repository {named}"
    if one.tags is None:
        return f"{one.repository}: failed"
    return f"{one.repository}: {one.tags} {'tag' if one.tags == 1 else 'tags'}"
