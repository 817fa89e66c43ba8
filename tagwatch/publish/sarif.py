"""SARIF 2.1.0 (OASIS), as GitHub code scanning takes it.

One cause is one result. It stands at the line that names the image, since only `locations[0]` is
shown and a result without one is refused; the further places are `relatedLocations`, to which the
message links. Its fingerprint is that of the first place, whatever comes after it. The message
begins with the image, since an alert shows nothing else of it. GitHub keeps 5,000 results of a run;
the worst come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from urllib.parse import quote

from tagwatch.audit.model.finding import Finding, Severity, causes_of
from tagwatch.audit.verdict.result import AuditResult, Ignored, is_outage
from tagwatch.image.snapshot import Failure
from tagwatch.publish.interface import PublishContext, RuleText
from tagwatch.publish.json_text import dump, items
from tagwatch.publish.result_sentence import failure_sentence, remark_sentences, untold_failures
from tagwatch.publish.wording import advised, one_line, stamp
from tagwatch.source.target import Location
from tagwatch.source.text.edit import Fix

__all__ = ["parts", "render", "suffix"]

suffix = ".sarif"

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_MOST_RESULTS = 25_000
_LONGEST_TEXT = 1_000
_MOST_LINKS = 20
_MOST_PLACES = 100  # so many locations GitHub keeps of a result
_LEVELS = {"error": "error", "warning": "warning", "note": "note", "off": "none"}
# GitHub's scale: over 9 critical, 7 high, 4 medium, below low
_SECURITY = {"error": "8.0", "warning": "5.0", "note": "2.0", "off": "0.0"}


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`."""
    return "".join(parts(result, context))


def parts(result: AuditResult, context: PublishContext) -> Iterator[str]:
    """See `InParts.parts`: results are made one by one. As a whole, 20,000 took 100 MB."""
    findings = sorted(
        (finding for finding in result.findings if not is_outage(finding)),
        key=lambda finding: -finding.severity.rank,
    )
    causes = causes_of(findings)
    told = causes[:_MOST_RESULTS]
    shown = [same[0] for same in told]
    ignored = result.ignored[: _MOST_RESULTS - len(shown)]
    rules = sorted({finding.rule for finding in (*shown, *(one.finding for one in ignored))})
    index = {rule: number for number, rule in enumerate(rules)}
    worst = {finding.rule: finding.severity for finding in reversed(shown)}
    run = {
        "tool": {
            "driver": {
                "name": "tagwatch",
                **_version(context.version),
                "rules": [
                    _rule(rule, worst.get(rule, Severity.NOTE), context.rules) for rule in rules
                ],
            }
        },
        "automationDetails": {"id": f"tagwatch/{_scope(result)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(result, len(causes) - len(told))],
        "results": [],
    }
    begin, _, end = dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}).rpartition("[]")
    yield begin
    results = chain(
        (_result(same, index) for same in told),
        (_suppressed(one, index) for one in ignored),
    )
    yield from items(results, depth=6)
    yield end


