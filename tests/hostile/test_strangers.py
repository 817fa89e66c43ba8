"""`--config-from` and `--untrusted`: the authors of pull requests do not judge themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.promise import promised
from tests.hostile.victim import Capture, Victim

LAX = "policy: {fail_on: never, rules: {tag-latest: {severity: 'off'}}}\n"
STRICT = "fail_on: warning\nrules: {tag-latest: {severity: error}}\n"


@pytest.fixture
def request_of(victim: Victim) -> Victim:
    """A pull request: its base is strict, its head is lax and names an image by `latest`."""
    victim.write("tagwatch.yaml", "policy: rules/policy.yaml\n")
    victim.write("rules/policy.yaml", "extends: [more.yaml]\n")
    victim.write("rules/more.yaml", STRICT)
    victim.write("Dockerfile", "FROM scratch\n")
    victim.commit()
    victim.git("switch", "--quiet", "--create", "request")
    victim.write("Dockerfile", "FROM redis:latest\n")
    victim.write("tagwatch.yaml", LAX)
    victim.write("rules/more.yaml", "fail_on: never\n")
    victim.commit()
    return victim


async def test_the_author_judges_himself_without_it(request_of: Victim) -> None:
    done = await request_of.run("check", "--offline", ".")
    assert (done.code, "tag-latest" in done.out) == (0, False), "the tests below can fail"


@pytest.mark.parametrize(
    "flags", [("--config-from", "main"), ("--config-from", "main", "--untrusted")]
)
async def test_the_policy_of_the_default_branch(request_of: Victim, flags: tuple[str, ...]) -> None:
    for changed in ("in a commit", "and in the work tree"):
        done = await request_of.run("check", "--offline", *flags, ".")
        assert (done.code, "tag-latest" in done.out) == (1, True), (changed, done.err)
        (request_of.folder / "rules/more.yaml").unlink(missing_ok=True)
        request_of.write("rules/policy.yaml", "fail_on: never\n")


@promised(
    "a tree",
    "another policy and configuration in a pull request",
    "`--config-from REV` uses those of that commit",
)
async def test_every_file_is_that_commits(request_of: Victim, thief: Capture) -> None:
    """The configuration is the operator's: a certificate that it names is not the author's."""
    request_of.git("switch", "--quiet", "main")
    request_of.write(
        "tagwatch.yaml", "registries: {a.example: {ca_file: ca.pem}}\nknowledge: k.json\n"
    )
    request_of.write("ca.pem", "theirs\n")
    request_of.commit()
    request_of.write("ca.pem", "the author's\n")
    request_of.write("k.json", "[]")
    code = (
        "import tagwatch\n"
        "try: tagwatch.open_site(config_from='main')\n"
        "except tagwatch.ConfigError as error: print(error.message)\n"
        "open('tagwatch.yaml', 'w').close()\n"
    )
    done = await request_of.python("-c", code)
    assert "k.json" in done.out, "what that commit has not is not there"
    request_of.write("tagwatch.yaml", "registries: {a.example: {ca_file: ca.pem}}\n")
    request_of.git("commit", "--quiet", "--message", "no knowledge", "tagwatch.yaml")
    code = (
        "import tagwatch\n"
        "site = tagwatch.open_site(config_from='main')\n"
        "print(open(site.settings.registries['a.example']['ca_file']).read())\n"
    )
    assert (await request_of.python("-c", code)).out.strip() == "theirs"
    thief.tells_nothing()


async def test_a_ledger_in_the_tree_is_not_believed(request_of: Victim) -> None:
    request_of.git("switch", "--quiet", "main")
    request_of.write("tagwatch.yaml", "database: facts/tagwatch.db\n")
    request_of.commit()
    request_of.write("facts/tagwatch.db", b"SQLite format 3\0 of the author's")
    done = await request_of.run("check", "--offline", "--config-from", "main", ".")
    assert "a ledger in the tree is not used" in done.err
    assert done.code == 0, done.err


async def test_a_night_by_what_is_committed(victim: Victim, thief: Capture) -> None:
    """On a branch of one's own: mirrors and all, although they stand in the tree."""
    victim.write("Dockerfile", "FROM redis:7\n")
    victim.write(
        "config/tagwatch.yaml",
        f"sources: [Dockerfile]\nregistries: {{docker.io: {{endpoint: 'http://{thief.host}'}}}}\n"
        "reports: {directory: ../reports, formats: [json]}\n",
    )
    victim.commit()
    (victim.folder / "config/tagwatch.yaml").unlink()
    done = await victim.run("scan", "--config-from", "HEAD", "--no-alerts")
    assert done.code == 0, done.err
    assert thief.heard
    assert (victim.folder / "reports/latest.json").is_file()


