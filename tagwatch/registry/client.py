"""From a host's name to a `Registry`: the parts of this room, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from yarl import URL

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, Quota, TagObservation
from tagwatch.member import load_member
from tagwatch.registry.catalogue.interface import (
    Catalogue,
    CatalogueContext,
    HistoryKeeper,
    RepositoryLister,
)
from tagwatch.registry.credential.chain import CredentialChain
from tagwatch.registry.credential.interface import CredentialContext, CredentialSource
from tagwatch.registry.host import (
    RegistryLine,
    canonical_host,
    catalogue_endpoint_of,
    endpoints_of,
    line_of,
)
from tagwatch.registry.interface import Crew, Listing, Past, Registry, Relisting
from tagwatch.registry.login.authorization import Authorizer
from tagwatch.registry.login.shared import SharedScopes
from tagwatch.registry.login.token import TokenCache
from tagwatch.registry.mirror import (
    RoutedRegistry,
    Rule,
    insecure_hosts,
    read_registries_conf,
    routed_hosts,
    rules_of,
)
from tagwatch.registry.oci import OciClient
from tagwatch.registry.request.certificate import Certificates, find_certificates
from tagwatch.registry.request.network import Network, open_network
from tagwatch.registry.request.pace import Meter
from tagwatch.registry.request.safety import Boundary, origin_of, parse_origins
from tagwatch.registry.request.transport import Transport, without_retries
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import replace

__all__ = ["Registries", "RegistryClient", "open_registries"]

_ANONYMOUS = "anonymous"
_NO_CACHES = frozenset({"hub", "ghcr"})


class RegistryClient:
    """One registry: see `Registry` for every method."""

    def __init__(
        self,
        *,
        oci: OciClient,
        catalogue: Catalogue,
        credentials: CredentialChain,
        meter: Meter,
        line: RegistryLine,
        settings: RegistrySettings,
    ) -> None:
        self.oci = oci
        self.catalogue = catalogue
        self.credentials = credentials
        self.line = line
        self.settings = settings
        self.crew = Crew(most=2 * settings.concurrency)
        self._meter = meter

    @property
    def has_catalogue(self) -> bool:
        """See `Registry.has_catalogue`."""
        return self.catalogue.has_digests

    @property
    def requests(self) -> Mapping[str, int]:
        """See `Registry.requests`."""
        return self._meter.requests

    @property
    def quota(self) -> Quota | None:
        """See `Registry.quota`."""
        return self._meter.quota

    @property
    def pulls_are_free(self) -> bool:
        """See `FreePulls`."""
        return self._meter.is_unlimited

    @property
    def may_refuse_room(self) -> bool:
        """See `PullRoom`."""
        return self._meter.may_refuse

    def has_ample_room(self, pulls: float) -> bool | None:
        """See `PullRoom`."""
        return self._meter.has_ample_room(pulls)

    def room_for_image(self, pulls: int) -> AbstractAsyncContextManager[None]:
        """See `PullRoom`."""
        return self._meter.room_for_image(pulls, self.oci.host)

    @property
    def lists_everything(self) -> bool:
        """See `WholeLists`. The others may be, or hold, caches of other registries."""
        return self.line.kind in _NO_CACHES and self.line.catalogue == self.line.kind

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None = None,
        known: Mapping[str, Digest] | None = None,
        at: datetime,
    ) -> Listing:
        """See `Registry.list_tags`."""
        found = await self.catalogue.list_tags(repository, watermark=watermark, known=known, at=at)
        remark = self.oci.authorizer.remark(repository.path)
        return replace(found, warnings=(*found.warnings, remark)) if remark else found

    async def list_again(self, repository: Repository, past: Past, *, at: datetime) -> Listing:
        """See `Relisting.list_again`; a catalogue that has no use for it is asked as ever."""
        if isinstance(self.catalogue, Relisting):
            return await self.catalogue.list_again(repository, past, at=at)
        mark = None if past.sweep else past.watermark
        return await self.catalogue.list_tags(repository, watermark=mark, known=past.known, at=at)

    def without_retries(self) -> AbstractContextManager[None]:
        """See `Hasty.without_retries`."""
        return without_retries()

    def head(
        self, repository: Repository, tag_or_digest: str
    ) -> Coroutine[Any, Any, TagObservation | None]:
        """See `Registry.head`. As it is: what is awaited between is resumed with every answer."""
        return self.oci.head(repository, tag_or_digest)

    async def head_unlisted(self, repository: Repository, tag: str) -> TagObservation | None:
        """See `Unlisted.head_unlisted`."""
        return await self.oci.head(repository, tag, is_listed=False)

    async def manifest(self, repository: Repository, tag_or_digest: str) -> Document:
        """See `Registry.manifest`."""
        return await self.oci.manifest(repository, tag_or_digest)

    async def blob(self, repository: Repository, digest: Digest, size: int) -> Document:
        """See `Registry.blob`."""
        return await self.oci.blob(repository, digest, size)

    async def referrers(self, repository: Repository, digest: Digest) -> Document | None:
        """See `Registry.referrers`."""
        return await self.oci.referrers(repository, digest)

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`.

        Of a whole registry only `_catalog` may tell: other ways are an owner's or a project's.
        """
        if isinstance(self.catalogue, RepositoryLister) and (prefix or self.line.kind == "ecr"):
            return await self.catalogue.list_repositories(prefix)
        return await self.oci.repositories(prefix)

    async def history(
        self, repository: Repository
    ) -> Collection[tuple[TagObservation, datetime | None]]:
        """See `Registry.history`."""
        if isinstance(self.catalogue, HistoryKeeper):
            return await self.catalogue.history(repository)
        return ()


