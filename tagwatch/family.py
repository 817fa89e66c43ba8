"""The tables of all families: name -> "module:attribute". Strings only: this file imports nothing.

A new member of a family is one file and one line here. A member is imported when it is named:
see `member.py`. Third parties add members by entry points of the group `tagwatch.<family>`, the
names of `FAMILIES`.
Order matters where it says so.
"""

from __future__ import annotations

__all__ = [
    "CATALOGUES",
    "COMMANDS",
    "COMMAND_HELP",
    "CREDENTIALS",
    "ENGINES",
    "FAMILIES",
    "HISTORY",
    "NOTIFIERS",
]
__all__ += ["NOTICES", "PUBLISHERS", "REGISTRIES", "RULES", "RULE_ROWS", "SOURCES"]

COMMANDS: dict[str, str] = {
    "check": "tagwatch.cli.check:command",
    "scan": "tagwatch.cli.scan:command",
    "outdated": "tagwatch.cli.outdated:command",
    "pr": "tagwatch.cli.pr:command",
    "resolve": "tagwatch.cli.resolve:command",
    "history": "tagwatch.cli.history:command",
    "diff": "tagwatch.cli.diff:command",
    "base": "tagwatch.cli.base:command",
    "extract": "tagwatch.cli.extract:command",
    "report": "tagwatch.cli.report:command",
    "doctor": "tagwatch.cli.doctor:command",
    "ledger": "tagwatch.cli.ledger:command",
    "alerts": "tagwatch.cli.alerts:command",
    "serve": "tagwatch.cli.serve:command",
    "explain": "tagwatch.cli.explain:command",
    "baseline": "tagwatch.cli.baseline:command",
    "policy": "tagwatch.cli.policy:command",
    "facts": "tagwatch.cli.facts:command",
    "init": "tagwatch.cli.init:command",
    "trust": "tagwatch.cli.trust:command",
    "knowledge": "tagwatch.cli.knowledge:command",
    "demo": "tagwatch.cli.demo:command",
    "schema": "tagwatch.cli.schema:command",
    "completion": "tagwatch.cli.completion:command",
}

# Command -> what it is for, in a line: `tagwatch --help` imports no command to say it.
COMMAND_HELP: dict[str, str] = {
    "check": "audit the files that name images (pre-commit, CI)",
    "scan": "the nightly run: crawl, remember, judge, publish, alert",
    "outdated": "which images have a newer version that may be written, or are past their end",
    "pr": "what a range of commits does to images: from what to what, why it moved, how old it is",
    "resolve": "what a floating tag or pattern is today: concrete tag, version, digest",
    "history": "what a tag was, with dates and verdicts",
    "diff": "layers, config, platforms, packages of two images",
    "base": "which approved base an image stands on, which build of it, how far behind",
    "extract": "every image reference in files, resolved, with line and column",
    "report": "render the last scan's result again",
    "doctor": "is every registry readable, as whom, and what to do where not",
    "ledger": "keep the memory: check, backup, restore, forget, rewind",
    "alerts": "alerts that did not arrive: list them, retry or drop them; or send a test",
    "serve": "keep the schedule; serve reports, health and metrics",
    "explain": "what a rule says, why, and how to fix it",
    "baseline": "remember the findings of today, so that only new ones fail a check",
    "policy": "which lines of the policy apply to an image, with their places",
    "facts": "write or read a signed extract of the ledger, for laptops and CI",
    "init": "look at a repository, and write what watches it: configuration, policy, hook, CI job",
    "trust": "take a tree's configuration as your own word, after a look at it",
    "knowledge": "which ends of life are known and of which day, and newer ones",
    "demo": "run the main job on an embedded registry with sample images",
    "schema": "the JSON Schema of tagwatch.yaml or policy.yaml",
    "completion": "the script by which bash, zsh or fish completes commands and flags",
}

# Sources are asked in this order; the first that recognizes a file reads it.
SOURCES: dict[str, str] = {
    "dockerfile": "tagwatch.source.dockerfile",
    "compose": "tagwatch.source.compose.source",
    "github-actions": "tagwatch.source.github_actions",
    "gitlab-ci": "tagwatch.source.gitlab_ci",
    "pipeline": "tagwatch.source.pipeline",
    "kustomize": "tagwatch.source.cluster.kustomize",
    "helm": "tagwatch.source.cluster.helm",
    "devcontainer": "tagwatch.source.devcontainer",
    "bake": "tagwatch.source.bake.source",
    "kubernetes": "tagwatch.source.cluster.kubernetes",
    "plain": "tagwatch.source.plain",
}

