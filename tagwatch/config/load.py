"""Finding and reading the configuration: strict when a file changed, from a stored form else.

`load_configuration` is the one way in. With a cache folder, files that were checked before (known
by path and content) are not parsed again: no YAML, no msgspec, a JSON read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import tagwatch
from tagwatch.audit.model.policy import Policy
from tagwatch.config.plain_policy import policy_of
from tagwatch.config.plain_settings import combined, settings_of
from tagwatch.config.raw import expand_home, foreign, parse_duration, read_bytes
from tagwatch.config.settings import Settings
from tagwatch.errors import ConfigError
from tagwatch.image.digest import sha256
from tagwatch.value import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "NAMES",
    "Configuration",
    "Files",
    "checked_form",
    "configuration_of",
    "find_configuration",
    "load_configuration",
    "operators_places",
    "read_secret",
]

NAMES = ("tagwatch.yaml", ".tagwatch.yaml", "config/tagwatch.yaml")
"""Where a configuration is looked for at the root of a repository, in this order."""

_POLICY = "TAGWATCH_POLICY"
_MOST_OF_SECRET = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Settings and policy, and what was odd about their files."""

    settings: Settings = field(default_factory=Settings)
    policy: Policy = field(default_factory=Policy)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files that count: at most one of the operator's, and one of the tree's."""

    operator: Path | None = None
    tree: Path | None = None


def find_configuration(
    explicit: str | os.PathLike[str] | None,
    environment: Mapping[str, str],
    root: Path,
    *,
    trees: bool = True,
    etc: Path = Path("/etc"),
) -> Files:
    """The files to read. `explicit`, else `$TAGWATCH_CONFIG`: that one alone; empty: none at all.

    Otherwise the operator's own (`operators_places`) and the first of `NAMES` in `root`; the latter
    only where `trees`. Raises `ConfigError` where the one that is named is missing, where a file
    belongs to somebody else, or where a tree's leads out of it.
    """
    named = explicit if explicit is not None else environment.get("TAGWATCH_CONFIG")
    if named is not None:
        if not os.fspath(named):
            return Files()
        path = Path(named) if explicit is not None else expand_home(str(named), environment)
        if not path.is_file():
            raise ConfigError(
                f"{path}: there is no such configuration file",
                hint="`tagwatch init` writes one",
            )
        return Files(operator=path)
    places = operators_places(environment, etc)
    # `Path.is_file` raises for a home that may not be looked into; a service may have such a one
    own = next((one for one in places if os.path.isfile(one)), None)  # noqa: PTH113
    if own is not None:
        whose = foreign(own)
        if Path(os.path.realpath(own)).is_relative_to(os.path.realpath(root)):
            whose = "lies in the tree that is looked at"  # some CI puts the home there
        if whose:
            raise ConfigError(
                f"{own}: the operator's file {whose}",
                hint="it decides where logins go: keep it where only you write, or name it with "
                "--config",
            )
    return Files(operator=own, tree=_tree_file(root) if trees else None)


def operators_places(environment: Mapping[str, str], etc: Path = Path("/etc")) -> tuple[Path, ...]:
    """Where the operator's file is looked for: the user's folder, then the system's.

    The first one is where `tagwatch init` writes it. An environment that names no home has none.
    """
    if sys.platform == "win32":
        named = [environment.get("APPDATA"), environment.get("PROGRAMDATA")]
        folders = [Path(name) for name in named if name]
    else:
        home = Path(environment["HOME"]) if environment.get("HOME") else None
        xdg = environment.get("XDG_CONFIG_HOME", "")
        folders = []
        if xdg.startswith("/"):  # the specification says to pass over relative ones
            folders = [Path(xdg)]
        elif home is not None and sys.platform == "darwin":
            folders = [home / "Library" / "Application Support", home / ".config"]
        elif home is not None:
            folders = [home / ".config"]
        system = Path("/Library/Application Support") if sys.platform == "darwin" else etc
        folders.append(system)
    return tuple(folder / "tagwatch" / "tagwatch.yaml" for folder in folders)


def _tree_file(root: Path) -> Path | None:
    """The tree's file. Raises `ConfigError` where it is not to be read."""
    path = next((path for path in (root / name for name in NAMES) if path.is_file()), None)
    if path is None:
        return None
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise ConfigError(
            f"{path}: it is a link that leads out of the tree", hint="name it with --config"
        )
    git = root / ".git"
    for one in (root, git, path):
        if (one is not git or one.exists()) and (whose := foreign(one, by_others=False)):
            raise ConfigError(
                f"{path}: not read, because {str(one)!r} {whose}",
                hint="name a file of your own with --config, or check it as a stranger's: "
                "--untrusted",
            )
    return path


