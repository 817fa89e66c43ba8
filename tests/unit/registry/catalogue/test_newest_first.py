"""Reading pages: where it stops, what it believes, and what it asks again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import HostileAnswerError, UnavailableError
from tagwatch.image.digest import Digest
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.catalogue.newest_first import Entry, Page, parse_time, read_newest_first
from tagwatch.registry.interface import Listing
from tests.registry.harness import AT

HOUR = timedelta(hours=1)
OLD, NEW = (Digest("sha256:" + letter * 64) for letter in "ab")


def entry(tag: str, hours_ago: float | None = 0.0, digest: str | None = OLD) -> Entry:
    moved = None if hours_ago is None else AT - hours_ago * HOUR
    return Entry(tag=tag, digest=digest, moved_at=moved)


async def read(
    *pages: Page,
    watermark: str | None = None,
    known: dict[str, Digest] | None = None,
    there: dict[str, Digest] | None = None,
    asked: list[str] | None = None,
) -> Listing:
    """`pages` one after the other; `there`: what a HEAD would find, None for a failure."""

    async def fetch(cursor: str | None) -> Page:
        return pages[int(cursor or 0)]

    async def head(tag: str) -> TagObservation | None:
        if asked is not None:
            asked.append(tag)
        if there is None:
            raise UnavailableError("no answer")
        return TagObservation(tag=tag, digest=there[tag]) if tag in there else None

    return await read_newest_first(
        fetch, host="h", watermark=watermark, known=known, at=AT, head=head
    )


def page(*entries: Entry, next: str | None = None, settled: bool = True) -> Page:  # noqa: A002
    return Page(entries=entries, next=next, settled=settled)


class TestStopping:
    async def test_beyond_the_watermark_and_its_hour(self) -> None:
        listing = await read(
            page(entry("a"), entry("b", 3), next="1"), page(), watermark=(AT - HOUR).isoformat()
        )
        assert listing.scope is Scope.SINCE
        assert listing.names == {"a", "b"}

    @pytest.mark.parametrize("hours_ago", [1.0, 1.9])
    async def test_not_within_the_hour(self, hours_ago: float) -> None:
        """What was pushed before the newest may have become visible after it."""
        listing = await read(
            page(entry("a"), entry("b", hours_ago), next="1"),
            page(entry("late", 1.95)),
            watermark=(AT - HOUR).isoformat(),
            there={},
        )
        assert listing.names == {"a", "b", "late"}

    async def test_not_where_a_time_is_missing(self) -> None:
        listing = await read(
            page(entry("a", None), entry("b", 99), next="1"),
            page(entry("c", 200)),
            watermark=AT.isoformat(),
            there={},
        )
        assert (listing.scope, sorted(listing.names)) == (Scope.FULL, ["a", "b", "c"])

    @pytest.mark.parametrize("hours_ago", [(99, 5), (5, 99, 98)])
    async def test_not_where_the_order_is_another(self, hours_ago: tuple[int, ...]) -> None:
        entries = [entry(f"t{ago}", ago) for ago in hours_ago]
        listing = await read(
            page(*entries, next="1"), page(entry("new", 0)), watermark=AT.isoformat(), there={}
        )
        assert listing.scope is Scope.FULL
        assert "new" in listing.names

    async def test_not_once_a_page_shows_that_older_ones_changed(self) -> None:
        listing = await read(
            page(entry("a", 99), next="1", settled=False),
            page(entry("b", 999), next="2"),
            page(entry("c", 9999)),
            watermark=AT.isoformat(),
            there={},
        )
        assert (listing.scope, sorted(listing.names)) == (Scope.FULL, ["a", "b", "c"])

    async def test_the_last_page_is_the_whole(self) -> None:
        listing = await read(page(entry("a", 99)), watermark=AT.isoformat())
        assert listing.scope is Scope.FULL

    @pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00Z"])
    async def test_what_is_no_watermark_is_none(self, text: str) -> None:
        listing = await read(
            page(entry("a", 99), next="1"), page(entry("b", 999)), watermark=text, there={}
        )
        assert listing.scope is Scope.FULL


class TestBelief:
    async def test_the_first_entry_of_a_tag_is_the_newer(self) -> None:
        listing = await read(
            page(entry("a", 1, NEW), next="1"), page(entry("a", 5, OLD), entry("b", 6)), there={}
        )
        assert {seen.tag: seen.digest for seen in listing.observations} == {"a": NEW, "b": OLD}

    @pytest.mark.parametrize("digest", [None, "", "sha256:../../x", "sha256:" + "A" * 64])
    async def test_a_tag_without_a_digest_is_to_be_asked_for(self, digest: str | None) -> None:
        listing = await read(page(entry("a", 0, digest), entry("b")))
        assert listing.undigested == {"a"}
        assert listing.names == {"a", "b"}
        assert [seen.tag for seen in listing.observations] == ["b"]

    async def test_absurd_sizes_and_media_types_are_no_facts(self) -> None:
        absurd = [
            Entry(tag=f"t{number}", digest=OLD, size=size, media_type="<script>")
            for number, size in enumerate((-1, 10**30))
        ]
        listing = await read(page(*absurd))
        assert [(seen.size, seen.media_type) for seen in listing.observations] == [(None, None)] * 2

    async def test_what_is_no_tag_is_left_out_and_told(self) -> None:
        listing = await read(page(entry("a"), entry("../x"), entry("<script>"), entry("")))
        assert listing.names == {"a"}
        assert "3 listed names" in listing.warnings[0]

    async def test_the_watermark_is_the_registrys_newest_time(self) -> None:
        listing = await read(page(entry("a", 5), entry("b", 2), entry("c", 9)))
        assert listing.watermark == (AT - 2 * HOUR).isoformat()

    async def test_but_never_in_the_future(self) -> None:
        listing = await read(page(entry("a", -5000), entry("b", 2)))
        assert listing.watermark == AT.isoformat()


class TestBetweenPages:
    async def test_a_tag_that_no_page_lists_is_asked_for(self) -> None:
        asked: list[str] = []
        known = {"a": OLD, "moved": OLD, "gone": OLD}
        listing = await read(
            page(entry("a"), next="1"),
            page(entry("b", 9)),
            known=known,
            there={"moved": NEW},
            asked=asked,
        )
        assert sorted(asked) == ["gone", "moved"]
        assert {seen.tag: seen.digest for seen in listing.observations} == {
            "a": OLD,
            "b": OLD,
            "moved": NEW,
        }
        assert "gone" not in listing.names

    async def test_without_an_answer_it_is_not_called_gone(self) -> None:
        known = {"a": OLD, "gone": OLD}
        listing = await read(page(entry("a"), next="1"), page(entry("b", 9)), known=known)
        assert "gone" in listing.names
        assert listing.undigested == {"gone"}

    async def test_one_page_is_one_moment(self) -> None:
        asked: list[str] = []
        listing = await read(page(entry("a")), known={"a": OLD, "gone": OLD}, asked=asked)
        assert (asked, sorted(listing.names)) == ([], ["a"])


class TestWithoutEnd:
    async def test_a_page_that_leads_back(self) -> None:
        pages = [page(entry("a"), next="1"), page(entry("b"), next="2"), page(entry("c"), next="1")]
        with pytest.raises(HostileAnswerError, match="without an end"):
            await read(*pages)

    async def test_the_same_page_under_other_names(self) -> None:
        with pytest.raises(HostileAnswerError, match="without an end"):
            await read(page(entry("a"), next="1"), page(entry("a"), next="2"), page(entry("x")))

    async def test_new_pages_for_ever(self) -> None:
        count = 0

        async def fetch(cursor: str | None) -> Page:
            nonlocal count
            count += 1
            return page(entry(f"t{count}", count), next=str(count))

        async def head(tag: str) -> TagObservation | None:
            raise AssertionError(tag)

        with pytest.raises(HostileAnswerError, match="without an end"):
            await read_newest_first(fetch, host="h", watermark=None, known=None, at=AT, head=head)
        assert count <= 1001


TIMES = st.integers(0, 400)


@settings(max_examples=200, deadline=None)
@given(
    before=st.dictionaries(st.integers(0, 30), TIMES, min_size=1),
    moved=st.dictionaries(st.integers(0, 40), TIMES),
    size=st.integers(1, 7),
)
def test_two_nights_tell_what_one_would(
    before: dict[int, int], moved: dict[int, int], size: int
) -> None:
    """Whatever moved after the first night is known after the second, however pages fall."""

    def pages(tags: dict[str, tuple[datetime, Digest]]) -> list[Page]:
        ordered = sorted(tags.items(), key=lambda item: item[1][0], reverse=True)
        entries = [Entry(tag=t, digest=d, moved_at=at) for t, (at, d) in ordered]
        count = max(1, -(-len(entries) // size))
        return [
            page(*entries[n * size : (n + 1) * size], next=str(n + 1) if n + 1 < count else None)
            for n in range(count)
        ]

    first = {f"t{tag}": (AT - (ago + 1) * HOUR, OLD) for tag, ago in before.items()}
    night = asyncio.run(read(*pages(first), there={}))
    known = {seen.tag: seen.digest for seen in night.observations}
    assert known == {tag: digest for tag, (_, digest) in first.items()}
    second = first | {f"t{tag}": (AT + later * HOUR, NEW) for tag, later in moved.items()}
    after = asyncio.run(read(*pages(second), watermark=night.watermark, known=known, there={}))
    now = known | {seen.tag: seen.digest for seen in after.observations}
    assert now == {tag: digest for tag, (_, digest) in second.items()}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-01T06:00:00Z", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01T06:00:00.1234567Z", datetime(2026, 11, 1, 6, 0, 0, 123456, UTC)),
        ("2026-11-01T06:00:00+02:00", datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("2026-11-01T06:00:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("0001-01-01T00:00:00.000Z", None),
        ("Wed, 12 Jan 2022 13:45:00 -0000", None),
        ("", None),
        (None, None),
    ],
)
def test_times_as_registries_write_them(text: str | None, time: datetime | None) -> None:
    assert parse_time(text) == time
