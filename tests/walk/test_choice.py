"""What a line says over the policy: `--fail-on`, `--select`, `--ignore`; and standard input."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.choice import ALWAYS_ON, choice_of
from tagwatch.audit.rule.interface import Rule
from tagwatch.errors import UsageError
from tagwatch.family import RULES
from tests.walk.command import Done, Workplace
from tests.walk.misbehaving import misbehaving

FILE = "FROM python:2.7\nFROM nginx\nFROM debian:latest\n"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    place.write("Dockerfile", FILE)
    return place


def rules(done: Done) -> set[str]:
    return {finding["rule"] for finding in done.json["findings"]}


async def offline(place: Workplace, *arguments: str, stdin: str | None = None) -> Done:
    return await place.run("check", "--offline", "--format", "json", *arguments, stdin=stdin)


def test_what_is_always_on_is_known_without_the_rules() -> None:
    assert {name for name in RULES if load_rule(name).always_on} == ALWAYS_ON


async def test_fail_on_beats_the_policy(place: Workplace) -> None:
    place.write("policy.yaml", "version: 1\nfail_on: never\n")
    place.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    assert (await offline(place)).code == 0
    assert (await offline(place, "--fail-on", "error")).code == 1
    place.write("Dockerfile", "FROM nginx\n")
    assert (await offline(place, "--fail-on", "error")).code == 0
    assert (await offline(place, "--fail-on", "warning")).code == 1
    assert (await offline(place, "--fail-on=never")).code == 0


async def test_what_was_not_read_fails_no_run_by_its_severity(place: Workplace) -> None:
    place.write("Dockerfile", "FROM ghcr.io/acme/app:1.2.3\n")
    done = await offline(place, "--fail-on", "note")
    assert rules(done) == {"check-incomplete"}
    assert done.code == 0


async def test_select_asks_these_rules_and_says_what_was_not_read(place: Workplace) -> None:
    done = await offline(place, "--select", "tag-latest,healthcheck-missing", "--select=user-root")
    assert rules(done) == {"tag-latest", "check-incomplete"}
    assert done.code == 0, "the error of another rule was not asked for"
    assert done.json["coverage"]["unavailable"] == 3


async def test_a_selected_rule_that_is_off_speaks(place: Workplace) -> None:
    place.write("policy.yaml", "version: 1\nrules: {tag-latest: {severity: off}}\n")
    place.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    assert "tag-latest" not in rules(await offline(place))
    done = await offline(place, "--select", "tag-latest,registry-implicit")
    found = {(one["rule"], one["severity"]) for one in done.json["findings"]}
    assert found >= {("tag-latest", "warning"), ("registry-implicit", "warning")}


async def test_ignore_beats_an_override(place: Workplace) -> None:
    place.write(
        "policy.yaml",
        "version: 1\noverrides:\n- paths: ['**']\n  rules: {tag-latest: {severity: error}}\n",
    )
    place.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    assert ("tag-latest", "error") in {
        (one["rule"], one["severity"]) for one in (await offline(place)).json["findings"]
    }
    done = await offline(place, "--ignore", "version-eol, tag-latest")
    assert rules(done) == {"tag-missing", "check-incomplete"}
    assert done.code == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--select", "tag-lates"), "did you mean 'tag-latest'?"),
        (("--ignore", "check-incomplete"), "check-incomplete is always on"),
        (("--ignore", ""), "--ignore lacks a rule's name"),
        (("--select", "tag-latest,,user-root"), "--select lacks a rule's name"),
        (("--fail-on", "fatal"), "invalid choice: 'fatal'"),
    ],
)
@pytest.mark.parametrize("command", ["check", "scan"])
async def test_what_is_no_choice(
    place: Workplace, command: str, flags: tuple[str, str], said: str
) -> None:
    place.write("tagwatch.yaml", "version: 1\nsources: [Dockerfile]\n")
    assert said in (await place.run(command, *flags)).is_clean_error(2)


async def test_a_scan_shows_a_part_and_remembers_all(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("Dockerfile", "FROM well.example/app:latest\nADD http://a.example/x /x\n")
    async with misbehaving() as server:
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\nregistries:\n"
            + server.registries("well"),
        )
        part = await place.run("scan", "--format", "json", "--ignore", "tag-latest,add-remote")
        assert not {"tag-latest", "add-remote"} & rules(part)
        whole = await place.run("scan", "--format", "json")
    assert {"tag-latest", "add-remote"} <= rules(whole)
    assert "nothing changed" in whole.err, "the part that was shown is no news"


async def test_standard_input_is_a_file_of_that_name(place: Workplace) -> None:
    compose = "services:\n  a:\n    image: nginx\n"
    done = await offline(place, "-", "--stdin-name", "deploy/compose.yaml", stdin=compose)
    (found,) = [one for one in done.json["findings"] if one["rule"] == "tag-missing"]
    assert found["location"]["path"] == "deploy/compose.yaml"
    assert (found["location"]["line"], found["location"]["column"]) == (3, 12)
    saved = await offline(place, "-", stdin="FROM redis:latest\n")
    assert rules(saved) == {"tag-latest", "check-incomplete"}, "what is on disk does not count"


async def test_an_empty_standard_input_names_no_image(place: Workplace) -> None:
    done = await place.run("check", "-", "--offline", stdin="")
    assert "Dockerfile" in done.out + done.err
    assert done.code in (1, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-", "Dockerfile"), "nothing beside it"),
        (("Dockerfile", "--stdin-name", "x.yaml"), "nothing beside it"),
        (("-", "--fix"), "--fix needs a file"),
        (("-", "--diff-base", "HEAD"), "--diff-base needs a file"),
    ],
)
async def test_what_standard_input_is_not_for(
    place: Workplace, arguments: tuple[str, ...], said: str
) -> None:
    assert said in (await place.run("check", *arguments, stdin=FILE)).is_clean_error(2)


@pytest.mark.parametrize("raw", [b"FROM a\0b\n", b"#" * (4 * 1024 * 1024 + 1)])
async def test_standard_input_is_bounded_as_files_are(place: Workplace, raw: bytes) -> None:
    done = await place.run("check", "-", "--offline", stdin=raw)
    assert done.code == 1
    assert "binary" in done.out or "does not end" in done.out


async def test_nothing_stored_yet_is_one_line(place: Workplace) -> None:
    done = await offline(place)
    (unread,) = [one for one in done.json["findings"] if one["rule"] == "check-incomplete"]
    assert "3 images were judged by their text alone" in unread["message"]
    text = await place.run("check", "--offline")
    assert text.out.count("not checked") == 2, "the block, and the last line"
    assert "1 thing to fix, 2 to look at, 3 not checked (incomplete)" in text.out


# A tree chooses the names of its files


@pytest.mark.parametrize(
    "name", ["--config=x.dockerfile", "--baseline=a-values.yaml", "--exit-zero", "-q", "--config"]
)
async def test_a_name_of_a_file_is_no_flag(place: Workplace, name: str) -> None:
    """A hook gets the names of files as arguments."""
    place.write(name, "FROM scratch\n")
    done = await place.run("check", "--offline", name, "Dockerfile")
    assert f"{name!r} is a file here" in done.is_clean_error(2)
    assert (await place.run("check", "--offline", f"./{name}")).code in (0, 3)


# What nobody stored, and what somebody says of it


TWO = {"a/Dockerfile": "FROM ghcr.io/x/a:1.2.3\n", "prod/Dockerfile": "FROM ghcr.io/x/b:1.2.3\n"}


@pytest.mark.parametrize(
    ("policy", "code", "count"),
    [
        ("", 0, 1),
        ("rules: {check-incomplete: {severity: error}}\n", 1, 2),
        (
            "overrides:\n- paths: ['prod/**']\n  rules: {check-incomplete: {severity: error}}\n",
            1,
            2,
        ),
        (
            "overrides:\n- images: ['ghcr.io/x/b']\n"
            "  rules: {check-incomplete: {severity: error}}\n",
            1,
            2,
        ),
        (
            "rules: {check-incomplete: {severity: error}}\nignores:\n"
            "- {rule: check-incomplete, path: 'a/**', reason: local, expires: 2099-01-01}\n",
            1,
            1,
        ),
    ],
)
async def test_each_image_speaks_where_somebody_says_what_it_means(
    tmp_path: Path, policy: str, code: int, count: int
) -> None:
    place = Workplace(tmp_path)
    for path, text in TWO.items():
        place.write(path, text)
    place.write("policy.yaml", f"version: 1\n{policy}")
    place.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    done = await offline(place, ".")
    found = [one for one in done.json["findings"] if one["rule"] == "check-incomplete"]
    assert (done.code, len(found)) == (code, count)


async def test_one_ignore_takes_out_one_image(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    ignore = '# tagwatch: ignore=check-incomplete until=2099-01-01 reason="local"\n'
    place.write("a/Dockerfile", ignore + TWO["a/Dockerfile"])
    place.write("prod/Dockerfile", TWO["prod/Dockerfile"])
    place.write("policy.yaml", "version: 1\nrules: {check-incomplete: {severity: error}}\n")
    place.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    done = await offline(place, ".")
    found = [one for one in done.json["findings"] if one["rule"] == "check-incomplete"]
    assert [one["location"]["path"] for one in found] == ["prod/Dockerfile"]
    assert done.code == 1


async def test_what_was_not_asked_is_not_fixed(place: Workplace) -> None:
    place.write("facts", "")
    async with misbehaving() as server:
        place.write(
            "tagwatch.yaml",
            f"database: tagwatch.db\nregistries:\n{server.registries('well')}",
        )
        place.write("Dockerfile", "FROM well.example/app:latest\nADD http://a.example/x /x\n")
        await place.run("baseline", "write", "--output", "known.json", "Dockerfile")
        place.write("Dockerfile", "FROM well.example/app:1.0\n")
        whole = await place.run("check", "--baseline", "known.json", "Dockerfile")
        part = await place.run(
            "check", "--baseline", "known.json", "--select", "add-remote", "Dockerfile"
        )
        prune = await place.run(
            *("check", "--baseline", "known.json", "--prune", "--select", "add-remote"),
            "Dockerfile",
        )
    assert "tag-" in whole.err and "add-remote" in whole.err
    assert "add-remote" in part.err and "tag-" not in part.err
    assert "--prune needs every rule" in prune.is_clean_error(2)


async def test_a_folder_is_no_standard_input(place: Workplace) -> None:
    place.write("src/Dockerfile", "FROM redis\n")
    done = await place.run("check", "-", "--stdin-name", "src", "--offline", stdin="FROM nginx\n")
    assert (done.code, "src/Dockerfile" in done.out) == (3, False)
    assert "is a folder" in done.err


async def test_no_name_speaks_after_two_dashes(place: Workplace) -> None:
    place.write("--exit-zero", "FROM scratch\n")
    done = await place.run("check", "--offline", "Dockerfile", "--", "--exit-zero")
    assert "'--exit-zero' is a file here" in done.is_clean_error(2)


def test_a_rule_of_others_that_is_always_on_is_asked_in_any_case() -> None:
    policy = Policy(plugins={"their-own": "tests.walk.test_choice:THEIRS"})
    choice = choice_of(["tag-latest"], [], policy)
    assert choice.takes("their-own")
    assert "their-own" not in choice.over(policy).rules
    with pytest.raises(UsageError, match="always on"):
        choice_of(None, ["their-own"], policy)


THEIRS = Rule(
    id="their-own",
    title="somebody's",
    severity=Severity.NOTE,
    when=frozenset(),
    reads=frozenset(),
    always_on=True,
    check=lambda subject: iter(()),
)
