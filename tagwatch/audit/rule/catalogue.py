"""The rules by name. A rule is imported when it is first asked for; its row is known before."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.interface import Reads, Rule, RuleScope, row
from tagwatch.errors import ConfigError, UsageError
from tagwatch.family import RULES
from tagwatch.member import load_place, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.rule.interface import RuleRow

__all__ = [
    "explain_rule",
    "load_rule",
    "nearest",
    "needs_text",
    "reads_of",
    "rows_of",
    "rule_documentation",
]


@lru_cache(maxsize=256)
def _load(place: str) -> Rule:
    try:
        rule = load_place(place)
    except (AttributeError, ImportError, TypeError) as error:  # TypeError: of another `Rule`
        if place in RULES.values():
            raise  # a fault of ours: no user can mend it, and its traceback says where it is
        raise ConfigError(
            f"a rule of another package cannot be used: {error}",
            hint=f"update that package, or remove it; its entry point is {place!r}",
        ) from error
    if not isinstance(rule, Rule):
        raise UsageError(f"{place!r} is not a rule", hint="a rule is a tagwatch.audit.rule Rule")
    return rule


def load_rule(name: str, plugins: Mapping[str, str] | None = None) -> Rule:
    """Return the rule called `name`, from tagwatch or another package.

    `plugins` (name -> "module:attribute") saves a search of the installed packages. Raises
    `UsageError` with the nearest name where there is no such rule.
    """
    place = RULES.get(name) or (plugins or {}).get(name) or place_of("rules", name)
    if place is None:
        close = nearest(name, RULES)
        raise UsageError(
            f"no rule is called {name!r}",
            hint=f"did you mean {close!r}?" if close else "`tagwatch explain` lists all rules",
        )
    return _load(place)


def rows_of(policy: Policy) -> Iterator[RuleRow]:
    """Yield the rows of all rules that may speak somewhere under `policy`, in the table's order.

    This imports no rule of ours, and none of another package that the policy turns off.
    """
    for name in (*RULES, *policy.plugins):
        may_speak = _is_on(name, policy)
        if may_speak is False:
            continue
        found = row(name) if name in RULES else _row_of(name, load_rule(name, policy.plugins))
        if may_speak or found["severity"] is not Severity.OFF:
            yield found


def reads_of(policy: Policy) -> frozenset[Reads]:
    """Return what the rules that may speak under `policy` read; empty where text is enough."""
    return frozenset().union(*(rule["reads"] for rule in rows_of(policy)))


def _row_of(name: str, rule: Rule) -> RuleRow:
    """Return the row that a rule of another package declares."""
    return {"id": name, "severity": rule.severity, "when": rule.when, "reads": rule.reads}


def _is_on(name: str, policy: Policy) -> bool | None:
    """Return whether the policy lets the rule speak about some file or image.

    None where it leaves that to the rule's default.
    """
    if name not in policy.rules and not policy.overrides:
        return None
    said = [policy.rules[name]] if name in policy.rules else []
    said += [override.rules[name] for override in policy.overrides if name in override.rules]
    severities = [settings.severity for settings in said if settings.severity is not None]
    if any(severity is not Severity.OFF for severity in severities):
        return True
    is_off = name in policy.rules and policy.rules[name].severity is Severity.OFF
    return False if is_off else None


def rule_documentation(name: str) -> str:
    """Return the docstring of the rule's module. Raises `UsageError` for an unknown name."""
    rule = load_rule(name)
    return (sys.modules[rule.check.__module__].__doc__ or "").strip()


def explain_rule(name: str) -> str:
    """Return what `tagwatch explain RULE` prints. Raises `UsageError` for an unknown name."""
    rule = load_rule(name)
    facts = [f"severity: {rule.severity.value}"]
    facts.append("needs: " + ", ".join(needs_text(rule)))
    facts.append(f"fix: {'--fix writes it' if rule.fixable else 'by hand'}")
    facts += [
        f"option {key}: {option.about} (default: {_shown(option.default)})"
        for key, option in rule.options.items()
    ]
    head = f"{rule.id}: {rule.title}\n" + "\n".join(f"  {fact}" for fact in facts)
    return f"{head}\n\n{rule_documentation(name)}\n"


def needs_text(rule: Rule) -> list[str]:
    """Return what a rule reads in the words of `tagwatch explain`: all documents are one word."""
    words = {Reads.TAGS: "tags", Reads.HISTORY: "history"}
    found = {words.get(one, "documents") for one in rule.reads}
    if not found or rule.scope is not RuleScope.TARGET:  # asked without evidence, too
        found.add("text")
    return sorted(found)


def nearest(name: str, names: Mapping[str, object] | frozenset[str]) -> str | None:
    """Return the most similar of `names`; None where none is similar enough to be meant."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return found[0] if found else None


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
