"""`tagwatch trust`: what was looked at, byte for byte, and nothing else."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tagwatch
from tests.hostile.promise import promised
from tests.hostile.victim import Capture, Victim


@pytest.fixture
def tree(victim: Victim, thief: Capture) -> Victim:
    """A company's tree: a mirror with a certificate of its own, and a policy beside it."""
    victim.write("Dockerfile", "FROM redis:7\n")
    victim.write("ca.pem", "not looked at\n")
    victim.write("policy.yaml", "fail_on: never\n")
    victim.write(
        "tagwatch.yaml",
        f"registries: {{docker.io: {{endpoint: 'http://{thief.host}', ca_file: ca.pem}}}}\n"
        "policy: policy.yaml\n",
    )
    return victim


async def looked_at(place: Victim, file: str = "tagwatch.yaml") -> str:
    """The digest that `trust` shows where nobody sits at a terminal."""
    done = await place.run("trust", file)
    assert done.code == 2
    assert "trust is a person's decision" in done.err
    found = re.search(r"digest: ([0-9a-f]{64})", done.out)
    assert found is not None
    return found[1]


def is_trusted(place: Victim) -> bool:
    """Whether a command would work there; else it says whose word is missing."""
    try:
        tagwatch.open_site(place.folder, environment=place.variables())
    except tagwatch.ConfigError as error:
        assert "operator's to say" in error.message
        return False
    return True


async def trusted(place: Victim) -> None:
    done = await place.run("trust", "--digest", await looked_at(place))
    assert done.code == 0, done.err


async def test_it_shows_every_key_and_its_value(tree: Victim, thief: Capture) -> None:
    done = await tree.run("trust")
    assert "registries.docker.io.endpoint is the operator's to say: your logins" in done.out
    assert f'"http://{thief.host}"' in done.out
    assert '"ca.pem"' in done.out
    thief.tells_nothing()


@promised(
    "a tree",
    "text in a key that looks like an answer of `tagwatch trust`",
    "it stands as the key that it is",
)
async def test_a_key_forges_no_line(tree: Victim) -> None:
    """Neither one that a person reads as tagwatch's own, nor a command to a runner."""
    host = "a.example\\n::stop-commands::x\\n/clone/tagwatch.yaml says nothing\\u202e"
    for rest in ("{endpoint: 'http://a.example'}", "{endpoint: 5}", "{nothing: 1}"):
        tree.write("tagwatch.yaml", f'registries: {{"{host}": {rest}}}\n')
        for command in (("trust",), ("check", "."), ("check", "--offline", ".")):
            done = await tree.run(*command)
            lines = (done.out + done.err).splitlines()
            assert not [line for line in lines if line.strip().startswith(("::", "/clone"))]
            assert "\u202e" not in done.out + done.err


async def test_from_look_to_revocation(tree: Victim) -> None:
    assert not is_trusted(tree)
    await trusted(tree)
    assert is_trusted(tree)
    listed = await tree.run("trust", "--list")
    assert str(tree.folder / "tagwatch.yaml") in listed.out
    store = Path(tree.environment["HOME"]) / ".local/share/tagwatch/trust.json"
    assert store.stat().st_mode & 0o777 == 0o600
    assert (await tree.run("trust", "--revoke", "tagwatch.yaml")).code == 0
    assert not is_trusted(tree)
    assert (await tree.run("trust", "--list")).out == "nothing is trusted\n"


@promised(
    "a tree",
    "a change of a file after `tagwatch trust`",
    "it is not trusted any more",
)
@pytest.mark.parametrize("file", ["tagwatch.yaml", "ca.pem", "policy.yaml"])
async def test_every_file_that_was_looked_at_counts(tree: Victim, file: str) -> None:
    """CVE-2025-54136: trust in a name, where the contents changed later."""
    await trusted(tree)
    assert is_trusted(tree), "and its form is remembered"
    before = tree.folder.joinpath(file).read_text()
    tree.write(file, before + "# changed\n")
    assert not is_trusted(tree)
    tree.write(file, before)
    assert is_trusted(tree), "what was looked at is back"


