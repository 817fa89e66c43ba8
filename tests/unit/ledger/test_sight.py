"""Snapshots into intervals, against a model that knows nothing of intervals: a log of snapshots."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import (
    FORGET_WATERMARK,
    Gone,
    RepositorySnapshot,
    Scope,
    TagObservation,
)
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.record import Move, Stored
from tagwatch.ledger.write import Ledger

START = datetime(2026, 1, 1, 2, tzinfo=UTC)
REDIS = Repository.parse("redis")
TAGS = ("6", "7", "7.4.1", "latest")


def night(number: int) -> datetime:
    return START + timedelta(days=number)


def digest(text: str) -> Digest:
    return digest_of(text.encode())


def snapshot(
    number: int,
    tags: Mapping[str, str],
    scope: Scope = Scope.FULL,
    *,
    complete: bool = True,
    names: Sequence[str] | None = None,
    asked: Sequence[str] = (),
    watermark: str | None = None,
    holds: bool = False,
) -> RepositorySnapshot:
    return RepositorySnapshot(
        repository=REDIS,
        at=night(number),
        scope=scope,
        tags=tuple(TagObservation(tag=tag, digest=digest(text)) for tag, text in tags.items()),
        names=None if names is None else frozenset(names),
        asked=frozenset(asked),
        complete=complete,
        watermark=watermark,
        holds=holds,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "tagwatch.db") as opened:
        opened.begin_run("scan", START)
        yield opened


@st.composite
def snapshots(draw: st.DrawFn, number: int) -> RepositorySnapshot:
    tags = draw(st.dictionaries(st.sampled_from(TAGS), st.sampled_from("abc")))
    scope = draw(st.sampled_from(Scope))
    more = draw(st.sets(st.sampled_from(TAGS)))
    names = None if scope is Scope.SELECTED or draw(st.booleans()) else {*tags, *more}
    asked = {*tags, *more} if scope is Scope.SELECTED or draw(st.booleans()) else set()
    complete = draw(st.integers(0, 4)) > 0
    return snapshot(
        number,
        tags,
        scope,
        complete=complete,
        names=None if names is None else sorted(names),
        asked=sorted(asked),
        holds=scope is Scope.NEWEST and draw(st.booleans()),
    )


NIGHTS = st.integers(1, 9).flatmap(
    lambda count: st.tuples(*(snapshots(number) for number in range(count)))
)


def shows_gone(seen: RepositorySnapshot, tag: str) -> bool:
    if not seen.complete or seen.scope is Scope.SINCE:
        return False
    if seen.scope in (Scope.SELECTED, Scope.NEWEST) or tag in seen.asked:
        return tag in seen.asked
    return tag not in (seen.names or frozenset())


def state_after(log: Sequence[RepositorySnapshot], tag: str) -> Digest | None:
    """What the last word on a tag is, reading the log from the start."""
    state = None
    for seen in log:
        observed = {item.tag: item.digest for item in seen.tags}
        if tag in observed:
            state = observed[tag]
        elif shows_gone(seen, tag):
            state = None
    return state


def is_doubted_after(log: Sequence[RepositorySnapshot], tag: str) -> bool:
    """True where the last listing that speaks of a tag named it and did not go back so far."""
    doubted = False
    for seen in log:
        if tag in {item.tag for item in seen.tags} or shows_gone(seen, tag):
            doubted = False
        elif seen.complete and seen.scope is Scope.NEWEST and not seen.holds:
            doubted |= tag in (seen.names or ())
    return doubted


def last_sight(log: Sequence[RepositorySnapshot], tag: str) -> datetime:
    """The last time that the log says what a tag, which is there, serves."""
    last = None
    for place, seen in enumerate(log):
        observed = {item.tag for item in seen.tags}
        if tag in observed:
            last = seen.at
        if not seen.complete or is_doubted_after(log[:place], tag):
            continue
        if seen.scope is Scope.SINCE:
            named = (seen.names or frozenset()) - observed
            if not any(state_after(log[:place], other) for other in named):
                last = seen.at
        if seen.holds:
            last = seen.at
    assert last is not None, f"{tag} was never seen"
    return last


def names_alone(log: Sequence[RepositorySnapshot]) -> set[str]:
    """Tags that listings name whose digest is not known."""
    alone: set[str] = set()
    for place, seen in enumerate(log):
        if seen.complete and seen.scope is not Scope.SELECTED:
            names = set(seen.names or ())
            alone = alone | names if seen.scope is Scope.SINCE else names
        alone -= {item.tag for item in seen.tags}
        alone -= {tag for tag in TAGS if shows_gone(seen, tag) and state_after(log[:place], tag)}
    known = {tag for tag in TAGS if state_after(log, tag) and not is_doubted_after(log, tag)}
    return alone - known


def whole_since(log: Sequence[RepositorySnapshot]) -> datetime | None:
    """Since when all names are known: the first whole list after the last that proved not to be."""
    since = None
    for seen in log:
        if seen.names is None or seen.scope is Scope.SINCE:
            continue
        if seen.asked & {item.tag for item in seen.tags} - seen.names:
            since = None
        elif seen.complete:
            since = min(filter(None, (since, seen.at)))
    return since


def first_there(log: Sequence[RepositorySnapshot]) -> dict[str, datetime]:
    """When each name was first listed, or served something."""
    found: dict[str, datetime] = {}
    for seen in log:
        for tag in (seen.names or frozenset()) | {item.tag for item in seen.tags}:
            found[tag] = min(found.get(tag, seen.at), seen.at)
    return found


def first_listed(ledger: Ledger) -> tuple[datetime | None, Mapping[str, datetime]]:
    known = ledger.known(REDIS)
    return known.whole_since, known.new_tags


def counts(path: Path) -> tuple[int, ...]:
    connection = sqlite3.connect(path)
    try:
        return tuple(
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("interval", "digest", "move")
        )
    finally:
        connection.close()


@given(NIGHTS)
@settings(max_examples=50, deadline=None)
def test_the_ledger_says_what_the_log_says(log: tuple[RepositorySnapshot, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder, "l.db")) as ledger:
        run = ledger.begin_run("scan", START)
        for number, seen in enumerate(log):
            before = {tag: state_after(log[:number], tag) for tag in TAGS}
            rows = counts(ledger.path)
            moves = ledger.add(run, seen).moves
            after = {tag: state_after(log[: number + 1], tag) for tag in TAGS}
            known = ledger.known(REDIS)
            doubted = {tag for tag in TAGS if is_doubted_after(log[: number + 1], tag)}
            assert known.tags == {
                tag: now for tag, now in after.items() if now and tag not in doubted
            }
            assert known.listed == names_alone(log[: number + 1])
            moved = {move.tag: (move.before, move.after) for move in moves}
            for tag, now in after.items():
                if before[tag] and now and before[tag] != now:
                    assert moved.pop(tag) == (before[tag], now)
            assert all(before[tag] is None for tag in moved), "only a tag that is back may be left"
            if before == after and not known.listed:
                assert counts(ledger.path) == rows
            since, there = whole_since(log[: number + 1]), first_there(log[: number + 1])
            new = {tag: at for tag, at in there.items() if since is not None and at > since}
            assert (known.whole_since, known.new_tags) == (since, new)
            for interval in ledger.intervals(REDIS):
                if not interval.ended:
                    assert interval.last_seen == last_sight(log[: number + 1], interval.tag)
        assert check(ledger.path) == ()
        check_history(ledger, log)


def check_history(ledger: Ledger, log: Sequence[RepositorySnapshot]) -> None:
    for tag in TAGS:
        past = ledger.intervals(REDIS, tag)
        for left, right in pairwise(past):
            assert left.ended_at is not None
            assert left.first_seen <= left.last_seen <= left.ended_at <= right.first_seen
        for number in range(len(log)):
            for when in (night(number), night(number) + timedelta(hours=9)):
                found = ledger.at(REDIS, tag, when)
                expected = state_after(log[: number + 1], tag)
                assert (found.digest if found else None) == expected
                if found is not None:
                    assert (REDIS, found) in ledger.tags_of_digest(found.digest)
        assert ledger.at(REDIS, tag, START - timedelta(seconds=1)) is None


@given(NIGHTS, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_whatever_comes_late_the_history_stays_whole(
    log: tuple[RepositorySnapshot, ...], chance: random.Random
) -> None:
    late = chance.sample(log, len(log))
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder, "l.db")) as ledger:
        run = ledger.begin_run("scan", START)
        for seen in late:
            ledger.add(run, seen)
        ledger.add(run, snapshot(20, {"7": "z"}))
        assert check(ledger.path) == ()
        assert ledger.known(REDIS).tags == {"7": digest("z")}
        for interval in ledger.intervals(REDIS):
            sights = {seen.at for seen in log for item in seen.tags if item.tag == interval.tag}
            assert interval.first_seen in {*sights, night(20)}


def test_an_unchanged_night_adds_no_row_and_moves_last_seen(ledger: Ledger) -> None:
    ledger.add(1, snapshot(0, {"6": "a", "7": "b"}))
    rows = counts(ledger.path)
    assert ledger.add(1, snapshot(1, {"6": "a", "7": "b"})) == Stored()
    assert ledger.add(1, snapshot(2, {}, Scope.SINCE)) == Stored()
    assert counts(ledger.path) == rows
    assert {item.last_seen for item in ledger.intervals(REDIS)} == {night(2)}


def test_a_move_ends_one_interval_and_begins_the_next(ledger: Ledger) -> None:
    ledger.add(1, snapshot(0, {"7": "a"}))
    moves = ledger.add(1, snapshot(3, {"7": "b"})).moves
    assert moves == (
        Move(repository=REDIS, tag="7", before=digest("a"), after=digest("b"), at=night(3)),
    )
    old, new = ledger.intervals(REDIS, "7")
    assert (old.first_seen, old.last_seen, old.ended_at) == (night(0), night(0), night(3))
    assert old.ended
    assert (new.first_seen, new.last_seen, new.ended) == (night(3), night(3), False)


def test_only_a_listing_ends_an_interval_and_incremental_nights_did_not_see_it(
    ledger: Ledger,
) -> None:
    ledger.add(1, snapshot(0, {"6": "a", "7": "b"}))
    ledger.add(1, snapshot(1, {"7": "c"}, Scope.SINCE))
    assert [item.last_seen for item in ledger.intervals(REDIS, "6")] == [night(1)]
    ledger.add(1, snapshot(2, {"7": "c"}))
    (gone,) = ledger.intervals(REDIS, "6")
    assert gone.ended
    assert (gone.last_seen, gone.ended_at) == (night(0), night(2))


@pytest.mark.parametrize(
    "seen",
    [
        snapshot(1, {"7": "b"}, complete=False),
        snapshot(1, {"7": "b"}, Scope.SINCE),
        snapshot(1, {"7": "b"}, Scope.SELECTED, asked=["7"]),
        snapshot(1, {}, Scope.SELECTED, asked=["6"], complete=False),
        snapshot(1, {"7": "b"}, names=["6", "7"]),
    ],
    ids=["incomplete", "since", "not asked", "asked, incomplete", "listed, digest not asked"],
)
def test_what_does_not_show_a_deletion_ends_nothing(
    ledger: Ledger, seen: RepositorySnapshot
) -> None:
    ledger.add(1, snapshot(0, {"6": "a", "7": "b"}))
    ledger.add(1, seen)
    assert not ledger.intervals(REDIS, "6")[0].ended


def test_a_tag_that_was_asked_for_and_answered_404_is_gone(ledger: Ledger) -> None:
    ledger.add(1, snapshot(0, {"6": "a", "7": "b"}))
    stored = ledger.add(1, snapshot(1, {}, Scope.SELECTED, asked=["6"]))
    assert stored == Stored(gone=(Gone(repository=REDIS, tag="6", digest=digest("a")),))
    assert set(ledger.known(REDIS).tags) == {"7"}
    assert ledger.add(1, snapshot(2, {}, Scope.SELECTED, asked=["6"])) == Stored(), "told once"


def test_a_tag_that_comes_back_with_other_content_has_moved(ledger: Ledger) -> None:
    ledger.add(1, snapshot(0, {"6": "a", "7": "b"}))
    ledger.add(1, snapshot(1, {}))
    moves = ledger.add(1, snapshot(2, {"6": "a", "7": "c"})).moves
    assert [(move.tag, move.before) for move in moves] == [("7", digest("b"))]
    assert ledger.at(REDIS, "7", night(1)) is None
    assert len(ledger.intervals(REDIS, "6")) == 2


def test_what_is_older_than_our_knowledge_changes_nothing(ledger: Ledger) -> None:
    ledger.add(1, snapshot(5, {"7": "b"}, watermark="five"))
    ledger.add(1, snapshot(9, {"7": "c", "8": "d"}, watermark="nine"))
    past = ledger.intervals(REDIS)
    assert ledger.add(1, snapshot(7, {"7": "b", "9": "e"}, watermark="seven")) == Stored()
    assert ledger.add(1, snapshot(9, {"7": "c", "8": "d"})) == Stored()
    assert ledger.intervals(REDIS) == past
    assert ledger.known(REDIS).watermark == "nine"
    assert ledger.known(REDIS).full_at == night(9)


def test_marks_advance_only_with_what_is_complete(ledger: Ledger) -> None:
    ledger.add(1, snapshot(0, {"7": "a"}, watermark="w0"))
    ledger.add(1, snapshot(1, {"7": "a"}, complete=False, watermark="w1"))
    ledger.add(1, snapshot(2, {"7": "a"}, Scope.SELECTED, asked=["7"], watermark="w2"))
    assert ledger.known(REDIS).watermark == "w0"
    ledger.add(1, snapshot(3, {}, Scope.SINCE, watermark="w3"))
    assert ledger.known(REDIS).watermark == "w3"
    assert ledger.known(REDIS).full_at == night(0)


def test_a_repository_that_was_never_read_is_simply_unknown(ledger: Ledger) -> None:
    other = Repository.parse("ghcr.io/shop/api")
    assert ledger.known(other).tags == {}
    assert ledger.known(other).full_at is None
    assert ledger.intervals(other) == ()
    assert ledger.at(other, "1", START) is None
    assert ledger.stored_documents(other) == frozenset()


def test_a_watermark_that_proved_wrong_is_forgotten(ledger: Ledger) -> None:
    """A tag was found that the listing should have had: the next one must be whole."""
    ledger.add(1, snapshot(0, {"7": "a"}, watermark="w0"))
    found = snapshot(1, {"8": "b"}, Scope.SELECTED, asked=["8"], watermark=FORGET_WATERMARK)
    ledger.add(1, found)
    assert ledger.known(REDIS).watermark is None
    assert ledger.known(REDIS).tags.keys() == {"7", "8"}, "and nothing ended"


def test_only_what_came_after_a_whole_list_is_new(ledger: Ledger) -> None:
    """A list that was cut short, and what nobody listed, prove nothing; the beginning stays."""
    selected = Scope.SELECTED
    ledger.add(1, snapshot(0, {"6": "a"}, selected, asked=["6"]))
    ledger.add(1, snapshot(1, {}, selected, names=["6", "7"], complete=False))
    assert first_listed(ledger) == (None, {})
    ledger.add(1, snapshot(2, {}, selected, names=["6", "7", "7.4.1"]))
    ledger.add(1, snapshot(3, {}, selected, names=["6", "7", "7.4.1", "latest"]))
    assert first_listed(ledger) == (night(2), {"latest": night(3)})
    ledger.add(1, snapshot(4, {}, selected, names=["6"]))
    ledger.add(1, snapshot(5, {"latest": "a"}, selected, names=["6", "latest"], asked=["latest"]))
    ledger.forget(night(5000), history=timedelta(days=1), runs=timedelta(days=1))
    assert first_listed(ledger) == (night(2), {"latest": night(3)})


def test_a_list_that_lacks_a_tag_which_answers_is_not_whole(ledger: Ledger) -> None:
    """A cache lists what it was asked for: what comes into its list may be years old."""
    selected = Scope.SELECTED
    ledger.add(1, snapshot(0, {}, selected, names=["6"]))
    ledger.add(1, snapshot(1, {"7": "a"}, selected, names=["6"], asked=["7"]))
    assert first_listed(ledger) == (None, {})
    ledger.add(1, snapshot(2, {}, selected, names=["6", "7", "latest"]))
    assert first_listed(ledger) == (night(2), {})


def test_what_an_origin_that_nobody_recorded_listed_is_no_proof(tmp_path: Path) -> None:
    """Whoever reads the repository first lists it anew."""
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        run = ledger.begin_run("scan", START)
        ledger.add(run, snapshot(0, {"6": "a"}, names=["6"]))
    with sqlite3.connect(tmp_path / "tagwatch.db") as connection:
        connection.execute("UPDATE repository SET origin = '?'")
    connection.close()
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        ledger.add(run, snapshot(1, {"7": "a"}, Scope.SELECTED, asked=["7"]))
        assert first_listed(ledger) == (None, {})
        ledger.add(
            run, snapshot(2, {"6": "a", "7": "a", "latest": "b"}, names=["6", "7", "latest"])
        )
        assert first_listed(ledger) == (night(2), {})


def test_the_upgrade_fills_what_the_ledger_proves(tmp_path: Path) -> None:
    """The last whole list; of what it listed nothing is new, and what came later is."""
    path = tmp_path / "tagwatch.db"
    with Ledger.open(path) as ledger:
        run = ledger.begin_run("scan", START)
        ledger.add(run, snapshot(0, {"6": "a"}, names=["6", "7"]))
        ledger.add(run, snapshot(1, {"6": "b"}, Scope.SINCE, names=["6"]))
        ledger.add(run, snapshot(2, {"latest": "b"}, Scope.SINCE, names=["latest", "7.4.1"]))
        told = first_listed(ledger)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE repository DROP COLUMN whole_since")
        connection.execute("DROP TRIGGER tag_update")
        connection.execute("ALTER TABLE tag DROP COLUMN first_listed")
        connection.execute("CREATE TRIGGER tag_update AFTER UPDATE ON tag BEGIN SELECT 1; END")
        connection.execute("DELETE FROM interval WHERE ended_at IS NOT NULL")  # forgotten
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'v14_first_listed'")
        connection.execute("PRAGMA user_version = 13")
    connection.close()
    with Ledger.open(path) as ledger:
        assert told == (night(0), {"7.4.1": night(2), "latest": night(2)})
        assert first_listed(ledger) == told
        assert check(path) == ()
