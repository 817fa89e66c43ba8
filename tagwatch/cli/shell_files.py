"""Completion scripts and the manual page, made of the parsers, so that they say what is there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator

from tagwatch import __version__
from tagwatch.cli.command import load
from tagwatch.cli.parser import parser_for
from tagwatch.family import COMMAND_HELP
from tagwatch.value import dataclass

__all__ = ["completion", "manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flag:
    """A flag of a command."""

    names: tuple[str, ...]
    help: str
    value: str = ""
    """What its value is called; empty where it takes none."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """A command, or an action of one."""

    name: str
    help: str
    flags: tuple[_Flag, ...]
    words: tuple[str, ...] = ()
    """What its first argument may be, where that is a list."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Its other arguments, with what they are for."""
    epilog: str = ""
    actions: tuple[_Node, ...] = ()


def completion(shell: str) -> str:
    """Return the script for `bash`, `zsh` or `fish`."""
    nodes = _nodes()
    return "\n".join({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](nodes)) + "\n"


def manual() -> str:
    """Return the manual page tagwatch(1) as roff."""
    text = "\n".join(_man(_nodes())) + "\n"
    return re.sub(r"[^\x00-\x7f]", lambda one: f"\\[u{ord(one[0]):04X}]", text)


def _nodes() -> tuple[_Node, ...]:
    return tuple(
        _node(name, parser_for(name, load(name)), text) for name, text in COMMAND_HELP.items()
    )


def _node(name: str, parser: argparse.ArgumentParser, about: str) -> _Node:
    flags: list[_Flag] = []
    words: tuple[str, ...] = ()
    arguments: list[tuple[str, str]] = []
    actions: tuple[_Node, ...] = ()
    for action in parser._actions:  # noqa: SLF001  # the only way to tell
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # the same
            told = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
            actions = tuple(
                _node(inner, one, told.get(inner, "")) for inner, one in action.choices.items()
            )
        elif action.option_strings:
            flags.append(_flag(action))
        elif action.choices:
            words = tuple(map(str, action.choices))
            arguments.append((_shown(action), action.help or ""))
        else:
            arguments.append((_shown(action), action.help or ""))
    return _Node(
        name=name,
        help=about,
        flags=tuple(flags),
        words=words,
        arguments=tuple(arguments),
        epilog=parser.epilog or "",
        actions=actions,
    )


def _shown(action: argparse.Action) -> str:
    return str(action.metavar or action.dest)


def _flag(action: argparse.Action) -> _Flag:
    takes = action.nargs != 0
    choices = tuple(map(str, action.choices or ()))
    value = str(action.metavar or "|".join(choices) or action.dest.upper()) if takes else ""
    return _Flag(
        names=tuple(action.option_strings),
        help=(action.help or "").replace("%%", "%"),
        value=value,
        choices=choices,
    )


def _paths(nodes: Iterable[_Node]) -> Iterator[tuple[str, _Node]]:
    """Yield every command and action with the words that lead to it."""
    for node in nodes:
        yield node.name, node
        for action in node.actions:
            yield f"{node.name} {action.name}", action


def _words(node: _Node) -> tuple[str, ...]:
    return (*(action.name for action in node.actions), *node.words)


