"""The report in a real browser: silent, offline, readable in every light, on phone and paper."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tagwatch.publish.html import page
from tagwatch.publish.html.page import site_pages
from tagwatch.service.gate import HEADERS
from tests.browser.chromium import Tab, chromium, opened
from tests.publish_estate import estate, estate_context, watching
from tests.publish_hostile import hostile
from tests.publish_sample import sample, sample_context
from tests.unit.publish.test_outdated_page import CURRENT, REDIS
from tests.unit.publish.test_outdated_page import context as outdated_context

MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
PAGES = (
    "run",
    "index",
    "hostile",
    "outdated",
    "by-image",
    "by-file",
    "latest-todo-2",
    "rules",
    "latest",
)
OUTDATED = (
    *[replace(REDIS, name=f"{'registry.example/' * 3}redis:5.0.{n}") for n in range(9)],
    CURRENT,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(tmp_path_factory.mktemp("profile")) as address:
        yield address


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of each page."""
    directory = tmp_path_factory.mktemp("report")
    context = sample_context()
    texts = {
        "run": page.render(sample(), context),
        "index": page.render_index(sample(), context, {}),
        "hostile": page.render(hostile(), context),
        "outdated": page.render_outdated(sample(), outdated_context(*OUTDATED)),
    }
    night = watching(estate(600), 90)
    texts |= {
        name.removesuffix(".html"): text
        for name, text in site_pages(night, estate_context(night))
        if name.removesuffix(".html") in PAGES
    }
    texts["estate"] = page.render_index(night, estate_context(night), {})
    addresses = {}
    for name, text in texts.items():
        path = directory / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        addresses[name] = path.as_uri()
    return addresses


def requests(tab: Tab) -> list[str]:
    return [
        event["params"]["request"]["url"]
        for event in tab.events
        if event["method"] == "Network.requestWillBeSent"
    ]


@pytest.mark.parametrize("name", PAGES)
async def test_no_message_no_dialog_and_no_request_but_the_page(
    browser: str, pages: dict[str, str], name: str
) -> None:
    async with opened(browser, pages[name]) as tab:
        await tab.evaluate("new Promise((done) => setTimeout(done, 200))")
        assert requests(tab) == [pages[name]]
        noise = {
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        }
        assert noise.isdisjoint(tab.told()), tab.events


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["run", "index", "outdated", "by-file"])
async def test_contrast_of_every_text(
    browser: str, pages: dict[str, str], name: str, dark: bool
) -> None:
    async with opened(browser, pages[name], dark=dark) as tab:
        found = await tab.evaluate(MEASURE)
    assert found["measured"] > 30
    assert found["low"] == []


