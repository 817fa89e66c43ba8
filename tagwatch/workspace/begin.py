"""What `tagwatch init` writes into a repository: configuration, hook, job, ignored folder."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path

import yaml

from tagwatch.errors import InputError
from tagwatch.value import dataclass
from tagwatch.workspace.coverage import patterns_for
from tagwatch.workspace.read import read_bytes

__all__ = ["Draft", "begin", "sources_of"]

_HOOKS = ".pre-commit-config.yaml"
_REPORTS = "reports/"
_SOURCES = re.compile(r"(?m)^sources:\n(?:  - .*\n)+")
_REMOTE = re.compile(r"(?m)^\s*url\s*=\s*(?:\w+://)?(?:[^@/\s]+@)?([\w.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A file to write. `before`: what it holds now; None: it is not there."""

    path: str
    """Relative to the repository's root, POSIX."""
    text: str
    about: str
    """What it is for, in a few words."""
    before: bytes | None = None


def begin(
    root: Path, files: Collection[str], *, whole: bool
) -> tuple[Sequence[Draft], Sequence[str]]:
    """Return what to write, and what is left for people to do, a sentence each.

    `files`: those that name images; none: the usual patterns are written. `whole`: the hook, the
    job of the forge and the ignored folder, too. What is there already is added to where that is
    safe, and never replaced.
    """
    left: list[str] = []
    jobs = list(_job(root, left)) if whole else []
    patterns = sources_of(files, jobs)
    text = _starter("tagwatch.yaml")
    if patterns:
        listed = "".join(f"  - {json.dumps(pattern, ensure_ascii=False)}\n" for pattern in patterns)
        text = _SOURCES.sub(lambda _: f"sources:\n{listed}", text)
    drafts = [
        Draft(path="tagwatch.yaml", text=text, about="what is watched"),
        Draft(path="policy.yaml", text=_starter("policy.yaml"), about="what is approved"),
    ]
    if whole:
        drafts += [*_hook(root, files, left), *jobs, *_ignored(root)]
    return drafts, left


def sources_of(files: Collection[str], drafts: Iterable[Draft]) -> tuple[str, ...]:
    """Return patterns that cover these files, and the job among the drafts if that has an image.

    None where there is no file: then the usual ones are written.
    """
    jobs = [one.path for one in drafts if one.path.endswith(".yml") and "image:" in one.text]
    return patterns_for([*files, *jobs]) if files else ()


def _starter(name: str) -> str:
    return (resources.files("tagwatch.config") / "starter" / name).read_text(encoding="utf-8")


def _hook(root: Path, files: Collection[str], left: list[str]) -> Iterator[Draft]:
    hook, before = _starter("hook.yaml"), _held(root, _HOOKS)
    named = yaml.safe_load(hook)[0]["hooks"][0]["files"]
    # YAML files of clusters have no names of their own: those that are there are named one by one
    others = [path for path in sorted(files) if not re.search(named, path)]
    listed = "".join(f"          |{re.escape(path)}\n" for path in others)
    hook = hook.replace("        )$\n", f"{listed}        )$\n", 1)
    about = "a check at each commit; `pre-commit install` turns it on"
    if before is None:
        yield Draft(path=_HOOKS, text=f"repos:\n{hook}", about=about)
        return
    text = before.decode("utf-8", "replace")
    if "tagwatch" in text:
        return
    added = _with_hook(text, hook)
    if added is None:
        left.append(f"add the hook to {_HOOKS}: README, \u201cAt commit\u201d")
    else:
        yield Draft(path=_HOOKS, text=added, about=about, before=before)


def _with_hook(text: str, hook: str) -> str | None:
    """Return a list of hooks with one more; None where only people can tell how."""
    try:
        held = yaml.safe_load(text)
        lines = re.findall(r"(?m)^( *)- repo:", text)
        if not lines or not isinstance(held, dict) or not isinstance(held.get("repos"), list):
            return None
        indent = lines[-1]
        block = "".join(
            f"{indent}{line}" if line.strip() else line for line in hook.splitlines(True)
        )
        added = f"{text.rstrip()}\n{block}"
        now = yaml.safe_load(added)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    one = yaml.safe_load(hook)
    return added if now == {**held, "repos": [*held["repos"], *one]} else None


def _job(root: Path, left: list[str]) -> Iterator[Draft]:
    about = "a check of each change that is proposed, safe for forks"
    forge = _forge(root)
    if forge in (".github", ".gitea", ".forgejo"):
        path = f"{forge}/workflows/tagwatch.yml"
        if _held(root, path) is None:
            yield Draft(path=path, text=_starter("github.yml"), about=about)
    elif forge == "gitlab":
        main = _held(root, ".gitlab-ci.yml")
        path = ".gitlab-ci.yml" if main is None else ".gitlab/tagwatch.yml"
        if _held(root, path) is None and b"tagwatch" not in (main or b""):
            yield Draft(path=path, text=_starter("gitlab.yml"), about=about)
            if main is not None:
                left.append(f"add to .gitlab-ci.yml: include: [{{local: {path}}}]")


def _forge(root: Path) -> str | None:
    """Return the folder of the forge's files, or `gitlab`; None where none is known."""
    for folder in (".forgejo", ".gitea", ".github"):
        if (root / folder / "workflows").is_dir():
            return folder
    if (root / ".gitlab-ci.yml").exists():
        return "gitlab"
    remote = _REMOTE.search((_held(root, ".git/config") or b"").decode("utf-8", "replace"))
    host = remote[1].lower() if remote else ""
    known = {"github": ".github", "gitlab": "gitlab", "gitea": ".gitea", "forgejo": ".forgejo"}
    known["codeberg"] = ".forgejo"
    return next((folder for name, folder in known.items() if name in host), None)


def _ignored(root: Path) -> Iterator[Draft]:
    before = _held(root, ".gitignore")
    lines = (before or b"").decode("utf-8", "replace").splitlines()
    if any(line.strip().strip("/") == _REPORTS.strip("/") for line in lines):
        return
    text = "".join(f"{line}\n" for line in [*lines, f"/{_REPORTS}"])
    yield Draft(path=".gitignore", text=text, about=f"leaves {_REPORTS} alone", before=before)


def _held(root: Path, path: str) -> bytes | None:
    """Return what a file holds; None where it is not there. Raises `InputError`."""
    if not (root / path).exists():
        if (root / path).is_symlink():
            raise InputError(f"{path!r} is a link that leads nowhere", hint="remove it")
        return None
    return read_bytes(root / path)
