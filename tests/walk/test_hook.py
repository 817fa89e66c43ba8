"""What a commit hook may rely on: no network never fails a commit, time is kept, age is told."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tagwatch.ledger.codec import compress_alike, text_of
from tests.ledger_origin import say_it_was
from tests.stored import TEXTS
from tests.walk.conftest import Shop

DOCKERFILE = "FROM python:3.12-slim\nUSER 10001\n"


@contextmanager
def silence() -> Iterator[str]:
    """A registry that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def age(shop: Shop, days: int) -> None:
    """Make everything that the ledger read so many days older."""
    past = days * 86400 * 10**6
    with sqlite3.connect(shop.folder / "tagwatch.db") as connection:
        connection.execute(f"UPDATE interval SET first_seen = first_seen - {past}")
        connection.execute(f"UPDATE tag SET seen_at = seen_at - {past}")
        connection.execute(
            f"UPDATE repository SET covered_at = covered_at - {past}, full_at = full_at - {past}, "
            f"seen_at = seen_at - {past}"
        )
        connection.execute(f"UPDATE judged SET at = at - {past}")
        rows = connection.execute(f"{TEXTS.replace('SELECT', 'SELECT id, at,')}").fetchall()
        for number, at, *text in rows:
            document = json.loads(text_of(*text))
            document["at"] = time.strftime(
                "%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1e6 - days * 86400)
            )
            connection.execute(
                "UPDATE evidence SET at = ?, body = ? WHERE rowid = ?",
                (at - past, compress_alike(json.dumps(document).encode()), number),
            )
    connection.close()


@pytest.mark.parametrize(("policy", "code"), [("warn", 0), ("pass", 0), ("fail", 4)])
async def test_no_network_fails_only_where_the_policy_says_so(
    shop: Shop, policy: str, code: int
) -> None:
    shop.write("policy.yaml", f"version: 1\non_unavailable: {policy}\n")
    shop.write("Dockerfile", DOCKERFILE)
    shop.address = "http://127.0.0.1:9"
    shop.configure()
    for flags in ((), ("--offline",)):
        done = await shop.run("check", "Dockerfile", "--format", "json", *flags)
        assert done.code == code, done.err
        assert done.json["complete"] is False
        assert done.json["coverage"]["unavailable"] == 1
        said = {one["rule"]: one["severity"] for one in done.json["findings"]}
        assert said["check-incomplete"] == ("note" if policy == "pass" else "warning")


async def test_a_registry_that_never_answers_is_left_in_time(shop: Shop) -> None:
    shop.write("Dockerfile", DOCKERFILE)
    with silence() as address:
        shop.address = address
        shop.configure()
        started = time.monotonic()
        done = await shop.run("check", "Dockerfile", "--max-time", "1", "--format", "json")
        assert time.monotonic() - started < 18, "less than the 20 s that nobody asked for"
        assert done.code == 0, done.out
        assert done.json["complete"] is False
        assert "check-incomplete" in {one["rule"] for one in done.json["findings"]}


