"""What axe-core finds in the report's pages: nothing, on screen and phone, in light and dark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tagwatch.publish.files import write_projects, write_reports
from tagwatch.publish.machine import render
from tagwatch.publish.projects import project_from
from tests.browser.chromium import chromium, opened
from tests.publish_estate import estate, estate_context, watching
from tests.publish_sample import sample, sample_context
from tests.unit.publish.test_outdated_page import CURRENT, REDIS
from tests.unit.publish.test_outdated_page import context as outdated_context

PAGES = ("index", "latest", "by-image", "by-file", "outdated", "rules")
RUN = """(async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return {ran: found.testEngine.version, wrong: found.violations.map(
    (one) => `${one.id}, ${one.nodes.length} times: ${one.nodes[0].html.slice(0, 160)}`)};
})()"""


def axe() -> str:
    """The script; skips the test where nobody installed it, fails where `CI` is set."""
    found = find_spec("axe_playwright_python")  # never imported: that would need Playwright
    if found is None or not found.submodule_search_locations:
        said = "axe-core is missing: .ci/setup test"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    path = Path(next(iter(found.submodule_search_locations))) / "axe.min.js"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of reports: of an estate, of a project with a bit of everything, and of several."""
    folder = tmp_path_factory.mktemp("site")
    night = watching(estate(60), 20)
    write_reports(folder / "estate", night, estate_context(night), ["html"])
    write_reports(folder / "sample", sample(), outdated_context(REDIS, CURRENT), ["html"])
    projects = [
        project_from("web", render(estate(60), sample_context()).encode()),
        project_from("shop", render(sample(), sample_context()).encode()),
    ]
    write_projects(folder / "projects", projects, "1.0")
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(tmp_path_factory.mktemp("profile")) as address:
        yield address


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1440, False)], ids=["phone", "screen"])
async def test_axe_finds_nothing(browser: str, site: Path, width: int, dark: bool) -> None:
    script = axe()
    wrong = {}
    pages = [
        *(site / "sample" / f"{name}.html" for name in PAGES),
        *(site / "estate" / f"{name}.html" for name in ("index", "by-image")),
        *(site / "projects" / f"{name}.html" for name in ("index", "images")),
    ]
    for page in pages:
        async with opened(browser, page.as_uri(), width=width, dark=dark) as tab:
            await tab.evaluate(script)
            found = await tab.evaluate(RUN)
        assert found["ran"]
        if found["wrong"]:
            wrong[page.relative_to(site).as_posix()] = found["wrong"]
    assert wrong == {}
