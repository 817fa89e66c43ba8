"""The images of a small shop, by hand: what `publish_sample` judges.

Nothing here depends on a clock or a registry; digests are hashes of what they stand for.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict, MatchedBase
from tagwatch.audit.model.diff import (
    ConfigDiff,
    Gap,
    ImageDiff,
    LayerDiff,
    LayerEntry,
    MapDiff,
    PackageChange,
    PackageDiff,
    PlatformDiff,
    SizeDiff,
    StepDiff,
    Verdict,
)
from tagwatch.audit.model.evidence import Basis, Evidence, Newer, PlatformFacts, Resolution, Status
from tagwatch.audit.model.history import Change, Interval, Seen
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Location, Target

__all__ = ["AT", "CHANGES", "EVIDENCE", "TARGETS", "digest", "target"]

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PLATFORMS = ("linux/amd64", "linux/arm64")
APT = "RUN apt-get install -y"


def digest(what: str) -> Digest:
    return Digest("sha256:" + hashlib.sha256(what.encode()).hexdigest())


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T02:00:00+00:00")


def target(text: str, path: str, line: int, column: int, kind: str, **more: str) -> Target:
    return Target(
        text=text,
        location=Location(
            path=path, line=line, column=column, end_line=line, end_column=column + len(text)
        ),
        kind=kind,
        reference=None if "$" in text else Reference.parse(text),
        group=more.get("group"),
        stage=more.get("stage"),
        missing=(more["missing"],) if "missing" in more else (),
    )


PYTHON = target("python:3.12-slim", "api/Dockerfile", 1, 6, "from", stage="build")
PYTHON_RUN = target("python:3.12-slim", "api/Dockerfile", 9, 6, "from")
NODE = target("node:22-alpine", "web/Dockerfile", 1, 6, "from", stage="build")
NGINX = target("nginx:latest", "web/Dockerfile", 8, 6, "from")
REDIS7 = target("redis:7.0", "compose.yaml", 12, 12, "compose", group="cache")
POSTGRES = target("postgres:16.4", "compose.yaml", 18, 12, "compose", group="db")
WORKER = target(
    "${REGISTRY}/shop/worker:${TAG}",
    "compose.yaml",
    27,
    12,
    "compose",
    group="worker",
    missing="TAG",
)
API = target(
    "registry.shop.example/shop/api:1.4.2", "deploy/api.yaml", 21, 18, "kubernetes", group="api"
)
EXPORTER = target(
    "ghcr.io/acme/exporter:0.9", "deploy/api.yaml", 34, 18, "kubernetes", group="metrics"
)
REDIS62 = replace(
    target("redis:6.2", "tagwatch.yaml", 6, 13, "watch"), selector=None, text="redis:6.2"
)
TARGETS = (PYTHON, PYTHON_RUN, NODE, NGINX, REDIS7, POSTGRES, WORKER, API, EXPORTER, REDIS62)


def resolved(
    item: Target, tag: str, version: str, aliases: tuple[str, ...], **more: object
) -> Resolution:
    reference = item.reference
    assert reference is not None
    found = Resolution(
        input=item.text,
        status=Status.RESOLVED,
        reference=replace(reference, tag=tag),
        tag=tag,
        version=version,
        digest=digest(f"{reference.repository.path}:{tag}"),
        aliases=aliases,
        basis=Basis.ALIAS,
    )
    return replace(found, **more)  # type: ignore[arg-type]  # fields of Resolution, by name


def interval(tag: str, what: str, first: str, last: str, **more: object) -> Interval:
    made = Interval(
        tag=tag, digest=digest(what), first_seen=day(first), last_seen=day(last), ended=True
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields of Interval, by name


def facts(
    os: str, version: str, size: int, user: str = "", **more: object
) -> tuple[PlatformFacts, ...]:
    return tuple(
        replace(
            PlatformFacts(
                platform=Platform.parse(name),
                digest=digest(f"{os}{version}{name}"),
                version=version,
                user=user,
                os_release=os,
                size=size + index * 411_904,
                created_at=day("2026-11-18"),
            ),
            **more,  # type: ignore[arg-type]  # fields of PlatformFacts, by name
        )
        for index, name in enumerate(PLATFORMS)
    )


def layer(position: int, what: str, size: int, step: str) -> LayerEntry:
    return LayerEntry(position=position, diff_id=digest(what), size=size, created_by=step)


POSTGRES_DIFF = ImageDiff(
    platforms=(
        PlatformDiff(
            platform="linux/amd64",
            layers=LayerDiff(
                shared=(layer(0, "bookworm", 28_230_044, "ADD debian bookworm rootfs.tar.xz /"),),
                removed=(
                    layer(1, "pg1", 4_511_201, f"{APT} --no-install-recommends gnupg less"),
                    layer(2, "pg2", 8_066_321, "RUN gosu nobody true"),
                    layer(3, "pg3", 112_411_880, f"{APT} postgresql-16=16.4-1.pgdg120+2"),
                    layer(4, "pg4", 9_821, "COPY docker-entrypoint.sh /usr/local/bin/"),
                ),
                added=(
                    layer(1, "pg1b", 4_511_340, f"{APT} --no-install-recommends gnupg less"),
                    layer(2, "pg2b", 8_066_400, "RUN gosu nobody true"),
                    layer(3, "pg3b", 112_430_412, f"{APT} postgresql-16=16.4-1.pgdg120+2"),
                    layer(
                        4,
                        "pg4b",
                        10_377,
                        "COPY docker-entrypoint.sh docker-ensure-initdb.sh /usr/local/bin/",
                    ),
                ),
            ),
            size=SizeDiff(old=153_229_267, new=153_248_573, config_delta=212),
            config=ConfigDiff(
                entrypoint=(("docker-entrypoint.sh",), ("/usr/local/bin/docker-entrypoint.sh",)),
                cmd=(("postgres",), ("postgres",)),
                env=MapDiff(changed={"GOSU_VERSION": ("1.17", "1.18")}),
            ),
            steps=StepDiff(
                same=9,
                removed=("COPY docker-entrypoint.sh /usr/local/bin/",),
                added=("COPY docker-entrypoint.sh docker-ensure-initdb.sh /usr/local/bin/",),
                removed_in_all=1,
                added_in_all=1,
            ),
            os_release=("debian bookworm", "debian bookworm"),
        ),
    ),
    dropped=("linux/386",),
    common=7,
    not_compared=(Gap(what="packages", why="no SBOM on the old digest"),),
)
PYTHON_DIFF = ImageDiff(
    platforms=(
        PlatformDiff(
            platform="linux/amd64",
            layers=LayerDiff(
                removed=(
                    layer(0, "bookworm", 28_230_044, "ADD debian bookworm rootfs.tar.xz /"),
                    layer(1, "py1", 3_513_080, f"{APT} ca-certificates netbase tzdata"),
                    layer(2, "py2", 13_658_115, "RUN build python 3.12.11"),
                    layer(3, "py3", 250, "RUN ln -s python3 /usr/local/bin/python"),
                ),
                added=(
                    layer(0, "trixie", 29_773_422, "ADD debian trixie rootfs.tar.xz /"),
                    layer(1, "py1b", 1_291_810, f"{APT} ca-certificates netbase tzdata"),
                    layer(2, "py2b", 13_744_932, "RUN build python 3.12.12"),
                    layer(3, "py3b", 250, "RUN ln -s python3 /usr/local/bin/python"),
                ),
            ),
            size=SizeDiff(old=45_401_489, new=44_810_414, config_delta=3),
            config=ConfigDiff(env=MapDiff(changed={"PYTHON_VERSION": ("3.12.11", "3.12.12")})),
            os_release=("debian bookworm", "debian trixie"),
            packages=PackageDiff(
                source="spdx",
                changed=(
                    PackageChange(
                        purl="pkg:deb/debian/libc6", old="2.36-9+deb12u13", new="2.41-12"
                    ),
                    PackageChange(purl="pkg:deb/debian/libssl3t64", old="3.0.17-1", new="3.5.4-1"),
                    PackageChange(purl="pkg:pypi/pip", old="25.0.1", new="25.3"),
                ),
                same=41,
            ),
        ),
    ),
    added=("linux/riscv64",),
    common=8,
)

CHANGES = {
    "python:3.12-slim": Change(
        tag="3.12-slim",
        before=digest("library/python:3.12.11-slim-bookworm"),
        after=digest("library/python:3.12.12-slim-trixie"),
        at=AT,
        verdict=Verdict.UPGRADED,
        reason="3.12.11 to 3.12.12; the base moved from Debian bookworm to trixie",
        version_before="3.12.11",
        version_after="3.12.12",
        diff=PYTHON_DIFF,
    ),
    "postgres:16.4": Change(
        tag="16.4",
        before=digest("library/postgres:16.4-old"),
        after=digest("library/postgres:16.4"),
        at=AT,
        verdict=Verdict.REPLACED,
        reason="same version, but one build step and the entrypoint differ",
        version_before="16.4",
        version_after="16.4",
        diff=POSTGRES_DIFF,
    ),
    "redis:6.2": Change(
        tag="6.2",
        before=digest("library/redis:6.2.22"),
        after=digest("library/redis:6.2.24"),
        at=AT,
        verdict=Verdict.UPGRADED,
        reason="6.2.22 to 6.2.24 in the same line",
        version_before="6.2.22",
        version_after="6.2.24",
    ),
    "nginx:latest": Change(
        tag="latest",
        before=digest("library/nginx:1.29.2-old"),
        after=digest("library/nginx:1.29.3-trixie"),
        at=AT,
        verdict=Verdict.REBUILT,
        reason="same steps and config on a rebuilt Debian base",
        version_before="1.29.3",
        version_after="1.29.3",
    ),
}

EVIDENCE = (
    Evidence(
        key="docker.io/library/python:3.12-slim",
        resolution=resolved(
            PYTHON,
            "3.12.12-slim-trixie",
            "3.12.12",
            ("3.12-slim", "3.12-slim-trixie", "3.12.12-slim", "3.12.12-slim-trixie"),
            newer=Newer(minor="3.14.1-slim-trixie"),
            supported=True,
        ),
        at=AT,
        history=(
            interval("3.12-slim", "py3.12.10", "2026-04-09", "2026-06-03", version="3.12.10"),
            interval(
                "3.12-slim",
                "py3.12.11",
                "2026-06-04",
                "2026-08-12",
                version="3.12.11",
                verdict="upgraded",
            ),
            interval(
                "3.12-slim",
                "library/python:3.12.11-slim-bookworm",
                "2026-08-13",
                "2026-11-22",
                version="3.12.11",
                verdict="rebuilt",
            ),
            interval(
                "3.12-slim",
                "library/python:3.12.12-slim-trixie",
                "2026-11-23",
                "2026-11-23",
                version="3.12.12",
                verdict="upgraded",
                ended=False,
            ),
        ),
        moves=19,
        first_seen=day("2026-01-02"),
        change=CHANGES["python:3.12-slim"],
        lifecycle="floating",
        platforms_offered=(
            *PLATFORMS,
            "linux/386",
            "linux/arm/v7",
            "linux/ppc64le",
            "linux/riscv64",
            "linux/s390x",
        ),
        platforms=facts("Debian 13 (trixie)", "3.12.12", 44_810_414, cmd=("python3",)),
        documents_read=True,
        attestations=("provenance", "spdx"),
    ),
    Evidence(
        key="docker.io/library/node:22-alpine",
        resolution=resolved(
            NODE,
            "22.21.1-alpine3.22",
            "22.21.1",
            (
                "22-alpine",
                "22-alpine3.22",
                "22.21-alpine",
                "22.21.1-alpine",
                "22.21.1-alpine3.22",
                "jod-alpine",
            ),
            newer=Newer(major="24.11.1-alpine3.22"),
            supported=True,
        ),
        at=AT,
        history=(
            interval(
                "22-alpine",
                "node22.20",
                "2026-09-25",
                "2026-10-29",
                version="22.20.0",
                kind=Seen.PUSHED,
            ),
            interval(
                "22-alpine",
                "library/node:22.21.1-alpine3.22",
                "2026-10-30",
                "2026-11-23",
                version="22.21.1",
                verdict="upgraded",
                ended=False,
            ),
        ),
        moves=14,
        first_seen=day("2026-01-02"),
        lifecycle="floating",
        platforms_offered=(*PLATFORMS, "linux/s390x"),
        platforms=facts(
            "Alpine 3.22",
            "22.21.1",
            57_180_022,
            entrypoint=("docker-entrypoint.sh",),
            cmd=("node",),
        ),
        documents_read=True,
        attestations=("provenance", "spdx"),
    ),
    Evidence(
        key="docker.io/library/nginx:latest",
        resolution=resolved(
            NGINX,
            "1.29.3-trixie",
            "1.29.3",
            ("1", "1.29", "1.29.3", "1.29.3-trixie", "latest", "mainline", "trixie"),
            supported=True,
        ),
        at=AT,
        history=(
            interval("latest", "nginx1.29.2", "2026-10-08", "2026-11-01", version="1.29.2"),
            interval(
                "latest",
                "library/nginx:1.29.2-old",
                "2026-11-02",
                "2026-11-22",
                version="1.29.3",
                verdict="upgraded",
            ),
            interval(
                "latest",
                "library/nginx:1.29.3-trixie",
                "2026-11-23",
                "2026-11-23",
                version="1.29.3",
                verdict="rebuilt",
                ended=False,
            ),
        ),
        moves=31,
        first_seen=day("2026-01-02"),
        change=CHANGES["nginx:latest"],
        lifecycle="floating",
        platforms_offered=PLATFORMS,
        platforms=facts(
            "Debian 13 (trixie)",
            "1.29.3",
            59_774_010,
            exposed_ports=("80/tcp",),
            stop_signal="SIGQUIT",
        ),
        documents_read=True,
    ),
    Evidence(
        key="docker.io/library/redis:7.0",
        resolution=resolved(
            REDIS7,
            "7.0.15",
            "7.0.15",
            ("7.0", "7.0-bookworm", "7.0.15", "7.0.15-bookworm"),
            newer=Newer(minor="7.4.7", major="8.4.0"),
            supported=False,
        ),
        at=AT,
        history=(
            interval(
                "7.0",
                "library/redis:7.0.15",
                "2026-01-02",
                "2026-11-23",
                version="7.0.15",
                kind=Seen.PUSHED,
                ended=False,
            ),
        ),
        moves=0,
        first_seen=day("2026-01-02"),
        lifecycle="unsupported",
        platforms_offered=PLATFORMS,
        platforms=facts(
            "Debian 12 (bookworm)",
            "7.0.15",
            41_280_144,
            exposed_ports=("6379/tcp",),
            volumes=("/data",),
        ),
        documents_read=True,
    ),
    Evidence(
        key="docker.io/library/postgres:16.4",
        resolution=resolved(
            POSTGRES,
            "16.4",
            "16.4",
            ("16.4", "16.4-bookworm"),
            newer=Newer(patch="16.11", major="18.1"),
            supported=True,
        ),
        at=AT,
        history=(
            interval("16.4", "pg16.4-a", "2026-03-11", "2026-08-04", version="16.4"),
            interval(
                "16.4",
                "library/postgres:16.4-old",
                "2026-08-05",
                "2026-11-22",
                version="16.4",
                verdict="rebuilt",
            ),
            interval(
                "16.4",
                "library/postgres:16.4",
                "2026-11-23",
                "2026-11-23",
                version="16.4",
                verdict="replaced",
                ended=False,
            ),
        ),
        moves=2,
        first_seen=day("2026-03-11"),
        change=CHANGES["postgres:16.4"],
        lifecycle="repushed",
        platforms_offered=PLATFORMS,
        platforms=facts(
            "Debian 12 (bookworm)",
            "16.4",
            153_248_573,
            exposed_ports=("5432/tcp",),
            volumes=("/var/lib/postgresql/data",),
            entrypoint=("/usr/local/bin/docker-entrypoint.sh",),
        ),
        documents_read=True,
        attestations=("provenance",),
        bases=(
            BaseMatch(
                platform="linux/amd64",
                verdict=BaseVerdict.EXACT_CURRENT,
                base=MatchedBase(
                    reference="docker.io/library/debian",
                    tag="bookworm-slim",
                    version="12.12",
                    digest=digest("debian:bookworm-slim"),
                    first_seen=day("2026-11-04"),
                    last_seen=day("2026-11-23"),
                ),
                current=MatchedBase(
                    reference="docker.io/library/debian",
                    tag="bookworm-slim",
                    version="12.12",
                    digest=digest("debian:bookworm-slim"),
                ),
                layers_matched=1,
                behind=0,
                ancestry=("docker.io/library/debian:bookworm-slim",),
                sentence="Built on debian:bookworm-slim = 12.12 "
                "(served since 2026-11-04, layers match 1/1).",
            ),
        ),
    ),
    Evidence(
        key="docker.io/library/redis:6.2",
        resolution=resolved(
            REDIS62,
            "6.2.24",
            "6.2.24",
            ("6", "6-bookworm", "6.2", "6.2-bookworm", "6.2.24", "6.2.24-bookworm"),
            newer=Newer(major="8.4.0"),
            supported=True,
        ),
        at=AT,
        history=(
            interval("6.2", "redis6.2.20", "2026-03-05", "2026-05-20", version="6.2.20"),
            interval(
                "6.2",
                "redis6.2.21",
                "2026-05-21",
                "2026-07-13",
                version="6.2.21",
                verdict="upgraded",
            ),
            interval(
                "6.2",
                "library/redis:6.2.22",
                "2026-07-14",
                "2026-11-22",
                version="6.2.22",
                verdict="upgraded",
            ),
            interval(
                "6.2",
                "library/redis:6.2.24",
                "2026-11-23",
                "2026-11-23",
                version="6.2.24",
                verdict="upgraded",
                ended=False,
            ),
        ),
        moves=11,
        first_seen=day("2026-01-02"),
        change=CHANGES["redis:6.2"],
        lifecycle="floating",
        platforms_offered=PLATFORMS,
        platforms=facts(
            "Debian 12 (bookworm)",
            "6.2.24",
            39_901_237,
            exposed_ports=("6379/tcp",),
            volumes=("/data",),
        ),
        documents_read=True,
    ),
    Evidence(
        key="registry.shop.example/shop/api:1.4.2",
        resolution=resolved(API, "1.4.2", "1.4.2", ("1.4.2",), newer=Newer(patch="1.4.3")),
        at=AT,
        history=(
            interval(
                "1.4.2", "shop/api:1.4.2", "2026-09-01", "2026-11-23", version="1.4.2", ended=False
            ),
        ),
        first_seen=day("2026-09-01"),
        lifecycle="frozen",
        platforms_offered=("linux/amd64",),
        platforms=facts(
            "Debian 12 (bookworm)",
            "1.4.2",
            61_240_871,
            "app",
            exposed_ports=("8080/tcp",),
            entrypoint=("/app/server",),
        )[:1],
        documents_read=True,
        bases=(
            BaseMatch(
                platform="linux/amd64",
                verdict=BaseVerdict.EXACT_STALE,
                base=MatchedBase(
                    reference="docker.io/library/python",
                    tag="3.12-slim",
                    version="3.12.11",
                    digest=digest("library/python:3.12.11-slim-bookworm"),
                    first_seen=day("2026-08-13"),
                    last_seen=day("2026-11-22"),
                ),
                current=MatchedBase(
                    reference="docker.io/library/python",
                    tag="3.12-slim",
                    version="3.12.12",
                    digest=digest("library/python:3.12.12-slim-trixie"),
                ),
                layers_matched=4,
                layers_replaced=4,
                layers_added=0,
                behind=1,
                ancestry=(
                    "docker.io/library/debian:bookworm-slim",
                    "docker.io/library/python:3.12-slim",
                ),
                claims=(
                    "label org.opencontainers.image.base.name: docker.io/library/python:3.12-slim",
                ),
                sentence="Built on python:3.12-slim = 3.12.11 (served 2026-08-13..2026-11-22, "
                "layers match 4/4). That tag now serves 3.12.12: 4 base layers replaced, 0 shared, "
                "-0.6 MB, USER and EXPOSE unchanged.",
            ),
        ),
    ),
    Evidence(
        key="ghcr.io/acme/exporter:0.9",
        resolution=Resolution(
            input="ghcr.io/acme/exporter:0.9",
            status=Status.UNAVAILABLE,
            reference=EXPORTER.reference,
        ),
        failures=(
            Failure(
                repository=Reference.parse("ghcr.io/acme/exporter").repository,
                tag="0.9",
                code="denied",
                status=403,
                message="the registry refused the best credential known",
                hint="log in with a token that has read:packages",
            ),
        ),
    ),
)
