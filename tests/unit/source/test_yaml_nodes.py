"""YAML nodes: the places of scalars, what a reader sees, and the limits."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tagwatch.source.text.image_text import text_range
from tagwatch.source.text.node import Mapping, Node, Scalar, Sequence
from tagwatch.source.text.yaml_nodes import load_yaml


def scalar(text: str | bytes, *keys: str) -> tuple[str, str, int, int]:
    """The value, the text at its place, and the 1-based line and column of the scalar at `keys`."""
    raw = text if isinstance(text, bytes) else text.encode()
    document = load_yaml(raw, "f.yaml")
    assert document.problems == ()
    root = document.roots[0]
    assert isinstance(root, Mapping)
    node = root.get(*keys)
    assert isinstance(node, Scalar)
    start, end = text_range(document, node)
    place = document.source.location(start, end)
    span = document.source.span(start, end)
    assert raw[span.start : span.end].decode() == document.source.text[start:end]
    return node.value, document.source.text[start:end], place.line, place.column


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: redis:7\n", ("redis:7", "redis:7", 1, 4)),
        ("a:   redis:7   # c\n", ("redis:7", "redis:7", 1, 6)),
        ("a: 'redis:7'\n", ("redis:7", "redis:7", 1, 5)),
        ('a: "redis:7" # c\n', ("redis:7", "redis:7", 1, 5)),
        ("a: &x redis:7\n", ("redis:7", "redis:7", 1, 7)),
        ("a: &x !!str redis:7\n", ("redis:7", "redis:7", 1, 13)),
        ("a: !!str &x 'redis:7'\n", ("redis:7", "redis:7", 1, 14)),
        ("a: &x # why\n  redis:7\n", ("redis:7", "redis:7", 2, 3)),
        ("a: !<tag:yaml.org,2002:str> redis:7\n", ("redis:7", "redis:7", 1, 29)),
        ("a: >-\n  redis:7\n", ("redis:7", "redis:7", 2, 3)),
        ("a: |- # why\n    redis:7\n\n\n", ("redis:7", "redis:7", 2, 5)),
        ("a: &x |-\n  redis:7\n", ("redis:7", "redis:7", 2, 3)),
        ("a: |\n  redis:7\n", ("redis:7\n", "redis:7", 2, 3)),
        ('a: "redis\\x3a7"\n', ("redis:7", "redis\\x3a7", 1, 5)),
        ("b: 'é\u2028ü'\na: redis:7\n", ("redis:7", "redis:7", 2, 4)),
        ("b: ü\u0085\na: redis:7\n", ("redis:7", "redis:7", 2, 4)),
        ("{b: é, a: redis:7}\n", ("redis:7", "redis:7", 1, 11)),
        (b"\xef\xbb\xbfa: redis:7\r\nb: 1\r\n", ("redis:7", "redis:7", 1, 4)),
        (b"\xef\xbb\xbfb: \xc3\xa9\r\na: redis:7\r\n", ("redis:7", "redis:7", 2, 4)),
        ("\n\n  \na:\n  redis:7", ("redis:7", "redis:7", 5, 3)),
        ("--- \n# c\na: redis:7\n...\n", ("redis:7", "redis:7", 3, 4)),
        ("? a\n: redis:7\n", ("redis:7", "redis:7", 2, 3)),
    ],
)
def test_place(text: str | bytes, expected: tuple[str, str, int, int]) -> None:
    assert scalar(text, "a") == expected


def test_merges_and_duplicates() -> None:
    raw = b"base: &b {image: a, x: 1}\nmore: &m {image: c, y: 2}\n"
    raw += b"s: {<<: [*b, *m], image: d}\nt: {<<: *b}\nu: {image: e, image: f}\n"
    document = load_yaml(raw, "f.yaml")
    (root,) = document.roots
    assert isinstance(root, Mapping)
    assert [root.scalar(key, "image").value for key in "stu"] == ["d", "a", "f"]  # type: ignore[union-attr]  # all are scalars
    assert root.mapping("s").entries.keys() == {"image", "x", "y"}  # type: ignore[union-attr]  # a mapping
    (problem,) = document.problems
    assert "'image'" in problem.message
    assert str(problem.location) == "f.yaml:5:15"


@pytest.mark.parametrize("text", ["", "~", "null", "!reset [1]", "!reset null"])
def test_null_is_absent(text: str) -> None:
    document = load_yaml(f"a: {text}\n".encode(), "f.yaml")
    (root,) = document.roots
    assert isinstance(root, Mapping)
    assert root.scalar("a") is None


@pytest.mark.parametrize(
    ("text", "is_string"),
    [
        *((text, False) for text in ("3.10", "16", "1e3", "true", "0x1F")),
        *((text, True) for text in ("1.2.3", "'16'", "!!str 16", "7-alpine", "v1")),
    ],
)
def test_is_string(text: str, is_string: bool) -> None:
    document = load_yaml(f"a: {text}\n".encode(), "f.yaml")
    (root,) = document.roots
    assert isinstance(root, Mapping)
    node = root.scalar("a")
    assert node is not None
    assert node.is_string is is_string


def test_documents_before_an_error_are_kept() -> None:
    document = load_yaml(b"a: 1\n---\nb: [1\n---\nc: 1\n", "f.yaml")
    assert isinstance(document.roots[0], Mapping)
    assert document.roots[0].scalar("a") is not None
    (problem,) = document.problems
    assert problem.message.startswith("not YAML from here on")
    assert problem.location.line in (3, 4)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"a: &a [*a, *a]\n",
        b"x: &x {<<: *x, a: 1}\n",
        b"a: \xff\n",
        "a: é\n".encode("utf-16"),
        b"a: \x00\n",
        b"a: *nowhere\n",
        b"%YAML 9.9\n---\na: 1\n",
        b"a: !!int [\n",
    ],
)
def test_hostile_text_is_a_problem_or_nothing(raw: bytes) -> None:
    started = time.process_time()
    document = load_yaml(raw, "f.yaml")
    for root in document.roots:
        if isinstance(root, Mapping):
            assert isinstance(root.entries, dict)
    assert time.process_time() - started < 2
    if not raw.startswith((b"a: &a", b"x: &x")):
        assert document.problems


def test_nested_aliases_stay_small() -> None:
    lines = ["a0: &a0 {x: y}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 30)]
    started = time.process_time()
    document = load_yaml("\n".join(lines).encode(), "f.yaml")
    assert time.process_time() - started < 2
    assert any("merged keys" in problem.message for problem in document.problems)


def plain(node: Node) -> object:
    """The node as PyYAML's own constructor without types would give it."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {str(key): plain(value) for key, value in node.entries.items()}


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufeff"))
trees = st.recursive(
    texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=12
)


