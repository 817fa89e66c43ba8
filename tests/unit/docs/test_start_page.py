"""`docs/start.md`: what it shows is what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

from tagwatch.service.demo.images import Shelf, build
from tagwatch.service.demo.show import serving
from tests.golden.place import Place
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
DAY = "2026-11-09"
TAGS = {
    "postgres": (("9.6", "9.6.24"), ("16", "16.15"), ("18", "18.6")),
    "redis": (("8.10", "8.10.1"),),
}


def shelf() -> Shelf:
    """What the registry serves: each tuple of tags one image, as its publisher names it."""
    found = Shelf()
    for name, images in TAGS.items():
        path = f"library/{name}"
        found.tags[path] = {}
        for tags in images:
            image = build(None, (), day=DAY, config={"Labels": {"tags": " ".join(tags)}})
            found.manifests[image.manifest.digest] = image.manifest
            found.blobs.update(image.blobs)
            found.tags[path] |= dict.fromkeys(tags, image.manifest.digest)
            found.pushed |= {(path, tag): DAY for tag in tags}
    return found


def answer(transcript: str, part: str) -> str:
    """What stood on standard output or standard error."""
    (found,) = re.findall(rf"^--- {part}\n(.*?)(?=^--- |\Z)", transcript, re.MULTILINE | re.DOTALL)
    return str(found)


async def test_the_sample_is_what_the_command_prints(tmp_path: Path) -> None:
    (file,) = re.findall(r"```yaml\n(services:\n.*?)```", TEXT, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    async with serving(shelf()) as address:
        place = Place(folder=tmp_path / "app", at="2026-11-30T08:00:00Z")
        place.write("docker-compose.yaml", file)
        place.write(
            "tagwatch.yaml",
            "version: 1\nregistries: {docker.io: {credential: anonymous,\n"
            f"  endpoint: '{address}', catalogue_endpoint: '{address}'}}}}\n",
        )
        await place.note("check", "check .")
    told = place.answers["check"]
    assert answer(told, "stdout") + answer(told, "stderr") == shown
