"""GitLab CI: both forms of image and services, variables, extends and local includes."""

from __future__ import annotations

import time

import pytest

from tagwatch.source import gitlab_ci
from tagwatch.source.target import Extraction
from tests.source_sample import assert_exact, extract, shown

PATH = ".gitlab-ci.yml"


def read(text: str, files: dict[str, str] | None = None) -> Extraction:
    extraction = extract(gitlab_ci, text, PATH, files)
    assert_exact(extraction, {PATH: text, **(files or {})})
    return extraction


def answers(extraction: Extraction) -> list[str]:
    return [line.removeprefix(f"{PATH}:") for line in shown(extraction)]


@pytest.mark.parametrize(
    ("path", "head", "recognized"),
    [
        (PATH, b"", True),
        ("ci/build.gitlab-ci.yml", b"", True),
        (".gitlab/ci/build.yml", b"build:\n  script: [x]\n", True),
        (".gitlab/agents/x.yml", b"a: 1\n", False),
        ("x.yml", b"stages: [a]\nbuild:\n  script: [x]\n", True),
        ("x.yml", b"build:\n  script: [x]\n", False),
        ("x.yml", b"# c\ntest:\n  stage: test\n  image: node:12\n  script:\n    - x\n", True),
        ("x.yml", b".a:\n  script: [x]\nb:\n  c: {}\n'd e':\n  image: x\n  script: y\n", True),
        ("x.yml", b"a:\n  steps:\n    image: x\n    script: y\n", False),
        ("x.yml", b"image: x\nscript: [y]\n", False),
        ("azure-pipelines.yml", b"trigger: [main]\nstages:\n- x\n  script: y\n", False),
        ("x.yml", b"on: push\njobs:\n  a:\n    script: x\nstages: []\n", False),
    ],
)
def test_recognizes(path: str, head: bytes, recognized: bool) -> None:
    assert gitlab_ci.recognizes(path, head) is recognized


def test_forms_and_decoys() -> None:
    extraction = read(
        """\
variables: {image: decoy:1, TAG: "20", FULL: {value: "ruby:$V", description: x}, V: "3.3"}
image: python:3.12
services: [postgres:16]
default:
  image: {name: "golang:1.22", entrypoint: [""]}
.hidden:
  image: &n node:${TAG}-alpine
build:
  extends: .hidden
  script: ["echo image: decoy:2"]
own:
  image: $FULL
  services: [redis:7, {name: 'mysql:8', alias: db}]
  artifacts: {reports: {image: decoy:3}}
again: {image: *n, script: [a]}
ref: {image: !reference [own, image], services: !reference [own, services], script: [a]}
ci: {image: $CI_REGISTRY_IMAGE/build:$$x, script: [a]}
arm:
  image: {name: alpine:3, docker: {platform: linux/arm64/v8}}
pages: {image: "$[[ inputs.image ]]", script: [a]}
"""
    )
    assert answers(extraction) == [
        "2:8 python:3.12 -> docker.io/library/python:3.12",
        "3:12 postgres:16 -> docker.io/library/postgres:16",
        "5:18 golang:1.22 -> docker.io/library/golang:1.22",
        "7:13 node:${TAG}-alpine -> docker.io/library/node:20-alpine",
        "12:10 $FULL -> docker.io/library/ruby:3.3",
        "13:14 redis:7 -> docker.io/library/redis:7",
        "13:31 mysql:8 -> docker.io/library/mysql:8",
        "17:13 $CI_REGISTRY_IMAGE/build:$$x -> missing CI_REGISTRY_IMAGE",
        "19:17 alpine:3 -> docker.io/library/alpine:3",
        "20:17 $[[ inputs.image ]] -> missing inputs.image",
    ]
    arm = extraction.targets[8]
    assert (arm.platform, arm.group) == ("linux/arm64", "arm")
    full = extraction.targets[4]
    assert [(field.text, field.template) for field in full.fields] == [
        ("3.3", "ruby:{}"),
        ("ruby:", "{}3.3"),
    ]


def test_a_job_gives_its_variables_to_what_it_inherits() -> None:
    extraction = read(
        """\
image: python:$V
variables: {V: "3.11"}
.base: {image: "node:$N", variables: {N: "18"}}
.mid: {extends: [.base], variables: {N: "20"}}
a: {extends: .mid, script: [x]}
b: {extends: .mid, variables: {N: "22"}, script: [x]}
c: {variables: {V: "3.12"}, script: [x]}
d: {script: [x]}
e: {script: [x], image: "ruby:$R", parallel: {matrix: [{R: ["3.2", "3.3"]}]}}
f: {trigger: x/y, variables: {V: "9"}}
g: {extends: .mid, image: null, script: [x]}
"""
    )
    assert [line.partition(" -> ")[2] for line in answers(extraction)] == [
        "docker.io/library/python:3.12",
        "docker.io/library/python:3.11",
        "docker.io/library/node:20",
        "docker.io/library/node:22",
        "missing R",
    ]


