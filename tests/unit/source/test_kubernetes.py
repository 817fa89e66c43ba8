"""Kubernetes manifests: containers of every kind, and nothing that only looks like one."""

from __future__ import annotations

import pytest

from tagwatch.source.cluster import kubernetes
from tagwatch.source.target import Extraction
from tests.source_sample import assert_exact, extract, shown


def read(text: str) -> Extraction:
    extraction = extract(kubernetes, text, "k.yaml")
    assert_exact(extraction, {"k.yaml": text})
    return extraction


@pytest.mark.parametrize(
    ("path", "head", "recognized"),
    [
        ("k.yaml", b"apiVersion: v1\nkind: Pod\n", True),
        ("k.yml", b"# c\r\n---\r\nkind: Pod\r\napiVersion: v1\r\n", True),
        ("k.json", b'{"apiVersion": "v1", "kind": "Pod"}', True),
        ("k.yaml", b"- apiVersion: v1\n  kind: Pod\n", True),
        ("k.yaml", b"\xef\xbb\xbfapiVersion: v1\nkind: Pod\n", True),
        ("k.yaml", b"{apiVersion: v1, kind: Pod}\n", True),
        ("k.txt", b"apiVersion: v1\nkind: Pod\n", False),
        ("k.yaml", b"apiVersion: v1\n", False),
        ("k.yaml", b"x: apiVersion\ny: kind\n", False),
        ("k.yaml", b"", False),
    ],
)
def test_recognizes(path: str, head: bytes, recognized: bool) -> None:
    assert kubernetes.recognizes(path, head) is recognized


def test_workloads_and_lists() -> None:
    extraction = read(
        """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, annotations: {image: decoy:1}}
spec:
  template:
    spec:
      initContainers: [{name: i, image: busybox:1.36}]
      containers:
      - name: a
        image: "redis:7" # why
        env: [{name: image, value: decoy:2}]
      - {name: e, image: ""}
      - {name: n, image: }
      ephemeralContainers: [{name: dbg, image: &i alpine}]
      volumes:
      - {name: v, image: {reference: quay.io/o/data:1}}
      - {name: w, containerDisk: {image: quay.io/o/disk:2}}
      - {name: x, configMap: {image: decoy:3}}
status: {containers: [{image: decoy:4}]}
---
apiVersion: batch/v1
kind: CronJob
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: *i}, {image: python:3}]}}}}}
...
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, data: {containers: [{image: decoy:5}]}}
- {apiVersion: v1, kind: Pod, spec: {containers: [{image: node:22}]}}
---
apiVersion: v1
kind: Secret
stringData: {x: "containers: [{image: decoy:6}]"}
"""
    )
    assert [line.removeprefix("k.yaml:").partition(" -> ")[0] for line in shown(extraction)] == [
        "7:41 busybox:1.36",
        "10:17 redis:7",
        "14:51 alpine",
        "16:38 quay.io/o/data:1",
        "17:42 quay.io/o/disk:2",
        "23:81 python:3",
        "30:59 node:22",
    ]
    assert [target.group for target in extraction.targets[:3]] == ["i", "a", "dbg"]
    assert {target.kind for target in extraction.targets} == {"kubernetes"}


def test_an_alias_of_another_document_is_unknown() -> None:
    extraction = read(
        "apiVersion: v1\nkind: Pod\nx: &i redis\n---\n"
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: *i}]}\n"
    )
    assert shown(extraction) == []
    assert "no anchor 'i'" in extraction.problems[0].message


def test_custom_resources() -> None:
    extraction = read(
        """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  templates:
  - container: {image: alpine:latest}
    sidecars: [{image: 'influxdb:1.2'}]
  - script: {image: python:3.12, source: "image: decoy:1"}
---
apiVersion: tekton.dev/v1
kind: Task
spec: {steps: [{image: golang:1.22, script: x}], stepTemplate: {image: ubuntu:24.04}}
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
spec: {image: quay.io/prometheus/prometheus:v3, x: {initImage: o/i:1, image: debian:1}}
---
apiVersion: example.com/v1
kind: Machine
spec: {image: ubuntu-2204, disk: {image: family/ubuntu}}
---
apiVersion: example.com/v1
kind: Machine
spec: {image: "https://example.com/disk.img"}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec: {containers: [{image: decoy:2}]}
"""
    )
    assert [target.text for target in extraction.targets] == [
        "alpine:latest",
        "influxdb:1.2",
        "python:3.12",
        "golang:1.22",
        "ubuntu:24.04",
        "quay.io/prometheus/prometheus:v3",
        "o/i:1",
    ]


