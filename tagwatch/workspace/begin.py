"""What `tagwatch init` writes into a repository: configuration, hook, job, ignored folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

import yaml

from tagwatch.errors import InputError
from tagwatch.value import dataclass, replace
from tagwatch.workspace.coverage import patterns_for
from tagwatch.workspace.read import read_bytes

__all__ = ["Draft", "begin", "sources_of", "with_schemas"]

_HOOKS = ".pre-commit-config.yaml"
_REPORTS = "reports/"
_EDITOR = re.compile(r"(?m)^# To have an editor complete the keys.*\n#   # yaml-lang.*\n")
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
    root: Path, files: Collection[str], *, whole: bool, source: str
) -> tuple[Sequence[Draft], Sequence[str]]:
    """Return what to write, and what is left for people to do, a sentence each.

    `files`: those that name images; none: the usual patterns are written. `whole`: the hook, the
    job of the forge and the ignored folder, too. `source`: what that job gives to pip. What is
    there already is added to where that is safe, and never replaced. Raises `InputError` where
    something cannot be written, before anything is.
    """
    odd = [path for path in files if not path.isprintable()]
    files = [path for path in files if path.isprintable()]
    left = [f"name {path!r} in `sources:`, with a pattern" for path in odd]
    jobs = list(_job(root, source, left)) if whole else []
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
        around = [*_hook(root, files, left), *jobs, *_ignored(root, files, left)]
        drafts = [*around, *drafts]  # what begins a configuration comes last: then all is there
    for draft in drafts:
        _check(root, draft.path)
    return drafts, left


def with_schemas(
    root: Path, drafts: Sequence[Draft], schemas: Mapping[str, str]
) -> Sequence[Draft]:
    """Return the drafts with the JSON Schemas of their files, which these name in their first line.

    Raises `InputError` where one cannot be written.
    """
    found: list[Draft] = []
    for draft in drafts:
        if draft.path in schemas:
            name = f"{draft.path.removesuffix('.yaml')}.schema.json"
            _check(root, name)
            if (root / name).exists():
                raise InputError(
                    f"{name!r} is there already", hint="remove it, or leave out --schema"
                )
            about = f"the keys of {draft.path}, for editors"
            found.append(Draft(path=name, text=schemas[draft.path], about=about))
            line = f"# yaml-language-server: $schema={name}\n"
            draft = replace(draft, text=line + _EDITOR.sub("", draft.text))
        found.append(draft)
    return found


def sources_of(files: Collection[str], drafts: Iterable[Draft]) -> tuple[str, ...]:
    """Return patterns that cover these files, and the job among the drafts if that has an image.

    None where there is no file: then the usual ones are written.
    """
    jobs = [one.path for one in drafts if one.path.endswith(".yml") and "image:" in one.text]
    named = [path for path in files if path.isprintable()]
    return patterns_for([*named, *jobs]) if named else ()


def _check(root: Path, path: str) -> None:
    """Raise `InputError` where a file cannot be written in its place in the tree."""
    real, tree = Path(os.path.realpath(root / path)), Path(os.path.realpath(root))
    if not real.is_relative_to(tree):
        raise InputError(
            f"{path!r} leads outside the tree, to {str(real)!r}",
            hint="--config-only leaves all but the configuration alone",
        )
    if (root / path).is_symlink() and not real.exists():
        raise InputError(f"{path!r} is a link that leads nowhere", hint="remove it")
    if real.exists() and not real.is_file():
        raise InputError(f"{path!r} is no file", hint="move it away")


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
    if b"tagwatch" in before:
        return
    added = _with_hook(before, hook)
    if added is None:
        left.append(f"add the hook to {_HOOKS}: README, \u201cAt commit\u201d")
    else:
        yield Draft(path=_HOOKS, text=added, about=about, before=before)


def _with_hook(before: bytes, hook: str) -> str | None:
    """Return a list of hooks with one more; None where only people can tell how."""
    try:
        text = before.decode()
        held = yaml.safe_load(text)
        indents = re.findall(r"(?m)^( *)- repo:", text)
        if not indents or not isinstance(held, dict) or not isinstance(held.get("repos"), list):
            return None
        end = _end_of(text)
        lines = (f"{indents[-1]}{line}".rstrip() for line in hook.splitlines())
        added = end.join([text.rstrip(), *lines, ""])
        now = yaml.safe_load(added)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    one = yaml.safe_load(hook)
    return added if now == {**held, "repos": [*held["repos"], *one]} else None


def _end_of(text: str) -> str:
    """Return how the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def _job(root: Path, source: str, left: list[str]) -> Iterator[Draft]:
    about = f"a check of each change that is proposed, safe for forks; installs {source}"
    forge = _forge(root)
    if forge is None:
        left.append("no forge was found: docs/trust.md has jobs for CI, safe for forks")
    if forge in (".github", ".gitea", ".forgejo"):
        path = f"{forge}/workflows/tagwatch.yml"
        if _held(root, path) is None:
            yield Draft(path=path, text=_job_text("github.yml", source), about=about)
            left += _doubt(path, source)
    elif forge == "gitlab":
        main = _held(root, ".gitlab-ci.yml")
        path = ".gitlab-ci.yml" if main is None else ".gitlab/tagwatch.yml"
        if _held(root, path) is None and b"tagwatch" not in (main or b""):
            yield Draft(path=path, text=_job_text("gitlab.yml", source), about=about)
            left += _doubt(path, source)
            if main is not None:
                left.append(f"add to .gitlab-ci.yml: include: [{{local: {path}}}]")


