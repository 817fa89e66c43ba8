"""The configuration of a running service: read again when it changed, the old one kept if wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tagwatch.errors import ConfigError
from tagwatch.service.schedule import next_due
from tagwatch.service.webhook import Webhooks
from tagwatch.value import dataclass
from tagwatch.walk.site import at_configuration

if TYPE_CHECKING:
    from tagwatch.config.settings import Schedule
    from tagwatch.walk.site import Site

__all__ = ["WEBHOOK_TOKEN", "Footing", "Reopen", "footing_of"]

WEBHOOK_TOKEN = "TAGWATCH_WEBHOOK_TOKEN"  # noqa: S105  # a variable's name

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

    def is_changed(self, other: Footing) -> bool:
        """Return True where the other one says something else."""
        return (
            self.plain != other.plain
            or self.site.settings != other.site.settings
            or not self.webhooks.has_secrets_of(other.webhooks)
        )


def footing_of(reopen: Reopen) -> Footing:
    """Read the configuration, and return it if the service can use it.

    Raises `ConfigError`: it is wrong, has no schedule, or a webhook's secret cannot be read.
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
    return Footing(site=site, plain=plain, schedule=settings.schedule, webhooks=webhooks)
