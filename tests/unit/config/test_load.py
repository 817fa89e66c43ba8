from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import IgnorePolicy
from tagwatch.config.load import (
    Configuration,
    Files,
    find_configuration,
    load_configuration,
    read_secret,
)
from tagwatch.errors import ConfigError
from tagwatch.image.reference import Reference
from tagwatch.registry.settings import RegistrySettings

WHOLE = """\
version: 1
database: data/tagwatch.db
max_age: 36h
sources: ["**/Dockerfile*", "deploy/**/*.yaml"]
watch:
  - {image: redis, tags: ["6.2.x", "7", "/^8\\\\.\\\\d+$/"]}
  - image: registry.internal:5000/shop/*
    include: ["api*"]
    exclude: ["*-test"]
    max_tags: 50
registries:
  docker.io: {endpoint: "https://mirror.example/hub", catalogue_endpoint: "http://127.0.0.1:81"}
  registry.internal:5000:
    insecure: true
    credential: docker-config
    concurrency: 16
    requests_per_second: 5
    ca_file: ca.pem
    client_certificate: /etc/client.pem
    kind: harbor
    token_hosts: [auth.internal]
    redirect_hosts: [s3.internal]
    namespace: true
    budget: 100
    full_sweep: 2d
    timeout_seconds: 10
    patience_seconds: 0.5
policy: policy.yaml
reports: {directory: out, formats: [json], url: "https://reports.example/"}
alerts:
  slack: {webhook_env: SLACK, min_severity: error}
  webhook: {url_file: hook, allow_http: true}
schedule: {cron: "0 2 * * *", timezone: Europe/Berlin, jitter: 10m}
engine: {dask: {address: "tcp://127.0.0.1:8786"}}
facts: {source: facts.json, key_env: KEY}
retention: {history: 520w}
"""

POLICY = """\
version: 1
fail_on: warning
on_unavailable: fail
defaults:
  registry: docker.io
  platforms: [linux/amd64, linux/arm64/v8]
  host_os: linux
  cooldown: 3d
  stale_grace: 7d
registries:
  allow: [docker.io, "*.dkr.ecr.eu-west-1.amazonaws.com"]
  deny: [{match: "docker.io/bitnami/*", reason: "moved"}, evil.example]
repositories:
  allow: ["docker.io/library/*"]
bases:
  - ref: docker.io/library/python
    tags: ["3.12-slim", "3.13-slim"]
    allow_versions: ">=3.12.4"
    max_behind: 2
  - ref: 1234.dkr.ecr.eu-west-1.amazonaws.com/platform/py-base
    tags: ["1.*"]
    immutable: true
  - ref: scratch
accept_claims: true
tags:
  immutable: ['^v?\\d+\\.\\d+\\.\\d+([-.].+)?$']
rules:
  digest-unpinned: {severity: warning}
  tag-latest: {severity: "off"}
  base-behind: {level: minor}
overrides:
  - paths: ["examples/**"]
    rules: {tag-latest: {severity: error}}
ignores:
  - rule: base-behind
    image: 1234.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.4
    reason: frozen until the audit ends
    expires: 2026-12-01
    owner: team-shop
    ticket: SHOP-812
ignore_policy: {max_days: 180, allow_inline: true, allow_permanent: false}
"""