async def test_a_file_that_was_not_there_counts(tree: Victim) -> None:
    (tree.folder / "ca.pem").unlink()
    await trusted(tree)
    assert is_trusted(tree)
    tree.write("ca.pem", "a stranger's\n")
    assert not is_trusted(tree)


async def test_a_file_too_large_to_look_at_is_not_trusted(tree: Victim) -> None:
    tree.write("ca.pem", b"x" * (4 * 1024 * 1024 + 1))
    assert "nobody can look at it" in (await tree.run("trust")).is_clean_error(2)
    assert not is_trusted(tree)


@pytest.mark.parametrize("text", ['"a\\0b"', "~nobody-of-this-name/x", "'" + "x" * 5000 + "'"])
async def test_what_is_no_path(tree: Victim, text: str) -> None:
    for key in ("policy", "knowledge", "reports", "facts"):
        value = f"{{directory: {text}}}" if key == "reports" else text
        tree.write("tagwatch.yaml", f"{key}: {value}\n")
        done = await tree.run("check", "--offline", ".")
        assert "internal error" not in done.err


async def test_a_copy_is_another_file(tree: Victim, tmp_path: Path) -> None:
    """GHSA-q5hj-mxqh-vv77: nor does trust follow what a tree's `.git` points to."""
    await trusted(tree)
    copy = tmp_path / "copy"
    copy.mkdir()
    other = Victim(copy, tree.environment)
    for name in ("tagwatch.yaml", "policy.yaml", "ca.pem"):
        other.write(name, tree.folder.joinpath(name).read_bytes())
    other.write(".git", f"gitdir: {tree.folder / '.git'}\n")
    assert not is_trusted(other)


async def test_a_program_looks_and_does_not_agree(tree: Victim) -> None:
    for code, is_day in ((1, False), (0, True)):
        done = await tree.run("trust", "--format", "json")
        (file,) = done.json["files"]
        assert (done.code, file["path"]) == (code, str(tree.folder / "tagwatch.yaml"))
        assert len(file["says"]) == 2
        assert (file["since"] is not None) == is_day
        await tree.run("trust", "--digest", file["digest"])
    assert (await tree.run("trust", "--list", "--format", "json")).json["files"] == [file]


async def test_another_digest_is_refused(tree: Victim) -> None:
    digest = await looked_at(tree)
    tree.write("ca.pem", "changed between look and yes\n")
    assert (await tree.run("trust", "--digest", digest)).code == 2
    assert not is_trusted(tree)


async def test_a_tree_that_says_nothing_special_needs_none(tree: Victim) -> None:
    tree.write("tagwatch.yaml", "sources: [Dockerfile]\npolicy: policy.yaml\n")
    done = await tree.run("trust")
    assert (done.code, "no trust is needed" in done.out) == (0, True)
    assert is_trusted(tree)


async def test_a_store_that_is_damaged_trusts_nothing(tree: Victim) -> None:
    await trusted(tree)
    store = Path(tree.environment["HOME"]) / ".local/share/tagwatch/trust.json"
    for text in ("{", "[]", '{"trusted": 1}', '{"trusted": {"x": 1}}', ""):
        store.write_text(text)
        assert not is_trusted(tree)


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals")
@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"\n", 1), (b"nein\n", 1)])
async def test_it_asks_at_a_terminal(tree: Victim, typed: bytes, code: int) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    done = subprocess.run(  # noqa: ASYNC221  # nothing else runs meanwhile
        [sys.executable, "-m", "tagwatch", "trust"],
        cwd=tree.folder,
        env=tree.variables(),
        stdin=theirs,
        capture_output=True,
        check=False,
        timeout=60,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == code, done.stderr
    assert b"take all of this as your own word? [y/N]" in done.stderr
    assert is_trusted(tree) == (code == 0)
