"""What one HEAD of an unchanged night costs: instructions, and calls of functions. No time.

Run: python -m tests.bench request

Three crawlers of `tests.crawlers` ask for tags of repositories of fifty, once for few and once for
more of them: what the larger run takes beyond the smaller, by the requests that it makes beyond it,
is what a request costs. Our own crawl lists each repository, too, and makes a snapshot of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import Command, environment, instructions, machine
from tests.bench.place import Place, double
from tests.static_registry import Stock

CRAWLERS = ("crawl", "bare", "socket")
NOBODY = "nothing"
"""Makes the same images, which are no part of a request."""
AT_ONCE = 8
TAGS = 50
FEW, MANY = 2, 10
"""Repositories."""
_CALLS = """
import sys
from tests.crawlers import main
from tests.static_registry import Stock
count = 0
def note(frame, event, argument):
    global count
    count += event in ("call", "c_call")
sys.setprofile(note)
main(sys.argv[1], sys.argv[2], Stock.parse(sys.argv[3]))
sys.setprofile(None)
print(count)
"""


def counted(place: Place, name: str, repositories: int) -> tuple[int, int | None]:
    """Return the calls and the instructions of one run."""
    stock = Stock(repositories=repositories, tags=TAGS)
    options = json.dumps({"url": place.url, "ca_file": None, "concurrency": AT_ONCE})
    done = subprocess.run(
        [sys.executable, "-c", _CALLS, name, options, str(stock)],
        cwd=place.folder,
        env=environment(place.folder),
        capture_output=True,
        text=True,
        check=True,
    )
    line = (sys.executable, "-m", "tests.crawlers", name, options, str(stock))
    found = instructions(Command(name=name, line=line, folder=place.folder))
    return int(done.stdout.split()[-1]), found


def each(place: Place, name: str) -> tuple[float, float | None]:
    """Return the calls and the instructions of one more tag."""
    (calls, count), (more_calls, more) = (counted(place, name, size) for size in (FEW, MANY))
    tags = (MANY - FEW) * TAGS
    return (more_calls - calls) / tags, (more - count) / tags if count and more else None


def main() -> int:
    """Print what a request costs."""
    print("\n".join(machine()))
    print(f"{'':12}{'calls':>10}{'thousand instructions':>24}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with double(Stock(repositories=MANY, tags=TAGS), folder) as place:
            made, unasked = each(place, NOBODY)
            for crawler in CRAWLERS:
                calls, count = each(place, crawler)
                told = f"{(count - unasked) / 1e3:.1f}" if count and unasked else "?"
                print(f"{crawler:12}{calls - made:>10.1f}{told:>24}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
