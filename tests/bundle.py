"""Makes the bundled facts about images out of the collections in `tests/data/knowledge`.

`python -m tests.bundle` writes `tagwatch/knowledge/images.txt` and `words.txt`; a test holds them
to what this makes. A check looks a name up in the text as it stands and parses nothing: see
`tagwatch/knowledge/images.py` for the form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "data" / "knowledge"
PLACE = Path(__file__).parent.parent / "tagwatch" / "knowledge"

_NAMED_BY_FACTS = (
    ("docker.io/rapidfort/couchdb-official", "apache-couchdb"),
    ("docker.io/fehrenbacher/concrete5", "concrete-cms"),
    ("docker.io/discourse/base", "discourse"),
    ("docker.io/istio/app", "istio"),
)
"""Images that endoflife.date names and the collection lacks."""
_MAINTAINED_BY_THE_SYSTEM = "registry.access.redhat.com/ubi9/python-311"
"""A row of `never` that would hide the pattern of all such images."""
_ARCHITECTURES = """
amd64 arm32v5 arm32v6 arm32v7 arm64v8 i386 mips64le ppc64le riscv64 s390x windows-amd64 winamd64
"""
_SYSTEMS = """
almalinux alpine-linux amazon-linux centos centos-stream clear-linux debian devuan eurolinux fedora
opensuse oracle-linux photon rhel rocky-linux sles ubuntu windows-nano-server windows-server-core
"""


def images() -> str:
    """Return the rows and patterns of repositories, and the retired ones among them."""
    facts, ended = _read("image_products.json"), _read("retired.json")
    sources: dict[str, int] = {}
    exact: list[tuple[str, ...]] = []
    patterns: list[tuple[str, ...]] = []
    for entry in facts["entries"]:
        literal, pattern = _pattern(entry["match"], entry["form"])
        for row in _rows(entry, sources):
            if entry["form"] == "exact":
                exact.append((entry["match"], *row))
            else:
                patterns.append((f"~{literal}", pattern, *row))
    named = {row[0] for row in exact}
    purl = _number(sources, "purl")
    exact += [(name, "p", product, "version", "", purl) for name, product in _NAMED_BY_FACTS]
    for entry in facts["never"]:
        name = entry["match"]
        if name in named or not name.startswith(tuple("abcdefghijklmnopqrstuvwxyz")):
            continue
        if name == _MAINTAINED_BY_THE_SYSTEM or ":" in name:
            continue
        row = ("p", "", "none", "", _number(sources, f"no product: {entry['why']}"))
        if "*" in name:
            literal, pattern = _pattern(name, "glob")
            patterns.append((f"~{literal}", pattern, *row))
        else:
            exact.append((name, *row))
    for form, name, row in _retired(ended, sources):
        literal, pattern = _pattern(name, form)
        exact.append((name, *row)) if form == "exact" else patterns.append(
            (f"~{literal}", pattern, *row)
        )
    # The longest beginning first: the nearest pattern counts.
    patterns.sort(key=lambda row: (-len(row[0]), -len(row[1]), row))
    head: list[tuple[str, ...]] = [
        ("# made by tests/bundle.py; the form: tagwatch/knowledge/images.py",)
    ]
    told = [(f"#{number}", text) for text, number in sources.items()]
    # What its own images run comes first, as the collection has it; ends are in order.
    exact.sort(key=lambda row: (*row[:2], *(row[2:] if row[1] == "r" else ())))
    return _text([*head, *told, *patterns, *exact])


def words() -> str:
    """Return what pieces of tags mean, which names are copies, and the tables of versions."""
    facts, variants = _read("image_products.json"), _read("variants.json")
    lines: list[tuple[str, ...]] = [
        ("# made by tests/bundle.py; the form: tagwatch/knowledge/images.py",)
    ]
    for entry in facts["mirrors"]:
        lines += [("copy", *pair) for pair in _copies(entry)]
    tables = facts["tables"]
    known = {
        "windows": {**tables["windows"]["tags"], **tables["windows"]["builds"], "sac2016": "1607"},
        "mssql": tables["mssql"]["years"],
        "dotnetfx": tables["dotnetfx"]["map"],
        "amazon_linux": tables["amazon_linux"]["map"],
    }
    # The tag `1809` serves the build that the long-term release keeps alive.
    known["windows"]["1809"] = "2019"
    for name, table in known.items():
        lines += [("table", name, key.lower(), value) for key, value in table.items()]
    for one in (*variants["words"], *variants["windows"]):
        kind = "system" if one["product"] in _SYSTEMS.split() else "inner"
        only = " ".join(one.get("only", ()))
        # `1809` is no guess here: the collection says that it has served the build of 2019.
        lines.append(("word", one["word"], one["product"], one["cycle"], "", kind, "", only))
    # The bare words say nothing, but that it is worth looking at the words behind them.
    lines += [("word", word) for word in ("nanoserver", "windowsservercore")]
    for stem in variants["stems"]:
        if stem["product"] is None:
            continue
        kind = "system" if stem["product"] in _SYSTEMS.split() else "inner"
        how = {"split": "1", "split2": "2"}.get(stem["how"], "")
        sure = "" if stem["sure"] else "guess"
        for pattern in stem["patterns"]:
            for letters in sorted(_beginnings(pattern)):
                lines.append(("stem", letters, stem["product"], how, pattern, kind, sure, ""))
    return _text(lines)


def _rows(entry: Mapping[str, Any], sources: dict[str, int]) -> Iterator[tuple[str, ...]]:
    flags = ("guess " if entry["sure"] == "guess" else "") + (
        "upheld" if entry.get("vendor_maintained") else ""
    )
    number = _number(sources, entry["evidence"])
    for one in (entry, *entry.get("also", ())):
        yield "p", one["product"] or "", _take(one), flags.strip(), number


def _take(one: Mapping[str, Any]) -> str:
    read = one["read"]
    match read["take"]:
        case "regex":
            return f"/{read['pattern']}"
        case "repository_name":
            return {
                "as it is": "name",
                "two digits split 27 -> 2.7": "name:split",
                "prefix 12.": "name:12.",
            }[read["then"]]
        case "lambda":
            return f"lambda:{read['stem']}"
        case "constant":
            return f"={read['cycle']}"
        case "table":
            return f"table:{read['table']}"
        case "version" if "drop_prefix" in read:
            return f"/^{read['drop_prefix'][0]}-?(?P<v>\\d+)"
        case "version" if "table" in read:
            return f"table:{read['table']}"
        case "version" if one["product"] == "amazon-linux":
            return "table:amazon_linux"
        case plain:
            return str(plain)


def _retired(
    facts: Mapping[str, Any], sources: dict[str, int]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the form, the name and the row of each, those of Bitnami with what follows them."""
    for entry in facts["entries"]:
        if entry.get("finding") is False:
            continue
        name = entry["from"]
        form = "glob" if "*" in name else "exact"
        row = _retired_row(entry, entry["to"], sources)
        if "except_repositories" in entry:
            kept = "|".join(entry["except_repositories"])
            form, name = "regex", rf"docker\.io/bitnami/(?!(?:{kept})$)([^/]+)"
        yield form, name, row
        if entry["from"].startswith("docker.io/bitnami"):
            parent = entry["from"].removesuffix("*")
            for old, new in facts["bitnami_successors"].items():
                if new and "legacy" in parent:
                    yield "exact", parent + old, _retired_row(entry, [new], sources)
                elif new:
                    frozen = f"docker.io/bitnamilegacy/{old} (frozen, for a move only)"
                    yield "exact", parent + old, _retired_row(entry, [new, frozen], sources)


