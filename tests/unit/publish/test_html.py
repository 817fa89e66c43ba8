"""The HTML report as text: structure, escaping, determinism, size. The browser's view is apart."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from importlib import resources

import pytest

from tagwatch.audit.model.diff import ImageDiff, LayerDiff, LayerEntry, PlatformDiff
from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import Reference
from tagwatch.image.snapshot import Gone
from tagwatch.publish.html import page
from tagwatch.publish.html.layers import stack_of
from tagwatch.publish.html.timeline import timeline_of
from tagwatch.publish.html.trend import trend_of
from tagwatch.publish.html.view import Pages
from tests.publish_hostile import hostile
from tests.publish_images import CHANGES, EVIDENCE, digest
from tests.publish_sample import AT, found, sample, sample_context, told_since

VOID = {"meta", "path", "rect", "circle", "polyline", "br", "img", "input", "link"}


class Page(HTMLParser):
    """A strict reading: every element closed in order; headings, ids, links, tables collected."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def run_page(result: AuditResult | None = None) -> str:
    return page.render(result or sample(), sample_context())


@pytest.fixture(scope="module")
def shown() -> Page:
    return Page(run_page())


def test_the_first_screen_gives_the_verdict_the_change_and_the_coverage(shown: Page) -> None:
    text = shown.text.replace("\u00a0", " ")
    start = text.rindex("2 things to fix, 5 to look at, 3 notes, 2 not checked (incomplete)")
    for sentence in ("6 new, 1 fixed, 4 tags moved", "6 of 10 image references read now"):
        assert start < text.index(sentence) < text.index("Changed since the last run")


def test_sections_stand_in_reading_order(shown: Page) -> None:
    order = ["Changed since the last run", "To do", "Images", "Policy", "Runs", "Not checked"]
    body = shown.text[shown.text.index("Coverage:") :]
    places = [body.index(f" {heading} ") for heading in order]
    assert places == sorted(places)


def test_every_fact_of_the_result_is_on_the_page(shown: Page) -> None:
    result = sample()
    for finding in result.findings:
        assert finding.message in shown.text
        assert str(finding.location) in shown.text
        if finding.fix is not None:
            assert finding.fix.line in shown.text
    for evidence in result.evidence.values():
        assert evidence.resolution.input in shown.text
        for match in evidence.bases:
            assert match.sentence in shown.text
        for interval in evidence.history:
            assert interval.version is not None
            assert interval.version in shown.text
    for moved in result.changes:
        assert moved.change.reason in shown.text
    for failure in result.failures:
        assert failure.message in shown.text
        assert failure.hint in shown.text
    for ignored in result.ignored:
        assert ignored.owner in shown.text
        assert f"{ignored.until} (38 days left)" in shown.text


def test_links_lead_to_something_on_the_page_and_ids_are_unique(shown: Page) -> None:
    assert len(shown.ids) == len(set(shown.ids))
    assert shown.links
    for link in shown.links:
        assert link.startswith(("https://hub.docker.com/_/", "https://ghcr.io/acme/")) or (
            link.startswith("#") and link[1:] in shown.ids
        )


def test_headings_descend_without_a_gap(shown: Page) -> None:
    assert shown.headings[0] == 1
    assert shown.headings.count(1) == 1
    for before, after in zip(shown.headings, shown.headings[1:], strict=False):
        assert after <= before + 1


def test_tables_have_captions_and_scopes_and_drawings_have_names(shown: Page) -> None:
    assert shown.tags["table"] == shown.tags["caption"] > 10
    assert (
        sum(name == "scope" for tag, name, _ in shown.attributes if tag == "th") == shown.tags["th"]
    )
    labelled = [value for tag, name, value in shown.attributes if name == "aria-labelledby"]
    assert shown.tags["svg"] == sum(
        tag == "svg" for tag, name, _ in shown.attributes if name == "role"
    )
    assert {word for value in labelled for word in value.split()} <= set(shown.ids)


def test_the_page_asks_the_network_for_nothing(shown: Page) -> None:
    text = run_page()
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(shown.tags)
    assert "@import" not in text
    assert "url(" not in text
    policy = next(
        value for tag, name, value in shown.attributes if name == "content" and "default" in value
    )
    assert policy.startswith("default-src 'none'")
    assert ("meta", "content", "noindex") in shown.attributes
    assert ("html", "lang", "en") in shown.attributes


