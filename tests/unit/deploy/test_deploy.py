"""What `config/deploy` brings for systems that run tagwatch: each file is read, and holds."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cronsim import CronSim
from prometheus_client import generate_latest

from tagwatch.cli.command import load
from tagwatch.cli.parser import parsed
from tagwatch.config.schema import file_schema
from tagwatch.ledger.outbox import MessageState
from tagwatch.service.metrics import Metrics
from tests.paths import ROOT
from tests.walk.command import Workplace

DEPLOY = ROOT / "config" / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*"))
_METRIC = re.compile(r"\btagwatch_\w+")


def _names_and_values(unit: Path) -> Iterator[tuple[str, str]]:
    for line in unit.read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_exists(unit: Path, tmp_path: Path) -> None:
    values = dict(_names_and_values(unit))
    if command := values.get("ExecStart"):
        words = shlex.split(command)
        parsed(words[1], load(words[1]), words[2:])
    if shutil.which("systemd-analyze") is None:
        return
    # The program is not installed where the unit looks for it: only what else is said counts.
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in ran.stderr.splitlines() if unit.name.partition(".")[0] in line]
    assert [line for line in told if "is not executable" not in line] == []


def test_the_timer_begins_the_scan() -> None:
    """A timer starts the service of its own name."""
    assert (DEPLOY / "systemd" / "tagwatch-scan.service").exists()
    assert dict(_names_and_values(DEPLOY / "systemd" / "tagwatch-scan.timer"))["Persistent"] == (
        "true"
    )


def test_the_crontab_is_due_once_a_night() -> None:
    lines = (DEPLOY / "cron" / "tagwatch.crontab").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if re.match(r"[0-9*]", line)]
    *times, command = line.split(maxsplit=5)
    due = CronSim(" ".join(times), datetime(2026, 1, 1, tzinfo=UTC))
    assert (next(due).hour, next(due).day) == (2, 2)
    line, sign, sink = command.partition(" > ")
    assert (sign, sink) == (" > ", "/dev/null"), "the answer is nobody's mail"
    words = shlex.split(line)
    parsed(words[1], load(words[1]), words[2:])
    assert "--output" not in words, "it takes files alone, and a device is none"


def _documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(DEPLOY.glob("kubernetes/*.yaml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            yield path.name, document


def _pods() -> list[dict[str, Any]]:
    specs = []
    for _, document in _documents():
        if document["kind"] == "Deployment":
            specs.append(document["spec"]["template"]["spec"])
        elif document["kind"] == "CronJob":
            specs.append(document["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    return specs


def test_pods_run_commands_that_exist_on_volumes_that_are_there() -> None:
    kinds = [document["kind"] for _, document in _documents()]
    assert sorted(kinds) == [
        "ConfigMap", "CronJob", "Deployment", "PersistentVolumeClaim", "Service",
    ]  # fmt: skip
    for pod in _pods():
        (container,) = pod["containers"]
        name, *rest = container["args"]
        parsed(name, load(name), rest)
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        for probe in ("livenessProbe", "readinessProbe"):
            if probe in container:
                assert container[probe]["httpGet"]["path"] in ("/livez", "/readyz")


def test_the_configuration_of_the_cluster_is_taken() -> None:
    import jsonschema  # type: ignore[import-untyped]  # has no stubs

    (held,) = [d["data"] for _, d in _documents() if d["kind"] == "ConfigMap"]
    jsonschema.validate(yaml.safe_load(held["tagwatch.yaml"]), file_schema("tagwatch"))


async def test_our_own_files_pass_our_own_check(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    done = await place.run("check", "--config", "", "--offline", str(DEPLOY), "--format", "json")
    assert done.code == 0, done.out
    assert done.json["coverage"]["targets"] == 2


def _exported() -> set[str]:
    """The names that `/metrics` may show."""
    metrics = Metrics()
    shown = generate_latest(metrics._registry) + generate_latest(metrics._result)
    return set(re.findall(r"^# TYPE (\w+)", shown.decode(), re.MULTILINE))


def _hold_to_exported(expressions: list[str]) -> None:
    exported = _exported()
    for expression in expressions:
        named = _METRIC.findall(expression)
        assert named, expression
        assert set(named) <= exported, expression
        for states in re.findall(r'state=~"([^"]+)"', expression):
            assert set(states.split("|")) <= set(MessageState)


def test_alert_rules_speak_of_metrics_that_are_shown() -> None:
    held = yaml.safe_load((DEPLOY / "prometheus" / "tagwatch.rules.yaml").read_text("utf-8"))
    rules = [rule for group in held["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[mhd]", rule["for"])
    _hold_to_exported([rule["expr"] for rule in rules])


def test_the_dashboard_speaks_of_metrics_that_are_shown() -> None:
    board = json.loads((DEPLOY / "grafana" / "tagwatch.json").read_text("utf-8"))
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    _hold_to_exported([target["expr"] for panel in panels for target in panel["targets"]])
    places = [panel["gridPos"] for panel in panels]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"])
             for y in range(p["y"], p["y"] + p["h"])]  # fmt: skip
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(p["x"] + p["w"] for p in places) <= 24
