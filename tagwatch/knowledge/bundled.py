"""The facts as a value: those that are bundled, or newer ones that the user stored or names."""

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

__all__ = ["END_OF_LIFE", "FOLDER", "OFFICIAL_NAMES", "OFFICIAL_TAGS", "as_of", "load", "load_all"]
__all__ += ["load_document", "newest_facts", "read_facts"]

FOLDER = Path(__file__).parent
"""Where the bundled files are; a folder of the user's data holds newer ones by the same names."""
END_OF_LIFE = "end_of_life.json"
OFFICIAL_NAMES = "official_images.json"
OFFICIAL_TAGS = "official_tags.json"
_BUNDLED = FOLDER / END_OF_LIFE
_HOLDS: Mapping[str, tuple[str, type]] = {
    END_OF_LIFE: ("products", dict),
    OFFICIAL_NAMES: ("names", list),
    OFFICIAL_TAGS: ("images", dict),
}
_SCHEMA_VERSION = 1
_HEAD_BYTES = 512
_AS_OF = b'"as_of": "'


def load(end_of_life: Path | None = None, copies: Iterable[tuple[str, str]] = ()) -> Knowledge:
    """Return what is bundled, with the ends of life of another file where one is named.

    `copies`: beginnings of names that stand for others, as the configuration has them. Raises
    `ConfigError` where the file cannot be read or is of another form.
    """
    return load_all(end_of_life, copies=copies)[0]


def load_all(
    end_of_life: Path | None = None,
    stored: Path | None = None,
    copies: Iterable[tuple[str, str]] = (),
) -> tuple[Knowledge, tuple[str, ...]]:
    """Return the facts, and warnings about stored files that could not be used.

    `end_of_life`: a file that the user names, of the bundled form or the one that endoflife.date's
    API gives; it is preferred to all others. `stored`: the folder that `tagwatch knowledge update`
    writes to; what is there counts where it is newer than what is bundled. `copies`: see `load`.
    Raises `ConfigError` where the file that is named cannot be read or is of another form.
    """
    warnings: list[str] = []
    ends = read_facts(end_of_life) if end_of_life else _known_ends(stored, warnings)
    products = _Products(ends["products"], ends["path"])
    names = newest_facts(OFFICIAL_NAMES, stored, warnings)
    built = _Built(stored)
    images, words = Images(), Words()
    # What the bundled file says of images stands in the rows, too.
    named = products if ends["path"] != _BUNDLED else ()
    return Knowledge(
        as_of=_day(ends["as_of"], ends["path"]),
        products=products,
        images={
            f"{DOCKER_HUB}/{image}": name for name in named for image in products.images_of(name)
        },
        rows=ByName(images.rows, images.names, images.state),
        retired=ByName(images.retirements, images.names, images.state),
        words=words,
        table=words.table,
        copies=Copies(copies, words),
        official=frozenset(names["names"]),
        built=built,
        doubts=built.doubts,
    ), tuple(warnings)


def _known_ends(stored: Path | None, warnings: list[str]) -> dict[str, Any]:
    """Return the newest ends of life that are no file of the configuration."""
    if _newer_path(END_OF_LIFE, stored) == _BUNDLED:
        return _bundled()
    ends = newest_facts(END_OF_LIFE, stored, warnings)
    if ends["path"] != _BUNDLED and ends.get("made_with") != str(as_of(_BUNDLED)):
        # This tagwatch knows products that the one which stored the file did not know.
        ends["products"] = {**read_facts(_BUNDLED)["products"], **ends["products"]}
    return ends


def as_of(path: Path) -> date | None:
    """Return the day of a file that tagwatch wrote, from its head; None where it has none."""
    try:
        with path.open("rb") as file:
            day = file.read(_HEAD_BYTES).partition(_AS_OF)[2].partition(b'"')[0]
        return date.fromisoformat(day.decode()) if day else None
    except (OSError, ValueError):
        return None


def newest_facts(name: str, stored: Path | None, warnings: list[str]) -> dict[str, Any]:
    """Return the newer of the stored and the bundled file; the bundled one if that fails.

    Why it failed is added to `warnings`.
    """
    path = _newer_path(name, stored)
    key, form = _HOLDS[name]
    try:
        facts = read_facts(path)
        if not isinstance(facts.get(key), form):
            raise _malformed(path, f"{key} is missing")
        if path.parent != FOLDER:
            _check_stored(facts[key], key, path)
    except ConfigError as error:
        if path.parent == FOLDER:
            raise
        warnings.append(
            f"{error.message}; the bundled facts count (`tagwatch knowledge update` writes it anew)"
        )
        return read_facts(FOLDER / name)
    return facts


def _check_stored(held: Any, key: str, path: Path) -> None:
    """Raise `ConfigError` for a stored file that somebody or something damaged."""
    try:
        if key == "products":
            products = _Products(held, path)
            for name in products:
                products.images_of(name)
                products[name]
        else:
            texts = held if key == "names" else (*held, *held.values())
            if not all(isinstance(one, str) for one in texts):
                raise _malformed(path, f"{key} are not texts")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _malformed(path, f"{type(error).__name__}: {str(error)[:120]}") from error


