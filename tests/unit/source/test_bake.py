"""Bake files: what `docker buildx bake --print` says of HCL and of JSON."""

from __future__ import annotations

import time

import pytest

from tagwatch.source.bake import source as bake
from tagwatch.source.target import Extraction, is_replaced
from tests.source_sample import assert_exact, extract, shown

HCL = """\
variable "TAG" { default = "7.2" }
variable "REG" { default = null }
variable "IMG" { default = "redis:${TAG}" }
// "docker-image://decoy:1"
target "base" {
  contexts = {
    alpine = "docker-image://alpine:3.19" # tagwatch: ignore=tag-moving
    "b-c" : "docker-image://redis:${TAG}",
    s = "./s", t = "target:other"
  }
  args = { X = "docker-image://decoy:2" }
  tags = ["decoy:3"]
}
target "app" {
  inherits = ["base"]
  contexts = {
    d = "docker-image://${REG}/x:1"
    e = "docker-image://${TAG != "" ? "a" : "}"}:1"
    f = "docker-image://${IMG}"
    g = "docker-image://a:$${TAG}"
  }
  cache-from = ["type=registry,ref=ghcr.io/o/c:${TAG}", "type=gha",
    {type = "registry", ref = "o/d:1"}]
}
function "f" {
  params = [a]
  result = upper(a)
}
"""


def read(
    text: str, path: str = "docker-bake.hcl", files: dict[str, str] | None = None, **env: str
) -> Extraction:
    extraction = extract(bake, text, path, files, **env)
    assert_exact(extraction, {path: text, **(files or {})})
    return extraction


@pytest.mark.parametrize(
    ("path", "head", "recognized"),
    [
        ("docker-bake.hcl", b"", True),
        ("docker-bake.override.json", b"", True),
        ("bake.hcl", b"", True),
        ("ci.hcl", b'target "x" {\n', True),
        ("main.hcl", b'variable "x" {\n', False),
        ("x.json", b'{"target": {"a": {"contexts": {}}}}', True),
        ("tsconfig.json", b'{"compilerOptions": {"target": "es6"}}', False),
    ],
)
def test_recognizes(path: str, head: bytes, recognized: bool) -> None:
    assert bake.recognizes(path, head) is recognized


def test_hcl() -> None:
    extraction = read(HCL)
    assert [line.removeprefix("docker-bake.hcl:") for line in shown(extraction)] == [
        "7:30 alpine:3.19 -> docker.io/library/alpine:3.19",
        "8:29 redis:${TAG} -> docker.io/library/redis:7.2",
        "17:25 ${REG}/x:1 -> missing REG",
        '18:25 ${TAG != "" ? "a" : "}"}:1 -> docker.io/library/a:1',
        "19:25 ${IMG} -> docker.io/library/redis:7.2",
        "20:25 a:$${TAG} -> invalid",
        "22:36 ghcr.io/o/c:${TAG} -> ghcr.io/o/c:7.2",
        "23:32 o/d:1 -> docker.io/o/d:1",
    ]
    assert [target.group for target in extraction.targets[:3]] == ["base", "base", "app"]
    assert len(extraction.targets[0].ignores) == 1
    (tag, name) = extraction.targets[1].fields
    assert (tag.name, tag.text, tag.template) == ("value", "7.2", "redis:{}")
    assert str(tag.location) == "docker-bake.hcl:1:29"
    assert (name.text, name.template) == ("redis:", "{}7.2")


def test_the_environment_beats_a_default() -> None:
    assert shown(read(HCL, TAG="8", REG="r.example"))[1:3] == [
        "docker-bake.hcl:8:29 redis:${TAG} -> docker.io/library/redis:8",
        "docker-bake.hcl:17:25 ${REG}/x:1 -> r.example/x:1",
    ]


COMPUTED = """\
variable "NUL" { default = null }
variable "NUM" { default = 3 }
variable "ON" { default = true }
variable "L" { default = ["a", "b"] }
variable "ASKED" {}
TOP = "top"
function "img" {
  params = [n, v]
  result = "docker-image://${n}:${v}"
}
function "both" {
  params = [n]
  variadic_params = rest
  result = [join("-", concat([n], rest)), "no"]
}
target "a" {
  name = "a-${item.x}-${y}"
  matrix = { item = [{x = "1", i = "redis"}, {x = "2", i = "alpine"}], y = ["p"] }
  contexts = {
    c1 = img(item.i, item.x)
    c2 = "docker-image://${item.i}:${y}"
    c3 = NUL == null ? "docker-image://null:1" : "docker-image://some:1"
    c4 = "docker-image://asked:${ASKED}"
    c5 = "docker-image://num:${NUM * 2 + 1}"
    c6 = ON && !false ? "docker-image://on:1" : ""
    c7 = "docker-image://${both("x", "y", "z")[0]}:${TOP}${L[1]}"
    c8 = "docker-image://${NUL == null ? "none" : "some"}:${format("%s-%02d", "q", 3)}"
    c8b = "docker-image://${ASKED == "" ? "none" : "some"}:1"
    c9 = "docker-image://f:${join("-", [for k, v in L : "${k}${v}" if v != "z"])}"
    c10 = "docker-image://when:${timestamp()}"
    c11 = ON ? "docker-image://scratch" : "target:b"
  }
}
target "b" {
  contexts = ON ? merge({z = "docker-image://z:1"}, {}) : {}
  cache-from = [join("", ["type=registry,ref=q:", NUM]), "ref=r:${NUM},type=registry"]
}
"""


