"""The bundled facts as a value: ends of life and the names of official images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

from tagwatch.audit.model.knowledge import Cycle, Knowledge, Product
from tagwatch.errors import ConfigError
from tagwatch.image.reference import DOCKER_HUB
from tagwatch.knowledge.images import ByName, Copies, Images, Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
else:
    Any = object

__all__ = ["load"]

_FOLDER = Path(__file__).parent
_BUNDLED = _FOLDER / "end_of_life.json"
_SCHEMA_VERSION = 1


def load(end_of_life: Path | None = None, copies: Iterable[tuple[str, str]] = ()) -> Knowledge:
    """What is bundled, or ends of life from a newer file: of the same form, or the one that
    endoflife.date's API gives.

    `copies`: beginnings of names that stand for others, as the configuration has them. Raises
    `ConfigError` where the file cannot be read or is of another form.
    """
    ends = _read(end_of_life) if end_of_life else _bundled()
    products = _Products(ends["products"], ends["path"])
    images, words = Images(), Words()
    # What the bundled file says of images stands in the rows, too.
    named = products if end_of_life else ()
    return Knowledge(
        as_of=_day(ends["as_of"], ends["path"]),
        products=products,
        images={
            f"{DOCKER_HUB}/{image}": name for name in named for image in products.images_of(name)
        },
        rows=ByName(images.rows, images.names),
        retired=ByName(images.retirements, images.names),
        words=words,
        table=words.table,
        copies=Copies(copies, words),
        official=frozenset(_read(_FOLDER / "official_images.json")["names"]),
    )


class _Products(Mapping[str, Product]):
    """Products by name, each made when it is asked for."""

    def __init__(self, raw: Any, path: Path) -> None:
        if not isinstance(raw, Mapping):
            raise _malformed(path, "products is not a mapping")
        self._raw = raw
        self._path = path
        self._made: dict[str, Product] = {}

    def images_of(self, name: str) -> tuple[str, ...]:
        """The paths of the product's repositories on Docker Hub."""
        images = self._raw[name].get("images") if isinstance(self._raw[name], dict) else None
        if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
            raise _malformed(self._path, f"{name}: images is not a list of texts")
        return tuple(images)

    def __getitem__(self, name: str) -> Product:
        if name not in self._made:
            self._made[name] = self._product(name, self._raw[name])
        return self._made[name]

    def _product(self, name: str, raw: dict[str, Any]) -> Product:
        cycles, codenames = raw.get("cycles"), raw.get("codenames", {})
        if not isinstance(cycles, dict) or not isinstance(raw.get("name"), str):
            raise _malformed(self._path, f"{name}: name or cycles are missing")
        if not isinstance(codenames, dict) or not set(codenames.values()) <= set(cycles):
            raise _malformed(self._path, f"{name}: codenames are not names of its cycles")
        return Product(
            name=raw["name"],
            cycles=tuple(self._cycle(cycle, end) for cycle, end in cycles.items()),
            codenames=codenames,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def _cycle(self, name: str, end: Any) -> Cycle:
        if end is None or isinstance(end, bool):
            return Cycle(name=name, is_over=end is True)
        return Cycle(name=name, ends=_day(end, self._path))


class _Lines(Mapping[str, Any]):
    """The products of the bundled file, of a line each, which is decoded when it is asked for.

    Decoding all of them would take longer than a check without findings.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __getitem__(self, name: str) -> Any:
        mark = f'\n    "{name}": '
        start = self._text.find(mark)
        if start < 0:
            raise KeyError(name)
        start += len(mark)
        return json.loads(self._text[start : self._text.index("\n", start)].rstrip(","))

    def __iter__(self) -> Iterator[str]:
        return iter(json.loads(self._text)["products"])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _bundled() -> dict[str, Any]:
    text = _BUNDLED.read_text(encoding="utf-8")
    head = json.loads(text[: text.index('"products"')].rstrip().rstrip(",") + "}")
    return {**head, "products": _Lines(text), "path": _BUNDLED}


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _malformed(path, str(error)[:120]) from error
    if isinstance(document, dict) and "result" in document:
        document = _of_api(document, path)
    if not isinstance(document, dict) or document.get("schema_version") != _SCHEMA_VERSION:
        raise _malformed(path, f"schema_version is not {_SCHEMA_VERSION}")
    missing = [key for key in ("as_of", "source") if key not in document]
    if missing:
        raise _malformed(path, f"{missing[0]} is missing")
    return {"products": None, **document, "path": path}


def _of_api(document: dict[str, Any], path: Path) -> dict[str, Any]:
    from tagwatch.knowledge.endoflife import facts_of, is_api_document

    if not is_api_document(document):
        raise _malformed(path, "not endoflife.date's API in its version 1")
    try:
        return facts_of(document, _read(_BUNDLED)["products"])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise _malformed(path, f"{type(error).__name__}: {str(error)[:120]}") from error


def _day(text: Any, path: Path) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise _malformed(path, f"no day: {text!r}") from error


def _malformed(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"{path}: not a file of facts: {reason}",
        hint="save https://endoflife.date/api/v1/products/full, or use the bundled file's form",
    )
