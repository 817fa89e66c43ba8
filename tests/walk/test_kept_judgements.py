"""What the rules said is kept, and is what they would say: random nights, compared to the byte.

Two ledgers live through the same nights. In one of them all that is kept is forgotten before each.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from tagwatch.api import scan_async
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.knowledge import Cycle, Knowledge, Product
from tagwatch.audit.model.policy import Policy, PolicyIgnore, RuleSettings
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.interface import RuleScope
from tagwatch.audit.verdict.keeper import Judgement, Stood, Told
from tagwatch.audit.verdict.outlook import Prospect
from tagwatch.image.reference import Repository
from tagwatch.knowledge.bundled import END_OF_LIFE, FOLDER, OFFICIAL_NAMES, OFFICIAL_TAGS, load
from tagwatch.ledger.codec import encode
from tagwatch.ledger.judgement import judgement_in, stored_form
from tagwatch.ledger.read import Reader
from tagwatch.publish.interface import OutdatedPage
from tagwatch.service.demo.images import Shelf, Step, build
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tagwatch.source.dockerfile import extract
from tagwatch.source.target import Location, SourceContext, Target
from tagwatch.walk.judged import Settled
from tagwatch.walk.keeping import judgements_made_from, state_of
from tagwatch.walk.prospect import outdated_page
from tagwatch.walk.round import rests_on_others
from tagwatch.walk.site import Site, open_site, project_of
from tagwatch.walk.watch_list import Keys

FIRST = datetime(2026, 8, 20, 2, tzinfo=UTC)
DAY = timedelta(days=1)
DECODES = ("decode", "decode_quickly")
SHOP = "registry.shop.example"
FIRST_SHOP = "a.example"
"""Comes before all others in the order of names."""
BASES = [{"ref": "docker.io/library/python", "tags": ["3.12-slim"]}]
IGNORED = {"rule": "tag-latest", "image": "redis", "reason": "a test", "expires": "2026-09-20"}
POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {"bases": BASES, "accept_claims": True},
    {"ignores": [IGNORED, {**IGNORED, "rule": "cooldown", "image": f"{SHOP}/shop/*"}]},
    {"ignore_policy": {"max_days": 20}, "ignores": [{**IGNORED, "expires": "2026-10-05"}]},
    {
        "defaults": {"platforms": ["linux/amd64", "linux/s390x"]},
        "rules": {
            "digest-unpinned": {"severity": "note"},
            "image-too-old": {"severity": "warning", "days": 40},
        },
    },
    {"registries": {"deny": ["docker.io"]}},
)
WATCHES: tuple[list[dict[str, Any]], ...] = (
    [
        {"image": "redis", "include": ["7*", "latest"]},
        {"image": "node", "tags": ["22.x", "22-alpine", "never-there"]},
        {"image": "nginx", "tags": ["/^1.30/"], "exclude": ["*-perl"]},
        {"image": f"{SHOP}/shop/api"},
        {"image": f"{SHOP}/shop/web"},
    ],
    [
        {"image": "redis"},
        {"image": f"{SHOP}/shop/api", "tags": ["latest"]},
        {"image": f"{SHOP}/shop/api", "exclude": ["1.4.1"]},
    ],
)
DOCKERFILES = (
    f"FROM python:3.12-slim\nFROM redis:7\nFROM {SHOP}/shop/api:1.4\nFROM missing/one:1\n",
    "FROM redis:7\nENV DB_PASSWORD=hunter2hunter2\nFROM redis:latest\nUSER root\n",
    '# tagwatch: ignore=* until=2026-09-01 reason="soon"\nFROM redis:latest\nFROM node:22\n',
    f"FROM redis:7\nFROM redis:7 AS b\nADD https://x.example/a /\nFROM {SHOP}/shop/web:2\n",
)
COMPOSE = (
    "services: {}\n",
    f"services:\n  a:\n    image: {SHOP}/shop/api:1.4\n    ports: ['80:8000', '0.0.0.0:81:9']\n"
    '  b:\n    image: redis:latest # tagwatch: ignore=tag-latest until=2026-10-01 reason="x"\n',
)
LINES = tuple(
    Cycle(name=name, ends=date(2026, month, day))
    for name, month, day in (("8", 12, 1), ("7.4", 9, 15), ("7", 8, 25), ("1.30", 9, 2))
)
FACTS = (
    Knowledge(),
    load(),
    replace(load(), products={"redis": Product(name="Redis", cycles=LINES[:3])}),
    Knowledge(
        as_of=date(2026, 3, 1),
        products={"own": Product(name="Own", cycles=LINES)},
        images=dict.fromkeys(
            ("docker.io/library/redis", "docker.io/library/nginx", f"{SHOP}/shop/api"), "own"
        ),
    ),
)


class Estate:
    """All that a night is made of, changed at random."""

    def __init__(self, seed: int, shelf: Shelf) -> None:
        self.random = Random(seed)
        self.shelf = shelf
        self.at = FIRST
        self.policy: dict[str, Any] | str = POLICIES[0]
        """A policy, or the file of one."""
        self.watch = WATCHES[0]
        self.dockerfile, self.compose = DOCKERFILES[0], COMPOSE[0]
        self.facts = FACTS[1]
        self.failing: Mapping[str, Any] = {}
        self.told: list[str] = []

    def pass_night(self) -> None:
        """Let time pass, and often something happen."""
        self.shelf.tags.update(self.failing)
        self.failing = {}
        steps = (DAY, DAY, DAY, DAY / 2, 3 * DAY, 8 * DAY, 31 * DAY)
        self.at += self.random.choice(steps)
        events = (*[self.stay] * 5, self.move, self.push, self.delete, self.fail)
        events += (self.set_policy, self.set_files, self.set_watch, self.learn, self.release)
        event = self.random.choice(events)
        event()
        self.told.append(f"{self.at:%m-%d} {event.__name__}")

    def stay(self) -> None:
        """Nothing but time."""

    def move(self) -> None:
        name = self.random.choice(sorted(self.shelf.tags))
        self.serve(name, self.random.choice(sorted(self.shelf.tags[name])))

    def push(self) -> None:
        name = self.random.choice(sorted(self.shelf.tags))
        tag = self.random.choice(("7.9.{}", "1.4.{}", "1.30.{}", "3.12.{}-slim"))
        self.serve(name, tag.format(len(self.shelf.tags[name])))

    def serve(self, name: str, tag: str) -> None:
        """Let a tag serve some image of its repository."""
        tags = self.shelf.tags[name]
        tags[tag] = self.random.choice(sorted(tags.values()))
        self.shelf.pushed[name, tag] = f"{self.at:%Y-%m-%d}"

    def delete(self) -> None:
        tags = self.shelf.tags[self.random.choice(sorted(self.shelf.tags))]
        if len(tags) > 1:
            del tags[self.random.choice(sorted(tags))]

    def fail(self) -> None:
        name = self.random.choice(sorted(self.shelf.tags))
        self.failing = {name: self.shelf.tags.pop(name)}

    def release(self) -> None:
        if "1.9.4" in self.shelf.tags["shop/web"] and "1.9" in self.shelf.tags["shop/web"]:
            second_night(self.shelf)

    def set_policy(self) -> None:
        self.policy = self.random.choice(POLICIES)

    def set_files(self) -> None:
        self.dockerfile = self.random.choice(DOCKERFILES)
        self.compose = self.random.choice(COMPOSE)

    def set_watch(self) -> None:
        self.watch = self.random.choice(WATCHES)

    def learn(self) -> None:
        self.facts = self.random.choice(FACTS)

    def site(self, folder: Path, address: str) -> Site:
        folder.mkdir(exist_ok=True)
        endpoint = {"endpoint": address, "credential": "anonymous"}
        settings = {
            "version": 1,
            "database": "ledger.db",
            "sources": ["Dockerfile", "compose.yaml"],
            "watch": self.watch,
            "policy": self.policy,
            "registries": {
                "docker.io": {**endpoint, "catalogue_endpoint": address},
                SHOP: endpoint,
                FIRST_SHOP: endpoint,
            },
        }
        (folder / "tagwatch.yaml").write_text(json.dumps(settings))
        (folder / "Dockerfile").write_text(self.dockerfile)
        (folder / "compose.yaml").write_text(self.compose)
        environment = {"HOME": str(folder)}
        site = open_site(folder / "tagwatch.yaml", environment=environment, at=self.at)
        return replace(site, knowledge=self.facts)


async def answer_of(site: Site) -> tuple[bytes, ...]:
    """What a night answers and tells, and the answer as it is stored."""
    scanned = await scan_async(site)
    with Reader.open(site.database, site.origins) as ledger:
        stored = ledger.result(scanned.run_id)
    return encode(scanned.result), encode(scanned.news), encode(stored)


def outdated_in(
    site: Site, shown: OutdatedPage | None
) -> tuple[tuple[Prospect, ...] | None, OutdatedPage]:
    """What is newer than what files name, without when that was read, and what is told of it."""
    with Reader.open(site.database, site.origins) as ledger:
        result = ledger.last_result(project=project_of(site))
        assert result is not None
        found, page = outdated_page(result, site, ledger, shown)
    images = tuple(replace(one, read_at=None) for one in found.images) if found else None
    return images, page


def forget(folder: Path) -> None:
    """Forget all that was made, and not read."""
    if (folder / "ledger.db").exists():
        with closing(sqlite3.connect(folder / "ledger.db")) as connection, connection:
            connection.execute("UPDATE evidence SET made_from = NULL, judged_id = NULL")
            connection.execute("DELETE FROM judged")


def kept(folder: Path) -> list[Judgement]:
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        rows = connection.execute("SELECT judgement FROM judged WHERE judgement IS NOT NULL")
        return [judgement_in(body) for (body,) in rows.fetchall()]


def evidence_made_from(folder: Path) -> set[bytes]:
    """What the evidence in the ledger was made from."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        rows = connection.execute("SELECT made_from FROM evidence WHERE made_from IS NOT NULL")
        return {made for (made,) in rows.fetchall()}


