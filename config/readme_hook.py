"""The README as PyPI shows it: its links and pictures lead to the sources of this version.

Hatchling calls this when it builds. PyPI has the text of README.md alone, so a link to a file of
the repository would lead nowhere there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


class ReadmeHook(MetadataHookInterface):
    """Sets `readme`, which pyproject.toml declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write README.md with whole addresses into the metadata."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        source = metadata["urls"]["Source"].rstrip("/")
        text = with_whole_addresses(text, source, f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_whole_addresses(text: str, source: str, tag: str) -> str:
    """Return Markdown whose relative links lead below `source`, to the files as of `tag`."""

    def whole(link: re.Match[str]) -> str:
        picture, told, target = link.groups()
        view = "raw" if picture else "blob"
        return f"{picture}[{told}]({source}/{view}/{tag}/{target})"

    return _LINK.sub(whole, text)
