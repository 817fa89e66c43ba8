"""The tables of all families: name -> "module:attribute". Strings only: this file imports nothing.

A new member of a family is one file and one line here. A member is imported when it is named.
Third parties add members by entry points of the group `tagwatch.<family>`.
Order matters where it says so.
"""

from __future__ import annotations

__all__ = ["CATALOGUES", "COMMANDS", "CREDENTIALS", "ENGINES", "NOTIFIERS", "PUBLISHERS"]
__all__ += ["REGISTRIES", "RULES", "RULES_OFF", "SOURCES"]

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
    "github-actions": "tagwatch.source.github_actions",
    "gitlab-ci": "tagwatch.source.gitlab_ci",
    "kustomize": "tagwatch.source.kustomize",
    "helm": "tagwatch.source.helm",
    "devcontainer": "tagwatch.source.devcontainer",
    "bake": "tagwatch.source.bake",
    "kubernetes": "tagwatch.source.kubernetes",
    "plain": "tagwatch.source.plain",
}

RULES: dict[str, str] = {
    "tag-missing": "tagwatch.audit.rule.tag_missing:RULE",
    "tag-latest": "tagwatch.audit.rule.tag_latest:RULE",
    "tag-moving": "tagwatch.audit.rule.tag_moving:RULE",
    "digest-unpinned": "tagwatch.audit.rule.digest_unpinned:RULE",
    "reference-unresolved": "tagwatch.audit.rule.reference_unresolved:RULE",
    "registry-not-allowed": "tagwatch.audit.rule.registry_not_allowed:RULE",
    "repository-not-allowed": "tagwatch.audit.rule.repository_not_allowed:RULE",
    "tag-deleted": "tagwatch.audit.rule.tag_deleted:RULE",
    "base-behind": "tagwatch.audit.rule.base_behind:RULE",
    "tag-replaced": "tagwatch.audit.rule.tag_replaced:RULE",
    "base-not-approved": "tagwatch.audit.rule.base_not_approved:RULE",
    "check-incomplete": "tagwatch.audit.rule.check_incomplete:RULE",
    "ignore-expired": "tagwatch.audit.rule.ignore_expired:RULE",
    "ignore-unused": "tagwatch.audit.rule.ignore_unused:RULE",
}

# Rules that are off unless the policy gives them a severity: not even imported.
RULES_OFF = frozenset({"digest-unpinned"})

# Host pattern (a regular expression, matched against the whole host in lower case) ->
# (kind, credential names in order, catalogue name). The first match wins; the last matches all.
REGISTRIES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (r"docker\.io|index\.docker\.io|registry-1\.docker\.io", "hub", ("docker-config",), "oci"),
    (r".*", "distribution", ("docker-config",), "oci"),
)

CREDENTIALS: dict[str, str] = {
    "docker-config": "tagwatch.registry.credential.docker_config:DockerConfig",
}

CATALOGUES: dict[str, str] = {
    "oci": "tagwatch.registry.catalogue.oci:OciCatalogue",
}

PUBLISHERS: dict[str, str] = {
    "text": "tagwatch.publish.console",
    "json": "tagwatch.publish.machine",
    "sarif": "tagwatch.publish.sarif",
    "github": "tagwatch.publish.github",
    "gitlab": "tagwatch.publish.gitlab",
    "junit": "tagwatch.publish.junit",
    "markdown": "tagwatch.publish.markdown",
    "html": "tagwatch.publish.html.page",
}

NOTIFIERS: dict[str, str] = {
    "slack": "tagwatch.publish.notify.slack:SlackNotifier",
    "webhook": "tagwatch.publish.notify.webhook:WebhookNotifier",
    "apprise": "tagwatch.publish.notify.apprise:AppriseNotifier",
}

ENGINES: dict[str, str] = {
    "local": "tagwatch.crawl.engine.local:run",
}
