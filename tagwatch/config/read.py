"""The strict way: files to a checked plain form that can be stored as JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import tagwatch
from tagwatch.config.document import ConfigDocument, Keys, read_document
from tagwatch.config.form import SettingsForm
from tagwatch.config.policy_check import PolicyCheck, packed
from tagwatch.config.policy_form import laid_over
from tagwatch.config.raw import expand_home, parse_duration, read_bytes
from tagwatch.config.settings import CHANNELS, channels_of, git_source_of
from tagwatch.config.strict import convert, nearest_of, operators_word
from tagwatch.config.tier import PLACES, TREE_KEYS, trees_part, untreelike
from tagwatch.errors import ConfigError, TagwatchError
from tagwatch.family import FAMILIES
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.selector import parse_selector
from tagwatch.member import place_of
from tagwatch.signature import KEY_BYTES, from_text, key_id_of

__all__ = ["read_plain"]

_MAX_EXTENDS = 16
_LONGEST_JITTER = timedelta(weeks=4)
_LONGEST_VALID = timedelta(days=90)
_MOST_SHOWN = 2000
_GIVEN = {"max_age": "24h", "sources": [], "watch": []}
_REPORTS = {
    "directory": "reports",
    "formats": ["html", "json"],
    "url": "",
    "source": "",
    "projects": None,
}
_ADDRESSES = ("webhook_env", "webhook_file", "url_env", "url_file")


def read_plain(
    path: Path | None,
    policy: str | None,
    root: Path,
    environment: Mapping[str, str],
    *,
    tree: Path | None = None,
    is_trusted: Callable[[str, str], bool] = lambda *_: False,
) -> dict[str, Any]:
    """All that both files and the policy say, checked: settings, policy, warnings, files, digests.

    `path` is the operator's file, `tree` the one found in the tree. `policy` names another policy
    file than they do. `is_trusted` is asked for a real path and a digest of what stands there only
    where a tree's file says what is the operator's; where it denies, this is left out and listed as
    `refused`. Raises `ConfigError`.
    """
    plain = _read(path, policy, root, environment, tree, confined=True)
    if plain["refused"] and is_trusted(os.path.realpath(str(tree)), plain["tree_digest"]):
        whole = _read(path, policy, root, environment, tree, confined=False)
        read = dict(whole["files"])
        if all(read.get(name, digest) == digest for name, digest in plain["files"]):
            kept = {key: plain[key] for key in ("refused", "tree_digest")}
            files = sorted((dict(plain["files"]) | read).items())
            return {**whole, **kept, "files": files, "trusted": True}
    return plain


def _read(
    path: Path | None,
    policy: str | None,
    root: Path,
    environment: Mapping[str, str],
    tree: Path | None,
    *,
    confined: bool,
) -> dict[str, Any]:
    """See `read_plain`. `confined`: of the tree's files counts only what a tree may say."""
    reader = _Reader(root, environment)
    settings, document = reader.settings_of(path)
    if document is not None:
        _finish(settings, document)
    inline = settings.pop("policy", None)
    name, rules = "built-in", {}
    if policy is not None:
        name, rules = policy, reader.policy_file(expand_home(policy, environment), ())
    elif inline is not None:
        name, rules = reader.policy_of(document, path, inline)
    tree_settings: dict[str, Any] = {}
    if tree is not None:
        reader.enter_tree(rules.get("plugins", {}), confined=confined)
        tree_settings, document = reader.settings_of(tree)
        assert document is not None
        if confined:
            tree_settings = reader.trees_part(document, tree, tree_settings)
        _finish(tree_settings, document)
        own = tree_settings.pop("policy", None)
        if own is not None and policy is None:
            name, over = reader.policy_of(document, tree, own)
            rules = _under_the_operator(rules, over)
    return {
        "tagwatch": tagwatch.__version__,
        "named": policy,
        "settings": settings,
        "tree": tree_settings,
        "refused": reader.refused,
        "tree_digest": reader.tree_digest(),
        "trusted": False,
        "policy": rules,
        "policy_name": name,
        "policy_digest": reader.policy_digest() if rules else "",
        "warnings": reader.warnings,
        "files": reader.files,
    }


