"""docs/serve.md tells the truth: metrics, kinds of webhooks, samples, flags."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tagwatch.config.load import load_configuration
from tagwatch.family import NOTICES
from tagwatch.service.metrics import Metrics
from tests.paths import ROOT
from tests.publish_sample import sample

TEXT = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")


def test_every_metric_is_told() -> None:
    metrics = Metrics()
    metrics.scanned(sample())
    metrics.failed()
    metrics.scanned(sample())
    families = text_string_to_metric_families(metrics.text().decode())
    named = {family.name for family in families if not family.name.endswith("_created")}
    told = {name.removesuffix("_total") for name in re.findall(r"`(tagwatch_\w+)[{`]", TEXT)}
    assert told == {name.removesuffix("_total") for name in named}


def test_every_kind_of_webhook_is_told() -> None:
    rows = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", TEXT, re.MULTILINE)
    told = [kind for row in rows for kind in re.findall("`([a-z]+)`", row)]
    assert sorted(told) == sorted(NOTICES)


def test_its_samples_can_be_used(tmp_path: Path) -> None:
    samples = re.findall(r"```yaml\n((?:schedule|serve):.*?)```", TEXT, re.DOTALL)
    login, schedule, webhooks = samples
    path = tmp_path / "tagwatch.yaml"
    path.write_text(login, encoding="utf-8")
    assert load_configuration(path, {}, tmp_path).settings.serve.tokens is not None
    path.write_text(f"{schedule}\n{webhooks}", encoding="utf-8")
    settings = load_configuration(path, {}, tmp_path).settings
    assert settings.schedule is not None
    assert len(settings.serve.webhooks) == 2
