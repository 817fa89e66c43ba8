"""The documentation: it builds without a warning, and what it shows works."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
import yaml

from tagwatch.cli.command import load
from tagwatch.cli.parser import parsed
from tagwatch.config.schema import file_schema
from tagwatch.errors import TagwatchError
from tagwatch.family import COMMANDS, RULES, SOURCES
from tagwatch.ledger.upgrade import open_upgraded
from tagwatch.walk.deliver import rule_page
from tests.paths import ROOT

DOCS = ROOT / "docs"
PAGES = sorted({*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md"), ROOT / "README.md"})
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_FOREIGN = re.compile(r"<(?:script|img|iframe|link)[^>]*?(?:src|href)=\"(?:https?:)?//[^\"]+\"")


def test_the_documentation_builds_and_asks_nobody(tmp_path: Path) -> None:
    """As `make docs` builds it: a warning is an error, and pages load nothing from elsewhere."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    site = tmp_path / "html"
    ran = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), str(DOCS), str(site)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert {path.stem for path in (site / "rules").glob("*.html")} == {*RULES, "index"}
    assert (site / "search.html").exists()
    for page in site.rglob("*.html"):
        assert not _FOREIGN.search(page.read_text("utf-8")), page.relative_to(site)
    for name in RULES:
        address = rule_page(name, "https://docs.example/tagwatch/", "")
        assert (site / address.removeprefix("https://docs.example/tagwatch/")).exists()
    cooldown = (site / "rules" / "cooldown.html").read_text("utf-8")
    for part in ("Example", "Risk", "Remedy", "Source", "Options", "In your policy"):
        assert f"<h2>{part}<" in cooldown
    assert "younger than the time to cool down" in cooldown


def test_where_a_rule_is_explained() -> None:
    """Nowhere, while nobody knows where the project will be: that name may be anybody's."""
    assert rule_page("cooldown", "https://your-org.github.io/tagwatch/", "") == ""
    report = rule_page("cooldown", "https://your-org.github.io/x/", "https://reports.example/a/")
    assert report == "https://reports.example/a/rules.html#rule-cooldown"
    for said in ("https://reports.example/a", "https://reports.example/a/index.html"):
        assert rule_page("cooldown", "", said) == report
    assert rule_page("cooldown", "", "") == rule_page("cooldown", "", "reports/") == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_on_pages_are_understood(page: Path) -> None:
    """Every `tagwatch …` that a page shows has a command and flags that exist."""
    for line in _shown(page):
        words = shlex.split(line, comments=True)
        name = words[1] if len(words) > 1 else "--help"
        if name.startswith("-") or "…" in line or name == "help":
            continue
        assert name in COMMANDS, line
        rest = [word for word in words[2:] if word not in ("|", ">")]
        try:
            parsed(name, load(name), rest)
        except TagwatchError as error:
            pytest.fail(f"{line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_within_a_sentence_are_understood(page: Path) -> None:
    """Also those that lack what a reader has to fill in."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for line in re.findall(r"`tagwatch ([^`]+)`", text):
        name, *rest = shlex.split(line.replace("\n", " ").partition(" > ")[0])
        if name.startswith("-") or name in ("help", "COMMAND") or re.search(r"[…\[|]", line):
            continue
        assert name in COMMANDS, line
        try:
            parsed(name, load(name), rest)
        except TagwatchError as error:
            assert re.search("required|expected (one|at least)", error.message), f"{line}: {error}"


def _shown(page: Path) -> Iterator[str]:
    """The commands of a page's blocks, without what a shell does with them."""
    for language, block in _BLOCK.findall(page.read_text("utf-8")):
        if language not in ("console", "sh", "text", "yaml"):
            continue
        begin = r"^ *\$ " if language == "console" else r"^(?:.*(?:run: |&& )| *- )?"
        for found in re.finditer(rf"{begin}(tagwatch (?!\w+: ).+)", block, re.MULTILINE):
            yield re.split(r" (?:\||<|>|&&) ", found[1])[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_on_pages_are_taken(page: Path) -> None:
    """A block that begins with a file's name holds to the file's schema."""
    for language, block in _BLOCK.findall(page.read_text("utf-8")):
        named = re.match(r"# (?:\S*/)?(tagwatch|policy)\.yaml\b", block)
        if language == "yaml" and named:
            jsonschema.validate(yaml.safe_load(block), file_schema(named[1]))


def test_the_questions_to_the_ledger_are_answered(tmp_path: Path) -> None:
    """The SQL of ledger.md speaks of tables and columns that are there."""
    open_upgraded(tmp_path / "ledger.db").close()
    db = sqlite3.connect(f"file:{tmp_path / 'ledger.db'}?mode=ro", uri=True)
    text = (DOCS / "ledger.md").read_text("utf-8")
    questions = [block for language, block in _BLOCK.findall(text) if language == "sql"]
    assert len(questions) >= 4
    for question in questions:
        assert db.execute(question).fetchall() == []
    named = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE))
    told = {name for names in named for name in re.findall(r"`(\w+)`", names)}
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    db.close()
    assert told <= tables


def test_the_fields_of_every_document_are_listed() -> None:
    """The reference of JSON fields is made of all schemas, references between them followed."""
    sys.path.insert(0, str(DOCS))
    try:
        from generated import pages  # type: ignore[import-not-found]  # beside conf.py
    finally:
        sys.path.remove(str(DOCS))
    text = pages()["reference/documents.md"]
    for file in DOCS.glob("schema/*.json"):
        schema = json.loads(file.read_text("utf-8"))
        assert f"## {file.name}" in text
        for field in schema.get("properties", {}):
            assert f"| `{field}` |" in text, (file.name, field)


def test_every_kind_of_file_is_told() -> None:
    text = (DOCS / "files.md").read_text("utf-8")
    told = re.findall(r"^\| `([a-z-]+)` \| ", text, re.MULTILINE)
    assert sorted(told) == sorted(SOURCES)
    assert "[eleven kinds](files.md)" in (DOCS / "comparison.md").read_text("utf-8")
    assert len(SOURCES) == 11


def test_every_command_with_a_code_of_its_own_is_told() -> None:
    text = (DOCS / "exit-codes.md").read_text("utf-8")
    named = re.findall(r"^\| ((?:`[a-z -]+`(?:, )?)+) \|", text, re.MULTILINE)
    words = [word.split()[0] for names in named for word in re.findall(r"`([a-z -]+)`", names)]
    assert set(words) <= set(COMMANDS)
    assert {"check", "scan", "outdated", "pr", "resolve", "history", "base", "diff"} <= set(words)