class Registries:
    """All registries of a run, each made when first asked for."""

    def __init__(
        self,
        network: Network,
        settings: Mapping[str, RegistrySettings],
        *,
        environment: Mapping[str, str],
        home: Path,
        rules: tuple[Rule, ...] = (),
    ) -> None:
        """`settings` by host as written in the configuration; aliases are folded.

        Those of `*` are for every host that is not named.
        `rules` of a registries.conf count for hosts whose `endpoint` is not configured.
        """
        self._network = network
        self._settings = {canonical_host(host): value for host, value in settings.items()}
        self._environment = environment
        self._context = CredentialContext(environment=environment, home=home, api=self._cloud)
        self._meters: dict[str, Meter] = {}
        self._sources: dict[str, CredentialSource] = {}
        self._clients: dict[str, RegistryClient] = {}
        self._expected: dict[str, list[str]] = {}
        self._rules = rules
        self._insecure = insecure_hosts(rules)
        self._routed = routed_hosts(rules)

    def of(self, host: str) -> Registry:
        """The registry named `host`. Asks nobody. Raises `ConfigError`."""
        name = canonical_host(host)
        client = self.client(name)
        settings = self._settings.get(name)
        rules = rules_of(self._rules, name)
        if not rules or (settings is not None and settings.endpoint is not None):
            return client
        return RoutedRegistry(client, rules, self.client)

    def client(self, host: str) -> RegistryClient:
        """The same with all its parts, for `doctor`."""
        name = canonical_host(host)
        if name not in self._clients:
            self._clients[name] = self._make(name)
        return self._clients[name]

    def expect(self, repositories: Iterable[Repository]) -> None:
        """Take note of what will be asked, in that order; one token may serve several of them."""
        self._expected = {}
        for repository in repositories:
            self._expected.setdefault(canonical_host(repository.host), []).append(repository.path)
        for host, paths in self._expected.items():
            if host in self._clients:
                self._clients[host].oci.authorizer.expect(paths)

    def counts_pulls(self, host: str) -> bool:
        """Return True for a registry whose pulls are counted, as far as is known before asking."""
        name = canonical_host(host)
        settings = self._settings_of(name)
        return settings.budget is not None or line_of(name, settings).kind == "hub"

    @property
    def requests(self) -> dict[str, dict[str, int]]:
        """Requests made so far, by host and kind."""
        return {host: dict(client.requests) for host, client in sorted(self._clients.items())}

    def _make(self, host: str) -> RegistryClient:
        settings = self._settings_of(host)
        line = line_of(host, settings)
        meter = self._meter(host)
        endpoints = endpoints_of(host, settings)
        transport = Transport(
            self._network,
            host=host,
            boundary=_boundary(endpoints, settings, line.token_hosts),
            settings=settings,
            meter=meter,
            certificates=self._certificates(endpoints[0]),
        )
        credentials = CredentialChain(
            {name: self._source(name) for name in line.credentials if name != _ANONYMOUS},
            _credential_hosts(host, endpoints, settings),
        )
        # only of Docker Hub it is known; others may refuse such a request, or grant one of them
        shared = SharedScopes() if line.kind == "hub" else None
        authorizer = Authorizer(TokenCache(transport), credentials, shared=shared)
        authorizer.expect(self._expected.get(host, ()))
        oci = OciClient(
            transport,
            authorizer,
            endpoints=endpoints,
            namespace=host if settings.namespace else None,
        )
        api = catalogue_endpoint_of(host, settings)
        may_log_in = _may_log_in(api, endpoints, settings)
        context = CatalogueContext(
            host=host,
            settings=settings,
            oci=oci,
            transport=lambda url: self._api(url, host),
            credentials=credentials if may_log_in else CredentialChain({}, ()),
            environment=self._environment,
            endpoint=api,
        )
        return RegistryClient(
            oci=oci,
            catalogue=load_member("catalogues", line.catalogue)(context),
            credentials=credentials,
            meter=meter,
            line=line,
            settings=settings,
        )

    def _settings_of(self, host: str) -> RegistrySettings:
        settings = self._settings.get(host) or self._settings.get("*", RegistrySettings())
        if host in self._routed:
            settings = replace(settings, public_only=False)  # a registries.conf names it
        if settings.endpoint is None and host in self._insecure and not settings.insecure:
            return replace(settings, insecure=True)  # a registries.conf says so
        return settings

    def _meter(self, host: str) -> Meter:
        """The one count of a registry, whichever of its APIs is asked."""
        if host not in self._meters:
            settings = self._settings_of(host)
            self._meters[host] = Meter(
                budget=settings.budget,
                counted=line_of(host, settings).kind == "hub",
                at_once=settings.concurrency,
            )
        return self._meters[host]

    def _api(self, url: URL, host: str) -> Transport:
        """The way to an API of a registry that a catalogue or the operator names."""
        return Transport(
            self._network,
            host=host,
            boundary=Boundary(
                home=frozenset({origin_of(url)}), public_only=self._settings_of(host).public_only
            ),
            settings=self._settings_of(host),
            meter=self._meter(host),
            certificates=self._certificates(url),
        )

    def _certificates(self, url: URL) -> Certificates:
        """What docker and podman keep for a host; its port is in the name where it is written."""
        home = self._context.home
        return find_certificates(url.authority.lower(), self._environment, home)

    def _cloud(self, host: str, url: URL) -> tuple[URL, Transport]:
        """See `CredentialContext.api`."""
        place = catalogue_endpoint_of(host, self._settings_of(host)) or url
        return place, self._api(place, host)

    def _source(self, name: str) -> CredentialSource:
        if name not in self._sources:
            self._sources[name] = load_member("credentials", name)(self._context)
        return self._sources[name]


