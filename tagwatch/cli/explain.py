"""`tagwatch explain`: what a rule says, why, and how to fix what it finds."""

from __future__ import annotations

import argparse

from tagwatch.cli.command import Command
from tagwatch.cli.shell import answer
from tagwatch.family import RULES

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `explain`."""
    parser.add_argument(
        "rule", metavar="RULE", nargs="?", help="a rule; none: all of them, a line each"
    )


def run(options: argparse.Namespace) -> int:
    """Print one rule's text, or the table of all."""
    from tagwatch.audit.rule.catalogue import explain_rule, load_rule

    if options.rule:
        answer(explain_rule(options.rule))
        return 0
    rules = [load_rule(name) for name in RULES]
    width = max(len(rule.id) for rule in rules)
    lines = [f"{rule.id:<{width}}  {rule.severity.value:<7}  {rule.title}" for rule in rules]
    answer("\n".join(lines) + "\n")
    return 0


command = Command(help="what a rule says, why, and how to fix it", arguments=arguments, run=run)
