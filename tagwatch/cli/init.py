"""`tagwatch init`: a configuration and a policy to start from."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tagwatch.cli.command import Command, add_answer
from tagwatch.cli.shell import answer, warn
from tagwatch.errors import ConfigError, cannot_write

__all__ = ["command"]

FILES = ("tagwatch.yaml", "policy.yaml")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `init`."""
    parser.add_argument("--directory", type=Path, help="where to (default: the repository's root)")
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Write what is the tree's to say there, and what is the operator's into the user's own folder.

    A file that is there already is never touched.
    """
    from importlib import resources

    from tagwatch.walk.site import repository_root

    folder = options.directory or repository_root(Path.cwd())
    starter = resources.files("tagwatch.config") / "starter"
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise ConfigError(
            f"{str(folder / there[0])!r} is there already", hint="edit it, or name a --directory"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            with (folder / name).open("xb") as file:  # not through a link that leads nowhere
                file.write((starter / name).read_bytes())
    except OSError as error:
        raise cannot_write(
            error, f"{str(folder)!r} cannot be written", hint="name another --directory"
        ) from error
    wrote = [folder / name for name in FILES]
    own = _operators_part((starter / "operator.yaml").read_bytes())
    if own is not None:
        wrote.append(own)
    if options.format == "json":
        from tagwatch.publish.machine import dump

        answer(dump({"schema_version": 1, "written": [str(path) for path in wrote]}))
        return 0
    written = "".join(f"wrote {path}\n" for path in wrote)
    answer(
        f"{written}next: tagwatch check, then tagwatch scan\n"
        "mirrors, alerts and the schedule are yours to say, in a file of your own; `tagwatch "
        "trust` lets the repository's say them\n"
    )
    return 0


def _operators_part(text: bytes) -> Path | None:
    """Write the user's own file where there is none, and return it. It is for every repository."""
    from tagwatch.config.load import operators_places

    place = next(iter(operators_places(os.environ)[:-1]), None)  # the last one is the system's
    if place is None or place.exists():
        return None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            file.write(text)
    except OSError as error:
        warn(f"{str(place)!r} cannot be written: {error.strerror}")
        return None
    return place


command = Command(arguments=arguments, run=run)
