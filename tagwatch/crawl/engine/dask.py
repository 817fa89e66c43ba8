"""The Dask engine: tasks go to the workers of a cluster as bytes, and snapshots come back so.

The workers need tagwatch, the registries' certificates and logins, and nothing of this process.
Limits of a registry (`concurrency`, `requests_per_second`) hold for each worker by itself. A
worker crawls one repository at a time, so one thread each is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tagwatch.crawl.codec import decode_snapshot, encode_task
from tagwatch.crawl.engine.interface import Sink, Work
from tagwatch.crawl.engine.local import run as run_here
from tagwatch.crawl.task import CrawlTask
from tagwatch.errors import ConfigError
from tagwatch.image.snapshot import Failure, RepositorySnapshot, Scope

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["run"]


async def run(
    tasks: Iterable[CrawlTask],
    work: Work,
    sink: Sink,
    *,
    address: str,
    concurrency: int = 64,
    stop: asyncio.Event | None = None,
) -> None:
    """See `Engine`. At most `concurrency` tasks are with the cluster at a time.

    `address`: the scheduler's, `tcp://host:port`. A worker that fails or dies is a failure in the
    snapshot of its repository. Raises `ConfigError` where the cluster cannot be reached.
    """
    elsewhere = work.elsewhere
    async with _connected(address) as client:

        async def send(task: CrawlTask) -> RepositorySnapshot:
            from distributed.client import FutureCancelledError

            try:
                raw = await client.submit(elsewhere, encode_task(task), pure=False)
                return decode_snapshot(raw)
            except (Exception, FutureCancelledError) as error:  # noqa: BLE001  # a worker's top
                return _failed(task, error)

        await run_here(tasks, send, sink, concurrency=concurrency, stop=stop)


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[Client]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError(
            "the engine 'dask' needs the package 'distributed'",
            hint="install tagwatch with it: pip install 'tagwatch[dask]'",
        ) from error
    try:
        client: Client = await Client(  # type: ignore[no-untyped-call]  # of a package without types
            address, asynchronous=True, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {address!r}",
            hint="start one with `dask scheduler`, or set `engine: local`",
        ) from error
    async with client:
        yield client


def _failed(task: CrawlTask, error: BaseException) -> RepositorySnapshot:
    """Nothing is known of the repository, and why."""
    return RepositorySnapshot(
        repository=task.repository,
        at=task.at,
        scope=Scope.SELECTED,
        complete=False,
        failures=(
            Failure(
                repository=task.repository,
                code="worker-failed",
                message=f"a worker of the cluster failed: {type(error).__name__}: {error}"[:500],
                hint="its log says more; every worker needs the same version of tagwatch",
            ),
        ),
    )
