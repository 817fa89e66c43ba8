"""The site of a run: its settings, policy, folders, environment and time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.config.load import (
    Configuration,
    Files,
    checked_form,
    configuration_of,
    find_configuration,
)
from tagwatch.config.raw import foreign, home_of
from tagwatch.config.settings import Facts, Settings
from tagwatch.errors import ConfigError, UsageError
from tagwatch.family import REGISTRIES
from tagwatch.image.reference import DOCKER_HUB, HUB_HOSTS, without_userinfo
from tagwatch.knowledge.bundled import load_all as load_knowledge
from tagwatch.ledger.read import CONFIGURED
from tagwatch.value import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tagwatch.config.settings import GitSource
    from tagwatch.workspace.git_source import Kept

    Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

__all__ = [
    "BASES_ASKED",
    "KNOWLEDGE",
    "TRUST",
    "Site",
    "at_configuration",
    "bases_key",
    "check_names",
    "check_reports",
    "configured_place",
    "data_folder",
    "kept_repositories",
    "open_checked",
    "open_site",
    "placed",
    "project_of",
    "repository_root",
    "site_given",
    "source_name",
    "with_strangers",
]

_ELSEWHERE = {
    "hub": (DOCKER_HUB, "https://hub.docker.com"),
    "ghcr": ("ghcr.io", "https://api.github.com"),
}
"""Kinds whose catalogue answers for its own registry, wherever that kind is configured."""
BASES_ASKED = "bases-asked"
"""Under this name the ledger's cache keeps when the policy's bases were last asked for."""

KNOWLEDGE = "knowledge"
"""The folder of the user's data in which `tagwatch knowledge update` keeps newer facts."""

TRUST = "trust.json"
"""The file of the user's data in which `tagwatch trust` keeps what was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The place in which a run works: made by `open_site`, passed down, never changed.

    `dataclasses.replace` makes a changed copy, for example with a policy of your own.
    """

    settings: Settings
    """What tagwatch.yaml says; variables of the environment take precedence."""
    policy: Policy
    """What is judged, and how severely."""
    knowledge: Knowledge
    """Ends of life and the names of official images."""
    root: Path
    """The folder that the paths in results are relative to."""
    home: Path
    """The folder where credentials are looked for."""
    database: Path
    """The ledger's file. It is created when something is first stored."""
    at: datetime
    """The run's one reading of the clock. A later run has a site of its own."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables that credentials, proxies and the files' own substitutions are read from."""
    folder: Path = Path()
    """The folder at which relative paths start; by default the working folder of the process."""
    warnings: tuple[str, ...] = ()
    """What is odd about the configuration's files, but keeps no run from working."""
    shown: tuple[str, ...] = ()
    """The variables, `*` for any text, that references may hold beside those of the settings."""
    spoken_for: frozenset[str] = frozenset()
    """Hosts whose endpoints are the registries themselves, as those of the demo are."""
    is_strangers: bool = False
    """True where the tree is a stranger's: no file of it takes a name out of the audit."""

    @property
    def visible(self) -> Mapping[str, str]:
        """The part of the environment that references may hold: names that somebody allowed.

        What a reference holds goes to the registry that it names.
        """
        patterns = (*self.settings.environment, *self.shown)
        if not patterns:
            return {}
        from fnmatch import fnmatchcase

        return {
            name: value
            for name, value in self.environment.items()
            if any(fnmatchcase(name, pattern) for pattern in patterns)
        }

    @property
    def origins(self) -> Mapping[str, str]:
        """By host, the endpoint whose word counts for it; other registries speak for themselves.

        What an endpoint says is believed only where it is configured; see `Reader.open`.
        """
        return {
            DOCKER_HUB if host.lower() in HUB_HOSTS else host.lower(): said
            for host, options in self.settings.registries.items()
            if host not in self.spoken_for and (said := " and ".join(_endpoints(host, options)))
        }