def lists_of(folder: Path) -> dict[int, str]:
    """The lists of repositories that the next answer may hold."""
    if not (folder / "ledger.db").exists():
        return {}
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        sql = "SELECT repository_id, lists FROM judged WHERE lists IS NOT NULL"
        return dict(connection.execute(sql).fetchall())


async def asked_in(site: Site) -> tuple[set[str], int]:
    """The rules that a night asks, and how much evidence it decodes."""
    rules, decoded = set(), 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal decoded
        if event != "call":
            return
        code = frame.f_code
        folder, _, name = code.co_filename.removesuffix(".py").rpartition("/")
        if folder.endswith("audit/rule") and code.co_name == "check":
            rules.add(name.replace("_", "-"))
        decoded += code.co_name in DECODES and frame.f_locals.get("kind") is Evidence

    sys.setprofile(note)
    try:
        await scan_async(site)
    finally:
        sys.setprofile(None)
    return rules, decoded


async def test_a_night_without_news_asks_no_rule_and_reads_no_evidence(tmp_path: Path) -> None:
    """Save those about the run and about files, which look at the whole."""
    shelf = first_night()
    estate = Estate(0, shelf)
    estate.dockerfile, estate.watch = "FROM redis:7\nFROM node:22\n", WATCHES[1]
    nights = []
    async with serving(shelf) as address:
        for _ in range(6):
            nights.append(await asked_in(estate.site(tmp_path, address)))
            estate.at += 4 * DAY  # what is new is old enough to be used
        made = evidence_made_from(tmp_path)
        estate.policy = {"rules": {"tag-latest": {"severity": "error"}}}
        after, _ = await asked_in(estate.site(tmp_path, address))
        kept_on = evidence_made_from(tmp_path)
        estate.policy = {"bases": BASES}
        estate.at += DAY
        await scan_async(estate.site(tmp_path, address))
    first, _ = nights[0]
    assert {"tag-latest", "version-eol"} <= first
    for rules, decoded in nights[4:]:
        assert {load_rule(name).scope for name in rules} <= {RuleScope.RUN, RuleScope.FILE}, rules
        assert decoded <= 2, "of what the Dockerfile names, where a rule about files asks for it"
    assert "tag-latest" in after, "another policy"
    assert made == kept_on, "evidence is made of nothing that rules alone know"
    assert not made & evidence_made_from(tmp_path), "bases are part of it"


