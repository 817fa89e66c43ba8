"""Every failure of a registry becomes a `RegistryError` here, and nowhere else.

No message carries a header, a query or text of the answer: servers have been seen to echo what
they were sent. Of an error body only a code from the specification's table is repeated.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from math import ceil

import aiohttp
import msgspec

from tagwatch.errors import (
    DeniedError,
    HostileAnswerError,
    NotFoundError,
    PullLimitError,
    RateLimitedError,
    RegistryError,
    UnavailableError,
)
from tagwatch.registry.request.limit import retry_after_seconds
from tagwatch.registry.request.safety import PrivateAddressError

__all__ = [
    "NETWORK_ERRORS",
    "is_transient",
    "refusal",
    "spent_pulls",
    "too_many",
    "unreachable",
]

NETWORK_ERRORS = (aiohttp.ClientError, OSError, TimeoutError)

_CODES = frozenset(
    {
        "BLOB_UNKNOWN",
        "DENIED",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "MANIFEST_UNVERIFIED",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "PAGINATION_NUMBER_INVALID",
        "RANGE_INVALID",
        "SIZE_INVALID",
        "TAG_INVALID",
        "TOOMANYREQUESTS",
        "UNAUTHORIZED",
        "UNAVAILABLE",
        "UNKNOWN",
        "UNSUPPORTED",
    }
)
_HIDDEN = (
    "it does not exist, or is hidden from these credentials; `tagwatch doctor` shows which are used"
)


class _ErrorEntry(msgspec.Struct):
    code: str = ""


class _ErrorBody(msgspec.Struct):
    errors: list[_ErrorEntry] | None = None


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    host: str,
    doing: str,
    hint: str = "",
    limit: str = "",
) -> RegistryError:
    """The error for an answer that is no success; `hint` replaces the usual one.

    `limit`: what it calls it that there were too many requests, where its status says less.
    """
    code = limit or _code(body)
    said = f"{status} {code}" if code else str(status)
    where = f"{host}: {doing}"
    match status:
        case 401 | 403 if not limit:
            return DeniedError(f"{where}: denied ({said})", hint=hint or _HIDDEN, status=status)
        case 404 | 410:
            return NotFoundError(
                f"{where}: not found ({said})", hint=hint or _HIDDEN, status=status
            )
        case _ if status == 429 or limit:
            seconds = retry_after_seconds(headers)
            if b"pull rate limit" in body:
                return spent_pulls(where, said, seconds, hint=hint)
            return RateLimitedError(
                f"{where}: too many requests ({said})",
                hint=hint or _when_again("ask again later", seconds),
                status=status,
                retry_after_seconds=seconds,
            )
    if status in (408, 425) or status >= 500:
        return UnavailableError(
            f"{where}: the registry fails ({said})", hint=hint or "try again later", status=status
        )
    return RegistryError(
        f"{where}: refused ({said})",
        hint=hint or "check that the host is a registry, and its endpoint in the configuration",
        status=status,
    )


def spent_pulls(
    where: str, said: str, seconds: float | None = None, *, hint: str = ""
) -> PullLimitError:
    """The error for a limit of pulls that is spent."""
    return PullLimitError(
        f"{where}: the pull limit is spent ({said})",
        hint=hint or _when_again("log in, or wait for the window to pass", seconds),
        retry_after_seconds=seconds,
    )


def too_many(host: str, doing: str, status: int | None, seconds: float | None) -> RateLimitedError:
    """The error for a request that is not made: the host refused all before it, for `seconds`."""
    return RateLimitedError(
        f"{host}: {doing}: too many requests ({status})",
        hint=_when_again("ask again later", seconds),
        status=status,
        retry_after_seconds=seconds,
    )


def unreachable(error: BaseException, *, host: str, doing: str, seconds: float) -> RegistryError:
    """The error for a request that got no answer."""
    where = f"{host}: {doing}"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return UnavailableError(
            f"{where}: no connection in time", hint="is the host up, and the network?"
        )
    if isinstance(error, TimeoutError):
        return UnavailableError(
            f"{where}: no whole answer within {seconds:g} s",
            hint="the registry or the network is slow; timeout_seconds gives it longer",
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return UnavailableError(
            f"{where}: the proxy cannot be used", hint="check HTTPS_PROXY and NO_PROXY"
        )
    cause = _os_error(error)
    if isinstance(cause, PrivateAddressError) and cause.kind == "link-local":
        return UnavailableError(
            f"{where}: {cause.name!r} is at a link-local address, and is never asked",
            hint="machines keep their own secrets there; no registry is",
        )
    if isinstance(cause, PrivateAddressError) and cause.name == host.partition(":")[0]:
        return UnavailableError(  # nobody sent us there: it is the registry's own name
            f"{where}: it is at no public address, and the tree is untrusted",
            hint="name the host under `registries` in your own configuration",
        )
    if isinstance(cause, PrivateAddressError):
        return HostileAnswerError(
            f"{where}: the registry sends its client to a name at a private address",
            hint="where that is meant, add the host to the registry's redirect_hosts (storage) "
            "or token_hosts (token server)",
        )
    if isinstance(cause, ssl.SSLCertVerificationError):
        return UnavailableError(
            f"{where}: the certificate cannot be trusted: {cause.verify_message}",
            hint="name the authority's certificate as ca_file of this registry",
        )
    if isinstance(cause, ssl.SSLError):
        return UnavailableError(
            f"{where}: no TLS connection ({cause.reason or 'handshake failed'})",
            hint="a registry without TLS needs `insecure: true`, or an http:// endpoint",
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return UnavailableError(
            f"{where}: the name {error.host!r} cannot be resolved",
            hint="check the spelling of the host, and the network",
        )
    if isinstance(cause, ConnectionRefusedError):
        return UnavailableError(f"{where}: connection refused", hint="is the registry running?")
    return UnavailableError(
        f"{where}: the connection broke ({type(cause or error).__name__})",
        hint="check the network between here and the registry",
    )


def is_transient(error: BaseException) -> bool:
    """True where the same request may succeed a moment later."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return False
    return not isinstance(_os_error(error), ssl.SSLError | PrivateAddressError)


def _os_error(error: BaseException) -> BaseException | None:
    """The operating system's or TLS's own error inside one of aiohttp's."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    return error if isinstance(error, OSError) else error.__cause__


def _when_again(what: str, seconds: float | None) -> str:
    """What to do about a limit, and when it is over where the registry says so."""
    if seconds is None:
        return what
    minutes = ceil(seconds / 60)
    return f"{what}: the registry says in {f'{minutes} minutes' if minutes > 1 else 'a minute'}"


def _code(body: bytes) -> str:
    """The first error code of the specification in `body`, or nothing."""
    try:
        errors = msgspec.json.decode(body, type=_ErrorBody).errors if body else None
    except (msgspec.DecodeError, RecursionError):
        return ""
    code = errors[0].code.upper() if errors else ""
    return code if code in _CODES else ""
