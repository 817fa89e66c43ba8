"""The pages that are made from the program: rules, configuration, policy, commands, ledger.

They are written when the documentation is built, and are in no commit: what they say cannot differ
from what the program does. `setup` is what Sphinx calls.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tagwatch.audit.rule.catalogue import load_rule, needs_text, rule_documentation
from tagwatch.audit.rule.interface import Rule
from tagwatch.cli.command import load
from tagwatch.cli.parser import parser_for
from tagwatch.config.schema import file_schema
from tagwatch.family import COMMAND_HELP, RULES

__all__ = ["pages", "setup"]

_ROOT = Path(__file__).parent.parent
_ROOT_PAGES = {
    "SECURITY.md": "threats.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_PARTS = ("Example", "Risk", "Remedy", "Source")


def pages() -> dict[str, str]:
    """Every made page: its path below `docs/` → its text in Markdown. Asks nobody."""
    return {
        "rules/index.md": _rules(),
        **{f"rules/{name}.md": _rule(load_rule(name)) for name in RULES},
        "reference/configuration.md": _configuration(),
        "reference/policy.md": _policy(),
        "reference/commands.md": _commands(),
        "reference/tables.md": _tables(),
        "reference/documents.md": _documents(),
        **{f"reference/{page}": _root_page(name) for name, page in _ROOT_PAGES.items()},
    }


def setup(app: Any) -> dict[str, bool]:
    """Write the made pages before Sphinx looks for its sources."""
    app.connect("config-inited", lambda app, _config: write(Path(app.srcdir)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(folder: Path) -> None:
    """Write every made page below `folder`; one that is no more is taken away."""
    made = pages()
    for path, text in made.items():
        file = folder / path
        file.parent.mkdir(exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
    for file in [*folder.glob("rules/*.md"), *folder.glob("reference/*.md")]:
        if file.relative_to(folder).as_posix() not in made:
            file.unlink()


def _rules() -> str:
    """The table of all rules, and the list of their pages."""
    rows = [
        (
            f"[`{rule.id}`]({rule.id}.md)",
            rule.severity.value,
            rule.title,
            ", ".join(needs_text(rule)) or "nothing",
        )
        for rule in map(load_rule, RULES)
    ]
    return (
        "# Rules\n\n"
        "A rule speaks about one image, one file, or one run. Its severity here is what it has\n"
        "where your policy says nothing; [the policy](policy.md) changes it, for all images or\n"
        "for some. `tagwatch explain RULE` prints the same text in a terminal.\n\n"
        + _table(("rule", "severity", "it says", "what it needs"), rows)
        + "\n```{toctree}\n:hidden:\n\n"
        + "\n".join(RULES)
        + "\n```\n"
    ).replace("(policy.md)", "(../reference/policy.md)")


def _rule(rule: Rule) -> str:
    """The page of one rule, from its docstring."""
    text = [f"# `{rule.id}`", f"*{rule.title}*", ""]
    facts = [
        ("severity", rule.severity.value),
        ("what it needs", ", ".join(needs_text(rule)) or "nothing"),
    ]
    facts.append(("a fix", "`--fix` writes it" if rule.fixable else "by hand"))
    text.append(_table(("", ""), facts))
    for paragraph in rule_documentation(rule.id).strip().split("\n\n"):
        text.extend(_paragraph(paragraph))
    if rule.options:
        text.append("## Options\n")
        rows = [
            (f"`{name}`", f"`{json.dumps(option.default, default=list)}`", _inline(option.about))
            for name, option in rule.options.items()
        ]
        text.append(_table(("option", "default", "about"), rows))
    text.append("## In your policy\n")
    severity = "warning" if rule.severity.value == "off" else '"off"'
    text.append(f"```yaml\nrules:\n  {rule.id}: {{severity: {severity}}}\n```\n")
    return "\n\n".join(part.rstrip("\n") for part in text if part) + "\n"


def _paragraph(paragraph: str) -> Iterable[str]:
    """One paragraph of a docstring; its named parts become headings."""
    lines: list[str] = []
    for line in paragraph.split("\n"):
        name, colon, rest = line.partition(": ")
        if colon and name in _PARTS:
            if lines:
                yield _inline("\n".join(lines))
            yield f"## {name}"
            lines = [rest[:1].upper() + rest[1:]]
        else:
            lines.append(line.strip())
    if lines:
        yield _inline("\n".join(lines))


def _configuration() -> str:
    return (
        "# tagwatch.yaml\n\n"
        "Every key, from the JSON Schema that `tagwatch schema config` prints. *Whose word*\n"
        "tells who may say it: the [tree](../trust.md) (anybody who can commit) or the operator\n"
        "alone. What is inside of a key that is the operator's is the operator's, too.\n\n"
        + _schema(file_schema("tagwatch"), "Settings", stop=("Policy",))
    )


def _policy() -> str:
    return (
        "# policy.yaml\n\n"
        "Every key, from the JSON Schema that `tagwatch schema policy` prints. The rules and\n"
        "their options have [pages of their own](../rules/index.md).\n\n"
        + _schema(file_schema("policy"), "Policy")
    )


def _schema(schema: Mapping[str, Any], root: str, *, stop: tuple[str, ...] = ()) -> str:
    """One table for each object of a schema, the root first, in the order in which they come up."""
    shapes: Mapping[str, Any] = schema["$defs"]
    order, text = [root], []
    for name in order:
        shape = shapes[name]
        rows = []
        for key, value in shape.get("properties", {}).items():
            for below in _named(value):
                if below not in order and below not in stop and "properties" in shapes[below]:
                    order.append(below)
            told = _inline(_about(value))
            if key in shape.get("required", []):
                told = f"required. {told}".rstrip()
            rows.append(
                (f"`{key}`", _kind(value, shapes, stop), _default(value), _tier(value), told)
            )
        heading = "The file" if name == root else name
        text.append(f"## {heading}\n\n{_inline(shape.get('description', ''))}\n")
        if any(row[3] for row in rows):
            text.append(_table(("key", "what", "default", "whose word", "about"), rows))
        else:
            slim = [(key, kind, default, about) for key, kind, default, _, about in rows]
            text.append(_table(("key", "what", "default", "about"), slim))
    return "\n".join(text)


def _named(value: Any) -> list[str]:
    """The shapes that a value names, at any depth."""
    if isinstance(value, dict):
        found = [value["$ref"].rpartition("/")[2]] if "$ref" in value else []
        return found + [name for part in value.values() for name in _named(part)]
    return [name for part in value for name in _named(part)] if isinstance(value, list) else []


def _kind(value: Mapping[str, Any], shapes: Mapping[str, Any], stop: tuple[str, ...]) -> str:
    """What may stand there, in a few words."""
    if "$ref" in value:
        name = str(value["$ref"]).rpartition("/")[2]
        if name in stop:
            return "[policy](policy.md)"
        return f"[{name}](#{name.lower()})" if "properties" in shapes[name] else name
    if "anyOf" in value:
        kinds = [_kind(part, shapes, stop) for part in value["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "nothing"))
    if "enum" in value or "const" in value:
        named = value.get("enum", [value.get("const")])
        return ", ".join(f"`{json.dumps(word).strip(chr(34))}`" for word in named)
    if value.get("type") == "array":
        return f"list of {_kind(value.get('items', {}), shapes, stop)}"
    if value.get("type") == "object":
        below = value.get("additionalProperties")
        return f"name → {_kind(below, shapes, stop)}" if isinstance(below, dict) else "mapping"
    words = {
        "string": "text",
        "integer": "number",
        "number": "number",
        "boolean": "true or false",
        "null": "nothing",
    }
    return words.get(str(value.get("type")), "anything")


def _about(value: Mapping[str, Any]) -> str:
    if "description" in value:
        return str(value["description"])
    told = [str(part["description"]) for part in value.get("anyOf", ()) if "description" in part]
    return "; ".join(dict.fromkeys(told))


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    return "" if default in (None, [], {}, "") else f"`{json.dumps(default, ensure_ascii=False)}`"


def _tier(value: Mapping[str, Any]) -> str:
    return str(value.get("x-tagwatch-tier", ""))


def _commands() -> str:
    """What `--help` of each command prints."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"  # the same page on every machine
    try:
        parts = []
        for name, told in COMMAND_HELP.items():
            parser = parser_for(name, load(name))
            parts.append(f"## `tagwatch {name}`\n\n{_inline(told)}\n\n{_help(parser)}")
            parts.extend(f"### `{one.prog}`\n\n{_help(one)}" for one in _below(parser))
    finally:
        os.environ.pop("COLUMNS", None)
        if before is not None:
            os.environ["COLUMNS"] = before
    return "# Commands\n\nWhat each command's `--help` prints.\n\n" + "\n".join(parts)