def open_site(
    path: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    config_from: str | None = None,
    untrusted: bool = False,
    offline: bool = False,
    shown: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> Site:
    """Open the place in which `check`, `fix`, `resolve` and `scan` work.

    `path` is a folder to work in. Relative paths start there, paths in results are relative to the
    root of the git repository around it, and the configuration is looked for at that root, as the
    command does. A folder without configuration gets the built-in settings. None: the current
    folder. `path` may also be a tagwatch.yaml: then its folder (its parent, where the folder is
    called `config`) is both the folder to work in and the root.

    The user's own file counts too (`~/.config/tagwatch/tagwatch.yaml`, then `/etc/tagwatch/`), and
    of the tree's only what cannot send logins anywhere, run anything or change what is believed.

    `config` is a configuration to use instead of all that would be found, as with `--config`; empty
    text: none. `config_from` is a commit whose configuration and policy are used, whatever the
    files say now. `untrusted`: the tree is a stranger's. Its configuration and its inline ignores
    do not count, logins are sent only to hosts that the user's file names, and only these and
    public addresses are asked. `offline`: what a tree's file may not say is passed over with a
    warning, where it is an error else. `shown` names variables, `*` for any text, whose values
    references may hold. `environment` replaces the variables of the process, and the home that they
    name. `at` is the time that the run takes as now; it has a time zone. None: that of the process.

    Reads the configuration's files; asks no registry, opens no ledger. Raises `ConfigError` where
    the configuration or the policy is wrong or missing, and `UsageError` where `path` is neither a
    folder nor a file, or `at` has no zone.
    """
    return open_checked(
        path,
        config=config,
        config_from=config_from,
        untrusted=untrusted,
        offline=offline,
        shown=shown,
        environment=environment,
        at=at,
    )[0]


def open_checked(
    path: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    config_from: str | None = None,
    untrusted: bool = False,
    offline: bool = False,
    shown: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    at: datetime | None = None,
    handed: Mapping[str, Any] | None = None,
) -> tuple[Site, Mapping[str, Any]]:
    """Return the site as `open_site` does, and what another process makes the same site of.

    `handed`: that, made of files that may hold something else by now. Nothing can be handed over
    where the configuration is a commit's: it is empty then.
    """
    if handed is not None:
        path, untrusted = handed["folder"], handed["untrusted"]
    environment = dict(os.environ if environment is None else environment)
    folder, root, named = _where(path, config)
    home = home_of(environment)
    data = data_folder(environment, home)
    # An environment that names no home (a test's, the demo's) must leave nothing in the user's.
    cache = data / "cache" if _names_a_home(environment) else None
    said: Mapping[str, Any] = {}
    if config_from is not None:
        from tagwatch.walk.revision import configuration_at

        if named is not None:
            raise UsageError("two configurations are named", hint="a file or a commit, not both")
        configuration = configuration_at(config_from, root, environment, data / "cache")
    else:
        if handed is None:
            files = find_configuration(named, environment, root, trees=not untrusted)
            plain = checked_form(files, environment, root, cache=cache, trust=data / TRUST)
        else:
            files = Files(operator=_path(handed["operator"]), tree=_path(handed["tree"]))
            plain = handed["plain"]
        configuration = configuration_of(plain, files, environment, root, pass_over=offline)
        said = {
            "plain": plain,
            "operator": None if files.operator is None else str(files.operator.absolute()),
            "tree": None if files.tree is None else str(files.tree.absolute()),
            "folder": str(folder),
            "untrusted": untrusted,
        }
    if untrusted:
        configuration = _for_a_stranger(configuration)
    settings = configuration.settings
    stored = data / KNOWLEDGE if _names_a_home(environment) else None
    knowledge, doubts = load_knowledge(settings.knowledge, stored, settings.pull_through.items())
    site = Site(
        settings=settings,
        policy=configuration.policy,
        knowledge=knowledge,
        root=root,
        home=home,
        database=settings.database or data / "tagwatch.db",
        at=_moment(at),
        environment=environment,
        folder=Path() if path is None else folder,
        warnings=(*configuration.warnings, *doubts),
        shown=tuple(shown),
        is_strangers=untrusted,
    )
    return site, said


def _where(
    path: str | os.PathLike[str] | None, config: str | os.PathLike[str] | None
) -> tuple[Path, Path, str | os.PathLike[str] | None]:
    """Return the folder to work in, the root, and the configuration that is named, if one is."""
    folder = Path.cwd() if path is None else Path(path).absolute()
    if folder.is_dir():
        return folder, repository_root(folder), config
    if not folder.is_file():
        raise UsageError(
            f"{str(path)!r} is neither a folder nor a file",
            hint="give a folder to work in, or a tagwatch.yaml",
        )
    if config:
        raise UsageError(
            f"two configurations: {str(path)!r} and {str(config)!r}",
            hint="with `config`, `path` is a folder",
        )
    return _folder_of(folder), _folder_of(folder), folder


def _for_a_stranger(configuration: Configuration) -> Configuration:
    """Return the operator's configuration as it holds for a tree that a stranger wrote.

    Its authors grant themselves no exceptions.
    """
    policy = configuration.policy
    return replace(
        configuration,
        settings=_to_named_hosts(configuration.settings),
        policy=replace(policy, ignore_policy=replace(policy.ignore_policy, allow_inline=False)),
    )


def with_strangers(site: Site) -> Site:
    """Return the site as it holds where the git repositories among its sources are read, too."""
    if not site.settings.repositories:
        return site
    return replace(site, settings=_to_named_hosts(site.settings))


def _to_named_hosts(settings: Settings) -> Settings:
    """Return the settings where files of strangers are read.

    Hosts that the operator does not name get no login, for whoever names a private image shall
    learn nothing, and must be public.
    """
    unnamed = {"credential": "anonymous", "public_only": True}
    return replace(settings, registries={**settings.registries, "*": unnamed})


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def site_given(site: object) -> Site:
    """Return the site that is given; None: the current folder's. Raises `UsageError`."""
    if site is None:
        return open_site()
    if not isinstance(site, Site):
        raise UsageError(
            f"not a site: {site!r}", hint="tagwatch.open_site(folder) gives the site of a folder"
        )
    return site


def at_configuration(site: Site) -> Site:
    """Return the site with its configuration's folder as the root, as a scan uses it.

    Raises `ConfigError` where it has no configuration.
    """
    path = site.settings.path
    if path is None:
        raise ConfigError(
            f"there is no tagwatch.yaml in {str(site.root)!r}", hint="`tagwatch init` writes one"
        )
    check_reports(site)
    site = replace(site, root=_folder_of(path))
    check_names(site)
    return site


def check_names(site: Site) -> None:
    """Raise `ConfigError` where a git repository would be shown as what lies in the root, too.

    What a scan writes there counts before it is written: the second one would stop, else.
    """
    settings = site.settings
    reports = settings.reports
    written = (reports.directory, reports.projects or reports.directory, site.database)
    own = {
        path.relative_to(site.root).parts[:1] for path in written if path.is_relative_to(site.root)
    }
    for one in settings.repositories:
        if (one.name,) in own or (site.root / one.name).exists():
            raise ConfigError(
                f"sources: {one.address!r} is shown as {one.name!r}, which is also here",
                hint="give the repository another `name:`",
            )


def check_reports(site: Site) -> None:
    """Raise `ConfigError` where the folder that a tree names for reports leads out of it."""
    reports = site.settings.reports
    if reports.inside is None:
        return
    real, tree = Path(os.path.realpath(reports.directory)), os.path.realpath(reports.inside)
    is_inside = real.is_relative_to(tree)
    if not is_inside or ".git" in real.relative_to(tree).parts:
        raise ConfigError(
            f"{str(reports.directory)!r} leads out of the tree: no report is written there",
            hint="remove the link, or name the folder in your own file",
        )


def placed(paths: Paths, site: Site) -> list[str]:
    """Return the paths, where relative ones start at the site's folder. Raises `UsageError`."""
    named = (paths,) if isinstance(paths, str | os.PathLike) else paths
    try:
        return [str(site.folder / path) for path in named]
    except TypeError as error:
        raise UsageError(
            f"not a path, nor a list of them: {paths!r}", hint='write check(["Dockerfile"])'
        ) from error


def repository_root(folder: Path) -> Path:
    """Return the nearest folder upwards that holds `.git`; `folder` itself where none does.

    One that belongs to another user is no root: whoever may write to a parent folder could choose
    what is read there.
    """
    found = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)
    if found != folder and any(foreign(one, by_others=False) for one in (found, found / ".git")):
        return folder
    return found


