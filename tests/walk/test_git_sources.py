"""Git repositories among the sources: fetched, kept, and read as a stranger's."""

from __future__ import annotations

import re
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


async def test_what_cannot_be_fetched_is_said(place: Workplace, tmp_path: Path) -> None:
    shop = _repository(tmp_path / "shop", {"Dockerfile": "FROM nginx:latest\n"})
    gone = f'  - {{git: "{tmp_path}/none", name: gone}}\n'
    place.write("tagwatch.yaml", SETTINGS + f'  - {{git: "{shop}"}}\n' + gone)
    found, code = await _found(place)
    assert ("gone", "check-incomplete") in found
    assert code == 1, "what was not read is not clean"
    shop.rename(tmp_path / "moved")
    done = await place.run("scan", "--no-alerts")
    assert "was not fetched" in done.out
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


async def test_a_line_of_another_repository_leads_to_its_own_forge(
    place: Workplace, tmp_path: Path
) -> None:
    shop = _repository(tmp_path / "shop", {"a/Dockerfile": "FROM nginx:latest\n"})
    _repository(tmp_path / "web", {"Dockerfile": "FROM httpd:latest\n"})
    (place.folder / "Dockerfile").write_text("FROM redis:latest\n", encoding="utf-8")
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


def _head(folder: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
