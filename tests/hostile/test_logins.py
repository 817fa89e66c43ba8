"""A tree that names an endpoint does not get the user's logins, nor anything else."""

from __future__ import annotations

import pytest

from tests.hostile.promise import promised
from tests.hostile.victim import PASSWORD, Capture, Victim

HOSTS = {
    "docker-config": "docker.io",
    "github": "ghcr.io",
    "quay": "quay.io",
    "gitlab-ci": "registry.gitlab.com",
    "azure": "victim.azurecr.io",
    "aws": "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
}


def redirected(victim: Victim, thief: Capture, credential: str) -> None:
    host = HOSTS[credential]
    victim.write("Dockerfile", f"FROM {host}/team/app:1.0\n")
    victim.write(
        "tagwatch.yaml",
        f"registries:\n  {host}: {{endpoint: 'http://{thief.host}', credential: {credential}}}\n",
    )


@promised(
    "a tree",
    "an endpoint and a credential in its configuration",
    "no login goes there; the key is refused with its place",
)
@pytest.mark.parametrize("credential", HOSTS)
async def test_a_tree_that_names_an_endpoint(
    victim: Victim, thief: Capture, credential: str
) -> None:
    redirected(victim, thief, credential)
    done = await victim.run("check", ".")
    thief.tells_nothing()
    said = done.is_clean_error(2)
    key = f"registries.{HOSTS[credential]}.endpoint"
    assert f"tagwatch.yaml:2:{4 + len(HOSTS[credential]) + 2}: {key}" in said
    assert "is the operator's to say: your logins and all questions would go there" in said
    for way_out in ("your own file", "`tagwatch trust`", "`--config FILE`", "--untrusted"):
        assert way_out in said


@pytest.mark.parametrize(
    "command",
    [
        ("resolve", "redis:7"),
        ("base", "redis:7"),
        ("scan",),
        ("doctor",),
        ("diff", "redis:7", "redis:6"),
        ("check", "--fix", "."),
    ],
    ids=lambda command: command[0],
)
async def test_no_command_follows_it(
    victim: Victim, thief: Capture, command: tuple[str, ...]
) -> None:
    redirected(victim, thief, "docker-config")
    (await victim.run(*command)).is_clean_error(2)
    thief.tells_nothing()


async def test_the_same_words_are_the_operators_with_config(victim: Victim, thief: Capture) -> None:
    """What the attack would get: without this the tests above could not fail."""
    redirected(victim, thief, "docker-config")
    await victim.run("check", "--config", "tagwatch.yaml", "--max-time", "5", ".")
    assert any(b"Authorization: Basic" in heard for heard in thief.heard)


async def test_an_offline_hook_passes_it_over_with_one_note(victim: Victim, thief: Capture) -> None:
    redirected(victim, thief, "docker-config")
    victim.write(
        "tagwatch.yaml",
        victim.folder.joinpath("tagwatch.yaml").read_text()
        + (
            "engine: {dask: {address: 'tcp://127.0.0.1:1'}}\n"
            "policy: {rules: {tag-moving: {severity: error}}}\n"
        ),
    )
    done = await victim.run("check", "--offline", ".")
    thief.tells_nothing()
    assert done.code == 0, done.err
    notes = [line for line in done.err.splitlines() if "warning" in line]
    assert len(notes) == 1
    assert "(and 2 more): passed over" in notes[0]


@pytest.mark.parametrize("how", ["flag", "variable"])
async def test_an_empty_name_is_no_file(victim: Victim, thief: Capture, how: str) -> None:
    redirected(victim, thief, "docker-config")
    if how == "variable":
        victim.environment["TAGWATCH_CONFIG"] = ""
    flag = ("--config", "") if how == "flag" else ()
    done = await victim.run("resolve", "--offline", *flag, "redis:7")
    thief.tells_nothing()
    assert "operator" not in done.err
    assert done.code == 4, done.err


async def test_an_operators_mirror_holds_for_every_tree(victim: Victim, thief: Capture) -> None:
    """One file of the user's own counts beside any tree's; what both say is the operator's."""
    victim.write(
        "../home/.config/tagwatch/tagwatch.yaml",
        "registries:\n"
        f"  docker.io: {{endpoint: 'http://{thief.host}', credential: docker-config}}\n",
    )
    victim.write("Dockerfile", "FROM redis:7\n")
    victim.write(
        "tagwatch.yaml",
        "sources: [Dockerfile]\nregistries: {docker.io: {credential: anonymous}}\n",
    )
    await victim.run("check", "--max-time", "5", ".")
    assert any(b"Authorization: Basic" in heard for heard in thief.heard)


