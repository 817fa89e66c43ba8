"""The tags that the registries serve here: all there ever were of official images, else made up.

A made-up repository has what real ones have beside versions: pre-releases, other variants, names
that move, architectures, commits and nightly builds. Its versions go on from those that files name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.service.demo.images import Shelf, build
from tests.truth import digest, ever

__all__ = ["shelves"]

_DAY = "2026-08-01"
_VERSION = re.compile(r"(?P<before>|v|.*[-_])(?P<numbers>\d+(?:\.\d+){1,3})(?P<after>|[-_+].*)")
_SHORT = re.compile(r"(?P<before>|v)(?P<numbers>\d+)(?P<after>|-.*)")
_BESIDE = ("latest", "edge", "nightly", "main", "sha-0a1b2c3", "pr-1234", "nightly-20260731")


def shelves(named: Mapping[Repository, Iterable[str]]) -> dict[str, Shelf]:
    """Return what each registry serves. `named`: repositories, with the tags that files name."""
    found: dict[str, Shelf] = {}
    for repository, tags in named.items():
        shelf = found.setdefault(repository.registry, Shelf())
        is_official = repository.name.startswith("docker.io/library/")
        served = ever().get(repository.path.rpartition("/")[2]) if is_official else None
        _put(shelf, repository, served or made_up(repository.name, tags))
    return found


def made_up(name: str, tags: Iterable[str]) -> dict[str, Digest]:
    """Return tags with their digests that go on from `tags`."""
    found: dict[str, str] = {}
    for tag in sorted(tags):
        for later, of in _later(tag):
            found.setdefault(later, of)
    if not found:
        found = {one: one for one in ("1.0.0", "1.0.1", "1.1.0", "2.0.0")}
    for tag in found:  # a short name serves the newest version that begins with it
        form = _VERSION.fullmatch(tag) or _SHORT.fullmatch(tag)
        found[tag] = found[_newest(tag, form, found)] if form else found[tag]
    newest = max(of for tag, of in found.items() if "-rc." not in tag)
    found |= {beside: newest if beside == "latest" else beside for beside in _BESIDE}
    return {tag: digest(f"{name} {of}") for tag, of in found.items()}


def _newest(tag: str, form: re.Match[str], tags: Iterable[str]) -> str:
    """Return the tag of the highest version that begins with the numbers of `tag`."""
    own = form["numbers"].split(".")
    best, found = tuple(map(int, own)), tag
    for other in tags:
        there = _VERSION.fullmatch(other)
        if there is None or (there["before"], there["after"]) != (form["before"], form["after"]):
            continue
        numbers = there["numbers"].split(".")
        if numbers[: len(own)] == own and tuple(map(int, numbers)) > best:
            best, found = tuple(map(int, numbers)), other
    return found


def _later(tag: str) -> Iterator[tuple[str, str]]:
    """Yield a tag and those that its publisher made after it, each with what it is a name of."""
    yield tag, tag
    form = _VERSION.fullmatch(tag)
    if form is None:
        return
    own = [int(one) for one in form["numbers"].split(".")]
    width = len(own)

    def text(*numbers: int, after: str = form["after"]) -> str:
        whole = (*numbers, *[0] * width)[:width]
        return f"{form['before']}{'.'.join(map(str, whole))}{after}"

    major, minor = own[0], own[1]
    patch = own[2] if width > 2 else 0
    steps = [(major, minor + 1), (major, minor + 2, 1), (major + 1, 0), (major + 1, 3, 2)]
    steps += [(major + 2, 0, 1)]
    if width > 2:
        steps += [(major, minor, patch + 1), (major, minor, patch + 2)]
    for numbers in steps:
        version = text(*numbers)
        yield version, version
        yield f"{version}-arm64", f"{version}-arm64"
        plain = text(*numbers, after="")
        yield plain, f"{plain} plain"
        yield f"{plain}-debian-12", f"{plain}-debian-12"
    for numbers in steps:
        for count in range(1, width):
            short = ".".join(map(str, numbers[:count]))
            yield (f"{form['before']}{short}{form['after']}",) * 2
    pre = text(major + 3, 0, after="-rc.1")
    yield pre, pre


def _put(shelf: Shelf, repository: Repository, tags: Mapping[str, Digest]) -> None:
    """Put an image behind each digest, on the shelf of its registry."""
    built = {}
    for one in set(tags.values()):
        image = build(None, (), day=_DAY, config={"Labels": {"group": one}})
        shelf.manifests[image.manifest.digest] = image.manifest
        shelf.blobs.update(image.blobs)
        built[one] = image.manifest.digest
    shelf.tags[repository.path] = {tag: built[one] for tag, one in tags.items()}
    shelf.pushed |= {(repository.path, tag): _DAY for tag in tags}
