"""`python -m tagwatch`."""

from __future__ import annotations

from tagwatch.cli.main import entry

if __name__ == "__main__":
    entry()
