"""The configuration of a running service: read again when it changed, the old one kept if wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tagwatch.errors import ConfigError
from tagwatch.service.gate import Doors
from tagwatch.service.login import Tokens, read_tokens
from tagwatch.service.schedule import next_due
from tagwatch.service.webhook import WEBHOOK_TOKEN, Webhooks
from tagwatch.value import dataclass, replace
from tagwatch.walk.site import at_configuration

if TYPE_CHECKING:
    from tagwatch.config.settings import Schedule
    from tagwatch.walk.site import Site

__all__ = ["Footing", "Reopen", "footing_of", "with_tokens_of_now"]

Reopen = Callable[[], "tuple[Site, Mapping[str, Any]]"]
"""Read the configuration and give its site and its checked form. Raises `ConfigError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """A configuration that the service can stand on: everything in it that can be wrong is right.

    `plain`: its checked form, which scans are handed.
    """

    site: Site
    plain: Mapping[str, Any]
    schedule: Schedule
    webhooks: Webhooks
    doors: Doors

    def is_changed(self, other: Footing) -> bool:
        """Return True where the other one says something else."""
        return (
            self.plain != other.plain
            or self.site.settings != other.site.settings
            or not self.webhooks.has_secrets_of(other.webhooks)
            or self.doors != other.doors
        )


def footing_of(reopen: Reopen, *, is_local: bool = True) -> Footing:
    """Read the configuration, and return it if the service can use it.

    `is_local`: only this machine reaches the service; else it must ask for a login. Raises
    `ConfigError`: it is wrong, has no schedule, or a webhook's secret or the tokens cannot be read.
    """
    site, plain = reopen()
    site = at_configuration(site)
    settings = site.settings
    if settings.schedule is None:
        raise ConfigError(
            "there is no schedule to keep", hint='add `schedule: {cron: "0 2 * * *"}`'
        )
    next_due(settings.schedule, site.at)
    general = site.environment.get(WEBHOOK_TOKEN, "")
    webhooks = Webhooks(settings.serve.webhooks, general, site.environment)
    if settings.serve.tokens is None and not is_local:
        raise ConfigError(
            "whoever reaches this address reads every report: a service that listens beyond "
            "loopback needs a login",
            hint="add `serve: {tokens: FILE}` and make one with `tagwatch serve token NAME`; or "
            "listen on 127.0.0.1 or unix:/path, behind a proxy",
        )
    tokens = read_tokens(settings.serve.tokens) if settings.serve.tokens is not None else None
    return Footing(
        site=site,
        plain=plain,
        schedule=settings.schedule,
        webhooks=webhooks,
        doors=Doors(hosts=frozenset(settings.serve.hosts), tokens=tokens),
    )


def with_tokens_of_now(footing: Footing) -> Footing:
    """Return a footing that stays, with the tokens that its file holds now.

    A token is taken back whatever else is wrong with the configuration. A file that cannot be used
    lets nobody in: its last line may have been taken out.
    """
    path = footing.site.settings.serve.tokens
    if path is None:
        return footing
    try:
        tokens = read_tokens(path)
    except ConfigError:
        tokens = Tokens(lines=())
    return replace(footing, doors=replace(footing.doors, tokens=tokens))
