"""`tagwatch init` looks first: what it writes covers what `check` finds, and harms nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tagwatch.workspace.coverage import patterns_for, unmatched
from tagwatch.workspace.gitignore import Patterns
from tests.walk.command import Workplace
from tests.walk.misbehaving import misbehaving

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: %s}]}\n"
TREE = {
    "Dockerfile": "FROM well.example/app:1\n",
    "svc/api.Dockerfile": "FROM well.example/app:1.0\n",
    "k8s/a.yaml": POD % "well.example/app:1",
    "k8s/b.yaml": POD % "well.example/app:1",
    "envs/one/pod.yml": POD % "well.example/one:1",
    "envs/two/pod.yml": POD % "well.example/two:1",
    "envs/three/pod.yml": POD % "well.example/three:1",
    "docker-stack.yml": "services:\n  a: {image: 'well.example/app:1'}\n",
    "[odd]/!a*.yaml": POD % "well.example/app:1",
    "README.md": "redis:7\n",
    "data.json": "{}\n",
}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    for path, text in TREE.items():
        place.write(path, text)
    git(tmp_path, "init", "-q")
    return place


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True)


async def test_a_scan_reads_what_a_check_finds(place: Workplace) -> None:
    found = (await place.run("check", "--offline", "--format", "json")).json["coverage"]["targets"]
    begun = await place.run("init", "--format", "json")
    assert begun.json["references"] == found == 9
    assert begun.json["sources"] == [
        *("**/Dockerfile*", "**/*.[dD]ockerfile"),
        *(r"\[odd]/!a\*.yaml", "/docker-stack.yml", "envs/**/*.yml", "k8s/*.yaml"),
    ]
    async with misbehaving() as server:
        own = f"registries:\n{server.registries('well')}"
        mine = place.write("mine.yaml", f"database: tagwatch.db\n{own}")
        tree = yaml.safe_load((place.folder / "tagwatch.yaml").read_text())
        place.write("mine.yaml", f"{mine.read_text()}sources: {json.dumps(tree['sources'])}\n")
        scanned = await place.run("scan", "--config", "mine.yaml", "--format", "json")
        spent = sum(scanned.json["requests"]["well.example"].values())
    assert scanned.json["coverage"]["targets"] == found
    assert 0.5 * spent <= begun.json["requests"] <= 2 * spent, "what it said it would cost"


async def test_it_says_what_is_watched_and_what_that_costs(place: Workplace) -> None:
    done = await place.run("init")
    assert "found 9 references to 5 images in 9 files, of 4 repositories at 1 registry:" in done.out
    assert "well.example/app  2 images" in done.out
    assert "a first scan sends about" in done.out
    again = await place.run("init")
    assert "is there already" in again.is_clean_error(2)


async def test_an_empty_folder_gets_the_usual_patterns(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    done = await place.run("init", "--directory", "new")
    assert "found no file that names an image" in done.out
    assert "**/Dockerfile*" in (tmp_path / "new/tagwatch.yaml").read_text()
    assert not (tmp_path / "new/.pre-commit-config.yaml").exists(), "it is no repository"


async def test_a_new_hook_is_valid_and_takes_every_file(place: Workplace) -> None:
    await place.run("init")
    path = place.folder / ".pre-commit-config.yaml"
    (hook,) = yaml.safe_load(path.read_text())["repos"][0]["hooks"]
    validated(path)
    named = [name for name in TREE if re.search(hook["files"], name)]
    assert named == [name for name in TREE if name not in ("README.md", "data.json")]


def validated(path: Path) -> None:
    command = (sys.executable, "-m", "pre_commit", "validate-config", str(path))
    subprocess.run(command, check=True, capture_output=True)


HOOKS = "repos:\n- repo: https://a.example/x\n  rev: v1\n  hooks:\n  - id: x\n"


@pytest.mark.parametrize(
    ("before", "is_added"),
    [
        (HOOKS, True),
        (HOOKS.replace("\n", "\n  ").replace("  repos", "repos").rstrip() + "\n", True),
        ("# ours\n" + HOOKS, True),
        (HOOKS + "ci: {autofix_prs: false}\n", False),
        ("repos: [{repo: meta, hooks: [{id: identity}]}]\n", False),
        ("repos: *nothing\n", False),
        ("", False),
    ],
)
async def test_hooks_that_are_there_stay(place: Workplace, before: str, is_added: bool) -> None:
    place.write(".pre-commit-config.yaml", before)
    done = await place.run("init")
    after = (place.folder / ".pre-commit-config.yaml").read_text()
    assert after.startswith(before.rstrip())
    assert ("tagwatch check --offline" in after) is is_added
    assert ("to do: add the hook" in done.out) is not is_added
    if is_added:
        held = yaml.safe_load(after)["repos"]
        assert held[0] == yaml.safe_load(before)["repos"][0]
        assert [one["repo"] for one in held] == ["https://a.example/x", "local"]


@pytest.mark.parametrize(
    ("forge", "written"),
    [
        ({".github/workflows/ci.yml": "on: push\n"}, ".github/workflows/tagwatch.yml"),
        ({".forgejo/workflows/ci.yml": "on: push\n"}, ".forgejo/workflows/tagwatch.yml"),
        ({".gitlab-ci.yml": "x: {script: [a]}\n"}, ".gitlab/tagwatch.yml"),
        ({"remote": "git@github.com:acme/app.git"}, ".github/workflows/tagwatch.yml"),
        ({"remote": "https://gitlab.acme.example/app"}, ".gitlab-ci.yml"),
        ({"remote": "https://token@codeberg.org/acme/app"}, ".forgejo/workflows/tagwatch.yml"),
        ({}, None),
    ],
)
async def test_the_job_of_the_forge(
    place: Workplace, forge: dict[str, str], written: str | None
) -> None:
    for path, text in forge.items():
        if path == "remote":
            git(place.folder, "remote", "add", "origin", text)
        else:
            place.write(path, text)
    done = await place.run("init", "--format", "json")
    jobs = [path for path in done.json["written"] if path.endswith(".yml")]
    assert [Path(path).relative_to(place.folder).as_posix() for path in jobs] == (
        [written] if written else []
    )
    for job in jobs:
        held = yaml.safe_load(read(job))
        assert "tagwatch check --untrusted --config-from" in str(held), "safe for forks"
        assert "pull_request_target" not in str(held)
        path = Path(job).relative_to(place.folder).as_posix()
        is_covered = Patterns.of(done.json["sources"]).includes(path)
        assert is_covered or "image" not in held.get("tagwatch", {}), "a scan would leave it out"


def read(path: str) -> str:
    return Path(path).read_text()


@pytest.mark.parametrize("remote", ["github.com", "gitlab.com"])
async def test_the_job_installs_what_it_is_told(place: Workplace, remote: str) -> None:
    git(place.folder, "remote", "add", "origin", f"https://{remote}/acme/app")
    source = "git+https://forge.example/ops/tagwatch@v0.3.0"
    done = await place.run("init", "--from", source)
    jobs = [*place.folder.rglob("*.yml")]
    installs = [line for one in jobs for line in read(str(one)).splitlines() if "install " in line]
    assert [line for line in installs if f'"{source}"' in line]
    assert "tagwatch" not in re.sub(re.escape(source), "", " ".join(installs))
    assert "make sure that" not in done.out, "an address needs no index"


async def test_a_name_on_an_index_is_said_to_be_made_sure_of(place: Workplace) -> None:
    """This installation came from a folder, which no job has: its version stands there instead."""
    git(place.folder, "remote", "add", "origin", "https://github.com/acme/app")
    done = await place.run("init")
    job = read(str(place.folder / ".github/workflows/tagwatch.yml"))
    assert f'pipx install "tagwatch=={version("tagwatch")}"' in job
    assert "to do: make sure that 'tagwatch==" in done.out


@pytest.mark.parametrize(
    "source", ['a"; curl evil.example', "$(id)", "-r x.txt", "https://me:pw@host.example/a.whl", ""]
)
async def test_a_source_that_no_job_could_hold_is_refused(place: Workplace, source: str) -> None:
    done = await place.run("init", f"--from={source}")
    assert (done.code, done.out) == (2, "")
    assert "is nothing that a job can give to pip" in done.err
    assert not (place.folder / "tagwatch.yaml").exists()


async def test_schemas_for_editors(place: Workplace) -> None:
    done = await place.run("init", "--schema", "--format", "json")
    for name in ("tagwatch", "policy"):
        text = read(str(place.folder / f"{name}.yaml"))
        assert text.splitlines()[0] == f"# yaml-language-server: $schema={name}.schema.json"
        assert text.count("yaml-language-server") == 1
        assert str(place.folder / f"{name}.schema.json") in done.json["written"]
        schema = json.loads(read(str(place.folder / f"{name}.schema.json")))
        jsonschema.validate(yaml.safe_load(text), schema)
    again = await place.run("check", "--offline")
    assert "error" not in again.err


async def test_reports_are_ignored_once(place: Workplace) -> None:
    place.write(".gitignore", "*.pyc")
    await place.run("init")
    assert (place.folder / ".gitignore").read_text() == "*.pyc\n/reports/\n"
    for name in ("tagwatch.yaml", "policy.yaml"):
        (place.folder / name).unlink()
    await place.run("init")
    assert (place.folder / ".gitignore").read_text() == "*.pyc\n/reports/\n"


async def test_config_only(place: Workplace) -> None:
    done = await place.run("init", "--config-only", "--format", "json")
    names = [Path(path).name for path in done.json["written"]]
    assert names[:2] == ["tagwatch.yaml", "policy.yaml"]
    assert not (place.folder / ".gitignore").exists()


async def test_a_link_out_of_the_tree_is_not_written_through(
    place: Workplace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "rc"
    outside.write_text("precious\n")
    (place.folder / ".gitignore").symlink_to(outside)
    done = await place.run("init")
    assert "leads outside the tree" in done.is_clean_error(2)
    assert outside.read_text() == "precious\n"


@pytest.mark.parametrize("name", [".github", ".gitlab"])
async def test_a_folder_that_leads_out_of_the_tree_is_not_written_to(
    place: Workplace, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "workflows").mkdir()
    (place.folder / name).symlink_to(outside)
    if name == ".gitlab":
        place.write(".gitlab-ci.yml", "x: {script: [a]}\n")
    done = await place.run("init")
    assert "leads outside the tree" in done.is_clean_error(2)
    assert [one for one in outside.rglob("*") if one.is_file()] == []
    assert not (place.folder / "tagwatch.yaml").exists(), "all or nothing: the next run goes on"
    assert (await place.run("init", "--config-only")).code == 0


async def test_other_bytes_and_line_ends_stay(place: Workplace) -> None:
    (place.folder / ".gitignore").write_bytes(b"caf\xe9/\r\nbuild/\r\n")
    hooks = HOOKS.replace("\n", "\r\n").encode()
    (place.folder / ".pre-commit-config.yaml").write_bytes(hooks)
    done = await place.run("init", "--format", "json")
    assert (place.folder / ".gitignore").read_bytes() == b"caf\xe9/\r\nbuild/\r\n"
    assert any("not UTF-8" in sentence for sentence in done.json["to_do"])
    after = (place.folder / ".pre-commit-config.yaml").read_bytes()
    assert after.startswith(hooks)
    assert b"\n" not in after.replace(b"\r\n", b"")


async def test_a_line_end_of_windows_in_the_ignored(place: Workplace) -> None:
    (place.folder / ".gitignore").write_bytes(b"build/\r\n")
    await place.run("init")
    assert (place.folder / ".gitignore").read_bytes() == b"build/\r\n/reports/\r\n"


async def test_reports_of_the_users_own_stay_seen(place: Workplace) -> None:
    place.write("reports/p.yaml", POD % "well.example/app:1")
    done = await place.run("init", "--format", "json")
    assert "reports/p.yaml" in done.json["files"]
    assert not (place.folder / ".gitignore").exists()
    assert any("reports/" in sentence for sentence in done.json["to_do"])


async def test_a_name_with_a_line_break_breaks_nothing(place: Workplace) -> None:
    place.write("a\nb.yaml", POD % "well.example/app:1")
    done = await place.run("init", "--format", "json")
    assert any("'a\\nb.yaml'" in sentence for sentence in done.json["to_do"])
    for name in ("tagwatch.yaml", ".pre-commit-config.yaml"):
        yaml.safe_load((place.folder / name).read_text())


NAMES = st.text(alphabet="ab.*?[]!#\\ -\u00fc", min_size=1, max_size=6).filter(
    lambda name: name.strip(".") != "" and "\n" not in name
)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12))
def test_every_path_is_covered_by_its_patterns(paths: list[str]) -> None:
    patterns = patterns_for(paths)
    assert [path for path in paths if not Patterns.of(patterns).includes(path)] == []
    assert unmatched(paths, patterns) == ()


def test_what_a_pattern_takes_out_is_spoken_of() -> None:
    patterns = ("**/*.yaml", "!vendor/**")
    assert unmatched(("a.yaml", "vendor/b.yaml", "vendor/c.yml", "d.yml"), patterns) == ("d.yml",)


async def test_the_dockerfile_of_a_service_gets_its_pattern(tmp_path: Path) -> None:
    """Its images were found through the Compose file, and so a scan read no other Dockerfile."""
    place = Workplace(tmp_path / "app", {"HOME": str(tmp_path)})
    place.write("compose.yaml", "services: {a: {build: .}}\n")
    place.write("Dockerfile", "FROM redis:7\n")
    await place.run("init", "--config-only")
    assert '"**/Dockerfile*"' in (place.folder / "tagwatch.yaml").read_text(encoding="utf-8")
