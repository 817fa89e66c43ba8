"""Small files that aliases, ranges and chains blow up: they end, soon, and say what was left."""

from __future__ import annotations

import time

import pytest

from tests.source_sample import extract, source_named

MANY = 6_000


def jobs(form: str, count: int = 300) -> str:
    return "".join(form.format(i=i) for i in range(count))


HOSTILE = {
    "compose: ports": (
        "compose",
        "compose.yaml",
        "services: {a: {image: x, ports: [" + '"1-65535:1-65535",' * 200 + "]}}",
        1,
    ),
    "compose: inline": (
        "compose",
        "compose.yaml",
        "services:\n  a:\n    build:\n      dockerfile_inline: |\n" + "        FROM x:1\n" * MANY,
        MANY,
    ),
    "compose: escaped inline": (
        "compose",
        "compose.yaml",
        'services: {a: {build: {dockerfile_inline: "' + "FROM x\\n" * MANY + '"}}}',
        1,
    ),
    "compose: volumes": (
        "compose",
        "compose.yaml",
        "v: &v [" + "{type: image, source: a}," * 3_000 + "]\nservices:\n"
        + jobs("  s{i}: {{image: x, volumes: *v, env_file: *v, profiles: *v}}\n"),
        3_300,
    ),
    "compose: builds": (
        "compose",
        "compose.yaml",
        "v: &v [" + "A=b," * MANY + "]\nservices:\n"
        + jobs("  s{i}: {{build: {{context: 'git@x', args: *v, cache_from: *v}}}}\n"),
        0,
    ),
    "kubernetes: list": (
        "kubernetes",
        "k.yaml",
        "kind: List\nx: &x {kind: Pod, spec: {containers: ["
        + "{image: a}," * 3_000 + "]}}\nitems:\n" + "- *x\n" * 1000,
        3_000,
    ),
    "kubernetes: values": (
        "kubernetes",
        "k.yaml",
        "kind: Application\nx: &v |\n" + "  image: a:1\n" * 3_000
        + "spec:\n  sources:\n" + "  - {helm: {values: *v}}\n" * 300,
        1,
    ),
    "kustomize: patches": (
        "kustomize",
        "kustomization.yaml",
        "patches:\n- patch: &p |\n" + "    image: b\n" * 3_000 + "- patch: *p\n" * 300,
        0,
    ),
    "github: steps": (
        "github_actions",
        ".github/workflows/x.yml",
        "x: &s [" + "{uses: docker://a}," * 3_000 + "]\njobs:\n"
        + jobs("  j{i}: {{steps: *s, services: *t}}\n").replace("*t", "&t {a: b}", 1),
        3_001,
    ),
    "gitlab: chain": (
        "gitlab_ci",
        ".gitlab-ci.yml",
        "variables:\n" + "".join(f"  V{i}: $V{i + 1}\n" for i in range(5000))
        + "j: {image: $V0, script: [x]}\n",
        1,
    ),
    "bake: chain": (
        "bake",
        "docker-bake.json",
        '{"variable": {' + ",".join(f'"V{i}": {{"default": "${{V{i + 1}}}"}}' for i in range(3000))
        + '}, "target": {"a": {"contexts": {"x": "docker-image://r:${V0}"}}}}',
        1,
    ),
    "bake: matrix": (
        "bake",
        "docker-bake.hcl",
        'target "a" {\n  name = "x-${a}-${b}-${c}"\n'
        "  matrix = { a = range(1000), b = range(1000), c = range(1000) }\n"
        '  contexts = { x = "docker-image://r:${a}-${b}-${c}" }\n}\n',
        1000,
    ),
    "bake: loops": (
        "bake",
        "docker-bake.hcl",
        "".join(
            f'target "t{i}" {{\n  inherits = ["t{i - 1}"]\n  contexts = {{ x = "docker-image://r:'
            '${length([for a in range(1000): [for b in range(1000): a]])}" }\n}\n'
            for i in range(200)
        ),
        200,
    ),
    "bake: doubled": (
        "bake",
        "docker-bake.hcl",
        'variable "V0" { default = range(1000) }\n'
        + "".join(
            f'variable "V{i + 1}" {{ default = concat(V{i}, V{i}) }}\n' for i in range(40)
        )
        + 'target "a" { contexts = { x = "docker-image://r:${length(V40)}" } }\n',
        1,
    ),
    "bake: large": ("bake", "docker-bake.hcl", "# x\n" * 70_000, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_it_ends(name: str) -> None:
    module, path, text, count = HOSTILE[name]
    source = source_named(module)
    started = time.process_time()
    extraction = extract(source, text, path)
    assert len(extraction.targets) == count
    assert time.process_time() - started < 10


@pytest.mark.parametrize("name", ["gitlab: chain", "bake: chain"])
def test_a_chain_that_is_too_long_is_not_known(name: str) -> None:
    module, path, text, _ = HOSTILE[name]
    source = source_named(module)
    (target,) = extract(source, text, path).targets
    assert target.reference is None
    assert target.missing


def test_what_was_left_is_said() -> None:
    for name in ("compose: ports", "bake: large"):
        module, path, text, _ = HOSTILE[name]
        source = source_named(module)
        assert "more than" in extract(source, text, path).problems[0].message
