"""Registries that are down, slow, refusing, broken or hostile, through the real command.

Each harms only its own images: the message says which and why, the rest is audited, and the ledger
keeps what it knew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from tests.hostile.promise import promised
from tests.walk.command import Done, Workplace
from tests.walk.misbehaving import FAULTS, Asked, Misbehaving, misbehaving

WAITED_OUT = ("busy-seconds", "busy-date", "busy-epoch")
DOWN = "  down.example: {endpoint: 'http://127.0.0.1:9', credential: anonymous}\n"

METADATA = "the registry sends its client to '169.254.169.254'"
NO_END = "a listing has pages without an end"
LOG_IN = "log in with `docker login`"
PROXY = "a proxy's or login page answers like this"
LATER = "the registry says in 60 minutes"
NOT_ONE = "does not behave as one"

# what failed, with which word for programs, what the message and the hint say
TOLD = {
    "down": ("unavailable", None, "connection refused", "is the registry running?"),
    "slow": ("unavailable", None, "no whole answer within 4 s", "timeout_seconds"),
    "unauthorized": ("denied", 401, "denied (401)", LOG_IN),
    "forbidden": ("denied", 403, "denied (403)", LOG_IN),
    "missing": ("not-found", 404, "not found (404)", "hidden from these credentials"),
    "limited-seconds": ("rate-limited", 429, "too many requests (429)", LATER),
    "limited-date": ("rate-limited", 429, "too many requests (429)", LATER),
    "limited-epoch": ("rate-limited", 429, "too many requests (429)", LATER),
    "failing": ("unavailable", 500, "the registry fails (500)", "try again later"),
    "html": ("unavailable", 200, "not what a registry sends, but HTML", PROXY),
    "html-manifest": ("unavailable", 200, "not what a registry sends, but HTML", PROXY),
    "not-json": ("unavailable", 200, "not what a registry sends, but something else", PROXY),
    "lying": ("hostile-answer", None, "bytes of the digest", "do not pull from it"),
    "endless": ("hostile-answer", None, "an answer larger than 33554432 bytes", NOT_ONE),
    "huge": ("hostile-answer", None, "an answer larger than 4194304 bytes", NOT_ONE),
    "bomb": ("hostile-answer", None, "an answer larger than 33554432 bytes", NOT_ONE),
    "loop": ("hostile-answer", None, NO_END, "repeats its pages"),
    "for-ever": ("hostile-answer", None, NO_END, "repeats its pages"),
    "foreign-page": ("hostile-answer", None, "would be on another host", "relative links"),
    "metadata": ("hostile-answer", None, METADATA, "plain HTTP"),
    "evil-realm": ("hostile-answer", None, METADATA, "plain HTTP"),
    "redirect-loop": ("hostile-answer", None, "a redirect without end", NOT_ONE),
    "cut-off": ("unavailable", None, "the connection broke", "check the network"),
}  # fmt: skip
# what the registry still tells about `app:1`, where it tells anything
STATUS = {
    **dict.fromkeys(("well", *WAITED_OUT, "huge"), "resolved"),
    # the tag is served, but no list says whether `1` has a longer name
    **dict.fromkeys(
        ("not-json", "endless", "bomb", "loop", "for-ever", "foreign-page"), "no-version"
    ),
    "missing": "not-found",
}  # fmt: skip


@dataclass(slots=True)
class Desk:
    """A folder whose Dockerfile builds on an image of every registry there is."""

    place: Workplace
    server: Misbehaving

    def configure(self, *names: str, policy: str = "{}", patience: float = 6) -> None:
        seconds = {"timeout_seconds": 4, "patience_seconds": patience}
        settings = self.server.registries(*(one for one in names if one != "down"), **seconds)
        self.place.write(
            "tagwatch.yaml",
            f"database: tagwatch.db\nsources: [Dockerfile]\npolicy: {policy}\n"
            f"reports: {{formats: [json]}}\nregistries:\n{settings}{DOWN}",
        )
        self.place.write("Dockerfile", "".join(f"FROM {one}.example/app:1\n" for one in names))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    folder = tmp_path / "desk"
    folder.mkdir()
    async with misbehaving() as server:
        yield Desk(Workplace(folder), server)


def fine(done: Done) -> Done:
    """No trace, no bug, nothing unexplained on standard error."""
    assert "Traceback" not in done.err
    assert "internal error" not in done.err
    return done


@promised(
    "a registry", "silence, floods, loops, lies, compressed bombs, pages without end",
    "it is told, and harms its own images only",
)  # fmt: skip
async def test_each_fault_is_told_and_harms_only_itself(desk: Desk) -> None:
    assert TOLD.keys() | {"well", *WAITED_OUT} == FAULTS.keys() | {"down"}
    desk.configure(*TOLD, "well", *WAITED_OUT)
    done = fine(await desk.place.run("scan", "--format", "json"))
    assert done.code == 1, done.err
    answer = done.json
    assert answer["complete"] is False

    told: dict[str, list[tuple[str, int | None, str, str]]] = {}
    for failure in answer["failures"]:
        words = (failure["code"], failure["status"], failure["message"], failure["hint"])
        told.setdefault(failure["repository"].partition(".")[0], []).append(words)
    assert told.keys() == TOLD.keys()
    for name, (code, status, message, hint) in TOLD.items():
        assert any(
            (one[0], one[1]) == (code, status) and message in one[2] and hint in one[3]
            for one in told[name]
        ), f"{name}: {told[name]}"

    statuses = {one["input"].partition(".")[0]: one["status"] for one in answer["resolutions"]}
    assert statuses == {name: STATUS.get(name, "unavailable") for name in statuses}
    assert statuses.keys() == {*TOLD, "well", *WAITED_OUT}
    read = {"well", "missing", *WAITED_OUT}  # of others a list or a manifest was never read
    assert answer["coverage"] == {
        "targets": len(statuses),
        "read": len(read),
        "unresolved": 0,
        "unavailable": len(statuses) - len(read),
        "remembered": 0,
        "built": 0,
        "reasons": [],
    }
    states = {one["input"].partition(".")[0]: one["state"] for one in answer["resolutions"]}
    assert {name for name, state in states.items() if state == "read"} == read
    incomplete = {
        finding["location"]["line"]
        for finding in answer["findings"]
        if finding["rule"] in ("check-incomplete", "tag-deleted")
    }
    assert incomplete == set(range(1, len(TOLD) + 1)), "every line says what was not checked"
    assert (await desk.place.run("ledger", "check")).code == 0


async def odd_names(asked: Asked) -> web.StreamResponse | None:
    """Two of four listed names cannot be tags."""
    if not asked.is_list:
        return None
    return web.json_response({"tags": ["1.0", "1", "<script>", "../../etc"]})


async def test_a_doubtful_listing_is_told_and_makes_nothing_incomplete(desk: Desk) -> None:
    desk.server.faults["odd"] = odd_names
    desk.configure("odd")
    told = "2 listed names cannot be tags and were passed over"
    answer = fine(await desk.place.run("scan", "--format", "json")).json
    assert answer["remarks"] == [{"repository": "odd.example/app", "message": told}]
    assert (answer["complete"], answer["failures"]) == (True, [])
    shown = fine(await desk.place.run("scan"))
    assert "odd.example/app: 2 listed names cannot be tags" in shown.out


async def test_what_was_known_stays_known(desk: Desk) -> None:
    """A night in which every registry misbehaves neither ends nor begins an interval."""
    names = [name for name in TOLD if name != "down"]
    desk.configure(*names)
    desk.server.faults.update(dict.fromkeys(names))
    assert (await desk.place.run("scan")).code == 0
    before = intervals(desk)
    assert len(before) >= len(names)

    desk.server.faults.update(FAULTS)
    done = fine(await desk.place.run("scan", "--format", "json"))
    assert intervals(desk) == before
    assert done.json["changes"] == []
    assert "tag-deleted" not in {finding["rule"] for finding in done.json["findings"]}

    desk.server.faults.update(dict.fromkeys(names))
    done = await desk.place.run("scan", "--format", "json")
    assert done.json["complete"] is True
    assert intervals(desk) == before


def intervals(desk: Desk) -> set[tuple[object, ...]]:
    with sqlite3.connect(desk.place.folder / "tagwatch.db") as connection:
        rows = connection.execute(
            "SELECT repository_id, tag_id, n, digest_id, ended_at FROM interval"
        )
        return set(rows)


@pytest.mark.parametrize(
    ("names", "policy", "code", "says"),
    [
        (["failing"], "{}", 0, "1 not checked (incomplete)"),
        (["failing"], "{on_unavailable: warn}", 0, "1 not checked (incomplete)"),
        (["failing"], "{on_unavailable: pass}", 0, "1 not checked (incomplete)"),
        (["failing"], "{on_unavailable: fail}", 4, "1 not checked (incomplete)"),
        (["well"], "{on_unavailable: fail}", 0, "1 of 1 image reference read"),
        (["missing"], "{on_unavailable: fail}", 1, "or is hidden from these credentials"),
        (
            ["failing", "well"],
            "{on_unavailable: fail, fail_on: note}",
            1,
            "the run is also incomplete",
        ),
    ],
    ids=["default", "warn", "pass", "fail", "nothing to fail", "missing", "1 wins over 4"],
)
async def test_exit_codes(desk: Desk, names: list[str], policy: str, code: int, says: str) -> None:
    desk.configure(*names, policy=policy, patience=0)
    for command in (("check", "Dockerfile"), ("scan",)):
        done = fine(await desk.place.run(*command))
        assert done.code == code, f"{command}: {done.out}{done.err}"
        assert says in " ".join((done.out + done.err).split()), command


async def test_resolve_tells_each_apart(desk: Desk) -> None:
    names = ("well", "missing", "failing", "down", "not-json", "html-manifest")
    desk.configure(*names)
    asked = [f"{name}.example/app:1" for name in names]
    done = fine(await desk.place.run("resolve", *asked, "--format", "json"))
    assert done.code == 4
    found = {one["input"]: one for one in done.json["resolutions"]}
    assert [one["input"] for one in done.json["resolutions"]] == asked
    assert [found[text]["status"] for text in asked] == [
        "resolved", "not-found", "unavailable", "unavailable", "no-version", "unavailable",
    ]  # fmt: skip
    assert found["well.example/app:1"]["tag"] == "1.0"
    for text in asked[1:]:
        assert found[text]["version"] is None, "nothing is claimed that was not read"
    codes = {
        name: (await desk.place.run("resolve", f"{name}.example/app:1")).code
        for name in ("well", "missing", "not-json", "down")
    }
    assert codes == {"well": 0, "missing": 1, "not-json": 1, "down": 4}


async def test_one_half_read_image_is_read_whole_by_the_next_run(desk: Desk) -> None:
    """What failed between an index and a config is not taken for stored."""
    desk.configure("well")
    desk.server.breaks = "/blobs/"
    first = await desk.place.run("scan", "--format", "json")
    assert first.json["complete"] is False
    desk.server.breaks = None
    second = await desk.place.run("scan", "--format", "json")
    assert second.json["complete"] is True
    assert second.json["requests"]["well.example"]["config"] >= 1
    third = await desk.place.run("scan", "--format", "json")
    assert third.json["requests"]["well.example"].keys() == {"ping", "tags", "head"}
