"""Every line of `family.SOURCES`: it never fails, its places slice to its text, and it is pure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.family import SOURCES
from tagwatch.member import load_member
from tagwatch.source.target import Extraction, Source, SourceContext
from tagwatch.workspace.find import source_for
from tests.registry.harness import DIGEST

NAMES = pytest.mark.parametrize("name", sorted(SOURCES))

# A small file of each format: its path, its text and what it names.
SAMPLES: dict[str, tuple[str, str, set[str]]] = {
    "dockerfile": ("Dockerfile", "FROM redis:6.2\nRUN true\n", {"docker.io/library/redis:6.2"}),
    "compose": (
        "docker-compose.yaml",
        "services:\n  cache:\n    image: redis:6.2\n",
        {"docker.io/library/redis:6.2"},
    ),
    "github-actions": (
        ".github/workflows/ci.yml",
        "on: push\njobs:\n  test:\n    runs-on: x\n    container: redis:6.2\n    steps: []\n",
        {"docker.io/library/redis:6.2"},
    ),
    "gitlab-ci": (
        ".gitlab-ci.yml",
        "test:\n  image: redis:6.2\n  script: [true]\n",
        {"docker.io/library/redis:6.2"},
    ),
    "pipeline": (
        ".woodpecker.yml",
        "steps:\n  - name: test\n    image: redis:6.2\n",
        {"docker.io/library/redis:6.2"},
    ),
    "kustomize": (
        "kustomization.yaml",
        "images:\n  - name: app\n    newName: redis\n    newTag: '6.2'\n",
        {"docker.io/library/redis:6.2"},
    ),
    "helm": (
        "values.yaml",
        "image:\n  repository: redis\n  tag: '6.2'\n",
        {"docker.io/library/redis:6.2"},
    ),
    "devcontainer": (
        ".devcontainer/devcontainer.json",
        '{"image": "redis:6.2"}',
        {"docker.io/library/redis:6.2"},
    ),
    "bake": (
        "docker-bake.json",
        '{"target": {"app": {"contexts": {"base": "docker-image://redis:6.2"}}}}',
        {"docker.io/library/redis:6.2"},
    ),
    "kubernetes": (
        "deploy.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: redis:6.2\n      name: a\n",
        {"docker.io/library/redis:6.2"},
    ),
    "plain": ("images.txt", "redis:6.2\n", {"docker.io/library/redis:6.2"}),
}


def source(name: str) -> Source:
    found: Source = load_member("sources", name)
    return found


def extracted(name: str, raw: bytes) -> Extraction:
    """The extraction, once everything that is wanted is said not to be there."""
    known: dict[str, bytes | None] = {}
    for _ in range(10):
        found = source(name).extract(raw, SAMPLES[name][0], SourceContext(files=known))
        if set(found.wanted) <= known.keys():
            return found
        known |= dict.fromkeys(found.wanted)
    raise AssertionError(f"{name} wants more and more files: {sorted(known)[:20]}")


def test_every_source_has_a_sample() -> None:
    assert set(SAMPLES) == set(SOURCES)


@NAMES
def test_its_sample_is_recognized_as_its_own(name: str) -> None:
    path, text, _ = SAMPLES[name]
    found = source_for(path, text.encode())
    assert found is not None
    assert found[0] == name


@NAMES
def test_it_names_every_image_where_it_stands(name: str) -> None:
    _, text, expected = SAMPLES[name]
    found = extracted(name, text.encode())
    assert not found.problems
    assert {one.reference.canonical for one in found.targets if one.reference} == expected
    lines = text.splitlines()
    for target in found.targets:
        place = target.location
        said = lines[place.line - 1][place.column - 1 : place.end_column - 1]
        assert said.strip("'\"") in ("redis:6.2", "6.2", "docker-image://redis:6.2"), said


@NAMES
def test_what_is_read_twice_is_the_same(name: str) -> None:
    raw = SAMPLES[name][1].encode()
    assert extracted(name, raw) == extracted(name, raw)


@NAMES
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf",
        b"\x00" * 10,
        b"{" * 5000,
        b"[" * 5000,
        b"a: " * 2000,
        b"&a [*a]",
        b"<<: *x\n",
        b"FROM",
        f"redis@{DIGEST}".encode(),
        b"%YAML 9.9\n---\n",
        b"image: !!python/object:os.system x\n",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_nonsense_is_a_problem_and_no_error(name: str, raw: bytes) -> None:
    assert isinstance(extracted(name, raw), Extraction)


@NAMES
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_sample_never_fails(name: str, data: st.DataObject) -> None:
    raw = bytearray(SAMPLES[name][1].encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        raw = raw or bytearray(b"x")
    lines = bytes(raw).decode("utf-8", "replace").splitlines() or [""]
    for target in extracted(name, bytes(raw)).targets:
        assert 1 <= target.location.line <= len(lines) + 1
