"""Credentials that an image carries: in its environment, and in the build steps it records.

Only names leave this module, never values. Images hold much that merely sounds secret (keys to
verify signatures with, checksums, paths of secret files, limits of tokens), so a name that sounds
secret counts only with a value that may be a secret, and any other name only where the value has
the form of a known token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tagwatch.audit.model.evidence import Leak
from tagwatch.audit.reading.mask import is_secret_key, is_token
from tagwatch.image.image_config import HistoryEntry

__all__ = ["leak_of", "leaks_in_env", "leaks_in_steps"]

_MAX_TEXT = 8_192
"""How many characters of a step are searched: an image may hold any length."""

_NAMES = re.compile(
    r"(?i)passw(?:or)?d|passphrase|secret|token|credential|api_?key|access_?key|private_?key"
    r"|(?:^|_)(?:encryption|signing|master|account)_?key(?:$|_)|connection_?string"
)
_NOT_ITSELF = re.compile(
    r"(?i)_(?:id|name|user|url|uri|path|dir|file|host|port|len|length|size|ttl|type|header|prefix"
    r"|algorithm|enabled|required|count|limit|max|min|expiry|expires|lifetime|timeout|dummy)$"
    r"|^(?:no|max|min|skip|disable|enable|allow|require|use)_|tokenizer"
)
_PLACEHOLDER = re.compile(
    r"(?i)(?:change[_ -]?(?:me|it)|example|dummy|placeholder|none|null|true|false|yes|no|on|off"
    r"|disabled?|enabled?|required|optional|todo|redacted|unset|x+|\*+|<[^>]*>|your[_ -].*|\d{1,5})"
)
_BUILD_ARGS = re.compile(r"^(?:RUN )?\|\d+ (.*?) ?/bin/(?:ba|da|a)?sh -", re.DOTALL)
_SETTING = re.compile(r"^(?:/bin/sh -c #\(nop\)\s+)?(?:ENV|ARG) (.*)", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?:^| )([A-Za-z_]\w*)=(.*?)(?= [A-Za-z_]\w*=|$)", re.DOTALL)


def leak_of(name: str, value: str) -> Leak | None:
    """Return the leak that `name=value` is, or None.

    >>> leak_of("NPM_TOKEN", "s3cr3t"), leak_of("PYTHON_SHA256", "ab12"), leak_of("MAX_TOKENS", "9")
    (Leak(name='NPM_TOKEN', is_token=False), None, None)
    """
    value = value.strip().strip("\"'")
    if is_token(value):
        return Leak(name=name, is_token=True)
    named = _NAMES.search(name) is not None and is_secret_key(name)
    if not named or _NOT_ITSELF.search(name) is not None:
        return None
    return Leak(name=name) if _may_be_secret(value) else None


def leaks_in_env(env: Mapping[str, str]) -> tuple[Leak, ...]:
    """Return the leaks among the variables that every container starts with, by name."""
    return tuple(sorted(filter(None, (leak_of(name, value) for name, value in env.items()))))


def leaks_in_steps(history: Iterable[HistoryEntry]) -> tuple[Leak, ...]:
    """Return the leaks among recorded build arguments and among variables that a step set, by name.

    The commands themselves are not searched: they only name the variables that they use.
    """
    return tuple(sorted({leak for entry in history for leak in _of_step(entry.created_by)}))


def _of_step(text: str) -> Iterator[Leak]:
    text = text[:_MAX_TEXT]
    said = _BUILD_ARGS.match(text) or _SETTING.match(text)
    for found in _ASSIGNMENT.finditer(said[1]) if said else ():
        leak = leak_of(found[1], found[2])
        if leak is not None:
            yield leak


def _may_be_secret(value: str) -> bool:
    """Return True unless the value is empty, a path, an address, a variable or a placeholder."""
    if not value or "$" in value or value.startswith(("/", "./", "~", "http://", "https://")):
        return False
    return _PLACEHOLDER.fullmatch(value) is None
