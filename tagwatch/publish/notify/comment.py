"""One comment on a pull request, written by the job of a forge's CI and updated in place.

It is found again by its first line, and only among comments of the same author: somebody else may
write that line, too, and could then change what stands below it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tagwatch.errors import NotifyError, UsageError
from tagwatch.publish.notify.delivery import attempt, check_address
from tagwatch.publish.notify.interface import Outcome

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Forge", "comment", "forge_of"]

_TIMEOUT_SECONDS = 20.0
_MOST_PAGES = 30
_PAGE = 100
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_MAX_EVENT_BYTES = 16 * 1024 * 1024
_LONGEST = 60_000
"""GitHub takes 65,536 characters."""
_CUT = "\n\n…cut here: the job's log has the rest.\n"
_REFUSED = frozenset({401, 403, 404})
_ROBOTS = {
    "github": frozenset({"github-actions[bot]"}),
    "gitea": frozenset({"gitea-actions", "forgejo-actions"}),
}
"""Whom the token of a job is, where it may not ask that. Elsewhere anybody may be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Where the comment is written, and as whom."""

    name: str
    api: str
    thread: str
    """The path of the pull request's comments."""
    one: str
    """The path of one comment, with `{}` for its number."""
    headers: Mapping[str, str] = field(repr=False)
    update: str = "PATCH"
    is_from_fork: bool = False
    """True where the change comes from a fork: then a job's token may only read."""


def forge_of(name: str, environment: Mapping[str, str]) -> Forge:
    """Return the forge whose CI job this is, by what it says in variables. Raises `UsageError`.

    `TAGWATCH_PR` takes precedence over the number that the job tells.
    """
    make: Callable[[Mapping[str, str]], Forge] = {
        "github": _github,
        "gitlab": _gitlab,
        "gitea": _gitea,
    }[name]
    forge = make(environment)
    check_address(forge.api, channel=name)
    return forge


async def comment(forge: Forge, body: str, *, is_news: bool = True) -> str:
    """Write the comment, or update the one there is; return what was done.

    `is_news` False: there is nothing to tell but that what was told before is no longer so. `body`:
    its first line is the mark by which it is found. Costs one request to know who writes,
    one for every hundred comments, and one to write. Raises `NotifyError` where it is not taken,
    unless the change comes from a fork and the token may therefore not write.
    """
    mark = body.partition("\n")[0]
    if len(body) > _LONGEST:
        body = body[: _LONGEST - len(_CUT)].rpartition("\n")[0] + _CUT
    author = await _author(forge)
    found = await _find(forge, mark, author)
    if found is None and not is_news:
        return "no comment: there is nothing to tell"
    if found is None:
        status, _ = await _ask(forge, "POST", forge.thread, {"body": body})
        done = "the comment was written"
    else:
        status, _ = await _ask(forge, forge.update, forge.one.format(found), {"body": body})
        done = "the comment was updated"
    if status in _REFUSED and forge.is_from_fork:
        return "no comment: the change comes from a fork, and the job's token may only read"
    _must_be_taken(forge, status)
    return done


async def _author(forge: Forge) -> str | None:
    """Return who the token is; None where it may not ask that, as a job's own."""
    status, answer = await _ask(forge, "GET", "/user")
    name = answer.get("login") or answer.get("username") if isinstance(answer, dict) else None
    return str(name) if status == 200 and name else None


async def _find(forge: Forge, mark: str, author: str | None) -> int | None:
    """Return the number of the comment that we wrote; None where there is none."""
    robots = _ROBOTS.get(forge.name, frozenset())
    for page in range(1, _MOST_PAGES + 1):
        query = f"?per_page={_PAGE}&limit={_PAGE}&page={page}"
        status, answer = await _ask(forge, "GET", forge.thread + query)
        if status in _REFUSED and forge.is_from_fork:
            return None
        _must_be_taken(forge, status)
        if not isinstance(answer, list):
            raise NotifyError(f"{forge.name}: the answer is no list of comments")
        for one in answer:
            if _is_ours(one, mark, robots if author is None else {author}):
                return int(one["id"])
        if len(answer) < _PAGE:
            break
    return None


def _is_ours(one: Any, mark: str, ours: Collection[str]) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("id"), int):
        return False
    by = one.get("user") or one.get("author")
    name = (by.get("login") or by.get("username")) if isinstance(by, dict) else None
    return name in ours and str(one.get("body", "")).startswith(mark)


def _must_be_taken(forge: Forge, status: int) -> None:
    if 200 <= status < 300:
        return
    may = "may the job's token write to pull requests? (pull-requests: write; scope api)"
    raise NotifyError(
        f"{forge.name}: the comment was not taken (HTTP {status})",
        hint=may if status in _REFUSED else "try the job again",
    )