# Rule -> (default severity, occasions, what it reads beside the text), in the order in which rules
# are asked. A rule is `RULE` in the module of its name in `audit/rule/`. If it is `off`, it speaks
# only where the policy gives it a severity. It is imported and asked only where the targets give
# one of its occasions (`audit/rule/occasion.py`; none named: always). What it reads is fetched; the
# words are those of `audit.rule.interface.Reads`.
RULE_ROWS: dict[str, tuple[str, str, str]] = {
    "tag-missing": ("warning", "untagged", ""),
    "tag-latest": ("warning", "latest", ""),
    "tag-moving": ("note", "alias", "tags history"),
    "digest-unpinned": ("off", "", ""),
    "tag-deleted": ("error", "absent", "tags"),
    "tag-unsupported": ("warning", "ending", "tags history"),
    "tag-abandoned": ("note", "ending", "history"),
    "tag-replaced": ("error", "change", "manifests configs history"),
    "tag-rebuilt": ("note", "change", "manifests configs history"),
    "tag-downgraded": ("error", "change", "history"),
    "tag-os-shifted": ("warning", "change", "manifests configs history"),
    "tag-config-changed": ("warning", "change", "manifests configs history"),
    "tag-disagrees": ("warning", "disagree", "configs history"),
    "cooldown": ("warning", "history", "history"),
    "reference-unresolved": ("note", "unresolved", ""),
    "registry-implicit": ("off", "", ""),
    "registry-not-allowed": ("error", "access", ""),
    "repository-not-allowed": ("error", "access", ""),
    "official-lookalike": ("error", "unofficial", ""),
    "digest-tag-disagree": ("error", "pin", "tags history"),
    "digest-single-platform": ("warning", "pin", "manifests"),
    "pin-unresolvable": ("error", "pin", "tags"),
    "pin-untagged": ("warning", "pin", "tags history"),
    "base-not-approved": ("error", "approval", "manifests configs"),
    "base-unknown": ("note", "approval", "manifests configs"),
    "base-claim-conflict": ("error", "conflict", "manifests configs"),
    "base-lost": ("warning", "lost", "manifests configs history"),
    "base-stale": ("warning", "left pin", "manifests configs history"),
    "base-behind": ("note", "newer", "tags"),
    "image-retired": ("warning", "retired", ""),
    "version-eol": ("error", "product word", "tags"),
    "eol-soon": ("note", "product word", "tags"),
    "os-eol": ("error", "system word", "configs"),
    "image-too-old": ("off", "documents", "configs"),
    "platform-missing": ("error", "demand", "manifests configs"),
    "platform-dropped": ("error", "change", "manifests configs history"),
    "platform-lag": ("warning", "platforms", "configs"),
    "platform-config-differs": ("warning", "platforms", "configs"),
    "platform-fixed-in-from": ("note", "flag", ""),
    "os-mismatch": ("error", "offer", "manifests configs"),
    "user-root": ("warning", "FROM", "configs"),
    "secret-in-env": ("warning", "ENV ARG secret", "configs"),
    "secret-in-history": ("warning", "secret", "configs"),
    "healthcheck-missing": ("off", "FROM", "configs"),
    "add-remote": ("note", "ADD", ""),
    "attestation-missing": ("off", "documents", "manifests attestations"),
    "port-all-interfaces": ("warning", "port", ""),
    "port-privileged-host": ("note", "port", ""),
    "port-conflict": ("error", "port", ""),
    "port-undeclared": ("note", "port", "configs"),
    "port-expose-changed": ("warning", "change", "manifests configs history"),
    "port-suspicious": ("warning", "port EXPOSE", ""),
    "check-incomplete": ("warning", "gap", ""),
    "policy-data-old": ("note", "product", ""),
    "ignore-expired": ("warning", "ignore", ""),
    "ignore-unused": ("note", "ignore", ""),
}
RULES: dict[str, str] = {
    name: f"tagwatch.audit.rule.{name.replace('-', '_')}:RULE" for name in RULE_ROWS
}

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
    "compact": "tagwatch.publish.compact",
    "json": "tagwatch.publish.machine",
    "sarif": "tagwatch.publish.sarif",
    "github": "tagwatch.publish.github",
    "gitlab": "tagwatch.publish.gitlab",
    "junit": "tagwatch.publish.junit",
    "markdown": "tagwatch.publish.markdown",
    "csv": "tagwatch.publish.sheet",
    "cyclonedx": "tagwatch.publish.inventory",
    "html": "tagwatch.publish.html.page",
}

NOTIFIERS: dict[str, str] = {
    "slack": "tagwatch.publish.notify.slack:SlackNotifier",
    "webhook": "tagwatch.publish.notify.webhook:WebhookNotifier",
    "apprise": "tagwatch.publish.notify.apprise:AppriseNotifier",
}

# What a registry's webhook says: kind -> its reader. GitLab's registry is distribution's.
NOTICES: dict[str, str] = {
    "distribution": "tagwatch.service.notice.distribution:read",
    "gitlab": "tagwatch.service.notice.distribution:read",
    "acr": "tagwatch.service.notice.acr:read",
    "hub": "tagwatch.service.notice.hub:read",
    "harbor": "tagwatch.service.notice.harbor:read",
    "quay": "tagwatch.service.notice.quay:read",
    "gitea": "tagwatch.service.notice.gitea:read",
    "ghcr": "tagwatch.service.notice.ghcr:read",
    "ecr": "tagwatch.service.notice.ecr:read",
    "google": "tagwatch.service.notice.google:read",
    "jfrog": "tagwatch.service.notice.jfrog:read",
    "nexus": "tagwatch.service.notice.nexus:read",
    "zot": "tagwatch.service.notice.zot:read",
}

ENGINES: dict[str, str] = {
    "local": "tagwatch.crawl.engine.local:open_engine",
    "dask": "tagwatch.crawl.engine.dask:open_engine",
}

# Bundles of what tags were: each is the path of a file, and only other packages bring them.
HISTORY: dict[str, str] = {}

# The families that entry points may add to, by the name in their group.
FAMILIES: dict[str, dict[str, str]] = {
    "catalogues": CATALOGUES,
    "commands": COMMANDS,
    "credentials": CREDENTIALS,
    "engines": ENGINES,
    "history": HISTORY,
    "notices": NOTICES,
    "notifiers": NOTIFIERS,
    "publishers": PUBLISHERS,
    "rules": RULES,
    "sources": SOURCES,
}
