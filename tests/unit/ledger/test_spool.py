"""The spool: the same mapping whether its evidence is in memory or in its file."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta

import pytest

from tagwatch.audit.model.evidence import (
    Evidence,
    Newer,
    Resolution,
    SelectedEvidence,
    Status,
    until,
)
from tagwatch.audit.model.history import Interval
from tagwatch.audit.model.outline import Outline
from tagwatch.errors import LedgerError
from tagwatch.image.digest import Digest
from tagwatch.ledger.codec import decode, decode_quickly, encode
from tagwatch.ledger.spool import Spool, lines_of
from tagwatch.publish.machine import outline_of
from tagwatch.value import replace

AT = datetime(2026, 11, 24, 2, tzinfo=UTC)
DAY = timedelta(days=1)
DIGEST = Digest("sha256:" + "a" * 64)


def evidence(number: int, *, text: str = "café\n\u2028", ended: bool = False) -> Evidence:
    past = Interval(tag=str(number), digest=DIGEST, first_seen=AT, last_seen=AT, ended=ended)
    resolution = Resolution(input=text, status=Status.NO_VERSION, digest=DIGEST)
    return Evidence(key=f"r/{number}", resolution=resolution, at=AT, history=(past,))


@pytest.mark.parametrize("at_hand", [0, 3, 100])
def test_what_is_put_is_found_in_memory_and_in_the_file(at_hand: int) -> None:
    spool = Spool(at_hand)
    plain: dict[str, Evidence] = {}
    for number in (*range(7), 2, 6):  # two of them twice: the later one counts
        one = evidence(number, text=f"line {len(plain)}\n")
        plain[one.key] = one
        spool.put(one)
        assert spool[one.key] == one
    assert spool == plain
    assert list(spool) == list(plain)
    assert len(spool) == 7
    assert "r/9" not in spool
    with pytest.raises(KeyError):
        spool["r/9"]
    wanted = SelectedEvidence(spool, ["r/5", "r/1", "r/9"])
    assert list(wanted) == ["r/1", "r/5"]
    assert wanted == {"r/1": plain["r/1"], "r/5": plain["r/5"]}
    assert "r/2" not in wanted
    with pytest.raises(KeyError):
        wanted["r/2"]
    assert list(lines_of(wanted)) == [encode(plain["r/1"]), encode(plain["r/5"])]
    assert list(lines_of(plain)) == list(lines_of(spool))
    told = SelectedEvidence(
        spool, ["r/5", "r/1"], lambda _: plain["r/3"], {"r/5": (Newer(), Newer())}
    )
    assert told == {"r/1": plain["r/1"], "r/5": plain["r/3"]}
    assert list(lines_of(told)) == [encode(plain["r/1"]), encode(plain["r/3"])]


def test_what_is_in_its_file_is_not_in_memory() -> None:
    spool = Spool(100)
    for number in range(100):
        spool.put(evidence(number))
    assert len(spool._at_hand) == 100
    for number in range(100, 300):
        spool.put(evidence(number))
        assert not spool._at_hand, "a run of many tags holds none of them"
    assert [spool[f"r/{number}"] for number in range(300)] == list(map(evidence, range(300)))
    assert not spool._at_hand


def test_few_are_kept_as_values() -> None:
    spool = Spool(2_000)
    for number in range(600):
        spool.put(evidence(number))
    kept = [isinstance(one, Evidence) for one in spool._at_hand.values()]
    assert kept == [True] * 500 + [False] * 100, "the others as they are stored: it is less"
    assert [spool[f"r/{number}"] for number in range(600)] == list(map(evidence, range(600)))


def test_its_file_is_closed_with_it() -> None:
    spool = Spool(0)
    spool.put(evidence(1))
    del spool
    gc.collect()  # an open file would be a ResourceWarning, and that an error


def test_a_full_disk_is_told() -> None:
    spool = Spool(0)
    spool.put(evidence(0))
    spool._rows("PRAGMA max_page_count = 8")
    with pytest.raises(LedgerError, match=r"temporary file .* full") as told:
        for number in range(1_000):
            spool.put(evidence(number))
    assert "TMPDIR" in told.value.hint


def test_reading_quickly_reads_the_same() -> None:
    raw = encode(evidence(1))
    assert decode_quickly(Evidence, raw) == decode(Evidence, raw) == evidence(1)
    with pytest.raises(LedgerError, match="a stored Evidence is damaged"):
        decode_quickly(Evidence, raw[:-2])
    with pytest.raises(LedgerError, match="a stored Evidence is damaged"):
        decode_quickly(Evidence, b"{}")


def test_a_later_look_that_found_nothing_else() -> None:
    later = until(evidence(1), AT + DAY)
    assert (later.at, later.history[-1].last_seen) == (AT + DAY, AT + DAY)
    assert later.history[-1].first_seen == AT
    gone = until(evidence(1, ended=True), AT + DAY)
    assert (gone.at, gone.history[-1].last_seen) == (AT + DAY, AT)
    assert until(later, AT) == later, "an earlier look says nothing new"


@pytest.mark.parametrize("at_hand", [0, 3])
def test_an_outline_says_of_evidence_what_the_whole_says(at_hand: int) -> None:
    spool = Spool(at_hand)
    whole = {
        one.key: one
        for number in range(4)
        if (one := replace(evidence(number), origin="" if number else "http://r.example"))
    }
    for number, (key, one) in enumerate(whole.items()):
        if number % 2:
            spool.put_line(key, encode(one))
        else:
            spool.put(one)
    newer = (Newer(), Newer(patch="9"))
    told = replace(whole["r/3"], resolution=replace(whole["r/3"].resolution, newer=newer[1]))
    chosen = SelectedEvidence(spool, whole, lambda _: told, {"r/3": newer})
    again = SelectedEvidence(chosen, ["r/1", "r/3"])
    plain = SelectedEvidence(whole, whole)
    for key, one in (whole | {"r/3": told}).items():
        for of in (chosen, again, plain) if key in again else (chosen,):
            said = outline_of(of, key)
            expected = whole[key] if of is plain else one
            assert (said.resolution, said.at, said.origin) == (
                expected.resolution,
                expected.at,
                expected.origin,
            )
    read = spool.outline("r/1")
    assert isinstance(read, Outline), "of a text no more is read"
    with pytest.raises(KeyError):
        spool.outline("r/9")
    spool.put_line("r/1", b'{"key":"r/1","resolution":{}}')
    with pytest.raises(LedgerError):
        spool.outline("r/1")
