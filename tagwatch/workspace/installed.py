"""Where tagwatch is installed from: what a CI job gives to pip to get the same."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution

from tagwatch.errors import UsageError

__all__ = ["checked_source", "installed_from"]

# It stands between double quotes in a shell's line in YAML: nothing there ends or begins anything.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:/@+=%,\[\]<>?#&-]*")
_REMOTE = re.compile(r"(\w+\+)?https://")
_LOGIN = re.compile(r"https?://[^/]*@")
_RELEASE = re.compile(r"\d+(\.\d+)+")


def installed_from() -> str:
    """Return what pip got this installation from, as pip takes it (PEP 610).

    A repository at its commit, an archive at its address; else this version from a package index,
    as for what was installed from a folder, which no CI job has.
    """
    try:
        own = distribution("tagwatch")
    except PackageNotFoundError:
        return "tagwatch"
    try:
        origin = json.loads(own.read_text("direct_url.json") or "{}")
        url, vcs = origin.get("url", ""), origin.get("vcs_info", {})
        found = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
    except (ValueError, AttributeError, KeyError, TypeError):
        found = ""
    if _REMOTE.match(found) and _is_plain(found):
        return str(found)
    return f"tagwatch=={own.version}" if _RELEASE.fullmatch(own.version) else "tagwatch"


def checked_source(source: str) -> str:
    """Return a source that the user named. Raises `UsageError` where a job could not hold it."""
    if not _is_plain(source):
        raise UsageError(
            f"{source!r} is nothing that a job can give to pip",
            hint="tagwatch==1.2.3, git+https://host/team/tagwatch@v1.2.3, or a wheel's address",
        )
    return source


def _is_plain(source: str) -> bool:
    """Return True for text without what a shell or YAML would read, and without a login."""
    return bool(_PLAIN.fullmatch(source)) and not _LOGIN.search(source)
