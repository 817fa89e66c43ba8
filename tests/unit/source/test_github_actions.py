"""GitHub Actions: containers, services, docker:// steps and actions."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from tagwatch.source import github_actions
from tagwatch.source.target import Extraction
from tests.source_sample import assert_exact, extract, shown

PATH = ".github/workflows/ci.yml"
D = "sha256:" + "0badcafe" * 8


def read(text: str, path: str = PATH, files: dict[str, str] | None = None) -> Extraction:
    extraction = extract(github_actions, text, path, files)
    assert_exact(extraction, {path: text, **(files or {})})
    return extraction


@pytest.mark.parametrize(
    ("path", "head", "recognized"),
    [
        (PATH, b"", True),
        ("a/.gitea/workflows/x.yaml", b"", True),
        (".github/workflows/sub/x.yml", b"", False),
        (".github/dependabot.yml", b"version: 2\n", False),
        ("action.yml", b"", True),
        ("a/action.yaml", b"name: x\nruns:\n  using: docker\n", True),
        ("action.yml", b"name: x\n", False),
        ("x.yml", b'"on": push\njobs:\n  a: {}\n', True),
        ("x.yml", b"jobs:\n  a: {}\n", False),
    ],
)
def test_recognizes(path: str, head: bytes, recognized: bool) -> None:
    assert github_actions.recognizes(path, head) is recognized


def test_workflow() -> None:
    extraction = read(
        """\
on: push
env: {image: decoy:1}
jobs:
  a:
    container: node:22
    services:
      db: {image: "postgres:16", ports: [5432:5432]}
      off: {image: ""}
    steps:
    - uses: actions/checkout@v4
    - uses: docker://busybox:1.36
    - uses: 'docker://ghcr.io/o/x@DIGEST' # v1
    - run: "image: decoy:2"
      with: {image: decoy:3}
  b:
    container: {image: python:3.12, env: {image: decoy:4}}
  c:
    container: ${{ matrix.image }}
    strategy: {matrix: {image: [tested:5]}}
    services: {r: {image: "${{ inputs.r || 'redis:7' }}"}}
  d: {uses: ./.github/workflows/x.yml, container: null}
""".replace("DIGEST", D)
    )
    assert [line.removeprefix(f"{PATH}:") for line in shown(extraction)] == [
        "5:16 node:22 -> docker.io/library/node:22",
        "7:20 postgres:16 -> docker.io/library/postgres:16",
        "11:22 busybox:1.36 -> docker.io/library/busybox:1.36",
        f"12:23 ghcr.io/o/x@{D} -> ghcr.io/o/x@{D}",
        "16:24 python:3.12 -> docker.io/library/python:3.12",
        "19:33 tested:5 -> docker.io/library/tested:5",
        "20:28 ${{ inputs.r || 'redis:7' }} -> missing inputs.r || 'redis:7'",
    ]
    assert [target.group for target in extraction.targets] == ["a"] * 4 + ["b"] + ["c"] * 2
    assert [field.name for field in extraction.targets[3].fields] == ["reference", "comment"]


def test_anchors_are_read_once() -> None:
    text = (
        "on: push\njobs:\n  a: &j\n    container: &c {image: node:18}\n"
        "  b: *j\n  c: {container: *c}\n  d: {<<: *j}\n"
    )
    assert shown(read(text)) == [f"{PATH}:4:27 node:18 -> docker.io/library/node:18"]


def test_actions() -> None:
    text = "runs:\n  using: docker\n  image: Docker://debian:12\n"
    assert shown(read(text, "action.yml")) == [
        "action.yml:3:19 debian:12 -> docker.io/library/debian:12"
    ]
    text = "runs: {using: composite, steps: [{uses: docker://alpine}, {uses: ./x}]}\n"
    assert shown(read(text, "action.yml")) == [
        "action.yml:1:50 alpine -> docker.io/library/alpine:latest"
    ]
    text = "runs: {using: docker, image: Dockerfile}\n"
    extraction = read(text, "a/action.yml", {"a/Dockerfile": "FROM alpine:3\n"})
    assert shown(extraction) == ["a/Dockerfile:1:6 alpine:3 -> docker.io/library/alpine:3"]
    assert "'a/Dockerfile' was not read" in read(text, "a/action.yml").problems[0].message


def test_images_that_a_matrix_lists() -> None:
    """ "matrix.image has no value here", a check said, and twenty lines above stood the values."""
    text = """\
