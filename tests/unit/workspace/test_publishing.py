"""Which images a repository publishes: told by its own name, and by the files that push them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.image.reference import Reference
from tagwatch.source.target import Location, Target
from tagwatch.workspace.publishing import Publishing
from tagwatch.workspace.read import read_bytes

REMOTE = '[core]\n\tbare = false\n[remote "origin"]\n\turl = {}\n\tfetch = x\n'
METADATA = """
env:
  REGISTRY: ghcr.io
  NAME: tools/runner
jobs:
  push:
    steps:
      - uses: docker/metadata-action@v5
        with:
          images: |
            ${{ env.REGISTRY }}/${{ env.NAME }}
            ${{ github.repository_owner }}/mirror
"""
PUSH = "IMAGE ?= quay.io/acme/tool\npush:\n\tdocker push $(IMAGE):latest\n"
MIRROR = """
mirror:
	docker pull grafana/grafana:latest && docker tag grafana/grafana registry.acme.example/grafana
	docker push registry.acme.example/grafana
build:
	docker build --build-arg BASE=bitnami/redis:latest --cache-from other/cache -t acme/built .
"""
BAKE = 'target "x" {\n  tags = ["acme/baked:1", "${REG}/acme/any:1"]\n}\ngroup "y" {}\n'
USED = (
    "jobs:\n  a:\n    container: acme/builder:latest\n    steps: [{run: docker push acme/pushed}]\n"
)


def named(text: str, path: str = "compose.yaml") -> Target:
    place = Location(path=path, line=1, column=1, end_line=1, end_column=2)
    return Target(text=text, location=place, kind="compose", reference=Reference.parse(text))


def publisher(top: Path, text: str, path: str = "compose.yaml") -> str:
    return Publishing(top, top, read_bytes).marked(named(text, path)).facts.get("published_by", "")


def written(top: Path, path: str, text: str) -> None:
    (top / path).parent.mkdir(parents=True, exist_ok=True)
    (top / path).write_text(text)


@pytest.mark.parametrize(
    ("url", "image", "is_own"),
    [
        ("https://github.com/Acme/App.git", "ghcr.io/acme/app:latest", True),
        ("git@github.com:acme/app.git", "acme/app", True),
        ("https://gitlab.com/acme/app", "registry.gitlab.com/acme/app/web:latest", True),
        ("https://github.com/pi-hole/docker-pi-hole", "pihole/pihole:latest", True),
        ("https://github.com/acme/all-in-one", "acme-releases/all-in-one:latest", True),
        ("https://github.com/b/nginx", "bitnami/nginx:latest", False),  # it only begins so
        ("https://github.com/acme/app", "acme/base:latest", False),
        ("https://github.com/acme/app", "other/app:latest", False),
        ("https://github.com/acme/app", "ghcr.io/acme/application", False),
        ("/srv/git/app", "srv/git:latest", False),
    ],
)
def test_an_image_of_the_own_name(tmp_path: Path, url: str, image: str, is_own: bool) -> None:
    written(tmp_path, ".git/config", REMOTE.format(url))
    assert publisher(tmp_path, image) == ("its name" if is_own else "")


@pytest.mark.parametrize(
    ("path", "text", "image", "is_pushed"),
    [
        (".github/workflows/ci.yml", METADATA, "ghcr.io/tools/runner:latest", True),
        (".github/workflows/ci.yml", METADATA, "tools/runner:latest", False),  # another registry
        (".github/workflows/ci.yml", METADATA, "acme/mirror:latest", True),
        ("Makefile", PUSH, "quay.io/acme/tool:latest", True),
        ("docker-bake.hcl", BAKE, "acme/baked:latest", True),
        ("docker-bake.hcl", BAKE, "quay.io/acme/any:latest", True),  # whatever REG is
        (".github/workflows/ci.yml", USED, "acme/builder:latest", False),  # used, not pushed
        (".github/workflows/ci.yml", USED, "acme/pushed:latest", True),
        ("Makefile", MIRROR, "grafana/grafana:latest", False),  # mirrored, not published
        ("Makefile", MIRROR, "registry.acme.example/grafana:latest", True),
        ("Makefile", MIRROR, "bitnami/redis:latest", False),  # what it builds on
        ("Makefile", MIRROR, "other/cache:latest", False),
        ("Makefile", MIRROR, "acme/built:latest", True),
        ("docs/push.txt", PUSH, "quay.io/acme/tool:latest", False),  # nobody runs it
    ],
)
def test_an_image_that_a_file_pushes(
    tmp_path: Path, path: str, text: str, image: str, is_pushed: bool
) -> None:
    written(tmp_path, ".git/config", REMOTE.format("https://github.com/acme/app"))
    written(tmp_path, path, text)
    assert publisher(tmp_path, image) == (path if is_pushed else "")


def test_an_image_of_a_folder_beside_it(tmp_path: Path) -> None:
    written(tmp_path, ".git/config", REMOTE.format("https://github.com/acme/app"))
    written(tmp_path, "images/base/Dockerfile", "FROM alpine:3.22\n")
    assert publisher(tmp_path, "acme/base:latest", "images/web/Dockerfile") == (
        "images/base/Dockerfile"
    )
    assert publisher(tmp_path, "other/base:latest", "images/web/Dockerfile") == ""


def test_a_link_out_of_the_tree_says_nothing(tmp_path: Path) -> None:
    written(tmp_path, "other/Makefile", PUSH)
    top = tmp_path / "top"
    top.mkdir()
    (top / "Makefile").symlink_to(tmp_path / "other" / "Makefile")
    assert publisher(top, "quay.io/acme/tool:latest") == ""


def test_lines_that_are_made_to_be_slow_are_passed_over(tmp_path: Path) -> None:
    written(tmp_path, "Makefile", "docker push " + "docker a/" * 200_000 + "\n" + PUSH)
    assert publisher(tmp_path, "quay.io/acme/tool:latest") == ""  # beyond what is read of a file
    written(tmp_path, "Makefile", "docker push " + "docker a/" * 20_000 + "\n" + PUSH)
    assert publisher(tmp_path, "quay.io/acme/tool:latest") == "Makefile"