async def test_fixing_takes_no_more_time_than_was_given(shop: Shop) -> None:
    """Each round of fixes looks up what it wants to know; after the time is over none asks."""
    shop.write("Dockerfile", DOCKERFILE)
    await shop.run("check", "Dockerfile")
    age(shop, 3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        shop.address = f"http://127.0.0.1:{server.getsockname()[1]}"
        shop.configure()

        async def connections(*flags: str) -> int:
            done = await shop.run("check", "Dockerfile", "--max-time", "2", *flags)
            assert done.code == 0, done.err
            waiting = []
            with suppress(BlockingIOError):
                while True:
                    waiting.append(server.accept()[0])
            for connection in waiting:
                connection.close()
            return len(waiting)

        assert await connections("--fix=bump:minor") <= await connections() == 1


async def test_where_nothing_can_be_written_a_check_is_made_all_the_same(shop: Shop) -> None:
    shop.write("Dockerfile", DOCKERFILE)
    shop.write("file", "")
    settings = (shop.folder / "tagwatch.yaml").read_text()
    shop.write("tagwatch.yaml", settings.replace("database: ", "database: file/no/"))
    shop.environment["HOME"] = str(shop.folder / "file" / "home")
    for _ in range(2):
        done = await shop.run("check", "Dockerfile", "--format", "json")
        assert done.code == 0, done.err
        assert done.json["complete"] is True
        assert done.json["requests"] != {}
        assert "is not remembered" in done.err
    offline = await shop.run("check", "Dockerfile", "--offline", "--format", "json")
    assert (offline.code, offline.json["complete"]) == (0, False)


async def test_old_facts_are_used_with_their_age(shop: Shop) -> None:
    shop.write("Dockerfile", DOCKERFILE)
    await shop.run("check", "Dockerfile")
    age(shop, 3)
    offline = await shop.run("check", "--all", "Dockerfile", "--offline")
    assert offline.code == 0
    assert "3.12.14" in offline.out
    assert "3 days ago" in offline.out
    with silence() as address:
        shop.address = address
        shop.configure()
        say_it_was(shop.folder / "tagwatch.db", address)
        late = await shop.run("check", "--all", "Dockerfile", "--max-time", "1")
        assert late.code == 0
        assert "3 days ago" in late.out


async def test_what_no_file_named_yet_is_known_from_the_nights_listing(shop: Shop) -> None:
    """A new line in a file, offline: the night listed its repository, though nobody asked for it.

    That a tag is not there is not told: it may have been pushed since.
    """
    shop.configure(in_bulk=True)
    assert (await shop.run("scan")).code == 1
    shop.address = "http://127.0.0.1:9"
    shop.configure(in_bulk=True)
    say_it_was(shop.folder / "tagwatch.db", shop.address)
    new = "FROM redis:7.2\nFROM redis:6.x\nFROM redis:9.9.9\nFROM nginx:1.30-alpine\n"
    shop.write("new/Dockerfile", new)
    done = await shop.run("check", "new/Dockerfile", "--offline", "--format", "json")
    coverage = done.json["coverage"]
    assert [coverage[state] for state in ("read", "remembered", "unavailable")] == [0, 2, 2]
    assert [one["reason"] for one in coverage["reasons"]] == ["offline"]
    answers = {one["input"]: one for one in done.json["resolutions"]}
    assert answers["redis:7.2"]["version"] == "7.2.15"
    assert answers["redis:6.x"]["tag"] == "6.2.23"
    assert answers["nginx:1.30-alpine"]["tag"] != "1.30-alpine"
    assert answers["redis:9.9.9"]["status"] == "unavailable"
    said = {(one["rule"], one["location"]["line"]) for one in done.json["findings"]}
    assert ("tag-missing", 2) in said
    assert {line for rule, line in said if rule == "check-incomplete"} == {1, 3}
    (in_part,) = (
        one
        for one in done.json["findings"]
        if one["location"]["line"] == 1 and one["rule"] == "check-incomplete"
    )
    assert in_part["message"] == "redis:7.2 was checked only in part: its manifest was not read"

    later = await shop.run("resolve", "redis:^6", "redis:9.9.9", "--offline", "--format", "json")
    assert later.code == 4
    known, unknown = later.json["resolutions"]
    assert (known["tag"], known["version"]) == ("6.2.23", "6.2.23")
    assert (unknown["status"], unknown["digest"]) == ("unavailable", None)


async def test_a_file_that_nothing_reads_is_said_so(shop: Shop) -> None:
    shop.write("notes.txt", "redis\n")
    (await shop.run("check", "notes.txt")).is_clean_error(3)
    (await shop.run("check", "no-such-file")).is_clean_error(3)
    both = await shop.run("check", "notes.txt", "Dockerfile", "--offline", "--format", "json")
    assert both.json["problems"][0]["skipped"] is True


async def test_a_workflow_gets_annotations_and_a_summary(shop: Shop) -> None:
    shop.environment["GITHUB_STEP_SUMMARY"] = str(shop.write("summary.md", "before\n"))
    done = await shop.run("check", "--format", "github")
    assert done.code == 1
    assert "::error file=docker-compose.yaml,line=7" in done.out
    summary = (shop.folder / "summary.md").read_text()
    assert summary.startswith("before\n## ")
    assert "port-all-interfaces" in summary.replace("\\", "")
    shop.environment["GITHUB_STEP_SUMMARY"] = str(shop.folder / "no" / "summary.md")
    told = await shop.run("check", "--format", "github", "--offline")
    assert "the step summary" in told.err
