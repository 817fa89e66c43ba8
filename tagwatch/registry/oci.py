"""The registry protocol, reading half (OCI distribution-spec 1.1, "Endpoints").

Answers are verified here: a digest is computed over the bytes, never believed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import Literal

from yarl import URL

from tagwatch.errors import (
    DeniedError,
    HostileAnswerError,
    InvalidDocumentError,
    InvalidReferenceError,
    LyingDigestError,
    NotFoundError,
    RegistryError,
)
from tagwatch.image.digest import Digest, digest_of, is_digest
from tagwatch.image.manifest import (
    INDEX_TYPES,
    MANIFEST_ACCEPT,
    MAX_DOCUMENT_BYTES,
    OCI_INDEX,
    SCHEMA1_TYPES,
    parse_manifest,
)
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.schema1 import signed_bytes
from tagwatch.image.snapshot import Document, TagObservation
from tagwatch.registry.endpoint import Endpoint
from tagwatch.registry.interface import MAX_BLOB_BYTES, RepositoryNames
from tagwatch.registry.login.authorization import Authorizer, Grant, pull_grant
from tagwatch.registry.request.safety import origin_of
from tagwatch.registry.request.transport import Answer, Ask, StaleError, Transport
from tagwatch.registry.wire import (
    Decode,
    NameList,
    RepositoryList,
    TagList,
    decode,
    foreign_answer,
    is_html,
)
from tagwatch.value import dataclass, replace

__all__ = ["OciClient", "TagNames"]

_LIST_BYTES = 32 * 1024 * 1024
_PAGE_SIZE = 1000  # ECR answers 405 above it, distribution 3.1.0 answers 400
_CATALOG = Grant("", "registry:catalog:*")
_NO_HEAD = frozenset({400, 405, 501})
_JSON: Mapping[str, str] = {"Accept": "application/json"}
_MANIFEST: Mapping[str, str] = {"Accept": MANIFEST_ACCEPT}
_BLOB: Mapping[str, str] = {"Accept": "*/*"}
_INDEX: Mapping[str, str] = {"Accept": OCI_INDEX}
_FALLBACK_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagNames:
    """Names of a repository's tags; `dropped` counts entries that cannot be tags.

    `gap`: why nobody can say that these are all; empty where they are.
    """

    names: frozenset[str]
    dropped: int = 0
    gap: str = ""


class OciClient:
    """Speaks `/v2/` with one registry. Every method raises `RegistryError` and nothing else."""

    def __init__(
        self,
        transport: Transport,
        authorizer: Authorizer,
        *,
        endpoints: tuple[URL, ...],
        namespace: str | None = None,
    ) -> None:
        """`endpoints` are tried in order until one speaks; `namespace` goes into `ns=`."""
        self.host = transport.host
        self.transport = transport
        self.authorizer = authorizer
        self._endpoint = Endpoint(transport, authorizer, endpoints)
        self._namespace = namespace
        self._head_works: bool | None = None
        self._proof = asyncio.Lock()
        self._has_referrers = True

    async def endpoint(self) -> str:
        """See `Endpoint.find`."""
        return await self._endpoint.find()

    async def place(self) -> str:
        """See `Endpoint.place`."""
        return await self._endpoint.place()

    async def verify_login(self, path: str) -> None:
        """See that the login for `path` (empty: the whole registry) is taken; nothing is read.

        Cost: a token, or one GET of `/v2/`. Raises `DeniedError` where it is refused, and
        `LookupError` with a sentence where nobody can say.
        """
        endpoint = await self._endpoint.find()
        value = await self.authorizer.verify(path)
        if value is None:
            return
        doing = "logging in"
        url = URL(endpoint + "/v2/", encoded=True)
        ask = Ask(
            method="GET",
            url=url,
            kind="ping",
            doing=doing,
            cap=_LIST_BYTES,
            headers=_JSON,
            authorization=value,
        )
        answer = await self.transport.send(ask)
        if answer.status in (401, 403):
            found = await self.authorizer.found(path)
            origin = found.credential.origin if found.credential else ""
            hint = f"the registry refuses the credential from {origin}; log in again"
            raise self.transport.refusal(answer, doing, hint=hint)

    async def ask(
        self,
        method: Literal["GET", "HEAD", "POST"],
        path: str,
        *,
        grant: Grant,
        kind: str,
        doing: str,
        headers: Mapping[str, str] = _JSON,
        cap: int = _LIST_BYTES,
        json: bytes | None = None,
        keep_query: bool = False,
        next: bool = False,  # noqa: A002  # as in `Ask`
    ) -> Answer:
        """The answer to an authenticated request; a refusal is answered once.

        `path` is encoded and starts with `/`. Statuses other than 401 and 403 are the caller's.
        Raises `DeniedError` for those two.
        """
        endpoint = self._endpoint.found or await self._endpoint.find()
        url = URL(endpoint + path, encoded=True)
        value = self.authorizer.ready(grant) or await self.authorizer.header(grant)
        ask = Ask(
            method=method,
            url=url,
            kind=kind,
            doing=doing,
            cap=cap,
            headers=headers,
            authorization=value,
            json=json,
            is_stale=self.authorizer.staleness(grant, value),
            onward=self.authorizer.onward(grant),
            keep_query=keep_query,
            next=next,
            repository=grant.path,
        )
        answer, value = await self._in_turn(ask, grant)
        if answer.status == 401 and answer.is_elsewhere:
            if await self.authorizer.go_on(answer, grant):
                answer = await self.transport.send(
                    replace(ask, onward=self.authorizer.onward(grant), next=True, is_stale=None)
                )
        elif answer.status in (401, 403):
            renewed = await self.authorizer.renew(answer, grant, value)
            if renewed is not None:
                is_stale = self.authorizer.staleness(grant, renewed)
                answer, _ = await self._in_turn(ask.with_authorization(renewed, is_stale), grant)
            elif await self.authorizer.may_go_without(answer, grant, value):
                refusal = await self._denial(answer, doing, grant)
                answer = await self.transport.send(ask.with_authorization(None, None))
                await self.authorizer.went_without(answer, refusal, grant)
        if answer.status in (401, 403):
            raise await self._denial(answer, doing, grant)
        return answer

    async def _denial(self, answer: Answer, doing: str, grant: Grant) -> DeniedError:
        if answer.is_elsewhere and answer.status == 401:
            place = str(origin_of(answer.url))
            hint = (
                f"it sends its client on to {place!r}, without a login: name that registry itself"
            )
        else:
            hint = await self.authorizer.hint(grant)
        error = self.transport.refusal(answer, doing, hint=hint)
        assert isinstance(error, DeniedError)
        return error

    async def _in_turn(self, ask: Ask, grant: Grant) -> tuple[Answer, str | None]:
        """The answer, and the authorization that was used in the end.

        A token may end while its request waits behind thousands of others: it takes the next one.
        """
        while True:
            try:
                return await self.transport.send(ask), ask.authorization
            except StaleError:
                value = await self.authorizer.header(grant)
                ask = ask.with_authorization(value, self.authorizer.staleness(grant, value))

    async def head(
        self, repository: Repository, tag_or_digest: str, *, is_listed: bool = True
    ) -> TagObservation | None:
        """See `Registry.head`, and `Unlisted.head_unlisted` for what is not `is_listed`."""
        reference = _checked(tag_or_digest, self.host)
        if self._head_works is not False:
            answer = await self._manifest_answer("HEAD", repository, reference, "head")
            if answer.status == 200 and (digest := self._stated_digest(answer, reference)):
                self._head_works = True
                return TagObservation(
                    tag=reference, digest=digest, media_type=answer.media_type or None
                )
            if answer.status == 404 and (self._head_works or not is_listed):
                return None
            # A registry that answers HEAD with 404 or without a digest has yet to show that it
            # can: a GET tells, and a tag is not called missing on the word of a broken HEAD.
            if answer.status in _NO_HEAD or (answer.status == 200 and self._head_works is None):
                self._head_works = False
            elif answer.status not in (200, 404):
                raise self.transport.refusal(answer, _reading(repository, reference))
            if answer.status == 404:
                return await self._prove_absence(repository, reference)
        return await self._observed(repository, reference)

    async def _prove_absence(self, repository: Repository, reference: str) -> TagObservation | None:
        """Ask by GET what a HEAD called missing. One at a time: the first proves it for all."""
        async with self._proof:
            if self._head_works:
                return None
            found = await self._observed(repository, reference)
            if self._head_works is None:
                self._head_works = found is None
            return found

    async def _observed(self, repository: Repository, reference: str) -> TagObservation | None:
        try:
            document = await self.manifest(repository, reference)
        except NotFoundError:
            return None
        return TagObservation(tag=reference, digest=document.digest, media_type=document.media_type)

    async def manifest(self, repository: Repository, tag_or_digest: str) -> Document:
        """See `Registry.manifest`. A body that is no manifest is refused, save where its digest was
        asked for: then a tag does serve it, and whoever reads it says what it is.

        Of a schema 1 manifest, what its digest covers: nobody reads more of it.
        """
        reference = _checked(tag_or_digest, self.host)
        with self.transport.meter.pull(self.host):
            answer = await self._manifest_answer("GET", repository, reference, "manifest")
        doing = _reading(repository, reference)
        if answer.status != 200:
            raise self.transport.refusal(answer, doing)
        if is_html(answer):
            raise foreign_answer(answer, host=self.host, doing=doing)
        stated = self._stated_digest(answer, reference)
        document: Document | None = None
        try:
            signed = signed_bytes(answer.body) if answer.media_type in SCHEMA1_TYPES else None
            document = self._verified(answer, stated, doing, signed)
            if signed is not None:
                return document
            parsed = parse_manifest(document.raw, answer.media_type)
        except InvalidDocumentError as error:
            # Its message quotes the body, and its own cause may: neither goes on as it is.
            reason = self.authorizer.scrub(error.message)
            if document is not None and is_digest(tag_or_digest) and reason == error.message:
                return document
            raise HostileAnswerError(f"{self.host}: {doing}: {reason}", hint=error.hint) from None
        return Document(digest=document.digest, media_type=parsed.media_type, raw=document.raw)

    async def blob(self, repository: Repository, digest: Digest, size: int) -> Document:
        """See `Registry.blob`."""
        doing = f"reading the blob {digest!r} of {repository.path!r}"
        if not is_digest(digest) or not 0 <= size <= MAX_BLOB_BYTES:
            raise HostileAnswerError(
                f"{self.host}: {doing}: no config or attestation has {size} bytes",
                hint=f"they are read up to {MAX_BLOB_BYTES} bytes",
            )
        answer = await self.ask(
            "GET",
            f"/v2/{repository.path}/blobs/{digest}{self._query()}",
            grant=pull_grant(repository.path),
            kind="config",
            doing=doing,
            headers=_BLOB,
            cap=size,
            next=True,  # its manifest has waited: so one repository after the other is whole
        )
        if answer.status != 200:
            raise self.transport.refusal(answer, doing)
        if len(answer.body) != size:
            raise self._lie(doing, f"{len(answer.body)} bytes where the manifest says {size}")
        return self._verified(answer, digest, doing)

    async def referrers(self, repository: Repository, digest: Digest) -> Document | None:
        """See `Registry.referrers`. One GET, and one more where the API is missing."""
        if self._has_referrers:
            doing = f"reading the referrers of {digest!r} in {repository.path!r}"
            answer = await self.ask(
                "GET",
                f"/v2/{repository.path}/referrers/{digest}{self._query()}",
                grant=pull_grant(repository.path),
                kind="referrers",
                doing=doing,
                headers=_INDEX,
                cap=MAX_DOCUMENT_BYTES,
            )
            if answer.status == 200 and answer.media_type in INDEX_TYPES:
                return self._verified(answer, None, doing)
            if answer.status not in (200, 400, 404, 405, 406):
                raise self.transport.refusal(answer, doing)
            self._has_referrers = False
        try:
            return await self.manifest(repository, referrers_tag(digest))
        except NotFoundError:
            return None

    async def tag_names(self, repository: Repository, *, page_size: int = _PAGE_SIZE) -> TagNames:
        """All tags of a repository, in no order. One GET a page. Raises `NotFoundError`.

        Where nothing says that the only page is the last, `NameList.read` asks on.
        """
        doing = f"listing the tags of {repository.path!r}"
        path, grant = f"/v2/{repository.path}/tags/list", pull_grant(repository.path)

        def decoded(answer: Answer) -> list[str | None]:
            return decode(answer, TagList, host=self.host, doing=doing).tags or []

        listed = await self._list(path, grant, "tags", doing, decoded).read(page_size)
        names = frozenset(name for name in listed.entries if name is not None and is_tag(name))
        return TagNames(names=names, dropped=len(listed.entries) - len(names), gap=listed.gap)

    async def repositories(self, prefix: str) -> RepositoryNames:
        """Repositories whose path starts with `prefix`, by `_catalog`. One GET a page."""
        doing = "listing the repositories"

        def decoded(answer: Answer) -> list[str | None]:
            return decode(answer, RepositoryList, host=self.host, doing=doing).repositories or []

        catalog = self._list("/v2/_catalog", _CATALOG, "catalog", doing, decoded)
        try:
            listed = await catalog.read(_PAGE_SIZE)
        except (NotFoundError, DeniedError) as error:
            raise type(error)(
                f"{self.host}: {doing}: this registry does not list its repositories",
                hint="name the repositories one by one in the watch list",
                status=error.status,
            ) from error
        found = (
            Repository(registry=self.host, path=path)
            for path in listed.entries
            if path and path.startswith(prefix) and _is_path(path)
        )
        return RepositoryNames(found, gap=listed.gap)

    def _list(self, path: str, grant: Grant, kind: str, doing: str, decoded: Decode) -> NameList:
        async def ask(query: str) -> Answer:
            return await self.ask(
                "GET", path + query, grant=grant, kind=kind, doing=doing, keep_query=True
            )

        def read(answer: Answer) -> list[str | None]:
            if answer.status != 200:
                raise self.transport.refusal(answer, doing)
            return decoded(answer)

        return NameList(ask, read, self._query)

    def _manifest_answer(
        self,
        method: Literal["GET", "HEAD"],
        repository: Repository,
        reference: str,
        kind: str,
    ) -> Awaitable[Answer]:
        return self.ask(
            method,
            f"/v2/{repository.path}/manifests/{reference}{self._query()}",
            grant=pull_grant(repository.path),
            kind=kind,
            doing=_reading(repository, reference),
            headers=_MANIFEST,
            cap=MAX_DOCUMENT_BYTES,
        )

    def _query(self, **parameters: str) -> str:
        if self._namespace is not None:
            parameters["ns"] = self._namespace
        return "?" + "&".join(f"{k}={v}" for k, v in parameters.items()) if parameters else ""

    def _stated_digest(self, answer: Answer, reference: str) -> Digest | None:
        """What the answer says its digest is; it must be what was asked for."""
        text = answer.headers.get("Docker-Content-Digest", "")
        asked = Digest(reference) if ":" in reference else None  # no tag has one
        if not text:
            return asked
        if not is_digest(text):
            raise self._lie(f"reading {reference!r}", "a digest that is none")
        if asked is None:
            return Digest(text)
        if text != asked and text.partition(":")[0] == asked.partition(":")[0]:
            raise self._lie(f"reading {reference!r}", f"the digest {text!r}")
        return asked

    def _verified(
        self, answer: Answer, stated: Digest | None, doing: str, signed: bytes | None = None
    ) -> Document:
        """The answer as a document; `signed`: what of it the digest covers, where not the whole."""
        raw = answer.body if signed is None else signed
        algorithm = stated.partition(":")[0] if stated else "sha256"
        digest = digest_of(raw, algorithm=algorithm)
        if stated is not None and digest != stated:
            raise self._lie(doing, f"bytes of the digest {digest!r} where {stated!r} was promised")
        return Document(digest=digest, media_type=answer.media_type, raw=raw)

    def _lie(self, doing: str, what: str) -> LyingDigestError:
        return LyingDigestError(
            f"{self.host}: {doing}: the registry sends {what}",
            hint="the registry, or a proxy before it, is broken or hostile: do not pull from it",
        )


def referrers_tag(digest: Digest) -> str:
    """The fallback tag of a digest's referrers ("Referrers Tag Schema").

    >>> referrers_tag(Digest("sha256:" + "a" * 64))[:12]
    'sha256-aaaaa'
    """
    algorithm, _, encoded = digest.partition(":")
    return _FALLBACK_ILLEGAL.sub("-", f"{algorithm[:32]}-{encoded[:64]}")


def _checked(tag_or_digest: str, host: str) -> str:
    if is_tag(tag_or_digest) or is_digest(tag_or_digest):
        return tag_or_digest
    raise RegistryError(
        f"{host}: {tag_or_digest[:160]!r} is neither a tag nor a digest",
        hint="a tag has letters, digits, '_', '.' and '-', 128 at most",
    )


def _reading(repository: Repository, reference: str) -> str:
    separator = "@" if ":" in reference else ":"
    return f"reading {repository.path + separator + reference!r}"


def _is_path(path: str) -> bool:
    try:
        return Repository.parse(f"localhost/{path}").path == path
    except InvalidReferenceError:
        return False
