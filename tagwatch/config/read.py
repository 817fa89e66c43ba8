"""The strict way: files to a checked plain form that can be stored as JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tagwatch
from tagwatch.config.document import ConfigDocument, Keys, read_document
from tagwatch.config.plain_policy import laid_over
from tagwatch.config.policy_check import PolicyCheck
from tagwatch.config.raw import expand_home, read_bytes
from tagwatch.config.settings_check import check_settings
from tagwatch.config.settings_form import SettingsForm
from tagwatch.config.strict import convert, operators_word
from tagwatch.config.tier import PLACES, TREE_KEYS, trees_part, untreelike
from tagwatch.errors import ConfigError

__all__ = ["read_plain"]

_MAX_EXTENDS = 16
_MOST_SHOWN = 2000
_GIVEN = {"max_age": "24h", "sources": [], "watch": []}
_REPORTS = {
    "directory": "reports",
    "formats": ["html", "json"],
    "url": "",
    "source": "",
    "projects": None,
}


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
        check_settings(document, settings)
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
        check_settings(document, tree_settings)
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
