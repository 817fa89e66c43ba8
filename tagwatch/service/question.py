"""What the API answers: the documents of `--format json`, from the ledger alone.

Each question is a function of a site and of what was asked, run in a thread. None asks a registry
or this machine's engine, reads a file that a stranger names, or runs his regular expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tagwatch.api import resolve_all
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import NotFoundError, UsageError
from tagwatch.image.selector import SelectorKind, parse_query
from tagwatch.ledger.read import Reader
from tagwatch.publish.answer_document import base_document, histories_document, resolutions_document
from tagwatch.publish.machine import result_document
from tagwatch.source.target import target_of
from tagwatch.value import dataclass
from tagwatch.walk.base_answer import base_answer
from tagwatch.walk.bundle import open_past
from tagwatch.walk.local_image import is_local
from tagwatch.walk.look_up import Asking, look_up
from tagwatch.walk.need import IMAGE_SHOWS
from tagwatch.walk.past import lifecycle_asked, moment_of, past_of, with_reasons
from tagwatch.walk.site import Site, project_of

__all__ = ["PREFIX", "QUESTIONS", "Asked", "Question", "answer_to"]

PREFIX = "/api/v1/"
_MOST_IMAGES = 50
_MOST_LETTERS = 512
_LIMIT = 100
_MOST_ITEMS = 1_000
_LONGEST_NUMBER = 9
_RUNS = 500
"""How many runs back a page may be of."""
_SEVERITIES = ("error", "warning", "note")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The parameters of a request, in their order; a name may come several times."""

    name: str
    pairs: tuple[tuple[str, str], ...]

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter."""
        return tuple(value for key, value in self.pairs if key == name)

    def one(self, name: str) -> str | None:
        """Return the value of a parameter that comes once or not at all. Raises `UsageError`."""
        found = self.all(name)
        if len(found) > 1:
            raise UsageError(f"{name!r} is given {len(found)} times", hint="give it once")
        return found[0] if found else None

    def number(self, name: str, default: int, most: int) -> int:
        """Return a parameter that is a number. Raises `UsageError`."""
        text = self.one(name)
        if text is None:
            return default
        digits = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
        if not digits or int(text) > most:
            raise UsageError(
                f"{name!r} is no number up to {most}: {text!r}", hint=f"its default is {default}"
            )
        return int(text)

    def images(self, name: str) -> tuple[str, ...]:
        """Return the images asked for: at least one, of bounded number and length."""
        texts = self.all(name)
        if not 1 <= len(texts) <= _MOST_IMAGES:
            raise UsageError(
                f"{len(texts)} images are asked for",
                hint=f"give {name}=IMAGE once to {_MOST_IMAGES} times",
            )
        return tuple(map(image, texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and the names of its parameters."""

    answer: Callable[[Site, Asked], Document]
    takes: frozenset[str]


def answer_to(asked: Asked, site: Site) -> Document:
    """Return the document that answers.

    Raises `NotFoundError` where there is no such question, run or ledger, `UsageError` and
    `InvalidReferenceError` where the parameters are wrong, `LedgerError`.
    """
    question = QUESTIONS.get(asked.name)
    if question is None:
        raise NotFoundError(
            f"there is no {PREFIX}{asked.name[:40]}", hint=f"there are: {', '.join(QUESTIONS)}"
        )
    for name, value in asked.pairs:
        if name not in question.takes:
            known = ", ".join(sorted(question.takes))
            raise UsageError(f"unknown parameter {name[:40]!r}", hint=f"known are: {known}")
        if len(value) > _MOST_LETTERS:
            raise UsageError(f"{name!r} is too long", hint=f"at most {_MOST_LETTERS} characters")
    if not site.database.is_file():
        raise NotFoundError("nothing has been scanned yet", hint="the first scan begins the ledger")
    return question.answer(site, asked)


def image(text: str) -> str:
    """Return the text of an image of some registry. Raises `UsageError`."""
    if is_local(text):
        raise UsageError(
            f"an image of a machine: {text!r}", hint="the API knows images of registries"
        )
    selector = parse_query(text).selector
    if selector is not None and selector.kind is SelectorKind.REGEX:
        raise UsageError(
            f"a regular expression: {text!r}", hint="the command line takes them; write 6.2.x here"
        )
    return text


def _resolve(site: Site, asked: Asked) -> Document:
    texts = asked.images("ref")
    return resolutions_document(resolve_all(texts, site, asking=Asking(offline=True)))


