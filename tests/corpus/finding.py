"""What the command finds in one checkout: its causes, each with the number of its places."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tagwatch.workspace.find import source_for
from tests.corpus.table import Row
from tests.golden import clock

__all__ = ["found_in", "rows_of"]

AT = "2026-11-30T03:00:00+00:00"
_NO_MEMORY = "nothing is stored of"
_DAY = re.compile(r", by facts of \d{4}-\d\d-\d\d|, in \d+ days")


def found_in(checkout: Path, repository: str) -> list[Row]:
    """Return a row for each cause, not judged yet, in the order of its first place.

    That nothing is remembered of an image is said of each without a ledger, and says nothing of
    the repository: it is left out.
    """
    return rows_of(_checked(checkout), checkout, repository)


def rows_of(answer: dict[str, Any], checkout: Path, repository: str) -> list[Row]:
    """Return the rows of what a check answered."""
    findings = [one for one in answer["findings"] if not _is_memory(one)]
    places = Counter(one.get("cause", one["fingerprint"]) for one in findings)
    rows = [
        Row(
            repository=repository,
            kind=_kind(checkout, one["location"]["path"]),
            place=f"{one['location']['path']}:{one['location']['line']}",
            rule=one["rule"],
            severity=one["severity"],
            places=places[one["fingerprint"]],
            brief="yes" if one.get("brief") else "",
            message=_DAY.sub("", one["message"])[:200],
        )
        for one in findings
        if "cause" not in one
    ]
    return sorted(rows, key=lambda row: row.key)


def _is_memory(finding: dict[str, Any]) -> bool:
    return finding["rule"] == "check-incomplete" and _NO_MEMORY in finding["message"]


def _checked(checkout: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        folders = {f"XDG_{name}_HOME": home for name in ("CONFIG", "CACHE", "DATA")}
        done = subprocess.run(
            [sys.executable, clock.__file__, AT, "check", "--offline", "--format", "json", "."],
            cwd=checkout,
            env={**kept, **folders, "HOME": home, "TAGWATCH_CONFIG": ""},
            capture_output=True,
            check=False,
        )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{checkout}: {done.stderr.decode()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _kind(checkout: Path, path: str) -> str:
    """Return the format of the file that holds a place."""
    try:
        head = (checkout / path).read_bytes()
    except OSError:
        return ""
    found = source_for(path, head)
    return found[0] if found is not None else ""