LINK = re.compile(
    r"(?:(?:latest(?:-todo-\d+|-images-\d+)?|by-[a-z]+(?:-\d+)?|rules|index|outdated)\.html)?(?:#.*)?"
    r"|https://(?:hub\.docker\.com|ghcr\.io|quay\.io|git\.example)/[A-Za-z0-9_./%#-]+"
)


def is_safe(read: Page) -> None:
    """No script but ours, by its hash; no handler; no link but to our pages and known hosts."""
    scripts = [policy for _, _, policy in read.attributes if "script-src" in policy]
    assert read.tags["script"] == len(scripts) <= 1
    if scripts:
        raw = (resources.files("tagwatch.publish.html") / "templates" / "find.js").read_bytes()
        mark = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        assert f"script-src 'sha256-{mark}';" in scripts[0]
    assert "img" not in read.tags
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    assert [link for link in read.links if not LINK.fullmatch(link)] == []


@pytest.mark.parametrize("index", [False, True])
def test_hostile_text_stays_text(index: bool) -> None:
    night = hostile()
    context = sample_context()
    text = page.render_index(night, context, {}) if index else page.render(night, context)
    read = Page(text)
    is_safe(read)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text)
    if not index:
        assert "<script>alert(1)</script>" in read.text
        assert "{{ 7*7 }}" in read.text
    text.encode("utf-8")


def test_equal_input_gives_equal_bytes_whatever_the_order_of_mappings() -> None:
    result = sample()
    turned = replace(result, requests=dict(reversed(list(result.requests.items()))))
    assert run_page() == run_page() == run_page(turned)


def test_pages_of_nothing_and_of_a_first_run() -> None:
    empty = AuditResult(at=AT)
    context = replace(sample_context(), news=None, runs=())
    read = Page(page.render(empty, context))
    assert "No image is named here" in read.text
    assert "There is no earlier run to compare with" in read.text
    first = Page(page.render(sample(), context))
    assert "first run: nothing to compare with yet" in first.text
    Page(page.render_index(empty, context, {}))


def test_an_incomplete_run_without_findings_does_not_look_clean() -> None:
    blind = replace(sample(), findings=(), changes=())
    read = Page(run_page(blind))
    assert "Nothing to fix in what could be read" in read.text.replace("\u00a0", " ")
    assert "No finding in what could be read." in read.text


def big(tags: int) -> AuditResult:
    """`tags` images, each with a finding, twelve digests behind it, and its last change."""
    evidence = {}
    findings = []
    for number in range(tags):
        reference = Reference.parse(f"registry.example/team/service-{number % 50}:1.{number}")
        key = reference.canonical
        history = tuple(
            Interval(
                tag=reference.tag or "",
                digest=digest(f"{key} {step}"),
                first_seen=AT - timedelta(days=30 * (12 - step)),
                last_seen=AT - timedelta(days=30 * (11 - step)),
                ended=step < 11,
                version=f"1.{number}.{step}",
                verdict="upgraded",
            )
            for step in range(12)
        )
        resolution = Resolution(
            input=str(reference),
            status=Status.RESOLVED,
            reference=reference,
            tag=reference.tag,
            version=f"1.{number}.11",
            digest=digest(key),
            aliases=tuple(f"1.{number}-{name}" for name in ("slim", "bookworm", "debian")),
        )
        change = CHANGES["postgres:16.4"] if number % 10 == 0 else None
        evidence[key] = Evidence(
            key=key,
            resolution=resolution,
            at=AT,
            history=history,
            change=change,
            platforms=EVIDENCE[0].platforms,
            documents_read=True,
        )
        target = replace(
            sample().targets[0],
            reference=reference,
            location=replace(sample().targets[0].location, line=number + 1),
        )
        message = f"{reference} moved 12 times in the last year; it is 1.{number}.11 today"
        advice = "Pin the digest, or accept that this tag moves and say so in the policy."
        put = f"{reference}@{digest(key)}"
        findings.append(found("tag-moving", Severity.WARNING, target, message, remedy=advice,
                              put=put, line=f"FROM {put} AS build"))  # fmt: skip
    return replace(sample(), evidence=evidence, findings=tuple(findings))


def test_a_document_that_stands_alone_shows_the_worst_and_counts_the_others() -> None:
    result = big(1_300)
    worst = replace(result.findings[-1], severity=Severity.ERROR)
    text = run_page(replace(result, findings=(*result.findings[:-1], worst)))
    assert len(text.encode()) < 300_000
    assert text.count('class="card image"') == 15
    assert "1,285 more images, none that asks for more than these" in text
    assert "1,280 more findings, none of them worse" in text
    cards = text.partition('<h2 id="images">')[2]
    assert ":1.1299" in cards.partition("<h3>")[2].partition("</h3>")[0], "the worst is first"
    Page(text)


