"""Passwords in the addresses of a file: they stand in no answer, report, alert or ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.image.reference import without_userinfo
from tests.hostile.promise import promised
from tests.hostile.served import config_of, served
from tests.hostile.tree import Tree, tree
from tests.stored import values_in

__all__ = ["tree"]

SECRET = "S3CRETword"
FILES = {
    "Dockerfile": (
        f"FROM https://u:{SECRET}@reg.example/a:1 AS a\n"
        f"FROM u:{SECRET}@reg.example/b AS b\n"
        f"FROM u:{SECRET}@reg.example:5000/b:1@sha256:{'0' * 64}\n"
        f"FROM redis:latest\n"
        f"ADD https://bob:{SECRET}@files.example/x /x\n"
        f"ADD https://{SECRET}@github.com/a/b.git /y\n"
    ),
    "broken/Dockerfile": f"FROM redis:7\nhttps://u:{SECRET}@h/x\n",
    "compose.yaml": (
        f"services: {{a: {{image: 'https://u:{SECRET}@reg.example/a:1'}}, "
        f"b: {{image: '${{REG}}/c:1'}}, c: {{image: '{{{{ u:{SECRET}@h/x }}}}'}}, "
        f"d: {{image: 'r.example/good:1.0', environment: {{X: 'https://u:{SECRET}@h/'}}}}}}\n"
        f"# tagwatch: ignore=tag-latest reason=\"see https://u:{SECRET}@h/\"\n"
    ),
    ".env": f"REG=u:{SECRET}@reg.example\n",
    "k.yaml": (
        "apiVersion: v1\nkind: Pod\nspec: {containers: ["
        f"{{image: 'https://u:{SECRET}@reg.example/a:1'}}, {{image: 'u:{SECRET}@h.example/x'}}]}}\n"
    ),
    ".gitlab-ci.yml": f"image: https://u:{SECRET}@reg.example/a\njob: {{script: [x]}}\n",
    "docker-bake.json": f'{{"target": {{"a": {{"tags": ["u:{SECRET}@h.example/x"]}}}}}}\n',
}  # fmt: skip


def stored(folder: Path) -> bytes:
    """Every byte below a folder, and what is compressed in databases."""
    found = b""
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        found += file.read_bytes()
        if file.suffix == ".db":
            found += b"".join(values_in(file))
    return found


@promised("a file", "a password in front of a host, in any format", "it stands in no output")
async def test_no_output_has_it(tree: Tree) -> None:
    for name, text in FILES.items():
        tree.write(name, text)
    tree.environment["TAGWATCH_CONFIG"] = str(tree.folder.parent / "operator.yaml")
    formats = "json, html, sarif, markdown, junit, gitlab, github, text"
    async with served() as registry:
        registry.push("good", config_of())
        tree.write(
            "../operator.yaml",
            f"database: data/tagwatch.db\nsources: ['tree/**']\nreports: {{directory: reports, "
            f"formats: [{formats}]}}\n" + registry.settings(),
        )
        tree.write("../data/x", "")
        commands = [
            ("scan",),
            ("extract", ".", "--format", "json"), ("check", ".", "--fix=pin", "--dry-run"),
            ("check", ".", "--offline"), ("resolve", f"https://u:{SECRET}@h.example/x"),
        ]  # fmt: skip
        for command in commands:
            done = await tree.run(*command)
            assert "internal error" not in done.err
            assert SECRET not in done.out + done.err, command
    told = stored(tree.folder.parent / "data") + stored(tree.folder.parent / "reports")
    assert b"reg.example" in told
    assert SECRET.encode() not in told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:p@h/x", "https://***@h/x"),
        ("https://u:p@q@h/x", "https://***@h/x"),
        ("oci://token@h/x", "oci://***@h/x"),
        ("u:p@h/x", "***@h/x"),
        ("u:p@h.example:5000/x:1", "***@h.example:5000/x:1"),
        ("'u:p@h/x'", "'***@h/x'"),
        ("ssh://git@github.com/a/b", "ssh://git@github.com/a/b"),
        ("git@github.com:a/b", "git@github.com:a/b"),
        ("redis:7@sha256:0a", "redis:7@sha256:0a"),
        ("docker://a:1@sha256:0a", "docker://a:1@sha256:0a"),
        ("docker://u:p@a:1@sha256:0a", "docker://***@a:1@sha256:0a"),
        ("r.io:5000/redis:7@sha256:" + "0" * 64, "r.io:5000/redis:7@sha256:" + "0" * 64),
        ("redis:7@${DIGEST}", "redis:7@${DIGEST}"),
        ("a/b:1@@TAG@", "a/b:1@@TAG@"),
    ],
)
def test_what_is_a_password(text: str, shown: str) -> None:
    assert without_userinfo(text) == shown


async def test_no_error_has_it(tree: Tree) -> None:
    tree.write("Dockerfile", "FROM scratch\n")
    for text in (
        f"watch: [{{image: 'https://u:{SECRET}@reg.example/x'}}]",
        f"policy: {{extends: ['u:{SECRET}@h/x']}}",
        f"facts: {{source: 'https://u:{SECRET}@h.example/x', key_env: A}}",
    ):
        tree.write("tagwatch.yaml", text + "\n")
        done = await tree.check(".", "--config", "tagwatch.yaml")
        assert done.err
        assert SECRET not in done.out + done.err
