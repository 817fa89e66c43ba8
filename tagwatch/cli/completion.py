"""`tagwatch completion`: what a shell completes, made of the parsers of all commands.

A script holds everything and asks the program nothing: no key press waits for Python.
"""

from __future__ import annotations

import argparse

from tagwatch.cli.command import Command
from tagwatch.cli.shell import answer

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script to print")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from tagwatch.cli.shell_files import completion

    answer(completion(options.shell))
    return 0


command = Command(
    arguments=arguments,
    run=run,
    epilog="bash: source <(tagwatch completion bash)\n"
    'zsh:  tagwatch completion zsh > "${fpath[1]}/_tagwatch"\n'
    "fish: tagwatch completion fish > ~/.config/fish/completions/tagwatch.fish",
)