async def test_what_names_no_commit(request_of: Victim) -> None:
    for revision in ("nowhere", "", "--output=x", "main:tagwatch.yaml"):
        said = (await request_of.run("check", f"--config-from={revision}", ".")).is_clean_error(2)
        assert "no commit is called" in said
    assert not (request_of.folder / "x").exists()
    said = (
        await request_of.run("check", "--config-from", "main", "--config", "tagwatch.yaml", ".")
    ).is_clean_error(2)
    assert "two configurations are named" in said


async def test_a_commit_without_a_configuration(request_of: Victim) -> None:
    request_of.git("switch", "--quiet", "main")
    request_of.git("rm", "--quiet", "tagwatch.yaml")
    request_of.commit()
    request_of.write("tagwatch.yaml", LAX)
    done = await request_of.run("check", "--offline", "--config-from", "main", ".")
    assert "'main' has no configuration: the built-in one counts" in done.err


async def test_a_stranger_grants_himself_nothing(victim: Victim) -> None:
    victim.write("tagwatch.yaml", LAX)
    reason = 'reason="because I say so" until=2999-01-01'
    victim.write("Dockerfile", f"FROM redis:latest # tagwatch: ignore=tag-latest {reason}\n")
    done = await victim.run("check", "--offline", "--untrusted", ".")
    assert "tag-latest" in done.out


@promised(
    "a tree",
    "a private image that the pull request names",
    "`--untrusted` sends no login for it",
)
async def test_only_hosts_that_the_operator_names_get_a_login(
    victim: Victim, thief: Capture
) -> None:
    """A pull request that names a private image learns nothing: not even whether it exists."""
    own = f"registries: {{'{thief.host}': {{endpoint: 'http://{thief.host}'}}}}\n"
    operators = victim.write("../home/.config/tagwatch/tagwatch.yaml", own)
    docker = Path(victim.environment["HOME"]) / ".docker" / "config.json"
    docker.write_text(docker.read_text().replace("registry.example", thief.host))
    victim.write("Dockerfile", f"FROM {thief.host}/team/private:1\n")
    flags = ("check", "--max-time", "5", "--untrusted", ".")
    await victim.run(*flags)
    assert any(b"Authorization: Basic" in heard for heard in thief.heard), "named: with the login"
    thief.heard.clear()
    operators.unlink()
    done = await victim.run(*flags)
    thief.tells_nothing()
    assert "no public address" in done.out
    await victim.run("check", "--max-time", "5", ".")
    assert thief.heard, "without the flag it is asked"


async def test_a_name_at_a_private_address(victim: Victim, thief: Capture) -> None:
    victim.write("Dockerfile", f"FROM localhost:{thief.port}/x:1\n")
    done = await victim.run("check", "--max-time", "5", "--untrusted", ".")
    thief.tells_nothing()
    assert "it is at no public address, and the tree is untrusted" in " ".join(done.out.split())
    await victim.run("check", "--max-time", "5", ".")
    assert thief.heard


@promised(
    "a tree",
    "the address of a cloud's metadata as a registry",
    "it is never asked, whoever names it",
)
@pytest.mark.parametrize(
    "host", ["169.254.169.254", "169.254.169.254:80", "[fe80::1]:80", "100.100.100.200"]
)
@pytest.mark.parametrize("who", ["a file", "the operator"])
async def test_link_local_addresses_are_never_asked(victim: Victim, host: str, who: str) -> None:
    if who == "the operator":
        text = f"registries: {{docker.io: {{endpoint: 'http://{host}'}}}}\n"
        victim.write("../home/.config/tagwatch/tagwatch.yaml", text)
        victim.write("Dockerfile", "FROM redis:7\n")
    elif host.startswith("["):
        return  # no reference names such a host
    else:
        victim.write("Dockerfile", f"FROM {host}/x:1\n")
    done = await victim.run("check", "--max-time", "5", ".")
    assert "is a link-local address, and is never asked" in " ".join(done.out.split())