def _help(parser: argparse.ArgumentParser) -> str:
    return f"```text\n{parser.format_help().strip()}\n```\n"


def _below(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of a command's own commands."""
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to tell
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return list(dict.fromkeys(action.choices.values()))
    return []


def _tables() -> str:
    """The tables and views of a new ledger, as SQLite keeps their text."""
    from tagwatch.ledger.connection import SCHEMA_VERSION
    from tagwatch.ledger.upgrade import open_upgraded

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        open_upgraded(path).close()
        db = sqlite3.connect(path)
        rows = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"
            " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name"
        ).fetchall()
        db.close()
    text = [
        f"# Tables of schema {SCHEMA_VERSION}\n\n"
        "As a new ledger has them. [The ledger for people with SQL](../ledger.md) says what they\n"
        "hold, and what may change.\n"
    ]
    for name, sql in rows:
        text.append(f"## `{name}`\n\n```sql\n{sql.strip()};\n```\n")
    return "\n".join(text)


def _documents() -> str:
    """The fields of every JSON document, from the schemas in `docs/schema`."""
    folder = Path(__file__).parent / "schema"
    text = [
        "# Fields of the JSON documents\n\n"
        "From the [schemas](../json.md), which tests hold to what the commands answer. `…[]` is\n"
        "one of a list, `…{}` a value of a mapping.\n"
    ]
    for file in sorted(folder.glob("*.json")):
        schema = json.loads(file.read_text("utf-8"))
        text.append(f"## {file.name}\n\n{_inline(str(schema.get('description', '')))}\n")
        rows = list(_fields(schema, schema, "", ()))
        text.append(_table(("field", "what", "about"), rows))
    return "\n".join(text)


