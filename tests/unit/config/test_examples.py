"""The annotated examples are read as they stand, and the schemas are those of this program.

`python -m tests.unit.config.test_examples` writes the schemas anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
import yaml

from tagwatch.config.load import load_configuration
from tagwatch.config.policy_form import PolicyForm
from tagwatch.config.schema import FILES, file_schema
from tagwatch.config.settings_form import SettingsForm
from tagwatch.errors import UsageError
from tagwatch.family import RULES
from tests.paths import ROOT

CONFIG = ROOT / "config"


def schema_text(name: str) -> str:
    return json.dumps(file_schema(name), indent=2, ensure_ascii=False) + "\n"


def schema_path(name: str) -> Path:
    return CONFIG / f"{name}.schema.json"


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_schema_is_up_to_date(name: str) -> None:
    assert schema_path(name).read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_example_is_valid_by_the_schema(name: str) -> None:
    schema = json.loads(schema_path(name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    plain = yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8"))
    for ignore in plain.get("ignores", ()):
        ignore["expires"] = str(ignore["expires"])
    jsonschema.Draft202012Validator(schema).validate(plain)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tagwatch", "databse: x"),
        ("tagwatch", "registries: {a.io: {insecur: true}}"),
        ("tagwatch", "policy: {rules: {tag-latest: {severity: fatal}}}"),
        ("policy", "rules: {check-incomplete: {severity: 'off'}}"),
        ("policy", "rules: {base-behind: {level: all}}"),
        ("policy", "overrides: [{rules: {cooldown: {dayz: 3}}}]"),
        ("policy", "fail_on: always"),
    ],
)
def test_the_schema_refuses_what_the_program_refuses(name: str, text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(file_schema(name)).validate(yaml.safe_load(text))


def test_the_examples_say_what_their_comments_say() -> None:
    read = load_configuration(CONFIG / "tagwatch.yaml", {}, ROOT)
    assert read.warnings == ()
    assert read.settings.database == CONFIG / "../tagwatch.db"
    assert read.settings.watch[0].image == "redis"
    assert read.policy.name == "policy.yaml"
    assert read.policy.bases[0].max_behind == 2
    assert read.policy.ignores[0].owner == "team-shop"


def test_the_examples_show_every_key() -> None:
    shown = yaml.safe_load((CONFIG / "policy.yaml").read_text(encoding="utf-8"))
    assert set(shown) == {*PolicyForm.__struct_fields__} - {"extends"}
    shown = yaml.safe_load((CONFIG / "tagwatch.yaml").read_text(encoding="utf-8"))
    assert set(shown) == {*SettingsForm.__struct_fields__} - {"facts", "knowledge", "project"}
    assert {"# facts", "# knowledge", "# project"} <= {
        line.partition(":")[0]
        for line in (CONFIG / "tagwatch.yaml").read_text("utf-8").splitlines()
    }  # files that are not there, and a name that nobody should copy


def test_every_rule_is_in_the_schema() -> None:
    assert set(file_schema("policy")["$defs"]["Rules"]["properties"]) == set(RULES)


def test_there_is_no_other_schema() -> None:
    with pytest.raises(UsageError):
        file_schema("rules")


if __name__ == "__main__":
    for one in FILES:
        schema_path(one).write_text(schema_text(one), encoding="utf-8")
