"""The report's page of what is outdated: safe, equal for equal facts, written where it differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from tagwatch.audit.verdict.outlook import End, Level, Outlook, Prospect, Prospects, Step
from tagwatch.image.reference import Reference
from tagwatch.publish.files import write_reports
from tagwatch.publish.html import page
from tagwatch.publish.interface import OutdatedPage, PublishContext
from tagwatch.publish.outdated import prospects_sentence
from tests.audit_case import place
from tests.publish_hostile import HOSTILE
from tests.publish_sample import AT, sample, sample_context
from tests.unit.publish.test_html import Page

OVER = End(product="Redis", line="5", on=date(2022, 4, 27), is_over=True)
STEP = Step(
    level=Level.MAJOR,
    reference=Reference.parse("redis:8.2.1"),
    ends=(replace(OVER, line="8", on=date(2029, 1, 1), is_over=False),),
    kept_back=Reference.parse("redis:8.2.2"),
    reasons={"cooldown": "too young"},
    between=(Reference.parse("redis:7.4.5"), Reference.parse("redis:6.2.19")),
    old_enough_from="2026-11-25 02:00 UTC",
)
REDIS = Prospect(
    name="redis:5.0.1",
    reference=Reference.parse("redis:5.0.1"),
    places=tuple(place(line=line) for line in range(1, 6)),
    outlook=Outlook.OUTDATED,
    now="5.0.1",
    built_at=AT - timedelta(days=300),
    ends=(OVER,),
    steps=(STEP,),
)
CURRENT = replace(REDIS, name="node:24", outlook=Outlook.CURRENT, ends=(), steps=())


def context(*images: Prospect) -> PublishContext:
    found = Prospects(at=AT, images=images)
    page = OutdatedPage(sentence=prospects_sentence(found), at=AT)
    return replace(sample_context(), prospects=found, outdated=page)


def test_what_the_page_says() -> None:
    read = Page(page.render_outdated(sample(), context(REDIS, CURRENT)))
    text = " ".join(read.text.replace("\u00a0", " ").split())
    for said in (
        "1 image has a newer major version, 1 is past its end of life",
        "redis:5.0.1 Dockerfile:1, Dockerfile:2, Dockerfile:3 and 2 more",
        "8.2.1 major until 2029-01-01 on the way: 7.4.5, 6.2.19",
        "8.2.2 (major) is kept back by cooldown: old enough from 2026-11-25 02:00 UTC",
        "over Redis 5 ended 2022-04-27",
    ):
        assert said in text
    assert "node:24" not in text, "what is up to date is counted"
    assert "Of 2 images: 1 up to date." in text
    assert not {"script", "link", "img", "iframe", "form"} & set(read.tags)
    assert read.links == ["#main", "index.html", "latest.html", "by-image.html"]


def test_hostile_text_stays_text() -> None:
    bad = Prospect(
        name=HOSTILE,
        reference=None,
        places=(place(HOSTILE),),
        outlook=Outlook.NOT_READ,
        now=HOSTILE,
        why=HOSTILE,
        ends=(replace(OVER, product=HOSTILE, line=HOSTILE),),
        steps=(replace(STEP, reasons={HOSTILE: HOSTILE}, old_enough_from=HOSTILE),),
    )
    read = Page(page.render_outdated(sample(), context(bad)))
    assert not {"script", "img"} & set(read.tags)
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]


def test_the_page_is_written_where_it_differs(tmp_path: Path) -> None:
    def written(days: int, *images: Prospect) -> bytes:
        night = replace(sample(), at=AT + timedelta(days=days))
        write_reports(tmp_path, night, context(*images), ["html"])
        return (tmp_path / "outdated.html").read_bytes()

    first = written(0, REDIS)
    assert b'<a href="outdated.html">' in (tmp_path / "index.html").read_bytes()
    assert written(1, REDIS) == first, "a day later it says the same"
    second = written(2, replace(REDIS, now="5.0.2"))
    assert second != first
    assert written(0, REDIS) == first, "equal facts give equal bytes"
    assert b"Nothing is outdated" in written(3), "what it said is not true any more"


def test_no_page_where_no_file_names_an_image(tmp_path: Path) -> None:
    for one in (context(), sample_context()):
        write_reports(tmp_path, sample(), one, ["html"])
        assert not (tmp_path / "outdated.html").exists()
        assert b"outdated.html" not in (tmp_path / "index.html").read_bytes()
