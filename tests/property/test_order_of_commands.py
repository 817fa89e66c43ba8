"""The law: while registries stand still, an answer does not depend on which commands ran before."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tagwatch.cli.main import main
from tests.bench.requests import DOUBLES, UNTOKENED
from tests.pinned.test_requests import collector, served
from tests.registry.doubles.ecr import ENVIRONMENT
from tests.registry.doubles.warehouse import Double
from tests.unit.registry.catalogue.kinds import login

__all__ = ["collector"]  # a fixture

SEQUENCES = int(os.environ.get("TAGWATCH_TEST_SEQUENCES", "1"))
ESTATES = [(kind, size) for kind in DOUBLES for size in (1, 100, 101)]
# Asked tag by tag, so many take half a minute: every kind only with more than one sequence.
ESTATES += [(kind, 2_000) for kind in (DOUBLES if SEQUENCES > 1 else ("hub", "quay"))]
PATH = "team/app"
FLOATING = ("1", "latest")


def estate(kind: str, size: int) -> tuple[Double, list[str]]:
    """One repository with so many tags, and two that float; and all of their names."""
    double = DOUBLES[kind]()
    double.tokened = kind not in UNTOKENED
    tags = [f"1.{number}.0" for number in range(size)]
    for tag in tags:
        double.warehouse.push(PATH, tag, index=size < 200)
    served_now = double.warehouse.repositories[PATH]
    served_now |= dict.fromkeys(FLOATING, served_now[tags[-1]])
    return double, [*tags, *FLOATING]


def settle(folder: Path, double: Double) -> None:
    """A configuration; the ledger lies beside it."""
    registry: dict[str, Any] = {"endpoint": double.url, "timeout_seconds": 30}
    if double.kind == "ecr":
        registry["credential"] = "aws"
    else:
        registry["kind"] = double.kind
    if double.kind in ("ecr", "ghcr", "hub"):
        registry["catalogue_endpoint"] = double.url
    settings = {
        "database": "ledger.db",
        "sources": ["Dockerfile"],
        "registries": {double.name: registry},
        "reports": {"formats": []},
        "max_age": "0s",
    }
    folder.mkdir()
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))


def command(double: Double, names: list[str], choice: random.Random) -> list[str]:
    """One of the commands that read registries, about some of these tags."""
    image = f"{double.name}/{PATH}"
    one, other = choice.choice(names), choice.choice(names)
    Path("Dockerfile").write_text(f"FROM {image}:{one}\nCOPY --from={image}:{other} / /\n")
    return choice.choice(
        [
            ["scan"],
            ["check", "--max-time", "0", "Dockerfile"],
            ["resolve", f"{image}:{one}", f"{image}:1.x"],
            ["diff", f"{image}:{one}", f"{image}:{other}"],
            ["base", f"{image}:{one}"],
            ["history", f"{image}:{one}"],
        ]
    )


def undated(coverage: dict[str, Any] | None) -> dict[str, Any] | None:
    """How images are known; since when they are remembered is not compared."""
    if coverage is None:
        return None
    reasons = [{**one, "since": None} for one in coverage["reasons"]]
    return {**coverage, "reasons": reasons}


def answers(
    double: Double, named: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> list[object]:
    """What a scan, a check and a resolve say, without requests, quotas and times."""
    image = f"{double.name}/{PATH}"
    Path("Dockerfile").write_text(f"FROM {image}:{named[0]}\nCOPY --from={image}:{named[1]} / /\n")
    said: list[object] = []
    for words in (
        ["scan", "--format", "json"],
        ["check", "--max-time", "0", "--format", "json", "Dockerfile"],
        ["resolve", "--format", "json", *(f"{image}:{tag}" for tag in (*named, "1.x"))],
    ):
        capfd.readouterr()
        code = main(words)
        printed = capfd.readouterr()
        assert "internal error" not in printed.err
        answer = json.loads(printed.out)
        said.append(
            {
                "command": words[0],
                "code": code,
                "findings": sorted(
                    (one["rule"], one["severity"], one["message"])
                    for one in answer.get("findings", [])
                ),
                "coverage": undated(answer.get("coverage")),
                "complete": answer.get("complete"),
                "resolutions": sorted(
                    (one["input"], str(one["version"]), str(one["tag"]), str(one["digest"]))
                    for one in answer["resolutions"]
                ),
            }
        )
    return said


@pytest.mark.timeout(120 * SEQUENCES)
@pytest.mark.parametrize(("kind", "size"), ESTATES)
def test_what_ran_before_changes_no_answer(
    kind: str,
    size: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    double, names = estate(kind, size)
    monkeypatch.setenv("TAGWATCH_CONFIG", "tagwatch.yaml")
    with served(double):
        more = ENVIRONMENT if kind == "ecr" else login(double.host) if kind == "ghcr" else {}
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        for sequence in range(SEQUENCES):
            choice = random.Random(f"{kind} {size} {sequence}")
            named = choice.choice(names), choice.choice(names)
            used, fresh = tmp_path / f"used-{sequence}", tmp_path / f"fresh-{sequence}"
            settle(used, double)
            settle(fresh, double)
            monkeypatch.chdir(used)
            ran = []
            for _ in range(choice.randint(1, 4)):
                ran.append(command(double, names, choice))
                main(ran[-1])
            found = answers(double, named, capfd)
            monkeypatch.chdir(fresh)
            assert found == answers(double, named, capfd), (named, ran)
        double.wrong = [one for one in double.wrong if "/referrers/" not in one]  # diff asks
