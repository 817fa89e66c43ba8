"""`tagwatch explain`: what a rule says, why, and how to fix what it finds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tagwatch.cli.command import Command, add_answer
from tagwatch.cli.shell import answer, answer_text
from tagwatch.family import RULES

if TYPE_CHECKING:
    from tagwatch.audit.rule.interface import Rule

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `explain`."""
    parser.add_argument(
        "rule", metavar="RULE", nargs="?", help="a rule; none: all of them, a line each"
    )
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print one rule's text, or the table of all."""
    from tagwatch.audit.rule.catalogue import explain_rule, load_rule

    rules = [load_rule(name) for name in ([options.rule] if options.rule else RULES)]
    if options.format == "json":
        from tagwatch.publish.json_text import dump

        answer(dump({"schema_version": 1, "rules": [_document(rule) for rule in rules]}))
    elif options.rule:
        answer_text(explain_rule(options.rule), flows=True)
    else:
        width = max(len(rule.id) for rule in rules)
        lines = [f"{rule.id:<{width}}  {rule.severity.value:<7}  {rule.title}" for rule in rules]
        answer_text("\n".join(lines) + "\n")
    return 0


def _document(rule: Rule) -> dict[str, Any]:
    from tagwatch.audit.rule.catalogue import needs_text, rule_documentation

    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.value,
        "needs": needs_text(rule),
        "fixable": rule.fixable,
        "options": {
            name: {"default": option.default, "about": option.about}
            for name, option in rule.options.items()
        },
        "text": rule_documentation(rule.id),
    }


command = Command(arguments=arguments, run=run)
