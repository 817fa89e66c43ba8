"""The commands that README and docs show run as they stand there, in one repository."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tests.paths import ROOT
from tests.walk.command import Done, Workplace

PAGES = (
    *("README.md", "docs/index.md", "docs/start.md", "docs/how-to/policy.md", "docs/trust.md"),
    *("docs/how-to/ci.md", "docs/outdated.md", "docs/pull-requests.md", "docs/facts.md"),
    *("docs/how-to/nightly.md", "docs/history.md", "docs/knowledge.md", "docs/registries.md"),
    *("docs/alerts.md", "docs/how-to/developer.md"),
)
"""In an order in which each has what it needs; `docs/operations.md` has a test of its own."""
ELSEWHERE = {
    "demo": "tests/golden and tests/browser play it",
    "init": "begins a repository: tests/walk/test_init.py",
    "serve": "it does not end: tests/walk/test_serve.py",
    "history import": "needs a library of official images: tests/walk/test_history.py",
    "history bundle": "needs a library of official images: tests/walk/test_history_bundle.py",
    "alerts drop 17": "a number of an alert that is there: tests/walk/test_undelivered.py",
    "pr origin/main..HEAD --comment": "needs a forge: tests/walk/test_pr_comment.py",
}
"""What does not run here, and who runs it."""
CODES = {
    "check": {0, 1},
    "scan": {0, 1},
    "outdated": {0, 1},
    "pr": {0, 1},
    "diff": {0, 1, 4},
    "history": {0, 1, 4},
    "resolve": {0, 1, 4},
    "base": {0, 1},
    "doctor": {0, 1},
    "alerts test": {0, 1},
}
"""What a command may end with beside 0: it found something, or an image of the page is not here."""
_BLOCK = re.compile(r"^( *)```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def shown(page: str) -> Iterator[str]:
    """The lines of a page that begin with `$ tagwatch`."""
    for _, block in _BLOCK.findall((ROOT / page).read_text("utf-8")):
        for line in block.splitlines():
            if line.strip().startswith("$ tagwatch "):
                yield line.strip().removeprefix("$ tagwatch ")


def elsewhere(line: str) -> str:
    """The entry of `ELSEWHERE` that speaks of a line; empty where it runs here."""
    return next((one for one in ELSEWHERE if f"{line} ".startswith(f"{one} ")), "")


def desk(folder: Path, address: str) -> Workplace:
    """The demo's files as a repository with a branch, and the operator's configuration."""
    files = resources.files("tagwatch.service.demo") / "files"
    with resources.as_file(files) as source:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    place = Workplace(
        folder,
        {
            "HOME": str(folder.parent / "home"),
            "XDG_DATA_HOME": str(folder.parent / "data"),
            "WEBHOOK": "http://127.0.0.1:9/",
        },
    )
    own = (folder / "tagwatch.yaml").read_text("utf-8").partition("alerts:")[0]
    asked = f"endpoint: '{address}', catalogue_endpoint: '{address}', credential: anonymous"
    hosts = ("docker.io", "registry.shop.example", "registry.example")
    registries = "".join(f"  {host}: {{{asked}}}\n" for host in hosts)
    alerts = "alerts: [{name: team, webhook: {url_env: WEBHOOK, allow_http: true}}]\n"
    place.write("tagwatch.yaml", f"{own}{alerts}registries:\n{registries}")
    for words in (
        ("init", "-q", "--initial-branch=main"),
        ("add", "-A"),
        ("commit", "-qm", "files"),
        ("update-ref", "refs/remotes/origin/main", "HEAD"),
    ):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return place


async def run(place: Workplace, line: str) -> Done:
    """Run a line as a shell would: without its comment, from and to the files that it names."""
    words = shlex.split(line.replace("$DEFAULT", "main"), comments=True)
    stdin = None
    if "<" in words:
        at = words.index("<")
        stdin = (place.folder / words[at + 1]).read_bytes()
        del words[at : at + 2]
    if ">" in words:
        del words[words.index(">") :]
    return await place.run(*words, stdin=stdin)


async def test_every_command_runs_as_it_stands_there(tmp_path: Path) -> None:
    shelf = first_night()
    told: list[str] = []
    async with serving(shelf) as address:
        place = desk(tmp_path / "shop", address)
        assert (await place.run("scan", "--no-alerts")).code in (0, 1)
        second_night(shelf)
        done: set[str] = set()
        for page in PAGES:
            for line in shown(page):
                command = " ".join(shlex.split(line, comments=True))
                if command in done or elsewhere(line):
                    continue
                done.add(command)
                got = await run(place, line)
                allowed = next(
                    (codes for name, codes in CODES.items() if f"{line} ".startswith(f"{name} ")),
                    {0},
                )
                if got.code not in allowed or "Traceback" in got.err or "internal" in got.err:
                    told.append(f"{page}: {line}\n  {got.code}: {got.err[-300:]}")
    assert not told, "\n".join(told)
    assert len(done) > 35


def test_every_page_and_exception_is_spoken_of() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    pages += sorted((ROOT / "docs" / "how-to").glob("*.md"))
    names = [path.relative_to(ROOT).as_posix() for path in pages]
    others = {name for name in names if list(shown(name))} - {*PAGES, "docs/operations.md"}
    lines = [line for name in names for line in shown(name)]
    assert all(elsewhere(line) for name in others for line in shown(name)), others
    assert {elsewhere(line) for line in lines} - {""} == set(ELSEWHERE)
