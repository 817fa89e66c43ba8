"""What `*` and a regular expression take, without reading the tags."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.image.selection import select, select_names
from tagwatch.image.selector import parse_selector
from tagwatch.image.tag_table import TagTable

SIGNATURE = f"sha256-{'a' * 64}.sig"
NAMES = st.sets(
    st.one_of(
        st.from_regex(r"\A[a-z0-9_][a-z0-9_.-]{0,12}\Z"),
        st.sampled_from(["1.2.3", "1.2", "latest", "pr-7", SIGNATURE, f"sha256-{'b' * 64}", "v1"]),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(names=NAMES, text=st.sampled_from(["*", "/^1/", "/a/", "/./"]))
def test_the_names_are_those_of_the_tags_that_are_selected(names: set[str], text: str) -> None:
    selector = parse_selector(text)
    selected = frozenset(tag.text for tag in select(selector, TagTable.of(names)))
    assert select_names(selector, names) == selected


@pytest.mark.parametrize("text", ["6.2.x", "^6", ">=6.2 <8", "6.2"])
def test_other_selectors_must_compare_tags(text: str) -> None:
    assert select_names(parse_selector(text), {"6.2", "6.2.1"}) is None
