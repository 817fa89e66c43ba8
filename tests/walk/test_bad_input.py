"""Input that cannot be used: one clear message with place and hint, the documented exit code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.walk.command import Workplace

DOCKERFILE = "FROM redis:6.2\n"
SETTINGS = "database: tagwatch.db\nsources: [Dockerfile]\n"
CRON = 'schedule: {cron: "0 2 * * *"}\n'


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder)
    place.write("Dockerfile", DOCKERFILE)
    place.write("tagwatch.yaml", SETTINGS)
    return place


OFFLINE = ("check", "--offline", "Dockerfile")


@pytest.mark.parametrize(
    ("more", "place_and_message", "hint"),
    [
        ("maxage: 3h\n", "tagwatch.yaml:3:1: maxage: unknown key 'maxage'", "'max_age'"),
        ("max_age: [1]\n", "tagwatch.yaml:3:1: max_age: expected a text", "such as 24h"),
        ("max_age: soon\n", "tagwatch.yaml:3:10: max_age", "such as 24h"),
        ("watch: [\n  - a: b\n", "tagwatch.yaml:4:3: not YAML from here on", "bracket"),
        ("\tx: 1\n", "tagwatch.yaml:3:1: not YAML from here on", "indentation"),
        ("database: other.db\n", "tagwatch.yaml:3:1: the key 'database' stands twice", "remove"),
        ("policy: nope.yaml\n", "tagwatch.yaml:3:9: policy: no such file: 'nope.yaml'", "looked"),
        ("policy: {fail_onn: error}\n", "tagwatch.yaml:3:10: policy.fail_onn", "'fail_on'"),
        ("policy: {rules: {tag-latst: {}}}\n", "unknown rule 'tag-latst'", "'tag-latest'"),
        ("policy: {bases: 3}\n", "tagwatch.yaml:3:17: policy.bases: expected a list", "text"),
        ("policy: {fail_on: fatal}\n", "tagwatch.yaml:3:19: policy.fail_on", "error"),
        ("engine: none\n", "tagwatch.yaml:3:9: engine: unknown value 'none'", "local"),
        ('watch: [{image: "Bad Image"}]\n', "not an image reference: 'Bad Image'", "tags"),
        ('watch: [{image: a, tags: ["/((/"]}]\n', "not a regular expression", "Python's syntax"),
        ("registries: {a.example: {endpoint: 'ftp://x'}}\n", "a.example.endpoint", "scheme://"),
        ('schedule: {cron: "often"}\n', "tagwatch.yaml:3:19: schedule.cron", "five fields"),
        ('schedule: {cron: "0 25 * * *"}\n', "tagwatch.yaml:3:19: schedule.cron", "five fields"),
        ('schedule: {cron: "0 2 30 2 *"}\n', "'0 2 30 2 *' is never due", "no such day"),
        (
            'schedule: {cron: "0 2 * * *", jitter: 999999w}\n',
            "schedule.jitter: longer than four weeks",
            "10m",
        ),
        ("serve: {memory: 2GB}\n", "tagwatch.yaml:3:17: serve.memory", "as in 2G"),
        (
            "serve: {webhooks: [{registry: a.io, kind: harbour, token_env: X}]}\n",
            "serve.webhooks[0].kind: unknown kind 'harbour'",
            "did you mean 'harbor'?",
        ),
        (
            "serve: {webhooks: [{registry: a.io, kind: hub}]}\n",
            "serve.webhooks[0]: one place must hold the secret",
            "token_env",
        ),
        (
            "serve: {webhooks: [{registry: 'a b', kind: hub, token_env: X}]}\n",
            "serve.webhooks[0].registry: not an image reference",
            "registry.example:5000",
        ),
        (
            "serve: {webhooks: [{registry: a.io, kind: hub, token_env: X}, "
            "{registry: a.io, kind: ghcr, token_env: Y}]}\n",
            "serve.webhooks[1]: two webhooks are called 'a.io'",
            "`name`",
        ),
        (
            'schedule: {cron: "0 2 * * *", timezone: Mars/X}\n',
            "schedule.timezone: unknown time zone 'Mars/X'",
            "Europe/Berlin",
        ),
    ],
)
async def test_configuration(
    place: Workplace, more: str, place_and_message: str, hint: str
) -> None:
    place.write("tagwatch.yaml", SETTINGS + more)
    told = (await place.run(*OFFLINE)).is_clean_error(2)
    first, _, rest = told.partition("\n")
    assert place_and_message in first
    assert first.startswith("tagwatch: error: tagwatch.yaml:")
    if "expected five fields" not in first:
        assert rest.startswith("  hint: ")
        assert hint in rest


@pytest.mark.parametrize("command", [OFFLINE, ("scan",), ("doctor",), ("serve",)])
@pytest.mark.parametrize("cron", ["0 2 30 2 *", "0 25 * * *"])
async def test_row_37_a_schedule_that_is_never_due_is_told_by_every_command(
    place: Workplace, command: tuple[str, ...], cron: str
) -> None:
    place.write("tagwatch.yaml", f'{SETTINGS}schedule: {{cron: "{cron}"}}\n')
    told = (await place.run(*command)).is_clean_error(2)
    assert told.startswith(f"tagwatch: error: tagwatch.yaml:3:19: schedule.cron: '{cron}' is n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x00\xff\xfe", "tagwatch.yaml:1:1: cannot be read: line 1 is not UTF-8"),
        (b"- a\n", "tagwatch.yaml:1:1: the file holds no mapping"),
        (b"version: 2\n", "tagwatch.yaml:1:10: version"),
    ],
)
async def test_a_file_that_is_no_configuration(place: Workplace, content: bytes, says: str) -> None:
    place.write("tagwatch.yaml", content)
    assert says in (await place.run(*OFFLINE)).is_clean_error(2)


async def test_a_policy_of_its_own_is_named(place: Workplace) -> None:
    place.write("tagwatch.yaml", SETTINGS + "policy: policy.yaml\n")
    place.write("policy.yaml", "fail_on: error\nrules:\n  tag-latest: {severity: loud}\n")
    told = (await place.run(*OFFLINE)).is_clean_error(2)
    assert told.startswith("tagwatch: error: policy.yaml:3:26: rules.tag-latest.severity: ")


@pytest.mark.parametrize(
    ("arguments", "code", "says", "hint"),
    [
        (("scan", "--config", "nope.yaml"), 2, "nope.yaml: there is no such", "tagwatch init"),
        (("serve",), 2, "there is no schedule to keep", "add `schedule:"),
        (("history", "redis", "--at", "tomorrow"), 2, "not a date: 'tomorrow'", "2026-03-01"),
        (("report",), 2, "there is no ledger at", "run `tagwatch scan` first"),
        (("ledger", "check"), 2, "there is no ledger at", "begins one"),
        (("explain", "nope"), 2, "no rule is called 'nope'", "lists all rules"),
        (("chek",), 2, "no command 'chek'", "did you mean 'check'?"),
        (("base", "--offline", "Bad Ref"), 2, "not an image reference: 'Bad Ref'", "write"),
        (("diff", "--offline", "a", "Bad Ref"), 2, "not an image reference: 'Bad Ref'", "write"),
        (
            ("diff", "--offline", "oci:nope", "redis"),
            4,
            "'nope' cannot be opened",
            "check the path",
        ),
        (("check", "nope/Dockerfile"), 3, "'nope/Dockerfile' does not exist", "check the path"),
        (("check", "empty"), 3, "nothing that tagwatch reads", "name Dockerfiles"),
        (("check", "pipeline"), 3, "a pipeline of Bitbucket names images", "under `watch:`"),
        (("extract", "empty"), 3, "nothing that tagwatch reads", "name Dockerfiles"),
        (("check", "/dev/zero"), 3, "neither file nor folder", "check the path"),
        (("check", "pipe/Dockerfile"), 3, "neither file nor folder", "check the path"),
        (("check", "loop"), 3, "'loop' does not exist", "check the path"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_arguments(
    place: Workplace, arguments: tuple[str, ...], code: int, says: str, hint: str
) -> None:
    place.write("empty/notes.txt", "nothing")
    place.write("pipeline/bitbucket-pipelines.yml", "image: node:22\n")
    (place.folder / "pipe").mkdir()
    os.mkfifo(place.folder / "pipe/Dockerfile")
    (place.folder / "loop").symlink_to("loop")
    told = (await place.run(*arguments)).is_clean_error(code)
    first, _, rest = told.partition("\n")
    assert says in first
    assert hint in rest


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        ("nope", "not an address: 'nope'"),
        ("127.0.0.1:99999", "not an address: '127.0.0.1:99999'"),
        ("203.0.113.1:80", "a service that listens beyond loopback needs a login"),
    ],
)
async def test_addresses_to_listen_on(place: Workplace, listen: str, says: str) -> None:
    place.write("tagwatch.yaml", SETTINGS + CRON)
    assert says in (await place.run("serve", "--listen", listen)).is_clean_error(2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("ca_file: nope.pem", "nope.pem: the certificate file cannot be used"),
        ("ca_file: Dockerfile", "the certificate file cannot be used"),
        ("kind: nope", "'nope'"),
        ("credential: nope", "'nope'"),
    ],
)
async def test_settings_of_a_registry(place: Workplace, options: str, says: str) -> None:
    """What only shows when the registry is asked is still the configuration's fault."""
    place.write("tagwatch.yaml", SETTINGS + f"registries: {{docker.io: {{{options}}}}}\n")
    told = (await place.run("scan")).is_clean_error(2)
    assert says in told
    assert "hint: " in told


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "'' is not a repository path", "write [registry/]name"),
        (":6", "'' is not a repository path", "write [registry/]name"),
        ("Redis:6", "a repository name is lower case", "'redis:6'"),
        ("a b", "'library/a b' is not a repository path", "write [registry/]name"),
        ("redis:6@sha256:abc", "not a digest: 'sha256:abc'", "64 lower-case hex digits"),
        ("http://x/y:1", "not an image reference: 'http://x/y:1'", "write [registry/]name"),
        ("redis:>=", "'>=' is no comparison", "'>=6.2 <8'"),
        ("redis:/((/", "not a regular expression: '(('", "Python's syntax"),
        ("redis:/(a+)+$/", "could run for ever", ""),
    ],
)
async def test_references(place: Workplace, text: str, says: str, hint: str) -> None:
    told = (await place.run("resolve", "--offline", "--", text)).is_clean_error(2)
    first, _, rest = told.partition("\n")
    assert says in first
    assert hint in rest


