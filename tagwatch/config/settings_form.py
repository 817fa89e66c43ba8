"""The form of tagwatch.yaml. Relative paths in it start at the file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from tagwatch.config.form import Day, Duration, Form, Text
from tagwatch.config.raw import MEMORY_PATTERN

__all__ = ["DaskForm", "RegistryForm", "RouteForm", "SettingsForm"]

Severity = Literal["error", "warning", "note"]
Prefix = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9][^\s@]*$", description="host, or host/path")]
Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
        description="scheme://host[:port][/prefix]; http:// means plain HTTP for that host alone",
    ),
]
PublicKeyText = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9+/]{43}=$", description="a public key: 32 bytes in base64")
]
Environment = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="the name of an environment variable"),
]


class WatchForm(Form, frozen=True):
    """What to watch beside the sources: a repository, or all below a prefix (`…/shop/*`)."""

    image: Text
    tags: Annotated[
        list[Text], Meta(description="tags and patterns (6.2.x, ~6.2, /^8/); none: every tag")
    ] = []
    include: Annotated[
        list[Text], Meta(description="globs of repositories and tags; only these")
    ] = []
    exclude: Annotated[
        list[Text], Meta(description="globs of repositories and tags; not these")
    ] = []
    max_tags: Annotated[int, Meta(ge=1, description="tags of one repository at most")] = 20_000


class RegistryForm(Form, frozen=True):
    """What differs from the built-in table for one registry."""

    endpoint: Endpoint | None = None
    catalogue_endpoint: Endpoint | None = None
    insecure: Annotated[
        bool, Meta(description="accept unverified certificates, and no TLS at all")
    ] = False
    credential: Annotated[Text | None, Meta(description="docker-config, anonymous, …")] = None
    kind: Annotated[
        Text | None, Meta(description="what a self-hosted registry is: harbor, gitlab, quay, …")
    ] = None
    concurrency: Annotated[int, Meta(ge=1, le=256, description="requests at a time")] = 8
    requests_per_second: Annotated[float, Meta(gt=0)] | None = None
    ca_file: Text | None = None
    client_certificate: Annotated[
        Text | None, Meta(description="PEM file with certificate and key")
    ] = None
    token_hosts: Annotated[
        list[Text], Meta(description="token servers elsewhere that may get credentials")
    ] = []
    redirect_hosts: Annotated[
        list[Text], Meta(description="storage at private addresses; gets no credentials")
    ] = []
    namespace: Annotated[
        bool, Meta(description="send ns=<registry>, as containerd does to a mirror")
    ] = False
    budget: Annotated[int, Meta(ge=0, description="pulls one run may spend")] | None = None
    full_sweep: Duration = "7d"
    timeout_seconds: Annotated[float, Meta(gt=0)] = 30.0
    patience_seconds: Annotated[float, Meta(ge=0)] = 60.0


class ReportsForm(Form, frozen=True):
    """What `tagwatch scan` writes."""

    directory: Text = "reports"
    formats: list[Text] = field(default_factory=lambda: ["html", "json"])
    url: Annotated[str, Meta(description="where the reports can be read, for alerts")] = ""
    source: Annotated[
        str,
        Meta(
            pattern=r"^(https://[A-Za-z0-9.-]+(:[0-9]+)?/"
            r"[^\s\"'<>\\`]*\{path\}[^\s\"'<>\\`]*)?$",
            description="where files can be read, with {path} and {line}; left out: git's origin",
        ),
    ] = ""
    projects: Annotated[
        Text | None,
        Meta(
            description="a folder in which each scan writes the site of all projects that share "
            "the ledger; left out: none"
        ),
    ] = None


class SlackAddressForm(Form, frozen=True):
    """An incoming webhook. Its address is a secret and never stands in this file."""

    webhook_env: Environment | None = None
    webhook_file: Text | None = None
    allow_http: Annotated[bool, Meta(description="accept an http:// address")] = False


class WebhookAddressForm(Form, frozen=True):
    """An address that gets the alert as JSON. A secret, too.

    With a secret (`whsec_…`; two while it is being changed), messages are signed as Standard
    Webhooks has it.
    """

    url_env: Environment | None = None
    url_file: Text | None = None
    secret_env: Annotated[
        Environment | None, Meta(description="the variable that holds the key of the signature")
    ] = None
    secret_file: Text | None = None
    allow_http: Annotated[bool, Meta(description="accept an http:// address")] = False


class AppriseAddressForm(Form, frozen=True):
    """An apprise address (`mailto://…`, `workflows://…`). A secret, too."""

    url_env: Environment | None = None
    url_file: Text | None = None


class PluginAddressForm(Form, frozen=True):
    """A channel that another package brings, by its name, and its address."""

    name: Text
    url_env: Environment | None = None
    url_file: Text | None = None
    allow_http: Annotated[bool, Meta(description="accept an http:// address")] = False


class SlackForm(SlackAddressForm, frozen=True):
    """An incoming webhook. Its address is a secret and never stands in this file."""

    min_severity: Severity = "warning"


class WebhookForm(WebhookAddressForm, frozen=True):
    """An address that gets the alert as JSON. A secret, too."""

    min_severity: Severity = "warning"


class AppriseForm(AppriseAddressForm, frozen=True):
    """An apprise address (`mailto://…`, `workflows://…`). A secret, too."""

    min_severity: Severity = "warning"


class AlertsForm(Form, frozen=True):
    """Where `tagwatch scan` tells what is new, worse or fixed: one receiver a channel."""

    slack: SlackForm | None = None
    webhook: WebhookForm | None = None
    apprise: AppriseForm | None = None
    plugins: Annotated[
        dict[str, WebhookForm], Meta(description="channels that other packages bring, by name")
    ] = {}


class RouteForm(Form, frozen=True):
    """What a receiver hears of; every kind of key given must match."""

    paths: Annotated[list[Text], Meta(description="globs of files that name the image")] = []
    images: Annotated[list[Text], Meta(description="globs of images")] = []
    owners: Annotated[
        list[Text], Meta(description="owners that CODEOWNERS gives those files: @org/team")
    ] = []
    rules: Annotated[
        list[Text], Meta(description="globs of rules; such a receiver hears of findings alone")
    ] = []
    min_severity: Severity = "warning"


class ReceiverForm(Form, frozen=True):
    """One who is told: a name, one channel, and what is to be heard there."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
            description="letters, digits, '.', '_' and '-'; messages that wait are kept under it",
        ),
    ]
    slack: SlackAddressForm | None = None
    webhook: WebhookAddressForm | None = None
    apprise: AppriseAddressForm | None = None
    plugin: PluginAddressForm | None = None
    when: RouteForm = RouteForm()
    remind_after: Annotated[
        Duration | None, Meta(description="tell a finding that still stands again after this")
    ] = None


