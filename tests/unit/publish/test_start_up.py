"""What printing text or JSON loads: `check` from a warm ledger must feel free."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {
    "aiohttp", "apscheduler", "asyncio", "importlib.metadata", "jinja2", "logging", "msgspec",
    "rich", "slack_sdk", "sqlite_utils", "ssl", "tempfile", "unicodedata", "xml", "yaml",
}  # fmt: skip
PROBE = """
import json, sys
from tagwatch.member import load_member
for name in ("text", "json"):
    load_member("publishers", name)
import tagwatch.publish.answer
print(json.dumps(sorted(sys.modules)))
"""


def test_text_and_json_load_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout))
    assert "tagwatch.publish.console" in loaded
    assert sorted(HEAVY & loaded) == []
