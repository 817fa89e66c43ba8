"""`tagwatch pr --comment`, the real command, beside a double of each forge's API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.walk.command import Done, Workplace
from tests.walk.test_pr import git

MARK = "<!-- tagwatch pr -->"
TOKEN = "token-that-nobody-shall-read"
OURS = {
    "github": {"github-actions[bot]"},
    "gitea": {"gitea-actions", "forgejo-actions"},
    "gitlab": set[str](),
}
ME = {"github": "github-actions[bot]", "gitea": "gitea-actions", "gitlab": "project_7_bot"}


@dataclass(slots=True)
class Double:
    """A forge that keeps the comments of its one pull request, number 7."""

    kind: str
    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    """By method, the status that it answers."""
    knows_me: bool = False
    """Whether the token may ask who it is."""
    body: bytes | None = None

    def paths(self) -> tuple[str, str]:
        """The path of the thread, and that of one comment without its number."""
        if self.kind == "gitlab":
            thread = "/api/v4/projects/55/merge_requests/7/notes"
            return thread, f"{thread}/"
        root = "/api/v1" if self.kind == "gitea" else ""
        return (
            f"{root}/repos/shop/web/issues/7/comments",
            f"{root}/repos/shop/web/issues/comments/",
        )

    def add(self, author: str, body: str) -> None:
        by = {"login": author, "username": author}
        key = "author" if self.kind == "gitlab" else "user"
        self.comments.append({"id": len(self.comments) + 100, "body": body, key: by})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer, or fail the test: nothing else may be asked."""
        name = "PRIVATE-TOKEN" if self.kind == "gitlab" else "Authorization"
        given = request.headers[name].split()[-1]
        assert given == TOKEN
        thread, one = self.paths()
        self.asked.append(request.method)
        if request.method in self.refused:
            headers = {"Location": "https://evil.example/"}
            return web.Response(status=self.refused[request.method], headers=headers)
        if request.method == "GET" and request.path.endswith("/user"):
            me = {"login": ME[self.kind], "username": ME[self.kind]}
            return web.json_response(me) if self.knows_me else web.Response(status=403)
        if request.method == "GET":
            assert request.path == thread
            if self.body is not None:
                return web.Response(body=self.body)
            page = int(request.query["page"])
            return web.json_response(self.comments[100 * (page - 1) : 100 * page])
        text = (await request.json())["body"]
        if request.method == "POST":
            assert request.path == thread
            self.add(ME[self.kind], text)
            return web.json_response({}, status=201)
        assert request.method == ("PUT" if self.kind == "gitlab" else "PATCH")
        assert request.path.startswith(one)
        number = int(request.path.removeprefix(one))
        (found,) = (comment for comment in self.comments if comment["id"] == number)
        found["body"] = text
        return web.json_response(found)


@dataclass(slots=True)
class Job(Workplace):
    """A job of a forge's CI about a pull request."""

    forge: Double = field(default_factory=lambda: Double("github"))

    def about(self, *, head: str = "shop/web") -> None:
        """Set the variables that the forge's runner sets."""
        if self.forge.kind == "gitlab":
            self.environment |= {
                "CI_API_V4_URL": f"{self.forge.url}/api/v4",
                "CI_PROJECT_ID": "55",
                "CI_MERGE_REQUEST_IID": "7",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "55" if head == "shop/web" else "99",
                "TAGWATCH_GITLAB_TOKEN": TOKEN,
            }
            return
        ends = {
            end: {"repo": {"full_name": name}}
            for end, name in (("head", head), ("base", "shop/web"))
        }
        event = self.write("../event.json", json.dumps({"pull_request": {"number": 7, **ends}}))
        root = "/api/v1" if self.forge.kind == "gitea" else ""
        self.environment |= {
            "GITHUB_API_URL": self.forge.url + root,
            "GITHUB_REPOSITORY": "shop/web",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_TOKEN": TOKEN,
        }

    async def comment(self, *arguments: str) -> Done:
        line = ("pr", "HEAD^..HEAD", "--offline", "--comment", self.forge.kind, *arguments)
        done = await self.run(*line)
        assert TOKEN not in done.out + done.err
        return done


