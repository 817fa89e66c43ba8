"""The pages of a big estate: small each, linked to one another, and sorted in every way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import Markup

from tagwatch.audit.model.finding import causes_of
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.files import write_reports
from tagwatch.publish.html.page import render_index, site_pages
from tagwatch.publish.html.sorting import WAYS
from tagwatch.publish.html.template import OPEN_ROWS, paged
from tagwatch.publish.interface import PublishContext
from tests.publish_estate import TEAMS, estate, estate_context, watching
from tests.publish_hostile import hostile
from tests.publish_sample import sample_context, told_since
from tests.unit.publish.test_html import Page, is_safe

MOST_BYTES = 300_000


def site(result: AuditResult, context: PublishContext) -> Mapping[str, str]:
    """The text of each page, by name."""
    pages = dict(site_pages(result, context))
    return {"index.html": render_index(result, context, {}), **pages}


@pytest.fixture(scope="module")
def night() -> AuditResult:
    return watching(estate(2_000), 400)


@pytest.fixture(scope="module")
def pages(night: AuditResult) -> Mapping[str, str]:
    return site(night, estate_context(night))


@pytest.fixture(scope="module")
def read(pages: Mapping[str, str]) -> Mapping[str, Page]:
    return {name: Page(text) for name, text in pages.items()}


def test_no_page_is_large(pages: Mapping[str, str]) -> None:
    assert {
        name: len(text.encode()) for name, text in pages.items() if len(text) > MOST_BYTES
    } == {}
    assert len(pages) > 40, "there is much to show"


def test_links_between_pages_lead_to_something(read: Mapping[str, Page]) -> None:
    anchors = {f"{name}#{one}" for name, page in read.items() for one in page.ids}
    dead = {
        (name, link)
        for name, page in read.items()
        for link in page.links
        if not link.startswith("https://")
        and (f"{name}{link}" if link.startswith("#") else link) not in anchors | read.keys()
    }
    assert dead == set()


def test_ids_are_unique_on_each_page(read: Mapping[str, Page]) -> None:
    for name, page in read.items():
        assert len(page.ids) == len(set(page.ids)), name


def test_each_cause_is_one_task_on_one_page(night: AuditResult, pages: Mapping[str, str]) -> None:
    told = [
        anchor
        for name, text in pages.items()
        if name.startswith("latest")
        for anchor in re.findall(r'class="card task" id="(finding-[0-9a-f]+)"', text)
    ]
    causes = causes_of(night.findings)
    assert len(told) == len(set(told)) == len(causes) < len(night.findings)
    (habit,) = [one for one in causes if one[0].rule == "port-all-interfaces"]
    card = next(
        text.partition(f'id="finding-{habit[0].fingerprint[:12]}"')[2].partition("</article>")[0]
        for name, text in pages.items()
        if f'class="card task" id="finding-{habit[0].fingerprint[:12]}"' in text
    )
    assert habit[3].message in card, "each place says what it is about"
    assert f"and {len(habit) - 12} more" in card


def test_what_is_new_of_a_cause_is_told_by_its_new_place() -> None:
    night = estate(200)
    (habit,) = [one for one in causes_of(night.findings) if one[0].rule == "port-all-interfaces"]
    before = replace(night, findings=tuple(one for one in night.findings if one != habit[5]))
    context = replace(estate_context(night), news=told_since(night, before))
    latest = dict(site_pages(night, context))["latest.html"]
    changed = latest.partition('<h2 id="changed">')[2].partition("</section>")[0]
    row = re.sub("<[^>]*>", "", changed.partition("<tbody")[2])
    assert f"1 of {len(habit)} new" in row
    assert habit[5].message in row
    assert f"{habit[5].location} and {len(habit) - 1} more" in row
    assert f'#finding-{habit[0].fingerprint[:12]}"' in changed, "where it is told whole"


def test_what_files_use_comes_before_what_a_wide_watch_found(pages: Mapping[str, str]) -> None:
    first = pages["latest.html"].partition('<h2 id="todo">')[2]
    assert "httpd" not in first.partition('<h2 id="images">')[0]
    text = Page(pages["index.html"]).text
    assert "The watch list alone led to 200 more causes" in text
    assert "400 more tags that only the watch list names" in text
    last = [name for name in pages if name.startswith("latest-todo")][-1]
    assert "httpd:2.2.399 is past its end" in pages[last]


def test_everything_is_sorted_in_every_way(night: AuditResult, pages: Mapping[str, str]) -> None:
    by = {
        way: [text for name, text in pages.items() if name.startswith(f"by-{way}")] for way in WAYS
    }
    files = sorted({one.location.path for one in night.findings})
    groups = re.compile(r"<summary><h2>(.*?)</h2>")
    assert [one for one in groups.findall("".join(by["file"])) if "(" not in one] == files
    owners = groups.findall("".join(by["owner"]))
    named = [one for one in owners if not one.endswith(" (continued)")]
    assert sorted(named) == sorted([*(f"@acme/{team}" for team in TEAMS[:-1]), "nobody"])
    rules = [one for one in groups.findall("".join(by["rule"])) if "(" not in one]
    assert sorted(rules) == sorted({one.rule for one in night.findings})
    images = groups.findall("".join(by["image"]))
    assert images == sorted(images)
    assert "400 more tags, which no file names" in "".join(by["image"])
    assert "quay.io" in groups.findall("".join(by["registry"]))


def test_places_lead_to_the_forge(pages: Mapping[str, str]) -> None:
    line = f"https://github.com/acme/estate/blob/{'a' * 40}/checkout/service-000/Dockerfile#L1"
    for start in ("index", "latest", "by-file", "by-image"):
        assert any(f'href="{line}"' in pages[name] for name in pages if name.startswith(start))


def test_owners_are_a_way_where_somebody_owns_files(night: AuditResult) -> None:
    few = estate(9)
    assert "by-owner.html" in dict(site_pages(few, estate_context(few)))
    assert "by-owner.html" not in dict(site_pages(few, sample_context()))


def test_a_list_of_everything_by_repository_where_images_are_very_many() -> None:
    many = estate(3_000)
    text = render_index(many, estate_context(many), {})
    assert len(text) < MOST_BYTES
    assert "100 tags" in text


def test_hostile_text_stays_text_on_every_page() -> None:
    bad = replace(sample_context(), source="https://git.example/{path}#L{line}")
    for name, text in site(hostile(), bad).items():
        page = Page(text)
        is_safe(page)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text)
        assert name.startswith(("index", "rules")) or "{{ 7*7 }}" in page.text


def test_equal_nights_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        result = watching(estate(60), 5)
        write_reports(tmp_path / name, result, estate_context(result), ["html"])
    files = sorted(path.name for path in (tmp_path / "a").glob("*.html"))
    assert "by-owner.html" in files
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_first_groups_of_a_list_are_open() -> None:
    text = Markup('<details class="card" id="x&gt;">\n<summary>a</summary>{}</details>').format(">")
    (page,) = paged([("a", OPEN_ROWS, text), ("b", 1, text)])
    opened, closed = page.texts
    assert str(opened) == str(text).replace('&gt;">', '&gt;" open>', 1)
    assert closed == text
    assert all(isinstance(one, Markup) for one in page.texts), "else a page shows its tags"
