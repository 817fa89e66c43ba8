"""Source text: places in code points, spans in bytes, whatever the bytes are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import InputError
from tagwatch.source.target import Location
from tagwatch.source.text.source_text import SourceText


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), st.booleans(), st.data())
@settings(max_examples=200, deadline=None)
def test_every_stretch_maps_to_its_bytes_and_place(
    raw: bytes, bom: bool, data: st.DataObject
) -> None:
    raw = b"\xef\xbb\xbf" + raw if bom else raw
    try:
        source = SourceText(raw, "f")
    except InputError:
        assert raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[:4] == b"\0\0\xfe\xff"
        return
    start = data.draw(st.integers(0, len(source.text)))
    end = data.draw(st.integers(start, len(source.text)))
    span = source.span(start, end)
    assert raw[span.start : span.end].decode("utf-8", "surrogateescape") == source.text[start:end]
    place = source.location(start, end)
    before = source.text[:start].split("\n")
    assert (place.line, place.column) == (len(before), len(before[-1]) + 1)
    until = source.text[:end].split("\n")
    assert (place.end_line, place.end_column) == (len(until), len(until[-1]) + 1)


def test_whole_lines_are_without_their_ends() -> None:
    source = SourceText(b"ab\r\nc\r\n", "f")
    expected = Location(path="f", line=1, column=1, end_line=2, end_column=2)
    assert source.line_location(1, 2) == expected
    assert SourceText(b"", "f").line_location(1, 1).end_column == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_encodings_of_two_and_four_bytes_are_refused(encoding: str) -> None:
    with pytest.raises(InputError) as caught:
        SourceText("\ufeffFROM a".encode(encoding), "f")
    assert "UTF-8" in caught.value.hint
