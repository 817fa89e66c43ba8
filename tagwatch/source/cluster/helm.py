"""Helm: the values of a chart (`image: {registry, repository, tag, digest}` in all its forms).

An empty tag is the chart's `appVersion`: `Chart.yaml` beside the file is asked for; without it the
tag is missing, not `latest`. Templates are programs: they are passed over, with a note.
"""

from __future__ import annotations

import posixpath
import re

from tagwatch.source.cluster.helm_values import Values
from tagwatch.source.target import Extraction, Location, Problem, SourceContext, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.node import Mapping
from tagwatch.source.text.shared_value import mark_shared
from tagwatch.source.text.source_text import SourceText
from tagwatch.source.text.yaml_nodes import load_yaml

__all__ = ["extract", "recognizes"]

_VALUES = re.compile(r"(?:[^/]*[._-])?values(?:[._-][^/]*)?\.ya?ml", re.IGNORECASE)
_TEMPLATE_PATH = re.compile(r"(?:^|/)templates/(?:[^/]+/)*[^/]+\.(?:ya?ml|tpl)")
_ACTION = re.compile(rb"(?<!\$)\{\{-?[ \t]*(?:[.$\"(]|/\*|\w)")


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if _TEMPLATE_PATH.search(path):
        return not head or _ACTION.search(head) is not None
    return _VALUES.fullmatch(posixpath.basename(path)) is not None


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    if _TEMPLATE_PATH.search(path):
        return Extraction(problems=(_template_note(path),))
    document = load_yaml(raw, path)
    companions = Companions(context)
    values = Values(document=document, kind="helm", companions=companions)
    found: dict[tuple[Location, object], Target] = {}
    problems = list(document.problems)
    for root in document.roots:
        if isinstance(root, Mapping):
            for target, problem in values.images(root):
                found.setdefault((target.location, target.reference), target)
                problems += [problem] if problem else []
    ignores = find_ignores(document.source.text, path)
    return Extraction(
        targets=attach(mark_shared(found.values(), {}, ()), ignores),
        problems=(*dict.fromkeys(problems), *ignore_problems(ignores), *companions.problems),
        wanted=companions.wanted,
        ignores=ignores,
    )


def _template_note(path: str) -> Problem:
    place = SourceText(b"", path).location(0, 0)
    return Problem(
        message="a Helm template was passed over: what it names is known only when rendered",
        location=place,
        hint="check the chart's values, or the output of `helm template`",
        skipped=True,
    )
