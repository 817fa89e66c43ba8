"""Files to targets: bytes in, extractions out, with the other files that a file needs."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from tagwatch.audit.model.finding import sample_of
from tagwatch.errors import InputError
from tagwatch.image.reference import DOCKER_HUB, Reference, without_userinfo
from tagwatch.source.target import (
    UNREAD_TEMPLATE,
    Extraction,
    Location,
    Problem,
    Source,
    SourceContext,
    Target,
    as_pulled,
    is_replaced,
)
from tagwatch.value import replace
from tagwatch.workspace.find import (
    HEAD_BYTES,
    File,
    brought_source_for,
    git_above,
    is_dockerfile,
    source_for,
    start_of,
    tree_of,
    values_source_for,
    walked_source_for,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.workspace.around import Around
    from tagwatch.workspace.companion import Companions
    from tagwatch.workspace.deployed import Deployments
    from tagwatch.workspace.publishing import Publishing
    from tagwatch.workspace.stage import Stages

__all__ = ["MAX_FILE_BYTES", "read_bytes", "read_lines", "read_targets"]

MAX_FILE_BYTES = 4 * 1024 * 1024
# A pipe that nobody writes to keeps nobody waiting; Windows has no such flags, and one of its own.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MAX_COMPANIONS = 256  # of one file
_LED = frozenset({"dockerfile", "gitlab-ci"})
_DEPLOYED = frozenset({"kubernetes", "kustomize", "helm"})


def read_targets(
    files: Sequence[File],
    root: Path,
    environment: Mapping[str, str],
    build_args: Mapping[str, str],
    instead: Mapping[Path, bytes | None] | None = None,
    *,
    trusted: bool = True,
) -> Iterator[tuple[str, Extraction]]:
    """Yield each file's path and what it names.

    Dockerfiles come after the files that build them, and override files after what they override.

    A place that two files lead to (an included file, the Dockerfile of a Compose service) is given
    once, and an argument that the building file supplies beats "not known". A file that cannot be
    read gives a problem. A walked file that no source recognizes gives nothing. `instead`: files,
    by their real path, that are read as these bytes; None: as if they were not there. `trusted`
    False: what a file says is built here is pulled all the same.
    """
    reader = _Reader(root, environment, build_args, instead or {}, files)
    reader.is_trusting = trusted
    for file in sorted(files, key=lambda file: (is_dockerfile(file.path), _overrides(file.path))):
        extraction = reader.read(file)
        if extraction is not None:
            yield file.path, extraction


def read_bytes(path: Path) -> bytes:
    """Return a regular file's bytes. Raises `InputError`: missing, too big or binary."""
    try:
        descriptor = os.open(path, _FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise InputError(
                    f"the file has {size} bytes; tagwatch reads up to {MAX_FILE_BYTES}",
                    hint="name the file that people edit, not a generated one",
                )
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        words = error.strerror or str(error)
        raise InputError(
            f"cannot be read: {words}", hint="check the path and its permissions"
        ) from error
    return _text(raw)


def _text(raw: bytes) -> bytes:
    """Return the bytes. Raises `InputError` where they are too many, or binary."""
    if len(raw) > MAX_FILE_BYTES:
        raise InputError("the file does not end", hint="name a regular file")
    if b"\0" in raw[:HEAD_BYTES] and not raw.startswith(_UTF_16):
        raise InputError("the file is binary", hint="name a text file")
    return raw


def read_lines(root: Path, contents: Mapping[str, bytes], path: str) -> Sequence[str]:
    """Return the lines of a file, as places count them; none where it cannot be read.

    `contents`: files by path that are taken as given.
    """
    try:
        raw = contents[path] if path in contents else read_bytes(root / path)
    except (InputError, ValueError):
        return ()
    if b"\0" in raw:
        return ()  # no tool that reads these files takes UTF-16
    # lines end at line feeds only, and a BOM is no character
    return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")


class _Reader:
    """A reader of files in turn that remembers which places were given."""

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str],
        build_args: Mapping[str, str],
        instead: Mapping[Path, bytes | None],
        files: Sequence[File],
    ) -> None:
        self._root = root
        self._environment = environment
        self._build_args = build_args
        self._instead = instead
        self._given = _Given()
        self._files = files
        self._companions: Companions | None = None
        self._around: Around | None = None
        self._deployments: Deployments | None = None
        self._publishers: dict[Path, Publishing] = {}
        self._trees: dict[Path, Path] = {}
        self._stages: Stages | None = None
        self.is_trusting = True

    def read(self, file: File) -> Extraction | None:
        """Return what a file names and was not given before; None where no source reads it."""
        is_walked = file.origin == "walked"
        if is_walked and file.path.endswith(".json") and self._is_other_json(file):
            return None  # without reading the whole of it: data may be large
        try:
            kept = self._companions.kept(file.real) if self._companions is not None else None
            raw = self._bytes(file.real) if kept is None else kept
        except InputError as error:
            if is_walked and _is_foreign(file):
                return None
            return _refused(file, error.message, error.hint)
        head = raw[:HEAD_BYTES]
        source = _recognized(walked_source_for if is_walked else source_for, file.path, raw)
        if source is None and not is_walked:
            source = brought_source_for(file.path, head) or values_source_for(file.path, head)
        if source is None or source[0] == "compose":
            source = self._as_included(file) or source
        if source is None:
            if file.origin != "named":
                return _foreign_pipeline(file.path, head)
            by_name = source_for(file.path, b"")
            if by_name is not None and by_name[0] == "compose":
                return Extraction()  # a `compose.json` of another tool, which a hook names
            hint = "`tagwatch extract --help` lists the formats"
            return _refused(file, "no format that tagwatch reads", hint, skipped=True)
        extraction = _with_gaps(self._extract(source[1], raw, file), file)
        extraction = self._among_others(source[0], extraction, file)
        if not self.is_trusting:
            extraction = replace(extraction, targets=tuple(map(as_pulled, extraction.targets)))
        elif any(map(_is_latest, extraction.targets)):
            publishing = self._publishing(file)
            marked = tuple(map(publishing.marked, extraction.targets))
            extraction = replace(extraction, targets=marked)
        if extraction.targets and sample_of(file.path):
            extraction = self._staged().marked(extraction, file.path, file.real)
        return self._given.news(_without_userinfo(extraction), file)

    def _among_others(self, source: str, extraction: Extraction, file: File) -> Extraction:
        """Return what a file names, as the files around it understand that."""
        targets = extraction.targets
        if source in _DEPLOYED and targets:
            if self._deployments is None:
                from tagwatch.workspace.deployed import Deployments

                self._deployments = Deployments(self._beside, self._files)
            return replace(extraction, targets=self._deployments.seen(source, targets, file))
        if source not in _LED or not any(map(_is_doubtful, targets)):
            return extraction
        led = self._surroundings().as_led(source, file)
        found = (led.get(one.location) if _is_doubtful(one) else None for one in targets)
        known = ((one,) if said is None else said for one, said in zip(targets, found, strict=True))
        return replace(extraction, targets=tuple(chain.from_iterable(known)))

    def _as_included(self, file: File) -> tuple[str, Source] | None:
        """Return GitLab's source for a part of a pipeline, which looks like anything or nothing."""
        if not file.path.endswith((".yml", ".yaml")) or source_for(file.path, b"") is not None:
            return None
        main = self._surroundings().includer(file)
        return source_for(main, b"") if main else None

    def _surroundings(self) -> Around:
        if self._around is None:  # most files need no others to be understood
            from tagwatch.workspace.around import Around

            self._around = Around(self._beside, self._extract_other)
        return self._around

    def _staged(self) -> Stages:
        if self._stages is None:  # few trees have files that nobody deploys
            from tagwatch.workspace.stage import Stages

            self._stages = Stages()
        return self._stages

    def _publishing(self, file: File) -> Publishing:
        """Return what knows which images the repository of a file publishes."""
        from tagwatch.workspace.publishing import Publishing

        inside = self._tree(file)
        top = git_above(inside) or inside
        if top not in self._publishers:
            self._publishers[top] = Publishing(top, self._root, read_bytes)
        return self._publishers[top]

    def _extract_other(self, path: str, raw: bytes) -> Extraction:
        """Return what another file names; nothing where no source reads it."""
        source = source_for(path, raw[:HEAD_BYTES])
        if source is None:
            return Extraction()
        return self._extract(
            source[1], raw, File(path=path, real=self._root / path, origin="walked")
        )

    def _beside(self, path: str, file: File) -> bytes | None:
        return self._others().read(path, self._tree(file))

    def _tree(self, file: File) -> Path:
        """Return where a file may draw others from: `tree_of`, asked once a file."""
        if file.real not in self._trees:
            self._trees[file.real] = tree_of(file.real, self._root)
        return self._trees[file.real]

    def _others(self) -> Companions:
        if self._companions is None:  # most files need no others
            from tagwatch.workspace.companion import Companions

            self._companions = Companions(self._root, self._bytes)
        return self._companions

    def _is_other_json(self, file: File) -> bool:
        if self._instead and Path(os.path.realpath(file.real)) in self._instead:
            return False
        try:
            with file.real.open("rb") as opened:
                raw = opened.read(MAX_FILE_BYTES)
                return _recognized(walked_source_for, file.path, raw) is None
        except OSError:
            return source_for(file.path, b"") is None

    def _bytes(self, path: Path) -> bytes:
        """Return what the file holds, or is to be read as. Raises `InputError`."""
        real = Path(os.path.realpath(path)) if self._instead else path
        if real not in self._instead:
            return read_bytes(path)
        raw = self._instead[real]
        if raw is None:
            raise InputError("is not there", hint="check the path and the revision")
        return _text(raw)

    def _extract(self, source: Source, raw: bytes, file: File) -> Extraction:
        known: dict[str, bytes | None] = {}
        asked: frozenset[str] = frozenset()
        private: frozenset[str] = frozenset()
        while True:
            context = SourceContext(
                files=known,
                environment=self._environment,
                build_args=self._build_args,
                private=private,
            )
            try:
                extraction = source.extract(raw, file.path, context)
            except Exception as error:  # noqa: BLE001  # one file's trouble is that file's
                return _broken(file, error)
            wanted = [path for path in extraction.wanted if path not in known]
            more = asked.union(extraction.variables)
            if more != asked:  # what is the user's own must not be in an answer
                asked, private = more, self._others().untracked(file, more)
            elif not wanted:
                return replace(extraction, variables=(), wanted=tuple(known))
            wanted = [path for path in wanted if path not in private]
            if len(known) + len(wanted) > _MAX_COMPANIONS:
                problem = Problem(
                    message=f"needs more than {_MAX_COMPANIONS} other files",
                    location=start_of(file.path),
                    hint="what the further ones name is not part of this answer",
                )
                return replace(extraction, problems=(*extraction.problems, problem))
            tree = self._tree(file)
            known |= {path: self._others().read(path, tree) for path in wanted}


