"""Who may look: a file of tokens, each kept as its hash alone.

A line is a name and the SHA-256 of a token. The tokens are ours: 256 random bits each, which nobody
finds by trying, so that a slow hash would only slow the service. A browser sends one as the
password of HTTP basic, Prometheus and programs as a bearer token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from tagwatch.errors import ConfigError, UsageError
from tagwatch.value import dataclass

__all__ = ["Tokens", "add_token", "read_tokens"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_BYTES = 256 * 1024
_MOST_SENT = 512
"""Longer than any token and its user name."""
_HINT = "`tagwatch serve token NAME` makes a token and adds its line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens that are let in: pairs of a name and a hash."""

    lines: tuple[tuple[str, str], ...]

    def name_of(self, authorization: str) -> str:
        """Return whose token an `Authorization` header holds; empty where it is nobody's.

        All hashes are compared, each in constant time. With HTTP basic, the user's name is free.
        """
        sent = _sent(authorization)
        made = hashlib.sha256(sent.encode(errors="surrogateescape")).hexdigest()
        found = [name for name, kept in self.lines if hmac.compare_digest(kept, made)]
        return found[0] if sent and found else ""


def read_tokens(path: Path) -> Tokens:
    """Read a file of tokens. Raises `ConfigError`: it cannot be read, is wrong, or lets nobody in.

    No line is quoted: somebody may have written a token where its hash belongs.
    """
    lines = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, kept = line.strip().partition(" ")
        kept = kept.strip().removeprefix("sha256:")
        if not _NAME.fullmatch(name) or not _HASH.fullmatch(kept):
            raise ConfigError(f"{path}:{number}: not a name and a hash", hint=_HINT)
        lines.append((name, kept))
    if not lines:
        raise ConfigError(f"{path}: there is no token: nobody could log in", hint=_HINT)
    return Tokens(lines=tuple(lines))


def add_token(path: Path, name: str) -> str:
    """Add a new token to the file, which is made where there is none; return the token.

    It stands nowhere else: the file holds its hash. Raises `UsageError` and `ConfigError`.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"not a name for a token: {name!r}", hint="letters, digits, '.', '_' and '-'"
        )
    there = _text(path) if path.exists() else ""
    if any(line.split(" ", 1)[0] == name for line in there.splitlines()):
        raise UsageError(
            f"{path} has a token {name!r}", hint="take its line out first, or choose another name"
        )
    token = f"tagwatch_{secrets.token_urlsafe(32)}"
    line = f"{name} sha256:{hashlib.sha256(token.encode()).hexdigest()}\n"
    if there and not there.endswith("\n"):
        line = f"\n{line}"
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(file, "w", encoding="utf-8", newline="\n") as lines:
            lines.write(line)
    except OSError as error:
        raise ConfigError(f"{path}: the token cannot be kept: {error.strerror}") from error
    return token


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise ConfigError(f"{path}: too long for a file of tokens", hint=_HINT)
        return raw.decode()
    except OSError as error:
        raise ConfigError(
            f"{path}: the tokens cannot be read: {error.strerror}", hint=_HINT
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path}: the tokens cannot be read: not UTF-8", hint=_HINT) from error


def _sent(authorization: str) -> str:
    """Return the token of a header: after `Bearer`, or the password of `Basic`."""
    scheme, _, rest = authorization[:_MOST_SENT].partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""
