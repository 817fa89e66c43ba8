"""Dev containers: JSON with comments, builds, features and Compose files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.source import devcontainer
from tagwatch.source.target import Extraction
from tagwatch.source.text.json_nodes import load_json
from tagwatch.source.text.node import Mapping, Node, Scalar, Sequence
from tests.source_sample import assert_exact, extract, shown

PATH = ".devcontainer/devcontainer.json"


def read(text: str, files: dict[str, str] | None = None) -> Extraction:
    extraction = extract(devcontainer, text, PATH, files)
    assert_exact(extraction, {PATH: text, **(files or {})})
    return extraction


@pytest.mark.parametrize(
    ("path", "head", "recognized"),
    [
        (PATH, b"", True),
        (".devcontainer.json", b"", True),
        ("a/.devcontainer/py/devcontainer.json", b"", True),
        ("x.json", b'{"image": "a", "remoteUser": "b"}', True),
        ("package.json", b'{"name": "image"}', False),
        (".devcontainer/devcontainer-lock.json", b'{"features": {}}', False),
    ],
)
def test_recognizes(path: str, head: bytes, recognized: bool) -> None:
    assert devcontainer.recognizes(path, head) is recognized


def test_image_features_and_caches() -> None:
    extraction = read(
        """\
// see https://aka.ms/devcontainer.json
{
  "name": "image: decoy:1", /* "image": "decoy:2" */
  "image": "mcr.microsoft.com/devcontainers/base:bookworm", // tagwatch: ignore=tag-moving
  "features": {
    "ghcr.io/devcontainers/features/node:1": {"version": "lts", "image": "decoy:3"},
    "./local": {},
    "https://example.com/f.tgz": {}, "github/codespaces/x": {}
  },
  "build": {"cacheFrom": ["ghcr.io/o/dev:latest", "type=registry,ref=o/c:1", "type=gha"]},
  "customizations": {"image": "decoy:4"},
}
"""
    )
    assert [line.removeprefix(f"{PATH}:") for line in shown(extraction)] == [
        "4:13 mcr.microsoft.com/devcontainers/base:bookworm"
        " -> mcr.microsoft.com/devcontainers/base:bookworm",
        "10:28 ghcr.io/o/dev:latest -> ghcr.io/o/dev:latest",
        "10:70 o/c:1 -> docker.io/o/c:1",
        "6:6 ghcr.io/devcontainers/features/node:1 -> ghcr.io/devcontainers/features/node:1",
    ]
    assert [len(target.ignores) for target in extraction.targets] == [1, 0, 0, 0]
    assert extraction.targets[3].facts == {"artifact": "feature"}


def test_a_feature_with_tag_and_digest_is_none() -> None:
    """The CLI's `getRef` reads the name as `ghcr.io/o/f:1`, and refuses that."""
    digest = "sha256:" + "c0ffee00" * 8
    text = f'{{"features": {{"ghcr.io/o/f:1@{digest}": {{}}, "ghcr.io/o/g@{digest}": {{}}}}}}'
    both, alone = read(text).targets
    assert (both.reference, both.fields) == (None, ())
    assert both.invalid == (
        f"a feature takes a tag or a digest, not both (write ghcr.io/o/f@{digest})"
    )
    assert str(alone.reference) == f"ghcr.io/o/g@{digest}"


def test_local_environment_is_not_known() -> None:
    assert shown(read('{"image": "a:${localEnv:TAG}"}')) == [
        f"{PATH}:1:12 a:${{localEnv:TAG}} -> missing localEnv:TAG"
    ]


def test_build_and_compose() -> None:
    dockerfile = "ARG V\nFROM alpine:$V AS a\nFROM debian:12 AS b\n"
    text = '{"build": {"dockerfile": "../Dockerfile", "args": {"V": "3.20"}, "target": "a"}}'
    assert shown(read(text, {"Dockerfile": dockerfile})) == [
        "Dockerfile:2:6 alpine:$V -> docker.io/library/alpine:3.20"
    ]
    text = (
        '{"build": {"dockerfile": "../Dockerfile", "args": {"V": "${localEnv:V}"}, "target": "a"}}'
    )
    assert shown(read(text, {"Dockerfile": dockerfile})) == [
        "Dockerfile:2:6 alpine:$V -> missing V"
    ]
    text = '{"dockerComposeFile": ["../compose.yaml", "none.yml"], "service": "a"}'
    extraction = read(text, {"compose.yaml": "services: {a: {image: 'x:$T'}}\n", ".env": "T=1\n"})
    assert shown(extraction) == ["compose.yaml:1:24 x:$T -> docker.io/library/x:1"]
    assert "'.devcontainer/none.yml' was not read" in extraction.problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        '{"image": "a:1", "x"',
        '{"image": "a:1"} {}',
        '{"image": "a:1", 5: }',
        '{"image": "a:1", ]',
        '{"image": "a:1", "x": "\\x"}',
        '{"image": "a:1", "x": \'y\'}',
    ],
)
def test_what_stands_before_an_error_is_kept(text: str) -> None:
    extraction = read(text)
    assert shown(extraction) == [f"{PATH}:1:12 a:1 -> docker.io/library/a:1"]
    assert extraction.problems[0].message.startswith("not JSON from here on")


def test_deep_nesting_is_a_problem() -> None:
    assert "deep" in read("[" * 100_000).problems[0].message


def plain(node: Node) -> object:
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value if node.style else json.loads(node.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda k: k != "<<"), inner),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(values, st.booleans())
def test_values_agree_with_json(value: object, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=1)
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    document = load_json(raw, "x.json")
    assert document.problems == ()
    assert plain(document.roots[0]) == value


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('{}[]:,"/*\\ \nab1.é-'), max_size=40))
def test_any_text_gives_nodes_or_problems(text: str) -> None:
    document = load_json(text.encode(), "x.json")
    for root in document.roots:
        if isinstance(root, Scalar):
            assert 0 <= root.start <= root.end <= len(text)


@pytest.mark.parametrize("mark", ["{%- if x %}", "{{ x }}", '"k": {{ x }}', "<%= x %>"])
def test_a_template_of_json_is_called_one(mark: str) -> None:
    """ "Not JSON: a key is a text", its author was told to correct."""
    (problem,) = read('{"image": "a:1", ' + mark + "}").problems
    assert problem.message == "a template of a JSON file was not read from here on"
    assert problem.hint == "check what the template makes"
