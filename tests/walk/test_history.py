"""`tagwatch history` and `history import`: the real command, publishers' files and registries."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Change
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.write import Ledger
from tests.registry.doubles.ecr import ENVIRONMENT, EcrDouble
from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.quay import Ended, QuayDouble
from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace
from tests.walk.conftest import Shop

LONG_AGO = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
REDIS = Repository.parse("redis")
STANZA = "Maintainers: x\n\nTags: {0}, {1}\nGitCommit: {2}\n"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    made = Workplace(folder)
    made.write("tagwatch.yaml", "version: 1\ndatabase: tagwatch.db\n")
    return made


def checkout(folder: Path, versions: list[Mapping[str, str | None]]) -> Path:
    """A repository of library files, a commit a month: each says what changes in `library/`."""
    (folder / "library").mkdir(parents=True)

    def git(date: str, *arguments: str) -> None:
        own = {f"GIT_{who}_DATE": date for who in ("AUTHOR", "COMMITTER")}
        names = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **own}
        subprocess.run(
            ["git", *names, *arguments],
            cwd=folder, env=environment, check=True, capture_output=True,
        )  # fmt: skip

    git("", "init", "--quiet")
    for month, files in enumerate(versions, start=1):
        for name, text in files.items():
            path = folder / "library" / name
            path.unlink() if text is None else path.write_text(text, encoding="utf-8")
        date = f"2025-{month:02}-01T00:00:00Z"
        git(date, "add", "--all")
        git(date, "commit", "--quiet", "--message", date)
    return folder


def shallow_clone(whole: Path, folder: Path) -> Path:
    """The newest commit of a repository, and nothing of before."""
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{whole}", str(folder)]
    home = {"PATH": os.environ["PATH"], "HOME": str(folder.parent)}
    subprocess.run(clone, check=True, env=home)
    return folder


async def intervals(place: Workplace, *arguments: str) -> list[dict[str, Any]]:
    done = await place.run("history", *arguments, "--format", "json")
    assert done.code in (0, 1), done.err
    found: list[dict[str, Any]] = done.json["intervals"]
    return found


async def test_years_of_official_images_in_one_command(place: Workplace, tmp_path: Path) -> None:
    library = checkout(
        tmp_path / "official-images",
        [
            {"redis": STANZA.format("7.0.1", "7.0", "a" * 40)},
            {"redis": STANZA.format("7.0.2", "7.0", "b" * 40), "consul": "Tags: 1\nGitCommit: 1\n"},
            {"redis": STANZA.format("7.2.0", "7.2", "c" * 40), "consul": None},
        ],
    )
    # the image behind the flag, as people write it
    done = await place.run("history", "import", "--library", str(library), "redis")
    assert (done.code, done.out) == (0, "redis  6 intervals\n")
    again = await place.run("history", "import", "--library", str(library))
    assert again.out == "consul  1 interval\nredis  6 intervals\n"

    past = await intervals(place, "redis:7.0")
    assert [(one["version"], one["first_seen"][:10], one["ended"]) for one in past] == [
        ("7.0.1", "2025-01-01", True),
        ("7.0.2", "2025-02-01", True),
    ]
    assert {(one["kind"], one["digest"]) for one in past} == {("committed", None)}
    text = await place.run("history", "redis:7.0")
    assert text.out.count("(committed)") == 2
    assert [
        one["version"] for one in await intervals(place, "redis:7.0", "--at", "2025-01-31")
    ] == ["7.0.1"]
    assert await intervals(place, "redis:7.0", "--at", "2025-03-01") == []
    assert {one["tag"] for one in await intervals(place, "redis", "--at", "2025-01-15")} == {
        "7.0.1",
        "7.0",
    }


async def test_a_checkout_without_its_past_takes_nothing_away(
    place: Workplace, tmp_path: Path
) -> None:
    whole = checkout(
        tmp_path / "whole",
        [
            {"redis": STANZA.format("7.0.1", "7.0", "a" * 40)},
            {"redis": STANZA.format("7.0.2", "7.0", "b" * 40)},
        ],
    )
    shallow, bare = shallow_clone(whole, tmp_path / "shallow"), tmp_path / "bare"
    (bare / "library").mkdir(parents=True)
    (bare / "library" / "redis").write_bytes((whole / "library" / "redis").read_bytes())
    first = await place.run("history", "import", "redis", "--library", str(shallow))
    assert "is a shallow clone: its history begins on 2025-02-01" in first.err
    assert len(await intervals(place, "redis:7.0")) == 1
    done = await place.run("history", "import", "redis", "--library", str(whole))
    assert done.err == ""
    years = await intervals(place, "redis")
    assert [one["version"] for one in await intervals(place, "redis:7.0")] == ["7.0.1", "7.0.2"]
    await place.run("history", "import", "redis", "--library", str(shallow))
    assert await intervals(place, "redis") == years
    last = await place.run("history", "import", "redis", "--library", str(bare))
    assert "has no git history" in last.err
    told = await intervals(place, "redis")
    assert [one["first_seen"] for one in told] == [one["first_seen"] for one in years]


async def test_a_library_file_that_cannot_be_read_costs_its_version_alone(
    place: Workplace, tmp_path: Path
) -> None:
    library = checkout(
        tmp_path / "official-images",
        [
            {"redis": STANZA.format("7.0.1", "7.0", "a" * 40)},
            {"redis": "Maintainers: x\n\nGitCommit: a\n", "evil": "\x1b[31mred\x00\n"},
        ],
    )
    done = await place.run("history", "import", "--library", str(library))
    assert done.code == 1, "nothing at all is known of one of them"
    assert "redis  2 intervals\n" in done.out
    assert "evil  0 intervals\n" in done.out
    assert "the stanza at line 3 of a library file has no Tags" in done.err
    assert "evil: " in done.err
    assert "\x1b" not in done.err
    wrong = await place.run("history", "import", "--library", str(library), "redsi")
    assert "did you mean 'redis'?" in wrong.is_clean_error(2)
    nowhere = await place.run("history", "import", "--library", str(tmp_path))
    assert "has no folder 'library'" in nowhere.is_clean_error(2)


async def told(place: Workplace, double: Double, image: str, **more: object) -> str:
    """Import from a double; what the command said."""
    settings = {"endpoint": double.url, "kind": double.kind, **more}
    lines = ", ".join(f"{key}: '{value}'" for key, value in settings.items())
    place.write(
        "tagwatch.yaml",
        f"version: 1\ndatabase: tagwatch.db\nregistries:\n  '{double.name}': {{{lines}}}\n",
    )
    done = await place.run("history", "import", f"{double.name}/{image}")
    assert done.code == 0, done.err
    return done.out


async def test_quay_remembers_every_digest(place: Workplace) -> None:
    double = QuayDouble()
    now = double.warehouse.push("team/app", "1.2.4", at=LONG_AGO + timedelta(days=9))
    double.warehouse.repositories["team/app"]["1.2"] = double.warehouse.repositories["team/app"][
        "1.2.4"
    ]
    old = Digest("sha256:" + "c" * 64)
    double.past["team/app"] = [
        Ended(tag="1.2", digest=old, begun=LONG_AGO, ended=LONG_AGO + timedelta(days=9))
    ]
    async with double.serving():
        for _ in range(2):
            assert "3 intervals" in await told(place, double, "team/app")
    past = await intervals(place, f"{double.host}/team/app:1.2")
    assert [(one["digest"], one["version"], one["kind"], one["ended"]) for one in past] == [
        (old, None, "pushed", True),
        (now, "1.2.4", "pushed", False),
    ]
    which = await intervals(place, f"{double.host}/team/app@{old}")
    assert [(one["tag"], one["first_seen"]) for one in which] == [("1.2", "2026-03-01T02:00:00Z")]
    assert await intervals(place, f"{double.host}/team/app:1.2", "--at", "2026-02-01") == []
    (held,) = await intervals(place, f"{double.host}/team/app:1.2", "--at", "2026-03-05")
    assert held["digest"] == old


async def test_a_tag_that_quay_is_going_to_delete_is_served_still(place: Workplace) -> None:
    """Its interval ended tomorrow, in the ledger of today."""
    double = QuayDouble()
    now = double.warehouse.push("team/app", "pr-1", at=LONG_AGO)
    end = datetime.now(UTC) + timedelta(days=1, hours=1)
    double.expiring["pr-1"] = end
    async with double.serving():
        await told(place, double, "team/app")
        (interval,) = await intervals(place, f"{double.host}/team/app:pr-1")
        place.write("Dockerfile", f"FROM {double.host}/team/app:pr-1\n")
        done = await place.run("check", "Dockerfile")
    assert (interval["digest"], interval["ended"]) == (now, False)
    assert f"Quay deletes 'pr-1' on {end:%Y-%m-%d}: the tag expires" in done.out


async def test_registries_that_know_when_a_tag_was_pushed_last(place: Workplace) -> None:
    place.environment |= ENVIRONMENT
    for double, image, more in (
        (HarborDouble(), "team/app", {}),
        (EcrDouble(), "team/app", {"credential": "aws"}),
    ):
        digest = double.warehouse.push("team/app", "1.2.4", at=LONG_AGO)
        async with double.serving():
            if double.kind == "ecr":
                more = {**more, "catalogue_endpoint": double.url}
            assert "1 interval" in await told(place, double, image, **more)
        (one,) = await intervals(place, f"{double.name}/{image}")
        assert (one["digest"], one["kind"]) == (digest, "pushed")
        assert (one["first_seen"], one["ended"]) == ("2026-03-01T02:00:00Z", False)


async def test_docker_hub_knows_when_a_tag_was_pushed_last(place: Workplace) -> None:
    double = HubDouble()
    digest = double.warehouse.push("library/redis", "7.4.11", at=LONG_AGO)
    double.warehouse.repositories["library/redis"]["7"] = double.warehouse.repositories[
        "library/redis"
    ]["7.4.11"]
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: tagwatch.db\nregistries:\n"
            f"  docker.io: {{endpoint: '{double.url}', catalogue_endpoint: '{double.url}'}}\n",
        )
        done = await place.run("history", "import", "redis")
    assert (done.code, done.out) == (0, "redis  2 intervals\n")
    (one,) = await intervals(place, "redis:7")
    assert (one["digest"], one["version"], one["kind"]) == (digest, "7.4.11", "pushed")


async def test_a_registry_that_tells_no_dates_is_said_to_tell_none(place: Workplace) -> None:
    double = Double()
    double.warehouse.push("team/app", "1")
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: t.db\nregistries:\n"
            f"  '{double.host}': {{endpoint: '{double.url}'}}\n",
        )
        done = await place.run("history", "import", f"{double.host}/team/app")
    assert (done.code, done.out) == (1, f"{double.host}/team/app  0 intervals\n")
    assert "this registry tells no dates of its tags" in done.err


def seen(
    ledger: Ledger, at: datetime, tags: Mapping[str, Digest], repository: Repository = REDIS
) -> None:
    run = ledger.begin_run("scan", at)
    observed = tuple(TagObservation(tag=tag, digest=digest) for tag, digest in tags.items())
    ledger.add(
        run,
        RepositorySnapshot(repository=repository, at=at, scope=Scope.FULL, tags=observed),
    )


async def test_what_was_seen_here_is_never_written_over(place: Workplace, tmp_path: Path) -> None:
    library = checkout(
        tmp_path / "official-images",
        [
            {"redis": STANZA.format("7.0.1", "7.0", "a" * 40)},
            {"redis": STANZA.format("7.0.2", "7.0", "b" * 40)},
            {"redis": STANZA.format("7.0.3", "7.0", "c" * 40)},
        ],
    )
    own = digest_of(b"own")
    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        seen(ledger, datetime(2025, 2, 10, tzinfo=UTC), {"7.0": own})
    before = await intervals(place, "redis:7.0")
    for _ in range(2):
        await place.run("history", "import", "redis", "--library", str(library))
        past = await intervals(place, "redis:7.0")
        assert [(one["kind"], one["version"]) for one in past] == [
            ("committed", "7.0.1"),
            ("committed", "7.0.2"),
            ("seen", None),
        ]
        assert past[2] == before[0] | {"verdict": past[2]["verdict"]}
    (held,) = await intervals(place, "redis:7.0", "--at", "2025-03-15")
    assert held["digest"] == own


async def test_every_printed_moment_is_answered_by_its_own_interval(place: Workplace) -> None:
    """Machine dates are whole seconds, the ledger's are not."""
    chance = random.Random(4)
    at = LONG_AGO
    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        for number in range(6):
            at += timedelta(seconds=chance.uniform(5, 5000))
            seen(ledger, at, {"7": digest_of(str(number).encode())})
    past = await intervals(place, "redis:7")
    assert len(past) == 6
    for one in past:
        assert await intervals(place, "redis:7", "--at", one["first_seen"]) == [one]