class HealthcheckForm(Form, frozen=True):
    """Where the address to ping is found, where it shall not stand in this file."""

    url_env: Environment | None = None
    url_file: Text | None = None


class ScheduleForm(Form, frozen=True):
    """When `tagwatch serve` scans."""

    cron: Annotated[Text, Meta(description="minute hour day month weekday")]
    timezone: Text = "UTC"
    jitter: Duration = "0"
    misfire_grace: Annotated[Duration, Meta(description="a run missed by more is left out")] = "1h"


class RegistryWebhookForm(Form, frozen=True):
    """A registry that tells `tagwatch serve` what was pushed, and the secret it does that with."""

    registry: Annotated[Text, Meta(description="its host, as references name it")]
    kind: Annotated[Text, Meta(description="what sends it: hub, harbor, quay, distribution, …")]
    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$",
            description="its address is /webhook/<name>; none: the registry",
        ),
    ] = ""
    token_env: Environment | None = None
    token_file: Text | None = None
    prefixes: Annotated[
        dict[str, str],
        Meta(
            description="JFrog, Nexus: a repository there, and where its images begin; only these"
        ),
    ] = {}


class ServeForm(Form, frozen=True):
    """What `tagwatch serve` does beside the schedule."""

    tokens: Annotated[
        Text | None,
        Meta(description="a file of those who may look; `tagwatch serve token NAME` writes it"),
    ] = None
    hosts: Annotated[
        list[
            Annotated[
                str,
                Meta(
                    pattern=r"^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])$",
                    description="a name or an address, without a port",
                ),
            ]
        ],
        Meta(description="the names that it answers to, beside loopback's: tagwatch.example"),
    ] = []
    webhooks: list[RegistryWebhookForm] = []
    memory: Annotated[
        str,
        Meta(
            pattern=MEMORY_PATTERN,
            description="what a scan may take, as in 2G; none: three quarters of what is there",
        ),
    ] = ""


class SecurityForm(Form, frozen=True):
    """The files of a cluster's TLS. Who has a certificate of this CA may do everything there."""

    ca: Annotated[Text, Meta(description="whom we believe: a CA of the cluster's own")]
    cert: Annotated[Text, Meta(description="our certificate")]
    key: Annotated[Text, Meta(description="its key")]


class DaskForm(Form, frozen=True):
    """A Dask cluster."""

    address: Annotated[Text, Meta(description="its scheduler: tls://host:8786")]
    security: Annotated[
        SecurityForm | None, Meta(description="TLS, as scheduler and workers have it")
    ] = None
    insecure: Annotated[
        bool, Meta(description="without TLS beyond this machine: who reaches it runs code here")
    ] = False
    wait: Annotated[Duration, Meta(description="how long the cluster may be silent")] = "30s"


class PluginEngineForm(Form, frozen=True):
    """An engine that another package brings."""

    name: Text
    address: Annotated[str, Meta(description="where it is told to work, if it asks")] = ""


