"""What commands share: the site of a run from flags and machine, and answers on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tagwatch.cli.command import plain
from tagwatch.config.load import find_configuration, load_configuration
from tagwatch.errors import ConfigError
from tagwatch.knowledge.bundled import load as load_knowledge
from tagwatch.value import replace
from tagwatch.walk.site import Site

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from tagwatch.audit.model.policy import Policy
    from tagwatch.audit.verdict.result import AuditResult

__all__ = [
    "answer",
    "at_now",
    "colored",
    "data_folder",
    "note",
    "open_site",
    "repository_root",
    "tell_incomplete",
]


def open_site(options: argparse.Namespace, *, configured: bool = False) -> Site:
    """The site that the flags and the machine describe.

    `configured`: a configuration is needed, and paths are told from its folder. Raises
    `ConfigError`.
    """
    environment = dict(os.environ)
    root = repository_root(Path.cwd())
    named = getattr(options, "config", None)
    path = find_configuration(Path(named) if named else None, environment, root)
    if configured and path is None:
        raise ConfigError(
            f"there is no tagwatch.yaml in {str(root)!r}", hint="`tagwatch init` writes one"
        )
    data = data_folder(environment)
    configuration = load_configuration(path, environment, root, cache=data / "cache")
    for warning in configuration.warnings:
        note(f"tagwatch: warning: {warning}")
    settings = configuration.settings
    if configured and path is not None:
        folder = path.resolve().parent
        root = folder.parent if folder.name == "config" else folder
    return Site(
        settings=settings,
        policy=configuration.policy,
        knowledge=load_knowledge(settings.knowledge),
        root=root,
        home=Path.home(),
        database=settings.database or data / "tagwatch.db",
        at=datetime.now(UTC),
        environment=environment,
    )


def at_now(site: Site) -> Site:
    """The same site at this moment: for a daemon's next run."""
    return replace(site, at=datetime.now(UTC))


def repository_root(folder: Path) -> Path:
    """The nearest folder upwards that holds `.git`; `folder` itself where none does."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def data_folder(environment: Mapping[str, str]) -> Path:
    """Where this user's data lies: `$XDG_DATA_HOME/tagwatch` and its like on other systems."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "tagwatch"


def answer(text: str | Iterable[str]) -> None:
    """The command's answer, on standard output, in UTF-8 whatever the terminal's locale."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # a text file, always
    sys.stdout.writelines((text,) if isinstance(text, str) else text)
    sys.stdout.flush()


def note(text: str) -> None:
    """Progress, summary or a warning, on standard error."""
    sys.stderr.write(plain(text) + "\n")


def tell_incomplete(result: AuditResult, policy: Policy, code: int) -> None:
    """Say on standard error why the run fails as incomplete, or would if it did not by findings."""
    if result.complete or policy.on_unavailable != "fail":
        return
    if code == 1:
        note("tagwatch: the run is also incomplete: some facts could not be read")
    else:
        note("tagwatch: some facts could not be read, and the policy says `on_unavailable: fail`")


def colored(stream_is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """True where colours are wanted: on a terminal, unless `NO_COLOR` or a dumb one."""
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream_is_terminal or bool(environment.get("FORCE_COLOR"))
