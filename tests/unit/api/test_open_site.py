"""`tagwatch.open_site`: which folder, which configuration, which home, and which moment."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import tagwatch
from tagwatch.walk.site import at_configuration, data_folder

WATCHES = "version: 1\nwatch: [{image: redis}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    folder = tmp_path / "app"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_an_empty_folder_works_with_what_is_built_in(folder: Path) -> None:
    before = datetime.now(UTC)
    site = tagwatch.open_site()
    assert before <= site.at <= datetime.now(UTC)
    assert (site.root, site.settings, site.policy) == (
        folder,
        tagwatch.Settings(),
        tagwatch.open_site(folder).policy,
    )
    assert site.policy.fail_on is tagwatch.Severity.ERROR
    assert site.knowledge.products
    assert site.home == Path(os.environ["HOME"])
    assert site.database == data_folder(os.environ, site.home) / "tagwatch.db"
    assert not site.database.exists(), "a ledger is made when something is remembered"
    assert list(folder.iterdir()) == []


def test_a_folder_is_used_as_the_command_would_use_it_there(folder: Path) -> None:
    """The configuration is that of the repository's root; paths start in the folder."""
    (folder / ".git").mkdir()
    (folder / "tagwatch.yaml").write_text(WATCHES)
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    (below / "tagwatch.yaml").write_text("nonsense: 1\n")
    for path in (below, str(below), "a/b"):
        site = tagwatch.open_site(path)
        assert (site.root, site.folder) == (folder, below)
        assert site.settings.path == folder / "tagwatch.yaml"
    assert tagwatch.open_site().folder == Path(), "wherever the process goes"


@pytest.mark.parametrize("name", ["tagwatch.yaml", "config/tagwatch.yaml", "night.yaml"])
def test_a_configuration_works_in_its_own_folder(folder: Path, tmp_path: Path, name: str) -> None:
    """Also within the repository of somebody else."""
    (folder / ".git").mkdir()
    project = folder / "project"
    (project / name).parent.mkdir(parents=True)
    (project / name).write_text(WATCHES + "database: here.db\n")
    site = tagwatch.open_site(project / name)
    assert (site.root, site.folder) == (project, project)
    assert site.database == (project / name).parent / "here.db"
    assert [watch.image for watch in site.settings.watch] == ["redis"]


def test_config_takes_the_place_of_what_would_be_found(folder: Path) -> None:
    (folder / "tagwatch.yaml").write_text("nonsense: 1\n")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "mine.yaml").write_text(WATCHES)
    for environment in ({}, {"TAGWATCH_CONFIG": "nowhere.yaml"}):
        site = tagwatch.open_site(
            folder, config="elsewhere/mine.yaml", environment={**os.environ, **environment}
        )
        assert (site.root, site.folder) == (folder, folder)
        assert site.settings.watch
        assert at_configuration(site).root == folder / "elsewhere", "a scan's paths start there"
        assert at_configuration(at_configuration(site)) == at_configuration(site)
    site = tagwatch.open_site(environment={**os.environ, "TAGWATCH_CONFIG": "elsewhere/mine.yaml"})
    assert site.settings.watch


def test_an_environment_of_ones_own(folder: Path, tmp_path: Path) -> None:
    """Nothing of the process's own environment is used, and nothing is left in its home."""
    (folder / "tagwatch.yaml").write_text(WATCHES)
    home = Path(os.environ["HOME"])
    site = tagwatch.open_site(environment={})
    assert site.environment == {}
    assert list(home.iterdir()) == []
    other = {"HOME": str(tmp_path / "other"), "USERPROFILE": str(tmp_path / "other"), "A": "b"}
    site = tagwatch.open_site(environment=other)
    other["A"] = "c"
    assert site.home == tmp_path / "other"
    assert site.database.is_relative_to(tmp_path / "other")
    assert site.environment["A"] == "b", "a site does not change"
    assert list((tmp_path / "other").rglob("config-*.json")), "the next opening reads no YAML"
    assert list(home.iterdir()) == []


def test_a_path_at_home_starts_at_the_home_that_the_environment_names(
    folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "other"
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "policy.yaml").write_text("extends: [~/strict.yaml]\n")
    (home / "strict.yaml").write_text("fail_on: note\n")
    (folder / "tagwatch.yaml").write_text("database: ~/led.db\npolicy: ~/rules/policy.yaml\n")
    environment = {"HOME": str(home), "USERPROFILE": str(home)}
    site = tagwatch.open_site(config="tagwatch.yaml", environment=environment)
    assert site.database == home / "led.db"
    assert site.policy.fail_on is tagwatch.Severity.NOTE
    (home / "named.yaml").write_text("database: ~\n")
    named = {"TAGWATCH_CONFIG": "~/named.yaml", "TAGWATCH_DATABASE": "~/a/b.db"}
    site = tagwatch.open_site(environment={**environment, **named})
    assert (site.settings.path, site.database) == (home / "named.yaml", home / "a" / "b.db")
    with pytest.raises(tagwatch.ConfigError, match="knows no user 'nobody-of-this-name'"):
        tagwatch.open_site(
            config="", environment={**environment, "TAGWATCH_DATABASE": "~nobody-of-this-name/t.db"}
        )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have folders of their own")
def test_where_data_lies(tmp_path: Path) -> None:
    named = {"HOME": "/home/me", "XDG_DATA_HOME": "/data"}
    assert tagwatch.open_site(tmp_path, environment=named).database == Path(
        "/data/tagwatch/tagwatch.db"
    )
    assert data_folder({}, Path("/home/me")) == Path("/home/me/.local/share/tagwatch")


def test_a_moment_of_ones_own(folder: Path) -> None:
    noon = datetime(2026, 8, 20, 12, tzinfo=timezone(timedelta(hours=2)))
    at = tagwatch.open_site(at=noon).at
    assert (at, at.tzinfo) == (datetime(2026, 8, 20, 10, tzinfo=UTC), UTC)


def test_what_is_odd_about_the_files_is_told(folder: Path) -> None:
    (folder / "tagwatch.yaml").write_text("policy:\n  rules: {tag-latest: {severity: off}}\n")
    for _ in ("read", "from the cache"):
        (warning,) = tagwatch.open_site().warnings
        assert warning.startswith("tagwatch.yaml:2:34: ")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"path": "nowhere"}, tagwatch.UsageError, "neither a folder nor a file"),
        ({"config": "nowhere.yaml"}, tagwatch.ConfigError, "no such configuration file"),
        ({"path": "a.yaml", "config": "a.yaml"}, tagwatch.UsageError, "two configurations"),
        ({"path": "a.yaml"}, tagwatch.ConfigError, "a.yaml:1:1: "),
        ({"at": datetime(2026, 1, 1)}, tagwatch.UsageError, "with a time zone"),  # noqa: DTZ001
        ({"at": "2026-01-01"}, tagwatch.UsageError, "with a time zone"),
    ],
)
def test_what_is_refused(
    folder: Path, arguments: dict[str, object], kind: type[tagwatch.TagwatchError], message: str
) -> None:
    (folder / "a.yaml").write_text("nonsense: 1\n")
    with pytest.raises(kind, match=message) as raised:
        tagwatch.open_site(**arguments)  # type: ignore[arg-type]  # that is the test
    assert raised.value.hint
