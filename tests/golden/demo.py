"""Every command over the demo's two nights, with the demo's own files and registry."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tests.extract import NIGHTLY
from tests.golden.place import Place

__all__ = ["FIRST", "SECOND", "play_demo", "registries_at", "shop_folder"]

FIRST, SECOND = "2026-08-20T02:00:00Z", "2026-08-22T02:00:00Z"
HOSTS = ("docker.io", "registry.shop.example")
API = "registry.shop.example/shop/api"
WEB = "registry.shop.example/shop/web"
FORMATS = ("json", "sarif", "github", "gitlab", "junit")


async def play_demo(folder: Path) -> Mapping[str, str]:
    """The transcripts, by name."""
    shelf = first_night()
    async with serving(shelf) as address:
        place = shop_folder(folder / "shop", address)
        await _before_any_scan(place)
        await _first_night(place)
        second_night(shelf)
        place.at = SECOND
        await _second_night(place)
        await _images(place)
        await _bump(place, folder / "bump")
        await _mend(place, shelf)
        await _fresh_clone(place, folder / "clone")
        await _keep(place)
    return place.answers


def shop_folder(folder: Path, address: str) -> Place:
    """The demo's files in a folder, configured to ask the registry at that address."""
    files = resources.files("tagwatch.service.demo") / "files"
    with resources.as_file(files) as source:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    text = (folder / "tagwatch.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith("alerts:")]
    place = Place(folder=folder, at=FIRST, environment={"FACTS_KEY": NIGHTLY.private})
    place.write("tagwatch.yaml", "".join(kept) + registries_at(address))
    return place


def registries_at(address: str, *more: str) -> str:
    """The lines of tagwatch.yaml that send its questions to the registry at that address.

    `more`: hosts beside the demo's. One request at a time: where several are under way, a HEAD that
    finds nothing may come back before the first that finds something, and then costs a GET. The
    counts are part of the answers.
    """
    lines = [
        f"  {host}: {{endpoint: '{address}', credential: anonymous, concurrency: 1}}\n"
        for host in (*HOSTS, *more)
    ]
    return "".join(["registries:\n", *lines])


async def _before_any_scan(place: Place) -> None:
    await place.note("version", "--version")
    await place.note("no-such-command", "chekc")
    await place.note("nothing-to-read", "check policy.yaml")
    await place.note("no-ledger", "history redis:7")
    await place.note("no-reference", "resolve 'Redis:7'")
    await place.note("init", "init --directory ../begun")
    await place.note("init-again-json", "init --directory ../begun-json --format json")
    await place.note("trust-list-json", "trust --list --format json")
    await place.note("knowledge-json", "knowledge --format json")
    await place.note("schema-config", "schema config")
    await place.note("schema-policy", "schema policy")
    await place.note("explain", "explain")
    for rule in ("tag-replaced", "base-stale", "cooldown"):
        await place.note(f"explain-{rule}", f"explain {rule}")
    await place.note("explain-json", "explain tag-missing --format json")
    await place.note("explain-all-json", "explain --format json")
    await place.note("extract", "extract")
    await place.note("extract-json", "extract Dockerfile deploy --format json")
    await place.note("extract-build-arg", "extract Dockerfile --build-arg PYTHON=3.13-slim")
    await place.note("policy", "policy explain redis:6.2")
    await place.note(
        "policy-json", f"policy explain {API}:1.4.2 --path deploy/shop.yaml --format json"
    )
    await place.note("check-never-asked", "check --offline")
    await place.note("check-never-asked-json", "check --offline --format json")


async def _first_night(place: Place) -> None:
    await place.note("first-check-json", "check --format json")
    await place.note("first-check", "check")
    await place.note("first-scan", "scan")
    await place.note("first-doctor", "doctor")
    await place.note("first-doctor-json", "doctor --format json")
    await place.note("baseline-write", "baseline write")
    place.note_file("baseline-file", "tagwatch-baseline.json")
    await place.note("baseline-json", "check --baseline tagwatch-baseline.json --format json")


async def _second_night(place: Place) -> None:
    await place.note("second-check-offline", "check --offline")
    await place.note("second-check-offline-json", "check --offline --format json")
    await place.note("second-scan-json", "scan --format json")
    await place.note("report", "report --format text")
    for form in (*FORMATS, "markdown"):
        await place.note(f"report-{form}", f"report --format {form}")
    await place.note("report-html", "report --directory pages")
    place.note_written("report-html-pages", "pages")
    await place.note("second-scan-again", "scan")
    await place.note("second-scan-sarif", "scan --format sarif")
    place.note_written("second-scan-reports", "reports")
    await place.note("second-check", "check")
    for form in FORMATS:
        await place.note(f"second-check-{form}", f"check --format {form}")
    await place.note("second-check-one-file", "check docker-compose.yaml --quiet")
    await place.note("second-check-exit-zero", "check deploy --exit-zero --format github")
    await place.note("second-check-baseline", "check --baseline tagwatch-baseline.json")
    await place.note("outdated", "outdated --all")
    await place.note("outdated-json", "outdated --all --format json")
    await place.note("outdated-markdown", "outdated --format markdown --level minor --fail")
    await place.note_changes(
        "prune", "check --fix --baseline tagwatch-baseline.json --prune --offline"
    )


async def _images(place: Place) -> None:
    asked = "redis:6.2 redis:6.2.x 'redis:>=6.2 <8' redis:^7 redis node:22 python:3.12-slim"
    missing = f"redis:0.0.1 {API}:1.4 {API}:1.4.2 {WEB}:1.9.4"
    await place.note("resolve", f"resolve {asked} {missing}")
    await place.note("resolve-json", f"resolve {asked} {missing} --format json")
    lines = "redis:7\n\nnode:22\n"
    await place.note("resolve-lines-json", "resolve - --format json", stdin=lines)
    await place.note("resolve-offline", "resolve mysql:8 redis:7 --offline")
    for name, line in {
        "tag": "redis:7",
        "replaced": f"{API}:1.4.2",
        "deleted": f"{WEB}:1.9.4",
        "at": "redis:7 --at 2026-08-21",
        "all": f"{API}",
        "unknown": "redis:nope",
    }.items():
        await place.note(f"history-{name}", f"history {line}")
        await place.note(f"history-{name}-json", f"history {line} --format json")
    for tag in ("1.4.1", "1.4.2", "1.4", "9.9"):
        await place.note(f"base-{tag}", f"base {API}:{tag}")
    await place.note("base-json", f"base {API}:1.4.1 {API}:1.4.3 {WEB}:2.0 {API}:9.9 --format json")
    for name, line in {
        "same": "redis:7 redis:7",
        "replaced": f"{API}:1.4.2@2026-08-21 {API}:1.4.2",
        "rebuilt": "python:3.12-slim@2026-08-21 python:3.12-slim",
        "platform": "redis:6.2 redis:7 --platform linux/arm64",
        "versions": "redis:6.2 redis:7",
        "missing": "redis:7 redis:0.0.1",
    }.items():
        await place.note(f"diff-{name}", f"diff {line}")
        if name != "missing":
            await place.note(f"diff-{name}-json", f"diff {line} --format json")


async def _bump(place: Place, folder: Path) -> None:
    """What a pull request does to the images of the shop, by the memory that there is."""
    shutil.copytree(place.folder, folder, ignore=shutil.ignore_patterns("reports"))
    other = Place(folder=folder, at=place.at, environment=place.environment, answers=place.answers)
    _git(folder, "init", "-q", "-b", "main")
    _commit(folder)
    for name, old, new in (
        ("docker-compose.yaml", "redis:6.2.23", "redis:6.2"),
        ("Dockerfile", "node:22", f"{API}:1.4.2"),
    ):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        other.write(name, text.replace(old, new, 1))
    other.write("more/Dockerfile", f"FROM {WEB}:9.9\n")
    _commit(folder)
    await other.note("pr", "pr HEAD^.. --offline")
    await other.note("pr-json", "pr HEAD^.. --offline --format json")
    await other.note("pr-markdown", "pr HEAD^.. --offline --format markdown")
    await other.note("pr-nowhere", "pr nowhere..HEAD --offline")


def _commit(folder: Path) -> None:
    files = ("Dockerfile", "docker-compose.yaml", "deploy", "more")
    _git(folder, "add", *(name for name in files if (folder / name).exists()))
    _git(folder, "commit", "-q", "-m", "x")


def _git(folder: Path, *arguments: str) -> None:
    """Run git so that every commit is the same each time."""
    who = {
        f"GIT_{role}_{part}": said
        for role in ("AUTHOR", "COMMITTER")
        for part, said in (("NAME", "a"), ("EMAIL", "a@b"), ("DATE", SECOND))
    }
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **who}
    subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **own}, check=True)


