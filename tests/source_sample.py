"""Read sample text with a source as the workspace does: what it asks for is given."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.member import load_member
from tagwatch.source.target import Extraction, Source, SourceContext, Target

__all__ = ["assert_exact", "extract", "shown", "source_named"]


def source_named(name: str) -> Source:
    """Return the source of that line of the family's table; `gitlab_ci` is `gitlab-ci`."""
    found: Source = load_member("sources", name.replace("_", "-"))
    return found


def extract(
    source: Source,
    text: str | bytes,
    path: str,
    files: Mapping[str, str | bytes] | None = None,
    **environment: str,
) -> Extraction:
    """The whole extraction; files that are asked for and not given are not there."""
    given = {name: _bytes(content) for name, content in (files or {}).items()}
    known: dict[str, bytes | None] = {}
    while True:
        context = SourceContext(files=known, environment=environment)
        extraction = source.extract(_bytes(text), path, context)
        wanted = [name for name in extraction.wanted if name not in known]
        if not wanted:
            return extraction
        known |= {name: given.get(name) for name in wanted}


def shown(extraction: Extraction) -> list[str]:
    """Each target as `place text -> canonical reference`, or what is missing or invalid."""
    return [
        f"{target.location} {target.text} -> {_answer(target)}" for target in extraction.targets
    ]


def assert_exact(extraction: Extraction, files: Mapping[str, str | bytes]) -> None:
    """Every place slices to its text; every field gives its reference back through its template."""
    for target in extraction.targets:
        place = target.location
        text = _bytes(files[place.path]).decode().removeprefix("\ufeff")
        if place.line == place.end_line:
            line = text.split("\n")[place.line - 1]
            assert line[place.column - 1 : place.end_column - 1] == target.text
        for field in target.fields:
            raw = _bytes(files[field.span.path])
            assert raw[field.span.start : field.span.end].decode() == field.text
            row = raw.decode().removeprefix("\ufeff").split("\n")[field.location.line - 1]
            assert row[field.location.column - 1 :].startswith(field.text.split("\n")[0])
            assert target.reference is not None
            if field.name == "comment":
                continue
            whole = type(target.reference).parse(field.template.replace("{}", field.text))
            assert whole == target.reference


def _answer(target: Target) -> str:
    if target.reference is not None:
        return target.reference.canonical
    return f"missing {', '.join(target.missing)}" if target.missing else "invalid"


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
