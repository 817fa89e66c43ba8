"""`tagwatch init`: look at a repository, and write what watches it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagwatch.cli.command import Command, add_answer
from tagwatch.cli.shell import answer, warn
from tagwatch.errors import ConfigError, cannot_write
from tagwatch.value import replace

if TYPE_CHECKING:
    from tagwatch.walk.first_look import FirstLook
    from tagwatch.workspace.begin import Draft

__all__ = ["command"]

_FILES = ("tagwatch.yaml", "policy.yaml")
_SHOWN = 12


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `init`."""
    parser.add_argument("--directory", type=Path, help="where to (default: the repository's root)")
    parser.add_argument(
        "--config-only",
        action="store_true",
        help="write no hook, no job of the forge and no ignore line",
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        help="what the CI job installs tagwatch from, as pip takes it: tagwatch==1.2.3, "
        "git+https://…@v1.2.3, a wheel's address (default: where this one came from)",
    )
    parser.add_argument(
        "--schema",
        action="store_true",
        help="also write the JSON Schemas, so that an editor completes the keys",
    )
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Write what is the tree's to say there, and what is the operator's into the user's own folder.

    A file that is there already is never replaced; the hook and the ignore line are added to theirs
    where that is safe.
    """
    from tagwatch.walk.site import repository_root
    from tagwatch.workspace.begin import begin, with_schemas
    from tagwatch.workspace.installed import checked_source, installed_from

    source = installed_from() if options.source is None else checked_source(options.source)
    folder = options.directory or repository_root(Path.cwd())
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise ConfigError(
            f"{str(folder / there[0])!r} is there already", hint="edit it, or name a --directory"
        )
    files, seen = _look(folder)
    whole = not options.config_only and (folder / ".git").exists()
    drafts, left = begin(folder, files, whole=whole, source=source)
    if options.schema:
        drafts = with_schemas(folder, drafts, _schemas())
    _write(folder, drafts)
    own = _operators_part()
    if options.format == "json":
        from tagwatch.publish.json_text import dump

        answer(dump(_document(folder, drafts, own, left, files, seen)))
    else:
        answer("".join(f"{line}\n" for line in _lines(folder, drafts, own, left, files, seen)))
    return 0


def _look(folder: Path) -> tuple[Sequence[str], FirstLook]:
    """Return the files that name images, and what they name."""
    from tagwatch.walk.file_set import read_files
    from tagwatch.walk.first_look import FirstLook
    from tagwatch.walk.site import open_site
    from tagwatch.workspace.find import find

    if not folder.is_dir():
        return (), FirstLook.of((), platforms=1)
    site = replace(open_site(folder, config=""), root=folder.absolute())
    read = read_files(find([str(folder.absolute())], site.root), site, {})
    # also the Dockerfile of a Compose service, whose images are given once: with the service
    files = sorted({one.location.path for _, part in read.extractions for one in part.targets})
    return (
        files,
        FirstLook.of(read.targets, platforms=len(site.policy.defaults.audited)),
    )


def _schemas() -> dict[str, str]:
    """Return the schemas by the name of the file that they are for."""
    from tagwatch.config.schema import file_schema
    from tagwatch.publish.json_text import dump

    return {f"{name}.yaml": dump(file_schema(name)) for name in ("tagwatch", "policy")}


def _write(folder: Path, drafts: Sequence[Draft]) -> None:
    """Write the files. Raises `InputError` where one cannot be."""
    from tagwatch.workspace.write import write_bytes

    try:
        for draft in drafts:
            path = folder / draft.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if draft.before is not None:
                write_bytes(path, draft.text.encode(), expected=draft.before, root=folder)
                continue
            with path.open("xb") as file:  # not through a link that leads nowhere
                file.write(draft.text.encode())
    except OSError as error:
        raise cannot_write(
            error, f"{str(folder)!r} cannot be written", hint="name another --directory"
        ) from error


def _operators_part() -> Path | None:
    """Write the user's own file where there is none, and return it. It is for every repository."""
    from importlib import resources

    from tagwatch.config.load import operators_places

    place = next(iter(operators_places(os.environ)[:-1]), None)  # the last one is the system's
    if place is None or place.exists():
        return None
    text = (resources.files("tagwatch.config") / "starter" / "operator.yaml").read_bytes()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            file.write(text)
    except OSError as error:
        warn(f"{str(place)!r} cannot be written: {error.strerror}")
        return None
    return place


def _lines(
    folder: Path,
    drafts: Sequence[Draft],
    own: Path | None,
    left: Sequence[str],
    files: Sequence[str],
    seen: FirstLook,
) -> Iterator[str]:
    """What was found and written, and what comes next."""
    from tagwatch.publish.wording import count, one_line

    if seen.references:
        yield (
            f"found {count(seen.references, 'reference')} to {count(seen.images, 'image')} in "
            f"{count(len(files), 'file')}, of "
            f"{count(len(seen.repositories), 'repository', 'repositories')} at "
            f"{count(len(seen.hosts), 'registry', 'registries')}:"
        )
        yield from (f"  {one_line(line)}" for line in _watched(seen))
    else:
        yield "found no file that names an image: the patterns in tagwatch.yaml are the usual ones"
    if seen.unknown:
        yield f"  {count(seen.unknown, 'reference')} with variables that no file here sets"
    width = max(len(str(folder / draft.path)) for draft in drafts)
    for draft in drafts:
        verb = "wrote" if draft.before is None else "added to"
        yield f"{verb:<8} {folder / draft.path!s:<{width}}  {draft.about}"
    if own is not None:
        yield f"wrote    {own}  yours alone: mirrors, logins, alerts, the schedule"
    if seen.references:
        yield (
            f"a first scan sends about {seen.requests:,} requests, {seen.pulls:,} of which count "
            f"as pulls at most; an unchanged night about {len(seen.repositories):,}"
        )
    yield from (f"to do: {sentence}" for sentence in left)
    yield "next: tagwatch check, then tagwatch scan"
    yield (
        "mirrors, alerts and the schedule are yours to say, in a file of your own; `tagwatch "
        "trust` lets the repository's say them"
    )


def _watched(seen: FirstLook) -> Iterator[str]:
    """The repositories by registry, those with the most images first."""
    ordered = sorted(seen.repositories.items(), key=lambda one: (-one[1], one[0]))
    for name, images in ordered[:_SHOWN]:
        yield f"{name}" + (f"  {images} images" if images > 1 else "")
    if len(ordered) > _SHOWN:
        yield f"and {len(ordered) - _SHOWN} more"


def _document(
    folder: Path,
    drafts: Sequence[Draft],
    own: Path | None,
    left: Sequence[str],
    files: Sequence[str],
    seen: FirstLook,
) -> dict[str, Any]:
    from tagwatch.workspace.begin import sources_of

    written = [folder / draft.path for draft in drafts]
    return {
        "schema_version": 1,
        "written": [str(path) for path in (*written, *((own,) if own else ()))],
        "to_do": list(left),
        "files": list(files),
        "sources": list(sources_of(files, drafts)),
        "references": seen.references,
        "images": seen.images,
        "repositories": dict(sorted(seen.repositories.items())),
        "requests": seen.requests,
        "pulls": seen.pulls,
    }


command = Command(arguments=arguments, run=run)
