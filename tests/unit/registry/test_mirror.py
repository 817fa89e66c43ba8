"""registries.conf: which rule covers a name, where it leads, and what mirrors are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.errors import ConfigError, DeniedError, NotFoundError
from tagwatch.image.manifest import OCI_MANIFEST
from tagwatch.image.reference import Repository
from tagwatch.registry.mirror import Rule, read_registries_conf
from tagwatch.registry.settings import RegistrySettings
from tests.registry.harness import AT, DIGEST, MANIFEST, registries
from tests.registry.scripted import Exchange, scripted

PING = Exchange(method="GET", path="/v2/")
GOOD = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": DIGEST}
REDIS = Repository(registry="docker.io", path="library/redis")


def get(path: str, reference: str, **answer: object) -> Exchange:
    return Exchange(method="GET", path=f"/v2/{path}/manifests/{reference}", **answer)  # type: ignore[arg-type]  # checked by use


def head(path: str, tag: str, **answer: object) -> Exchange:
    return Exchange(method="HEAD", path=f"/v2/{path}/manifests/{tag}", **answer)  # type: ignore[arg-type]


def conf(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "registries.conf"
    path.write_text(text)
    return {"CONTAINERS_REGISTRIES_CONF": str(path)}


@pytest.mark.parametrize(
    ("scope", "name", "covers"),
    [
        ("docker.io", "docker.io/library/redis", True),
        ("docker.io/library", "docker.io/library/redis", True),
        ("docker.io/library/redis", "docker.io/library/redis", True),
        ("docker.io/lib", "docker.io/library/redis", False),
        ("docker.io", "docker.io.evil/x", False),
        ("*.example.com", "a.example.com/x", True),
        ("*.example.com", "a.b.example.com/x", True),
        ("*.example.com", "example.com/x", False),
        ("*.example.com", "evilexample.com/x", False),
    ],
)
def test_what_a_rule_covers(scope: str, name: str, covers: bool) -> None:
    assert Rule(prefix=scope).covers(name) is covers


@pytest.mark.parametrize(
    ("scope", "location", "place"),
    [
        ("docker.io", "mirror.example", "mirror.example/library/redis"),
        ("docker.io", "mirror.example/hub", "mirror.example/hub/library/redis"),
        ("docker.io/library", "mirror.example", "mirror.example/redis"),
        ("docker.io/library/redis", "mirror.example/r", "mirror.example/r"),
        ("docker.io", "", "docker.io/library/redis"),
        ("*.io", "mirror.example", "mirror.example/library/redis"),
    ],
)
def test_where_a_location_leads(scope: str, location: str, place: str) -> None:
    assert Rule(prefix=scope).locate(REDIS, location).name == place


class TestFiles:
    def test_the_users_file_replaces_the_systems_and_drop_ins_add(self, tmp_path: Path) -> None:
        etc, home = tmp_path / "etc", tmp_path / "home"
        texts = {
            etc / "containers/registries.conf": '[[registry]]\nlocation = "system"',
            etc / "containers/registries.conf.d/1.conf": '[[registry]]\nlocation = "a"',
            home / ".config/containers/registries.conf.d/2.conf": (
                '[[registry]]\nprefix = "a"\nlocation = "b"\n[[registry]]\nlocation = "long/er"'
            ),
        }
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

        def scopes() -> list[tuple[str, str]]:
            return [(rule.scope, rule.location) for rule in read_registries_conf({}, home, etc)]

        assert scopes() == [("long/er", "long/er"), ("system", "system"), ("a", "b")]
        (home / ".config/containers/registries.conf").write_text('[[registry]]\nlocation="mine"')
        assert scopes() == [("long/er", "long/er"), ("mine", "mine"), ("a", "b")]

    def test_no_file_no_rule(self, tmp_path: Path) -> None:
        assert read_registries_conf({}, tmp_path, tmp_path) == ()

    def test_aliases_are_no_rules(self, tmp_path: Path) -> None:
        environment = conf(tmp_path, 'short-name-mode = "enforcing"\n[aliases]\n"a" = "b/a"\n')
        assert read_registries_conf(environment, tmp_path) == ()

    @pytest.mark.parametrize("text", ["[[registry]", '[[registry]]\nblocked = "yes"'])
    def test_a_broken_file_is_told(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ConfigError, match=r"registries\.conf: not a valid"):
            read_registries_conf(conf(tmp_path, text), tmp_path)


class TestRoutes:
    async def test_tags_come_from_the_origin_and_bytes_from_the_mirror(
        self, tmp_path: Path
    ) -> None:
        async with (
            scripted(PING, get("hub/library/redis", DIGEST, headers=GOOD, body=MANIFEST)) as mirror,
            scripted(PING, head("library/redis", "6", headers=GOOD)) as origin,
        ):
            text = f"""
                [[registry]]
                location = "{origin.host}"
                insecure = true
                [[registry.mirror]]
                location = "{mirror.host}/hub"
                insecure = true
            """
            async with registries({}, conf(tmp_path, text)) as opened:
                registry = opened.of(origin.host)
                redis = Repository(registry=origin.host, path="library/redis")
                assert await registry.head(redis, "6")
                assert (await registry.manifest(redis, DIGEST)).raw == MANIFEST
                # one more ping each: https is tried first on a host that may be plain
                assert dict(registry.requests) == {"ping": 4, "head": 1, "manifest": 1}
                assert set(opened.requests) == {origin.host, mirror.host}

    async def test_a_mirror_that_fails_or_lies_is_passed_over(self, tmp_path: Path) -> None:
        async with (
            scripted(PING, get("library/redis", DIGEST, headers=GOOD, body=b"{}")) as lies,
            scripted(PING, get("library/redis", DIGEST, status=404)) as lacks,
            scripted(PING, get("library/redis", DIGEST, headers=GOOD, body=MANIFEST)) as origin,
        ):
            mirrors = "".join(
                f'[[registry.mirror]]\nlocation = "{server.host}"\ninsecure = true\n'
                for server in (lies, lacks)
            )
            text = f'[[registry]]\nlocation = "{origin.host}"\ninsecure = true\n{mirrors}'
            async with registries({}, conf(tmp_path, text)) as opened:
                redis = Repository(registry=origin.host, path="library/redis")
                document = await opened.of(origin.host).manifest(redis, DIGEST)
                assert document.raw == MANIFEST

    async def test_a_rewritten_location_is_asked_for_everything(self, tmp_path: Path) -> None:
        async with scripted(
            PING,
            head("hub/library/redis", "6", headers=GOOD),
            Exchange(
                method="GET", path="/v2/hub/library/redis/tags/list?n=1000", body={"tags": ["6"]}
            ),
            get("hub/library/redis", DIGEST, status=404),
        ) as server:
            text = f"""
                [[registry]]
                prefix = "docker.io"
                location = "{server.host}/hub"
                insecure = true
            """
            async with registries({}, conf(tmp_path, text)) as opened:
                hub = opened.of("docker.io")
                assert not hub.has_catalogue
                assert await hub.head(REDIS, "6")
                assert (await hub.list_tags(REDIS, at=AT)).names == {"6"}
                with pytest.raises(NotFoundError):
                    await hub.manifest(REDIS, DIGEST)

    async def test_a_blocked_registry_is_not_asked(self, tmp_path: Path) -> None:
        text = '[[registry]]\nlocation = "docker.io/library"\nblocked = true\n'
        async with registries({}, conf(tmp_path, text)) as opened:
            with pytest.raises(DeniedError, match="blocked"):
                await opened.of("docker.io").head(REDIS, "6")
            assert opened.requests == {"docker.io": {}}

    async def test_an_endpoint_of_ones_own_counts_more(self, tmp_path: Path) -> None:
        text = '[[registry]]\nlocation = "docker.io"\nblocked = true\n'
        async with scripted(PING, head("library/redis", "6", headers=GOOD)) as server:
            settings = {"docker.io": RegistrySettings(endpoint=server.url)}
            async with registries(settings, conf(tmp_path, text)) as opened:
                assert await opened.of("docker.io").head(REDIS, "6")

    async def test_other_settings_of_a_host_leave_what_the_file_says(self, tmp_path: Path) -> None:
        """`concurrency` for a host that podman reads without TLS does not ask for TLS."""
        async with scripted(PING, head("library/redis", "6", headers=GOOD)) as server:
            text = f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n'
            settings = {server.host: RegistrySettings(concurrency=2)}
            async with registries(settings, conf(tmp_path, text)) as opened:
                redis = Repository(registry=server.host, path="library/redis")
                assert await opened.of(server.host).head(redis, "6")
