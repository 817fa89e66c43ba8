"""Git repositories among the sources: fetched, kept, and read as a stranger's."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.walk.command import Workplace

SETTINGS = """\
version: 1
database: ledger.db
registries: {docker.io: {endpoint: "http://127.0.0.1:9"}}
environment: [TAG]
sources:
"""
UNRESOLVED = "FROM redis:${NOBODY_SAYS}\n"
"""A finding for which no registry is asked."""


def _git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, "-C", str(folder), *words], check=True, capture_output=True)


def _repository(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    _git(folder, "init", "-q")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", "files")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    home = tmp_path / "user"
    home.mkdir()
    folder = tmp_path / "operator"
    folder.mkdir()
    return Workplace(
        folder, environment={"HOME": str(home), "XDG_DATA_HOME": str(home), "TAG": "6.2"}
    )


def _held(home: Path) -> list[Path]:
    """What was fetched."""
    return list(home.rglob("repositories"))


async def _found(place: Workplace) -> tuple[set[tuple[str, str]], int]:
    """The findings of a scan as path and rule, and its exit code."""
    done = await place.run("scan", "--no-alerts", "--format", "json")
    return {(one["location"]["path"], one["rule"]) for one in done.json["findings"]}, done.code


async def test_a_scan_reads_many_repositories(place: Workplace, tmp_path: Path) -> None:
    shop = _repository(
        tmp_path / "shop",
        {"Dockerfile": "FROM nginx:latest\n", "deploy/c.yaml": "services: {a: {image: redis}}\n"},
    )
    _repository(tmp_path / "web", {"Dockerfile": "FROM httpd\n", "a/Dockerfile": "FROM httpd\n"})
    sources = f'  - {{git: "{shop}"}}\n  - {{git: "file://{tmp_path}/web", files: ["a/*"]}}\n'
    place.write("tagwatch.yaml", SETTINGS + sources)
    found, _ = await _found(place)
    assert ("shop/Dockerfile", "tag-latest") in found
    assert ("web/a/Dockerfile", "tag-missing") in found
    assert not any(path == "web/Dockerfile" for path, _ in found), "no pattern speaks of it"

    (shop / "Dockerfile").write_text("FROM nginx\n")
    _git(shop, "commit", "-qam", "another")
    found, _ = await _found(place)
    assert ("shop/Dockerfile", "tag-missing") in found


async def test_the_name_of_a_repository_makes_no_sample(place: Workplace, tmp_path: Path) -> None:
    """What `demo` holds counts as what `shop` holds; only its own folders say what is one."""
    files = {"Dockerfile": "FROM python:2.7\n", "tests/Dockerfile": "FROM python:2.7\n"}
    demo = _repository(tmp_path / "demo", files)
    place.write("tagwatch.yaml", f'{SETTINGS}  - {{git: "{demo}"}}\n')
    done = await place.run("scan", "--no-alerts", "--format", "json")
    said = {
        one["location"]["path"]: one["severity"]
        for one in done.json["findings"]
        if one["rule"] == "version-eol"
    }
    assert said == {"demo/Dockerfile": "error", "demo/tests/Dockerfile": "note"}
    assert done.code == 1


async def test_what_cannot_be_fetched_is_said(place: Workplace, tmp_path: Path) -> None:
    shop = _repository(tmp_path / "shop", {"Dockerfile": "FROM nginx:latest\n"})
    gone = f'  - {{git: "{tmp_path}/none", name: gone}}\n'
    place.write("tagwatch.yaml", SETTINGS + f'  - {{git: "{shop}"}}\n' + gone)
    found, code = await _found(place)
    assert ("gone", "check-incomplete") in found
    assert code == 1, "what was not read is not clean"
    shop.rename(tmp_path / "moved")
    done = await place.run("scan", "--no-alerts")
    assert "was not fetched" in " ".join(done.out.split())
    assert "read as of 20" in " ".join(done.out.split())
    assert "shop/Dockerfile" in done.out


async def test_a_stranger_has_no_say(place: Workplace, tmp_path: Path) -> None:
    """No ignore, configuration, link, filter, hook or variable of a repository counts."""
    shop = _repository(
        tmp_path / "shop",
        {
            "Dockerfile": '# tagwatch: ignore=tag-latest until=2099-01-01 reason="no"\n'
            "FROM nginx:latest\nFROM redis:${TAG}\n",
            "tagwatch.yaml": "policy: {version: 1, rules: {tag-latest: {severity: 'off'}}}\n",
            ".gitattributes": "* filter=run\n",
        },
    )
    secret = tmp_path / "secret"
    secret.write_text("FROM stolen.example/secret\n")
    (shop / "linked.Dockerfile").symlink_to(secret)
    _git(shop, "add", "-A")
    _git(shop, "commit", "-qm", "a link")
    ran = tmp_path / "ran"
    home = Path(place.environment["HOME"])
    (home / ".gitconfig").write_text(f'[filter "run"]\n\tsmudge = "touch {ran}; cat"\n')
    place.write("tagwatch.yaml", SETTINGS + f'  - {{git: "{shop}"}}\n')
    done = await place.run("scan", "--no-alerts", "--format", "json")
    found = {(one["location"]["path"], one["rule"]) for one in done.json["findings"]}
    assert ("shop/Dockerfile", "tag-latest") in found
    assert ("shop/Dockerfile", "reference-unresolved") in found, "TAG is not theirs to read"
    assert "stolen.example" not in done.out
    assert not ran.exists()


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c 'touch ran'",
        "http://git.example/a.git",
        "git://git.example/a.git",
        "--upload-pack=touch ran",
        "https://user:password@git.example/a.git",
        "relative/path",
    ],
)
async def test_other_addresses_are_refused(place: Workplace, address: str) -> None:
    place.write("tagwatch.yaml", SETTINGS + f'  - git: "{address}"\n')
    done = await place.run("scan", "--no-alerts")
    told = done.is_clean_error(2)
    assert "tagwatch.yaml:6:" in told
    assert not (place.folder / "ran").exists()


async def test_a_tree_cannot_name_repositories(place: Workplace, tmp_path: Path) -> None:
    shop = _repository(tmp_path / "shop", {"Dockerfile": "FROM nginx:latest\n"})
    place.is_operators = False
    place.write("tagwatch.yaml", f'version: 1\nsources:\n  - {{git: "{shop}"}}\n')
    told = (await place.run("scan", "--no-alerts")).is_clean_error(2)
    assert "the operator's to say" in told
    assert not _held(Path(place.environment["HOME"]))


async def test_two_repositories_need_two_names(place: Workplace, tmp_path: Path) -> None:
    one = f'  - {{git: "{tmp_path}/a/shop"}}\n  - {{git: "{tmp_path}/b/shop.git"}}\n'
    place.write("tagwatch.yaml", SETTINGS + one)
    assert "say `name:`" in (await place.run("scan", "--no-alerts")).is_clean_error(2)


@pytest.mark.parametrize("name", ["reports", "all", "here", "ledger.db"])
async def test_a_repository_has_no_name_of_what_is_here_or_will_be(
    place: Workplace, tmp_path: Path, name: str
) -> None:
    """That is said before anything is fetched or written."""
    (place.folder / "here").mkdir()
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})
    source = f'  - {{git: "{shop}", name: {name}}}\n'
    place.write("tagwatch.yaml", f"{SETTINGS}{source}reports: {{projects: all}}\n")
    told = (await place.run("scan", "--no-alerts")).is_clean_error(2)
    assert f"is shown as '{name}', which is also here" in told
    assert "another `name:`" in told
    assert not _held(Path(place.environment["HOME"]))
    assert not (place.folder / "reports").exists()


async def test_a_repository_that_nobody_names_any_more_is_removed(
    place: Workplace, tmp_path: Path
) -> None:
    """After a month in which no scan asked for it: another project may name it."""
    entries = []
    for name in ("shop", "web"):
        folder = _repository(tmp_path / name, {"Dockerfile": UNRESOLVED})
        entries.append(f'  - {{git: "{folder}"}}\n')
    place.write("tagwatch.yaml", SETTINGS + "".join(entries))
    await place.run("scan", "--no-alerts")
    (below,) = _held(Path(place.environment["HOME"]))
    assert len(list(below.glob("*/.git"))) == 2
    place.write("tagwatch.yaml", SETTINGS + entries[1])
    await place.run("scan", "--no-alerts")
    assert len(list(below.glob("*/.git"))) == 2, "it was asked for today"
    for lock in below.glob("*.lock"):
        os.utime(lock, (0, lock.stat().st_mtime - 31 * 86_400))
    (below / "notes.lock").touch()
    os.utime(below / "notes.lock", (0, 0))
    (below / "notes").mkdir()
    found, _ = await _found(place)
    assert found == {("web/Dockerfile", "reference-unresolved")}
    (kept,) = below.glob("*/.git")
    assert "/web\n" in (kept / "FETCH_HEAD").read_text()
    assert {one.name for one in below.iterdir()} == {
        kept.parent.name,
        f"{kept.parent.name}.lock",
        "notes",
        "notes.lock",
    }


async def test_doctor_says_what_was_not_read(place: Workplace, tmp_path: Path) -> None:
    place.write("tagwatch.yaml", f'{SETTINGS}  - bad.yaml\n  - {{git: "{tmp_path}/none"}}\n')
    place.write("bad.yaml", "services: {a: {image: redis}\n")
    done = await place.run("doctor")
    assert "sources  not all read" in done.out
    assert f"{tmp_path}/none was not fetched: no scan has done it yet" in done.out
    assert "bad.yaml" in done.err
    assert done.code == 1, "which registries it uses, nobody knows"
    document = json.loads((await place.run("doctor", "--format", "json")).out)
    (unread,) = document["unread"]
    assert "was not fetched" in unread["message"]


def _only(home: Path) -> Path:
    """Where the one repository is kept."""
    (kept,) = home.glob("tagwatch/repositories/*/")
    return kept


def _wrapped_git(folder: Path, word: str, instead: str) -> str:
    """A `PATH` on which git does something else in place of one of its commands."""
    folder.mkdir()
    real = shutil.which("git")
    script = f'#!/bin/sh\ncase " $* " in *" {word} "*) {instead};; esac\nexec {real} "$@"\n'
    (folder / "git").write_text(script)
    (folder / "git").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


async def test_a_commit_that_was_not_laid_out_is_laid_out_the_next_time(
    place: Workplace, tmp_path: Path
) -> None:
    """A git that was killed meanwhile leaves no silence: neither at first nor later."""
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})
    place.write("Dockerfile", "FROM scratch\n")
    place.write("tagwatch.yaml", SETTINGS + f'  - Dockerfile\n  - {{git: "{shop}"}}\n')
    whole = place.environment
    broken = {**whole, "PATH": _wrapped_git(tmp_path / "bin", "checkout", "kill -9 $$")}
    for name in ("Dockerfile", "b.Dockerfile"):
        (shop / name).write_text(UNRESOLVED)
        _git(shop, "add", "-A")
        _git(shop, "commit", "-qm", "another", "--allow-empty")
        place.environment = broken
        for _ in range(2):
            found, code = await _found(place)
            assert ("shop", "check-incomplete") in found
            assert code == 1, "what was not read is not clean"
        place.environment = whole
        found, _ = await _found(place)
        assert (f"shop/{name}", "reference-unresolved") in found
        assert ("shop", "check-incomplete") not in found


async def test_nothing_of_a_repository_that_is_not_there_is_fixed(
    place: Workplace, tmp_path: Path
) -> None:
    """Neither that it is fixed nor that it is new is told of what stood all the time."""
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})
    place.write("Dockerfile", "FROM scratch\n")
    place.write("tagwatch.yaml", SETTINGS + f'  - Dockerfile\n  - {{git: "{shop}"}}\n')
    await place.run("scan", "--no-alerts")
    shutil.rmtree(_only(Path(place.environment["HOME"])))
    shop.rename(tmp_path / "moved")
    done = await place.run("scan", "--no-alerts")
    assert "1 new" in done.err, "the finding that it could not be fetched"
    assert "fixed" not in done.err
    (tmp_path / "moved").rename(shop)
    done = await place.run("scan", "--no-alerts")
    assert "1 fixed" in done.err
    assert "new" not in done.err


async def test_a_scan_in_a_hook_leaves_the_hooks_repository_alone(
    place: Workplace, tmp_path: Path
) -> None:
    mine = _repository(tmp_path / "mine", {"a": "b"})
    index = mine / ".git" / "index"
    before = index.read_bytes()
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})
    place.write("tagwatch.yaml", SETTINGS + f'  - {{git: "{shop}"}}\n')
    place.environment |= {"GIT_INDEX_FILE": str(index), "GIT_DIR": str(mine / ".git")}
    found, _ = await _found(place)
    assert ("shop/Dockerfile", "reference-unresolved") in found
    assert index.read_bytes() == before


async def test_two_projects_fetch_one_repository_at_once(place: Workplace, tmp_path: Path) -> None:
    """One waits for the other; that takes no longer than the other does."""
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})
    slow = _wrapped_git(tmp_path / "bin", "fetch", "sleep 0.5")
    places = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        places.append(Workplace(tmp_path / name, environment={**place.environment, "PATH": slow}))
        places[-1].write("tagwatch.yaml", SETTINGS + f'  - {{git: "{shop}"}}\n')
    for found, _ in await asyncio.gather(*map(_found, places)):
        assert ("shop/Dockerfile", "reference-unresolved") in found
        assert ("shop", "check-incomplete") not in found


async def test_a_repository_that_would_fill_the_disk_is_not_laid_out(
    place: Workplace, tmp_path: Path
) -> None:
    """A few kilobytes of it stand for five gigabytes."""
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})

    def made(*words: str, stdin: str = "") -> str:
        command = ["git", "-C", str(shop), "-c", "user.name=a", "-c", "user.email=a@example.com"]
        done = subprocess.run([*command, *words], input=stdin, capture_output=True, text=True)
        return done.stdout.strip()

    kind, name = "100644 blob", made("hash-object", "-w", "--stdin", stdin="\n" * 1_000_000)
    for _ in range(3):
        entries = (f"{kind} {name}\td{number}\n" for number in range(17))
        kind, name = "040000 tree", made("mktree", stdin="".join(entries))
    made("update-ref", "HEAD", made("commit-tree", name, "-m", "many"))
    place.write("tagwatch.yaml", SETTINGS + f'  - {{git: "{shop}"}}\n')
    done = await place.run("scan", "--no-alerts", "--format", "json")
    assert "it is not laid out" in done.json["problems"][0]["message"]
    assert [path.name for path in _only(Path(place.environment["HOME"])).iterdir()] == [".git"]


async def test_what_the_operator_asks_for_is_no_strangers(place: Workplace, tmp_path: Path) -> None:
    """Only where their files are read, hosts that nobody names get no login and must be public."""
    place.write("tagwatch.yaml", SETTINGS + f'  - {{git: "{tmp_path}/none"}}\n')
    image = "127.0.0.1:9/a:1"
    done = await place.run("resolve", image)
    assert "untrusted" not in done.out + done.err
    done = await place.run("doctor", "--format", "json")
    assert "*" not in [one["host"] for one in done.json["registries"]]


async def test_a_trees_own_sources_stand_in_place_of_the_operators(
    place: Workplace, tmp_path: Path
) -> None:
    """Whole: else every project of the operator's would tell of every repository."""
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})
    theirs = tmp_path / "config" / "tagwatch" / "tagwatch.yaml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text(f'version: 1\nsources:\n  - {{git: "{shop}"}}\n')
    place.is_operators = False
    place.environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    place.write("tagwatch.yaml", "version: 1\nsources: [Dockerfile]\n")
    place.write("Dockerfile", UNRESOLVED)
    found, _ = await _found(place)
    assert found == {("Dockerfile", "reference-unresolved")}


