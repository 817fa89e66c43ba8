"""Help of the program: as wide as the terminal, and every command in it."""

from __future__ import annotations

import pytest

from tagwatch.cli.main import main
from tagwatch.family import COMMAND_HELP


@pytest.mark.parametrize("columns", [20, 44, 80, 200])
def test_help_fits_the_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["--help"]) == 0
    head, _, rest = capsys.readouterr().out.partition("  COMMAND […]\n")
    table, _, _ = rest.partition("\n\n")
    assert head.startswith("usage: tagwatch COMMAND")
    lines = table.splitlines()
    longest = max(len(word) for text in COMMAND_HELP.values() for word in text.split())
    column = 6 + max(map(len, COMMAND_HELP))
    assert all(len(line) <= max(columns - 2, column + longest) for line in lines)
    assert [line.split()[0] for line in lines if line[4:5] != " "] == list(COMMAND_HELP)
    said = [word for name, text in COMMAND_HELP.items() for word in (name, *text.split())]
    assert table.split() == said
    assert len(lines) == len(COMMAND_HELP) or columns < 200


def test_no_command_at_all_prints_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().out.startswith("usage: tagwatch COMMAND")
    assert main(["help"]) == 0
