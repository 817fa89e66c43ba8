"""Woodpecker and Drone: steps and services, as lists and by name."""

from __future__ import annotations

import pytest

from tagwatch.source import pipeline
from tagwatch.source.target import Extraction
from tests.source_sample import assert_exact, extract, shown

PATH = ".woodpecker/test.yaml"


def read(text: str, path: str = PATH) -> Extraction:
    extraction = extract(pipeline, text, path)
    assert_exact(extraction, {path: text})
    return extraction


@pytest.mark.parametrize(
    ("path", "recognized"),
    [
        (PATH, True),
        ("a/.woodpecker/release/x.yml", True),
        (".woodpecker.yml", True),
        (".woodpecker.test.yaml", True),
        (".drone.yml", True),
        ("sub/.drone-release.yaml", True),
        (".woodpecker/check.sh", False),
        ("linter/schema/.woodpecker/x.yml", False),
        ("linter/schema/.woodpecker.yml", True),
        ("woodpecker.yml", False),
        (".dronerc.yml", False),
    ],
)
def test_recognizes(path: str, recognized: bool) -> None:
    assert pipeline.recognizes(path, b"steps: []\n") is recognized
    assert pipeline.recognizes(path, b"") is recognized


def test_steps_by_name_and_an_anchor() -> None:
    extraction = read(
        "variables:\n  - &go 'docker.io/golang:1.27'\n"
        "clone:\n  git:\n    image: woodpeckerci/plugin-git:2.5.1\n"
        "steps:\n  vendor:\n    image: *go\n    commands: [go mod vendor]\n"
        "  lint: {image: 'golangci/golangci-lint:v2.1'}\n"
        "services:\n  - name: db\n    image: postgres:16\n"
    )
    assert [(one.text, one.group) for one in extraction.targets] == [
        ("woodpeckerci/plugin-git:2.5.1", "git"),
        ("docker.io/golang:1.27", "vendor"),
        ("golangci/golangci-lint:v2.1", "lint"),
        ("postgres:16", "db"),
    ]


def test_drone_has_documents_and_steps_without_an_image() -> None:
    extraction = read(
        "kind: pipeline\ntype: docker\nname: a\nsteps:\n- name: t\n  image: node:20\n"
        "- name: none\n  commands: [ls]\n---\nkind: pipeline\ntype: exec\nsteps: [{name: x}]\n"
        "---\nkind: secret\nname: s\nget: {path: p}\n",
        ".drone.yml",
    )
    assert shown(extraction) == [".drone.yml:6:10 node:20 -> docker.io/library/node:20"]


def test_a_variable_is_named() -> None:
    (target,) = read("steps:\n  - image: app/${REGION}:${CI_COMMIT_SHA}\n").targets
    assert target.reference is None
    assert target.missing == ("REGION", "CI_COMMIT_SHA")


def test_what_is_no_step_is_left() -> None:
    extraction = read("steps: [a, {image: }, {image: [x]}, {when: {image: y}}]\nservices: text\n")
    assert not extraction.targets
