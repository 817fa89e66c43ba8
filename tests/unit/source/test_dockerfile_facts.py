"""The instructions that text rules judge."""

from __future__ import annotations

from tagwatch.audit.rule.stage import effective, final_stage, inherited_stages
from tagwatch.source.dockerfile import extract
from tagwatch.source.target import Instruction, SourceContext

TEXT = """\
ARG PORT=8080
FROM --platform=linux/amd64 a:1 AS base
ARG PORT
ENV UID=1000 GROUP="my group"
ENV HOME /home/$UID
USER $UID:$GROUP
EXPOSE $PORT 53/udp ${NOWHERE}
ADD --checksum=sha256:0 https://example.com/$PORT.tgz \\
    $HOME/
FROM base
ENV UID=2000
EXPOSE $UID
ONBUILD USER root
HEALTHCHECK --interval=5s CMD curl $UID
FROM scratch
ADD ["a b", "/x"]
USER 0
"""


def read(text: str, **context: str) -> tuple[Instruction, ...]:
    return extract(text.encode(), "Dockerfile", SourceContext(build_args=context)).instructions


def test_arguments_are_those_of_the_stage() -> None:
    rows = [(i.name, i.stage, i.arguments, i.missing) for i in read(TEXT)]
    assert rows == [
        ("FROM", 0, ("a:1",), ()),
        ("USER", 0, ("1000:my group",), ()),
        ("EXPOSE", 0, ("8080",), ()),
        ("EXPOSE", 0, ("53/udp",), ()),
        ("EXPOSE", 0, ("",), ("NOWHERE",)),
        ("ADD", 0, ("https://example.com/8080.tgz", "/home/1000/"), ()),
        ("FROM", 1, ("base",), ()),
        ("EXPOSE", 1, ("2000",), ()),
        ("USER", 1, ("root",), ()),
        ("HEALTHCHECK", 1, ("CMD", "curl", "$UID"), ()),
        ("FROM", 2, ("scratch",), ()),
        ("ADD", 2, ("a b", "/x"), ()),
        ("USER", 2, ("0",), ()),
    ]


def test_places_flags_and_stages() -> None:
    instructions = read(TEXT)
    first, user, _, udp, _, add = instructions[:6]
    assert (first.flags, first.base) == (("--platform=linux/amd64",), None)
    assert (user.location.line, user.location.column, user.location.end_column) == (6, 6, 17)
    assert (udp.location.line, udp.location.column, udp.location.end_column) == (7, 14, 20)
    assert (add.flags, add.location.line, add.location.end_line) == (("--checksum=sha256:0",), 8, 9)
    assert [i.base for i in instructions if i.name == "FROM"] == [None, 0, None]
    assert [i.name for i in instructions if i.onbuild] == ["USER"]


def test_the_callers_build_arguments_count() -> None:
    ports = [i.arguments for i in read(TEXT, PORT="9") if i.name == "EXPOSE"]
    assert ports[0] == ("9",)


def test_what_holds_at_a_stages_end() -> None:
    instructions = read(TEXT)
    assert final_stage(instructions) == 2
    assert inherited_stages(instructions, 1) == (1, 0)
    user = effective(instructions, "USER", 1)
    assert user is not None
    assert user.arguments == ("1000:my group",), "ONBUILD's USER is not this image's"
    own = effective(instructions, "USER", 2)
    assert own is not None
    assert own.arguments == ("0",)
    assert effective(instructions, "HEALTHCHECK", 2) is None
    assert final_stage(()) is None


def test_what_cannot_be_read_stands_as_it_is() -> None:
    instructions = read("FROM a\nUSER ${\nUSER ${U?}\nENV A='\nUSER $A\n")
    assert [(i.arguments, i.missing) for i in instructions[1:]] == [
        (("${",), ()),
        (("${U?}",), ("U",)),
        (("",), ("A",)),
    ]


def test_settings_that_may_hold_a_secret_stand_as_they_are() -> None:
    """Each pair for itself, with its own place; most files have none, and no others are told."""
    text = (
        "FROM a\nENV A=1 B=2\nARG NPM_TOKEN\nARG T=1 NPM_TOKEN=abc\n"
        "ENV DB_PASSWORD  hun ter2 \nENV X='y' \\\n  API_KEY=\"k $Z\" PATH=$PATH\n"
        "ONBUILD ENV SECRET=s\n"
    )
    told = [
        (one.name, one.arguments, one.location.line, one.location.column, one.onbuild)
        for one in read(text)[1:]
    ]
    assert told == [
        ("ARG", ("NPM_TOKEN", "abc"), 4, 9, False),
        ("ENV", ("DB_PASSWORD", "hun ter2"), 5, 5, False),
        ("ENV", ("API_KEY", "k $Z"), 7, 3, False),
        ("ENV", ("SECRET", "s"), 8, 13, True),
    ]
