"""The house: which room may import which, and what the pure rooms must not touch."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

import tagwatch
from tests.paths import TESTS, warm_path

ROOT = Path(tagwatch.__file__).parent

# Lower rooms have lower numbers; a room imports only what stands below it.
HEIGHT = {
    "errors": 0,
    "family": 0,
    "member": 1,
    "proxy": 1,
    "signature": 1,
    "value": 0,
    "image": 1,
    "source": 2,
    "audit": 3,
    "config": 4,
    "knowledge": 4,
    "workspace": 5,
    "publish": 5,
    "ledger": 5,
    "registry": 5,
    "crawl": 6,
    "walk": 7,
    "api": 8,
    "service": 9,
    "cli": 10,
}

# The floors inside each room, from the ground up; folders and loose modules are its boxes. A box
# imports only what stands on a lower floor of its room.
FLOORS: dict[str, str] = {
    "image": """
        digest pattern platform token unicode
        manifest reference vocabulary
        image_config schema1 selector snapshot tag
        order
        tag_table
        selection
    """,
    "source": """
        library target
        beneath library_past text
        buildkit cluster gitlab_ci pipeline hcl plain
        dockerfile
        build
        bake compose github_actions
        devcontainer
    """,
    "audit": """
        model
        reading
        diff version
        base fact
        change rule
        verdict
        judge
    """,
    "config": """
        cron document raw settings tier trust
        form plain_policy strict
        plain_settings policy_form settings_form
        policy_check schema
        settings_check
        read
        load
    """,
    "knowledge": """
        endoflife images
        bundled
        renewal
    """,
    "workspace": """
        code_owners git_history git_source gitignore stage
        coverage installed tracked
        find
        foreign git_tree
        around companion
        deployed publishing
        read
        begin official_images write
        history_bundle
    """,
    "publish": """
        diff_document diff_text excerpt image_link json_text source_link used wording
        interface markdown_text result_sentence
        pull_request quiet
        answer compact github junit machine movement outdated projects
        answer_document console gitlab html inventory markdown notify salvage sarif sheet
        files
    """,
    "ledger": """
        dictionary document_dictionary sharing
        codec connection old_diff record
        judgement piece
        evidence
        judged
        spool
        answer damage
        failing lock maintenance outbox reuse rewind schema sight telling timeline
        memory upgrade
        read restore
        extract rebuild
        write
    """,
    "registry": """
        interface settings
        host local mirror request
        download wire
        extract
        aws
        credential
        login
        endpoint
        oci
        catalogue
        client
        diagnosis
    """,
    "crawl": """
        task
        image_reader present refusal
        crawler engine plan
    """,
    "walk": """
        facts_file first_look fix loop need revision watch_list work
        prefix site
        ask facts_key import_history knowing local_image referrers sending trusting unwatched \
        verdicts
        alert_list alert_trial facts_kept file_set recall scope
        doctor
        bases bundle other_platforms remember
        past
        round
        judged untold
        turn
        keeping survey
        look_up
        base_answer compare diff_base facts
        candidates pull_request
        prospect
        deliver
        neighbour scan
    """,
    "service": """
        child demo deliveries log login nightly notice parent question schedule signals
        desk gate status webhook
        listen metrics order reload watching web
        daemon
    """,
    "cli": """
        answer_file baseline_file choice command fit plain_line
        parser progress
        overview shell shell_files
        question
        alerts base baseline check completion demo diff doctor explain extract facts history init \
        knowledge ledger main outdated policy pr report resolve scan schema serve trust
    """,
}
SIBLINGS = {"crawl", "registry", "ledger", "publish"}
PURE = {"image", "source", "audit"}
IMPURE_MODULES = {
    "aiohttp", "asyncio", "http", "logging", "os", "pathlib", "random", "requests", "shutil",
    "socket", "sqlite3", "sqlite_utils", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib.request",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "fromtimestamp"}  # the last reads this machine's zone
CREDIT = "see the house in CONTRIBUTING.md"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FOREIGN = sys.stdlib_module_names | {"msgspec"}


@cache
def modules() -> tuple[tuple[Path, ast.Module, str], ...]:
    """Every module: its file, its tree and the room it stands in."""
    return tuple(
        (
            path,
            ast.parse(path.read_text(encoding="utf-8")),
            path.relative_to(ROOT).parts[0].removesuffix(".py"),
        )
        for path in sorted(ROOT.rglob("*.py"))
    )


def dotted(path: Path) -> str:
    """The name by which a module is imported."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def our_names() -> frozenset[str]:
    """The names of all our modules and packages."""
    return frozenset(dotted(path) for path, _, _ in modules())


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield what is imported, and where; of `from tagwatch.audit import judge` the module, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield node.module or "", node.lineno
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from ((name, node.lineno) for name in inside if name in our_names())


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("import tagwatch.audit.judge", ["tagwatch.audit.judge"]),
        ("from tagwatch.audit.judge import judge", ["tagwatch.audit.judge"]),
        ("from tagwatch.audit import judge", ["tagwatch.audit", "tagwatch.audit.judge"]),
        ("from tagwatch import cli", ["tagwatch", "tagwatch.cli"]),
        ("from tagwatch import __version__", ["tagwatch"]),
    ],
)
def test_every_way_to_import_a_module_is_seen(line: str, names: list[str]) -> None:
    assert [name for name, _ in imports(ast.parse(line))] == names


