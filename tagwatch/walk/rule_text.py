"""What every rule says of itself, for formats that document rules."""

from __future__ import annotations

from tagwatch.audit.rule.catalogue import load_rule, rule_documentation
from tagwatch.family import RULES
from tagwatch.publish.interface import RuleText

__all__ = ["rule_texts"]


def rule_texts() -> dict[str, RuleText]:
    """Title, risk and remedy of every rule, by name. Imports all of them."""
    return {name: _rule_text(name) for name in RULES}


def _rule_text(name: str) -> RuleText:
    rule, text = load_rule(name), rule_documentation(name)
    return RuleText(title=rule.title, risk=_part(text, "Risk"), remedy=_part(text, "Remedy"))


def _part(text: str, name: str) -> str:
    """The paragraph that begins with `name:`, on one line."""
    found: list[str] = []
    for line in text.splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in ("Risk", "Remedy", "Source"):
            if found:
                break
            if head == name:
                found.append(rest.strip())
        elif found:
            found.append(line.strip())
    return " ".join(found).strip()