on: push
jobs:
  a:
    strategy:
      matrix:
        image: ["quay.io/a/b:1", "${{ vars.IMAGE }}"]
        on: [{image: c/d:2, os: x}, {os: y}]
        pg: [12, 13]
        include: [{image: e/f:3}, {os: z}]
    container: ${{ matrix.image }}
    services:
      on: {image: "${{matrix.on.image}}"}
      pg: {image: "postgres:${{ matrix.pg }}"}
      no: {image: "${{ matrix.no }}"}
  b:
    strategy: {matrix: "${{ fromJSON(needs.a.outputs.m) }}"}
    container: ${{ matrix.image }}
"""
    extraction = extract(github_actions, text, ".github/workflows/x.yml")
    assert_exact(extraction, {".github/workflows/x.yml": text})
    assert [line.partition("yml:")[2] for line in shown(extraction)] == [
        "6:18 quay.io/a/b:1 -> quay.io/a/b:1",
        "6:35 ${{ vars.IMAGE }} -> missing vars.IMAGE",
        "9:27 e/f:3 -> docker.io/e/f:3",
        "7:22 c/d:2 -> docker.io/c/d:2",
        "13:20 postgres:${{ matrix.pg }} -> missing matrix.pg",
        "14:20 ${{ matrix.no }} -> missing matrix.no",
        "17:16 ${{ matrix.image }} -> missing matrix.image",
    ]


def test_a_matrix_that_is_partly_made_when_the_workflow_runs() -> None:
    """What it lists here is not all: a silence about the rest would read as clean."""
    text = """\
on: push
jobs:
  a:
    strategy: {matrix: {image: "${{ fromJSON(inputs.images) }}", include: [{image: a:1}]}}
    container: ${{ matrix.image }}
  b:
    strategy: {matrix: {image: [b:1], include: "${{ fromJSON(inputs.more) }}"}}
    container: ${{ matrix.image }}
  c:
    strategy: {matrix: {on: [{image: c:1}, "${{ fromJSON(inputs.one) }}"]}}
    container: ${{ matrix.on.image }}
  d:
    strategy: {matrix: {on: [{image: d:1}], include: [{on: {image: d:2}}, "${{ inputs.x }}"]}}
    container: ${{ matrix.on.image }}
  e: {strategy: {matrix: {os: [x]}}, container: "${{ matrix.image }}"}
  f: {strategy: {matrix: {os: [x]}}, container: "${{ matrix.image }}"}
"""
    found = [line.partition("yml:")[2] for line in shown(read(text))]
    assert found == [
        "4:84 a:1 -> docker.io/library/a:1",
        "5:16 ${{ matrix.image }} -> missing matrix.image",
        "7:33 b:1 -> docker.io/library/b:1",
        "8:16 ${{ matrix.image }} -> missing matrix.image",
        "10:38 c:1 -> docker.io/library/c:1",
        "11:16 ${{ matrix.on.image }} -> missing matrix.on.image",
        "13:38 d:1 -> docker.io/library/d:1",
        "13:68 d:2 -> docker.io/library/d:2",
        "14:16 ${{ matrix.on.image }} -> missing matrix.on.image",
        "15:50 ${{ matrix.image }} -> missing matrix.image",
        "16:50 ${{ matrix.image }} -> missing matrix.image",
    ]


def test_jobs_that_share_a_long_matrix_are_read_in_time() -> None:
    """A workflow of 100 kB took minutes: each of its jobs went through the list of them all."""
    listed = "".join(f"        - {{image: 'a:{number}'}}\n" for number in range(2_000))
    jobs = "".join(
        f"  j{number}: {{strategy: *s, container: '${{{{ matrix.image }}}}'}}\n"
        for number in range(1_000)
    )
    text = (
        f"on: push\njobs:\n  j:\n    strategy: &s\n      matrix:\n        include:\n{listed}{jobs}"
    )
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        targets = read(text).targets
    finally:
        sys.setprofile(None)
    assert len(targets) == 257  # no matrix makes more jobs than 256; that there are more is said
    assert targets[-1].missing == ("matrix.image",)
    assert calls < 2_000_000
