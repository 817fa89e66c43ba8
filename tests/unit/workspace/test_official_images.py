"""A checkout of official images: its git history read by the real git, or the files alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch.errors import InputError
from tagwatch.workspace import git_history
from tagwatch.workspace.git_history import commits_by_file, file_versions, head_at, past_files
from tagwatch.workspace.official_images import LibraryHistory, library_histories

AT = datetime(2026, 11, 23, tzinfo=UTC)
LINES = "{0}: git://github.com/docker-library/redis@{1} 2.8\n"
STANZAS = "Maintainers: nobody\n\nTags: {0}, {1}\nGitCommit: {2}\n"


class Repository:
    """A git repository that is written commit by commit, one a day."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.day = 0
        root.mkdir()
        self.git("init", "--quiet", "--initial-branch=master")

    def git(self, *arguments: str) -> str:
        date = f"2016-01-{self.day + 1:02}T00:00:00Z"
        who = {"NAME": "t", "EMAIL": "t@example.org", "DATE": date}
        own = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in who.items()
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), **own},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def commit(self, path: str, text: str | None) -> None:
        file = self.root / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        self.day += 1
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"day {self.day}")


def histories(checkout: Path, *images: str) -> dict[str, LibraryHistory]:
    return dict(library_histories(checkout, images, at=AT))


def library_history(checkout: Path, image: str) -> LibraryHistory:
    return histories(checkout, image)[image]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "official-images")
    made.commit("library/redis", LINES.format("2.8", "a" * 40))
    made.commit("library/redis", LINES.format("2.8", "b" * 40))
    made.commit("library/redis", "Tags: 2.8\n<<<<<<< broken\n")
    made.commit("library/redis", STANZAS.format("2.8", "2.8.1", "b" * 40))
    made.commit("library/consul", STANZAS.format("1", "1.2", "c" * 40))
    made.commit("library/consul", None)
    return made


def test_the_history_of_an_image_with_the_dates_of_its_commits(repository: Repository) -> None:
    history = library_history(repository.root, "redis")
    rows = [
        (item.tag, item.first_seen.day, item.last_seen.day, item.ended)
        for item in history.intervals
    ]
    assert rows == [
        ("2.8", 2, 3, True),
        ("2.8", 3, 5, True),
        ("2.8", 5, 7, False),
        ("2.8.1", 5, 7, False),
    ]
    (skipped,) = history.skipped
    assert "line 2 of a library file" in skipped
    assert head_at(repository.root) == datetime(2016, 1, 7, tzinfo=UTC)


def test_an_image_that_was_dropped_is_still_remembered(repository: Repository) -> None:
    assert list(histories(repository.root)) == ["consul", "redis"]
    past = library_history(repository.root, "consul").intervals
    assert {(item.tag, item.ended) for item in past} == {("1", True), ("1.2", True)}


def test_only_what_the_main_branch_served_counts(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "proposal")
    repository.commit("library/redis", STANZAS.format("2.8", "2.8.2", "d" * 40))
    repository.commit("library/redis", STANZAS.format("2.8", "2.8.3", "e" * 40))
    repository.git("checkout", "--quiet", "master")
    repository.day += 1
    repository.git("merge", "--quiet", "--no-ff", "--message", "merge", "proposal")
    commits = commits_by_file(repository.root, ["library/redis"])["library/redis"]
    versions = file_versions(repository.root, "library/redis", commits)
    assert [version.at.day for version in versions] == [2, 3, 4, 5, 10]
    tags = {item.tag for item in library_history(repository.root, "redis").intervals}
    assert tags == {"2.8", "2.8.1", "2.8.3"}


def test_an_image_that_came_by_a_merge(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "proposal")
    repository.commit("library/valkey", STANZAS.format("8.1", "8.1.1", "d" * 40))
    repository.git("checkout", "--quiet", "master")
    repository.git("merge", "--quiet", "--no-ff", "--message", "merge", "proposal")
    repository.commit("library/valkey", STANZAS.format("8.1", "8.1.2", "e" * 40))
    alone = library_history(repository.root, "valkey")
    assert [item.tag for item in alone.intervals] == ["8.1", "8.1", "8.1.1", "8.1.2"]
    assert histories(repository.root)["valkey"] == alone