def load(folder: Path, text: str, policy: str | None = None, **environment: str) -> Configuration:
    (folder / "tagwatch.yaml").write_text(text, encoding="utf-8")
    if policy is not None:
        (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    return load_configuration(folder / "tagwatch.yaml", environment, folder)


def test_the_whole_form(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE, POLICY).settings
    assert settings.database == tmp_path / "data/tagwatch.db"
    assert settings.max_age == timedelta(hours=36)
    assert settings.sources == ("**/Dockerfile*", "deploy/**/*.yaml")
    assert settings.watch[0].tags == ("6.2.x", "7", "/^8\\.\\d+$/")
    assert str(settings.watch[0].location) == "tagwatch.yaml:6:13"
    assert settings.watch[1].max_tags == 50
    assert settings.reports.directory == tmp_path / "out"
    assert [(alert.channel, alert.env, alert.min_severity) for alert in settings.alerts] == [
        ("slack", "SLACK", Severity.ERROR),
        ("webhook", "", Severity.WARNING),
    ]
    assert settings.alerts[1].file == tmp_path / "hook"
    assert settings.schedule is not None
    assert settings.schedule.jitter == timedelta(minutes=10)
    assert (settings.engine.name, settings.engine.address) == ("dask", "tcp://127.0.0.1:8786")
    assert settings.facts is not None
    assert settings.facts.source == str(tmp_path / "facts.json")
    assert settings.retention.history == timedelta(weeks=520)


KEY_ID, KEY = "ed25519-56475aa75463474c", "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="


@pytest.mark.parametrize(
    ("facts", "place", "told"),
    [
        ("{}", "1:1", "'source' is missing"),
        (f"{{public_keys: {{nightly: {KEY}}}}}", "1:23", f"its own is {KEY_ID}"),
        (f"{{public_keys: {{{KEY_ID}: {KEY[:-2]}j=}}}}", "1:49", "not a public key"),
        (f"{{public_keys: {{{KEY_ID}: {KEY[:-1]}}}}}", "1:49", "not of the expected form"),
        (f"{{public_keys: {{{KEY_ID}: {{key: {KEY}, until: 2027-02-30}}}}}}", "", "no such day"),
        (f"{{public_keys: {{{KEY_ID}: {{until: 2027-02-03}}}}}}", "", "'key' is missing"),
        ("{source: a, valid_for: 91d}", "1:31", "90 days at most"),
        ("{source: a, valid_for: 0s}", "1:31", "90 days at most"),
    ],
)
def test_keys_for_facts(tmp_path: Path, facts: str, place: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)) as error:
        load(tmp_path, f"facts: {facts}\n")
    assert error.value.message.startswith(f"tagwatch.yaml:{place}")


def test_registry_options_are_those_of_the_registry_room(tmp_path: Path) -> None:
    registries = load(tmp_path, WHOLE, POLICY).settings.registries
    one = RegistrySettings(**registries["registry.internal:5000"])
    assert one.ca_file == str(tmp_path / "ca.pem")
    assert one.client_certificate == "/etc/client.pem"
    assert one.full_sweep == timedelta(days=2)
    assert one.token_hosts == ("auth.internal",)
    assert set(registries["docker.io"]) | set(registries["registry.internal:5000"]) == set(
        RegistrySettings.__dataclass_fields__
    ) - {"public_only"}, "no file says that"


def test_the_whole_policy(tmp_path: Path) -> None:
    policy = load(tmp_path, WHOLE, POLICY).policy
    assert policy.fail_on is Severity.WARNING
    assert [str(platform) for platform in policy.defaults.platforms] == [
        "linux/amd64",
        "linux/arm64",
    ]
    assert [denied.match for denied in policy.registries.deny] == [
        "docker.io/bitnami/*",
        "evil.example",
    ]
    assert policy.bases[0].max_behind == 2
    assert policy.approves_scratch
    assert policy.rules["base-behind"].options == {"level": "minor"}
    reference = Reference.parse("redis:latest")
    assert policy.settings("tag-latest", "examples/a/b", reference).severity is Severity.ERROR
    assert policy.settings("tag-latest", "b", reference).severity is Severity.OFF
    assert policy.ignores[0].expires == date(2026, 12, 1)
    assert str(policy.ignores[0].place) == "policy.yaml:35:5"
    assert policy.ignore_policy.max_days == 180
    assert policy.name == "policy.yaml"
    assert len(policy.digest) == 64


def test_an_inline_policy_is_the_same_policy(tmp_path: Path) -> None:
    inline = "policy:\n" + "".join(f"  {line}\n" for line in POLICY.splitlines())
    one = load(tmp_path, inline).policy
    two = load(tmp_path, "policy: policy.yaml", POLICY).policy
    assert one.settings("tag-latest", "", None).severity == two.rules["tag-latest"].severity
    assert one.bases[0].allow_versions == two.bases[0].allow_versions
    assert str(one.ignores[0].place) == "tagwatch.yaml:36:7"


def test_nothing_given_is_the_built_in() -> None:
    read = load_configuration(None, {}, Path("/nowhere"))
    assert read == Configuration()


