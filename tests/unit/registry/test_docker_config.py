"""Stored logins: Docker's and podman's files, and real credential helper programs."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagwatch.errors import CredentialError, DeniedError
from tagwatch.registry.credential.chain import CredentialChain
from tagwatch.registry.credential.docker_config import DockerConfig
from tagwatch.registry.credential.helper import ask_helper
from tagwatch.registry.credential.interface import (
    Credential,
    CredentialContext,
    CredentialKind,
)
from tests.registry.harness import registry_at, repository
from tests.registry.scripted import Exchange, scripted


def entry(username: str, password: str = "p") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


async def find(
    home: Path, host: str, path: str = "", environment: dict[str, str] | None = None
) -> Credential | None:
    source = DockerConfig(CredentialContext(environment=environment or {}, home=home))
    return await source.find(host, path)


async def user(
    home: Path, host: str, path: str = "", environment: dict[str, str] | None = None
) -> str | None:
    found = await find(home, host, path, environment)
    return found.username if found else None


class TestEntries:
    @pytest.mark.parametrize(
        ("key", "host"),
        [
            ("ghcr.io", "ghcr.io"),
            ("https://ghcr.io", "ghcr.io"),
            ("https://ghcr.io/", "ghcr.io"),
            ("https://ghcr.io/v2/", "ghcr.io"),
            ("http://host:5000/v1/", "host:5000"),
            ("host:5000", "host:5000"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("index.docker.io", "docker.io"),
            ("docker.io", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("https://GHCR.io", "ghcr.io"),
        ],
    )
    async def test_keys_of_a_host(self, tmp_path: Path, key: str, host: str) -> None:
        write(tmp_path / ".docker/config.json", {"auths": {key: entry("me")}})
        assert await user(tmp_path, host, "a/b") == "me"

    @pytest.mark.parametrize(
        "key",
        [
            "ghcr.io.evil.example",
            "evil.ghcr.io",
            "ghcr.io:5000",
            "ghcr.io/other",
            "ghcr.io/a/bc",
            "ghcr.io/a/b/c",
            "io",
            "",
        ],
    )
    async def test_keys_of_other_places(self, tmp_path: Path, key: str) -> None:
        write(tmp_path / ".docker/config.json", {"auths": {key: entry("me")}})
        assert await user(tmp_path, "ghcr.io", "a/b") is None

    async def test_the_most_exact_path_wins(self, tmp_path: Path) -> None:
        auths = {key: entry(key) for key in ("quay.io", "quay.io/ns", "quay.io/ns/repo/img")}
        write(tmp_path / ".docker/config.json", {"auths": auths})
        wanted = {
            "ns/repo/img": "quay.io/ns/repo/img",
            "ns/repo": "quay.io/ns",
            "ns": "quay.io/ns",
            "nsx/repo": "quay.io",
            "": "quay.io",
        }
        assert {path: await user(tmp_path, "quay.io", path) for path in wanted} == wanted

    @pytest.mark.parametrize(
        ("fields", "credential"),
        [
            (entry("me", "a:b"), ("me", "a:b", CredentialKind.PASSWORD)),
            (entry("me", "p\0\0"), ("me", "p", CredentialKind.PASSWORD)),
            ({"username": "me", "password": "p"}, ("me", "p", CredentialKind.PASSWORD)),
            ({**entry("me"), "identitytoken": "t"}, ("me", "t", CredentialKind.IDENTITY_TOKEN)),
            ({"registrytoken": "t"}, ("", "t", CredentialKind.REGISTRY_TOKEN)),
        ],
    )
    async def test_forms(
        self, tmp_path: Path, fields: dict[str, str], credential: tuple[str, str, CredentialKind]
    ) -> None:
        write(tmp_path / ".docker/config.json", {"auths": {"h.example": fields}})
        found = await find(tmp_path, "h.example")
        assert found is not None
        assert (found.username, found.secret, found.kind) == credential
        assert found.origin == f"{tmp_path}/.docker/config.json (h.example)"

    @pytest.mark.parametrize("fields", [{}, None, entry("", "p"), entry("me", ""), {"auth": ""}])
    async def test_entries_without_a_credential(self, tmp_path: Path, fields: object) -> None:
        write(tmp_path / ".docker/config.json", {"auths": {"h.example": fields}})
        assert await find(tmp_path, "h.example") is None


class TestPlaces:
    async def test_the_order_of_places(self, tmp_path: Path) -> None:
        environment = {
            "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"h.example": entry("variable")}}),
            "REGISTRY_AUTH_FILE": str(tmp_path / "named.json"),
            "DOCKER_CONFIG": str(tmp_path / "docker"),
            "XDG_RUNTIME_DIR": str(tmp_path / "run"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        }
        places = {
            "named": tmp_path / "named.json",
            "docker": tmp_path / "docker/config.json",
            "run": tmp_path / "run/containers/auth.json",
            "config": tmp_path / "config/containers/auth.json",
        }
        for name, path in places.items():
            write(path, {"auths": {"h.example": entry(name)}})
        write(tmp_path / ".dockercfg", {"h.example": entry("legacy")})
        seen = [await user(tmp_path, "h.example", environment=environment)]
        del environment["DOCKER_AUTH_CONFIG"]
        for path in places.values():
            seen.append(await user(tmp_path, "h.example", environment=environment))
            path.unlink()
        seen.append(await user(tmp_path, "h.example", environment=environment))
        assert seen == ["variable", *places, "legacy"]

    async def test_each_host_is_looked_up_in_all_of_them(self, tmp_path: Path) -> None:
        write(tmp_path / ".docker/config.json", {"auths": {"a.example": entry("a")}})
        write(tmp_path / ".config/containers/auth.json", {"auths": {"b.example": entry("b")}})
        assert await user(tmp_path, "a.example") == "a"
        assert await user(tmp_path, "b.example") == "b"

    @pytest.mark.parametrize(
        "text",
        ["{", "[]", '{"auths":[]}', '{"auths":{"h.example":{"auth":"hunter2!"}}}', "\xff" * 9],
    )
    async def test_a_broken_file_is_told_without_its_content(
        self, tmp_path: Path, text: str
    ) -> None:
        write(tmp_path / ".docker/config.json", text)
        with pytest.raises(CredentialError, match=r"config\.json") as caught:
            await find(tmp_path, "h.example")
        assert "hunter2" not in repr(caught.value) + caught.value.hint

    async def test_a_broken_file_does_not_hide_the_next_place(self, tmp_path: Path) -> None:
        write(tmp_path / ".docker/config.json", "{")
        write(tmp_path / ".config/containers/auth.json", {"auths": {"h.example": entry("b")}})
        assert await user(tmp_path, "h.example") == "b"

    async def test_a_directory_is_told(self, tmp_path: Path) -> None:
        (tmp_path / ".docker/config.json").mkdir(parents=True)
        with pytest.raises(CredentialError, match="cannot be read: Is a directory"):
            await find(tmp_path, "h.example")


HELPER = """#!{python}
import os, sys, time
assert sys.argv[1:] == ["get"], sys.argv
server = sys.stdin.read()
open({log!r}, "a").write(server + "\\n")
{body}
"""


def helper(tmp_path: Path, suffix: str, body: str) -> dict[str, str]:
    """A credential helper program of the test's own, and an environment that finds it."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / f"docker-credential-{suffix}"
    program.write_text(HELPER.format(python=sys.executable, log=str(tmp_path / "asked"), body=body))
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin"}


