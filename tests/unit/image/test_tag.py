"""What a tag is, read by itself and with the words of its repository."""

from __future__ import annotations

import pytest

from tagwatch.image.order import line_of
from tagwatch.image.tag import Kind, Scheme, Tag, parse_tag
from tagwatch.image.tag_table import TagTable
from tagwatch.image.token import PRERELEASE_RANK

RC, BETA, ALPHA = PRERELEASE_RANK["rc"], PRERELEASE_RANK["beta"], PRERELEASE_RANK["alpha"]
EA, DEV = PRERELEASE_RANK["ea"], PRERELEASE_RANK["dev"]

VERSIONS: list[tuple[str, dict[str, object]]] = [
    ("3", {"release": (3,)}),
    ("18.04", {"release": (18, 4), "version": "18.04"}),
    ("6.2.24", {"release": (6, 2, 24), "version": "6.2.24"}),
    ("26.0.2.1", {"release": (26, 0, 2, 1)}),
    ("2023.12.20260817.0", {"release": (2023, 12, 20260817, 0)}),
    ("v1.19.3", {"release": (1, 19, 3), "v": True, "version": "1.19.3"}),
    ("V2.0", {"release": (2, 0), "v": True, "version": "2.0"}),
    ("cli-8.3", {"release": (8, 3), "product": ("cli",), "version": "8.3"}),
    ("enterprise-2025.4.1", {"release": (2025, 4, 1), "product": ("enterprise",)}),
    ("version-1.5.6", {"release": (1, 5, 6), "product": ("version",)}),
    ("pg14-v0.2.0", {"release": (0, 2, 0), "product": ("pg14",), "v": True}),
    ("21.0.12_8", {"release": (21, 0, 12), "revision": (8,), "version": "21.0.12_8"}),
    ("8u502-b07", {"release": (8,), "revision": (502, 7), "version": "8u502-b07"}),
    ("8.0.46-37", {"release": (8, 0, 46), "revision": (37,)}),
    ("1.8.0-1", {"release": (1, 8, 0), "revision": (1,)}),
    ("2023.2-u6", {"release": (2023, 2), "revision": (6,)}),
    ("1.5.6-ls45", {"release": (1, 5, 6), "revision": (45,)}),
    ("11.2.0-security-01", {"release": (11, 2, 0), "revision": (1,)}),
    ("1.0.2k", {"release": (1, 0, 2), "revision": (11,)}),
    ("31.0.0.Final", {"release": (31, 0, 0), "pre": None, "version": "31.0.0.Final"}),
    ("7.4.0-debian-12-r4", {"revision": (4,), "variant": ("debian-12",), "version": "7.4.0-r4"}),
    ("3.11-7.3.23", {"release": (3, 11), "revision": (7, 3, 23)}),
    ("8.96-8.0.504-jdk", {"release": (8, 96), "revision": (8, 0, 504), "variant": ("jdk",)}),
    ("3.15.0rc1", {"release": (3, 15, 0), "pre": (RC, 1), "version": "3.15.0rc1"}),
    ("8.5.10RC1-apache", {"pre": (RC, 1), "variant": ("apache",)}),
    ("19beta3", {"release": (19,), "pre": (BETA, 3)}),
    ("3.7.0b5", {"pre": (BETA, 5)}),
    ("8b132-jdk", {"release": (8,), "pre": None, "revision": (132,)}),
    ("5.0.0-preview.1", {"pre": (PRERELEASE_RANK["preview"], 1), "version": "5.0.0-preview.1"}),
    ("6.0.0-beta-2-jdk21", {"pre": (BETA, 2), "variant": ("jdk21",), "version": "6.0.0-beta-2"}),
    ("5.0.0-beta.5-fpm", {"pre": (BETA, 5), "variant": ("fpm",)}),
    ("28-ea-11", {"release": (28,), "pre": (EA, 11)}),
    ("11.0.0-M1", {"pre": (PRERELEASE_RANK["m"], 1)}),
    ("1.0-SNAPSHOT", {"pre": (PRERELEASE_RANK["snapshot"],)}),
    ("3.5-dev5", {"pre": (DEV, 5)}),
    ("3.6.0-334.3.beta-sdk", {"pre": (BETA, 334, 3), "variant": ("sdk",)}),
    ("10.0.0-rc.2.24474.3", {"pre": (RC, 2, 24474, 3)}),
    ("8.3.10-fpm-alpine3.20", {"variant": ("fpm", "alpine3.20")}),
    ("3.9-eclipse-temurin-21", {"release": (3, 9), "variant": ("eclipse", "temurin-21")}),
    ("8.3.8-windowsservercore-ltsc2025", {"variant": ("windowsservercore", "ltsc2025")}),
    ("1.20.0-scala_2.12-java17", {"variant": ("scala_2.12", "java17")}),
    ("2.6.17-32bit", {"release": (2, 6, 17), "variant": ("32bit",)}),
    ("10.2-minimal-20260602", {"date": (20260602,), "variant": ("minimal",)}),
    ("v1.2.3-5-gabc1234", {"revision": (5,), "commit": "gabc1234", "is_prerelease": True}),
    ("1.2.3-0a1b2c3", {"release": (1, 2, 3), "commit": "0a1b2c3", "variant": ()}),
    ("10.0.0-M3-jre17-Temurin-ubuntu", {"variant": ("jre17", "Temurin", "ubuntu")}),
    ("007.08", {"release": (7, 8), "version": "007.08"}),
]


