"""Cases of the rule about images that have ended: where it speaks, and the traps."""

from __future__ import annotations

from dataclasses import replace

from tagwatch.audit.model.evidence import Status
from tagwatch.audit.model.knowledge import Retirement
from tests.audit_case import digest, evidence, target, unread
from tests.contract.rule_case import ENDS, ERROR, NOTE, WARNING, Said, speaks

__all__ = ["CASES"]

GONE = replace(
    ENDS,
    retired={
        "docker.io/library/openjdk": (
            Retirement(
                kind="ended",
                since="2022-07-31",
                to=("docker.io/library/eclipse-temurin", "docker.io/library/amazoncorretto"),
                tags_not=("*-ea*",),
                source="docker-library/docs openjdk/deprecated.md",
            ),
        ),
        "docker.io/minio/minio": (
            Retirement(kind="deleted", since="2026-09-11", to=("quay.io/minio/minio (frozen)",)),
        ),
        "docker.io/jboss/keycloak": (
            Retirement(
                kind="moved", since="2022-02", to=("quay.io/keycloak/keycloak",), sure=False
            ),
        ),
        "docker.io/library/amazonlinux": (
            Retirement(kind="ended", since="2023-12-31", tags=("1", "1-*")),
        ),
        "docker.io/library/unit": (Retirement(kind="frozen", since="2027"),),
    },
    copies=(("mirror.example/hub/", "docker.io/"),),
)
JAVA, EARLY = target("openjdk:17"), target("openjdk:28-ea-jdk")
MINIO = target("minio/minio:RELEASE.2025-01-20T14-49-07Z")
CLOUD = target("amazonlinux:1-with-sources")

CASES: dict[str, tuple[Said, ...]] = {
    "image-retired": (
        Said(
            why="nothing was read of it",
            targets=(JAVA,),
            facts=(unread(JAVA),),
            knowledge=GONE,
            expect=speaks(
                "ended on 2022-07-31: its tags are not built any more",
                "use eclipse-temurin, or amazoncorretto",
                severity=WARNING,
            ),
        ),
        Said(
            why="an early build is still made",
            targets=(EARLY,),
            facts=(unread(EARLY),),
            knowledge=GONE,
        ),
        Said(
            why="a copy of it, by the configuration",
            targets=(target("mirror.example/hub/openjdk:17"),),
            knowledge=GONE,
            expect=speaks("mirror.example/hub/openjdk:17 comes from a repository that ended"),
        ),
        Said(
            why="of the same name elsewhere",
            targets=(target("shop/openjdk:17"), target("mirror.example/openjdk:17")),
            knowledge=GONE,
        ),
        Said(
            why="deleted, whatever the registry answers",
            targets=(MINIO,),
            facts=(evidence(MINIO, resolution={"status": Status.NOT_FOUND}),),
            knowledge=GONE,
            expect=speaks("was deleted on 2026-09-11", "whoever logs in", severity=ERROR),
        ),
        Said(
            why="no source was read for it",
            targets=(target("jboss/keycloak:16.1.1"),),
            knowledge=GONE,
            expect=speaks("moved in 2022-02", "use quay.io/keycloak/keycloak", severity=NOTE),
        ),
        Said(
            why="some of its tags",
            targets=(CLOUD,),
            knowledge=GONE,
            expect=speaks("ended on 2023-12-31", "choose another image"),
        ),
        Said(
            why="others of its tags, and a digest that may be any",
            targets=(target("amazonlinux:2023"), target(f"amazonlinux@{digest('b')}")),
            knowledge=GONE,
        ),
        Said(why="not yet", targets=(target("unit:1.34"),), knowledge=GONE),
    ),
}