def _fields(
    shape: Mapping[str, Any], whole: Mapping[str, Any], path: str, seen: tuple[str, ...]
) -> Iterable[tuple[str, str, str]]:
    """A row for each field below `shape`."""
    for key, value in shape.get("properties", {}).items():
        field = f"{path}.{key}" if path else key
        one, seen_below = _followed(value, whole, seen)
        told = str(value.get("description") or one.get("description") or "")
        optional = "" if key in shape.get("required", ()) else "may be left out. "
        yield f"`{field}`", _json_kind(value, one), _inline(optional + told)
        if one is not value and one.get("$id") in seen:
            continue
        yield from _below_field(one, whole, field, seen_below)


def _below_field(
    one: Mapping[str, Any], whole: Mapping[str, Any], field: str, seen: tuple[str, ...]
) -> Iterable[tuple[str, str, str]]:
    yield from _fields(one, whole, field, seen)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(one.get(key), dict):
            below, seen_below = _followed(one[key], whole, seen)
            yield from _below_field(below, whole, f"{field}{mark}", seen_below)
    for part in one.get("anyOf", one.get("oneOf", ())):
        below, seen_below = _followed(part, whole, seen)
        yield from _below_field(below, whole, field, seen_below)


def _followed(
    value: Mapping[str, Any], whole: Mapping[str, Any], seen: tuple[str, ...]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """What a reference inside of the document stands for; nothing the second time on one path."""
    name = str(value.get("$ref", ""))
    if not name:
        return value, seen
    if not name.startswith("#/") or name in seen:
        return {"description": ""}, seen
    found: Any = whole
    for step in name[2:].split("/"):
        found = found[step]
    return found, (*seen, name)


def _json_kind(value: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    name = str(value.get("$ref", ""))
    if name and not name.startswith("#/"):
        return f"see [{name.partition('#')[0]}](#{name.partition('#')[0].replace('.', '')})"
    kinds = one.get("type")
    if kinds is None and "enum" in one:
        return ", ".join(f"`{json.dumps(word)}`" for word in one["enum"])
    if kinds is None and "const" in one:
        return f"`{json.dumps(one['const'])}`"
    if kinds is None:
        parts = [_json_kind(part, part) for part in one.get("anyOf", one.get("oneOf", ()))]
        return " or ".join(dict.fromkeys(part for part in parts if part)) or "object"
    text = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "enum" in one:
        text += ": " + ", ".join(f"`{json.dumps(word)}`" for word in one["enum"])
    return text


def _root_page(name: str) -> str:
    """A page from the root of the repository, its links as they lead here.

    What is no page of the documentation (a test, a configuration) is named without a link.
    """

    def led(link: re.Match[str]) -> str:
        text, target = link.groups()
        path, _, anchor = target.partition("#")
        if "://" in path or not path:
            return link[0]
        anchor = f"#{anchor}" if anchor else ""
        if path in _ROOT_PAGES:
            return f"[{text}]({_ROOT_PAGES[path]}{anchor})"
        if path.startswith("docs/") and path.endswith(".md"):
            return f"[{text}](../{path.removeprefix('docs/')}{anchor})"
        return text if text.startswith("`") else f"`{path}`"

    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", led, (_ROOT / name).read_text("utf-8"))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n"
        for line in lines
    )


def _inline(text: str) -> str:
    """Text of the program as Markdown: what would be markup there is not meant as such.

    Code in backticks stays as it is.
    """
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        part = parts[place]
        for mark in ("\\", "*", "_", "<", "[", "]", "{", "}"):
            part = part.replace(mark, f"\\{mark}")
        parts[place] = part
    return "`".join(parts)