def load_configuration(
    path: Path | None,
    environment: Mapping[str, str],
    root: Path,
    *,
    tree: Path | None = None,
    cache: Path | None = None,
    trust: Path | None = None,
    pass_over: bool = False,
) -> Configuration:
    """Read settings and policy from `path`, the environment laid over them.

    `path` None: the built-in ones. `tree`: the tree's file, which may say less (`config/tier.py`)
    unless `trust` (see `config/trust.py`) knows it as it stands. What it may not say is an error,
    or with `pass_over` a warning. `root`: what paths in messages are relative to, and the tree.
    `cache`: a folder for checked forms. Raises `ConfigError` with path, line and column.

    `TAGWATCH_DATABASE`, `TAGWATCH_MAX_AGE`, `TAGWATCH_POLICY`, `TAGWATCH_REPORTS` (the directory)
    and `TAGWATCH_REPORTS_URL` win over the file.
    """
    files = Files(operator=path, tree=tree)
    plain = checked_form(files, environment, root, cache=cache, trust=trust)
    return configuration_of(plain, files, environment, root, pass_over=pass_over)


def checked_form(
    files: Files,
    environment: Mapping[str, str],
    root: Path,
    *,
    cache: Path | None = None,
    trust: Path | None = None,
) -> dict[str, Any]:
    """Return what the files and the policy say, checked, as JSON can hold it.

    See `read.read_plain` and `load_configuration`. Raises `ConfigError`.
    """

    def is_trusted(real: str, digest: str) -> bool:
        from tagwatch.config.trust import is_trusted as look_up

        return trust is not None and look_up(trust, real, digest)

    path, tree = files.operator, files.tree
    plain = _from_cache(path, tree, environment, root, cache)
    if plain is not None and plain["refused"]:
        assert tree is not None
        if is_trusted(os.path.realpath(tree), plain["tree_digest"]) != plain["trusted"]:
            plain = None
    if plain is None:
        from tagwatch.config.read import read_plain

        named = environment.get(_POLICY)
        plain = read_plain(path, named, root, environment, tree=tree, is_trusted=is_trusted)
        _to_cache(plain, path, tree, root, cache)
    return plain


def configuration_of(
    plain: Mapping[str, Any],
    files: Files,
    environment: Mapping[str, str],
    root: Path,
    *,
    pass_over: bool = False,
) -> Configuration:
    """Return the configuration of a checked form; see `load_configuration`.

    Raises `ConfigError`.
    """
    path, tree = files.operator, files.tree
    warnings = tuple(plain["warnings"])
    if plain["refused"] and not plain["trusted"]:
        own = next(iter(operators_places(environment)), None)
        warnings += _refusal(plain["refused"], own, pass_over=pass_over)
    settings = Settings()
    if path is not None:
        settings = settings_of(plain["settings"], path, environment)
    if tree is not None:
        said = settings_of(plain["tree"], tree, environment)
        settings = combined(settings, said, plain, root=None if plain["trusted"] else root)
    return Configuration(
        settings=_with_environment(settings, environment),
        policy=policy_of(plain["policy"], name=plain["policy_name"], digest=plain["policy_digest"]),
        warnings=warnings,
    )


