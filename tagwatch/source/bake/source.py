"""Bake files (`docker buildx bake`), HCL and JSON: what their targets are built from.

`contexts` that are `docker-image://`, registry caches, inline Dockerfiles, and the Dockerfiles
with the arguments of the target and of those it inherits from.
"""

from __future__ import annotations

import posixpath
import re

from tagwatch.source.target import Extraction, SourceContext, Target

__all__ = ["extract", "recognizes"]

_NAME = re.compile(r"(?:docker-)?bake(?:[._-][^/]*)?\.(?:hcl|json)")
_HCL_TARGET = re.compile(rb'(?m)^[ \t]*target[ \t]+(?:"[^"\n]+"|\w+)[ \t]*\{')
_JSON_TARGET = re.compile(rb'"target"[ \t\r\n]*:[ \t\r\n]*\{')
_JSON_KEY = re.compile(rb'"(?:dockerfile|context|contexts|inherits|tags)"[ \t]*:')


def recognizes(path: str, head: bytes) -> bool:
    """See `Source.recognizes`."""
    if _NAME.fullmatch(posixpath.basename(path)):
        return True
    if path.endswith(".hcl"):
        return _HCL_TARGET.search(head) is not None
    return path.endswith(".json") and bool(_JSON_TARGET.search(head) and _JSON_KEY.search(head))


def extract(raw: bytes, path: str, context: SourceContext) -> Extraction:
    """See `Source.extract`."""
    # here, so that whoever only asks for a name loads no evaluator
    from tagwatch.source.bake.file import BakeFile
    from tagwatch.source.bake.reader import BakeReader
    from tagwatch.source.build import Builds
    from tagwatch.source.hcl.nodes import load_hcl
    from tagwatch.source.text.comment import attach, find_ignores, ignore_problems
    from tagwatch.source.text.companion import Companions
    from tagwatch.source.text.json_nodes import load_json
    from tagwatch.source.text.shared_value import mark_shared

    is_json = path.endswith(".json") or raw.lstrip().startswith(b"{")
    document = load_json(raw, path) if is_json else load_hcl(raw, path)
    companions = Companions(context)
    builds = Builds(companions, context)
    file = BakeFile(document, context.environment)
    reader = BakeReader(file)
    targets: dict[tuple[object, ...], Target] = {}
    for name, one in file.targets.items():
        for target in reader.images(name, one):
            targets.setdefault((target.location, target.reference), target)
    text = document.source.text
    ignores = find_ignores(text, path, comment="#") + find_ignores(text, path, comment="//")
    found = list(attach(targets.values(), ignores))
    problems = [*document.problems, *file.problems]
    for name in file.targets:
        build = None if builds.is_full else reader.build(name)
        if build is not None:
            extraction = builds.extraction(build)
            found += extraction.targets
            problems += extraction.problems
    problems += dict.fromkeys([*reader.problems, *companions.problems])
    return Extraction(
        targets=mark_shared(found, file.places, [text], bare=True),
        problems=(*problems, *ignore_problems(ignores)),
        wanted=companions.wanted,
        ignores=ignores,
    )
