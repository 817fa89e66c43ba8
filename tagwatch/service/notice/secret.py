"""Whether a delivery comes from who knows the secret: a token, or a signature of the body."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping

__all__ = ["is_authentic", "is_token"]

_SIGNED = {
    "ghcr": (("x-hub-signature-256", "sha256"),),
    "gitea": (("x-gitea-signature", "sha256"), ("x-hub-signature-256", "sha256")),
    "jfrog": (("x-jfrog-event-auth", "sha256"),),
    "nexus": (("x-nexus-webhook-signature", "sha1"),),
}
"""By kind: the header of a signature and its hash. Only these sign; the others send a token."""
_TOKENS = ("x-jfrog-event-auth", "x-api-key", "x-webhook-token")


def is_authentic(kind: str, secret: str, headers: Mapping[str, str], path: str, raw: bytes) -> bool:
    """Return True where the delivery has the secret, in its address, a header or a signature.

    `path`: what follows the webhook's name in the address. All that is compared takes as long for
    a wrong secret as for a right one. Names of headers are in lower case.
    """
    key = _bytes(secret)
    for header, method in _SIGNED.get(kind, ()):
        made = hmac.new(key, raw, method).hexdigest()
        sent = headers.get(header, "").removeprefix(f"{method}=")
        if sent and hmac.compare_digest(_bytes(sent), made.encode()):
            return True
    return is_token(secret, headers, path)


def is_token(secret: str, headers: Mapping[str, str], path: str = "") -> bool:
    """Return True where the address or a header holds the secret itself.

    As a bearer token, as it stands, or as the password of Basic authentication. An address that
    holds another one is wrong, whatever the headers say.
    """
    key = _bytes(secret)
    sent = [path] if path else list(_tokens(headers))
    return any([hmac.compare_digest(_bytes(one), key) for one in sent])  # noqa: C419  # all, always


def _tokens(headers: Mapping[str, str]) -> Iterator[str]:
    whole = headers.get("authorization", "")
    scheme, _, rest = whole.partition(" ")
    if scheme.lower() == "bearer":
        yield rest
    elif scheme.lower() == "basic":
        try:
            yield base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return
    elif whole:
        yield whole
    yield from (headers[name] for name in _TOKENS if name in headers)


def _bytes(text: str) -> bytes:
    # a header of odd bytes comes with surrogates, and so does a variable of the environment
    return text.encode(errors="surrogateescape")