def test_a_bare_repository_is_read_too(repository: Repository, tmp_path: Path) -> None:
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    assert list(histories(tmp_path / "bare")) == ["consul", "redis"]
    bare = library_history(tmp_path / "bare", "redis")
    assert bare == library_history(repository.root, "redis")


def test_files_without_their_history_tell_of_today(repository: Repository, tmp_path: Path) -> None:
    shutil.copytree(repository.root / "library", tmp_path / "copy" / "library")
    assert list(histories(tmp_path / "copy")) == ["redis"]
    history = library_history(tmp_path / "copy", "redis")
    assert {(item.tag, item.first_seen, item.ended) for item in history.intervals} == {
        ("2.8", AT, False),
        ("2.8.1", AT, False),
    }


def test_what_was_never_named_is_told_before_anything_is_answered(repository: Repository) -> None:
    answers = library_histories(repository.root, ["redis", "redsi"], at=AT)
    with pytest.raises(InputError, match="no image 'redsi'") as caught:
        next(answers)
    assert caught.value.hint == "did you mean 'redis'?"


def test_files_in_deeper_folders_and_odd_names_are_no_images(repository: Repository) -> None:
    repository.commit("library/Notes.md", "Tags: 1\n")
    (repository.root / "library" / "more").mkdir()
    repository.commit("library/more/valkey", STANZAS.format("8", "8.1", "f" * 40))
    repository.commit("library/a\nb", "Tags: 1\n")
    assert list(histories(repository.root)) == ["consul", "redis"]


@pytest.mark.parametrize("image", ["valkey", "../redis", "redis\nHEAD:library/redis", ""])
def test_an_image_that_was_never_named(repository: Repository, image: str, tmp_path: Path) -> None:
    shutil.copytree(repository.root / "library", tmp_path / "copy" / "library")
    for checkout in (repository.root, tmp_path / "copy"):
        with pytest.raises(InputError):
            library_history(checkout, image)


def test_a_folder_that_is_no_checkout_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    with pytest.raises(InputError, match="not a git repository"):
        histories(tmp_path)
    with pytest.raises(InputError, match="no folder 'library'"):
        histories(tmp_path / "objects")
    with pytest.raises(InputError, match="cannot read"):
        head_at(tmp_path / "missing")


def test_an_environment_that_points_git_elsewhere_is_not_heeded(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert list(histories(repository.root)) == ["consul", "redis"]


def test_the_repositorys_configuration_runs_nothing(repository: Repository, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n", encoding="utf-8")
    script.chmod(0o755)
    for key in (
        "core.fsmonitor", "core.pager", "core.sshCommand", "gpg.program", "diff.external",
        "core.alternateRefsCommand", "alias.rev-list", "alias.cat-file", "filter.x.smudge",
        "diff.x.textconv",
    ):  # fmt: skip
        value = f"!{script}" if key.startswith("alias") else str(script)
        repository.git("config", key, value)
    repository.git("config", "log.showSignature", "true")
    (repository.root / ".git" / "info" / "attributes").write_text("* diff=x filter=x\n")
    assert len(library_history(repository.root, "redis").intervals) == 4
    redis, consul = (repository.root / "library" / name for name in ("redis", "consul"))
    with past_files(repository.root, "HEAD~1", [redis, consul]) as past:
        assert past[redis] == redis.read_bytes()
        assert not consul.exists()
        assert past[consul] == STANZAS.format("1", "1.2", "c" * 40).encode()
    assert not trap.exists()


def test_without_git_the_message_says_so(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="git is not installed"):
        head_at(repository.root)


def test_a_version_that_is_too_large_is_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("library/redis", "#" * (git_history._MAX_FILE_BYTES + 1))
    with pytest.raises(InputError, match="more than"):
        library_history(repository.root, "redis")


def test_a_git_that_hangs_is_stopped(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *cat-file*) exec sleep 60;; esac\nexec {real} "$@"\n',
        encoding="utf-8",
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    with pytest.raises(InputError, match="git stopped") as caught:
        file_versions(repository.root, "library/redis", [(AT, "HEAD")], timeout_seconds=0.3)
    assert caught.value.hint
