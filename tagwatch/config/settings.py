"""What can be set beside the policy, as values. `settings_of` makes them from plain JSON forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.finding import Severity
from tagwatch.config.policy_form import location_of
from tagwatch.config.raw import expand_home, parse_duration
from tagwatch.source.target import Location
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Place = Callable[[str], Path]
else:
    Any = object  # of fields, at run time

__all__ = [
    "Alert",
    "Engine",
    "Facts",
    "PublicKey",
    "Reports",
    "Retention",
    "Schedule",
    "Settings",
    "Watch",
    "channels_of",
    "settings_of",
]


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
    """Where scan writes its reports, in which formats, and where they can be read (`url`)."""

    directory: Path = Path("reports")
    formats: tuple[str, ...] = ("html", "json")
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A channel for alerts. The address is a secret: `env` or `file` say where it is found."""

    channel: str
    env: str = ""
    file: Path | None = None
    min_severity: Severity = Severity.WARNING
    allow_http: bool = False


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
class Engine:
    """Who runs crawl tasks: a name of `family.ENGINES`, and for `dask` its scheduler's address."""

    name: str = "local"
    address: str = ""


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
    """How long the ledger keeps what nothing refers to any more. None: for ever.

    `compact`: whether a scan shrinks the file where much of it is free.
    """

    history: timedelta | None = None
    runs: timedelta | None = None
    compact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. `path` None: no file was found, and these are the built-in ones.

    `database` None: the user's data directory. `registries`: host -> keyword arguments of
    `registry.settings.RegistrySettings`. All paths are whole.
    """

    path: Path | None = None
    database: Path | None = None
    max_age: timedelta = timedelta(hours=24)
    sources: tuple[str, ...] = ()
    watch: tuple[Watch, ...] = ()
    registries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reports: Reports = field(default_factory=Reports)
    alerts: tuple[Alert, ...] = ()
    schedule: Schedule | None = None
    engine: Engine = field(default_factory=Engine)
    facts: Facts | None = None
    retention: Retention = field(default_factory=Retention)
    knowledge: Path | None = None


def settings_of(plain: Mapping[str, Any], path: Path, environment: Mapping[str, str]) -> Settings:
    """The settings of a validated file in its plain JSON form.

    Relative paths start at `path`'s folder, `~` is the home that `environment` names; `at` in a
    watch entry is its place in the file.
    """
    folder = path.parent

    def place(text: str) -> Path:
        return folder / expand_home(text, environment)

    reports = plain.get("reports", {})
    facts = plain.get("facts")
    retention = plain.get("retention", {})
    return Settings(
        path=path,
        database=_path(place, plain.get("database")),
        max_age=parse_duration(plain.get("max_age", "24h")),
        sources=tuple(plain.get("sources", ())),
        watch=tuple(_watch(entry) for entry in plain.get("watch", ())),
        registries={
            host: _registry(place, options) for host, options in plain.get("registries", {}).items()
        },
        reports=Reports(
            directory=folder / reports.get("directory", "reports"),
            formats=tuple(reports.get("formats", ("html", "json"))),
            url=reports.get("url", ""),
        ),
        alerts=tuple(
            _alert(place, names[-1], options)
            for names, options in channels_of(plain.get("alerts", {}))
        ),
        schedule=_schedule(plain.get("schedule")),
        engine=_engine(plain.get("engine", "local")),
        facts=_facts(place, facts) if facts is not None else None,
        retention=Retention(
            history=_age(retention.get("history")),
            runs=_age(retention.get("runs")),
            compact=retention.get("compact", False),
        ),
        knowledge=_path(place, plain.get("knowledge")),
    )


def _age(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


def channels_of(alerts: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Where each channel stands below `alerts`, its name last, and what is said of it."""
    for channel, options in alerts.items():
        if channel == "plugins":
            yield from (((channel, name), inner) for name, inner in options.items())
        elif options is not None:
            yield (channel,), options


def _path(place: Place, text: str | None) -> Path | None:
    return place(text) if text else None


def _watch(entry: Mapping[str, Any]) -> Watch:
    location = location_of(entry)
    assert location is not None
    lists = {key: tuple(entry.get(key, ())) for key in ("tags", "include", "exclude")}
    return Watch(
        image=entry["image"], max_tags=entry.get("max_tags", 20_000), location=location, **lists
    )


def _registry(place: Place, options: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in options.items():
        if key in ("ca_file", "client_certificate"):
            made[key] = str(place(value))
        elif key == "full_sweep":
            made[key] = parse_duration(value)
        else:
            made[key] = tuple(value) if isinstance(value, list) else value
    return made


def _alert(place: Place, channel: str, options: Mapping[str, Any]) -> Alert:
    return Alert(
        channel=channel,
        env=options.get("webhook_env") or options.get("url_env") or "",
        file=_path(place, options.get("webhook_file") or options.get("url_file")),
        min_severity=Severity(options.get("min_severity", "warning")),
        allow_http=options.get("allow_http", False),
    )


def _schedule(plain: Mapping[str, Any] | None) -> Schedule | None:
    if plain is None:
        return None
    spans = {key: parse_duration(plain[key]) for key in ("jitter", "misfire_grace") if key in plain}
    return Schedule(cron=plain["cron"], timezone=plain.get("timezone", "UTC"), **spans)


def _engine(plain: str | Mapping[str, Any]) -> Engine:
    if isinstance(plain, str):
        return Engine(name=plain)
    name, options = next(iter(plain.items()))
    return Engine(name=options.get("name", name), address=options.get("address", ""))


def _facts(place: Place, plain: str | Mapping[str, Any]) -> Facts:
    given: Mapping[str, Any] = {"source": plain} if isinstance(plain, str) else plain
    source = given.get("source") or ""
    return Facts(
        source=str(place(source)) if source and "://" not in source else source,
        public_keys=tuple(_public_key(*one) for one in given.get("public_keys", {}).items()),
        key_env=given.get("key_env", ""),
        key_file=_path(place, given.get("key_file")),
        name=given.get("name", ""),
        valid_for=parse_duration(given.get("valid_for", "7d")),
    )


def _public_key(key_id: str, said: str | Mapping[str, Any]) -> PublicKey:
    given = {"key": said} if isinstance(said, str) else said
    until = given.get("until")
    return PublicKey(
        id=key_id,
        text=given["key"],
        until=datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None,
        registries=tuple(given.get("registries", ())),
    )
