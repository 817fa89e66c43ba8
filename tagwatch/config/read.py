"""The strict way: files to a checked plain form that can be stored as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from os.path import isfile
from pathlib import Path
from typing import Any

import tagwatch
from tagwatch.config.document import ConfigDocument, Keys, read_document
from tagwatch.config.form import SettingsForm
from tagwatch.config.policy_check import PolicyCheck, packed
from tagwatch.config.policy_form import laid_over
from tagwatch.config.raw import expand_home, parse_duration, read_bytes
from tagwatch.config.settings import channels_of
from tagwatch.config.strict import convert, nearest_of
from tagwatch.errors import TagwatchError
from tagwatch.family import FAMILIES
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.selector import parse_selector
from tagwatch.member import place_of
from tagwatch.signature import KEY_BYTES, from_text, key_id_of

__all__ = ["read_plain"]

_MAX_EXTENDS = 16
_CRON_FIELDS = 5
_LONGEST_VALID = timedelta(days=90)
_ADDRESSES = ("webhook_env", "webhook_file", "url_env", "url_file")


def read_plain(
    path: Path | None, policy: str | None, root: Path, environment: Mapping[str, str]
) -> dict[str, Any]:
    """All that `path` and the policy say, checked: settings, policy, warnings, files and digests.

    `policy` names another policy file than the configuration does. Raises `ConfigError`.
    """
    reader = _Reader(root, environment)
    settings: dict[str, Any] = {}
    document: ConfigDocument | None = None
    if path is not None:
        document = reader.document(path)
        settings = reader.settings(document)
    inline = settings.pop("policy", None)
    if policy is not None:
        name, rules = policy, reader.policy_file(expand_home(policy, environment), ())
    elif isinstance(inline, str):
        assert document is not None
        assert path is not None
        file = reader.named(document, ("policy",), path.parent, inline)
        name, rules = inline, reader.policy_file(file, ())
    elif inline is not None:
        assert document is not None
        assert path is not None
        name, rules = document.name, reader.policy(document, ("policy",), path, ())
    else:
        name, rules = "built-in", {}
    return {
        "tagwatch": tagwatch.__version__,
        "named": policy,
        "settings": settings,
        "policy": rules,
        "policy_name": name,
        "policy_digest": reader.policy_digest() if rules else "",
        "warnings": reader.warnings,
        "files": reader.files,
    }


class _Reader:
    """Reads files, keeping their digests and what was odd about them."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._root = root.absolute()
        self._environment = environment
        self._policies: list[str] = []
        self.files: list[tuple[str, str]] = []
        self.warnings: list[str] = []

    def document(self, path: Path) -> ConfigDocument:
        raw = read_bytes(path)
        self.files.append((str(path.absolute()), hashlib.sha256(raw).hexdigest()))
        return read_document(raw, self._name(path))

    def settings(self, document: ConfigDocument) -> dict[str, Any]:
        plain = convert(document, SettingsForm)
        for index, entry in enumerate(plain.get("watch", ())):
            entry["at"] = packed(document.value_place(("watch", index, "image")))
        _check_settings(document, plain)
        return plain

    def policy_file(self, path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
        return self.policy(self.document(path), (), path, seen)

    def policy(
        self,
        document: ConfigDocument,
        start: tuple[str, ...],
        path: Path,
        seen: tuple[Path, ...],
    ) -> dict[str, Any]:
        """The policy at `start`, laid over those that it extends."""
        check = PolicyCheck(document, start)
        plain = check.plain()
        self.warnings += check.warnings
        self._policies.append(self.files[-1][1])
        bases = plain.pop("extends", [])
        merged: dict[str, Any] = {}
        for index, name in enumerate(bases):
            base = self.named(document, (*start, "extends", index), path.parent, name).resolve()
            if base in (path.resolve(), *seen) or len(seen) > _MAX_EXTENDS:
                raise document.error(
                    (*start, "extends", index), f"{name!r} extends itself in the end"
                )
            merged = laid_over(merged, self.policy_file(base, (*seen, path.resolve())))
        return laid_over(merged, plain)

    def named(self, document: ConfigDocument, keys: Keys, folder: Path, name: str) -> Path:
        """The file that `name` at `keys` means. Raises `ConfigError` where there is none."""
        file = folder / expand_home(name, self._environment)
        if not isfile(file):  # noqa: PTH113  # `Path.is_file` raises for too long a name
            raise document.error(keys, f"no such file: {name!r}", hint=f"looked for {file}")
        return file

    def policy_digest(self) -> str:
        return hashlib.sha256("\0".join(self._policies).encode()).hexdigest()

    def _name(self, path: Path) -> str:
        whole = path.absolute()
        if whole.is_relative_to(self._root):
            return whole.relative_to(self._root).as_posix()
        return path.as_posix()


def _check_settings(document: ConfigDocument, plain: dict[str, Any]) -> None:
    """What the form cannot say of settings. Raises `ConfigError`."""
    for index, name in enumerate(plain.get("reports", {}).get("formats", ())):
        _check_member(document, ("reports", "formats", index), "publishers", name)
    for place, options in channels_of(plain.get("alerts", {})):
        _check_channel(document, ("alerts", *place), options)
    _check_engine(document, plain.get("engine", "local"))
    for index, entry in enumerate(plain.get("watch", ())):
        _check_watch(document, entry, ("watch", index))
    _check_facts(document, plain.get("facts"))
    schedule = plain.get("schedule", {})
    if schedule and len(schedule["cron"].split()) != _CRON_FIELDS:
        raise document.error(
            ("schedule", "cron"),
            f"expected five fields, got {schedule['cron']!r}",
            hint='minute hour day month weekday, such as "0 2 * * *"',
        )
    if "timezone" in schedule:
        _check_timezone(document, schedule["timezone"])


def _check_member(document: ConfigDocument, keys: Keys, family: str, name: str) -> None:
    """Whether tagwatch or another package has a member of that name. Raises `ConfigError`."""
    if place_of(family, name) is None:
        what = "format" if family == "publishers" else family.removesuffix("s")
        raise document.error(
            keys, f"unknown {what} {name!r}", hint=nearest_of(name, FAMILIES[family])
        )


def _check_channel(document: ConfigDocument, keys: Keys, options: Mapping[str, Any]) -> None:
    if "plugins" in keys:
        _check_member(document, keys, "notifiers", str(keys[-1]))
    if sum(bool(options.get(key)) for key in _ADDRESSES) != 1:
        kind = "webhook" if keys[-1] == "slack" else "url"
        raise document.error(
            keys,
            "one place must hold the address",
            hint=f"name {kind}_env (a variable) or {kind}_file; the address itself is a secret",
            at_value=False,
        )


def _check_engine(document: ConfigDocument, engine: str | dict[str, Any]) -> None:
    if isinstance(engine, str):
        return
    if len(engine) != 1:
        raise document.error(
            ("engine",), "one engine must be named", hint="dask: {address: …} or plugin: {name: …}"
        )
    if "plugin" in engine:
        name = engine["plugin"]["name"]
        _check_member(document, ("engine", "plugin", "name"), "engines", name)


def _check_facts(document: ConfigDocument, facts: str | dict[str, Any] | None) -> None:
    if facts is None or isinstance(facts, str):
        return
    if not any(facts.values()):
        raise document.error(("facts",), "'source' is missing", at_value=False)
    span = parse_duration(facts.get("valid_for", "7d"))
    if not timedelta() < span <= _LONGEST_VALID:
        raise document.error(
            ("facts", "valid_for"),
            "an extract is valid for 90 days at most",
            hint="a short time is what ends an extract that somebody holds back: 7d",
        )
    for key_id, said in facts.get("public_keys", {}).items():
        keys: Keys = ("facts", "public_keys", key_id)
        given = {"key": said} if isinstance(said, str) else said
        raw = from_text(given["key"], KEY_BYTES)
        if raw is None:
            raise document.error(keys, "not a public key", hint="`tagwatch facts keygen` prints it")
        if key_id_of(raw) != key_id:
            raise document.error(
                keys,
                f"the key of this id is another one: its own is {key_id_of(raw)}",
                hint="copy both as `tagwatch facts keygen` printed them",
                at_value=False,
            )
        if "until" in given:
            _check_day(document, (*keys, "until"), given["until"])


def _check_day(document: ConfigDocument, keys: Keys, text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise document.error(keys, f"no such day: {text!r}") from error


def _check_watch(document: ConfigDocument, entry: dict[str, Any], path: Keys) -> None:
    image = entry["image"]
    try:
        Repository.parse(image.removesuffix("/*") + ("/any" if image.endswith("/*") else ""))
        for index, text in enumerate(entry.get("tags", ())):
            path = (*path[:2], "tags", index)
            if not is_tag(text):
                parse_selector(text)
    except TagwatchError as error:
        at = path if len(path) > 2 else (*path, "image")
        hint = error.hint if len(path) > 2 else 'write its tags as a list: tags: ["6.2.x"]'
        raise document.error(at, error.message, hint=hint) from error


def _check_timezone(document: ConfigDocument, name: str) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise document.error(
            ("schedule", "timezone"),
            f"unknown time zone {name!r}",
            hint="use a name such as UTC or Europe/Berlin",
        ) from error
