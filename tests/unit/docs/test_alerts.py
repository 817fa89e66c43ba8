"""docs/alerts.md tells the truth: its samples load, and its words are the program's."""

from __future__ import annotations

import re
from pathlib import Path

from tagwatch.config.load import load_configuration
from tagwatch.config.settings_form import RouteForm
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_its_samples_load(tmp_path: Path) -> None:
    path = tmp_path / "tagwatch.yaml"
    path.write_text(SAMPLES[0], encoding="utf-8")
    settings = load_configuration(path, {}, tmp_path).settings
    assert [one.name for one in settings.alerts] == ["team", "platform", "robot", "mail"]
    path.write_text(SAMPLES[1], encoding="utf-8")
    found = load_configuration(path, {}, tmp_path).settings.healthcheck
    assert found is not None
    assert found.url.startswith("https://hc-ping.com/")
    assert len(SAMPLES) == 2


def test_it_names_every_key_of_a_route() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    assert set(RouteForm.__struct_fields__) <= rows