def test_what_is_new_is_told_however_many_findings_are_worse() -> None:
    """A note after a thousand old warnings; links lead to what the page shows, or are none."""
    result = replace(big(1_300), changes=())
    kept = replace(result.findings[-1], severity=Severity.NOTE)
    note = replace(kept, rule="eol-soon", message="ends soon", fingerprint="e" * 64)
    ignore = replace(
        kept, rule="ignore-expired", message="an ignore has ended", fingerprint="i" * 64
    )
    now = replace(result, findings=(*result.findings, note, ignore))
    text = page.render(now, replace(sample_context(), news=told_since(now, result)))
    changed = text.partition('<h2 id="changed">')[2].partition("</section>")[0]
    assert "ends soon" in changed
    assert "Nothing changed" not in changed
    assert "an ignore has ended" in text.partition('<h2 id="policy">')[2]
    anchors = set(re.findall(r' id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]*)"', text)) <= anchors


def test_no_more_than_forty_new_and_fixed_findings() -> None:
    result = replace(big(1_300), changes=())
    none = replace(result, findings=())
    context = sample_context()
    new = page.render(result, replace(context, news=told_since(result, none)))
    fixed = page.render(none, replace(context, news=told_since(none, result)))
    for text in (new, fixed):
        assert "1,260 more findings: new, worse or fixed" in text
        assert len(text.encode()) < 300_000


def test_tags_that_are_gone_are_a_change_and_are_named() -> None:
    gone = Gone(repository=sample().targets[0].reference.repository, tag="6.1", digest=digest("g"))  # type: ignore[union-attr]  # it has one
    quiet = replace(sample(), changes=(), remarks=(), gone=(gone,))
    text = page.render(quiet, replace(sample_context(), news=told_since(quiet, quiet)))
    assert "Nothing changed" not in text
    assert "1 tag gone" in text
    assert "1 tag is there no more: 6.1" in text


def test_timeline_segments_lie_in_order_inside_the_drawing() -> None:
    drawn = timeline_of([("redis:6.2", "a", EVIDENCE[5].history)], AT)
    assert drawn is not None
    (lane,) = drawn.lanes
    assert [segment.label for segment in lane.segments] == ["6.2.20", "6.2.21", "6.2.22", "6.2.24"]
    assert [segment.kind for segment in lane.segments] == ["odd", "even", "odd", "now"]
    for before, after in zip(lane.segments, lane.segments[1:], strict=False):
        assert before.x + before.width <= after.x + 0.11
    assert lane.segments[0].x >= drawn.labels
    assert lane.segments[-1].x + lane.segments[-1].width == drawn.width
    assert timeline_of([("x", "a", ())], AT) is None


def test_long_timeline_labels_differ_as_their_tags_do() -> None:
    names = [f"ibm-semeru-runtimes:open-26.0.{number}-jdk-noble" for number in (1, 2)]
    drawn = timeline_of([(name, "a", EVIDENCE[5].history) for name in (*names, "redis:7")], AT)
    assert drawn is not None
    assert [lane.whole for lane in drawn.lanes] == [*names, ""]
    labels = [lane.label for lane in drawn.lanes]
    assert len(set(labels)) == 3
    assert max(map(len, labels)) <= 30


def test_timeline_marks_alarms_and_cuts_what_is_older_than_a_year() -> None:
    replaced = timeline_of([("postgres:16.4", "a", EVIDENCE[4].history)], AT)
    assert replaced is not None
    assert [segment.sign for segment in replaced.lanes[0].segments] == ["", "", "!"]
    first = replace(EVIDENCE[5].history[0], first_seen=AT - timedelta(days=900))
    old = timeline_of([("redis:6.2", "a", (first, *EVIDENCE[5].history[1:]))], AT)
    assert old is not None
    assert old.lanes[0].cut
    assert old.lanes[0].segments[0].x == old.labels
    assert len(old.ticks) >= 5


def test_timeline_of_few_days_has_daily_ticks_and_a_deleted_tag_says_so() -> None:
    first = replace(
        EVIDENCE[5].history[0], first_seen=AT - timedelta(days=3), last_seen=AT - timedelta(days=1)
    )
    drawn = timeline_of([("web:1", "a", (first,))], AT)
    assert drawn is not None
    assert [tick.label for tick in drawn.ticks][:2] == ["16 Nov", "17 Nov"]
    gone = drawn.lanes[0].gone_x
    assert gone is not None
    assert drawn.lanes[0].segments[0].x < gone < drawn.now