@pytest.mark.parametrize(
    ("image", "answer"),
    [
        ('"${REGISTRY}/app:${TAG}"', "missing REGISTRY, TAG"),
        ("$(IMAGE)", "missing IMAGE"),
        ("'{{ .Values.image }}'", "missing .Values.image"),
        ("'<image>'", "missing image"),
        ("IMAGE_PLACEHOLDER", "missing IMAGE_PLACEHOLDER"),
        ("controller:latest", "docker.io/library/controller:latest"),
        ("16", "invalid"),
        ("'16'", "docker.io/library/16:latest"),
        ("' redis:7'", "invalid"),
    ],
)
def test_not_resolved_is_never_guessed(image: str, answer: str) -> None:
    text = f"apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: {image}}}]}}\n"
    (line,) = shown(read(text))
    assert line.partition(" -> ")[2] == answer


def test_json_and_cycles() -> None:
    extraction = extract(
        kubernetes,
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "redis:7"}]}}',
        "k.json",
    )
    assert shown(extraction) == ["k.json:1:72 redis:7 -> docker.io/library/redis:7"]
    looped = "apiVersion: v1\nkind: Pod\nspec: &s {containers: [{image: a}], again: *s}\n"
    assert len(read(looped).targets) == 1


def test_crlf_bom_and_ignores() -> None:
    raw = "\ufeffapiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n"
    raw += "  - image: redis # tagwatch: ignore=tag-latest\r\n"
    extraction = extract(kubernetes, raw, "k.yaml")
    assert_exact(extraction, {"k.yaml": raw})
    (target,) = extraction.targets
    assert str(target.location) == "k.yaml:5:12"
    assert target.ignores[0].rules == ("tag-latest",)


