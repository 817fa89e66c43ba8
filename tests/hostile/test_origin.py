"""What one endpoint says is believed only where it is configured.

A pull request's configuration named an endpoint for docker.io. What that said went into the user's
ledger, and his other projects believed it: `resolve` told it, and `check --fix=pin` wrote it.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import tagwatch
from tagwatch.audit.model.evidence import Evidence
from tagwatch.image.digest import Digest
from tagwatch.ledger.codec import compress_alike, decode, encode, text_of
from tagwatch.value import replace
from tests.hostile.promise import promised
from tests.registry.doubles.warehouse import Double
from tests.stored import TEXTS
from tests.walk.command import Workplace

HOST = "registry.example"
REDIS = f"{HOST}/library/redis"


def desk(folder: Path, user: Path, endpoint: str = "", *, more: str = "") -> Workplace:
    """A project of the user, with his own ledger, that names one image."""
    folder.mkdir()
    place = Workplace(folder, {"HOME": str(user), "XDG_DATA_HOME": str(user / "data")})
    place.write("Dockerfile", f"FROM {REDIS}:6.2\nUSER app\n")
    settings = "version: 1\n"
    if endpoint:
        settings += f"registries: {{{HOST}: {{endpoint: '{endpoint}', concurrency: 1{more}}}}}\n"
    place.write("tagwatch.yaml", settings)
    return place


def dockerfile(place: Workplace) -> str:
    return (place.folder / "Dockerfile").read_text(encoding="utf-8")


def liar() -> tuple[Double, Digest]:
    """An attacker's registry, and what its tag serves."""
    double = Double()
    digest = double.warehouse.push("library/redis", "6.2", build="evil", index=False)
    double.warehouse.repositories["library/redis"]["6.2.99"] = double.warehouse.repositories[
        "library/redis"
    ]["6.2"]
    return double, digest


def honest(*, build: str = "1") -> tuple[Double, Digest]:
    double = Double()
    digest = double.warehouse.push("library/redis", "6.2", build=build, index=False)
    double.warehouse.repositories["library/redis"]["6.2.14"] = double.warehouse.repositories[
        "library/redis"
    ]["6.2"]
    return double, digest


@pytest.fixture
def user(tmp_path: Path) -> Path:
    home = tmp_path / "user"
    home.mkdir()
    return home


@promised(
    "a tree",
    "an endpoint for a registry, whose word another project would believe",
    "another project tells and writes nothing of it",
)
async def test_another_project_believes_no_endpoint_of_a_pull_request(
    tmp_path: Path, user: Path
) -> None:
    double, digest = liar()
    async with double.serving():
        poisoned = desk(tmp_path / "fork", user, double.url)
        assert (await poisoned.run("resolve", f"{REDIS}:6.2")).out.find("6.2.99") > 0
        assert (await poisoned.run("check", "Dockerfile", "--exit-zero")).code == 0
    other = desk(tmp_path / "mine", user)
    told = await other.run("resolve", "--offline", f"{REDIS}:6.2")
    assert "6.2.99" not in told.out
    pinned = await other.run("check", "--offline", "--fix=pin", "Dockerfile", "--exit-zero")
    assert digest not in dockerfile(other) + pinned.out
    assert "@" not in dockerfile(other)
    for line in (f"history {REDIS}", f"history {REDIS}:6.2", f"history {digest}"):
        assert digest[7:19] not in (await other.run(*line.split())).out
    for line in (f"base {REDIS}:6.2 --offline", f"diff {REDIS}:6.2 {REDIS}:6.2.99 --offline"):
        done = await other.run(*line.split())
        assert digest[7:19] not in done.out + done.err
    # where it is configured, it counts
    again = await poisoned.run("resolve", "--offline", f"{REDIS}:6.2")
    assert digest[7:19] in again.out


async def test_a_catalogue_s_word_is_an_endpoint_s(tmp_path: Path, user: Path) -> None:
    """It tells which digest a tag serves, though the registry itself is asked for images."""
    (lies, digest), (truth, good) = liar(), honest()
    async with lies.serving(), truth.serving():
        forked = desk(
            tmp_path / "fork", user, truth.url, more=f", catalogue_endpoint: '{lies.url}'"
        )
        await forked.run("resolve", f"{REDIS}:6.2")
        mine = desk(tmp_path / "mine", user, truth.url)
        offline = await mine.run("resolve", "--offline", f"{REDIS}:6.2")
        assert good[7:19] not in offline.out  # it has asked nobody yet
        online = await mine.run("resolve", f"{REDIS}:6.2")
        assert good[7:19] in online.out
        assert digest[7:19] not in online.out