def _refusal(
    refused: Sequence[tuple[str, str]], own: Path | None, *, pass_over: bool
) -> tuple[str, ...]:
    """The note that keys of the operator's were passed over. Raises `ConfigError` with the first.

    What such a key says would change the answer, so going on without it is right only where nobody
    is asked.
    """
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    if pass_over:
        return (f"{refused[0][0]}{more}: passed over; `tagwatch trust` shows what it says",)
    raise ConfigError(
        f"{refused[0][0]}{more}",
        hint=f"move it to your own file ({own}), or look at it and run `tagwatch trust`; "
        "`--config FILE` is your word for a file, --untrusted leaves the tree's out",
    )


def read_secret(env: str, file: Path | None, environment: Mapping[str, str]) -> str:
    """The secret that a variable or file holds. Raises `ConfigError`, never with the secret."""
    if env:
        secret = environment.get(env, "").strip()
        if not secret:
            raise ConfigError(
                f"the environment variable {env!r} is not set", hint="it holds the address"
            )
        return secret
    if file is None:
        raise ConfigError(
            "no address is configured", hint="name a variable or a file that holds it"
        )
    try:
        with file.open("rb") as opened:
            secret = opened.read(_MOST_OF_SECRET).decode().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{file}: the address cannot be read: {reason}") from error
    if not secret:
        raise ConfigError(f"{file}: the file is empty", hint="it holds the address")
    return secret


def _with_environment(settings: Settings, environment: Mapping[str, str]) -> Settings:
    changes: dict[str, Any] = {}
    if text := environment.get("TAGWATCH_DATABASE"):
        changes["database"] = expand_home(text, environment)
    if text := environment.get("TAGWATCH_MAX_AGE"):
        try:
            changes["max_age"] = parse_duration(text)
        except ConfigError as error:
            raise ConfigError(f"TAGWATCH_MAX_AGE: {error.message}", hint=error.hint) from error
    reports = settings.reports
    if text := environment.get("TAGWATCH_REPORTS"):
        reports = replace(reports, directory=expand_home(text, environment))
    if text := environment.get("TAGWATCH_REPORTS_URL"):
        reports = replace(reports, url=text)
    return replace(settings, reports=reports, **changes)


def _from_cache(
    path: Path | None,
    tree: Path | None,
    environment: Mapping[str, str],
    root: Path,
    cache: Path | None,
) -> dict[str, Any] | None:
    """The stored form, where every file that it was made of is still the same."""
    if (path is None and tree is None) or cache is None:
        return None
    try:
        stored = json.loads(_cache_file(cache, path, tree, root).read_bytes())
        made_with = (stored["tagwatch"], stored["named"])
        if made_with != (tagwatch.__version__, environment.get(_POLICY)):
            return None
        for name, digest in stored["files"]:
            if not digest and Path(name).exists():
                return None  # a file that was not there
            if digest and sha256(read_bytes(Path(name))) != digest:
                return None
        if not {"tree", "tree_digest", "refused", "trusted"} <= stored.keys():
            return None  # an older form
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return None  # not stored, damaged or a file is gone: the strict way tells what is wrong
    return stored if isinstance(stored, dict) else None


def _to_cache(
    plain: Mapping[str, Any],
    path: Path | None,
    tree: Path | None,
    root: Path,
    cache: Path | None,
) -> None:
    """Store a checked form; a folder that cannot be written only costs time."""
    if (path is None and tree is None) or cache is None:
        return
    target = _cache_file(cache, path, tree, root)
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(json.dumps(plain), encoding="utf-8")
        draft.replace(target)
    except OSError:
        from contextlib import suppress

        with suppress(OSError):
            draft.unlink()


def _cache_file(cache: Path, path: Path | None, tree: Path | None, root: Path) -> Path:
    named = [str(one.absolute()) if one else "" for one in (path, tree, root)]
    name = "\0".join(named).encode(errors="surrogateescape")
    return cache / f"config-{sha256(name)[:32]}.json"