def test_an_empty_file_is_the_built_in(tmp_path: Path) -> None:
    read = load(tmp_path, "# nothing\n")
    assert read.settings.max_age == timedelta(hours=24)
    assert read.policy.rules == {}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("databse: x", "1:1", ["databse", "did you mean 'database'"]),
        ("watch:\n  - {imag: redis}", "2:6", ["watch[0].imag", "did you mean 'image'"]),
        ("watch:\n  - {tags: [a]}", "2:5", ["'image' is missing"]),
        ("watch:\n  - {image: redis, tags: [a, 7]}", "2:30", ["tags[1]", "quotes"]),
        ("watch: redis", "1:8", ["expected a list, got a text"]),
        ('watch: [{image: "redis:7"}]', "1:18", ["tags: ["]),
        ('watch: [{image: redis, tags: [">>6"]}]', "1:32", [">>6"]),
        ("watch: [{image: Redis}]", "1:17", ["lower case"]),
        ("max_age: 3 days", "1:10", ["24h"]),
        ("max_age: 24", "1:10", ["24h"]),
        ("registries:\n  a.io: {}\n  b.io: {insecure: 'x'}", "3:21", ["b.io", "true or false"]),
        ("registries:\n  b.io: {endpoint: ftp://x}", "2:20", ["scheme://"]),
        ("registries:\n  b.io: {concurrency: 0}", "2:23", [">= 1"]),
        ("alerts: {slack: {min_severity: eror, webhook_env: X}}", "1:32", ["error, warning"]),
        ("alerts: {slack: {}}", "1:10", ["webhook_env"]),
        ("alerts: {slack: {webhook: 'https://h/T0P'}}", "1:18", ["webhook_env"]),
        ("alerts: {slak: {}}", "1:10", ["slack"]),
        ("reports: {formats: [jsn]}", "1:21", ["json"]),
        ('schedule: {cron: "0 2 * *"}', "1:19", ["five fields"]),
        ('schedule: {cron: "0 2 * * *", timezone: Mars/Base}', "1:41", ["Mars/Base"]),
        ("engine: dask", "1:9", ["one of: local; or a mapping with keys among: dask, plugin"]),
        ("engine: {dask: {}}", "1:10", ["'address' is missing"]),
        ("engine: {}", "1:1", ["one engine"]),
        ("engine: {plugin: {name: rai}}", "1:25", ["unknown engine 'rai'"]),
        ("alerts: {plugins: {pager: {url_env: X}}}", "1:20", ["unknown notifier 'pager'"]),
        ("alerts: {plugins: {webhook: {}}}", "1:20", ["url_env"]),
        ("alerts: 3", "1:9", ["a mapping or a list"]),
        ("alerts: [3]", "1:10", ["a mapping with keys among: name, slack"]),
        ("alerts: {apprise: ['mailto://a']}", "1:10", ["keys among: url_env, url_file"]),
        ("alerts: [{name: a, apprise: [A]}]", "1:20", ["keys among: url_env, url_file"]),
        ("watch: [redis]", "1:9", ["keys among: image, tags"]),
        ("alerts: [{slack: {webhook_env: X}}]", "1:10", ["'name' is missing", "letters"]),
        ("alerts: [{name: a}]", "1:10", ["one channel", "slack, webhook, apprise, plugin"]),
        ("alerts: [{name: 'a b', slack: {webhook_env: X}}]", "1:18", ["letters"]),
        (
            "alerts: [{name: a, slack: {webhook_env: X}, webhook: {url_env: X}}]",
            "1:10",
            ["one cha"],
        ),
        ("alerts: [{name: a, slack: {webhook_env: X, min_severity: note}}]", "1:44", ["webhook"]),
        ("alerts: [{name: a, webhook: {}}]", "1:20", ["url_env"]),
        (
            "alerts:\n- {name: a, slack: {webhook_env: X}}\n- {name: a, slack: {webhook_env: Y}}",
            "3:10",
            ["two receivers are called 'a'"],
        ),
        ("alerts: [{name: a, plugin: {name: pager, url_env: X}}]", "1:35", ["unknown notifier"]),
        (
            "alerts: [{name: a, slack: {webhook_env: X}, when: {owner: [b]}}]",
            "1:52",
            ["did you mean 'owners'"],
        ),
        ("alerts: {webhook: {url_env: X, secret_env: A, secret_file: b}}", "1:10", ["secret"]),
        ("healthcheck: hc-ping.com/x", "1:14", ["not of the expected form"]),
        ("healthcheck: {}", "1:1", ["one place"]),
        ("healthcheck: {url_env: A, url_file: b}", "1:1", ["one place"]),
        ("policy: 3", "1:9", ["a text or a mapping"]),
        ("version: 2", "1:10", ["unknown value 2", "one of: 1"]),
        ("a: 1\na: 2", "2:1", ["twice"]),
        ("a: [", "1:5", ["not YAML"]),
        ("- a", "1:1", ["no mapping"]),
        ("a: 1\n---\nb: 2", "3:1", ["second document"]),
        ("policy:\n  rules: {tag-latst: {}}", "2:11", ["unknown rule 'tag-latst'", "'tag-latest'"]),
        ("policy:\n  rules: {tag-latest: {severety: off}}", "2:24", ["'severity'"]),
        ("policy:\n  rules: {tag-latest: {severity: fatal}}", "2:34", ["error, warning"]),
        ("policy:\n  rules: {base-behind: {level: big}}", "2:32", ["patch, minor, major"]),
        ("policy:\n  rules: {tag-replaced: {days: '3'}}", "2:33", ["a whole number"]),
        ("policy:\n  rules: {tag-latest: error}", "2:23", ["expected a mapping"]),
        ("policy:\n  rules: {check-incomplete: {severity: 'off'}}", "2:41", ["turned off"]),
        ("policy:\n  bases: [{ref: 'python:3.12'}]", "2:18", ["neither tag"]),
        ("policy:\n  bases: [{ref: a, allow_versions: new}]", "2:36", [">=3.12.4"]),
        ("policy:\n  tags: {immutable: ['(']}", "2:23", ["regular expression"]),
        ("policy:\n  defaults: {platforms: ['a b']}", "2:27", ["platform"]),
        ("policy:\n  defaults: {registry: 'a/b'}", "2:25", ["registry host"]),
        ("policy:\n  ignores: [{rule: tag-latest, image: a}]", "2:13", ["reason"]),
        ("policy:\n  ignores: [{rule: tag-latest, image: a, reason: r}]", "2:13", ["expires"]),
        (
            "policy:\n  ignores: [{rule: tag-latest, reason: r, expires: 2026-01-01}]",
            "2:13",
            ["neither image nor path"],
        ),
        (
            "policy:\n  ignores: [{rule: tag-latest, image: a, reason: r, expires: 2026-02-30}]",
            "2:62",
            ["no day"],
        ),
        (
            "policy:\n  ignores: [{rule: tag, image: a, reason: r, expires: 2026-02-03}]",
            "2:20",
            ["unknown rule"],
        ),
        ("policy:\n  overrides: [{rules: {tag-latest: {}}}]", "2:15", ["`rules`"]),
        ("policy: nowhere.yaml", "1:9", ["nowhere.yaml", "no such file"]),
        ("x: &x [*x]", "1:", []),
        ("\tx: 1", "1:", ["not YAML"]),
    ],
)
def test_faults_name_place_and_remedy(
    tmp_path: Path, text: str, place: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    said = f"{caught.value.message} ({caught.value.hint})"
    if place:
        assert caught.value.message.startswith(f"tagwatch.yaml:{place}"), said
    for word in words:
        assert word in said
    assert "T0P" not in said


def test_bare_off_is_taken_with_a_warning(tmp_path: Path) -> None:
    for word, warns in (("off", True), ("false", True), ('"off"', False)):
        read = load(tmp_path, f"policy:\n  rules: {{tag-latest: {{severity: {word}}}}}")
        assert read.policy.rules["tag-latest"].severity is Severity.OFF
        assert bool(read.warnings) is warns
    read = load(tmp_path, "policy:\n  rules: {tag-latest: {severity: off}}")
    assert read.warnings[0].startswith("tagwatch.yaml:2:34:")


def test_extends_is_laid_under(tmp_path: Path) -> None:
    (tmp_path / "org").mkdir()
    (tmp_path / "org/base.yaml").write_text(
        "fail_on: never\nregistries: {allow: [docker.io]}\n"
        "rules: {tag-latest: {severity: error}, base-behind: {level: minor}}\n"
        "overrides: [{paths: [a], rules: {tag-latest: {severity: note}}}]\n"
    )
    policy = load(
        tmp_path,
        "policy: policy.yaml",
        "extends: [org/base.yaml]\nregistries: {allow: [ghcr.io]}\n"
        "rules: {tag-latest: {severity: warning}}\n",
    ).policy
    assert policy.fail_on is None
    assert policy.registries.allow == ("docker.io", "ghcr.io")
    assert policy.rules["tag-latest"].severity is Severity.WARNING
    assert policy.rules["base-behind"].options == {"level": "minor"}
    assert str(policy.overrides[0].place) == "org/base.yaml:4:13"


def test_what_a_policy_says_counts_also_where_it_is_the_default(tmp_path: Path) -> None:
    """`fail_on: error` over an organization's `fail_on: never` was taken for nothing said."""
    (tmp_path / "org.yaml").write_text(
        "fail_on: never\non_unavailable: fail\naccept_claims: true\n"
        "defaults: {cooldown: 9d, stale_grace: 9d, host_os: any, registry: ghcr.io}\n"
        "ignore_policy: {allow_inline: false, allow_permanent: true, max_days: 9}\n"
    )
    said = (
        "fail_on: error\non_unavailable: warn\naccept_claims: false\n"
        "defaults: {cooldown: 3d, host_os: linux, registry: docker.io}\n"
        "ignore_policy: {allow_inline: true, allow_permanent: false}\n"
    )
    policy = load(tmp_path, "policy: policy.yaml", f"extends: [org.yaml]\n{said}").policy
    assert policy.fail_on is Severity.ERROR
    assert (policy.on_unavailable, policy.accept_claims) == ("warn", False)
    assert (policy.defaults.registry, policy.defaults.host_os) == ("docker.io", "linux")
    assert policy.defaults.cooldown == timedelta(days=3)
    assert policy.defaults.stale_grace == timedelta(days=9), "nothing was said of it"
    assert policy.ignore_policy == IgnorePolicy(max_days=9)
    said = "extends: [org.yaml]\nignore_policy: {max_days: null}\n"
    policy = load(tmp_path, "policy: policy.yaml", said).policy
    assert policy.ignore_policy.max_days is None, "there is no end that all have"
    assert load(tmp_path, "policy: {defaults: {cooldown: 3d}}").policy.defaults.asks_cooldown
    assert not load(tmp_path, "policy: {defaults: {host_os: linux}}").policy.defaults.asks_cooldown


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("registries: {deny: ['https://quay.io/a']}", "registries.deny[0]", "an address"),
        (
            "registries: {deny: [{match: quay.io/}]}",
            "registries.deny[0].match",
            "ends with a slash",
        ),
        ("registries: {deny: ['quay.io ']}", "registries.deny[0]", "no registry"),
        ("registries: {deny: ['docker.io/a/b:1']}", "registries.deny[0]", "not tags"),
        ("registries: {deny: ['quay.io,ghcr.io']}", "registries.deny[0]", "no registry"),
        ("registries: {deny: ['quay.io/{a,b}/*']}", "registries.deny[0]", "the wildcards are"),
        ("registries: {deny: ['quay.io//a']}", "registries.deny[0]", "a part of the name"),
        ("repositories: {deny: ['quay.io/[ab]*']}", "repositories.deny[0]", "the wildcards are"),
        ("repositories: {deny: ['./a']}", "repositories.deny[0]", "a part of the name"),
        ("repositories: {deny: ['localhost:5000']}", "repositories.deny[0]", "is a registry"),
        ("repositories: {deny: ['redis:6*']}", "repositories.deny[0]", "not tags"),
        ("repositories: {deny: [quay.io]}", "repositories.deny[0]", "that is a registry"),
        ("repositories: {allow: [quay.io/Shop/*]}", "repositories.allow[0]", "lower case"),
        ("overrides: [{images: ['a b'], rules: {}}]", "overrides[0].images[0]", "white space"),
        (
            "ignores: [{rule: tag-latest, image: 'REDIS:5', reason: x, permanent: true}]",
            "ignores[0].image",
            "lower case",
        ),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(
    tmp_path: Path, text: str, place: str, why: str
) -> None:
    """A list that denies what no image is called denied nothing, and nobody was told."""
    with pytest.raises(ConfigError, match=why) as caught:
        load(tmp_path, "policy: policy.yaml", text)
    assert f": {place}: no " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "registries: {allow: [QUAY.io, '[::1]:5000', '*', localhost, 'docker.io/library/*']}",
        "repositories: {allow: ['**', redis, 'a.example:5000/**', 'Quay.io/a/*', 'redis*']}",
        "repositories: {allow: ['[::1]:5000/**', 'a.example/**/x', '*.io/a_b/c-?']}",
        "overrides: [{images: ['redis:*-Alpine', 'a/b@sha256:*'], rules: {}}]",
    ],
)
def test_a_pattern_that_matches_something_is_taken(tmp_path: Path, text: str) -> None:
    load(tmp_path, "policy: policy.yaml", text)


