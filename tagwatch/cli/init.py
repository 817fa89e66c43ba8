"""`tagwatch init`: a configuration and a policy to start from."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from tagwatch.cli.command import Command, add_format
from tagwatch.cli.shell import answer
from tagwatch.errors import ConfigError, cannot_write
from tagwatch.walk.site import repository_root

__all__ = ["command"]

FILES = ("tagwatch.yaml", "policy.yaml")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `init`."""
    parser.add_argument("--directory", type=Path, help="where to (default: the repository's root)")
    add_format(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Write both files; a file that is there already is never touched."""
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
            (folder / name).write_bytes((starter / name).read_bytes())
    except OSError as error:
        raise cannot_write(
            error, f"{str(folder)!r} cannot be written", hint="name another --directory"
        ) from error
    if options.format == "json":
        from tagwatch.publish.machine import dump

        answer(dump({"schema_version": 1, "written": [str(folder / name) for name in FILES]}))
        return 0
    written = "".join(f"wrote {folder / name}\n" for name in FILES)
    answer(f"{written}next: tagwatch check, then tagwatch scan\n")
    return 0


command = Command(
    help="write a configuration and a policy to start from", arguments=arguments, run=run
)
