"""The rules by name: each is imported when it is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache

from tagwatch.audit.rule.interface import Rule
from tagwatch.errors import UsageError
from tagwatch.family import RULES
from tagwatch.member import load_place, place_of

__all__ = ["explain_rule", "load_rule", "nearest", "rule_documentation"]


@lru_cache(maxsize=256)
def _load(place: str) -> Rule:
    rule = load_place(place)
    if not isinstance(rule, Rule):
        raise UsageError(f"{place!r} is not a rule", hint="a rule is a tagwatch.audit.rule Rule")
    return rule


def load_rule(name: str, plugins: Mapping[str, str] | None = None) -> Rule:
    """The rule called `name`, of tagwatch's own or of another package.

    `plugins` (name -> "module:attribute") spares a search. Raises `UsageError` with the nearest
    name where there is none.
    """
    place = RULES.get(name) or (plugins or {}).get(name) or place_of("rules", name)
    if place is None:
        close = nearest(name, RULES)
        raise UsageError(
            f"no rule is called {name!r}",
            hint=f"did you mean {close!r}?" if close else "`tagwatch explain` lists all rules",
        )
    return _load(place)


def rule_documentation(name: str) -> str:
    """The rule's own text: what it says, Risk, Remedy and Source. Raises `UsageError`."""
    rule = load_rule(name)
    return (sys.modules[rule.check.__module__].__doc__ or "").strip()


def explain_rule(name: str) -> str:
    """What `tagwatch explain RULE` prints. Raises `UsageError` for an unknown name."""
    rule = load_rule(name)
    facts = [f"severity: {rule.severity.value}"]
    facts.append("needs: " + ", ".join(sorted(need.value for need in rule.needs)))
    facts.append(f"fix: {'--fix writes it' if rule.fixable else 'by hand'}")
    facts += [
        f"option {key}: {option.about} (default: {_shown(option.default)})"
        for key, option in rule.options.items()
    ]
    head = f"{rule.id}: {rule.title}\n" + "\n".join(f"  {fact}" for fact in facts)
    return f"{head}\n\n{rule_documentation(name)}\n"


def nearest(name: str, names: Mapping[str, object] | frozenset[str]) -> str | None:
    """The name most like `name`, where one is like enough to be what was meant."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return found[0] if found else None


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
