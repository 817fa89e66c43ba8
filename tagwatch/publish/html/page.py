"""The page of one run and the index of runs: no script, no network, readable without style.

The content security policy allows inline style and nothing else, so that a host that forbids even
that (Jenkins) still shows every fact. Equal input gives equal bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.html.listing import RUNS_SHOWN, rows_of
from tagwatch.publish.html.trend import trend_of
from tagwatch.publish.html.view import run_view
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
    remark_sentences,
    since_sentence,
    size_text,
    stamp,
    time_text,
    verdict_sentence,
    visible,
)

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

__all__ = ["render", "render_index", "render_outdated", "suffix"]

suffix = ".html"
_MOST_ROWS = 1_000


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`: the page of this run."""
    since = context.since
    return _environment().get_template("run.html.j2").render(
        result=result,
        context=context,
        view=run_view(result, context),
        verdict=verdict_sentence(result),
        changed=since_sentence(since, tags_moved(result)),
        coverage=coverage_sentence(result),
        summary=RunSummary.of(result),
        trend=trend_of(context.runs[-RUNS_SHOWN:]),
        rows=rows_of(context.runs, ()),
    )  # fmt: skip


def render_index(
    result: AuditResult,
    context: PublishContext,
    pages: Mapping[str, str],
    quiet: Sequence[Span] = (),
    *,
    has_outdated: bool = False,
) -> str:
    """The index: where things stand, the trend, and the runs whose page is in `pages`.

    `has_outdated`: the page of `render_outdated` is there.
    `pages`: the stamp of a run -> the relative address of its page. `quiet`: the runs without news.
    """
    return _environment().get_template("index.html.j2").render(
        result=result,
        context=context,
        verdict=verdict_sentence(result),
        changed=since_sentence(context.since, tags_moved(result)),
        coverage=coverage_sentence(result),
        summary=RunSummary.of(result),
        trend=trend_of(context.runs[-RUNS_SHOWN:]),
        rows=rows_of(context.runs, quiet),
        pages=pages,
        has_latest=bool(quiet),
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
    return _environment().get_template("outdated.html.j2").render(
        result=result,
        context=context,
        sentence=sentence[:1].upper() + sentence[1:],
        rest=rest[:1].upper() + rest[1:].removesuffix(")"),
        images=images[:_MOST_ROWS],
        left_out=max(len(images) - _MOST_ROWS, 0),
    )  # fmt: skip


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