def _retired_row(
    entry: Mapping[str, Any], to: Iterable[str], sources: dict[str, int]
) -> tuple[str, ...]:
    tags = [tag for tag in entry.get("tags", ()) if tag != "*"]
    return (
        "r",
        entry["kind"],
        entry["since"],
        "|".join(to),
        " ".join(tags),
        " ".join(entry.get("tags_not", ())),
        "guess" if entry["mark"] == "K" else "",
        entry.get("note", ""),
        _number(sources, entry["source"]),
    )


def _copies(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    prefix, origin = entry["prefix"], entry["is"]
    if entry["sure"] != "sure" or prefix.startswith("{host}"):
        return  # a guess counts only where it is configured
    if "{" in prefix:
        for one in _ARCHITECTURES.split():
            yield f"docker.io/{one}/", origin
    else:
        yield prefix, origin


def _pattern(name: str, form: str) -> tuple[str, str]:
    """Return the letters that every match begins with, and the regular expression."""
    if form == "glob":
        pieces = name.split("*")
        *between, last = (".+" if not piece else "[^/]*" for piece in pieces[1:])
        whole = "".join(
            f"{re.escape(piece)}({gap})"
            for piece, gap in zip(pieces, [*between, last], strict=False)
        )
        return pieces[0], whole + re.escape(pieces[-1])
    literal = re.match(r"(?:[a-z0-9/_-]|\\\.)*", name)
    assert literal is not None
    return literal[0].replace("\\.", "."), name


def _beginnings(pattern: str) -> set[str]:
    """Return the letters before the number of each text that the pattern may match."""
    texts = [""]
    before = re.sub(r"\(\?:", "(", pattern.partition("(?P<v>")[0])
    for words, letter, optional in re.findall(r"(?:\(([^)]*)\)|([a-z_-]))(\??)", before):
        choices = {*words.split("|")} if words else {letter}
        choices |= {choice.replace("s?", "") for choice in choices}
        choices = {choice.replace("?", "") for choice in choices} | ({""} if optional else set())
        texts = [text + choice for text in texts for choice in sorted(choices)]
    return {text.rstrip("-_") for text in texts}


def _number(sources: dict[str, int], text: str) -> str:
    return str(sources.setdefault(text, len(sources) + 1))


def _read(name: str) -> Any:
    return json.loads((FOLDER / name).read_bytes())


def _text(lines: Iterable[tuple[str, ...]]) -> str:
    rows = list(lines)
    assert not any("\t" in cell or "\n" in cell for row in rows for cell in row)
    return "".join("\t".join(row).rstrip("\t") + "\n" for row in rows)


FILES = {"images.txt": images, "words.txt": words}

if __name__ == "__main__":
    for file, made in FILES.items():
        (PLACE / file).write_text(made(), encoding="utf-8")