async def _mend(place: Place, shelf: Shelf) -> None:
    """`--fix` in its forms, each on a copy; and a digest, whose history spans repositories."""
    digest = shelf.tags["library/redis"]["7"]
    await place.note("history-digest", f"history {digest}")
    await place.note("history-digest-json", f"history {digest} --format json")
    await place.note("fix-dry-run", "check --fix --dry-run --offline")
    for name, flag in {
        "fix": "--fix",
        "fix-pin": "--fix=pin",
        "fix-bump-patch": "--fix=bump:patch",
        "fix-bump-minor": "--fix=bump:minor",
    }.items():
        await place.note_changes(name, f"check {flag} --offline")


async def _fresh_clone(place: Place, clone: Path) -> None:
    """What the nightly memory gives to a clone that has none."""
    await place.note("facts-export", "facts export --key-env FACTS_KEY")
    await place.note("facts-file", "facts export --key-env FACTS_KEY --output ../facts.tagwatch")
    shutil.copytree(place.folder, clone, ignore=shutil.ignore_patterns("tagwatch.db*", "reports"))
    other = Place(folder=clone, at=place.at, environment=place.environment, answers=place.answers)
    await other.note(
        "facts-import", f"facts import ../facts.tagwatch --public-key {NIGHTLY.public.text}"
    )
    await other.note("facts-check", "check --offline")
    await other.note("facts-check-json", "check --offline --format json")


async def _keep(place: Place) -> None:
    await place.note("ledger-check", "ledger check")
    await place.note("ledger-backup", "ledger backup copy.db")
    await place.note("ledger-forget", "ledger forget --history 1d --runs 1d")
    await place.note("ledger-forgot", f"history {API} --format json")
    # the demo asks as fast as it may, so what that cost is no answer
    await place.note("demo", "demo --directory played", counts=False)
    place.note_written("demo-files", "played", "slack.json", "latest.sarif", "index.html")
