"""Lines of files that are shown: logs of CI are read by many, and a line may hold a secret.

Most findings are about lines that name an image and nothing else. Only of others the many patterns
of `reading.mask` are needed.
"""

from __future__ import annotations

import re

__all__ = ["may_tell", "without_secrets"]

_WORD = r"[A-Za-z_][\w.-]*"
_BEFORE = frozenset(
    {"", "from", "copy", "image:", "newtag:", "newname:", "tag:", "digest:", "repository:", "name:"}
    | {"uses:", "services:", "container:"}
)
"""What stands before a reference on a line that says nothing else, in lower case."""
_FLAGS = ("--platform=", "--from=")
_AROUND = " \t\r-\"',"


def may_tell(line: str, start: int, end: int) -> bool:
    """Return True for a line that may hold a secret beside what stands from `start` to `end`."""
    if "@" in line and re.search(r"@(?!sha\d+:)", line):
        return True  # a name and a password may stand before it
    if not any(map(str.isspace, line[start:end])) and _is_plain(line[:start], line[end:]):
        return False
    from tagwatch.audit.reading.mask import is_secret_key, is_token, mask_text

    if mask_text(line) != line:
        return True
    words = re.findall(r"[^\s\"'=:,{}\[\]()]+", line)
    return any(map(is_secret_key, re.findall(_WORD, line))) or any(map(is_token, words))


def _is_plain(before: str, after: str) -> bool:
    """Return True where only what names an image stands around it."""
    words = before.lower().split()
    if words and words[-1].startswith(_FLAGS) and before.rstrip().endswith("="):
        words = words[:-1]  # `COPY --from=` and the reference
    words = [word.strip(_AROUND) for word in words if not word.startswith(_FLAGS)]
    named = " ".join(filter(None, words))
    rest = after.strip(_AROUND).split()
    is_stage = len(rest) == 2 and rest[0].lower() == "as"
    return named in _BEFORE and (not rest or is_stage or named == "copy")


def without_secrets(line: str, start: int, end: int) -> str:
    """Return a line to paste; only what stands from `start` to `end` where it may tell a secret."""
    return line[start:end] if may_tell(line, start, end) else line