def test_expressions_functions_and_matrices() -> None:
    """Every answer is what `buildx bake --print` prints of the same file, save three.

    Buildx was given two; and it takes a variable that nobody set as empty, where whoever builds
    may have set it: also as a condition that is not known here.
    """
    extraction = read(COMPUTED)
    found = [line.partition(" -> ")[2] for line in shown(extraction)]
    hub = "docker.io/library/"
    assert found == [
        f"{hub}redis:1",
        f"{hub}redis:p",
        f"{hub}null:1",
        "missing ASKED",
        f"{hub}num:7",
        f"{hub}on:1",
        f"{hub}x-y-z:topb",
        f"{hub}none:q-03",
        "missing ASKED",
        f"{hub}f:0a-1b",
        "missing timestamp()",
        f"{hub}alpine:2",
        f"{hub}alpine:p",
        f"{hub}z:1",
        f"{hub}q:3",
        f"{hub}r:3",
    ]
    assert not extraction.targets[0].fields  # computed: nothing to edit


def test_an_argument_that_is_null_is_not_passed() -> None:
    files = {"Dockerfile": "ARG GO=1.26\nARG OS=trixie\nFROM golang:$GO-$OS\n"}
    text = """\
variable "GO" { default = null }
variable "OS" { default = "bookworm" }
target "_common" { args = { GO = GO, OS = OS } }
target "app" {
  inherits = concat(["_common"], [])
  args = { GO = "${GO}" }
}
"""
    (target,) = read(text, files=files).targets
    assert target.reference is not None
    assert target.reference.canonical == "docker.io/library/golang:1.26-bookworm"
    assert shown(read(text, files=files, GO="1.25"))[0].endswith("golang:1.25-bookworm")


def test_a_build_that_depends_on_what_is_not_known_is_not_read() -> None:
    text = 'target "a" {\n  args = merge({A = 1}, uuidv4())\n}\n'
    (problem,) = read(text, files={"Dockerfile": "FROM a:1\n"}).problems
    assert "depends on uuidv4()" in problem.message
    assert problem.skipped


def test_escapes_beside_variables_are_read() -> None:
    r"""`\n` ends a line of an inline Dockerfile, with `${…}` in it, too: see `bake --print`."""
    text = r"""variable "V" { default = "6.2" }
function "f" {
  params = [x]
  result = "FROM redis:${x}\nUSER 1\n"
}
target "a" { dockerfile-inline = "FROM redis:${V}\nRUN echo \"$${x}\"\n" }
target "b" { dockerfile-inline = f("7.0") }
target "c" { contexts = { x = "docker-image://redis:${V}\u0037" } }
target "m" {
  name = "m-${v}"
  matrix = { v = ["5.0", "5.1"] }
  dockerfile-inline = "ARG B\nFROM redis:$${B}\n"
  args = { B = v }
}
"""
    found = {str(target.reference) for target in extract(bake, text, "docker-bake.hcl").targets}
    assert found == {f"redis:{tag}" for tag in ("6.2", "7.0", "6.27", "5.0", "5.1")}


def test_targets_that_are_left_out_are_told() -> None:
    text = """target "a" {
  name = "a-${v}"
  matrix = { v = range(%d) }
  contexts = { x = "docker-image://redis:${v}" }
}
"""
    whole, cut = (extract(bake, text % number, "docker-bake.hcl") for number in (1_000, 1_001))
    assert not whole.problems
    assert [one.message for one in cut.problems] == [
        "more than 1000 targets; of the others nothing is read",
        *[one.message for one in whole.problems],
    ]
    assert len(cut.targets) == 1_000


ENDLESS = (
    "[for x in range(1000) : [for y in range(1000) : y]]",
    "f(1)",
    "V",
    '"' + "${" * 500,
    "(" * 500,
    "!" * 500 + "true",
    "1 / 0",
    'base64decode("?")',
    "element([], 0)",
    "{}.x",
)