class _Given:
    """The places that were given, each once, whichever files lead to it."""

    def __init__(self) -> None:
        self._given: dict[tuple[Location, str, str | None], dict[Reference | None, bool]] = {}
        """By place what was given; False where it was only said to be replaced there."""
        self._said: set[object] = set()
        self._built: dict[Location, bool] = {}
        """Where builds lead to; True where one of them pulls what is named there."""

    def news(self, extraction: Extraction, file: File) -> Extraction:
        """Return what a file names and no file before it gave."""
        targets = extraction.targets
        for one in targets:
            if one.location.path != file.path and not one.missing:
                known = self._built.get(one.location, False)
                self._built[one.location] = known or not is_replaced(one)
        known_here = {one.location for one in targets if not one.missing and not is_replaced(one)}
        return replace(
            extraction,
            targets=tuple(
                one
                for one in targets
                if not ((one.missing or is_replaced(one)) and one.location in known_here)
                and self._is_new(one, file)
            ),
            problems=tuple(item for item in extraction.problems if self._first(item)),
            ignores=tuple(item for item in extraction.ignores if self._first(item)),
            wanted=(),
        )

    def _first(self, item: object) -> bool:
        if item in self._said:
            return False
        self._said.add(item)
        return True

    def _is_new(self, target: Target, file: File) -> bool:
        """Note the target; False where it was given, or every build puts another in its place."""
        is_own = target.location.path == file.path
        if is_own and self._built.get(target.location) is False and _is_doubtful(target):
            return False
        key = target.location, target.kind, target.platform
        given = self._given.setdefault(key, {})
        is_pulled = not is_replaced(target)
        if target.reference in given and given[target.reference] >= is_pulled:
            return False
        if target.missing and given:
            return False
        given[target.reference] = is_pulled
        return True


