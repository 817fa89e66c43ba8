"""Whether a tag may have served, before anybody looked, the digest that stands beside it."""

from __future__ import annotations

from collections.abc import Iterable

from tagwatch.image.tag import Kind, Tag

__all__ = ["may_have_served"]


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
