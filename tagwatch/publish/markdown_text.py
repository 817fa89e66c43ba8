"""Text of strangers in GitHub-flavored Markdown: it stays text."""

from __future__ import annotations

import re

from tagwatch.publish.wording import one_line

__all__ = ["code", "escaped"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~@&$-])")
_LONGEST = 1000


def escaped(text: str) -> str:
    """Return text of strangers: no markup, link, mention or HTML of its own."""
    escaped = _SPECIAL.sub(r"\\\1", one_line(text, _LONGEST))
    for character, safe in (("&", "&amp;"), ("<", "&lt;"), ("@", "@<!-- -->")):
        escaped = escaped.replace(f"\\{character}", safe)
    return escaped


def code(text: str) -> str:
    """Return text between backticks; a pipe would end the cell even there."""
    clean = one_line(text, _LONGEST).replace("`", "'").replace("|", "\\|")
    return f"`{clean}`" if clean else ""
