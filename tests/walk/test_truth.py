"""The real `tagwatch resolve` against the ground truth of a few images; `make truth` asks all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.truth import judge, questions, worlds
from tests.truth_served import ask_command, served

IMAGES = ("haxe", "redis", "eclipse-mosquitto", "rethinkdb", "debian")


@pytest.mark.parametrize("form", ["hub", "plain"])
def test_every_tag_and_query_is_right(form: str, tmp_path: Path) -> None:
    world = {image: worlds()["now"][image] for image in IMAGES}
    asked = [question for question in questions("now") if question.image in IMAGES]
    told = ask_command(served(world), form, asked, tmp_path)
    counts, remarks = judge(asked, told.in_order)
    assert sum(counts.values()) == len(asked) > 200
    assert {said for _, _, said in counts} <= {"right", "accepted"}, remarks


def test_a_tag_with_an_alias_costs_no_document(tmp_path: Path) -> None:
    world = {"redis": worlds()["now"]["redis"]}
    asked = [question for question in questions("now") if question.image == "redis"]
    told = ask_command(served(world), "hub", asked, tmp_path)
    assert told.documents == 0
