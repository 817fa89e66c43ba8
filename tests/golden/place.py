"""A folder in which commands run at a moment of our choosing, and what they answered, written down.

An answer is kept as a transcript: the command line, the exit code, standard output and standard
error whole, and each file that the command changed. `without_this_machine` is the one place where
anything is put in place of what was really said.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tagwatch import __version__
from tagwatch.ledger.codec import expand
from tests.paths import TESTS
from tests.program import child as program

__all__ = ["Place", "sections_of"]

CLOCK = TESTS / "golden" / "clock.py"
_SECTION = "--- "
_VERSION = re.escape(__version__)
# where an answer tells the program's own version: the text before it
_TOLD_VERSION = re.compile(
    rf'(tagwatch[ /]v?|"(?:semanticVersion|version)": "|<version>){_VERSION}(?![\d.])'
)

_SIGNED = re.compile(r'(?m)^(ed25519-[0-9a-f]+) \S+(\n\{.*"sha256": ")[0-9a-f]{64}(?="\}$)')
# A page's memo: a hash of all that it shows, the program's version among it.
_MEMO = re.compile(r"<!-- [0-9a-f]{64} -->")
_SHOWN = re.compile(r'"(?:digest|made_from)": "[0-9a-f]{32,64}"')  # of answers, which name a port
# a port makes a fact shorter or longer
_BYTES = re.compile(r"(?<= facts, )\d+(?= bytes)")
_COUNTED = re.compile(r"\d+ requests? \([^)]*\)")


def without_this_machine(text: str, folder: Path) -> str:
    """`text` with a placeholder for what another machine, run or release would say otherwise.

    `<folder>` is where the command ran, `<home>` its user's home, `<port>` the port on which its
    registry listened, and `<version>` tagwatch's own. An extract names that port, so that its hash,
    its signature and its size on disk are placeholders, too. Days, ages, digests, counts and other
    sizes are compared as they are.
    """
    text = text.replace(str(folder.resolve()), "<folder>").replace(str(folder), "<folder>")
    text = text.replace(str(folder.with_name("home")), "<home>")
    text = re.sub(r"127\.0\.0\.1:\d{5}\b", "127.0.0.1:<port>", text)
    text = _BYTES.sub("<bytes>", text)
    text = _SIGNED.sub(r"\1 <signature>\2<hash>", text)
    return _TOLD_VERSION.sub(r"\1<version>", text)


@dataclass(slots=True, kw_only=True)
class Place:
    """Where commands run, when, and with what. `answers`: transcripts by name, in their order."""

    folder: Path
    at: str
    environment: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    _imported: set[str] = field(default_factory=set)

    def write(self, name: str, content: str) -> None:
        """Write a file; its folders are made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")

    async def note(self, name: str, line: str, *, stdin: str = "", counts: bool = True) -> None:
        """Run `tagwatch LINE` and keep what it answered under that name.

        `counts` False: how many requests it told of differs from run to run, and is left out.
        """
        assert name not in self.answers, f"two answers are called {name}"
        transcript = await self._answered(self.folder, line, stdin)
        self.answers[name] = transcript if counts else _COUNTED.sub("<requests>", transcript)

    async def note_changes(self, name: str, line: str) -> None:
        """Run it in a copy of the folder, and keep the files that it changed there as well."""
        assert name not in self.answers, f"two answers are called {name}"
        copy = self.folder.with_name(f"{self.folder.name}-{name}")
        shutil.copytree(self.folder, copy)
        before = _contents(copy)
        transcript = await self._answered(copy, line)
        for path, raw in _contents(copy).items():
            if raw != before.get(path):
                transcript += _section(f"file {path}", raw.decode())
        self.answers[name] = transcript

    def note_file(self, name: str, path: str) -> None:
        """Keep what a file holds."""
        text = (self.folder / path).read_bytes().decode()
        self.answers[name] = without_this_machine(_section(f"file {path}", text), self.folder)

    def note_written(self, name: str, directory: str, *comparable: str) -> None:
        """Keep the names of the files below a directory, and what they hold as SHA-256.

        `comparable`: of these alone what they hold; of all where none is named.
        """
        lines = []
        for path, raw in sorted(_contents(self.folder / directory).items()):
            text = without_this_machine(raw.decode(), self.folder)
            text = _SHOWN.sub("", text) if path == "pages.json" else _MEMO.sub("", text)
            held = hashlib.sha256(text.encode()).hexdigest()
            shown = path in comparable or not comparable
            lines.append(f"{held if shown else 'not compared'}  {path}\n")
        self.answers[name] = "".join(lines)

    async def _answered(self, folder: Path, line: str, stdin: str = "") -> str:
        configured = folder / "tagwatch.yaml"
        # each command once in a new interpreter: it has to import all that it needs
        name = shlex.split(line)[0]
        begin = program.start if name in self._imported else program.new_process
        self._imported.add(name)
        process = await begin(
            "-P",
            str(CLOCK),
            self.at,
            *shlex.split(line),
            cwd=folder,
            env={
                "HOME": str(self.folder.with_name("home")),
                "LANG": "C.UTF-8",
                "PATH": os.environ["PATH"],
                "PYTHONWARNINGS": "error",
                "TZ": "UTC",
                # the folder's configuration is the word of whoever runs these commands
                **({"TAGWATCH_CONFIG": str(configured)} if configured.is_file() else {}),
                **self.environment,
            },
            stdin=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        head = f"$ tagwatch {line}\n# {self.at}, exit code {process.returncode}\n"
        told = [("stdout", _readable(out)), ("stderr", err.decode())]
        sections = [_section(title, text) for title, text in told if text]
        return without_this_machine(head + "".join(sections), folder)


def sections_of(transcript: str) -> dict[str, str]:
    """What a transcript tells, by the title of each section."""
    _, *parts = re.split(rf"^{_SECTION}(stdout|stderr|file .*)\n", transcript, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _readable(out: bytes) -> str:
    """What a command wrote; of an extract, with its facts as the lines that they are."""
    if not out.startswith(b"tagwatch-facts "):
        return out.decode()
    *head, body = out.split(b"\n", 3)
    return b"\n".join((*head, expand(body))).decode()


def _section(title: str, text: str) -> str:
    end = "" if text.endswith("\n") else "\n\\ no line end\n"
    return f"{_SECTION}{title}\n{text}{end}"


def _contents(folder: Path) -> dict[str, bytes]:
    """What every file holds, save the ledger's, whose bytes are no answer."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".db" not in path.name
    }
