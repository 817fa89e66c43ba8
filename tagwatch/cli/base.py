"""`tagwatch base`: which approved base an image stands on, which build of it, how far behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.question import add_asking, asking_of, bring, tell_facts
from tagwatch.cli.shell import answer, answer_text, note, open_site
from tagwatch.errors import NotFoundError, RegistryError
from tagwatch.value import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from tagwatch.audit.reading.image import Image
    from tagwatch.publish.interface import BaseAnswer
    from tagwatch.source.target import Target
    from tagwatch.walk.look_up import Asking, Lookup
    from tagwatch.walk.site import Site

__all__ = ["command"]

_FINE, _ABSENT, _UNREAD = 0, 1, 4
_CODES = {"answered": _FINE, "absent": _ABSENT, "unread": _UNREAD}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `base`."""
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="a reference or a pattern; oci:path[:name] or engine:name",
    )
    add_config(parser)
    add_answer(parser, "text", "json")
    add_asking(parser)


def run(options: argparse.Namespace) -> int:
    """Match and print. Exit code 0: all answered, 1: not found, 4: could not be read."""
    from tagwatch.source.target import target_of
    from tagwatch.walk.base_answer import base_answer
    from tagwatch.walk.local_image import is_local
    from tagwatch.walk.look_up import look_up
    from tagwatch.walk.need import IMAGE_SHOWS

    site = open_site(options)
    images: dict[str, Image | int] = {}
    targets: dict[str, Target] = {}
    for text in options.images:
        if is_local(text):
            images[text] = _read(text, site)
        else:
            targets[text] = target_of(text)
    local = [image for image in images.values() if not isinstance(image, int)]
    asking = replace(asking_of(options, with_bases=True), shows=IMAGE_SHOWS)
    bring(site, asking)
    facts = look_up(list(targets.values()), site, asking, images=local)
    if not options.offline:
        facts = _with_provenance(facts, targets, site, asking)
    if not site.policy.followed_bases:
        note("tagwatch: the policy names no bases to compare with: add them to `policy.bases`")
    tell_facts(facts.evidence, site)
    for failure in facts.failures:
        note(f"tagwatch: {failure.repository}: {failure.message}")
    answers, codes = [], set()
    for text in options.images:
        if text in images:
            found, code = _of_image(text, images[text], site)
        else:
            found, state = base_answer(targets[text], facts, site)
            code = _CODES[state]
        answers.append(found)
        codes.add(code)
    if options.format == "json":
        from tagwatch.publish.answer_document import base_document
        from tagwatch.publish.json_text import dump

        answer(dump(base_document(answers)))
    else:
        from tagwatch.publish.answer import base_text

        answer_text(base_text(answers))
    return max(codes)


def _with_provenance(
    facts: Lookup, targets: Mapping[str, Target], site: Site, asking: Asking
) -> Lookup:
    """What images attest is read where their layers leave open what they stand on."""
    from tagwatch.audit.model.evidence import evidence_key
    from tagwatch.walk.bases import awaits_provenance
    from tagwatch.walk.look_up import look_up

    waiting = [
        target
        for target in targets.values()
        if awaits_provenance(facts.evidence.get(evidence_key(target) or ""), site)
    ]
    if not waiting:
        return facts
    again = look_up(waiting, site, replace(asking, refresh=True, with_bases=False))
    return replace(
        facts,
        evidence={**facts.evidence, **again.evidence},
        failures=(*facts.failures, *again.failures),
    )


def _read(text: str, site: Site) -> Image | int:
    """An image of this machine, or the exit code that says why there is none."""
    from tagwatch.walk.local_image import read_local

    try:
        return read_local(text, site, site.policy.defaults.audited)
    except RegistryError as error:
        note(f"tagwatch: {text}: {error.message}; {error.hint}")
        return _ABSENT if isinstance(error, NotFoundError) else _UNREAD


def _of_image(text: str, image: Image | int, site: Site) -> tuple[BaseAnswer, int]:
    from tagwatch.publish.interface import BaseAnswer
    from tagwatch.walk.bases import bases_of_local

    if isinstance(image, int):
        return BaseAnswer(input=text, reference=None, matches=()), image
    matches = bases_of_local(image, site)
    return BaseAnswer(input=text, reference=image.reference or None, matches=matches), _FINE


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 all answered, 1 an image does not exist, 4 one could not be read",
)
