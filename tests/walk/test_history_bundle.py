"""History bundles through the real command: made, imported, and found where one is installed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest

from tagwatch.image.digest import digest_of
from tagwatch.ledger.read import Reader
from tagwatch.ledger.write import Ledger
from tests.paths import DATA, ROOT
from tests.walk.command import Workplace
from tests.walk.test_history import REDIS, STANZA, checkout, intervals, seen, shallow_clone

SCHEMA = ROOT / "docs" / "schema" / "history.json"
SAMPLE = DATA / "history" / "two-images-2019.history"
VERSIONS: list[Mapping[str, str | None]] = [
    {"redis": STANZA.format("7.0.1", "7.0", "a" * 40), "consul": "Tags: 1\nGitCommit: 1\n"},
    {"redis": STANZA.format("7.0.2", "7.0", "b" * 40)},
    {"redis": STANZA.format("7.0.3", "7.0", "c" * 40), "consul": None},
    {"redis": STANZA.format("7.2.0", "7.2", "d" * 40)},
]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path / "desk", {"PYTHONPATH": str(tmp_path / "desk" / "site")})
    made.write("tagwatch.yaml", "version: 1\ndatabase: tagwatch.db\n")
    return made


def install(place: Workplace, bundle: Path | bytes, name: str = "told") -> None:
    """A package as installers leave it, that brings a bundle."""
    information = f"site/{name}-1.0.dist-info"
    place.write(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    place.write(f"{information}/entry_points.txt", f"[tagwatch.history]\n{name} = {name}:BUNDLE\n")
    place.write(
        f"site/{name}.py",
        f"from pathlib import Path\nBUNDLE = Path(__file__).with_name('{name}.history')\n",
    )
    raw = bundle if isinstance(bundle, bytes) else bundle.read_bytes()
    place.write(f"site/{name}.history", raw)


async def made(place: Workplace, library: Path, *images: str) -> Path:
    output = place.folder / f"{library.name}.history"
    arguments = ("--library", str(library), "--output", str(output), *images)
    done = await place.run("history", "bundle", *arguments)
    assert (done.code, done.out) == (0, ""), done.err
    assert f"{output.stat().st_size:,} bytes" in done.err
    return output


async def test_what_is_imported_from_a_bundle_is_what_its_checkout_gives(
    place: Workplace, tmp_path: Path
) -> None:
    library = checkout(tmp_path / "whole", VERSIONS)
    bundle = await made(place, library)
    for _ in range(2):
        done = await place.run("history", "import", "--bundle", str(bundle))
        assert (done.code, done.out) == (0, "consul  1 interval\nredis  8 intervals\n")
    imported = await intervals(place, "redis"), await intervals(place, "consul")
    await place.run("history", "import", "--library", str(library))
    assert (await intervals(place, "redis"), await intervals(place, "consul")) == imported
    (place.folder / "tagwatch.db").unlink()
    await place.run("history", "import", "--library", str(library))
    assert (await intervals(place, "redis"), await intervals(place, "consul")) == imported
    assert [one["version"] for one in imported[0] if one["tag"] == "7.0"] == [
        "7.0.1",
        "7.0.2",
        "7.0.3",
    ]


async def test_an_older_checkout_and_a_shallow_one_add_to_a_bundle(
    place: Workplace, tmp_path: Path
) -> None:
    """What they tell of is known from the bundle: nothing doubles, nothing goes."""
    whole = checkout(tmp_path / "whole", VERSIONS)
    old = checkout(tmp_path / "old", VERSIONS[:2])
    shallow = shallow_clone(whole, tmp_path / "shallow")
    await place.run("history", "import", "--bundle", str(await made(place, whole)))
    years = await intervals(place, "redis")
    for library in (old, shallow):
        await place.run("history", "import", "redis", "--library", str(library))
        assert await intervals(place, "redis") == years
    await place.run("history", "import", "--bundle", str(await made(place, old)))
    assert await intervals(place, "redis") == years
    partial = await place.run(
        *("history", "bundle", "--library", str(shallow), "--output", str(tmp_path / "part"))
    )
    assert "is a shallow clone: its history begins on" in partial.err


def install_ours(place: Workplace, bundle: Path) -> None:
    """The package of this repository as an installer leaves it, with another bundle."""
    package = ROOT / "config" / "tagwatch-history"
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((group, points),) = project["entry-points"].items()
    information = "site/tagwatch_history-1.dist-info"
    place.write(
        f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1\n"
    )
    lines = "".join(f"{name} = {point}\n" for name, point in points.items())
    place.write(f"{information}/entry_points.txt", f"[{group}]\n{lines}")
    module = "tagwatch_history/__init__.py"
    place.write(f"site/{module}", (package / module).read_bytes())
    place.write("site/tagwatch_history/official-images.history", bundle.read_bytes())


async def test_the_package_has_the_version_of_its_day(place: Workplace) -> None:
    install_ours(place, SAMPLE)
    done = await place.python("-c", "import tagwatch_history as t; print(t.version())")
    assert done.out == "2019.12.31\n", done.err


async def test_the_first_command_answers_where_a_bundle_is_installed(place: Workplace) -> None:
    install_ours(place, SAMPLE)
    done = await place.run("history", "traefik:v1.7", "--at", "2019-03-01")
    assert (done.code, done.err) == (0, "")
    first, answered, word = done.out.splitlines()
    assert first == "traefik"
    assert "v1.7  1.7.9" in answered
    assert word == (
        "  committed: said by docker-library/official-images as of 2019-12-31 (eb7b7b269246), "
        "from the installed history"
    )
    told = await place.run("history", "traefik:v1.7", "--at", "2019-03-01", "--format", "json")
    assert told.json["bundle"] == {
        "as_of": "2019-12-31T23:56:32Z",
        "commit": "eb7b7b2692469d96fadfd64baf4e4d5a69d5daff",
    }
    jsonschema.validate(told.json, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [one["version"] for one in told.json["intervals"]] == ["1.7.9"]
    assert len(await intervals(place, "docker.io/library/hello-world")) == 63
    for other in ("redis", "ghcr.io/library/traefik", "me/traefik", "traefik:no"):
        assert await intervals(place, other) == []
    assert not (place.folder / "tagwatch.db").exists(), "a question begins no ledger"


async def test_what_the_ledger_holds_counts_before_the_bundle(
    place: Workplace, tmp_path: Path
) -> None:
    """The answer is that of a ledger into which the bundle was imported."""
    whole = checkout(tmp_path / "whole", VERSIONS)
    old = checkout(tmp_path / "old", VERSIONS[:2])
    bundle = await made(place, whole)
    own = digest_of(b"own")
    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        seen(ledger, datetime(2025, 3, 10, tzinfo=UTC), {"7.2": own, "7.0": own})
    alone = await intervals(place, "redis")
    assert {one["kind"] for one in alone} == {"seen"}
    install(place, bundle)
    for imported in (False, True):  # also of a ledger that heard a part from a checkout
        if imported:
            await place.run("history", "import", "redis", "--library", str(old))
        both = await intervals(place, "redis")
        past = [(one["kind"], one["version"]) for one in both if one["tag"] == "7.0"]
        assert past == [
            ("committed", "7.0.1"),
            ("committed", "7.0.2"),
            ("committed", "7.0.3"),
            ("seen", None),
        ]
        assert [one for one in both if one["kind"] == "seen"] == alone
        (held,) = await intervals(place, "redis:7.2", "--at", "2025-05-01")
        assert (held["kind"], held["digest"]) == ("seen", own)
        text = await place.run("history", "redis:7.2", "--at", "2025-05-01")
        assert "installed history" not in text.out, "the bundle told nothing of this answer"
    with Reader.open(place.folder / "tagwatch.db") as reader:
        before = len(reader.intervals(REDIS))
    assert before < len(both), "a question stores nothing"
    await place.run("history", "import", "--bundle", str(bundle))
    assert await intervals(place, "redis") == both


async def test_the_newest_of_several_bundles_answers(place: Workplace, tmp_path: Path) -> None:
    versions: list[Mapping[str, str | None]] = [
        {"traefik": STANZA.format("v1.7.99", "v1.7", "a" * 40)}
    ]
    install(place, SAMPLE, "older")
    install(place, await made(place, checkout(tmp_path / "newer", versions)), "newer")
    assert [one["version"] for one in await intervals(place, "traefik:v1.7")] == ["1.7.99"]


async def test_a_damaged_bundle_is_told_and_takes_no_answer_of_the_ledger(
    place: Workplace, tmp_path: Path
) -> None:
    bundle = place.write("broken.history", SAMPLE.read_bytes()[:-1])
    done = await place.run("history", "import", "--bundle", str(bundle))
    assert "broken.history' is damaged: it has 5,844 bytes of 5,845" in done.is_clean_error(2)
    assert "get it again" in done.err
    assert not (place.folder / "tagwatch.db").exists()
    install(place, bundle)
    alone = await place.run("history", "traefik:v1.7")
    assert "is damaged" in alone.is_clean_error(2)
    with Ledger.open(place.folder / "tagwatch.db") as ledger:
        seen(ledger, datetime(2025, 3, 10, tzinfo=UTC), {"7.2": digest_of(b"own")})
    done = await place.run("history", "redis:7.2")
    assert (done.code, done.out.count("7.2")) == (0, 1)
    assert "tagwatch: warning: the history bundle" in done.err
    place.write("site/told.py", "BUNDLE = 7\n")
    done = await place.run("history", "redis:7.2")
    assert (done.code, "no path of a file" in done.err) == (0, True)


async def test_wrong_lines(place: Workplace, tmp_path: Path) -> None:
    unknown = await place.run("history", "import", "--bundle", str(SAMPLE), "treafik")
    assert "did you mean 'traefik'?" in unknown.is_clean_error(2)
    both = await place.run("history", "import", "--bundle", "x", "--library", "y")
    assert "two places to import from" in both.is_clean_error(2)
    nothing = await place.run("history", "bundle", "--output", "x")
    assert "give --library DIR" in nothing.is_clean_error(2)
    bare = await place.run("history", "bundle", "--library", str(tmp_path), "--output", "x")
    assert "has no git history" in bare.is_clean_error(2)
    assert not (place.folder / "x").exists(), "an answer is there whole, or not at all"
