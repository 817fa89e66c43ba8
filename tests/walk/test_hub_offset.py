"""Docker Hub since 2026-08-11: who is not logged in sees no page beyond some offset.

Every night is read with no offset, with 1,000 (August), with 500 (October), and with a login: the
answers are the same, and only the first night and one that the count asks for cost more.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch import ScanResult, open_site
from tagwatch.api import scan_async
from tagwatch.image.reference import Repository
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import Known
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import PASSWORD, USER, Pushed, Refusal
from tests.walk.command import Workplace

MONGO = Repository.parse("mongo")
PATH = "library/mongo"
TAGS = 1250
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
DOCKERFILE = "FROM mongo:latest\nFROM mongo:1.2.3\n"
LOGIN = "`docker login` cures it, a free account will do"


def warehouse(tags: int = TAGS) -> HubDouble:
    """`latest` is 8.2.12, whose tag is the oldest of all; 1.0.0 and so on are between them."""
    double = HubDouble()
    double.warehouse.push(PATH, "8.2.12", at=START, index=False)
    for number in range(tags - 4):
        at = START + timedelta(minutes=number + 1)
        double.warehouse.push(PATH, f"1.{number // 50}.{number % 50}", at=at, index=False)
    shelf = double.warehouse.repositories[PATH]
    for number, tag in enumerate(("8.2", "8", "latest")):
        at = START + timedelta(days=2, minutes=number)
        shelf[tag] = Pushed(digest=shelf["8.2.12"].digest, at=at)
    return double


@dataclass
class House:
    """A place with a Dockerfile, the Hub that it reads, and what each night cost."""

    place: Workplace
    double: HubDouble
    at: datetime = FIRST
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, *, login: bool = False, watch: str = "") -> None:
        """Write the configuration and where the login is, if there is one."""
        options = f"endpoint: '{self.double.url}', catalogue_endpoint: '{self.double.url}'"
        credential = "" if login else ", credential: anonymous"
        self.place.write(
            "tagwatch.yaml",
            f"database: tagwatch.db\nsources: [Dockerfile]\nwatch: [{watch}]\n"
            f"registries: {{docker.io: {{{options}{credential}, patience_seconds: 1}}}}\n",
        )
        self.place.write("Dockerfile", DOCKERFILE)
        self.environment = {"HOME": str(self.place.folder)}
        if login:
            auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            document = {"auths": {self.double.host: {"auth": auth}}}
            self.environment["DOCKER_AUTH_CONFIG"] = json.dumps(document)
        self.place.environment |= self.environment

    async def night(self, *, days: float = 1) -> tuple[ScanResult, Counter[str]]:
        """One scan, and the requests that it took."""
        site = open_site(
            self.place.folder / "tagwatch.yaml", environment=self.environment, at=self.at
        )
        self.double.night()
        found = await scan_async(site)
        self.at += timedelta(days=days)
        return found, self.double.night()

    def push(self, tag: str, build: str) -> None:
        """Push a tag again, a little before the next night."""
        at = self.at - timedelta(hours=1)
        self.double.warehouse.push(PATH, tag, build=build, at=at, index=False)

    def known(self) -> Known:
        """What the ledger has of the repository."""
        with Reader.open(
            self.place.folder / "tagwatch.db", {"docker.io": self.double.url}
        ) as ledger:
            return ledger.known(MONGO)

    def delete(self, tag: str) -> None:
        self.double.warehouse.repositories[PATH].pop(tag)


@asynccontextmanager
async def hub(
    folder: Path, offset: int | None, *, login: bool = False, watch: str = "", tags: int = TAGS
) -> AsyncIterator[House]:
    double = warehouse(tags)
    double.anonymous_offset = offset
    async with double.serving():
        house = House(Workplace(folder), double)
        house.configure(login=login, watch=watch)
        yield house


def said(found: ScanResult) -> list[tuple[str, str]]:
    return sorted((one.rule, one.message) for one in found.result.findings)


def remarks(found: ScanResult) -> list[str]:
    return [remark.message for remark in found.result.remarks]


def versions(found: ScanResult) -> dict[str, str | None]:
    answers = (one.resolution for one in found.result.evidence.values())
    return {one.input: one.version for one in answers}


# By night, the requests that list: pages of the API, and of the registry's own tags list.
COSTS = {
    "none": {"first": (13, 0), "unchanged": (1, 0), "moved": (1, 0), "deleted": (13, 0)},
    "1000": {"first": (11, 2), "unchanged": (1, 0), "moved": (1, 0), "deleted": (1, 2)},
    "500": {"first": (6, 2), "unchanged": (1, 0), "moved": (1, 0), "deleted": (1, 2)},
    "login": {"first": (14, 0), "unchanged": (1, 0), "moved": (1, 0), "deleted": (14, 0)},
}
COLUMNS = {"none": (None, False), "1000": (1000, False), "500": (500, False), "login": (1000, True)}
VERSIONS = {"mongo:latest": "8.2.12", "mongo:1.2.3": "1.2.3"}


@pytest.mark.parametrize("column", COLUMNS)
async def test_the_same_answers_for_one_request_a_night(tmp_path: Path, column: str) -> None:
    offset, login = COLUMNS[column]
    costs, answers = {}, {}
    async with hub(tmp_path, offset, login=login) as house:
        answers["first"], costs["first"] = await house.night()
        answers["unchanged"], costs["unchanged"] = await house.night()
        for number in range(12):
            house.push(f"1.20.{number}", "2")
        answers["moved"], costs["moved"] = await house.night()
        house.delete("1.21.7")
        answers["deleted"], costs["deleted"] = await house.night()
        answers["after"], after = await house.night()
    asked = {name: (cost["catalogue"], cost["tags"]) for name, cost in costs.items()}
    assert asked == COSTS[column]
    assert after == {"catalogue": 1}, "a deletion ends no watermark"
    assert costs["unchanged"] == {"catalogue": 1}
    assert costs["first"]["head"] == (2 if column in ("1000", "500") else 0), "once, then known"
    assert costs["deleted"]["head"] == (1 if column in ("1000", "500") else 0), "gone is a 404"
    for found in answers.values():
        assert versions(found) == VERSIONS
        assert [rule for rule, _ in said(found)].count("version-eol") == 2
    assert len({str(said(found)) for found in answers.values()}) == 1
    assert {one.tag for one in answers["deleted"].result.gone} == {"1.21.7"}
    assert len(answers["moved"].result.changes) == 12, "of tags that no file names"
    told = remarks(answers["deleted"])
    assert any(LOGIN in one for one in told) == (column in ("1000", "500"))


async def test_a_sweep_and_deletions_end_no_watermark(tmp_path: Path) -> None:
    """The ledger is from before August: every digest is known, the listing was whole."""
    async with hub(tmp_path, None, tags=350) as house:
        await house.night()
        house.double.anonymous_offset = 200
        assert len(house.known().tags) == 350
        _, quiet = await house.night()
        assert quiet == {"catalogue": 1}
        house.delete("1.0.7")
        _, cut = await house.night()
        assert (cut["catalogue"], cut["tags"]) == (3, 1), "two pages, the refusal, the names"
        house.delete("1.0.8")
        found, again = await house.night(days=3)
        assert (again["catalogue"], again["tags"]) == (1, 1)
        assert [one.tag for one in found.result.gone] == ["1.0.8"]
        house.delete("1.0.9")
        _, again = await house.night(days=3)
        assert (again["catalogue"], again["tags"]) == (1, 1)
        _, sweep = await house.night()
        assert (sweep["catalogue"], sweep["tags"], sweep["head"]) == (3, 1, 0)
        assert len(house.known().tags) == 347, "what the pages do not reach is as it was"
        _, after = await house.night()
    assert after == {"catalogue": 1}


async def test_an_old_tag_pushed_again_has_moved_and_is_not_new(tmp_path: Path) -> None:
    async with hub(tmp_path, 100, tags=350) as house:
        await house.night()
        assert "1.0.5" in house.known().listed
        house.push("1.0.5", "2")
        found, cost = await house.night()
        assert cost == {"catalogue": 1}, "the count adds up"
        assert "moved, from what is not known: 1.0.5" in remarks(found)
        assert "1.0.5" in house.known().tags
        house.push("0.9", "1")
        found, cost = await house.night()
        assert cost == {"catalogue": 1}
        assert not any("moved" in one for one in remarks(found)), "it is new"
        house.push("1.0.5", "3")
        found, cost = await house.night()
    assert cost == {"catalogue": 1}
    assert [one.change.tag for one in found.result.changes] == ["1.0.5"]


async def test_more_moves_than_pages_show(tmp_path: Path) -> None:
    """What files name is asked; of the others nothing is claimed, and that is said."""
    async with hub(tmp_path, 200, tags=350) as house:
        await house.night()
        with_digest = house.known().tags.keys()
        house.push("1.2.3", "2")
        for number in range(230):
            house.push(f"9.0.{number}", "1")
        found, cost = await house.night()
        assert (cost["catalogue"], cost["tags"]) == (3, 1)
        assert [one.change.tag for one in found.result.changes] == ["1.2.3"]
        told = [one for one in remarks(found) if "older tags moved" in one]
        assert versions(found) == VERSIONS, "what named it is asked again"
        older = with_digest - {"1.2.3", "latest", "8.2.12", "8.2", "8"}
        assert told == [
            f"whether {len(older)} older tags moved since the last listing was not seen"
        ]
        assert not older & house.known().tags.keys()
        assert older <= house.known().listed
        found, cost = await house.night()
        assert cost == {"catalogue": 1}
        assert versions(found) == VERSIONS
        with Reader.open(tmp_path / "tagwatch.db", {"docker.io": house.double.url}) as ledger:
            (interval,) = ledger.intervals(MONGO, "1.6.0")
            assert interval.last_seen == FIRST, "until then it was seen, and no longer"
            assert not interval.ended


@pytest.mark.parametrize("selector", ["1.x", "*"])
async def test_a_pattern_asks_older_tags_once(tmp_path: Path, selector: str) -> None:
    watch = f"{{image: mongo, tags: ['{selector}']}}"
    async with hub(tmp_path, 100, tags=180, watch=watch) as house:
        first, cost = await house.night()
        assert cost["head"] == 80
        second, cost = await house.night()
        assert cost == {"catalogue": 1}
    assert said(second) == said(first)
    assert second.result.coverage == first.result.coverage
    assert versions(second) == versions(first)


async def test_after_a_login_everything_is_read(tmp_path: Path) -> None:
    async with hub(tmp_path, 200, tags=350) as house:
        await house.night()
        assert len(house.known().listed) == 350 - 200 - 2
        house.configure(login=True)
        found, cost = await house.night()
        assert cost["catalogue"] == 5, "the refused page is asked again"
        assert cost["tags"] == 0
        assert len(house.known().tags) == 350
        assert not house.known().listed
        assert not any(LOGIN in one for one in remarks(found))
        _, cost = await house.night()
    assert cost == {"catalogue": 1}


async def test_a_login_that_the_hub_does_not_take(tmp_path: Path) -> None:
    async with hub(tmp_path, 200, tags=350, login=True) as house:
        house.double.logins = {USER: "another"}
        found, _ = await house.night()
        assert versions(found) == VERSIONS
        assert any("although there is a login" in one for one in remarks(found))
        _, cost = await house.night()
    assert cost == {"catalogue": 1}


async def test_names_that_cannot_be_listed_cost_no_digest(tmp_path: Path) -> None:
    async with hub(tmp_path, 200, tags=350) as house:
        house.double.refusals["tags"] = [Refusal(status=403)]
        found, _ = await house.night()
        assert not found.result.complete
        assert "only 200 of 350 tags could be listed" in found.result.failures[0].message
        assert len(house.known().tags) >= 200
        found, _ = await house.night()
    assert found.result.complete
    assert versions(found) == VERSIONS


async def test_a_namespace_is_cut_off_and_says_so(tmp_path: Path) -> None:
    watch = "{image: docker.io/acme/*, include: ['1.*']}"
    async with hub(tmp_path, 1000, tags=10, watch=watch) as house:
        for number in range(130):
            house.double.warehouse.push(f"acme/app{number:03}", "1.0", index=False)
        house.double.anonymous_offset = None
        found, _ = await house.night()
        assert found.result.coverage.targets == 132
        house.double.anonymous_offset = 1000
        house.double.warehouse.push("acme/app000", "1.1", index=False)
        house.double.warehouse.push("acme/zoo", "1.1", index=False)
        found, cost = await house.night()
        doctor = await house.place.run("doctor")
    assert cost["catalogue"] == 2 + 1 + 130, "what was read before is read"
    assert "below       acme/*: 100 repositories" in doctor.out
    assert doctor.out.count(LOGIN) == 1
    (failure,) = found.result.failures
    assert "only 100 of the 131 repositories of 'acme'" in failure.message
    assert LOGIN in failure.message
    assert found.result.coverage.targets == 133
    assert not found.result.complete


async def test_the_command_says_once_what_is_not_seen(tmp_path: Path) -> None:
    async with hub(tmp_path, 100, tags=150) as house:
        for number in range(120):
            house.double.warehouse.push("library/nginx", f"1.{number}", index=False)
        house.place.write("Dockerfile", "FROM mongo:latest\nFROM nginx:1.5\n")
        house.place.write("other/Dockerfile", "FROM mongo:8\n")
        commands = {
            "resolve": ("resolve", "mongo:latest", "nginx:1.x"),
            "scan": ("scan",),
            "report": ("report", "--format", "text"),
            "doctor": ("doctor",),
        }
        done = {name: await house.place.run(*words) for name, words in commands.items()}
        asked = ("resolve", "mongo:latest", "--refresh", "--format", "json")
        told = (await house.place.run(*asked)).json["remarks"]
        (house.place.folder / "tagwatch.db").unlink()
        done["check"] = await house.place.run("check", "Dockerfile", "other/Dockerfile")
        house.configure(login=True)
        quiet = [await house.place.run(*words) for words in commands.values()]
    for name, one in done.items():
        text = " ".join((one.out + one.err).split())
        assert text.count(LOGIN) == 1, f"{name}: {one.out}{one.err}"
        assert "only the 100 newest tags" in text
    assert "mongo:latest  8.2.12" in done["resolve"].out
    (remark,) = told
    assert remark["repository"] == "docker.io/library/mongo"
    assert LOGIN in remark["message"]
    assert not any("`docker login`" in one.out + one.err for one in quiet)


async def test_a_pattern_says_the_same_however_the_hub_is_read(tmp_path: Path) -> None:
    answers = []
    for number, (offset, login) in enumerate([(None, False), (100, False), (100, True)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        watch = "{image: mongo, tags: ['*'], exclude: ['1.0.*']}"
        async with hub(folder, offset, login=login, watch=watch, tags=130) as house:
            nights = [await house.night()]
            house.push("1.0.5", "2")
            house.push("1.2.5", "2")
            house.push("1.1.5", "2")
            nights.append(await house.night())
            house.delete("1.1.7")
            house.delete("1.2.7")
            nights.append(await house.night())
            nights.append(await house.night())
        assert nights[-1][1] == {"catalogue": 1}
        results = [found.result for found, _ in nights]
        answers.append(
            [
                (
                    said(found),
                    versions(found),
                    found.result.coverage,
                    sorted(one.change.tag for one in found.result.changes),
                    found.result.gone,
                    found.result.complete,
                )
                for found, _ in nights
            ]
        )
        moved, unnamed = results[1], "moved, from what is not known: 1.0.5"
        assert (unnamed in remarks(nights[1][0])) == (offset is not None and not login)
        assert {one.change.tag for one in moved.changes} - {"1.0.5"} == {"1.1.5", "1.2.5"}
        if login or offset is None:
            answers[-1][1] = (*answers[-1][1][:3], ["1.1.5", "1.2.5"], *answers[-1][1][4:])
    assert answers[0] == answers[1]
    assert answers[0] == answers[2]
