from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tagwatch.regex import regex


def test_it_answers_as_a_compiled_pattern_does() -> None:
    later, now = regex(r"(a+)|b", re.IGNORECASE), re.compile(r"(a+)|b", re.IGNORECASE)
    for text in ("", "b", "xAAy", "ab"):
        for method in ("match", "fullmatch", "search"):
            for _ in range(2):
                ours, theirs = getattr(later, method)(text), getattr(now, method)(text)
                assert (ours and ours.groups()) == (theirs and theirs.groups())
        assert later.sub("-", text) == now.sub("-", text)
        assert later.findall(text) == now.findall(text)
        assert later.split(text) == now.split(text)
    assert (later.pattern, later.flags, later.groups) == (now.pattern, now.flags, now.groups)


def test_a_wrong_one_is_told_at_its_first_use() -> None:
    wrong = regex("(")
    with pytest.raises(re.error):
        wrong.match("")


PROBE = """
import re
compiled, compile = [], re.compile
import json, datetime, glob, urllib.parse
re.compile = lambda pattern, *flags: compiled.append(pattern) or compile(pattern, *flags)
import tagwatch.api, tagwatch.config.load, tagwatch.ledger.read, tagwatch.publish.console
import tagwatch.audit.rule.approval, tagwatch.source.dockerfile, tagwatch.workspace.recognition
print(compiled)
"""


def test_no_module_of_a_check_compiles_one_before_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
