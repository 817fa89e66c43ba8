"""Text rules and pins through the real command: where each speaks, and what only looks like it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.service.demo.images import Shelf
from tests.image_builder import Built, Step, build, env, expose, index
from tests.walk.command import Workplace
from tests.walk.misbehaving import Misbehaving, misbehaving

A = "a" * 64
# folder: file, text, and each place (line:column) where the rule of the folder's name speaks
TEXT: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "platform-fixed-in-from/constant": (
        "Dockerfile",
        'FROM --platform=linux/amd64 alpine:3.20\nFROM --platform="linux/arm64" alpine:3.20\n',
        ("1:29", "2:31"),
    ),
    "platform-fixed-in-from/variable": (
        "Dockerfile",
        "ARG P=linux/amd64\nFROM --platform=$BUILDPLATFORM a:1 AS x\n"
        "FROM --platform=${TARGETPLATFORM} a:1\nFROM --platform=$P a:1\nFROM a:1\n",
        (),
    ),
    "add-remote/fetched": (
        "Dockerfile",
        'FROM a:1\nADD https://x.example/a.tgz /a\nADD ["https://x.example/b c", "/b"]\n'
        "ADD git@github.com:a/b.git /b\nADD https://github.com/a/b.git#v1 /b\nADD app.jar /app/\n",
        ("2:5", "3:5", "4:5", "5:5", "6:5"),
    ),
    "add-remote/branch": (
        "Dockerfile",
        "FROM a:1\nADD https://github.com/a/b.git#1.2 /a\nADD git@github.com:a/b.git#3.10:x /b\n"
        "ADD https://github.com/a/b.git#1.2.3 /c\nADD https://github.com/a/b.git#v1.2 /d\n",
        ("2:5", "3:5"),
    ),
    "add-remote/exact": (
        "Dockerfile",
        f"FROM a:1\nADD --checksum=sha256:{A} https://x.example/a /a\nADD rootfs.tar.gz /\n"
        f"ADD x.tar.zst y.tgz /\nADD https://github.com/a/b.git#{A[:40]} /b\n"
        "ADD <<EOF /x\nhi\nEOF\nCOPY a b\nARG X\nADD $X /x\n",
        (),
    ),
    "user-root/number": ("Dockerfile", "FROM a:1\nUSER 0\n", ("2:6",)),
    "user-root/inherited": (
        "Dockerfile",
        "FROM a:1 AS a\nUSER root:root\nFROM a\nRUN x\n",
        ("2:6",),
    ),
    "user-root/variable": ("Dockerfile", "FROM a:1\nARG U=00\nUSER ${U}\n", ("3:6",)),
    "user-root/scratch": ("Dockerfile", "FROM scratch\nUSER 0:0\n", ("2:6",)),
    "user-root/given-up": ("Dockerfile", "FROM a:1\nUSER root\nRUN x\nUSER app:root\n", ()),
    "user-root/builder": ("Dockerfile", "FROM a:1\nUSER root\nFROM b:1\nUSER 10001\n", ()),
    "user-root/onbuild": ("Dockerfile", "FROM a:1\nONBUILD USER root\nUSER app\n", ()),
    "user-root/unknown": ("Dockerfile", "FROM a:1\nRUN x\n", ()),
    "port-privileged-host/system": (
        "compose.yaml",
        "services:\n  a:\n    image: a:1.2.3\n    ports:\n      - 22:2222\n      - 53:53/udp\n"
        "      - '1000-1030:1000-1030'\n      - {target: 9, published: 25}\n",
        ("5:9", "6:9", "7:10", "8:9"),
    ),
    "port-privileged-host/free": (
        "compose.yaml",
        "services:\n  a:\n    image: a:1.2.3\n    ports: ['80:80', '443:443', '1024:22', '22',"
        " '127.0.0.1::25']\n    expose: ['22']\n",
        (),
    ),
    "port-all-interfaces/open": (
        "compose.yaml",
        "services:\n  a:\n    build: .\n    ports:\n      - 8080:80\n      - 0.0.0.0:8081:80\n"
        "      - '[::]:8082:80'\n      - 3306\n      - {target: 90, published: 91}\n",
        ("5:9", "6:9", "7:10", "8:9", "9:9"),
    ),
    "port-all-interfaces/closed": (
        "compose.yaml",
        "services:\n  a:\n    image: a:1.2.3\n    ports: ['127.0.0.1:8080:80', '80:80',"
        " '[::1]:8082:80', '10.0.0.1:99:99']\n    expose: [5432]\n"
        "  h:\n    image: b:1.2.3\n    network_mode: host\n    ports: ['8080:80']\n",
        (),
    ),
    "port-conflict/services": (
        "compose.yaml",
        "services:\n  a:\n    image: a:1.2.3\n    ports:\n      - 127.0.0.1:8080:80\n"
        "  b:\n    build: .\n    ports:\n      - 8070-8090:70-90\n"
        "  c:\n    image: c:1.2.3\n    scale: 2\n    ports:\n      - 9000:90\n"
        "  d:\n    image: d:1.2.3\n    deploy: {replicas: 3}\n    ports:\n      - 9100-9101:90\n",
        ("9:9", "14:9", "19:9"),
    ),
    "port-conflict/apart": (
        "compose.yaml",
        "services:\n"
        "  a: {image: 'a:1', ports: ['127.0.0.1:8080:80'], profiles: [p]}\n"
        "  b: {image: 'b:1', ports: ['127.0.0.1:8080:90'], profiles: [q]}\n"
        "  c: {image: 'c:1', ports: ['53:53/udp', '53:53/tcp', '80']}\n"
        "  d: {image: 'd:1', ports: ['127.0.0.2:8080:80', '80']}\n"
        "  e: {image: 'e:1', scale: 2, ports: ['9000-9001:90', '70']}\n"
        "  f: {image: 'f:1', deploy: {replicas: 2, placement: {}}, ports: ['9010:90']}\n",
        (),
    ),
    "port-suspicious/exposed": (
        "Dockerfile",
        "FROM a:1\nEXPOSE 22\nEXPOSE 70000 0\nEXPOSE 20-23/tcp\n",
        ("2:8", "3:8", "3:14", "4:8"),
    ),
    "port-suspicious/fine": ("Dockerfile", "FROM a:1\nEXPOSE 80 443/tcp 22/udp 8000-8010 $P\n", ()),
    "port-suspicious/published": (
        "compose.yaml",
        "services: {a: {image: 'a:1', ports: ['2222:22', '22:2222', '22:22/udp']}}\n",
        ("1:39",),
    ),
    "official-lookalike/misspelt": (
        "Dockerfile",
        "FROM ngnix:1\nFROM evil/postgers:1\nFROM someone/nginx:1\nFROM nginx-official/nginx:1\n",
        ("1:6", "2:6", "3:6", "4:6"),
    ),
    "official-lookalike/meant": (
        "Dockerfile",
        "FROM nginx:1\nFROM jenkins/jenkins:2\nFROM quay.io/a/ngnix:1\nFROM arm64v8/nginx:1\n"
        "FROM nods:1\nFROM docker/compose:1\nFROM nginxinc/nginx-unprivileged:1\n",
        (),
    ),
    "registry-implicit/short": (
        "Dockerfile",
        "FROM redis:7\nFROM a/b:1\nCOPY --from=c:1 /x /x\n",
        ("1:6", "2:6", "3:13"),
    ),
    "registry-implicit/written": (
        "Dockerfile",
        "ARG R\nFROM docker.io/library/redis:7 AS b\nFROM ${R}redis:7\nFROM b\nFROM quay.io/a:1\n"
        "FROM localhost/a:1\nFROM scratch\n",
        (),
    ),
    "tag-missing/none": ("Dockerfile", "FROM redis\nFROM x.example:5000/a\n", ("1:6", "2:6")),
    "tag-missing/stages": (
        "Dockerfile",
        f"FROM redis:7 AS Base\nFROM base\nFROM scratch\nFROM redis@sha256:{A}\n"
        "COPY --from=0 a b\n",
        (),
    ),
    "tag-latest/written": ("Dockerfile", "FROM redis:latest\n", ("1:6",)),
    "tag-latest/pinned": ("Dockerfile", f"FROM redis:latest@sha256:{A}\n", ()),
}


async def test_where_a_text_rule_speaks(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write(
        "tagwatch.yaml", "database: t.db\npolicy: {rules: {registry-implicit: {severity: note}}}\n"
    )
    for folder, (name, text, _) in TEXT.items():
        place.write(f"{folder}/{name}", text)
    done = await place.run("check", ".", "--offline", "--format", "json")
    said: dict[str, list[str]] = {folder: [] for folder in TEXT}
    for finding in done.json["findings"]:
        where = finding["location"]
        folder = where["path"].rpartition("/")[0]
        if folder.partition("/")[0] == finding["rule"]:
            said[folder].append(f"{where['line']}:{where['column']}")
    expected = {folder: sorted(places) for folder, (_, _, places) in TEXT.items()}
    assert {folder: sorted(places) for folder, places in said.items()} == expected


async def test_an_override_file_is_part_of_its_project(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("tagwatch.yaml", "database: t.db\n")
    place.write("compose.yaml", "services:\n  a: {image: 'a:1', ports: ['8080:80']}\n")
    place.write(
        "compose.override.yaml",
        "services:\n  a: {ports: ['7070:70']}\n  c: {image: 'c:1', ports: ['8080:81']}\n",
    )
    done = await place.run("check", ".", "--offline", "--format", "json")
    ports = [
        (one["rule"], one["location"]["path"], one["location"]["line"])
        for one in done.json["findings"]
        if one["rule"].startswith("port-")
    ]
    assert ports == [
        ("port-conflict", "compose.override.yaml", 3),
        ("port-all-interfaces", "compose.override.yaml", 2),
        ("port-all-interfaces", "compose.override.yaml", 3),
        ("port-all-interfaces", "compose.yaml", 2),
    ]
    assert done.json["coverage"]["targets"] == 2


def image(version: str, platform: str = "linux/amd64") -> Built:
    return build(
        Step(created_by=f"ADD {version}", files={"a": version + platform}),
        env("APP_VERSION", version),
        expose("80/tcp"),
        platform=Platform.parse(platform),
        created=datetime(2026, 10, 1, tzinfo=UTC),
    )


def both(version: str) -> Built:
    return index(image(version), image(version, "linux/arm64"))


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    found = Shelf()
    served: tuple[tuple[Built, tuple[str, ...]], ...] = (
        (both("1.2.0"), ("1.2.0",)),
        (both("1.2.3"), ("1.2.3", "1.2", "1")),
        (both("2.0.0"), ("2.0.0", "2.0", "2", "latest")),
        (both("0.9.0"), ()),
        (index(image("1.2.3", "windows/amd64")), ("1.2.3-nanoserver",)),
        (image("3.0.0"), ("3.0.0",)),
    )
    for built, tags in served:
        found.manifests |= built.documents
        found.blobs |= {key: one.raw for key, one in built.documents.items()} | dict(built.blobs)
        found.tags.setdefault("app", {}).update(dict.fromkeys(tags, built.digest))
    return found


@pytest.fixture
async def server(shelf: Shelf) -> AsyncIterator[Misbehaving]:
    async with misbehaving(shelf) as running:
        yield running


GONE = Digest(f"sha256:{A}")
PINS: tuple[tuple[str, Digest | None, set[str]], ...] = (
    ("app:1.2.3", both("1.2.3").digest, set()),
    ("app:1.2", both("1.2.0").digest, set()),  # a lagging pin: 1.2 was that one day
    ("app:latest", both("1.2.0").digest, set()),
    ("app:1.2", both("2.0.0").digest, {"digest-tag-disagree"}),
    ("app:1.2.3", both("1.2.0").digest, {"digest-tag-disagree"}),
    ("app:1.2.3", image("1.2.3").digest, {"digest-single-platform", "platform-missing"}),
    ("app:1.2", GONE, {"pin-unresolvable"}),
    ("app:1.2", both("0.9.0").digest, set()),  # exists; the other tags' digests are not all known
    ("app", both("0.9.0").digest, set()),
    ("app:1.2.3-nanoserver", None, {"os-mismatch", "platform-missing"}),
    ("app:3.0.0", None, {"platform-missing"}),
    ("app:1.2.0", None, set()),
)
JUDGED = {"digest-tag-disagree", "digest-single-platform", "pin-unresolvable", "pin-untagged"}
JUDGED |= {"os-mismatch", "platform-missing"}


async def test_pins_and_platforms(tmp_path: Path, server: Misbehaving) -> None:
    place = Workplace(tmp_path)
    place.write(
        "tagwatch.yaml",
        "database: t.db\nregistries:\n" + server.registries("well") + "policy:\n"
        "  defaults: {platforms: [linux/amd64, linux/arm64]}\n",
    )
    written = [f"{name}@{digest}" if digest else name for name, digest, _ in PINS]
    place.write("Dockerfile", "".join(f"FROM well.example/{text}\n" for text in written))
    done = await place.run("check", "Dockerfile", "--format", "json")
    said: list[set[str]] = [set() for _ in PINS]
    for finding in done.json["findings"]:
        if finding["rule"] in JUDGED:
            said[finding["location"]["line"] - 1].add(finding["rule"])
    assert said == [rules for _, _, rules in PINS]
    assert done.json["coverage"]["unavailable"] == 0


async def test_a_published_port_that_the_image_does_not_serve(
    tmp_path: Path, server: Misbehaving
) -> None:
    place = Workplace(tmp_path)
    place.write("tagwatch.yaml", "database: t.db\nregistries:\n" + server.registries("well"))
    place.write(
        "compose.yaml",
        "services:\n  a:\n    image: well.example/app:1.2.3\n    ports:\n"
        "      - 127.0.0.1:8080:80\n      - 127.0.0.1:9000:8080\n      - 127.0.0.1:80:80/udp\n",
    )
    done = await place.run("check", "compose.yaml", "--format", "json")
    found = [one for one in done.json["findings"] if one["rule"] == "port-undeclared"]
    assert [one["location"]["line"] for one in found] == [6, 7]
    assert found[0]["message"] == (
        "127.0.0.1:9000:8080 is published, and well.example/app:1.2.3 exposes 80/tcp"
    )