def test_extends_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("extends: [policy.yaml]")
    with pytest.raises(ConfigError, match="extends itself"):
        load(tmp_path, "policy: policy.yaml", "extends: [b.yaml]")


def test_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("fail_on: never")
    read = load(
        tmp_path,
        WHOLE,
        POLICY,
        TAGWATCH_DATABASE="/var/x.db",
        TAGWATCH_MAX_AGE="1h",
        TAGWATCH_POLICY=str(tmp_path / "other.yaml"),
        TAGWATCH_REPORTS="/srv/reports",
        TAGWATCH_REPORTS_URL="https://x.example",
    )
    assert read.settings.database == Path("/var/x.db")
    assert read.settings.max_age == timedelta(hours=1)
    assert read.policy.fail_on is None
    assert read.settings.reports.directory == Path("/srv/reports")
    assert read.settings.reports.url == "https://x.example"
    with pytest.raises(ConfigError, match="TAGWATCH_MAX_AGE"):
        load(tmp_path, "", TAGWATCH_MAX_AGE="soon")


def test_where_it_is_found(tmp_path: Path) -> None:
    assert find_configuration(None, {}, tmp_path) == Files()
    (tmp_path / "config").mkdir()
    for name in ("config/tagwatch.yaml", ".tagwatch.yaml", "tagwatch.yaml"):
        (tmp_path / name).write_text("")
        assert find_configuration(None, {}, tmp_path) == Files(tree=tmp_path / name)
    other = tmp_path / "other.yaml"
    other.write_text("")
    environment = {"TAGWATCH_CONFIG": str(other)}
    assert find_configuration(None, environment, tmp_path) == Files(operator=other)
    own = tmp_path / "tagwatch.yaml"
    assert find_configuration(own, environment, tmp_path) == Files(operator=own)
    assert find_configuration("", environment, tmp_path) == Files()
    assert find_configuration(None, {"TAGWATCH_CONFIG": ""}, tmp_path) == Files()
    assert find_configuration(None, {}, tmp_path, trees=False) == Files()
    with pytest.raises(ConfigError, match="no such configuration"):
        find_configuration(tmp_path / "none.yaml", {}, tmp_path)


