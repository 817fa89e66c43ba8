"""Reports on disk: whole or not at all, and never outside the directory."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from tagwatch.audit.verdict.result import Since
from tagwatch.errors import ConfigError, InputError, OutputError
from tagwatch.family import PUBLISHERS
from tagwatch.member import load_member
from tagwatch.publish.files import write_atomically, write_reports
from tagwatch.publish.interface import RunSummary
from tagwatch.value import replace
from tests.publish_hostile import hostile
from tests.publish_sample import sample, sample_context, sample_previous


def names(directory: Path) -> list[str]:
    return sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    )


def test_a_run_leaves_its_pages_the_latest_and_the_index(tmp_path: Path) -> None:
    written = write_reports(tmp_path, sample(), sample_context(), ["html", "json", "sarif"])
    assert names(tmp_path) == [
        "by-file.html",
        "by-image.html",
        "by-registry.html",
        "by-rule.html",
        "index.html",
        "latest.html",
        "latest.json",
        "latest.sarif",
        "pages.json",
        "rules.html",
        "run/2026-11-23T020000Z.html",
        "run/2026-11-23T020000Z.json",
        "run/2026-11-23T020000Z.sarif",
    ]
    assert written.index == tmp_path / "index.html"
    told = [path.relative_to(tmp_path).as_posix() for path in written.files]
    assert sorted([*told, "pages.json"]) == names(tmp_path)
    assert json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))["schema_version"] == 1


def test_the_index_links_only_pages_that_are_there(tmp_path: Path) -> None:
    write_reports(tmp_path, sample_previous(), sample_context(), ["html"])
    write_reports(tmp_path, sample(), sample_context(), ["html"])
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'href="run/2026-11-22T020000Z.html"' in index
    assert 'href="run/2026-11-23T020000Z.html"' in index
    assert index.count('href="run/') == 2
    assert "2026-11-10 02:00 UTC" in index


def test_pages_that_the_latest_run_does_not_need_go(tmp_path: Path) -> None:
    kept = ("by-hand.html", "latest-todo-x.html", "notes.html")
    for name in ("latest-todo-7.html", "by-file-3.html", *kept):
        (tmp_path / name).write_text("old", encoding="utf-8")
    write_reports(tmp_path, sample(), sample_context(), ["html"])
    assert not (tmp_path / "latest-todo-7.html").exists()
    assert not (tmp_path / "by-file-3.html").exists()
    for name in kept:
        assert (tmp_path / name).read_text(encoding="utf-8") == "old"


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_reports(tmp_path / name, sample(), sample_context(), list(PUBLISHERS))
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_hostile_text_can_be_written_in_every_format(tmp_path: Path) -> None:
    written = write_reports(tmp_path, hostile(), sample_context(), list(PUBLISHERS))
    for path in written.files:
        path.read_bytes().decode("utf-8")


@pytest.mark.parametrize("relative", ["../x", "run/../../x", "/tmp/x"])  # refused, never written
def test_nothing_is_written_outside(tmp_path: Path, relative: str) -> None:
    directory = tmp_path / "reports"
    directory.mkdir()
    with pytest.raises(InputError, match="outside"):
        write_atomically(directory, relative, ["x"])
    assert names(tmp_path) == []


def test_a_symlink_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="outside"):
        write_reports(tmp_path / "reports", sample(), sample_context(), ["json"])
    assert names(tmp_path / "elsewhere") == []


def test_a_symlinked_file_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "latest.json").symlink_to(victim)
    write_reports(tmp_path / "reports", sample(), sample_context(), ["json"])
    assert victim.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "reports" / "latest.json").is_symlink()


def test_a_failed_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path, "a.txt", ["old"])

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "refused")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        write_atomically(tmp_path, "a.txt", ["new"])
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "old"


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written") as refused:
        write_reports(tmp_path / "file", sample(), sample_context(), ["json"])
    assert refused.value.hint


def test_every_format_of_the_family_renders_text_with_its_suffix() -> None:
    for name in PUBLISHERS:
        module = load_member("publishers", name)
        assert module.suffix.startswith(".")
        text = module.render(sample(), sample_context())
        assert "postgres" in text
        assert text.endswith("\n")
        assert text == module.render(sample(), sample_context())


def test_an_unknown_format_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'pdf'") as refused:
        load_member("publishers", "pdf")
    assert "sarif" in refused.value.hint


def night(directory: Path, number: int, digest: str, *, news: bool = False) -> None:
    """Write a night, with the runs before it in the index."""
    result = sample()
    at = result.at + timedelta(days=number)
    runs = tuple(
        RunSummary(at=result.at + timedelta(days=one), errors=1, warnings=2, notes=3)
        for one in range(max(0, number - 399), number + 1)
    )
    context = sample_context()
    told = context.news
    assert told is not None
    quiet = Since(new=(), worse=(), fixed=(), same=result.findings)
    if not news:
        told = replace(told, since=quiet, changes=(), gone=(), explained=())
    write_reports(
        directory,
        replace(result, at=at),
        replace(context, runs=runs, news=told),
        ["html", "json"],
        digest=digest,
        keep=timedelta(days=30),
    )


def test_a_year_of_nights_adds_what_its_news_add(tmp_path: Path) -> None:
    loud = {0, 100, 101, 200, 350, 351, 352}
    size = 0
    for number in range(365):
        night(tmp_path, number, f"{max(one for one in loud if one <= number)}", news=number in loud)
        if number == 60:
            size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in names(tmp_path) if name.startswith("run/")] == [
        f"run/{sample().at + timedelta(days=one):%Y-%m-%dT%H%M%SZ}.{suffix}"
        for one in (350, 351, 352)
        for suffix in ("html", "json")
    ]
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    listed = index[index.index('<h2 id="runs">') :]
    rows = re.findall(r'<th scope="row"[^>]*>(?:<a[^>]*>)?([^<]*)', listed)
    quiet = [int(row.split()[0]) for row in rows if "quiet" in row]
    assert quiet == [12, 149, 98, 99]
    assert len(rows) == len(loud) + len(quiet)
    assert sum(quiet) + len(loud) == 365
    page = (tmp_path / "latest.html").stat().st_size + (tmp_path / "latest.json").stat().st_size
    after = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert after - size < 2 * page + 10_000, "two runs more have pages; nights have a line"