def _bash(nodes: tuple[_Node, ...]) -> Iterator[str]:
    yield "# bash completion of tagwatch; made by `tagwatch completion bash`"
    yield "_tagwatch() {"
    yield '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '  local path="${COMP_WORDS[1]}" flags="" words="" values=""'
    yield "  COMPREPLY=()"
    yield '  if [ "$COMP_CWORD" -eq 1 ]; then'
    names = " ".join((*(node.name for node in nodes), "help", "--help", "--version"))
    yield f"    mapfile -t COMPREPLY < <(compgen -W '{names}' -- \"$cur\")"
    yield "    return"
    yield "  fi"
    nested = "|".join(node.name for node in nodes if node.actions)
    yield '  case "$path" in'
    yield f"    help) mapfile -t COMPREPLY < <(compgen -W '{names}' -- \"$cur\"); return ;;"
    yield f'    {nested}) [ "$COMP_CWORD" -gt 2 ] && path="$path ${{COMP_WORDS[2]}}" ;;'
    yield "  esac"
    yield '  case "$path" in'
    for path, node in _paths(nodes):
        flags = " ".join(name for flag in node.flags for name in flag.names)
        yield f"    '{path}')"
        yield f"      flags='{flags}'"
        if _words(node):
            yield f"      words='{' '.join(_words(node))}'"
        valued = [flag for flag in node.flags if flag.value]
        if valued:
            yield '      case "$prev" in'
            for flag in valued:
                yield f"        {'|'.join(flag.names)}) values='{' '.join(flag.choices) or '-'}' ;;"
            yield "      esac"
        yield "      ;;"
    yield "  esac"
    yield '  if [ "$values" = - ]; then'
    yield "    compopt -o default 2>/dev/null"
    yield '  elif [ -n "$values" ]; then'
    yield '    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")'
    yield '  elif [ "${cur:0:1}" = - ]; then'
    yield '    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")'
    yield '  elif [ -n "$words" ]; then'
    yield '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")'
    yield "  else"
    yield "    compopt -o default 2>/dev/null"
    yield "  fi"
    yield "}"
    yield "complete -F _tagwatch tagwatch"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _described(name: str, text: str) -> str:
    """Return a word of zsh's `_describe`, in which a colon ends the name."""
    return _quoted(
        f"{name.replace(':', chr(92) + ':')}:{text}" if text else name.replace(":", "\\:")
    )


def _zsh(nodes: tuple[_Node, ...]) -> Iterator[str]:
    yield "#compdef tagwatch"
    yield "# zsh completion of tagwatch; made by `tagwatch completion zsh`"
    yield "_tagwatch() {"
    yield "  local -a commands flags actions values"
    yield "  local place=$words[2]"
    yield "  commands=("
    yield from (f"    {_described(node.name, node.help)}" for node in nodes)
    yield "  )"
    yield "  if (( CURRENT == 2 )) || [[ $place == help ]]; then"
    yield "    _describe -t commands command commands"
    yield "    return"
    yield "  fi"
    nested = "|".join(node.name for node in nodes if node.actions)
    yield f'  case $place in ({nested}) (( CURRENT > 3 )) && place="$place $words[3]" ;; esac'
    yield "  case $place in"
    for path, node in _paths(nodes):
        yield f"    ({_quoted(path)})"
        yield "      flags=("
        for flag in node.flags:
            yield from (f"        {_described(name, flag.help)}" for name in flag.names)
        yield "      )"
        if _words(node):
            told = {action.name: action.help for action in node.actions}
            yield "      actions=("
            yield from (f"        {_described(word, told.get(word, ''))}" for word in _words(node))
            yield "      )"
        valued = [flag for flag in node.flags if flag.value]
        if valued:
            yield "      case $words[CURRENT-1] in"
            for flag in valued:
                if flag.choices:
                    yield f"        ({'|'.join(flag.names)}) values=({' '.join(flag.choices)}) ;;"
                else:
                    yield f"        ({'|'.join(flag.names)}) _files; return ;;"
            yield "      esac"
        yield "      ;;"
    yield "  esac"
    yield "  if (( $#values )); then"
    yield "    _describe -t values value values"
    yield "  elif [[ $words[CURRENT] == -* ]]; then"
    yield "    _describe -o -t flags flag flags"
    yield "  elif (( $#actions )); then"
    yield "    _describe -t actions word actions"
    yield "  else"
    yield "    _files"
    yield "  fi"
    yield "}"
    yield "if [[ $funcstack[1] == _tagwatch ]]; then"
    yield '  _tagwatch "$@"'
    yield "else"
    yield "  compdef _tagwatch tagwatch"
    yield "fi"