async def test_what_the_publisher_dropped_is_told_of_by_check(
    place: Workplace, tmp_path: Path
) -> None:
    """By the publisher's own list and the ends of life, of official images and of no namesake."""
    library = checkout(
        tmp_path / "official-images",
        [
            {"redis": STANZA.format("7.0.15", "7.0", "a" * 40)},
            {"redis": STANZA.format("7.4.11", "7.4", "b" * 40)},
        ],
    )
    hub, other = HubDouble(), Double()
    for double, path in ((hub, "library/redis"), (other, "redis")):
        for full, short in (("7.0.15", "7.0"), ("7.4.11", "7.4")):
            double.warehouse.push(path, full, at=LONG_AGO)
            tags = double.warehouse.repositories[path]
            tags[short] = tags[full]
    async with hub.serving(), other.serving():
        place.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: tagwatch.db\npolicy: {rules: {eol-soon: {days: 3650}}}\n"
            "registries:\n"
            f"  docker.io: {{endpoint: '{hub.url}', catalogue_endpoint: '{hub.url}'}}\n"
            f"  '{other.host}': {{endpoint: '{other.url}'}}\n",
        )
        place.write(
            "Dockerfile",
            f"FROM redis:7.0\nFROM redis:7.4\nFROM {other.host}/redis:7.0\n",
        )
        await place.run("history", "import", "redis", "--library", str(library))
        done = await place.run("check", "Dockerfile", "--format", "json")
    assert "build:" not in "".join(str(found) for found in done.json["findings"])
    told: dict[int, dict[str, str]] = {1: {}, 2: {}, 3: {}}
    for finding in done.json["findings"]:
        told[finding["location"]["line"]][finding["rule"]] = finding["message"]
    assert "no longer built by its publisher, since 2025-02-01" in told[1]["tag-unsupported"]
    assert "whose line 7.0 ended on 2024-07-29, by facts of" in told[1]["version-eol"]
    assert "whose line 7.4 ends on 2029-12-01, in" in told[2]["eol-soon"]
    lives = {"tag-unsupported", "version-eol", "eol-soon"}
    assert lives & told[2].keys() == {"eol-soon"}
    assert not lives & told[3].keys()
    assert "cooldown" not in told[1].keys() | told[2].keys()  # what was committed was not served


