"""The tables of all families: name -> "module:attribute". Strings only: this file imports nothing.

A new member of a family is one file and one line here. A member is imported when it is named:
see `member.py`. Third parties add members by entry points of the group `tagwatch.<family>`, the
names of `FAMILIES`.
Order matters where it says so.
"""

from __future__ import annotations

__all__ = ["CATALOGUES", "COMMANDS", "CREDENTIALS", "ENGINES", "FAMILIES", "NOTIFIERS"]
__all__ += ["PUBLISHERS", "REGISTRIES", "RULES", "RULES_OFF", "SOURCES"]

COMMANDS: dict[str, str] = {
    "check": "tagwatch.cli.check:command",
    "scan": "tagwatch.cli.scan:command",
    "resolve": "tagwatch.cli.resolve:command",
    "history": "tagwatch.cli.history:command",
    "diff": "tagwatch.cli.diff:command",
    "base": "tagwatch.cli.base:command",
    "extract": "tagwatch.cli.extract:command",
    "report": "tagwatch.cli.report:command",
    "doctor": "tagwatch.cli.doctor:command",
    "ledger": "tagwatch.cli.ledger:command",
    "serve": "tagwatch.cli.serve:command",
    "explain": "tagwatch.cli.explain:command",
    "baseline": "tagwatch.cli.baseline:command",
    "policy": "tagwatch.cli.policy:command",
    "facts": "tagwatch.cli.facts:command",
    "init": "tagwatch.cli.init:command",
    "demo": "tagwatch.cli.demo:command",
    "schema": "tagwatch.cli.schema:command",
}

# Sources are asked in this order; the first that recognizes a file reads it.
SOURCES: dict[str, str] = {
    "dockerfile": "tagwatch.source.dockerfile",
    "compose": "tagwatch.source.compose.source",
    "github-actions": "tagwatch.source.github_actions",
    "gitlab-ci": "tagwatch.source.gitlab_ci",
    "kustomize": "tagwatch.source.cluster.kustomize",
    "helm": "tagwatch.source.cluster.helm",
    "devcontainer": "tagwatch.source.devcontainer",
    "bake": "tagwatch.source.bake.source",
    "kubernetes": "tagwatch.source.cluster.kubernetes",
    "plain": "tagwatch.source.plain",
}

RULES: dict[str, str] = {
    "tag-missing": "tagwatch.audit.rule.tag_missing:RULE",
    "tag-latest": "tagwatch.audit.rule.tag_latest:RULE",
    "tag-moving": "tagwatch.audit.rule.tag_moving:RULE",
    "digest-unpinned": "tagwatch.audit.rule.digest_unpinned:RULE",
    "tag-deleted": "tagwatch.audit.rule.tag_deleted:RULE",
    "tag-unsupported": "tagwatch.audit.rule.tag_unsupported:RULE",
    "tag-abandoned": "tagwatch.audit.rule.tag_abandoned:RULE",
    "tag-replaced": "tagwatch.audit.rule.tag_replaced:RULE",
    "tag-rebuilt": "tagwatch.audit.rule.tag_rebuilt:RULE",
    "tag-downgraded": "tagwatch.audit.rule.tag_downgraded:RULE",
    "tag-os-shifted": "tagwatch.audit.rule.tag_os_shifted:RULE",
    "tag-config-changed": "tagwatch.audit.rule.tag_config_changed:RULE",
    "cooldown": "tagwatch.audit.rule.cooldown:RULE",
    "reference-unresolved": "tagwatch.audit.rule.reference_unresolved:RULE",
    "registry-implicit": "tagwatch.audit.rule.registry_implicit:RULE",
    "registry-not-allowed": "tagwatch.audit.rule.registry_not_allowed:RULE",
    "repository-not-allowed": "tagwatch.audit.rule.repository_not_allowed:RULE",
    "official-lookalike": "tagwatch.audit.rule.official_lookalike:RULE",
    "digest-tag-disagree": "tagwatch.audit.rule.digest_tag_disagree:RULE",
    "digest-single-platform": "tagwatch.audit.rule.digest_single_platform:RULE",
    "pin-unresolvable": "tagwatch.audit.rule.pin_unresolvable:RULE",
    "pin-untagged": "tagwatch.audit.rule.pin_untagged:RULE",
    "base-not-approved": "tagwatch.audit.rule.base_not_approved:RULE",
    "base-unknown": "tagwatch.audit.rule.base_unknown:RULE",
    "base-claim-conflict": "tagwatch.audit.rule.base_claim_conflict:RULE",
    "base-stale": "tagwatch.audit.rule.base_stale:RULE",
    "base-behind": "tagwatch.audit.rule.base_behind:RULE",
    "version-eol": "tagwatch.audit.rule.version_eol:RULE",
    "eol-soon": "tagwatch.audit.rule.eol_soon:RULE",
    "os-eol": "tagwatch.audit.rule.os_eol:RULE",
    "image-too-old": "tagwatch.audit.rule.image_too_old:RULE",
    "platform-missing": "tagwatch.audit.rule.platform_missing:RULE",
    "platform-dropped": "tagwatch.audit.rule.platform_dropped:RULE",
    "platform-lag": "tagwatch.audit.rule.platform_lag:RULE",
    "platform-config-differs": "tagwatch.audit.rule.platform_config_differs:RULE",
    "platform-fixed-in-from": "tagwatch.audit.rule.platform_fixed_in_from:RULE",
    "os-mismatch": "tagwatch.audit.rule.os_mismatch:RULE",
    "user-root": "tagwatch.audit.rule.user_root:RULE",
    "secret-in-env": "tagwatch.audit.rule.secret_in_env:RULE",
    "secret-in-history": "tagwatch.audit.rule.secret_in_history:RULE",
    "healthcheck-missing": "tagwatch.audit.rule.healthcheck_missing:RULE",
    "add-remote": "tagwatch.audit.rule.add_remote:RULE",
    "attestation-missing": "tagwatch.audit.rule.attestation_missing:RULE",
    "port-all-interfaces": "tagwatch.audit.rule.port_all_interfaces:RULE",
    "port-privileged-host": "tagwatch.audit.rule.port_privileged_host:RULE",
    "port-conflict": "tagwatch.audit.rule.port_conflict:RULE",
    "port-undeclared": "tagwatch.audit.rule.port_undeclared:RULE",
    "port-expose-changed": "tagwatch.audit.rule.port_expose_changed:RULE",
    "port-suspicious": "tagwatch.audit.rule.port_suspicious:RULE",
    "check-incomplete": "tagwatch.audit.rule.check_incomplete:RULE",
    "policy-data-old": "tagwatch.audit.rule.policy_data_old:RULE",
    "ignore-expired": "tagwatch.audit.rule.ignore_expired:RULE",
    "ignore-unused": "tagwatch.audit.rule.ignore_unused:RULE",
}

