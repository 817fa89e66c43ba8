"""`python -m tagwatch`."""

from __future__ import annotations

import sys

from tagwatch.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
