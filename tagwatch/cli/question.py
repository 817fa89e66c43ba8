"""How a command line says to ask registries."""

from __future__ import annotations

from tagwatch.cli.command import build_args_of
from tagwatch.cli.shell import note, warn
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from tagwatch.api import CheckOptions
    from tagwatch.audit.model.evidence import Evidence
    from tagwatch.walk.look_up import Asking, Progress
    from tagwatch.walk.site import Site

__all__ = ["add_asking", "asking_of", "bring", "check_options_of", "tell_facts"]


def add_asking(parser: argparse.ArgumentParser, *, seconds: int | None = None) -> None:
    """`--offline` and `--refresh`; `--max-time`, too, where asking takes `seconds` at most."""
    asking = parser.add_mutually_exclusive_group()
    asking.add_argument(
        "--offline", action="store_true", help="ask no registry; answer from the ledger"
    )
    asking.add_argument(
        "--refresh", action="store_true", help="ask the registry, however fresh the ledger is"
    )
    if seconds is not None:
        parser.add_argument(
            "--max-time",
            type=float,
            default=float(seconds),
            metavar="SECONDS",
            help=f"stop asking registries after this long (default: {seconds}; 0: never)",
        )


def asking_of(options: argparse.Namespace, *, with_bases: bool = False) -> Asking:
    """How the flags say to ask."""
    from tagwatch.walk.look_up import Asking

    return Asking(offline=options.offline, refresh=options.refresh, with_bases=with_bases)


def check_options_of(options: argparse.Namespace, progress: Progress | None) -> CheckOptions:
    """How the flags say to read and to ask, of a command that looks at files."""
    from tagwatch.api import CheckOptions

    seconds = options.max_time or None
    return CheckOptions(
        asking=replace(asking_of(options), max_seconds=seconds, progress=progress),
        build_args=build_args_of(options.build_arg),
        tell=warn,
    )


def bring(site: Site, asking: Asking) -> None:
    """Import the facts that the configuration names, and tell what is odd about them."""
    if site.settings.facts is None:
        return
    from tagwatch.walk.facts import bring_facts

    for warning in bring_facts(site, asking):
        warn(warning)


def tell_facts(evidence: Mapping[str, Evidence], site: Site) -> None:
    """Tell on standard error which evidence another ledger's facts are."""
    if all(one.source == "seen" for one in evidence.values()):
        return
    from tagwatch.walk.facts_kept import expired_facts, facts_told

    note(f"tagwatch: facts from {facts_told(evidence, expired_facts(evidence, site))}")
