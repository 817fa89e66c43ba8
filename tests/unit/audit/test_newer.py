"""What is newer within a line."""

from __future__ import annotations

import pytest

from tagwatch.audit.model.evidence import Newer
from tagwatch.audit.version.newer import newer
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
    assert newer(tag, repository(*groups)) == expected


def test_without_digests_floating_names_are_not_offered() -> None:
    assert newer("6.2.9", dict.fromkeys(["6.2.9", "6.2.24", "6.2", "7", "7.4.1"])) == Newer(
        patch="6.2.24", major="7.4.1"
    )