async def test_standard_input_names_the_line(place: Workplace) -> None:
    told = await place.run("resolve", "--offline", "-", stdin="redis:6\n\nBad Ref\n")
    assert "standard input, line 3: not an image reference: 'Bad Ref'" in told.is_clean_error(2)
    binary = await place.run("resolve", "--offline", "-", stdin=b"\xff\xfe\x00")
    assert "standard input, line 1: " in binary.is_clean_error(2)


@pytest.mark.parametrize("command", [("check", "--offline", "Dockerfile"), ("scan",)])
@pytest.mark.parametrize(
    ("database", "content", "says"),
    [
        ("notes.db", b"no database at all, but long enough to be read " * 40, "is damaged"),
        ("folder", None, "cannot be opened"),
        ("/proc/nowhere/tagwatch.db", None, ""),
    ],
    ids=["damaged", "a folder", "nowhere"],
)
async def test_ledgers(
    place: Workplace, command: tuple[str, ...], database: str, content: bytes | None, says: str
) -> None:
    (place.folder / "folder").mkdir()
    if content is not None:
        place.write(database, content)
    place.write("tagwatch.yaml", f"database: {database}\nsources: [Dockerfile]\n")
    done = await place.run(*command)
    if command[0] == "check" and content is None:
        assert done.code in (0, 1), "nothing is remembered, and nobody was asked to"
        assert "check-incomplete" in done.out
        return
    if command[0] == "check":
        assert done.code in (0, 1), "it answers without memory"
        assert says in done.err
        assert "works without memory" in done.err
    else:
        assert says in done.is_clean_error(5), "the environment failed, not a flag"
    if content is not None:
        assert (place.folder / database).read_bytes() == content, "it is left as it is"


