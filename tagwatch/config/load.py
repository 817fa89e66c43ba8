"""Finding and reading the configuration: strict when a file changed, from a stored form else.

`load_configuration` is the one way in. With a cache folder, files that were checked before (known
by path and content) are not parsed again: no YAML, no msgspec, a JSON read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import tagwatch
from tagwatch.audit.model.policy import Policy
from tagwatch.config.policy_form import policy_of
from tagwatch.config.raw import expand_home, parse_duration, read_bytes
from tagwatch.config.settings import Settings, settings_of
from tagwatch.errors import ConfigError
from tagwatch.image.digest import sha256
from tagwatch.value import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "NAMES",
    "Configuration",
    "checked_form",
    "configuration_of",
    "find_configuration",
    "load_configuration",
    "read_secret",
]

NAMES = ("tagwatch.yaml", ".tagwatch.yaml", "config/tagwatch.yaml")
"""Where a configuration is looked for at the root of a repository, in this order."""

_POLICY = "TAGWATCH_POLICY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Settings and policy, and what was odd about their files."""

    settings: Settings = field(default_factory=Settings)
    policy: Policy = field(default_factory=Policy)
    warnings: tuple[str, ...] = ()


def find_configuration(
    explicit: Path | None, environment: Mapping[str, str], root: Path
) -> Path | None:
    """The file to read: `explicit`, else `$TAGWATCH_CONFIG`, else the first of `NAMES` in `root`.

    None where there is none. Raises `ConfigError` where the one that is named is missing.
    """
    named = explicit
    if named is None and environment.get("TAGWATCH_CONFIG"):
        named = expand_home(environment["TAGWATCH_CONFIG"], environment)
    if named is not None:
        if not named.is_file():
            raise ConfigError(
                f"{named}: there is no such configuration file",
                hint="`tagwatch init` writes one",
            )
        return named
    return next((path for path in (root / name for name in NAMES) if path.is_file()), None)


def load_configuration(
    path: Path | None,
    environment: Mapping[str, str],
    root: Path,
    *,
    cache: Path | None = None,
) -> Configuration:
    """Read settings and policy from `path`, the environment laid over them.

    `path` None: the built-in ones. `root`: what paths in messages are relative to. `cache`: a
    folder for checked forms. Raises `ConfigError` with path, line and column.

    `TAGWATCH_DATABASE`, `TAGWATCH_MAX_AGE`, `TAGWATCH_POLICY`, `TAGWATCH_REPORTS` (the directory)
    and `TAGWATCH_REPORTS_URL` win over the file.
    """
    plain = checked_form(path, environment, root, cache=cache)
    return configuration_of(plain, path, environment)


def checked_form(
    path: Path | None,
    environment: Mapping[str, str],
    root: Path,
    *,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Return what `path` and the policy say, checked, as JSON can hold it; see `read.read_plain`.

    Raises `ConfigError`.
    """
    plain = _from_cache(path, environment, root, cache)
    if plain is None:
        from tagwatch.config.read import read_plain

        plain = read_plain(path, environment.get(_POLICY), root, environment)
        _to_cache(plain, path, root, cache)
    return plain


def configuration_of(
    plain: Mapping[str, Any], path: Path | None, environment: Mapping[str, str]
) -> Configuration:
    """Return the configuration of a checked form. Raises `ConfigError` for the environment's."""
    settings = Settings()
    if path is not None:
        settings = settings_of(plain["settings"], path, environment)
    return Configuration(
        settings=_with_environment(settings, environment),
        policy=policy_of(plain["policy"], name=plain["policy_name"], digest=plain["policy_digest"]),
        warnings=tuple(plain["warnings"]),
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
        secret = file.read_text(encoding="utf-8").strip()
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
    path: Path | None, environment: Mapping[str, str], root: Path, cache: Path | None
) -> dict[str, Any] | None:
    """The stored form, where every file that it was made of is still the same."""
    if path is None or cache is None:
        return None
    try:
        stored = json.loads(_cache_file(cache, path, root).read_bytes())
        made_with = (stored["tagwatch"], stored["named"])
        if made_with != (tagwatch.__version__, environment.get(_POLICY)):
            return None
        for name, digest in stored["files"]:
            if sha256(read_bytes(Path(name))) != digest:
                return None
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return None  # not stored, damaged or a file is gone: the strict way tells what is wrong
    return stored if isinstance(stored, dict) else None


def _to_cache(plain: Mapping[str, Any], path: Path | None, root: Path, cache: Path | None) -> None:
    """Store a checked form; a folder that cannot be written only costs time."""
    if path is None or cache is None:
        return
    target = _cache_file(cache, path, root)
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(json.dumps(plain), encoding="utf-8")
        draft.replace(target)
    except OSError:
        from contextlib import suppress

        with suppress(OSError):
            draft.unlink()


def _cache_file(cache: Path, path: Path, root: Path) -> Path:
    name = f"{path.absolute()}\0{root.absolute()}".encode(errors="surrogateescape")
    return cache / f"config-{sha256(name)[:32]}.json"
