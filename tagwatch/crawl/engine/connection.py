"""The way to a Dask scheduler: whom we believe, and what would go there in plain text."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tagwatch.errors import ConfigError
from tagwatch.value import dataclass

if TYPE_CHECKING:
    from distributed import Security

__all__ = ["Certificate", "connected"]

_NO_SCHEDULER = (
    OSError, ValueError, TypeError, RuntimeError, LookupError, ArithmeticError, EOFError,
    MemoryError,
)  # fmt: skip
"""What Dask raises where nobody answers, or something else does: its lengths are any number."""
_NO_TLS_HINT = (
    "start one with `dask scheduler` (one with TLS wants tls:// and `security`), "
    "or set `engine: local`"
)
_TLS_HINT = (
    "start one with `dask scheduler --protocol tls`; its certificate and `security.cert` are both "
    "of the CA in `security.ca`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The files that say who we are, and whom we believe: TLS is mutual between all parts."""

    ca: Path
    cert: Path
    key: Path


@asynccontextmanager
async def connected(
    address: str, *, certificate: Certificate | None, insecure: bool, wait_seconds: float
) -> AsyncIterator[Any]:
    """Open a client of the scheduler at `address`.

    Raises `ConfigError` where it cannot be reached within `wait_seconds`, or would be spoken to in
    plain text beyond this machine.
    """
    await _check_reach(address, certificate, insecure=insecure)
    if certificate is not None:
        _check_files(certificate)
    try:
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise ConfigError(
            "the engine 'dask' needs the package 'distributed'",
            hint="install tagwatch with it: pip install 'tagwatch[dask]'",
        ) from error
    # We say ourselves what is lost, and refuse what is only warned of.
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":  # some have a level of their own
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore", VersionMismatchWarning)
    try:
        client = await Client(  # type: ignore[no-untyped-call]  # of a package without types
            address,
            asynchronous=True,
            set_as_default=False,
            timeout=wait_seconds,
            security=_security(certificate),
        )
    except _NO_SCHEDULER as error:
        # without a certificate of theirs, or with one that they do not know, they hang up
        told = f": {error}".partition(". ")[0][:200] if certificate is not None else ""
        raise ConfigError(
            f"no Dask scheduler answers at {address!r}{told}",
            hint=_NO_TLS_HINT if certificate is None else _TLS_HINT,
        ) from error
    async with client:
        yield client


def _check_files(certificate: Certificate) -> None:
    """Raise `ConfigError` where a file of TLS cannot be read, or holds something else."""
    for name in ("ca", "cert", "key"):
        path: Path = getattr(certificate, name)
        try:
            path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"engine.dask.security.{name}: {str(path)!r} cannot be read: {error.strerror}",
                hint="paths are relative to tagwatch.yaml",
            ) from error
    context, what = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), f"ca: {str(certificate.ca)!r} is no CA"
    try:
        context.load_verify_locations(certificate.ca)
        what = f"cert, key: {str(certificate.cert)!r} and {str(certificate.key)!r} are no pair"
        context.load_cert_chain(certificate.cert, certificate.key, password="")
    except ssl.SSLError as error:
        raise ConfigError(
            f"engine.dask.security.{what}: {error.reason or error}",
            hint="all three are PEM; the key has no password",
        ) from error


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