def kept_repositories(
    site: Site, *, fetch: bool, is_over: Callable[[], bool] = lambda: False
) -> list[tuple[GitSource, Kept]]:
    """Return the git repositories among the sources, and how each is kept.

    `fetch`: they are fetched anew, until `is_over` says True.
    """
    from tagwatch.workspace.git_source import kept_all

    named = site.settings.repositories
    wanted = [(one.address, one.branch) for one in named]
    below = data_folder(site.environment, site.home) / "repositories"
    held = kept_all(wanted, below, site.environment, fetch=fetch, is_over=is_over)
    return list(zip(named, held, strict=True))


def data_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Return the folder of the user's data: `$XDG_DATA_HOME/tagwatch`, or its like elsewhere."""
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "tagwatch"


def bases_key(site: Site) -> str:
    """Return a text that differs where the bases that the policy follows do, or who is asked."""
    bases = (" ".join((base.reference, *base.tags)) for base in site.policy.followed_bases)
    asked = (f"{host}={origin}" for host, origin in sorted(site.origins.items()))
    return "\n".join((*bases, *asked))


def _endpoints(host: str, options: Mapping[str, Any]) -> Iterable[str]:
    """Return what is asked in place of a registry: a catalogue tells what tags serve, too."""
    endpoint, catalogue = options.get("endpoint"), options.get("catalogue_endpoint")
    named = dict.fromkeys(one.rstrip("/") for one in (endpoint, catalogue) if one)
    kind = options.get("kind")
    if not named and kind:
        home, api = _ELSEWHERE.get(kind, ("", ""))
        if api and host.lower() not in (home, *(HUB_HOSTS if home == DOCKER_HUB else ())):
            return (api,)
        if kind not in {line[1] for line in REGISTRIES}:
            return (f"the catalogue {kind}",)  # another package's: it may ask anybody
    return named


