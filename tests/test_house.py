"""The house: which room may import which, and what the pure rooms must not touch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tagwatch

ROOT = Path(tagwatch.__file__).parent

# Lower rooms have lower numbers; a room imports only what stands below it.
HEIGHT = {
    "errors": 0,
    "family": 0,
    "regex": 0,
    "sha256": 0,
    "member": 1,
    "proxy": 1,
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
        digest pattern platform token
        manifest reference vocabulary
        image_config schema1 snapshot tag
        tag_table
        selector
    """,
    "source": """
        library target
        companion edit ignore shared_value text
        compose_environment digest_comment hcl
        buildkit image_text plain
        bake_file compose_file dockerfile gitlab_ci split_reference
        build compose_port helm_values
        bake_reader compose_build github_actions helm release
        bake compose kubernetes
        devcontainer kustomize
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
        document duration file
        form policy_form strict
        policy_check schema settings
        read
        load
    """,
    "knowledge": """
        endoflife
        bundled
    """,
    "workspace": """
        git_history recognition
        find
        read
        official_images write
    """,
    "publish": """
        diff_document diff_text fix_line interface text
        machine wording
        answer github gitlab junit movement sarif
        console html markdown notify
        files
    """,
    "ledger": """
        codec connection old_diff record timeline
        intern maintenance outbox row schema spool standing
        memory sight upgrade
        read
        write
    """,
    "registry": """
        interface settings
        host local mirror request
        extract page wire
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
        codec image_reader
        crawler engine plan
    """,
    "walk": """
        batch facts_file fix immutable prefix rule_text running site version work
        ask deliver doctor explain facts_place import_history keep local_image referrers
        recall standing watched
        lifecycle seed stand unasked
        survey
        look_up
        compare facts
    """,
    "service": """
        demo metrics nightly schedule
        web
        daemon
    """,
    "cli": """
        baseline_file build_args command plain_line question
        parser progress shell
        base baseline check demo diff doctor explain extract facts history init ledger main policy \
        report resolve scan schema serve
    """,
}
SIBLINGS = {"crawl", "registry", "ledger", "publish"}
PURE = {"image", "source", "audit"}
IMPURE_MODULES = {
    "aiohttp", "asyncio", "http", "logging", "os", "pathlib", "random", "requests", "shutil",
    "socket", "sqlite3", "sqlite_utils", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib.request",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "fromtimestamp_now"}
CREDIT = "see the house in CONTRIBUTING.md"


def modules() -> Iterator[tuple[Path, ast.Module, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        room = parts[0].removesuffix(".py")
        yield path, ast.parse(path.read_text(encoding="utf-8")), room


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield node.module or "", node.lineno


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
        ".".join(("tagwatch", *path.relative_to(ROOT).with_suffix("").parts)): {
            name for name, _ in imports(tree) if name.startswith("tagwatch.")
        }
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


def names_bound(tree: ast.AST) -> set[str]:
    """What imports, assignments and definitions in a piece of code bind."""
    bound = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
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
                uses = NamesThatRun(names_bound(for_types) - names_bound(otherwise))
                uses.visit(tree)
                wrong += [f"{path}:{line}: {name}" for name, line in uses.found]
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
