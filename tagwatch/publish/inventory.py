"""CycloneDX 1.6: the inventory of images that files use, each with its package URL (`pkg:oci`).

An entry is an image as files name it: its version, its digest, its places, and what was found. It
says nothing of what is inside an image. What only a watch of many tags names is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from tagwatch.audit.model.evidence import is_readable
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import ConfigError
from tagwatch.image.digest import is_digest
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.used import Used, used_images
from tagwatch.publish.wording import key_finder, one_line, stamp

if TYPE_CHECKING:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component

__all__ = ["image_url", "render", "suffix"]

suffix = ".cdx.json"
_MOST_PLACES = 200
_MOST_ALIASES = 50


def render(result: AuditResult, context: PublishContext) -> str:
    """See `Publisher.render`. Raises `ConfigError` where the extra `sbom` is not installed."""
    try:
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.model.tool import ToolRepository
        from cyclonedx.output.json import JsonV1Dot6
    except ModuleNotFoundError as error:
        raise ConfigError(
            "cyclonedx-python-lib, which writes CycloneDX, is not installed",
            hint="run: pip install 'tagwatch[sbom]'",
        ) from error

    found = _findings(result)
    components = [
        _component(key, used, found.get(key, Counter())) for key, used in used_images(result)
    ]
    unread = result.coverage.unresolved + result.coverage.unavailable
    about = {"tagwatch:not_read": str(unread), "tagwatch:complete": str(result.complete).lower()}
    ours = Component(name="tagwatch", version=context.version, type=ComponentType.APPLICATION)
    name = f"{stamp(result.at)} {context.version} {[one.bom_ref.value for one in components]}"
    bom = Bom(
        components=components,
        serial_number=uuid5(NAMESPACE_URL, name),
        metadata=BomMetaData(
            timestamp=result.at,
            tools=ToolRepository(components=[ours]),
            properties=list(_properties(about.items())),
        ),
    )
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def image_url(key: str, used: Used) -> str:
    """Return the package URL of an image; empty where its digest is not known.

    The digest is the version; `repository_url` is where to pull from, `tag` what files ask for
    (github.com/package-url/purl-spec, oci).
    """
    resolution = used.evidence.resolution if used.evidence is not None else None
    digest = resolution.digest if resolution is not None else used.reference.digest
    if digest is None or not is_digest(digest):
        return ""
    repository = used.reference.repository.identity
    named = quote(repository.path.rpartition("/")[2].lower(), safe="")
    tag = key.partition("@")[0].removeprefix(repository.name).removeprefix(":")
    qualifiers = f"repository_url={quote(repository.name.lower(), safe='/:')}"
    if tag:
        qualifiers += f"&tag={quote(tag, safe='')}"
    return f"pkg:oci/{named}@{quote(digest, safe='')}?{qualifiers}"


def _component(key: str, used: Used, found: Counter[str]) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    places = used.places
    url = image_url(key, used)
    said = [
        ("tagwatch:reference", key),
        *((f"tagwatch:findings:{severity}", str(number)) for severity, number in found.items()),
        *(("tagwatch:place", str(place)) for place in places[:_MOST_PLACES]),
    ]
    if len(places) > _MOST_PLACES:
        said.append(("tagwatch:more_places", str(len(places) - _MOST_PLACES)))
    version, digest = "", str(used.reference.digest or "")
    if not is_readable(used.evidence):
        said.append(("tagwatch:state", "not-read"))
    if used.evidence is not None:
        resolution = used.evidence.resolution
        version, digest = resolution.version or resolution.tag or "", resolution.digest or ""
        newer = resolution.newer
        steps = (("patch", newer.patch), ("minor", newer.minor), ("major", newer.major))
        said += [("tagwatch:alias", alias) for alias in resolution.aliases[:_MOST_ALIASES]]
        said += [(f"tagwatch:newer:{kind}", tag) for kind, tag in steps if tag]
    is_sha = is_digest(digest) and digest.startswith("sha256:")
    return Component(
        type=ComponentType.CONTAINER,
        bom_ref=one_line(key, 500),
        name=one_line(str(used.reference.repository), 300),
        version=one_line(version, 200) or None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest[7:])] if is_sha else None,
        purl=PackageURL.from_string(url) if url else None,
        properties=list(_properties(said)),
    )


def _properties(said: Iterable[tuple[str, str]]) -> Iterator[Property]:
    from cyclonedx.model import Property

    for name, value in said:
        yield Property(name=name, value=one_line(value, 1_000))


def _findings(result: AuditResult) -> dict[str, Counter[str]]:
    """Return how many findings of each severity there are about each image."""
    key_of = key_finder(result)
    found: dict[str, Counter[str]] = {}
    for finding in result.findings:
        key = key_of(finding) or (finding.reference.canonical if finding.reference else "")
        found.setdefault(key, Counter())[finding.severity.value] += 1
    return found
