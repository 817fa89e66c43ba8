"""Ground truth of tags: `python -m tests.truth` prints right, wrong and unknown by category.

Without options the pure functions answer. With `--command`, the real command does: it gets the
queries of one world (`--world now|ever`) on standard input, one a line, and answers in JSON. The
registry it asks must serve `worlds()[world]`, for example a double of Docker Hub.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tagwatch.audit.version.candidate import candidates
from tagwatch.audit.version.resolve import resolve_selector, resolve_tag
from tagwatch.image.digest import Digest
from tagwatch.image.tag_table import TagTable
from tests.paths import DATA

TAGS = DATA / "tags"
STATUS = {"version": "resolved", "dated": "resolved", "none": "no-version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One tag or selector of one image, and every right answer. `tag` None: there is none."""

    source: str
    image: str
    text: str
    tag: str | None
    status: str
    has_version: bool = True
    accepted: frozenset[str] = frozenset()
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: str
    tag: str | None
    version: str | None


Answerer = Callable[[Sequence[Question]], Iterator[Answer]]


def digest(text: str) -> Digest:
    return Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())


@cache
def load(name: str) -> Any:
    path = TAGS / name
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(raw)


def digests(image: str, groups: Sequence[Sequence[str]]) -> dict[str, Digest]:
    return {
        tag: digest(f"{image} {number}") for number, group in enumerate(groups) for tag in group
    }


@cache
def now() -> dict[str, dict[str, Digest]]:
    """Image -> tag -> digest, of the tags that are built today."""
    images = load("truth.json.gz")["images"]
    return {image: digests(image, facts["groups"]) for image, facts in images.items()}


@cache
def merged() -> dict[str, dict[str, Digest]]:
    """`now()`, where an index of one build has that build's digest."""
    result = {}
    for image, facts in load("truth.json.gz")["images"].items():
        groups = [list(group) for group in facts["groups"]]
        for build, shared in facts["single"]:
            groups[build] += groups[shared]
            groups[shared] = []
        result[image] = digests(image, groups)
    return result


@cache
def ever() -> dict[str, dict[str, Digest]]:
    """Image -> tag -> last digest, of every tag ever listed; today's where no history is kept."""
    past = {
        image: digests(image, groups) for image, groups in load("ever.json.gz")["images"].items()
    }
    return {**now(), **past}


def worlds() -> Mapping[str, Mapping[str, Mapping[str, Digest]]]:
    """What a registry may list: only what is built today, or everything for ever."""
    return {"now": now(), "ever": ever()}


def truth_questions() -> Iterator[Question]:
    for image, facts in load("truth.json.gz")["images"].items():
        for tag, expected in facts["expected"].items():
            others = {expected["tag"], *expected.get("also", ()), expected.get("single")} - {None}
            yield Question(
                source="truth",
                image=image,
                text=tag,
                tag=expected["tag"],
                status=STATUS[expected["kind"]],
                has_version=expected["kind"] == "version",
                accepted=frozenset(others),
                category=expected["category"],
            )


def floating_questions(key: str) -> Iterator[Question]:
    for query in load("floating.json")["queries"]:
        wanted = query[key]
        yield Question(
            source="floating" if key == "expect" else "floating-ever",
            image=query["image"],
            text=query["query"],
            tag=wanted,
            status="resolved" if wanted else "not-found",
            has_version=wanted is not None,
            accepted=frozenset({wanted, *query.get("accept", ())} - {None}),
            category=next((sign for sign in "~^*" if sign in query["query"]), "x"),
        )


def hardest_questions() -> Iterator[Question]:
    for fact in load("hardest.json")["tags"]:
        yield Question(
            source="hardest",
            image=fact["image"],
            text=fact["tag"],
            tag=fact["answer"],
            status=STATUS[fact["kind"]],
            has_version=fact["kind"] == "version",
            accepted=frozenset({fact["answer"], *fact.get("also", ())} - {None}),
            category=fact["kind"],
        )


def questions(world: str) -> list[Question]:
    if world == "ever":
        return list(floating_questions("expect_ever"))
    return [*truth_questions(), *floating_questions("expect"), *hardest_questions()]


def by_functions(images: Mapping[str, Mapping[str, Digest | None]]) -> Answerer:
    """Answers of the pure functions, with every digest known."""
    table_of = cache(lambda image: TagTable.of(images[image]))

    def answer(asked: Sequence[Question]) -> Iterator[Answer]:
        for question in asked:
            table = table_of(question.image)
            resolve = resolve_tag if question.text in table.tags else resolve_selector
            found = resolve(question.text, table)
            yield Answer(status=found.status, tag=found.tag, version=found.version)

    return answer


