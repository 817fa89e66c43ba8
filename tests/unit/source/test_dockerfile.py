"""Dockerfiles: each construct as its own file, with what BuildKit's rules say that it names.

`tests/data/source/dockerfile/expected.json`: [kind, line, column, text, reference, missing]. The
expectations are written by hand after the Dockerfile reference and BuildKit's source (73ed6825);
`buildkit_cases.json` has BuildKit's own answers.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.image.reference import Reference
from tagwatch.source.dockerfile import extract, recognizes
from tagwatch.source.target import Extraction, SourceContext, Target
from tests.paths import DATA

FILES = DATA / "source" / "dockerfile"
EXPECTED: dict[str, Any] = json.loads((FILES / "expected.json").read_text(encoding="utf-8"))
BUILDKIT = json.loads((DATA / "source" / "buildkit_cases.json").read_text(encoding="utf-8"))


def read(text: str | bytes, **context: Any) -> Extraction:
    raw = text if isinstance(text, bytes) else text.encode()
    return extract(raw, "Dockerfile", SourceContext(**context))


def names(extraction: Extraction) -> list[str | None]:
    return [t.reference.canonical if t.reference else None for t in extraction.targets]


def row(target: Target) -> list[Any]:
    reference = target.reference.canonical if target.reference else None
    place = target.location
    return [target.kind, place.line, place.column, target.text, reference, list(target.missing)]


@pytest.mark.parametrize("name", EXPECTED)
def test_file(name: str) -> None:
    raw = (FILES / f"{name}.Dockerfile").read_bytes()
    extraction = extract(raw, "Dockerfile", SourceContext())
    assert [row(target) for target in extraction.targets] == EXPECTED[name]["targets"]
    assert [problem.message for problem in extraction.problems] == EXPECTED[name]["problems"]
    assert all(problem.hint for problem in extraction.problems)
    for target in extraction.targets:
        assert (target.reference is None) == bool(target.missing or target.invalid)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("form", ["crlf", "bom", "bom-crlf"])
def test_line_ends_and_bom_change_nothing(name: str, form: str) -> None:
    raw = (FILES / f"{name}.Dockerfile").read_bytes()
    changed = raw.replace(b"\n", b"\r\n") if "crlf" in form else raw
    if "bom" in form:
        changed = b"\xef\xbb\xbf" + changed
    extraction = extract(changed, "Dockerfile", SourceContext())
    assert [row(target) for target in extraction.targets] == EXPECTED[name]["targets"]
    assert [problem.message for problem in extraction.problems] == EXPECTED[name]["problems"]
    check_spans(changed, extraction)


@pytest.mark.parametrize("case", BUILDKIT["images"], ids=lambda case: case["note"])
def test_images_that_buildkit_asked_for(case: dict[str, Any]) -> None:
    extraction = read(case["input"])
    expected = [Reference.parse(text).canonical for text in case["expect"]]
    assert names(extraction) == expected
    assert not extraction.problems


def test_stage_platform_and_onbuild_are_told() -> None:
    targets = read(
        "# syntax=docker/dockerfile:1\n"
        "FROM --platform=$BUILDPLATFORM a:1 AS Build\n"
        "FROM --platform=arm64 a:2\n"
        "FROM --platform=$NOWHERE a:3\n"
        "ONBUILD COPY --from=a:4 / /\n"
    ).targets
    assert [(t.stage, t.group, t.platform, t.onbuild) for t in targets] == [
        (None, None, None, False),
        ("build", "build", "linux/amd64", False),
        ("1", None, "linux/arm64", False),
        ("2", None, None, False),
        ("2", None, None, True),
    ]


def test_what_follows_from_a_platform_says_for_which() -> None:
    targets = read(
        "ARG ARCH=$TARGETARCH\nFROM a:$ARCH\nFROM --platform=linux/arm64 a:$TARGETARCH\nFROM a:1\n"
    ).targets
    assert [dict(target.facts) for target in targets] == [
        {"resolved_for": "linux/amd64"},
        {"resolved_for": "linux/arm64"},
        {},
    ]


def test_build_arguments_of_the_caller_beat_defaults_and_platforms() -> None:
    text = "ARG A=1\nARG B\nFROM a:$A\nFROM a:$B\nFROM a:$TARGETARCH\nFROM a:${UNDECLARED:-no}\n"
    given_args = {"A": "2", "B": "3", "TARGETARCH": "s390x", "UNDECLARED": "x"}
    extraction = read(text, build_args=given_args)
    assert [str(t.reference) for t in extraction.targets] == ["a:2", "a:3", "a:s390x", "a:no"]
    assert [field.text for field in extraction.targets[0].fields] == ["a:"]


def test_a_target_stage_leaves_what_its_build_does_not_need() -> None:
    text = (
        "FROM a:1 AS one\nFROM a:2 AS two\nCOPY --from=b:2 / /\n"
        "FROM one AS three\nRUN --mount=from=two,target=/x true\n"
        "FROM a:4 AS four\nCOPY --from=b:4 / /\n"
    )
    assert [str(t.reference) for t in read(text, target="One").targets] == ["a:1"]
    wanted = [str(t.reference) for t in read(text, target="three").targets]
    assert wanted == ["a:1", "a:2", "b:2"]
    unknown = read(text, target="nowhere")
    assert len(unknown.targets) == 5
    assert ["no stage 'nowhere'" in p.message for p in unknown.problems] == [True]


def test_ignores_reach_the_whole_instruction() -> None:
    extraction = read(
        "# tagwatch: ignore=tag-latest until=2030-01-01 reason=x\nFROM \\\n  alpine\n"
        "# tagwatch: ignores=typo\nFROM b\n"
    )
    assert [[i.rules for i in t.ignores] for t in extraction.targets] == [[("tag-latest",)], []]
    assert len(extraction.ignores) == 2
    assert ["cannot be read" in problem.message for problem in extraction.problems] == [True]


def test_an_argument_without_a_name_is_refused_as_buildkit_does() -> None:
    (problem,) = read("ARG V = 3\nFROM a:1\n").problems
    assert problem.message == "an ARG has no name"
    assert not read('ARG V="a =b"\nFROM a:1\n').problems


def test_a_template_is_passed_over_with_a_note() -> None:
    extraction = read("FROM a:1\n{% if x %}\nFROM {{ base }}\n")
    assert names(extraction) == ["docker.io/library/a:1"]
    assert [(p.skipped, p.location.line) for p in extraction.problems] == [(True, 2)]
    assert not read("FROM a:1\nFROMM b:1\n").problems[0].skipped


@pytest.mark.parametrize("raw", [b"\xff\xfeF\0R\0O\0M\0", b"\xfe\xff\0F\0R\0O\0M"])
def test_utf16_is_refused_aloud(raw: bytes) -> None:
    extraction = read(raw)
    assert extraction.targets == ()
    assert "UTF-16" in extraction.problems[0].message


def test_bytes_that_are_no_utf8_do_not_move_a_place() -> None:
    raw = b"# caf\xe9\nFROM a:1\nRUN --mount=source=/\xe9\xe9,from=b:1,target=/x true\n"
    extraction = read(raw)
    assert [target.location.column for target in extraction.targets] == [6, 29]
    check_spans(raw, extraction)


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("Dockerfile", b"", True),
        ("a/b/Containerfile", b"", True),
        ("dockerfile", b"", True),
        ("Dockerfile.dev", b"", True),
        ("Dockerfile-dev", b"", True),
        ("docker/api.Dockerfile", b"", True),
        ("api.containerfile", b"", True),
        ("Dockerfile.dockerignore", b"", False),
        ("Dockerfile.md", b"", False),
        ("dockerfile.go", b"", True),
        ("dockerfile.go", b"package main\n", False),
        ("Dockerfile.go", b"# for Go\nFROM golang\n", True),
        ("docs/dockerfiles.txt", b"", False),
        ("my-dockerfile", b"", True),
        ("my-dockerfile", b"# about Dockerfiles\n", False),
        ("build.txt", b"\xef\xbb\xbf# c\r\n\r\nfrom a:1\r\n", True),
        ("build.txt", b"ARG A=1\nFROM a:$A\n", True),
        ("build.txt", b"ARG A=1\n", False),
        ("build.txt", b"From: somebody\nFROM a\n", False),
        ("letter.txt", b"Hello\nFROM a\n", False),
    ],
)
def test_recognized(path: str, head: bytes, expected: bool) -> None:
    assert recognizes(path, head) is expected


def test_recognition_is_linear_in_blank_lines() -> None:
    assert not recognizes("x", b"\n \t\r" * 20_000 + b"!")


def check_spans(raw: bytes, extraction: Extraction) -> None:
    """Every place slices to its text, in lines and in bytes; templates make the reference.

    A byte that is no UTF-8 is told as `?`.
    """
    text = raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    lines = text.encode("utf-8", "replace").decode().split("\n")
    for target in extraction.targets:
        place = target.location
        if place.line == place.end_line:
            assert lines[place.line - 1][place.column - 1 : place.end_column - 1] == target.text
        for field in target.fields:
            assert raw[field.span.start : field.span.end].decode() == field.text
            where = field.location
            assert lines[where.line - 1][where.column - 1 : where.end_column - 1] == field.text
            if field.name != "comment":
                assert Reference.parse(field.template.replace("{}", field.text)) == target.reference


_line = st.lists(
    st.sampled_from(
        ["FROM ", "ARG ", "COPY ", "RUN ", "ONBUILD ", "--from=", "--mount=from=", "--platform=",
         "a:1", "b", " ", "\\", "`", '"', "'", "$", "${", "}", ":-", "#", "%", "/", "=", "V", "\t",
         "# escape=`", "# syntax=x", "<<", "<<-", "EOF", "AS s", ",", "é", "\x85", "[", "]", "𝄞",
         "ENV V=1 ", "EXPOSE 1 ", "USER $V ", "ADD x y", "scratch", "0", "\udcff", "@sha256:"]
    ),
    max_size=7,
).map("".join)  # fmt: skip


@given(st.lists(_line, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(lines: list[str], end: str, bom: bool) -> None:
    raw = end.join(lines).encode("utf-8", "surrogateescape")
    raw = b"\xef\xbb\xbf" + raw if bom else raw
    extraction = read(raw)
    check_spans(raw, extraction)
    assert extraction.instructions or extraction.problems
    for target in extraction.targets:
        assert (target.reference is None) == bool(target.missing or target.invalid)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    check_spans(raw, read(raw)) if not raw.startswith((b"\xff\xfe", b"\xfe\xff")) else read(raw)
    check_spans(b"FROM a\n" + raw, read(b"FROM a\n" + raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"ARG A=aaaaaaaaaa\n" + b"".join(b"ARG A=$A$A$A$A\n" for _ in range(40)) + b"FROM $A\n",
        b"FROM a\nRUN " + b"<<A " * 16_000 + b"\n",
        b"FROM " + b"${a:-" * 5_000 + b"}" * 5_000 + b"\n",
        b"ONBUILD " * 8_000 + b"RUN x\n",
        b"ARG V=" + b"a" * 60_000 + b"\nFROM ${V" + b"%*a" * 3 + b"*b}\n",
        b"FROM a\nRUN [" + b"[" * 60_000 + b"\n",
        b"FROM a\n" + b"RUN x \\\n" * 60_000,
        b"FROM a\nENV " + b"A=b \\\n" * 60_000 + b"C=d\n",
        b"FROM a\nRUN " + b"--mount=from=b,target=/x \\\n" * 5_000 + b"true\n",
        b"# syntax=a" + b" " * 60_000 + b"b\nFROM a\n",
        b"FROM a\nENV A=" + b"'\"" * 30_000 + b"\n",
        "FROM é\n".encode() * 2_000,
        b"".join(b"ARG A%d=1\n" % n for n in range(15_000)) + b"FROM $A1\n",
        b"FROM a AS s0\n" + b"".join(
            b"FROM --platform=arm64 s%d AS s%d\nENV B%d=$X\nUSER $B0\n" % (n, n + 1, n)
            for n in range(3_000)
        ),
        b"# tagwatch: ignore=a\n" * 15_000 + b"FROM a\n# tagwatch: ignore=a\n" * 3_000,
        b"FROM a\n" + b"".join(b"ENV A%d=$A%d\n" % (n, n - 1) for n in range(10_000))
        + b"USER $A9\n",
        b"FROM a AS s0\n"
        + b"".join(b"FROM s%d AS s%d\nENV B=$X\n" % (n, n + 1) for n in range(3_000))
        + b"USER $B\n",
        b"ARG A=" + b"x$U" * 60 + b"\n" + b"FROM $A$A\n" * 3_000,
    ],
    ids=["doubling", "heredocs", "nesting", "onbuild", "pattern", "brackets", "lines", "pairs",
         "mounts", "directive", "quotes", "froms", "arguments", "stages", "ignores",
         "environment", "chain",
         "unknown"],
)  # fmt: skip
@pytest.mark.timeout(20)
def test_hostile_files_end_soon(raw: bytes) -> None:
    extraction = read(raw)
    assert extraction.targets or extraction.problems


def test_a_line_beyond_buildkits_buffer_is_refused() -> None:
    fits = b"FROM a\nRUN " + b"x" * (65_534 - 4) + b"\n"
    assert not read(fits).problems
    assert "longer than" in read(b"FROM a\nRUN " + b"x" * 65_536 + b"\n").problems[0].message


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("FROM node:${node.version}-slim", "node.version"),
        ("FROM ${docker.base.image}", "docker.base.image"),
        ("FROM node:@project.version@", "project.version"),
        ("FROM reg/cpp:2-${templateOption:imageVariant}", "templateOption:imageVariant"),
        ("FROM {{base}}:1", "base"),
        ("FROM <%=base%>", "base"),
        ("FROM %%BASE%%", "BASE"),
        ("FROM REPLACE-ME", "REPLACE-ME"),
        ("FROM a\nCOPY --from=${build.image} /x /x", "build.image"),
    ],
)
def test_what_another_tool_fills_in_is_missing(line: str, missing: str) -> None:
    extraction = read(line + "\n")
    assert [target.missing for target in extraction.targets][-1:] == [(missing,)]
    assert not any(target.invalid for target in extraction.targets)
    assert extraction.problems == ()


def test_a_default_that_another_tool_fills_in_is_missing() -> None:
    extraction = read("ARG BASE=${docker.base}\nFROM $BASE\n")
    assert [target.missing for target in extraction.targets] == [("docker.base",)]
    assert extraction.problems == ()


@pytest.mark.parametrize(
    ("path", "before", "is_template"),
    [
        ("Dockerfile", 'RUN a="%%PACKAGES%%\n', True),
        ("Dockerfile-alpine.template", "RUN a\n", True),
        ("Dockerfile.j2", "RUN a\n", True),
        ("Dockerfile", "RUN printf '%s%%'\n", False),
        ("Dockerfile.dev", "RUN a\n", False),
    ],
)
def test_a_template_that_goes_wrong_is_no_error(path: str, before: str, is_template: bool) -> None:
    raw = f"FROM alpine:3.22\n{before}esac\n".encode()
    (problem,) = extract(raw, path, SourceContext()).problems
    assert problem.skipped is is_template
    assert problem.message.startswith("a template" if is_template else "unknown instruction")


def test_a_template_with_spaces_is_passed_over_with_a_note() -> None:
    for text in ("FROM {{ base_image }}\nUSER x\n", "FROM a\n%%EXTRAS%%\n"):
        assert [problem.skipped for problem in read(text).problems] == [True]


def test_what_no_tool_fills_in_is_refused() -> None:
    """A mistyped modifier is the author's slip."""
    extraction = read("FROM redis:${V:x}\nFROM redis@sha256:ab\n")
    assert [bool(target.invalid) for target in extraction.targets] == [True, True]
