"""What is known of a digest that stands in a reference, and of the tag beside it."""

from __future__ import annotations

from collections.abc import Iterable

from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.evidence import Pin
from tagwatch.audit.reading.image import read_image
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference
from tagwatch.image.tag import Kind, Tag

__all__ = ["may_have_served", "pin_of"]


def may_have_served(tag: Tag, known: Iterable[Tag]) -> bool:
    """False only where the versions that the digest is known by are none that `tag` ever means.

    `known`: the tags that serve the digest or did. `6.2` was 6.2.20 one day, and `latest` was every
    release; `6.2` never was 7.2.1 or 6.2.20-alpine. A digest that no version is known of may be
    anything.
    """
    versions = [other for other in known if other.kind is Kind.VERSION]
    if not versions or tag.kind not in (Kind.VERSION, Kind.WORD):
        return True
    shape = tag.shape if tag.kind is Kind.VERSION else tag.variant
    return any(
        other.product == tag.product
        and other.shape == shape
        and other.release[: len(tag.release)] == tag.release
        and (other.weight > tag.weight or tag.kind is Kind.WORD)
        for other in versions
    )


def pin_of(reference: Reference, memory: Memory) -> Pin | None:
    """What is known of the digest in `reference`; see `Pin`."""
    digest, tag = reference.digest, reference.tag
    if digest is None:
        return None
    served = memory.past_tags_of(digest)
    now = tuple(alias.text for alias in memory.table.groups.get(digest, ()))
    child = _is_child_of(digest, tag, memory)
    by_tag: bool | None = None
    if tag is not None:
        if tag in served or tag in now or child:
            by_tag = True
        elif served or now:
            known = (memory.table.read(other) for other in (*served, *now))
            by_tag = None if may_have_served(memory.table.read(tag), known) else False
    whole = memory.is_listed and None not in memory.table.digests.values()
    within = _is_within_a_tag(digest, memory) if whole and not (now or child) else None
    return Pin(
        exists=True if now else memory.pins.get(digest),
        served_by_tag=by_tag,
        tags=now if now or (whole and within is False) else None,
        platform_only=child if tag else within,
    )


def _is_within_a_tag(digest: Digest, memory: Memory) -> bool | None:
    """True where the digest is listed in what some tag serves; None: not known.

    An index is in no other one: no tag's index need be looked into then.
    """
    if read_image(digest, memory.documents).index is not None:
        return False
    listed = memory.listed_in_tags
    if digest in listed:
        return True
    return None if None in listed else False


def _is_child_of(digest: Digest, tag: str | None, memory: Memory) -> bool | None:
    """True where the digest is one platform of what the tag serves; None: not known."""
    current = memory.table.digests.get(tag) if tag else None
    if current is None:
        return None
    image = read_image(current, memory.documents)
    if image.problem:
        return None
    return image.index is not None and any(one.digest == digest for one in image.platforms)