def test_imports_go_downwards_only() -> None:
    wrong = []
    for path, tree, room in modules():
        if room in ("__init__", "__main__"):
            continue
        for name, line in imports(tree):
            if not name.startswith("tagwatch."):
                continue
            other = name.split(".")[1]
            if other == room:
                continue
            crossing = room in SIBLINGS and other in SIBLINGS
            allowed = HEIGHT[other] < HEIGHT[room]
            if crossing:
                allowed = name == "tagwatch.registry.interface" and room == "crawl"
            if not allowed:
                wrong.append(f"{path}:{line}: {room} imports {name}; {CREDIT}")
    assert not wrong, "\n".join(wrong)


def test_floors_inside_a_room_go_downwards_only() -> None:
    """Boxes of one floor do not import each other, so a room has no knot."""
    wrong = []
    for room, drawn in FLOORS.items():
        floors = [line.split() for line in drawn.strip().splitlines()]
        floor_of = {box: height for height, floor in enumerate(floors) for box in floor}
        there = {
            path.stem
            for path in (ROOT / room).iterdir()
            if (path.suffix == ".py" or any(path.glob("*.py"))) and path.stem != "__init__"
        }
        assert sorted(floor_of) == sorted(there), f"FLOORS names the boxes of {room}"
        for path, tree, its_room in modules():
            if its_room != room or path.name == "__init__.py":
                continue
            box = path.relative_to(ROOT / room).parts[0].removesuffix(".py")
            for name, line in imports(tree):
                parts = name.split(".")
                if parts[:2] != ["tagwatch", room] or len(parts) < 3 or parts[2] == box:
                    continue
                if floor_of[parts[2]] >= floor_of[box]:
                    wrong.append(f"{path}:{line}: {box} imports {name}; {CREDIT}")
    assert set(FLOORS) == {path.name for path in ROOT.iterdir() if path.is_dir()} - {"__pycache__"}
    assert not wrong, "\n".join(wrong)


def test_pure_rooms_touch_nothing_outside() -> None:
    wrong = []
    for path, tree, room in modules():
        if room not in PURE:
            continue
        for name, line in imports(tree):
            if name in IMPURE_MODULES or name.split(".")[0] in IMPURE_MODULES:
                wrong.append(f"{path}:{line}: {room} imports {name}; {CREDIT}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                wrong.append(f"{path}:{node.lineno}: {room} reads a clock; {CREDIT}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("open", "print", "input")
            ):
                wrong.append(f"{path}:{node.lineno}: {room} calls {node.func.id}(); {CREDIT}")
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_its_own_package() -> None:
    wrong = []
    for path, tree, _ in modules():
        package = ".".join(("tagwatch", *path.relative_to(ROOT).parent.parts))
        wrong += [
            f"{path}:{line}: imports its own package {package}"
            for name, line in imports(tree)
            if name == package and path.name != "__init__.py"
        ]
    assert not wrong, "\n".join(wrong)


def test_family_imports_nothing() -> None:
    tree = ast.parse((ROOT / "family.py").read_text(encoding="utf-8"))
    assert {name for name, _ in imports(tree)} <= {"__future__"}


def test_print_only_in_cli() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree, room in modules()
        if room != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle_of_imports() -> None:
    """Also inside a room, and by imports that are only made when a function runs."""
    arrows = {
        dotted(path): {name for name, _ in imports(tree) if name.startswith("tagwatch.")}
        for path, tree, _ in modules()
    }
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' -> '.join((*way[way.index(name) :], name))}"
        if name not in done:
            for other in sorted(arrows.get(name, ())):
                follow(other, (*way, name))
            done.add(name)

    for name in sorted(arrows):
        follow(name, ())


def names_bound(tree: ast.AST, *, everywhere: bool = True) -> set[str]:
    """What imports, assignments and definitions bind in a piece of code.

    Not `everywhere`: what classes and functions in it bind is their own.
    """
    bound: set[str] = set()
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
            if not everywhere:
                continue
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        todo += ast.iter_child_nodes(node)
    return bound