def _base(site: Site, asked: Asked) -> Document:
    targets = [target_of(text) for text in asked.images("image")]
    facts = look_up(targets, site, Asking(offline=True, with_bases=True, shows=IMAGE_SHOWS))
    return base_document(base_answer(target, facts, site)[0] for target in targets)


def _history(site: Site, asked: Asked) -> Document:
    text, when = asked.one("ref"), asked.one("at")
    if text is None:
        raise UsageError("nothing says whose history", hint="give ref=redis:7, redis or sha256:…")
    at = None if when is None else moment_of(when, site.at)
    with open_past(site) as past:
        plain = list(past_of(text, past, at))
        words = {repository: past.word_of(intervals) for repository, intervals in plain}
        found = list(with_reasons(plain, past))
        origins = {repository: past.origin(repository) for repository, _ in found}
        lifecycle = lifecycle_asked(text, past, site) if at is None else None
    document = histories_document(found, lifecycle, origins, words)
    return _paged(document, "intervals" if "intervals" in document else "repositories", asked)


def _findings(site: Site, asked: Asked) -> Document:
    severity, rule = asked.one("severity"), asked.one("rule")
    if severity not in (None, *_SEVERITIES):
        raise UsageError(
            f"not a severity: {severity!r}", hint=f"there are: {', '.join(_SEVERITIES)}"
        )
    run, result = _result(site, asked, whole=False)
    document = result_document(result)
    document["findings"] = [
        one
        for one in document["findings"]
        if severity in (None, one["severity"]) and rule in (None, one["rule"])
    ]
    return _paged(_of_run(run, document, "findings"), "findings", asked, run=run)


def _images(site: Site, asked: Asked) -> Document:
    run, result = _result(site, asked, whole=True)
    document = result_document(result)
    return _paged(_of_run(run, document, "resolutions"), "resolutions", asked, run=run)


def _result(site: Site, asked: Asked, *, whole: bool) -> tuple[int, AuditResult]:
    """Return the last scan's answer, or that of the run named: pages of one run fit together."""
    number = asked.number("run", 0, 10**_LONGEST_NUMBER)
    project = project_of(site)
    with Reader.open(site.database, site.origins) as ledger:
        for run in ledger.runs(_RUNS, project=project):
            is_it = run.kind == "scan" and run.finished_at is not None
            if is_it and number in (0, run.id):
                result = ledger.result(run.id) if whole else ledger.outline(run.id)
                if result is not None:
                    return run.id, result
    if number:
        raise NotFoundError(f"there is no scan {number}", hint="leave `run` out for the last one")
    raise NotFoundError("no scan has finished yet", hint="the first one is under way, or due")


def _of_run(run: int, document: Document, *names: str) -> Document:
    kept = {name: document[name] for name in ("at", "complete", "coverage", *names)}
    return {"schema_version": document["schema_version"], "run": run, **kept}


def _paged(document: Document, name: str, asked: Asked, *, run: int | None = None) -> Document:
    """Return the document with one page of its list, and where the next one is."""
    offset = asked.number("offset", 0, 10**_LONGEST_NUMBER)
    limit = max(1, asked.number("limit", _LIMIT, _MOST_ITEMS))
    items: Sequence[Any] = document[name]
    after = offset + limit
    following = None
    if after < len(items):
        kept = [pair for pair in asked.pairs if pair[0] not in ("offset", "limit", "run")]
        at = [("run", str(run))] if run is not None else []
        query = urlencode([*kept, *at, ("offset", str(after)), ("limit", str(limit))])
        following = f"{PREFIX}{asked.name}?{query}"
    page = {"total": len(items), "offset": offset, "limit": limit, "next": following}
    return {**document, name: list(items[offset:after]), "page": page}


def _questions() -> Iterator[tuple[str, Question]]:
    page = {"offset", "limit"}
    for name, answer, takes in (
        ("resolve", _resolve, {"ref"}),
        ("history", _history, {"ref", "at", *page}),
        ("base", _base, {"image"}),
        ("findings", _findings, {"run", "severity", "rule", *page}),
        ("images", _images, {"run", *page}),
    ):
        yield name, Question(answer=answer, takes=frozenset(takes))


QUESTIONS: Mapping[str, Question] = dict(_questions())
"""By name, in the order in which they are told."""
