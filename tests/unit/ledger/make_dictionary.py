"""The dictionary that what is alike is compressed with, from answers over the demo's registry.

Run: python -m tests.unit.ledger.make_dictionary    It prints `tagwatch/ledger/dictionary.py` anew.

A dictionary that was released is never edited: what was stored with it could not be read any more.
A better one is another one beside it. So this is run once for each.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.ledger.codec import encode, with_raw_digests
from tagwatch.ledger.read import Reader
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tagwatch.value import replace
from tests.walk.test_standing import BASES, DAY, FIRST, answer_of, site_at

MOST = 9_000
"""Bytes: whoever reads one piece of evidence reads the dictionary, too."""
_RANDOM = re.compile(
    rb"(?<=\x01)[\x00-\xff]{32}|(?<=sha256:)[0-9a-f]{12}|(?<=\"fingerprint\":\")[0-9a-f]{64}"
)
_PLACE = re.compile(rb"127\.0\.0\.1:\d+")
_WIDTH = 85


async def _results(folder: Path) -> list[AuditResult]:
    """Return the answers of some nights, with a policy that names bases and with one that does not.

    Without them, what is remembered of changes: it stands in the ledger already.
    """
    found = []
    policies: dict[str, dict[str, object]] = {"plain": {}, "bases": {"bases": BASES}}
    for name, policy in policies.items():
        shelf = first_night()
        async with serving(shelf) as address:
            for days in (0, 1, 2, 3):
                if days == 1:
                    second_night(shelf)
                site = site_at(folder / name, address, FIRST + days * DAY, policy=policy)
                if not policy:
                    (folder / name / "Dockerfile").write_text("FROM scratch\n")
                await answer_of(site)
            with Reader.open(site.database, site.origins) as ledger:
                result = ledger.last_result()
        assert result is not None
        found.append(result)
    return found


def _lines(results: Iterable[AuditResult]) -> list[bytes]:
    values: list[object] = []
    for result in results:
        values += (replace(one, change=None) for one in result.evidence.values())
        values += [*result.findings, *result.targets]
    return [with_raw_digests(encode(value)) for value in values]


def _size(line: bytes, dictionary: bytes) -> int:
    packer = zlib.compressobj(6, zdict=dictionary) if dictionary else zlib.compressobj(6)
    return len(packer.compress(line)) + len(packer.flush())


def _chosen(lines: Sequence[bytes]) -> bytes:
    """Return the lines that help most, the best of them last: nearest to what is compressed."""
    plain = (_RANDOM.sub(b"", _PLACE.sub(b"registry.example", line)) for line in lines)
    candidates = [line for line in dict.fromkeys(plain) if len(line) < MOST // 4]
    probe, dictionary = lines[::3], b""
    while True:
        rest = [one for one in candidates if len(one) + len(dictionary) <= MOST]
        if not rest:
            return dictionary
        best = min(rest, key=lambda one: sum(_size(line, one + dictionary) for line in probe))
        candidates.remove(best)
        dictionary = best + dictionary


def module(dictionary: bytes) -> str:
    """Return the text of the module that holds the dictionary."""
    parts, rest = [], dictionary
    while rest:
        part, rest = rest[:_WIDTH], rest[_WIDTH:]
        while len(repr(part)) > _WIDTH + 3:
            part, rest = part[:-1], part[-1:] + rest
        text = repr(part)
        parts.append(f"    {text}\n")
    return (
        '"""Text that much of what is stored is alike to: zlib refers to it, and repeats it not.\n'
        "\nMade of test data by `tests/unit/ledger/make_dictionary.py`. What is stored names the\n"
        "dictionary by its checksum: so this one is never edited, only followed by another one.\n"
        '"""\n\nfrom __future__ import annotations\n\n__all__ = ["DICTIONARY"]\n\n'
        f"DICTIONARY = (\n{''.join(parts)})\n"
    )


def main() -> None:
    """Print the module."""
    with tempfile.TemporaryDirectory() as folder:
        lines = _lines(asyncio.run(_results(Path(folder))))
    print(module(_chosen(lines)), end="")


if __name__ == "__main__":
    main()
