"""`docs/operations.md`: its commands exist, and work in the order in which they stand there."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.cli.command import load
from tagwatch.cli.parser import parsed
from tagwatch.config.load import load_configuration
from tagwatch.errors import UsageError
from tagwatch.family import COMMANDS
from tagwatch.ledger.write import Ledger
from tests.paths import ROOT
from tests.walk.command import Workplace

PAGE = ROOT / "docs" / "operations.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
INLINE = re.findall(r"`((?:tagwatch|ledger) [^`…]+)`", TEXT)


@pytest.mark.parametrize("text", sorted({*(line.removeprefix("$ ") for line in LINES), *INLINE}))
def test_each_command_exists(text: str) -> None:
    words = shlex.split(text.replace("SECONDS", "60"))
    _, name, *rest = words if words[0] == "tagwatch" else ["tagwatch", *words]
    if name == "--version":
        return
    assert name in COMMANDS
    command = load(name)
    try:
        parsed(name, command, rest)
    except UsageError as error:  # an action that is only named lacks its arguments
        assert "required" in error.message, text


def test_every_line_of_a_block_is_a_command() -> None:
    assert len(LINES) >= 7
    assert all(line.startswith("$ tagwatch ") for line in LINES)


async def test_the_commands_work_in_this_order(tmp_path: Path) -> None:
    desk = Workplace(tmp_path, {"HOME": str(tmp_path)})
    desk.write("tagwatch.yaml", "version: 1\ndatabase: tagwatch.db\n")
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        ledger.begin_run("scan", datetime.now(UTC) - timedelta(days=1))
    for line in LINES:
        _, _, *words = shlex.split(line)
        done = await desk.run(*words)
        assert done.code == 0, f"{line}: {done.err}"
    assert (tmp_path / "monday.db").exists()
    assert (tmp_path / "before-upgrade.db").exists()


def test_the_configuration_shown_is_read(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    path = tmp_path / "tagwatch.yaml"
    path.write_text("".join(["version: 1\n", *blocks]), encoding="utf-8")
    settings = load_configuration(path, {}, tmp_path).settings
    assert settings.reports.projects == Path("/srv/reports/projects")
    retention = settings.retention
    assert retention.history == timedelta(weeks=520)
    assert retention.runs == timedelta(weeks=52)
    assert retention.compact
