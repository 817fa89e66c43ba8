"""What an extract alone answers: no ledger, no network, the same as with the ledger of the scan."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.errors import InputError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import encode, micros
from tagwatch.ledger.extract import Past, WithExtracts
from tagwatch.ledger.read import Reader
from tagwatch.ledger.write import Ledger
from tagwatch.service.demo.images import Built, Shelf, Step, build
from tagwatch.service.demo.nights import second_night
from tagwatch.service.demo.show import serving
from tagwatch.signature import to_text
from tagwatch.value import replace
from tagwatch.walk.facts_file import read_facts, write_facts
from tests.extract import NIGHTLY, lines_of, signed, written
from tests.hostile.promise import promised
from tests.walk.command import Workplace
from tests.walk.conftest import Shop

READ = f"facts: {{source: facts.tagwatch, key_env: FACTS_KEY, public_keys: {{{NIGHTLY.yaml}}}}}\n"
API = "registry.shop.example/shop/api"
WEB = "registry.shop.example/shop/web"
AT = datetime(2026, 11, 30, 2, tzinfo=UTC)
REDIS = Repository.parse("redis")
OLD, NEW = (Digest(f"sha256:{digit * 64}") for digit in "12")
MOST_BYTES = 600
"""So many bytes of an extract a fact may take; it was ten times as many."""


# What it answers


async def two_nights(shop: Shop) -> None:
    """Scan before and after the night in which much moves, and export."""
    shop.environment["FACTS_KEY"] = NIGHTLY.private
    shop.configure(READ)
    assert (await shop.run("scan")).code in (0, 1)
    second_night(shop.shelf)
    assert (await shop.run("scan")).code in (0, 1)
    done = await shop.run("facts", "export", "--output", "facts.tagwatch")
    assert done.code == 0, done.err


def forget(shop: Shop) -> None:
    """Leave the files and the facts, and nothing else; no registry answers any more."""
    for path in shop.folder.glob("tagwatch.db*"):
        path.unlink()
    shop.address = "http://127.0.0.1:9"
    shop.configure(READ)


def but_the_source(answer: Any) -> Any:
    """An answer without where its facts are from, and when it was asked for."""
    if isinstance(answer, dict):
        left = ("at", "facts_from")
        return {name: but_the_source(one) for name, one in answer.items() if name not in left}
    return [but_the_source(one) for one in answer] if isinstance(answer, list) else answer


WITHHELD = ("layers", "steps", "packages", "config", "os_release", "not_compared")
"""What an extract tells nothing of, or less, of a diff."""


def but_withheld(diff: Any) -> Any:
    """A diff without what an extract does not tell."""
    left = {name: one for name, one in diff.items() if name not in WITHHELD}
    return {**left, "by_platform": [but_withheld(one) for one in diff.get("by_platform", ())]}


async def test_it_answers_as_the_ledger_does(shop: Shop) -> None:
    await two_nights(shop)
    moved = (await shop.run("history", f"{API}:1.4", "--format", "json")).json
    (before, after), begun = (
        [one["digest"] for one in moved["intervals"]],
        moved["intervals"][1]["first_seen"],
    )
    questions = [
        ("resolve", "--offline", f"{API}:1.4", "redis:6.2.x", "python:3.12-slim", f"{WEB}:2"),
        ("history", f"{API}:1.4"),
        ("history", f"{API}:1.4", "--at", begun),
        ("history", f"{API}@{before}"),
        ("history", before),
        ("history", "redis:7"),
        ("base", "--offline", f"{API}:1.4", f"{WEB}:2", "python:3.12-slim"),
        ("check", "--offline"),
    ]
    known = [await shop.run(*question, "--format", "json") for question in questions]
    was = moved["intervals"][0]["first_seen"]
    pair = ("diff", "--offline", f"{API}:1.4@{was}", f"{API}:1.4", "--format", "json")
    compared = await shop.run(*pair)
    forget(shop)

    for question, with_ledger in zip(questions, known, strict=True):
        told = await shop.run(*question, "--format", "json")
        assert told.code == with_ledger.code, (question, told.err)
        assert but_the_source(told.json) == but_the_source(with_ledger.json), question
    assert "facts from facts.tagwatch" in (await shop.run("history", "redis:7")).err

    diff = await shop.run(*pair)
    assert diff.code == compared.code == 1, diff.err
    by_digests = await shop.run("diff", "--offline", f"{API}@{before}", f"{API}@{after}")
    assert (by_digests.code, "upgraded" in by_digests.out) == (1, True), by_digests.err
    told, whole = diff.json, compared.json
    for side in ("old", "new"):  # the ledger names and dates what was asked, the facts their tag
        for name in ("ref", "seen"):
            del told[side][name], whole[side][name]
    assert but_withheld(told) == but_withheld(whole)
    for name in ("user", "entrypoint", "exposed_ports", "volumes"):
        assert told["config"][name] == whole["config"][name]
    assert "leave them out" in told["not_compared"][-1]["why"]
    other = await shop.run("diff", "--offline", f"{API}:1.4", f"{API}:1.4.2")
    error = other.is_clean_error(4)
    assert "no two ends of a move that the facts know" in error
    assert f"tagwatch history {API}" in error


async def test_a_base_is_told_by_the_policy_that_it_was_found_by(shop: Shop) -> None:
    await two_nights(shop)
    forget(shop)
    policy = shop.folder / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    assert (await shop.run("base", "--offline", f"{API}:1.4")).code == 0
    policy.write_text(text.replace("3.12-slim", "3.13-slim"), encoding="utf-8")
    other = await shop.run("base", "--offline", f"{API}:1.4")
    assert other.code == 4
    assert "compare images with docker.io/library/" in other.out
    assert "and the policy here names docker.io/library/" in other.out


async def test_who_reads_it_sees_no_more_than_before(shop: Shop) -> None:
    """Pasts hold the changes of moves; they tell what evidence may, and no more."""
    await two_nights(shop)
    facts = lines_of((shop.folder / "facts.tagwatch").read_bytes())
    told = json.dumps([without_reasons(json.loads(one)) for one in facts])
    assert '"/usr/local/bin/run.sh"' in told, "rules read this"
    for secret in ("created_by", "198.51.100.7", "requirements.txt", '"packages":', '"cmd"'):
        assert secret not in told, secret


def without_reasons(value: Any) -> Any:
    """What is told without the sentences of verdicts, which name what differs, as findings do."""
    if isinstance(value, dict):
        return {name: without_reasons(one) for name, one in value.items() if name != "reason"}
    return [without_reasons(one) for one in value] if isinstance(value, list) else value


# What it takes


def _estate(shelf: Shelf, repositories: int, *, second: bool) -> None:
    """Fill a shelf with three releases of each application, on two platforms; a tenth moves on."""
    day = "2026-08-21" if second else "2026-08-16"
    base = {one: _built(None, "debian", day, one) for one in ("amd64", "arm64")}
    shelf.push("library/debian", ("trixie-slim",), base.values(), day)
    for n in range(repositories):
        if second and n % 10:
            continue
        for minor in (2,) if second else (0, 1, 2):
            version = f"1.{minor}.{n % 7 + second}"
            tags = (version, f"1.{minor}", *(("1", "latest") if minor == 2 else ()))
            images = [_built(base[one], f"{n} {version}", day, one) for one in base]
            shelf.push(f"team/app-{n:03}", tags, images, day)


def _built(base: Built | None, what: str, day: str, architecture: str) -> Built:
    return build(
        base,
        [
            Step(created_by=f"ENV APP_VERSION={what.split()[-1]}"),
            Step(created_by=f"COPY app /srv/{what}", content=f"{what} {day} {architecture}"),
        ],
        day=day,
        config={"User": "10001", "ExposedPorts": {"8000/tcp": {}}, "Entrypoint": ["/srv/app"]},
        architecture=architecture,
    )


async def test_what_a_fact_takes(tmp_path: Path) -> None:
    """An estate of several hundred references on two platforms, after a night with moves."""
    repositories, shelf = 60, Shelf()
    _estate(shelf, repositories, second=False)
    names = [f"registry.shop.example/team/app-{n:03}" for n in range(repositories)]
    tags = [(name, tag) for name in names for tag in ("1", "1.2", "1.1", "latest")]
    async with serving(shelf) as address:
        place = Workplace(tmp_path, {"HOME": str(tmp_path), "FACTS_KEY": NIGHTLY.private})
        images = (f"  s{n}: {{image: '{name}:{tag}'}}\n" for n, (name, tag) in enumerate(tags))
        place.write("compose.yaml", "services:\n" + "".join(images))
        settings = {
            "database": "ledger.db",
            "sources": ["compose.yaml"],
            "facts": {"key_env": "FACTS_KEY"},
            "policy": {
                "defaults": {"platforms": ["linux/amd64", "linux/arm64"]},
                "bases": [{"ref": "docker.io/library/debian", "tags": ["trixie-slim"]}],
            },
            "registries": {
                host: {"endpoint": address, "credential": "anonymous"}
                for host in ("docker.io", "registry.shop.example")
            },
        }
        place.write("tagwatch.yaml", json.dumps(settings))
        for second in (False, True):
            _estate(shelf, repositories, second=second)
            assert (await place.run("scan")).code in (0, 1)
        done = await place.run("facts", "export", "--output", "facts.tagwatch")
    assert done.code == 0, done.err
    raw = (tmp_path / "facts.tagwatch").read_bytes()
    keys = {f"{name}:{tag}" for name, tag in tags}
    facts = lines_of(raw)
    named = [one for one in facts if json.loads(one)["fact"]["key"] in keys]
    assert len(named) == len(tags)
    assert len(facts) > len(named), "what might be written instead is told, too"
    assert all(b'"architecture":"arm64"' in one for one in named), "every platform is told"
    assert len(raw) <= MOST_BYTES * len(named), f"{len(raw) / len(named):.0f} bytes a fact"


def test_equal_facts_are_equal_bytes() -> None:
    facts = read_facts(written(AT, *some()), [NIGHTLY.public], source="x", now=AT)
    raw = write_facts(facts, NIGHTLY.signer)
    turned = replace(facts, evidence=facts.evidence[::-1], pasts=facts.pasts[::-1])
    assert write_facts(turned, NIGHTLY.signer) == raw
    assert read_facts(raw, [NIGHTLY.public], source="x", now=AT).pasts == facts.pasts


# What is put before it


def some(at: datetime = AT) -> tuple[list[Evidence], list[Past]]:
    """Two facts, and the pasts of their tags: of each one move."""
    facts, pasts = [], []
    for tag in ("6", "7"):
        told = Interval(
            tag=tag, digest=NEW, first_seen=at - timedelta(days=2), last_seen=at, verdict="rebuilt"
        )
        first = replace(
            told,
            digest=OLD,
            first_seen=at - timedelta(days=9),
            last_seen=at - timedelta(days=3),
            ended=True,
            ended_at=at - timedelta(days=2),
            verdict=None,
        )
        found = Resolution(input=f"redis:{tag}", status=Status.RESOLVED, tag=tag, digest=NEW)
        facts.append(
            Evidence(key=f"{REDIS.name}:{tag}", resolution=found, at=at, history=(first, told))
        )
        pasts.append(Past(repository=REDIS, tag=tag, intervals=(first, told)))
    return facts, pasts


def test_what_the_ledger_saw_comes_first(tmp_path: Path) -> None:
    """An extract tells of the time before; where the tag still served that, it is one interval."""
    path = tmp_path / "ledger.db"
    facts, pasts = some()
    with Ledger.open(path) as ledger:
        ledger.replace_evidence("x", [replace(one, source="x") for one in facts], pasts)
        seen = Interval(
            tag="7", digest=NEW, first_seen=AT, last_seen=AT + timedelta(hours=1), kind=Seen.PUSHED
        )
        ledger.import_history(REDIS, [seen, replace(seen, tag="8")])
    with Reader.open(path) as alone:
        assert {one.tag for one in alone.intervals(REDIS)} == {"7", "8"}
        assert alone.tags_of_digest(OLD) == (), "who does not ask for extracts never meets them"
    with WithExtracts.open_with(path, {}, "") as ledger:
        assert [one.digest for one in ledger.intervals(REDIS, "6")] == [OLD, NEW]
        past = ledger.intervals(REDIS, "7")
        assert [one.digest for one in past] == [OLD, NEW, NEW]
        assert [one.kind for one in past] == [Seen.SEEN, Seen.SEEN, Seen.PUSHED]
        assert [one.digest for one in ledger.intervals(REDIS, "8")] == [NEW]
        assert [one.tag for _, one in ledger.tags_of_digest(OLD)] == ["6", "7"]
        assert ledger.told_from(REDIS) == ("x",)
    with Ledger.open(path) as ledger:
        ledger.replace_evidence("x", ())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM repository").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM interval").fetchone() == (0,)


def test_what_a_configuration_brings_is_told_there_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    facts, pasts = some()
    with Ledger.open(path) as ledger:
        ledger.replace_evidence("config:/a:x", [replace(one, source="x") for one in facts], pasts)
    for place, count in (("config:/a:x", 2), ("config:/b:x", 0), ("", 0)):
        with WithExtracts.open_with(path, {}, place) as ledger:
            assert len(ledger.intervals(REDIS, "7")) == count, place


@promised(
    "whoever can write an extract", "an older extract while a newer one is being read",
    "to look for newer ones and to store it is one step: the newer one stays",
)  # fmt: skip
async def test_two_readers_at_once(tmp_path: Path) -> None:
    """Whichever comes first, the older extract never replaces the newer one, nor its counter."""
    at = datetime.now(UTC) - timedelta(hours=1)
    place = Workplace(tmp_path, {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")})
    old, new = at, at + timedelta(minutes=1)
    place.write("old.tagwatch", written(old, some(old)[0][:1], some(old)[1][:1]))
    place.write("new.tagwatch", written(new, *some(new)))
    for number in range(4):
        path = tmp_path / f"ledger{number}.db"
        place.write("tagwatch.yaml", f"database: {path.name}\n")
        with Ledger.open(path):
            pass
        lines = [
            ("facts", "import", name, "--public-key", NIGHTLY.public.text)
            for name in ("old.tagwatch", "new.tagwatch", "old.tagwatch")
        ]
        done = await asyncio.gather(*(place.run(*line) for line in lines))
        assert done[1].code == 0, done[1].err
        with closing(sqlite3.connect(path)) as connection:
            counter = connection.execute("SELECT body FROM cache WHERE name = 'facts-counter'")
            assert counter.fetchall() == [(str(micros(new)),)]
        with WithExtracts.open_with(path, {}, "") as ledger:
            kept = {f"{REDIS.name}:{tag}" for tag in ("6", "7")}
            assert set(ledger.evidence(kept)) == kept
            assert {one.tag for one in ledger.intervals(REDIS)} == {"6", "7"}


def test_one_step_is_one_for_others_too(tmp_path: Path) -> None:
    """While one looks whether newer facts are known, no other one stores any."""
    path, order = tmp_path / "ledger.db", list[str]()
    with Ledger.open(path):
        pass
    looked, waits = threading.Event(), threading.Event()

    def other() -> None:
        with Ledger.open(path) as ledger:
            looked.wait(30)
            waits.set()
            with ledger.in_one_step():
                order.append(f"finds {ledger.cached('facts-counter', 'k')}")

    thread = threading.Thread(target=other)
    thread.start()
    with Ledger.open(path) as ledger, ledger.in_one_step():
        assert ledger.cached("facts-counter", "k") is None
        looked.set()
        waits.wait(30)
        order.append("stores 2")
        ledger.cache("facts-counter", "k", "2", AT)
    thread.join(30)
    assert order == ["stores 2", "finds 2"]


# What it may not do


def line(**more: object) -> bytes:
    """A line of an extract: a fact with its past."""
    (fact, *_), (past, *_) = some()
    told = json.loads(encode(past))
    for name, value in more.items():
        told = {**told, name: value}
    return b'{"fact":' + encode(fact) + b',"past":' + json.dumps(told).encode() + b"}\n"


def spans(*times: tuple[int, int, int | None]) -> list[dict[str, Any]]:
    """Intervals of `redis:6`, in days from the moment of the extract."""

    def of(days: int | None) -> str | None:
        return None if days is None else (AT + timedelta(days=days)).isoformat()

    return [
        {"tag": "6", "digest": OLD, "first_seen": of(a), "last_seen": of(b), "ended_at": of(c)}
        for a, b, c in times
    ]


HOSTILE = {
    "intervals that overlap": line(intervals=spans((-9, -3, -2), (-5, -1, None))),
    "two that are open": line(intervals=spans((-9, -8, None), (-5, -1, None))),
    "ends before it begins": line(intervals=spans((-3, -9, None))),
    "of the future": line(intervals=spans((-3, 2, None))),
    "before all time": line(intervals=[{**spans((-3, -2, None))[0], "first_seen": "0001-01-01"}]),
    "no digest": line(intervals=[{**spans((-3, -2, None))[0], "digest": "sha256:" + "z" * 64}]),
    "another tag": line(intervals=[{**spans((-3, -2, None))[0], "tag": "7"}]),
    "another repository": line(repository={"registry": "docker.io", "path": "library/red"}),
    "another registry": line(repository={"registry": "quay.io", "path": "library/redis"}),
    "a time without a zone": line(
        intervals=[{**spans((-3, -2, None))[0], "last_seen": "2026-01-01"}]
    ),
    "a number for a text": line(origin=7),
    "a list for a past": b'{"fact":' + encode(some()[0][0]) + b',"past":[]}\n',
    "without a fact": b"{}\n",
    "deep": b"[" * 100_000 + b"\n",
    "no JSON": b"\x00\xff\n",
}


@promised(
    "an extract",
    "pasts that cannot be true, rightly signed",
    "it is refused, and nothing is stored",
)
@pytest.mark.parametrize("what", HOSTILE)
def test_a_past_that_cannot_be_true(what: str) -> None:
    raw = signed(HOSTILE[what], AT, version=4, origins=["docker.io"], facts=1)
    with pytest.raises(InputError, match="the facts in 'x' are damaged: fact 1: ") as told:
        read_facts(raw, [NIGHTLY.public], source="x", now=AT)
    assert told.value.hint == "fetch them, or export them, again"
    fine = signed(line(), AT, version=4, origins=["docker.io"], facts=1)
    assert len(read_facts(fine, [NIGHTLY.public], source="x", now=AT).pasts) == 1


@promised(
    "an extract", "facts that expand to more than they say, or than anybody needs",
    "no more is expanded than its signed header says, and 128 MB at most",
)  # fmt: skip
@pytest.mark.parametrize("size", [0, 100, -1, 10**12, True, "9", None])
def test_a_bomb(size: object) -> None:
    raw = signed(b" " * 20_000_000 + b"\n", AT, version=4, facts=0, size=size)
    assert len(raw) < 50_000
    with pytest.raises(InputError, match="the facts in 'x' are damaged: "):
        read_facts(raw, [NIGHTLY.public], source="x", now=AT)


@pytest.mark.parametrize("harm", ["cut", "more", "turned"])
def test_a_body_that_is_none(harm: str) -> None:
    """Rightly signed by a program that is not ours."""
    whole = signed(line(), AT, version=4, origins=["docker.io"], facts=1).split(b"\n", 3)[3]
    body = {"cut": whole[:-3], "more": whole + b"x", "turned": whole[::-1]}[harm]
    raw = signed(body, AT, version=3, origins=["docker.io"], facts=1, size=len(line()))
    _, _, rest = raw.split(b"\n", 2)
    lines = rest.split(b"\n", 1)[0]
    signature = NIGHTLY.signer.sign(b"tagwatch-facts 4\n" + lines)
    by = f"{NIGHTLY.public.id} {to_text(signature)}".encode()
    with pytest.raises(InputError, match="damaged"):
        read_facts(
            b"\n".join((b"tagwatch-facts 4", by, lines, body)),
            [NIGHTLY.public],
            source="x",
            now=AT,
        )


def test_a_form_is_not_taken_for_another() -> None:
    """The first line is signed, too: who changes it cannot have the rest read in another way."""
    raw = written(AT, *some())
    with pytest.raises(InputError, match="are not signed by"):
        read_facts(raw.replace(b" 4\n", b" 3\n", 1), [NIGHTLY.public], source="x", now=AT)
    with pytest.raises(InputError, match="no facts that this tagwatch reads") as refused:
        read_facts(raw.replace(b" 4\n", b" 5\n", 1), [NIGHTLY.public], source="x", now=AT)
    assert "upgrade tagwatch" in refused.value.hint
