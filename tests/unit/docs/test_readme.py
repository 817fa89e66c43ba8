"""README.md tells the truth: generated blocks, configuration samples, files it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tagwatch.config.load import load_configuration
from tagwatch.family import COMMANDS
from tests.paths import ROOT
from tests.readme import README, generated

TEXT = README.read_text(encoding="utf-8")


def test_generated_blocks_are_up_to_date() -> None:
    assert generated(TEXT) == TEXT, "run `python -m tests.readme`"


def test_the_sample_configuration_loads(tmp_path: Path) -> None:
    samples = re.findall(r"```yaml\n(# tagwatch\.yaml\n.*?)```", TEXT, re.DOTALL)
    assert samples
    for sample in samples:
        (tmp_path / "tagwatch.yaml").write_text(sample, encoding="utf-8")
        (tmp_path / "policy.yaml").write_text("version: 1\n", encoding="utf-8")
        settings = load_configuration(tmp_path / "tagwatch.yaml", {}, tmp_path).settings
        assert settings.watch
        assert settings.schedule is not None


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_command_it_shows_exists() -> None:
    shown = set(re.findall(r"\$ tagwatch ([a-z]+)", TEXT)) | set(
        re.findall(r"`tagwatch ([a-z]+)", TEXT)
    )
    assert shown <= set(COMMANDS)
    assert set(COMMANDS) <= shown, "README names every command"