@pytest.mark.parametrize("kind", ["hub", "ghcr"])
async def test_a_kind_that_asks_another_catalogue_is_another_origin(
    tmp_path: Path, user: Path, kind: str
) -> None:
    """`kind: hub` for a registry of one's own would let Docker Hub's owner of that name speak."""
    place = desk(tmp_path / "fork", user)
    place.write("tagwatch.yaml", f"version: 1\nregistries: {{{HOST}: {{kind: {kind}}}}}\n")
    assert tagwatch.open_site(place.folder / "tagwatch.yaml").origins[HOST].startswith("https://")


@promised(
    "a network",
    "two endpoints for one host in one ledger",
    "each answers only where it is configured",
)
async def test_two_endpoints_of_one_host_share_no_tag(tmp_path: Path, user: Path) -> None:
    (lies, digest), (truth, good) = liar(), honest()
    async with lies.serving(), truth.serving():
        one = desk(tmp_path / "one", user, lies.url)
        two = desk(tmp_path / "two", user, truth.url)
        for place in (one, two):
            told = await place.run("check", "Dockerfile", "--exit-zero")
            assert "Traceback" not in told.err
        for place, own, others in ((one, digest, good), (two, good, digest)):
            for line in (f"resolve --offline {REDIS}:6.2", f"history {REDIS}"):
                said = (await place.run(*line.split())).out
                assert own[7:19] in said, line
                assert others[7:19] not in said, line
            await place.run("check", "--offline", "--fix=pin", "Dockerfile", "--exit-zero")
            assert f"@{own}" in dockerfile(place)
        # neither moved: each was asked for by its own project
        with closing(sqlite3.connect(user / "data" / "tagwatch" / "tagwatch.db")) as ledger:
            assert ledger.execute("SELECT count(*) FROM fact").fetchone() == (0,)
            assert ledger.execute("SELECT count(*) FROM move").fetchone() == (0,)
            assert ledger.execute(
                "SELECT count(DISTINCT origin) FROM repository WHERE path = 'library/redis'"
            ).fetchone() == (2,)


def test_who_has_a_site_opens_the_ledger_with_its_origins() -> None:
    """Else what an endpoint says would be stored as the registry's own word."""
    opened = re.compile(r"(?:Reader|Ledger)\.open[,(]([^()]*)")
    found = {
        (path.name, said[1])
        for path in Path(tagwatch.__file__).parent.rglob("*.py")
        for said in opened.finditer(path.read_text(encoding="utf-8"))
    }
    of_messages = {"sending.py", "daemon.py", "status.py"}  # and runs, which are no registry's
    assert len(found) > 10
    assert {name for name, said in found if "site.origins" not in said} == of_messages


@promised(
    "a network",
    "a mirror that is asked in place of a registry",
    "offline names the endpoint whose word it is",
)
async def test_offline_says_whose_word_it_is(tmp_path: Path, user: Path) -> None:
    truth, _ = honest()
    async with truth.serving():
        place = desk(tmp_path / "mine", user, truth.url)
        online = await place.run("check", "Dockerfile", "--exit-zero")
        assert truth.url not in online.out
    said = f"said by {truth.url}"
    offline = await place.run("check", "--offline", "Dockerfile", "--exit-zero")
    assert said in offline.out + offline.err
    told = await place.run("resolve", "--offline", f"{REDIS}:6.2")
    assert said in told.out
    data = (await place.run("resolve", "--offline", f"{REDIS}:6.2", "--format", "json")).json
    assert data["resolutions"][0]["origin"] == truth.url


def of_before(place: Workplace) -> Path:
    """Make the user's ledger one that an older program wrote: nobody was recorded."""
    path = Path(place.environment["XDG_DATA_HOME"]) / "tagwatch" / "tagwatch.db"
    with closing(sqlite3.connect(path)) as ledger:
        for table in ("repository", "base_build", "failing"):
            ledger.execute(f"UPDATE {table} SET origin = '?'")
        ledger.execute("UPDATE repository SET watermark = NULL")
        ledger.execute("UPDATE source SET name = 'seen ?'")
        for row in ledger.execute(TEXTS).fetchall():
            evidence = replace(decode(Evidence, text_of(*row)), origin="")
            ledger.execute(
                "UPDATE evidence SET body = ?, judged_id = NULL WHERE key = ?",
                (compress_alike(encode(evidence)), evidence.key),
            )
        ledger.commit()
    return path


