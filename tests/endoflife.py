"""Answers of endoflife.date's API and archives of official-images, made of the bundled facts."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tagwatch.knowledge.bundled import END_OF_LIFE, FOLDER, OFFICIAL_TAGS

__all__ = ["api_document", "bundled", "library_archive", "raw_of"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def bundled(name: str = END_OF_LIFE) -> dict[str, Any]:
    """A bundled file."""
    found: dict[str, Any] = json.loads((FOLDER / name).read_text("utf-8"))
    return found


def api_document(at: datetime) -> dict[str, Any]:
    """The bundled facts as the API would give them at that moment: any field may be changed."""
    products = bundled()["products"]
    result = [_product(name, one) for name, one in products.items()]
    return {
        "schema_version": "1.2.1",
        "generated_at": at.isoformat(),
        "total": len(result),
        "result": result,
    }


def _product(name: str, product: Mapping[str, Any]) -> dict[str, Any]:
    lts, words = product.get("lts", {}), product.get("codenames", {})
    names = {line: word for word, line in words.items()}
    kind = {"debian": "eoes", "apache-pulsar": "eoes", "aws-lambda": "eoas"}.get(name, "eol")
    return {
        "name": name,
        "label": product["name"],
        "aliases": [],
        "identifiers": [],
        "releases": [
            {
                "name": line,
                "codename": names.get(line),
                "releaseDate": "2020-01-01",
                "isLts": line in lts,
                "ltsFrom": lts.get(line) if isinstance(lts.get(line), str) else None,
                "isEol": end is True,
                "eolFrom": end if isinstance(end, str) else None,
                f"is{kind.capitalize()}": end is True,
                f"{kind}From": end if isinstance(end, str) else None,
            }
            for line, end in product["cycles"].items()
        ],
    }


def library_archive(day: date, images: Mapping[str, str] | None = None) -> bytes:
    """A tar archive of official-images as GitHub makes it. `images`: name -> tags."""
    tags = bundled(OFFICIAL_TAGS)["images"] if images is None else images
    raw = io.BytesIO()
    with tarfile.open(
        fileobj=raw, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": COMMIT}
    ) as archive:
        for name, words in tags.items():
            builds = f"Tags: {', '.join(words.split())}\nGitCommit: {COMMIT}\n" if words else ""
            text = f"Maintainers: A\nGitRepo: https://example.org/x.git\n\n{builds}"
            entry = tarfile.TarInfo(f"official-images-{COMMIT}/library/{name}")
            entry.size = len(text)
            entry.mtime = int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return raw.getvalue()


def raw_of(document: Mapping[str, Any]) -> bytes:
    """The bytes of a JSON document."""
    return json.dumps(document).encode()