def test_the_cache_answers_until_a_file_changes(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load(tmp_path, WHOLE, POLICY)
    path = tmp_path / "tagwatch.yaml"

    def cached() -> Configuration:
        return load_configuration(path, {}, tmp_path, cache=cache)

    assert cached() == first == cached()
    assert len(list(cache.iterdir())) == 1
    (tmp_path / "policy.yaml").write_text("fail_on: never")
    assert cached().policy.fail_on is None
    next(cache.iterdir()).write_text('{"tagwatch": 1}')
    assert cached().policy.fail_on is None
    (tmp_path / "policy.yaml").unlink()
    with pytest.raises(ConfigError, match="no such file"):
        cached()


def test_a_warm_start_loads_no_parser(tmp_path: Path) -> None:
    load(tmp_path, WHOLE, POLICY)
    code = (
        "import sys, json\nfrom pathlib import Path\n"
        "from tagwatch.config.load import load_configuration as load\n"
        f"root = Path({str(tmp_path)!r})\n"
        "read = load(root / 'tagwatch.yaml', {}, root, cache=root / 'cache')\n"
        "heavy = {'yaml', 'msgspec', 'asyncio', 'difflib', 'packaging', 'importlib.metadata'}\n"
        "print(json.dumps([read.settings.max_age.days, sorted(heavy & set(sys.modules))]))\n"
    )
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code],
                check=True,
                capture_output=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            ).stdout
        )
        for _ in range(2)
    ]
    assert "msgspec" in runs[0][1]
    assert runs[1] == [1, []]


def test_secrets_come_from_outside(tmp_path: Path) -> None:
    file = tmp_path / "hook"
    file.write_text("https://hooks.example/T0P\n")
    assert read_secret("", file, {}) == "https://hooks.example/T0P"
    assert read_secret("HOOK", None, {"HOOK": " https://x "}) == "https://x"
    file.write_bytes(b"\xff\xfeT0P")
    for env, path in (("HOOK", None), ("", file), ("", tmp_path / "none"), ("", None)):
        with pytest.raises(ConfigError) as caught:
            read_secret(env, path, {})
        assert "T0P" not in caught.value.message
