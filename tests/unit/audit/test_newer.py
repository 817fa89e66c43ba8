"""What is newer within a line."""

from __future__ import annotations

import pytest

from tagwatch.audit.model.evidence import Newer
from tagwatch.audit.version.newer import newer
from tagwatch.value import replace
from tests.tag_groups import repository


@pytest.mark.parametrize(
    ("groups", "tag", "expected"),
    [
        (
            ("6.2.9", "6.2.24 6.2", "6.4.1 6", "7.2.5", "8.0.1 latest", "9.0.0-rc1"),
            "6.2.9",
            Newer(patch="6.2.24", minor="6.4.1", major="8.0.1"),
        ),
        (("8.0.1 latest", "7.2.5"), "8.0.1", Newer()),
        (("3.19.1-slim", "3.20.2", "3.20.1-slim"), "3.19.1-slim", Newer(minor="3.20.1-slim")),
        (
            ("1.2.3-alpine3.20", "1.2.4-alpine3.21 1.2.4-alpine", "1.2.3-alpine"),
            "1.2.3-alpine3.20",
            Newer(patch="1.2.4-alpine3.21"),
        ),
        (
            ("1.2.3-alpine3.20", "1.2.4-alpine3.20", "1.2.5-alpine3.9 1.2.5-alpine3.21 1.2-alpine"),
            "1.2.3-alpine3.20",
            Newer(patch="1.2.5-alpine3.21"),
        ),
        (
            ("1.2.3-jdk17 1-jdk", "1.2.4-jdk17", "1.2.4-jdk21", "1.2.4-jdk"),
            "1.2.3-jdk17",
            Newer(patch="1.2.4-jdk17"),
        ),
        (("9.0.1-jdk17", "9.0.2-jdk21"), "9.0.1-jdk17", Newer()),
        (
            ("15.2.0-debian-11-r31", "15.7.0-debian-12-r10", "16.3.0-debian-12-r4"),
            "15.2.0-debian-11-r31",
            Newer(minor="15.7.0-debian-12-r10", major="16.3.0-debian-12-r4"),
        ),
        (
            ("12.4.1-devel-ubuntu22.04", "12.5.1-devel-ubuntu24.04", "12.5.1-devel-ubi9"),
            "12.4.1-devel-ubuntu22.04",
            Newer(minor="12.5.1-devel-ubuntu24.04"),
        ),
        (("1.2.3-alpine3.21", "1.2.4-alpine3.20"), "1.2.3-alpine3.21", Newer()),
        (("1.2.3-ltsc2019", "1.2.4-ltsc2022"), "1.2.3-ltsc2019", Newer()),
        (
            ("1.1.9-3.11 1.1.9-3.11-bookworm", "1.1.10-3.11 1-3.11", "1.1.10-3.12 1-3.12 latest"),
            "1.1.9-3.11",
            Newer(patch="1.1.10-3.11"),
        ),
        (("1.0.2-18 1-18", "1.0.3-20 1-20 1.0.3 latest"), "1.0.2-18", Newer()),
        (("16-3.4", "16-3.5 16", "17-3.5"), "16-3.4", Newer(patch="16-3.5", major="17-3.5")),
        (("11.2.0 latest", "11.3.0-75420", "11.1.0"), "11.1.0", Newer(minor="11.2.0")),
        (("11.2.0 latest", "11.3.0-75420"), "11.2.0", Newer()),
        (("8.0.46-36", "8.0.47-1 8.0 latest"), "8.0.46-36", Newer(patch="8.0.47-1")),
        (("10.10.6", "10.10.7 latest", "2021.12.16"), "10.10.6", Newer(patch="10.10.7")),
        (("5.26.0", "2025.10.1 latest"), "5.26.0", Newer(major="2025.10.1")),
        (
            ("5.26.0", "2025.10.1"),
            "5.26.0",
            Newer(not_comparable="its repository counts in two ways: 2025.10.1 may be newer"),
        ),
        (("9.7.2 lts", "26.7.0 latest"), "9.7.2", Newer(major="26.7.0")),
        (("3.19.1", "20240115"), "3.19.1", Newer()),
        (("3.15.0rc1", "3.15.0rc2", "3.15.0"), "3.15.0rc1", Newer(patch="3.15.0")),
        (("3.15.0rc1", "3.15.0rc2"), "3.15.0rc1", Newer(patch="3.15.0rc2")),
        (("3.14.0", "3.15.0rc2"), "3.14.0", Newer()),
        (("26.04 latest", "26.10 devel"), "26.04", Newer()),
        (("5.40.0 latest", "5.41.5 devel"), "5.40.0", Newer()),
        (("11.3.0 latest", "11.3.0-79146", "11.2.0"), "11.2.0", Newer(minor="11.3.0")),
        (("11.3.0 latest", "11.3.0-79146"), "11.3.0", Newer()),
        (("8.0.46-36", "8.0.46-37 8.0"), "8.0.46-36", Newer(patch="8.0.46-37")),
        (
            ("7.2.5-debian-12-r4", "7.2.5-debian-12-r5", "7.4.0-debian-12-r1"),
            "7.2.5-debian-12-r4",
            Newer(patch="7.2.5-debian-12-r5", minor="7.4.0-debian-12-r1"),
        ),
        (("v1.2.3 1.2.3", "v1.3.0 1.3.0"), "v1.2.3", Newer(minor="v1.3.0")),
        (("v1.2.3 1.2.3", "v1.3.0 1.3.0"), "1.2.3", Newer(minor="1.3.0")),
        (("psmdb-7.0.40", "psmdb-8.0.29", "9.0.1"), "psmdb-7.0.40", Newer(major="psmdb-8.0.29")),
        # what has no version
        (("nightly-20250601", "nightly-20250714 nightly", "1.2.3", "nightly-20250714-alpine"),
         "nightly-20250601", Newer(patch="nightly-20250714")),
        (("20250601-ls3", "20250601-ls12 latest"), "20250601-ls3", Newer(patch="20250601-ls12")),
        (("main-12", "main-345 main", "dev-999", "v1.2.3"), "main-12", Newer(patch="main-345")),
        (("server-b3145", "server-b4719", "full-b4800"), "server-b3145",
         Newer(patch="server-b4719")),
        (("1234", "1240", "1.2.0", "v2.0.0"), "1234", Newer(patch="1240")),
        (("1.2.0", "1240", "20240610", "build-77"), "1.2.0", Newer()),
        (("1718000000", "1728000000123", "1719000000"), "1718000000",
         Newer(patch="1728000000123")),
        (("2024061001", "2024061012", "20240609"), "2024061001", Newer(patch="2024061012")),
        (("2024061001", "20240609", "1718100000"), "20240609", Newer(patch="1718100000")),
        (("prod-12", "prod-123", "staging-200"), "prod-12", Newer(patch="prod-123")),
        (("main-3f2a9c1-1300000001", "main-3f2a9c1-1300000100", "main-1300000"),
         "main-3f2a9c1-1300000001", Newer(patch="main-3f2a9c1-1300000100")),
        (("12.1.0-cudnn8-devel-ubuntu22.04", "12.6.3-cudnn-devel-ubuntu22.04",
          "12.6.3-cudnn-runtime-ubuntu22.04"), "12.1.0-cudnn8-devel-ubuntu22.04",
         Newer(minor="12.6.3-cudnn-devel-ubuntu22.04")),
        (("python3.11-nodejs20", "python3.12-nodejs20", "python3.12-nodejs22",
          "python3.13-nodejs22"), "python3.11-nodejs20", Newer(minor="python3.13-nodejs22")),
        (("2024-06-10-arm64", "2024-07-10-amd64", "2024-08-10"), "2024-06-10-arm64", Newer()),
        (("9.5-1736404155", "9.5-1738000000 9.5 latest"), "9.5-1736404155",
         Newer(patch="9.5-1738000000")),
        (("RELEASE.2024-06-13T22-53-53Z.hotfix.1a2b3c4d5", "RELEASE.2024-06-13T22-53-53Z",
          "RELEASE.2024-07-01T00-00-00Z", "RELEASE.2024-08-01T00-00-00Z.hotfix.1a2b3c4d5"),
         "RELEASE.2024-06-13T22-53-53Z.hotfix.1a2b3c4d5",
         Newer(patch="RELEASE.2024-07-01T00-00-00Z")),
        (("v20240101-a-v1.0.0-3-g1a2b3c4", "v20240101-b-v2.0.0-1-g1a2b3c4"),
         "v20240101-a-v1.0.0-3-g1a2b3c4", Newer()),
        (("v20240101-a-v1.0.0-3-g1a2b3c4", "v20240101-a-v1.0.0-12-g1a2b3c4"),
         "v20240101-a-v1.0.0-3-g1a2b3c4", Newer(patch="v20240101-a-v1.0.0-12-g1a2b3c4")),
        # Windows
        (("1.22.1-nanoserver-1809 1-nanoserver", "1.23.0-nanoserver-ltsc2022",
          "1.23.0-nanoserver-1903"), "1.22.1-nanoserver-1809", Newer()),
        (("10.0.17763.437 1809", "10.0.18362.1 1903"), "1809",
         Newer(not_comparable="a release of Windows runs on hosts of that release")),
        (("10.0.100", "10.0.204 latest", "11.0.100-preview.1"), "10.0.100",
         Newer(patch="10.0.204")),
        # tools inside
        (("1.0-go1.22.7-bookworm.1", "1.1-go1.22.9-bookworm.0"), "1.0-go1.22.7-bookworm.1",
         Newer(minor="1.1-go1.22.9-bookworm.0")),
        (("0.4.1-python3.9-slim", "0.5.0-python3.10-slim", "0.5.0-python3.12-slim"),
         "0.4.1-python3.9-slim", Newer(minor="0.5.0-python3.10-slim")),
        (("0.4.1-py39", "0.5.0-py310", "0.5.0-py38"), "0.4.1-py39", Newer(minor="0.5.0-py310")),
        (("0.4.1-cu118", "0.5.0-cu121", "0.5.0-cu92"), "0.4.1-cu118", Newer(minor="0.5.0-cu121")),
        (("2.1-cuda12.4", "2.2-cuda11.8"), "2.1-cuda12.4", Newer()),
        (("2.1-arm32", "2.2-arm64"), "2.1-arm32", Newer()),
        (("2.1.0-mysql8", "2.2.0-mysql9"), "2.1.0-mysql8", Newer()),
        (("rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2", "rocm6.2_ubuntu22.04_py3.10_pytorch_2.3.0",
          "rocm6.2_ubuntu22.04_py3.9_pytorch_2.3.0", "rocm6.2_ubuntu20.04_py3.10_pytorch_2.3.0",
          "latest"), "rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2",
         Newer(minor="rocm6.2_ubuntu22.04_py3.10_pytorch_2.3.0")),
        # Jenkins: two numbers are a weekly release
        (("2.440.3 2.440.3-lts", "2.452", "2.452.4 2.452.4-lts", "2.470 latest"), "2.440.3",
         Newer(minor="2.452.4")),
        (("2.440.3-jdk17 2.440.3-lts-jdk17", "2.452-jdk17", "2.462.3-lts-jdk17"),
         "2.440.3-jdk17", Newer()),
        (("2.452", "2.470 latest", "2.462.3 2.462.3-lts"), "2.452", Newer(minor="2.470")),
        # who writes no builds is offered none
        (("10.11.6", "10.11.8 10.11.8-r0-ls150"), "10.11.6", Newer(patch="10.11.8")),
        (("10.11.6", "10.11.8", "10.11.8-r0-ls150"), "10.11.6", Newer(patch="10.11.8-r0-ls150")),
        (("1.7 1.7.3", "1.8 1.8.0 1.8.0-1"), "1.7",
         Newer(patch="1.7.3", minor="1.8.0-1")),
        (("2.7-7.3.22", "2.7-7.3.23 2.7 2", "3.11-7.3.23 3.11 3"), "2",
         Newer(minor="2.7-7.3.23", major="3.11-7.3.23")),
        (
            ("latest 1.2.3",),
            "latest",
            Newer(not_comparable="a name that moves says neither version nor date"),
        ),
        (("8u422-b05-jdk", "8u502-b07-jdk", "21.0.4_7-jdk"), "8u422-b05-jdk",
         Newer(patch="8u502-b07-jdk", major="21.0.4_7-jdk")),
    ],
)  # fmt: skip
def test_newer(groups: tuple[str, ...], tag: str, expected: Newer) -> None:
    found = newer(tag, repository(*groups))
    assert replace(found, patches=(), minors=(), majors=()) == expected


