"""Judge what `check --offline` says of strangers' repositories: `python -m tests.corpus FOLDER`.

`FOLDER` holds a checkout of each repository of `tests/data/corpus/repositories.csv`, named
`owner+name`, at the commit that stands there (another commit is refused). Nothing of them is part
of this project. The command runs on each, with no ledger and at one moment; what it finds is
compared with the judgements of `judged.csv`: one row a cause, with the number of its places. It
prints the shares of wrong and of noise, and fails where a cause has no judgement or a share is too
large. A cause that is wrong in any of its places is wrong.

    --answers    ask registries, too: doubles that serve what the files name (`tests.corpus.world`),
                 judged in `answered.csv`; of the repositories there, or those of --only
    --write      write the rows anew: judgements are kept, new causes wait for one
    --only NAME  only the repositories whose name holds NAME
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.corpus.answers import answered_in
from tests.corpus.finding import found_in
from tests.corpus.table import (
    WORDS,
    Row,
    answered,
    check_checkout,
    figures,
    read_repositories,
    read_rows,
    write_rows,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--answers", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    table = "answered" if options.answers else "judged"
    known = {row.key: row for row in read_rows(table)}
    there = {row.repository for row in known.values()}
    rows: list[Row] = []
    seen: set[str] = set()
    for repository in read_repositories():
        checkout = options.folder / repository.name.replace("/", "+")
        if options.only not in repository.name or not checkout.is_dir():
            continue
        if options.answers and not options.only and repository.name not in there:
            continue
        check_checkout(checkout, repository)
        seen.add(repository.name)
        find = answered_in if options.answers else found_in
        rows += find(checkout, repository.name)
    if options.answers:  # what text alone tells is judged once, unless it is judged here
        known = {row.key: row for row in read_rows()} | known
    judged = [row.judged_as(known.get(row.key)) for row in rows]
    found = {row.key for row in rows}
    stale = [one for one in read_rows(table) if one.repository in seen and one.key not in found]
    for row in judged:
        if row.judgement not in WORDS:
            print(f"not judged: {row.repository} {row.place} {row.rule}: {row.message}")
    for row in stale:
        print(f"not found any more: {row.repository} {row.place} {row.rule}")
    if options.write:
        others = [row for row in read_rows(table) if row.repository not in seen]
        write_rows([*others, *judged], table)
    told, is_good = figures(judged, (answered if options.answers else read_repositories)())
    print("\n".join(told))
    return 0 if is_good and (options.write or not stale) else 1


if __name__ == "__main__":
    sys.exit(main())