def _fish(nodes: tuple[_Node, ...]) -> Iterator[str]:
    yield "# fish completion of tagwatch; made by `tagwatch completion fish`"
    yield "complete -c tagwatch -n __fish_use_subcommand -f"
    for node in nodes:
        about = f"-n __fish_use_subcommand -f -a {node.name} -d {_quoted_fish(node.help)}"
        yield f"complete -c tagwatch {about}"
    for node in nodes:
        seen = f"__fish_seen_subcommand_from {node.name}"
        names = " ".join(action.name for action in node.actions)
        if node.actions:
            first = f"{seen}; and not __fish_seen_subcommand_from {names}"
            for action in node.actions:
                told = f"-f -a {action.name} -d {_quoted_fish(action.help)}"
                yield f"complete -c tagwatch -n {_quoted_fish(first)} {told}"
        if node.words:
            words = _quoted_fish(" ".join(node.words))
            yield f"complete -c tagwatch -n {_quoted_fish(seen)} -f -a {words}"
        yield from _fish_flags(node, seen)
        for action in node.actions:
            both = f"{seen}; and __fish_seen_subcommand_from {action.name}"
            yield from _fish_flags(action, both)


def _fish_flags(node: _Node, when: str) -> Iterator[str]:
    for flag in node.flags:
        names = " ".join(
            f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names
        )
        if "=" in names:
            continue  # `--fix=pin`: fish completes the flag, and what follows is typed
        takes = ""
        if flag.choices:
            takes = f" -x -a {_quoted_fish(' '.join(flag.choices))}"
        elif flag.value:
            takes = " -r"
        about = f"{names}{takes} -d {_quoted_fish(flag.help)}"
        yield f"complete -c tagwatch -n {_quoted_fish(when)} {about}"


def _quoted_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _man(nodes: tuple[_Node, ...]) -> Iterator[str]:
    yield f'.TH TAGWATCH 1 "" "tagwatch {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "tagwatch \\- what every image tag is, what it was, why it moved, and what to do"
    yield ".SH SYNOPSIS"
    yield ".B tagwatch"
    yield "\\fICOMMAND\\fR [\\fIOPTION\\fR…] [\\fIARGUMENT\\fR…]"
    yield ".SH COMMANDS"
    for node in nodes:
        yield ".TP"
        yield f".B {_roff(node.name)}"
        yield _roff(node.help)
    for path, node in _paths(nodes):
        yield f".SH {_roff(path.upper())}"
        names = " ".join(name for name, _ in node.arguments)
        action = "ACTION " if node.actions else ""
        yield f"\\fBtagwatch {path}\\fR [\\fIOPTION\\fR…] \\fI{_roff(action + names)}\\fR".rstrip()
        if node.help:
            yield ".PP"
            yield _roff(node.help)
        for name, text in node.arguments:
            yield ".TP"
            yield f"\\fI{_roff(name)}\\fR"
            yield _roff(text)
        for flag in node.flags:
            shown = ", ".join(f"\\fB{_roff(name)}\\fR" for name in flag.names)
            yield ".TP"
            yield f"{shown} \\fI{_roff(flag.value)}\\fR" if flag.value else shown
            yield _roff(flag.help)
        if node.epilog:
            yield ".PP"
            yield ".nf"
            yield from (_roff(line) for line in node.epilog.splitlines())
            yield ".fi"
    yield ".SH FILES"
    for name, text in (
        (
            "tagwatch.yaml, policy.yaml",
            "what is watched and how it is judged, at a repository's root",
        ),
        ("~/.config/tagwatch/tagwatch.yaml", "your own configuration"),
        ("~/.local/share/tagwatch/tagwatch.db", "the ledger: what every tag served, and when"),
    ):
        yield ".TP"
        yield f"\\fI{_roff(name)}\\fR"
        yield _roff(text)


def _roff(text: str) -> str:
    """Return text of which no line is a request to roff."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe[:1] in (".", "'") else safe
