"""endoflife.date's own API document (`/api/v1/products/full`) in the form of the bundled facts.

So anybody can renew the facts: save that document, and name it with `knowledge:`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["facts_of", "is_api_document"]

_DOCKER = "pkg:docker/"
_ENDS = {"debian": "eoes", "apache-pulsar": "eoes", "aws-lambda": "eoas"}
"""Products whose free support does not end with the field `eol`.

That of Debian and Pulsar goes on as extended support; that of Lambda is over while functions can
still be updated.
"""
_BY_CODENAME = frozenset({"debian", "ubuntu"})
"""Products whose builders write the codename where others write the number."""


def is_api_document(document: Any) -> bool:
    """True for a document of version 1 of the API that lists products with their releases."""
    if not isinstance(document, dict) or not isinstance(document.get("result"), list):
        return False
    return str(document.get("schema_version", "")).startswith("1.")


def facts_of(document: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same facts as `end_of_life.json` has them.

    `known`: products by the names that images are mapped to. They are found under an older name,
    too, and their images are kept beside those that the document names; of other products only
    those are taken that name an image. Raises `KeyError`, `TypeError`, `AttributeError`, where the
    document is of another form.
    """
    as_of = document["generated_at"][:10]
    products = {}
    for product in document["result"]:
        name = _known_name(product, known)
        releases = [one for one in product["releases"] if (one.get("releaseDate") or "") <= as_of]
        images = {*known.get(name, {}).get("images", ()), *_images(product)}
        if releases and (images or name in known):
            products[name] = {
                "name": product["label"],
                "images": sorted(images),
                "cycles": {one["name"]: _end(product["name"], one) for one in releases},
                **_if_any("lts", _long_term(releases)),
                **_if_any("codenames", _codenames(releases) if name in _BY_CODENAME else {}),
            }
    return {
        "schema_version": 1,
        "as_of": as_of,
        "source": "https://endoflife.date/api/v1/products/full",
        "products": products,
    }


def _known_name(product: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return the name under which the product is known: products are renamed now and then."""
    name: str = product["name"]
    if name in known:
        return name
    return next((alias for alias in product.get("aliases") or () if alias in known), name)


def _if_any(key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: values} if values else {}


def _long_term(releases: Iterable[Mapping[str, Any]]) -> dict[str, str | bool]:
    """Return the lines with long-term support: True, or the day from which they have it."""
    marked = ((one["name"], one.get("ltsFrom") or one.get("isLts") is True) for one in releases)
    return {name: since for name, since in marked if since}


def _codenames(releases: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return releases by codename, as archives write it: the first word, in lower case."""
    named = ((one.get("codename"), one["name"]) for one in releases)
    return {word.split()[0].lower(): name for word, name in named if word}


def _images(product: Mapping[str, Any]) -> list[str]:
    """The Docker Hub paths among its package URLs; qualifiers may name another registry."""
    names = (one["id"] for one in product["identifiers"] if one["type"] == "purl")
    return [name[len(_DOCKER) :] for name in names if name.startswith(_DOCKER) and "?" not in name]


def _end(product: str, cycle: Mapping[str, Any]) -> str | bool:
    """Return the day free support ends; else whether it did."""
    field = _ENDS.get(product, "eol")
    if field == "eoes" and not cycle.get("eoesFrom"):
        field = "eol"  # the line has no extended support
    day: str | None = cycle[f"{field}From"]
    return day if day is not None else cycle[f"is{field.capitalize()}"] is True
