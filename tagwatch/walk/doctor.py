"""The answer of `tagwatch doctor`: how each registry in use responds, and what to do about it."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tagwatch.audit.model.policy import SCRATCH
from tagwatch.crawl.engine.interface import Login, Spread
from tagwatch.errors import InvalidReferenceError, TagwatchError, UnavailableError, UsageError
from tagwatch.image.reference import Reference, Repository
from tagwatch.ledger.outbox import UNDELIVERED
from tagwatch.registry.client import open_registries
from tagwatch.registry.diagnosis import Diagnosis, diagnose
from tagwatch.registry.host import canonical_host
from tagwatch.registry.settings import RegistrySettings
from tagwatch.source.target import Problem, Target
from tagwatch.value import dataclass, field
from tagwatch.walk.alert_list import AlertsAnswer, receiver_rows
from tagwatch.walk.ask import open_slot
from tagwatch.walk.site import Site
from tagwatch.walk.watch_list import prefix_of
from tagwatch.walk.work import RegistrySlot

__all__ = ["Examined", "Workers", "doctor_document", "doctor_text", "examine", "examine_workers"]
__all__ += ["examined_by"]

_NAME = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)"
# A name with a dot, `localhost`, or an address: what no image without a path is called.
_HOST = re.compile(
    rf"(?:https?://)?((?:{_NAME}(?:\.{_NAME})+|localhost|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?)/?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A registry that somebody names, with a repository and a tag or digest where they do."""

    host: str
    path: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The workers of a cluster, and where each finds a login for each registry, by its host."""

    address: str
    logins: Mapping[str, Mapping[str, Login]] = field(default_factory=dict)
    problem: TagwatchError | None = None

    @property
    def is_well(self) -> bool:
        """True where every worker can be asked, and reads every registry with what it found."""
        logins = [login for found in self.logins.values() for login in found.values()]
        return self.problem is None and not any(one.problem or one.failure for one in logins)


def examined_by(text: str, site: Site) -> Examined:
    """Return the host or image that an argument names. Raises `UsageError` for anything else.

    `registry.example` is a host, as is whatever the configuration calls one; `redis` an image.
    """
    match = _HOST.fullmatch(text)
    if match or text in site.settings.registries:
        return Examined(host=canonical_host(match[1] if match else text))
    try:
        reference = Reference.parse(text).identity
    except InvalidReferenceError as error:
        raise UsageError(
            f"{text!r} is no file, no host and no image",
            hint="name a Dockerfile or the like, a host (registry.example) or an image (redis:8)",
        ) from error
    return Examined(
        host=reference.repository.host,
        path=reference.repository.path,
        tag=reference.digest or reference.tag or "",
    )


async def examine(
    targets: Iterable[Target], site: Site, *, asked: Sequence[Examined] = ()
) -> tuple[Diagnosis, ...]:
    """Return a diagnosis of each registry that the files, watch list, policy or settings name.

    Where `asked` names some, of each of these and those of the files instead. Cost:
    `registry.diagnosis.diagnose` once a registry. All registries are asked at the same time.
    """
    prefixes: defaultdict[str, set[str]] = defaultdict(set)
    if asked:
        chosen = dict.fromkeys([*asked, *map(_examined, filter(_is_image, targets))])
    else:
        chosen = dict.fromkeys(_in_use(targets, site, prefixes))
    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }
    async with open_registries(settings, environment=site.environment, home=site.home) as found:
        diagnoses = [
            diagnose(found, one.host, one.path, one.tag, prefixes=prefixes[one.host], at=site.at)
            for one in sorted(chosen, key=lambda one: (one.host, one.path, one.tag))
        ]
        return tuple(await asyncio.gather(*diagnoses))


async def examine_workers(found: Iterable[Diagnosis], site: Site) -> Workers | None:
    """Return what the workers of the configured cluster find to log in with; None: there is none.

    A cluster that cannot be reached is a problem. Cost: each worker asks each registry that was
    `found` from here.
    """
    paths = {one.host: one.repository for one in found}
    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }
    engine = site.settings.engine
    opened = open_registries(settings, environment=site.environment, home=site.home)
    async with opened as registries:
        try:
            async with open_slot(RegistrySlot(registries, settings), site) as slot:
                if not isinstance(slot, Spread):
                    return None
                logins = await slot.logins(paths)
        except (TagwatchError, OSError) as error:
            told = error if isinstance(error, TagwatchError) else UnavailableError(str(error))
            return Workers(address=engine.address, problem=told)
    return Workers(address=engine.address, logins=logins)


def _in_use(
    targets: Iterable[Target], site: Site, prefixes: defaultdict[str, set[str]]
) -> Iterator[Examined]:
    """Yield each registry in use, with a repository to try; fill in what is watched below it."""
    paths: dict[str, str] = {}
    for host, path in _registries(targets, site):
        name = canonical_host(host)
        paths[name] = path or paths.get(name, "")
    for prefix in filter(None, (prefix_of(watch.image) for watch in site.settings.watch)):
        name = canonical_host(prefix.host)
        paths.setdefault(name, "")
        prefixes[name].add(prefix.path)
    yield from (Examined(host=host, path=path) for host, path in paths.items())


def _is_image(target: Target) -> bool:
    return target.reference is not None


def _examined(target: Target) -> Examined:
    assert target.reference is not None
    repository = target.reference.repository
    return Examined(host=canonical_host(repository.host), path=repository.path)


def _registries(targets: Iterable[Target], site: Site) -> Iterator[tuple[str, str]]:
    """Yield registries, each with a repository of it ("": none is known).

    Of the repositories of a registry the last one is tried: one that a file names, if any does.
    """
    yield from ((host, "") for host in site.settings.registries if host != "*")
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


def doctor_document(
    found: Sequence[Diagnosis],
    alerts: AlertsAnswer | None = None,
    workers: Workers | None = None,
    unread: Sequence[Problem] = (),
) -> dict[str, Any]:
    """Return the answer for programs: `schema_version` 1. `unread`: sources that were not read."""
    told = {
        "receivers": receiver_rows(alerts),
        "undelivered": {state.value: alerts.counts.get(state, 0) for state in UNDELIVERED},
    } if alerts is not None else None  # fmt: skip
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
        "unread": [
            {"path": one.location.path, "message": one.message, "hint": one.hint} for one in unread
        ],
        "alerts": told,
        "cluster": _cluster_row(workers) if workers is not None else None,
    }


def _cluster_row(workers: Workers) -> dict[str, Any]:
    problem = workers.problem
    return {
        "address": workers.address,
        "problem": {"message": problem.message, "hint": problem.hint} if problem else None,
        "workers": [
            {
                "worker": worker,
                "credentials": {host: login.origin for host, login in sorted(found.items())},
                "problems": {
                    host: login.problem or login.failure
                    for host, login in sorted(found.items())
                    if login.problem or login.failure
                },
            }
            for worker, found in workers.logins.items()
        ],
    }


def doctor_text(
    found: Sequence[Diagnosis],
    alerts: AlertsAnswer | None = None,
    workers: Workers | None = None,
    unread: Sequence[Problem] = (),
) -> str:
    """Return the answer for people: a block of lines for each registry, and one of the alerts.

    `unread`: sources that were not read; their registries are not known.
    """
    lines: list[str] = []
    for one in found:
        trouble = one.failure or one.credential_problem
        lines.append(f"{one.host}  {'ok' if trouble is None else trouble.code}")
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
            if error is not None and workers is not None:
                lines.append(f"  from here   {error.message}; a scan asks from the workers, below")
            elif error is not None:
                lines.append(f"  problem     {error.message}")
                lines += [f"  do          {error.hint}"] if error.hint else []
    if unread:
        lines.append("sources  not all read: what images they name is not known")
        for problem in unread:
            lines.append(f"  problem     {problem.message}")
            lines += [f"  do          {problem.hint}"] if problem.hint else []
    lines = lines or ["no registry is in use"]
    if workers is not None:
        lines += _worker_lines(workers)
    if alerts is not None:
        lines += _alert_lines(alerts)
    return "\n".join(lines) + "\n"


def _worker_lines(workers: Workers) -> Iterator[str]:
    """Yield which worker found which login: registries are asked by these, not from here."""
    trouble = workers.problem
    count = len(workers.logins)
    state = f"{count} {'worker' if count == 1 else 'workers'}" if trouble is None else "unavailable"
    yield f"cluster {workers.address}  {state}"
    if trouble is not None:
        yield f"  problem     {trouble.message}"
        yield from [f"  do          {trouble.hint}"] if trouble.hint else []
    for worker, found in workers.logins.items():
        yield f"  worker      {worker}"
        for host, login in sorted(found.items()):
            told = f"cannot be used: {login.problem}" if login.problem else login.origin
            yield f"    credential  {host}: {told or 'none found: anonymous'}"
            if login.failure:
                yield f"    problem     {login.failure}"
    if trouble is None and not workers.is_well:
        yield "  do          log in on every worker: as the user that runs it"


def _alert_lines(alerts: AlertsAnswer) -> Iterator[str]:
    """Yield which receivers can be used, as far as that is known without sending, and what waits.

    What is wrong there is no problem of a registry, and no one else's: exit codes leave it out.
    """
    waiting = [
        f"{alerts.counts[state]} {state.value}" for state in UNDELIVERED if alerts.counts.get(state)
    ]
    yield f"alerts  {', '.join(waiting) or 'none undelivered'}"
    for receiver, problem in alerts.receivers:
        yield f"  receiver    {receiver.name} ({receiver.channel}): {problem or 'ok'}"
    if waiting:
        yield "  do          tagwatch alerts list"


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
