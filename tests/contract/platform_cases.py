"""Cases of the rules about platforms and Dockerfiles: where each speaks, and the traps."""

from __future__ import annotations

from dataclasses import replace

from tagwatch.audit.model.policy import (
    Defaults,
    Policy,
    RuleSettings,
)
from tagwatch.image.platform import Platform
from tests.audit_case import evidence, instruction
from tests.contract.rule_case import APP, ERROR, FULL, NOTE, SERIES, WARNING, Said, facts, speaks

__all__ = ["CASES"]

CASES: dict[str, tuple[Said, ...]] = {
    "platform-missing": (
        Said(
            why="arm/v6 does not run v7, nor s390x what is 32-bit ARM's",
            targets=(FULL,),
            facts=(evidence(FULL, platforms_offered=("linux/arm/v7", "windows/arm/v5")),),
            policy=Policy(
                defaults=Defaults(
                    platforms=(Platform.parse("linux/arm/v6"), Platform.parse("linux/s390x"))
                )
            ),
            expect=speaks("does not offer linux/arm/v6, linux/s390x"),
        ),
        Said(
            why="the policy asks for it",
            targets=(FULL,),
            facts=(evidence(FULL, platforms_offered=("linux/amd64", "linux/arm/v7")),),
            policy=Policy(
                defaults=Defaults(
                    platforms=(Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))
                )
            ),
            expect=speaks("does not offer linux/arm64", severity=ERROR),
        ),
        Said(
            why="the file asks for it",
            targets=(replace(FULL, platform="linux/s390x"),),
            facts=(evidence(FULL, platforms_offered=("linux/amd64",)),),
            expect=speaks("linux/s390x"),
        ),
        Said(
            why="arm/v7 runs v6, arm64/v8 is arm64, unknown is none",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL, platforms_offered=("linux/arm/v6", "linux/arm64", "unknown/unknown")
                ),
            ),
            policy=Policy(
                defaults=Defaults(
                    platforms=(Platform.parse("linux/arm/v7"), Platform.parse("linux/arm64/v8"))
                )
            ),
        ),
        Said(
            why="not read",
            targets=(replace(FULL, platform="linux/s390x"),),
            facts=(evidence(FULL),),
        ),
    ),
    "platform-lag": (
        Said(
            why="windows counts for itself",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    platforms=(facts(version="6.2.24"), facts("windows/amd64", version="3.0.504")),
                ),
            ),
        ),
        Said(
            why="two versions",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    platforms=(facts(version="6.2.24"), facts("linux/s390x", version="6.2.22")),
                ),
            ),
            expect=speaks("6.2.22 on linux/s390x; 6.2.24 on linux/amd64", severity=WARNING),
        ),
        Said(
            why="one version",
            targets=(SERIES,),
            facts=(
                evidence(SERIES, platforms=(facts(version="1"), facts("linux/s390x", version="1"))),
            ),
        ),
        Said(
            why="one not known",
            targets=(SERIES,),
            facts=(evidence(SERIES, platforms=(facts(version="1"), facts("linux/s390x"))),),
        ),
    ),
    "platform-config-differs": (
        Said(
            why="another user",
            targets=(SERIES,),
            facts=(evidence(SERIES, platforms=(facts(user="app"), facts("linux/arm64"))),),
            expect=speaks("USER app on linux/amd64, unset on linux/arm64", severity=WARNING),
        ),
        Said(
            why="windows is windows",
            targets=(SERIES,),
            facts=(
                evidence(
                    SERIES,
                    platforms=(facts(user="app"), facts("windows/amd64", user="ContainerUser")),
                ),
            ),
        ),
    ),
    "platform-fixed-in-from": (
        Said(
            why="a constant",
            targets=(FULL,),
            instructions=(instruction("FROM", "redis", flags=("--platform=linux/amd64",)),),
            expect=speaks("linux/amd64", severity=NOTE),
        ),
        Said(
            why="the build's",
            targets=(FULL,),
            instructions=(instruction("FROM", "redis", flags=("--platform=$BUILDPLATFORM",)),),
        ),
        Said(why="none", targets=(FULL,), instructions=(instruction("FROM", "redis"),)),
    ),
    "os-mismatch": (
        Said(
            why="windows only",
            targets=(FULL,),
            facts=(evidence(FULL, platforms_offered=("windows/amd64",)),),
            expect=speaks("windows only", severity=ERROR),
        ),
        Said(
            why="both",
            targets=(FULL,),
            facts=(evidence(FULL, platforms_offered=("linux/amd64", "windows/amd64")),),
        ),
        Said(
            why="any host",
            targets=(FULL,),
            facts=(evidence(FULL, platforms_offered=("windows/amd64",)),),
            policy=Policy(defaults=Defaults(host_os="any")),
        ),
        Said(why="not read", targets=(FULL,), facts=(evidence(FULL),)),
    ),
    "user-root": (
        Said(
            why="windows, because the file asks for it",
            targets=(replace(FULL, platform="windows/amd64"),),
            facts=(evidence(FULL, platforms=(facts("windows/amd64"),)),),
            instructions=(instruction("FROM", "x"),),
        ),
        Said(
            why="linux and windows: root on the one",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL,
                    platforms=(facts(),),
                    platforms_offered=("linux/amd64", "windows/amd64"),
                ),
            ),
            instructions=(instruction("FROM", "x"),),
            expect=speaks("nor in redis:6.2.24"),
        ),
        Said(
            why="says so",
            targets=(FULL,),
            instructions=(instruction("FROM", "x"), instruction("USER", "0:0", line=4)),
            expect=speaks("USER 0:0", severity=WARNING),
        ),
        Said(
            why="the base does not say, nor does the file",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(user="root"),)),),
            instructions=(instruction("FROM", "x"),),
            expect=speaks("nor in redis:6.2.24"),
        ),
        Said(
            why="a stage upon a stage",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(user=""),)),),
            instructions=(
                instruction("FROM", "x"),
                instruction("FROM", "a", stage=1, line=3, base=0),
            ),
            expect=speaks("root"),
        ),
        Said(
            why="a user",
            targets=(FULL,),
            instructions=(
                instruction("FROM", "x"),
                instruction("USER", "root"),
                instruction("USER", "1000:0"),
            ),
        ),
        Said(
            why="a builder may be root",
            targets=(FULL,),
            instructions=(
                instruction("FROM", "x"),
                instruction("USER", "root"),
                instruction("FROM", "y", stage=1, line=5),
            ),
        ),
        Said(
            why="a variable",
            targets=(FULL,),
            instructions=(instruction("FROM", "x"), instruction("USER", "$U", missing=("U",))),
        ),
        Said(
            why="the base's user",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(user="redis"),)),),
            instructions=(instruction("FROM", "x"),),
        ),
        Said(
            why="the base is not known", targets=(FULL,), instructions=(instruction("FROM", "x"),)
        ),
        Said(
            why="a base that gives root up itself",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(user=""),)),),
            instructions=(instruction("FROM", "x"),),
            policy=Policy(rules={"user-root": RuleSettings(options={"drop_root": ("redis",)})}),
        ),
        Said(
            why="windows",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL, platforms=(facts("windows/amd64"),), platforms_offered=("windows/amd64",)
                ),
            ),
            instructions=(instruction("FROM", "x"),),
        ),
        Said(
            why="no Dockerfile",
            targets=(APP,),
            facts=(evidence(APP, platforms=(facts(user="root"),)),),
        ),
    ),
    "add-remote": (
        Said(
            why="an address",
            targets=(FULL,),
            instructions=(
                instruction("ADD", "https://u:s3cret@h.example/x.tgz?token=s3cret", "/x"),
            ),
            expect=speaks("'https://h.example/x.tgz'", severity=NOTE),
        ),
        Said(
            why="a repository",
            targets=(FULL,),
            instructions=(instruction("ADD", "git@github.com:a/b.git#main", "/x"),),
            expect=speaks("git@"),
        ),
        Said(
            why="a local file",
            targets=(FULL,),
            instructions=(instruction("ADD", "app", "/x"),),
            expect=speaks("COPY"),
        ),
        Said(
            why="with a checksum",
            targets=(FULL,),
            instructions=(
                instruction("ADD", "https://h.example/x", "/x", flags=("--checksum=sha256:aa",)),
            ),
        ),
        Said(
            why="a commit",
            targets=(FULL,),
            instructions=(instruction("ADD", f"https://h.example/x.git#{'a' * 40}", "/x"),),
        ),
        Said(
            why="a checksum in the query of a repository",
            targets=(FULL,),
            instructions=(instruction("ADD", "git@h.example:x.git?ref=v1&checksum=abc1234", "/"),),
        ),
        Said(
            why="a checksum in the query of a file",
            targets=(FULL,),
            instructions=(instruction("ADD", "https://h.example/x?checksum=abc1234", "/"),),
            expect=speaks("'https://h.example/x'"),
        ),
        Said(
            why="a local archive is unpacked",
            targets=(FULL,),
            instructions=(instruction("ADD", "rootfs.tar.xz", "/"),),
        ),
        Said(
            why="a variable",
            targets=(FULL,),
            instructions=(instruction("ADD", "$X", "/", missing=("X",)),),
        ),
        Said(why="a heredoc", targets=(FULL,), instructions=(instruction("ADD", "<<EOF", "/x"),)),
    ),
    "attestation-missing": (
        Said(
            why="what could not be read is not missing",
            targets=(FULL,),
            facts=(evidence(FULL, documents_read=True, attestations=("attestation",)),),
        ),
        Said(
            why="neither",
            targets=(FULL,),
            facts=(evidence(FULL, documents_read=True),),
            expect=speaks("no SBOM and no provenance", severity=NOTE),
        ),
        Said(
            why="mode min counts",
            targets=(FULL,),
            facts=(evidence(FULL, documents_read=True, attestations=("provenance:min", "spdx")),),
        ),
        Said(why="not read", targets=(FULL,), facts=(evidence(FULL),)),
    ),
}