async def test_how_a_tag_has_behaved(place: Workplace) -> None:
    """Of what was seen over half a year: `6` rests while `7` goes on."""

    def named(*numbers: int) -> dict[str, Digest]:
        return {f"{number // 10}": digest_of(bytes([number])) for number in numbers}

    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        for day, (six, seven) in {0: (60, 70), 1: (61, 71), 150: (61, 72), 160: (61, 72)}.items():
            tags = {**named(six, seven), "6.0": digest_of(bytes([60])), "gone": digest_of(b"x")}
            if day > 1:
                del tags["gone"]
            seen(ledger, LONG_AGO + timedelta(days=day), tags, REDIS)
            ledger.set_versions(REDIS, {"6": f"6.{six - 60}", "7": f"7.{seven - 70}"})
    told = {}
    for tag in ("6", "6.0", "7", "gone", "nothing"):
        done = await place.run("history", f"redis:{tag}", "--format", "json")
        told[tag] = done.json["lifecycle"]
    assert told == {
        "6": "abandoned", "6.0": "frozen", "7": "floating", "gone": None, "nothing": None,
    }  # fmt: skip
    text = (await place.run("history", "redis:6")).out
    assert text.endswith("  abandoned: it used to move, and rests while its line goes on\n")


async def test_the_reason_of_each_move_is_told_where_it_is_asked_for(place: Workplace) -> None:
    """In JSON always, and by no other interval than that of the move."""
    digests = [digest_of(bytes([number])) for number in range(3)]
    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        for day, digest in enumerate(digests):
            seen(ledger, LONG_AGO + timedelta(days=day), {"6.2.14": digest}, REDIS)
        first, second = sorted(ledger.unexplained_moves(), key=lambda move: move.at)
        for move, verdict, why in (
            (first, Verdict.REBUILT, "the same build steps"),
            (second, Verdict.REPLACED, "1 build step differs: \x1b[31m+'RUN evil'"),
        ):
            change = Change(
                tag=move.tag,
                before=move.before,
                after=move.after,
                at=move.at,
                verdict=verdict,
                reason=why,
            )
            ledger.set_verdict(move, change)
    plain = await place.run("history", "redis:6.2.14")
    assert "build step" not in plain.out
    told = (await place.run("history", "redis:6.2.14", "--why")).out.splitlines()
    assert [line.strip() for line in told[2:6] if line.startswith("    ")] == [
        "the same build steps",
        "1 build step differs: \N{REPLACEMENT CHARACTER}[31m+'RUN evil'",
    ]
    assert "rebuilt" in told[2]
    assert "replaced" in told[4]
    hint = "all of the last move: tagwatch diff redis:6.2.14@2026-03-02 redis:6.2.14"
    assert hint in (line.strip() for line in told)
    for asked in ("redis:6.2.14", "redis", digests[2], f"redis@{digests[2]}"):
        reasons = [one["reason"] for one in await intervals(place, asked)]
        assert reasons[-1] == "1 build step differs: \x1b[31m+'RUN evil'"
    assert [one["reason"] for one in await intervals(place, "redis")][:2] == [
        None,
        "the same build steps",
    ]
    then = await place.run("history", "redis:6.2.14", "--why", "--at", "2026-03-02")
    assert then.out.count("the same build steps") == 1


