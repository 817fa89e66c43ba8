"""What a policy's form cannot say: rules and their options, patterns, ranges, dates, places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.glob import canonical_pattern
from tagwatch.audit.model.policy import SCRATCH
from tagwatch.audit.rule.approval import check_range
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.interface import Option, Rule
from tagwatch.config.document import ConfigDocument, Keys
from tagwatch.config.policy_form import PolicyForm
from tagwatch.config.strict import convert, nearest_of, unknown_key, with_defaults_said
from tagwatch.errors import ConfigError, TagwatchError, UsageError
from tagwatch.family import RULES
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.member import place_of
from tagwatch.source.target import Location

__all__ = ["PolicyCheck", "packed"]

_NAMES = {bool: "true or false", int: "a whole number", str: "a text"}
_IN_NAMES = r"(?a)(?:\[[\da-fA-F:]+\])?[\w.:/*?-]*"
"""What names of images and registries are written with; an address of IPv6 stands in brackets."""
_PLURALS = {int: "whole numbers", str: "texts"}


class PolicyCheck:
    """Checks one policy, at `start` in its document, and says where its parts stand.

    `warnings` are sentences with their place: what was read, but may not be what was meant.
    `refuse`: told the key of each rule of another package that is not among `plugins`; its settings
    are left out, for a tree must not choose what is run. None: all are loaded.
    """

    def __init__(
        self,
        document: ConfigDocument,
        start: Keys = (),
        *,
        refuse: Callable[[Keys], None] | None = None,
        plugins: Mapping[str, str] | None = None,
    ) -> None:
        self._document = document
        self._start = start
        self._refuse = refuse
        self.warnings: list[str] = []
        self.plugins: dict[str, str] = dict(plugins or {})

    def plain(self) -> dict[str, Any]:
        """The plain form, each part with its place as `at`. Raises `ConfigError`."""
        plain = convert(self._document, PolicyForm, self._start)
        with_defaults_said(plain, self._document.value(self._start), PolicyForm)
        plain.pop("version", None)
        if "rules" in plain:
            plain["rules"] = self._rules(plain["rules"], ("rules",))
        for index, override in enumerate(plain.get("overrides", ())):
            path: Keys = ("overrides", index)
            override["rules"] = self._rules(override["rules"], (*path, "rules"))
            if not (override.get("paths") or override.get("images")):
                raise self._error(
                    path, "names neither paths nor images", hint="what holds everywhere is `rules`"
                )
        for index, ignore in enumerate(plain.get("ignores", ())):
            if not self._is_refused(ignore["rule"], ("ignores", index, "rule")):
                self._ignore(ignore, ("ignores", index))
        for index, base in enumerate(plain.get("bases", ())):
            self._base(base, ("bases", index))
        self._patterns(plain)
        self._place(plain)
        if self.plugins:
            plain["plugins"] = self.plugins
        return plain

    def _error(self, path: Keys, message: str, *, hint: str = "") -> ConfigError:
        return self._document.error((*self._start, *path), message, hint=hint)

    def _rules(self, rules: dict[str, dict[str, Any]], path: Keys) -> dict[str, Any]:
        return {
            name: self._rule(
                self._known(name, (*path, name), at_value=False), settings, (*path, name)
            )
            for name, settings in rules.items()
            if not self._is_refused(name, (*path, name))
        }

    def _is_refused(self, name: str, path: Keys) -> bool:
        """True for a rule of another package where such rules are not for this file to name."""
        if self._refuse is None or name in RULES or name in self.plugins:
            return False
        if place_of("rules", name) is None:
            return False  # nobody's: unknown
        self._refuse((*self._start, *path))
        return True

    def _known(self, name: str, path: Keys, *, at_value: bool) -> Rule:
        """The rule called `name` at `path`: tagwatch's own, or one that another package brings."""
        if name not in RULES and name not in self.plugins:
            place = place_of("rules", name)
            if place is None:
                raise self._document.error(
                    (*self._start, *path),
                    f"unknown rule {name!r}",
                    hint=nearest_of(name, RULES),
                    at_value=at_value,
                )
            self.plugins[name] = place
        return load_rule(name, self.plugins)

    def _rule(self, rule: Rule, settings: dict[str, Any], path: Keys) -> dict[str, Any]:
        checked: dict[str, Any] = {}
        for key, value in settings.items():
            inner = (*path, key)
            if key == "severity":
                checked[key] = self._severity(rule, value, inner)
            elif key in rule.options:
                checked[key] = self._option(rule.options[key], value, inner)
            else:
                known = ("severity", *rule.options)
                raise unknown_key(self._document, (*self._start, *inner), known, what="option")
        place = self._document.place((*self._start, *path))
        return {**checked, "at": packed(place)}

    def _severity(self, rule: Rule, value: Any, path: Keys) -> str:
        whole = (*self._start, *path)
        if value is False or (value == "off" and self._document.is_plain(whole)):
            place = self._document.value_place(whole)
            self.warnings.append(
                f'{place}: write "off" in quotes: many YAML readers take it as false'
            )
            value = "off"
        if value not in [severity.value for severity in Severity]:
            raise self._error(
                path, f"unknown value {value!r}", hint='one of: error, warning, note, "off"'
            )
        if value == "off" and rule.always_on:
            raise self._error(
                path,
                f"{rule.id} cannot be turned off",
                hint="without it, what nobody looked at would read as clean; make it a note",
            )
        return str(value)

    def _option(self, option: Option, value: Any, path: Keys) -> Any:
        for item in value if isinstance(value, list) else [value]:
            if option.choices and item not in option.choices:
                raise self._error(
                    path, f"unknown value {item!r}", hint=f"one of: {', '.join(option.choices)}"
                )
        kind = type(option.default)
        if kind is tuple:
            if not isinstance(value, list) or any(type(item) is not option.item for item in value):
                raise self._error(path, f"expected a list of {_PLURALS[option.item]}")
        elif type(value) is not kind:
            raise self._error(path, f"expected {_NAMES[kind]}, got {value!r}")
        elif kind is int and value < 0:
            raise self._error(path, "expected no negative number")
        return value

    def _ignore(self, ignore: dict[str, Any], path: Keys) -> None:
        self._known(ignore["rule"], (*path, "rule"), at_value=True)
        if not (ignore.get("image") or ignore.get("path")):
            raise self._error(
                path,
                "names neither image nor path",
                hint='to turn a rule off, write rules: {<rule>: {severity: "off"}}',
            )
        if bool(ignore.get("expires")) == ignore.get("permanent", False):
            raise self._error(
                path,
                "an ignore has an end (expires) or is permanent, one of the two",
                hint="write expires: YYYY-MM-DD",
            )
        self._checked((*path, "expires"), _day, ignore.get("expires"))

    def _base(self, base: dict[str, Any], path: Keys) -> None:
        if base["ref"] != SCRATCH:
            self._checked((*path, "ref"), Repository.parse, base["ref"])
        if base.get("allow_versions"):
            self._checked((*path, "allow_versions"), check_range, base["allow_versions"])

    def _patterns(self, plain: dict[str, Any]) -> None:
        for index, text in enumerate(plain.get("tags", {}).get("immutable", ())):
            self._checked(("tags", "immutable", index), _regex, text)
        defaults = plain.get("defaults", {})
        for key in ("platforms", "audited"):
            named = defaults.get(key, ())
            for index, text in enumerate(() if named == "all" else named):
                self._checked(("defaults", key, index), Platform.parse, text)
        if "registry" in defaults:
            self._checked(("defaults", "registry"), _registry, defaults["registry"])
        for name, check in (("registries", _registries), ("repositories", _repositories)):
            listed = plain.get(name, {})
            for index, text in enumerate(listed.get("allow", ())):
                self._checked((name, "allow", index), check, text)
            for index, entry in enumerate(listed.get("deny", ())):
                keys: Keys = (name, "deny", index)
                if isinstance(entry, str):
                    self._checked(keys, check, entry)
                else:
                    self._checked((*keys, "match"), check, entry["match"])
        for place, override in enumerate(plain.get("overrides", ())):
            for index, text in enumerate(override.get("images", ())):
                self._checked(("overrides", place, "images", index), _images, text)
        for index, ignore in enumerate(plain.get("ignores", ())):
            self._checked(("ignores", index, "image"), _images, ignore.get("image") or None)

    def _checked(self, path: Keys, check: Any, value: Any) -> None:
        if value is None:
            return
        try:
            check(value)
        except TagwatchError as error:
            raise self._error(path, error.message, hint=error.hint) from error

    def _place(self, plain: dict[str, Any]) -> None:
        """Write into each part where it stands."""
        for name in ("registries", "repositories"):
            if name in plain:
                plain[name]["at"] = self._at(name)
                plain[name]["deny"] = [
                    {**({"match": entry} if isinstance(entry, str) else entry)}
                    | {"at": self._at(name, "deny", index)}
                    for index, entry in enumerate(plain[name].get("deny", ()))
                ]
        for name in ("bases", "overrides", "ignores"):
            for index, entry in enumerate(plain.get(name, ())):
                entry["at"] = self._at(name, index)

    def _at(self, *path: str | int) -> list[str | int]:
        return packed(self._document.place((*self._start, *path)))


