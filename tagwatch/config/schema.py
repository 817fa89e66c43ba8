"""JSON Schemas of the two files, made from their forms and from the rules: `tagwatch schema`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.interface import Option, Rule
from tagwatch.config.document import Keys
from tagwatch.config.form import Form
from tagwatch.config.policy_form import PolicyForm
from tagwatch.config.settings_form import SettingsForm
from tagwatch.config.tier import tier_of, words_of
from tagwatch.errors import UsageError
from tagwatch.family import RULES

__all__ = ["FILES", "file_schema"]

FILES: dict[str, type[Form]] = {"tagwatch": SettingsForm, "policy": PolicyForm}
"""The files that `tagwatch schema` prints a schema of."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {bool: "boolean", int: "integer", str: "string"}


def file_schema(name: str) -> dict[str, Any]:
    """The schema of `tagwatch` (tagwatch.yaml) or `policy` (policy.yaml). Imports every rule.

    Raises `UsageError` for another name.
    """
    if name not in FILES:
        raise UsageError(f"no schema is called {name!r}", hint=f"one of: {', '.join(FILES)}")
    (root,), definitions = msgspec.json.schema_components([FILES[name]])
    if name == "tagwatch":
        (policy,), more = msgspec.json.schema_components([FILES["policy"]])
        definitions |= more
        _allow(definitions["SettingsForm"]["properties"]["policy"], policy)
        _show_tiers("SettingsForm", (), definitions)
    definitions["Rules"] = _rules()
    for form in ("PolicyForm", "OverrideForm"):
        definitions[form]["properties"]["rules"] = {"$ref": "#/$defs/Rules"}
    shown = {_renamed(key): _tidied(value) for key, value in sorted(definitions.items())}
    return {"$schema": _DIALECT, "title": f"{name}.yaml", **_tidied(root), "$defs": shown}


def _allow(given: dict[str, Any], policy: Mapping[str, Any]) -> None:
    """Put the policy's own form where the settings only say that it is a mapping."""
    for index, one in enumerate(given["anyOf"]):
        if one.get("type") == "object":
            given["anyOf"][index] = dict(policy)


def _show_tiers(form: str, path: Keys, definitions: Mapping[str, Any]) -> None:
    """Write into each property who may say it, for people and for editors."""
    for key, shape in definitions[form]["properties"].items():
        keys = (*path, key)
        tier = tier_of(keys)
        shape["x-tagwatch-tier"] = tier
        if words := words_of(keys):
            shape["x-tagwatch-tree"] = words
        below = (*keys, "*") if key == "registries" else keys
        for inner in _forms_in(shape) if tier == "mixed" else ():
            _show_tiers(inner, below, definitions)


def _forms_in(shape: Any) -> Iterator[str]:
    """The names of the forms that a property's shape refers to."""
    if isinstance(shape, dict):
        for key, value in shape.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _forms_in(value)
    elif isinstance(shape, list):
        for one in shape:
            yield from _forms_in(one)


def _rules() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _rule(load_rule(name)) for name in RULES},
        # a rule of another package is known by its entry point only
        "additionalProperties": {"type": "object"},
    }


def _rule(rule: Rule) -> dict[str, Any]:
    severities = [one.value for one in Severity if one is not Severity.OFF or not rule.always_on]
    return {
        "type": "object",
        "description": rule.title,
        "properties": {
            "severity": {"enum": severities, "default": rule.severity.value},
            **{name: _option(option) for name, option in rule.options.items()},
        },
        "additionalProperties": False,
    }


def _option(option: Option) -> dict[str, Any]:
    limits = {"enum": list(option.choices)} if option.choices else {}
    if isinstance(option.default, tuple):
        items = {"type": _TYPES[option.item], **limits}
        shape: dict[str, Any] = {"type": "array", "items": items, "default": list(option.default)}
    else:
        shape = {"type": _TYPES[type(option.default)], **limits, "default": option.default}
        if shape["type"] == "integer":
            shape["minimum"] = 0
    return {"description": option.about, **shape}


def _renamed(name: str) -> str:
    return name.removesuffix("Form")


def _tidied(value: Any) -> Any:
    """Names and titles as the files have them, not as the program calls its types."""
    if isinstance(value, dict):
        return {
            key: item.replace("Form", "") if key == "$ref" else _tidied(item)
            for key, item in value.items()
            if key != "title"
        }
    return [_tidied(item) for item in value] if isinstance(value, list) else value