@pytest.mark.parametrize("seed", [1, 3])
async def test_what_is_kept_is_what_would_be_said(tmp_path: Path, seed: int) -> None:
    shelf = first_night()
    estate = Estate(seed, shelf)
    held = listed = stood = 0
    told: tuple[Prospect, ...] | None = None
    shown: OutdatedPage | None = None
    async with serving(shelf) as address:
        for _ in range(8):
            forget(tmp_path / "anew")
            before = lists_of(tmp_path / "kept")
            read_back = await answer_of(estate.site(tmp_path / "kept", address))
            made_anew = await answer_of(estate.site(tmp_path / "anew", address))
            assert read_back == made_anew, estate.told
            held += sum(one.at < estate.at for one in kept(tmp_path / "kept"))
            listed += len(before.items() & lists_of(tmp_path / "kept").items())
            looked, shown = outdated_in(estate.site(tmp_path / "kept", address), shown)
            told, stood = looked or told, stood + (looked is None)
            anew, page = outdated_in(estate.site(tmp_path / "anew", address), None)
            assert (told, shown.sentence) == (anew, page.sentence), estate.told
            estate.pass_night()
    assert held, estate.told
    assert listed, estate.told
    assert stood or seed != 3, estate.told


async def test_a_claimed_base_is_looked_for_again_where_anything_moved(tmp_path: Path) -> None:
    """Whose layers the image has is known of all other repositories: they have a say in it."""
    shelf = first_night()
    name = "org.opencontainers.image.base.name"
    for tag in ("1.0", "1.1"):
        config = {"Labels": {name: "docker.io/library/python:3.12-slim"}, "Env": ["PATH=/bin"]}
        image = build(None, [Step(created_by="COPY", content=tag)], day="2026-08-20", config=config)
        shelf.push("library/cache", (tag,), [image], "2026-08-20")
    estate = Estate(0, shelf)
    estate.dockerfile, estate.compose = "FROM scratch\n", "services: {}\n"
    estate.watch = [{"image": "cache"}, {"image": "nginx", "tags": ["1.30"]}]
    estate.policy = {"bases": BASES, "accept_claims": False}
    made: list[set[bytes]] = []
    async with serving(shelf) as address:
        for night in range(5):
            if night == 3:
                tags = shelf.tags["library/nginx"]
                tags["1.30"] = next(one for one in tags.values() if one != tags["1.30"])
                shelf.pushed["library/nginx", "1.30"] = f"{estate.at:%Y-%m-%d}"
            forget(tmp_path / "anew")
            read_back = await answer_of(estate.site(tmp_path / "kept", address))
            assert read_back == await answer_of(estate.site(tmp_path / "anew", address)), night
            made.append(resting_on_others(tmp_path / "kept"))
            estate.at += DAY / 24
    assert all(made), "it is kept"
    assert made[1] == made[2], "nothing moved"
    assert made[2] != made[3], "nginx moved"