def test_local_includes() -> None:
    files = {
        "ci/jobs.yml": "include: /ci/more.yml\nx: {image: 'node:$N', script: [a]}\n"
        "variables: {N: '18', M: '1'}\n",
        "ci/more.yml": "y: {extends: .t, script: [a]}\n.t: {image: 'mongo:$M'}\n",
    }
    extraction = read("include:\n- local: ci/jobs.yml\nvariables: {N: '20'}\n", files)
    assert sorted(shown(extraction)) == [
        "ci/jobs.yml:2:13 node:$N -> docker.io/library/node:20",
        "ci/more.yml:2:14 mongo:$M -> docker.io/library/mongo:1",
    ]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("{project: a/b, file: c.yml}", "was not read"),
        ("{remote: 'https://example.com/x.yml'}", "was not read"),
        ("https://example.com/x.yml", "was not read"),
        ("{component: $CI_SERVER_FQDN/x@1}", "was not read"),
        ("{local: 'ci/*.yml'}", "was not resolved"),
        ("{local: none.yml}", "'none.yml' was not read"),
    ],
)
def test_other_includes_are_said(item: str, message: str) -> None:
    (problem,) = read(f"include: [{item}]\na: {{image: x, script: [a]}}\n").problems
    assert problem.skipped
    assert message in problem.message


def test_hostile_pipelines_end() -> None:
    started = time.process_time()
    variables = "".join(f"  V{n}: $V{n + 1}$V{n + 1}\n" for n in range(60))
    extraction = read(f"variables:\n{variables}  V60: ''\na: {{image: $V0, script: [x]}}\n")
    assert extraction.targets[0].reference is None
    extraction = read("variables: {A: $B, B: $A}\na: {image: $A, script: [x]}\n")
    assert extraction.targets[0].missing == ("A",)
    bases = ", ".join(f".b{n}" for n in range(200))
    jobs = "".join(f".b{n}: {{extends: [{bases}]}}\n" for n in range(200))
    assert read(f"{jobs}a: {{extends: [{bases}], script: [x]}}\n").targets == ()
    assert time.process_time() - started < 5


def test_references_to_other_jobs_keys() -> None:
    text = """\
.tools/image: alpine:3.20
.images:
  db: [postgres:16, {name: redis:7}]
  chain: !reference [.tools/image]
.vars:
  variables: {TAG: "1.2", OTHER: x}
a:
  variables: {TAG: !reference [.vars, variables, TAG]}
  image: !reference [.images, chain]
  services:
  - !reference [.images, db]
  - name: "mysql:$TAG"
  script: x
b:
  variables: !reference [.vars, variables]
  image: {name: "node:$OTHER"}
  services: !reference [.images, db]
  script: x
c:
  image: !reference [.missing, image]
  services: [!reference [c, services]]
  script: x
"""
    extraction = read(text)
    assert [line.partition(":")[2] for line in shown(extraction)] == [
        "1:15 alpine:3.20 -> docker.io/library/alpine:3.20",
        "3:8 postgres:16 -> docker.io/library/postgres:16",
        "3:28 redis:7 -> docker.io/library/redis:7",
        "12:12 mysql:$TAG -> docker.io/library/mysql:1.2",
        "16:18 node:$OTHER -> docker.io/library/node:x",
    ]


def test_references_that_multiply_end() -> None:
    fan = ", ".join(["!reference [.l{}]"] * 40)
    lists = "".join(f".l{i}: [{fan.replace('{}', str(i + 1))}]\n" for i in range(12))
    jobs = "".join(f"j{i}:\n  services: !reference [.s]\n  script: x\n" for i in range(300))
    shared = ".s: [" + ", ".join(f"a:{i}-$X" for i in range(100)) + "]\n"
    text = lists + ".l12: [a:1]\nj:\n  services: !reference [.l0]\n  script: x\n" + jobs + shared
    extraction = read(text)
    assert len(extraction.targets) == 101
    assert any("images of jobs" in problem.message for problem in extraction.problems)


def test_variables_that_a_rule_sets_or_a_job_does_not_inherit() -> None:
    text = """\
variables: {V: "1", W: "2", X: "3"}
workflow:
  rules: [{if: $A, variables: {W: w}}, {when: always}]
rule:
  rules: [{if: $A, variables: {V: "7"}}]
  image: app:$V
  script: x
global: {image: "app:$W", script: x}
own: {variables: {W: "5"}, image: "app:$W", script: x}
none: {inherit: {variables: false}, image: "app:$X", script: x}
some: {inherit: {variables: [X]}, image: "app:$X", services: ["db:$V"], script: x}
.base: {inherit: {variables: false}}
child: {extends: .base, image: "app:$X", script: x}
"""
    assert [line.partition(" -> ")[2] for line in answers(read(text))] == [
        "missing V",
        "missing W",
        "docker.io/library/app:5",
        "missing X",
        "docker.io/library/app:3",
        "missing V",
        "missing X",
    ]