class TestFiles:
    """One bad file is told with its place; the others are audited."""

    @pytest.mark.parametrize(
        ("name", "content", "where", "says"),
        [
            ("Dockerfile.bin", b"\x7fELF\x00\x00\x01", (1, 1), "the file is binary"),
            ("Dockerfile.empty", b"FROM\nRUN x\n", (1, 1), "FROM requires at least one argument"),
            ("Dockerfile.as", b"FROM a:1\nFROM a:1 AS\n", (2, 1), "FROM requires"),
            ("compose.yaml", b"services:\n  a: {image: a:1\n  b: [\n", (3, 4), "not YAML"),
            ("compose.yaml", b"services:\n  a:\n\timage: a\n", (3, 1), "not YAML"),
            ("missing/Dockerfile", None, (1, 1), "does not exist"),
        ],
    )
    async def test_a_bad_file(
        self,
        place: Workplace,
        name: str,
        content: bytes | None,
        where: tuple[int, int],
        says: str,
    ) -> None:
        if content is not None:
            place.write(name, content)
        done = await place.run("check", "--offline", "Dockerfile", name, "--format", "json")
        assert done.code == 1, done.err
        assert "Traceback" not in done.err
        answer = done.json
        assert answer["complete"] is False
        found = [
            finding
            for finding in answer["findings"]
            if finding["rule"] == "check-incomplete" and finding["severity"] == "error"
        ]
        assert [finding["location"]["path"] for finding in found] == [name]
        assert (found[0]["location"]["line"], found[0]["location"]["column"]) == where
        assert says in found[0]["message"]
        own = {
            finding["rule"]
            for finding in answer["findings"]
            if finding["location"]["path"] == "Dockerfile"
        }
        assert own, "the good file is audited all the same"

    async def test_a_bad_reference_in_a_file(self, place: Workplace) -> None:
        place.write("Dockerfile", "FROM Redis:6\nFROM redis:6.2@sha256:abc\nFROM redis:6.2\n")
        answer = (await place.run("check", "--offline", "Dockerfile", "--format", "json")).json
        refused = {
            finding["location"]["line"]: finding["message"]
            for finding in answer["findings"]
            if finding["rule"] == "reference-unresolved"
        }
        assert refused.keys() == {1, 2}
        assert "lower case" in refused[1]
        assert "not a digest" in refused[2]
        assert answer["coverage"]["targets"] == 3

    async def test_a_folder_is_walked_and_a_bad_file_in_it_is_told(self, place: Workplace) -> None:
        place.write("deep/a/Dockerfile", "FROM redis\n")
        place.write("deep/b/Dockerfile", b"\x00\x01\x02")
        place.write("deep/c/compose.yaml", "services: {a: {image: redis}}\n")
        answer = (await place.run("check", "--offline", "deep", "--format", "json")).json
        paths = {finding["location"]["path"] for finding in answer["findings"]}
        assert paths == {"deep/a/Dockerfile", "deep/b/Dockerfile", "deep/c/compose.yaml"}