@pytest.fixture(params=["github", "gitlab", "gitea"])
async def job(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Job]:
    forge = Double(str(request.param))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forge.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        forge.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        found = Job(tmp_path / "tree", forge=forge)
        for tag in ("6", "7"):
            found.write("Dockerfile", f"FROM redis:{tag}\n")
            if tag == "6":
                git(found.folder, "init", "-q", "-b", "main")
            git(found.folder, "add", "Dockerfile")
            git(found.folder, "commit", "-q", "-m", tag)
        found.about()
        yield found
    finally:
        await runner.cleanup()


async def test_one_comment_updated_in_place(job: Job) -> None:
    for number in range(120):  # it stands on the second page
        job.forge.add("somebody", f"comment {number}")
    for other in ("github-actions[bot]", "gitea-actions", "forgejo-actions", "mallory"):
        if other not in OURS[job.forge.kind]:  # on GitHub anybody may be called gitea-actions
            job.forge.add(other, f"{MARK}\nall is well")
    before = len(job.forge.comments)
    first = await job.comment()
    assert (first.code, job.forge.asked) == (0, ["GET", "GET", "GET", "POST"]), first.err
    assert "the comment was written" in first.err
    assert job.forge.comments[-1]["body"].startswith(f"{MARK}\n### tagwatch: 1 image changes: ")
    job.forge.asked.clear()
    job.forge.comments[-1]["body"] = f"{MARK}\nof yesterday"
    job.forge.knows_me = True
    again = await job.comment("--format", "json")
    assert "the comment was updated" in again.err
    assert again.json["summary"] == "1 image changes: 1 major step; not everything could be read"
    assert "redis:7" in job.forge.comments[-1]["body"]
    assert len(job.forge.comments) == before + 1
    assert job.forge.comments[-2]["body"] == f"{MARK}\nall is well", "another author's is left"


async def test_nothing_to_tell_is_not_told(job: Job) -> None:
    git(job.folder, "commit", "-q", "--allow-empty", "-m", "text alone")
    done = await job.comment()
    assert (done.code, job.forge.comments) == (0, []), done.err
    assert "no comment: there is nothing to tell" in done.err
    job.forge.knows_me = True
    job.forge.add(ME[job.forge.kind], f"{MARK}\n1 image changes, said the push before")
    assert "the comment was updated" in (await job.comment()).err
    assert "no image changes" in job.forge.comments[-1]["body"]


async def test_what_is_not_read_is_told(job: Job) -> None:
    job.write("compose.yaml", "services: [\n")
    git(job.folder, "add", "compose.yaml")
    git(job.folder, "commit", "-q", "-m", "nobody can read it")
    done = await job.comment()
    assert "the comment was written" in done.err
    assert "compose.yaml:2: not YAML" in job.forge.comments[-1]["body"]


async def test_a_fork_may_not_write(job: Job) -> None:
    job.about(head="mallory/web")
    job.forge.refused = {"POST": 403}
    done = await job.comment()
    assert (done.code, job.forge.comments) == (0, []), done.err
    assert "the change comes from a fork" in done.err
    assert "redis:7" in done.out, "the job's log and summary have the answer"


@pytest.mark.parametrize(
    ("refused", "body", "said"),
    [
        ({"POST": 403}, None, "the comment was not taken (HTTP 403)"),
        ({"GET": 302}, None, "redirects are not followed"),
        ({"POST": 500}, None, "the comment was not taken (HTTP 500)"),
        ({}, b"{}", "the answer is no list of comments"),
        ({}, b"<html>", "the answer is no JSON"),
    ],
)
async def test_what_is_not_taken_fails(
    job: Job, refused: dict[str, int], body: bytes | None, said: str
) -> None:
    job.forge.refused, job.forge.body = refused, body
    done = await job.comment()
    assert done.code == 2
    assert said in done.err, done.err
    assert "redis:7" in done.out, "the answer was told before"


async def test_a_job_about_no_pull_request(job: Job) -> None:
    for name in ("CI_MERGE_REQUEST_IID", "GITHUB_EVENT_PATH"):
        job.environment.pop(name, None)
    done = await job.comment()
    assert "this job is about no pull request" in done.is_clean_error(2)
    job.environment["TAGWATCH_PR"] = "7/../8"
    assert "this job is about no pull request" in (await job.comment()).is_clean_error(2)
    job.environment["TAGWATCH_PR"] = "7"
    assert (await job.comment()).code == 0
    assert len(job.forge.comments) == 1
