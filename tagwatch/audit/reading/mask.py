"""Masking: a secret value becomes `***` and its length before it is stored or shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_secret_key", "is_token", "mask_text", "mask_value", "mask_words"]

_MAX_TEXT = 8_192
"""The text is a stranger's and many patterns run over it, so it is cut after so many characters."""

_SECRET = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|api_?key|access_?key|private_?key"
    r"|(?:encryption|signing|master|account|storage|license)_?key|connection_?string"
    r"|pass$|(?:^|[_.-])(?:pass|pwd|auth|dsn|pat|key)(?:$|[_.-])"
    r"|(?:^|[_.-])(?:jwt|cookie|webhook(?:[_.-]ur[il])?)$",
    re.IGNORECASE,
)
# Names that contain such a word but are public: checksums, versions, paths to files, public keys.
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
    r"(?P<value>[^\s\"'&|;<>-][^\s\"']*)"
)
# ENV and LABEL steps print values without quotes, even with blanks in them, so a value goes on up
# to the next NAME= or the end.
_SETTING = re.compile(
    r"(?<![\w.-])(?P<key>[A-Za-z_][\w.-]*)(?P<glue>=)(?P<value>.*?)(?=\s+[A-Za-z_][\w.-]*=|\s+/bin/|\s*$)",
    re.DOTALL,
)
_RAW_VALUES = re.compile(r"(?:/bin/sh -c #\(nop\)\s+)?(?:ENV|ARG|LABEL)\s|(?:RUN\s+)?\|\d+\s")
_USERINFO = re.compile(r"(?<=://)(?P<user>[^\s/:@]*):(?P<value>[^\s/@]+)(?=@)")
_SCHEME = re.compile(r"(?P<key>\b(?:Bearer|Basic))(?P<glue>\s+)(?P<value>[\w.~+/=-]{6,})")
# Secrets that well-known programs take in places whose name does not say so: a word, and a pattern.
# The word is looked for first, because that costs much less than the pattern, which is compiled
# where a text has the word.
_VALUE = r"[\"']?(?P<value>[^\s\"'|;&$<>][^\s\"'|;&]*)"
_GAP = r"\b[^|;&]{0,400}?\s"
_CLIENTS = "docker|podman|nerdctl|buildah|skopeo|crane|helm|oras|oc|az|cf"
_COMMANDS = (
    ("curl", rf"\bcurl{_GAP}(?:-u|--user|--proxy-user)[ =]?[\"']?[^\s:\"']+:{_VALUE}"),
    ("login", rf"\b(?:{_CLIENTS})\s+(?:[\w-]+\s+)?login{_GAP}-p[ =]{_VALUE}"),
    ("login", rf"\blogin\s+\S+\s+password\s+{_VALUE}"),  # .netrc
    ("sshpass", rf"\bsshpass{_GAP}?-p ?{_VALUE}"),
    ("redis-cli", rf"\bredis-cli{_GAP}-a {_VALUE}"),
    ("mysql", rf"\bmysql(?:dump|admin)?{_GAP}-p(?![\s]){_VALUE}"),
    ("mariadb", rf"\bmariadb(?:-\w+)?{_GAP}-p(?![\s]){_VALUE}"),
    ("-stdin", rf"\b(?:echo|printf)\s+(?:-\w\s+)?{_VALUE}[\"']?\s*\|[^|;&]{{0,400}}-stdin\b"),
    ("http-basic", rf"\bhttp-basic\.\S+\s+\S+\s+{_VALUE}"),
    ("uthorization", rf"\b[Aa]uthorization:\s*(?:[A-Za-z]+\s+)?{_VALUE}"),
    ("sig", rf"[?&](?:sig|signature)={_VALUE}"),
    ("Signature", rf"[?&]X-\w+-Signature={_VALUE}"),
    ("://", r"(?<=://)(?P<value>(?=[^\s/@]*\d)[\w-]{12,})(?=@)"),
    ("PRIVATE KEY-", r"PRIVATE KEY-----(?P<value>.+?)(?=-----END|$)"),
)
_KNOWN_TOKENS = re.compile(
    r"(?<![\w-])(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|AKIA[0-9A-Z]{16}"
    r"|xox[abeprs]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|sk-[\w-]{20,}"
    r"|[rs]k_live_\w{16,}|npm_\w{36}|dckr_pat_[\w-]{20,}|pypi-AgE[\w-]{20,}|hv[sb]\.[\w-]{20,}"
    r"|AIza[\w-]{35}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|(?<=hooks\.slack\.com/services/)[\w/]{10,})"
)


def is_secret_key(key: str) -> bool:
    """Return True where a variable, label or option of this name is likely to hold a secret.

    >>> [is_secret_key(k) for k in ("DB_PASSWORD", "GPG_KEY", "TOKENIZER_VERSION", "AUTHOR")]
    [True, False, False, False]
    """
    return _SECRET.search(key) is not None and _PUBLIC.search(key) is None


def is_token(value: str) -> bool:
    """Return True where the value itself has the form of a credential, whatever its name is.

    >>> is_token("AKIAIOSFODNN7EXAMPLE"), is_token("postgres://me:pw@db/x"), is_token("abc")
    (True, True, False)
    """
    if _KNOWN_TOKENS.fullmatch(value):
        return True
    user = _USERINFO.search(value)
    return user is not None and not user["value"].startswith(("$", "***", "<"))


def mask_value(key: str, value: str) -> str:
    """Return `value`, masked as a whole where `key` looks secret, else only the secrets within it.

    >>> mask_value("API_TOKEN", "abcdef")
    '***6'
    """
    return _masked(value) if value and is_secret_key(key) else mask_text(value)


def mask_text(text: str) -> str:
    """Return a command or build step with every secret-looking value masked; cut after 8 KiB.

    >>> mask_text("RUN login --password hunter2 https://me:pw@host/ A=b")
    'RUN login --password ***7 https://me:***2@host/ A=b'
    """
    if len(text) > _MAX_TEXT:
        return mask_text(text[:_MAX_TEXT]) + "…"
    # Assignments and commands skip what an earlier pattern masked: a value that begins with `***`.
    if _RAW_VALUES.match(text):
        text = _SETTING.sub(_mask_assignment, text)
    text = _ASSIGNMENT.sub(_mask_assignment, text)
    text = _OPTION.sub(_mask_assignment, text)
    text = _USERINFO.sub(lambda found: f"{found['user']}:{_masked(found['value'])}", text)
    text = _SCHEME.sub(lambda found: f"{found['key']} {_masked(found['value'])}", text)
    for word, pattern in _COMMANDS:
        if word in text:
            text = re.sub(pattern, _mask_value, text, flags=re.DOTALL)
    return _KNOWN_TOKENS.sub(lambda found: _masked(found[0]), text)


def mask_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return an entrypoint or command with every secret-looking value masked.

    The word after an option counts as its value (`--requirepass hunter2`).
    """
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


def _mask_value(found: re.Match[str]) -> str:
    value, start = found["value"], found.start()
    if value.startswith("***"):
        return found[0]
    begin, end = (place - start for place in found.span("value"))
    return f"{found[0][:begin]}{_masked(value)}{found[0][end:]}"


def _masked(value: str) -> str:
    return f"***{len(value)}"