RELEASES = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
spec:
  chart: {spec: {chart: decoy, version: 1.0.0}}
  values:
    image: {repository: ghcr.io/a/b, tag: 1.2@DIGEST}
    sidecar: {image: "q.io/c/d:3"}
    empty: {image: {repository: e/f, tag: ""}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  source: {helm: {valuesObject: {image: {repository: g/h, tag: v4}}}}
  sources:
  - helm:
      values: |
        web:
          image: # why
            repository: i/j
            tag: "5" # a
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
spec: {template: {spec: {source: {helm: {valuesObject: {image: k:6}}}}}}
---
apiVersion: helm.cattle.io/v1
kind: HelmChartConfig
spec:
  valuesContent: |-
    image: l:7
""".replace("DIGEST", "sha256:" + "c0ffee00" * 8)


def test_values_that_resources_give_to_charts() -> None:
    extraction = read(RELEASES)
    digest = "sha256:" + "c0ffee00" * 8
    assert [line.partition(":")[2] for line in shown(extraction)] == [
        f"6:43 1.2@{digest} -> ghcr.io/a/b:1.2@{digest}",
        "7:23 q.io/c/d:3 -> q.io/c/d:3",
        "8:33 e/f -> missing tag",
        "13:64 v4 -> docker.io/g/h:v4",
        "20:19 5 -> docker.io/i/j:5",
        "24:64 k:6 -> docker.io/library/k:6",
        "30:12 l:7 -> docker.io/library/l:7",
    ]
    assert {target.kind for target in extraction.targets} == {"kubernetes"}


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  source:
    helm:
      parameters:
      - {name: image.repository, value: q.io/o/web}
      - {name: image.tag, value: "1.2"}
      - {name: sidecar.image, value: "redis:7"}
      - {name: chart.tag, value: "9"}
      - {name: replicas, value: "3"}
    kustomize:
      images:
      - ghcr.io/o/app:v1
      - old=ghcr.io/o/new:v2@DIGEST
      - old=ghcr.io/o/other
      - decoy
""".replace("DIGEST", "sha256:" + "c0ffee00" * 8)


def test_what_an_argo_application_sets_itself() -> None:
    digest = "sha256:" + "c0ffee00" * 8
    assert [line.partition(":")[2] for line in shown(read(APPLICATION))] == [
        "8:35 1.2 -> q.io/o/web:1.2",
        "9:39 redis:7 -> docker.io/library/redis:7",
        "14:9 ghcr.io/o/app:v1 -> ghcr.io/o/app:v1",
        f"15:13 ghcr.io/o/new:v2@{digest} -> ghcr.io/o/new:v2@{digest}",
        "16:13 ghcr.io/o/other -> missing tag",
    ]


def test_what_ko_builds_is_not_known() -> None:
    text = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: ko://a.dev/cmd}]}\n"
    (target,) = read(text).targets
    assert (target.reference, target.missing) == (None, ("ko://a.dev/cmd",))


@pytest.mark.parametrize(
    ("image", "missing"),
    [
        ("gcr.io/@PROJECT_ID@/app:1", ("PROJECT_ID",)),
        ("ko://github.com/a/b/cmd/c", ("ko://github.com/a/b/cmd/c",)),
    ],
)
def test_what_another_tool_puts_in_is_missing(image: str, missing: tuple[str, ...]) -> None:
    text = f"kind: Pod\napiVersion: v1\nspec: {{containers: [{{name: a, image: '{image}'}}]}}\n"
    (target,) = read(text).targets
    assert (target.reference, target.missing, target.invalid) == (None, missing, "")


def test_a_custom_resource_s_image_without_a_tag_gets_it_elsewhere() -> None:
    text = """\
apiVersion: example.com/v1
kind: Thing
spec: {version: "2", image: quay.io/o/thing, imageName: ghcr.io/o/p:16.2, name: quay.io/no/image}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
spec: {image: ghcr.io/o/scanned}
"""
    assert shown(extract(kubernetes, text, "x.yaml")) == [
        "x.yaml:3:29 quay.io/o/thing -> missing tag",
        "x.yaml:3:57 ghcr.io/o/p:16.2 -> ghcr.io/o/p:16.2",
    ]


def test_images_of_openshift_and_a_resources_own() -> None:
    """Thirty notebooks of an ImageStream each were not found, nor `spec.image: spark:4.0.0`."""
    text = """\
apiVersion: image.openshift.io/v1
kind: ImageStream
spec:
  tags:
  - {name: "1", from: {kind: DockerImage, name: quay.io/a/notebook:1}}
  - {name: "2", from: {kind: ImageStreamTag, name: "other:2"}}
---
apiVersion: build.openshift.io/v1
kind: BuildConfig
spec: {strategy: {dockerStrategy: {from: {kind: DockerImage, name: redis}}}}
---
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
spec: {image: "spark:4.0.0", driver: {image: "decoy:1"}}
"""
    assert shown(extract(kubernetes, text, "x.yaml")) == [
        "x.yaml:5:49 quay.io/a/notebook:1 -> quay.io/a/notebook:1",
        "x.yaml:10:68 redis -> docker.io/library/redis:latest",
        "x.yaml:14:16 spark:4.0.0 -> docker.io/library/spark:4.0.0",
    ]


def test_what_skaffold_builds_is_not_pulled() -> None:
    """Its name is no place for a pin; the builders, the runners and the tests are pulled."""
    text = """\
apiVersion: skaffold/v4beta11
kind: Config
build:
  artifacts:
    - image: ghcr.io/acme/app:dev
      buildpacks: {builder: gcr.io/buildpacks/builder, runImage: "gcr.io/buildpacks/run:v1"}
    - image: ghcr.io/acme/jib
verify:
  - container: {name: a, image: "alpine:3.20"}
deploy:
  helm: {releases: [{name: x, setValues: {image: ghcr.io/acme/app, sideImage: "ghcr.io/o/b:1"}}]}
"""
    assert [target.text for target in read(text).targets] == [
        "gcr.io/buildpacks/run:v1",
        "alpine:3.20",
        "ghcr.io/o/b:1",
    ]


@pytest.mark.parametrize("text", ["a: {{ .x }}/b\n", "{% if x %}\na: 1\n"])
def test_a_template_that_is_no_yaml_is_passed_over_with_a_note(text: str) -> None:
    extraction = read(f"apiVersion: v1\nkind: Pod\n{text}")
    assert [(one.skipped, "template" in one.message) for one in extraction.problems] == [
        (True, True)
    ]


def test_a_placeholder_is_missing() -> None:
    text = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: IMAGE_URL}, {image: Redis}]}\n"
    targets = read(text).targets
    assert [(one.missing, bool(one.invalid)) for one in targets] == [
        (("IMAGE_URL",), False),
        ((), True),
    ]
