"""A scan that may not pull as much as it wants: files first, and the rest is said, not hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace

HOST = "registry.example"
SETTINGS = """\
database: tagwatch.db
sources: [Dockerfile]
watch: [{{image: registry.example/b/watched, tags: ['1']}}]
policy: {{bases: [{{ref: registry.example/a/base, tags: ['1']}}]}}
registries: {{registry.example: {{endpoint: '{url}', credential: anonymous, budget: 1}}}}
"""


def unread(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["repository"], one["code"]) for one in answer["failures"]}


async def test_what_the_budget_left_out_is_told_and_read_by_the_next_runs(tmp_path: Path) -> None:
    """Three images and one pull a night: the file's, then what is watched, then the base."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = Double()
    for path in ("a/base", "b/watched", "c/file"):
        double.warehouse.push(path, "1", index=False)
    place.write("Dockerfile", f"FROM {HOST}/c/file:1\n")
    nights = []
    async with double.serving():
        place.write("tagwatch.yaml", SETTINGS.format(url=double.url))
        for _ in range(3):
            done = await place.run("scan", "--format", "json")
            nights.append((done.json, done.err))
            assert double.night()["manifest"] == 1
    assert [unread(answer) for answer, _ in nights] == [
        {(f"{HOST}/a/base", "budget"), (f"{HOST}/b/watched", "budget")},
        {(f"{HOST}/a/base", "budget")},
        set(),
    ]
    assert [answer["complete"] for answer, _ in nights] == [False, False, True]
    assert [next(line for line in err.splitlines() if " read" in line) for _, err in nights] == [
        f"1 of 2 image references read; 1 unavailable; {HOST} budget \u00d72",
        f"2 of 2 image references read; {HOST} budget \u00d71",
        "2 of 2 image references read",
    ]
    told = [
        sorted(one["message"] for one in answer["findings"] if one["rule"] == "check-incomplete")
        for answer, _ in nights
    ]
    why = f"{HOST}: the budget of 1 manifest requests a run is spent"
    base = f"{HOST}/a/base was not read: {why}"
    assert told == [[base, f"{HOST}/b/watched:1 was checked only in part: {why}"], [base], []]