@asynccontextmanager
async def open_registries(
    settings: Mapping[str, RegistrySettings], *, environment: Mapping[str, str], home: Path
) -> AsyncIterator[Registries]:
    """The registries of one run, connections and all. `home`: the user's folder."""
    rules = read_registries_conf(environment, home)
    async with open_network(environment) as network:
        yield Registries(network, settings, environment=environment, home=home, rules=rules)


def _boundary(
    endpoints: tuple[URL, ...], settings: RegistrySettings, token_hosts: tuple[str, ...]
) -> Boundary:
    plain = any(endpoint.scheme == "http" for endpoint in endpoints)
    return Boundary(
        home=frozenset(origin_of(endpoint) for endpoint in endpoints),
        public_only=settings.public_only,
        token_servers=parse_origins(token_hosts, insecure=False)
        | parse_origins(settings.token_hosts, insecure=plain),
        redirects=parse_origins(settings.redirect_hosts, insecure=plain),
    )


def _may_log_in(api: URL | None, endpoints: tuple[URL, ...], settings: RegistrySettings) -> bool:
    """True where a catalogue may send credentials to its API: its own, or one that has them.

    As for `endpoint`, naming a `credential` says that the operator's own API may be given it.
    """
    mine = {origin_of(endpoint) for endpoint in endpoints}
    return api is None or settings.credential is not None or origin_of(api) in mine


def _credential_hosts(
    host: str, endpoints: tuple[URL, ...], settings: RegistrySettings
) -> tuple[str, ...]:
    """Names to look a credential up by: a mirror is not given what is stored for its origin."""
    asked = canonical_host(endpoints[0].authority)
    if asked == host:
        return (host,)
    return (asked, host) if settings.credential else (asked,)
