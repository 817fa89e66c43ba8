"""CSV for spreadsheets (RFC 4180): a row a finding, a row a place at which nothing was found.

What could not be read or resolved, and what was odd about answers, has a row with a message alone.
Lines end with a line feed alone, as tools on Unix have it; spreadsheets read that, too. What a
spreadsheet would take for a formula gets an apostrophe (OWASP, "CSV Injection"): at the beginning
of a cell, and behind a semicolon, which separates cells where the comma is the decimal sign.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from tagwatch.audit.model.coverage import State
from tagwatch.audit.model.evidence import Evidence, is_readable
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.result_sentence import failure_sentence, remark_sentences
from tagwatch.publish.used import used_images
from tagwatch.publish.wording import fix_text, key_finder, one_line
from tagwatch.source.target import Location

__all__ = ["COLUMNS", "parts", "render", "suffix"]

suffix = ".csv"
COLUMNS = (
    *("severity", "rule", "message", "path", "line", "column", "owners"),
    *("image", "state", "tag", "version", "digest", "newer_patch", "newer_minor", "newer_major"),
    *("remedy", "fix", "fingerprint"),
)
# the full-width ones are the same to spreadsheets in Chinese and Japanese; `one_line` leaves no tab
# and no end of a line
_FORMULA = re.compile(r"(^|;\s*)([=+\-@＝＋－＠])")  # noqa: RUF001
_NOTHING = ("",) * 3


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`."""
    return "".join(parts(result, context))


def parts(result: AuditResult, context: PublishContext) -> Iterator[str]:
    """See `InParts.parts`: a row each."""
    yield _row(COLUMNS)
    key_of = key_finder(result)
    told = set()
    for finding in result.findings:
        told.add(finding.location)
        key = key_of(finding) or ""
        if not key and finding.reference is not None:
            key = finding.reference.canonical
        yield _row(
            (
                *(finding.severity.value, finding.rule, finding.message),
                *_place(finding.location, context),
                *_image(key, result.evidence.get(key), result),
                *(finding.remedy, fix_text(finding), finding.fingerprint),
            )
        )
    for key, used in used_images(result):
        for place in used.places:
            if place not in told:
                image = _image(key, used.evidence, result)
                yield _row((*_NOTHING, *_place(place, context), *image))
    for target in result.targets:
        if target.reference is None and target.location not in told:
            why = f"not known: {', '.join(target.missing)}" if target.missing else target.invalid
            message = f"{target.text} could not be resolved: {why or 'no reference'}"
            yield _row(("", "", message, *_place(target.location, context)))
    for sentence in (*map(failure_sentence, result.refusals), *remark_sentences(result)):
        yield _row(("", "", sentence))


def _place(location: Location, context: PublishContext) -> Sequence[str]:
    owners = context.owners.owners_of(context.folder + location.path) if context.owners else ()
    return location.path, str(location.line), str(location.column), " ".join(owners)


def _image(key: str, evidence: Evidence | None, result: AuditResult) -> Sequence[str]:
    if evidence is None:
        return (key, State.UNAVAILABLE.value if key else "", *_NOTHING, *_NOTHING)
    reading = result.readings.get(evidence.key)
    state = reading.state if reading else State.READ if is_readable(evidence) else State.UNAVAILABLE
    found = evidence.resolution
    newer = found.newer
    return (
        *(evidence.key, state.value, found.tag or "", found.version or "", found.digest or ""),
        *(newer.patch or "", newer.minor or "", newer.major or ""),
    )


def _row(cells: Sequence[str]) -> str:
    stream = io.StringIO()
    padded = (*cells, *[""] * (len(COLUMNS) - len(cells)))
    csv.writer(stream, lineterminator="\n").writerow([_cell(cell) for cell in padded])
    return stream.getvalue()


def _cell(text: str) -> str:
    return _FORMULA.sub(r"\1'\2", one_line(text, 2_000))