def test_what_a_tag_serves_now_bears_version_and_verdict_found_since() -> None:
    known = EVIDENCE[5]
    fresh = (*known.history[:-1], replace(known.history[-1], version=None, verdict=None))
    evidence = {known.key: replace(known, history=fresh)}
    view = Pages(replace(sample(), evidence=evidence), sample_context(), whole=False).first()
    newest, how = view.images[0].past[-1]
    assert (newest.version, how) == ("6.2.24", "upgraded")


@pytest.mark.parametrize(("days", "first"), [(0, "first known"), (90, "not explained")])
def test_only_the_oldest_of_all_is_first_known(days: int, first: str) -> None:
    known = EVIDENCE[5]
    bare = tuple(replace(interval, verdict=None) for interval in known.history)
    since = bare[0].first_seen - timedelta(days=days)
    evidence = {known.key: replace(known, history=bare, change=None, first_seen=since)}
    view = Pages(replace(sample(), evidence=evidence), sample_context(), whole=False).first()
    assert [how for _, how in view.images[0].past] == [first, *["not explained"] * 3]


def test_what_is_seen_after_what_was_committed_is_first_seen_here() -> None:
    known = EVIDENCE[5]
    told = replace(known.history[0], verdict=None, kind=Seen.COMMITTED)
    seen = replace(known.history[-1], verdict=None)
    evidence = {
        known.key: replace(
            known, history=(told, seen), change=None, moves=0, first_seen=told.first_seen
        )
    }
    view = Pages(replace(sample(), evidence=evidence), sample_context(), whole=False).first()
    assert [how for _, how in view.images[0].past] == ["first known", "first seen here"]


def test_notes_are_folded_and_all_else_is_open() -> None:
    text = run_page()
    assert text.count('<article class="card task"') == 6
    assert text.count('<details class="card task"') == 3


def test_layer_stack_has_every_layer_on_its_side_and_the_base_bracket() -> None:
    stack = stack_of(CHANGES["postgres:16.4"].diff, base_layers=1)
    assert stack is not None
    sides = Counter((box.x, box.kind) for box in stack.boxes)
    assert sides == {
        (stack.before, "shared"): 1,
        (stack.before, "removed"): 4,
        (stack.after, "shared"): 1,
        (stack.after, "added"): 4,
    }
    by_size = sorted(
        (box for box in stack.boxes if box.x == stack.after), key=lambda box: box.height
    )
    assert by_size[-1].label == "112.4 MB"
    assert stack.base_y == max(box.y for box in stack.boxes if box.x == stack.after)
    assert len(stack.rows) == 9


@pytest.mark.parametrize(
    "layers", [LayerDiff(), LayerDiff(added=(LayerEntry(position=0),))], ids=["none", "one side"]
)
def test_layers_of_one_side_draw_nothing(layers: LayerDiff) -> None:
    assert stack_of(ImageDiff(platforms=(PlatformDiff(layers=layers),))) is None
    assert stack_of(ImageDiff()) is stack_of(None) is None


def test_trend_needs_two_runs_and_stays_inside() -> None:
    runs = sample_context().runs
    drawn = trend_of(runs)
    assert drawn is not None
    assert len(drawn.errors) == len(runs)
    assert all(0 < point.x < drawn.width and 0 < point.y < drawn.height
               for point in (*drawn.errors, *drawn.warnings))  # fmt: skip
    assert trend_of(runs[:1]) is None
    assert "to fix from 0 to 2" in drawn.description


def test_the_index_shows_alarming_moves_and_counts_the_others() -> None:
    """Each with its image, its step, when and why; the others are behind one line."""
    text = page.render_index(sample(), sample_context(), {})
    moved = text[text.index('<h2 id="moved">') : text.index('<h2 id="todo">')]
    opened, _, behind = moved.partition("<details")
    rows = re.findall(r"<tbody.*?</tbody>", opened, re.DOTALL)
    assert rows[0].count("<tr") == 1
    for said in (
        "postgres:16.4",
        "16.4: sha256:",
        "2026-11-23 02:00 UTC",
        "replaced",
        "build step",
    ):
        assert said in rows[0]
    assert "<summary>3\u00a0more moves: 2\u00a0upgraded, 1\u00a0rebuilt</summary>" in behind
    assert [name in behind for name in ("python:3.12-slim", "redis:6.2", "nginx:latest")] == [
        True
    ] * 3
    quiet = replace(sample(), changes=())
    assert 'id="moved"' not in page.render_index(quiet, sample_context(), {})
