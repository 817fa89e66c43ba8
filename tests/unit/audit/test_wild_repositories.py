"""How others name their tags: repositories in the style of publishers beyond the truth's images.

Each line of a repository is one image; `expected` says, tag by tag, its concrete tag and version.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from tagwatch.audit.model.evidence import Status
from tagwatch.audit.version.newer import newer
from tagwatch.audit.version.resolve import resolve_selector, resolve_tag
from tagwatch.image.order import line_of
from tagwatch.image.tag_table import TagTable
from tests import truth
from tests.tag_groups import repository


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    groups: tuple[str, ...]
    expected: dict[str, tuple[str | None, str | None]]


CASES = [
    Case(
        "a language's version before a tool's",
        (
            "temurin-21-tools-deps-1.12.0.1479-bookworm temurin-21-bookworm temurin-21-tools-deps "
            "temurin-21-tools-deps-1.12.0.1479 tools-deps-1.12.0.1479 tools-deps latest",
            "temurin-17-tools-deps-1.12.0.1479-bookworm temurin-17-bookworm temurin-17",
            "temurin-21-lein-2.11.2-bookworm temurin-21-lein lein-2.11.2 lein",
        ),
        {
            "latest": ("tools-deps-1.12.0.1479", "1.12.0.1479"),
            "temurin-17": ("temurin-17-tools-deps-1.12.0.1479-bookworm", "1.12.0.1479"),
            "lein": ("lein-2.11.2", "2.11.2"),
        },
    ),
    Case(
        "a name of its predecessor left on an image",
        ("4.0.1 4.0.0 4.0 4 latest", "3.12.1-onbuild 3.12.0-onbuild 3-onbuild"),
        {
            "latest": ("4.0.1", "4.0.1"),
            "3-onbuild": ("3.12.1-onbuild", "3.12.1"),
            "4.0.0": ("4.0.0", "4.0.0"),
        },
    ),
    Case(
        "words behind a number, joined by underscores",
        (
            "4.40_large_disk latest_large_disk",
            "4.40 latest",
            "4.39_large_disk",
            "4.40_full latest_full",
        ),
        {
            "4.40_large_disk": ("4.40_large_disk", "4.40"),
            "latest": ("4.40", "4.40"),
            "4.40_full": ("4.40_full", "4.40"),
        },
    ),
    Case(
        "a wildcard as a tag's own name",
        ("1.x 1.16.x 1.16.11 latest", "0.9.x 0.9.4 0.x"),
        {"latest": ("1.16.11", "1.16.11"), "1.16.x": ("1.16.11", "1.16.11")},
    ),
    Case(
        "release candidates that are promoted unchanged, the highest with no sign of it",
        (
            "1.2.1-rc.3 1.2.1",
            "1.2.2-rc.1 1.2.2 1.2",
            "1.3.0-rc.2 1.3.0 1.3 1 latest",
            "2.0.0-rc.1 2.0.0 2.0",
            "1.3.0-rc.1",
        ),
        {
            "1.2": ("1.2.2", "1.2.2"),
            "1.2.1": ("1.2.1", "1.2.1"),
            "1": ("1.3.0", "1.3.0"),
            "1.3.0-rc.2": ("1.3.0", "1.3.0"),
            "1.3.0-rc.1": ("1.3.0-rc.1", "1.3.0-rc.1"),
            "2.0": ("2.0.0-rc.1", "2.0.0-rc.1"),
        },
    ),
    Case(
        "an early stage under the final name and the publisher's latest",
        ("3-5.2.0-alpha1 3-5.2.0 3-5.2 3 latest", "2-5.1.1 2"),
        {"3": ("3-5.2.0-alpha1", "3-5.2.0-alpha1"), "latest": ("3-5.2.0-alpha1", "3-5.2.0-alpha1")},
    ),
    Case(
        "milestones in small letters",
        ("5.7.5-m15 5.7.5 5.7", "5.6.24 5.6 latest"),
        {"5.7": ("5.7.5-m15", "5.7.5-m15"), "5.7.5": ("5.7.5-m15", "5.7.5-m15")},
    ),
    Case(
        "a stage whose builds stand behind a dash, beside final versions of all those numbers",
        (
            "12-ea-33-jdk 12-ea-33 12-ea-jdk 12-ea",
            "11-ea-28-jdk 11-ea-28 11-ea-jdk 11-ea",
            "10-ea-46-jdk 10-ea-46 10-ea",
            "12-jdk 12 latest",
            "11-jdk 11",
            "10-jdk 10",
        ),
        {"11-ea": ("11-ea-28", "11-ea-28"), "12-ea-jdk": ("12-ea-33-jdk", "12-ea-33")},
    ),
    Case(
        "a product before versions of two numbers",
        ("openjdk-8u111-jdk 8u111-jdk openjdk-8-jdk 8-jdk latest", "openjdk-7u121-jdk 7u121-jdk"),
        {"openjdk-8-jdk": ("openjdk-8u111-jdk", "8u111"), "8-jdk": ("8u111-jdk", "8u111")},
    ),
    Case(
        "a stage that ends a number",
        (
            "3.5.4-sdk 3.5-sdk 3-sdk stable-sdk sdk 3.5.4 3.5 3 stable latest",
            "3.6.0-334.3.beta-sdk beta-sdk 3.6.0-334.3.beta beta",
        ),
        {"beta": ("3.6.0-334.3.beta", "3.6.0-334.3.beta"), "sdk": ("3.5.4-sdk", "3.5.4")},
    ),
    Case(
        "with and without v, and code names",
        (
            "v3.1.6 3.1.6 v3.1 3.1 v3 3 comte latest",
            "v3.1.6-nanoserver 3.1.6-nanoserver v3-nanoserver comte-nanoserver nanoserver",
            "v3.2.0-rc2 3.2.0-rc2 v3.2 3.2 munster",
        ),
        {
            "comte": ("3.1.6", "3.1.6"),
            "v3": ("v3.1.6", "3.1.6"),
            "nanoserver": ("3.1.6-nanoserver", "3.1.6"),
            "munster": ("3.2.0-rc2", "3.2.0-rc2"),
        },
    ),
    Case(
        "an operating system's name glued to its version",
        ("latest centos8 8 centos8.4.2105 8.4.2105", "centos7 7 centos7.9.2009 7.9.2009"),
        {"latest": ("8.4.2105", "8.4.2105"), "centos7": ("centos7.9.2009", "7.9.2009")},
    ),
    Case(
        "a letter glued to a number, dated",
        ("p10 p10-20240914", "p11 p11-20240914 latest", "sisyphus sisyphus-20240914"),
        {"latest": ("p11-20240914", "11-20240914"), "sisyphus": ("sisyphus-20240914", None)},
    ),
    Case(
        "dates with a build behind",
        ("latest base base-20241201.0.286197", "base-devel base-devel-20241201.0.286197"),
        {"latest": ("base-20241201.0.286197", None)},
    ),
    Case(
        "a product before a Java version",
        (
            "open-8u422-b05-jdk-jammy open-8-jdk-jammy open-8u422-b05-jdk open-8-jdk",
            "open-21.0.4_7-jdk open-21-jdk",
        ),
        {
            "open-8-jdk": ("open-8u422-b05-jdk", "8u422-b05"),
            "open-21-jdk": ("open-21.0.4_7-jdk", "21.0.4_7"),
        },
    ),
    Case(
        "updates of a release",
        ("2023.2-u6 2023.2 2023", "2024.3-u2 2024.3 2024 latest"),
        {"2023": ("2023.2-u6", "2023.2-u6"), "latest": ("2024.3-u2", "2024.3-u2")},
    ),
    Case(
        "early access builds",
        ("24-ea-20-jdk-slim 24-ea-20-slim 24-ea-slim 24-slim", "24-ea-20-jdk 24-ea-20 24-ea"),
        {"24-ea": ("24-ea-20", "24-ea-20"), "24-ea-slim": ("24-ea-20-slim", "24-ea-20")},
    ),
    Case(
        "a runtime's version behind a dash",
        (
            "1.0.2-20-alpine3.19 1.0-20-alpine3.19 1.0.2-20 1-20 1.0.2 1 latest",
            "1.0.2-18-alpine3.19 1.0.2-18 1-18",
        ),
        {"latest": ("1.0.2-20", "1.0.2-20"), "1-18": ("1.0.2-18", "1.0.2-18")},
    ),
    Case(
        "capitals, milestones and many words",
        (
            "10.0.0-M3-jre17-Temurin-ubuntu-microprofile 10.0.0-M3-jre17-microprofile",
            "9.1.3-jre11-Temurin-ubuntu-webprofile 9-jre11-webprofile 9.1.3 latest",
        ),
        {
            "latest": ("9.1.3", "9.1.3"),
            "10.0.0-M3-jre17-microprofile": ("10.0.0-M3-jre17-microprofile", "10.0.0-M3"),
        },
    ),
    Case(
        "words with numbers in every place",
        (
            "1.20.0-scala_2.12-java17 scala_2.12-java17 1.20.0-java17 java17 1.20.0 latest",
            "4.0.0-preview2-scala2.13-java17-python3-ubuntu 4.0.0-preview2",
        ),
        {
            "java17": ("1.20.0-java17", "1.20.0"),
            "scala_2.12-java17": ("1.20.0-scala_2.12-java17", "1.20.0"),
        },
    ),
    Case(
        "a channel before the version",
        (
            "6.7.0-php8.2-apache 6.7.0 6.7 latest",
            "beta-6.8-RC1-php8.2-apache beta-6.8-php8.2-apache beta",
            "cli-2.11.0 cli-2.11 cli-2 cli",
        ),
        {
            "beta": ("beta-6.8-RC1-php8.2-apache", "6.8-RC1"),
            "cli": ("cli-2.11.0", "2.11.0"),
            "latest": ("6.7.0", "6.7.0"),
        },
    ),
    Case(
        "packaging builds behind the variant",
        (
            "7.4.0-debian-12-r4 7.4.0 7.4 7 latest 7.4-debian-12",
            "7.4.0-debian-12-r3",
            "7.2.5-debian-12-r5 7.2.5 7.2-debian-12",
        ),
        {
            "latest": ("7.4.0-debian-12-r4", "7.4.0-r4"),
            "7.2-debian-12": ("7.2.5-debian-12-r5", "7.2.5-r5"),
        },
    ),
    Case(
        "a rebuild counter and a word before",
        ("1.5.6 version-1.5.6 1.5.6-ls45 latest amd64-1.5.6", "1.5.5-ls44 version-1.5.5 1.5.5"),
        {"latest": ("1.5.6-ls45", "1.5.6-ls45")},
    ),
    Case(
        "clocks",
        ("RELEASE.2024-01-16T16-07-38Z latest", "RELEASE.2024-01-13T07-53-03Z", "edge"),
        {"latest": ("RELEASE.2024-01-16T16-07-38Z", None), "edge": (None, None)},
    ),
    Case(
        "commits and branches",
        ("main-abc1234 main sha-abc1234", "v1.2.3 v1.2 v1", "main-1234567", "pr-123"),
        {
            "main": (None, None),
            "main-1234567": (None, None),
            "pr-123": (None, None),
            "v1": ("v1.2.3", "1.2.3"),
        },
    ),
    Case(
        "operating systems without a version of their own",
        ("linux", "nanoserver-1809 nanoserver", "windowsservercore-1809", "latest"),
        {"nanoserver": (None, None), "windowsservercore-1809": (None, None)},
    ),
    Case(
        "releases by name",
        ("noetic-core noetic-core-focal noetic", "humble-base humble-base-jammy humble latest"),
        {"latest": (None, None), "noetic-core": (None, None)},
    ),
    Case(
        "a flavour that is called devel",
        (
            "12.4.1-cudnn-devel-ubuntu22.04",
            "12.4.1-devel-ubuntu22.04",
            "12.4.1-base-ubuntu22.04",
            "12.3.2-base-ubuntu22.04",
        ),
        {"12.4.1-devel-ubuntu22.04": ("12.4.1-devel-ubuntu22.04", "12.4.1")},
    ),
    Case(
        "a number that follows a calendar",
        (
            "2025.10.1-enterprise 2025.10.1-enterprise-trixie enterprise",
            "2025.10.1 latest",
            "5.26.0 5",
        ),
        {"enterprise": ("2025.10.1-enterprise", "2025.10.1"), "5": ("5.26.0", "5.26.0")},
    ),
    Case(
        "a word joined to a number by an underscore",
        ("1.3.1 1.3 latest", "1.3.1_base 1.3_base stable_base", "1.3.0-8_base", "1.3.0-8"),
        {
            "latest": ("1.3.1", "1.3.1"),
            "1.3_base": ("1.3.1_base", "1.3.1"),
            "stable_base": ("1.3.1_base", "1.3.1"),
            "1.3.0-8_base": ("1.3.0-8_base", "1.3.0-8"),
        },
    ),
    Case(
        "an architecture before the version, its own number in it",
        (
            "4.0.8.1874-ls249 version-4.0.8.1874 4.0.8 latest",
            "amd64-4.0.8.1874-ls249 amd64-version-4.0.8.1874 amd64-latest",
            "arm64v8-4.0.8.1874-ls249 arm64v8-latest",
        ),
        {
            "4.0.8": ("4.0.8.1874-ls249", "4.0.8.1874-ls249"),
            "amd64-latest": ("amd64-4.0.8.1874-ls249", "4.0.8.1874-ls249"),
            "arm64v8-latest": ("arm64v8-4.0.8.1874-ls249", "4.0.8.1874-ls249"),
        },
    ),
    Case(
        "cumulative updates of a year's release",
        (
            "2022-CU13-ubuntu-22.04 2022-latest latest",
            "2022-CU12-ubuntu-22.04",
            "2019-CU26-ubuntu-20.04 2019-latest",
        ),
        {
            "latest": ("2022-CU13-ubuntu-22.04", "2022-CU13"),
            "2019-latest": ("2019-CU26-ubuntu-20.04", "2019-CU26"),
        },
    ),
    Case(
        "a commit in the name of every release",
        ("1.40.2.8395-c67dce28e latest public", "1.40.3.8555-fef15d30c beta"),
        {"latest": ("1.40.2.8395-c67dce28e", "1.40.2.8395")},
    ),
    Case(
        "a date and a commit",
        ("20240502-abc1234 nightly", "1.2.3 latest"),
        {"nightly": ("20240502-abc1234", None)},
    ),
    Case(
        "a commit behind a stage",
        ("1.22-alpha.abcdef0123456789abcdef0123456789abcdef01 1.22-alpha", "1.21.0 latest"),
        {
            "1.22-alpha": ("1.22-alpha", "1.22-alpha"),
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_concrete_tags(case: Case) -> None:
    table = TagTable.of(repository(*case.groups))
    found = {tag: resolve_tag(tag, table) for tag in case.expected}
    assert {tag: (one.tag, one.version) for tag, one in found.items()} == case.expected
    for one in found.values():
        assert one.status is (Status.RESOLVED if one.tag else Status.NO_VERSION)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_nothing_newer_is_offered_than_there_is(case: Case) -> None:
    table = TagTable.of(repository(*case.groups))
    for tag in table.tags.values():
        offered = newer(tag, table)
        for name in (offered.patch, offered.minor, offered.major):
            if name is not None:
                other = table.tags[name]
                assert other.precedence > tag.precedence
                assert tag.is_prerelease or not other.is_prerelease
                assert line_of(other) in {line_of(tag), line_of(tag, table.scheme())}


@pytest.mark.parametrize(
    ("groups", "selector", "tag"),
    [
        (("5.40.0 5.40 5 latest stable", "5.41.5 5.41 devel"), "5.x", "5.40.0"),
        (("5.40.0 5.40 5 latest stable", "5.41.5 5.41 devel"), "5.41.x", "5.41.5"),
        (("8.0.3-noble 8.0-noble", "8.0.4-rc0-noble 8.0-rc-noble"), "8.0.x-noble", "8.0.3-noble"),
        (("3.9.9-eclipse-temurin-21 3.9.9", "4.0.0-beta-5"), "3.x-eclipse-temurin-21",
         "3.9.9-eclipse-temurin-21"),
        (("7.6.1 fresh latest", "6.0.13 stable", "7.5.0 old"), "^7", "7.6.1"),
        (("17-3.5 latest", "16-3.5"), "^16", "16-3.5"),
        (("2.17.0-pg16", "2.17.0-pg17 latest", "2.16.1-pg16"), "2.x-pg16", "2.17.0-pg16"),
        (("12.0.14-jdk17-alpine", "12.0.14-jdk21-alpine"), "12.x-jdk17-alpine",
         "12.0.14-jdk17-alpine"),
        (("2024.09 latest", "2024.09-alpine"), "2024.x", "2024.09"),
        (("v1.2.3 1.2.3", "v1.3.0 1.3.0"), "v1.x", "v1.3.0"),
        (("v1.2.3 1.2.3", "v1.3.0 1.3.0"), "1.x", "1.3.0"),
        (("1.2.3 1.2.3-rc.2 latest", "1.2.2 1.2.2-rc.1", "2.0.0 2.0.0-rc.1"), "1.2.x", "1.2.3"),
        (("1.2.3 1.2.3-rc.2 latest", "1.2.2", "2.0.0 2.0.0-rc.1"), ">=1", "1.2.3"),
        (("16.3.0-debian-12-r4 16.3.0 16", "16.2.0-debian-12-r18 16.2.0"), "16.x",
         "16.3.0-debian-12-r4"),
        (("16.3.0-debian-12-r4 16.3.0 16", "16.3.0-debian-11-r9"), "*", "16.3.0-debian-12-r4"),
        (("16.3.0-debian-12-r4 16.3.0 16", "16.2.0"), "16.x", "16.3.0-debian-12-r4"),
        (("4.0.9.2244-ls250 version-4.0.9.2244", "4.0.8.1874-ls249 version-4.0.8.1874"),
         "version-4.x", "4.0.9.2244-ls250"),
        (("5.6.51", "5.6.51-2 5.6"), "~5.6", "5.6.51-2"),
        (("1.5.6 1.5", "1.5.6-1"), "^1", "1.5.6"),
        (("11.2.0 latest", "11.3.0-75420"), "11.x", "11.2.0"),
        (("16-3.4.2 16-3.4", "16-3.5", "15-3.6"), "16-3.x", "16-3.5"),
        (("5.1.6", "5.1.5-build.3", "5.1.4-build.3"), "5.1.x-build.3", "5.1.5-build.3"),
        (("1.3.1_base 1.3_base", "1.3.2"), "1.3.x_base", "1.3.1_base"),
        (("1.40.2.8395-c67dce28e latest", "1.40.3.8555-fef15d30c"), "1.40.x",
         "1.40.3.8555-fef15d30c"),
        (("1.2.3 latest", "release-1.3"), "*", "1.2.3"),
    ],
)  # fmt: skip
def test_selectors(groups: tuple[str, ...], selector: str, tag: str) -> None:
    assert resolve_selector(selector, repository(*groups)).tag == tag


@pytest.mark.parametrize(
    ("groups", "selector", "note"),
    [
        (("2.54.0-rc.0", "1.0.0"), "2.x", "only pre-releases match, such as 2.54.0-rc.0"),
        (("21.0.4_7-jdk 21-jdk", "21.0.4_7-jre"), "21.x", "no tag has exactly that variant"),
        (("7.4.1 latest", "6.2.24"), "x-alpine", "no version here has the variant 'alpine'"),
        (("5.0.0-preview.1 5.0.0 5.0", "4.3.7 latest"), "5.0.x", "only pre-releases match"),
    ],
)
def test_why_a_selector_takes_nothing(groups: tuple[str, ...], selector: str, note: str) -> None:
    found = resolve_selector(selector, repository(*groups))
    assert found.status is Status.NOT_FOUND
    assert found.note.startswith(note)


@pytest.mark.parametrize(
    ("groups", "selector", "tag", "note"),
    [
        (("v2.53.0", "v2.53.1", "v2.54.0-rc.0"), "2.x", "v2.53.1", "read with the v"),
        (("2.53.0", "2.53.1"), "v2.x", "2.53.1", "read without the v"),
        (("v1.0.4", "v1.2.7", "v1.3.0"), ">=1.0 <1.3", "v1.2.7", "read with the v"),
        (("v2.53.5 latest", "2.53.1"), "~2.53", "2.53.1", ""),  # never both
        (("21.0.4_7-jdk 21-jdk 21", "17.0.1_2-jdk"), "21.x", "21.0.4_7-jdk", "has '-jdk'"),
        (("16.7.0-ce", "16.6.1-ce", "16.7.1-ce"), "~16.7", "16.7.1-ce", "has '-ce'"),
        (("16.7.0-ce", "16.7.1-ee"), "~16.7", None, "no tag has exactly that variant"),
        (("16.7.0", "17.0.1-ce"), "^17", None, "no tag has exactly that variant"),
    ],
)
def test_a_pattern_that_lacks_only_the_v_or_the_suffix(
    groups: tuple[str, ...], selector: str, tag: str | None, note: str
) -> None:
    found = resolve_selector(selector, repository(*groups))
    assert found.tag == tag
    assert note in found.note
    assert bool(found.note) == bool(note)


@pytest.mark.parametrize(("seed", "share"), [(1, 0.6), (2, 0.25)])
def test_fewer_tags_to_learn_from_make_no_wrong_answer(seed: int, share: float) -> None:
    """Every image of the truth with some of its builds taken away: what is left stays right."""
    choice = random.Random(seed)
    served = {}
    for image, facts in truth.load("truth.json.gz")["images"].items():
        kept = [group for group in facts["groups"] if choice.random() < share]
        served[image] = truth.digests(image, kept)
    asked = [
        question for question in truth.truth_questions() if question.text in served[question.image]
    ]
    counts, remarks = truth.judge(asked, truth.by_functions(served))
    assert len(asked) > 1000
    assert {said for _, _, said in counts} <= {"right", "accepted"}, remarks
