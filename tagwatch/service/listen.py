"""Where the daemon listens, and how long and how many strangers it lets keep it busy."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tagwatch.errors import ConfigError
from tagwatch.service.gate import dress
from tagwatch.value import dataclass

__all__ = ["Address", "address_of", "listening"]

_LAST_PORT = 65535
_MOST_CONNECTIONS = 256
_IDLE_SECONDS = 10.0
"""How long a connection may take to send the head of its next request."""
_LINGERING_SECONDS = 2.0
"""How long what is still sent after an answer is read, and thrown away."""
_CLOSE_SECONDS = 2.0
_UNIX = "unix:"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen: addresses of this machine with a port, or a socket of the file system."""

    text: str
    hosts: tuple[str, ...] = ()
    port: int = 0
    path: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return all(ipaddress.ip_address(host.partition("%")[0]).is_loopback for host in self.hosts)


def address_of(text: str) -> Address:
    """Return the address of `HOST:PORT` or `unix:PATH`. Raises `ConfigError`."""
    hint = "write --listen HOST:PORT or --listen unix:/path/of/a/socket"
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path or sys.platform == "win32":
            raise ConfigError(f"not an address here: {text!r}", hint=hint)
        return Address(text=text, path=Path(path))
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > _LAST_PORT:
        raise ConfigError(f"not an address: {text!r}", hint=hint)
    host = host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a name"
        raise ConfigError(f"cannot listen on {text}: {reason}", hint=hint) from error
    hosts = dict.fromkeys(str(one[4][0]) for one in found)
    return Address(text=text, hosts=tuple(hosts), port=int(port))


class _Crowd:
    """The connections that are open. One too many costs the one that is least missed its place.

    Those that have asked nothing yet go first, then those whose last request is the longest ago: so
    the newcomer, who may be a probe, is heard whatever the others hold open.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._silent: dict[_Connection, None] = {}
        self._heard: dict[_Connection, None] = {}

    def enter(self, one: _Connection) -> None:
        self._silent[one] = None
        if len(self._silent) + len(self._heard) > self.most:
            least = next(iter(self._silent))
            if least is one:
                least = next(iter(self._heard))
            self.leave(least)
            least.abort()

    def hear(self, one: _Connection) -> None:
        self.leave(one)
        self._heard[one] = None

    def leave(self, one: _Connection) -> None:
        self._silent.pop(one, None)
        self._heard.pop(one, None)


class _Connection(web.RequestHandler):
    """A connection that counts, and that answers what is no request as everything else."""

    __slots__ = ("_crowd",)

    def __init__(self, manager: web.Server, crowd: _Crowd, **options: Any) -> None:
        super().__init__(manager, **options)
        self._crowd = crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._crowd.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._crowd.leave(self)
        super().connection_lost(exc)

    def hear(self) -> None:
        """Take notice of a request."""
        self._crowd.hear(self)

    def abort(self) -> None:
        """Close it now, whatever was to be sent."""
        if self.transport is not None:
            self.transport.abort()

    def handle_error(self, *arguments: Any, **named: Any) -> web.StreamResponse:
        """Answer what is no request."""
        response = super().handle_error(*arguments, **named)
        dress(response)
        return response

    def log_exception(self, *arguments: Any, **named: Any) -> None:
        """Log it where somebody looks for it: what strangers send is no error of ours."""
        logger.debug(*arguments, **named)


@web.middleware
async def _heard(request: web.Request, handler: Any) -> web.StreamResponse:
    if isinstance(request.protocol, _Connection):
        request.protocol.hear()
    response: web.StreamResponse = await handler(request)
    return response


@asynccontextmanager
async def listening(app: web.Application, address: Address) -> AsyncIterator[str]:
    """Serve `app`; gives where, as people write it, with the port that was chosen for port 0.

    Raises `ConfigError` where the address cannot be used.
    """
    app.middlewares.insert(0, _heard)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_SECONDS)
    await runner.setup()
    server = runner.server
    assert server is not None
    crowd, loop = _Crowd(_room()), asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(
            server,
            crowd,
            loop=loop,
            access_log=None,
            keepalive_timeout=_IDLE_SECONDS,
            lingering_time=_LINGERING_SECONDS,
        )

    try:
        try:
            listener = await _listener(connection, address, min(crowd.most, 100))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address.text}: {error.strerror or error}",
                hint="choose another --listen HOST:PORT",
            ) from error
        try:
            yield _told(address, listener)
        finally:
            listener.close()
            if address.path is not None:
                address.path.unlink(missing_ok=True)
    finally:
        await runner.cleanup()


async def _listener(connection: Any, address: Address, waiting: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if address.path is None:
        return await loop.create_server(
            connection, list(address.hosts), address.port, backlog=waiting
        )
    await asyncio.to_thread(_make_room, address.path)
    listener = await loop.create_unix_server(connection, address.path, backlog=waiting)
    address.path.chmod(0o660)
    return listener


def _make_room(path: Path) -> None:
    """Take away a socket that nobody answers any more. Raises `OSError` where somebody does."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(0, "there is a file of that name")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(1)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(0, "another service listens there")


def _told(address: Address, listener: asyncio.Server) -> str:
    if address.path is not None:
        return address.text
    host = address.text.rpartition(":")[0]
    return f"http://{host}:{listener.sockets[0].getsockname()[1]}/"


def _room() -> int:
    """How many connections there may be: scans, the ledger and reports need descriptors, too."""
    if sys.platform == "win32":
        return _MOST_CONNECTIONS
    import resource

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(16, min(_MOST_CONNECTIONS, allowed // 4))