@pytest.mark.parametrize("kind", ["quay", "gitlab", "harbor", "distribution"])
async def test_a_kind_brings_no_login_with_it(victim: Victim, thief: Capture, kind: str) -> None:
    """A tree may say what a registry is; the logins of that kind are for other hosts."""
    victim.write(
        "../home/.config/tagwatch/tagwatch.yaml",
        f"registries: {{'{thief.host}': {{endpoint: 'http://{thief.host}'}}}}\n",
    )
    victim.write("tagwatch.yaml", f"registries: {{'{thief.host}': {{kind: {kind}}}}}\n")
    victim.write("Dockerfile", f"FROM {thief.host}/team/app:1\n")
    await victim.run("check", "--max-time", "5", ".")
    assert thief.heard
    for heard in thief.heard:
        assert b"PLANTED" not in heard
        assert b"Authorization" not in heard


@promised(
    "a tree",
    "anchors, merges, escapes and other spellings of an operator's key",
    "it is refused all the same",
)
@pytest.mark.parametrize(
    "text",
    [
        "registries: {docker.io: {<<: {endpoint: 'http://HOST'}}}",
        "registries: {docker.io: &a {endpoint: 'http://HOST'}, ghcr.io: *a}",
        "registries: {docker.io: {kind: harbor}, docker.io: {endpoint: 'http://HOST'}}",
        "registries: {docker.io: {\"end\\u0070oint\": 'http://HOST'}}",
        "? registries\n: ? docker.io\n  : {endpoint: 'http://HOST'}",
        "registries: {'*': {kind: harbor}}",
        "registries: {index.docker.io: {endpoint: 'http://HOST'}}",
        "registries: {registry-1.docker.io: {catalogue_endpoint: 'http://HOST'}}",
        "policy: policy.yaml\n---\nregistries: {docker.io: {endpoint: 'http://HOST'}}",
    ],
)
async def test_no_spelling_leads_past_it(victim: Victim, thief: Capture, text: str) -> None:
    victim.write("policy.yaml", "")
    victim.write("Dockerfile", "FROM redis:7\n")
    victim.write("tagwatch.yaml", text.replace("HOST", thief.host) + "\n")
    (await victim.run("check", ".")).is_clean_error(2)
    thief.tells_nothing()


@promised(
    "a tree",
    "a Dask scheduler of its own",
    "it is not asked, nothing runs",
)
async def test_a_scheduler_of_the_trees_is_not_asked(victim: Victim, thief: Capture) -> None:
    """Its first answer is a pickle: code of the attacker's."""
    victim.write("Dockerfile", "FROM redis:7\n")
    victim.write("tagwatch.yaml", f"engine: {{dask: {{address: 'tcp://{thief.host}'}}}}\n")
    said = (await victim.run("check", ".")).is_clean_error(2)
    assert "engine is the operator's to say: it runs code" in said
    thief.tells_nothing()


@promised(
    "a tree",
    "the address of a webhook",
    "no alert goes there",
)
async def test_no_message_goes_where_a_tree_says(victim: Victim, thief: Capture) -> None:
    victim.write("hook.url", f"http://{thief.host}/")
    victim.write("Dockerfile", "FROM redis:7\n")
    victim.write(
        "tagwatch.yaml",
        "sources: [Dockerfile]\nalerts: {webhook: {url_file: hook.url, allow_http: true}}\n",
    )
    said = (await victim.run("scan")).is_clean_error(2)
    assert "alerts is the operator's to say" in said
    thief.tells_nothing()


async def test_facts_of_a_tree_need_the_operators_key(victim: Victim, thief: Capture) -> None:
    """Without it nobody fetches them: a check would be a beacon."""
    victim.write("Dockerfile", "FROM scratch\n")
    victim.write("tagwatch.yaml", f"facts: 'https://{thief.host}/facts'\n")
    done = await victim.run("check", ".")
    thief.tells_nothing()
    assert "no key under facts.public_keys says whose are believed" in done.err
    victim.write("tagwatch.yaml", "facts: {source: facts.tagwatch, key_file: key}\n")
    (await victim.run("check", ".")).is_clean_error(2)
    assert PASSWORD not in done.err
