"""The generated blocks of README.md. `python -m tests.readme` writes them; a test compares them."""

from __future__ import annotations

import re
from collections.abc import Callable

from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.cli.main import load
from tagwatch.family import COMMANDS, RULES, RULES_OFF
from tests.paths import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- begin (\w+) [^>]*-->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)


def commands() -> str:
    rows = [f"| `tagwatch {name}` | {load(name).help} |" for name in COMMANDS]
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows])


def rules() -> str:
    rows = []
    for name in RULES:
        rule = load_rule(name)
        severity = f"({rule.severity.value}, off)" if name in RULES_OFF else rule.severity.value
        rows.append(f"| `{rule.id}` | {severity} | {rule.title} |")
    return "\n".join(["| rule | severity | it says |", "| --- | --- | --- |", *rows])


BLOCKS: dict[str, Callable[[], str]] = {"commands": commands, "rules": rules}


def generated(text: str) -> str:
    """README's text with each generated block as it should be."""

    def block(found: re.Match[str]) -> str:
        make = BLOCKS.get(found[2])
        return found[0] if make is None else f"{found[1]}\n{make()}\n\n{found[4]}"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    README.write_text(generated(README.read_text(encoding="utf-8")), encoding="utf-8")
