"""Files that a tree names: inside it, no links out, never quoted; and whose they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hostile.promise import promised
from tests.hostile.victim import Capture, Victim

SHADOW = "root:$6$PLANTEDhash:1:0:99999:7:::\n"


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    """A file of the machine's that the user may read."""
    path = tmp_path / "machine" / "shadow"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SHADOW)
    return path


def removed(path: Path) -> None:
    """Take the file away; a link to it leads nowhere then."""
    path.unlink()


def content(path: Path) -> str | None:
    """What the file holds; None where there is none."""
    return path.read_text() if path.exists() else None


@promised(
    "a tree",
    "a policy that lies outside of it",
    "it is not read, and nothing of it is quoted",
)
@pytest.mark.parametrize(
    "policy",
    ["policy: {shadow}", "policy: ../shadow", "policy: {{extends: [../shadow]}}", "by a file"],
)
async def test_a_policy_outside_the_tree(victim: Victim, shadow: Path, policy: str) -> None:
    victim.write("Dockerfile", "FROM scratch\n")
    victim.write("mine.yaml", "extends: [../shadow]\n")
    text = "policy: mine.yaml" if policy == "by a file" else policy.format(shadow=shadow)
    victim.write("tagwatch.yaml", text + "\n")
    for flags in ((), ("--offline",)):
        done = await victim.run("check", *flags, ".")
        assert "PLANTED" not in done.out + done.err
        assert "a tree's file may only say: a file in the tree" in done.err
        assert done.code == (0 if flags else 2)


@promised(
    "a tree",
    "a link out of the tree",
    "it is refused, and nothing of it is quoted",
)
@pytest.mark.parametrize("name", ["tagwatch.yaml", "policy.yaml"])
async def test_a_link_that_leads_out(victim: Victim, shadow: Path, name: str) -> None:
    victim.write("Dockerfile", "FROM scratch\n")
    if name == "policy.yaml":
        victim.write("tagwatch.yaml", "policy: policy.yaml\n")
    victim.folder.joinpath(name).symlink_to(shadow)
    said = (await victim.run("check", ".")).is_clean_error(2)
    assert "PLANTED" not in said
    assert "root:" not in said


async def test_a_dockerfile_that_is_a_link_out(victim: Victim, shadow: Path) -> None:
    """Named on the command line, as a hook names it: a link is not followed out of the tree."""
    victim.folder.joinpath("Dockerfile").symlink_to(shadow)
    done = await victim.run("check", "--offline", "Dockerfile")
    assert "planted" not in (done.out + done.err).lower()
    assert "root" not in (done.out + done.err).lower().replace("user-root", "")
    assert "leads out of the tree" in done.out + done.err


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_baseline_that_is_a_link_out(victim: Victim, shadow: Path, is_there: bool) -> None:
    if not is_there:
        removed(shadow)
    victim.write("Dockerfile", "FROM scratch\n")
    victim.folder.joinpath("tagwatch-baseline.json").symlink_to(shadow)
    for command in (("baseline", "write"), ("check", "--baseline", "tagwatch-baseline.json")):
        done = await victim.run(*command, "--offline")
        assert "leads out of the tree" in done.err
        assert "PLANTED" not in done.out + done.err
    assert content(shadow) == (SHADOW if is_there else None)


@pytest.mark.parametrize("name", ["tagwatch.yaml", "policy.yaml"])
async def test_a_beginning_through_a_link(victim: Victim, shadow: Path, name: str) -> None:
    removed(shadow)
    victim.folder.joinpath(name).symlink_to(shadow)
    assert (await victim.run("init")).code == 2
    assert content(shadow) is None


@pytest.mark.parametrize(
    "directory", ["../out", "/out", "~/out", ".git/hooks", ".github/workflows"]
)
async def test_reports_outside(victim: Victim, directory: str) -> None:
    victim.write("Dockerfile", "FROM scratch\n")
    victim.write("tagwatch.yaml", f"sources: [Dockerfile]\nreports: {{directory: {directory}}}\n")
    said = (await victim.run("scan")).is_clean_error(2)
    assert "reports.directory: a tree's file may only say: a folder in the tree" in said


@pytest.mark.parametrize("said", ["reports: {directory: reports}\n", ""])
@pytest.mark.parametrize("where", ["out", ".git/hooks"])
async def test_a_folder_of_reports_that_is_a_link(
    victim: Victim, tmp_path: Path, said: str, where: str
) -> None:
    victim.write("Dockerfile", "FROM scratch\n")
    victim.write("tagwatch.yaml", f"sources: [Dockerfile]\n{said}")
    out = tmp_path / "out" if where == "out" else victim.folder / where
    out.mkdir(exist_ok=True)
    before = {*out.iterdir()}
    victim.folder.joinpath("reports").symlink_to(out)
    refused = (await victim.run("scan")).is_clean_error(2)
    assert "leads out of the tree" in refused or "a folder in the tree" in refused
    assert {*out.iterdir()} == before
    assert (await victim.run("check", "--offline", ".")).code == 0, "it writes none"


