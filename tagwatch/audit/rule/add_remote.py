"""ADD fetches something from the network without a checksum, or stands where COPY would do.

`ADD --checksum` is exact and not reported; nor is ADD of a local archive, which it unpacks.
Only the file is judged: in an image's history every base has an ADD.

Example: `ADD git@github.com:a/b.git#main /x`: "ADD takes 'git@github.com:a/b.git#main' as it is on
the day of the build".

Risk: what the address serves is built in, whatever it is that day.
Remedy: give `--checksum=sha256:…`, or fetch and verify in a RUN; write COPY for local files.
Source: hadolint DL3020; CIS Docker Benchmark 4.9; Trivy DS-0005; Dockle CIS-DI-0009.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.audit.rule.interface import FileSubject, Rule, RuleScope, Statement, row
from tagwatch.source.target import Instruction

__all__ = ["RULE", "check"]

_REMOTE = re.compile(r"(?i)(?:https?|ftp)://|git@|git://|ssh://")
_ARCHIVE = re.compile(r"(?i)\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz|tzst)$")
# `repository.git#COMMIT[:folder]`, `#v1.2` and `#1.2.3`, which stay by custom (`#1.2` is what
# branches of releases are called), and
# `repository.git?…&checksum=COMMIT` (BuildKit, since 2025)
_COMMIT = re.compile(
    r"#(?:[0-9a-f]{40}|v\d+(?:\.\d+)+|\d+(?:\.\d+){2,})(?::|$)"
    r"|\.git\?(?:[^#]*&)?(?:checksum|commit)=[0-9a-f]{7,40}(?:[&#]|$)"
)


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report ADD instructions with remote sources, or with local ones that are no archives."""
    for one in subject.instructions:
        if one.name != "ADD" or len(one.arguments) < 2 or one.missing:
            continue
        sources = [text for text in one.arguments[:-1] if not text.startswith("<<")]
        remote = [text for text in sources if _REMOTE.match(text)]
        if remote and not _is_exact(one, remote):
            yield Statement(
                message=f"ADD takes {_shown(remote[0])} as it is on the day of the build",
                remedy="give ADD --checksum=sha256:…, or verify it in a RUN",
                location=one.location,
                subject=remote[0],
            )
        elif sources and not remote and not any(_ARCHIVE.search(text) for text in sources):
            yield Statement(
                message=f"ADD {_shown(sources[0])} does no more than COPY would",
                remedy="write COPY",
                location=one.location,
                subject=sources[0],
                evidence={"source": "local"},
            )


def _is_exact(one: Instruction, remote: list[str]) -> bool:
    return any(flag.startswith("--checksum=") for flag in one.flags) or all(
        _COMMIT.search(text) for text in remote
    )


def _shown(text: str) -> str:
    """Return the address, quoted, cut and without the parts that may hold a secret."""
    return repr(re.sub(r"//[^/@]*@", "//", text.partition("?")[0])[:120])


RULE = Rule(
    **row("add-remote"),
    title="ADD from the network, or instead of COPY",
    scope=RuleScope.FILE,
    check=check,
)