def is_for_types(node: ast.stmt) -> bool:
    """True for `if TYPE_CHECKING`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


class NamesThatRun(ast.NodeVisitor):
    """Uses of names that only a type checker has, outside annotations: by line."""

    def __init__(self, missing: set[str]) -> None:
        self.missing = missing
        self.found: list[tuple[str, int]] = []

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (
            *node.decorator_list,
            *node.args.defaults,
            *filter(None, node.args.kw_defaults),
        ):
            self.visit(part)
        around = self.missing
        self.missing = around - set().union(*map(names_bound, node.body))
        for statement in node.body:
            self.visit(statement)
        self.missing = around

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        if not is_for_types(node):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.missing:
            self.found.append((node.id, node.lineno))


def test_what_is_imported_for_types_does_not_run() -> None:
    """mypy takes `if TYPE_CHECKING` for true, so it cannot see such a name used at run time."""
    wrong = []
    for path, tree, _ in modules():
        for guard in tree.body:
            if isinstance(guard, ast.If) and is_for_types(guard):
                for_types = ast.Module(body=guard.body, type_ignores=[])
                otherwise = ast.Module(body=guard.orelse, type_ignores=[])
                missing = names_bound(for_types, everywhere=False) - names_bound(otherwise)
                uses = NamesThatRun(missing)
                uses.visit(tree)
                wrong += [f"{path}:{line}: {name}" for name, line in uses.found]
    assert not wrong, "\n".join(wrong)


def start_up_habits(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that a module makes itself in place of loading `typing`, and where."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                name, value = ast.unparse(target), ast.unparse(node.value)
                if (name, value) == ("TYPE_CHECKING", "False") or value == "object":
                    yield f"{name} = {value}", node.lineno


def test_start_up_habits_stay_on_the_warm_path() -> None:
    """`tests/walk/warm_path.txt` marks it; elsewhere `typing` is imported as anywhere."""
    wrong, habit = [], 0
    for path, tree, _ in modules():
        if any(fnmatchcase(dotted(path), listed) for listed in warm_path()):
            habit += sum(1 for _ in start_up_habits(tree))
            continue
        wrong += [
            f"{path}:{line}: {text}, and no warm check loads it; from typing import …"
            for text, line in start_up_habits(tree)
        ]
    assert habit, "the test sees them"
    assert not wrong, "\n".join(wrong)


QUOTED = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)+|(?:\w+/)+\w+\.py)(?:\(.*?\))?(?:`|: (\w+)`)")
OTHERS = frozenset(  # paths in other people's documents, and hosts
    {"config.history", "helm.values", "helm.valuesObject", "index.docker.io", "registry.example"}
)
ENDINGS = frozenset({"html", "json", "md", "yaml", "yml"})


def names_defined(body: list[ast.stmt]) -> set[str]:
    """What a module makes itself: a pointer to what it only imports leads to the wrong place."""
    found = set()
    for node in body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                found.add(node.name)
            case ast.Assign():
                found |= {ast.unparse(target) for target in node.targets}
            case ast.AnnAssign():
                found.add(ast.unparse(node.target))
            case ast.If() | ast.Try():
                found |= names_defined([*node.body, *node.orelse])
    return found


class Names:
    """What our modules and classes hold, to tell whether a pointer to them leads anywhere."""

    def __init__(self) -> None:
        self.of_module: dict[str, set[str]] = {}
        self.of_class: dict[str, set[str]] = {}
        self._bases: dict[str, set[str]] = {}
        for path, tree, _ in modules():
            self.of_module[dotted(path)] = names_defined(tree.body)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    self._learn(node)
        self.files = {path.relative_to(ROOT.parent).as_posix() for path, _, _ in modules()}
        self.files |= {path.relative_to(ROOT.parent).as_posix() for path in TESTS.rglob("*.py")}
        self.last_parts = {name.rpartition(".")[2] for name in self.of_module}

    def _learn(self, node: ast.ClassDef) -> None:
        held = self.of_class.setdefault(node.name, set())
        held |= {inner.name for inner in ast.walk(node) if isinstance(inner, FUNCTIONS)}
        for inner in ast.walk(node):
            if isinstance(inner, ast.AnnAssign):
                held.add(ast.unparse(inner.target).removeprefix("self."))
            elif isinstance(inner, ast.Assign):
                held |= {ast.unparse(target).removeprefix("self.") for target in inner.targets}
        bases = self._bases.setdefault(node.name, set())
        bases |= {ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in node.bases}

    def has_member(self, kind: str, name: str) -> bool:
        """True where a class, or what it inherits from, has it; others' classes may have any."""
        if kind not in self.of_class or name in self.of_class[kind]:
            return True
        return any(
            self.has_member(base, name) for base in self._bases[kind] if base in self.of_class
        )

    def leads_somewhere(self, name: str) -> bool:
        """True for `module`, `module.name` and `module.Class.member`, by any ending of the path."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            wanted, rest = "." + ".".join(parts[:length]), parts[length:]
            for module in self.of_module:
                if not f".{module}".endswith(wanted):
                    continue
                if not rest or (rest[0] in self.of_module[module] and len(rest) == 1):
                    return True
                if len(rest) == 2 and rest[0] in self.of_module[module]:
                    return self.has_member(*rest)
        return False


all_names = cache(Names)


def prose(path: Path, tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Docstrings, also those below a field or constant, and comments, with their first line."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text, node.lineno
    text = path.read_text(encoding="utf-8")
    if re.search("#.*`", text):  # most have no such comment, and tokens take longer than trees
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.string, token.start[0]


def is_stale(names: Names, quoted: str, after: str | None, bound: set[str]) -> bool:
    """True for a pointer that reads as one into our house and leads nowhere.

    `after` is what stands behind a file (`source/target.py: Source`), `bound` what the module
    that speaks has itself: `change.version_after` may be of its argument.
    """
    parts = quoted.split(".")
    if quoted.endswith(".py"):
        files = [name for name in names.files if f"/{name}".endswith(f"/{quoted}")]
        module = [name.removesuffix(".py").replace("/", ".") for name in files]
        return not any(not after or after in names.of_module.get(name, ()) for name in module)
    if quoted in OTHERS or parts[-1] in ENDINGS:
        return False
    if parts[0] in names.of_class:
        return not names.has_member(parts[0], parts[1])
    if parts[0][0].isupper():
        return parts[0] not in bound
    if parts[0] in names.last_parts or parts[0] == "tagwatch":
        return parts[0] not in bound and not names.leads_somewhere(quoted)
    return parts[-1][0].isupper() and parts[0] not in bound | FOREIGN


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ("`Catalogue.list_tags`", False),
        ("`Catalogue.list_everything`", True),
        ("`ledger.record.Known`", False),
        ("`record.Known`", False),
        ("`ledger.read.Known`", True),  # it is only imported there
        ("`audit.resolution`", True),
        ("`spool.nothing(x)`", True),
        ("`catalogue/interface.py`", False),
        ("`catalogue/nothing.py`", True),
        ("`source/target.py: Source`", False),
        ("`source/target.py: Sauce`", True),
        ("`gone.Value`", True),
        ("`argparse.SUPPRESS`", False),
        ("`change.version_after`", False),  # `change` is the module's own variable
        ("`docker-compose.yaml`, `config.json`", False),
    ],
)
def test_a_stale_pointer_is_seen(text: str, is_wrong: bool) -> None:
    found = list(QUOTED.finditer(text))
    stale = [is_stale(all_names(), one[1], one[2], {"change"}) for one in found]
    assert any(stale) is is_wrong


def test_what_a_docstring_or_comment_points_to_is_there() -> None:
    """`module.name`, `Class.member` and `folder/file.py` in back quotes; CONTRIBUTING's, too."""
    names, wrong, seen = all_names(), [], 0
    for path, tree, _ in modules():
        bound = names_bound(tree) | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        for text, line in prose(path, tree):
            for found in QUOTED.finditer(text):
                seen += 1
                if is_stale(names, found[1], found[2], bound):
                    line_of = line + text.count("\n", 0, found.start())
                    wrong.append(f"{path}:{line_of}: there is no {found[0]}")
    page = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    wrong += [
        f"CONTRIBUTING.md: there is no {found[0]}"
        for found in QUOTED.finditer(page)
        if found[1].endswith(".py") and "NAME" not in found[1]
        if is_stale(names, found[1], found[2], set())
    ]
    assert seen > 50, "the test sees them"
    assert not wrong, "\n".join(wrong)


def test_contributing_names_every_room() -> None:
    text = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = text.partition("tagwatch/\n")[2].partition("```")[0]
    named = {line.split()[0].rstrip("/") for line in drawn.splitlines() if line.strip()}
    there = {
        path.name
        for path in ROOT.iterdir()
        if path.name not in ("__init__.py", "__main__.py", "__pycache__", "py.typed")
    }
    assert named == there
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"__pycache__"}
    assert {name.removesuffix(".py") for name in there} == set(HEIGHT), "and so does HEIGHT"
    words = ["ten", "eleven", "twelve", "thirteen", "fourteen"]
    assert words.index(text.partition(" rooms, one way down")[0].split()[-1].lower()) + 10 == len(
        rooms
    )
