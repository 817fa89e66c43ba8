"""Where the system lacks what only Unix has: the command works, or says what it cannot do."""

from __future__ import annotations

from pathlib import Path

from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace

WITHOUT = """\
import os, sys
import aiohttp, asyncio, socket, subprocess, tempfile  # these know other systems themselves
for name in ("getuid", "geteuid", "getgid", "getegid", "fchown", "fchmod", "chown"):
    delattr(os, name)
for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
    delattr(os, name)
for name in ("fcntl", "grp", "pwd", "resource"):
    sys.modules[name] = None
from tagwatch.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


async def test_the_command_needs_no_user_numbers_and_no_flags_of_unix(tmp_path: Path) -> None:
    """`resolve` ended with an AttributeError: `os.getuid`."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    place.write("without.py", WITHOUT)
    (tmp_path / "layout").mkdir()
    async with Double().serving() as double:
        for tag in ("1.0.0", "1.0.1"):
            double.warehouse.push("team/app", tag)
        double.tokened = True
        place.write("tagwatch.yaml", f"registries: {{{double.host}: {{endpoint: '{double.url}'}}}}")
        place.write("Dockerfile", f"FROM {double.host}/team/app:1.0.0\nUSER app\n")
        name = f"{double.host}/team/app"
        resolved = await place.python("without.py", "resolve", f"{name}:>=1")
        fixed = await place.python("without.py", "check", "--fix=pin", "Dockerfile")
        layout = await place.python("without.py", "base", "oci:layout")
    assert (resolved.code, resolved.err) == (0, "")
    assert resolved.out.startswith(f"{name}:>=1  1.0.1 · sha256:")
    assert (fixed.code, fixed.err.splitlines()[0]) == (0, "tagwatch: fixed 1 place in Dockerfile")
    assert "@sha256:" in (tmp_path / "Dockerfile").read_text()
    assert layout.code == 4
    assert "this system opens no folder" in layout.out + layout.err