async def test_a_scan_drops_what_its_retention_no_longer_covers(shop: Shop) -> None:
    ledger = shop.folder / "tagwatch.db"
    old = Repository.parse("old.example/team/app")
    with Ledger.open(ledger) as opened:
        for day in range(2):
            tags = {f"{number}": digest_of(bytes([day, number])) for number in range(200)}
            seen(opened, LONG_AGO + timedelta(days=day), tags, old)
    shop.configure("retention: {runs: 52w}\n")
    await shop.run("scan")
    assert len(await intervals(shop, str(old))) == 400
    shop.configure("retention: {history: 30d, compact: true}\n")
    await shop.run("scan")
    kept = await intervals(shop, str(old))
    assert (len(kept), {one["ended"] for one in kept}) == (200, {False})


@pytest.mark.parametrize(
    ("arguments", "what", "hint"),
    [
        ((), "nothing says whose history is asked for", "tagwatch history redis:7"),
        (("import",), "nothing says what to import", "--library DIR"),
        (("redis", "7"), "one reference at a time: '7'", "`import`"),
        (("redis:7", "--at", ""), "not a date: ''", "2026-03-01"),
        (("redis:7", "--at", "2026-02-30"), "not a date: '2026-02-30'", "2026-03-01"),
        (("redis:7", "--at", "0001-01-01T00:00+05:00"), "not a date", "2026-03-01"),
        (("redis:7", "--at", "9999-12-31"), "'9999-12-31' has not come yet", "resolve"),
        (("import", "redis:7"), "'redis:7'", "tag"),
    ],
)
async def test_a_slip_is_told_with_what_to_write(
    place: Workplace, arguments: tuple[str, ...], what: str, hint: str
) -> None:
    done = await place.run("history", *arguments)
    error = done.is_clean_error(2)
    assert what in error
    assert hint in error