@pytest.mark.parametrize("expression", ENDLESS)
def test_an_expression_ends_or_is_missing(expression: str) -> None:
    text = f"""\
variable "V" {{ default = "${{W}}" }}
variable "W" {{ default = "${{V}}" }}
function "f" {{
  params = [x]
  result = f(x)
}}
target "a" {{
  contexts = {{ x = "docker-image://a:${{{expression}}}" }}
}}
"""
    targets = extract(bake, text, "docker-bake.hcl").targets
    assert all(target.reference is None for target in targets)


LISTS = "".join(
    f'variable "{name}0" {{ default = [for i in range(512) : 1] }}\n'
    + "".join(
        f'variable "{name}{n}" {{ default = [for i in range(512) : {name}{n - 1}] }}\n'
        for n in range(1, 4)
    )
    for name in "AB"
)
WORDS = "".join(
    f'variable "W{n}" {{ default = "{",".join(f"{n}{i}" for i in range(9_000))}" }}\n'
    for n in range(3)
)
BOMBS = (
    (LISTS, 'join("", flatten(A2))'),
    (LISTS, 'A3 == B3 ? "1" : "2"'),
    (LISTS, 'contains([A3], B3) ? "1" : "2"'),
    (WORDS, 'length(distinct(concat(split(",", W0), split(",", W1), split(",", W2))))'),
    (WORDS, 'join("", [for i in range(1000) : W0])'),
    (WORDS, 'upper("' + "${W0}" * 5_000 + '")'),
)


@pytest.mark.parametrize(("variables", "expression"), BOMBS)
def test_what_is_larger_than_it_looks_is_not_made(variables: str, expression: str) -> None:
    text = f'{variables}target "a" {{ contexts = {{ x = "docker-image://a:${{{expression}}}" }} }}'
    begin = time.process_time()
    (target,) = extract(bake, text, "docker-bake.hcl").targets
    assert time.process_time() - begin < 10
    assert target.reference is None


def test_json() -> None:
    text = """\
{"target": {
  "a": {"contexts": {"alpine": "docker-image://alpine:3.19"}, "args": {"X": "docker-image://d:1"}},
  "b": {"inherits": ["a"], "contexts": {"redis": "docker-image://redis:${TAG}"}}},
 "variable": {"TAG": {"default": "7.2"}}}
"""
    assert shown(read(text, "docker-bake.json")) == [
        "docker-bake.json:2:48 alpine:3.19 -> docker.io/library/alpine:3.19",
        "docker-bake.json:3:66 redis:${TAG} -> docker.io/library/redis:7.2",
    ]


def test_builds() -> None:
    files = {
        "app/Dockerfile.x": "ARG BASE=debian:11\nARG N\n"
        "FROM $BASE AS a\nFROM node:$N\nFROM alpine\n"
    }
    text = """\
variable "N" {}
target "_common" { args = { BASE = "debian:12", N = N } }
target "app" {
  inherits = ["_common"]
  context = "app"
  dockerfile = "Dockerfile.x"
  contexts = { alpine = "docker-image://alpine:3.20" }
}
target "none" { dockerfile = "No" }
"""
    extraction = read(text, files=files)
    assert shown(extraction) == [
        "docker-bake.hcl:7:41 alpine:3.20 -> docker.io/library/alpine:3.20",
        "app/Dockerfile.x:3:6 $BASE -> docker.io/library/debian:12",
        "app/Dockerfile.x:4:6 node:$N -> missing N",
        "app/Dockerfile.x:5:6 alpine -> docker.io/library/alpine:latest",
    ]
    assert [one.text for one in extraction.targets if is_replaced(one)] == ["alpine"]
    (problem,) = extraction.problems
    assert "'No' was not read" in problem.message


def test_inline_dockerfiles() -> None:
    text = 'target "a" {\n  dockerfile-inline = <<EOT\nFROM busybox:1\nRUN x\nEOT\n}\n'
    assert shown(read(text)) == ["docker-bake.hcl:3:6 busybox:1 -> docker.io/library/busybox:1"]
    text = 'target "a" {\n  dockerfile-inline = <<-EOT\n    # c\n    FROM busybox:1\n  EOT\n}\n'
    assert shown(read(text)) == ["docker-bake.hcl:4:10 busybox:1 -> docker.io/library/busybox:1"]


@pytest.mark.parametrize("text", ['target "a" {', "a = = 1", 'a = "${"', "\x01"])
def test_not_hcl_is_a_problem(text: str) -> None:
    extraction = read(text)
    assert extraction.targets == ()
    assert extraction.problems[0].message == "not HCL"


def test_deep_nesting_is_a_problem() -> None:
    for text in ("a = " + "[" * 500 + "]" * 500, "a {" * 500 + "}" * 500):
        assert "deep" in read(text).problems[0].message
