"""A user with something to lose, and a server that must hear nothing of it."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.walk.command import Workplace

__all__ = ["SECRETS", "Capture", "Victim", "capture", "victim_in"]

SECRETS = {
    "GITHUB_TOKEN": "ghs_PLANTEDgithub",
    "QUAY_OAUTH_TOKEN": "PLANTEDquay",
    "CI_JOB_TOKEN": "glcbt-PLANTEDjob",
    "CI_REGISTRY_PASSWORD": "PLANTEDregistry",
    "AWS_SECRET_ACCESS_KEY": "PLANTEDaws",
    "AWS_SESSION_TOKEN": "PLANTEDsession",
    "PGPASSWORD": "plantedpostgres",
}
PASSWORD = "PLANTEDpassword"  # nobody's


@dataclass(slots=True)
class Capture:
    """Everything that reached the server, connection by connection."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def tells_nothing(self) -> None:
        """Assert that nobody so much as knocked."""
        assert self.heard == []


@asynccontextmanager
async def capture() -> AsyncIterator[Capture]:
    """A server that asks everybody for a login, as a registry may."""
    caught = Capture()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(caught.heard)
        caught.heard.append(b"")
        try:
            while part := await reader.read(65536):
                caught.heard[number] += part
                if part.startswith(b"\x16"):  # TLS: it has no certificate
                    break
                if b"\r\n\r\n" in part:
                    writer.write(
                        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                        b'WWW-Authenticate: Basic realm="tell me"\r\n\r\n'
                    )
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    caught.port = server.sockets[0].getsockname()[1]
    async with server:
        yield caught


@dataclass(slots=True)
class Victim(Workplace):
    """A clone of somebody else's repository, on the machine of a user who is logged in."""

    is_operators: bool = False

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        names = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        done = subprocess.run(
            ["git", *names, "-c", "commit.gpgsign=false", *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self) -> None:
        """Commit all that is there, as the tree's author."""
        self.git("add", "--force", "--all")
        self.git("commit", "--quiet", "--message", "change")


def victim_in(folder: Path) -> Victim:
    """The user's home beside the clone; logins for everything."""
    home = folder / "home"
    login = base64.b64encode(f"victim:{PASSWORD}".encode()).decode()
    hosts = ("https://index.docker.io/v1/", "registry.example", "quay.io", "ghcr.io")
    docker = home / ".docker" / "config.json"
    docker.parent.mkdir(parents=True)
    docker.write_text(json.dumps({"auths": {host: {"auth": login} for host in hosts}}))
    clone = folder / "clone"
    clone.mkdir()
    environment = {
        **SECRETS,
        "HOME": str(home),
        "CI_REGISTRY": "registry.gitlab.com",
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    place = Victim(clone, environment)
    place.git("init", "--quiet", "--initial-branch", "main")
    return place
