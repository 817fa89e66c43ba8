"""A Dask cluster as a run sees it: workers of our own version, and actors on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from tagwatch.crawl.engine.connection import Certificate, connected
from tagwatch.errors import ConfigError, UnavailableError
from tagwatch.value import dataclass, field

__all__ = ["WAIT_SECONDS", "Cluster", "Held", "open_cluster", "survives"]

WAIT_SECONDS = 30.0
_AGAIN_SECONDS = 0.1
_END_SECONDS = 2.0
_LOOK_SECONDS = 1.0
"""How often an actor is looked after whose answer does not come."""
_ALIKE = ("tagwatch", "distributed", "python")
"""What must be of one version everywhere: else messages or their meaning may differ."""
_INSTALL = "install the same versions in the scheduler's and every worker's environment"


class Held:
    """An actor that is held on a worker."""

    def __init__(self, cluster: Cluster, future: Any, actor: Any) -> None:
        self._cluster, self._future, self._actor = cluster, future, actor

    async def call(self, method: str, *args: bytes) -> Any:
        """Return what a method returns. Raises where the actor is lost, or silent."""

        async def is_there() -> bool:
            return bool(self._future.status == "finished")

        answer = getattr(self._actor, method)(*args)
        try:
            return await _watched(answer, is_there, self._cluster.wait_seconds)
        except TimeoutError:
            self._cluster.silent.add(self._actor._address)  # noqa: SLF001  # told nowhere else
            raise

    async def end(self) -> None:
        """End the actor's work, and let go of it."""
        with suppress(Exception):  # what cannot be reached ends by itself
            async with asyncio.timeout(_END_SECONDS):
                await self._actor.end()
        await self.let_go()

    async def let_go(self) -> None:
        """Tell the scheduler that nobody wants the actor any more, whatever still waits for it."""
        with suppress(Exception):  # it may be gone with its scheduler
            async with asyncio.timeout(_END_SECONDS):
                await self._future.cancel(force=True)


@dataclass(slots=True, kw_only=True, eq=False)
class Cluster:
    """An open cluster. `wait_seconds`: how long it may be silent before it is given up."""

    address: str
    client: Any
    """Its client, whose methods have no types that hold for one that is awaited."""
    wait_seconds: float
    is_lost: bool = False
    """True once it was waited for in vain: nobody waits for it again."""
    reason: str = ""
    """What is odd about the workers that are there, if none of them can be used."""
    silent: set[str] = field(default_factory=set)
    """The addresses of workers that left a call without an answer: they are not asked again."""
    odd: dict[tuple[str, str], str] = field(default_factory=dict)
    """By address and name of a worker that told its versions, how they differ from ours."""

    async def make(self, kind: type, *args: object) -> Held:
        """Return an actor of `kind` on a worker that fits. Raises `UnavailableError`.

        A cluster that is not there is waited for, by all slots together: who comes after it was
        given up does not wait again.
        """
        if self.is_lost:
            raise self.lost()
        try:
            async with asyncio.timeout(self.wait_seconds):
                return await self._make(kind, *args)
        except TimeoutError:
            self.is_lost = True
            raise self.lost() from None

    def lost(self) -> UnavailableError:
        """Return the error for a cluster that was waited for in vain."""
        return UnavailableError(
            f"the Dask cluster at {self.address!r} was lost, and did not come back within "
            f"{self.wait_seconds:g} s" + (f": {self.reason}" if self.reason else ""),
            hint=f"see that scheduler and workers of the Dask cluster at {self.address!r} run; "
            "what was read is remembered",
        )

    async def _make(self, kind: type, *args: object) -> Held:
        while True:
            try:
                workers = [worker for worker, odd in (await self.workers()).items() if not odd]
                if workers:
                    return await self._on_one_of(workers, kind, *args)
            except BaseException as error:  # a cancelled future's is one, too
                if not survives(error):
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _on_one_of(self, workers: list[str], kind: type, *args: object) -> Held:
        """Return an actor. Raises `OSError` where a worker leaves meanwhile, or all are silent.

        Nobody else tells: a task for a worker that died may wait for it for ever.
        """
        future = self.client.submit(kind, *args, actor=True, pure=False, workers=workers)

        async def are_there() -> bool:
            return {*workers} <= {*await self._there()}

        try:
            actor = await _watched(future.result(), are_there, self.wait_seconds / 3)
        except BaseException:
            await Held(self, future, None).let_go()
            raise
        return Held(self, future, actor)

    async def on_each(self, function: object, question: bytes) -> Mapping[str, Any]:
        """Return what a function answers on each worker that fits, or the error that it raised.

        Raises `OSError` where one of them is silent.
        """
        workers = [worker for worker, odd in (await self.workers()).items() if not odd]
        async with asyncio.timeout(self.wait_seconds):
            found: Mapping[str, Any] = await self.client.run(
                function, question, workers=workers, on_error="return"
            )
        return found

    async def workers(self) -> Mapping[str, str]:
        """Return how the versions of each worker differ from ours; of most, an empty text.

        Those that were silent are left out. Raises `ConfigError` where the scheduler's differ.
        """
        from distributed.versions import get_versions

        named = ["tagwatch"]
        ours, scheduler = get_versions(named), self.client.scheduler
        if odd := _odd(ours, await scheduler.versions(packages=named)):
            raise ConfigError(f"the Dask scheduler at {self.address!r} {odd}", hint=_INSTALL)

        async def ask(worker: str, name: str) -> None:
            message = {"op": "versions", "packages": named}
            with suppress(TimeoutError):
                async with asyncio.timeout(self.wait_seconds / 3):
                    told = await scheduler.broadcast(
                        msg=message, workers=[worker], on_error="ignore"
                    )
                    if worker in told:
                        odd = _odd(ours, told[worker])
                        self.odd[worker, name] = odd and f"the Dask worker at {worker!r} {odd}"

        there = {*(await self._there()).items()}
        await asyncio.gather(*(ask(*worker) for worker in there - self.odd.keys()))
        found = {worker[0]: self.odd[worker] for worker in sorted(there & self.odd.keys())}
        self.reason = next(filter(None, found.values()), "")
        return found

    async def _there(self) -> Mapping[str, str]:
        """Return the addresses of the workers that were not silent, with their names."""
        told = await self.client.scheduler.identity(n_workers=-1)
        workers = told["workers"].items()
        return {worker: one["id"] for worker, one in workers if worker not in self.silent}

    async def check(self) -> None:
        """Wait for a worker. Raises `ConfigError` where none comes, or one has other versions."""
        try:
            async with asyncio.timeout(self.wait_seconds):
                while not await self.workers():  # noqa: ASYNC110  # of other processes
                    await asyncio.sleep(_AGAIN_SECONDS)
        except OSError as error:
            raise ConfigError(
                f"the Dask scheduler at {self.address!r} had no worker within "
                f"{self.wait_seconds:g} s",
                hint=f"start some: dask worker {self.address}",
            ) from error
        if self.reason:
            raise ConfigError(self.reason, hint=_INSTALL)


