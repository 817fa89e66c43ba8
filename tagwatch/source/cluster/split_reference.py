"""References that a file spreads over several fields: registry, name, tag, digest."""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.source.target import WRITTEN, Field, Target
from tagwatch.source.text.comment import comment_field
from tagwatch.source.text.image_text import place_of, template_variables, text_range
from tagwatch.source.text.node import Document, Scalar
from tagwatch.value import dataclass, replace

__all__ = ["SplitReference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReference:
    """The fields as they stand; `name` is there always, an empty field counts as none.

    An empty digest is where a fix writes one, whole (`sha256:…`).
    `prefix` is put before the name (a registry), `default_tag` is the tag where none stands;
    `missing`: what else must be known; `digest_prefix`: what the digest's field leaves out.
    """

    document: Document
    kind: str
    name: Scalar
    tag: Scalar | None = None
    digest: Scalar | None = None
    prefix: str = ""
    default_tag: str = ""
    missing: tuple[str, ...] = ()
    digest_prefix: str = ""
    group: str | None = None

    def target(self) -> Target:
        """The target, at the place of the field that decides: the digest, else the tag, the name.

        Without digest, tag and default the tag is `missing`.
        """
        shown = self._shown(self.digest) or self._shown(self.tag) or self.name
        start, end = text_range(self.document, shown)
        source = self.document.source
        target = Target(
            text=source.text[start:end],
            location=source.location(start, end),
            kind=self.kind,
            group=self.group,
        )
        texts = self._texts()
        missing = [*self.missing, *template_variables("\n".join(texts.values()))]
        if not texts["tag"] and not texts["digest"] and not _has_tag(texts["name"]):
            missing.append("tag")
        if missing:
            written = {WRITTEN: _with_registry(_join(**texts))}
            return replace(target, missing=tuple(dict.fromkeys(missing)), facts=written)
        try:
            reference = Reference.parse(_join(**texts))
        except InvalidReferenceError as error:
            return replace(target, invalid=error.message)
        fields = self._fields(texts)
        place = target.location
        fields += comment_field(source, place, place.line, reference)
        return replace(target, reference=reference, fields=tuple(fields))

    def _texts(self) -> dict[str, str]:
        tag, digest = self._shown(self.tag), self._shown(self.digest)
        return {
            "name": self.prefix + self.name.value,
            "tag": tag.value if tag else self.default_tag,
            "digest": self.digest_prefix + digest.value if digest else "",
        }

    def _fields(self, texts: dict[str, str]) -> list[Field]:
        before = {"name": self.prefix, "tag": "", "digest": self.digest_prefix}
        fields = []
        for part, node in (("digest", self.digest), ("tag", self.tag), ("name", self.name)):
            shown = self._shown(node)
            place = place_of(self.document, shown) if shown else None
            if shown is None or place is None:
                continue
            template = _join(**{**texts, part: before[part] + "{}"})
            field = place.field(shown.value, 0)
            plain, shared = not shown.style, "stage" if shown.is_shared else ""
            fields.append(replace(field, name=part, template=template, plain=plain, shared=shared))
        return [*fields, *self._empty(_join(**texts))]

    def _empty(self, whole: str) -> Iterator[Field]:
        """The digest's own field where it holds nothing yet: `digest: ""`, or only `digest:`."""
        node = self.digest
        if node is None or node.value or node.tag not in _TEXT_TAGS or "@" in whole:
            return
        place = place_of(self.document, node)
        if place is not None and (node.style in ("'", '"') or self._ends_a_key(place.start)):
            shared = "stage" if node.is_shared else ""
            field = place.field("", 0)
            yield replace(field, name="digest", template=f"{whole}{{}}", shared=shared)

    def _ends_a_key(self, start: int) -> bool:
        return self.document.source.text[start - 1 : start] == ":"

    @staticmethod
    def _shown(node: Scalar | None) -> Scalar | None:
        return node if node is not None and node.value and not node.is_null else None


_TEXT_TAGS = frozenset({"", "!", "tag:yaml.org,2002:str"})
"""The YAML tags with which a quoted value is a text, as it is without any."""


def _has_tag(name: str) -> bool:
    return "@" in name or ":" in name.rpartition("/")[2]


def _with_registry(text: str) -> str:
    """Return the text where it names its registry; else nothing, for a chart may have one."""
    first, slash, _ = text.partition("/")
    return text if slash and ("." in first or ":" in first or first == "localhost") else ""


def _join(name: str, tag: str, digest: str) -> str:
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
