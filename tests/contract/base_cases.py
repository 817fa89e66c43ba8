"""Cases of the rules about bases and ends of life: where each speaks, and the traps."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict, MatchedBase
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Basis, Evidence, Newer, Status
from tagwatch.audit.model.knowledge import Cycle, Knowledge, Product
from tagwatch.audit.model.policy import (
    ApprovedBase,
    Policy,
    RuleSettings,
)
from tagwatch.source.target import Target
from tests.audit_case import digest, evidence, instruction, target, unread
from tests.contract.rule_case import (
    APP,
    BASES,
    ENDS,
    ERROR,
    FULL,
    LATEST,
    NODE,
    NOTE,
    PINNED,
    PYTHON,
    WARNING,
    WATCHED,
    WORDS,
    Said,
    ago,
    interval,
    match,
    moved,
    pinned,
    speaks,
)

__all__ = ["CASES"]


def retired(days: int) -> BaseMatch:
    """A base that its tag served until so many days ago, when the tag went."""
    found = match(BaseVerdict.EXACT_RETIRED, sentence="Built on it. That tag is no longer served.")
    assert found.base is not None
    return replace(found, base=replace(found.base, last_seen=ago(days)))


def lost(verdict: Verdict, *bases: BaseMatch, one: Target = APP, days: int = 2) -> Evidence:
    """What is known of an image that left `python:3.12-slim` so many days ago."""
    found = moved(
        one,
        verdict,
        days=days,
        lost_base="docker.io/library/python:3.12-slim = 3.12.4",
        lost_on="linux/amd64",
    )
    return replace(found, documents_read=True, bases=bases)


AGED = Knowledge(
    as_of=date(2026, 11, 1),
    products={
        "redis": Product(
            name="redis",
            cycles=(Cycle(name="7.4"), Cycle(name="5.0", ends=date(2022, 4, 27))),
        )
    },
    images={"docker.io/library/redis": "redis"},
)

CASES: dict[str, tuple[Said, ...]] = {
    "base-not-approved": (
        Said(
            why="a FROM outside the list",
            targets=(NODE,),
            facts=(evidence(NODE, documents_read=True, bases=(match(BaseVerdict.UNKNOWN, ""),)),),
            policy=BASES,
            expect=speaks(
                "not an approved base",
                "build on python:3.12-slim, or on python:3.13-slim",
                severity=ERROR,
            ),
        ),
        Said(
            why="a version outside the range",
            targets=(PYTHON,),
            facts=(evidence(PYTHON, "3.12.3-slim", resolution={"version": "3.12.3"}),),
            policy=BASES,
            expect=speaks("3.12.3 is outside >=3.12.4"),
        ),
        Said(
            why="an image on another known base",
            targets=(APP,),
            facts=(
                evidence(
                    APP, bases=(match(BaseVerdict.EXACT_CURRENT, "docker.io/library/alpine:3.20"),)
                ),
            ),
            policy=BASES,
            expect=speaks("stands on docker.io/library/alpine:3.20"),
        ),
        Said(
            why="an old version of an approved base",
            targets=(APP,),
            facts=(evidence(APP, bases=(match(BaseVerdict.EXACT_STALE, version="3.12.1"),)),),
            policy=BASES,
            expect=speaks("3.12.1", "which is outside >=3.12.4"),
        ),
        Said(
            why="one platform is enough",
            targets=(APP,),
            facts=(
                evidence(
                    APP,
                    bases=(
                        match(BaseVerdict.EXACT_CURRENT),
                        match(BaseVerdict.SCRATCH, "", platform="linux/arm64"),
                    ),
                ),
            ),
            policy=BASES,
            expect=speaks("no base (linux/arm64)"),
        ),
        Said(
            why="a builder, where asked for",
            targets=(target("golang:1", line=1), target("python:3.12-slim", line=3)),
            facts=(
                evidence(target("golang:1"), documents_read=True),
                evidence(
                    PYTHON, "3.12.4-slim", resolution={"version": "3.12.4"}, documents_read=True
                ),
            ),
            policy=replace(
                BASES, rules={"base-not-approved": RuleSettings(options={"builders": True})}
            ),
            instructions=(
                instruction("FROM", stage=0, line=1),
                instruction("FROM", stage=1, line=3),
            ),
            expect=speaks("golang:1"),
        ),
        Said(
            why="a builder",
            targets=(target("golang:1", line=1), target("python:3.12-slim", line=3)),
            facts=(
                evidence(target("golang:1"), documents_read=True),
                evidence(PYTHON, "3.12.4-slim", resolution={"version": "3.12.4"}),
            ),
            policy=BASES,
            instructions=(
                instruction("FROM", stage=0, line=1),
                instruction("FROM", stage=1, line=3),
            ),
        ),
        Said(
            why="a mirror's copy has the layers",
            targets=(target("mirror.example/python:x"),),
            facts=(
                evidence(
                    target("mirror.example/python:x"),
                    documents_read=True,
                    bases=(match(BaseVerdict.EXACT_STALE),),
                ),
            ),
            policy=BASES,
        ),
        Said(
            why="what the policy does not name is its own base",
            targets=(NODE,),
            facts=(
                evidence(
                    NODE,
                    documents_read=True,
                    bases=(match(BaseVerdict.EXACT_CURRENT, "docker.io/library/node:22"),),
                ),
            ),
            policy=BASES,
            expect=speaks("the policy does not name it"),
        ),
        Said(
            why="a base that stands on an approved one",
            targets=(APP,),
            facts=(
                evidence(
                    APP,
                    bases=(
                        match(
                            BaseVerdict.EXACT_CURRENT,
                            "ghcr.io/shop/base:1",
                            ancestry=("docker.io/library/debian:12", "ghcr.io/shop/base:1"),
                        ),
                    ),
                ),
            ),
            policy=Policy(bases=(ApprovedBase(reference="debian"),)),
        ),
        Said(
            why="another name of the same layers",
            targets=(APP,),
            facts=(
                evidence(
                    APP,
                    bases=(
                        match(
                            BaseVerdict.EXACT_CURRENT,
                            "mirror.example/python:x",
                            aliases=("docker.io/library/python:3.12-slim",),
                        ),
                    ),
                ),
            ),
            policy=BASES,
        ),
        Said(
            why="approved by name",
            targets=(PYTHON,),
            facts=(evidence(PYTHON, resolution={"version": "3.12.4"}),),
            policy=BASES,
        ),
        Said(
            why="an approved base was never read: it may be that one",
            targets=(APP, NODE),
            facts=(
                evidence(
                    APP,
                    documents_read=True,
                    bases=(match(BaseVerdict.EXACT_CURRENT, "docker.io/library/alpine:3.20"),),
                    bases_unread=("docker.io/library/python",),
                ),
                evidence(NODE, documents_read=True, bases_unread=("docker.io/library/python",)),
            ),
            policy=BASES,
        ),
        Said(
            why="unknown is base-unknown",
            targets=(APP,),
            facts=(evidence(APP, documents_read=True, bases=(match(BaseVerdict.PARTIAL, ""),)),),
            policy=BASES,
        ),
        Said(
            why="a FROM that was not read", targets=(NODE,), facts=(evidence(NODE),), policy=BASES
        ),
        Said(why="no list", targets=(NODE,), facts=(evidence(NODE, documents_read=True),)),
        Said(
            why="scratch is approved",
            targets=(APP,),
            facts=(evidence(APP, bases=(match(BaseVerdict.SCRATCH, ""),)),),
            policy=Policy(bases=(ApprovedBase(reference="scratch"),)),
        ),
        Said(
            why="a claim, accepted",
            targets=(APP,),
            facts=(evidence(APP, bases=(match(BaseVerdict.CLAIMED),)),),
            policy=replace(BASES, accept_claims=True),
        ),
    ),
    "base-unknown": (
        Said(
            why="a variable names the base",
            targets=(replace(NODE, text="${BASE}", reference=None, missing=("BASE",), fields=()),),
            policy=BASES,
            expect=speaks("BASE of '${BASE}' has no value here", unknown=True),
        ),
        Said(
            why="no policy asks what a variable names",
            targets=(replace(NODE, text="${BASE}", reference=None, missing=("BASE",), fields=()),),
        ),
        Said(
            why="an approved base was never read",
            targets=(NODE,),
            facts=(
                evidence(NODE, documents_read=True, bases_unread=("docker.io/library/python",)),
            ),
            policy=BASES,
            expect=speaks("docker.io/library/python was never read", unknown=True),
        ),
        Said(
            why="no known build matches",
            targets=(APP,),
            facts=(
                evidence(
                    APP,
                    documents_read=True,
                    bases=(match(BaseVerdict.UNKNOWN, "", sentence="squashed?"),),
                ),
            ),
            policy=BASES,
            expect=speaks("squashed?", severity=NOTE, unknown=True),
        ),
        Said(
            why="a claim counts for nothing unless accepted",
            targets=(APP,),
            facts=(evidence(APP, documents_read=True, bases=(match(BaseVerdict.CLAIMED),)),),
            policy=BASES,
            expect=speaks("not known", unknown=True),
        ),
        Said(
            why="not read",
            targets=(APP,),
            facts=(evidence(APP),),
            policy=BASES,
            expect=speaks("not read", unknown=True),
        ),
        Said(
            why="an official image that is merely run",
            targets=(LATEST,),
            facts=(evidence(LATEST, documents_read=True, bases=(match(BaseVerdict.UNKNOWN, ""),)),),
            policy=BASES,
            knowledge=Knowledge(official=frozenset({"redis"})),
        ),
        Said(
            why="a tag that is gone",
            targets=(APP,),
            facts=(evidence(APP, resolution={"status": Status.NOT_FOUND}),),
            policy=BASES,
        ),
        Said(
            why="known",
            targets=(APP,),
            facts=(evidence(APP, documents_read=True, bases=(match(BaseVerdict.EXACT_CURRENT),)),),
            policy=BASES,
        ),
        Said(why="no list", targets=(APP,), facts=(evidence(APP, documents_read=True),)),
        Said(
            why="a last stage on nothing",
            targets=(),
            policy=BASES,
            instructions=(instruction("FROM", "scratch"),),
            expect=speaks("scratch, which is no image", severity=NOTE, unknown=True),
        ),
        Said(
            why="an approved scratch, filled with a file system",
            targets=(),
            policy=Policy(bases=(ApprovedBase(reference="scratch"),)),
            instructions=(
                instruction("FROM", "scratch"),
                instruction("ADD", "rootfs.tar", "/", line=2),
            ),
            expect=speaks("'ADD rootfs.tar /' brings all that is in it", unknown=True),
        ),
        Said(
            why="an approved scratch, and a program in it",
            targets=(),
            policy=Policy(bases=(ApprovedBase(reference="scratch"),)),
            instructions=(
                instruction("FROM", "scratch"),
                instruction("ADD", "app.tar", "/opt/app", line=2),
            ),
        ),
        Said(
            why="no list, and a last stage on nothing",
            targets=(),
            instructions=(instruction("FROM", "scratch"),),
        ),
    ),
    "base-claim-conflict": (
        Said(
            why="the layers say another",
            targets=(APP,),
            facts=(
                evidence(
                    APP,
                    bases=(
                        match(
                            BaseVerdict.CONFLICT,
                            "docker.io/library/alpine:3.20",
                            claims=("label: docker.io/library/python:3.12-slim",),
                            sentence="Says it is built on python:3.12-slim (label), but its layers "
                            "are those of alpine:3.20 (served since 2026-09-01, layers match 1/1). "
                            "That tag still serves it.",
                        ),
                    ),
                ),
            ),
            expect=speaks("python:3.12-slim (label)", "those of alpine:3.20", severity=ERROR),
        ),
        Said(
            why="an inherited label",
            targets=(APP,),
            facts=(evidence(APP, bases=(match(BaseVerdict.EXACT_STALE, claims=("debian",)),)),),
        ),
    ),
    "base-lost": (
        Said(
            why="other layers under the same steps",
            targets=(APP,),
            facts=(lost(Verdict.REBUILT),),
            policy=BASES,
            expect=speaks("lost its approved base", "by the same build steps", severity=WARNING),
        ),
        Said(
            why="under other steps",
            targets=(APP,),
            facts=(lost(Verdict.REPLACED),),
            policy=BASES,
            expect=speaks("3.12.4 until then", f"{APP.text}@{digest('b')}"),
        ),
        Said(
            why="on a platform that nobody audits",
            targets=(APP,),
            facts=(
                replace(
                    lost(
                        Verdict.REBUILT,
                        match(BaseVerdict.EXACT_CURRENT, platform="linux/arm64"),
                    ),
                    platforms_offered=("linux/amd64", "linux/arm64"),
                ),
            ),
            policy=BASES,
            expect=speaks("steps (linux/amd64)"),
        ),
        Said(
            why="its base was read meanwhile",
            targets=(APP,),
            facts=(lost(Verdict.REBUILT, match(BaseVerdict.EXACT_CURRENT)),),
            policy=BASES,
        ),
        Said(why="long ago", targets=(APP,), facts=(lost(Verdict.REBUILT, days=31),), policy=BASES),
        Said(
            why="an official image that is merely run",
            targets=(target("redis:latest", kind="compose"),),
            facts=(lost(Verdict.REBUILT, one=LATEST),),
            policy=BASES,
            knowledge=Knowledge(official=frozenset({"redis"})),
        ),
        Said(
            why="a base itself",
            targets=(PYTHON,),
            facts=(lost(Verdict.REBUILT, one=PYTHON),),
            policy=BASES,
        ),
        Said(
            why="it stood on none before",
            targets=(APP,),
            facts=(moved(APP, Verdict.REBUILT),),
            policy=BASES,
        ),
    ),
    "base-stale": (
        Said(
            why="a base whose tag is gone",
            targets=(APP,),
            facts=(evidence(APP, bases=(retired(8),)),),
            expect=speaks("That tag is no longer served", "a base that is still served"),
        ),
        Said(
            why="a base whose tag went yesterday",
            targets=(APP,),
            facts=(evidence(APP, bases=(retired(1),)),),
        ),
        Said(
            why="a pin that its tag never served",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=False, history=(interval("a", 30),)),),
        ),
        Said(
            why="nobody knows whether its tag served it",
            targets=(PINNED,),
            facts=(pinned(history=(interval("a", 30),)),),
        ),
        Said(
            why="a pin of what the tag serves",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=True, history=(interval("a", 40, 30), interval("b", 30))),),
        ),
        Said(
            why="a tag that is gone serves nothing newer",
            targets=(PINNED,),
            facts=(
                pinned(served_by_tag=True, history=(interval("b", 40, 30), interval("a", 30, 9))),
            ),
        ),
        Said(
            why="one platform's pin is digest-single-platform",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=True, platform_only=True, history=(interval("a", 30),)),),
        ),
        Said(
            why="the pin's grace",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=True, history=(interval("b", 40, 6), interval("a", 6))),),
        ),
        Said(
            why="the grace is over",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=True, history=(interval("b", 40, 7), interval("a", 7))),),
            expect=speaks("redis:6.2 left the pinned", "on 2026-11-16", severity=WARNING),
        ),
        Said(
            why="before anybody looked",
            targets=(PINNED,),
            facts=(pinned(served_by_tag=True, history=(interval("a", 30),)),),
            expect=speaks("before 2026-10-24"),
        ),
        Said(
            why="an image on an old build",
            targets=(APP,),
            facts=(
                evidence(
                    APP,
                    bases=(
                        match(
                            BaseVerdict.EXACT_STALE,
                            sentence="Built on python.",
                            current=MatchedBase(
                                reference="p", tag="t", digest=digest("e"), first_seen=ago(8)
                            ),
                        ),
                    ),
                ),
            ),
            expect=speaks("Built on python", severity=WARNING),
        ),
        Said(
            why="a pin that its tag has left",
            targets=(PINNED,),
            facts=(
                pinned(
                    served_by_tag=True,
                    history=(interval("b", 30, 9), interval("a", 9, version="6.2.24")),
                ),
            ),
            expect=speaks("on 2026-11-14", "(6.2.24)", fix=f"redis:6.2@{digest('a')}"),
        ),
        Said(
            why="more builds behind than allowed",
            targets=(APP,),
            facts=(evidence(APP, bases=(match(BaseVerdict.EXACT_STALE, behind=3),)),),
            policy=Policy(bases=(ApprovedBase(reference="python", max_behind=2),)),
            expect=speaks("older build"),
        ),
        Said(
            why="as many builds behind as allowed",
            targets=(APP,),
            facts=(evidence(APP, bases=(match(BaseVerdict.EXACT_STALE, behind=2),)),),
            policy=Policy(bases=(ApprovedBase(reference="python", max_behind=2),)),
        ),
        Said(
            why="within the grace",
            targets=(APP,),
            facts=(
                evidence(
                    APP,
                    bases=(
                        match(
                            BaseVerdict.EXACT_STALE,
                            current=MatchedBase(
                                reference="p", tag="t", digest=digest("e"), first_seen=ago(2)
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Said(
            why="only attestations changed",
            targets=(PINNED,),
            facts=(
                pinned(
                    served_by_tag=True,
                    history=(interval("b", 30, 9), interval("a", 9, verdict="attestation-only")),
                ),
            ),
        ),
        Said(
            why="current",
            targets=(APP,),
            facts=(evidence(APP, bases=(match(BaseVerdict.EXACT_CURRENT),)),),
        ),
    ),
    "base-behind": (
        Said(
            why="a newer patch",
            targets=(target("redis:6.2.20"),),
            facts=(evidence(target("redis:6.2.20"), resolution={"newer": Newer(patch="6.2.24")}),),
            expect=speaks("6.2.24 is the newest of its line", severity=NOTE, fix="redis:6.2.24"),
        ),
        Said(
            why="a pin moves only with its digest",
            targets=(PINNED,),
            facts=(
                replace(
                    pinned(), resolution=replace(pinned().resolution, newer=Newer(patch="6.2.24"))
                ),
            ),
            expect=speaks("6.2.24"),
        ),
        Said(
            why="only a minor",
            targets=(FULL,),
            facts=(evidence(FULL, resolution={"newer": Newer(minor="6.4.1")}),),
        ),
        Said(
            why="a version that a label names",
            targets=(target("redis:6.2"),),
            facts=(
                evidence(
                    target("redis:6.2"),
                    resolution={
                        "version": "6.2.20",
                        "basis": Basis.LABEL,
                        "newer": Newer(patch="6.2.24"),
                    },
                ),
            ),
            expect=speaks("redis:6.2 is 6.2.20: 6.2.24 is the newest"),
        ),
        Said(why="the newest", targets=(FULL,), facts=(evidence(FULL),)),
        Said(
            why="a pattern only watches",
            targets=(WATCHED,),
            facts=(evidence(WATCHED, resolution={"newer": Newer(patch="9")}),),
        ),
    ),
    "version-eol": (
        Said(
            why="by its text alone: nothing was read of it",
            targets=(FULL, target("redis:edge"), target("shop/redis:6.2.24")),
            facts=(unread(FULL),),
            knowledge=ENDS,
            expect=speaks("redis:6.2.24 is redis 6.2.24, whose line 6.2 ended", severity=ERROR),
        ),
        Said(
            why="a runtime inside by a word of the tag, also in a repository that nobody knows",
            targets=(target("python:3.14-redis6.2"), target("shop/app:1-redis6.2")),
            knowledge=WORDS,
            expect=(
                *speaks("python:3.14-redis6.2 has redis 6.2 inside, whose", severity=ERROR),
                *speaks("shop/app:1-redis6.2, by its name, has redis 6.2", severity=NOTE),
            ),
        ),
        Said(
            why="a guess by the name of the repository",
            targets=(target("guess/redis:6.2"),),
            knowledge=WORDS,
            expect=speaks("guess/redis:6.2, by its name, is redis 6.2", severity=NOTE),
        ),
        Said(
            why="its last day",
            targets=(FULL,),
            facts=(evidence(FULL),),
            knowledge=Knowledge(
                as_of=date(2026, 11, 1),
                products={
                    "redis": Product(
                        name="redis", cycles=(Cycle(name="6.2", ends=date(2026, 11, 23)),)
                    )
                },
                images={"docker.io/library/redis": "redis"},
            ),
        ),
        Said(
            why="ended",
            targets=(FULL,),
            facts=(evidence(FULL, resolution={"newer": Newer(major="7.4.1")}),),
            knowledge=ENDS,
            expect=speaks(
                "ended on 2026-10-31", "facts of 2026-11-01", "redis:7.4.1", severity=ERROR
            ),
        ),
        Said(
            why="older than all that the facts name",
            targets=(target("redis:4.0.14"),),
            facts=(evidence(target("redis:4.0.14")),),
            knowledge=AGED,
            expect=speaks("of a line before 5.0, which ended on 2022-04-27", severity=ERROR),
        ),
        Said(
            why="another product's number in a tag of the same repository",
            targets=(target("redis:cli-2.12.0"),),
            facts=(evidence(target("redis:cli-2.12.0"), resolution={"version": "2.12.0"}),),
            knowledge=AGED,
        ),
        Said(
            why="before a line that ended only lately: its own support may have been longer",
            targets=(target("redis:4.0.14"),),
            facts=(evidence(target("redis:4.0.14")),),
            knowledge=replace(
                AGED,
                products={
                    "redis": Product(
                        name="redis", cycles=(Cycle(name="5.0", ends=date(2026, 6, 1)),)
                    )
                },
            ),
        ),
        Said(
            why="over since nobody knows when",
            targets=(target("redis:5.0.1"),),
            facts=(evidence(target("redis:5.0.1")),),
            knowledge=ENDS,
            expect=speaks("is over"),
        ),
        Said(
            why="ends later",
            targets=(target("redis:7.2.1"),),
            facts=(evidence(target("redis:7.2.1")),),
            knowledge=ENDS,
        ),
        Said(
            why="no end known",
            targets=(target("redis:7.4.1"),),
            facts=(evidence(target("redis:7.4.1")),),
            knowledge=ENDS,
        ),
        Said(
            why="an unknown line",
            targets=(target("redis:8.2.1"),),
            facts=(evidence(target("redis:8.2.1")),),
            knowledge=ENDS,
        ),
        Said(
            why="no version",
            targets=(LATEST,),
            facts=(evidence(LATEST, status=Status.NO_VERSION),),
            knowledge=ENDS,
        ),
        Said(
            why="another product of that name",
            targets=(target("shop/redis:6.2"),),
            facts=(evidence(target("shop/redis:6.2")),),
            knowledge=ENDS,
        ),
    ),
    "eol-soon": (
        Said(
            why="in 38 days",
            targets=(target("redis:7.2.1"),),
            facts=(evidence(target("redis:7.2.1")),),
            knowledge=ENDS,
            expect=speaks("in 38 days", severity=NOTE),
        ),
        Said(why="over already", targets=(FULL,), facts=(evidence(FULL),), knowledge=ENDS),
        Said(
            why="far away",
            targets=(target("redis:7.2.1"),),
            facts=(evidence(target("redis:7.2.1")),),
            knowledge=ENDS,
            policy=Policy(rules={"eol-soon": RuleSettings(options={"days": 30})}),
        ),
    ),
    "policy-data-old": (
        Said(
            why="old and used",
            targets=(FULL,),
            facts=(evidence(FULL),),
            knowledge=replace(ENDS, as_of=date(2026, 1, 1)),
            expect=speaks("2026-01-01", "326 days", severity=NOTE),
        ),
        Said(why="fresh", targets=(FULL,), facts=(evidence(FULL),), knowledge=ENDS),
        Said(
            why="old, not used",
            targets=(APP,),
            facts=(evidence(APP),),
            knowledge=replace(ENDS, as_of=date(2026, 1, 1)),
        ),
    ),
}
