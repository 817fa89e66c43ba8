"""`tagwatch policy explain`: the lines of the policy that speak of an image."""

from __future__ import annotations

from tests.walk.conftest import Shop

POLICY = """\
version: 1
registries: {allow: [docker.io]}
repositories: {allow: ["docker.io/library/*"]}
bases:
  - ref: docker.io/library/python
    tags: ["3.12-slim"]
rules:
  tag-moving: {severity: warning}
overrides:
  - paths: ["examples/**"]
    rules: {tag-moving: {severity: "off"}}
ignores:
  - rule: user-root
    image: docker.io/library/redis:7
    reason: it drops its rights itself
    expires: 2027-01-01
"""


async def test_every_line_that_applies_is_told_with_its_place(shop: Shop) -> None:
    shop.write("policy.yaml", POLICY)
    text = await shop.run("policy", "explain", "redis:7")
    assert text.code == 0, text.err
    lines = {line.split()[0]: line for line in text.out.splitlines()[1:]}
    assert "policy.yaml:2:" in lines["registry"]
    assert "allowed" in lines["repository"]
    assert "not approved by name" in lines["base"]
    assert "warning" in lines["tag-moving"]
    assert "policy.yaml:8:" in lines["tag-moving"]
    assert "it drops its rights itself" in lines["user-root"]

    document = (await shop.run("policy", "explain", "python:3.12-slim", "--format", "json")).json
    assert document["reference"] == "docker.io/library/python:3.12-slim"
    base = next(one for one in document["applied"] if one["subject"] == "base")
    assert base["answer"].startswith("approved")
    assert base["place"]["path"] == "policy.yaml"
    assert base["place"]["line"] == 5


async def test_the_file_where_it_is_used_counts(shop: Shop) -> None:
    shop.write("policy.yaml", POLICY)
    there = await shop.run(
        "policy", "explain", "redis:7", "--path", "examples/a/Dockerfile", "--format", "json"
    )
    moving = next(one for one in there.json["applied"] if one["subject"] == "tag-moving")
    assert moving["answer"].startswith("off")
    assert moving["place"]["line"] in (10, 11)


async def test_what_is_refused_is_said(shop: Shop) -> None:
    shop.write("policy.yaml", POLICY)
    done = await shop.run("policy", "explain", "ghcr.io/a/b:1")
    assert "registry" in done.out
    assert "not allowed" in done.out
    (await shop.run("policy", "explain", "a b")).is_clean_error(2)
