"""`tagwatch doctor`: each registry in use, and what this project's tests know of its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace

REAL = "CNCF distribution, the real server"
DOUBLE = "a double written from its documentation, never the registry itself"


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
        "  credential  none found: anonymous\n"
    )
    (registry,) = answer["registries"]
    assert (answer["schema_version"], registry["kind"]) == (1, double.kind)
    assert registry["confirmed_by"] == confirmed_by
