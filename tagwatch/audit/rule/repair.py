"""Exact fixes for findings: edits of the text that names the image, where it stands whole."""

from __future__ import annotations

from tagwatch.audit.finding import Fix
from tagwatch.source.target import Target

__all__ = ["repin", "retag"]


def retag(target: Target, tag: str, digest: str | None = None) -> Fix | None:
    """The edit that makes `target` name `tag` (and `digest`); None where it cannot be exact."""
    field = target.fields[0] if target.fields else None
    if field is None or field.name != "reference" or field.template != "{}" or field.shared:
        return None
    name = field.text.partition("@")[0]
    colon = name.rfind(":")
    name = name[:colon] if colon > name.rfind("/") else name
    written = f"{name}:{tag}" + (f"@{digest}" if digest else "")
    return Fix(
        path=field.span.path,
        start=field.span.start,
        end=field.span.end,
        replacement=written,
        description=f"write {written}",
    )


def repin(target: Target, digest: str | None) -> Fix | None:
    """The edit that pins `target` to `digest` beside its tag; None where it cannot be exact."""
    tag = target.reference.effective_tag if target.reference is not None else None
    return retag(target, tag, digest) if tag and digest else None
