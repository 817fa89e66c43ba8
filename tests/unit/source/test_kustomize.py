"""Kustomize `images:`, after kustomize's own updater (`api/filters/imagetag`)."""

from __future__ import annotations

import pytest

from tagwatch.source.cluster import kustomize
from tagwatch.source.target import Extraction
from tests.source_sample import assert_exact, extract, shown

PATH = "kustomization.yaml"
D = "sha256:" + "c0ffee00" * 8


def read(text: str) -> Extraction:
    extraction = extract(kustomize, text, PATH)
    assert_exact(extraction, {PATH: text})
    return extraction


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        ("{name: redis, newTag: '7'}", "2:26 7 -> docker.io/library/redis:7"),
        ("{name: redis, newName: q.io/r, newTag: v1}", "2:42 v1 -> q.io/r:v1"),
        (f"{{name: redis, digest: '{D}'}}", f"2:26 {D} -> docker.io/library/redis@{D}"),
        (f"{{name: a, newTag: v1, digest: '{D}'}}", f"2:34 {D} -> docker.io/library/a:v1@{D}"),
        ("{name: redis, newName: q.io/r}", "2:26 q.io/r -> missing tag"),
        ("{name: redis, newTag: '$TAG'}", "2:26 $TAG -> missing TAG"),
        ("{name: redis, digest: 'sha256:25a0d4'}", "2:26 sha256:25a0d4 -> invalid"),
        ("{name: redis, newTag: 7-alpine}", "2:25 7-alpine -> docker.io/library/redis:7-alpine"),
        ("{name: redis, tagSuffix: -x}", "2:10 redis -> missing tag"),
    ],
)
def test_entry(entry: str, answer: str) -> None:
    extraction = read(f"images:\n- {entry}\n")
    assert shown(extraction) == [f"{PATH}:{answer}"]
    assert extraction.problems == ()


def test_fields_are_what_an_edit_needs() -> None:
    (target,) = read(f"images:\n- name: a\n  newTag: v1\n  digest: '{D}' # v1\n").targets
    assert [(field.name, field.text, field.template, field.plain) for field in target.fields] == [
        ("digest", D, "a:v1@{}", False),
        ("tag", "v1", f"a:{{}}@{D}", True),
        ("name", "a", f"{{}}:v1@{D}", True),
        ("comment", "v1", "{}", False),
    ]


def test_a_number_is_what_kustomize_refuses() -> None:
    extraction = read("images:\n- name: busybox\n  newTag: 1.10\n")
    assert shown(extraction) == [f"{PATH}:3:11 1.10 -> docker.io/library/busybox:1.10"]
    (problem,) = extraction.problems
    assert "refuses newTag: 1.10" in problem.message
    assert str(problem.location) == f"{PATH}:3:11"


def test_what_changes_nothing_names_nothing() -> None:
    assert read("images:\n- {name: redis}\n- x\n- {newTag: '1'}\nresources: [a]\n").targets == ()
    assert read("").targets == ()


def test_recognizes() -> None:
    api = b"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    assert kustomize.recognizes("a/kustomization.yml", b"")
    assert kustomize.recognizes("a/Kustomization", b"")
    assert kustomize.recognizes("x.yaml", api)
    assert not kustomize.recognizes("x.yaml", b"apiVersion: v1\nkind: Pod\n")


PATCHES = """\
patches:
- path: deployment.yaml
- patch: '[{"op": "replace", "path": "/spec/containers/0/image", "value": "redis:7"}]'
- patch: |
    - op: add
      path: /spec/template/spec/containers/-
      value: {name: x, image: &b busybox:1.36} # c
    - op: add
      path: /spec/template/spec/initContainers
      value:
      - name: y
        image: "alpine:3"
    - {op: add, path: /spec/template/spec/initContainers/0, value: {image: *b}}
    - op: remove
      path: /spec/image
    - {op: test, path: /spec/image, value: decoy:1}
    - {op: replace, path: /spec/host, value: decoy:2}
patchesStrategicMerge:
- pod.yaml
- |-
  spec:
    containers: [{image: a:1}]
  ---
  kind: Deployment
  spec: {template: {spec: {containers: [{name: a, image: b:2}]}}}
patchesJson6902:
- target: {kind: Pod}
  patch: |-
    - op: replace
      path: /spec/containers/0/image
      value: q.io/c@DIGEST # 3.1
helmCharts:
- name: redis
  valuesInline:
    image: {repository: bitnami/redis, tag: "7.2"}
""".replace("DIGEST", D)


