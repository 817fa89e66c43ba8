"""Whose file it is: GitHub's and GitLab's CODEOWNERS, and what a strange one may cost."""

from __future__ import annotations

import time

import pytest

from tagwatch.audit.model.code_owners import CodeOwners


@pytest.mark.parametrize(
    ("pattern", "path", "owned"),
    [
        ("*", "a/b/c", True),
        ("*.js", "a/b.js", True),
        ("*.js", "a/b.ts", False),
        ("Dockerfile*", "a/Dockerfile.web", True),
        ("/build/logs/", "build/logs/x/y", True),
        ("/build/logs/", "build/logs", False),  # a folder, and here it is a file
        ("/build/logs/", "x/build/logs/y", False),
        ("apps/", "x/apps/y", True),
        ("/apps/", "x/apps/y", False),
        ("/apps/github", "apps/github/z", True),
        ("docs/*", "docs/a.md", True),
        ("docs/*", "docs/b/a.md", False),
        ("docs/*", "x/docs/a.md", False),
        ("/*", "a", True),
        ("/*", "a/b", False),
        ("**/logs", "a/b/logs/c", True),
        ("**/logs", "logs", True),
        ("docs/**/x", "docs/x", True),
        ("docs/**/x", "docs/a/b/x", True),
        ("docs/**", "docs/a/b", True),
        ("a/b", "a/b/c", True),
        ("a/b", "z/a/b", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        (r"with\ space", "with space", True),
        (r"\*", "*", True),
        (r"\*", "z", False),
        ("!a", "a", False),  # no host has exceptions
    ],
)
def test_a_pattern_owns_what_its_host_says(pattern: str, path: str, owned: bool) -> None:
    assert CodeOwners.parse(f"{pattern} @x").owners_of(path) == (("@x",) if owned else ())


def test_the_last_pattern_decides_and_may_name_nobody() -> None:
    owners = CodeOwners.parse(
        "\N{BYTE ORDER MARK}# whose is it\n* @all  # everything\n/deploy/ @ops me@example.org\n"
        "/deploy/free/\n\n/deploy/free/not @all @all\n"
    )
    assert owners.owners_of("Dockerfile") == ("@all",)
    assert owners.owners_of("deploy/web.yaml") == ("@ops", "me@example.org")
    assert owners.owners_of("deploy/free/web.yaml") == ()
    assert owners.owners_of("deploy/free/not") == ("@all",)
    assert CodeOwners().owners_of("Dockerfile") == ()


def test_sections_decide_apart_from_each_other() -> None:
    owners = CodeOwners.parse(
        "* @all\n[Documentation][2] @docs @writers\ndocs/\nREADME.md @reader\n"
        "^[Database]\n*.sql @dba\n[documentation]\ndocs/schema @schema\n"
    )
    assert owners.owners_of("docs/a.md") == ("@all", "@docs", "@writers")
    assert owners.owners_of("README.md") == ("@all", "@reader")
    assert owners.owners_of("docs/a.sql") == ("@all", "@docs", "@writers", "@dba")
    assert owners.owners_of("docs/schema/x") == ("@all", "@schema")


def test_a_file_that_strangers_wrote_takes_no_time() -> None:
    owners = CodeOwners.parse(f"{'*a' * 200}b @x\n{'**/' * 200}b @x\n")
    begun = time.process_time()
    assert owners.owners_of("a" * 2_000) == ()
    assert owners.owners_of("a/" * 500 + "a") == ()
    assert time.process_time() - begun < 5, "some 0.1 s; with regular expressions, for ever"
