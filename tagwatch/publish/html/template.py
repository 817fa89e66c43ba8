"""Templates of pages, the one script that they may hold, and lists that go on on other pages."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from tagwatch.publish.outdated import between_text, held_text, places_text, why_text
from tagwatch.publish.result_sentence import age_of_facts, failure_sentence, remark_sentences
from tagwatch.publish.wording import (
    base_sentence,
    bases_by_answer,
    count,
    date_text,
    size_text,
    stamp,
    time_text,
    visible,
)
from tagwatch.value import dataclass

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

__all__ = ["OPEN_ROWS", "Script", "Stretch", "paged", "script", "template"]

OPEN_ROWS = 30
"""So many lines of a page are open before anybody asks."""
_PAGE_SIZE = 260_000
_PAGE_GROUPS = 150
_OPEN = " open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Groups of a list that stand on one page, as text, the first and the last by name."""

    number: int
    texts: Sequence[str]
    first: str
    last: str
    goes_on: bool

    @property
    def range(self) -> str:
        """Which groups these are; empty where they are all."""
        return f"{self.first} to {self.last}" if self.goes_on or self.number > 1 else ""


def paged(groups: Iterable[tuple[str, int, Markup]]) -> Iterator[Stretch]:
    """Yield a list's pages, each below a size. At least one, if empty.

    A group is its name, how many lines it has, and its text, which begins with `<details …>`.
    """
    number = 1
    names: list[str] = []
    texts: list[str] = []
    size = rows = 0
    for name, lines, text in groups:
        length = len(text) + len(_OPEN)
        if texts and (size + length > _PAGE_SIZE or len(texts) == _PAGE_GROUPS):
            yield _stretch(number, names, texts, goes_on=True)
            number, names, texts, size, rows = number + 1, [], [], 0, 0
        rows += lines
        names.append(name)
        texts.append(_opened(text) if rows <= OPEN_ROWS else text)
        size += length
    yield _stretch(number, names, texts, goes_on=False)


def _opened(text: Markup) -> Markup:
    """Return a group that is open: what stands in its first tag is escaped, so `>` ends it."""
    tag, end, rest = text.partition(">")
    return tag + _OPEN + end + rest


def _stretch(number: int, names: Sequence[str], texts: Sequence[str], *, goes_on: bool) -> Stretch:
    return Stretch(
        number=number,
        texts=texts,
        first=names[0] if names else "",
        last=names[-1] if names else "",
        goes_on=goes_on,
    )


def template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The script of long lists, and the hash by which a page allows it and no other."""

    text: Markup
    hash: str


@lru_cache(maxsize=1)
def script() -> Script:
    from markupsafe import Markup

    text = (files("tagwatch.publish.html") / "templates" / "find.js").read_text(encoding="utf-8")
    mark = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Script(text=Markup(text), hash=mark)  # noqa: S704  # our own file


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tagwatch.publish.html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    environment.filters |= {
        "stamp": stamp,
        "day": date_text,
        "time": time_text,
        "size": size_text,
        "counted": count,
        "failure": failure_sentence,
        "remarks": remark_sentences,
        "prose": _prose,
        "unbroken": lambda text: re.sub(r"(\d) ", "\\1\N{NO-BREAK SPACE}", text),
        "base": base_sentence,
        "by_answer": bases_by_answer,
        "counted_images": lambda number: count(number, "image"),
        "places": places_text,
        "between": between_text,
        "held": held_text,
        "why": why_text,
    }
    environment.globals["age_of_facts"] = age_of_facts
    return environment


def _prose(text: str) -> Markup:
    """A rule's own words: a capital at the start, and what stands between backticks as code."""
    from markupsafe import Markup, escape

    pieces = visible(text[:1].upper() + text[1:]).split("`")
    if len(pieces) % 2 == 0:
        return escape("`".join(pieces))
    tags = (Markup("{}"), Markup("<code>{}</code>"))
    return Markup("").join(tags[place % 2].format(piece) for place, piece in enumerate(pieces))


def _clean(value: object) -> object:
    """Every text that a template prints loses what could hide or turn it; markup is left alone."""
    if value.__class__ is str or (isinstance(value, str) and not hasattr(value, "__html__")):
        return visible(value)
    return value
