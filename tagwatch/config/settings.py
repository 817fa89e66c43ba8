"""What can be set beside the policy, as values; `plain_settings` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.finding import Severity
from tagwatch.source.target import Location
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

else:
    Any = object  # of fields, at run time

__all__ = [
    "CHANNELS",
    "Engine",
    "Facts",
    "GitSource",
    "Healthcheck",
    "PublicKey",
    "Receiver",
    "RegistryWebhook",
    "Reports",
    "Retention",
    "Route",
    "Schedule",
    "Serve",
    "Settings",
    "Watch",
]

CHANNELS = ("slack", "webhook", "apprise", "plugin")
"""The keys of a receiver of which one must be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """An entry of the watch list. No `tags`: every tag. `image` may end in `/*`: a prefix.

    `tags` are tags or patterns (`6.2.x`, `/^8/`); `include` and `exclude` globs narrow tags, and
    the repositories below a prefix (see `walk.watch_list.below`); `location` is its place in the
    file.
    """

    image: str
    tags: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_tags: int = 20_000
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Where scan writes its reports, in which formats, and where they can be read (`url`).

    `source`: where the lines of files can be read, with `{path}` and `{line}` in it. `projects`:
    where each scan writes the site of all projects of its ledger; None: nowhere.
    `inside`: a tree's file names the directory, which must not lead out of there through a link.
    """

    directory: Path = Path("reports")
    formats: tuple[str, ...] = ("html", "json")
    url: str = ""
    source: str = ""
    projects: Path | None = None
    inside: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a receiver hears of: every kind of glob given must match. See `publish.notify.route`."""

    paths: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One who is told, through a channel. Messages that wait are kept under its name.

    The address is a secret: `env` or `file` say where it is found, and `secret_env` or
    `secret_file` where the key of a webhook's signature is. `remind_after`: a finding that still
    stands is told again after this; None: it is told once.
    """

    name: str
    channel: str
    env: str = ""
    file: Path | None = None
    min_severity: Severity = Severity.WARNING
    allow_http: bool = False
    secret_env: str = ""
    secret_file: Path | None = None
    when: Route = field(default_factory=Route)
    remind_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """The address that is pinged around each scan: itself, or where it is found."""

    url: str = ""
    env: str = ""
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When `tagwatch serve` scans: five cron fields in `timezone`, at most `jitter` later.

    A run missed by more than `misfire_grace` (the machine slept) is left out.
    """

    cron: str
    timezone: str = "UTC"
    jitter: timedelta = timedelta()
    misfire_grace: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryWebhook:
    """A registry whose pushes `tagwatch serve` is told of, at `/webhook/NAME`.

    `registry`: its host as references name it; `kind`: a name of `family.NOTICES`. `env` or `file`
    say where the secret is found. `prefixes`: for products that hold many repositories of images
    under one host, where the paths of each begin.
    """

    name: str
    registry: str
    kind: str
    env: str = ""
    file: Path | None = None
    prefixes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """What `tagwatch serve` does beside the schedule. `memory`: what a scan may take, in bytes.

    `tokens`: the file of those who may look; None: whoever reaches it. `hosts`: the names that it
    answers to, beside those of loopback.
    """

    webhooks: tuple[RegistryWebhook, ...] = ()
    memory: int | None = None
    tokens: Path | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """The files of a cluster's TLS: whom we believe, and who we are."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Who asks registries: a name of `family.ENGINES`, and for `dask` how its cluster is reached.

    `insecure`: without TLS, also beyond this machine. `wait`: how long the cluster may be silent.
    """

    name: str = "local"
    address: str = ""
    security: Security | None = None
    insecure: bool = False
    wait: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """Whose extracts are believed: a key in base64, its id (`signature.key_id_of`) and its limits.

    `until` None: for ever; `registries` are hosts, none: every registry.
    """

    id: str
    text: str
    until: datetime | None = None
    registries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An extract of another ledger that `check` may use: a path or an https URL, and its keys.

    `source` empty: none. The rest is for exporting: where the private key is, what the extract is
    called (empty: as its root folder) and how long it is valid.
    """

    source: str
    public_keys: tuple[PublicKey, ...] = ()
    key_env: str = ""
    key_file: Path | None = None
    name: str = ""
    valid_for: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long is kept what nothing refers to any more. None: for ever.

    `history` and `runs` are in the ledger, `pages` are those of runs, in the directory of reports.
    `compact`: whether a scan shrinks the ledger's file where much of it is free.
    """

    history: timedelta | None = None
    runs: timedelta | None = timedelta(days=400)
    pages: timedelta | None = timedelta(days=30)
    compact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """A git repository among the sources. `files` empty: what `check` would find in it."""

    address: str
    name: str
    branch: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. `path` None: no file was found, and these are the built-in ones.

    `project`: a name for its runs in the ledger, in place of the file's path. `database` None: the
    user's data directory. `registries`: host -> keyword arguments of
    `registry.settings.RegistrySettings`. `repositories`: the git repositories among the sources.
    `environment`: the variables, `*` for any text, that
    references may hold. All paths are whole.
    """

    path: Path | None = None
    project: str = ""
    database: Path | None = None
    max_age: timedelta = timedelta(hours=24)
    sources: tuple[str, ...] = ()
    repositories: tuple[GitSource, ...] = ()
    watch: tuple[Watch, ...] = ()
    registries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reports: Reports = field(default_factory=Reports)
    alerts: tuple[Receiver, ...] = ()
    healthcheck: Healthcheck | None = None
    schedule: Schedule | None = None
    serve: Serve = field(default_factory=Serve)
    engine: Engine = field(default_factory=Engine)
    facts: Facts | None = None
    retention: Retention = field(default_factory=Retention)
    pull_through: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of names -> what stands there is a copy of; both end in a `/`."""
    knowledge: Path | None = None
    environment: tuple[str, ...] = ()

    @property
    def names_images(self) -> bool:
        """True where there is something to scan: files, repositories of files, or images."""
        return bool(self.sources or self.repositories or self.watch)
