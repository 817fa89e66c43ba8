"""The forms in which well-known projects name images: source, main file, and its text or files."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SHAPES"]

_OLD = "sha256:" + "0badcafe" * 8

SHAPES: Mapping[str, tuple[str, str, str | Mapping[str, str]]] = {
    # bitnami/charts: every image has an empty digest
    "bitnami": (
        "helm",
        "values.yaml",
        'global:\n  imageRegistry: ""\nimage:\n  registry: docker.io\n  repository: bitnami/redis\n'
        '  tag: 7.2.4-debian-12-r9\n  digest: ""\n  pullPolicy: IfNotPresent\nmetrics:\n  image:\n'
        "    registry: docker.io\n    repository: bitnami/redis-exporter\n    tag: 1.58.0\n"
        '    digest: ""\n',
    ),
    # a YAML tag says that the value is a text, which it is anyway
    "digest-tagged": (
        "helm",
        "values.yaml",
        'image:\n  repository: bitnami/redis\n  tag: "7.2"\n  digest: ! ""\n'
        'metrics:\n  image:\n    repository: b/m\n    tag: "1"\n    digest: !!str ""\n',
    ),
    "bitnami-pinned": (
        "helm",
        "values.yaml",
        "image:\n  registry: docker.io\n  repository: bitnami/redis\n  tag: 7.2.4-debian-12-r9\n"
        f"  digest: {_OLD}\n",
    ),
    "bitnami-global": (
        "helm",
        "values.yaml",
        "global: {imageRegistry: registry.example}\n"
        'image: {registry: docker.io, repository: bitnami/redis, tag: "7.2", digest: ""}\n',
    ),
    "helm-create": (
        "helm",
        "values.yaml",
        {
            "values.yaml": 'image:\n  repository: nginx\n  pullPolicy: Always\n  tag: ""\n',
            "Chart.yaml": 'name: web\nappVersion: "1.27.0"\n',
        },
    ),
    "helm-create-tag": ("helm", "values.yaml", "image:\n  repository: nginx\n  tag: 1.27.0\n"),
    "app-version-and-digest": (
        "helm",
        "values.yaml",
        {
            "values.yaml": 'image:\n  repository: quay.io/o/agent\n  tag: ""\n  digest: ""\n',
            "Chart.yaml": 'name: agent\nappVersion: "v1.2.3"\n',
        },
    ),
    "ingress-nginx": (
        "helm",
        "values.yaml",
        "controller:\n  image:\n    registry: registry.k8s.io\n    pullPolicy: IfNotPresent\n"
        "    repository: ingress-nginx/controller\n    tag: v1.11.2\n"
        f"    digest: {_OLD}\n    digestChroot: {_OLD}\n",
    ),
    "cert-manager": (
        "helm",
        "values.yaml",
        "image:\n  # registry: quay.io\n  repository: quay.io/jetstack/cert-manager-controller\n"
        "  # tag: vX.Y.Z\n  tag: v1.15.3\n  # digest: sha256:0e07\n  digest:\n",
    ),
    "cilium": (
        "helm",
        "values.yaml",
        "image:\n  override: ~\n  repository: quay.io/cilium/cilium\n  tag: v1.16.1\n"
        f'  pullPolicy: IfNotPresent\n  digest: "{_OLD}"\n  useDigest: true\n',
    ),
    "cilium-without-digest": (
        "helm",
        "values.yaml",
        "image:\n  repository: quay.io/cilium/cilium\n  tag: v1.16.1\n"
        f'  digest: "{_OLD}"\n  useDigest: false\n',
    ),
    "grafana": (
        "helm",
        "values.yaml",
        'image:\n  registry: q.io\n  repository: grafana/grafana\n  tag: "11.1.4"\n  sha: ""\n',
    ),
    "grafana-pinned": (
        "helm",
        "values.yaml",
        f'image:\n  repository: grafana/grafana\n  tag: "11.1.4"\n  sha: "{_OLD[7:]}"\n',
    ),
    "kube-state-metrics-pinned": (
        "helm",
        "values.yaml",
        "image:\n  registry: registry.k8s.io\n  repository: kube-state-metrics/kube-state-metrics\n"
        f"  tag: v2.13.0\n  sha: {_OLD}\n",
    ),
    "prometheus": (
        "helm",
        "values.yaml",
        "server:\n  image:\n    repository: quay.io/prometheus/prometheus\n    tag: v2.54.1\n"
        '    digest: ""\n    pullPolicy: IfNotPresent\n',
    ),
    "several-images": (
        "helm",
        "values.yaml",
        "image: quay.io/argoproj/argocd:v2.12.3\ninitImage: 'busybox:1.36'\n"
        "sidecarImage: redis:7.2.5-alpine # beside\n",
    ),
    "values-crlf": (
        "helm",
        "values.yaml",
        "image:\r\n  repository: redis\r\n  tag: \"7.2\"\r\n  digest: ''\r\n",
    ),
    # kubernetes-sigs/kustomize, docs of `images`
    "kustomize-tag": (
        "kustomize",
        "kustomization.yaml",
        "images:\n- name: nginx\n  newTag: 1.8.0\n- name: postgres\n  newName: my-postgres\n"
        '  newTag: "16"\n',
    ),
    "kustomize-empty-digest": (
        "kustomize",
        "kustomization.yaml",
        'images:\n  - name: nginx\n    newTag: 1.8.0\n    digest: ""\n',
    ),
    "kustomize-digest-key": (
        "kustomize",
        "kustomization.yaml",
        "images:\n  - name: nginx\n    newTag: 1.8.0\n    digest:\n    newName: q.io/nginx\n",
    ),
    "kustomize-digest": (
        "kustomize",
        "kustomization.yaml",
        f"images:\n- name: alpine\n  digest: {_OLD}\n",
    ),
    "kustomize-both": (
        "kustomize",
        "kustomization.yaml",
        f"images:\n- {{name: a, newName: ghcr.io/o/a, newTag: 'v1.0', digest: '{_OLD}'}} # why\n",
    ),
    "kustomize-tag-with-digest": (
        "kustomize",
        "kustomization.yaml",
        f"images:\n- name: a\n  newTag: v1@{_OLD}\n",
    ),
    "kustomize-name-with-tag": (
        "kustomize",
        "kustomization.yaml",
        "images:\n- name: a\n  newName: ghcr.io/o/a:v1\n",
    ),
    # devcontainers/templates and /features
    "devcontainer-features": (
        "devcontainer",
        ".devcontainer/devcontainer.json",
        '{\n\t"image": "mcr.microsoft.com/devcontainers/base:bookworm",\n\t"features": {\n'
        '\t\t"ghcr.io/devcontainers/features/node:1": {"version": "lts"}, // as in CI\n'
        '\t\t"ghcr.io/devcontainers/features/docker-in-docker:2.11": {},\n'
        '\t\t"ghcr.io/devcontainers/features/git": {},\n\t\t"./local": {},\n\t},\n}\n',
    ),
    "devcontainer-port": (
        "devcontainer",
        ".devcontainer.json",
        '{"image": "localhost:5000/dev", "features": {"localhost.example:5000/o/f:1.2.3": {}}}',
    ),
    "devcontainer-pinned": (
        "devcontainer",
        ".devcontainer.json",
        f'{{"features": {{\n  "ghcr.io/o/f@{_OLD}": {{}} /* no tag */\n}}}}\n',
    ),
    "devcontainer-cache": (
        "devcontainer",
        ".devcontainer/devcontainer.json",
        '{"image": "python:3.12", "build": {"cacheFrom": "type=registry,ref=ghcr.io/o/c:1"}}',
    ),
    "workflow": (
        "github-actions",
        ".github/workflows/ci.yml",
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    container: node:20 # c\n"
        "    services:\n      db:\n        image: postgres:16\n        ports: ['5432:5432']\n"
        "    steps:\n      - uses: actions/checkout@v4\n      - uses: docker://alpine:3.20\n"
        "      - {uses: 'docker://ghcr.io/o/lint:v2', with: {args: x}}\n",
    ),
    "container-action": (
        "github-actions",
        "action.yml",
        "name: a\nruns:\n  using: docker\n  image: docker://ghcr.io/o/action:v1.2\n",
    ),
    "composite-action": (
        "github-actions",
        "action.yml",
        "runs:\n  using: composite\n  steps:\n    - uses: 'docker://hadolint/hadolint:v2.12.0'\n",
    ),
    "woodpecker": (
        "pipeline",
        ".woodpecker/test.yaml",
        "variables:\n  - &go 'golang:1.22'\nsteps:\n  - name: a\n    image: *go\n"
        "  - {name: b, image: 'node:20'} # c\nservices:\n  db:\n    image: postgres:16\n",
    ),
    "woodpecker-old": (
        "pipeline",
        ".woodpecker.yml",
        "clone:\n  git:\n    image: woodpeckerci/plugin-git:2.5.1\npipeline:\n  build:\n"
        "    image: golang:1.21\n  'test':\n    image: \"python:3.12\"\n",
    ),
    "drone": (
        "pipeline",
        ".drone.yml",
        "kind: pipeline\ntype: docker\nname: default\nsteps:\n- name: a\n  image: node:20\n---\n"
        "kind: pipeline\nname: other\nsteps:\n- {name: b, image: redis:7}\n",
    ),
    "gitlab-services": (
        "gitlab-ci",
        ".gitlab-ci.yml",
        "image: docker:26\nservices:\n  - docker:26-dind\nvariables:\n  PG: '16'\n"
        "test:\n  image: {name: golang:1.22, entrypoint: ['']}\n"
        "  services: [redis, {name: 'postgres:$PG', alias: db}]\n  script: [go test]\n",
    ),
    "gitlab-pinned": (
        "gitlab-ci",
        ".gitlab-ci.yml",
        f"a:\n  image: ruby:3.3@{_OLD}\n  services:\n    - redis:7@{_OLD} # 7.2.5\n  script: [x]\n",
    ),
    "compose-variables": (
        "compose",
        "compose.yaml",
        {
            "compose.yaml": "services:\n  a: {image: 'redis:${REDIS}'}\n"
            "  b: {image: '${PG_IMAGE:-postgres:16}'}\n  c: {image: 'nginx:${NGINX:-1.27}'}\n",
            ".env": "REDIS=7.2\nOTHER=1\n",
        },
    ),
    "compose-build": (
        "compose",
        "compose.yaml",
        "services:\n  a:\n    build:\n      context: .\n      dockerfile_inline: FROM scratch\n"
        "      cache_from: ['ghcr.io/o/c:main', 'type=registry,ref=ghcr.io/o/d:1,x=y']\n"
        "      additional_contexts: {base: 'docker-image://alpine:3.20'}\n"
        "  b: {image: redis:7, volumes: [{type: image, source: 'ghcr.io/o/data:1', target: /d}]}\n",
    ),
    "compose-anchor": (
        "compose",
        "docker-compose.yml",
        "x-a: &a\n  image: redis:7.2\nservices:\n  a: {<<: *a}\n  b: {<<: *a, ports: ['1']}\n",
    ),
    "pod": (
        "kubernetes",
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  initContainers: [{name: i, image: busybox:1.36}]\n"
        "  containers:\n  - name: a\n    image: 'registry.k8s.io/pause:3.9'\n"
        f'  - {{name: b, image: "redis:7@{_OLD}"}} # 7\n'
        "  volumes: [{name: v, image: {reference: quay.io/o/model:v1}}]\n",
    ),
    "cron-job": (
        "kubernetes",
        "job.yaml",
        "apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n"
        "        spec:\n          containers:\n          - image: >-\n              curl:8.9\n",
    ),
    "tekton": (
        "kubernetes",
        "task.yaml",
        "apiVersion: tekton.dev/v1\nkind: Task\nspec:\n  steps: [{name: a, image: golang:1.22}]\n"
        "  sidecars:\n    - image: docker:26-dind\n",
    ),
    "cnpg": (
        "kubernetes",
        "cluster.yaml",
        "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nspec:\n"
        "  imageName: ghcr.io/cloudnative-pg/postgresql:16.4\n",
    ),
    "bake-hcl": (
        "bake",
        "docker-bake.hcl",
        'variable "GO" {\n  default = "1.22"\n}\ntarget "a" {\n  contexts = {\n'
        '    go = "docker-image://golang:${GO}"\n    alpine = "docker-image://alpine:3.20"\n  }\n'
        '  cache-from = ["type=registry,ref=ghcr.io/o/c:main"]\n}\n',
    ),
    "bake-json": (
        "bake",
        "docker-bake.json",
        '{"target": {"a": {"contexts": {"x": "docker-image://redis:7.2"}},'
        ' "b": {"contexts": {"y": "docker-image://ghcr.io/o/b:1"}, "cache-from": ["o/c:1"]}}}',
    ),
    "list": (
        "plain",
        "images.txt",
        "# mirrored\nredis:7.2\nquay.io/o/a:v1 # note\nlocalhost:5000/b\n"
        f"nginx:1.27@{_OLD}\nghcr.io/o/c@{_OLD}\n",
    ),
    "list-crlf": ("plain", "images.list", "alpine:3.20\r\nregistry.example:5000/x/y:1.0\r\n"),
    "dockerfile-forms": (
        "dockerfile",
        "Dockerfile",
        "# syntax=docker/dockerfile:1\nARG GO=1.22\n"
        "FROM --platform=$BUILDPLATFORM golang:${GO} AS b\nCOPY --from=ghcr.io/o/tool:v1 /t /t\n"
        "RUN --mount=type=bind,from=busybox:1.36,target=/b true\n"
        f'FROM "debian:bookworm-slim"\nFROM redis:7.2@{_OLD} # 7.2\n',
    ),
}