@pytest.mark.parametrize(
    ("tags", "tag", "patches", "minors"),
    [
        ("6.2.9 6.2.24 6.2.23 6.2.10 6.4.1 6.3.0", "6.2.9", ("6.2.23", "6.2.10"), ("6.3.0",)),
        ("6.2.9 6.2.8 6.2.24", "6.2.9", (), ()),
        ("1.2.3-alpine3.20 1.2.4-alpine3.20 1.2.5-alpine3.21", "1.2.3-alpine3.20",
         ("1.2.4-alpine3.20",), ()),
        ("1.2.3 1.2.4 1.2.4-debug 1.2.5 1.2.6-rc1", "1.2.3", ("1.2.4",), ()),
        ("10.11.6 10.11.8 10.11.8-r0-ls150 10.11.7", "10.11.6", ("10.11.7",), ()),
        ("0.4.1-cu118 0.5.0-cu121 0.5.0-cu92", "0.4.1-cu118", (), ()),
        (" ".join(f"1.0.{number}" for number in range(40)), "1.0.3",
         tuple(f"1.0.{number}" for number in range(38, 29, -1)), ()),
    ],
)  # fmt: skip
def test_the_next_lower_ones(
    tags: str, tag: str, patches: tuple[str, ...], minors: tuple[str, ...]
) -> None:
    found = newer(tag, repository(*tags.split()))
    assert (found.patches, found.minors) == (patches, minors)


