"""Findings that are known: baselines, and what a branch did not change."""

from __future__ import annotations

import json
import subprocess

from tests.walk.command import Done
from tests.walk.conftest import Shop

COMPOSE = "services:\n  a:\n    image: python:3.12-slim\n    ports: ['6379:6379']\n"


def git(shop: Shop, *arguments: str) -> str:
    command = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments)
    done = subprocess.run(command, cwd=shop.folder, check=True, capture_output=True, text=True)
    return done.stdout


def committed(shop: Shop) -> None:
    shop.write(".gitignore", "*.db*\nreports/\n")
    git(shop, "init", "-q", "-b", "main")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "x")


def rules(done: Done) -> set[tuple[str, str]]:
    return {(one["location"]["path"], one["rule"]) for one in done.json["findings"]}


async def test_a_baseline_lets_only_new_findings_fail(shop: Shop) -> None:
    before = await shop.run("check", "--format", "json")
    assert before.code == 1
    written = await shop.run("baseline", "write", "--output", "known.json")
    assert written.code == 0, written.err
    entries = json.loads((shop.folder / "known.json").read_text())
    assert len(entries) == len(before.json["findings"]) > 3
    assert entries == sorted(entries, key=lambda one: (one["path"], one["rule"], one["subject"]))

    known = await shop.run("check", "--baseline", "known.json")
    assert known.code == 0, known.out
    assert "known    docker-compose.yaml:7  port-all-interfaces" in known.out
    quiet = await shop.run("check", "--baseline", "known.json", "--quiet")
    assert (quiet.code, quiet.out) == (0, "")

    moved = (shop.folder / "docker-compose.yaml").read_text()
    shop.write("docker-compose.yaml", "# one line more\n" + moved.replace("6379:6379", "5432:5432"))
    new = await shop.run("check", "--baseline", "known.json", "--format", "json")
    assert new.code == 1
    named = {"port-all-interfaces", "port-undeclared"}  # Redis does not listen on 5432
    assert rules(new) == {("docker-compose.yaml", rule) for rule in named}
    assert "fixed since the baseline: docker-compose.yaml: port-all-interfaces" in new.err
    assert len(json.loads((shop.folder / "known.json").read_text())) == len(entries)

    pruned = await shop.run("check", "--baseline", "known.json", "--prune", "--exit-zero")
    assert pruned.code == 0
    assert len(json.loads((shop.folder / "known.json").read_text())) == len(entries) - 1


async def test_writing_again_keeps_the_day_and_what_was_not_audited(shop: Shop) -> None:
    await shop.run("baseline", "write")
    path = shop.folder / "tagwatch-baseline.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps([{**one, "first_seen": "2020-02-02"} for one in entries]))
    await shop.run("baseline", "write", "Dockerfile")
    again = json.loads(path.read_text())
    assert {one["fingerprint"] for one in again} == {one["fingerprint"] for one in entries}
    assert {one["first_seen"] for one in again} == {"2020-02-02"}


async def test_only_what_a_branch_changed_fails(shop: Shop) -> None:
    shop.write("TAGS.env", "")
    committed(shop)
    await shop.run("check", ".")
    git(shop, "checkout", "-q", "-b", "feature")
    unchanged = await shop.run("check", "--diff-base", "main", "--format", "json")
    assert unchanged.code == 0, unchanged.out
    assert rules(unchanged) == set()

    shop.write("docker-compose.yaml", (shop.folder / "docker-compose.yaml").read_text() + "# x\n")
    shop.write("new/compose.yaml", COMPOSE)
    changed = await shop.run("check", "--diff-base", "main", "--format", "json")
    assert changed.code == 1
    assert {path for path, _ in rules(changed)} == {"new/compose.yaml"}
    assert ("new/compose.yaml", "port-all-interfaces") in rules(changed)
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "y")
    text = await shop.run("check", "--diff-base", "main")
    assert "known since main" in text.out

    git(shop, "checkout", "-q", "main")
    shop.write("Dockerfile", "FROM redis:7\n")
    git(shop, "commit", "-q", "-am", "main went on")
    git(shop, "checkout", "-q", "feature")
    assert rules(await shop.run("check", "--diff-base", "main", "--format", "json")) == rules(
        changed
    )


async def test_a_file_that_was_renamed_is_no_change(shop: Shop) -> None:
    committed(shop)
    await shop.run("check", ".")
    git(shop, "mv", "docker-compose.yaml", "compose.yaml")
    done = await shop.run("check", "--diff-base", "main", "--format", "json")
    assert (done.code, rules(done)) == (0, set())
    text = (shop.folder / "compose.yaml").read_text()
    shop.write("compose.yaml", text + "  late: {image: 'postgres:17', ports: ['5432:5432']}\n")
    done = await shop.run("check", "--diff-base", "main", "--format", "json", "--offline")
    assert ("compose.yaml", "port-all-interfaces") in rules(done)
    assert len([one for one in done.json["findings"] if one["rule"] == "port-all-interfaces"]) == 1


async def test_a_variable_in_another_file_is_a_change(shop: Shop) -> None:
    shop.write(".env", "TAG=3.12-slim\n")
    shop.write("compose.yaml", "services: {a: {image: 'python:${TAG}'}}\n")
    (shop.folder / "docker-compose.yaml").unlink()
    committed(shop)
    shop.write(".env", "TAG=latest\n")
    shop.shelf.tags["library/python"]["latest"] = shop.shelf.tags["library/python"]["3.12-slim"]
    done = await shop.run("check", "--diff-base", "HEAD", "--format", "json")
    assert ("compose.yaml", "tag-latest") in rules(done)


async def test_what_cannot_be_used_is_refused(shop: Shop) -> None:
    (await shop.run("check", "--diff-base", "main")).is_clean_error(2)
    committed(shop)
    git(shop, "checkout", "-q", "--orphan", "alone")
    git(shop, "commit", "-q", "-m", "z")
    told = (await shop.run("check", "--diff-base", "main")).is_clean_error(2)
    assert "no commit in common" in told
    assert "git fetch --unshallow" in told
    told = (await shop.run("check", "--diff-base", "no-such-branch")).is_clean_error(2)
    assert "no commit is called 'no-such-branch'" in told
    (await shop.run("check", "--diff-base=--output=x")).is_clean_error(2)
    (await shop.run("check", "--baseline", "missing.json")).is_clean_error(2)
    shop.write("bad.json", '[{"rule": 1}]')
    (await shop.run("check", "--baseline", "bad.json")).is_clean_error(2)
    (await shop.run("check", "--prune")).is_clean_error(2)
