"""`tagwatch doctor`: each registry in use, and what this project's tests know of its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import Double, Refusal
from tests.walk.command import Workplace
from tests.walk.misbehaving import misbehaving

REAL = "CNCF distribution, the real server, and recorded answers of 2026-11-29"
DOUBLE = "a double written from its documentation; its logins by recorded answers of 2026-11-29"


def configure(place: Workplace, double: Double, host: str) -> None:
    options = f"{{endpoint: '{double.url}', kind: {double.kind}, credential: anonymous}}"
    place.write("tagwatch.yaml", f"sources: []\nregistries: {{{host}: {options}}}\n")


@pytest.mark.parametrize(
    ("double", "bulk", "confirmed_by"),
    [
        (Double(), "read by oci: names, then one HEAD a tag", REAL),
        (HarborDouble(), "read by harbor: many tags with digests a request", DOUBLE),
    ],
    ids=["distribution", "harbor"],
)
async def test_text_and_json_tell_what_a_kind_was_confirmed_by(
    tmp_path: Path, double: Double, bulk: str, confirmed_by: str
) -> None:
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    async with double.serving():
        configure(place, double, "registry.example")
        text = await place.run("doctor")
        answer = (await place.run("doctor", "--format", "json")).json
    assert (text.code, text.err) == (0, "")
    assert text.out == (
        "registry.example  ok\n"
        f"  endpoint    {double.url}\n"
        f"  kind        {double.kind}, {bulk}\n"
        f"  confirmed   by {confirmed_by}\n"
        "  read        nothing: no repository of it is named\n"
        "  credential  none found: anonymous\n"
    )
    (registry,) = answer["registries"]
    assert (answer["schema_version"], registry["kind"]) == (1, double.kind)
    assert registry["confirmed_by"] == confirmed_by


# what is wrong -> the word for programs, and what the advice says
ADVICE = {
    "down": ("unavailable", "is the registry running?"),
    "slow": ("unavailable", "timeout_seconds"),
    "unauthorized": ("denied", "docker login"),
    "forbidden": ("denied", "docker login"),
    "missing": ("not-found", "hidden from these credentials"),
    "limited-seconds": ("rate-limited", "in 60 minutes"),
    "failing": ("unavailable", "try again later"),
    "html": ("unavailable", "login page"),
    "html-manifest": ("unavailable", "login page"),
    "not-json": ("unavailable", "login page"),
    "bomb": ("hostile-answer", "does not behave as one"),
    "loop": ("hostile-answer", "repeats its pages"),
    "foreign-page": ("hostile-answer", "relative links"),
    "metadata": ("hostile-answer", "plain HTTP"),
    "evil-realm": ("hostile-answer", "plain HTTP"),
    "redirect-loop": ("hostile-answer", "does not behave as one"),
    "cut-off": ("unavailable", "check the network"),
    "no-tls": ("unavailable", "insecure: true"),
    "unknown-name": ("unavailable", "check the spelling"),
}


async def test_it_reads_and_does_not_only_knock(tmp_path: Path) -> None:
    """A registry that answers its ping and refuses everything else is not well."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    async with misbehaving() as server:
        faults = [name for name in ADVICE if name in server.faults]
        settings = server.registries(*faults, "well", timeout_seconds=2, patience_seconds=1)
        secure = server.url.replace("http:", "https:")
        place.write(
            "tagwatch.yaml",
            f"sources: [Dockerfile]\nregistries:\n{settings}"
            "  down.example: {endpoint: 'http://127.0.0.1:9', patience_seconds: 0}\n"
            f"  no-tls.example: {{endpoint: '{secure}', patience_seconds: 0}}\n"
            "  unknown-name.example: {endpoint: 'https://unknown-name.invalid'}\n",
        )
        images = (f"FROM {name}.example/app:1\n" for name in (*ADVICE, "well"))
        place.write("Dockerfile", "".join(images))
        done = await place.run("doctor", "--format", "json")
    assert done.code == 1
    found = {one["host"].partition(".")[0]: one for one in done.json["registries"]}
    assert found.keys() == {*ADVICE, "well"}
    assert (found["well"]["tags"], found["well"]["problems"]) == (2, [])
    for name, (code, advice) in ADVICE.items():
        (problem,) = found[name]["problems"]
        assert problem["code"] == code, f"{name}: {problem}"
        assert advice in problem["hint"], f"{name}: {problem}"
        assert found[name]["tags"] is None or name == "html-manifest"


async def test_a_catalogue_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Quay's API refuses: the tags are read one by one, and the doctor says why."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = QuayDouble()
    double.warehouse.push("team/app", "1.0")
    double.refusals["catalogue"] = [Refusal(status=403)] * 9
    async with double.serving():
        configure(place, double, "quay.example")
        place.write("Dockerfile", "FROM quay.example/team/app:1.0\n")
        done = await place.run("doctor", "Dockerfile")
    assert done.code == 0
    assert "  read        team/app: 1 tag\n" in done.out
    assert "  remark      tags are asked one by one: its API answers 403\n" in done.out