@settings(max_examples=150, deadline=None)
@given(trees, st.sampled_from([None, '"', "'", "|", ">"]), st.booleans())
def test_values_agree_with_pyyaml(tree: object, style: str | None, flow: bool) -> None:
    text = yaml.safe_dump(
        {"k": tree}, default_style=style, default_flow_style=flow, allow_unicode=True
    )
    document = load_yaml(text.encode(), "f.yaml")
    (root,) = document.roots
    assert isinstance(root, Mapping)
    value = root.entries["k"]
    if "<<" not in text:
        assert plain(value) == yaml.load(text, yaml.BaseLoader)["k"]


def test_an_anchor_ends_where_libyaml_ends_it() -> None:
    document = load_yaml(b"&-:<", "f.yaml")
    (node,) = document.roots
    assert isinstance(node, Scalar)
    assert document.source.text[node.start : node.end] == node.value == ":<"


@example("!\n\ufeff<")
@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"#\n \té\u2028\ufeff<%@`~"), max_size=40))
def test_any_text_gives_nodes_or_problems(text: str) -> None:
    document = load_yaml(text.encode(), "f.yaml")
    for problem in document.problems:
        assert problem.location.line >= 1
    stack = list(document.roots)
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Sequence):
            stack += node.items
        elif isinstance(node, Mapping):
            stack += node.entries.values()
        else:
            start, end = text_range(document, node)
            assert 0 <= start <= end <= len(document.source.text)
            shown = document.source.text[start:end]
            if not node.style and not set(shown) & set("\n\r\x85\u2028\u2029"):
                assert shown == node.value


@pytest.mark.parametrize(
    ("text", "is_template"),
    [
        ("# {{ }}\nservices:\n  b: [\n", False),
        ("services:\n  b: [ # {{ x }}\n", False),
        ('a: "{{ x }}" b\n', False),
        ("a: '{{ x }}' b\n", False),
        ("a: {{ .x }}-c\n", True),
        ("{{- if .x }}\na: 1\n{{- end }}\n", True),
        ("a: 1\n{{ if y }}\n\n# c\n\nb: 1\n", True),
        ("{{ .a }}: 1\n\n\nb: 1\nc: 1\nd: [}\n", False),
    ],
)
def test_a_template_is_known_where_the_text_goes_wrong(text: str, is_template: bool) -> None:
    """A comment with a marker hides no error."""
    (problem,) = load_yaml(text.encode(), "x.yaml").problems
    assert problem.skipped is is_template
    assert ("template" in problem.message) is is_template
