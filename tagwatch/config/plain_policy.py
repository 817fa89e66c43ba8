"""The policy from its plain form, and the plain form laid over that of another file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import (
    AccessList,
    ApprovedBase,
    Defaults,
    Denied,
    IgnorePolicy,
    Override,
    Policy,
    PolicyIgnore,
    RuleSettings,
)
from tagwatch.config.raw import parse_duration
from tagwatch.image.platform import EVERY_PLATFORM, Platform
from tagwatch.source.target import Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["laid_over", "location_of", "policy_of"]

_AT = "at"


def policy_of(plain: Mapping[str, Any], *, name: str, digest: str) -> Policy:
    """The policy of a validated plain form; `at` in its parts is where they stand."""
    fail_on = plain.get("fail_on", "error")
    return Policy(
        name=name,
        digest=digest,
        fail_on=None if fail_on == "never" else Severity(fail_on),
        on_unavailable=plain.get("on_unavailable", "warn"),
        defaults=_defaults(plain.get("defaults", {})),
        registries=_access(plain.get("registries", {})),
        repositories=_access(plain.get("repositories", {})),
        bases=tuple(_base(entry) for entry in plain.get("bases", ())),
        accept_claims=plain.get("accept_claims", False),
        immutable=tuple(plain.get("tags", {}).get("immutable", ())),
        rules=_rules(plain.get("rules", {})),
        overrides=tuple(
            Override(
                rules=_rules(entry["rules"]),
                paths=tuple(entry.get("paths", ())),
                images=tuple(entry.get("images", ())),
                place=location_of(entry),
            )
            for entry in plain.get("overrides", ())
        ),
        ignores=tuple(_ignore(entry) for entry in plain.get("ignores", ())),
        ignore_policy=IgnorePolicy(**plain.get("ignore_policy", {})),
        plugins=plain.get("plugins", {}),
    )


def laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`: lists are joined, base first; mappings merged; single values replaced."""
    merged = dict(base)
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = laid_over(before, value)
        elif isinstance(before, list) and isinstance(value, list) and key != _AT:
            merged[key] = before + value
        else:
            merged[key] = value
    return merged


def location_of(entry: Mapping[str, Any]) -> Location | None:
    """The place that a part of a plain form carries."""
    at = entry.get(_AT)
    if at is None:
        return None
    path, line, column, end_line, end_column = at
    return Location(path=path, line=line, column=column, end_line=end_line, end_column=end_column)


def _defaults(plain: Mapping[str, Any]) -> Defaults:
    values: dict[str, Any] = {key: plain[key] for key in ("registry", "host_os") if key in plain}
    values |= {
        key: parse_duration(plain[key]) for key in ("cooldown", "stale_grace") if key in plain
    }
    return Defaults(
        platforms=tuple(map(Platform.parse, plain.get("platforms", ()))),
        audited_alone=_audited(plain.get("audited", ())),
        asks_cooldown="cooldown" in plain,
        **values,
    )


def _audited(plain: str | Sequence[str]) -> tuple[Platform, ...]:
    """The platforms of `audited: all` or of a list."""
    return (EVERY_PLATFORM,) if plain == "all" else tuple(map(Platform.parse, plain))


def _access(plain: Mapping[str, Any]) -> AccessList:
    return AccessList(
        allow=tuple(plain.get("allow", ())),
        deny=tuple(
            Denied(match=entry["match"], reason=entry.get("reason", ""), place=location_of(entry))
            for entry in plain.get("deny", ())
        ),
        place=location_of(plain),
    )


def _base(entry: Mapping[str, Any]) -> ApprovedBase:
    return ApprovedBase(
        reference=entry["ref"],
        tags=tuple(entry.get("tags", ())),
        allow_versions=entry.get("allow_versions", ""),
        max_behind=entry.get("max_behind"),
        immutable=entry.get("immutable", False),
        place=location_of(entry),
    )


def _rules(plain: Mapping[str, Mapping[str, Any]]) -> dict[str, RuleSettings]:
    return {name: _rule(settings) for name, settings in plain.items()}


def _rule(plain: Mapping[str, Any]) -> RuleSettings:
    place = location_of(plain)
    return RuleSettings(
        severity=Severity(plain["severity"]) if "severity" in plain else None,
        options={
            key: tuple(value) if isinstance(value, list) else value
            for key, value in plain.items()
            if key not in ("severity", _AT)
        },
        places=(place,) if place is not None else (),
    )


def _ignore(entry: Mapping[str, Any]) -> PolicyIgnore:
    unread = ("expires", "ticket", _AT)  # a ticket stands there for people
    values = {key: value for key, value in entry.items() if key not in unread}
    expires = entry.get("expires")
    return PolicyIgnore(
        expires=date.fromisoformat(expires) if expires else None, place=location_of(entry), **values
    )
