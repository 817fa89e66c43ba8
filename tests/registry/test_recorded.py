"""Answers that real registries gave, each read by the real client.

`tests/data/recorded/README.md` says where they come from. What is to be read of each stands in
`tests/registry/recorded/`: it is what the registry's documentation says, not what the code does.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tagwatch.family import REGISTRIES
from tagwatch.registry.host import line_of
from tagwatch.registry.settings import RegistrySettings
from tests.paths import ROOT
from tests.registry.doubles.ecr import ENVIRONMENT
from tests.registry.recorded import (
    amazon,
    azure,
    github,
    google,
    hub,
    hub_registry,
    others,
    quay,
    self_hosted,
)
from tests.registry.recorded.replay import FOLDER, Case, replay, wrong_in

FAMILIES = (amazon, azure, github, google, hub, hub_registry, others, quay, self_hosted)
CASES: dict[str, Case] = {case.file: case for one in FAMILIES for case in one.CASES}
FILES = sorted(path.name for path in FOLDER.glob("*.json"))


@pytest.fixture(autouse=True)
def aws_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads the process's own environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def marked(file: str) -> object:
    """The file's name as a parameter; today's known faults are expected to fail."""
    case = CASES.get(file)
    if case is None or not case.wrong:
        return file
    return pytest.param(file, marks=pytest.mark.xfail(strict=True, reason=case.wrong))


@pytest.mark.parametrize("file", [marked(file) for file in FILES])
async def test_an_answer_is_read_as_its_registry_means_it(file: str, tmp_path: Path) -> None:
    assert file in CASES, "judge this answer: say in tests/registry/recorded/ what is to be read"
    case = CASES[file]
    if case.unasked:
        room = (ROOT / "tagwatch" / "registry").rglob("*.py")
        asking = [path.name for path in room if re.search(case.unasked, path.read_text("utf-8"))]
        assert not asking, "such a request is made now: replay this answer to it"
        return
    found = await replay(case, tmp_path)
    assert not wrong_in(case.reads, found), found
    assert case.reads


def test_every_judgement_is_of_a_recorded_answer() -> None:
    assert sum(len(one.CASES) for one in FAMILIES) == len(CASES)
    assert set(CASES) <= set(FILES)


def test_the_table_of_registries_says_what_was_recorded() -> None:
    """A kind is confirmed by what was read from its recorded answers, and by no more."""
    collected = re.search(r"collected on (\S+)", (FOLDER / "README.md").read_text("utf-8"))
    assert collected is not None
    recorded = f"recorded answers of {collected[1]}"
    for _, kind, _, catalogue in REGISTRIES:
        line = line_of("registry.example", RegistrySettings(kind=kind))
        match evidence_of(kind):
            case "digests":
                says = recorded
            case "names":
                says = recorded if catalogue == "oci" else f"; its names and logins by {recorded}"
            case "logins":
                says = f"; its logins by {recorded}"
            case _:
                says = "a double written from its documentation"
        assert line.confirmed_by.endswith(says), (kind, line.confirmed_by)
        assert ("; its" in line.confirmed_by) == ("; its" in says), (kind, line.confirmed_by)


def evidence_of(kind: str) -> str:
    """Say the most that is read from a kind's recorded answers: digests, names or logins."""
    found = {level(case) for case in CASES.values() if case.host and kind_of(case) == kind}
    return next((one for one in ("digests", "names", "logins") if one in found), "")


def level(case: Case) -> str:
    """Say what of the recorded answer itself the case reads."""
    answer = json.loads((FOLDER / case.file).read_text(encoding="utf-8"))
    if answer["status"] == 200 and not case.wrong:
        for name, read in (
            ("digests", case.reads.get("digests", {}).values()),
            ("names", case.reads.get("names", ())),
        ):
            if any(str(one) in answer["body"] for one in read):
                return name
    challenged = any(name.lower() == "www-authenticate" for name, _ in answer["headers"])
    return "logins" if challenged else ""


def kind_of(case: Case) -> str:
    """Return the kind of registry that a case is about."""
    return line_of(case.host, RegistrySettings(kind=case.settings.get("kind"))).kind
