"""`import tagwatch` as a newcomer uses it: a folder, a Dockerfile, and a few lines of Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from doctest import DocTestParser
from pathlib import Path

import pytest

from tagwatch.service.demo.nights import first_night
from tagwatch.service.demo.show import serving
from tests.paths import ROOT
from tests.walk.command import Done, Workplace
from tests.walk.test_start_up import NEVER

DOC = ROOT / "docs" / "python.md"
DOCKERFILE = 'FROM python:3.12-slim\nRUN pip install gunicorn\nCMD ["gunicorn", "app"]\n'


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Workplace]:
    """A folder as the document describes it."""
    place = Workplace(tmp_path / "app")
    place.write("Dockerfile", DOCKERFILE)
    today = datetime.now(UTC).date().isoformat()  # so that no rule says more on a later day
    facts = {"schema_version": 1, "as_of": today, "source": "a test", "products": {}}
    place.write("facts.json", json.dumps(facts))
    async with serving(first_night()) as address:
        place.write(
            "tagwatch.yaml",
            "version: 1\n"
            'watch: [{image: redis, tags: ["6.2", "7"]}]\n'
            "sources: [Dockerfile]\n"
            "registries:\n"
            f"  docker.io: {{endpoint: '{address}', catalogue_endpoint: '{address}',\n"
            "    credential: anonymous}\n"
            "knowledge: facts.json\n",
        )
        yield place


def lines(done: Done) -> list[str]:
    """What a program printed, which ended well and said nothing else."""
    assert (done.code, done.err) == (0, ""), done.out + done.err
    return done.out.splitlines()


async def test_the_document_tells_the_truth(folder: Workplace) -> None:
    assert DOCKERFILE in DOC.read_text(encoding="utf-8")
    assert lines(await folder.python("-m", "doctest", str(DOC))) == []


def test_the_document_is_typed(tmp_path: Path) -> None:
    """What it shows passes a strict type checker: every type that it touches is a public one."""
    pytest.importorskip("mypy")
    examples = DocTestParser().get_examples(DOC.read_text(encoding="utf-8"))
    assert len(examples) > 20
    code = "".join(example.source for example in examples)
    types = "reveal_type(night.result.coverage)\nreveal_type(redis)\nreveal_type(site.settings)\n"
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(code + types, encoding="utf-8")
    wrong.write_text("import tagwatch\ntagwatch.resolve(6.2).versoin\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(right), str(wrong)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout.splitlines()  # of a file with this content, wherever mypy saw it first
    assert sum('Revealed type is "tagwatch.' in line for line in told) == 3, done.stdout
    errors = [line for line in told if ": error: " in line]
    assert {line.rpartition("[")[2] for line in errors} == {"arg-type]", "attr-defined]"}, told
    assert all("wrong.py:2: " in line for line in errors), told


async def test_the_shortest_program(folder: Workplace) -> None:
    """It finds what the command finds, and remembers it for the command."""
    printed = lines(
        await folder.python(
            "-c",
            "import tagwatch\n"
            "for finding in tagwatch.check(['Dockerfile']).findings: print(finding.fingerprint)",
        )
    )
    command = await folder.run("check", "Dockerfile", "--format", "json")
    assert command.json["requests"] == {}
    assert printed == [one["fingerprint"] for one in command.json["findings"]]
    assert len(printed) == 2


async def test_the_other_calls_answer_as_their_commands(folder: Workplace) -> None:
    printed = lines(
        await folder.python(
            "-c",
            "import tagwatch\n"
            "print(*[one.digest for one in tagwatch.resolve_all(['redis:6.2', 'redis:7'])])\n"
            "print(tagwatch.resolve('redis:6.2').digest)\n"
            "print(tagwatch.fix(strategy=tagwatch.Strategy.PIN)[1].diff(), end='')\n"
            "print(tagwatch.scan().result.coverage.targets)\n",
        )
    )
    told = (await folder.run("resolve", "redis:6.2", "redis:7", "--format", "json")).json
    digests = [one["digest"] for one in told["resolutions"]]
    assert printed[:2] == [" ".join(digests), digests[0]]
    drafted = await folder.run("check", "--fix=pin", "--dry-run")
    assert printed[2:-1] == drafted.out.splitlines()
    assert printed[-1] == "3"
    assert (folder.folder / "Dockerfile").read_text() == DOCKERFILE


async def test_it_works_where_an_event_loop_runs(folder: Workplace) -> None:
    """In a notebook one always does."""
    printed = lines(
        await folder.python(
            "-c",
            "import asyncio, tagwatch\n"
            "async def main():\n"
            "    print(tagwatch.check('Dockerfile').coverage.read)\n"
            "    print(tagwatch.resolve('redis:6.2').version)\n"
            "    print((await asyncio.to_thread(tagwatch.resolve, 'redis:7')).version)\n"
            "    print(tagwatch.scan().run_id < (await tagwatch.scan_async()).run_id)\n"
            "    try: tagwatch.check('nothing')\n"
            "    except tagwatch.NothingToReadError as error: print(error)\n"
            "asyncio.run(main())",
        )
    )
    assert printed == ["1", "6.2.23", "7.4.10", "True", "'nothing' does not exist"]


async def test_paths_start_in_the_folder_of_the_site(folder: Workplace, tmp_path: Path) -> None:
    named = {"TAGWATCH_CONFIG": "app/tagwatch.yaml"}
    elsewhere = Workplace(tmp_path, {**folder.environment, **named})
    folder.write("sub/two.Dockerfile", "FROM redis:7\n")
    printed = lines(
        await elsewhere.python(
            "-c",
            "import tagwatch\n"
            "site = tagwatch.open_site('app')\n"
            "print([str(one.location) for one in tagwatch.check('Dockerfile', site).targets])\n"
            "print([str(one.location) for one in tagwatch.check(site=site).targets])\n"
            "site = tagwatch.open_site('app/sub', config='app/tagwatch.yaml')\n"
            "print([one.text for one in tagwatch.check(site=site).targets])\n",
        )
    )
    assert printed == [
        "['Dockerfile:1:6']",
        "['Dockerfile:1:6', 'sub/two.Dockerfile:1:6']",
        "['redis:7']",
    ]


async def test_the_command_tells_what_is_odd_about_the_configuration(folder: Workplace) -> None:
    folder.write("tagwatch.yaml", "policy:\n  rules: {tag-latest: {severity: off}}\n")
    (warning,) = lines(
        await folder.python("-c", "import tagwatch; print(*tagwatch.open_site().warnings)")
    )
    done = await folder.run("policy", "explain", "redis")
    assert (done.code, done.err) == (0, f"tagwatch: warning: {warning}\n")


async def test_a_warm_check_imports_no_network(folder: Workplace) -> None:
    code = "import tagwatch; print(len(tagwatch.check('Dockerfile').findings))"
    assert lines(await folder.python("-c", code)) == ["2"]
    warm = await folder.python("-X", "importtime", "-c", code)
    modules = {line.rpartition("|")[2].strip() for line in warm.err.splitlines()}
    assert "tagwatch.walk.look_up" in modules
    assert modules & NEVER == set()