# Rules that are off unless the policy gives them a severity: not even imported.
RULES_OFF = frozenset(
    {"attestation-missing", "digest-unpinned", "healthcheck-missing", "image-too-old"}
    | {"registry-implicit"}
)

# Host pattern (a regular expression, matched against the whole host in lower case) ->
# (kind, credential names in order, catalogue name). The first match wins; the last matches all.
REGISTRIES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (r"docker\.io|index\.docker\.io|registry-1\.docker\.io", "hub", ("docker-config",), "hub"),
    (r"ghcr\.io", "ghcr", ("docker-config", "github"), "ghcr"),
    (r"quay\.io", "quay", ("quay", "docker-config"), "quay"),
    (r"[a-z0-9-]+\.azurecr\.(?:io|us|cn)", "acr", ("docker-config", "azure"), "acr"),
    (r"registry\.gitlab\.com", "gitlab", ("docker-config", "gitlab-ci"), "gitlab"),
    (r"demo\.goharbor\.io", "harbor", ("docker-config",), "harbor"),
    (
        r"\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu"
        r"|on\.aws|on\.amazonwebservices\.com\.cn"
        r"|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)",
        "ecr",
        ("aws", "docker-config"),
        "ecr",
    ),
    (
        r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev",
        "google",
        ("docker-config", "google"),
        "google",
    ),
    (r"public\.ecr\.aws", "ecr-public", ("docker-config", "aws"), "oci"),
    (r".*", "distribution", ("docker-config", "gitlab-ci"), "oci"),
)

CREDENTIALS: dict[str, str] = {
    "docker-config": "tagwatch.registry.credential.docker_config:DockerConfig",
    "aws": "tagwatch.registry.credential.aws:AwsCredential",
    "azure": "tagwatch.registry.credential.azure:Azure",
    "google": "tagwatch.registry.credential.google:GoogleCredential",
    "github": "tagwatch.registry.credential.environment:GithubToken",
    "gitlab-ci": "tagwatch.registry.credential.environment:GitlabCi",
    "quay": "tagwatch.registry.credential.environment:QuayToken",
}

CATALOGUES: dict[str, str] = {
    "oci": "tagwatch.registry.catalogue.oci:OciCatalogue",
    "hub": "tagwatch.registry.catalogue.hub:HubCatalogue",
    "acr": "tagwatch.registry.catalogue.acr:AcrCatalogue",
    "ecr": "tagwatch.registry.catalogue.ecr:EcrCatalogue",
    "google": "tagwatch.registry.catalogue.google:GoogleCatalogue",
    "ghcr": "tagwatch.registry.catalogue.ghcr:GhcrCatalogue",
    "gitlab": "tagwatch.registry.catalogue.gitlab:GitlabCatalogue",
    "harbor": "tagwatch.registry.catalogue.harbor:HarborCatalogue",
    "quay": "tagwatch.registry.catalogue.quay:QuayCatalogue",
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
    "dask": "tagwatch.crawl.engine.dask:run",
}

# What entry points may add to, each by its name there.
FAMILIES: dict[str, dict[str, str]] = {
    "catalogues": CATALOGUES,
    "commands": COMMANDS,
    "credentials": CREDENTIALS,
    "engines": ENGINES,
    "notifiers": NOTIFIERS,
    "publishers": PUBLISHERS,
    "rules": RULES,
    "sources": SOURCES,
}
