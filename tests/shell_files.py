"""The files for shells in `config/shell`: `python -m tests.shell_files` writes them."""

from __future__ import annotations

from tagwatch.cli.shell_files import completion, manual
from tests.paths import ROOT

__all__ = ["FOLDER", "shell_files"]

FOLDER = ROOT / "config" / "shell"


def shell_files() -> dict[str, str]:
    """Every file by its name."""
    return {
        "tagwatch.bash": completion("bash"),
        "_tagwatch": completion("zsh"),
        "tagwatch.fish": completion("fish"),
        "tagwatch.1": manual(),
    }


if __name__ == "__main__":
    for name, text in shell_files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