async def test_dark_and_light_differ(browser: str, pages: dict[str, str]) -> None:
    colors = []
    for dark in (False, True):
        async with opened(browser, pages["run"], dark=dark) as tab:
            colors.append(await tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colors[0] != colors[1]


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("name", PAGES)
async def test_the_page_never_scrolls_sideways(
    browser: str, pages: dict[str, str], name: str, width: int
) -> None:
    async with opened(browser, pages[name], width=width) as tab:
        await tab.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_verdict_is_on_the_first_screen(browser: str, pages: dict[str, str]) -> None:
    for width in (360, 1280):
        async with opened(browser, pages["run"], width=width) as tab:
            for selector in ("h1", ".lead", ".tiles"):
                bottom = await tab.evaluate(
                    f"document.querySelector('{selector}').getBoundingClientRect().bottom"
                )
                assert bottom < 700


STRUCTURE = """(() => ({
  untitled: [...document.querySelectorAll("svg")].filter((s) => !s.querySelector("title")).length,
  uncaptioned: [...document.querySelectorAll("table")].filter((t) => !t.caption).length,
  unscoped: [...document.querySelectorAll("th")].filter((h) => !h.scope).length,
  unreachable: [...document.querySelectorAll(".scroll, .drawing")].filter(
    (box) => box.scrollWidth > box.clientWidth + 1 && box.tabIndex < 0).length,
  nameless: [...document.querySelectorAll("a, summary")].filter(
    (link) => !link.textContent.trim()).length,
  headings: [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map((h) => Number(h.tagName[1])),
  landmarks: ["header", "nav", "main", "footer"].map((n) => document.querySelectorAll(n).length),
  skips: document.querySelector("a").getAttribute("href"),
}))()"""


@pytest.mark.parametrize("width", [360, 1280])
async def test_structure_for_those_who_do_not_see_it(
    browser: str, pages: dict[str, str], width: int
) -> None:
    async with opened(browser, pages["run"], width=width) as tab:
        await tab.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        found: dict[str, Any] = await tab.evaluate(STRUCTURE)
    headings = found.pop("headings")
    assert headings[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(headings))
    assert found == {
        "untitled": 0,
        "uncaptioned": 0,
        "unscoped": 0,
        "unreachable": 0,
        "nameless": 0,
        "landmarks": [1, 1, 1, 1],
        "skips": "#main",
    }


async def test_without_style_every_fact_can_be_read_in_order(
    browser: str, pages: dict[str, str]
) -> None:
    async with opened(browser, pages["run"]) as tab:
        await tab.evaluate(
            "document.querySelectorAll('style').forEach((s) => s.remove()),"
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        assert await tab.evaluate("document.styleSheets.length") == 0
        text = await tab.evaluate("document.body.innerText")
    for finding in sample().findings:
        assert finding.message in text
    for evidence in sample().evidence.values():
        assert all(interval.digest[:19] in text for interval in evidence.history)
    verdict, report = text.split("Coverage:", 1)
    assert "\n2\u00a0things to fix" in verdict
    order = ["Changed since", "To do", "Images", "Policy", "Runs", "Not checked"]
    places = [report.index(f"\n{heading}") for heading in order]
    assert places == sorted(places)


async def test_on_paper_closed_details_are_open(browser: str, pages: dict[str, str]) -> None:
    closed = "[...document.querySelectorAll('details:not([open]) td')]"
    height = f"Math.min(...{closed}.map((cell) => cell.getBoundingClientRect().height))"
    async with opened(browser, pages["run"], media="print") as tab:
        assert await tab.evaluate(f"{closed}.length") > 10
        assert await tab.evaluate(height) > 5
        pdf = await tab.send("Page.printToPDF", preferCSSPageSize=True)
        assert base64.b64decode(pdf["data"]).startswith(b"%PDF")


async def test_on_paper_the_latest_report_is_one_page_and_details_are_asked_for(
    browser: str, pages: dict[str, str]
) -> None:
    number = []
    for fragment in ("", "#images"):
        async with opened(browser, pages["latest"] + fragment) as tab:
            pdf = await tab.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        number.append(len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(pdf["data"]))))
    assert number[0] == 1
    assert number[1] > 3


async def test_links_lead_to_what_they_name(browser: str, pages: dict[str, str]) -> None:
    async with opened(browser, pages["run"]) as tab:
        dead = await tab.evaluate(
            "[...document.links].filter((link) => link.protocol === 'file:')"
            ".map((link) => link.hash.slice(1))"
            ".filter((id) => !document.getElementById(id))"
        )
        assert dead == []
        assert await tab.evaluate("document.links.length") > 20


SHOWN = """(() => ({
  groups: [...document.querySelectorAll("[data-group]:not([hidden])")].map(
    (box) => box.querySelector("summary h2, summary h3").textContent),
  items: [...document.querySelectorAll("[data-item]")].filter(
    (item) => item.checkVisibility()).length,
  said: document.getElementById("found").textContent,
  hash: location.hash,
}))()"""


async def write(tab: Tab, text: str) -> None:
    """Press the keys of a text, one after the other."""
    for key in text:
        await tab.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await tab.send("Input.dispatchKeyEvent", type="keyUp", key=key)


async def press(tab: Tab, key: str) -> None:
    await tab.send("Input.dispatchKeyEvent", type="rawKeyDown", key=key, code=key)
    await tab.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)


async def test_a_list_is_searched_by_keyboard_and_the_address_keeps_it(
    browser: str, pages: dict[str, str]
) -> None:
    async with opened(browser, pages["estate"]) as tab:
        before = await tab.evaluate(SHOWN)
        assert before["items"] == 0, "three hundred images are behind their owners"
        await write(tab, "/GRAFANA 1.1")
        found = await tab.evaluate(SHOWN)
        assert found["groups"] == ["docker.io/grafana"]
        assert found["hash"] == "#q=GRAFANA+1.1"
        assert found["said"] == f"{found['items']} of 300"
        assert 0 < found["items"] < 20
        await press(tab, "ArrowDown")
        await press(tab, "ArrowDown")
        assert "grafana" in await tab.evaluate("document.activeElement.textContent")
        await press(tab, "ArrowUp")
        await press(tab, "ArrowUp")
        await press(tab, "Escape")
        assert await tab.evaluate(SHOWN) == {**before, "hash": ""}


