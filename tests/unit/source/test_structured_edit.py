"""Edits of structured files: a pin and a bump change the reference and no other byte."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import pytest

from tagwatch.source.edit import apply, bump, pin
from tagwatch.source.target import Source, Target
from tests.source_sample import extract

OLD = "sha256:" + "0badcafe" * 8
NEW = "sha256:" + "c0ffee00" * 8

# Source, path, text, files beside it, and the file that is edited. The first target is redis 7.2.
CASES = [
    ("compose", "compose.yaml", "services: {a: {image: redis:7.2}} # c\n", {}, ""),
    ("compose", "compose.yaml", "services:\r\n  a:\r\n    image: 'redis:7.2'\r\n", {}, ""),
    ("compose", "compose.yaml", '\ufeffservices: {é: {image: "redis:7.2"}}', {}, ""),
    ("compose", "compose.yaml", "services:\n  a:\n    image: >-\n      redis:7.2\n", {}, ""),
    (
        "compose",
        "compose.yaml",
        "services: {a: {image: 'redis:${T}'}}",
        {".env": "T=7.2 # x\n"},
        ".env",
    ),
    ("compose", "compose.yaml", "services: {a: {image: 'redis:${T:-7.2}'}}", {}, ""),
    ("kubernetes", "k.yaml", "kind: Pod\nspec: {containers: [{image: &x redis:7.2}]}\n", {}, ""),
    ("github_actions", ".github/workflows/x.yml", "jobs: {a: {container: redis:7.2}}\n", {}, ""),
    ("github_actions", "action.yml", "runs: {image: 'docker://redis:7.2'}\n", {}, ""),
    ("gitlab_ci", ".gitlab-ci.yml", "a: {image: {name: redis:7.2}, script: [x]}\n", {}, ""),
    ("gitlab_ci", ".gitlab-ci.yml", "variables: {T: '7.2'}\na: {image: redis:$T}\n", {}, ""),
    ("devcontainer", "devcontainer.json", '{"image": "redis:7.2", /* é */}', {}, ""),
    (
        "bake",
        "docker-bake.json",
        '{"target": {"a": {"contexts": {"x": "docker-image://redis:7.2"}}}}',
        {},
        "",
    ),
    (
        "bake",
        "docker-bake.hcl",
        'target "a" {\n  contexts = { x = "docker-image://redis:7.2" }\n}',
        {},
        "",
    ),
    (
        "bake",
        "docker-bake.hcl",
        'variable "T" { default = "7.2" }\n'
        'target "a" { contexts = { x = "docker-image://redis:${T}" } }',
        {},
        "",
    ),
    ("kustomize", "kustomization.yaml", "images: [{name: redis, newTag: '7.2'}]\n", {}, ""),
    (
        "kustomize",
        "kustomization.yaml",
        f"images: [{{name: redis, newTag: '7.2', digest: '{OLD}'}}]\n",
        {},
        "",
    ),
    ("helm", "values.yaml", "image: {repository: redis, tag: '7.2'}\n", {}, ""),
    (
        "helm",
        "values.yaml",
        f"image:\n  repository: redis\n  tag: '7.2-x'\n  digest: {OLD} # why\n",
        {},
        "",
    ),
    (
        "helm",
        "values.yaml",
        f"image:\n  repository: redis\n  tag: '7.2'\n  sha: {OLD[7:]}\n",
        {},
        "",
    ),
    ("helm", "values.yaml", "image: redis:7.2\n", {}, ""),
]


def read(name: str, path: str, texts: dict[str, bytes]) -> Target:
    source = cast(Source, import_module(f"tagwatch.source.{name}"))
    return extract(source, texts[path], path, texts).targets[0]


@pytest.mark.parametrize(("name", "path", "text", "files", "edited"), CASES)
@pytest.mark.parametrize("pinning", [True, False])
def test_edit(
    name: str, path: str, text: str, files: dict[str, str], edited: str, pinning: bool
) -> None:
    texts = {path: text.encode()} | {key: value.encode() for key, value in files.items()}
    target = read(name, path, texts)
    assert target.reference is not None
    had_digest = target.reference.digest is not None
    fix = pin(target, "7.4", NEW) if pinning else bump(target, "7.4", NEW if had_digest else None)
    assert fix is not None
    where = edited or path
    assert fix.path == where
    before = texts[where]
    texts[where] = apply(before, [fix])
    after = read(name, path, texts)
    assert after.reference is not None
    assert after.reference.repository == target.reference.repository
    assert after.reference.tag == "7.4"
    assert after.reference.digest == (NEW if pinning or had_digest else None)
    old, new = before.decode(), texts[where].decode()
    for written in ("7.4", f"@{NEW}", NEW, NEW[7:]):
        new = new.replace(written, "")
    for written in ("7.2-x", "7.2", OLD, OLD[7:]):
        old = old.replace(written, "")
    assert new == old
    again = pin(after, "7.4", NEW) if pinning else bump(after, "7.4", NEW if had_digest else None)
    assert again is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("images:\n- name: a\n  newTag: v1\n", 'images:\n- name: a\n  newTag: "3.10"\n'),
        ("images:\n- name: a\n  newTag: 'v1'\n", "images:\n- name: a\n  newTag: '3.10'\n"),
    ],
)
def test_a_tag_that_would_become_a_number_is_quoted(text: str, expected: str) -> None:
    target = read("kustomize", "kustomization.yaml", {"kustomization.yaml": text.encode()})
    fix = bump(target, "3.10")
    assert fix is not None
    assert apply(text.encode(), [fix]).decode() == expected


def test_no_edit_where_the_file_spells_it_otherwise() -> None:
    for value in ('"redis\\x3a7.2"', '"redis:\\\n  7.2"'):
        text = f"services: {{a: {{image: {value}}}}}\n".encode()
        target = read("compose", "compose.yaml", {"compose.yaml": text})
        assert target.reference is not None
        assert pin(target, "7.4", NEW) is None
