"""Every repository below a prefix, or of a whole registry: listed, narrowed, counted, examined."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Double, Refusal
from tests.walk.command import Workplace

HOST = "registry.example"
PATHS = ("shop/api", "shop/api-test", "shop/web", "shop/team/api", "else/api")


def served() -> Double:
    double = Double()
    for path in PATHS:
        for tag in ("1.0", "2.0"):
            double.warehouse.push(path, tag, index=False)
    return double


def configure(place: Workplace, double: Double, watch: str, host: str = HOST) -> None:
    options = f"endpoint: '{double.url}', catalogue_endpoint: '{double.url}'"
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\nsources: []\nwatch: [{watch}]\n"
        f"registries: {{{host}: {{{options}, credential: anonymous}}}}\n",
    )


@pytest.mark.parametrize(
    ("watch", "expected"),
    [
        ("{image: registry.example/shop/*}",
         {"shop/api": 2, "shop/api-test": 2, "shop/web": 2, "shop/team/api": 2}),
        ("{image: registry.example/*}", dict.fromkeys(PATHS, 2)),
        ("{image: registry.example/shop/*, include: ['api*'], exclude: ['*-test']}",
         {"shop/api": 2, "shop/team/api": 2}),
        ("{image: registry.example/shop/*, include: ['team/*', '2.*']}", {"shop/team/api": 1}),
        ("{image: registry.example/shop/*, include: ['2.*']}",
         {"shop/api": 1, "shop/api-test": 1, "shop/web": 1, "shop/team/api": 1}),
        ("{image: registry.example/shop/*, exclude: ['1.*', team/*]}",
         {"shop/api": 1, "shop/api-test": 1, "shop/web": 1}),
    ],
)  # fmt: skip
async def test_repositories_and_tags_below_a_prefix(
    tmp_path: Path, watch: str, expected: dict[str, int]
) -> None:
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = served()
    async with double.serving():
        configure(place, double, watch)
        answer = (await place.run("scan", "--format", "json")).json
    found: dict[str, int] = {}
    for one in answer["resolutions"]:
        path = one["input"].partition("/")[2].partition(":")[0]
        found[path] = found.get(path, 0) + 1
    assert found == expected
    assert sum(answer["requests"][HOST].values()) == double.counts.total(), "the listing's as well"
    assert answer["requests"][HOST]["catalog"] == 1


async def test_a_short_name_is_docker_hubs(tmp_path: Path) -> None:
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = HubDouble()
    double.warehouse.push("acme/app", "1.0")
    async with double.serving():
        configure(place, double, "{image: acme/*}", host="docker.io")
        answer = (await place.run("scan", "--format", "json")).json
    assert [(one["input"], one["tag"]) for one in answer["resolutions"]] == [
        ("acme/app:1.0", "1.0")
    ]


@pytest.mark.parametrize(
    ("watch", "read"),
    [
        ("{image: acme/app}", ["  read        acme/app: 1 tag"]),
        ("{image: redis}", ["  read        library/redis: 1 tag"]),
        (
            "{image: acme/*}",
            ["  below       acme/*: 1 repository", "  read        acme/app: 1 tag"],
        ),
    ],
)
async def test_doctor_reads_what_is_watched(tmp_path: Path, watch: str, read: list[str]) -> None:
    """A short name was no registry in use, and a prefix was not tried."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = HubDouble()
    for path in ("acme/app", "library/redis"):
        double.warehouse.push(path, "1.0")
    double.warehouse.push("ratelimitpreview/test", "latest")
    async with double.serving():
        configure(place, double, watch, host="docker.io")
        done = await place.run("doctor")
        answer = (await place.run("doctor", "--format", "json")).json
    assert done.code == 0
    assert [line for line in done.out.splitlines() if line in read] == read
    (one,) = answer["registries"]
    assert one["below"] == ({"acme/": 1} if "*" in watch else {})


async def test_doctor_says_where_repositories_cannot_be_listed(tmp_path: Path) -> None:
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = served()
    double.refusals["catalog"] = [Refusal(status=403)] * 9
    async with double.serving():
        configure(place, double, "{image: registry.example/shop/*}")
        done = await place.run("doctor")
    assert done.code == 1
    assert "this registry does not list its repositories" in done.out
    assert "name the repositories one by one" in done.out


@pytest.mark.parametrize("watch", ["{image: registry.example/shop/*}", "{image: other.example/a}"])
async def test_what_is_watched_and_not_read_is_told_where_it_is_watched(
    tmp_path: Path, watch: str
) -> None:
    """Nothing was expanded from it: the finding stood at `.:1:1`."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = served()
    for kind in ("catalog", "tags"):
        double.refusals[kind] = [Refusal(status=403)] * 9
    async with double.serving():
        configure(place, double, watch, host=watch.split("/")[0].removeprefix("{image: "))
        answer = (await place.run("scan", "--format", "json")).json
    (finding,) = answer["findings"]
    assert finding["rule"] == "check-incomplete"
    location = finding["location"]
    assert (location["path"], location["line"], location["column"]) == ("tagwatch.yaml", 3, 17)


@pytest.mark.parametrize(
    ("watch", "why"),
    [
        ("{image: registry.example/shpo/*}", "its registry lists no repository below it"),
        (
            "{image: registry.example/shop/*, exclude: ['*']}",
            "none of the 4 repositories below it passes `include` and `exclude`",
        ),
    ],
)
async def test_a_prefix_that_watches_nothing_is_not_clean(
    tmp_path: Path, watch: str, why: str
) -> None:
    """A typing error in it was a complete night without findings."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = served()
    async with double.serving():
        configure(place, double, watch)
        answer = (await place.run("scan", "--format", "json")).json
        told = await place.run("doctor")
    assert not answer["complete"]
    (finding,) = answer["findings"]
    assert finding["rule"] == "check-incomplete"
    assert why in finding["message"]
    assert finding["location"]["path"] == "tagwatch.yaml"
    assert ("no repository below what is watched" in told.out) == ("shpo" in watch)


@pytest.mark.parametrize(
    ("watch", "why"),
    [
        ("{image: registry.example/shop/api, tags: ['/^9/', '1.0']}", "matches '/^9/'"),
        (
            "{image: registry.example/shop/api, include: ['9*']}",
            "matches '*' and its `include` and `exclude`",
        ),
        ("{image: registry.example/shop/api, tags: ['/^1/', '2.0']}", ""),
    ],
)
async def test_a_pattern_that_no_tag_matches_is_told(tmp_path: Path, watch: str, why: str) -> None:
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = served()
    async with double.serving():
        configure(place, double, watch)
        answer = (await place.run("scan", "--format", "json")).json
    told = [one["message"] for one in answer["remarks"]]
    assert told == ([f"tagwatch.yaml:3:17: no tag that is known {why}"] if why else [])


async def test_a_registry_that_was_not_asked_has_no_line(tmp_path: Path) -> None:
    """A `blocked` one of registries.conf: "0 requests ()", the summary said."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    place.write(
        ".config/containers/registries.conf",
        '[[registry]]\nlocation = "blocked.example"\nblocked = true\n',
    )
    place.write("tagwatch.yaml", "database: tagwatch.db\nwatch: [{image: blocked.example/a}]\n")
    done = await place.run("scan")
    answer = (await place.run("scan", "--format", "json")).json
    assert "is blocked by a registries.conf" in " ".join(done.out.split())
    assert "requests" not in done.err
    assert answer["requests"] == {}
