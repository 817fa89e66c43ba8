"""Cases of the rules about names and pins: where each speaks, and the traps."""

from __future__ import annotations

from dataclasses import replace

from tagwatch.audit.model.evidence import Pin
from tagwatch.audit.model.policy import (
    AccessList,
    Defaults,
    Denied,
    Policy,
)
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference
from tagwatch.source.target import Target
from tests.audit_case import digest, place, target, unread
from tests.contract.rule_case import (
    APP,
    ENDS,
    ERROR,
    FULL,
    NOTE,
    PINNED,
    WARNING,
    Said,
    interval,
    pinned,
    speaks,
)

__all__ = ["CASES"]

BARE_PIN = target(f"redis@{digest('b')}")

CASES: dict[str, tuple[Said, ...]] = {
    "reference-unresolved": (
        Said(
            why="a variable",
            targets=(Target(text="${BASE}", location=place(), kind="from", missing=("BASE",)),),
            expect=speaks("BASE has no value", severity=NOTE, unknown=True),
        ),
        Said(
            why="no reference at all",
            targets=(Target(text="Redis", location=place(), kind="from", invalid="upper case"),),
            expect=speaks("no image reference: upper case", severity=ERROR, unknown=True),
        ),
        Said(
            why="the reason is said once",
            targets=(
                Target(
                    text="a b",
                    location=place(),
                    kind="from",
                    invalid="not an image reference: 'a b': a space",
                ),
            ),
            expect=speaks("'a b' is no image reference: a space", unknown=True),
        ),
        Said(
            why="what ko builds",
            targets=(
                Target(
                    text="ko://x.example/a", location=place(), kind="kubernetes", missing=("x",)
                ),
            ),
            expect=speaks("ko builds it", severity=NOTE, unknown=True),
        ),
        Said(why="resolved", targets=(FULL,)),
    ),
    "registry-implicit": (
        Said(why="no registry", targets=(FULL,), expect=speaks("docker.io/library/redis:6.2.24")),
        Said(why="written out", targets=(target("docker.io/library/redis:7"),)),
        Said(why="another registry", targets=(APP,)),
        Said(why="a variable may hold it", targets=(replace(FULL, text="${R}redis:6.2.24"),)),
    ),
    "registry-not-allowed": (
        Said(
            why="names the allowed ones",
            targets=(target("quay.io/a/b:1"),),
            policy=Policy(registries=AccessList(allow=("docker.io", "ghcr.io"))),
            expect=speaks("quay.io", "docker.io, ghcr.io", severity=ERROR),
        ),
        Said(
            why="COPY --from is a way in, too",
            targets=(target("quay.io/a/b:1", kind="copy-from"),),
            policy=Policy(registries=AccessList(allow=("docker.io",))),
            expect=speaks("quay.io"),
        ),
        Said(
            why="denied with the reason",
            targets=(target("bitnami/redis:7"),),
            policy=Policy(
                registries=AccessList(deny=(Denied(match="docker.io/bitnami/*", reason="moved"),))
            ),
            expect=speaks("denies docker.io/bitnami/*: moved"),
        ),
        Said(
            why="a host that only ends alike",
            targets=(target("1.dkr.ecr.eu-west-1.amazonaws.com.evil.example/a:1"),),
            policy=Policy(registries=AccessList(allow=("*.dkr.ecr.eu-west-1.amazonaws.com",))),
            expect=speaks("evil.example"),
        ),
        Said(
            why="index.docker.io is docker.io",
            targets=(target("index.docker.io/library/redis:7"), target("redis:7")),
            policy=Policy(registries=AccessList(allow=("docker.io",))),
        ),
        Said(why="no list", targets=(target("quay.io/a/b:1"),)),
    ),
    "repository-not-allowed": (
        Said(
            why="outside",
            targets=(target("someone/redis:7"),),
            policy=Policy(repositories=AccessList(allow=("docker.io/library/*",))),
            expect=speaks("someone/redis", "docker.io/library/*", severity=ERROR),
        ),
        Said(
            why="a glob stays within one part",
            targets=(target("ghcr.io/shop/a/b:7"),),
            policy=Policy(repositories=AccessList(allow=("ghcr.io/shop/*",))),
            expect=speaks("ghcr.io/shop/a/b"),
        ),
        Said(
            why="the same image of one architecture",
            targets=(target("arm64v8/redis:7"), target("redis:7")),
            policy=Policy(repositories=AccessList(allow=("docker.io/library/redis",))),
        ),
        Said(
            why="the registry's rule speaks alone",
            targets=(target("quay.io/a/b:7"),),
            policy=Policy(
                registries=AccessList(allow=("docker.io",)),
                repositories=AccessList(allow=("docker.io/library/*",)),
            ),
        ),
    ),
    "official-lookalike": (
        Said(
            why="misspelt, as if official",
            targets=(target("ngnix:1"),),
            knowledge=ENDS,
            expect=speaks("nginx", severity=ERROR),
        ),
        Said(
            why="misspelt, by an owner",
            targets=(target("evil/postgers:1"),),
            knowledge=ENDS,
            expect=speaks("postgres", severity=WARNING),
        ),
        Said(
            why="another owner",
            targets=(target("bitnami/redis:7"),),
            knowledge=ENDS,
            expect=speaks("by bitnami", severity=NOTE),
        ),
        Said(why="official", targets=(FULL, target("arm64v8/redis:7")), knowledge=ENDS),
        Said(
            why="a like name that is its owner's",
            targets=(target("postgrest/postgrest:12"),),
            knowledge=ENDS,
            expect=speaks("looks like the official image postgres", severity=NOTE),
        ),
        Said(
            why="the publisher's own repository, and Docker's own",
            targets=(target("nginx/nginx:1"), target("docker/ngnix:1")),
            knowledge=ENDS,
        ),
        Said(
            why="an owner that only begins alike",
            targets=(target("redis-official/redis:7"),),
            knowledge=ENDS,
            expect=speaks("by redis-official", severity=NOTE),
        ),
        Said(
            why="short names are not compared",
            targets=(target("shop/code:7"), target("nods:1")),
            knowledge=ENDS,
        ),
        Said(why="another registry", targets=(target("quay.io/x/redis:7"),), knowledge=ENDS),
        Said(
            why="what the policy allows is meant",
            targets=(target("bitnami/redis:7"),),
            knowledge=ENDS,
            policy=Policy(repositories=AccessList(allow=("bitnami/*",))),
        ),
        Said(why="nothing known", targets=(target("ngnix:1"),)),
    ),
    "digest-tag-disagree": (
        Said(
            why="another tag's digest",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=False, tags=("7.2",), history=(interval("a", 9),)),),
            expect=speaks(
                "6.2 was never seen", "which is 7.2", f"redis:6.2@{digest('a')}", severity=ERROR
            ),
        ),
        Said(
            why="once served is base-stale", targets=(PINNED,), facts=(pinned(served_by_tag=True),)
        ),
        Said(why="not known", targets=(PINNED,), facts=(pinned(),)),
        Said(
            why="one platform of it",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=False, platform_only=True),),
        ),
    ),
    "digest-single-platform": (
        Said(
            why="pins the index instead",
            targets=(PINNED,),
            facts=(pinned(platform_only=True, history=(interval("a", 9),)),),
            expect=speaks("one platform", severity=WARNING, fix=f"redis:6.2@{digest('a')}"),
        ),
        Said(
            why="of whichever tag, where none stands beside it",
            targets=(BARE_PIN,),
            facts=(pinned(BARE_PIN, platform_only=True),),
            expect=speaks("and what a tag serves has several", severity=WARNING),
        ),
        Said(
            why="only one platform is asked for",
            targets=(PINNED,),
            facts=(pinned(platform_only=True),),
            policy=Policy(defaults=Defaults(platforms=(Platform.parse("linux/amd64"),))),
        ),
        Said(why="the index", targets=(PINNED,), facts=(pinned(platform_only=False),)),
        Said(why="not known", targets=(PINNED,), facts=(pinned(),)),
    ),
    "pin-unresolvable": (
        Said(
            why="gone",
            targets=(PINNED,),
            facts=(pinned(exists=False, history=(interval("a", 9),)),),
            expect=speaks("no such digest", severity=ERROR, fix=f"redis:6.2@{digest('a')}"),
        ),
        Said(
            why="another repository has it still",
            targets=(PINNED,),
            facts=(
                replace(pinned(exists=False), elsewhere=(Reference.parse("legacy/redis:6.2.24"),)),
            ),
            expect=speaks("the same digest lives in legacy/redis:6.2.24"),
        ),
        Said(why="not known", targets=(PINNED,), facts=(pinned(),)),
        Said(
            why="unread", targets=(PINNED,), facts=(replace(unread(PINNED), pin=Pin(exists=False)),)
        ),
        Said(why="there", targets=(PINNED,), facts=(pinned(exists=True),)),
    ),
    "pin-untagged": (
        Said(
            why="no tag serves it",
            targets=(PINNED,),
            facts=(pinned(exists=True, tags=(), history=(interval("a", 9),)),),
            expect=speaks("collected", severity=WARNING, fix=f"redis:6.2@{digest('a')}"),
        ),
        Said(why="a tag serves it", targets=(PINNED,), facts=(pinned(exists=True, tags=("6.2",)),)),
        Said(why="the tags were not all read", targets=(PINNED,), facts=(pinned(exists=True),)),
        Said(
            why="gone is pin-unresolvable",
            targets=(PINNED,),
            facts=(pinned(exists=False, tags=()),),
        ),
        Said(
            why="part of an index",
            targets=(PINNED,),
            facts=(pinned(exists=True, tags=(), platform_only=True),),
        ),
    ),
}
