"""Writing back: whole, with its mode, inside the tree only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.errors import InputError
from tagwatch.workspace.write import write_bytes
from tests.hostile.promise import promised


def test_bytes_mode_and_no_leftovers(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_bytes(b"FROM a\r\n")
    file.chmod(0o640)
    write_bytes(file, b"FROM b\r\n", expected=b"FROM a\r\n", root=tmp_path)
    assert file.read_bytes() == b"FROM b\r\n"
    assert file.stat().st_mode & 0o7777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["Dockerfile"]


def test_a_link_inside_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"a")
    link = tmp_path / "link"
    link.symlink_to("real")
    write_bytes(link, b"b", expected=b"a", root=tmp_path)
    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"b"


@promised(
    "a tree", "a link that leads `--fix` out of the tree", "no file outside is written",
)  # fmt: skip
def test_a_link_outside_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    outside = tmp_path / "outside"
    outside.write_bytes(b"a")
    (root / "link").symlink_to(outside)
    with pytest.raises(InputError, match="outside the tree"):
        write_bytes(root / "link", b"b", expected=b"a", root=root)
    assert outside.read_bytes() == b"a"


def test_a_file_named_outside_the_root_can_be_written(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    outside = tmp_path / "outside"
    outside.write_bytes(b"a")
    write_bytes(outside, b"b", expected=b"a", root=root)
    assert outside.read_bytes() == b"b"


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"other")
    with pytest.raises(InputError, match="changed while"):
        write_bytes(file, b"b", expected=b"a", root=tmp_path)
    assert file.read_bytes() == b"other"
