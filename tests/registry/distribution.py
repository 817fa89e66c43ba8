"""The CNCF distribution registry, a real process on loopback, and a token server before it."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.registry.parts import require

__all__ = ["PASSWORD", "USER", "Distribution", "TokenServer", "distribution", "token_server"]

_PROBE = "a probe of the tests"
USER, PASSWORD = "reader", "correct-horse"
HTPASSWD = f"{USER}:$2y$05$v/i8e2S.O2PZ0zaZj/O9EOe6G9WiOoomvEKqgHdwoXMkIKbURaMim\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A running registry. `log` has one line of access log a request."""

    url: str
    log: Path

    @property
    def host(self) -> str:
        """`127.0.0.1:<port>`."""
        return self.url.partition("://")[2]

    def requests(self) -> list[str]:
        """`METHOD target status` of every request so far but the probes'.

        A request is logged a moment after it is answered: so a probe is sent, and waited for.
        """
        mark = f"/v2/?after={time.monotonic_ns()}"
        _probe(f"{self.url}{mark}", ssl._create_unverified_context())
        while mark not in (log := self.log.read_text()):
            time.sleep(0.005)
        lines = []
        for line in log.splitlines():
            if '] "' in line and _PROBE not in line:
                request, _, rest = line.partition('] "')[2].partition('" ')
                lines.append(f"{request.rsplit(' ', 1)[0]} {rest.split()[0]}")
        return lines


@contextmanager
def distribution(
    folder: Path,
    *,
    auth: str = "none",
    users: str = HTPASSWD,
    token_realm: str = "",
    token_bundle: Path | None = None,
    tls: tuple[Path, Path] | None = None,
    trust: Path | None = None,
    notified: Mapping[str, str] | None = None,
) -> Iterator[Distribution]:
    """Start a registry that keeps its data in `folder`. `auth`: none, htpasswd or token.

    `notified`: `url` and `authorization` of who is told of every push and pull.
    `users`: the lines of its htpasswd file.
    `tls`: certificate and key; `trust`: the authority that the start-up probe believes.
    """
    program = require("docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": False}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if auth == "htpasswd":
        (folder / "htpasswd").write_text(users)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    elif auth == "token":
        config["auth"] = {
            "token": {
                "realm": token_realm,
                "service": TokenServer.service,
                "issuer": TokenServer.issuer,
                "rootcertbundle": str(token_bundle),
            }
        }
    if notified is not None:
        config["notifications"] = {"endpoints": [_endpoint(**notified)]}
    if tls is not None:
        config["http"]["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    log = folder / "access.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.yml")],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
        )
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        _wait(url, process, log, trust)
        yield Distribution(url=url, log=log)
    finally:
        process.terminate()
        process.wait(10)


def _endpoint(url: str, authorization: str) -> dict[str, Any]:
    """An endpoint as an operator writes it who leaves out what to ignore."""
    return {
        "name": "tagwatch",
        "url": url,
        "headers": {"Authorization": [authorization]},
        "timeout": "1s",
        "threshold": 10,
        "backoff": "1s",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, trust: Path | None) -> None:
    context = ssl.create_default_context(cafile=str(trust)) if trust else None
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            _probe(f"{url}/v2/", context)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the registry did not start: {log.read_text()}")


def _probe(url: str, context: ssl.SSLContext | None) -> None:
    """Ask, whatever the answer is."""
    request = urllib.request.Request(url, headers={"User-Agent": _PROBE})
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        opener.open(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        error.close()


@dataclass(slots=True)
class TokenServer:
    """Signs tokens that distribution verifies. `granted` lists what was given, in order."""

    key: rsa.RSAPrivateKey
    certificate: bytes
    url: str = ""
    lifetime_seconds: int = 300
    granted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    service = "tagwatch-tests"
    issuer = "tagwatch-tests-issuer"

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The GET form; `public/…` is for everyone, the rest for `USER`."""
        user = ""
        header = request.headers.get("Authorization", "")
        if header:
            user, _, password = (
                base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
            )
            if (user, password) != (USER, PASSWORD):
                return web.json_response({"details": "no"}, status=401)
        scopes = tuple(request.query.getall("scope", ()))
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            if user or name.startswith("public/"):
                access.append({"type": kind, "name": name, "actions": actions.split(",")})
        self.granted.append((user, scopes))
        body = {"token": self.sign(user, access), "expires_in": self.lifetime_seconds}
        return web.json_response(body)

    def sign(self, user: str, access: list[dict[str, Any]]) -> str:
        """A JWT (RS256) with its certificate in `x5c`."""
        now = int(time.time())
        header = {
            "typ": "JWT",
            "alg": "RS256",
            "x5c": [base64.b64encode(self.certificate).decode()],
        }
        claims = {
            "iss": self.issuer, "sub": user, "aud": self.service, "exp": now + 300,
            "nbf": now - 10, "iat": now, "jti": str(len(self.granted)), "access": access,
        }  # fmt: skip
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"


@asynccontextmanager
async def token_server(key_file: Path, certificate_file: Path) -> AsyncIterator[TokenServer]:
    """A token server on loopback with an RSA key and its certificate."""
    server = _signer(key_file, certificate_file)
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
        yield server
    finally:
        await runner.cleanup()


def _signer(key_file: Path, certificate_file: Path) -> TokenServer:
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    end = "-----END CERTIFICATE-----\n"
    first = certificate_file.read_text().partition(end)[0] + end
    return TokenServer(key=key, certificate=ssl.PEM_cert_to_DER_cert(first))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
