"""Helm values: the forms that charts use, and what only looks like them."""

from __future__ import annotations

import pytest

from tagwatch.source.cluster import helm
from tagwatch.source.target import Extraction
from tagwatch.source.text.edit import apply, pin
from tests.source_sample import assert_exact, extract, shown

PATH = "chart/values.yaml"
D = "sha256:" + "c0ffee00" * 8


def read(text: str, chart: str | None = None) -> Extraction:
    files = {"chart/Chart.yaml": chart} if chart is not None else {}
    extraction = extract(helm, text, PATH, files)
    assert_exact(extraction, {PATH: text, **files})
    return extraction


def answers(text: str, chart: str | None = None) -> list[str]:
    return [line.removeprefix(f"{PATH}:") for line in shown(read(text, chart))]


@pytest.mark.parametrize(
    ("path", "head", "recognized"),
    [
        ("values.yaml", b"", True),
        ("values-prod.yml", b"", True),
        ("values.prod.yaml", b"", True),
        ("ci/test-values.yaml", b"", True),
        ("my.values.yaml", b"", True),
        ("myvalues.yaml", b"", False),
        ("values.json", b"", False),
        ("templates/d.yaml", b"x: {{ .Values.x }}\n", True),
        ("templates/sub/d.yaml", b'x: {{- include "x" . }}\n', True),
        ("templates/_helpers.tpl", b"{{/* c */}}\n", True),
        ("templates/d.yaml", b"apiVersion: v1\nkind: Pod\n", False),
        ("templates/d.yaml", b"jobs:\n- job: ${{ parameters.name }}\n", False),
    ],
)
def test_recognizes(path: str, head: bytes, recognized: bool) -> None:
    assert helm.recognizes(path, head) is recognized


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ("{registry: docker.io, repository: bitnami/redis, tag: 7.2.4-r9, digest: ''}",
         ["1:62 7.2.4-r9 -> docker.io/bitnami/redis:7.2.4-r9"]),
        ("{repository: quay.io/k/s, tag: 1.26.1, sha: ''}", ["1:39 1.26.1 -> quay.io/k/s:1.26.1"]),
        (f"{{repository: k/s, tag: '1', digest: '{D}'}}", [f"1:45 {D} -> docker.io/k/s:1@{D}"]),
        (f"{{repository: k/s, tag: '1', sha: {D[7:]}}}", [f"1:41 {D[7:]} -> docker.io/k/s:1@{D}"]),
        ("{repository: q.io/m, tag: ''}", ["1:21 q.io/m -> missing tag"]),
        ("{repository: q.io/m, tag: }", ["1:21 q.io/m -> missing tag"]),
        ("{repository: q.io/m}", ["1:21 q.io/m -> missing tag"]),
        ("{repository: 'q.io/m:1.2'}", ["1:22 q.io/m:1.2 -> q.io/m:1.2"]),
        ("{repository: postgres, tag: 16}", ["1:36 16 -> docker.io/library/postgres:16"]),
        ("{name: o/n, tag: '2'}", ["1:26 2 -> docker.io/o/n:2"]),
        ("{repo: q.io/r, tag: '3'}", ["1:29 3 -> q.io/r:3"]),
        ("{repo: q.io/r}", []),
        ("{name: grafana/grafana, version: 10.4.0}", []),
        ("nginx:1.25", ["1:8 nginx:1.25 -> docker.io/library/nginx:1.25"]),
        ("''", []),
        ("true", []),
        ("'{{ .Values.x }}/y:{{ .Chart.AppVersion }}'",
         ["1:9 {{ .Values.x }}/y:{{ .Chart.AppVersion }} -> missing .Values.x, .Chart.AppVersion"]),
        ("{repository: '$REPO', tag: '1'}", ["1:36 1 -> missing REPO"]),
        ("https://example.com/x.png", []),
        ("{repository: https://charts.example.com, tag: nope}", []),
    ],
)  # fmt: skip
def test_image(values: str, answer: list[str]) -> None:
    assert answers(f"image: {values}\n") == answer


def test_other_keys() -> None:
    assert answers(
        """\
initImage: "busybox:1.36"
sidecar_image: o/s:1
extra: {images: [{name: a, repository: quay.io/a/b, tag: v1}, "quay.io/c/d:2"]}
list: [{image: {repository: e/f, tag: "3"}}]
controller: {repository: quay.io/g/h, tag: v4, pullPolicy: Always}
tests: {repository: https://charts.example.com, tag: nope}
git: {repository: org/repo, tag: v1}
flat: {image: o/p, tag: "5"}
old: {image: o/q, imageTag: "6"}
images: {web: "o/r:7", tags: {db: "o/s:8", pull: IfNotPresent}}
imagePullPolicy: Always
imagePullSecrets: [regcred]
description: "image: decoy:1"
"""
    ) == [
        "1:13 busybox:1.36 -> docker.io/library/busybox:1.36",
        "2:16 o/s:1 -> docker.io/o/s:1",
        "3:58 v1 -> quay.io/a/b:v1",
        "3:64 quay.io/c/d:2 -> quay.io/c/d:2",
        "4:40 3 -> docker.io/e/f:3",
        "5:44 v4 -> quay.io/g/h:v4",
        "8:26 5 -> docker.io/o/p:5",
        "9:30 6 -> docker.io/o/q:6",
        "10:16 o/r:7 -> docker.io/o/r:7",
        "10:36 o/s:8 -> docker.io/o/s:8",
    ]


