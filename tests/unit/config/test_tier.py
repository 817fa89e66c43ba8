"""Laws over every key: whose it is, and what two files say together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from tagwatch.config.load import find_configuration, load_configuration, operators_places
from tagwatch.config.schema import file_schema
from tagwatch.config.settings_form import SettingsForm
from tagwatch.config.tier import TREE_KEYS, tier_of, trees_part, untreelike
from tagwatch.errors import ConfigError

TREES = {
    "facts", "facts.source", "max_age", "policy", "registries.*.credential", "registries.*.kind",
    "reports.directory", "reports.formats", "sources", "version", "watch.exclude", "watch.image",
    "watch.include", "watch.max_tags", "watch.tags",
}  # fmt: skip
"""What a tree may say. Whoever adds a key here has asked what a stranger could do with it."""


def forms(kind: Any) -> Iterator[tuple[bool, type[msgspec.Struct]]]:
    """The forms in a field's type; True for those that stand under a name of the user's."""
    if get_origin(kind) is Annotated:
        yield from forms(get_args(kind)[0])
    elif get_origin(kind) is dict:
        yield from ((True, form) for _, form in forms(get_args(kind)[1]))
    elif get_origin(kind) is list or get_origin(kind) is Union or hasattr(kind, "__args__"):
        for one in get_args(kind):
            yield from forms(one)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield False, kind


def every_key(form: type[msgspec.Struct], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Each key of the settings and of what is below."""
    for name, kind in get_type_hints(form, include_extras=True).items():
        yield (*above, name)
        for named, inner in forms(kind):
            yield from every_key(inner, (*above, name, "*") if named else (*above, name))


KEYS = sorted({*every_key(SettingsForm)})


def test_the_walk_sees_every_form() -> None:
    assert {("alerts", "plugins", "*", "url_env"), ("engine", "dask", "address")} <= {*KEYS}
    assert len(KEYS) > 60


@pytest.mark.parametrize("keys", KEYS, ids=".".join)
def test_whose_a_key_is(keys: tuple[str, ...]) -> None:
    """A key is the tree's because it stands in the list above; every other one is not."""
    name = ".".join(keys)
    plain: Any = "anything"
    for key in reversed(keys):
        plain = {key: plain}
    if name in TREES:
        assert tier_of(keys) in ("tree", "mixed")
        return
    if tier_of(keys) == "mixed":
        assert any(one.startswith(f"{name}.") for one in TREES)
        return
    assert tier_of(keys) == "operator"
    assert [allowed for _, allowed in untreelike(plain)] == [""], "and it is refused"
    assert trees_part(plain) == {}, "and where it is passed over, nothing is left of it"


def test_a_key_that_nobody_knows_yet_is_the_operators() -> None:
    for plain in ({"new": 1}, {"watch": [{"new": 1}]}, {"registries": {"a.b": {"new": 1}}}):
        assert len(list(untreelike(plain))) == 1
    assert {*TREE_KEYS} == TREES
    assert {".".join(keys) for keys in KEYS} >= TREES


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("registries: {a.example: {kind: harbor, credential: anonymous}}", True),
        ("registries: {a.example: {kind: ecr}}", False),
        ("registries: {Docker.io: {kind: distribution}}", False),
        ("registries: {a.azurecr.io: {kind: distribution}}", False),
        ("registries: {a.example: {kind: of-a-plugin}}", False),
        ("registries: {a.example: {credential: docker-config}}", False),
        ("reports: {directory: a/b, formats: [html, sarif]}", True),
        ("reports: {directory: ../a}", False),
        ("reports: {directory: 'C:\\a'}", False),
        ("reports: {directory: '\\\\host\\a'}", False),
        ("reports: {directory: 'a/../../b'}", False),
        ("reports: {directory: a/../b}", True),
        ("reports: {directory: .Git/hooks}", False),
        ("reports: {url: 'https://a.example/'}", False),
        ("reports: {projects: a}", False),
        ("watch: [{image: redis, max_tags: 20000}]", True),
        ("watch: [{image: redis, max_tags: 20001}]", False),
        ("facts: facts/a.tagwatch", True),
        ("facts: https://a.example/facts", True),
        ("facts: http://a.example/facts", True),  # a path of odd name: nothing is fetched
        ("facts: /etc/facts", False),
        ("facts: {source: ~/facts}", False),
        ("insecure: true", None),
    ],
)
def test_how_much_a_tree_may_say(tmp_path: Path, text: str, allowed: bool | None) -> None:
    tree = tmp_path / "tagwatch.yaml"
    tree.write_text(text + "\n")
    if allowed:
        load_configuration(None, {}, tmp_path, tree=tree)
        return
    with pytest.raises(ConfigError) as caught:
        load_configuration(None, {}, tmp_path, tree=tree)
    assert caught.value.message.startswith("tagwatch.yaml:1:")
    assert ("unknown key" in caught.value.message) == (allowed is None)
    if allowed is not None:
        assert "tagwatch trust" in caught.value.hint
        passed = load_configuration(None, {}, tmp_path, tree=tree, pass_over=True)
        assert len(passed.warnings) == 1


