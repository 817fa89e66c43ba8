"""The address of a line of a file at its forge.

Remotes and configurations are strangers' words: an address is built of checked
parts, `https` alone, or it is not built at all.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

__all__ = ["forge_template", "is_source_template", "source_page"]

_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+",
    re.ASCII,
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_PROJECT = re.compile(r"[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)+", re.ASCII)
_SCP = re.compile(r"(?:[A-Za-z0-9_.-]+@)?([A-Za-z0-9.-]+):(?!//)(.+)", re.ASCII)
"""`git@host:owner/name.git`, as ssh has it."""
_TEMPLATE = re.compile(r"https://[\x21-\x7e]+", re.ASCII)
_FORGES = (
    (re.compile(r"(?:.*\.)?gitlab(?:\..*)?"), "/-/blob/{commit}/{{path}}#L{{line}}"),
    (re.compile(r"bitbucket\.org"), "/src/{commit}/{{path}}#lines-{{line}}"),
    (
        re.compile(r"codeberg\.org|(?:.*\.)?(?:gitea|forgejo)(?:\..*)?"),
        "/src/commit/{commit}/{{path}}#L{{line}}",
    ),
    (re.compile(r"(?:.*\.)?github(?:\..*)?"), "/blob/{commit}/{{path}}#L{{line}}"),
)
"""How a forge names a line of a file, by its host. Others are named in `reports.source`."""


def is_source_template(text: str) -> bool:
    """Return True for an address with `{path}` in it, and perhaps `{line}`, that pages may use."""
    rest = text.replace("{path}", "").replace("{line}", "")
    if "{path}" not in text or _TEMPLATE.fullmatch(text) is None or set(rest) & set("{}\"'<>\\`"):
        return False
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_plain = parts.netloc == (host if port is None else f"{host}:{port}")
    return is_plain and _HOST.fullmatch(host) is not None


def forge_template(remote: str, commit: str) -> str:
    """Return where the files of a commit are shown, as a template; empty where nobody knows.

    A login in the remote's address is left out.

    >>> forge_template("git@github.com:acme/shop.git", "a" * 40)[:38]
    'https://github.com/acme/shop/blob/aaaa'
    """
    if _COMMIT.fullmatch(commit) is None:
        return ""
    found = _SCP.fullmatch(remote)
    if found is not None:
        host, path = found[1], found[2]
    else:
        try:
            parts = urlsplit(remote)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return ""
        if parts.scheme not in ("https", "ssh", "git"):
            return ""
    host, project = host.lower(), path.strip("/").removesuffix(".git")
    if _HOST.fullmatch(host) is None or _PROJECT.fullmatch(project) is None:
        return ""
    if {".", ".."} & set(project.split("/")):
        return ""
    form = next((form for forge, form in _FORGES if forge.fullmatch(host)), None)
    return f"https://{host}/{project}{form.format(commit=commit)}" if form is not None else ""


def source_page(template: str, folder: str, path: str, line: int) -> str:
    """Return the address of a line of a file; empty where there is none.

    `folder`: where paths start, from the root of what `template` shows, with its slash.
    """
    whole = f"{folder}{path}"
    if not template or path.startswith(("/", "../")) or ".." in whole.split("/"):
        return ""
    try:
        named = quote(whole)
    except UnicodeEncodeError:  # a name that is not UTF-8
        return ""
    return template.replace("{line}", str(line)).replace("{path}", named)
