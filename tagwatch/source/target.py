"""Targets: the places where an image is named, and what a source tells about a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from tagwatch.errors import UsageError
from tagwatch.image.reference import DOCKER_HUB, HUB_HOSTS, Reference, Repository
from tagwatch.value import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol
else:
    Protocol = object

__all__ = [
    "UNREAD_TEMPLATE",
    "WRITTEN",
    "Extraction",
    "Field",
    "Ignore",
    "Instruction",
    "Location",
    "Port",
    "Problem",
    "Source",
    "SourceContext",
    "Span",
    "Target",
    "Targets",
    "as_pulled",
    "is_certainly_built",
    "is_replaced",
    "names_registry",
    "parts_of",
    "qualify",
    "replaced",
    "target_of",
    "targets_of",
]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Location:
    """A stretch of text in a file: 1-based code points, a BOM not counted, `end_column` exclusive.

    `path` is POSIX and relative to the workspace's root where it lies inside.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """Bytes of a file, 0-based, a BOM counted, `end` exclusive."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An editable piece of a file that carries part of a reference.

    `name`: `reference` (the whole text), `tag`, `digest`, `name`, or `value` (a variable's default
    or `.env` value that is substituted into the reference as `text`). `template` shows how the
    reference is made of it, with `{}` at the value's place, where it is not the whole.
    `comment`: the tag in a comment beside the reference, which an edit keeps true.
    `shared`: what else is made of the same value, so that an edit for this reference alone would
    not be exact: `reference` (another one), `stage` (a build stage's own commands, or whatever
    else the file uses the value for: a newer tag may go there, a digest may not).
    `plain`: a YAML scalar without quotes, which an edit quotes where it would become a number.
    `text` is empty for a digest's own field that holds nothing yet (`digest: ""`): the only field
    that is not part of the reference as it stands.
    """

    name: str
    text: str
    span: Span
    location: Location
    template: str = "{}"
    shared: str = ""
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A published port. `host` None: the engine chooses; `host_ip` empty: every interface.

    `among`: the first and last of the host ports it chooses from, where a range is given. `scale`:
    how many containers of the service want the port; `replicas`: the same, as `deploy` asks for
    it, which a swarm's routing mesh can give. `swarm`: a swarm publishes it, on all its nodes.
    """

    container: int
    host: int | None = None
    host_ip: str = ""
    protocol: str = "tcp"
    location: Location | None = None
    profiles: tuple[str, ...] = ()
    service: str = ""
    among: tuple[int, int] | None = None
    scale: int = 1
    replicas: int = 1
    swarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """An inline ignore: `# tagwatch: ignore=<rule> until=<date> reason="…"`.

    `line` is the line it speaks of: its own, or the next where the comment stands alone.
    `invalid` says why the comment cannot be read; such an ignore covers nothing.
    """

    rules: tuple[str, ...]
    until: str = ""
    reason: str = ""
    location: Location | None = None
    line: int = 0
    invalid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place where an image is named.

    `reference` None: it could not be resolved statically; `missing` says what is not known, or
    `invalid` why the text is refused. `fields` are the places to edit, most exact first.
    `group`: the service, stage or container name that the reference belongs to.
    `selector`: a watch-list entry's pattern (`6.2.x`), where the target is not a single tag.
    `tag_or_digest`: what reads the file takes one of the two, and refuses a reference with both.
    """

    text: str
    location: Location
    kind: str
    reference: Reference | None = None
    stage: str | None = None
    platform: str | None = None
    onbuild: bool = False
    missing: tuple[str, ...] = ()
    invalid: str = ""
    group: str | None = None
    ports: tuple[Port, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    fields: tuple[Field, ...] = ()
    selector: str | None = None
    tag_or_digest: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


def replaced(target: Target, how: str, where: str) -> Target:
    """Return the target with the fact that something else is run under its name.

    `how`: `context` or `service` of a build, its `cache` (read if it is there, and never run),
    `artifact` of Skaffold's, `overlay` of Kustomize's;
    `where`: the file that says so. No rule but those of a policy's registries judges it.
    """
    return replace(target, facts={**target.facts, "built": how, "elsewhere": where})


def is_replaced(target: Target) -> bool:
    """Return True where something else is run under the name; see `replaced`."""
    return "elsewhere" in target.facts


def as_pulled(target: Target) -> Target:
    """Return the target without the word of another file, unless nobody can pull such a name."""
    if not is_replaced(target) or is_certainly_built(target):
        return target
    facts = {
        name: said for name, said in target.facts.items() if name not in ("built", "elsewhere")
    }
    return replace(target, facts=facts)


def is_certainly_built(target: Target) -> bool:
    """Return True where no word of another file is needed to know that nobody pulls the name.

    It is a service's own, a container's that runs, or a context's in the very build; but a name
    that leads to a registry is never certain: a context stands in one build and not in all.
    """
    if not is_replaced(target):
        return "built" in target.facts
    return target.facts["built"] == "context" and "/" not in target.text and ":" not in target.text


class Targets(Sequence[Target]):
    """Several collections of targets one after the other, without a copy of any."""

    def __init__(self, parts: Iterable[Collection[Target]]) -> None:
        self.parts = tuple(parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Target]:
        return chain.from_iterable(self.parts)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice) or place < 0:
            return tuple(self)[place]
        for target in islice(self, place, None):
            return target
        raise IndexError(place)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as no target has one: its facts are a mapping


def parts_of(targets: Collection[Target]) -> Iterator[Collection[Target]]:
    """Yield what several collections of targets are made of; one by itself.

    A part that has a `location` is an entry of the watch list: all its targets stand there, each
    names another image, of one `repository`, and `keys` are those of their evidence. To ask it
    spares making the targets.
    """
    parts = getattr(targets, "parts", None)
    if parts is None:
        yield targets
    else:
        for part in parts:
            yield from parts_of(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One Dockerfile instruction that a text rule judges: FROM, USER, EXPOSE, ADD, HEALTHCHECK.

    `arguments` are its words with the variables that are known in its stage put in; `missing`
    names those that are not. Of ENV and ARG, name and value as they stand, where they may hold a
    secret. `flags` stand as written (`--platform=$BUILDPLATFORM`). `stage` is
    0-based; of a FROM, `base` is the stage it builds on, None for an image or `scratch`; of a
    COPY, the stage it copies from.
    `audit/rule/stage.py` asks questions of them.
    """

    name: str
    arguments: tuple[str, ...]
    location: Location
    stage: int
    base: int | None = None
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    onbuild: bool = False