@promised(
    "a network",
    "memory of an older tagwatch, of unrecorded origin",
    "it is told so, and no fix writes from it",
)
async def test_what_nobody_is_recorded_for_is_told_so_and_written_nowhere(
    tmp_path: Path, user: Path
) -> None:
    (lies, digest), (truth, good) = liar(), honest()
    async with lies.serving():
        await desk(tmp_path / "fork", user, lies.url).run("check", "Dockerfile", "--exit-zero")
    async with truth.serving():
        mine = desk(tmp_path / "mine", user, truth.url)
        of_before(mine)
        before = dockerfile(mine)
        for fix in ("--fix=pin", "--fix", "--fix=bump:minor"):
            done = await mine.run("check", "--offline", fix, "Dockerfile", "--exit-zero")
            assert dockerfile(mine) == before
            assert "who said this was not recorded" in done.err
        assert (
            "who said what it serves was not recorded"
            in (await mine.run("check", "--offline", "--fix=pin", "--dry-run", "Dockerfile")).err
        )
        told = await mine.run("resolve", "--offline", f"{REDIS}:6.2")
        assert digest[7:19] in told.out
        assert "who said this was not recorded" in told.out
        assert "who said this was not recorded" in (await mine.run("history", REDIS)).out
        # who may ask does, however fresh that is; the move since then is told, and history goes on
        asked = await mine.run("check", "Dockerfile", "--format", "json", "--exit-zero")
        assert [(one["before"], one["after"]) for one in asked.json["changes"]] == [(digest, good)]
        past = (await mine.run("history", f"{REDIS}:6.2", "--format", "json")).json
        assert [one["digest"] for one in past["intervals"]] == [digest, good]
        assert past["origin"] == truth.url
        # a tag that its registry has no more is over
        gone = (await mine.run("history", f"{REDIS}:6.2.99", "--format", "json")).json
        assert [one["ended"] for one in gone["intervals"]] == [True]
        done = await mine.run("check", "--offline", "--fix=pin", "Dockerfile", "--exit-zero")
        # what it is now is known; that the tag went back to it today is another matter
        assert f"{good} is kept back (and 1 more): tag-downgraded" in done.err
        assert "was not recorded" not in done.err


async def test_what_was_not_read_since_answers_for_nobody(tmp_path: Path, user: Path) -> None:
    """One tag that a registry was asked for makes no other tag's old digest its word."""
    (lies, digest), (truth, good) = liar(), honest()
    lies.warehouse.repositories["library/redis"]["7"] = lies.warehouse.repositories[
        "library/redis"
    ]["6.2"]
    truth.warehouse.push("library/redis", "7", build="other", index=False)
    async with lies.serving():
        fork = desk(tmp_path / "fork", user, lies.url)
        fork.write("Dockerfile", f"FROM {REDIS}:6.2\nFROM {REDIS}:7\n")
        await fork.run("check", "Dockerfile", "--exit-zero")
    async with truth.serving():
        mine = desk(tmp_path / "mine", user, truth.url)
        path = of_before(mine)
        await mine.run("check", "Dockerfile", "--exit-zero")
        with closing(sqlite3.connect(path)) as ledger:
            ledger.execute("DELETE FROM evidence")  # only tags can answer
            ledger.commit()
        mine.write("Dockerfile", f"FROM {REDIS}:7\n")
        done = await mine.run("check", "--offline", "--fix=pin", "Dockerfile", "--exit-zero")
        assert digest not in dockerfile(mine) + done.out
    assert good != digest


async def test_a_repository_that_could_not_be_read_adopts_nothing(
    tmp_path: Path, user: Path
) -> None:
    truth, good = honest()
    async with truth.serving():
        mine = desk(tmp_path / "mine", user, truth.url)
        await mine.run("check", "Dockerfile", "--exit-zero")
        path = of_before(mine)
    failed = await mine.run("check", "--refresh", "Dockerfile", "--exit-zero")
    assert "Traceback" not in failed.err
    with closing(sqlite3.connect(path)) as ledger:
        assert ledger.execute("SELECT origin FROM repository").fetchall() == [("?",)]
    await mine.run("check", "--fix=pin", "Dockerfile", "--exit-zero")
    assert good not in dockerfile(mine)