class EngineForm(Form, frozen=True):
    """Another engine than this process: one of these."""

    dask: DaskForm | None = None
    plugin: PluginEngineForm | None = None


class PublicKeyForm(Form, frozen=True):
    """A public key with limits."""

    key: PublicKeyText
    until: Annotated[Day | None, Meta(description="from this day on (UTC) it signs nothing")] = None
    registries: Annotated[
        list[Text], Meta(description="hosts that it may speak of; none: every one")
    ] = []


class FactsForm(Form, frozen=True):
    """An extract that `tagwatch facts export` wrote: a file or an https URL, and whose is believed.

    Who exports has a private key, which `key_env` or `key_file` names; who reads has public ones.
    """

    source: Annotated[
        Text | None, Meta(description="none in an operator's file: a tree says where it lies")
    ] = None
    public_keys: Annotated[
        dict[str, PublicKeyText | PublicKeyForm],
        Meta(description="whose extracts count, by key id; `tagwatch facts keygen` prints both"),
    ] = {}
    key_env: Annotated[
        Environment | None, Meta(description="export: the variable that holds the private key")
    ] = None
    key_file: Annotated[
        Text | None, Meta(description="export: the file that holds the private key")
    ] = None
    name: Annotated[Text | None, Meta(description="export: what this extract is called")] = None
    valid_for: Annotated[Duration, Meta(description="export: when it expires; at most 90d")] = "7d"


class RetentionForm(Form, frozen=True):
    """How long is kept what is over; each scan drops what is older. null: for ever."""

    history: Duration | None = None
    runs: Duration | None = "400d"
    pages: Annotated[
        Duration | None, Meta(description="pages of runs in the directory of reports")
    ] = "30d"
    compact: Annotated[
        bool,
        Meta(description="shrink the file once a quarter of it is free; it needs the room twice"),
    ] = False


class GitSourceForm(Form, frozen=True):
    """A git repository: its newest commit, read as a stranger's tree. Logins are git's own."""

    git: Annotated[
        str,
        Meta(
            description="https://…, ssh://…, git@host:path, file:///… or a whole path; no login",
            # for other words before `:` git runs programs, or sends in clear
            pattern=r"^((https|file)://[^\s@]+|ssh://([\w.-]+@)?[^\s@]+"
            r"|[A-Za-z0-9][\w.-]*@[\w.-]+:[^\s:@]+|/[^\s]+)$",
        ),
    ]
    branch: Annotated[
        str,
        Meta(
            description="default: the repository's own default",
            pattern=r"^([A-Za-z0-9][\w./+-]*)?$",
        ),
    ] = ""
    name: Annotated[
        str,
        Meta(
            description="where its files stand in results; default: the last part of its address",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$|^$",
        ),
    ] = ""
    files: Annotated[
        list[Text], Meta(description="globs of files that name images; none: as `check` finds them")
    ] = []


class SettingsForm(Form, frozen=True):
    """tagwatch.yaml. Relative paths start at this file."""

    version: Literal[1] = 1
    project: Annotated[
        Text | None,
        Meta(description="a name for its runs in the ledger; default: this file's path"),
    ] = None
    database: Annotated[Text | None, Meta(description="default: the user's data directory")] = None
    max_age: Annotated[
        Duration, Meta(description="check and resolve ask again only for older facts")
    ] = "24h"
    sources: Annotated[
        list[Text | GitSourceForm],
        Meta(description="globs of files that name images, and git repositories"),
    ] = []
    watch: list[WatchForm] = []
    registries: dict[str, RegistryForm] = {}
    policy: Annotated[
        Text | dict[str, Any] | None, Meta(description="a path, or the policy itself")
    ] = None
    reports: ReportsForm = ReportsForm()
    alerts: AlertsForm | list[ReceiverForm] = AlertsForm()
    healthcheck: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^\s@#]+$")] | HealthcheckForm | None,
        Meta(
            description="pinged when a scan begins, ends well and fails, as healthchecks.io has "
            "it: URL/start, URL, URL/fail"
        ),
    ] = None
    schedule: ScheduleForm | None = None
    serve: ServeForm = ServeForm()
    engine: Literal["local"] | EngineForm = "local"
    facts: Text | FactsForm | None = None
    retention: RetentionForm = RetentionForm()
    environment: Annotated[
        list[Annotated[str, Meta(pattern=r"^[A-Za-z_*][A-Za-z0-9_*]*$")]],
        Meta(description="variables, * for any text, that references may hold: TAG, CI_COMMIT_*"),
    ] = []
    pull_through: Annotated[
        dict[Prefix, Prefix],
        Meta(
            description="what caches have copies of, by the beginning of their names: facts about "
            "the originals hold for the copies"
        ),
    ] = {}
    knowledge: Annotated[
        Text | None,
        Meta(description="the only ends of life: endoflife.date's /api/v1/products/full, saved"),
    ] = None
