"""The site of many projects: what their results say together, and what is made of bad ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tagwatch.audit.model.finding import Severity
from tagwatch.errors import InputError, OutputError
from tagwatch.publish import machine
from tagwatch.publish.files import write_projects, write_reports
from tagwatch.publish.projects import images_of, project_from, shared
from tagwatch.value import replace
from tests.publish_estate import estate, estate_context
from tests.publish_hostile import HOSTILE, hostile
from tests.publish_sample import AT, sample, sample_context
from tests.unit.publish.test_html import Page, is_safe

OLD, NEW = (f"sha256:{digit * 64}" for digit in "01")


def result(*resolutions: Mapping[str, Any], **changes: Any) -> bytes:
    """A result as a scan writes it, of these images."""
    known: dict[str, Any] = {"reference": None, "status": "resolved", "tag": None, "version": None}
    rest: dict[str, Any] = {
        "aliases": [],
        "basis": "alias",
        "supported": None,
        "read_at": "2026-11-23T02:00:00Z",
    }
    newer = {"patch": None, "minor": None, "major": None}
    document = {
        "schema_version": 1,
        "at": "2026-11-23T02:00:00Z",
        "complete": True,
        "coverage": {"targets": 1, "read": 1, "unresolved": 0, "unavailable": 0},
        "findings": [],
        "resolutions": [{**known, **rest, "newer": newer, **one} for one in resolutions],
    }
    return json.dumps({**document, **changes}).encode()


def redis(digest: str | None, *, pinned: bool = False, **more: Any) -> dict[str, Any]:
    name = f"docker.io/library/redis:6.2@{digest}" if pinned else "redis:6.2"
    return {"input": name, "version": "6.2.24", "digest": digest, **more}


def test_an_image_in_many_projects_and_who_is_behind() -> None:
    later = "2026-11-24T02:00:00Z"
    projects = [
        project_from("now", result(redis(NEW, read_at=later))),
        project_from("yesterday", result(redis(OLD))),
        project_from("pinned-old", result(redis(OLD, pinned=True, read_at="2026-11-25T02:00:00Z"))),
        project_from("pinned-new", result(redis(NEW, pinned=True))),
        project_from("patch", result(redis(NEW, newer={"patch": "6.2.25"}))),
        project_from("unread", result(redis(None, version=None))),
    ]
    (image,) = images_of(projects)
    assert (image.name, image.repository) == ("redis:6.2", "redis")
    assert len(image.uses) == 6
    assert image.behind == {"yesterday", "pinned-old", "patch"}


def test_who_could_not_read_an_image_uses_it_all_the_same() -> None:
    unread = result(redis(None, version=None, status="unavailable", reference=None))
    (image,) = images_of([project_from("a", result(redis(NEW))), project_from("b", unread)])
    assert [use.lack for use in image.uses] == ["", "not read"]
    assert (image.unknown, image.behind) == (1, frozenset())


def test_of_one_moment_the_build_of_most_projects_is_the_newest() -> None:
    projects = [project_from(str(n), result(redis(OLD if n == 3 else NEW))) for n in range(9)]
    (image,) = images_of(projects)
    assert image.behind == {"3"}


def test_who_pins_differently_is_not_behind_of_what_nobody_read() -> None:
    projects = [project_from(name, result(redis(name, pinned=True))) for name in (OLD, NEW)]
    assert images_of(projects)[0].behind == frozenset()


def test_what_projects_share_comes_first() -> None:
    night = machine.render(sample(), sample_context()).encode()
    alone = replace(sample(), findings=sample().findings[2:])
    other = machine.render(alone, sample_context()).encode()
    told = shared([project_from("a", night), project_from("b", other)])
    assert [len(one.projects) for one in told if one.severity is Severity.ERROR] == [1, 1]
    assert told[2].projects == ("a", "b")
    run = project_from("a", night).run
    counts = sample().counts()
    assert (run.errors, run.warnings, run.notes) == tuple(
        counts[one] for one in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    )
    assert (run.not_checked, run.complete) == (2, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"schema_version": 1',
        result(schema_version=2),
        result(at="2026-11-23T02:00:00"),
        result(at="yesterday"),
        result(findings=[{"rule": "x"}]),
        result(findings=[{"rule": "x", "severity": "worst", "message": "m",
                          "location": {"path": "p", "line": 1}}]),
        result(coverage={"targets": "many", "unresolved": 0, "unavailable": 0}),
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_result_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(InputError, match="the result of 'shop'") as refused:
        project_from("shop", raw)
    assert "--format json" in refused.value.hint


def written(folder: Path, nights: int = 1) -> dict[str, str]:
    for night in range(nights):
        projects = []
        for number, name in enumerate(("shop", "search", "web")):
            one = replace(estate(30 + number * 30), at=AT + timedelta(days=night))
            one = replace(one, findings=one.findings[night:] if number else ())
            raw = machine.render(one, estate_context(one)).encode()
            projects.append(project_from(name, raw, "../shop/index.html" if not number else ""))
        write_projects(folder, projects, "1.0.0")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


def test_the_site_tells_projects_their_trend_and_their_images(tmp_path: Path) -> None:
    pages = written(tmp_path, nights=3)
    index = Page(pages["index.html"])
    text = index.text.replace("\u00a0", " ")
    assert "3 projects: 2 with something to fix" in text
    assert "Over 3 runs: things to fix from" in text
    assert "../shop/index.html" in index.links
    assert text.index(" web ") < text.index(" shop ")
    assert "nothing to fix" in text
    images = Page(pages["images.html"]).text
    assert "redis:2.1 in 3 projects" in images
    for page in pages.values():
        Page(page)
        assert len(page) < 300_000
    assert written(tmp_path / "again", nights=3) == pages
    past = json.loads((tmp_path / "projects.json").read_text(encoding="utf-8"))
    assert len(past["projects"]["web"]) == 3


@pytest.mark.parametrize("past", ["", "[]", '{"schema_version": 2}', '{"projects": {"web": 1}}'])
def test_a_memory_that_cannot_be_read_begins_anew(tmp_path: Path, past: str) -> None:
    (tmp_path / "projects.json").write_text(past, encoding="utf-8")
    written(tmp_path)
    assert json.loads((tmp_path / "projects.json").read_text(encoding="utf-8"))["projects"]


def test_the_reports_of_one_project_are_not_overwritten(tmp_path: Path) -> None:
    write_reports(tmp_path, sample(), sample_context(), ["html"])
    before = (tmp_path / "index.html").read_bytes()
    with pytest.raises(OutputError, match="the reports of one project"):
        written(tmp_path)
    assert (tmp_path / "index.html").read_bytes() == before


def test_hostile_results_stay_text(tmp_path: Path) -> None:
    raw = machine.render(hostile(), sample_context()).encode()
    said = HOSTILE.encode("utf-8", "replace").decode()  # strict JSON has no half surrogates
    bad = result({**redis(said), "input": said, "version": said, "tag": said})
    write_projects(tmp_path, [project_from(said, raw), project_from("x", bad)], "1.0.0")
    for name in ("index.html", "images.html"):
        page = Page((tmp_path / name).read_text(encoding="utf-8"))
        page.links = [link for link in page.links if link != "images.html"]
        is_safe(page)
        assert "<script>alert(1)</script>" in page.text
