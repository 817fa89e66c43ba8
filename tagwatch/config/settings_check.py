"""What the form of tagwatch.yaml cannot say: names of members, places of secrets, keys, times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tagwatch.config.document import ConfigDocument, Keys
from tagwatch.config.plain_settings import channels_of, git_source_of
from tagwatch.config.policy_check import packed
from tagwatch.config.raw import parse_duration
from tagwatch.config.settings import CHANNELS
from tagwatch.config.strict import nearest_of
from tagwatch.errors import ConfigError, TagwatchError
from tagwatch.family import FAMILIES
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.selector import parse_selector
from tagwatch.member import place_of
from tagwatch.signature import KEY_BYTES, from_text, key_id_of

__all__ = ["check_settings"]

_LONGEST_JITTER = timedelta(weeks=4)
_LONGEST_VALID = timedelta(days=90)
_ADDRESSES = ("webhook_env", "webhook_file", "url_env", "url_file")


def check_settings(document: ConfigDocument, plain: dict[str, Any]) -> None:
    """Check what the form cannot say of settings, and write into each watch where it stands.

    Raises `ConfigError`.
    """
    for index, entry in enumerate(plain.get("watch", ())):
        entry["at"] = packed(document.value_place(("watch", index, "image")))
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
    if "*" in plain.get("registries", {}):
        raise document.error(("registries", "*"), "not a registry's host", at_value=False)
    for index, entry in enumerate(plain.get("watch", ())):
        _check_watch(document, entry, ("watch", index))
    _check_repositories(document, plain.get("sources", ()))
    _check_facts(document, plain.get("facts"))
    if "schedule" in plain:
        _check_schedule(document, plain["schedule"])
    _check_webhooks(document, plain.get("serve", {}).get("webhooks", ()))


def _check_repositories(document: ConfigDocument, sources: Sequence[Any]) -> None:
    """Whether each git repository has a name of its own. Raises `ConfigError`."""
    names: set[str] = set()
    for index, entry in enumerate(sources):
        if isinstance(entry, str):
            continue
        name = git_source_of(entry).name
        if name in names or name in ("", ".", ".."):
            raise document.error(
                ("sources", index, "git"),
                f"no name of its own: {name!r}",
                hint="say `name:`, under which its files stand in results",
            )
        names.add(name)


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
    if "dask" in engine:
        _check_cluster(document, engine["dask"])
    if "plugin" in engine:
        name = engine["plugin"]["name"]
        _check_member(document, ("engine", "plugin", "name"), "engines", name)


def _check_cluster(document: ConfigDocument, cluster: dict[str, Any]) -> None:
    scheme, has_files = cluster["address"].partition("://")[0], bool(cluster.get("security"))
    if scheme not in ("tcp", "tls"):
        raise document.error(
            ("engine", "dask", "address"),
            f"{cluster['address']!r} is no address of a scheduler",
            hint="write tls://host:8786, or tcp://127.0.0.1:8786 for one on this machine",
        )
    if (scheme == "tls") != has_files:
        raise document.error(
            ("engine", "dask", "security" if has_files else "address"),
            "a tls:// address and `security` belong together",
            hint="security: {ca: …, cert: …, key: …}",
        )


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
