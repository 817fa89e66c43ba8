"""Settings from their plain form, and a tree's laid over the operator's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.finding import Severity
from tagwatch.config.plain_policy import location_of
from tagwatch.config.raw import expand_home, parse_duration
from tagwatch.config.settings import (
    CHANNELS,
    Engine,
    Facts,
    GitSource,
    Healthcheck,
    PublicKey,
    Receiver,
    RegistryWebhook,
    Reports,
    Retention,
    Route,
    Schedule,
    Security,
    Serve,
    Settings,
    Watch,
)
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Place = Callable[[str], Path]

__all__ = ["channels_of", "combined", "git_source_of", "settings_of"]

_SIZES = {"M": 1024**2, "G": 1024**3}


def git_source_of(entry: Mapping[str, Any]) -> GitSource:
    """The repository that an entry of `sources` names, in its plain form."""
    address = entry["git"]
    last = address.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    return GitSource(
        address=address,
        name=entry.get("name") or last.removesuffix(".git"),
        branch=entry.get("branch", ""),
        files=tuple(entry.get("files", ())),
    )


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
        project=plain.get("project", ""),
        database=_path(place, plain.get("database")),
        max_age=parse_duration(plain.get("max_age", "24h")),
        sources=tuple(one for one in plain.get("sources", ()) if isinstance(one, str)),
        repositories=tuple(
            git_source_of(one) for one in plain.get("sources", ()) if not isinstance(one, str)
        ),
        watch=tuple(_watch(entry) for entry in plain.get("watch", ())),
        registries={
            host: _registry(place, options) for host, options in plain.get("registries", {}).items()
        },
        reports=Reports(
            directory=folder / reports.get("directory", "reports"),
            formats=tuple(reports.get("formats", ("html", "json"))),
            url=reports.get("url", ""),
            source=reports.get("source", ""),
            projects=_path(place, reports.get("projects")),
        ),
        alerts=tuple(_receivers(place, plain.get("alerts", {}))),
        healthcheck=_healthcheck(place, plain.get("healthcheck")),
        schedule=_schedule(plain.get("schedule")),
        serve=_serve(place, plain.get("serve", {})),
        engine=_engine(place, plain.get("engine", "local")),
        facts=_facts(place, facts) if facts is not None else None,
        retention=Retention(
            history=_age(retention.get("history")),
            runs=_age(retention.get("runs", "400d")),
            pages=_age(retention.get("pages", "30d")),
            compact=retention.get("compact", False),
        ),
        pull_through={
            f"{copy.rstrip('/')}/": f"{origin.rstrip('/')}/"
            for copy, origin in plain.get("pull_through", {}).items()
        },
        knowledge=_path(place, plain.get("knowledge")),
        environment=tuple(plain.get("environment", ())),
    )


def combined(
    operator: Settings, tree: Settings, plain: Mapping[str, Any], *, root: Path | None
) -> Settings:
    """The operator's settings, and over them what the tree's file says; `plain` is what both said.

    By whole keys. Of `registries`, `facts` and `reports` a tree may say a part; where both speak of
    one host, the operator has the last word. `root`: the tree's; None where its file is trusted,
    and may say all.
    """
    whole = root is None
    own, said = plain["tree"], plain["settings"]
    reports, own_reports = own.get("reports", {}), said.get("reports", {})
    changes: dict[str, Any] = {}
    if whole:
        changes = {key: getattr(tree, key) for key in own if hasattr(tree, key)}
    if "sources" in own:  # whole, with the git repositories among them
        changes["repositories"] = tree.repositories
    changes |= {key: getattr(tree, key) for key in ("max_age", "sources", "watch") if key in own}
    is_operators = "directory" in own_reports and "directory" not in reports
    changes["reports"] = Reports(
        directory=(operator if is_operators else tree).reports.directory,
        inside=None if is_operators else root,
        formats=(tree if "formats" in reports else operator).reports.formats,
        url=(tree if whole and "url" in reports else operator).reports.url,
        source=(tree if whole and "source" in reports else operator).reports.source,
        projects=(tree if whole and "projects" in reports else operator).reports.projects,
    )
    if not whole:
        changes["registries"] = {
            host: {**tree.registries.get(host, {}), **operator.registries.get(host, {})}
            for host in (*tree.registries, *operator.registries)
        }
        if tree.facts is not None:
            key = operator.facts or tree.facts
            changes["facts"] = replace(key, source=tree.facts.source)
    return replace(operator, path=tree.path, **changes)


def _age(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


def channels_of(
    alerts: Mapping[str, Any] | Sequence[Mapping[str, Any]],
) -> Iterator[tuple[tuple[str | int, ...], str, Mapping[str, Any]]]:
    """Yield where each channel stands below `alerts`, what it is called, and what is said of it."""
    if isinstance(alerts, Mapping):
        for channel, options in alerts.items():
            if channel == "plugins":
                yield from (((channel, name), name, inner) for name, inner in options.items())
            elif options is not None:
                yield (channel,), channel, options
        return
    for index, receiver in enumerate(alerts):
        for channel in CHANNELS:
            options = receiver.get(channel)
            if options is not None:
                yield (index, channel), options.get("name", channel), options


def _receivers(place: Place, alerts: Any) -> Iterator[Receiver]:
    """Yield the receivers of a list; of a mapping, one a channel and called like it."""
    for keys, channel, options in channels_of(alerts):
        if isinstance(keys[0], int):
            entry = alerts[keys[0]]
            yield _receiver(place, entry["name"], channel, options, entry)
        else:
            # a plugin may be called as a channel of ours
            is_taken = keys[0] == "plugins" and alerts.get(channel) is not None
            name = f"plugins.{channel}" if is_taken else channel
            entry = {"when": {"min_severity": options.get("min_severity", "warning")}}
            yield _receiver(place, name, channel, options, entry)


def _receiver(
    place: Place,
    name: str,
    channel: str,
    options: Mapping[str, Any],
    entry: Mapping[str, Any],
) -> Receiver:
    when = entry.get("when", {})
    return Receiver(
        name=name,
        channel=channel,
        env=options.get("webhook_env") or options.get("url_env") or "",
        file=_path(place, options.get("webhook_file") or options.get("url_file")),
        min_severity=Severity(when.get("min_severity", "warning")),
        allow_http=options.get("allow_http", False),
        secret_env=options.get("secret_env") or "",
        secret_file=_path(place, options.get("secret_file")),
        when=Route(
            paths=tuple(when.get("paths", ())),
            images=tuple(when.get("images", ())),
            owners=tuple(when.get("owners", ())),
            rules=tuple(when.get("rules", ())),
        ),
        remind_after=_age(entry.get("remind_after")),
    )


def _healthcheck(place: Place, plain: str | Mapping[str, Any] | None) -> Healthcheck | None:
    if plain is None:
        return None
    if isinstance(plain, str):
        return Healthcheck(url=plain)
    return Healthcheck(env=plain.get("url_env") or "", file=_path(place, plain.get("url_file")))


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


def _schedule(plain: Mapping[str, Any] | None) -> Schedule | None:
    if plain is None:
        return None
    spans = {key: parse_duration(plain[key]) for key in ("jitter", "misfire_grace") if key in plain}
    return Schedule(cron=plain["cron"], timezone=plain.get("timezone", "UTC"), **spans)


def _serve(place: Place, plain: Mapping[str, Any]) -> Serve:
    memory = plain.get("memory", "")
    return Serve(
        webhooks=tuple(
            RegistryWebhook(
                name=one.get("name") or one["registry"],
                registry=one["registry"],
                kind=one["kind"],
                env=one.get("token_env") or "",
                file=_path(place, one.get("token_file")),
                prefixes=one.get("prefixes", {}),
            )
            for one in plain.get("webhooks", ())
        ),
        memory=int(memory[:-1]) * _SIZES[memory[-1]] if memory else None,
        tokens=_path(place, plain.get("tokens")),
        hosts=tuple(host.lower().strip("[]") for host in plain.get("hosts", ())),
    )


def _engine(place: Place, plain: str | Mapping[str, Any]) -> Engine:
    if isinstance(plain, str):
        return Engine(name=plain)
    name, options = next(iter(plain.items()))
    files = options.get("security")
    return Engine(
        name=options.get("name", name),
        address=options.get("address", ""),
        security=Security(**{one: place(path) for one, path in files.items()}) if files else None,
        insecure=options.get("insecure", False),
        wait=parse_duration(options.get("wait", "30s")),
    )


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