@pytest.mark.parametrize(("text", "facts"), VERSIONS, ids=[text for text, _ in VERSIONS])
def test_versions(text: str, facts: dict[str, object]) -> None:
    tag = parse_tag(text)
    assert tag.kind is Kind.VERSION
    assert {name: getattr(tag, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("latest", Kind.WORD),
        ("bookworm-slim", Kind.WORD),
        ("rc-buggy", Kind.WORD),
        ("alpine3.20", Kind.WORD),
        ("feature_x", Kind.WORD),
        ("20260805", Kind.DATED),
        ("bookworm-20260803-slim", Kind.DATED),
        ("resolute-20260811.1", Kind.DATED),
        ("2024-01-15", Kind.DATED),
        ("20240115103000", Kind.DATED),
        ("20240115T103000Z", Kind.DATED),
        ("RELEASE.2024-01-16T16-07-38Z", Kind.DATED),
        ("RELEASE.2024-01-16T16-07-38Z.fips", Kind.DATED),
        ("0a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d", Kind.COMMIT),
        ("0a1b2c3", Kind.COMMIT),
        ("deadbeef", Kind.COMMIT),
        ("sha-e90e39a", Kind.COMMIT),
        ("sha-1234567", Kind.COMMIT),
        ("main-abc1234", Kind.COMMIT),
        ("pr-123", Kind.PULL_REQUEST),
        ("PR_7-alpine", Kind.PULL_REQUEST),
        ("sha256-" + "a" * 64, Kind.ARTIFACT),
        ("sha256-" + "a" * 64 + ".sig", Kind.ARTIFACT),
        ("sha512-" + "b" * 128 + ".att", Kind.ARTIFACT),
        ("20241345", Kind.VERSION),  # no such month: a number
        ("1234567", Kind.VERSION),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    assert parse_tag(text).kind is kind


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("20240115", (20240115,)),
        ("2024-01-15", (20240115,)),
        ("resolute-20260811.1", (20260811, 1)),
        ("RELEASE.2024-01-16T16-07-38Z", (20240116, 160738)),
        ("20240115-2", (20240115, 2)),
    ],
)
def test_dates_are_numbers(text: str, date: tuple[int, ...]) -> None:
    assert parse_tag(text).date == date


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("10.10.7", Scheme.COUNT),
        ("26.04", Scheme.COUNT),
        ("2021.12.16", Scheme.YEAR),
        ("123098140293", Scheme.SERIAL),
        ("latest", Scheme.NONE),
    ],
)
def test_schemes(text: str, scheme: Scheme) -> None:
    assert parse_tag(text).scheme is scheme


