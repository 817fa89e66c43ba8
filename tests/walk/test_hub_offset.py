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
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import PASSWORD, USER, Pushed
from tests.walk.command import Workplace

MONGO = Repository.parse("mongo")
PATH = "library/mongo"
TAGS = 1250
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
DOCKERFILE = "FROM mongo:latest\nFROM mongo:1.2.3\n"
LOGIN = "`docker login` cures it, a free account will do"


def warehouse() -> HubDouble:
    """`latest` is 8.2.12, whose tag is the oldest of all; 1.0.0 to 1.24.45 are between them."""
    double = HubDouble()
    double.warehouse.push(PATH, "8.2.12", at=START, index=False)
    for number in range(TAGS - 4):
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
    more: str = ""

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
        site = open_site(self.place.folder, environment=self.environment, at=self.at)
        self.double.night()
        found = await scan_async(site)
        self.at += timedelta(days=days)
        return found, self.double.night()

    def push(self, tag: str, build: str) -> None:
        """Push a tag again, a little before the next night."""
        at = self.at - timedelta(hours=1)
        self.double.warehouse.push(PATH, tag, build=build, at=at, index=False)

    def delete(self, tag: str) -> None:
        self.double.warehouse.repositories[PATH].pop(tag)


@asynccontextmanager
async def hub(
    folder: Path, offset: int | None, *, login: bool = False, watch: str = ""
) -> AsyncIterator[House]:
    double = warehouse()
    double.anonymous_offset = offset
    async with double.serving():
        house = House(Workplace(folder), double)
        house.configure(login=login, watch=watch)
        yield house


def said(found: ScanResult) -> list[tuple[str, str]]:
    return sorted((one.rule, one.message) for one in found.result.findings)


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
    remarks = [remark.message for remark in answers["deleted"].result.remarks]
    assert any(LOGIN in one for one in remarks) == (column in ("1000", "500"))
