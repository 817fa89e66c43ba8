"""Cases of the rules about what an image holds: its system, its age, secrets, a health check."""

from __future__ import annotations

from tagwatch.audit.model.base_match import BaseVerdict
from tagwatch.audit.model.evidence import Leak
from tagwatch.audit.model.policy import Policy, RuleSettings
from tests.audit_case import evidence, instruction, target
from tests.contract.rule_case import (
    APP,
    BUILT,
    ENDS,
    ERROR,
    FULL,
    NOTE,
    SERIES,
    WARNING,
    WORDS,
    Expect,
    Said,
    ago,
    facts,
    match,
    speaks,
)

__all__ = ["CASES"]

OLD_DEBIAN = facts(os_release="debian buster")
DEBIAN = target("debian:10")
TOKEN = Leak(name="NPM_TOKEN")
STAGES = (
    instruction("FROM", "node:22", stage=0),
    instruction("ENV", "NPM_TOKEN", "abcdef", stage=0, line=2),
    instruction("FROM", "redis:6.2.24", stage=1, line=3),
)

CASES: dict[str, tuple[Said, ...]] = {
    "os-eol": (
        Said(
            why="the system's release is over, whatever the program's",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(OLD_DEBIAN,)),),
            knowledge=ENDS,
            expect=speaks("stands on Debian 10 (buster)", severity=ERROR),
        ),
        Said(
            why="a release by its number; each system once, on however many platforms",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL,
                    platforms=(
                        facts(os_release="alpine 3.20"),
                        facts("linux/arm64", os_release="alpine 3.20"),
                    ),
                ),
            ),
            knowledge=ENDS,
            expect=speaks("Alpine Linux 3.20", "2026-04-01"),
        ),
        Said(
            why="over since a day that nobody knows",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(os_release="alpine 3.2"),)),),
            knowledge=ENDS,
            expect=speaks("which is over"),
        ),
        Said(
            why="supported, unknown to the facts, not told by the image",
            targets=(FULL, SERIES, APP),
            facts=(
                evidence(FULL, platforms=(facts(os_release="debian bookworm"),)),
                evidence(SERIES, "6.2.24", platforms=(facts(os_release="debian sid"),)),
                evidence(APP, platforms=(facts(), facts(os_release="windows 10.0.17763"))),
            ),
            knowledge=ENDS,
        ),
        Said(
            why="by a word of the tag: nothing was read, or it says nothing of a system",
            targets=(target("python:3.14-buster"), target("python:3.13-buster")),
            facts=(evidence(target("python:3.13-buster"), platforms=(facts(),)),),
            knowledge=WORDS,
            expect=(
                *speaks("python:3.13-buster stands on Debian 10, which ended", severity=ERROR),
                *speaks("python:3.14-buster stands on Debian 10, which ended", severity=ERROR),
            ),
        ),
        Said(
            why="by a word of a tag in a repository that nobody knows",
            targets=(target("shop/app:1.4-buster"),),
            knowledge=WORDS,
            expect=speaks("shop/app:1.4-buster stands, by its tag, on Debian 10", severity=NOTE),
        ),
        Said(
            why="what the image says of itself comes before its tag",
            targets=(target("python:3.14-buster"),),
            facts=(
                evidence(
                    target("python:3.14-buster"), platforms=(facts(os_release="debian bookworm"),)
                ),
            ),
            knowledge=WORDS,
        ),
        Said(
            why="the system's own image: version-eol says so",
            targets=(DEBIAN,),
            facts=(evidence(DEBIAN, platforms=(OLD_DEBIAN,)),),
            knowledge=ENDS,
        ),
        Said(
            why="charged to the base, once",
            targets=(FULL, APP),
            facts=(
                evidence(FULL, platforms=(OLD_DEBIAN,)),
                evidence(
                    APP,
                    platforms=(OLD_DEBIAN,),
                    bases=(match(BaseVerdict.EXACT_CURRENT, "docker.io/library/redis:6.2.24"),),
                ),
            ),
            knowledge=ENDS,
            expect=speaks("redis:6.2.24 stands on Debian 10"),
        ),
    ),
    "image-too-old": (
        Said(
            why="three hundred days",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    "6.2.24",
                    platforms=(facts(created_at=ago(300)),),
                    documents_read=True,
                ),
            ),
            expect=speaks("2026-01-27", "300 days ago"),
        ),
        Said(
            why="one platform was built anew; no date; a date for reproducible bytes",
            targets=(SERIES, FULL, APP),
            facts=(
                evidence(
                    SERIES,
                    "6.2.24",
                    platforms=(
                        facts(created_at=ago(300)),
                        facts("linux/arm64", created_at=ago(3)),
                    ),
                    documents_read=True,
                ),
                evidence(FULL, platforms=(facts(),)),
                evidence(APP, platforms=(facts(created_at=ago(365 * 46)),)),
            ),
        ),
    ),
    "secret-in-env": (
        Said(
            why="set in the stage that is shipped",
            targets=(FULL,),
            instructions=(
                instruction("FROM", "redis:6.2.24"),
                instruction("ENV", "NPM_TOKEN", "abcdef", line=2),
                instruction("ARG", "DB_PASSWORD", "hunter2", line=3),
                instruction("ENV", "SECRET_KEY", "${SECRET_KEY}", line=4),
            ),
            expect=(
                Expect(words=("ENV NPM_TOKEN puts",), severity=WARNING),
                Expect(words=("ARG DB_PASSWORD",), severity=WARNING),
                Expect(words=("ENV SECRET_KEY",), severity=WARNING),
            ),
        ),
        Said(
            why="the value says so itself, whatever its name",
            targets=(FULL,),
            instructions=(
                instruction("FROM", "redis:6.2.24"),
                instruction("ENV", "CI", "AKIAIOSFODNN7EXAMPLE", line=2),
            ),
            expect=speaks("ENV CI", severity=ERROR),
        ),
        Said(
            why="only sounds so, is a path, empty, a placeholder, or given at run time",
            targets=(FULL,),
            instructions=(
                instruction("FROM", "redis:6.2.24"),
                *(
                    instruction("ENV", name, value, line=2)
                    for name, value in (
                        ("GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"),
                        ("DB_PASSWORD_FILE", "/run/secrets/db"),
                        ("DB_PASSWORD", ""),
                        ("DB_PASSWORD", "changeme"),
                        ("DB_PASSWORD", "${DB_PASSWORD:-}"),
                        ("MAX_TOKENS", "4096"),
                        ("TOKEN_URL", "https://login.example/token"),
                    )
                ),
                instruction("ARG", "NPM_TOKEN", "$OTHER", line=3),
            ),
        ),
        Said(why="in a stage that is not shipped", targets=(FULL,), instructions=STAGES),
        Said(
            why="an image carries it; one that is built here is not read",
            targets=(APP, BUILT),
            facts=(
                evidence(APP, platforms=(facts(secrets=(TOKEN,)),)),
                evidence(BUILT, platforms=(facts(secrets=(TOKEN,)),)),
            ),
            expect=speaks("api:1.4 carries", "NPM_TOKEN", severity=WARNING),
        ),
        Said(
            why="each once, and what the base has is the base's",
            targets=(FULL, APP),
            facts=(
                evidence(FULL, platforms=(facts(secrets=(TOKEN,)),)),
                evidence(
                    APP,
                    platforms=(facts(secrets=(Leak(name="DB_PASSWORD"), TOKEN)),),
                    bases=(match(BaseVerdict.EXACT_CURRENT, "docker.io/library/redis:6.2.24"),),
                ),
            ),
            expect=speaks("api:1.4 carries", "DB_PASSWORD")
            + speaks("redis:6.2.24 carries", "NPM_TOKEN"),
        ),
    ),
    "secret-in-history": (
        Said(
            why="a builder wrote it down",
            targets=(SERIES,),
            facts=(evidence(SERIES, "6.2.24", platforms=(facts(step_secrets=(TOKEN,)),)),),
            expect=speaks("recorded the value of NPM_TOKEN", "withdraw", severity=WARNING),
        ),
        Said(
            why="a token by its form, on two platforms",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    "6.2.24",
                    platforms=tuple(
                        facts(one, step_secrets=(Leak(name="X", is_token=True),))
                        for one in ("linux/amd64", "linux/arm64")
                    ),
                ),
            ),
            expect=speaks("X", severity=ERROR),
        ),
        Said(
            why="nothing was recorded",
            targets=(SERIES,),
            facts=(evidence(SERIES, "6.2.24", platforms=(facts(secrets=(TOKEN,)),)),),
        ),
    ),
    "healthcheck-missing": (
        Said(
            why="neither here nor below",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(has_healthcheck=False),)),),
            instructions=(instruction("FROM", "redis:6.2.24"),),
            expect=speaks("nor in redis:6.2.24", severity=NOTE),
        ),
        Said(
            why="facts that an older program wrote do not say",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(),)),),
            instructions=(instruction("FROM", "redis:6.2.24"),),
        ),
        Said(
            why="the base has one",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(has_healthcheck=True),)),),
            instructions=(instruction("FROM", "redis:6.2.24"),),
        ),
        Said(
            why="NONE is a decision; what the base says is not known",
            targets=(FULL, SERIES),
            facts=(evidence(FULL, platforms=(facts(),)), evidence(SERIES, "6.2.24")),
            instructions=(
                instruction("FROM", "redis:6.2.24"),
                instruction("HEALTHCHECK", "NONE", line=2),
            ),
        ),
        Said(
            why="the base was not read",
            targets=(FULL,),
            facts=(evidence(FULL),),
            instructions=(instruction("FROM", "redis:6.2.24"),),
        ),
        Said(
            why="a Compose file builds nothing here",
            targets=(APP,),
            facts=(evidence(APP, platforms=(facts(has_healthcheck=False),)),),
            policy=Policy(rules={"healthcheck-missing": RuleSettings(severity=NOTE)}),
        ),
    ),
}