@dataclass(slots=True)
class Plain:
    """Answers where a registry lists names only: each digest costs a request, counted here."""

    images: Mapping[str, Mapping[str, Digest]]
    requests: int = 0

    def __call__(self, asked: Sequence[Question]) -> Iterator[Answer]:
        table_of = cache(lambda image: TagTable.of(list(self.images[image])))
        for question in asked:
            served = self.images[question.image]
            learnt: dict[str, Digest | None] = dict.fromkeys(served)
            learnt[question.text] = served[question.text]
            for candidate in candidates(question.text, table_of(question.image)):
                learnt[candidate] = served[candidate]
                self.requests += 1
                if served[candidate] == served[question.text]:
                    break
            found = resolve_tag(question.text, learnt)
            yield Answer(status=found.status, tag=found.tag, version=found.version)


def by_command(command: str, namespace: str) -> Answerer:
    """Answers of the real `tagwatch resolve … -`."""

    def answer(asked: Sequence[Question]) -> Iterator[Answer]:
        lines = "".join(f"{namespace}/{question.image}:{question.text}\n" for question in asked)
        done = subprocess.run(
            shlex.split(command), input=lines, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            raise SystemExit(f"{command}: exit {done.returncode}\n{done.stderr}")
        answers = json.loads(done.stdout)["resolutions"]
        if len(answers) != len(asked):
            raise SystemExit(f"{len(asked)} questions, {len(answers)} answers")
        for found in answers:
            yield Answer(status=found["status"], tag=found["tag"], version=found["version"])

    return answer


def verdict(question: Question, answer: Answer) -> str:
    """`right`, `accepted` (another name of the same image), `unknown` or `wrong`."""
    states_version = (answer.version is not None) == question.has_version
    if answer.tag == question.tag and answer.status == question.status and states_version:
        return "right"
    if answer.tag in question.accepted and answer.status == "resolved":
        return "accepted"
    if answer.tag is None and answer.status in ("no-version", "unavailable") and question.tag:
        return "unknown"
    return "wrong"


def judge(
    asked: Sequence[Question], answerer: Answerer
) -> tuple[Counter[tuple[str, str, str]], list[str]]:
    """Counts by (source, category, verdict), and a line for everything that is not right."""
    counts: Counter[tuple[str, str, str]] = Counter()
    remarks = []
    for question, answer in zip(asked, answerer(asked), strict=True):
        said = verdict(question, answer)
        counts[question.source, question.category, said] += 1
        if said != "right":
            remarks.append(
                f"{said}: {question.image}:{question.text} is {question.tag} ({question.status}), "
                f"not {answer.tag} ({answer.status}, {answer.version})"
            )
    return counts, remarks


def table(counts: Counter[tuple[str, str, str]]) -> str:
    columns = ("right", "accepted", "unknown", "wrong")
    rows = sorted({(source, category) for source, category, _ in counts})
    lines = [f"{'':45}" + "".join(f"{column:>10}" for column in columns)]
    for source, category in rows:
        figures = "".join(f"{counts[source, category, column]:>10}" for column in columns)
        lines.append(f"{source:14} {category:30}" + figures)
    totals = (sum(counts[*row, column] for row in rows) for column in columns)
    lines.append(f"{'all':45}" + "".join(f"{total:>10}" for total in totals))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__)
    parser.add_argument("--command", help="the command that answers, such as 'tagwatch resolve -'")
    parser.add_argument("--world", choices=("now", "ever"), help="with --command: what is served")
    parser.add_argument("--namespace", default="docker.io/library")
    options = parser.parse_args(arguments)
    failed = 0
    for world in (options.world,) if options.world else ("now", "ever"):
        answerer = (
            by_command(options.command, options.namespace)
            if options.command
            else by_functions(worlds()[world])
        )
        counts, remarks = judge(questions(world), answerer)
        print(f"{world}:\n{table(counts)}", *remarks, sep="\n")
        failed += sum(
            count for (_, _, said), count in counts.items() if said in ("wrong", "unknown")
        )
    if not options.command:
        plain = Plain(now())
        asked = list(truth_questions())[::4]
        counts, remarks = judge(asked, plain)
        print(f"names without digests:\n{table(counts)}", *remarks, sep="\n")
        print(f"{plain.requests / len(asked):.2f} requests a tag beside its own")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
