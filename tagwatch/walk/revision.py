"""The configuration and policy of a commit, whatever the files of the tree say now.

For pull requests: what their authors change counts once it is merged. Every file that the
configuration names is taken from the same commit, for a new `ca_file` is as good as a new key.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tagwatch.config.document import read_document
from tagwatch.config.load import NAMES, Configuration, load_configuration
from tagwatch.errors import ConfigError
from tagwatch.value import replace
from tagwatch.workspace.git_history import commit_of, files_at

__all__ = ["configuration_at"]

_MOST_FILES = 256


def configuration_at(
    revision: str, root: Path, environment: Mapping[str, str], cache: Path
) -> Configuration:
    """Return what the commit's configuration and policy say: the operator's word, alone.

    Their files are laid into `cache`, a folder of the user's. A ledger in the tree is not used, as
    a pull request may bring one. Raises `ConfigError` and `InputError`.
    """
    commit = commit_of(root, revision)
    files = _closure(root, commit)
    name = next((one for one in NAMES if one in files), None)
    if name is None:
        read = load_configuration(None, environment, root)
        note = f"{revision!r} has no configuration: the built-in one counts"
        return replace(read, warnings=(*read.warnings, note))
    folder = _laid_out(files, cache / f"tree-{commit}")
    read = load_configuration(folder / name, environment, folder)
    settings = replace(read.settings, path=root / name)
    directory = settings.reports.directory
    if directory.is_relative_to(folder):
        whole = root / directory.relative_to(folder)
        settings = replace(settings, reports=replace(settings.reports, directory=whole))
    warnings = read.warnings
    database = settings.database
    if database is not None and any(_is_below(database, one) for one in (folder, root)):
        settings = replace(settings, database=None)
        warnings += ("a ledger in the tree is not used with --config-from: the user's own is",)
    return replace(read, settings=settings, warnings=warnings)


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _closure(root: Path, commit: str) -> dict[str, bytes]:
    """Return the configuration's files and all that they name, as that commit has them, by path.

    Whatever text names a file of the commit is followed: no list of keys must be kept for this.
    """
    found: dict[str, bytes] = {}
    asked: set[str] = set()
    wanted = list(NAMES)
    while wanted and len(found) < _MOST_FILES:
        asked.update(wanted)
        new = files_at(root, commit, wanted)
        found |= new
        named = {
            path for name, raw in new.items() for path in _named(name, raw) if path not in asked
        }
        wanted = sorted(named)[: _MOST_FILES - len(found)]
    return found


def _named(name: str, raw: bytes) -> Iterator[str]:
    """Yield each path in the tree that a text of a YAML file may mean."""
    if not name.endswith((".yaml", ".yml")):
        return
    try:
        tree = read_document(raw, name).tree
    except ConfigError:
        return  # told where it is read
    for text in _texts(tree):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), text))
        if text and not path.startswith(("/", "..")) and "\n" not in path and "\0" not in path:
            yield path


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _laid_out(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write the files below `folder`, and return it. Raises `ConfigError`."""
    try:
        for name, raw in files.items():
            path = folder / PurePosixPath(name)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(raw)
    except OSError as error:
        raise ConfigError(
            f"the commit's configuration cannot be kept in {str(folder)!r}: {error.strerror}",
            hint="it needs a folder of your own to write to: set XDG_DATA_HOME",
        ) from error
    return folder