def project_of(site: Site) -> str:
    """Return whose runs, findings and messages those of the site are.

    It is named by the configuration, or else it is the configuration's real path. Projects share a
    ledger's memory of what registries served, and nothing else.
    """
    if site.settings.project:
        return site.settings.project
    return os.path.realpath(site.settings.path or site.root)


def source_name(settings: Facts, site: Site) -> str:
    """Return the name of these facts' source: a path from the root, or a URL without secrets."""
    if "://" in settings.source:
        return without_userinfo(settings.source.partition("?")[0].partition("#")[0])
    path = Path(settings.source)
    name = path.relative_to(site.root).as_posix() if path.is_relative_to(site.root) else str(path)
    if not name.isascii():
        from tagwatch.image.unicode import without_halves

        name = without_halves(name)  # a name of bytes that are no UTF-8 cannot be stored
    return name


def configured_place(site: Site) -> str:
    """Return the place where the ledger keeps this configuration's facts; no other one sees them.

    Whoever writes a configuration chooses its facts and their key, so they count only there. What
    `tagwatch facts import` brings is the user's own decision, and counts everywhere.
    """
    settings = site.settings.facts
    return f"{CONFIGURED}{site.root}:{source_name(settings, site)}" if settings else ""


def _folder_of(configuration: Path) -> Path:
    """Return the folder that a configuration is for: its own, or the one above `config/`."""
    folder = configuration.resolve().parent
    return folder.parent if folder.name == "config" else folder


def _names_a_home(environment: Mapping[str, str]) -> bool:
    names = (
        ("USERPROFILE", "LOCALAPPDATA") if sys.platform == "win32" else ("HOME", "XDG_DATA_HOME")
    )
    return any(environment.get(name) for name in names)


def _moment(at: datetime | None) -> datetime:
    """Return `at` in UTC; None: now. Raises `UsageError` where it has no zone."""
    if at is None:
        return datetime.now(UTC)
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise UsageError(
            f"not a moment with a time zone: {str(at)!r}", hint="write datetime(…, tzinfo=UTC)"
        )
    return at.astimezone(UTC)
