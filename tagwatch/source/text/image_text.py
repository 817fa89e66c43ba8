"""From a text that names an image to a target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.source.target import Field, Location, Target
from tagwatch.source.text.comment import comment_field
from tagwatch.source.text.interpolation import Place, Resolved, literal
from tagwatch.source.text.node import Document, Scalar
from tagwatch.source.text.yaml_nodes import block_content
from tagwatch.value import replace

if TYPE_CHECKING:
    from typing import Any

__all__ = ["image_target", "literal_scalar", "part_of", "place_of", "template_variables"]
__all__ += ["text_range", "without_start"]

_MAX_LENGTH = 2048  # an image reference has at most about 800 characters
# `${{ matrix.image }}`, `{{ .Values.tag }}`, `${TAG}`, `$(TAG)`, `$TAG`, `<%= tag %>`, `[[ tag ]]`,
# `<TAG>`, `@TAG@`, `@project.version@`, and as the whole text `IMAGE_URL`
_TEMPLATE = re.compile(
    r"\$\{\{(.*?)\}\}|\{\{-?(.*?)-?\}\}|\$\{([^}]*)\}|\$\(([^)]*)\)|\$([A-Za-z_]\w*)"
    r"|<%=?(.*?)%>|\[\[(.*?)\]\]|<([\w.-]+)>|@([A-Za-z_][\w.-]*)@|\A([A-Z][A-Z0-9]*(?:[-_][A-Z0-9]+)+)\Z",
    re.DOTALL,
)


def template_variables(text: str) -> tuple[str, ...]:
    """What a text written for some template engine asks for; empty where it is plain text.

    Only the beginning of a text that is longer than any reference is looked at.
    """
    found = (
        next(group for group in match.groups() if group is not None).strip()[:200]
        for match in _TEMPLATE.finditer(text[:_MAX_LENGTH])
    )
    return tuple(dict.fromkeys(name or "?" for name in found))


def text_range(document: Document, node: Scalar) -> tuple[int, int]:
    """The characters of a scalar's content: inside quotes, below a block's indicator."""
    if node.style in ("|", ">"):
        return block_content(document.source, node)
    return node.start, node.end


def place_of(document: Document, node: Scalar) -> Place | None:
    """Where the scalar's value stands, None where the file spells it otherwise (escapes, folds)."""
    start, end = text_range(document, node)
    if document.source.text[start:end] != node.value:
        return None
    return Place(source=document.source, start=start, plain=-1 if node.style else end - start)


def part_of(document: Document, node: Scalar, start: int, end: int) -> Scalar | None:
    """The characters `start`..`end` of a scalar's value as a scalar of their own.

    None where the file spells the value otherwise (escapes, folds).
    """
    place = place_of(document, node)
    if place is None:
        return None
    return Scalar(
        node.value[start:end],
        place.start + start,
        place.start + end,
        node.style,
        node.tag,
        is_shared=node.is_shared,
    )


def literal_scalar(document: Document, node: Scalar) -> Resolved:
    """A scalar's value where no variables are substituted; template text is `missing`."""
    if len(node.value) > _MAX_LENGTH:
        return Resolved(error="longer than any image reference")
    if node.value.startswith("ko://"):
        return Resolved(missing=(node.value,))  # a Go package that ko builds: no image yet
    if missing := template_variables(node.value):
        return Resolved(missing=missing)
    return literal(node.value, place_of(document, node))


def image_target(
    document: Document, node: Scalar, value: Resolved, *, kind: str, skip: int = 0, **more: Any
) -> Target:
    """The target that `node` names, `value` being its text after substitution.

    `skip`: characters of the node before the reference (`docker://`); `value` has them too.
    `more`: further fields of `Target`.
    """
    start, end = text_range(document, node)
    start += skip
    target = Target(
        text=document.source.text[start:end],
        location=document.source.location(start, end),
        kind=kind,
        missing=value.missing,
        invalid=value.error,
        **more,
    )
    text = value.known
    if text is None:
        return target
    try:
        reference = Reference.parse(text[skip:])
    except InvalidReferenceError as error:
        return replace(target, invalid=error.message)
    place = target.location
    fields = _fields(value, skip, place)
    comment = comment_field(document.source, place, place.line, reference) if fields else ()
    return replace(target, reference=reference, fields=fields + comment)


def _fields(value: Resolved, skip: int, place: Location) -> tuple[Field, ...]:
    """The places to edit; the whole reference where it is used is named so."""
    fields = []
    for field in value.fields:
        before = field.template.index("{}")
        cut = max(0, skip - before)
        if cut >= len(field.text):
            continue
        template = field.template[min(skip, before) :]
        fields.append(replace(without_start(field, cut), template=template))
    if len(fields) == 1 and fields[0].location == place:
        return (replace(fields[0], name="reference"),)
    return tuple(fields)


def without_start(field: Field, cut: int) -> Field:
    """The field without its first `cut` characters, which are ASCII and in one line."""
    if not cut:
        return field
    return replace(
        field,
        text=field.text[cut:],
        plain=False,
        span=replace(field.span, start=field.span.start + cut),
        location=replace(field.location, column=field.location.column + cut),
    )
