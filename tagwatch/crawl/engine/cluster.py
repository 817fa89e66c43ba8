"""A Dask cluster as its client sees it: reached safely, with workers of our own version."""

from __future__ import annotations

import asyncio
import logging
import socket
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tagwatch.errors import ConfigError, UnavailableError
from tagwatch.value import dataclass

if TYPE_CHECKING:
    from distributed import Security

__all__ = ["WAIT_SECONDS", "Certificate", "Cluster", "Held", "open_cluster", "survives"]

WAIT_SECONDS = 30.0
_AGAIN_SECONDS = 0.1
_END_SECONDS = 2.0
_ALIKE = ("tagwatch", "distributed", "python")
"""What must be of one version everywhere: else messages or their meaning may differ."""
_INSTALL = "install the same versions in the scheduler's and every worker's environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The files that say who we are, and whom we believe: TLS is mutual between all parts."""

    ca: Path
    cert: Path
    key: Path


class Held:
    """An actor that is held on a worker."""

    def __init__(self, future: Any, actor: Any, wait_seconds: float) -> None:
        self._future, self._actor, self._wait_seconds = future, actor, wait_seconds

    async def call(self, method: str, *args: bytes) -> Any:
        """Return what a method returns. Raises where the actor is lost, or silent."""
        async with asyncio.timeout(self._wait_seconds):
            return await getattr(self._actor, method)(*args)

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


@dataclass(slots=True, kw_only=True)
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
            hint="see that its scheduler and workers run; what was read is remembered",
        )

    async def _make(self, kind: type, *args: object) -> Held:
        while True:
            self.reason = ""
            try:
                workers, reasons = await self.workers()
                if workers:
                    future = self.client.submit(
                        kind, *args, actor=True, pure=False, workers=workers
                    )
                    return Held(future, await future, self.wait_seconds)
                self.reason = reasons[0] if reasons else ""
            except BaseException as error:  # a cancelled future's is one, too
                if not survives(error):
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)

    async def workers(self) -> tuple[list[str], list[str]]:
        """Return the addresses of workers that have our versions, and what is odd of the others.

        Raises `ConfigError` where the scheduler has others.
        """
        found = await self.client.get_versions(packages=["tagwatch"])
        ours = found["client"]
        if odd := _odd(ours, found["scheduler"]):
            raise ConfigError(f"the Dask scheduler at {self.address!r} {odd}", hint=_INSTALL)
        every = {worker: _odd(ours, said) for worker, said in sorted(found["workers"].items())}
        return (
            [worker for worker, odd in every.items() if not odd],
            [f"the Dask worker at {worker!r} {odd}" for worker, odd in every.items() if odd],
        )

    async def check(self) -> None:
        """Wait for a worker. Raises `ConfigError` where none comes, or one has other versions."""
        try:
            async with asyncio.timeout(self.wait_seconds):
                await self.client.wait_for_workers(1)
                fitting, odd = await self.workers()
        except (TimeoutError, OSError) as error:
            raise ConfigError(
                f"the Dask scheduler at {self.address!r} had no worker within "
                f"{self.wait_seconds:g} s",
                hint=f"start some: dask worker {self.address}",
            ) from error
        if odd or not fitting:
            raise ConfigError(odd[0], hint=_INSTALL)


@asynccontextmanager
async def open_cluster(
    address: str, *, certificate: Certificate | None, insecure: bool, wait_seconds: float
) -> AsyncIterator[Cluster]:
    """Open the cluster whose scheduler is at `address`, once it has a worker.

    Raises `ConfigError` where it cannot be reached within `wait_seconds`, is of other versions, or
    would be spoken to in plain text beyond this machine.
    """
    await _check_reach(address, certificate, insecure=insecure)
    async with _connected(address, certificate, wait_seconds) as client:
        with client.as_current():
            cluster = Cluster(address=address, client=client, wait_seconds=wait_seconds)
            await cluster.check()
            yield cluster


@asynccontextmanager
async def _connected(
    address: str, certificate: Certificate | None, wait_seconds: float
) -> AsyncIterator[Any]:
    try:
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise ConfigError(
            "the engine 'dask' needs the package 'distributed'",
            hint="install tagwatch with it: pip install 'tagwatch[dask]'",
        ) from error
    # We say ourselves what is lost, and refuse what is only warned of.
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore", VersionMismatchWarning)
    try:
        client = await Client(  # type: ignore[no-untyped-call]  # of a package without types
            address,
            asynchronous=True,
            set_as_default=False,
            timeout=wait_seconds,
            security=_security(certificate),
        )
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        # without a certificate of theirs, or with one that they do not know, they hang up
        told = f": {error}"[:200] if certificate is not None else ""
        raise ConfigError(
            f"no Dask scheduler answers at {address!r}{told}",
            hint="start one with `dask scheduler`, or set `engine: local`",
        ) from error
    async with client:
        yield client


def survives(error: BaseException) -> bool:
    """Return True for an error that is the cluster's, not the end of who asks it.

    A future that a lost scheduler takes along raises what a cancelled task raises.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(error, Exception) and not isinstance(error, ConfigError)


def _security(certificate: Certificate | None) -> Security:
    from distributed import Security

    if certificate is None:
        return Security(require_encryption=False)  # type: ignore[no-untyped-call]
    return Security(  # type: ignore[no-untyped-call]
        require_encryption=True,
        tls_ca_file=str(certificate.ca),
        tls_client_cert=str(certificate.cert),
        tls_client_key=str(certificate.key),
    )


async def _check_reach(address: str, certificate: Certificate | None, *, insecure: bool) -> None:
    """Raise `ConfigError` where tasks would go in plain text to another machine.

    Who reads or changes what goes there chooses what the run believes, and runs code in it.
    """
    url = urlsplit(address)
    if url.scheme not in ("tcp", "tls") or not url.hostname or not url.port:
        raise ConfigError(
            f"engine.dask.address: {address!r} is no address of a scheduler",
            hint="write tls://host:8786, or tcp://127.0.0.1:8786 for one on this machine",
        )
    if (url.scheme == "tls") != (certificate is not None):
        raise ConfigError(
            "engine.dask: a tls:// address and `security` belong together",
            hint="security: {ca: …, cert: …, key: …}",
        )
    if certificate is not None or insecure or await _is_here(url.hostname, url.port):
        return
    raise ConfigError(
        f"engine.dask: {address!r} is beyond this machine, and not encrypted",
        hint="who reaches a scheduler runs code on its workers and in this scan: use tls:// with "
        "`security`, or say `insecure: true`",
    )


async def _is_here(host: str, port: int) -> bool:
    """Return True for a name of which every address is this machine's own loopback."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(one[4][0]).is_loopback for one in found)


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