def _with_gaps(extraction: Extraction, file: File) -> Extraction:
    """Return what a file names, where the rest of a template is no longer passed over in silence.

    A file that names images, or is of a kind that does by its own name, is one that we read: what
    follows in it is a gap. Any other template may as well make something that names none.
    """
    problems = extraction.problems
    if not any(one.skipped and one.message == UNREAD_TEMPLATE for one in problems):
        return extraction
    named = {one.location.path for one in extraction.targets}
    if source_for(file.path, b"") is not None:
        named.add(file.path)
    return replace(
        extraction,
        problems=tuple(
            replace(one, skipped=False)
            if one.message == UNREAD_TEMPLATE and one.location.path in named
            else one
            for one in problems
        ),
    )


def _foreign_pipeline(path: str, head: bytes) -> Extraction | None:
    """Return what is said of a pipeline that nothing reads; None for any other file."""
    if not path.endswith((".yml", ".yaml")):
        return None
    from tagwatch.workspace.foreign import foreign_pipeline

    return foreign_pipeline(path, head)


def _is_doubtful(target: Target) -> bool:
    """Return True where another file may say what it is: by a variable's value, or as a context."""
    reference = target.reference
    if reference is None:
        return bool(target.missing)
    return reference.tag is None and reference.digest is None and "/" not in target.text


