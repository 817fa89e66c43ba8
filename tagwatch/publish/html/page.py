"""The pages of a run, the index, and what is outdated: no network, readable without a script.

One document stands alone (`render`); the site of a directory of reports has the rest of it, too
(`site_pages`): see `book` and `sorting`. The content security policy allows inline style and, on
pages with a long list, the one script whose hash it names; a host that forbids both (Jenkins)
still shows every fact. Equal input gives equal bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.html.book import LATEST, Chunk, is_plain_name
from tagwatch.publish.html.listing import RUNS_SHOWN, rows_of
from tagwatch.publish.html.sorting import WAYS, groups_of, page_name
from tagwatch.publish.html.standing import standing_of
from tagwatch.publish.html.task import Task
from tagwatch.publish.html.trend import trend_of
from tagwatch.publish.html.view import ImageView, Pages
from tagwatch.publish.interface import PublishContext, RunSummary
from tagwatch.publish.movement import tags_moved
from tagwatch.publish.outdated import (
    held_text,
    listed,
    places_text,
    prospects_sentence,
    why_text,
)
from tagwatch.publish.quiet import Span
from tagwatch.publish.wording import (
    age_of_facts,
    base_sentence,
    bases_by_answer,
    count,
    coverage_sentence,
    date_text,
    failure_sentence,
    one_line,
    remark_sentences,
    since_sentence,
    size_text,
    stamp,
    time_text,
    verdict_sentence,
    visible,
)
from tagwatch.value import dataclass

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

__all__ = ["render", "render_index", "render_outdated", "site_pages", "suffix"]

suffix = ".html"
_MOST_ROWS = 250
_INDEX_TASKS = 10
"""So many that they fit on a sheet of paper with the verdict."""
_INDEX_MOVES = 6
_PAGE_SIZE = 260_000
_PAGE_GROUPS = 150
_OPEN_ROWS = 30
_LEADS = {
    "image": "Every image that files or the watch list name, its places, and what was found.",
    "file": "Every file in which something was found.",
    "owner": "Who owns the files in which something was found, by CODEOWNERS.",
    "rule": "What each rule found.",
    "registry": "What was found about the images of each registry.",
}


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`: the page of this run, which stands alone."""
    return _run_page(Pages(result, context, whole=False))


