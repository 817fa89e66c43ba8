"""Other people's git repositories as sources of a scan: fetched, kept, and read as a stranger's.

A kept repository holds one commit, without its past. It is fetched as the user's git would: with
its logins, proxies and addresses. It is laid out by a git that knows none of the user's settings,
so that no filter, hook or link of the tree runs or leads anywhere. What is laid out is read like
any tree: as data.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tagwatch.errors import InputError
from tagwatch.value import dataclass

__all__ = ["Kept", "kept", "kept_all"]

_HEAD = "refs/tagwatch/head"
_AT_ONCE = 8
_TIMEOUT_SECONDS = 300.0
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
}
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.symlinks=false"),
    *("-c", "core.attributesFile=/dev/null", "-c", "core.autocrlf=false"),
    *("-c", "protocol.allow=never"),
)
_ALLOWED = tuple(
    word for one in ("https", "ssh", "file") for word in ("-c", f"protocol.{one}.allow=always")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A repository that is kept: where its files are, of which day, and of which commit.

    `why`: what kept it from being fetched now; with no `folder`, it never was.
    """

    folder: Path | None
    at: datetime | None = None
    commit: str = ""
    why: str = ""


def kept_all(
    wanted: Sequence[tuple[str, str]],
    below: Path,
    environment: Mapping[str, str],
    *,
    fetch: bool,
) -> list[Kept]:
    """Return each repository of `wanted` (address and branch), fetched anew if `fetch`.

    Eight at a time. A repository that cannot be fetched is part of the answer.
    """
    if not wanted:
        return []
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(lambda one: kept(one, below, environment, fetch=fetch), wanted))


def kept(
    wanted: tuple[str, str], below: Path, environment: Mapping[str, str], *, fetch: bool
) -> Kept:
    """Return one repository, kept in a folder of `below`. No branch: its default one."""
    address, branch = wanted
    name = hashlib.sha256(f"{address}\n{branch}".encode()).hexdigest()[:20]
    folder = below / name
    why = ""
    if fetch:
        try:
            _fetch(address, branch or "HEAD", folder, environment)
        except InputError as error:
            why = str(error)
    elif not (folder / ".git").exists():
        why = "it was not fetched yet: a scan does that"
    try:
        if (folder / ".git").exists():
            at, commit = _laid_out(folder, environment)
            return Kept(folder=folder, at=at, commit=commit, why=why)
    except InputError:
        pass
    return Kept(folder=None, why=why)


def _fetch(address: str, branch: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Fetch the newest commit, and lay its files out. Raises `InputError`."""
    if not (folder / ".git").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _git(["init", "-q", "--template=", "--", str(folder)], None, environment, _ALONE)
    before = _try(["rev-parse", "-q", "--verify", _HEAD], folder, environment)
    options = ["--depth=1", "--no-tags", "--no-recurse-submodules", "--force", "-q"]
    _git(["fetch", *options, "--", address, f"+{branch}:{_HEAD}"], folder, environment, {})
    if _try(["rev-parse", "-q", "--verify", _HEAD], folder, environment) != before:
        _git(["checkout", "-q", "--force", "--detach", _HEAD], folder, environment, _ALONE)
        _git(["clean", "-q", "-ffdx"], folder, environment, _ALONE)
        _try(["gc", "-q", "--prune=now"], folder, environment)  # the commit of before


def _laid_out(folder: Path, environment: Mapping[str, str]) -> tuple[datetime, str]:
    """Return date and name of the commit that is laid out. Raises `InputError`."""
    told = _git(["log", "-1", "--format=%ct %H", "HEAD"], folder, environment, _ALONE)
    at, _, commit = told.partition(" ")
    return datetime.fromtimestamp(int(at), UTC), commit


def _try(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Return what git says without the user's settings; empty where it fails."""
    try:
        return _git(arguments, folder, environment, _ALONE)
    except InputError:
        return ""


def _git(
    arguments: Sequence[str],
    folder: Path | None,
    environment: Mapping[str, str],
    more: Mapping[str, str],
) -> str:
    """Run git and return what it prints. Raises `InputError`: it failed, or took too long."""
    place = [] if folder is None else ["-C", str(folder), f"--git-dir={folder / '.git'}"]
    work = [] if folder is None else [f"--work-tree={folder}"]
    ssh = {} if "GIT_SSH_COMMAND" in environment else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    allowed = () if more else _ALLOWED
    try:
        ran = subprocess.run(  # noqa: S603  # words, no shell
            ["git", *_SAFE, *allowed, *place, *work, *arguments],  # noqa: S607  # the user's git
            env={**environment, **_QUIET, **ssh, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"git took longer than {_TIMEOUT_SECONDS:.0f} seconds") from None
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror or error}") from error
    if ran.returncode != 0:
        raise InputError(_reason(ran.stderr))
    return ran.stdout.decode("utf-8", "replace").strip()


def _reason(told: bytes) -> str:
    """Return what git complains of, without controls and without a login in an address."""
    lines = [line for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    text = (fatal or lines or ["git said nothing"])[0].removeprefix("fatal: ")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"//[^/@\s]*@", "//", text)[:300]