def _images(text: str) -> None:
    """Raise `UsageError` where a pattern matches no image at all, whatever the image is."""
    name = canonical_pattern(text)[0]
    path = name.partition("/")[2]
    if "://" in text:
        why = "an address has no place here"
    elif re.search(r"\s", text):
        why = "it has white space in it"
    elif path != path.lower():
        why = "a repository name is lower case"
    elif name.endswith("/"):
        why = "it ends with a slash; `/**` means everything below"
    elif re.fullmatch(_IN_NAMES, name) is None:
        why = "the wildcards are `*`, `**` and `?`, and a pattern names one thing"
    elif not {"", ".", ".."}.isdisjoint(name.split("/")):
        why = "a part of the name is missing"
    else:
        return
    raise UsageError(f"no image matches {text!r}: {why}", hint="write [registry/]name[:tag]")


def _registries(text: str) -> None:
    """Raise `UsageError` where a pattern matches no registry and no repository."""
    if "/" in text:
        _repositories(text)
    elif re.fullmatch(_IN_NAMES, text) is None:
        raise UsageError(f"no registry matches {text!r}", hint="write a host, as quay.io")


def _repositories(text: str) -> None:
    """Raise `UsageError` where a pattern matches no repository."""
    _images(text)
    host, _, port = text.rpartition(":")
    if "/" not in text and ("." in host or host == "localhost") and re.fullmatch(r"[\d*?]+", port):
        raise UsageError(
            f"no repository matches {text!r}: that is a registry", hint=f"write {text}/**"
        )
    if canonical_pattern(text)[1:] != (None, None):
        raise UsageError(
            f"no repository matches {text!r}: these lists are about repositories, and not tags",
            hint="leave the tag or digest out",
        )
    if "/" not in text and "." in text:
        raise UsageError(
            f"no repository matches {text!r}: that is a registry", hint=f"write {text}/**"
        )


def packed(place: Location) -> list[str | int]:
    """A location as a list, for plain forms."""
    return [place.path, place.line, place.column, place.end_line, place.end_column]


def _day(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"no day: {text!r}", hint="write YYYY-MM-DD") from error


def _regex(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ConfigError(f"not a regular expression: {text!r}: {error}") from error


def _registry(text: str) -> None:
    if Reference.parse(f"{text}/x").repository.registry != text:
        raise ConfigError(f"not a registry host: {text!r}", hint="write host[:port]")