def _under_the_operator(rules: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """A tree's policy laid over the operator's, whose word on ignores stays."""
    merged = laid_over(rules, over)
    if "ignore_policy" in rules:
        own = over.get("ignore_policy", {})
        merged["ignore_policy"] = {**own, **rules["ignore_policy"]}
    return merged


class _Reader:
    """Reads files, keeping their digests and what was odd about them."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._root = root.absolute()
        self._environment = environment
        self._policies: list[str] = []
        self._of_tree = False
        self._is_trustable = True
        self._confined = False
        self._plugins: dict[str, str] = {}
        self._trees: dict[str, str] = {}
        self.files: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self.refused: list[tuple[str, str]] = []

    def document(self, path: Path) -> ConfigDocument:
        raw = read_bytes(path)
        self._keep(path, hashlib.sha256(raw).hexdigest())
        return read_document(raw, self._name(path))

    def _keep(self, path: Path, digest: str) -> None:
        self.files.append((str(path.absolute()), digest))
        if self._of_tree:
            self._trees[os.path.realpath(path)] = digest

    def enter_tree(self, plugins: Mapping[str, str], *, confined: bool) -> None:
        """From now on files are the tree's. `confined`: they name no file outside it.

        Of other packages' rules they may then set only `plugins`, which the operator uses already.
        """
        self._of_tree, self._confined, self._plugins = True, confined, dict(plugins)

    def settings_of(self, path: Path | None) -> tuple[dict[str, Any], ConfigDocument | None]:
        """The plain settings of a file, and the file; nothing where there is none."""
        if path is None:
            return {}, None
        document = self.document(path)
        plain = convert(document, SettingsForm)
        # what is said counts over another file's word, also where it is the default
        for key, default in _GIVEN.items():
            if key in document.tree:
                plain.setdefault(key, default)
        if said := document.tree.get("reports"):
            given = _REPORTS | plain.get("reports", {})
            plain["reports"] = {key: given[key] for key in said}
        return plain, document

    def trees_part(
        self, document: ConfigDocument, path: Path, plain: dict[str, Any]
    ) -> dict[str, Any]:
        """The settings that a tree may give; the others are told in `refused`.

        Files in the tree that the others name are hashed, for trust goes by what was looked at. The
        database is not among them: it changes with every run.
        """
        for keys, allowed in untreelike(plain):
            self._refuse(document, keys, allowed)
            if keys[0] != "database":
                for text in _texts(_value(plain, keys)):
                    self._hash_named(path.parent, text)
        kept = trees_part(plain)
        for keys in PLACES:
            *above, last = keys
            holder = _value(kept, above) if not above or above[0] in kept else {}
            said = holder.get(last) if isinstance(holder, dict) else None
            if isinstance(said, str) and "://" not in said and self._leads_out(path.parent, said):
                self._refuse(document, keys, TREE_KEYS[".".join(keys)].words)
                del holder[last]
        return kept

    def _hash_named(self, folder: Path, text: str) -> None:
        """Hash the file in the tree that a text may name; what cannot be is never trusted."""
        try:
            file = Path(os.path.realpath(folder / expand_home(text, self._environment)))
            if not file.is_relative_to(os.path.realpath(self._root)):
                return
            raw = read_bytes(file) if file.is_file() else None
        except (OSError, ValueError):  # no path at all
            return
        except ConfigError:
            self._is_trustable = False
            return
        self._keep(file, "" if raw is None else hashlib.sha256(raw).hexdigest())

    def _refuse(self, document: ConfigDocument, keys: Keys, allowed: str) -> None:
        """Keep what a tree's file says that is the operator's, with its value for who looks."""
        value = json.dumps(document.value(keys), ensure_ascii=False)
        if len(value) > _MOST_SHOWN:
            value = f"too long to show ({len(value)} characters): read it in the file"
        self.refused.append((operators_word(document, keys, allowed), value))

    def tree_digest(self) -> str:
        """A digest of all files of the tree that were read, and where they are.

        Empty where one of them cannot be read whole: nobody can have looked at it.
        """
        if not self._is_trustable:
            return ""
        told = [f"{path}\0{digest}" for path, digest in sorted(self._trees.items())]
        return hashlib.sha256(
            "\0".join(["tagwatch trust 1", *told]).encode(errors="surrogateescape")
        ).hexdigest()

    def policy_of(
        self, document: ConfigDocument | None, path: Path | None, inline: str | dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """The name and the plain form of the policy that a configuration names or holds."""
        assert document is not None
        assert path is not None
        if isinstance(inline, str):
            if self._leads_out(path.parent, inline):
                self._refuse(document, ("policy",), "a file in the tree")
                return "built-in", {}
            file = self.named(document, ("policy",), path.parent, inline)
            return inline, self.policy_file(file, ())
        digest = next(one for name, one in self.files if name == str(path.absolute()))
        return document.name, self.policy(document, ("policy",), path, (), digest)

    def policy_file(self, path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
        document = self.document(path)
        return self.policy(document, (), path, seen, self.files[-1][1])

    def policy(
        self,
        document: ConfigDocument,
        start: tuple[str, ...],
        path: Path,
        seen: tuple[Path, ...],
        digest: str,
    ) -> dict[str, Any]:
        """The policy at `start`, laid over those that it extends."""

        def refuse(keys: Keys) -> None:
            self._refuse(document, keys, "rules of tagwatch's own")

        check = PolicyCheck(
            document, start, refuse=refuse if self._confined else None, plugins=self._plugins
        )
        plain = check.plain()
        self.warnings += check.warnings
        self._policies.append(digest)
        bases = plain.pop("extends", [])
        merged: dict[str, Any] = {}
        for index, name in enumerate(bases):
            keys: Keys = (*start, "extends", index)
            if self._leads_out(path.parent, name):
                self._refuse(document, keys, "a file in the tree")
                continue
            base = self.named(document, keys, path.parent, name).resolve()
            if base in (path.resolve(), *seen) or len(seen) > _MAX_EXTENDS:
                raise document.error(
                    (*start, "extends", index), f"{name!r} extends itself in the end"
                )
            merged = laid_over(merged, self.policy_file(base, (*seen, path.resolve())))
        return laid_over(merged, plain)

    def named(self, document: ConfigDocument, keys: Keys, folder: Path, name: str) -> Path:
        """The file that `name` at `keys` means. Raises `ConfigError` where there is none."""
        file = folder / expand_home(name, self._environment)
        if not os.path.isfile(file):  # noqa: PTH113  # `is_file` raises for a name too long
            raise document.error(keys, f"no such file: {name!r}", hint=f"looked for {str(file)!r}")
        return file

    def _leads_out(self, folder: Path, name: str) -> bool:
        """True where a confined file names one that is outside the tree, also through a link."""
        if not self._confined:
            return False
        try:
            real = os.path.realpath(folder / expand_home(name, self._environment))
        except ValueError:  # no path at all
            return True
        return not Path(real).is_relative_to(os.path.realpath(self._root))

    def policy_digest(self) -> str:
        return hashlib.sha256("\0".join(self._policies).encode()).hexdigest()

    def _name(self, path: Path) -> str:
        whole = path.absolute()
        if whole.is_relative_to(self._root):
            return whole.relative_to(self._root).as_posix()
        return path.as_posix()


def _value(plain: Any, keys: Iterable[str | int]) -> Any:
    for key in keys:
        plain = plain[key]
    return plain


def _texts(value: Any) -> Iterator[str]:
    """Every text in a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _finish(plain: dict[str, Any], document: ConfigDocument) -> None:
    """Write into each watch where it stands, and check the rest. Raises `ConfigError`."""
    for index, entry in enumerate(plain.get("watch", ())):
        entry["at"] = packed(document.value_place(("watch", index, "image")))
    _check_settings(document, plain)


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