async def _ask(
    forge: Forge, method: str, path: str, document: Mapping[str, Any] | None = None
) -> tuple[int, Any]:
    """Send one request; return its status and the JSON that came. Raises `NotifyError`."""
    answered: list[Any] = [None]

    async def send(session: aiohttp.ClientSession) -> tuple[int, str | None]:
        async with session.request(
            method, forge.api + path, json=document, headers=forge.headers
        ) as answer:
            raw = bytearray()
            async for piece in answer.content.iter_chunked(65536):
                raw += piece
                if len(raw) > _MAX_ANSWER_BYTES:
                    raise NotifyError(f"{forge.name}: the answer does not end")
            if answer.status == 200:
                answered[0] = _json(forge, bytes(raw))
            return answer.status, answer.headers.get("Retry-After")

    sent = await attempt(forge.name, forge.api, _TIMEOUT_SECONDS, send)
    if sent.status is None or 300 <= sent.status < 400:
        hint = "try the job again" if sent.outcome is Outcome.RETRY else ""
        raise NotifyError(sent.message, hint=hint)
    return sent.status, answered[0]


def _json(forge: Forge, raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise NotifyError(f"{forge.name}: the answer is no JSON") from None


def _github(environment: Mapping[str, str]) -> Forge:
    event = _event(environment)
    api = environment.get("GITHUB_API_URL", "https://api.github.com")
    token = _required(environment, "GITHUB_TOKEN")
    return Forge(
        name="github",
        api=api.rstrip("/"),
        **_issue(environment, event),
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "tagwatch",
        },
        is_from_fork=_is_fork(event),
    )


def _gitea(environment: Mapping[str, str]) -> Forge:
    event = _event(environment)
    api = environment.get("GITHUB_API_URL") or ""
    if not api:
        api = f"{_required(environment, 'GITHUB_SERVER_URL').rstrip('/')}/api/v1"
    token = environment.get("GITEA_TOKEN") or _required(environment, "GITHUB_TOKEN")
    return Forge(
        name="gitea",
        api=api.rstrip("/"),
        **_issue(environment, event),
        headers={"Authorization": f"token {token}", "User-Agent": "tagwatch"},
        is_from_fork=_is_fork(event),
    )


def _gitlab(environment: Mapping[str, str]) -> Forge:
    api = _required(environment, "CI_API_V4_URL").rstrip("/")
    project = quote(_required(environment, "CI_PROJECT_ID"), safe="")
    number = _number(
        environment.get("TAGWATCH_PR") or environment.get("CI_MERGE_REQUEST_IID"),
        "CI_MERGE_REQUEST_IID",
    )
    thread = f"/projects/{project}/merge_requests/{number}/notes"
    source = environment.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
    return Forge(
        name="gitlab",
        api=api,
        thread=thread,
        one=thread + "/{}",
        headers={
            "PRIVATE-TOKEN": _required(environment, "TAGWATCH_GITLAB_TOKEN"),
            "User-Agent": "tagwatch",
        },
        update="PUT",
        is_from_fork=source is not None and source != environment.get("CI_PROJECT_ID"),
    )


def _issue(environment: Mapping[str, str], event: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths of a pull request's comments on GitHub, and what has its API."""
    owner, _, name = _required(environment, "GITHUB_REPOSITORY").partition("/")
    repository = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
    pull = event.get("pull_request")
    told = pull.get("number") if isinstance(pull, dict) else event.get("number")
    number = _number(environment.get("TAGWATCH_PR") or told, "TAGWATCH_PR")
    return {
        "thread": f"{repository}/issues/{number}/comments",
        "one": f"{repository}/issues/comments/{{}}",
    }


def _event(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what started the job; empty where no file says it."""
    named = environment.get("GITHUB_EVENT_PATH")
    if not named:
        return {}
    try:
        with Path(named).open("rb") as file:
            event = json.loads(file.read(_MAX_EVENT_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _is_fork(event: Mapping[str, Any]) -> bool:
    """Return True where a pull request's commits are another repository's."""
    ends = event.get("pull_request")
    if not isinstance(ends, dict):
        return False
    names = []
    for end in ("head", "base"):
        side = ends.get(end)
        home = side.get("repo") if isinstance(side, dict) else None
        names.append(home.get("full_name") if isinstance(home, dict) else None)
    return names[0] != names[1]


def _number(told: object, name: str) -> int:
    text = str(told or "")
    if not text.isdecimal() or not text.isascii():
        raise UsageError(
            "this job is about no pull request",
            hint=f"run it for pull requests, or set {name} to the number",
        )
    return int(text)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value or not value.isprintable():
        raise UsageError(
            f"--comment needs the variable {name}",
            hint="docs/pull-requests.md has a job for each forge",
        )
    return value
