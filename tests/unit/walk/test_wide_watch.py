"""A wide watch: a scan may hold a hundred thousand tags of it, as text and not as values."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from tagwatch.audit.model.evidence import Evidence, Resolution, SelectedEvidence, Status, name_in
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.config.settings import Watch
from tagwatch.image.reference import Reference, Repository
from tagwatch.publish.html.book import MOST_TASKS
from tagwatch.publish.html.sorting import groups_of
from tagwatch.publish.html.standing import standing_of
from tagwatch.publish.html.view import Pages
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.used import apart_of, used_images, used_targets
from tagwatch.source.target import Location, Target, Targets, parts_of
from tagwatch.value import replace
from tagwatch.walk.watch_list import Keys, Names, Watched, _places_in
from tests.unit.ledger.test_listed import AT

PLACE = Location(path="tagwatch.yaml", line=7, column=1, end_line=7, end_column=9)
FILE = Location(path="Dockerfile", line=1, column=6, end_line=1, end_column=20)


class Unmade(Watched):
    """A watch whose targets nobody may make."""

    def __iter__(self) -> Iterator[Target]:
        raise AssertionError("a target was made")


def part(path: str, tags: int, kind: type[Watched] = Watched) -> Watched:
    repository = Repository(registry="r.example:5000", path=path)
    watch = Watch(image=repository.name, location=PLACE)
    names = Names.of(f"1.{number // 100}.{number % 100}" for number in range(tags))
    return kind(watch=watch, repository=repository, tags=names)


@pytest.mark.parametrize("tags", [0, 1, 3, 2_000])
def test_names_are_what_they_were(tags: int) -> None:
    plain = [f"1.{number}" for number in range(tags)]
    names = Names.of(plain)
    assert list(names) == plain
    assert len(names) == tags
    assert all(name in names for name in plain)
    assert not any(other in names for other in ("1", ".1", "", "1.", "\n", f"1.{tags}", 1))


def test_names_with_the_checksum_of_another_are_told_apart() -> None:
    """`plumless` and `buckeroo` have the same; so many are looked up by it."""
    names = Names.of([*(f"1.{number}" for number in range(2_000)), "plumless"])
    assert "plumless" in names
    assert "buckeroo" not in names


def test_who_looks_here_and_there_reads_no_list_twice() -> None:
    """Three wide entries of one repository are asked in turn for each of its keys."""
    entries = [
        replace(part("team/0", 0), tags=Names.of(f"{place}.{number}" for number in range(2_000)))
        for place in range(7, 10)
    ]
    keys = Keys(in_files=(), listed=entries)
    before = _places_in.cache_info().misses
    assert all(key in keys for number in range(9) for key in [*keys][number::700])
    assert _places_in.cache_info().misses - before == len(entries)


def test_keys_are_those_of_files_and_of_the_watch_list() -> None:
    name = "r.example:5000/team/0"
    by_range = Watched(watch=part("team/0", 0).watch, repository=part("team/0", 0).repository,
                       selector=">=1 <2")  # fmt: skip
    keys = Keys(in_files=(f"{name}@sha256:12",), listed=[part("team/0", 3), by_range])
    assert list(keys) == [
        f"{name}@sha256:12", f"{name}:1.0.0", f"{name}:1.0.1", f"{name}:1.0.2", f"{name}:>=1 <2",
    ]  # fmt: skip
    assert len(keys) == 5
    assert all(key in keys for key in keys)
    assert not any(key in keys for key in (f"{name}:1.0.3", "r.example:5000/team/00:1.0.0", name))
    assert {name_in(key) for key in keys} == {name}


def test_selected_evidence_is_sorted_whatever_its_repositories_are_called() -> None:
    """The names go on with characters that sort before and after those of tags and digests."""
    names = ["r/a", "r/a-b", "r/a.b", "r/a/b", "r/a0", "r/a_b", "r/ab"]
    keys = [f"{name}{rest}" for name in names for rest in (":1", ":1.0", ":2", "@sha256:0")]
    source = {
        key: Evidence(key=key, resolution=Resolution(input=key, status=Status.NO_VERSION), at=AT)
        for key in keys
    }
    whole = {name: [f"{name}:2", f"{name}:1.0"] for name in names[1::2]}
    held = {key for some in whole.values() for key in some}
    single = [key for key in reversed(keys) if key not in held]
    chosen = SelectedEvidence(source, [*single, *single[:3], "r/none:1"], whole=whole)
    assert list(chosen) == sorted(keys)
    assert len(chosen) == len(keys)
    assert all(key in chosen and chosen[key] is source[key] for key in keys)
    assert "r/none:1" not in chosen
    assert "r/a-b:7" not in chosen


def held_by(repositories: int) -> int:
    """How many bytes stay for what a run keeps of so many repositories of 100 tags."""
    gc.collect()
    tracemalloc.start()
    parts = [part(f"team/{number}", 100) for number in range(repositories)]
    whole = {one.repository.name: Keys(in_files=(), listed=[one]) for one in parts}
    chosen = SelectedEvidence({}, (), whole=whole)
    assert sum(1 for _ in chosen) == len(chosen) == 100 * repositories
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


def test_a_tag_that_is_watched_takes_few_bytes() -> None:
    held_by(1)  # what is loaded once
    few, twice = held_by(20), held_by(40)
    a_tag = (twice - few) / 2_000
    assert a_tag < 25, "its name, its end, and its share of what stands once a repository"


def test_no_page_makes_the_targets_of_a_wide_watch() -> None:
    wide = Targets([part(f"team/{number}", 100, Unmade) for number in range(20)])
    result = AuditResult(at=AT, targets=Targets([wide]))
    assert apart_of(result.targets) == {PLACE}
    assert list(used_targets(result.targets, {PLACE})) == []
    assert list(used_images(result)) == []
    pages = Pages(result, PublishContext(version="0"), whole=True)
    (shelf,), left, apart = standing_of(pages)
    assert (left, apart) == (0, 0)
    assert [(row.now, row.places) for row in shelf.rows] == [("100 tags", 100)] * 20
    assert pages.first().tasks == ()


def test_beside_files_a_wide_watch_is_counted() -> None:
    (named,) = part("team/0", 1)
    in_file = Target(text=named.text, location=FILE, kind="from", reference=named.reference)
    targets = Targets([(in_file,), Targets([part("team/1", 100, Unmade)])])
    assert len(list(parts_of(targets))) == 2
    pages = Pages(AuditResult(at=AT, targets=targets), PublishContext(version="0"), whole=True)
    (shelf,), _, apart = standing_of(pages)
    assert apart == 100
    assert [row.name for row in shelf.rows] == ["r.example:5000/team/0:1.0.0"]


def found(number: int) -> Finding:
    """A finding about a tag of a wide watch."""
    reference = Reference(repository=Repository(registry="r.example", path="a"), tag=f"1.{number}")
    return Finding(
        rule="registry-not-allowed",
        severity=Severity.WARNING,
        message=f"{reference} is not allowed",
        location=PLACE,
        fingerprint=f"{number:032x}",
        reference=reference,
        text=str(reference),
    )


def test_a_way_shows_as_much_of_one_name_as_pages_show_tasks() -> None:
    findings = tuple(map(found, range(MOST_TASKS + 100)))
    result = AuditResult(at=AT, findings=findings)
    pages = Pages(result, PublishContext(version="0"), whole=True)
    for way in ("rule", "file", "registry"):
        groups = list(groups_of(way, pages))
        assert sum(len(group.lines) for group in groups) == MOST_TASKS
        told = [text for group in groups for word, text in group.texts if word == "More"]
        assert told == ["100 are not shown: the JSON report has them"]
        assert groups[-1].texts[-1][1] == told[0]