def test_app_version_of_the_chart_beside() -> None:
    text = "image: {repository: q.io/m, tag: ''}\n"
    assert answers(text, 'name: x\nappVersion: "1.4.2"\n') == ["1:21 q.io/m -> q.io/m:1.4.2"]
    assert answers(text, "name: x\n") == ["1:21 q.io/m -> missing tag"]
    assert answers(text, "[") == ["1:21 q.io/m -> missing tag"]


def test_images_by_their_names_below_an_image_key() -> None:
    values = "image:\n  web: {registry: ghcr.io, repository: acme/web, tag: }\n"
    values += "  tool:\n    repository: acme/tool\n    tag: v1\n"
    assert [line.partition(" -> ")[2] for line in answers(values, "appVersion: 2.17.0\n")] == [
        "ghcr.io/acme/web:2.17.0",
        "docker.io/acme/tool:v1",
    ]


def test_an_app_version_that_a_release_fills_in_is_none() -> None:
    text = "image: {repository: q.io/o/a}\n"
    assert answers(text, "appVersion: v0.0.0\n") == ["1:21 q.io/o/a -> missing tag"]
    assert answers(text, "appVersion: v0.1.0\n") == ["1:21 q.io/o/a -> q.io/o/a:v0.1.0"]


def test_app_version_is_not_that_of_subcharts_and_tools() -> None:
    chart = "appVersion: '1'\ndependencies: [{name: redis}, {name: x, alias: db}]\n"
    text = "redis: {image: {repository: b/r}}\ndb: {image: {repository: b/d}}\n"
    text += "x: {image: {repository: b/x}}\nkubectl: {repository: b/k, tag: '', registry: q.io}\n"
    assert [line.partition(" -> ")[2] for line in answers(text, chart)] == [
        "missing tag",
        "missing tag",
        "docker.io/b/x:1",
        "missing tag",
    ]


def test_global_registry() -> None:
    text = "global: {imageRegistry: r.example}\n"
    text += "image: {registry: docker.io, repository: b/r, tag: '1'}\n"
    assert answers(text) == ["2:53 1 -> r.example/b/r:1"]
    text = "global: {imageRegistry: r.example}\nimage: {repository: q.io/b/r, tag: '1'}\n"
    assert answers(text) == ["2:37 1 -> q.io/b/r:1"]


STRIMZI = """\
defaultImageRegistry: quay.io
defaultImageRepository: strimzi
defaultImageTag: 0.45.0
image: {registry: "", repository: "", name: operator, tag: ""}
kafkaBridge: {image: {registry: r.io, repository: null, name: kafka-bridge, tag: 1.1.0}}
kafka: {image: {registry: "", repository: "", name: kafka, tagPrefix: ""}}
"""


def test_what_every_image_falls_back_on() -> None:
    """The chart of Strimzi's operator; Kafka's tag has the version that a resource asks for."""
    assert answers(STRIMZI) == [
        "4:45 operator -> quay.io/strimzi/operator:0.45.0",
        "5:82 1.1.0 -> r.io/strimzi/kafka-bridge:1.1.0",
        "6:53 kafka -> missing tag",
    ]


@pytest.mark.parametrize(
    ("tag", "is_problem"),
    [
        *((tag, True) for tag in ("3.10", "20240101", "010")),
        *((tag, False) for tag in ("3.1", "16", "'3.10'", "1.2.3")),
    ],
)
def test_numbers_that_helm_prints_otherwise(tag: str, is_problem: bool) -> None:
    problems = read(f"image: {{repository: a/b, tag: {tag}}}\n").problems
    assert bool(problems) is is_problem


def test_templates_are_passed_over_with_a_note() -> None:
    extraction = extract(helm, "image: {{ .Values.image }}\n", "templates/d.yaml")
    assert extraction.targets == ()
    (problem,) = extraction.problems
    assert problem.skipped


def test_a_tagged_empty_digest_takes_the_digest() -> None:
    """`! ""` and `!!str ""` are the empty text: a pin goes there, and not beside the tag."""
    for empty in ('""', '! ""', '!!str ""', "! ''"):
        text = f'image:\n  repository: o/n\n  tag: "2"\n  digest: {empty}\n'
        (target,) = read(text).targets
        fix = pin(target, "2", D)
        assert fix is not None
        quote = empty[-1]
        assert apply(text.encode(), [fix]).decode() == text.replace(quote * 2, quote + D + quote)
