"""The mistakes of a new user: what is typed, what is answered with the next step, the exit code.

What a configuration says wrong is in `test_bad_input`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walk.command import Workplace

TREE = {
    "Dockerfile": "FROM redis:latest\n",
    "upper/Dockerfile": "FROM Python:3.12\n",
    "port/Dockerfile": "FROM Registry.example:5000/Team/App:1.0@sha256:" + "a" * 64 + "\n",
    "varnish/Dockerfile": "FROM varnish:6.6\n",
    "address/Dockerfile": "FROM docker://redis:7\n",
    "urls.yaml": "alerts: {apprise: {urls_env: X}}\n",
    "cron.yaml": 'database: a.db\nschedule: {cron: "0 25 * * *"}\n',
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("new"))
    for path, text in TREE.items():
        place.write(path, text)
    return place


@pytest.mark.parametrize(
    ("typed", "code", "says", "next_step"),
    [
        ("Dockerfile", 2, "no command 'Dockerfile'", "`tagwatch check Dockerfile`"),
        ("chek Dockerfile", 2, "no command 'chek'", "did you mean 'check'?"),
        ("help resolv", 2, "no command 'resolv'", "did you mean 'resolve'?"),
        ("--offline check", 2, "no command stands before", "`tagwatch check --offline`"),
        ("check --ofline", 2, "unrecognized arguments: --ofline", "did you mean '--offline'?"),
        ("check -f json", 2, "unrecognized arguments: -f", "did you mean '--format'?"),
        ("check -o x.json", 2, "unrecognized arguments: -o", "did you mean '--output'?"),
        ("check --platform a", 2, "arguments: --platform", "`tagwatch check --help` shows"),
        ("check --fail-on errors", 2, "invalid choice: 'errors'", "did you mean 'error'?"),
        ("check --format yaml", 2, "choose from", "`tagwatch check --help` shows"),
        ("check --format sari", 2, "invalid choice: 'sari'", "did you mean 'sarif'?"),
        ("policy explian redis", 2, "invalid choice: 'explian'", "did you mean 'explain'?"),
        ("check --select tag-latst", 2, "no rule is called 'tag-latst'", "mean 'tag-latest'?"),
        ("explain latest", 2, "no rule is called 'latest'", "did you mean 'tag-latest'?"),
        ("check Dockerfle", 3, "'Dockerfle' does not exist", "did you mean 'Dockerfile'?"),
        ("check uper/Dockerfile", 3, "does not exist", "check the path and the current folder"),
        ("scan Dockerfile", 2, "arguments: Dockerfile", "`tagwatch check Dockerfile` reads a"),
        ("scan", 2, "there is no tagwatch.yaml in", "`tagwatch init` writes one"),
        ("diff redis:7", 2, "are required: NEW", "`tagwatch diff --help` shows"),
        ("resolve --offline Redis:7", 2, "a repository name is lower case", "write 'redis:7'"),
        ("resolve --offline docker://redis:7", 2, "an address has no place", "write 'redis:7'"),
        ("resolve --offline https://hub.docker.com/_/redis", 2, "an address", "write 'redis'"),
        (
            "resolve --offline https://hub.docker.com/r/bitnami/git/tags",
            2,
            "an address",
            "write 'bitnami/git'",
        ),
        ("resolve --offline a://b://c", 2, "an address has no place", "[registry/]name[:tag]"),
        ("resolve --offline redis@7", 2, "not a digest: '7'", "sha256: and 64"),
        ("doctor --config urls.yaml", 2, "urls.yaml:1:20: alerts.apprise.urls_env", "'url_env'?"),
        *(
            (f"{command} --config cron.yaml", 2, "cron.yaml:2:19: schedule.cron", "five fields")
            for command in ("check", "doctor", "scan", "serve")
        ),
    ],
)
async def test_what_is_typed_wrong_is_answered_with_the_next_step(
    place: Workplace, typed: str, code: int, says: str, next_step: str
) -> None:
    told = (await place.run(*typed.split())).is_clean_error(code)
    first, _, rest = told.partition("\n")
    assert says in first
    assert rest.startswith("  hint: ")
    assert next_step in rest


@pytest.mark.parametrize(
    ("file", "code", "says", "next_step"),
    [
        ("upper", 1, "a repository name is lower case", "do   write 'python:3.12'"),
        ("port", 1, "a repository name is lower case", "'registry.example:5000/team/app:1.0@sha"),
        ("address", 1, "an address has no place here", "write [registry/]name"),
        ("varnish", 1, "varnish:6.6 is Varnish (now Vinyl Cache) 6.6", "do   move to"),
    ],
)
async def test_what_a_file_says_wrong_is_answered_with_the_next_step(
    place: Workplace, file: str, code: int, says: str, next_step: str
) -> None:
    done = await place.run("check", "--offline", f"{file}/Dockerfile")
    assert done.code == code
    assert says in done.out
    assert next_step in done.out
    assert "variable" not in done.out, "nothing of it is one"


async def test_a_template_of_the_configuration_says_how_editors_learn_the_keys(
    tmp_path: Path,
) -> None:
    place = Workplace(tmp_path)
    await place.run("init", "--config-only")
    for name, of in (("tagwatch", "config"), ("policy", "policy")):
        text = (tmp_path / f"{name}.yaml").read_text()
        assert f"# yaml-language-server: $schema={name}.schema.json" in text
        assert f"`tagwatch schema {of} > {name}.schema.json`" in text