def _job_text(name: str, source: str) -> str:
    return _starter(name).replace("{tagwatch}", source)


def _doubt(path: str, source: str) -> Sequence[str]:
    """Return what to make sure of: a name on an index may be somebody else's package."""
    if "/" in source:
        return ()
    return [
        f"make sure that {source!r}, which {path} installs, is on your package index and yours; "
        "or name another place with --from"
    ]


def _forge(root: Path) -> str | None:
    """Return the folder of the forge's files, or `gitlab`; None where none is known."""
    for folder in (".forgejo", ".gitea", ".github"):
        if (root / folder / "workflows").is_dir():
            return folder
    if (root / ".gitlab-ci.yml").exists():
        return "gitlab"
    config = _held(root, ".git/config") if (root / ".git").is_dir() else b""
    remote = _REMOTE.search((config or b"").decode("utf-8", "replace"))
    host = remote[1].lower() if remote else ""
    known = {"github": ".github", "gitlab": "gitlab", "gitea": ".gitea", "forgejo": ".forgejo"}
    known["codeberg"] = ".forgejo"
    return next((folder for name, folder in known.items() if name in host), None)


def _ignored(root: Path, files: Collection[str], left: list[str]) -> Iterator[Draft]:
    if any(path.startswith(_REPORTS) for path in files):
        left.append(f"{_REPORTS} holds files of yours: name another folder in `reports:`")
        return
    before = _held(root, ".gitignore")
    try:
        text = (before or b"").decode()
    except UnicodeDecodeError:
        left.append(f"add /{_REPORTS} to .gitignore, which is not UTF-8")
        return
    if any(line.strip().strip("/") == _REPORTS.strip("/") for line in text.splitlines()):
        return
    end = _end_of(text)
    text += end if text and not text.endswith("\n") else ""
    text += f"/{_REPORTS}{end}"
    yield Draft(path=".gitignore", text=text, about=f"leaves {_REPORTS} alone", before=before)


def _held(root: Path, path: str) -> bytes | None:
    """Return what a file holds; None where it is not there. Raises `InputError`."""
    _check(root, path)
    if not (root / path).exists():
        return None
    try:
        return read_bytes(root / path)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", hint=error.hint) from error
