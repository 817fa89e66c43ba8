"""Masking: a value whose key looks secret becomes `***` and its length before it leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_secret_key", "is_token", "mask_text", "mask_value", "mask_words"]

_MAX_TEXT = 8_192

_SECRET = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|api_?key|access_?key|private_?key"
    r"|(?:encryption|signing|master|account|storage|license)_?key|connection_?string"
    r"|pass$|(?:^|[_.-])(?:pass|pwd|auth|dsn|pat|key)(?:$|[_.-])",
    re.IGNORECASE,
)
# what carries such a word and is public: checksums, versions, paths to files, public keys
_PUBLIC = re.compile(
    r"(?:^|_)(?:gpg|public|pgp|signed)_?keys?(?:$|_)|_(?:version|file|sha\d*|md5|checksum)$"
    r"|^(?:old)?pwd$",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(
    r"(?<![\w.-])(?P<key>-{0,2}[A-Za-z_][\w.-]*)(?P<glue>\s*[=:]\s*|[\"']\s*:\s*)"
    r"(?P<value>(?!//)(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&|}]+))"
)
_OPTION = re.compile(
    r"(?<![\w-])(?P<key>--?[A-Za-z][\w-]*)(?P<glue>[\"']?,?\s+[\"']?)"
    r"(?P<value>[^\s\"'-][^\s\"']*)"
)
# ENV and LABEL steps print values raw, blanks included: up to the next NAME= or the end
_SETTING = re.compile(
    r"(?<![\w.-])(?P<key>[A-Za-z_][\w.-]*)(?P<glue>=)(?P<value>.*?)(?=\s+[A-Za-z_][\w.-]*=|\s+/bin/|\s*$)",
    re.DOTALL,
)
_RAW_VALUES = re.compile(r"(?:/bin/sh -c #\(nop\)\s+)?(?:ENV|ARG|LABEL)\s|(?:RUN\s+)?\|\d+\s")
_USERINFO = re.compile(r"(?<=://)(?P<user>[^\s/:@]*):(?P<value>[^\s/@]+)(?=@)")
_SCHEME = re.compile(r"(?P<key>\b(?:Bearer|Basic))(?P<glue>\s+)(?P<value>[\w.~+/=-]{6,})")
_KNOWN_TOKENS = re.compile(
    r"(?<![\w-])(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|AKIA[0-9A-Z]{16}"
    r"|xox[abeprs]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|sk-[\w-]{20,})"
)


def is_secret_key(key: str) -> bool:
    """True where a variable, label or option of this name is likely to hold a secret.

    >>> [is_secret_key(k) for k in ("DB_PASSWORD", "GPG_KEY", "TOKENIZER_VERSION", "AUTHOR")]
    [True, False, False, False]
    """
    return _SECRET.search(key) is not None and _PUBLIC.search(key) is None


def is_token(value: str) -> bool:
    """True where the value itself has the form of a credential, whatever it is called.

    >>> is_token("AKIAIOSFODNN7EXAMPLE"), is_token("postgres://me:pw@db/x"), is_token("abc")
    (True, True, False)
    """
    if _KNOWN_TOKENS.fullmatch(value):
        return True
    user = _USERINFO.search(value)
    return user is not None and not user["value"].startswith(("$", "***", "<"))


def mask_value(key: str, value: str) -> str:
    """`value` of `key`, masked whole or, where the key is harmless, within.

    >>> mask_value("API_TOKEN", "abcdef")
    '***6'
    """
    return _masked(value) if value and is_secret_key(key) else mask_text(value)


def mask_text(text: str) -> str:
    """A command or build step with every secret-looking value masked; cut after 8 KiB.

    >>> mask_text("RUN login --password hunter2 https://me:pw@host/ A=b")
    'RUN login --password ***7 https://me:***2@host/ A=b'
    """
    if len(text) > _MAX_TEXT:
        return mask_text(text[:_MAX_TEXT]) + "…"
    if _RAW_VALUES.match(text):
        text = _SETTING.sub(_mask_assignment, text)
    text = _ASSIGNMENT.sub(_mask_assignment, text)
    text = _OPTION.sub(_mask_assignment, text)
    text = _USERINFO.sub(lambda found: f"{found['user']}:{_masked(found['value'])}", text)
    text = _SCHEME.sub(lambda found: f"{found['key']} {_masked(found['value'])}", text)
    return _KNOWN_TOKENS.sub(lambda found: _masked(found[0]), text)


def mask_words(words: Sequence[str]) -> tuple[str, ...]:
    """An entrypoint or command: also the word after an option such as `--requirepass`."""
    masked: list[str] = []
    option = ""
    for word in words:
        secret = option and not word.startswith("-")
        masked.append(mask_value(option, word) if secret else mask_text(word))
        option = word if word.startswith("-") and "=" not in word else ""
    return tuple(masked)


def _mask_assignment(found: re.Match[str]) -> str:
    value = found["value"].strip("\"'")
    if not value or value.startswith(("***", "$")) or not is_secret_key(found["key"]):
        return found[0]
    return f"{found['key']}{found['glue']}{_masked(value)}"


def _masked(value: str) -> str:
    return f"***{len(value)}"