def resting_on_others(folder: Path) -> set[bytes]:
    """What repositories are made from where all others have a say in it."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        rows = connection.execute("SELECT made_from FROM judged").fetchall()
    return {made for (made,) in rows if rests_on_others(made)}


REDIS = Repository.parse("redis")
SETTLED = {
    REDIS: Settled(
        made_from=b"evidence",
        keys=Keys(in_files=("docker.io/library/redis:7",), listed=()),
    )
}
TEXT = "FROM redis:7\nUSER app\n"
UNTIL = PolicyIgnore(rule="cooldown", image="redis", reason="x", expires=date(2026, 9, 1))
LATER = date(2026, 12, 1)
OWN = Knowledge(products={"redis": Product(name="Redis", cycles=LINES)})
OTHER_END = replace(LINES[0], ends=LATER)
OTHERS: dict[str, dict[str, Any]] = {
    "evidence": {"settled": {REDIS: replace(SETTLED[REDIS], made_from=b"other")}},
    "the place": {"text": f"# more\n{TEXT}"},
    "an instruction beside": {"text": TEXT.replace("app", "root")},
    "a platform": {"text": TEXT.replace("FROM", "FROM --platform=linux/arm64")},
    "an ignore in the file": {
        "text": f'# tagwatch: ignore=cooldown until=2026-09-01 reason="x"\n{TEXT}'
    },
    "a rule": {"policy": Policy(rules={"cooldown": RuleSettings(severity=Severity.OFF)})},
    "an ignore": {"policy": Policy(ignores=(UNTIL,))},
    "an ignore until later": {"policy": Policy(ignores=(replace(UNTIL, expires=LATER),))},
    "an ignore that is over": {"policy": Policy(ignores=(UNTIL,)), "at": FIRST + 31 * DAY},
    "a known product": {"knowledge": OWN},
    "another end": {
        "knowledge": replace(OWN, products={"redis": Product(name="Redis", cycles=(OTHER_END,))})
    },
    "an official image": {"knowledge": replace(OWN, official=frozenset({"redis"}))},
    "the bundled facts": {"knowledge": load()},
    "a copy": {"knowledge": load(copies=[("mirror.example/", "docker.io/")])},
}


def made_from(
    folder: Path,
    *,
    text: str = TEXT,
    policy: Policy = Policy(),  # noqa: B008  # a value that never changes
    knowledge: Knowledge = Knowledge(),  # noqa: B008  # the same
    settled: Mapping[Repository, Settled] = SETTLED,
    at: datetime = FIRST,
) -> Mapping[Repository, bytes]:
    """What a judgement of redis is made from."""
    site = open_site(folder, config="", environment={"HOME": str(folder)}, at=at)
    site = replace(site, policy=policy, knowledge=knowledge)
    extraction = extract(text.encode(), "Dockerfile", SourceContext())
    return judgements_made_from(site, settled, [("Dockerfile", extraction)])


def test_a_judgement_is_made_from_all_that_it_may_depend_on(tmp_path: Path) -> None:
    found = {name: made_from(tmp_path, **other)[REDIS] for name, other in OTHERS.items()}
    found["as it was"] = made_from(tmp_path)[REDIS]
    assert len(set(found.values())) == len(found), sorted(found)
    assert made_from(tmp_path, at=FIRST + DAY)[REDIS] == found["as it was"], "time alone"
    again = made_from(tmp_path, knowledge=load())[REDIS]
    assert again == found["the bundled facts"], "read anew"


def test_what_nobody_can_name_is_not_kept(tmp_path: Path) -> None:
    plugin = Policy(plugins={"own-rule": "tagwatch.audit.rule.tag_latest:RULE"})
    assert made_from(tmp_path, knowledge=replace(OWN, products=ChainMap(dict(OWN.products)))) == {}
    assert made_from(tmp_path, policy=plugin) == {}
    off = Policy(plugins=plugin.plugins, rules={"own-rule": RuleSettings(severity=Severity.OFF)})
    assert made_from(tmp_path, policy=off).keys() == {REDIS}


async def test_what_is_read_back_is_in_memory_once(tmp_path: Path) -> None:
    """The findings of a run, for its answer and for what it told; and what two have in common."""
    shelf = first_night()
    estate = Estate(0, shelf)
    estate.dockerfile, estate.watch = "FROM redis:7\n", WATCHES[1]
    async with serving(shelf) as address:
        site = estate.site(tmp_path, address)
        run = await scan_async(site)
    with Reader.open(site.database, site.origins) as ledger:
        result = ledger.result(run.run_id)
        assert result is not None
        news = ledger.news_told(run.run_id, result)
        assert news is not None
        assert news == ledger.news_told(run.run_id), "whoever read the answer"
    held = {id(one) for one in result.findings}
    assert len(held) > 1
    assert {id(one) for one in (*news.since.new, *news.since.same)} == held
    for judgement in kept(tmp_path):
        findings = [one for told in judgement.told for one in told.findings]
        places = {one.location: one.location for one in findings[:1]}
        assert all(places.get(one.location, one.location) is one.location for one in findings)


class Counted(tuple[Target, ...]):
    """Targets that count how many of them were handed out, as a watch makes each anew."""

    handed_out = 0

    def __iter__(self) -> Iterator[Target]:
        for target in super().__iter__():
            self.handed_out += 1
            yield target


def test_each_target_of_a_long_repository_is_made_once() -> None:
    place = Location(path="tagwatch.yaml", line=1, column=1, end_line=1, end_column=2)
    targets = Counted(Target(text=f"redis:{n}", location=place, kind="watch") for n in range(1000))
    of = [f"{target.text} {target.location}" for target in targets]
    targets.handed_out = 0
    said = [Told(place=n, of=of[n], asked=(f"rule-{n}",)) for n in range(0, 1000, 2)]
    again = [Told(place=n, of=of[n], rule="of-files", asked=("file",)) for n in (3, 3, 999)]
    judgement = Judgement(
        at=FIRST, targets=1000, told=(*said, *again), rules=("", "of-files"), again_at=FIRST
    )
    stored = judgement_in(stored_form(judgement))
    assert tuple(stored.told) == judgement.told, "whatever number there is"
    heard: list[tuple[str, str]] = []

    class Session:
        """Hears which target something is said of."""

        at = FIRST
        exemptions = SimpleNamespace(
            tried=lambda target, rules: heard.extend((target.text, rule) for rule in rules)
        )

        def want(self, told: Told, target: Target) -> None:
            if told.rule:
                heard.append((target.text, told.rule))

    session: Any = Session()
    stood = Stood(stored, ())
    stood.repeat(session, targets)
    assert heard == [(f"redis:{n}", f"rule-{n}") for n in range(0, 1000, 2)]
    assert targets.handed_out <= 1000, "once, however much is said"
    heard.clear()
    for start in (0, 4, 500):  # as files name them, some at a time
        end = {0: 4, 4: 500, 500: 1000}[start]
        stood.repeat(session, targets[start:end], "of-files")
    assert heard == [("redis:3", "of-files"), ("redis:3", "of-files"), ("redis:999", "of-files")]


def test_the_facts_of_a_site_can_be_named(tmp_path: Path) -> None:
    """Else nothing were ever kept, and nobody would be told."""
    stored = tmp_path / "home" / ".local/share/tagwatch/knowledge"
    environments = {"bundled": {"HOME": str(tmp_path)}, "stored": {"HOME": str(tmp_path / "home")}}
    stored.mkdir(parents=True)
    for name in (END_OF_LIFE, OFFICIAL_NAMES, OFFICIAL_TAGS):
        document = json.loads((FOLDER / name).read_text())
        (stored / name).write_text(json.dumps({**document, "as_of": "2100-01-01"}))
    (tmp_path / "own.json").write_text((stored / END_OF_LIFE).read_text())
    configured: dict[str, dict[str, Any]] = {
        "nothing": {},
        "a mirror": {"pull_through": {"mirror.example/hub": "docker.io"}},
        "own ends": {"knowledge": "own.json"},
    }
    for facts, environment in environments.items():
        for name, settings in configured.items():
            path = tmp_path / "tagwatch.yaml"
            path.write_text(json.dumps({"version": 1, **settings}))
            knowledge = open_site(path, environment=environment, at=FIRST).knowledge
            again = open_site(path, environment=environment, at=FIRST + DAY).knowledge
            assert state_of(knowledge) == state_of(again) is not None, (facts, name)


async def test_a_judgement_does_not_outlast_its_evidence(tmp_path: Path) -> None:
    """At that moment the evidence is dated anew: how a tag lives is said otherwise by then."""
    shelf = first_night()
    estate = Estate(1, shelf)
    estate.dockerfile = "FROM redis:edge\n"
    estate.watch = [{"image": "redis", "tags": ["edge"]}]
    estate.policy = {"rules": {"tag-abandoned": {"severity": "off"}}}
    tags = shelf.tags["library/redis"]
    images = list(dict.fromkeys(shelf.tags["library/node"].values()))
    async with serving(shelf) as address:
        for day, image in ((0, 0), (1, 1), (40, None), (41, 1), (45, 1), (73, 1)):
            estate.at = FIRST + DAY * day
            if image is None:
                del tags["edge"]
            else:
                tags["edge"] = images[image]
                shelf.pushed["library/redis", "edge"] = f"{estate.at:%Y-%m-%d}"
            forget(tmp_path / "anew")
            read_back = await answer_of(estate.site(tmp_path / "kept", address))
            assert read_back == await answer_of(estate.site(tmp_path / "anew", address)), day
            if day == 45:
                assert any(one.at < estate.at for one in kept(tmp_path / "kept")), "it is kept"


async def test_findings_stay_with_their_target(tmp_path: Path) -> None:
    """Another repository, known by now, changes which of the watch list's files is met first."""
    shelf = first_night()
    estate = Estate(1, shelf)
    estate.dockerfile, estate.compose = "FROM scratch\n", "services: {}\n"
    estate.watch = [{"image": f"{FIRST_SHOP}/shop/web"}, {"image": "redis", "tags": ["6.2", "7.4"]}]
    ignored = {**IGNORED, "rule": "version-eol", "image": "redis:6.2"}
    bases = [
        {"ref": f"docker.io/library/{name}", "tags": [tag], "immutable": True}
        for name, tag in (("node", "22*"), ("redis", "7"))
    ]
    daily = {"tag-abandoned": {"severity": "off"}, "image-too-old": {"severity": "off"}}
    policy = {"bases": bases, "ignores": [ignored], "rules": daily}
    web = shelf.tags.pop("shop/web")
    ends = ("6.2", "7.4", "7")
    cycles = tuple(Cycle(name=name, ends=date(2026, 1, 1)) for name in ends)
    estate.facts = replace(load(), products={"redis": Product(name="Redis", cycles=cycles)})

    def site(folder: Path, address: str) -> Site:
        folder.mkdir(exist_ok=True)
        (folder / "policy.yaml").write_text(json.dumps(policy))
        return estate.site(folder, address)

    estate.policy = "policy.yaml"
    async with serving(shelf) as address:
        for day in (0, 8, 9):
            if day == 9:
                shelf.tags["shop/web"] = web
            estate.at = FIRST + DAY * day
            forget(tmp_path / "anew")
            read_back = await answer_of(site(tmp_path / "kept", address))
            assert read_back == await answer_of(site(tmp_path / "anew", address)), day
    assert any(one.at < estate.at for one in kept(tmp_path / "kept")), "redis was taken over"