def _newer_path(name: str, stored: Path | None) -> Path:
    bundled = FOLDER / name
    if stored is None:
        return bundled
    own, day = as_of(bundled), as_of(stored / name)
    return stored / name if own and day and day >= own else bundled


class _Built(Mapping[str, tuple[str, ...]]):
    """The tags of official images, read when they are asked for: most runs never ask."""

    def __init__(self, stored: Path | None) -> None:
        self.path = _newer_path(OFFICIAL_TAGS, stored)
        self._raw: dict[str, str] | None = None
        self._split: dict[str, tuple[str, ...]] = {}
        self.warnings: list[str] = []
        """Why the stored file could not be used, once it was read."""

    def _images(self) -> dict[str, str]:
        if self._raw is None:
            folder = None if self.path.parent == FOLDER else self.path.parent
            self._raw = newest_facts(OFFICIAL_TAGS, folder, self.warnings)["images"]
        return self._raw

    def doubts(self) -> tuple[str, ...]:
        """Return why the stored file could not be used, once it was read."""
        return tuple(self.warnings)

    def state(self) -> str:
        """Return what all of it is made of."""
        return repr(self._images())

    def __getitem__(self, name: str) -> tuple[str, ...]:
        if name not in self._split:
            self._split[name] = tuple(self._images()[name].split())
        return self._split[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._images())

    def __len__(self) -> int:
        return len(self._images())


class _Products(Mapping[str, Product]):
    """Products by name, each made when it is asked for."""

    def __init__(self, raw: Any, path: Path) -> None:
        if not isinstance(raw, Mapping):
            raise _malformed(path, "products is not a mapping")
        self._raw = raw
        self._path = path
        self._made: dict[str, Product] = {}

    def state(self) -> str:
        """Return what all of it is made of."""
        raw = self._raw
        return raw.state() if isinstance(raw, _Lines) else repr(raw)

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
        cycles, codenames, lts = raw.get("cycles"), raw.get("codenames", {}), raw.get("lts", {})
        if not isinstance(cycles, dict) or not isinstance(raw.get("name"), str):
            raise _malformed(self._path, f"{name}: name or cycles are missing")
        if not isinstance(codenames, dict) or not set(codenames.values()) <= set(cycles):
            raise _malformed(self._path, f"{name}: codenames are not names of its cycles")
        if not isinstance(lts, dict):
            raise _malformed(self._path, f"{name}: lts is not a mapping")
        return Product(
            name=raw["name"],
            cycles=tuple(
                self._cycle(cycle, end, lts.get(cycle, False)) for cycle, end in cycles.items()
            ),
            codenames=codenames,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def _cycle(self, name: str, end: Any, lts: Any) -> Cycle:
        long_term = lts is True if lts is None or isinstance(lts, bool) else _day(lts, self._path)
        if end is None or isinstance(end, bool):
            return Cycle(name=name, is_over=end is True, long_term=long_term)
        return Cycle(name=name, ends=_day(end, self._path), long_term=long_term)


class _Lines(Mapping[str, Any]):
    """The products of the bundled file, of a line each, which is decoded when it is asked for.

    Decoding all of them would take longer than a check without findings.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def state(self) -> str:
        """Return what all of it is made of."""
        return self._text

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


def read_facts(path: Path) -> dict[str, Any]:
    """Return a file of facts in the bundled form, with its own path as `path`.

    Raises `ConfigError` where it cannot be read or is of another form.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _malformed(path, str(error)[:120]) from error
    return {"products": None, **load_document(document, path), "path": path}


def load_document(document: Any, path: Path | str) -> dict[str, Any]:
    """Return facts in the bundled form; `path` names them in errors. Raises `ConfigError`."""
    if isinstance(document, dict) and "result" in document:
        document = _of_api(document, path)
    if not isinstance(document, dict) or document.get("schema_version") != _SCHEMA_VERSION:
        raise _malformed(path, f"schema_version is not {_SCHEMA_VERSION}")
    missing = [key for key in ("as_of", "source") if key not in document]
    if missing:
        raise _malformed(path, f"{missing[0]} is missing")
    return document


def _of_api(document: dict[str, Any], path: Path | str) -> dict[str, Any]:
    from tagwatch.knowledge.endoflife import facts_of, is_api_document

    if not is_api_document(document):
        raise _malformed(path, "not endoflife.date's API in its version 1")
    try:
        return facts_of(document, read_facts(_BUNDLED)["products"])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise _malformed(path, f"{type(error).__name__}: {str(error)[:120]}") from error


def _day(text: Any, path: Path) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise _malformed(path, f"no day: {text!r}") from error


def _malformed(path: Path | str, reason: str) -> ConfigError:
    return ConfigError(
        f"{path}: not a file of facts: {reason}",
        hint="save https://endoflife.date/api/v1/products/full, or use the bundled file's form",
    )
