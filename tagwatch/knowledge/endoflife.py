"""endoflife.date's own API document (`/api/v1/products/full`) in the form of the bundled facts.

So anybody can renew the facts: save that document, and name it with `knowledge:`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["facts_of", "is_api_document"]

_DOCKER = "pkg:docker/"
_FREE_LONG_TERM = frozenset({"debian"})
"""Products whose extended support is free and in the same archive: its end is what counts."""
_BY_CODENAME = frozenset({"debian"})
"""Products whose builders write the codename where others write the number."""


def is_api_document(document: Any) -> bool:
    """True for a document of version 1 of the API that lists products with their releases."""
    if not isinstance(document, dict) or not isinstance(document.get("result"), list):
        return False
    return str(document.get("schema_version", "")).startswith("1.")


def facts_of(document: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts, as `end_of_life.json` has them, of products that come as images.

    `known`: the bundled products, by the same names: their images are kept beside those that the
    document names. Raises `KeyError`, `TypeError`, `AttributeError`, where it is of another form.
    """
    products = {}
    for product in document["result"]:
        name = product["name"]
        images = {*known.get(name, {}).get("images", ()), *_images(product)}
        cycles = {cycle["name"]: _end(name, cycle) for cycle in product["releases"]}
        if images and cycles:
            products[name] = {
                "name": product["label"], "images": sorted(images), "cycles": cycles,
                "codenames": _codenames(product) if name in _BY_CODENAME else {},
            }  # fmt: skip
    return {
        "schema_version": 1,
        "as_of": document["generated_at"][:10],
        "source": "https://endoflife.date/api/v1/products/full",
        "products": products,
    }


def _codenames(product: Mapping[str, Any]) -> dict[str, str]:
    """Releases by codename, as archives write it: the first word, in lower case."""
    named = ((one.get("codename"), one["name"]) for one in product["releases"])
    return {word.split()[0].lower(): name for word, name in named if word}


def _images(product: Mapping[str, Any]) -> list[str]:
    """The Docker Hub paths among its package URLs; qualifiers may name another registry."""
    names = (one["id"] for one in product["identifiers"] if one["type"] == "purl")
    return [name[len(_DOCKER) :] for name in names if name.startswith(_DOCKER) and "?" not in name]


def _end(name: str, cycle: Mapping[str, Any]) -> str | bool:
    """The day free support ends; else whether it did."""
    kind = "Eoes" if name in _FREE_LONG_TERM and cycle.get("eoesFrom") else "Eol"
    day: str | None = cycle[f"{kind.lower()}From"]
    return day if day is not None else cycle[f"is{kind}"] is True
