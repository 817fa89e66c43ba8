"""The strict way: files to a checked plain form that can be stored as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tagwatch
from tagwatch.config.document import ConfigDocument, Keys, read_document
from tagwatch.config.form import SettingsForm
from tagwatch.config.policy_check import PolicyCheck, packed
from tagwatch.config.policy_form import laid_over
from tagwatch.config.raw import expand_home, parse_duration, read_bytes
from tagwatch.config.settings import CHANNELS, channels_of
from tagwatch.config.strict import convert, nearest_of
from tagwatch.errors import ConfigError, TagwatchError
from tagwatch.family import FAMILIES
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.selector import parse_selector
from tagwatch.member import place_of

__all__ = ["read_plain"]

_MAX_EXTENDS = 16
_LONGEST_JITTER = timedelta(weeks=4)
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
        if not file.is_file():
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
    _check_alerts(document, plain.get("alerts", {}))
    healthcheck = plain.get("healthcheck")
    if isinstance(healthcheck, dict) and sum(map(bool, healthcheck.values())) != 1:
        raise document.error(
            ("healthcheck",),
            "one place must hold the address",
            hint="write the address itself, or name url_env (a variable) or url_file",
        )
    _check_engine(document, plain.get("engine", "local"))
    for index, entry in enumerate(plain.get("watch", ())):
        _check_watch(document, entry, ("watch", index))
    if "schedule" in plain:
        _check_schedule(document, plain["schedule"])
    _check_webhooks(document, plain.get("serve", {}).get("webhooks", ()))


def _check_member(document: ConfigDocument, keys: Keys, family: str, name: str) -> None:
    """Whether tagwatch or another package has a member of that name. Raises `ConfigError`."""
    if place_of(family, name) is None:
        what = {"publishers": "format", "notices": "kind"}.get(family) or family.removesuffix("s")
        raise document.error(
            keys, f"unknown {what} {name!r}", hint=nearest_of(name, FAMILIES[family])
        )


def _check_alerts(document: ConfigDocument, alerts: Any) -> None:
    """Every receiver has a name of its own, one channel, and one place that holds its address."""
    names: set[str] = set()
    for index, receiver in enumerate(alerts if isinstance(alerts, list) else ()):
        if receiver["name"] in names:
            raise document.error(
                ("alerts", index, "name"),
                f"two receivers are called {receiver['name']!r}",
                hint="messages that wait are kept under the name: give each its own",
            )
        names.add(receiver["name"])
        if sum(receiver.get(channel) is not None for channel in CHANNELS) != 1:
            raise document.error(
                ("alerts", index), "one channel must be named", hint=f"one of {', '.join(CHANNELS)}"
            )
    for place, name, options in channels_of(alerts):
        _check_channel(document, ("alerts", *place), name, options)


def _check_channel(
    document: ConfigDocument, keys: Keys, name: str, options: Mapping[str, Any]
) -> None:
    if "plugins" in keys:
        _check_member(document, keys, "notifiers", name)
    elif keys[-1] == "plugin":
        _check_member(document, (*keys, "name"), "notifiers", name)
    if sum(bool(options.get(key)) for key in _ADDRESSES) != 1:
        kind = "webhook" if keys[-1] == "slack" else "url"
        raise document.error(
            keys,
            "one place must hold the address",
            hint=f"name {kind}_env (a variable) or {kind}_file; the address itself is a secret",
            at_value=False,
        )
    if options.get("secret_env") and options.get("secret_file"):
        raise document.error(
            keys, "one place must hold the secret", hint="name secret_env or secret_file"
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


def _check_schedule(document: ConfigDocument, schedule: Mapping[str, Any]) -> None:
    from tagwatch.config.cron import times_after, zone_of

    at: Keys = ("schedule", "timezone")
    try:
        zone = zone_of(schedule.get("timezone", "UTC"))
        at = ("schedule", "cron")
        next(times_after(schedule["cron"], zone, datetime(2000, 1, 1, tzinfo=UTC)))
    except ConfigError as error:
        raise document.error(at, error.message, hint=error.hint) from error
    if parse_duration(schedule.get("jitter", "0")) > _LONGEST_JITTER:
        raise document.error(
            ("schedule", "jitter"), "longer than four weeks", hint="10m spreads a nightly scan"
        )


def _check_webhooks(document: ConfigDocument, webhooks: Sequence[Mapping[str, Any]]) -> None:
    names: set[str] = set()
    for index, one in enumerate(webhooks):
        at: Keys = ("serve", "webhooks", index)
        _check_member(document, (*at, "kind"), "notices", one["kind"])
        try:
            Repository.parse(f"{one['registry']}/any/image")
        except TagwatchError as error:
            hint = "a host, as in registry.example:5000"
            raise document.error((*at, "registry"), error.message, hint=hint) from error
        if bool(one.get("token_env")) == bool(one.get("token_file")):
            raise document.error(
                at,
                "one place must hold the secret",
                hint="name token_env (a variable) or token_file; never the secret itself",
                at_value=False,
            )
        name = one.get("name") or one["registry"]
        if name in names:
            message = f"two webhooks are called {name!r}"
            raise document.error(at, message, hint="give one a `name`", at_value=False)
        names.add(name)