async def test_a_configuration_in_its_folder_names_what_is_beside_it(victim: Victim) -> None:
    """`..` leads nowhere out there."""
    victim.write("Dockerfile", "FROM scratch\n")
    victim.write("policy.yaml", "fail_on: never\n")
    victim.write(
        "config/tagwatch.yaml",
        "sources: [Dockerfile]\npolicy: ../policy.yaml\nreports: {directory: ../reports}\n",
    )
    assert (await victim.run("scan")).code == 0
    assert (victim.folder / "reports/index.html").is_file()


async def test_a_ledger_of_the_trees(victim: Victim) -> None:
    victim.write("Dockerfile", "FROM scratch\n")
    for database in ("mine.db", "../new/folder/x.db"):
        victim.write("tagwatch.yaml", f"database: {database}\n")
        said = (await victim.run("check", ".")).is_clean_error(2)
        assert "database is the operator's to say: it is what other runs believe" in said
    assert not victim.folder.joinpath("../new").exists()


@pytest.mark.parametrize("key", ["knowledge: {}", "facts: {{source: x, key_file: {}}}"])
@pytest.mark.parametrize("kind", ["pipe", "/dev/zero"])
async def test_files_without_an_end(victim: Victim, key: str, kind: str) -> None:
    pipe = victim.folder / "pipe"
    os.mkfifo(pipe)
    victim.write("Dockerfile", "FROM scratch\n")
    victim.write("tagwatch.yaml", key.format(kind) + "\n")
    (await victim.run("check", ".")).is_clean_error(2)


@promised(
    "another user",
    "a `.git` or a configuration in a parent folder",
    "they are refused",
)
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
@pytest.mark.parametrize("what", [".", ".git", "tagwatch.yaml"])
async def test_a_tree_of_another_user(victim: Victim, what: str) -> None:
    """CVE-2022-24765 of git: a `.git` in a folder that everybody may write to."""
    victim.write("Dockerfile", "FROM redis:latest\n")
    victim.write("tagwatch.yaml", "policy: {rules: {tag-latest: {severity: 'off'}}}\n")
    os.chown(victim.folder / what, 65534, 65534)
    said = (await victim.run("check", "--offline", "Dockerfile")).is_clean_error(2)
    assert "belongs to another user" in said
    done = await victim.run("check", "--offline", "--untrusted", "Dockerfile")
    assert "tag-latest" in done.out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
async def test_a_configuration_of_another_user_further_up(victim: Victim) -> None:
    victim.write("tagwatch.yaml", "policy: {rules: {tag-latest: {severity: 'off'}}}\n")
    for what in (".git", "tagwatch.yaml"):
        os.chown(victim.folder / what, 65534, 65534)
    below = victim.folder / "mine"
    below.mkdir()
    here = Victim(below, victim.environment)
    here.write("Dockerfile", "FROM redis:latest\n")
    done = await here.run("check", "--offline", "Dockerfile")
    assert "tag-latest" in done.out


async def test_a_home_in_the_tree(victim: Victim, thief: Capture) -> None:
    """Some CI puts the home into the checkout: then everything in it is the author's word."""
    victim.environment["HOME"] = str(victim.folder)
    victim.write("Dockerfile", "FROM redis:7\n")
    victim.write(
        ".config/tagwatch/tagwatch.yaml",
        f"registries: {{docker.io: {{endpoint: 'http://{thief.host}'}}}}\n",
    )
    said = (await victim.run("check", ".")).is_clean_error(2)
    assert "lies in the tree that is looked at" in said
    thief.tells_nothing()


async def test_an_operators_file_that_everybody_may_write(victim: Victim) -> None:
    path = victim.write("../home/.config/tagwatch/tagwatch.yaml", "max_age: 1h\n")
    path.chmod(0o666)
    said = (await victim.run("check", ".")).is_clean_error(2)
    assert "can be written by everybody" in said


async def test_a_plugin_that_a_tree_names(victim: Victim, thief: Capture, tmp_path: Path) -> None:
    """It is installed, but a tree does not choose what runs."""
    site = tmp_path / "site"
    info = site / "brought-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[tagwatch.rules]\nowned = owned:RULE\n[tagwatch.publishers]\nowned = owned\n"
    )
    (site / "owned.py").write_text("raise SystemExit('it ran')\n")
    victim.environment["PYTHONPATH"] = str(site)
    victim.write("Dockerfile", "FROM scratch\n")
    for text in (
        "policy: {rules: {owned: {severity: error}}}",
        "policy: {ignores: [{rule: owned, path: x, reason: y, permanent: true}]}",
        "sources: [Dockerfile]\nreports: {formats: [owned]}",
    ):
        victim.write("tagwatch.yaml", text + "\n")
        said = (await victim.run("check", ".")).is_clean_error(2)
        assert "of tagwatch's own" in said
        assert "it ran" not in said
    thief.tells_nothing()