UNREAD_TEMPLATE = "a template of a YAML file was not read from here on"
"""The message of a `Problem`: a text is passed over that is no YAML before a tool makes it that."""
WRITTEN = "written"
"""The fact of a reference in several fields with what they say together; `text` is one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a file that its own tool would refuse, or that tagwatch passed over and why."""

    message: str
    location: Location
    hint: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What a source may know beside the file's own bytes; files are keyed by POSIX path.

    A path that is a key with None was asked for (`wanted`) and is not there. `environment` holds
    what references may hold, no more. `private` are files of variables that are the user's own, as
    git does not track them: what is asked of them is not known. `argument_fields`: where the value
    of a build argument stands, of those that stand somewhere whole.
    """

    files: Mapping[str, bytes | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    argument_fields: Mapping[str, Field] = field(default_factory=dict)
    target: str | None = None
    private: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What one file names. `wanted`: paths whose bytes are needed before the answer is whole.

    `variables`: paths that are read as files of variables (`.env`), whether or not they are there.
    `ports`: what services publish that name no image (they are only built); the others' ports are
    on their targets.
    """

    targets: Sequence[Target] = ()
    problems: tuple[Problem, ...] = ()
    wanted: tuple[str, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    ports: tuple[Port, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    variables: tuple[str, ...] = ()


class Source(Protocol):
    """A format of files. Each `source/` module has both functions at its top level."""

    def recognizes(self, path: str, head: bytes) -> bool:
        """Return True where the name, or the first 64 KiB of a named file, say it is."""

    def extract(self, raw: bytes, path: str, context: SourceContext) -> Extraction:
        """Return every image that `raw` names. Malformed text gives a `Problem`, never an error."""


_SPELLINGS = tuple(f"{host}/" for host in sorted(HUB_HOSTS))


def names_registry(target: Target) -> bool:
    """Return False where the text certainly names no registry; a variable in it may hold one."""
    reference = target.reference
    return (
        reference is None
        or reference.repository.registry != DOCKER_HUB
        or "$" in target.text
        or target.text.startswith(_SPELLINGS)
    )


def qualify(extraction: Extraction, registry: str) -> Extraction:
    """Return the extraction with each name that has no registry taken from `registry`.

    `redis` of `registry.example` is `registry.example/redis`: `library/` is Docker Hub's alone.
    Other names of one repository become one: see `Repository.identity`.
    """
    targets = tuple(map(_identified, extraction.targets))
    if registry != DOCKER_HUB:
        targets = tuple(_qualified(target, registry) for target in targets)
    return extraction if targets == extraction.targets else replace(extraction, targets=targets)


def _identified(target: Target) -> Target:
    if target.reference is None or (meant := target.reference.identity) is target.reference:
        return target
    return replace(target, reference=meant)


def _qualified(target: Target, registry: str) -> Target:
    reference = target.reference
    if reference is None or names_registry(target):
        return target
    path = reference.repository.path
    if not target.text.startswith("library/"):
        path = path.removeprefix("library/")
    repository = Repository(registry=registry, path=path)
    return replace(
        target,
        reference=Reference(repository=repository, tag=reference.tag, digest=reference.digest),
    )


def target_of(text: str) -> Target:
    """The target that the text names, its selector told from a tag.

    Raises `InvalidReferenceError` and `UsageError`.
    """
    from tagwatch.image.selector import parse_query  # a check of files has no use for it

    query = parse_query(text)
    reference = (query.reference or Reference(repository=query.repository)).identity
    selector = query.selector.text if query.selector and query.reference is None else None
    place = Location(path="-", line=1, column=1, end_line=1, end_column=1 + len(text))
    return Target(
        text=text, location=place, kind="argument", reference=reference, selector=selector
    )


def targets_of(references: object) -> tuple[Target, ...]:
    """The targets that a list of texts names, in its order. Raises as `target_of` does."""
    if isinstance(references, str):
        raise UsageError(
            f"one reference where several are taken: {references!r}", hint="resolve() takes one"
        )
    if not isinstance(references, Iterable):
        raise UsageError(f"not a list of references: {references!r}", hint='write ["redis:6.2"]')
    texts = tuple(references)
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(
                f"a reference is a text, not {text!r}", hint="resolve_all() takes a list of them"
            )
    return tuple(map(target_of, texts))