def in_repository(text: str, *others: str) -> Tag:
    return TagTable.of([text, *others]).tags[text]


def test_a_word_that_stands_beside_no_version_is_no_variant() -> None:
    assert in_repository("bookworm-slim", "12.15-slim", "12.15").variant == ("slim",)
    assert in_repository("bookworm", "6.2.24-bookworm").variant == ("bookworm",)
    assert in_repository("stable-alpine3.21", "1.2-alpine3.20").variant == ("alpine3.21",)


def test_a_number_behind_a_variant_word_is_the_variants() -> None:
    tag = in_repository("otp-27", "1.20.3-otp-27", "1.20.3")
    assert (tag.kind, tag.variant) == (Kind.WORD, ("otp-27",))
    assert in_repository("jre-ubuntu-24.04", "26.0.2-jre-ubuntu-24.04").kind is Kind.WORD


def test_a_number_behind_a_product_is_a_version() -> None:
    tag = in_repository("cli-2", "cli-2.12.0", "7.1.0-apache", "7.1.0")
    assert (tag.kind, tag.product, tag.release) == (Kind.VERSION, ("cli",), (2,))
    glued = in_repository("nd130-non-free", "nd130", "nd22.04")
    assert (glued.product, glued.release, glued.variant) == (("nd",), (130,), ("non", "free"))
    twin = in_repository("centos7.9.2009", "7.9.2009", "7")
    assert (twin.product, twin.release) == (("centos",), (7, 9, 2009))
    beta = in_repository("beta-6.8-RC1-apache", "6.7.0", "6.7.0-apache")
    assert (beta.release, beta.pre, beta.product) == ((6, 8), (RC, 1), ("beta",))


@pytest.mark.parametrize("text", ["nanoserver-1809", "alpine3.20", "ubuntu-24.04"])
def test_a_variant_without_version_does_not_become_one(text: str) -> None:
    assert in_repository(text, "1.2.3", "latest").kind is Kind.WORD


def test_a_trailing_stage_is_the_versions_only_where_it_stands_behind_one() -> None:
    mariadb = in_repository("13.0.1-ubi-rc", "13.0.1-rc", "12.3.2-ubi")
    assert (mariadb.pre, mariadb.variant) == ((RC,), ("ubi",))
    hylang = in_repository("1.3.1-python3.15-rc", "1.3.1-python3.14", "1.3.1")
    assert (hylang.pre, hylang.variant) == (None, ("python3.15", "rc"))


def test_a_stage_word_that_names_a_flavour_is_a_variant() -> None:
    joined = in_repository("3.12.3-dev", "3.12.3", "latest-dev")
    assert (joined.pre, joined.variant) == (None, ("dev",))
    cuda = in_repository(
        "12.4.1-cudnn-devel-ubuntu22.04", "12.4.1-devel-ubuntu22.04", "12.4.1-base"
    )
    assert (cuda.pre, cuda.variant) == (None, ("cudnn", "devel", "ubuntu22.04"))
    real = in_repository("3.5-dev5", "3.5-dev", "3.4.3", "3.4")
    assert real.pre == (DEV, 5)


def test_a_revision_behind_a_variant_word_is_learnt() -> None:
    tag = in_repository("v1.19.3-debian-1.0", "v1.19.3-1.0")
    assert (tag.revision, tag.variant) == ((1, 0), ("debian",))


def test_a_commit_of_digits_is_known_by_its_siblings() -> None:
    assert in_repository("main-1234567", "main-abc1234").kind is Kind.COMMIT


def test_a_platform_release_does_not_split_a_line() -> None:
    tags = [
        "3.20.1-alpine3.20",
        "3.20.2-alpine3.21",
        "3.20.2-alpine",
        "3.20.2-jdk17",
        "3.20.2-jdk21",
    ]
    table = TagTable.of(tags)
    lines = [line_of(table.tags[tag]) for tag in tags]
    assert lines[0] == lines[1] == lines[2]
    assert lines[3] != lines[4]
