"""The pictures of the documentation, from the demo: `make screenshots` writes docs/images."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tagwatch.knowledge.bundled import load
from tagwatch.service.demo.show import play
from tests.browser.chromium import chromium, opened
from tests.paths import ROOT

__all__ = ["SHOTS", "Shot", "take"]

IMAGES = ROOT / "docs" / "images"

# where the last row ends that is whole: a picture that cuts one through looks broken
_WHOLE_ROWS = """Math.round(Math.max(...[...document.querySelectorAll('li, tr')]
    .filter(row => row.checkVisibility({contentVisibilityAuto: true}))
    .map(row => row.getBoundingClientRect().bottom).filter(bottom => bottom <= HEIGHT)))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: of which page of the demo, how wide and at most how high, light or dark."""

    name: str
    page: str
    width: int = 1280
    height: int = 1020
    dark: bool = False


SHOTS = (
    Shot(name="report", page="index.html"),
    Shot(name="report-dark", page="index.html", dark=True),
    Shot(name="outdated", page="outdated.html"),
)


async def take(pages: Path, images: Path, profile: Path) -> None:
    """Write a PNG of each of `SHOTS` into `images`, from the report in `pages`."""
    with chromium(profile) as address:
        for shot in SHOTS:
            url = (pages / shot.page).as_uri()
            async with opened(address, url, width=shot.width, dark=shot.dark) as tab:
                await tab.evaluate("document.documentElement.style.scrollbarWidth = 'none'")
                height = await tab.evaluate(_WHOLE_ROWS.replace("HEIGHT", str(shot.height)))
                clip = {"x": 0, "y": 0, "width": shot.width, "height": height, "scale": 1}
                got = await tab.send(
                    "Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True
                )
            (images / f"{shot.name}.png").write_bytes(base64.b64decode(got["data"]))


async def _main() -> None:
    # the browser writes into its profile until it is gone
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pages = Path(folder) / "shop"
        await play(pages, load())
        await take(pages, IMAGES, Path(folder) / "profile")
    print(f"{len(SHOTS)} pictures in {IMAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    asyncio.run(_main())
