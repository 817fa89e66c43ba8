"""A scan's report leads to the forge that git's origin names, and says who owns files."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.walk.command import Workplace
from tests.walk.misbehaving import Misbehaving, misbehaving


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with misbehaving() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, server: Misbehaving) -> Workplace:
    """A repository whose configuration stands in a folder of it."""
    place = Workplace(tmp_path)
    place.write("tagwatch.yaml", settings(server))
    place.write("Dockerfile", "FROM well.example/app:latest\nADD http://a.example/x /x\n")
    place.write("CODEOWNERS", "Dockerfile @acme/web\n")
    git(place, "init", "--quiet")
    git(place, "add", "Dockerfile")
    git(place, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "one")
    return place


def settings(server: Misbehaving, more: str = "") -> str:
    return (
        "database: tagwatch.db\nsources: [Dockerfile]\n"
        f"reports: {{formats: [html], directory: reports{more}}}\n"
        f"registries:\n{server.registries('well')}"
    )


def git(place: Workplace, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=place.folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


async def page(place: Workplace, name: str) -> str:
    done = await place.run("scan")
    assert done.code in (0, 1), done
    return (place.folder / "reports" / name).read_text(encoding="utf-8")


async def test_the_origin_of_git_and_the_owners(place: Workplace) -> None:
    git(place, "remote", "add", "origin", "https://me:s3cret@github.com/acme/shop.git")
    commit = git(place, "rev-parse", "HEAD")
    text = await page(place, "by-owner.html")
    assert ">@acme/web<" in text
    assert f'href="https://github.com/acme/shop/blob/{commit}/Dockerfile#L2"' in text
    for path in (place.folder / "reports").rglob("*.html"):
        assert "s3cret" not in path.read_text(encoding="utf-8")


async def test_pages_follow_who_owns_the_files(place: Workplace) -> None:
    await page(place, "by-owner.html")
    place.write("CODEOWNERS", "Dockerfile @acme/other\n")
    assert ">@acme/other<" in await page(place, "by-owner.html")


@pytest.mark.parametrize(
    "remote", ["javascript:alert(1)//github.com/a/b", 'https://github.com/a/b"><script>x', "/srv/x"]
)
async def test_an_odd_origin_leads_nowhere(place: Workplace, remote: str) -> None:
    git(place, "config", "remote.origin.url", remote)
    text = await page(place, "by-file.html")
    assert "Dockerfile:2" in text
    assert 'href="https://' not in text
    assert "javascript:" not in text


async def test_the_configuration_names_the_forge(place: Workplace, server: Misbehaving) -> None:
    git(place, "remote", "add", "origin", "https://github.com/acme/shop.git")
    place.write(
        "tagwatch.yaml", settings(server, ', source: "https://git.example/s/{path}?n={line}"')
    )
    text = await page(place, "by-file.html")
    assert 'href="https://git.example/s/Dockerfile?n=2"' in text
    assert "github.com" not in text


async def test_a_forge_that_is_none_is_refused(place: Workplace, server: Misbehaving) -> None:
    for bad in ("javascript:{path}", "http://git.example/{path}", "https://git.example/"):
        place.write("tagwatch.yaml", settings(server, f', source: "{bad}"'))
        assert "source" in (await place.run("scan")).is_clean_error(2)
