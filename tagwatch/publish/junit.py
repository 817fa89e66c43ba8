"""JUnit XML: a suite per file, a case per image and rule; what was not evaluated is skipped.

A failure is a finding at or above `fail_on`; those below are passed cases with their text in
`system-out`. One cause is one case, in the file of its first place; its text names the others. An
image without a finding is a passed case of its own, so that a clean file is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from tagwatch.audit.model.evidence import Status, evidence_key
from tagwatch.audit.model.finding import Finding, causes_of
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.result_sentence import failure_sentence, untold_problems
from tagwatch.publish.wording import fix_text, one_line, places_text, stamp
from tagwatch.source.target import Target

__all__ = ["render", "suffix"]

suffix = ".junit.xml"

_MOST_PLACES = 50


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`."""
    suites = ET.Element("testsuites", name="tagwatch")
    cases: dict[str, list[ET.Element]] = {}
    for path, case in _cases(result, context):
        cases.setdefault(path, []).append(case)
    for path in sorted(cases):
        suite = ET.SubElement(suites, "testsuite", name=one_line(path))
        suite.set("timestamp", (stamp(result.at) or "").removesuffix("Z"))
        suite.set("hostname", "tagwatch")
        suite.set("time", "0")
        suite.extend(cases[path])
        _count(suite, cases[path])
    _count(suites, [case for group in cases.values() for case in group])
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _cases(result: AuditResult, context: PublishContext) -> Iterator[tuple[str, ET.Element]]:
    for same in causes_of(result.findings):
        yield same[0].location.path, _finding(same, context)
    for ignored in result.ignored:
        case = _case(ignored.finding)
        reason = f"ignored by {ignored.by}: {ignored.reason}" if ignored.reason else ignored.by
        ET.SubElement(case, "skipped", message=one_line(reason, 500))
        yield ignored.finding.location.path, case
    told = {finding.location for finding in result.findings}
    for target in result.targets:
        if target.location not in told:
            yield target.location.path, _target(result, target)
    for problem in untold_problems(result):
        case = ET.Element("testcase", name=one_line(str(problem.location)), classname="file")
        ET.SubElement(case, "skipped", message=one_line(problem.message, 500))
        yield problem.location.path, case
    for failure in result.refusals:
        case = ET.Element("testcase", name=failure.repository.name, classname="registry")
        ET.SubElement(case, "skipped", message=failure_sentence(failure))
        yield failure.repository.registry, case


def _finding(same: Sequence[Finding], context: PublishContext) -> ET.Element:
    finding, also = same[0], same[1:]
    case = _case(finding)
    fix = fix_text(finding)
    text = "\n".join(
        part
        for part in (
            f"{one_line(str(finding.location))}: {one_line(finding.message, 2000)}",
            f"fix: {fix}" if fix else one_line(finding.remedy, 1000),
            f"also at {places_text(finding, also, _MOST_PLACES)}" if also else "",
        )
        if part
    )
    if context.fail_on is not None and finding.severity.rank >= context.fail_on.rank:
        failed = ET.SubElement(case, "failure", type=finding.severity.value)
        failed.set("message", one_line(finding.message, 500))
        failed.text = text
    elif finding.unknown:
        ET.SubElement(case, "skipped", message=one_line(finding.message, 500))
    else:
        ET.SubElement(case, "system-out").text = f"{finding.severity.value}: {text}"
    return case


def _target(result: AuditResult, target: Target) -> ET.Element:
    """A place without a finding: passed where its image was read, else skipped."""
    case = ET.Element("testcase", name=f"{one_line(target.text)} line {target.location.line}")
    case.set("classname", target.kind)
    evidence = result.evidence.get(evidence_key(target) or "")
    if evidence is None or evidence.resolution.status is Status.UNAVAILABLE:
        ET.SubElement(case, "skipped", message="not evaluated: its image was not read")
    return case


def _case(finding: Finding) -> ET.Element:
    image = str(finding.reference) if finding.reference else finding.text
    case = ET.Element("testcase", name=f"{finding.rule}: {one_line(image, 200)}")
    case.set("classname", finding.rule)
    case.set("file", one_line(finding.location.path))
    case.set("line", str(finding.location.line))
    return case


def _count(element: ET.Element, cases: list[ET.Element]) -> None:
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("errors", "0")
    element.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
