"""Cases of the rules about what a tag says: where each speaks, and the traps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tagwatch.audit.model.evidence import Newer, Status
from tagwatch.audit.model.history import Seen
from tagwatch.audit.model.policy import (
    Policy,
    RuleSettings,
)
from tagwatch.image.reference import Reference
from tests.audit_case import AT, digest, evidence, target, unread
from tests.contract.rule_case import (
    BUILT,
    ENDS,
    ERROR,
    FULL,
    LATEST,
    NOTE,
    PINNED,
    REDIS,
    SERIES,
    WARNING,
    WATCHED,
    Said,
    ago,
    facts,
    interval,
    pinned,
    speaks,
)

__all__ = ["CASES"]

CASES: dict[str, tuple[Said, ...]] = {
    "tag-missing": (
        Said(
            why="says what latest is and writes the tag",
            targets=(REDIS,),
            facts=(evidence(REDIS, "8.2.1"),),
            expect=speaks("8.2.1 today", "write redis:8.2.1", severity=WARNING, fix="redis:8.2.1"),
        ),
        Said(why="without facts", targets=(REDIS,), expect=speaks("means latest")),
        Said(why="no official image: built here", targets=(target("cartservice"),), knowledge=ENDS),
        Said(
            why="an official image, known",
            targets=(REDIS,),
            knowledge=ENDS,
            expect=speaks("means latest"),
        ),
        Said(
            why="a pattern is no tag",
            targets=(target("redis:6.2.x"),),
            facts=(evidence(target("redis:6.2.x"), "6.2.24", aliases=("6.2", "6.2.24")),),
            expect=speaks("pattern", "6.2.24", severity=ERROR, fix="redis:6.2.24"),
        ),
        Said(
            why="a pattern, from the text alone",
            targets=(target("redis:6.2.x"),),
            expect=speaks("reads as a pattern", "tagwatch resolve redis:6.2.x", severity=WARNING),
        ),
        Said(
            why="what may be a tag of somebody's",
            targets=(target("ghcr.io/acme/app:6.x"),),
            expect=speaks("reads as a pattern", severity=NOTE),
        ),
        Said(
            why="a tag that only looks like a pattern",
            targets=(target("redis:6.x"),),
            facts=(evidence(target("redis:6.x"), "6.2.24", aliases=("6.2.24", "6.x")),),
        ),
        Said(why="a digest needs no tag", targets=(target(f"redis@{digest('a')}"),)),
        Said(why="a tag", targets=(FULL,)),
        Said(why="what the file builds", targets=(BUILT,)),
        Said(why="a watch", targets=(WATCHED,)),
        Said(why="kustomize without a new tag", targets=(target("redis", kind="kustomize"),)),
    ),
    "tag-latest": (
        Said(why="a watch", targets=(target("redis:latest", kind="watch"),)),
        Said(
            why="names the version",
            targets=(LATEST,),
            facts=(evidence(LATEST, "8.2.1"),),
            expect=speaks("8.2.1 today", severity=WARNING, fix="redis:8.2.1"),
        ),
        Said(
            why="a publisher with no other tag",
            targets=(LATEST,),
            facts=(evidence(LATEST, status=Status.NO_VERSION),),
            expect=speaks("no version of it can be named", "@sha256:aaa"),
        ),
        Said(why="with a digest", targets=(target(f"redis:latest@{digest('a')}"),)),
        Said(why="another tag", targets=(target("redis:latest-alpine"),)),
        Said(why="no tag is tag-missing", targets=(REDIS,)),
    ),
    "tag-moving": (
        Said(
            why="a watch",
            targets=(target("redis:6.2", kind="watch"),),
            facts=(evidence(SERIES, "6.2.24"),),
        ),
        Said(
            why="says what it is and how often it moved",
            targets=(SERIES,),
            facts=(evidence(SERIES, "6.2.24", moves=3, first_seen=ago(100)),),
            expect=speaks("6.2.24 today", "moved 3 times since 2026-08-15", severity=NOTE),
        ),
        Said(
            why="a moving tag whose version has no name",
            targets=(SERIES,),
            facts=(evidence(SERIES, status=Status.NO_VERSION, lifecycle="floating", moves=1),),
            expect=speaks("moved once"),
        ),
        Said(
            why="gone",
            targets=(SERIES,),
            facts=(evidence(SERIES, "6.2.24", moves=3, gone_since=ago(1)),),
        ),
        Said(
            why="no longer built",
            targets=(SERIES,),
            facts=(evidence(SERIES, "6.2.24", moves=3, resolution={"supported": False}),),
        ),
        Said(
            why="its release line is over",
            targets=(SERIES,),
            facts=(evidence(SERIES, "6.2.24", moves=3),),
            knowledge=ENDS,
        ),
        Said(why="a full version", targets=(FULL,), facts=(evidence(FULL),)),
        Said(why="pinned", targets=(PINNED,), facts=(pinned(),)),
        Said(why="nothing known", targets=(SERIES,)),
    ),
    "digest-unpinned": (
        Said(
            why="pins the index's digest beside the tag",
            targets=(FULL,),
            facts=(evidence(FULL),),
            expect=speaks("not pinned", fix=f"redis:6.2.24@{digest('a')}"),
        ),
        Said(why="without facts no fix", targets=(FULL,), expect=speaks("pin a digest")),
        Said(why="pinned", targets=(PINNED,)),
        Said(why="a watch", targets=(WATCHED,)),
    ),
    "tag-deleted": (
        Said(
            why="gone, with its last day",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL,
                    status=Status.NOT_FOUND,
                    gone_since=ago(3),
                    history=(interval("a", 90, 4, version="6.2.24"),),
                    resolution={"newer": Newer(minor="7.4.1")},
                ),
            ),
            expect=speaks(
                "gone since 2026-11-20",
                "last served on 2026-11-19, when it was 6.2.24",
                "write redis:7.4.1",
                severity=ERROR,
            ),
        ),
        Said(
            why="never seen",
            targets=(FULL,),
            facts=(evidence(FULL, status=Status.NOT_FOUND),),
            expect=speaks("does not exist"),
        ),
        Said(
            why="never seen, and typed almost like another",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL,
                    status=Status.NOT_FOUND,
                    resolution={"nearest": ("6.2.23", "6.2.2"), "newer": Newer(minor="7.4.1")},
                ),
            ),
            expect=speaks("does not exist", "write redis:6.2.23"),
        ),
        Said(
            why="gone, and the newest of its line before what is typed alike",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL,
                    status=Status.NOT_FOUND,
                    gone_since=ago(3),
                    elsewhere=(Reference.parse("legacy/redis:6.2.24"),),
                    resolution={"nearest": ("6.2.23",), "newer": Newer(patch="6.2.25")},
                ),
            ),
            expect=speaks("write redis:6.2.25; the same digest lives in legacy/redis:6.2.24"),
        ),
        Said(
            why="gone, and only elsewhere",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL,
                    status=Status.NOT_FOUND,
                    gone_since=ago(3),
                    elsewhere=(Reference.parse("legacy/redis:6.2.24"),),
                ),
            ),
            expect=speaks("the same digest lives in legacy/redis:6.2.24"),
        ),
        Said(
            why="a pattern that matches nothing",
            targets=(WATCHED,),
            facts=(evidence(WATCHED, status=Status.NOT_FOUND),),
            expect=speaks("matches '6.2.x'"),
        ),
        Said(
            why="its digest still works",
            targets=(PINNED,),
            facts=(replace(pinned(exists=True), gone_since=ago(1)),),
            expect=speaks("still served", severity=WARNING),
        ),
        Said(why="unread is not deleted", targets=(FULL,), facts=(unread(FULL),)),
        Said(
            why="a digest that is gone is pin-unresolvable",
            targets=(PINNED,),
            facts=(
                replace(
                    pinned(exists=False),
                    resolution=evidence(PINNED, status=Status.NOT_FOUND).resolution,
                ),
            ),
        ),
        Said(why="there", targets=(FULL,), facts=(evidence(FULL),)),
        Said(
            why="what the file builds",
            targets=(BUILT,),
            facts=(evidence(REDIS, status=Status.NOT_FOUND),),
        ),
    ),
    "tag-unsupported": (
        Said(
            why="no longer in the publisher's list",
            targets=(FULL,),
            facts=(evidence(FULL, resolution={"supported": False, "newer": Newer(major="7.4.1")}),),
            expect=speaks("no longer built", "redis:7.4.1", severity=WARNING, fix="redis:7.4.1"),
        ),
        Said(
            why="its past says so",
            targets=(FULL,),
            facts=(evidence(FULL, lifecycle="unsupported", history=(interval("a", 90, 4),)),),
            expect=speaks("since 2026-11-19"),
        ),
        Said(why="not known", targets=(FULL,), facts=(evidence(FULL),)),
        Said(
            why="supported",
            targets=(FULL,),
            facts=(evidence(FULL, resolution={"supported": True}),),
        ),
        Said(
            why="a pattern only watches",
            targets=(WATCHED,),
            facts=(evidence(WATCHED, lifecycle="unsupported"),),
        ),
    ),
    "tag-abandoned": (
        Said(
            why="rests while its line moves",
            targets=(SERIES,),
            facts=(
                evidence(SERIES, "6.2.24", lifecycle="abandoned", history=(interval("a", 200),)),
            ),
            expect=speaks("200 days", severity=NOTE),
        ),
        Said(
            why="nobody knows how it went on since it was looked at",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    "6.2.24",
                    lifecycle="abandoned",
                    history=(interval("a", 200),),
                    at=AT - timedelta(days=50),
                ),
            ),
            expect=speaks("150 days", severity=NOTE),
        ),
        Said(
            why="a superseded full version rests by right",
            targets=(FULL,),
            facts=(evidence(FULL, lifecycle="frozen", history=(interval("a", 200),)),),
        ),
    ),
    "cooldown": (
        Said(
            why="a pin is as old as its first sight",
            targets=(PINNED,),
            facts=(pinned(history=(interval("a", 9, 1), interval("b", 1))),),
            expect=speaks("redis:6.2@sha256:bbbbbbbbbbbb is an image first seen on"),
        ),
        Said(
            why="a pin that its tag left, and one that came back to it, are as old as they are",
            targets=(PINNED,),
            facts=(pinned(history=(interval("b", 9, 5), interval("a", 5, 1), interval("b", 1))),),
        ),
        Said(
            why="a pin that no tag was seen to serve",
            targets=(PINNED,),
            facts=(pinned(history=(interval("a", 9, 1), interval("c", 1))),),
        ),
        Said(
            why="the last day of it, and the day after",
            targets=(SERIES, FULL),
            facts=(
                evidence(SERIES, history=(interval("b", 9, 2.9), interval("a", 2.9)), moves=1),
                evidence(FULL, history=(interval("b", 9, 3), interval("a", 3)), moves=1),
            ),
            expect=speaks("redis:6.2 serves an image first seen"),
        ),
        Said(
            why="a new digest",
            targets=(SERIES,),
            facts=(evidence(SERIES, history=(interval("b", 60, 1), interval("a", 1)), moves=1),),
            expect=speaks("first seen on 2026-11-22", f"redis:6.2@{digest('b')}", severity=WARNING),
        ),
        Said(
            why="the registry's date counts on first sight",
            targets=(SERIES,),
            facts=(evidence(SERIES, history=(interval("a", 1, kind=Seen.PUSHED),)),),
            expect=speaks("pushed on"),
        ),
        Said(
            why="first sight is unknown, said where asked for",
            targets=(SERIES,),
            facts=(evidence(SERIES, history=(interval("a", 1),)),),
            policy=Policy(rules={"cooldown": RuleSettings(options={"days": 5})}),
            expect=speaks("cannot be said yet", severity=NOTE, unknown=True),
        ),
        Said(
            why="first sight, not asked for",
            targets=(SERIES,),
            facts=(evidence(SERIES, history=(interval("a", 1),)),),
        ),
        Said(
            why="first sight of what a publisher's commits told of: they have no registry's digest",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    history=(
                        interval("b", 400, 300, kind=Seen.COMMITTED),
                        interval("c", 300, kind=Seen.COMMITTED, ended=False),
                        interval("a", 1),
                    ),
                    moves=1,
                ),
            ),
        ),
        Said(
            why="pushed long before it was seen here",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    history=(
                        interval("b", 60, 30, kind=Seen.PUSHED),
                        interval("a", 30, 1, kind=Seen.PUSHED),
                        interval("a", 1),
                    ),
                    moves=1,
                ),
            ),
        ),
        Said(
            why="created is nobody's date",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    history=(interval("b", 60, 9), interval("a", 9)),
                    moves=1,
                    platforms=(facts(created_at=AT),),
                ),
            ),
        ),
        Said(
            why="exempt",
            targets=(SERIES,),
            facts=(evidence(SERIES, history=(interval("b", 60, 1), interval("a", 1)), moves=1),),
            policy=Policy(rules={"cooldown": RuleSettings(options={"exempt": ("redis",)})}),
        ),
        Said(
            why="a watch list uses nothing",
            targets=(replace(SERIES, kind="watch"),),
            facts=(evidence(SERIES, history=(interval("b", 60, 1), interval("a", 1)), moves=1),),
        ),
    ),
}