@asynccontextmanager
async def open_cluster(
    address: str, *, certificate: Certificate | None, insecure: bool, wait_seconds: float
) -> AsyncIterator[Cluster]:
    """Open the cluster whose scheduler is at `address`, once it has a worker.

    Raises `ConfigError` as `connected` does, and where a part of it is of other versions.
    """
    opened = connected(
        address, certificate=certificate, insecure=insecure, wait_seconds=wait_seconds
    )
    async with opened as client:
        with client.as_current():
            cluster = Cluster(address=address, client=client, wait_seconds=wait_seconds)
            await cluster.check()
            yield cluster


async def _watched(
    work: Awaitable[Any], is_well: Callable[[], Awaitable[bool]], seconds: float
) -> Any:
    """Return what `work` returns. Raises `OSError` where all is not well, `TimeoutError` in time.

    What Dask is asked may never be answered where a worker dies meanwhile.
    """

    async def answered() -> Any:
        return await work

    task = asyncio.ensure_future(answered())
    try:
        async with asyncio.timeout(seconds):
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                if not await is_well():
                    raise OSError("a worker was lost")
    finally:
        task.cancel()
    return task.result()


def survives(error: BaseException) -> bool:
    """Return True for an error that is the cluster's, not the end of who asks it.

    A future that a lost scheduler takes along raises what a cancelled task raises.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(error, Exception) and not isinstance(error, ConfigError)


def _odd(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> str:
    """Return how the versions of a part of the cluster differ from ours; empty: they do not."""
    for name in _ALIKE:
        mine, other = (_version(one, name) for one in (ours, theirs or {}))
        if other is None:
            return f"has no {name}"
        if mine != other:
            return f"has {name} {other}, and this is {mine}"
    return ""


def _version(said: Mapping[str, Any], name: str) -> str | None:
    """Return the version of a package; of Python, as far as it matters."""
    version: str | None = said.get("packages", {}).get(name)
    if name == "python" and version is not None:
        return ".".join(version.split(".")[:2])
    return version
