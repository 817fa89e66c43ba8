"""What Docker Hub's offset costs: requests per repository and night, counted by the double.

Run: python -m tests.bench.hub_offset [--tags N]

Six repositories of official size, each with a floating tag named in a Dockerfile whose version only
a tag beyond the offset names. The first night knows nothing; before the second nothing happens;
before the third one tag in a hundred moves, before the fourth one tag is deleted. A cell is the
requests for each repository. Below the table: whether every column gave the same answers.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch import open_site
from tagwatch.api import scan_async
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import PASSWORD, USER, Pushed

NAMES = ("mongo", "gradle", "maven", "traefik", "rust", "amazoncorretto")
COLUMNS = {"no offset": (None, False), "1000": (1000, False), "500": (500, False)}
COLUMNS |= {"logged in": (500, True)}
NIGHTS = ("first", "unchanged", "1 % moved", "one deleted", "after it")
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def fill(double: HubDouble, path: str, tags: int) -> None:
    """Old versions a few minutes apart, the oldest of which is what `latest` is."""
    double.warehouse.push(path, "9.2.12", at=START, index=False)
    for number in range(tags - 4):
        at = START + timedelta(minutes=7 * (number + 1))
        double.warehouse.push(path, f"1.{number // 50}.{number % 50}", at=at, index=False)
    shelf = double.warehouse.repositories[path]
    for number, tag in enumerate(("9.2", "9", "latest")):
        at = START + timedelta(days=60, minutes=number)
        shelf[tag] = Pushed(digest=shelf["9.2.12"].digest, at=at)


def change(double: HubDouble, path: str, night: str, at: datetime, tags: int) -> None:
    """What happens before a night."""
    if night == "1 % moved":
        for number in range(tags // 100):
            tag = f"1.{(tags - 10) // 50 - 1}.{number % 50}"
            when = at - timedelta(hours=1) + timedelta(seconds=number)
            double.warehouse.push(path, tag, build="2", at=when, index=False)
    if night == "one deleted":
        double.warehouse.repositories[path].pop(f"1.{(tags - 10) // 50 - 2}.7")


def configured(folder: Path, double: HubDouble, *, login: bool) -> dict[str, str]:
    """Write the configuration and the Dockerfile; return the environment, with the login."""
    options = f"endpoint: '{double.url}', catalogue_endpoint: '{double.url}'"
    credential = "" if login else ", credential: anonymous"
    (folder / "tagwatch.yaml").write_text(
        "database: tagwatch.db\nsources: [Dockerfile]\n"
        f"registries: {{docker.io: {{{options}{credential}}}}}\n"
    )
    (folder / "Dockerfile").write_text("".join(f"FROM {name}:latest\n" for name in NAMES))
    if not login:
        return {"HOME": str(folder)}
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    logins = json.dumps({"auths": {double.host: {"auth": auth}}})
    return {"HOME": str(folder), "DOCKER_AUTH_CONFIG": logins}


async def column(offset: int | None, *, login: bool, tags: int) -> tuple[list[float], list[object]]:
    """The requests of each night by repository, and what each night said."""
    double = HubDouble()
    double.anonymous_offset = offset
    for name in NAMES:
        fill(double, f"library/{name}", tags)
    costs: list[float] = []
    said: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        async with double.serving():
            environment = configured(Path(folder), double, login=login)
            for number, night in enumerate(NIGHTS):
                at = FIRST + timedelta(days=number)
                for name in NAMES:
                    change(double, f"library/{name}", night, at, tags)
                double.night()
                site = open_site(Path(folder) / "tagwatch.yaml", environment=environment, at=at)
                found = (await scan_async(site)).result
                costs.append(double.night().total() / len(NAMES))
                answers = [one.resolution for one in found.evidence.values()]
                versions = sorted((one.input, str(one.version)) for one in answers)
                findings = sorted((one.rule, one.message) for one in found.findings)
                moves = sorted((str(one.repository), one.change.tag) for one in found.changes)
                said.append((versions, findings, moves, sorted(map(str, found.gone))))
    return costs, said


async def measured(tags: int) -> bool:
    """Print the table; True where every column said the same."""
    print(f"{len(NAMES)} repositories of {tags} tags: requests a repository")
    print(f"{'':12}" + "".join(f"{night:>14}" for night in NIGHTS))
    first: list[object] | None = None
    alike = True
    for name, (offset, login) in COLUMNS.items():
        costs, said = await column(offset, login=login, tags=tags)
        print(f"{name:12}" + "".join(f"{cost:>14.1f}" for cost in costs))
        first = first if first is not None else said
        for night, one, other in zip(NIGHTS, first, said, strict=True):
            if one != other:
                alike = False
                print(f"{name:12}  DIFFERENT in the night {night!r}: {other}"[:300])
    print("versions, findings, moves and deletions: " + ("the same" if alike else "DIFFERENT"))
    return alike


def main() -> int:
    """The table, and 1 where columns differ."""
    parser = argparse.ArgumentParser(description="requests a repository under the Hub's offset")
    parser.add_argument("--tags", type=int, default=1250)
    return 0 if asyncio.run(measured(parser.parse_args().tags)) else 1


if __name__ == "__main__":
    sys.exit(main())