def _scope(result: AuditResult) -> str:
    """What tells this run's category from another's: the policy it was judged by."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", result.policy_name).strip("-") or "default"


def _version(version: str) -> dict[str, str]:
    """`semanticVersion` must be one: left out for a development version that is not."""
    if re.fullmatch(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?", version):
        return {"version": version, "semanticVersion": version}
    return {"version": version}


def _rule(rule: str, severity: Severity, texts: Mapping[str, RuleText]) -> dict[str, Any]:
    text = texts.get(rule, RuleText(title=rule))
    title = _text(text.title or rule)
    told = (("Risk", text.risk), ("Remedy", text.remedy))
    said = " ".join(f"{word}: {part}" for word, part in told if part)
    return {
        "id": rule,
        "name": "".join(part.capitalize() for part in rule.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": _text(said) or title},
        "help": {"text": _text(text.remedy) or title},
        **({"helpUri": text.page} if text.page else {}),
        "defaultConfiguration": {"level": _LEVELS[severity.value]},
        "properties": {
            "tags": ["security", "containers"],
            "precision": "high",
            "security-severity": _SECURITY[severity.value],
        },
    }


def _result(same: Sequence[Finding], index: Mapping[str, int]) -> dict[str, Any]:
    """One cause, at its first place."""
    finding, also = same[0], same[1:]
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.severity.value],
        "kind": "review" if finding.unknown and finding.severity is Severity.OFF else "fail",
        "message": {"text": _message(finding) + _links(also)},
        "locations": [_location(finding.location)],
        "partialFingerprints": {"primaryLocationLineHash": f"{finding.fingerprint}:1"},
    }
    if also:
        found["relatedLocations"] = [
            {
                "id": number,
                **_location(one.location),
                "message": {"text": _text(one.text) or finding.rule},
            }
            for number, one in enumerate(also[:_MOST_PLACES], start=1)
        ]
    if fixes := [one.fix for one in same if one.fix is not None]:
        found["fixes"] = [_fix(fixes)]
    return found


def _links(also: Sequence[Finding]) -> str:
    """Links to the further places, by the ids of `relatedLocations` (SARIF 3.11.6)."""
    if not also:
        return ""
    shown = also[:_MOST_LINKS]
    links = ", ".join(
        f"[{_plain(str(one.location))}]({number})" for number, one in enumerate(shown, start=1)
    )
    more = f", and {len(also) - len(shown)} more" if also[_MOST_LINKS:] else ""
    return f" Also at {links}{more}."


def _plain(text: str) -> str:
    """A path within the brackets of a link: it neither ends the link nor begins one."""
    return re.sub(r"([\\\[\]])", r"\\\1", _text(text))


def _suppressed(ignored: Ignored, index: Mapping[str, int]) -> dict[str, Any]:
    kind = "inSource" if ignored.by.startswith(ignored.finding.location.path) else "external"
    suppression = {"kind": kind}
    if ignored.reason:
        suppression["justification"] = _text(ignored.reason)
    return {**_result([ignored.finding], index), "suppressions": [suppression]}


def _message(finding: Finding) -> str:
    """The image first, then what is wrong, then what to do."""
    name = one_line(finding.reference.brief if finding.reference else finding.text)
    fix = finding.fix.replacement if finding.fix else ""
    said = advised(finding, fix, _LONGEST_TEXT) or finding.rule
    whole = said if not name or said.startswith(name) else f"{name}: {said}"
    return _unlinked(whole)


def _location(location: Location) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(location.path)},
            "region": {
                "startLine": max(location.line, 1),
                "startColumn": max(location.column, 1),
                "endLine": max(location.end_line, location.line, 1),
                "endColumn": max(location.end_column, 1),
            },
        }
    }


def _uri(path: str) -> str:
    """A relative URI: GitHub matches it with files of the repository."""
    return quote(path.lstrip("/").removeprefix("./"), errors="replace") or "unknown"


def _fix(fixes: Sequence[Fix]) -> dict[str, Any]:
    """What mends all places of a cause; an edit that several share is made once."""
    by_path: dict[str, dict[tuple[int, int, str], Fix]] = {}
    for fix in fixes:
        for edit in (fix, *fix.also):
            key = (edit.start, edit.end, edit.replacement)
            by_path.setdefault(edit.path, {}).setdefault(key, edit)
    return {
        "description": {"text": _text(fixes[0].description) or "replace the reference"},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": _uri(path)},
                "replacements": [_replacement(edit) for edit in edits.values()],
            }
            for path, edits in by_path.items()
        ],
    }


def _replacement(edit: Fix) -> dict[str, Any]:
    return {
        "deletedRegion": {"byteOffset": edit.start, "byteLength": edit.end - edit.start},
        "insertedContent": {"text": edit.replacement},
    }


def _invocation(result: AuditResult, left_out: int) -> dict[str, Any]:
    """Whether all was read: what could not be is a notification, so that it is not lost."""
    notes = [_outage(finding) for finding in result.findings if is_outage(finding)]
    notes += [_notification(failure) for failure in untold_failures(result)]
    notes += [
        {"level": "warning", "message": {"text": _text(f"{problem.location}: {problem.message}")}}
        for problem in result.problems
    ]
    notes += [
        {"level": "note", "message": {"text": _text(sentence)}}
        for sentence in remark_sentences(result)
    ]
    if left_out:
        notes.append(
            {"level": "error", "message": {"text": f"{left_out} results left out: too many"}}
        )
    return {
        "executionSuccessful": result.complete,
        "endTimeUtc": stamp(result.at),
        "toolExecutionNotifications": notes,
    }


def _outage(finding: Finding) -> dict[str, Any]:
    """A registry that could not be read: no line of a file can mend that."""
    return {
        "level": _LEVELS[finding.severity.value],
        "message": {"text": advised(finding, "", _LONGEST_TEXT)},
        "associatedRule": {"id": finding.rule},
    }


def _notification(failure: Failure) -> dict[str, Any]:
    return {"level": "error", "message": {"text": _text(failure_sentence(failure))}}


def _text(text: str) -> str:
    return _unlinked(one_line(text, _LONGEST_TEXT))


def _unlinked(text: str) -> str:
    """Return text without a link of a stranger's: each message of SARIF may hold some (3.11.6)."""
    return text.replace("](", "] (")
