"""README.md tells the truth: generated blocks, configuration samples, files it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tagwatch.config.load import load_configuration
from tagwatch.family import COMMANDS
from tests.paths import DATA, ROOT
from tests.readme import PAGES, README, generated

TEXT = README.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_blocks_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- begin " in text
    assert generated(text) == text, "run `python -m tests.readme`"


def test_the_excerpt_is_what_the_demo_prints() -> None:
    printed = (DATA / "golden" / "answers" / "demo" / "demo.txt").read_text("utf-8").splitlines()
    (excerpt,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    for line in excerpt.splitlines():
        assert line in printed


def test_the_sample_configuration_loads(tmp_path: Path) -> None:
    """As two files, the repository's without any trust in it."""
    own, tree = tmp_path / "own.yaml", tmp_path / "tagwatch.yaml"
    for path, name in ((own, r"~/\.config/tagwatch/tagwatch\.yaml"), (tree, r"tagwatch\.yaml")):
        (sample,) = re.findall(rf"```yaml\n(# {name}, .*?)```", TEXT, re.DOTALL)
        path.write_text(sample, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text("version: 1\n", encoding="utf-8")
    settings = load_configuration(own, {}, tmp_path, tree=tree).settings
    assert settings.watch
    assert settings.schedule is not None
    assert settings.alerts


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_command_it_shows_exists() -> None:
    shown = set(re.findall(r"\$ tagwatch ([a-z]+)", TEXT)) | set(
        re.findall(r"`tagwatch ([a-z]+)", TEXT)
    )
    assert shown <= set(COMMANDS)
    assert set(COMMANDS) <= shown, "README names every command"
