"""Damaged files in every source: no crash, no hang, exact spans, the same answer twice."""

from __future__ import annotations

import time
from datetime import timedelta
from importlib import import_module
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.family import SOURCES
from tagwatch.image.reference import Reference
from tagwatch.source.target import Source
from tests.source_sample import extract

# Per source a path and a file with most of what it reads; the tests damage it.
SAMPLES = {
    "dockerfile": (
        "Dockerfile",
        "# syntax=docker/dockerfile:1\nARG V=7\nFROM --platform=linux/arm64 redis:${V} AS a\n"
        'RUN --mount=type=bind,from=x:1 <<E\nFROM y\nE\nCOPY --from=a /b \\\n  /c\nFROM "b:$V"\n',
    ),
    "compose": (
        "compose.yaml",
        "include: [x.yaml]\nx: &x {image: 'redis:${T}'}\nservices:\n  a:\n    <<: *x\n    build:\n"
        "      dockerfile_inline: |\n        FROM b:$$V\n      cache_from: [c:1]\n"
        "      args: {V: 1}\n    ports: ['80:80', {target: 1, published: 2}]\n"
        "  b:\n    extends: {service: a}\n    image: >-\n      d:${N:-${T}}\n  c: {build: .}\n",
    ),
    "github-actions": (
        ".github/workflows/x.yml",
        "on: push\njobs:\n  a:\n    container: &c {image: node:1}\n    services:\n"
        "      r: {image: \"${{ x }}\"}\n    steps:\n    - uses: 'docker://a:1' # é\n"
        "  b: {container: *c}\nruns: {image: docker://b}\n",
    ),
    "gitlab-ci": (
        ".gitlab-ci.yml",
        "include: [{local: x.yml}]\nvariables: {T: '7', U: {value: $T}}\nimage: a:$T\n"
        ".h: {image: &n 'b:$U'}\nj:\n  extends: .h\n  services: [c:1, {name: d:$T}]\n"
        "  script: [x]\nk: {image: *n, services: !reference [j, services]}\n"
        "l: {image: !reference [.h, image], variables: !reference [k, variables]}\n",
    ),
    "pipeline": (
        ".woodpecker/x.yml",
        "variables: [&g 'go:1']\nclone: {git: {image: a:1}}\nsteps:\n- {name: x, image: *g}\n"
        "- image: 'b:${T}' # é\nservices: {db: {image: c@d}}\n---\npipeline: {y: {image: e}}\n",
    ),
    "kustomize": (
        "kustomization.yaml",
        "images:\n- name: a\n  newName: b/c\n  newTag: 1.10 # x\n- {name: d, newTag: 'v1'}\n"
        f"- name: e\n  digest: sha256:{'0' * 64}\npatches:\n- patch: |-\n    - op: add # é\n"
        "      path: /image\n      value: a:1\n- patch: '{kind: Pod, x: {image: q.io/b}}'\n",
    ),
    "helm": (
        "values.yaml",
        "global: {imageRegistry: ''}\nimage:\n  registry: r.io\n  repository: a/b\n  tag: 1.10\n"
        "  digest: ''\nx: {initImage: \"c:1\", image: {repository: d, tag: }}\n"
        "images: [e:1, {repository: f, tag: v1}]\ny: {image: '{{ .z }}'}\n",
    ),
    "devcontainer": (
        "devcontainer.json",
        '{ // é\n  "image": "a:1", "features": {"ghcr.io/a/b:1": {}},\n  "build": {"dockerfile": '
        '"Dockerfile", "args": {"V": "1"}, "cacheFrom": ["c:2"]},\n}\n',
    ),
    "bake": (
        "docker-bake.json",
        '{"variable": {"T": {"default": "7"}}, "target": {"a": {"contexts": {"x": "docker-image://r:'
        '${T}"}, "cache-from": ["type=registry,ref=b/c:1"], "dockerfile-inline": "FROM d"},\n'
        '"b": {"inherits": ["a"], "args": {"V": "${T}"}, "dockerfile": "Dockerfile"}}}\n',
    ),
    "kubernetes": (
        "k.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  spec:\n    containers:\n"
        '    - name: é\n      image: &i "a:1" # c\n    - {image: *i}\n    initContainers:\n'
        "    - image: >-\n        b/c:2\n---\nkind: X\n"
        "spec: {steps: [{image: $(x)}], image: r.io/a:1}\n---\nkind: HelmRelease\nspec:\n"
        "  values: {image: {repository: d, tag: &t 1}, x: {image: {repository: e, tag: *t}}}\n"
        "---\nkind: Application\nspec:\n  source:\n    helm:\n"
        "      values: |\n        image: f:1\n",
    ),
    "plain": ("images.txt", "# c\nredis:7\n  ghcr.io/a/b@sha256:0 # x\né\n"),
}
HCL = (
    'variable "T" { default = "7" }\ntarget "a" {\n  contexts = { x = "docker-image://r:${T}" }\n'
    '  cache-from = ["type=registry,ref=b/c:1"] # é\n  dockerfile-inline = <<-EOT\n    FROM d\n'
    '  EOT\n}\ntarget "b" {\n  inherits = ["a"]\n'
    '  args = { V = T }\n  dockerfile = "Dockerfile"\n}\n'
)
DAMAGE = [
    *" \t\n\r:-?[]{},&*!|>'\"%@`#$\\=/~<é\u2028\ufeff\x00", "${", "${T", "$$", "{{", "<<: *x",
    "--- ", "&x ", "*x", "!!str ", "<<E\n", "//", "/*", "null", "1.10", "\n  image: z\n", "docker-image://",
]  # fmt: skip

