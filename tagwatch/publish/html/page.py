"""The pages of a run, the index, and what is outdated: no network, readable without a script.

One document stands alone (`render`); the site of a directory of reports has the rest of it, too
(`site_pages`): see `book` and `sorting`. The content security policy allows inline style and, on
pages with a long list, the one script whose hash it names; a host that forbids both (Jenkins)
still shows every fact. Equal input gives equal bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.html.book import LATEST, Chunk, is_plain_name
from tagwatch.publish.html.listing import RUNS_SHOWN, rows_of
from tagwatch.publish.html.sorting import WAYS, groups_of, page_name
from tagwatch.publish.html.standing import standing_of
from tagwatch.publish.html.task import Task
from tagwatch.publish.html.template import paged, script, template
from tagwatch.publish.html.trend import trend_of
from tagwatch.publish.html.view import ImageView, Move, Pages
from tagwatch.publish.interface import PublishContext, RunSummary
from tagwatch.publish.movement import tags_moved
from tagwatch.publish.outdated import (
    listed,
    prospects_sentence,
)
from tagwatch.publish.quiet import Span
from tagwatch.publish.result_sentence import coverage_sentence, since_sentence, verdict_sentence
from tagwatch.publish.wording import count, one_line, stamp
from tagwatch.value import dataclass

__all__ = ["render", "render_index", "render_outdated", "site_pages", "suffix"]

suffix = ".html"
_MOST_ROWS = 250
_INDEX_TASKS = 10
"""So many that they fit on a sheet of paper with the verdict."""
_OPEN_MOVES = 4
_INDEX_MOVES = 24
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
    page = template("rules.html.j2").render(result=result, context=context, rules=rules, home=True)
    yield "rules.html", page


def _run_page(pages: Pages) -> str:
    result, context = pages.result, pages.context
    return template("run.html.j2").render(
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
    is_images = heading == "Images"
    total = len(pages.result.evidence if is_images else pages.tasks.causes)
    return template("more.html.j2").render(
        result=pages.result,
        context=pages.context,
        heading=heading,
        number=number,
        start=chunk.start,
        end=chunk.end,
        total=total,
        before=before,
        after=chunk.after,
        left_out=0 if chunk.after else total - chunk.end,
        tasks=tasks,
        images=images,
        home=True,
    )  # fmt: skip


def _ways(context: PublishContext) -> tuple[str, ...]:
    """Return the ways to sort that say something here: few repositories name owners."""
    has_owners = context.owners is not None and bool(context.owners.entries)
    return tuple(way for way in WAYS if way != "owner" or has_owners)


def _sorted(pages: Pages, way: str) -> Iterator[tuple[str, str]]:
    """Yield the pages of one way to sort."""
    group_of = template("list.html.j2").module.group  # type: ignore[attr-defined]  # a macro
    groups = (
        (
            one_line(group.name, 80),
            len(group.lines) + len(group.named),
            group_of(group),
        )
        for group in groups_of(way, pages)
    )
    for stretch in paged(groups):
        number = stretch.number
        yield page_name(way, number), template("sorted.html.j2").render(
            result=pages.result,
            context=pages.context,
            way=way,
            ways=_ways(pages.context),
            number=number,
            groups=stretch.texts,
            range=stretch.range,
            before=page_name(way, number - 1) if number > 1 else "",
            after=page_name(way, number + 1) if stretch.goes_on else "",
            lead=_LEADS[way],
            home=True,
            script=script(),
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
    return template("index.html.j2").render(
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
        moves=_index_moves(moves) if moves else None,
        shelves=shelves,
        images_left_out=left_out,
        images_apart=apart,
        script=script(),
        outdated=context.outdated.sentence if has_outdated and context.outdated is not None else "",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _IndexMoves:
    """What moved, as the index has it: `alarming` moves are open, `others` behind `sentence`."""

    alarming: Sequence[Move]
    others: Sequence[Move]
    sentence: str
    left_out: int


def _index_moves(moves: Sequence[Move]) -> _IndexMoves:
    """Return the moves of the index, out of all, worst first."""
    number = sum(one.severity is not Severity.NOTE for one in moves[:_OPEN_MOVES])
    verdicts = Counter(one.verdict for one in moves[number:])
    said = ", ".join(f"{verdicts[name]} {name}" for name in verdicts)
    word = "more move" if number else "move"
    return _IndexMoves(
        alarming=moves[:number],
        others=moves[number:_INDEX_MOVES],
        sentence=f"{count(verdicts.total(), word)}: {said}",
        left_out=max(len(moves) - _INDEX_MOVES, 0),
    )


def render_outdated(result: AuditResult, context: PublishContext) -> str:
    """The page of what is newer than the images in files; it changes with what it says, and a day
    on which nothing does changes nothing but the moment on it.
    """
    assert context.prospects is not None
    images = listed(context.prospects)
    sentence, _, rest = prospects_sentence(context.prospects).partition(" (")
    return template("outdated.html.j2").render(
        result=result,
        context=context,
        sentence=sentence[:1].upper() + sentence[1:],
        rest=rest[:1].upper() + rest[1:].removesuffix(")"),
        images=images[:_MOST_ROWS],
        left_out=max(len(images) - _MOST_ROWS, 0),
    )  # fmt: skip
