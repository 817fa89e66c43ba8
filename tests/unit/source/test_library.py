"""Library files of official images: each form that their git history holds, and what they serve."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import InputError
from tagwatch.source.library import LibraryBuild, parse_library, served_builds

STANZAS = """\
# this file is generated via https://github.com/docker-library/golang/blob/1a2b3c/generate.sh

Maintainers: Tianon Gravi <admwiggin@gmail.com> (@tianon),
             Joseph Ferguson <yosifkit@gmail.com> (@yosifkit)
GitRepo: https://github.com/docker-library/golang.git
GitCommit: 1111111111111111111111111111111111111111
# a comment between
arm64v8-GitCommit: 2222222222222222222222222222222222222222

Tags: 1.23.2-bookworm, 1.23-bookworm,
# a comment inside
 1-bookworm
SharedTags: 1.23.2, latest
Architectures: arm64v8, amd64
Directory: 1.23/bookworm

Tags: 1.23.2-windowsservercore-ltsc2022
SharedTags: 1.23.2, latest, 1.23.2-windowsservercore
Architectures: windows-amd64
GitCommit: 3333333333333333333333333333333333333333
Directory: 1.23/windows
File: Dockerfile.ltsc2022
Constraints: windowsservercore-ltsc2022
"""


def test_stanzas_with_defaults_overrides_comments_and_continuations() -> None:
    linux, windows = parse_library(STANZAS)
    assert linux == LibraryBuild(
        tags=("1.23.2-bookworm", "1.23-bookworm", "1-bookworm"),
        shared_tags=("1.23.2", "latest"),
        architectures=("amd64", "arm64v8"),
        commit="1" * 40,
        directory="1.23/bookworm",
        overrides=(("arm64v8", "gitcommit", "2" * 40),),
    )
    assert windows == LibraryBuild(
        tags=("1.23.2-windowsservercore-ltsc2022",),
        shared_tags=("1.23.2", "latest", "1.23.2-windowsservercore"),
        architectures=("windows-amd64",),
        commit="3" * 40,
        directory="1.23/windows",
        file="Dockerfile.ltsc2022",
    )


def test_a_shared_tag_is_the_index_of_its_builds() -> None:
    builds = parse_library(STANZAS)
    served = served_builds(builds)
    assert served["1.23.2"] == served["latest"]
    assert served["1-bookworm"] == served["1.23-bookworm"] == builds[0].name
    assert len({served[tag] for tag in served}) == 4
    assert served_builds(builds[::-1]) == served, "the order of builds does not matter"


LINES = """\
# maintainer: InfoSiftr <github@infosiftr.com> (@infosiftr)

2.8.9: git://github.com/docker-library/redis@d6f5eb08cdd70b1f52ca57091f6d2d42021c5034 2.8
2.8: git://github.com/docker-library/redis@d6f5eb08cdd70b1f52ca57091f6d2d42021c5034 2.8
onbuild: https://github.com/docker-library/redis@v1.2 2.8/onbuild
"""


def test_lines_of_before_2016() -> None:
    assert parse_library(LINES) == (
        LibraryBuild(
            tags=("2.8.9", "2.8"),
            commit="d6f5eb08cdd70b1f52ca57091f6d2d42021c5034",
            directory="2.8",
        ),
        LibraryBuild(tags=("onbuild",), commit="v1.2", directory="2.8/onbuild"),
    )


def test_lines_of_2013() -> None:
    text = (
        "latest\tgit://github.com/tianon/docker-brew-debian\tC:8cca9c1bba\n"
        "7.2\t\tgit://github.com/tianon/docker-brew-debian\tC:8cca9c1bba\n\n"
        "sid git://github.com/tianon/docker-brew-debian T:sid\n"
    )
    assert parse_library(text) == (
        LibraryBuild(tags=("latest", "7.2"), commit="8cca9c1bba"),
        LibraryBuild(tags=("sid",), commit="sid"),
    )


def test_the_form_and_the_repository_do_not_make_another_build() -> None:
    lines = "2.8: git://github.com/docker-library/redis@d6f5eb08 2.8\n"
    stanza = (
        "GitRepo: https://github.com/redis/docker-library-redis.git\n\n"
        "Tags: 2.8\nGitCommit: d6f5eb08\nDirectory: 2.8\n"
    )
    assert served_builds(parse_library(lines)) == served_builds(parse_library(stanza))


@pytest.mark.parametrize(
    "change",
    [
        {"commit": "2"},
        {"directory": "alpine"},
        {"file": "Dockerfile.other"},
        {"architectures": ("amd64", "riscv64")},
        {"overrides": (("amd64", "directory", "x"),)},
    ],
)
def test_whatever_a_build_is_made_of_makes_another_build(change: dict[str, object]) -> None:
    plain = LibraryBuild(tags=("1",), commit="1")
    assert LibraryBuild(tags=("1",), **{"commit": "1", **change}).name != plain.name  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Tags: 1\nGitCommit: 1\nthis is no field\n", "line 3"),
        ("<!DOCTYPE html>\n", "line 1"),
        ("latest: somewhere\n", "line 1"),
        ("GitRepo: x\n\nTags: 1\n\n# z\nDirectory: y\n", "line 6 .* no Tags"),
    ],
)
def test_what_cannot_be_read_names_its_line(text: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        parse_library(text)
    assert caught.value.hint


def test_an_empty_file_builds_nothing() -> None:
    assert parse_library("") == ()
    assert parse_library("# maintainer: nobody\n") == ()


def test_a_giant_file_is_refused() -> None:
    with pytest.raises(InputError, match="more than"):
        parse_library("#" * (4 * 1024 * 1024 + 1))


@given(st.text(alphabet=st.sampled_from("Tags:#@ \t\n,git/C1-é"), max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_is_builds_or_an_input_error(text: str) -> None:
    try:
        builds = parse_library(text)
    except InputError:
        return
    named = {tag for build in builds for tag in (*build.tags, *build.shared_tags)}
    assert served_builds(builds).keys() == named
