"""Lines of files that are shown: logs of CI are read by many, and a line may hold a secret.

Most findings are about lines that name an image and nothing else. Only of others the many patterns
of `reading.mask` are needed.
"""

from __future__ import annotations

import re
from functools import cache

__all__ = ["may_tell", "without_secrets"]

_WORD = r"[A-Za-z_][\w.-]*"


@cache
def _plain() -> re.Pattern[str]:
    """Return the pattern of what may stand around a reference: where it is compiled, it is used."""
    return re.compile(
        r"\s*(?:-\s+)?(?:FROM|COPY|image:|newTag:|newName:|tag:|digest:|repository:|name:|uses:)?"
        r"\s*(?:--(?:platform|from)=[\w./:$@{}-]*)?[\"']?\0[\"']?,?(?:\s+AS\s+[\w.-]+)?\s*",
        re.IGNORECASE,
    )


def may_tell(line: str, start: int, end: int) -> bool:
    """Return True for a line that may hold a secret beside what stands from `start` to `end`."""
    if re.search(r"@(?!sha\d+:)", line):
        return True  # a name and a password may stand before it
    if not re.search(r"\s", line[start:end]) and _plain().fullmatch(
        f"{line[:start]}\0{line[end:]}"
    ):
        return False
    from tagwatch.audit.reading.mask import is_secret_key, is_token, mask_text

    if mask_text(line) != line:
        return True
    words = re.findall(r"[^\s\"'=:,{}\[\]()]+", line)
    return any(map(is_secret_key, re.findall(_WORD, line))) or any(map(is_token, words))


def without_secrets(line: str, start: int, end: int) -> str:
    """Return a line to paste; only what stands from `start` to `end` where it may tell a secret."""
    return line[start:end] if may_tell(line, start, end) else line
