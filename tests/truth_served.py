"""Ground truth through the real command: a registry serves a world, `tagwatch resolve` answers.

`hub`: Docker Hub with its catalogue, which gives digests in bulk. `plain`: a registry that lists
names only. The images served say nothing of their version, so that tags alone can tell.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagwatch.image.digest import Digest
from tagwatch.service.demo.images import Shelf, build
from tagwatch.service.demo.show import serving
from tests.truth import Answer, Question, judge, questions, table, worlds

__all__ = ["HOSTS", "Told", "ask_command", "served"]

HOSTS = {"hub": "docker.io", "plain": "registry.truth.example"}
_DAY = "2026-08-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the command answered, how long it took, and how many documents it fetched."""

    answers: tuple[Answer, ...]
    seconds: float
    documents: int

    def in_order(self, _asked: Sequence[Question]) -> Iterator[Answer]:
        """The answers, as `judge` takes them."""
        return iter(self.answers)


def served(images: Mapping[str, Mapping[str, Digest]]) -> Shelf:
    """A shelf where each alias group of `images` is an image of its own."""
    shelf = Shelf()
    for image, tags in images.items():
        groups: dict[Digest, list[str]] = {}
        for tag, digest in tags.items():
            groups.setdefault(digest, []).append(tag)
        for digest, group in groups.items():
            built = build(None, (), day=_DAY, config={"Labels": {"group": digest}})
            shelf.manifests[built.manifest.digest] = built.manifest
            shelf.blobs.update(built.blobs)
            for tag in group:
                shelf.tags.setdefault(f"library/{image}", {})[tag] = built.manifest.digest
                shelf.pushed[f"library/{image}", tag] = _DAY
    return shelf


def ask_command(shelf: Shelf, form: str, asked: Sequence[Question], folder: Path) -> Told:
    """All of `asked` on standard input of one `tagwatch resolve`; `folder` holds its ledger."""
    return asyncio.run(_ask_command(shelf, form, asked, folder))


async def _ask_command(shelf: Shelf, form: str, asked: Sequence[Question], folder: Path) -> Told:
    async with serving(shelf) as address:
        config = _config(address, form, folder)
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tagwatch", "resolve", "--config", str(config)),
            *("--format", "json", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": str(folder), "NO_COLOR": "1"},
        )
        lines = "".join(f"{HOSTS[form]}/library/{one.image}:{one.text}\n" for one in asked)
        out, err = await process.communicate(lines.encode())
        seconds = time.monotonic() - started
    if process.returncode not in (0, 1):
        raise SystemExit(f"tagwatch resolve: exit {process.returncode}\n{err.decode()}")
    answers = tuple(_answers(json.loads(out), len(asked)))
    with sqlite3.connect(folder / "tagwatch.db") as ledger:
        ((documents,),) = ledger.execute("SELECT count(*) FROM document")
    return Told(answers=answers, seconds=seconds, documents=documents)


def _config(address: str, form: str, folder: Path) -> Path:
    registry = {"endpoint": address, "credential": "anonymous"}
    if form == "hub":
        registry["catalogue_endpoint"] = address
    path = folder / "tagwatch.yaml"
    document = {"version": 1, "database": "tagwatch.db", "registries": {HOSTS[form]: registry}}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _answers(document: Mapping[str, Any], count: int) -> Iterator[Answer]:
    found = document["resolutions"]
    if len(found) != count:
        raise SystemExit(f"{count} questions, {len(found)} answers")
    for one in found:
        yield Answer(status=one["status"], tag=one["tag"], version=one["version"])


def main() -> int:
    """Every question of both worlds, as far as a registry of that form is asked such things."""
    failed = 0
    for form, world in (("hub", "now"), ("plain", "now"), ("hub", "ever")):
        asked = questions(world)
        with tempfile.TemporaryDirectory() as folder:
            told = ask_command(served(worlds()[world]), form, asked, Path(folder))
        counts, remarks = judge(asked, told.in_order)
        print(f"tagwatch resolve, {form}, {world}: {told.seconds:.1f} s")
        print(table(counts), *remarks, sep="\n")
        failed += sum(number for (_, _, said), number in counts.items() if said == "wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
