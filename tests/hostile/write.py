"""`python -m tests.hostile.write`: write the table of SECURITY.md from the marks of the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.paths import TESTS

__all__ = ["SECURITY", "promises", "with_table"]

SECURITY = TESTS.parent / "SECURITY.md"
BEGIN = "<!-- promises: written by `python -m tests.hostile.write` -->\n"
END = "<!-- end of promises -->\n"


def promises() -> Iterator[tuple[str, str, str, str]]:
    """Yield each mark as it is in the tests: who attacks, with what, what holds, which test."""
    for file in sorted(TESTS.rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        if "tests.hostile.promise" not in text:
            continue
        tree = ast.parse(text)
        constants = _constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "promised":
                    who, attack, promise = (_text(one, constants) for one in mark.args)
                    yield (
                        who,
                        attack,
                        promise,
                        f"{file.relative_to(TESTS.parent).as_posix()}::{node.name}",
                    )


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's texts that have a name."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            name = node.targets[0]
            if isinstance(name, ast.Name) and isinstance(node.value.value, str):
                found[name.id] = node.value.value
    return found


def _text(node: ast.expr, constants: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return constants[node.id]
    text = ast.literal_eval(node)
    assert isinstance(text, str)
    return text


def with_table(text: str) -> str:
    """Return SECURITY.md with the table that the tests give."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    rows = []
    for who, attack, promise, test in sorted(promises()):
        file, _, name = test.partition("::")
        rows.append(f"| {who} | {attack} | {promise} | [`{name}`]({file}) |")
    head = "| who attacks | with | what holds | held by |\n| --- | --- | --- | --- |\n"
    return f"{before}{BEGIN}{head}" + "\n".join(rows) + f"\n{END}{after}"


if __name__ == "__main__":
    SECURITY.write_text(with_table(SECURITY.read_text(encoding="utf-8")), encoding="utf-8")