def site_pages(result: AuditResult, context: PublishContext) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each page about the latest run, one by one."""
    pages = Pages(result, context, whole=True)
    yield LATEST, _run_page(pages)
    yield from _more_tasks(pages)
    yield from _more_images(pages)
    for way in _ways(context):
        yield from _sorted(pages, way)
    rules = [(name, text) for name, text in sorted(context.rules.items()) if is_plain_name(name)]
    page = _template("rules.html.j2").render(result=result, context=context, rules=rules, home=True)
    yield "rules.html", page


def _run_page(pages: Pages) -> str:
    result, context = pages.result, pages.context
    return _template("run.html.j2").render(
        result=result,
        context=context,
        view=pages.first(),
        verdict=verdict_sentence(result),
        changed=since_sentence(context.since, tags_moved(result)),
        coverage=coverage_sentence(result),
        summary=RunSummary.of(result),
        trend=trend_of(context.runs[-RUNS_SHOWN:]),
        rows=rows_of(context.runs, ()),
        home=pages.book.is_whole,
        ways=_ways(context),
    )  # fmt: skip


def _more_tasks(pages: Pages) -> Iterator[tuple[str, str]]:
    """Yield the pages of tasks that the first has no room for."""
    before = ""
    for number, chunk in enumerate(pages.book.task_chunks(), 1):
        if number > 1:
            yield chunk.page, _more(pages, chunk, before, number, "To do", pages.todo(chunk), ())
        before = chunk.page


def _more_images(pages: Pages) -> Iterator[tuple[str, str]]:
    """Yield the pages of images that the first has no room for."""
    before = ""
    for number, chunk in enumerate(pages.book.image_chunks(), 1):
        if number > 1:
            images = pages.images(chunk)
            yield chunk.page, _more(pages, chunk, before, number, "Images", (), images)
        before = chunk.page


def _more(
    pages: Pages,
    chunk: Chunk,
    before: str,
    number: int,
    heading: str,
    tasks: Iterable[Task],
    images: Iterable[ImageView],
) -> str:
    total = len(pages.book.images if heading == "Images" else pages.book.tasks)
    return _template("more.html.j2").render(
        result=pages.result,
        context=pages.context,
        heading=heading,
        number=number,
        start=chunk.start,
        end=chunk.end,
        total=total,
        before=before,
        after=chunk.after,
        tasks=tasks,
        images=images,
        home=True,
    )  # fmt: skip


def _ways(context: PublishContext) -> tuple[str, ...]:
    """Return the ways to sort that say something here: few repositories name owners."""
    has_owners = context.owners is not None and bool(context.owners.entries)
    return tuple(way for way in WAYS if way != "owner" or has_owners)


def _sorted(pages: Pages, way: str) -> Iterator[tuple[str, str]]:
    """Yield the pages of one way to sort, each below a size."""
    group_of = _template("list.html.j2").module.group  # type: ignore[attr-defined]  # a macro
    number = 1
    names: list[str] = []
    texts: list[str] = []
    size = rows = 0
    for group in groups_of(way, pages):
        own = len(group.lines) + len(group.named)
        rows += own
        text = group_of(group, rows <= _OPEN_ROWS)
        if texts and (size + len(text) > _PAGE_SIZE or len(texts) == _PAGE_GROUPS):
            yield page_name(way, number), _sorted_page(pages, way, number, names, texts, more=True)
            number, names, texts, size, rows = number + 1, [], [], 0, own
            text = group_of(group, rows <= _OPEN_ROWS)
        names.append(group.name)
        texts.append(text)
        size += len(text)
    yield page_name(way, number), _sorted_page(pages, way, number, names, texts, more=False)


def _sorted_page(
    pages: Pages, way: str, number: int, names: Sequence[str], texts: Sequence[str], *, more: bool
) -> str:
    is_part = more or number > 1
    return _template("sorted.html.j2").render(
        result=pages.result,
        context=pages.context,
        way=way,
        ways=_ways(pages.context),
        number=number,
        groups=texts,
        range=f"{one_line(names[0], 80)} to {one_line(names[-1], 80)}" if is_part and names else "",
        before=page_name(way, number - 1) if number > 1 else "",
        after=page_name(way, number + 1) if more else "",
        lead=_LEADS[way],
        home=True,
        script=_script(),
    )  # fmt: skip


def render_index(
    result: AuditResult,
    context: PublishContext,
    pages: Mapping[str, str],
    quiet: Sequence[Span] = (),
    *,
    has_outdated: bool = False,
) -> str:
    """The index: where things stand, what is to do, the images by name, the trend and the runs.

    `has_outdated`: the page of `render_outdated` is there.
    `pages`: the stamp of a run -> the relative address of its page. `quiet`: the runs without news.
    """
    book = Pages(result, context, whole=True)
    todo = [
        one
        for one in book.tasks.causes
        if not one.apart and one.first.severity is not Severity.NOTE
    ]
    watched = [one for one in book.tasks.causes if one.apart]
    moves = book.moves("index.html") if context.since is not None else ()
    shelves, left_out, apart = standing_of(book)
    return _template("index.html.j2").render(
        result=result,
        context=context,
        verdict=verdict_sentence(result),
        changed=since_sentence(context.since, tags_moved(result)),
        coverage=coverage_sentence(result),
        summary=RunSummary.of(result),
        trend=trend_of(context.runs[-RUNS_SHOWN:]),
        rows=rows_of(context.runs, quiet),
        pages=pages,
        has_latest=bool(quiet) and pages.get(stamp(result.at) or "") is None,
        ways=_ways(context),
        tasks=[book.tasks.task(one, "index.html", most=2) for one in todo[:_INDEX_TASKS]],
        tasks_left_out=max(len(todo) - _INDEX_TASKS, 0),
        notes=len(book.tasks.causes) - len(todo) - len(watched),
        watched=len(watched),
        to_watched=book.book.to_task(watched[0].anchor, "index.html") if watched else "",
        moves=moves[:_INDEX_MOVES],
        moves_left_out=max(len(moves) - _INDEX_MOVES, 0),
        shelves=shelves,
        images_left_out=left_out,
        images_apart=apart,
        script=_script(),
        outdated=prospects_sentence(context.prospects)
        if has_outdated and context.prospects is not None
        else "",
    )  # fmt: skip


def render_outdated(result: AuditResult, context: PublishContext) -> str:
    """The page of what is newer than the images in files; it changes with what it says, and a day
    on which nothing does changes nothing but the moment on it.
    """
    assert context.prospects is not None
    images = listed(context.prospects)
    sentence, _, rest = prospects_sentence(context.prospects).partition(" (")
    return _template("outdated.html.j2").render(
        result=result,
        context=context,
        sentence=sentence[:1].upper() + sentence[1:],
        rest=rest[:1].upper() + rest[1:].removesuffix(")"),
        images=images[:_MOST_ROWS],
        left_out=max(len(images) - _MOST_ROWS, 0),
    )  # fmt: skip


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    """The script of long lists, and the hash by which a page allows it and no other."""

    text: Markup
    hash: str


@lru_cache(maxsize=1)
def _script() -> _Script:
    from markupsafe import Markup

    text = (files("tagwatch.publish.html") / "templates" / "find.js").read_text(encoding="utf-8")
    mark = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return _Script(text=Markup(text), hash=mark)  # noqa: S704  # our own file


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
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(value)
    return value
