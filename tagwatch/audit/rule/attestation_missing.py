"""The image carries no SBOM or no provenance.

Off unless the policy rates it: reading attestations costs requests of their own. Only what the
image's own index holds counts: what is attached as a referrer, or under cosign's tags, is not
looked for. Copies by tools that do not know attestations drop them. Provenance in mode `min` is
what builders write by default and counts: mode `max` tells build arguments to everybody.

Example: `FROM redis:6.2.24`: "redis:6.2.24 carries no SBOM and no provenance in its index".

Risk: nobody can tell from the image which packages it holds, and from what it was built.
Remedy: build with `--sbom=true --provenance=true`, and copy with a tool that copies all.
Source: BuildKit, attestation-storage.md; Docker Scout policy "Supply Chain Attestations".
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.reading.attestation import UNREAD_ATTESTATION
from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]

_SBOM = ("spdx", "cyclonedx")


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image whose documents were read and that has no SBOM or provenance."""
    evidence = subject.evidence
    if evidence is None or not evidence.documents_read:
        return
    kinds = evidence.attestations
    if UNREAD_ATTESTATION in kinds:
        return  # it carries something: what, nobody read
    has = {
        "sbom": any(kind in _SBOM for kind in kinds),
        "provenance": any(kind.startswith("provenance") for kind in kinds),
    }
    words = {"sbom": "SBOM"}
    missing = [
        words.get(kind, kind) for kind in subject.options["require"] if not has.get(kind, True)
    ]
    if missing:
        yield Statement(
            message=f"{name(subject.target)} carries no {' and no '.join(missing)} in its index",
            remedy="build with --sbom=true --provenance=true",
            evidence={"attestations": ", ".join(kinds)} if kinds else {},
        )


RULE = Rule(
    **row("attestation-missing"),
    title="image without SBOM or provenance",
    options={
        "require": Option(
            default=("sbom", "provenance"),
            about="what an image must carry",
            choices=("sbom", "provenance"),
        )
    },
    check=check,
)