def _without_userinfo(extraction: Extraction) -> Extraction:
    """Return what a file names without the passwords in its addresses: nobody shows or stores them.

    Settings (ENV, ARG) stay: rules look for secrets in them, and mask what they find.
    """
    mask = without_userinfo
    return replace(
        extraction,
        targets=tuple(
            replace(
                one,
                text=mask(one.text),
                invalid=mask(one.invalid),
                missing=tuple(map(mask, one.missing)),
            )
            if "@" in one.text or one.invalid or one.missing
            else one
            for one in extraction.targets
        ),
        problems=tuple(
            replace(one, message=mask(one.message), hint=mask(one.hint))
            for one in extraction.problems
        ),
        instructions=tuple(
            replace(one, arguments=tuple(map(mask, one.arguments))) if one.name == "ADD" else one
            for one in extraction.instructions
        ),
        ignores=tuple(replace(one, reason=mask(one.reason)) for one in extraction.ignores),
    )


def _is_latest(target: Target) -> bool:
    """Return True for an image of some owner that is named as latest."""
    reference = target.reference
    return (
        reference is not None
        and reference.digest is None
        and reference.tag in (None, "latest")
        and not reference.repository.name.startswith(f"{DOCKER_HUB}/library/")
    )


def _overrides(path: str) -> bool:
    """Return True for a file that its main file reads, too: `compose.override.yaml`."""
    return ".override." in posixpath.basename(path)


def _is_foreign(file: File) -> bool:
    """Return True for a file (a lock file, say) that no source knows by its name or beginning."""
    if source_for(file.path, b"") is not None:
        return False
    try:
        with file.real.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES)
    except OSError:
        return False
    return b"\0" in raw[:HEAD_BYTES] or _recognized(walked_source_for, file.path, raw) is None


def _recognized(
    ask: Callable[[str, bytes], tuple[str, Source] | None], path: str, raw: bytes
) -> tuple[str, Source] | None:
    """Return the source that reads the file: by its beginning, else by the whole of it.

    A manifest may begin with a comment of any length, or have an encoding that is none of ours:
    then its source says so, and the file is not passed over in silence.
    """
    found = ask(path, raw[:HEAD_BYTES])
    if found is None and raw.startswith(_UTF_16):
        return ask(
            path, raw[: len(raw) & ~1].decode("utf-16", "replace").encode("utf-8", "replace")
        )
    return ask(path, raw) if found is None and len(raw) > HEAD_BYTES else found


def _broken(file: File, error: Exception) -> Extraction:
    """Return what is left of a file on which its source breaks: a problem that says so."""
    message = f"cannot be read: {type(error).__name__}: {str(error)[:200]}"
    return _refused(file, message, "this is a bug: please report it with the file")


def _refused(file: File, message: str, hint: str, *, skipped: bool = False) -> Extraction:
    place = start_of(file.path)
    problem = Problem(message=message, location=place, hint=hint, skipped=skipped)
    return Extraction(problems=(problem,))
