"""Generated blocks of README.md and docs. `python -m tests.readme` writes them; a test compares."""

from __future__ import annotations

import re
from collections.abc import Callable

from tagwatch.family import COMMAND_HELP, REGISTRIES
from tagwatch.registry.host import line_of
from tagwatch.registry.settings import RegistrySettings
from tests.paths import ROOT

README = ROOT / "README.md"
PAGES = (README, ROOT / "docs" / "registries.md")
BLOCK = re.compile(r"(<!-- begin (\w+) [^>]*-->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)


def commands() -> str:
    rows = [f"| `tagwatch {name}` | {text} |" for name, text in COMMAND_HELP.items()]
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows])


def registries() -> str:
    rows = []
    for _, kind, _, catalogue in REGISTRIES:
        line = line_of("registry.example", RegistrySettings(kind=kind))
        bulk = "names, then a HEAD a watched tag" if catalogue == "oci" else "digests in bulk"
        rows.append(f"| {kind} | {bulk} | {', '.join(line.credentials)} | {line.confirmed_by} |")
    head = (
        "| kind | a night costs | logins, first found | confirmed by |\n| --- | --- | --- | --- |"
    )
    return "\n".join([head, *dict.fromkeys(rows)])


BLOCKS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "registries": registries,
}


def generated(text: str) -> str:
    """A page's text with each generated block as it should be."""

    def block(found: re.Match[str]) -> str:
        make = BLOCKS.get(found[2])
        return found[0] if make is None else f"{found[1]}\n{make()}\n\n{found[4]}"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(generated(page.read_text(encoding="utf-8")), encoding="utf-8")