@pytest.mark.parametrize(
    ("tags", "tag", "major", "majors"),
    [
        ("13.4 14.1 14.19 15.2 16.0 18.0 18.1", "13.4", "18.1", ("16.0", "15.2", "14.19")),
        ("13.4-alpine 14.1-alpine 14.2 18.0-alpine", "13.4-alpine", "18.0-alpine",
         ("14.1-alpine",)),
        ("1.0.0 2.0.0-rc1 2.0.0-beta 3.0.0 4.0.0-rc1", "1.0.0", "3.0.0", ()),
        ("1.0.0-rc1 1.0.0 2.0.0 2.1.0-rc1", "1.0.0-rc1", "2.1.0-rc1", ()),
        ("1.0.0 1.1.0 1.2.0", "1.0.0", None, ()),
        ("20240101 20240301 20250101", "20240101", None, ()),
        (" ".join(f"{number}.0" for number in range(1, 30)), "2.0", "29.0",
         tuple(f"{number}.0" for number in range(28, 19, -1))),
    ],
)  # fmt: skip
def test_the_newest_of_each_major_version_between(
    tags: str, tag: str, major: str | None, majors: tuple[str, ...]
) -> None:
    found = newer(tag, repository(*tags.split()))
    assert (found.major, found.majors) == (major, majors)


def test_without_digests_floating_names_are_not_offered() -> None:
    assert newer("6.2.9", dict.fromkeys(["6.2.9", "6.2.24", "6.2", "7", "7.4.1"])) == Newer(
        patch="6.2.24", major="7.4.1"
    )