_ENDLESS = timedelta(minutes=1)
"""What takes longer grows with more than its input: a slow machine takes seconds, too."""


def damaged(text: str) -> st.SearchStrategy[str]:
    """The text after up to six cuts and insertions."""
    cuts = st.tuples(st.integers(0, len(text)), st.integers(0, 8), st.sampled_from(["", *DAMAGE]))

    def cut(edits: list[tuple[int, int, str]]) -> str:
        damaged = text
        for start, length, new in edits:
            damaged = damaged[:start] + new + damaged[start + length :]
        return damaged

    return st.lists(cuts, max_size=6).map(cut)


def check(source: Source, raw: bytes, path: str) -> int:
    """The laws that hold for any bytes; the number of targets."""
    files = {"Dockerfile": "ARG V\nFROM x:$V\n", ".env": "T=1\n", "x.yaml": "services: {}\n"}
    extraction = extract(source, raw, path, files)
    assert extraction == extract(source, raw, path, files)
    source.recognizes(path, raw)
    text = raw.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()  # as told
    rows = text.removeprefix("\ufeff").split("\n")
    for target in extraction.targets:
        place = target.location
        assert not (target.reference and (target.missing or target.invalid))
        assert target.reference or target.missing or target.invalid
        if place.path == path and place.line == place.end_line:
            assert rows[place.line - 1][place.column - 1 : place.end_column - 1] == target.text
        for field in target.fields:
            if field.span.path == path:
                assert raw[field.span.start : field.span.end].decode() == field.text
            if field.name != "comment":
                whole = field.template.replace("{}", field.text)
                assert Reference.parse(whole) == target.reference
    for problem in extraction.problems:
        assert problem.message
    return len(extraction.targets)


@pytest.mark.parametrize("name", SOURCES)
def test_damaged_files(name: str) -> None:
    assert name in SAMPLES, f"give source {name} a sample here"
    path, text = SAMPLES[name]
    source = cast(Source, import_module(SOURCES[name]))
    assert check(source, text.encode(), path) > 1

    @settings(max_examples=50, deadline=_ENDLESS, database=None)
    @given(damaged(text))
    def run(text: str) -> None:
        check(source, text.encode(), path)

    run()


@settings(max_examples=40, deadline=_ENDLESS, database=None)
@given(damaged(HCL))
def test_damaged_hcl(text: str) -> None:
    check(cast(Source, import_module(SOURCES["bake"])), text.encode(), "docker-bake.hcl")


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=40, deadline=_ENDLESS, database=None)
@given(raw=st.binary(max_size=80))
def test_any_bytes(name: str, raw: bytes) -> None:
    source = cast(Source, import_module(SOURCES[name]))
    extract(source, raw, SAMPLES[name][0])
    source.recognizes("x.yaml", raw)


@pytest.mark.parametrize(
    "mark", ["$", "${", "${A:-", "{{", "<", "[[", "$(", "a", ":", "@", "/", "}"]
)
@pytest.mark.parametrize("name", ["compose", "kubernetes", "helm", "gitlab-ci", "github-actions"])
def test_long_texts_end(name: str, mark: str) -> None:
    before = {
        "compose": "services: {a: {image: '",
        "kubernetes": "kind: Pod\nspec: {containers: [{image: '",
        "helm": "{image: '",
        "gitlab-ci": "{a: {image: '",
        "github-actions": "{jobs: {a: {container: '",
    }[name]
    text = before + mark * (400_000 // len(mark))
    text += "'" + "".join("]" if c == "[" else "}" for c in reversed(before) if c in "[{")
    started = time.process_time()
    source = cast(Source, import_module(SOURCES[name]))
    extraction = extract(source, text, SAMPLES[name][0])
    assert all(target.reference is None for target in extraction.targets)
    assert not any("not YAML" in problem.message for problem in extraction.problems)
    assert time.process_time() - started < 2