def test_two_files_are_combined_by_whole_keys(tmp_path: Path) -> None:
    """Relative paths start at the file that they stand in."""
    own, tree = tmp_path / "own", tmp_path / "tree"
    own.mkdir()
    tree.mkdir()
    (own / "tagwatch.yaml").write_text(
        "database: led.db\nmax_age: 1h\nsources: [a]\n"
        "watch: [{image: redis}]\n"
        "registries:\n  a.example: {ca_file: ca.pem, credential: docker-config}\n"
        "reports: {url: 'https://r.example/', formats: [sarif]}\n"
        "facts: {key_file: key}\n"
        "policy: {fail_on: warning, rules: {tag-latest: {severity: error}},"
        " ignore_policy: {allow_inline: false, allow_permanent: false}}\n"
    )
    (tree / "tagwatch.yaml").write_text(
        "max_age: 24h\nsources: [b]\n"
        "registries:\n  a.example: {kind: harbor, credential: anonymous}\n"
        "  b.example: {kind: quay}\n"
        "reports: {directory: out}\nfacts: f.tagwatch\n"
        "policy: {rules: {tag-moving: {severity: error}},"
        " ignore_policy: {allow_inline: true, allow_permanent: true}}\n"
    )
    cache = tmp_path / "cache"
    for _ in ("read", "from the cache"):
        read = load_configuration(
            own / "tagwatch.yaml", {}, tree, tree=tree / "tagwatch.yaml", cache=cache
        )
        settings, policy = read.settings, read.policy
        assert settings.path == tree / "tagwatch.yaml"
        assert settings.database == own / "led.db"
        assert settings.max_age == timedelta(hours=24), "said, although it is the default"
        assert settings.sources == ("b",)
        assert [one.image for one in settings.watch] == ["redis"]
        assert settings.registries == {
            "a.example": {
                "kind": "harbor", "credential": "docker-config", "ca_file": str(own / "ca.pem"),
            },
            "b.example": {"kind": "quay"},
        }  # fmt: skip
        assert settings.reports.directory == tree / "out"
        assert (settings.reports.url, settings.reports.formats) == (
            "https://r.example/",
            ("sarif",),
        )
        assert settings.facts is not None
        assert settings.facts.source == str(tree / "f.tagwatch")
        assert settings.facts.key_file == own / "key"
        assert {*policy.rules} == {"tag-latest", "tag-moving"}
        assert policy.fail_on is not None
        assert policy.fail_on.value == "warning"
        assert not policy.ignore_policy.allow_inline, "an operator who forbids it has forbidden it"
        assert not policy.ignore_policy.allow_permanent, "also where that is the default"


def test_an_operators_key_alone_names_no_facts(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("facts: {key_file: key}\n")
    facts = load_configuration(own, {}, tmp_path).settings.facts
    assert facts is not None
    assert facts.source == ""
    own.write_text("facts: {}\n")
    with pytest.raises(ConfigError, match="'source' is missing"):
        load_configuration(own, {}, tmp_path)


def test_where_the_operators_file_is_found(tmp_path: Path) -> None:
    home, etc, tree = tmp_path / "home", tmp_path / "etc", tmp_path / "tree"
    tree.mkdir()
    environment = {"HOME": str(home)}

    def found(**more: str) -> Path | None:
        return find_configuration(None, {**environment, **more}, tree, etc=etc).operator

    assert found() is None
    for folder in (etc, home / ".config", tmp_path / "xdg"):
        path = folder / "tagwatch" / "tagwatch.yaml"
        path.parent.mkdir(parents=True)
        path.write_text("")
        assert found(XDG_CONFIG_HOME=str(tmp_path / "xdg")) == (
            etc / "tagwatch" / "tagwatch.yaml" if folder == home / ".config" else path
        )
    assert found() == home / ".config" / "tagwatch" / "tagwatch.yaml"
    assert found(XDG_CONFIG_HOME="relative") == found(), "the specification says so"
    assert operators_places({}, etc) == (etc / "tagwatch" / "tagwatch.yaml",)


def test_the_schema_shows_the_tier() -> None:
    shown = file_schema("tagwatch")["$defs"]
    settings = shown["Settings"]["properties"]
    assert settings["sources"]["x-tagwatch-tier"] == "mixed"
    assert settings["engine"]["x-tagwatch-tier"] == "operator"
    assert settings["registries"]["x-tagwatch-tier"] == "mixed"
    registry = shown["Registry"]["properties"]
    assert registry["kind"]["x-tagwatch-tree"] == "distribution, gitlab, harbor, quay"
    assert registry["endpoint"]["x-tagwatch-tier"] == "operator"
    assert json.dumps(shown).count("x-tagwatch-tier") > 30
