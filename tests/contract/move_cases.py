"""Cases of the rules about how a tag moved: where each speaks, and the traps."""

from __future__ import annotations

from tagwatch.audit.model.diff import (
    ConfigDiff,
    Gap,
    ImageDiff,
    MapDiff,
    PlatformDiff,
    SetDiff,
    Verdict,
)
from tagwatch.audit.model.history import GONE, Sign
from tagwatch.audit.model.policy import (
    ApprovedBase,
    Policy,
)
from tagwatch.value import replace
from tests.audit_case import digest, evidence, target
from tests.contract.rule_case import (
    APP,
    ERROR,
    FULL,
    NOTE,
    PYTHON,
    SERIES,
    WARNING,
    Said,
    facts,
    interval,
    moved,
    port,
    speaks,
)

__all__ = ["CASES"]


def told(os_release: tuple[str, str] = ("", ""), config: ConfigDiff | None = None) -> ImageDiff:
    """A diff that is told by one platform."""
    primary = PlatformDiff(platform="linux/amd64", os_release=os_release, config=config)
    return ImageDiff(platforms=(primary,))


def exposed(added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> ImageDiff:
    ports = SetDiff(added=added, removed=removed)
    return told(config=ConfigDiff(exposed_ports=ports))


LONE = ImageDiff(
    platforms=(
        PlatformDiff(platform="linux/amd64", config=ConfigDiff()),
        PlatformDiff(platform="linux/arm64"),
    ),
    alone=("linux/arm64",),
    not_compared=(Gap(what="layers and config of linux/arm64", why="old: it is gone"),),
)
"""A platform that moved while another did not, and that was not read."""
LOOKS = "moving alone is how tampering looks"


CASES: dict[str, tuple[Said, ...]] = {
    "tag-replaced": (
        Said(
            why="a version with other steps",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.REPLACED, reason="2 steps differ"),),
            expect=speaks("2 steps differ", f"redis:6.2.24@{digest('b')}", severity=ERROR),
        ),
        Said(
            why="a floating tag with other steps under one version",
            targets=(SERIES,),
            facts=(moved(SERIES, Verdict.REPLACED, "6.2.24"),),
            expect=speaks("another image", severity=WARNING),
        ),
        Said(
            why="unknown is a note",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.UNKNOWN, reason="the old manifest is gone"),),
            expect=speaks("not known: the old manifest is gone", severity=NOTE, unknown=True),
        ),
        Said(
            why="no way back to what is known to be gone",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.UNKNOWN, reason=GONE),),
            expect=speaks(GONE, "tagwatch diff", never=("go back",), severity=NOTE, unknown=True),
        ),
        Said(
            why="a platform that moved alone and could not be compared, whatever the tag",
            targets=(SERIES,),
            facts=(moved(SERIES, Verdict.UNKNOWN, "6.2.24", LONE),),
            expect=speaks(
                "linux/arm64 moved while another platform did not",
                "(old: it is gone)",
                LOOKS,
                severity=WARNING,
                unknown=True,
            ),
        ),
        Said(
            why="whatever became of the others",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.UPGRADED, diff=LONE),),
            expect=speaks(LOOKS, severity=WARNING, unknown=True),
        ),
        Said(
            why="a platform that moved alone and was compared",
            targets=(SERIES,),
            facts=(
                moved(SERIES, Verdict.REBUILT, "6.2.24", replace(LONE, alone=("linux/amd64",))),
            ),
        ),
        Said(
            why="a platform that moved alone and was compared in vain, whatever the tag",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.UNKNOWN,
                    "6.2.24",
                    replace(LONE, alone=("linux/amd64",)),
                    platforms=("linux/amd64",),
                ),
            ),
            expect=speaks("why is not known", severity=WARNING, unknown=True),
        ),
        Said(
            why="other files by the same step, whatever the tag",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.REBUILT,
                    "6.2.24",
                    signs=(Sign.CONTENT_SWAPPED,),
                    reason="other files by the same step: 'COPY server /'",
                ),
            ),
            expect=speaks("may be another image: other files", severity=WARNING),
        ),
        Said(
            why="a history that is told no more",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.UNKNOWN, signs=(Sign.HISTORY_LOST,)),),
            expect=speaks("why is not known", severity=WARNING, unknown=True),
        ),
        Said(
            why="the first full version that moved",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.REPLACED, signs=(Sign.FIRST_MOVE,)),),
            expect=speaks("is another image", severity=ERROR),
        ),
        Said(
            why="an immutable base is never rebuilt",
            targets=(target("ghcr.io/shop/base:1.2"),),
            facts=(moved(target("ghcr.io/shop/base:1.2"), Verdict.REBUILT),),
            policy=Policy(bases=(ApprovedBase(reference="ghcr.io/shop/base", immutable=True),)),
            expect=speaks("immutable", severity=ERROR),
        ),
        Said(
            why="a tag the policy calls immutable",
            targets=(APP,),
            facts=(moved(APP, Verdict.UPGRADED),),
            policy=Policy(immutable=(r"^\d+\.\d+$",)),
            expect=speaks("immutable"),
        ),
        Said(
            why="official images are rebuilt under the same tag",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.REBUILT),),
            policy=Policy(immutable=(r"^\d+\.\d+\.\d+$",)),
        ),
        Said(why="a rebuild", targets=(FULL,), facts=(moved(FULL, Verdict.REBUILT),)),
        Said(
            why="only compressed again",
            targets=(APP,),
            facts=(moved(APP, Verdict.RECOMPRESSED),),
            policy=Policy(immutable=(r"^\d+\.\d+$",)),
        ),
        Said(why="long ago", targets=(FULL,), facts=(moved(FULL, Verdict.REPLACED, days=31),)),
        Said(
            why="a floating tag and unknown",
            targets=(SERIES,),
            facts=(moved(SERIES, Verdict.UNKNOWN, "6.2.24"),),
        ),
    ),
    "tag-rebuilt": (
        Said(
            why="an immutable tag's rebuild is tag-replaced",
            targets=(APP,),
            facts=(moved(APP, Verdict.REBUILT),),
            policy=Policy(immutable=(r"^\d",)),
        ),
        Said(
            why="the same version",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.REBUILT),),
            expect=speaks("rebuild", severity=NOTE),
        ),
        Said(
            why="a floating tag",
            targets=(SERIES,),
            facts=(moved(SERIES, Verdict.REBUILT, "6.2.24"),),
        ),
        Said(
            why="the newer bytes are pinned",
            targets=(target(f"redis:6.2.24@{digest('a')}"),),
            facts=(moved(target(f"redis:6.2.24@{digest('a')}"), Verdict.REBUILT),),
        ),
        Said(
            why="the older bytes are pinned",
            targets=(target(f"redis:6.2.24@{digest('b')}"),),
            facts=(moved(target(f"redis:6.2.24@{digest('b')}"), Verdict.REBUILT),),
            expect=speaks("rebuild", severity=NOTE),
        ),
        Said(
            why="tag-replaced speaks of its signs",
            targets=(FULL,),
            facts=(moved(FULL, Verdict.REBUILT, signs=(Sign.FIRST_MOVE,)),),
        ),
        Said(why="replaced", targets=(FULL,), facts=(moved(FULL, Verdict.REPLACED),)),
    ),
    "tag-downgraded": (
        Said(
            why="an image it had not left for another one",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.METADATA_ONLY,
                    history=(interval("b", 9, 2), interval("a", 2)),
                ),
            ),
        ),
        Said(
            why="an older version",
            targets=(SERIES,),
            facts=(
                moved(SERIES, Verdict.DOWNGRADED, version_before="6.2.24", version_after="6.2.22"),
            ),
            expect=speaks("back from 6.2.24 to 6.2.22", severity=ERROR),
        ),
        Said(
            why="back to an image it had left",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.UNKNOWN,
                    history=(interval("a", 30, 10), interval("b", 10, 2), interval("a", 2)),
                ),
            ),
            expect=speaks("it had left", severity=WARNING),
        ),
        Said(why="upwards", targets=(SERIES,), facts=(moved(SERIES, Verdict.UPGRADED),)),
        Said(
            why="long ago", targets=(SERIES,), facts=(moved(SERIES, Verdict.DOWNGRADED, days=60),)
        ),
    ),
    "tag-os-shifted": (
        Said(
            why="bookworm to trixie",
            targets=(PYTHON,),
            facts=(
                moved(
                    PYTHON,
                    Verdict.REBUILT,
                    diff=told(os_release=("debian bookworm", "debian trixie")),
                ),
            ),
            expect=speaks("from debian bookworm to debian trixie", severity=WARNING),
        ),
        Said(
            why="the same",
            targets=(PYTHON,),
            facts=(
                moved(PYTHON, Verdict.REBUILT, diff=told(os_release=("debian 12", "debian 12"))),
            ),
        ),
        Said(
            why="one side unknown",
            targets=(PYTHON,),
            facts=(moved(PYTHON, Verdict.REBUILT, diff=told(os_release=("", "debian 12"))),),
        ),
        Said(why="no diff", targets=(PYTHON,), facts=(moved(PYTHON, Verdict.UNKNOWN),)),
    ),
    "tag-config-changed": (
        Said(
            why="a replacement tells it already",
            targets=(FULL,),
            facts=(
                moved(
                    FULL,
                    Verdict.REPLACED,
                    diff=told(config=ConfigDiff(user=("", "app"), cmd=((), ("x",)))),
                ),
            ),
        ),
        Said(
            why="user and volume",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.UPGRADED,
                    diff=told(
                        config=ConfigDiff(
                            user=("", "1000"),
                            entrypoint=(("a",), ("a",)),
                            volumes=SetDiff(added=("/data",)),
                        )
                    ),
                ),
            ),
            expect=speaks("USER unset is now '1000'", "VOLUME /data is new", severity=WARNING),
        ),
        Said(
            why="root, written otherwise",
            targets=(SERIES,),
            facts=(
                moved(SERIES, Verdict.REBUILT, diff=told(config=ConfigDiff(user=("root", "0")))),
            ),
        ),
        Said(
            why="an environment that names the version",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.UPGRADED,
                    diff=told(config=ConfigDiff(env=MapDiff(changed={"V": ("1", "2")}))),
                ),
            ),
        ),
    ),
    "tag-disagrees": (
        Said(
            why="the image states another version",
            targets=(FULL,),
            facts=(evidence(FULL, platforms=(facts(other_version="6.2.22 (env REDIS_VERSION)"),)),),
            expect=speaks("another version than its tag: 6.2.22 (env", severity=WARNING),
        ),
        Said(
            why="on one platform",
            targets=(FULL,),
            facts=(
                evidence(
                    FULL,
                    platforms=(facts(), facts("linux/arm64", other_version="6.2.22 (label v)")),
                ),
            ),
            expect=speaks("6.2.22 (label v) on linux/arm64"),
        ),
        Said(
            why="a digest stands beside the tag: digest-tag-disagree",
            targets=(target(f"redis:6.2.24@{digest('a')}"),),
            facts=(
                evidence(
                    target(f"redis:6.2.24@{digest('a')}"),
                    platforms=(facts(other_version="6.2.22 (label v)"),),
                ),
            ),
        ),
        Said(why="the same", targets=(FULL,), facts=(evidence(FULL, platforms=(facts(),)),)),
    ),
    "port-expose-changed": (
        Said(
            why="names the mapping that breaks",
            targets=(target("yourls:1.9", kind="compose", ports=(port(80, 8080),)),),
            facts=(
                moved(
                    target("yourls:1.9"),
                    Verdict.UPGRADED,
                    diff=exposed(added=("8080/tcp",), removed=("80/tcp",)),
                ),
            ),
            expect=speaks("8080:80 will reach nothing", "publish 8080/tcp", severity=ERROR),
        ),
        Said(
            why="nothing published here",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.UPGRADED,
                    diff=exposed(added=("1/udp",)),
                ),
            ),
            expect=speaks("now exposes 1/udp", severity=WARNING),
        ),
        Said(
            why="the same ports",
            targets=(SERIES,),
            facts=(
                moved(
                    SERIES,
                    Verdict.UPGRADED,
                    diff=exposed(),
                ),
            ),
        ),
    ),
    "platform-dropped": (
        Said(
            why="fewer than before",
            targets=(FULL,),
            facts=(
                moved(
                    FULL,
                    Verdict.PLATFORMS_CHANGED,
                    diff=ImageDiff(dropped=("linux/amd64",)),
                    platforms_offered=("linux/arm64",),
                ),
            ),
            expect=speaks("no longer offers linux/amd64", digest("b"), severity=ERROR),
        ),
        Said(
            why="a staged push",
            targets=(FULL,),
            facts=(
                moved(
                    FULL,
                    Verdict.PLATFORMS_CHANGED,
                    days=0.5,
                    diff=ImageDiff(dropped=("linux/amd64",)),
                ),
            ),
        ),
        Said(
            why="back again",
            targets=(FULL,),
            facts=(
                moved(
                    FULL,
                    Verdict.PLATFORMS_CHANGED,
                    diff=ImageDiff(dropped=("linux/amd64",)),
                    platforms_offered=("linux/amd64",),
                ),
            ),
        ),
        Said(
            why="an attestation",
            targets=(FULL,),
            facts=(
                moved(
                    FULL,
                    Verdict.ATTESTATION_ONLY,
                    diff=ImageDiff(dropped=("unknown/unknown",)),
                ),
            ),
        ),
    ),
}
