"""Looking at a tree's configuration before it is taken as the operator's word."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tagwatch.config.load import NAMES
from tagwatch.config.raw import home_of
from tagwatch.config.read import read_plain
from tagwatch.config.trust import trust
from tagwatch.errors import ConfigError
from tagwatch.value import dataclass
from tagwatch.walk.site import TRUST, data_folder, repository_root

__all__ = ["Look", "look_at", "remember", "store_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a tree's file says that is the operator's: each with its place, and its value."""

    path: str
    digest: str
    says: tuple[tuple[str, str], ...]


def store_of(environment: Mapping[str, str]) -> Path:
    """Return where it is kept what is trusted."""
    return data_folder(environment, home_of(environment)) / TRUST


def look_at(file: str | None, folder: Path, environment: Mapping[str, str]) -> Look:
    """Return what `file` says; None: the one of the tree around `folder`. Raises `ConfigError`."""
    if file is None:
        root = repository_root(folder)
        found = next((one for one in (root / name for name in NAMES) if one.is_file()), None)
        if found is None:
            raise ConfigError(
                f"there is no tagwatch.yaml in {str(root)!r}", hint="name the file to look at"
            )
        if not Path(os.path.realpath(found)).is_relative_to(os.path.realpath(root)):
            raise ConfigError(f"{found}: it is a link that leads out of the tree")
    else:
        found = folder / file
        if not found.is_file():
            raise ConfigError(f"{file}: there is no such file", hint="name a tree's tagwatch.yaml")
        root = repository_root(found.absolute().parent)
    plain = read_plain(None, None, root, environment, tree=found.absolute())
    if plain["refused"] and not plain["tree_digest"]:
        raise ConfigError(
            f"{found}: a file that it names cannot be read whole, so nobody can look at it",
            hint="name this file with --config, if you wrote it",
        )
    says = tuple((sentence, value) for sentence, value in plain["refused"])
    return Look(path=os.path.realpath(found), digest=plain["tree_digest"], says=says)


def remember(look: Look, store: Path, at: datetime) -> None:
    """Take what was looked at as the operator's word, until a byte of it changes."""
    says = [sentence for sentence, _ in look.says]
    trust(store, look.path, {"digest": look.digest, "since": f"{at:%Y-%m-%d}", "says": says})
