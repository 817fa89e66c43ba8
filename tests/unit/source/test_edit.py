"""Edits: what changes, what stays, and when none is offered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import InputError
from tagwatch.source.dockerfile import extract
from tagwatch.source.plain import extract as extract_plain
from tagwatch.source.target import Field, Location, SourceContext, Span, Target
from tagwatch.source.text.edit import Fix, apply, bump, by_path, compatible, pin, unified_diff

OLD = "sha256:" + "0123456789abcdef" * 4
NEW = "sha256:" + "fedcba9876543218" * 4


def targets(raw: bytes) -> tuple[Target, ...]:
    return tuple(extract(raw, "Dockerfile", SourceContext()).targets)


def fixed(text: str, change: Any, *, which: int = -1) -> str | None:
    """The file after the change of one target; None where none is offered."""
    raw = text.encode()
    fix = change(targets(raw)[which])
    if fix is None:
        return None
    after = apply(raw, [fix])
    again = change(targets(after)[which])
    assert again is None, "a second run changes nothing"
    return after.decode()


PINNED = [
    ("FROM redis:6.2\n", f"FROM redis:6.2@{NEW}\n"),
    ("FROM redis\n", f"FROM redis@{NEW}\n"),
    ("FROM 'redis:6.2' AS a\r\n", f"FROM 'redis:6.2@{NEW}' AS a\r\n"),
    ('FROM debian:"12"-slim\n', f'FROM debian:"12"-slim@{NEW}\n'),
    ("\ufeff# é\nFROM a:5000/r:1\n", f"\ufeff# é\nFROM a:5000/r:1@{NEW}\n"),
    (f"FROM redis:6.2@{OLD}\n", f"FROM redis:6.2@{NEW}\n"),
    (f"FROM redis@{OLD}\n", f"FROM redis@{NEW}\n"),
    ("ARG V=6.2\nFROM redis:${V}\n", f"ARG V=6.2@{NEW}\nFROM redis:${{V}}\n"),
    ('ARG I="redis:6.2"\nFROM $I\n', f'ARG I="redis:6.2@{NEW}"\nFROM $I\n'),
    ("ARG R=quay.io\nFROM $R/a:1\n", f"ARG R=quay.io\nFROM $R/a:1@{NEW}\n"),
    ("FROM redis:${V:-6.2}\n", f"FROM redis:${{V:-6.2@{NEW}}}\n"),
    ("ARG V=18\nFROM a:$V-x\n", f"ARG V=18\nFROM a:$V-x@{NEW}\n"),
    ("ARG V=1\nFROM a:$V\nFROM a:$V\n", f"ARG V=1@{NEW}\nFROM a:$V\nFROM a:$V\n"),
    (f"ARG D=@{OLD}\nFROM a:1$D\n", f"ARG D=@{NEW}\nFROM a:1$D\n"),
    (
        "FROM scratch\nRUN --mount=from=a:1,target=/x true\n",
        f"FROM scratch\nRUN --mount=from=a:1@{NEW},target=/x true\n",
    ),
    ("FROM scratch\nCOPY --from=a:1 / /\n", f"FROM scratch\nCOPY --from=a:1@{NEW} / /\n"),
    # a digest that ends like the tag must not tempt to edit the name
    ("ARG V=18\nFROM a:$V\nARG V\n", None),
    # shared, computed, split, unknown
    ("ARG V=1\nFROM a:$V-x\nFROM a:$V\n", None),
    ("ARG V=1\nFROM base-$V\nFROM a:$V\nFROM scratch AS base-1\n", None),
    ("ARG P=arm64\nFROM --platform=$P a:$P\n", None),
    ("ARG V=1.2\nFROM a:${V%.*}\n", None),
    ("FROM a:\\\n1\n", None),
    ("FROM a:$V\n", None),
    ("ARG V=1\nFROM $V:$V\n", None),
]


@pytest.mark.parametrize(("text", "expected"), PINNED)
def test_pin(text: str, expected: str | None) -> None:
    assert fixed(text, lambda target: pin(target, None, NEW)) == expected


BUMPED = [
    ("FROM redis:6.2\n", f"FROM redis:7.10@{NEW}\n", "FROM redis:7.10\n"),
    ("FROM redis\n", f"FROM redis:7.10@{NEW}\n", "FROM redis:7.10\n"),
    ("ARG V=6.2\nFROM a:$V\n", f"ARG V=7.10@{NEW}\nFROM a:$V\n", "ARG V=7.10\nFROM a:$V\n"),
    ("ARG V=6.2\nFROM a:$V\nARG V\n", None, "ARG V=7.10\nFROM a:$V\nARG V\n"),
    ("ARG V=6.2\nFROM a:$V\nFROM a:$V-x\nFROM b:$V\n", None, None),
    ("FROM registry:5000/a\n", f"FROM registry:5000/a:7.10@{NEW}\n", "FROM registry:5000/a:7.10\n"),
    (f"FROM redis:6.2@{OLD}\n", f"FROM redis:7.10@{NEW}\n", None),
    ("ARG A=6 B=2\nFROM a:$A.$B\n", None, None),
    ("ARG A=7 B=2\nFROM a:$A.$B\n", f"ARG A=7 B=10@{NEW}\nFROM a:$A.$B\n",
     "ARG A=7 B=10\nFROM a:$A.$B\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "with_digest", "tag_only"), BUMPED)
def test_bump(text: str, with_digest: str | None, tag_only: str | None) -> None:
    assert fixed(text, lambda target: bump(target, "7.10", NEW)) == with_digest
    assert fixed(text, lambda target: bump(target, "7.10")) == tag_only


COMMENTS = [
    (f"# redis:6.2.14\nFROM redis@{OLD}\n", f"# redis:6.2.16\nFROM redis@{NEW}\n"),
    (f"# tag: 6.2.14\nFROM redis@{OLD}\n", f"# tag: 6.2.16\nFROM redis@{NEW}\n"),
    (f"#6.2.14\r\nFROM redis@{OLD}\r\n", f"#6.2.16\r\nFROM redis@{NEW}\r\n"),
    (f"# docker.io/library/redis:6.2.14\nFROM redis@{OLD}\n",
     f"# docker.io/library/redis:6.2.16\nFROM redis@{NEW}\n"),
    (f"# 6.2.14\nFROM \\\n redis:6.2@{OLD}\n", f"# 6.2.16\nFROM \\\n redis:6.2@{NEW}\n"),
    (f"# 6.2.14\nARG I=redis@{OLD}\nFROM $I\n", f"# 6.2.16\nARG I=redis@{NEW}\nFROM $I\n"),
    (f"# the cache\nFROM redis@{OLD}\n", f"# the cache\nFROM redis:6.2@{NEW}\n"),
    (f"# nginx:1.2\nFROM redis@{OLD}\n", f"# nginx:1.2\nFROM redis:6.2@{NEW}\n"),
    (f"# 6.2.14\n\nFROM redis@{OLD}\n", f"# 6.2.14\n\nFROM redis:6.2@{NEW}\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), COMMENTS)
def test_the_comment_beside_a_digest_stays_true(text: str, expected: str) -> None:
    assert fixed(text, lambda target: pin(target, "6.2", NEW, concrete="6.2.16")) == expected


def test_a_trailing_comment_stays_true() -> None:
    raw = f"redis@{OLD}   # 6.2.14\nnginx:1 # 1.27\n".encode()
    first, second = extract_plain(raw, "images.txt", SourceContext()).targets
    fixes = [pin(first, "6.2", NEW, concrete="6.2.16"), pin(second, None, NEW)]
    after = apply(raw, [fix for fix in fixes if fix is not None])
    assert after.decode() == f"redis@{NEW}   # 6.2.16\nnginx:1@{NEW} # 1.27\n"


def test_a_comment_that_cannot_be_kept_true_means_no_fix() -> None:
    (target,) = targets(f"# 6.2.14\nFROM redis@{OLD}\n".encode())
    assert pin(target, None, NEW) is None


def field(name: str, text: str, start: int, template: str, *, plain: bool = False) -> Field:
    span = Span(path="f", start=start, end=start + len(text))
    place = Location(path="f", line=1, column=1, end_line=1, end_column=2)
    return Field(name=name, text=text, span=span, location=place, template=template, plain=plain)


def split_target(reference: str, *fields: Field) -> Target:
    from tagwatch.image.reference import Reference

    place = Location(path="f", line=1, column=1, end_line=1, end_column=2)
    parsed = Reference.parse(reference)
    return Target(text="x", location=place, kind="helm", reference=parsed, fields=fields)


def test_tag_and_digest_in_fields_of_their_own() -> None:
    raw = f"tag: 6.2\ndigest: {OLD}\n".encode()
    target = split_target(
        f"redis:6.2@{OLD}",
        field("digest", OLD, 17, "redis:6.2@{}"),
        field("tag", "6.2", 5, f"redis:{{}}@{OLD}", plain=True),
    )
    pinned = pin(target, None, NEW)
    assert pinned is not None
    assert apply(raw, [pinned]).decode() == f"tag: 6.2\ndigest: {NEW}\n"
    bumped = bump(target, "7.10", NEW)
    assert bumped is not None
    assert len(bumped.also) == 1
    assert apply(raw, [bumped]).decode() == f'tag: "7.10"\ndigest: {NEW}\n'
    assert bump(target, "7.10") is None


def test_a_digest_field_without_its_algorithm() -> None:
    hexadecimal = OLD.removeprefix("sha256:")
    target = split_target(
        f"redis:6.2@{OLD}",
        field("digest", hexadecimal, 8, "redis:6.2@sha256:{}"),
        field("tag", "6.2", 0, f"redis:{{}}@{OLD}"),
    )
    bumped = bump(target, "6.4", NEW)
    assert bumped is not None
    assert [bumped.replacement, bumped.also[0].replacement] == [NEW[7:], "6.4"]
    assert bump(target, "6.4", "sha512:" + "0" * 128) is None


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("7.10", '"7.10"'), ("20", '"20"'), ("1_0", '"1_0"'), ("1e3", '"1e3"'),
        ("2024-01-15", '"2024-01-15"'), ("0x1f", '"0x1f"'), ("on", '"on"'), ("null", '"null"'),
        ("7.10.1", "7.10.1"), ("v7", "v7"), ("1.2-alpine", "1.2-alpine"), ("latest", "latest"),
    ],
)  # fmt: skip
def test_a_plain_yaml_scalar_does_not_become_a_number(tag: str, written: str) -> None:
    target = split_target("redis:6.2", field("tag", "6.2", 0, "redis:{}", plain=True))
    fix = bump(target, tag)
    assert fix is not None
    assert fix.replacement == written
    quoted = split_target("redis:6.2", field("tag", "6.2", 0, "redis:{}"))
    fix = bump(quoted, tag)
    assert fix is not None
    assert fix.replacement == tag


def fix(start: int, end: int, replacement: str, before: str | None = None) -> Fix:
    return Fix(
        path="f", start=start, end=end, replacement=replacement, description="", before=before
    )


def test_apply_makes_the_same_fix_once_and_neighbours_each() -> None:
    assert apply(b"abcd", [fix(1, 2, "X"), fix(1, 2, "X"), fix(2, 3, "é")]) == "aXéd".encode()
    assert apply(b"abcd", []) == b"abcd"
    assert apply(b"", [fix(0, 0, "x", "")]) == b"x"


@pytest.mark.parametrize(
    "fixes",
    [
        [fix(0, 2, "x"), fix(1, 3, "y")],
        [fix(0, 2, "x"), fix(0, 2, "y")],
        [fix(1, 1, "x"), fix(1, 1, "y")],
        [fix(3, 5, "x")],
        [fix(-1, 1, "x")],
        [fix(2, 1, "x")],
        [fix(0, 1, "x", before="b")],
        [fix(0, 3, "x", before="ab")],
    ],
)
def test_apply_refuses_what_is_not_exact(fixes: list[Fix]) -> None:
    with pytest.raises(InputError) as caught:
        apply(b"abcd", fixes)
    assert caught.value.hint


def test_of_two_fixes_for_one_place_the_first_is_made() -> None:
    both = fix(4, 6, "x")
    pair = Fix(path="f", start=0, end=1, replacement="p", description="", also=(fix(9, 10, "q"),))
    late = fix(9, 11, "z")
    kept, left = compatible([both, fix(4, 6, "x"), fix(5, 7, "y"), pair, late, fix(6, 7, "w")])
    assert kept == (both, both, pair, fix(6, 7, "w"))
    assert left == (fix(5, 7, "y"), late)
    assert apply(b"0123456789abc", kept) == b"p123xw78qabc"


_fix = st.builds(
    lambda start, length, text: fix(start, start + length, text),
    st.integers(0, 9),
    st.integers(0, 3),
    st.sampled_from(["", "x", "yy"]),
)


@given(st.lists(_fix, max_size=8))
@settings(max_examples=200, deadline=None)
def test_what_is_compatible_can_be_applied(fixes: list[Fix]) -> None:
    kept, left = compatible(fixes)
    assert sorted([*kept, *left], key=repr) == sorted(fixes, key=repr)
    apply(b"0123456789abc", kept)
    for one in left:
        with pytest.raises(InputError):
            apply(b"0123456789abc", [*kept, one])


def test_the_diff_of_a_dry_run() -> None:
    after = apply(b"FROM a:1\r\nRUN x", [fix(5, 8, "a:2")])
    assert unified_diff("d/Dockerfile", b"FROM a:1\r\nRUN x", after) == (
        "--- a/d/Dockerfile\n+++ b/d/Dockerfile\n@@ -1,2 +1,2 @@\n"
        "-FROM a:1\r\n+FROM a:2\r\n RUN x\n\\ No newline at end of file\n"
    )
    assert unified_diff("f", after, after) == ""
    assert unified_diff("f", b"a\x0cb\n", b"a\x0cc\n").count("\n") == 5


_tag = st.sampled_from(["", ":1", ":1.2-alpine", "@" + OLD, ":1@" + OLD])
_name = st.sampled_from(["redis", "quay.io/a/b", "localhost:5000/x"])
_form = st.sampled_from(
    ["FROM {}\n", "FROM '{}' AS s{}\n", "ARG I{}={}\nFROM $I{}\n",
     "FROM scratch\nCOPY --from={} / /\n"]
)  # fmt: skip


def statement(number: int, form: str, image: str) -> str:
    if form.startswith("ARG"):
        return form.format(number, image, number)
    return form.format(image, number)


@given(st.lists(st.tuples(_form, _name, _tag), min_size=1, max_size=5), st.data())
@settings(max_examples=100, deadline=None)
def test_a_fix_changes_its_own_target_and_no_other_byte(
    parts: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    arguments = [p for p in parts if p[0].startswith("ARG")]
    others = [p for p in parts if not p[0].startswith("ARG")]
    lines = [
        statement(number, form, name + tag)
        for number, (form, name, tag) in enumerate([*arguments, *others])
    ]
    declared = [line.split("\n")[0] + "\n" for line in lines if line.startswith("ARG")]
    used = [line.split("\n", 1)[1] if line.startswith("ARG") else line for line in lines]
    raw = "".join([*declared, *used]).encode()
    before = targets(raw)
    which = data.draw(st.integers(0, len(before) - 1))
    fix = pin(before[which], None, NEW)
    assert fix is not None
    after = targets(apply(raw, [fix]))
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        assert old.reference is not None
        assert new.reference is not None
        assert new.reference.repository == old.reference.repository
        assert new.reference.tag == old.reference.tag
        assert new.reference.digest == (NEW if index == which else old.reference.digest)
    length = len(fix.replacement) - (fix.end - fix.start)
    changed = apply(raw, [fix])
    assert changed[: fix.start] == raw[: fix.start]
    assert changed[fix.end + length :] == raw[fix.end :]


def test_fixes_of_several_files_are_kept_apart_and_together() -> None:
    def edit(path: str, start: int, text: str, *also: Fix) -> Fix:
        return Fix(
            path=path, start=start, end=start + 1, replacement=text, description="", also=also
        )

    both = edit("a", 0, "x", edit("b", 4, "y"))
    same_bytes_elsewhere = edit("c", 0, "z")
    against_its_second_half = edit("b", 4, "w", edit("c", 8, "w"))
    kept, left = compatible([both, same_bytes_elsewhere, against_its_second_half, both])
    assert kept == (both, same_bytes_elsewhere, both)
    assert left == (against_its_second_half,)
    edits = by_path(kept)
    assert list(edits) == ["a", "b", "c"]
    assert apply(b"01234", edits["b"]) == b"0123y"
    assert apply(b"01234", edits["a"]) == b"x1234"