async def test_a_line_of_another_repository_leads_to_its_own_forge(
    place: Workplace, tmp_path: Path
) -> None:
    shop = _repository(tmp_path / "shop", {"a/Dockerfile": "FROM nginx:latest\n"})
    _repository(tmp_path / "web", {"Dockerfile": "FROM httpd:latest\n"})
    (place.folder / "Dockerfile").write_text("FROM redis:latest\n", encoding="utf-8")
    (place.folder / "CODEOWNERS").write_text("* @acme/operations\n", encoding="utf-8")
    _git(place.folder, "init", "-q")
    _git(place.folder, "remote", "add", "origin", "git@github.com:acme/operations.git")
    _git(place.folder, "add", "-A")
    _git(place.folder, "commit", "-qm", "files")
    home = Path(place.environment["HOME"])
    (home / ".gitconfig").write_text(
        f'[url "file://{tmp_path}/shop"]\n\tinsteadOf = https://gitlab.com/acme/shop.git\n'
    )
    place.write(
        "tagwatch.yaml",
        f"{SETTINGS}  - Dockerfile\n  - {{git: https://gitlab.com/acme/shop.git}}\n"
        f'  - {{git: "{tmp_path}/web"}}\nreports: {{formats: [html, csv]}}\n',
    )
    done = await place.run("scan", "--no-alerts")
    page = (place.folder / "reports" / "by-file.html").read_text(encoding="utf-8")
    assert "shop/a/Dockerfile" in page, done.err
    assert "web/Dockerfile" in page
    commit = _head(shop)
    links = set(re.findall(r'href="(https://[^"]*Dockerfile[^"]*)"', page))
    assert links == {
        f"https://github.com/acme/operations/blob/{_head(place.folder)}/Dockerfile#L1",
        f"https://gitlab.com/acme/shop/-/blob/{commit}/a/Dockerfile#L1",
    }, "a folder of this machine has no page"
    sheet = (place.folder / "reports" / "latest.csv").read_text(encoding="utf-8").splitlines()
    owned = [line for line in sheet if "@acme/operations" in line]
    assert owned
    assert not any("shop/a/" in line or "web/Dockerfile" in line for line in owned)


def _head(folder: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


async def test_a_scan_that_is_told_to_stop_does_not_wait_for_git(
    place: Workplace, tmp_path: Path
) -> None:
    """A forge that hangs keeps nobody; what was not fetched is said."""
    begun = tmp_path / "begun"
    shop = _repository(tmp_path / "shop", {"Dockerfile": UNRESOLVED})
    hanging = _wrapped_git(tmp_path / "bin", "fetch", f"touch {begun}; exec sleep 600")
    place.environment |= {"PATH": hanging}
    place.write("Dockerfile", UNRESOLVED)
    place.write("tagwatch.yaml", SETTINGS + f'  - Dockerfile\n  - {{git: "{shop}"}}\n')
    process = await place.start("scan", "--no-alerts", "--format", "json")
    async with asyncio.timeout(60):
        while not begun.exists():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    told = json.loads(out)
    assert not told["complete"]
    assert "the scan was stopped" in told["problems"][0]["message"]
    assert {one["location"]["path"] for one in told["findings"]} == {"Dockerfile", "shop"}