async def test_an_address_finds_filters_and_sorts(browser: str, pages: dict[str, str]) -> None:
    async with opened(browser, f"{pages['by-file']}#q=checkout&kind=error&sort=name") as tab:
        found = await tab.evaluate(SHOWN)
        assert found["groups"] == sorted(found["groups"])
        assert found["groups"] and all("checkout" in name for name in found["groups"])
        kinds = (
            "[...document.querySelectorAll('[data-item]')].filter((one) => one.checkVisibility())"
        )
        assert set(await tab.evaluate(f"{kinds}.map((one) => one.dataset.item)")) == {"error"}
        assert await tab.evaluate("document.querySelector('a[data-page]').hash") == found["hash"]
        assert found["said"].endswith(" on this page, others have more")
        many = "[...document.querySelectorAll('[data-group]')].map((box) => +box.dataset.many)"
        await tab.evaluate("location.hash = '#sort=most'")
        await tab.evaluate("new Promise((done) => setTimeout(done))")
        numbers = await tab.evaluate(many)
        assert numbers == sorted(numbers, reverse=True)


async def test_an_address_that_names_a_group_opens_it(browser: str, pages: dict[str, str]) -> None:
    async with opened(browser, pages["by-file"]) as tab:
        name = await tab.evaluate("document.querySelector('details:not([open])').id")
    async with opened(browser, f"{pages['by-file']}#{name}") as tab:
        assert await tab.evaluate(f"document.getElementById('{name}').open")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", ["estate", "by-image", "by-file", "latest-todo-2"])
async def test_the_first_view_of_a_big_estate_is_short(
    browser: str, pages: dict[str, str], name: str, width: int
) -> None:
    async with opened(browser, pages[name], width=width) as tab:
        assert await tab.evaluate("document.documentElement.scrollHeight") < 20 * 900


async def test_the_index_is_printed_on_one_page(browser: str, pages: dict[str, str]) -> None:
    async with opened(browser, pages["estate"], media="print") as tab:
        pdf = await tab.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
    assert len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(pdf["data"]))) == 1


async def test_the_service_allows_the_script_and_no_other(
    browser: str, pages: dict[str, str]
) -> None:
    """Its header and the page's own policy both hold."""
    night = estate(60)
    text = page.render_index(night, estate_context(night), {})
    odd = text.replace("</footer>", "</footer><script>document.title = 'ran'</script>")

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(text=odd, content_type="text/html", headers=HEADERS)

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with opened(browser, f"http://{host}:{port}/#q=redis") as tab:
            assert await tab.evaluate("document.querySelector('.tools').offsetParent !== null")
            assert await tab.evaluate("document.title") != "ran"
    finally:
        await runner.cleanup()


async def test_no_interactive_part_lies_in_another(browser: str, pages: dict[str, str]) -> None:
    for name in ("run", "by-image", "by-file", "latest-todo-2", "estate"):
        async with opened(browser, pages[name]) as tab:
            nested = "document.querySelectorAll('summary a, summary button, a a').length"
            assert await tab.evaluate(nested) == 0, name


async def test_without_scripts_everything_can_be_read(browser: str, pages: dict[str, str]) -> None:
    async with opened(browser, "about:blank") as tab:
        await tab.send("Emulation.setScriptExecutionDisabled", value=True)
        tab.events.clear()
        await tab.send("Page.navigate", url=pages["estate"])
        await tab.wait_for("Page.loadEventFired")
        await tab.send("Emulation.setScriptExecutionDisabled", value=False)
        assert await tab.evaluate("document.querySelector('.tools').offsetParent") is None
        await tab.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        items = "[...document.querySelectorAll('[data-item]')]"
        shown = f"{items}.filter((one) => one.checkVisibility())"
        assert await tab.evaluate(f"{shown}.length") == 300
