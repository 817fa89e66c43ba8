"""The tables of all families: name -> "module:attribute". Strings only: this file imports nothing.

A new member of a family is one file and one line here. A member is imported when it is named.
Third parties add members by entry points of the group `tagwatch.<family>`.
Order matters where it says so.
"""

from __future__ import annotations

__all__ = ["CATALOGUES", "COMMANDS", "CREDENTIALS", "ENGINES", "NOTIFIERS", "PUBLISHERS"]
__all__ += ["REGISTRIES", "RULES", "SOURCES"]

COMMANDS: dict[str, str] = {
    "check": "tagwatch.cli.check:command",
    "scan": "tagwatch.cli.scan:command",
    "resolve": "tagwatch.cli.resolve:command",
    "history": "tagwatch.cli.history:command",
    "extract": "tagwatch.cli.extract:command",
    "report": "tagwatch.cli.report:command",
    "serve": "tagwatch.cli.serve:command",
    "explain": "tagwatch.cli.explain:command",
    "init": "tagwatch.cli.init:command",
    "demo": "tagwatch.cli.demo:command",
    "schema": "tagwatch.cli.schema:command",
}

# Sources are asked in this order; the first that recognizes a file reads it.
SOURCES: dict[str, str] = {
    "dockerfile": "tagwatch.source.dockerfile",
    "compose": "tagwatch.source.compose",
    "kubernetes": "tagwatch.source.kubernetes",
}

RULES: dict[str, str] = {}

# Host pattern (a regular expression, matched against the whole host in lower case) ->
# (kind, credential names in order, catalogue name). The first match wins; the last matches all.
REGISTRIES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (r"docker\.io|index\.docker\.io|registry-1\.docker\.io", "hub", ("docker-config",), "oci"),
    (r".*", "distribution", ("docker-config",), "oci"),
)

CREDENTIALS: dict[str, str] = {}

CATALOGUES: dict[str, str] = {}

PUBLISHERS: dict[str, str] = {
    "text": "tagwatch.publish.console",
    "json": "tagwatch.publish.machine",
}

NOTIFIERS: dict[str, str] = {
    "slack": "tagwatch.publish.notify.slack:SlackNotifier",
    "webhook": "tagwatch.publish.notify.webhook:WebhookNotifier",
    "apprise": "tagwatch.publish.notify.apprise:AppriseNotifier",
}

ENGINES: dict[str, str] = {
    "local": "tagwatch.crawl.engine.local:run",
}