def asked(tmp_path: Path) -> list[str]:
    log = tmp_path / "asked"
    return log.read_text().splitlines() if log.exists() else []


ANSWER = 'print(\'{"ServerURL":"x","Username":"me","Secret":"s3cret"}\')'
NOT_FOUND = 'print("credentials not found in native keychain"); sys.exit(1)'


class TestHelper:
    async def test_a_store_is_asked_and_hub_by_its_old_name(self, tmp_path: Path) -> None:
        environment = helper(tmp_path, "test", ANSWER)
        write(tmp_path / ".docker/config.json", {"credsStore": "test"})
        found = await find(tmp_path, "docker.io", "library/redis", environment)
        assert found is not None
        assert (found.username, found.secret) == ("me", "s3cret")
        assert found.origin == "docker-credential-test"
        await find(tmp_path, "ghcr.io", "a/b", environment)
        assert asked(tmp_path) == ["https://index.docker.io/v1/", "ghcr.io"]

    async def test_a_hosts_own_helper_wins_over_the_store(self, tmp_path: Path) -> None:
        environment = helper(tmp_path, "own", ANSWER)
        helper(tmp_path, "store", NOT_FOUND)
        config = {"credsStore": "store", "credHelpers": {"a.example": "own"}}
        write(tmp_path / ".docker/config.json", config)
        assert await user(tmp_path, "a.example", environment=environment) == "me"
        assert await user(tmp_path, "b.example", environment=environment) is None

    async def test_a_helper_is_asked_once_a_host(self, tmp_path: Path) -> None:
        environment = helper(tmp_path, "test", ANSWER)
        write(tmp_path / ".docker/config.json", {"credsStore": "test"})
        source = DockerConfig(CredentialContext(environment=environment, home=tmp_path))
        for path in ("a", "b", "c"):
            await source.find("h.example", path)
        assert asked(tmp_path) == ["h.example"]

    async def test_an_identity_token(self, tmp_path: Path) -> None:
        answer = 'print(\'{"Username":"<token>","Secret":"refresh"}\')'
        found = await ask_helper("test", "h.example", helper(tmp_path, "test", answer))
        assert found is not None
        assert (found.kind, found.username) == (CredentialKind.IDENTITY_TOKEN, "")

    async def test_nothing_found_falls_back_to_the_file(self, tmp_path: Path) -> None:
        environment = helper(tmp_path, "test", NOT_FOUND)
        config = {"credsStore": "test", "auths": {"h.example": entry("file")}}
        write(tmp_path / ".docker/config.json", config)
        assert await user(tmp_path, "h.example", environment=environment) == "file"

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ('print("s3cret"); sys.exit(1)', "failed .exit 1"),
            ('print("s3cret")', "not understood"),
            ('print("[1]")', "not understood"),
            ("os.kill(os.getpid(), 9)", "failed .exit -9"),
        ],
    )
    async def test_failures_are_told_without_the_output(
        self, tmp_path: Path, body: str, says: str
    ) -> None:
        with pytest.raises(CredentialError, match=says) as caught:
            await ask_helper("test", "h.example", helper(tmp_path, "test", body))
        assert "s3cret" not in repr(caught.value) + caught.value.hint

    async def test_a_helper_that_hangs_is_killed(self, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        body = f"open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        environment = helper(tmp_path, "test", body)
        with pytest.raises(CredentialError, match="no answer within 1 s"):
            await ask_helper("test", "h.example", environment, seconds=1)
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)

    @pytest.mark.parametrize("suffix", ["../x", "a b", "x;y", "", "-x", "$(id)", "x\n", "a/b"])
    async def test_no_other_program_is_run(self, tmp_path: Path, suffix: str) -> None:
        with pytest.raises(CredentialError, match="cannot be the name"):
            await ask_helper(suffix, "h.example", {"PATH": str(tmp_path)})

    async def test_a_missing_helper_is_told_only_where_access_is_denied(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Public images go on working on a machine that has a desktop's config, and no desktop."""
        write(tmp_path / ".docker/config.json", {"credsStore": "desktop"})
        basic = {"WWW-Authenticate": 'Basic realm="x"'}
        async with (
            scripted(
                Exchange(method="GET", path="/v2/", status=401, headers=basic),
                Exchange(method="HEAD", path="/v2/app/manifests/1", status=401, headers=basic),
            ) as server,
            registry_at(server.url, home=tmp_path, environment={"PATH": "/nowhere"}) as registry,
        ):
            with caplog.at_level(logging.WARNING), pytest.raises(DeniedError) as caught:
                await registry.head(repository(server.host), "1")
        assert "'docker-credential-desktop' is not installed" in caught.value.hint
        assert "is not installed" in caplog.text


class _Source:
    def __init__(self, username: str = "", problem: str = "") -> None:
        self.username, self.problem, self.calls = username, problem, 0

    async def find(self, host: str, path: str) -> Credential | None:
        self.calls += 1
        if self.problem:
            raise CredentialError(self.problem)
        return (
            Credential(username=self.username, secret="s", origin=host) if self.username else None
        )


class TestChain:
    async def test_the_first_source_that_knows_wins_and_is_asked_once(self) -> None:
        empty, full, late = _Source(), _Source("me"), _Source("other")
        chain = CredentialChain({"a": empty, "b": full, "c": late}, ("h",))
        for _ in range(2):
            found = await chain.find("app")
            assert found.credential is not None
            assert found.credential.username == "me"
        assert (empty.calls, full.calls, late.calls) == (1, 1, 0)

    async def test_a_problem_is_kept_beside_what_a_later_source_knows(self) -> None:
        chain = CredentialChain({"a": _Source(problem="broken"), "b": _Source("me")}, ("h",))
        found = await chain.find("app")
        assert found.credential is not None
        assert found.problem is not None
        assert found.problem.message == "broken"


def test_a_credential_does_not_show_its_secret() -> None:
    credential = Credential(username="me", secret="s3cret", origin="file")
    assert "s3cret" not in repr(credential) + str(credential) + credential.identity
    context = CredentialContext(environment={"DOCKER_AUTH_CONFIG": "s3cret"}, home=Path("/"))
    assert "s3cret" not in repr(context)


def test_identities_differ_by_everything_that_matters() -> None:
    one = Credential(username="me", secret="s", origin="file")
    assert one.identity == replace(one, origin="elsewhere").identity
    others = [
        replace(one, username="you"),
        replace(one, secret="t"),
        replace(one, kind=CredentialKind.IDENTITY_TOKEN),
        replace(one, username="me\0s", secret=""),
    ]
    assert len({one.identity, *(other.identity for other in others)}) == 5
