"""The JSON documents among the golden answers, their schemas, and those that are kept for good.

`tests/data/golden/documents-v1/` holds documents as `schema_version` 1 had them on 2026-11-29 and
later. They are never written anew: what reads them must go on to. `python -m
tests.golden.documents` adds those that are not there yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.golden.place import sections_of
from tests.golden.write import PLAYS, golden_answers
from tests.paths import DATA, ROOT

__all__ = ["FROZEN", "SCHEMAS", "Golden", "documents", "frozen_documents", "schemas"]

SCHEMAS = ROOT / "docs" / "schema"
FROZEN = DATA / "golden" / "documents-v1"
# command -> schema, where they are not called the same
_SCHEMA_OF = {"check": "result", "scan": "result", "report": "result"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A document: where it is from, the schema that tells of it, and what it says."""

    name: str
    schema: str
    document: Any


def documents() -> Iterator[Golden]:
    """Every JSON document of ours among the golden answers."""
    for play in PLAYS:
        for answer, transcript in golden_answers(play).items():
            yield from _documents_of(f"{play}-{answer}", answer, transcript)


def _documents_of(name: str, answer: str, transcript: str) -> Iterator[Golden]:
    told = sections_of(transcript)
    if answer == "baseline-file":
        text = told["file tagwatch-baseline.json"]
        yield Golden(name=name, schema="baseline", document=json.loads(text))
    elif answer == "alerts":
        for number, alert in enumerate(json.loads(told["file alerts.json"]), 1):
            yield Golden(name=f"{name}-{number}", schema="alert", document=alert)
    elif "--format json" in transcript.partition("\n")[0] and "stdout" in told:
        command = transcript.removeprefix("$ tagwatch ").split()[0]
        if transcript.startswith("$ tagwatch alerts test"):
            command = "alerts-test"
        schema = _SCHEMA_OF.get(command, command)
        yield Golden(name=name, schema=schema, document=json.loads(told["stdout"]))


def frozen_documents() -> Iterator[Golden]:
    """Every document that is kept for good: `<schema>/<name>.json`."""
    for path in sorted(FROZEN.glob("*/*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        yield Golden(name=path.stem, schema=path.parent.name, document=document)


def schemas() -> dict[str, Any]:
    """Every schema by its name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(SCHEMAS.glob("*.json"))
    }


def freeze(folder: Path) -> None:
    """Add the documents whose names are not there, each text once."""
    kept: set[str] = set()
    for golden in documents():
        path = folder / golden.schema / f"{golden.name}.json"
        text = json.dumps(golden.document, ensure_ascii=False, separators=(",", ":")) + "\n"
        if text in kept:
            continue
        kept.add(text)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    freeze(FROZEN)
