"""docs/cluster.md tells the truth: its services start what there is, its keys are ours."""

from __future__ import annotations

import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagwatch.config.load import load_configuration
from tagwatch.config.settings_form import DaskForm
from tagwatch.walk.ask import engine_options
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def samples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def units() -> list[ConfigParser]:
    found = []
    for text in samples("ini"):
        unit = ConfigParser(interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # as its docs have it
        unit.read_string(text)
        found.append(unit)
    return found


def manifests() -> dict[tuple[str, str], Any]:
    text = next(text for text in samples("yaml") if text.startswith("apiVersion"))
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}


def containers() -> list[Any]:
    deployments = [one for (kind, _), one in manifests().items() if kind == "Deployment"]
    specs = [one["spec"]["template"]["spec"] for one in deployments]
    return [container for spec in specs for container in spec["containers"]]


def lines() -> list[list[str]]:
    """The commands of all services, without the program's folder."""
    started = [shlex.split(unit["Service"]["ExecStart"]) for unit in units()]
    started += [one["command"] for one in containers()]
    return [[Path(line[0]).name, *line[1:]] for line in started]


@pytest.mark.parametrize("line", lines(), ids=lambda line: line[1])
def test_services_start_what_dask_knows(line: list[str]) -> None:
    from distributed.cli import dask_scheduler, dask_worker

    program, name, *arguments = line
    assert program == "dask"
    commands = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
    given = [argument for argument in arguments if not argument.startswith("/")]
    files = [argument for argument in arguments if argument.startswith("/")]
    assert len(files) == 3, "a CA, a certificate, its key"
    options = {option for one in commands[name].params for option in one.opts + one.secondary_opts}
    assert {one for one in given if one.startswith("--")} <= options
    addresses = [one for one in given if "://" in one]
    assert all(one.startswith("tls://") for one in addresses)
    assert len(addresses) == (name == "worker")


def test_what_leaves_is_started_again() -> None:
    for unit in units():
        assert unit["Service"]["Restart"] == "always"
        assert unit["Service"]["User"] == "tagwatch", "never root"


def test_kubernetes_files_fit_together() -> None:
    found = manifests()
    service = found["Service", "tagwatch-scheduler"]
    scheduler, worker = containers()
    deployment = found["Deployment", "tagwatch-scheduler"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert (
        f"tls://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
        in (worker["command"])
    )
    assert scheduler["ports"] == [{"containerPort": service["spec"]["ports"][0]["port"]}]
    for kind in ("tagwatch-scheduler", "tagwatch-worker"):
        spec = found["Deployment", kind]["spec"]["template"]["spec"]
        mounted = {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}
    allowed = found["NetworkPolicy", "tagwatch-cluster"]["spec"]["ingress"][0]["from"]
    assert len(allowed) == 1


def test_every_key_is_told() -> None:
    table = TEXT.partition("| key of `engine.dask`")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {*DaskForm.__struct_fields__}


def test_its_sample_can_be_used(tmp_path: Path) -> None:
    (sample,) = [text for text in samples("yaml") if text.startswith("engine")]
    path = tmp_path / "tagwatch.yaml"
    path.write_text(sample, encoding="utf-8")
    configured = load_configuration(path, root=tmp_path, environment={})
    assert engine_options(configured.settings.engine) == {"address": "tcp://127.0.0.1:8786"}