def test_inline_patches_and_values() -> None:
    extraction = read(PATCHES)
    assert [line.removeprefix(f"{PATH}:") for line in shown(extraction)] == [
        "3:76 redis:7 -> docker.io/library/redis:7",
        "7:34 busybox:1.36 -> docker.io/library/busybox:1.36",
        "12:17 alpine:3 -> docker.io/library/alpine:3",
        "22:26 a:1 -> docker.io/library/a:1",
        "25:58 b:2 -> docker.io/library/b:2",
        f"31:14 q.io/c@{D} -> q.io/c@{D}",
        "35:46 7.2 -> docker.io/bitnami/redis:7.2",
    ]
    assert extraction.problems == ()
    pinned = next(target for target in extraction.targets if target.location.line == 31)
    assert [field.name for field in pinned.fields] == ["reference", "comment"]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (
            '"- op: replace\\n  path: /image\\n  value: d:4"',
            "was not read: it is written with escapes",
        ),
        (">\n    spec: {containers: [{image: x:1}]}", "was not read"),
        ("|\n    spec: [", "not YAML from here on"),
    ],
)
def test_a_patch_that_cannot_be_placed_is_said(patch: str, message: str) -> None:
    extraction = read(f"patches:\n- patch: {patch}\n")
    assert extraction.targets == ()
    assert message in extraction.problems[0].message


def test_a_patch_in_a_file_of_its_own() -> None:
    text = """\
# c
---
- op: replace
  path: /spec/template/spec/containers/0/image
  value: nginx:1.26
- {op: test, path: /x/image, value: "decoy:1"}
- op: add
  path: /spec/template/spec/containers/-
  value: {name: b, image: "x/y:1"}
"""
    assert kustomize.recognizes("patch.yaml", text.encode())
    assert not kustomize.recognizes("tasks.yaml", b"- name: x\n  op: add\n  path: /x\n")
    assert not kustomize.recognizes("list.yaml", b"- path: x\n  value: y\n")
    assert shown(extract(kustomize, text, "patch.yaml")) == [
        "patch.yaml:5:10 nginx:1.26 -> docker.io/library/nginx:1.26",
        "patch.yaml:9:28 x/y:1 -> docker.io/x/y:1",
    ]


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
spec: {template: {spec: {containers: [{image: "redis:7.2"}, {image: q.io/o/app}]}}}
"""


def below(text: str, files: dict[str, str]) -> list[str]:
    extraction = extract(kustomize, text, "overlay/kustomization.yaml", files)
    assert_exact(extraction, {"overlay/kustomization.yaml": text})
    return [line.removeprefix("overlay/kustomization.yaml:") for line in shown(extraction)]


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        ("{name: redis, newName: q.io/r}", ["3:26 q.io/r -> q.io/r:7.2"]),
        ("{name: redis, tagSuffix: -alpine}", ["3:10 redis -> docker.io/library/redis:7.2-alpine"]),
        ("{name: q.io/o/app, newName: q.io/p/app}", ["3:31 q.io/p/app -> q.io/p/app:latest"]),
        ("{name: other, newName: q.io/r}", ["3:26 q.io/r -> missing tag"]),
        ("{name: redis, newName: q.io/r, newTag: v1}", ["3:42 v1 -> q.io/r:v1"]),
    ],
)
@pytest.mark.parametrize("resources", ["../base/d.yaml", "../base"])
def test_what_an_entry_leaves_alone_is_the_resources(
    entry: str, answer: list[str], resources: str
) -> None:
    files = {
        "base/d.yaml": DEPLOYMENT,
        "base/kustomization.yaml": "resources: [d.yaml, ../base]\n",
    }
    assert below(f"resources: [{resources}]\nimages:\n- {entry}\n", files) == answer


def test_a_base_changes_what_the_overlay_finds() -> None:
    files = {
        "base/d.yaml": DEPLOYMENT,
        "base/kustomization.yaml": (
            "resources: [d.yaml]\nimages: [{name: redis, newName: q.io/r, newTag: '7.4'}]\n"
        ),
    }
    text = "resources: [../base]\nimages:\n- {name: q.io/r, newName: q.io/s}\n"
    assert below(text, files) == ["3:27 q.io/s -> q.io/s:7.4"]


def test_remote_resources_are_not_asked_for() -> None:
    text = "resources: ['https://x.io/a.yaml']\nimages:\n- {name: redis, newName: q.io/r}\n"
    assert below(text, {}) == ["3:26 q.io/r -> missing tag"]


@pytest.mark.timeout(20)
def test_bases_that_double_each_other_end_soon() -> None:
    files = {
        f"b{n}/kustomization.yaml": f"resources: [../b{n + 1}, ../b{n + 1}/, ../b{n + 1}/.]\n"
        for n in range(40)
    }
    files["b40/kustomization.yaml"] = "resources: [d.yaml]\n"
    files["b40/d.yaml"] = DEPLOYMENT
    text = "resources: [../b0]\nimages:\n- {name: redis, newName: q.io/r}\n"
    assert below(text, files) == ["3:26 q.io/r -> q.io/r:7.2"]
